//! Every entry that `dataset.toml` may have: the single source of its reference and of its JSON Schema.
//!
//! A test checks these entries against those that are read.

use toml::{Table, Value};

use crate::chart::ChartKind;

/// The kind of values that an entry may have.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Boolean,
    Whole,
    /// A text, a number, a boolean or a time.
    Cell,
    /// A type of columns.
    ColumnType,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of values of one kind.
    List(&'static Kind),
    /// A table with names as keys and values of one kind.
    ByName(&'static Kind),
    /// A value of any of these kinds.
    Any(&'static [Kind]),
    /// A table of entries.
    Entries(&'static [Entry]),
}

/// An entry of `dataset.toml`.
#[derive(Clone, Copy)]
struct Entry {
    name: &'static str,
    kind: Kind,
    /// Whether the entry cannot be left out.
    is_needed: bool,
    /// The meaning of the entry.
    about: &'static str,
    /// An example, as it is written after the `=`, or below the header if the entry is a table of its own.
    example: &'static str,
}

const TEXTS: Kind = Kind::List(&Kind::Text);

const fn entry(
    name: &'static str,
    kind: Kind,
    about: &'static str,
    example: &'static str,
) -> Entry {
    Entry {
        name,
        kind,
        is_needed: false,
        about,
        example,
    }
}

const fn needed(
    name: &'static str,
    kind: Kind,
    about: &'static str,
    example: &'static str,
) -> Entry {
    Entry {
        is_needed: true,
        ..entry(name, kind, about, example)
    }
}

/// The entries at the top of the file.
const DATASET: &[Entry] = &[
    needed(
        "name",
        Kind::Text,
        "What the dataset is called.",
        "\"shop\"",
    ),
    entry(
        "schema",
        Kind::Text,
        "The Postgres schema that holds its tables, unless --schema names another. Without it, the dataset's name.",
        "\"public\"",
    ),
    entry(
        "table",
        Kind::List(&Kind::Entries(TABLE)),
        "The tables, parents before children. Columns and types are the database's. `transform` finds those that are not listed; \
         `load` needs all.",
        "",
    ),
    entry(
        "model",
        Kind::List(&Kind::Entries(MODEL)),
        "The models: one SELECT each, and what becomes of its rows.",
        "",
    ),
];

const TABLE: &[Entry] = &[
    needed(
        "name",
        Kind::Text,
        "The table's name, without the schema.",
        "\"purchase\"",
    ),
    entry(
        "schema",
        Kind::Text,
        "The Postgres schema that holds it. Without it, the dataset's.",
        "\"public\"",
    ),
    entry(
        "key",
        TEXTS,
        "The columns of its primary key. Without it, the database's.",
        "[\"id\"]",
    ),
    entry(
        "cast_to_text",
        TEXTS,
        "Columns of types without a decoder (arrays, intervals, ranges), read as Postgres writes them.",
        "[\"duration\"]",
    ),
    entry(
        "carry_as",
        Kind::ByName(&Kind::ColumnType),
        "Numeric columns without precision, and the numeric(p,s) that each is read as. More digits are an error, never rounded.",
        "{ rate = \"numeric(20,6)\" }",
    ),
    entry(
        "load",
        Kind::Entries(LOAD),
        "How the files of the table look, for `extrato load`. Without it they are CSV with a header, named after the table.",
        "",
    ),
];

const BY_COLUMN: Kind = Kind::Any(&[Kind::Boolean, TEXTS]);
const DECIMAL_MARK: Kind = Kind::OneOf(&[".", ","]);
const THOUSANDS_MARK: Kind = Kind::OneOf(&[".", ",", "'", " "]);
const FILE_COLUMN: Kind = Kind::Any(&[Kind::Text, Kind::Whole]);

const LOAD: &[Entry] = &[
    entry(
        "files",
        TEXTS,
        "Patterns of file names. Without it, the table's name with .csv; .gz and .zst are tried too.",
        "[\"purchases-*.csv\"]",
    ),
    entry(
        "columns",
        Kind::Any(&[Kind::List(&FILE_COLUMN), Kind::ByName(&FILE_COLUMN)]),
        "The file's columns, by name or by position from 1, in the order of the table's, \"-\" for a field that no column takes; \
         or column of the table = column of the file. Without it, as the table.",
        "[\"id\", \"customer\", \"-\", \"amount\"]",
    ),
    entry(
        "skip_lines",
        Kind::Whole,
        "Lines before the header, or before the first row.",
        "0",
    ),
    entry(
        "header",
        Kind::Boolean,
        "Whether the first line names the columns.",
        "true",
    ),
    entry(
        "delimiter",
        Kind::Text,
        "What stands between fields.",
        "\";\"",
    ),
    entry(
        "quote",
        Kind::Text,
        "What encloses fields. \"\" for files that have no quotes.",
        "'\"'",
    ),
    entry(
        "encoding",
        Kind::Text,
        "A label of the WHATWG standard.",
        "\"windows-1252\"",
    ),
    entry(
        "max_record",
        Kind::Any(&[Kind::Text, Kind::Whole]),
        "The longest row. A longer one is rejected.",
        "\"4MiB\"",
    ),
    entry(
        "decimal_mark",
        Kind::Any(&[DECIMAL_MARK, Kind::ByName(&DECIMAL_MARK)]),
        "What stands before a number's fraction, of all columns or of some.",
        "{ amount = \",\" }",
    ),
    entry(
        "thousands_mark",
        Kind::Any(&[THOUSANDS_MARK, Kind::ByName(&THOUSANDS_MARK)]),
        "What stands between groups of three digits: a point, a comma, an apostrophe or a blank. Without it, nothing.",
        "{ amount = \".\" }",
    ),
    entry(
        "zero_fraction",
        BY_COLUMN,
        "Columns, or true for all, whose integers may be written 8.0.",
        "[\"quantity\"]",
    ),
    entry(
        "null",
        Kind::Any(&[TEXTS, Kind::ByName(&TEXTS)]),
        "Words that mean NULL, as an empty field always does, for all columns or by column; \"*\" is all others.",
        "[\"NULL\"]",
    ),
    entry(
        "force_null",
        BY_COLUMN,
        "Columns of text, or true for all, in which NULL may stand in quotes too.",
        "[\"note\"]",
    ),
    entry(
        "timestamp_formats",
        TEXTS,
        "Formats of dates and timestamps, as strftime has them. ISO 8601 is understood always.",
        "[\"%d/%m/%Y %H:%M\"]",
    ),
    entry(
        "required",
        TEXTS,
        "Columns that must hold something, neither NULL nor the empty text, beyond what the database demands.",
        "[\"amount\"]",
    ),
    entry(
        "ranges",
        Kind::ByName(&Kind::Entries(RANGE)),
        "The least and the greatest value of columns, both included.",
        "quantity = { min = 1, max = 1000 }\nday = { min = \"2000-01-01\" }",
    ),
    entry(
        "references",
        Kind::ByName(&Kind::Entries(REFERENCE)),
        "Columns that refer to another table's, beyond the database's own foreign keys. A row whose value is not there is \
         rejected, or loaded and counted (missing = \"allow\").",
        "customer_id = { table = \"purchase\", column = \"id\", missing = \"reject\" }",
    ),
];

const RANGE: &[Entry] = &[
    entry("min", Kind::Cell, "The least value.", ""),
    entry("max", Kind::Cell, "The greatest value.", ""),
];

const REFERENCE: &[Entry] = &[
    needed("table", Kind::Text, "The other table.", ""),
    needed("column", Kind::Text, "Its column.", ""),
    entry(
        "missing",
        Kind::OneOf(&["reject", "allow"]),
        "What a value that is not there means: the row is rejected, or loaded and counted.",
        "",
    ),
];

const MODEL: &[Entry] = &[
    needed(
        "name",
        Kind::Text,
        "The name of the output: ASCII letters, digits, _ and -.",
        "\"purchase_flat\"",
    ),
    needed(
        "file",
        Kind::Text,
        "The file of its SELECT, in the dataset's folder.",
        "\"purchase_flat.sql\"",
    ),
    entry(
        "not_written",
        TEXTS,
        "Columns of the SELECT that are not written into files, but serve for paths and orders.",
        "[\"customer_id\", \"purchase_id\"]",
    ),
    entry(
        "partition_by",
        TEXTS,
        "A folder for each value of these columns. Without it, a single file.",
        "[\"customer_id\"]",
    ),
    entry(
        "file_name",
        Kind::Text,
        "A name for each client's file instead of a folder, as --file-name has it: every column of partition_by in braces.",
        "\"{customer_id}.csv\"",
    ),
    entry(
        "order_by",
        TEXTS,
        "The order of rows in a single file. It should name a row uniquely. Without it, the SELECT's own.",
        "[\"purchase_id\"]",
    ),
    entry(
        "order_by_in_file",
        TEXTS,
        "The order of rows in the file of each folder.",
        "[\"purchase_id\"]",
    ),
    entry(
        "stream",
        Kind::Text,
        "The table that the SELECT runs over row by row, in parts. For a SELECT that looks up the parents of its rows \
         and does nothing else.",
        "\"purchase\"",
    ),
    entry(
        "only_in_report",
        Kind::Boolean,
        "Whether it is for `extrato report`: `transform` then runs it only if --model names it.",
        "false",
    ),
    entry(
        "reconcile",
        Kind::Entries(RECONCILE),
        "The table of which every row is written or counted as left out. Leave it out where the model aggregates.",
        "",
    ),
    entry(
        "columns",
        Kind::ByName(&Kind::ColumnType),
        "The columns that the SELECT must give, in order, with types. Without it, any will do.",
        "customer_name = \"text\"\npurchase_day = \"date\"\npurchase_amount = \"numeric(10,2)\"\ncustomer_id = \"integer\"\npurchase_id = \"bigint\"",
    ),
    entry(
        "parameters",
        Kind::ByName(&Kind::Entries(PARAMETER)),
        "Values that whoever runs the model may choose, written `:name` in its SELECT, as in psql.",
        "since = { type = \"date\", default = \"2021-01-01\" }",
    ),
    entry(
        "chart",
        Kind::Entries(CHART),
        "How `extrato report` draws its rows. Those at one place of the chart are added up. Without it, there is only a table.",
        "",
    ),
    entry(
        "check",
        Kind::List(&Kind::Entries(CHECK)),
        "Checks of the output, an entry for each. If one fails, nothing of the run is published and it ends with 8.",
        "",
    ),
];

const RECONCILE: &[Entry] = &[
    needed("table", Kind::Text, "The table.", "\"purchase\""),
    needed(
        "key",
        Kind::ByName(&Kind::Text),
        "Its key: column of the table = column of the output.",
        "{ id = \"purchase_id\" }",
    ),
    entry(
        "sums",
        Kind::ByName(&Kind::Text),
        "Columns whose sums must agree: column of the table = column of the output.",
        "{ amount = \"purchase_amount\" }",
    ),
    entry(
        "max_left_out",
        Kind::Whole,
        "How many rows may be left out. With more the run publishes nothing and ends with 8. Without it, any number.",
        "0",
    ),
];

const PARAMETER: &[Entry] = &[
    needed(
        "type",
        Kind::ColumnType,
        "What it is: boolean, integer, bigint, numeric(p,s), text or date.",
        "\"integer\"",
    ),
    needed(
        "default",
        Kind::Cell,
        "Its value unless another is chosen.",
        "2021",
    ),
];

const CHART: &[Entry] = &[
    needed(
        "kind",
        Kind::OneOf(&ChartKind::NAMES),
        "What is drawn: bars, those of several series beside or on top of each other, or lines.",
        "\"stacked\"",
    ),
    needed(
        "x",
        Kind::Text,
        "The column along which the rows stand.",
        "\"purchase_day\"",
    ),
    entry(
        "y",
        TEXTS,
        "The columns that are added up, each a series. Without it, rows are counted.",
        "[\"purchase_amount\"]",
    ),
    entry(
        "series",
        Kind::Text,
        "The column of which each value is a series.",
        "\"customer_name\"",
    ),
];

const CHECK: &[Entry] = &[
    entry(
        "name",
        Kind::Text,
        "What messages and manifests call it. Without it, what it checks.",
        "\"no purchase is free\"",
    ),
    entry(
        "sql",
        Kind::Text,
        "A SELECT that must give no row. It may read the tables, and the output under the model's name.",
        "\"SELECT purchase_id FROM purchase_flat WHERE purchase_amount <= 0\"",
    ),
    entry(
        "file",
        Kind::Text,
        "The file of such a SELECT, in the dataset's folder.",
        "\"no_orphans.sql\"",
    ),
    entry(
        "not_null",
        TEXTS,
        "Columns that are NULL in no row.",
        "[\"customer_name\", \"purchase_amount\"]",
    ),
    entry(
        "unique",
        TEXTS,
        "Columns of which no two rows have the same values. A row with a NULL among them equals no other.",
        "[\"purchase_id\"]",
    ),
    entry(
        "accepted_values",
        Kind::ByName(&Kind::List(&Kind::Cell)),
        "Columns, and the values that each may have beside NULL.",
        "{ customer_name = [\"Ana\", \"Rui\"] }",
    ),
    entry(
        "row_count",
        Kind::Entries(ROW_COUNT),
        "How many rows there must be, at least and at most.",
        "{ min = 1, max = 1_000_000 }",
    ),
];

const ROW_COUNT: &[Entry] = &[
    entry("min", Kind::Whole, "The least number.", ""),
    entry("max", Kind::Whole, "The greatest number.", ""),
];

/// The rules for checks; an entry has exactly one of them.
const RULES: [&str; 6] = [
    "sql",
    "file",
    "not_null",
    "unique",
    "accepted_values",
    "row_count",
];

/// The name of the file with the JSON Schema: beside a `dataset.toml`, or above the built-in ones.
pub const SCHEMA_FILE: &str = "dataset.schema.json";

/// How many characters a line of the reference has.
const WIDTH: usize = 118;

/// A `dataset.toml` with every entry, each with its meaning and an example.
pub fn reference() -> String {
    let mut text = String::new();
    comment(
        "Every entry of dataset.toml, with an example of each. A name and models are enough.",
        &mut text,
    );
    entries(DATASET, "", &mut text);
    text
}

/// Writes entries, and then the tables among them: TOML wants tables after all other entries.
fn entries(entries: &[Entry], path: &str, text: &mut String) {
    for entry in entries.iter().filter(|entry| !is_section(entry)) {
        line(entry, text);
    }
    for entry in entries.iter().filter(|entry| is_section(entry)) {
        section(entry, &below(path, entry.name), text);
    }
}

fn line(entry: &Entry, text: &mut String) {
    comment(entry.about, text);
    *text += &format!("{} = {}\n", entry.name, entry.example);
}

/// Whether an entry is written below a header of its own.
fn is_section(entry: &Entry) -> bool {
    match entry.kind {
        Kind::List(Kind::Entries(_)) => true,
        Kind::Entries(_) => entry.example.is_empty(),
        _ => entry.example.contains(" = ") && !entry.example.starts_with(['{', '"', '[']),
    }
}

fn section(entry: &Entry, path: &str, text: &mut String) {
    text.push('\n');
    comment(entry.about, text);
    match entry.kind {
        Kind::List(Kind::Entries(inside)) if entry.name == "check" => {
            // Each of them shows one rule, and only the first has a name.
            for (at, rule) in inside
                .iter()
                .filter(|entry| RULES.contains(&entry.name))
                .enumerate()
            {
                *text += &format!("[[{path}]]\n");
                let names = inside
                    .iter()
                    .filter(|entry| at == 0 && !RULES.contains(&entry.name));
                names.for_each(|name| line(name, text));
                line(rule, text);
            }
        }
        Kind::List(Kind::Entries(inside)) => {
            *text += &format!("[[{path}]]\n");
            entries(inside, path, text);
        }
        Kind::Entries(inside) => {
            *text += &format!("[{path}]\n");
            entries(inside, path, text);
        }
        _ => *text += &format!("[{path}]\n{}\n", entry.example),
    }
}

fn below(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// Writes a comment, on as many lines as it needs.
fn comment(about: &str, text: &mut String) {
    let mut line = "#".to_owned();
    for word in about.split_whitespace() {
        if line.len() + word.len() >= WIDTH {
            *text += &line;
            text.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line += word;
    }
    *text += &line;
    text.push('\n');
}

/// The JSON Schema of `dataset.toml`, with which editors complete and check it.
pub fn json_schema() -> Table {
    let mut schema = Table::new();
    schema.insert(
        "$schema".to_owned(),
        "http://json-schema.org/draft-07/schema#".into(),
    );
    schema.insert("title".to_owned(), "dataset.toml of extrato".into());
    schema.extend(object(DATASET));
    schema
}

fn object(entries: &[Entry]) -> Table {
    let mut properties = Table::new();
    for entry in entries {
        let mut property = of_kind(entry.kind);
        property.insert("description".to_owned(), entry.about.into());
        properties.insert(entry.name.to_owned(), property.into());
    }
    if std::ptr::eq(entries, MODEL) {
        for (former, now) in crate::description::FORMER {
            let Some(Value::Table(mut property)) = properties.get(now).cloned() else {
                continue;
            };
            let about = format!("It is now called {now}.");
            property.insert("description".to_owned(), about.into());
            property.insert("deprecated".to_owned(), true.into());
            properties.insert(former.to_owned(), property.into());
        }
    }
    let mut object = with_type("object");
    object.insert("properties".to_owned(), properties.into());
    let needed = entries.iter().filter(|entry| entry.is_needed);
    let needed: Vec<Value> = needed.map(|entry| entry.name.into()).collect();
    if !needed.is_empty() {
        object.insert("required".to_owned(), needed.into());
    }
    if std::ptr::eq(entries, CHECK) {
        let rules = RULES.map(|rule| {
            let mut one = Table::new();
            one.insert("required".to_owned(), Value::Array(vec![rule.into()]));
            Value::Table(one)
        });
        object.insert("oneOf".to_owned(), rules.to_vec().into());
    }
    object.insert("additionalProperties".to_owned(), false.into());
    object
}

fn with_type(kind: &str) -> Table {
    let mut table = Table::new();
    table.insert("type".to_owned(), kind.into());
    table
}

fn of_kind(kind: Kind) -> Table {
    match kind {
        Kind::Text => with_type("string"),
        Kind::Boolean => with_type("boolean"),
        Kind::Whole => {
            let mut whole = with_type("integer");
            whole.insert("minimum".to_owned(), 0.into());
            whole
        }
        Kind::Cell => {
            let mut cell = Table::new();
            let kinds = ["string", "integer", "number", "boolean"].map(Value::from);
            cell.insert("type".to_owned(), kinds.to_vec().into());
            cell
        }
        Kind::ColumnType => {
            let names = crate::column::ColumnType::plain_names().join("|");
            let mut text = with_type("string");
            let pattern = format!("^({names}|numeric\\( *[0-9]+ *, *[0-9]+ *\\))$");
            text.insert("pattern".to_owned(), pattern.into());
            text
        }
        Kind::OneOf(texts) => {
            let mut one = Table::new();
            let texts: Vec<Value> = texts.iter().map(|text| (*text).into()).collect();
            one.insert("enum".to_owned(), texts.into());
            one
        }
        Kind::List(item) => {
            let mut list = with_type("array");
            list.insert("items".to_owned(), of_kind(*item).into());
            list
        }
        Kind::ByName(value) => {
            let mut names = with_type("object");
            names.insert("additionalProperties".to_owned(), of_kind(*value).into());
            names
        }
        Kind::Any(kinds) => {
            let mut any = Table::new();
            let kinds: Vec<Value> = kinds.iter().map(|kind| of_kind(*kind).into()).collect();
            any.insert("anyOf".to_owned(), kinds.into());
            any
        }
        Kind::Entries(entries) => object(entries),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::description::{Description, FORMER};

    /// The entries that are read below a header, as listed in the error about an unknown entry.
    fn read(header: &str) -> BTreeSet<String> {
        let text = format!("{header}\nno_such_entry = 1\n");
        let error = toml::from_str::<Description>(&text)
            .map(drop)
            .expect_err(header);
        let message = error.message().to_owned();
        let (_, names) = message.split_once("expected ").expect(&message);
        let names = names.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    }

    /// Each list of entries, with the header that comes before it.
    fn lists(
        entries: &'static [Entry],
        header: &str,
        path: &str,
        found: &mut Vec<(String, &'static [Entry])>,
    ) {
        found.push((header.to_owned(), entries));
        for entry in entries {
            let path = below(path, entry.name);
            let (header, inside) = match entry.kind {
                Kind::List(Kind::Entries(inside)) => (format!("{header}\n[[{path}]]"), *inside),
                Kind::Entries(inside) => (format!("{header}\n[{path}]"), inside),
                Kind::ByName(Kind::Entries(inside)) => (format!("{header}\n[{path}.x]"), *inside),
                _ => continue,
            };
            lists(inside, &header, &path, found);
        }
    }

    #[test]
    fn every_entry_that_is_read_is_in_the_reference_and_no_other() {
        let mut found = Vec::new();
        lists(DATASET, "", "", &mut found);
        assert_eq!(found.len(), 11, "lists of entries");
        for (header, entries) in found {
            let mut known: BTreeSet<String> =
                entries.iter().map(|entry| entry.name.to_owned()).collect();
            let mut read = read(&header);
            if std::ptr::eq(entries, MODEL) {
                for (former, _) in FORMER {
                    // It is up to serde whether the error lists an entry's former name.
                    read.remove(former);
                }
            }
            assert_eq!(read, known, "below {header}");
            known.clear();
        }
    }

    #[test]
    fn the_reference_is_a_dataset() {
        let text = reference();
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            ("dataset.toml", text.as_str()),
            ("purchase_flat.sql", "SELECT :since"),
            ("no_orphans.sql", "SELECT 1"),
        ] {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let path = folder.path().to_str().expect("UTF-8");
        let dataset = crate::Dataset::open(path).expect("it is one");
        assert_eq!(dataset.models[0].checks.len(), RULES.len());
        assert_eq!(dataset.tables[0].load.required, ["amount"]);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }
}
