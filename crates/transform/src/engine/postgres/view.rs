//! A model as a view in a scratch database: making it, saying where Postgres refuses it, and reading its rows.

use anyhow::Context;
use database::catalogue;
use database::catalogue::identifier::{qualified, quoted};
use database::mirror::{Lacking, OWN_SCHEMA, UNAVAILABLE};
use dataset::failure::Kind;
use dataset::{Column, ColumnType, Dataset, Model, Table};
use postgres::Client;
use postgres::error::{DbError, ErrorPosition, SqlState};

use crate::dialect::Dialect;
use crate::marks;
use crate::model::refusal::error_at;
use crate::model::select::{Select, check_names};

/// The columns of a view: the name and kind of each type, whether it is a numeric without a precision, how it is written, and
/// whether the source has its own cast from it to text.
const GIVEN: &str = "
    WITH RECURSIVE resolved AS (
        SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS typmod
        FROM pg_attribute AS a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.attnum, r.attname, t.typbasetype, t.typtypmod
        FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype = 'd'
    )
    SELECT r.attname::text, t.typname::text, t.typtype::text, t.typname = 'numeric' AND r.typmod < 0,
           format_type(r.type, r.typmod),
           EXISTS (SELECT FROM pg_cast AS k
                   WHERE k.oid >= 16384 AND k.castsource = t.oid AND k.casttarget = 'text'::regtype AND k.castmethod <> 'i')
    FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type
    WHERE t.typtype <> 'd' ORDER BY r.attnum";

/// The name of a model's view: the model's name, cut to the length that Postgres keeps.
fn name(model: &Model) -> &str {
    let end = model.name.floor_char_boundary(dataset::LONGEST_NAME_BYTES);
    &model.name[..end]
}

/// The name of a model's view with its schema, quoted.
pub(super) fn qualified_name(model: &Model) -> String {
    qualified(OWN_SCHEMA, name(model))
}

/// Makes the view for a model over the tables of a scratch database. Names without a schema are of `schema`.
///
/// # Errors
/// [`Kind::Usage`] with file, line and column for what Postgres refuses; [`Kind::Mismatch`] if it refuses because the type of a
/// column is not there.
pub(super) fn make(
    client: &mut Client,
    select: &Select<'_>,
    schema: &str,
    lacking: &Lacking,
) -> anyhow::Result<()> {
    client.batch_execute(&format!("SET LOCAL search_path = {}", quoted(schema)))?;
    let head = format!("CREATE VIEW {} AS ", qualified_name(select.model));
    let made = client.execute(&format!("{head}{}", select.sql()), &[]);
    made.map(drop).map_err(|error| match error.as_db_error() {
        Some(said) => refused(select, said, head.chars().count(), schema, lacking),
        None => error.into(),
    })
}

/// Says where in a model's file Postgres refuses it; `head` is how many characters stand before the model's text.
fn refused(
    select: &Select<'_>,
    said: &DbError,
    head: usize,
    schema: &str,
    lacking: &Lacking,
) -> anyhow::Error {
    let at = match said.position() {
        Some(ErrorPosition::Original(position)) => (*position as usize).checked_sub(head + 1),
        _ => None,
    };
    let (model, place) = place_of(select, at);
    let of_type = said.message().contains(UNAVAILABLE);
    let missing = lacking.columns.iter();
    let missing = missing.filter(|((_, column), _)| of_type && model.sql.contains(column.as_str()));
    let missing: Vec<_> = missing
        .map(|((table, column), why)| format!("column `{column}` of table `{table}` {why}"))
        .collect();
    if !missing.is_empty() {
        return Kind::Mismatch.error(format!(
            "{place}: {} cannot run in the scratch database: {}",
            model.it(),
            missing.join("; ")
        ));
    }
    if *said.code() == SqlState::SYNTAX_ERROR
        && let Some(why) = select.is_no_query()
    {
        return error_at(model, &model.file, &why);
    }
    let hint = match said.hint() {
        Some(hint) => format!(" ({hint})"),
        None if *said.code() == SqlState::DUPLICATE_COLUMN => {
            ": give one another name with AS".to_owned()
        }
        None if *said.code() == SqlState::UNDEFINED_TABLE => {
            format!(" in schema `{schema}`: a schema that has it is named with --schema")
        }
        None if *said.code() == SqlState::UNDEFINED_FUNCTION => {
            " (the scratch database does not have what the source itself defines)".to_owned()
        }
        None => String::new(),
    };
    error_at(model, &place, &format!("{}{hint}", said.message()))
}

/// Finds the character of this number in a SELECT with the models that it reads: gives the model that it belongs to, and its place
/// there.
fn place_of<'a>(select: &Select<'a>, at: Option<usize>) -> (&'a Model, String) {
    let Some(mut at) = at else {
        return (select.model, select.model.file.clone());
    };
    let pieces = select.pieces();
    let last = pieces.len() - 1;
    for (number, (model, text)) in pieces.into_iter().enumerate() {
        let length = text.chars().count();
        if at < length || number == last {
            let Some(model) = model else { break };
            let before: String = text.chars().take(at).collect();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            return (
                model,
                format!("{}, line {line}, column {column}", model.file),
            );
        }
        at -= length;
    }
    (select.model, select.model.file.clone())
}

/// Describes how the rows of a model's view are read: as the only table of a dataset, with the types that the model declares where
/// Postgres leaves them open.
///
/// # Errors
/// [`Kind::Mismatch`] for a column that has another type than declared; [`Kind::Usage`] for one whose numbers cannot have the
/// decimal mark that is asked for.
pub(super) fn describe(
    client: &mut Client,
    model: &Model,
    dialect: &Dialect,
) -> anyhow::Result<Dataset> {
    let given = client.query(GIVEN, &[&qualified_name(model)])?;
    let mut table = Table {
        name: name(model).to_owned(),
        ..Table::default()
    };
    let names: Vec<&str> = given.iter().map(|row| row.get(0)).collect();
    check_names(model, &names)?;
    for (at, row) in given.iter().enumerate() {
        let (name, is_unbounded, shown): (String, bool, &str) =
            (row.get(0), row.get(3), row.get(4));
        let is_carried = catalogue::is_carried(row.get(1), row.get(2));
        if !is_carried && row.get(5) {
            return Err(Kind::Mismatch.error(format!(
                "{}, model `{}`: column `{name}` is of type {shown}, and a cast that the source itself defines makes \
                 its text, which the scratch database does not have",
                model.file, model.name
            )));
        }
        if is_unbounded {
            marks::check_number(dialect, model, at, &name)?;
        }
        let Some((_, declared)) = model.columns.get(at) else {
            // A type that is not carried can always be read as its exact text.
            if !is_carried || is_unbounded {
                table.cast_to_text.push(name);
            }
            continue;
        };
        match declared {
            ColumnType::Text if !is_carried || is_unbounded => table.cast_to_text.push(name),
            ColumnType::Numeric { .. } if is_unbounded => {
                table.carried_by_models.insert(name, *declared);
            }
            ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt if is_unbounded => {
                let whole = ColumnType::Numeric {
                    precision: dataset::MAX_PRECISION,
                    scale: 0,
                };
                table.carried_by_models.insert(name, whole);
            }
            _ if is_unbounded || !is_carried => {
                let numeric = match is_unbounded {
                    true => "numeric(p,s), or ",
                    false => "",
                };
                return Err(Kind::Mismatch.error(format!(
                    "dataset.toml, model `{}`: column `{name}` is declared {declared}, but {} gives {shown}: declare it \
                     {numeric}text, for its exact text, or cast it",
                    model.name, model.file
                )));
            }
            _ => {}
        }
    }
    Ok(Dataset {
        name: OWN_SCHEMA.to_owned(),
        tables: vec![table],
        ..Dataset::default()
    })
}

/// The columns of a model's view, as they are read.
///
/// # Errors
/// [`Kind::Mismatch`] for a type that is not carried.
pub(super) fn columns(
    client: &mut Client,
    view: &Dataset,
    model: &Model,
) -> anyhow::Result<Vec<Column>> {
    let read = catalogue::read(client, view, OWN_SCHEMA, &|_, _| true);
    let read = read.with_context(|| format!("{}: {}", model.file, model.it()))?;
    let table = read
        .into_iter()
        .next()
        .context("the model's view is there")?;
    Ok(table.schema.columns)
}
