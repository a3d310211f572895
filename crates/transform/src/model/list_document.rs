//! The lists as the page on SQL shows them: each entry, and whether Spark takes it too, is asked of what decides about a model.

use std::fmt::Write;
use std::fs;

use dataset::{Collation, Letters, TableSchema};

use super::catalog::Catalog;
use super::list::{AGGREGATES, COMPARED, FUNCTIONS, T, casts, extracts};
use super::list_examples::{EXAMPLES, EXAMPLES_OF, FIELDS};
use super::schema_sql;
use super::select::Select;
use super::tree::Function;
use crate::Format;
use crate::declared::given;
use crate::engine::spark::sql::Source;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql.md");
const BEGIN: &str =
    "<!-- What follows is written by a test from the lists in the code: change it there. -->\n";

/// The tables that SQL makes. Text in them is ordered by its bytes.
fn tables(sql: &str) -> Vec<TableSchema> {
    let mut tables = schema_sql::tables(sql);
    for column in tables.values_mut().flatten() {
        if let Some(text) = &mut column.text {
            text.collation = Collation {
                name: "C".to_owned(),
                by_bytes: Some(true),
                deterministic: true,
                letters: Letters::Ascii,
            };
        }
    }
    let tables = tables.into_iter().map(|(name, columns)| TableSchema {
        name,
        columns,
        unread: Vec::new(),
    });
    tables.collect()
}

/// Whether Polars takes a SELECT over these tables, and whether Spark does, in Parquet.
fn takers(sql: &str, tables: &[TableSchema]) -> [bool; 2] {
    let catalog = Catalog::of(tables.iter());
    let mut model = testkit::model("m", sql);
    let columns = Select::of(&model).and_then(|select| given(&select, &catalog));
    let Ok(columns) = columns else {
        return [false, false];
    };
    model.declare(columns).expect("columns");
    let ready = Select::of(&model).and_then(|select| select.ready(&catalog));
    let resolved = ready
        .unwrap_or_else(|error| panic!("{sql}: {error:#}"))
        .resolved;
    let source = Source {
        model: &model,
        resolved: &resolved,
        tables: &tables.iter().collect::<Vec<_>>(),
    };
    [true, source.output(None, Format::Parquet).is_ok()]
}

/// A type as a column has it, or a cast.
fn declared(kind: T) -> String {
    match kind {
        T::Numeric => "numeric(18,3)".to_owned(),
        T::Char => "char(5)".to_owned(),
        kind => kind.kind().to_string(),
    }
}

/// Whether Spark takes an expression over columns `a`, `b` and `c` of these types, which Polars takes.
fn on_spark(expression: &str, of: &[T]) -> bool {
    let columns = of.iter().zip(["a", "b", "c"]);
    let columns = columns.map(|(kind, name)| format!("{name} {}", declared(*kind)));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let tables = tables(&format!("CREATE TABLE t ({columns})"));
    let [here, there] = takers(&format!("SELECT {expression} AS x FROM t"), &tables);
    assert!(here, "Polars does not take {expression} of {columns}");
    there
}

/// The rows of a table: a name, and of which types it is, each with whether Spark takes it.
type Rows = Vec<(String, Vec<(String, bool)>)>;

fn add(rows: &mut Rows, name: &str, signature: String, there: bool) {
    match rows.iter_mut().find(|(of, _)| of == name) {
        // Of what is the same to a reader, as a sign and a difference, Spark must take all.
        Some((_, all)) => match all.iter_mut().find(|(of, _)| *of == signature) {
            Some((_, known)) => *known &= there,
            None => all.push((signature, there)),
        },
        None => rows.push((name.to_owned(), vec![(signature, there)])),
    }
}

fn table(head: [&str; 2], rows: &Rows) -> String {
    let mut text = format!(
        "| {} | {} | on Spark |\n| --- | --- | --- |\n",
        head[0], head[1]
    );
    for (name, signatures) in rows {
        let name = name.replace('|', "\\|");
        let listed = |wanted: &dyn Fn(bool) -> bool| {
            let all = signatures.iter().filter(|(_, there)| wanted(*there));
            all.map(|(signature, _)| signature.as_str())
                .collect::<Vec<_>>()
        };
        let all = listed(&|_| true).join(", ");
        let (taken, left) = (listed(&|there| there), listed(&|there| !there));
        let there = match (taken.is_empty(), left.is_empty()) {
            (true, _) => "no".to_owned(),
            (_, true) => "yes".to_owned(),
            _ if left.len() < taken.len() => format!("all but {}", left.join(", ")),
            _ => taken.join(", "),
        };
        let _ = writeln!(text, "| `{name}` | {all} | {there} |");
    }
    text
}

/// The types that an entry takes, with the type that it gives if that differs. `None` for entries that go without saying: a real
/// beside a double precision becomes one.
fn signature(takes: &[T], gives: T) -> Option<String> {
    if takes.contains(&T::Real) && takes.contains(&T::Double) {
        return None;
    }
    let takes: Vec<String> = takes.iter().map(|kind| kind.kind().to_string()).collect();
    let gives = gives.kind().to_string();
    Some(match takes.iter().all(|kind| *kind == gives) {
        // Two arguments of the same type are written as one.
        true => takes.into_iter().next()?,
        false => format!("{} → {gives}", takes.join(" and ")),
    })
}

/// An entry's call of columns; numbers behind a text or an amount are constants, as they are nearly always.
fn called(name: &str, takes: &[T]) -> String {
    let arguments: Vec<&str> = takes
        .iter()
        .zip(["a", "b", "c"])
        .map(|(kind, column)| match (column, kind) {
            ("b" | "c", T::Integer) if takes[0] != T::Integer && takes[0] != T::Date => "2",
            _ => column,
        })
        .collect();
    match (
        name.starts_with(|first: char| first.is_ascii_alphabetic()),
        &arguments[..],
    ) {
        (false, [one]) => format!("{name} {one}"),
        (false, [one, other]) => format!("{one} {name} {other}"),
        _ => format!("{name}({})", arguments.join(", ")),
    }
}

fn functions() -> Rows {
    let mut rows = Rows::new();
    for entry in FUNCTIONS {
        if entry.function != Function::Unequal
            && let Some(signature) = signature(entry.takes, entry.gives)
        {
            let there = on_spark(&called(entry.name, entry.takes), entry.takes);
            add(&mut rows, entry.name, signature, there);
        }
    }
    rows
}

fn aggregates() -> Rows {
    let mut rows = vec![(
        "count".to_owned(),
        vec![("any type → bigint".to_owned(), true)],
    )];
    for (name, takes, gives, _) in AGGREGATES {
        if let Some(signature) = signature(&[*takes], *gives) {
            let there = on_spark(&format!("{name}(a)"), &[*takes]);
            add(&mut rows, name, signature, there);
        }
    }
    rows
}

fn compared() -> Rows {
    let mut rows = Rows::new();
    for [one, other] in COMPARED {
        let there = on_spark("a < b", &[*one, *other]) && on_spark("a = b", &[*one, *other]);
        let other = other.kind().to_string();
        add(&mut rows, &one.kind().to_string(), other, there);
    }
    rows
}

fn cast() -> Rows {
    let mut rows = Rows::new();
    for from in T::ALL {
        for to in T::ALL {
            let (of, into) = (from.kind(), to.kind());
            if of != into && casts(&of, &into) {
                let there = on_spark(&format!("CAST(a AS {})", declared(to)), &[from]);
                add(&mut rows, &of.to_string(), into.to_string(), there);
            }
        }
    }
    rows
}

fn fields() -> Rows {
    let mut rows = Rows::new();
    for (name, field) in FIELDS {
        for from in T::ALL
            .into_iter()
            .filter(|from| extracts(field, &from.kind()))
        {
            let there = on_spark(&format!("EXTRACT({name} FROM a)"), &[from]);
            add(&mut rows, name, from.kind().to_string(), there);
        }
    }
    rows
}

fn examples() -> String {
    let tables = tables(EXAMPLES_OF);
    let mut text = "| | here | on Spark |\n| --- | --- | --- |\n".to_owned();
    for (part, examples) in EXAMPLES {
        let _ = writeln!(text, "| **{part}** | | |");
        for sql in *examples {
            let [here, there] = takers(sql, &tables);
            let here = if here { "Polars" } else { "Postgres" };
            let there = if there { "yes" } else { "no" };
            let _ = writeln!(text, "| `{}` | {here} | {there} |", sql.replace('|', "\\|"));
        }
    }
    text
}

fn document() -> String {
    [
        "## By example\n".to_owned(),
        examples(),
        "## Functions and operators\n".to_owned(),
        table(["name", "of"], &functions()),
        "## Aggregates\n".to_owned(),
        table(["name", "of"], &aggregates()),
        "## Comparisons: `=` `<>` `<` `<=` `>` `>=`\n".to_owned(),
        table(["of", "with"], &compared()),
        "## Casts\n".to_owned(),
        table(["of", "to"], &cast()),
        "## Fields of EXTRACT\n".to_owned(),
        table(["field", "of"], &fields()),
    ]
    .join("\n")
}

#[test]
fn the_page_on_sql_shows_the_lists_as_they_are() {
    let page = fs::read_to_string(PAGE).expect("read");
    let (before, shown) = page.split_once(BEGIN).expect("the page has the place");
    let document = format!("\n{}", document());
    if std::env::var_os("EXTRATO_WRITE_DOCUMENTS").is_some() {
        fs::write(PAGE, format!("{before}{BEGIN}{document}")).expect("written");
        return;
    }
    assert!(
        shown == document,
        "docs/sql.md shows other lists: run this test with EXTRATO_WRITE_DOCUMENTS=1"
    );
}
