//! Rows as files, without any database.
//!
//! There is one file for each table, with the dataset's SQL and a script for psql that loads the files. CSV files of a dataset
//! whose files have a dialect are different: they are made for `load`, in that dialect, and come with a list of the faults in
//! them.
//!
//! Files are written table by table. Several threads make the parts of a table, in any order; one thread writes the parts in
//! the table's order, so the bytes don't depend on the number of threads.

pub mod describe;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use database::Cancel;
use database::catalogue::identifier;
use dataset::Dataset;
use dataset::failure::{Kind, OrFail};
use storage::file::OpenFile;
use storage::fill::{Filling, cannot_write};
use storage::place::Place;
use tracing::field;

use crate::encode::file_format::FileFormat;
use crate::encode::notes::{FaultAt, LIST_HEADER, Notes};
use crate::options::{Options, processors};
use crate::recipe::Recipe;
use crate::report::{Report, TableReport};
use crate::table::RowSource;
use crate::table::faults::FaultCounts;
use crate::table::layout::{Layout, Part};

/// How many rows a part has, which one thread makes: so many that handing it on costs nothing, and so few that parts waiting for
/// their turn stay small (a megabyte each).
const PART_ROWS: u64 = 10_000;

/// Writes the rows that `options` mean to the place `to`, which must be empty; a folder is created if needed.
///
/// At the end, either all files are there, or none.
///
/// # Errors
/// [`Kind::Usage`] for options that make no sense, [`Kind::Refused`] if the place holds something or another
/// run is writing to it, [`Kind::Output`] if it cannot be written to, [`Kind::Interrupted`].
pub fn write(
    to: &Place,
    format: FileFormat,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let to = to.clone().cancelled_by(cancel);
    let written = write_all(&to, format, options, cancel);
    // The error of a request that was cut short tells less.
    written.map_err(|error| cancel.check().err().unwrap_or(error))
}

fn write_all(
    to: &Place,
    format: FileFormat,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    options.check()?;
    let start = Instant::now();
    let recipe = options.asked.or(&Recipe::default());
    let known = options.known_dataset()?;
    let layouts = known.layouts();
    let is_for_load =
        format == FileFormat::Csv && layouts.iter().any(|table| table.dialect.is_some());
    let beside = match is_for_load {
        true => &[PLANTED][..],
        false => &[SCHEMA_SQL, CONSTRAINTS_SQL, LOAD_SCRIPT],
    };
    let names = layouts.iter().map(|table| file_name(table, format));
    let names = names.chain(beside.iter().map(|name| (*name).to_owned()));
    let staging = Filling::open(to, names.collect())?;
    let source = known.plan(&recipe, options.size, cancel)?;
    let workers = options.workers.unwrap_or_else(processors);
    let loaded = Instant::now();
    let folder = staging.folder();
    let writer = Writer {
        folder: &folder,
        format,
        source: source.as_ref(),
        workers,
        cancel,
    };
    let tables = if is_for_load {
        let mut list = List::create(&folder)?;
        let tables = writer.tables(Some(&mut list))?;
        list.0.finish(PLANTED.to_owned(), 0)?;
        tables
    } else {
        let (dataset, schema) = (&options.dataset, &options.schema);
        writer.file(SCHEMA_SQL, &dataset.schema_sql)?;
        writer.file(CONSTRAINTS_SQL, &dataset.constraints_sql)?;
        let tables = writer.tables(None)?;
        folder
            .settle()
            .or_fail(Kind::Output, || cannot_write(&folder))?;
        writer.file(LOAD_SCRIPT, &load_script(dataset, schema, format))?;
        tables
    };
    let load_seconds = loaded.elapsed().as_secs_f64();
    cancel.check()?;
    staging.publish(LOAD_SCRIPT)?;
    let report = Report::new(
        options,
        &recipe,
        source.as_ref(),
        tables,
        workers,
        (load_seconds, 0.0),
        start,
    );
    Ok(Report {
        folder: Some(to.clone()),
        ..report
    })
}

const SCHEMA_SQL: &str = "schema.sql";
const CONSTRAINTS_SQL: &str = "constraints.sql";
const LOAD_SCRIPT: &str = "load.sql";
const PLANTED: &str = "planted.csv";

/// The list of the faults in the files.
struct List(OpenFile);

impl List {
    fn create(folder: &Place) -> anyhow::Result<Self> {
        let mut list = Self(OpenFile::create(&folder.join(PLANTED))?);
        list.write(LIST_HEADER)?;
        Ok(list)
    }

    fn write(&mut self, lines: &str) -> anyhow::Result<()> {
        self.0.append(lines.as_bytes())
    }
}

/// The name of a table's file.
fn file_name(table: &Layout, format: FileFormat) -> String {
    match table.dialect {
        Some(dialect) if format == FileFormat::Csv => dialect.file.to_owned(),
        _ => format!("{}.{}", table.name, format.extension()),
    }
}

fn load_script(dataset: &Dataset, schema: &str, format: FileFormat) -> String {
    let schema = identifier::quoted(schema);
    let mut script = format!(
        "-- Loads these files: psql --single-transaction -v ON_ERROR_STOP=1 -f {LOAD_SCRIPT}, in this folder.\n\
         \\encoding UTF8\nCREATE SCHEMA {schema};\nSET search_path TO {schema};\n\\ir schema.sql\n"
    );
    for table in &dataset.tables {
        let name = &table.name;
        script += &format!(
            "\\copy {name} FROM '{name}.{}' WITH ({})\n",
            format.extension(),
            format.copy_options()
        );
    }
    script + "\\ir constraints.sql\nANALYZE;\n"
}

struct Writer<'a> {
    folder: &'a Place,
    format: FileFormat,
    source: &'a dyn RowSource,
    workers: usize,
    cancel: &'a Cancel,
}

/// An encoded part of a table.
struct Made {
    bytes: Vec<u8>,
    rows: u64,
    planted: FaultCounts,
    notes: Notes,
}

/// The bytes of a part; of the `last` one, without the last line end if the dialect leaves that out.
fn trimmed<'a>(bytes: &'a [u8], table: &Layout, last: bool) -> &'a [u8] {
    match table.dialect {
        Some(dialect) if last && !dialect.final_line_end => {
            let end = dialect.line_end.as_bytes();
            bytes.strip_suffix(end).unwrap_or(bytes)
        }
        _ => bytes,
    }
}

impl Writer<'_> {
    /// Writes a file of this name.
    fn file(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let place = self.folder.join(name);
        let written = place.create(text.as_bytes());
        written.or_fail(Kind::Output, || cannot_write(&place))
    }

    fn tables(
        &self,
        mut list: Option<&mut List>,
    ) -> anyhow::Result<Vec<(TableReport, FaultCounts)>> {
        (0..self.source.tables().len())
            .map(|table| self.table(table, list.as_deref_mut()))
            .collect()
    }

    /// Writes one table: workers make its parts, and this thread writes them in their order.
    fn table(
        &self,
        table: usize,
        mut list: Option<&mut List>,
    ) -> anyhow::Result<(TableReport, FaultCounts)> {
        let layout = &self.source.tables()[table];
        let name = file_name(layout, self.format);
        let begun = Instant::now();
        let rows_total = self.source.rows(table);
        let span = tracing::info_span!(
            "write",
            table = layout.name,
            rows_total,
            rows = field::Empty
        );
        let parts = self.source.parts(table, PART_ROWS);
        let mut file = OpenFile::create(&self.folder.join(&name))?;
        let mut report = TableReport {
            table: layout.name,
            rows: 0,
            bytes: 0,
            seconds: 0.0,
        };
        let mut planted = FaultCounts::default();
        let mut put = |bytes: &[u8], rows: u64| {
            file.append(bytes)?;
            report.rows += rows;
            report.bytes += bytes.len() as u64;
            span.record("rows", report.rows);
            anyhow::Ok(())
        };
        let mut encoding = self.format.encoding(layout);
        let mut lines = 0;
        encoding.buffer().header(layout);
        put(&encoding.buffer().take(Vec::new()), 0)?;
        lines += encoding.buffer().notes().lines;
        // A worker takes a buffer before it takes a part. So no more parts wait for their turn than there are
        // buffers, and the part whose turn it is always has one.
        let (buffer, buffers) = channel();
        for _ in 0..2 * self.workers {
            buffer.send(Vec::new())?;
        }
        let (buffers, next) = (Mutex::new(buffers), AtomicUsize::new(0));
        let (sender, made) = channel();
        thread::scope(|scope| {
            // Dropped at the end of this scope, so that no worker waits for a buffer after a failure.
            let (buffer, made) = (buffer, made);
            let (buffers, parts, next) = (&buffers, &parts, &next);
            for _ in 0..self.workers {
                let sender = sender.clone();
                scope.spawn(move || self.make(table, parts, next, buffers, &sender));
            }
            drop(sender);
            let mut early = BTreeMap::new();
            for turn in 0..parts.len() {
                let part: Made = loop {
                    if let Some(part) = early.remove(&turn) {
                        break part;
                    }
                    let Ok((index, part)) = made.recv() else {
                        self.cancel.check()?;
                        anyhow::bail!("the threads that make rows ended");
                    };
                    early.insert(index, part);
                };
                let last = turn + 1 == parts.len();
                put(trimmed(&part.bytes, layout, last), part.rows)?;
                planted.add(&part.planted);
                let placed = part.notes.faults.into_iter().map(|note| FaultAt {
                    line: lines + note.line,
                    ..note
                });
                if let Some(list) = &mut list {
                    let listed: String = placed.map(|note| note.line_of(&name)).collect();
                    list.write(&listed)?;
                }
                lines += part.notes.lines;
                self.cancel.check()?;
                let _ = buffer.send(part.bytes);
            }
            anyhow::Ok(())
        })?;
        encoding.buffer().trailer();
        put(&encoding.buffer().take(Vec::new()), 0)?;
        file.finish(name, 0)?;
        report.seconds = begun.elapsed().as_secs_f64();
        tracing::info!(table = layout.name, rows = report.rows, "written");
        Ok((report, planted))
    }

    /// Makes parts until there are no more, or nobody takes them.
    fn make(
        &self,
        table: usize,
        parts: &[Part],
        next: &AtomicUsize,
        buffers: &Mutex<Receiver<Vec<u8>>>,
        sender: &Sender<(usize, Made)>,
    ) {
        let mut encoding = self.format.encoding(&self.source.tables()[table]);
        loop {
            let taken = buffers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv();
            let Ok(mut bytes) = taken else { return };
            bytes.clear();
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(index) else {
                return;
            };
            let mut rows = 0;
            let gathered =
                self.source
                    .encode(table, part, &mut encoding, &mut |block: Vec<u8>, more| {
                        self.cancel.check()?;
                        bytes.extend_from_slice(&block);
                        rows += more;
                        Ok(block)
                    });
            let Ok(planted) = gathered else { return };
            let made = Made {
                bytes,
                rows,
                planted,
                notes: encoding.buffer().notes(),
            };
            if sender.send((index, made)).is_err() {
                return;
            }
        }
    }
}
