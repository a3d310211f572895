//! Writes the description of a dataset and the SELECT of a model.

use std::collections::BTreeSet;
use std::fmt::Write;

use database::catalogue::identifier::quoted;
use database::catalogue::inventory::{KnownColumn, KnownTable};
use dataset::Place;

use super::Wanted;
use super::flat::Flat;

/// The text of `dataset.toml`.
pub(super) fn description(wanted: &Wanted, tables: &[&KnownTable], flat: &Flat) -> String {
    let mut text = format!(
        "#:schema {}\n\
         # Made by `extrato init` from {}; every entry may be changed, and `extrato init --update` adds only tables.\n\
         # What it may hold: `extrato init --describe`.\n\
         name = {}\nschema = {}\n",
        dataset::reference::SCHEMA_FILE,
        schemas(wanted, tables),
        value(&wanted.name),
        value(&wanted.schema)
    );
    text += "\n# Parents before children. Columns and types are the database's.\n";
    for described in tables {
        text += &table(described, &wanted.schema);
        text.push('\n');
    }
    text + &model(flat, &wanted.schema)
}

/// The schemas of tables, for people.
fn schemas(wanted: &Wanted, tables: &[&KnownTable]) -> String {
    let mut names = vec![wanted.schema.as_str()];
    for table in tables {
        if !names.contains(&table.schema.as_str()) {
            names.push(&table.schema);
        }
    }
    let word = match names.len() {
        1 => "schema",
        _ => "schemas",
    };
    format!("{word} {}", names.join(", ").replace(char::is_control, " "))
}

/// The entry of a table in a description. `schema` is the schema of tables that name none.
pub(super) fn table(table: &KnownTable, schema: &str) -> String {
    let mut text = format!("[[table]]\nname = {}\n", value(&table.name));
    if table.schema != schema {
        let _ = writeln!(text, "schema = {}", value(&table.schema));
    }
    if table.key.is_empty() {
        text += "# It has no primary key.\n";
    } else {
        let _ = writeln!(text, "key = {}", list(&table.key));
    }
    let is_unbounded = |column: &&KnownColumn| column.shown == "numeric";
    let unbounded: Vec<&KnownColumn> = table.columns.iter().filter(is_unbounded).collect();
    let undecoded: Vec<&KnownColumn> = table
        .columns
        .iter()
        .filter(|column| !column.is_carried)
        .collect();
    let shown = |columns: &[&KnownColumn]| {
        let columns = columns.iter();
        let columns: Vec<_> = columns
            .map(|column| format!("{} {}", column.name, column.shown))
            .collect();
        // A name may hold any character, but a comment must not hold the end of a line.
        columns.join(", ").replace(char::is_control, " ")
    };
    if !undecoded.is_empty() {
        let _ = writeln!(
            text,
            "# Read as Postgres writes them, since no file has such a type: {}.",
            shown(&undecoded)
        );
    }
    if !unbounded.is_empty() {
        let _ = writeln!(
            text,
            "# The exact digits of numerics without precision: {}. To calculate with one, say which\n\
             # holds it, carry_as = {{ {} = \"numeric(20,6)\" }}, and take it out of cast_to_text.",
            shown(&unbounded),
            key(&unbounded[0].name)
        );
    }
    let cast: Vec<String> = undecoded
        .iter()
        .chain(&unbounded)
        .map(|column| column.name.clone())
        .collect();
    if !cast.is_empty() {
        let _ = writeln!(text, "cast_to_text = {}", list(&cast));
    }
    text
}

fn model(flat: &Flat, schema: &str) -> String {
    let file = format!("{}.sql", flat.model);
    let called = flat.fact.called(schema);
    let fact = called.replace(char::is_control, " ");
    let mut text = format!(
        "# One row for each row of {fact}, with the rows that it refers to.\n[[model]]\nname = {}\nfile = {}\n",
        value(&flat.model),
        value(&file)
    );
    match &flat.partition_by {
        Some(column) => {
            let _ = writeln!(
                text,
                "partition_by = {}",
                list(std::slice::from_ref(column))
            );
        }
        None => text += "# partition_by = [\"the column of the client\"]\n",
    }
    let key: Vec<String> = flat.key.iter().map(|(_, output)| output.clone()).collect();
    if key.is_empty() {
        let _ = writeln!(
            text,
            "# {fact} has no primary key: name columns that are unique, to have rows in the same order in every run, and\n\
             # [model.reconcile] to have each of them counted.\n\
             # order_by = [\"…\"]"
        );
        return text;
    }
    let _ = writeln!(
        text,
        "order_by = {}\norder_by_in_file = {}",
        list(&key),
        list(&key)
    );
    let _ = writeln!(
        text,
        "\n# Every row of {fact} is written, or nothing is and the run ends with 8. Without max_left_out, rows that the SELECT\n\
         # leaves out are counted and told. Column of the table = column of the output.\n\
         [model.reconcile]\ntable = {}\nkey = {}",
        value(&called),
        pairs(&flat.key)
    );
    if !flat.sums.is_empty() {
        let _ = writeln!(text, "sums = {}", pairs(&flat.sums));
    }
    text += "max_left_out = 0\n";
    text
}

/// The text of the SELECT. Tables of `schema` are written without it.
pub(super) fn select(flat: &Flat, schema: &str, keywords: &BTreeSet<String>) -> String {
    let name = |name: &str| identifier(name, keywords);
    let table = |place: &Place| match place.schema == schema {
        true => name(&place.name),
        false => format!("{}.{}", name(&place.schema), name(&place.name)),
    };
    let columns = flat.columns.iter().map(|column| {
        let of = format!("    {}.{}", name(&column.alias), name(&column.column));
        match column.column == column.name {
            true => of,
            false => format!("{of} AS {}", name(&column.name)),
        }
    });
    let columns: Vec<String> = columns.collect();
    let mut text = format!(
        "SELECT\n{}\nFROM {}\n",
        columns.join(",\n"),
        table(&flat.fact)
    );
    for join in &flat.joins {
        let kind = if join.is_left { "LEFT JOIN" } else { "JOIN" };
        let alias = match join.alias == join.table.name {
            true => String::new(),
            false => format!(" AS {}", name(&join.alias)),
        };
        let on = join.on.iter().map(|(from, column, key)| {
            let (to, from) = (name(&join.alias), name(from));
            format!("{to}.{} = {from}.{}", name(key), name(column))
        });
        let on: Vec<String> = on.collect();
        let _ = writeln!(
            text,
            "{kind} {}{alias} ON {}",
            table(&join.table),
            on.join(" AND ")
        );
    }
    text
}

/// A name in SQL, quoted if it would otherwise mean something else.
fn identifier(name: &str, keywords: &BTreeSet<String>) -> String {
    let mut characters = name.chars();
    let begins = characters
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let is_plain =
        begins && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match is_plain && !keywords.contains(name) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// A text as a value in TOML.
fn value(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| value(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A name as a key in TOML.
fn key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => value(name),
    }
}

fn pairs(pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter();
    let pairs: Vec<String> = pairs
        .map(|(one, other)| format!("{} = {}", key(one), value(other)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}
