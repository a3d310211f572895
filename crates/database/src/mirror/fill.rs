//! Rows from the source into the scratch database, as the source's COPY sends them.

use std::io::Write;
use std::thread;

use anyhow::Context;
use tracing::field::Empty;

use super::Shapes;
use crate::catalogue::LiveTable;
use crate::catalogue::identifier::{qualified, quoted};
use crate::connect::{Cancel, Settings};
use crate::copy::read::Blocks;
use crate::copy::write::server_error;
use crate::snapshot::{Reader, Snapshot};
use crate::transaction;

/// A part of a table smaller than this, in blocks of 8 kB, isn't worth a connection of its own.
const MIN_PART_PAGES: u32 = 128;

impl Shapes {
    /// Copies the columns of a table that are read as they are into the table that was made for it, in as many parts at once
    /// as `reader` has connections for. Gives the number of rows.
    ///
    /// # Errors
    /// The first of any part: of the source's connection, or of the scratch database's, whose disk may be full.
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
            qualified(&self.schema, name),
            columns.join(", ")
        );
        let span = tracing::info_span!(
            "copy out",
            table = name,
            rows_total = table.estimated_rows,
            rows = Empty
        );
        let _entered = span.enter();
        let statements = snapshot.copy_as_is(table, form, reader.parts(), MIN_PART_PAGES);
        thread::scope(|scope| {
            let parts: Vec<_> = statements
                .iter()
                .map(|statement| {
                    scope.spawn(|| {
                        let blocks = reader.open(statement, cancel)?;
                        copy_part(blocks, scratch, &target, cancel)
                    })
                })
                .collect();
            let mut rows = 0;
            for part in parts {
                let copied = part
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                rows += copied.with_context(|| format!("table `{name}`"))?;
                span.record("rows", rows);
            }
            Ok(rows)
        })
    }

    /// Gives a table the keys whose columns were copied, and its statistics.
    ///
    /// # Errors
    /// The server's; its disk may be full.
    pub fn index(
        &self,
        table: &LiveTable,
        scratch: &Settings,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let name = &table.schema.name;
        let target = qualified(&self.schema, name);
        let keys = self.table(name).into_iter().flat_map(|shape| &shape.keys);
        let statements = keys
            .filter(|key| {
                key.columns
                    .iter()
                    .all(|column| table.as_is.contains(column))
            })
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

fn copy_part(
    blocks: Blocks,
    scratch: &Settings,
    target: &str,
    cancel: &Cancel,
) -> anyhow::Result<u64> {
    let copying = "copying into the scratch database";
    let mut client = scratch.connect(cancel)?;
    transaction::begin(&mut client)?;
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
