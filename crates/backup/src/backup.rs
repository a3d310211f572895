//! A backup: tables are read in one snapshot and written into files, which are published all together or not at all.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use database::catalogue::LiveTable;
use database::catalogue::definition::{Definition, TableDefinition};
use database::catalogue::inventory::KnownTable;
use database::catalogue::reached::with_reached;
use database::snapshot::{Reader, Snapshot};
use database::{Cancel, Settings, transaction};
use dataset::failure::Kind;
use postgres::Client;
use storage::place::Place;
use tracing::field::Empty;

use crate::avro::schema;
use crate::carriage::{self, Carried};
use crate::checksum::{self, ContentSum};
use crate::describe::{self, Encryption};
use crate::encryption::{BackupKey, EncryptTo};
use crate::envelope;
use crate::folder::{self, Found};
use crate::manifest::{FileEntry, Manifest, TableFiles};
use crate::options::{BackupOptions, Format, Timestamps};
use crate::report::{BackupReport, TableReport};
use crate::staged::Staged;
use crate::write::Source;
use crate::{tables, write};

/// A part of a table with at least this many blocks (64 MiB) gets a file of its own; half as many suffice if all workers are busy
/// then.
const MIN_PAGES: u32 = 8192;
/// The most files that a table gets.
const MAX_PARTS: usize = 64;

/// Backs up tables into a new folder in `options.to`.
///
/// # Errors
/// [`Kind::Mismatch`] for a missing table, or for a type whose values mean nothing elsewhere; [`Kind::Refused`] for a value that
/// the format cannot carry; [`Kind::Connection`] and [`Kind::Output`] of the server and the disk or bucket. Nothing is published
/// then.
pub fn backup(
    settings: &Settings,
    options: &BackupOptions,
    cancel: &Cancel,
) -> anyhow::Result<BackupReport> {
    // The error of a request that was cut short tells less.
    made(settings, options, cancel).map_err(|error| cancel.check().err().unwrap_or(error))
}

fn made(
    settings: &Settings,
    options: &BackupOptions,
    cancel: &Cancel,
) -> anyhow::Result<BackupReport> {
    let began = Instant::now();
    // Errors in the keys are reported before anything is done.
    let to = options.encrypt_to.as_ref();
    let made = to.map(EncryptTo::make_key).transpose()?;
    let mut connection = settings.connect(cancel)?;
    let ((schema, found), server) = transaction::reading(&mut connection, |client| {
        let found = tables::find(client, &options.asked)?;
        let server = to.map(|_| envelope::server_identifier(client));
        Ok((found, server.transpose()?))
    })?;
    drop(connection);
    let place = options.to.clone().cancelled_by(cancel);
    let staged = Staged::begin(&place)?;

    let dataset = tables::as_they_are(&found);
    let snapshot = Snapshot::take(settings, &dataset, &schema, &|_, _| false, cancel)?;
    let described = Described::read(&snapshot, &schema, &found)?;
    let reader = snapshot.reader(options.max_connections, "--max-connections");
    let run = Run {
        options,
        snapshot: &snapshot,
        reader: &reader,
        described: &described,
        backup_key: made.as_ref().map(|(key, _)| key),
        found: &found,
        root: staged.root(),
        has_failed: AtomicBool::new(false),
        cancel,
    };
    let written = run.write()?;
    let (kind, version) = Manifest::mark();
    let manifest = Manifest {
        kind,
        version,
        name: staged.name().to_owned(),
        database: settings.database().to_owned(),
        server_version: described.server_version.clone(),
        encoding: described.encoding.clone(),
        snapshot: snapshot.id().to_owned(),
        format: options.format,
        codec: (options.format == Format::Avro).then_some(options.codec),
        timestamps_utc: options.timestamps == Timestamps::Utc,
        definition: described.definition.clone(),
        tables: written.iter().map(|table| table.files.clone()).collect(),
    };
    drop(reader);
    snapshot.release()?;
    let new = match (to, made, server) {
        (Some(to), Some((key, locked)), Some(server)) => {
            let encryption = Encryption {
                to,
                key,
                locked,
                server,
            };
            let envelope = describe::encrypted(staged.root(), &manifest, &encryption)?;
            Found::Encrypted(Box::new(envelope))
        }
        _ => {
            describe::plain(staged.root(), &manifest)?;
            Found::Plain(Box::new(manifest.clone()))
        }
    };
    let path = staged.publish()?;
    let deleted = match options.keep {
        Some(keep) => folder::keep(&place, keep, &new, to)?,
        None => Vec::new(),
    };
    Ok(BackupReport {
        path,
        schema,
        format: options.format,
        lock: to.map(EncryptTo::lock),
        snapshot: manifest.snapshot,
        notes: notes(&manifest.definition),
        tables: written.into_iter().map(|table| table.report).collect(),
        deleted,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// The tables as they are in the snapshot.
struct Described {
    definition: Definition,
    columns: Vec<Vec<Carried>>,
    server_version: String,
    encoding: String,
}

impl Described {
    fn read(snapshot: &Snapshot, schema: &str, found: &[KnownTable]) -> anyhow::Result<Self> {
        let names: Vec<&str> = found.iter().map(|table| table.name.as_str()).collect();
        let mut connection = snapshot.connection();
        let definition = Definition::read(&mut **connection, schema, &names)?;
        check_meaning(&mut connection, schema, &names)?;
        let columns = definition
            .tables
            .iter()
            .map(|table| carriage::of_table(schema, table))
            .collect::<anyhow::Result<_>>()?;
        let mut setting = |name: &str| -> anyhow::Result<String> {
            let query = format!("SELECT current_setting('{name}')");
            Ok(connection.query_one(&query, &[])?.get(0))
        };
        Ok(Self {
            server_version: setting("server_version")?,
            encoding: setting("server_encoding")?,
            definition,
            columns,
        })
    }
}

/// The query for the first column of tables in a schema whose type, or a part of it, names objects of the database. Types that come
/// with the server have oids below 16384.
fn naming() -> String {
    format!(
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
         FROM pg_class AS c
         JOIN pg_namespace AS n ON n.oid = c.relnamespace
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE n.nspname = $1 AND c.relname = ANY ($2) AND EXISTS (
             {}
             SELECT FROM reached AS r JOIN pg_type AS t ON t.oid = r.oid WHERE t.oid < 16384 AND t.typname ~ '^reg')
         ORDER BY 1, 2 LIMIT 1",
        with_reached("SELECT a.atttypid")
    )
}

/// Refuses a column whose type, or a part of it, names objects of the database: as numbers, its values mean nothing elsewhere, and
/// as text they mean other objects where the search path is different.
fn check_meaning(client: &mut Client, schema: &str, names: &[&str]) -> anyhow::Result<()> {
    let found = client.query(&naming(), &[&schema, &names]);
    let found = found.context("looking at the types of the columns")?;
    let Some(row) = found.first() else {
        return Ok(());
    };
    let (table, column, shown): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
    Err(Kind::Mismatch.error(format!(
        "column `{column}` of table {schema}.{table} has type {shown}, which names an object of this database and means nothing \
         elsewhere: make a view that casts it to text, and back up the view with --table"
    )))
}

struct Run<'a> {
    options: &'a BackupOptions,
    snapshot: &'a Snapshot,
    reader: &'a Reader,
    described: &'a Described,
    backup_key: Option<&'a BackupKey>,
    found: &'a [KnownTable],
    root: &'a Place,
    has_failed: AtomicBool,
    cancel: &'a Cancel,
}

/// A file that is to be written.
struct Part<'a> {
    table: usize,
    live: &'a LiveTable,
    statement: String,
    name: String,
    /// About how many blocks of the table it holds.
    pages: u32,
}

/// A file that was written.
struct PartWritten {
    entry: FileEntry,
    sum: ContentSum,
    seconds: f64,
}

struct TableWritten {
    files: TableFiles,
    report: TableReport,
}

impl Run<'_> {
    /// Writes all files, several at once, and returns those of each table.
    fn write(&self) -> anyhow::Result<Vec<TableWritten>> {
        let definition = &self.described.definition;
        let mut sources = Vec::new();
        let mut queue = VecDeque::new();
        for (index, table) in definition.tables.iter().enumerate() {
            let columns = &self.described.columns[index];
            let is_utc = self.options.timestamps == Timestamps::Utc;
            sources.push(Source {
                schema: &definition.schema,
                table: &table.name,
                columns,
                key: self.key(&table.name),
                avro: schema::of_table(&definition.schema, &table.name, columns, is_utc),
                codec: self.options.codec,
                checks_text: self.described.encoding == "SQL_ASCII",
                backup_key: self.backup_key,
            });
            queue.extend(self.parts(index, table, columns)?);
        }
        if self.backup_key.is_some() {
            // The names of encrypted files don't tell the names of tables.
            for (number, part) in queue.iter_mut().enumerate() {
                part.name = format!("{:04}.age", number + 1);
            }
        }
        let numbers: Vec<(usize, String)> = queue
            .iter()
            .map(|part| (part.table, part.name.clone()))
            .collect();
        // The largest come first, so that all workers end at about the same time.
        queue
            .make_contiguous()
            .sort_by_key(|part| Reverse(part.pages));
        let queue = Mutex::new(queue);
        let results = Mutex::new(Vec::new());
        thread::scope(|scope| -> anyhow::Result<()> {
            let work = || -> anyhow::Result<()> {
                loop {
                    let next = queue
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .pop_front();
                    let Some(part) = next.filter(|_| !self.has_failed.load(Ordering::Relaxed))
                    else {
                        return Ok(());
                    };
                    let written = match self.part(&sources[part.table], &part) {
                        Ok(written) => written,
                        // The first error is returned, and stops the other workers.
                        Err(error) => {
                            return match self.has_failed.swap(true, Ordering::Relaxed) {
                                false => Err(error),
                                true => Ok(()),
                            };
                        }
                    };
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((part.name, written));
                }
            };
            let workers = (0..self.reader.parts()).map(|_| {
                thread::Builder::new()
                    .name("back up".to_owned())
                    .spawn_scoped(scope, work)
                    .context("starting a thread")
            });
            let workers = workers.collect::<anyhow::Result<Vec<_>>>()?;
            let mut done = Ok(());
            for worker in workers {
                let ended = worker
                    .join()
                    .unwrap_or_else(|_| Err(Kind::Internal.error("a thread of the backup died")));
                done = done.and(ended);
            }
            done
        })?;
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut tables = Vec::new();
        for (index, table) in definition.tables.iter().enumerate() {
            let names = numbers.iter().filter(|(of, _)| *of == index);
            let mut written = Vec::new();
            for (_, name) in names {
                let at = results.iter().position(|(of, _)| of == name);
                let at = at.with_context(|| format!("the file {name} was not written"))?;
                written.push(results.swap_remove(at).1);
            }
            tables.push(self.table(index, table, written)?);
        }
        Ok(tables)
    }

    /// The columns of a table's primary key.
    fn key(&self, table: &str) -> &[String] {
        let found = self.found.iter().find(|found| found.name == table);
        found.map_or(&[], |found| &found.key)
    }

    /// The parts that a table is read in, each for a file of its own.
    fn parts(
        &self,
        index: usize,
        table: &TableDefinition,
        columns: &[Carried],
    ) -> anyhow::Result<Vec<Part<'_>>> {
        let live = self
            .snapshot
            .tables()
            .iter()
            .find(|live| live.schema.name == table.name)
            .with_context(|| format!("table `{}` is not in the snapshot", table.name))?;
        let (list, options): (Vec<String>, _) = match self.options.format {
            Format::Avro => {
                let list = columns.iter().map(|column| column.expression.clone());
                (list.collect(), "FORMAT binary")
            }
            // Values of any type are written by the type's own output function.
            Format::Csv => {
                let names = columns.iter().map(|column| &column.name);
                let names = names.map(|name| database::catalogue::identifier::quoted(name));
                (names.collect(), "FORMAT csv, HEADER true")
            }
        };
        let (parts, min_pages) = parts_of(live.pages, self.reader.parts());
        let statements =
            self.snapshot
                .copies_of(live, &list, is_alone(table), options, parts, min_pages);
        let pages = live.pages / u32::try_from(statements.len()).unwrap_or(1);
        let extension = self.options.format.name();
        let parts = statements.into_iter().enumerate();
        Ok(parts
            .map(|(number, statement)| Part {
                table: index,
                live,
                statement,
                name: format!("{}-{:04}.{extension}", file_stem(&table.name), number + 1),
                pages,
            })
            .collect())
    }

    fn part(&self, source: &Source<'_>, part: &Part<'_>) -> anyhow::Result<PartWritten> {
        let began = Instant::now();
        let span = tracing::info_span!(
            "back up",
            table = source.table,
            rows_total = part.live.estimated_rows,
            rows = Empty
        );
        let _entered = span.enter();
        let place = self.root.join(&part.name);
        let count = |rows: u64| {
            span.record("rows", rows);
            match self.has_failed.load(Ordering::Relaxed) {
                true => Err(Kind::Internal.error("another file failed")),
                false => Ok(()),
            }
        };
        let (statement, name) = (&part.statement, &part.name);
        let (entry, sum) = match self.options.format {
            Format::Avro => write::avro(
                source,
                self.reader,
                statement,
                &place,
                name,
                count,
                self.cancel,
            )?,
            Format::Csv => {
                let entry = write::csv(
                    source,
                    self.reader,
                    statement,
                    &place,
                    name,
                    count,
                    self.cancel,
                )?;
                (entry, ContentSum::default())
            }
        };
        Ok(PartWritten {
            entry,
            sum,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// What was written for a table, with its content checksum.
    fn table(
        &self,
        index: usize,
        table: &TableDefinition,
        parts: Vec<PartWritten>,
    ) -> anyhow::Result<TableWritten> {
        let mut sum = ContentSum::default();
        parts.iter().for_each(|part| sum.add(part.sum));
        let rows: u64 = parts.iter().map(|part| part.entry.rows).sum();
        if self.options.format == Format::Csv {
            // Text doesn't tell the binary form, but the server can compute it in the same snapshot.
            let mut connection = self.snapshot.connection();
            sum = checksum::of_table(
                &mut **connection,
                &self.described.definition.schema,
                &table.name,
                is_alone(table),
                &self.described.columns[index],
                self.cancel,
            )?;
        }
        if rows != sum.rows {
            return Err(Kind::Check.error(format!(
                "{rows} rows of table `{}` were written, and the server counts {}: run again, and report it if it happens again",
                table.name, sum.rows
            )));
        }
        let seconds: f64 = parts.iter().map(|part| part.seconds).sum();
        let files: Vec<FileEntry> = parts.into_iter().map(|part| part.entry).collect();
        tracing::info!(table = table.name, rows, "backed up");
        Ok(TableWritten {
            report: TableReport {
                table: table.name.clone(),
                rows,
                files: files.len() as u64,
                bytes: files.iter().map(|file| file.bytes).sum(),
                seconds,
            },
            files: TableFiles {
                table: table.name.clone(),
                content: sum.into(),
                files,
            },
        })
    }
}

/// For a table of this many blocks and this many workers: the most parts that it is read in, and the least blocks of each part.
fn parts_of(pages: u32, workers: usize) -> (usize, u32) {
    let parts = (pages / MIN_PAGES) as usize;
    match parts > workers {
        // Each worker gets the same number of parts; otherwise all but one might wait for the last part.
        true => {
            let parts = parts.min(MAX_PARTS).next_multiple_of(workers);
            (parts.min(MAX_PARTS), MIN_PAGES / 2)
        }
        false => (MAX_PARTS, MIN_PAGES),
    }
}

/// Whether rows of tables that inherit from a table are left out of it.
pub(crate) fn is_alone(table: &TableDefinition) -> bool {
    table.relkind == 'r'
}

/// The beginning of the names of a table's files: letters, digits and underscores are kept, everything else becomes %XX.
fn file_stem(table: &str) -> String {
    let mut stem = String::new();
    for byte in table.bytes() {
        match byte.is_ascii_alphanumeric() || byte == b'_' {
            true => stem.push(char::from(byte)),
            false => {
                let _ = write!(stem, "%{byte:02X}");
            }
        }
    }
    stem
}

/// Notes about what a backup of these tables does not hold, and about what becomes of those that are not plain tables.
fn notes(definition: &Definition) -> Vec<String> {
    let mut notes = Vec::new();
    for table in &definition.tables {
        let name = &table.name;
        let what = match table.relkind {
            'v' => Some("a view"),
            'm' => Some("a materialised view"),
            'f' => Some("a foreign table"),
            _ => None,
        };
        if let Some(what) = what {
            notes.push(format!(
                "{name} is {what}: its rows are in the backup, and a restore makes a table of them"
            ));
        }
        if !table.left_out.is_empty() {
            notes.push(format!(
                "not in the backup of {name}: {}",
                table.left_out.join(", ")
            ));
        }
        if !table.relatives.is_empty() {
            notes.push(format!(
                "{name} inherits or is inherited from ({}): its files hold only its own rows, and it can be restored \
                 only into a table that exists",
                table.relatives.join(", ")
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::{MAX_PARTS, MIN_PAGES, parts_of};

    #[test]
    fn every_worker_has_as_many_parts_of_a_large_table() {
        assert_eq!(parts_of(5 * MIN_PAGES, 2), (6, MIN_PAGES / 2));
        assert_eq!(parts_of(6 * MIN_PAGES, 2), (6, MIN_PAGES / 2));
        assert_eq!(parts_of(500 * MIN_PAGES, 2), (MAX_PARTS, MIN_PAGES / 2));
        // With fewer parts than workers, files don't become smaller.
        assert_eq!(parts_of(2 * MIN_PAGES, 3), (MAX_PARTS, MIN_PAGES));
        assert_eq!(parts_of(0, 2), (MAX_PARTS, MIN_PAGES));
    }
}
