//! A restore: files into tables, in one transaction, which is committed only once content checksums prove the tables.

mod create;
mod existing;
mod incoming;
mod load;
mod obstacles;

use std::cell::Cell;
use std::time::Instant;

use anyhow::Context;
use database::catalogue::definition::search_path;
use database::{Cancel, Settings, lock, transaction};
use dataset::failure::Kind;

use crate::options::{Mode, RestoreOptions};
use crate::report::RestoreReport;
use incoming::Source;

/// Restores tables of a backup, or rows of an Avro file that any program wrote.
///
/// # Errors
/// [`Kind::Check`] if the files are not what they were, or the tables would not be; [`Kind::Mismatch`] if the files don't fit the
/// tables that are there; [`Kind::Refused`] if something is in the way. After any error, the database is as it was before.
pub fn restore(
    settings: &Settings,
    options: &RestoreOptions,
    cancel: &Cancel,
) -> anyhow::Result<RestoreReport> {
    let began = Instant::now();
    let source = Source::open(options, cancel);
    let source = source.map_err(|error| cancel.check().err().unwrap_or(error))?;
    let schema = source.schema(options)?;
    let mut connection = settings.connect(cancel)?;
    // Whether the connection was lost at a moment after which nobody can tell what the server has done.
    let is_in_doubt = Cell::new(false);
    let mut work = || -> anyhow::Result<RestoreReport> {
        let client = &mut *connection;
        transaction::begin(client)?;
        client
            .batch_execute(&search_path(&schema))
            .context("beginning the restore")?;
        lock::lock(client, "restore", &schema)?;
        let done = match options.mode {
            Mode::Create => create::create(client, &source, &schema, cancel)?,
            Mode::Replace | Mode::Append => {
                existing::fill(client, &source, options, &schema, cancel)?
            }
        };
        // Deferred constraints are checked before the commit.
        client
            .batch_execute("SET CONSTRAINTS ALL IMMEDIATE")
            .context("checking the constraints")?;
        cancel.check()?;
        client
            .batch_execute("COMMIT")
            .inspect_err(|error| is_in_doubt.set(error.code().is_none()))?;
        Ok(RestoreReport {
            from: source.place().clone(),
            schema: schema.clone(),
            mode: options.mode,
            is_proved: source.has_checksums(),
            tables: done.tables,
            notes: done.notes,
            seconds: began.elapsed().as_secs_f64(),
        })
    };
    work().map_err(|error| match (is_in_doubt.get(), cancel.is_cancelled()) {
        (true, _) => Kind::Connection.caused_by(
            error,
            "the connection was lost while the restore was being committed, so it may or may not be done: check with \
             `extrato backup verify --against-database`",
        ),
        (false, true) => Kind::Interrupted.error("interrupted: the database is as it was"),
        (false, false) => error.context("nothing was restored, the database is as it was"),
    })
}
