//! Creates tables that are not there as they were, and adds keys and indexes after their rows.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Context;
use database::Cancel;
use database::catalogue::definition::{Definition, TableDefinition, search_path};
use database::catalogue::identifier::quoted;
use dataset::failure::Kind;
use postgres::Client;

use super::incoming::{Incoming, Source};
use super::load::{self, Target};
use crate::backup::is_alone;
use crate::carriage::Kind as Carriage;
use crate::options::Format;
use crate::report::TableReport;
use crate::schema_sql;

/// What a restore has done so far.
pub(super) struct Done {
    pub(super) tables: Vec<TableReport>,
    pub(super) notes: Vec<String>,
}

/// Creates the tables of a backup in a schema, with their rows.
pub(super) fn create(
    client: &mut Client,
    source: &Source,
    schema: &str,
    cancel: &Cancel,
) -> anyhow::Result<Done> {
    let mut definition = source
        .definition()
        .ok_or_else(|| Kind::Internal.error("a file does not say what its table is"))?
        .clone();
    check_possible(&definition)?;
    make_room(client, schema, &source.names())?;
    let there = types_there(client, schema)?;
    let types = definition.types.iter();
    let types = types.filter(|of| !there.contains(&of.name));
    let statements = types.flat_map(schema_sql::make_type);
    let statements: Vec<String> = statements
        .chain(schema_sql::before_rows(&definition))
        .collect();
    run(client, schema, &statements, cancel)?;
    check_made(client, schema, &definition)?;

    let mut tables = Vec::new();
    for (number, incoming) in source.incoming(None)?.iter().enumerate() {
        let began = Instant::now();
        let table = &incoming.definition;
        let target = Target {
            schema,
            table: &table.name,
            // Rows of a partitioned table go to its partitions, so they cannot be frozen.
            is_new: table.relkind != 'p',
        };
        let rows = match needs_scratch(incoming) {
            false => load::rows(client, incoming, &target, cancel)?,
            true => {
                let scratch = load::scratch(client, incoming, number, cancel)?;
                let is_written = |name: &str| !is_generated(table, name);
                scratch.insert_into(client, incoming, schema, is_written)?
            }
        };
        load::check(client, incoming, &target, is_alone(table), cancel)?;
        tables.push(load::told(incoming, rows, began.elapsed().as_secs_f64()));
    }
    run(client, schema, &schema_sql::after_rows(&definition), cancel)?;
    let notes = foreign_keys(client, schema, &mut definition, cancel)?;
    Ok(Done { tables, notes })
}

/// Refuses tables that cannot be created from what a backup says about them.
fn check_possible(definition: &Definition) -> anyhow::Result<()> {
    for table in &definition.tables {
        if !table.relatives.is_empty() {
            return Err(Kind::Mismatch.error(format!(
                "table `{}` inherits, or is inherited from ({}), or is a partition, and a restore creates no such \
                 table: create it, then restore with --mode append or replace",
                table.name,
                table.relatives.join(", ")
            )));
        }
        if let Some(foreign) = table.partitions.iter().find(|of| of.is_foreign) {
            return Err(Kind::Mismatch.error(format!(
                "`{}`, a partition of table `{}`, is a foreign table, and a restore creates none: create the tables, \
                 then restore with --mode append or replace",
                foreign.name, table.name
            )));
        }
    }
    Ok(())
}

/// Creates the schema if it does not exist, and checks that none of the tables exists.
fn make_room(client: &mut Client, schema: &str, names: &[&str]) -> anyhow::Result<()> {
    let looking = "looking into the schema";
    let is_there: bool = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)",
            &[&schema],
        )
        .context(looking)?
        .get(0);
    if !is_there {
        client
            .batch_execute(&format!("CREATE SCHEMA {}", quoted(schema)))
            .with_context(|| format!("making schema {schema}"))?;
    }
    let there = client
        .query(
            "SELECT c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = ANY ($2) ORDER BY 1",
            &[&schema, &names],
        )
        .context(looking)?;
    let there: Vec<String> = there.iter().map(|row| row.get(0)).collect();
    match there.is_empty() {
        true => Ok(()),
        false => Err(Kind::Refused.error(format!(
            "schema {schema} already has {}: restore with --mode replace or append, or into another schema with --into",
            there.join(", ")
        ))),
    }
}

fn types_there(client: &mut Client, schema: &str) -> anyhow::Result<BTreeSet<String>> {
    let found = client.query(
        "SELECT t.typname::text FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace WHERE n.nspname = $1",
        &[&schema],
    );
    let found = found.context("looking for types")?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

/// Checks that the tables that were created, and the types that they use, are those of the backup.
fn check_made(client: &mut Client, schema: &str, expected: &Definition) -> anyhow::Result<()> {
    let names: Vec<&str> = expected
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    let made = Definition::read(client, schema, &names)?;
    for of in &made.types {
        let known = expected.types.iter().find(|known| known.name == of.name);
        if known.is_none_or(|known| known.make != of.make) {
            return Err(Kind::Mismatch.error(format!(
                "type `{}` of schema {schema} differs from the backup's ({}): restore into another schema with --into",
                of.name,
                known.map_or("none", |known| known.make.as_str())
            )));
        }
    }
    for table in &expected.tables {
        let made = made.table(&table.name);
        let made = made.map(|made| made.columns.as_slice()).unwrap_or_default();
        let shapes = |columns: &[database::catalogue::definition::ColumnDefinition]| {
            let shape = columns.iter().map(|column| {
                (
                    column.name.clone(),
                    column.type_name.clone(),
                    column.base.shown.clone(),
                )
            });
            shape.collect::<Vec<_>>()
        };
        if shapes(made) != shapes(&table.columns) {
            return Err(Kind::Mismatch.error(format!(
                "table `{}` would not have the columns of the backup, since a type of this database differs: restore into \
                 another database",
                table.name
            )));
        }
    }
    Ok(())
}

/// Whether rows must go through a scratch copy, since they cannot be copied into the table as they are in the files.
fn needs_scratch(incoming: &Incoming) -> bool {
    let table = &incoming.definition;
    let is_text = incoming.format == Format::Avro
        && incoming
            .columns
            .iter()
            .any(|column| column.kind == Carriage::AsText);
    is_text
        || table
            .columns
            .iter()
            .any(|column| column.generated.is_some())
}

/// Whether the server computes a column's values.
fn is_generated(table: &TableDefinition, name: &str) -> bool {
    table
        .column(name)
        .is_some_and(|column| column.generated.is_some())
}

/// Creates the foreign keys whose tables are there, and notes which ones are left out.
fn foreign_keys(
    client: &mut Client,
    schema: &str,
    definition: &mut Definition,
    cancel: &Cancel,
) -> anyhow::Result<Vec<String>> {
    let mut notes = Vec::new();
    let mut statements = Vec::new();
    for (table, constraint) in schema_sql::foreign_keys(definition) {
        let Some((of, name)) = &constraint.refers_to else {
            continue;
        };
        let of = match *of == definition.schema {
            true => schema,
            false => of.as_str(),
        };
        let is_there: bool = client
            .query_one(
                "SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                                WHERE n.nspname = $1 AND c.relname = $2)",
                &[&of, &name],
            )
            .context("looking for a table that is referred to")?
            .get(0);
        match is_there {
            true => statements.extend(schema_sql::make_constraint(table, constraint)),
            false => notes.push(format!(
                "the foreign key `{}` of {} is left out, since there is no table {of}.{name}",
                constraint.name, table.name
            )),
        }
    }
    run(client, schema, &statements, cancel)?;
    let tables = definition.tables.iter();
    notes.extend(
        tables
            .filter(|table| !table.left_out.is_empty())
            .map(|table| {
                format!(
                    "not restored of {}: {}",
                    table.name,
                    table.left_out.join(", ")
                )
            }),
    );
    Ok(notes)
}

/// Runs statements with the schema in the search path.
fn run(
    client: &mut Client,
    schema: &str,
    statements: &[String],
    cancel: &Cancel,
) -> anyhow::Result<()> {
    client.batch_execute(&search_path(schema))?;
    for statement in statements {
        cancel.check()?;
        client
            .batch_execute(statement)
            .with_context(|| format!("the server refuses this statement: {statement}"))?;
    }
    Ok(())
}
