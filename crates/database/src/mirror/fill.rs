//! Copies rows from the source into the scratch database, as the source's COPY sends them.

use std::io::Write;

use anyhow::Context;
use dataset::Place;
use postgres::Client;
use tracing::field::Empty;

use super::{Shapes, TableShape};
use crate::catalogue::LiveTable;
use crate::catalogue::identifier::quoted;
use crate::connect::{Cancel, Settings};
use crate::copy::read::Blocks;
use crate::copy::write::{CopyIn, RowForm, server_error};
use crate::snapshot::{Reader, Snapshot};
use crate::transaction;

impl Shapes {
    /// Copies the columns of a table that are read as they are into the table made for it. Returns the number of rows.
    ///
    /// # Errors
    /// The errors of the source's connection, and of the scratch database's, whose disk may be full.
    pub fn fill(
        &self,
        snapshot: &Snapshot,
        reader: &Reader,
        table: &LiveTable,
        scratch: &Settings,
        cancel: &Cancel,
    ) -> anyhow::Result<u64> {
        let name = &table.schema.name;
        let form = self.form(name, &table.as_is);
        let columns: Vec<_> = table.as_is.iter().map(|column| quoted(column)).collect();
        let target = format!(
            "COPY {} ({}) FROM STDIN (FORMAT {form})",
            self.target(self.shape(name)?),
            columns.join(", ")
        );
        let span = tracing::info_span!(
            "copy out",
            table = name,
            rows_total = table.estimated_rows,
            rows = Empty
        );
        let _entered = span.enter();
        // Read in one part, so that rows keep their order: SQL leaves ties open, but they should be the same at every run.
        let blocks = reader.open(&snapshot.copy_as_is(table, form), cancel)?;
        let rows = copy(blocks, scratch, &target, cancel);
        let rows = rows.with_context(|| format!("table `{name}`"))?;
        span.record("rows", rows);
        Ok(rows)
    }

    /// Fills columns of a table's counterpart with rows in this form, which `send` encodes and sends. Returns the number
    /// of rows.
    ///
    /// # Errors
    /// The errors of the scratch database's connection, whose disk may be full, and those of `send`.
    pub fn fill_with(
        &self,
        name: &str,
        columns: &[String],
        form: RowForm,
        scratch: &Settings,
        cancel: &Cancel,
        send: impl FnOnce(&mut CopyIn<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<u64> {
        let mut client = scratch.connect(cancel)?;
        begin(&mut client)?;
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let Place { schema, name } = self.place_of(self.shape(name)?);
        let mut copy = CopyIn::start_as(&mut client, &schema, &name, &columns, form, false)?;
        send(&mut copy)?;
        let rows = copy.finish()?.rows;
        client.batch_execute("COMMIT")?;
        Ok(rows)
    }

    fn shape(&self, name: &str) -> anyhow::Result<&TableShape> {
        let shape = self.table(name);
        shape.with_context(|| format!("table `{name}` was made in the scratch database"))
    }

    /// Gives a table its statistics and its keys, as far as their columns were copied.
    ///
    /// # Errors
    /// The server's errors; its disk may be full.
    pub fn index(
        &self,
        name: &str,
        columns: &[String],
        scratch: &Settings,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let shape = self.shape(name)?;
        let target = self.target(shape);
        let keys = shape.keys.iter();
        let statements = keys
            .filter_map(|key| key.of(columns))
            .map(|key| key.make(&target))
            .chain([format!("ANALYZE {target}")]);
        let mut client = scratch.connect(cancel)?;
        transaction::begin(&mut client)?;
        for statement in statements {
            client.batch_execute(&statement).with_context(|| {
                format!("giving table `{name}` its keys in the scratch database")
            })?;
        }
        client.batch_execute("COMMIT")?;
        Ok(())
    }
}

/// Begins a transaction that fills a table, whatever the source's configuration is.
fn begin(client: &mut Client) -> anyhow::Result<()> {
    transaction::begin(client)?;
    // Without this, NULL in an array might be read as text.
    Ok(client.batch_execute("SET LOCAL array_nulls = on")?)
}

fn copy(blocks: Blocks, scratch: &Settings, target: &str, cancel: &Cancel) -> anyhow::Result<u64> {
    let copying = "copying into the scratch database";
    let mut client = scratch.connect(cancel)?;
    begin(&mut client)?;
    let mut writer = client.copy_in(target).context(copying)?;
    for block in blocks {
        writer
            .write_all(&block?)
            .map_err(server_error)
            .context(copying)?;
    }
    let rows = writer.finish().context(copying)?;
    client.batch_execute("COMMIT")?;
    Ok(rows)
}
