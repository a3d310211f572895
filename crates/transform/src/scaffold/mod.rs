//! Describes a dataset, with a first model, from what a database has, for `extrato init`.
//!
//! `graph` orders the tables by their foreign keys and chooses the one to begin with, `flat` joins it to its parents and names the
//! columns, `text` writes the description and the SELECT.

mod flat;
mod graph;
mod text;

use std::collections::BTreeSet;

use database::catalogue::inventory::KnownTable;
use dataset::Place;
use dataset::failure::Kind;
use flat::Flat;

/// What `extrato init` is to describe.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The dataset's name.
    pub name: String,
    /// The Postgres schema of tables that are named without one.
    pub schema: String,
    /// The tables to describe, with or without their schemas; empty for all.
    pub tables: Vec<String>,
    /// The column to partition by; `None` for the one that looks like the client.
    pub partition_by: Option<String>,
}

/// The description of a dataset, with a first model.
#[derive(Debug, Clone)]
pub struct Scaffold {
    /// The text of `dataset.toml`.
    pub description: String,
    /// The name of the model, and of its file without the ending.
    pub model: String,
    /// The SELECT of the model.
    pub sql: String,
    /// The table that each row of the model comes from.
    pub fact: String,
    /// The tables that are joined to it.
    pub joined: Vec<String>,
    /// The column that names the folders of the output, if there is one.
    pub partition_by: Option<String>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Describes the tables of schemas. `keywords` are the words that must be quoted where they are names.
///
/// # Errors
/// [`Kind::Mismatch`] if there is no table, or none with a wanted name; [`Kind::Usage`] for a column to partition by that the model
/// doesn't have.
pub fn scaffold(
    known: &[KnownTable],
    wanted: &Wanted,
    keywords: &BTreeSet<String>,
) -> anyhow::Result<Scaffold> {
    let mut notes = Vec::new();
    let tables = graph::ordered(chosen(known, wanted, &mut notes)?);
    let fact = graph::fact(&tables);
    let flat = Flat::of(fact, &tables, wanted.partition_by.as_deref(), &mut notes)?;
    Ok(Scaffold {
        description: text::description(wanted, &tables, &flat),
        model: flat.model.clone(),
        sql: text::select(&flat, &wanted.schema, keywords),
        fact: fact.called(&wanted.schema),
        joined: flat
            .joins
            .iter()
            .map(|join| join.table.called(&wanted.schema))
            .collect(),
        partition_by: flat.partition_by.clone(),
        notes,
    })
}

/// The entries of tables that a description doesn't list yet, each with the table's name.
///
/// # Errors
/// [`Kind::Mismatch`] if there is no table, or none with a wanted name.
pub fn additions(
    known: &[KnownTable],
    wanted: &Wanted,
    listed: &[String],
) -> anyhow::Result<Vec<(String, String)>> {
    let mut notes = Vec::new();
    let tables = chosen(known, wanted, &mut notes)?;
    let schema = &wanted.schema;
    let tables = graph::ordered(tables).into_iter();
    let new = tables.filter(|table| !listed.contains(&table.called(schema)));
    Ok(new
        .map(|table| (table.called(schema), text::table(table, schema)))
        .collect())
}

/// The tables to describe: those that are wanted, or else all that hold rows.
fn chosen<'a>(
    known: &'a [KnownTable],
    wanted: &Wanted,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<&'a KnownTable>> {
    if wanted.tables.is_empty() {
        let (tables, others): (Vec<_>, Vec<_>) = known
            .iter()
            .filter(|table| !table.is_partition && !table.columns.is_empty())
            .partition(|table| matches!(table.relkind, 'r' | 'p' | 'f'));
        if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(|view| view.name.as_str()).collect();
            notes.push(format!(
                "left out, since they are views (name one with --table): {}",
                names.join(", ")
            ));
        }
        return match tables.is_empty() {
            true => Err(Kind::Mismatch.error(format!(
                "schema `{}` has no table that the role can see: name another with --schema",
                wanted.schema
            ))),
            false => Ok(tables),
        };
    }
    let mut tables: Vec<&KnownTable> = Vec::new();
    for name in &wanted.tables {
        let place = Place::parse(name);
        let is_it = |table: &&KnownTable| match &place {
            Some(place) => table.place() == *place,
            None => table.name == *name,
        };
        let found: Vec<_> = known.iter().filter(is_it).collect();
        if found.is_empty() {
            return Err(Kind::Mismatch.error(unknown(name, known, wanted)));
        }
        for table in found {
            if !tables.iter().any(|other| graph::is_same(other, table)) {
                tables.push(table);
            }
        }
    }
    Ok(tables)
}

/// The message about a table that no schema has.
fn unknown(name: &str, known: &[KnownTable], wanted: &Wanted) -> String {
    let mut schemas = vec![wanted.schema.as_str()];
    for table in known {
        if !schemas.contains(&table.schema.as_str()) {
            schemas.push(&table.schema);
        }
    }
    let place = Place::parse(name);
    let names: Vec<String> = match place {
        Some(_) => known.iter().map(|table| table.place().called("")).collect(),
        None => known.iter().map(|table| table.name.clone()).collect(),
    };
    format!(
        "schema `{}` has no table `{name}`{}",
        schemas.join("`, `"),
        dataset::did_you_mean(name, names.iter().map(String::as_str))
    )
}
