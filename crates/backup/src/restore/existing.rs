//! Puts rows into tables that are already there, replacing or adding to those that the tables have.

use std::time::Instant;

use anyhow::Context;
use database::Cancel;
use database::catalogue::definition::{Definition, TableDefinition, search_path};
use database::catalogue::identifier::{qualified, relation};
use dataset::failure::Kind;
use postgres::Client;

use super::create::Done;
use super::incoming::{Incoming, Source};
use super::load::{self, Scratch, Target};
use super::obstacles;
use crate::backup::is_alone;
use crate::options::{Mode, RestoreOptions};

/// Fills tables of a schema with the rows of a backup or a file.
pub(super) fn fill(
    client: &mut Client,
    source: &Source,
    options: &RestoreOptions,
    schema: &str,
    cancel: &Cancel,
) -> anyhow::Result<Done> {
    let names = source.names();
    lock(client, schema, &names)?;
    let live = Definition::read(client, schema, &names)?;
    let mut incoming = source.incoming(Some(&live))?;
    sort(&mut incoming, &live);
    for incoming in &incoming {
        check_drift(incoming, table(&live, &incoming.definition.name)?, schema)?;
    }
    let mut notes = Vec::new();
    let oids = obstacles::oids(client, schema, &names)?;

    let mut scratches = Vec::new();
    for (number, incoming) in incoming.iter().enumerate() {
        let began = Instant::now();
        let scratch = load::scratch(client, incoming, number, cancel)?;
        scratches.push((scratch, began.elapsed()));
    }
    let disabled = obstacles::triggers(client, &oids, options, &mut notes)?;
    let dropped = match options.mode {
        Mode::Replace => {
            let dropped = obstacles::drop_references(client, &oids, options, &mut notes)?;
            empty(client, schema, &live)?;
            Some(dropped)
        }
        Mode::Create | Mode::Append => {
            client.batch_execute("SET CONSTRAINTS ALL DEFERRED")?;
            None
        }
    };
    let mut tables = Vec::new();
    for (incoming, (scratch, before)) in incoming.iter().zip(&scratches) {
        cancel.check()?;
        let began = Instant::now();
        let live = table(&live, &incoming.definition.name)?;
        let rows = put(
            client,
            incoming,
            scratch,
            live,
            options.mode,
            schema,
            cancel,
        )?;
        let seconds = (*before + began.elapsed()).as_secs_f64();
        tables.push(load::told(incoming, rows, seconds));
    }
    if let Some(dropped) = dropped {
        dropped.make(client)?;
    }
    disabled.enable(client)?;
    raise_sequences(client, schema, &live, &mut notes)?;
    Ok(Done { tables, notes })
}

/// Keeps the tables from being altered, dropped or emptied by others.
fn lock(client: &mut Client, schema: &str, names: &[&str]) -> anyhow::Result<()> {
    let found = obstacles::oids(client, schema, names)?;
    if found.len() < names.len() {
        let live = Definition::read(client, schema, names)?;
        let missing = names.iter().filter(|name| live.table(name).is_none());
        let missing: Vec<_> = missing.copied().collect();
        return Err(Kind::Mismatch.error(format!(
            "schema {schema} has no {}: restore with --mode create",
            missing.join(", ")
        )));
    }
    let names: Vec<_> = names.iter().map(|name| qualified(schema, name)).collect();
    client
        .batch_execute(&format!(
            "LOCK TABLE {} IN ACCESS SHARE MODE",
            names.join(", ")
        ))
        .context("locking the tables")
}

fn table<'a>(live: &'a Definition, name: &str) -> anyhow::Result<&'a TableDefinition> {
    live.table(name)
        .with_context(|| format!("table `{name}` is missing in schema {}", live.schema))
}

/// Sorts tables after those that they refer to, as far as there are no circles.
fn sort(incoming: &mut Vec<Incoming>, live: &Definition) {
    let mut left = std::mem::take(incoming);
    while !left.is_empty() {
        let waits = |of: &Incoming| {
            let Some(table) = live.table(&of.definition.name) else {
                return false;
            };
            table.constraints.iter().any(|constraint| {
                constraint.refers_to.as_ref().is_some_and(|(schema, name)| {
                    *schema == live.schema
                        && *name != table.name
                        && left.iter().any(|other| other.definition.name == *name)
                })
            })
        };
        let next = left.iter().position(|of| !waits(of)).unwrap_or(0);
        incoming.push(left.remove(next));
    }
}

/// Refuses a table that has changed since the files were made of it.
fn check_drift(incoming: &Incoming, live: &TableDefinition, schema: &str) -> anyhow::Result<()> {
    let refuse = |why: String| {
        Kind::Mismatch.error(format!(
            "table {schema}.{} was changed since it was backed up: {why}; restore into another schema with --into \
             and compare",
            live.name
        ))
    };
    if !matches!(live.relkind, 'r' | 'p') {
        return Err(Kind::Mismatch.error(format!(
            "{schema}.{} is not a table, so no rows can be put into it: restore into another schema with --into",
            live.name
        )));
    }
    for column in &incoming.columns {
        let name = &column.name;
        let Some(now) = live.column(name) else {
            return Err(refuse(format!("it has no column `{name}`")));
        };
        if now.type_name != column.type_name || now.base.shown != shown(incoming, name) {
            return Err(refuse(format!(
                "column `{name}` has type {}, but had type {}",
                now.type_name, column.type_name
            )));
        }
        let was_generated = incoming.definition.column(name).and_then(|of| of.generated);
        if now.generated.is_some() && was_generated.is_none() {
            return Err(refuse(format!("column `{name}` is now computed")));
        }
    }
    for column in &live.columns {
        let name = &column.name;
        let is_incoming = incoming.columns.iter().any(|of| of.name == *name);
        let has_value = column.default.is_some() || column.identity.is_some();
        if !is_incoming && column.base.forbids_null && !has_value {
            return Err(refuse(format!("its new column `{name}` may not be NULL")));
        }
    }
    Ok(())
}

/// How the type of a column was made up, as text.
fn shown<'a>(incoming: &'a Incoming, name: &str) -> &'a str {
    let column = incoming.definition.column(name);
    column.map_or("", |column| column.base.shown.as_str())
}

/// Empties the tables, once nobody reads or writes them.
fn empty(client: &mut Client, schema: &str, live: &Definition) -> anyhow::Result<()> {
    tracing::info!("emptying the tables, once nobody reads or writes them");
    let tables: Vec<_> = live
        .tables
        .iter()
        .map(|table| relation(schema, &table.name, is_alone(table)))
        .collect();
    client
        .batch_execute(&format!("TRUNCATE {}", tables.join(", ")))
        .context("emptying the tables")
}

fn put(
    client: &mut Client,
    incoming: &Incoming,
    scratch: &Scratch,
    live: &TableDefinition,
    mode: Mode,
    schema: &str,
    cancel: &Cancel,
) -> anyhow::Result<u64> {
    client.batch_execute(&search_path(schema))?;
    let is_written = |name: &str| {
        live.column(name)
            .is_none_or(|column| column.generated.is_none())
    };
    let rows = scratch.insert_into(client, incoming, schema, is_written)?;
    if mode == Mode::Replace {
        let target = Target {
            schema,
            table: &live.name,
            is_new: false,
        };
        load::check(client, incoming, &target, is_alone(live), cancel)?;
    }
    Ok(rows)
}

/// Raises the sequences of the tables past the highest keys.
fn raise_sequences(
    client: &mut Client,
    schema: &str,
    live: &Definition,
    notes: &mut Vec<String>,
) -> anyhow::Result<()> {
    for table in &live.tables {
        for sequence in &table.sequences {
            let name = qualified(&sequence.schema, &sequence.name);
            if sequence.increment < 0 {
                notes.push(format!(
                    "sequence {name} counts down, and stays where it was"
                ));
                continue;
            }
            let of = qualified(schema, &table.name);
            if obstacles::raise(client, &name, &of, &sequence.column)? {
                notes.push(format!(
                    "sequence {name} was raised past the highest {}",
                    sequence.column
                ));
            }
        }
    }
    Ok(())
}
