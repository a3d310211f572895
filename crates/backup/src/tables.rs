//! Finds the tables that a backup is made of.

use database::catalogue::inventory::{self, KnownTable};
use dataset::failure::Kind;
use dataset::{Dataset, Place, Table};
use postgres::Client;

use crate::options::Asked;

/// The tables that are asked for, and their schema. All tables of a schema means all but views, foreign tables and partitions,
/// whose rows come with their parents; tables that are named may be of any sort.
///
/// # Errors
/// [`Kind::Mismatch`] if there is no such table; [`Kind::Usage`] for tables of different schemas.
pub(crate) fn find(
    client: &mut Client,
    asked: &Asked,
) -> anyhow::Result<(String, Vec<KnownTable>)> {
    let (schema, names) = match asked {
        Asked::Schema(schema) => {
            let mut found = inventory::read(client, schema, |_| true)?;
            found.retain(|table| matches!(table.relkind, 'r' | 'p') && !table.is_partition);
            return match found.is_empty() {
                true => Err(Kind::Mismatch.error(format!(
                    "schema {schema} has no tables: name another with --schema, or views with --table"
                ))),
                false => Ok((schema.clone(), found)),
            };
        }
        Asked::Tables(schema, names) => one_schema(client, schema.as_deref(), names)?,
    };
    let found = inventory::read(client, &schema, |name| names.iter().any(|of| of == name))?;
    for name in &names {
        if !found.iter().any(|table| table.name == *name) {
            let all = inventory::read(client, &schema, |_| true)?;
            let all: Vec<_> = all.iter().map(|table| table.name.as_str()).collect();
            let has = match all.is_empty() {
                true => "no tables".to_owned(),
                false => all.join(", "),
            };
            return Err(Kind::Mismatch.error(format!(
                "table `{name}` is missing in schema {schema}, which has {has}"
            )));
        }
    }
    Ok((schema, found))
}

/// The names of tables without their schema, which must be the same for all.
fn one_schema(
    client: &mut Client,
    named: Option<&str>,
    tables: &[String],
) -> anyhow::Result<(String, Vec<String>)> {
    let mut schema = named.map(str::to_owned);
    let mut names = Vec::new();
    for table in tables {
        let (of_table, name) = split(table);
        if let Some(of_table) = of_table {
            match &schema {
                Some(schema) if *schema != of_table => {
                    return Err(Kind::Usage.error(format!(
                        "tables of several schemas ({schema}, {of_table}) are named, but a backup holds one schema: \
                         back up each schema by itself"
                    )));
                }
                _ => schema = Some(of_table),
            }
        }
        names.push(name);
    }
    let schema = match schema {
        Some(schema) => schema,
        None => {
            let found = inventory::schema_of(client, |known| names.iter().any(|of| of == known))?;
            found.unwrap_or_else(|| "public".to_owned())
        }
    };
    Ok((schema, names))
}

/// A table's name without its schema, and the schema if it has one. Either may be in quotes, as in SQL.
pub(crate) fn split(table: &str) -> (Option<String>, String) {
    match Place::parse(table) {
        Some(place) => (Some(place.schema), place.name),
        None => (None, table.to_owned()),
    }
}

/// A description of the tables for a snapshot: all columns, as the server sends them.
pub(crate) fn as_they_are(tables: &[KnownTable]) -> Dataset {
    let tables = tables.iter().map(|table| Table {
        name: table.name.clone(),
        as_is: table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect(),
        ..Table::default()
    });
    Dataset {
        tables: tables.collect(),
        ..Dataset::default()
    }
}
