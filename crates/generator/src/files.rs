//! The same rows as files, without any database: one for each table, the dataset's SQL, and a script for psql
//! that loads them.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use database::copy_in::RowEncoder;
use database::{Cancel, identifier};
use dataset::Dataset;
use dataset::failure::{Kind, OrFail};
use tracing::field;

use crate::copy::TableReport;
use crate::dirt::Planted;
use crate::format::{Csv, Encoding};
use crate::load::{Options, Report, processors};
use crate::recipe::Recipe;
use crate::source::{Part, Source};

/// Rows of a part, which one thread makes: so many that handing it on costs nothing, so few that those
/// waiting for their turn stay small (a megabyte each).
const PART_ROWS: u64 = 10_000;

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// With a header, as Postgres's COPY writes it
    Csv,
    /// Postgres's own format, for COPY … (FORMAT binary)
    BinaryCopy,
}

impl FileFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::BinaryCopy => "bin",
        }
    }

    fn encoding(self) -> Encoding {
        match self {
            Self::Csv => Encoding::Csv(Csv::default()),
            Self::BinaryCopy => Encoding::Binary(RowEncoder::default()),
        }
    }

    /// The options of COPY that read it.
    fn copy_options(self) -> &'static str {
        match self {
            Self::Csv => "FORMAT csv, HEADER",
            Self::BinaryCopy => "FORMAT binary",
        }
    }
}

/// Writes the rows that `options` mean into `folder`, which is made if need be and must be empty.
///
/// Either all files are in it at the end, or nothing is.
///
/// # Errors
/// [`Kind::Usage`] for options that make no sense, [`Kind::Refused`] if the folder holds something or another
/// run writes it, [`Kind::Output`] if it cannot be written, [`Kind::Interrupted`].
pub fn write(
    folder: &Path,
    format: FileFormat,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    options.check()?;
    let start = Instant::now();
    let recipe = options.asked.or(&Recipe::default());
    let maker = options.maker()?;
    let staging = Staging::open(folder)?;
    let source = maker.plan(&recipe, options.size, cancel)?;
    let workers = options.workers.unwrap_or_else(processors);
    let loaded = Instant::now();
    let writer = Writer {
        folder: &staging.folder,
        format,
        source: source.as_ref(),
        workers,
        cancel,
    };
    let tables = writer.tables()?;
    let load_seconds = loaded.elapsed().as_secs_f64();
    for (name, text) in [
        ("schema.sql", &options.dataset.schema_sql),
        ("constraints.sql", &options.dataset.constraints_sql),
        (
            LOAD_SCRIPT,
            &load_script(&options.dataset, &options.schema, format),
        ),
    ] {
        let path = staging.folder.join(name);
        fs::write(&path, text).or_fail(Kind::Output, || cannot_write(&path))?;
    }
    cancel.check()?;
    staging.publish()?;
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
        folder: Some(folder.to_owned()),
        ..report
    })
}

const LOAD_SCRIPT: &str = "load.sql";

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

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// A folder inside the target in which everything is written; deleted with all else that is ours unless it
/// is published.
struct Staging {
    folder: PathBuf,
    target: PathBuf,
    lock: PathBuf,
    /// Whether the target was made for this run.
    is_new: bool,
    /// Locked for as long as it is open, also if the run is killed.
    _locked: File,
}

const STAGING: &str = ".extrato-loading";
const LOCK: &str = ".extrato-lock";

impl Staging {
    fn open(target: &Path) -> anyhow::Result<Self> {
        let refused = |why: &str| Kind::Refused.error(format!("{} {why}", target.display()));
        if target.is_file() {
            return Err(refused("is a file: name a folder with --to"));
        }
        let is_new = !target.exists();
        fs::create_dir_all(target).or_fail(Kind::Output, || cannot_write(target))?;
        let (folder, lock) = (target.join(STAGING), target.join(LOCK));
        let entries = || fs::read_dir(target).into_iter().flatten().flatten();
        let is_ours = |name: &std::ffi::OsStr| name == STAGING || name == LOCK;
        // A run that was killed may have left some files, but then with its staging folder.
        if !folder.exists() && entries().any(|entry| !is_ours(&entry.file_name())) {
            return Err(refused(
                "holds something: delete it, or name another folder with --to",
            ));
        }
        let locked = File::create(&lock).or_fail(Kind::Output, || cannot_write(target))?;
        match locked.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(refused(
                    "is being written by another generate: wait for its end",
                ));
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).or_fail(Kind::Output, || cannot_write(target));
            }
            Ok(()) => {}
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).or_fail(Kind::Output, || cannot_write(&folder))?;
        }
        fs::create_dir(&folder).or_fail(Kind::Output, || cannot_write(&folder))?;
        Ok(Self {
            folder,
            target: target.to_owned(),
            lock,
            is_new,
            _locked: locked,
        })
    }

    /// Moves the files into place, the script that loads them last.
    fn publish(mut self) -> anyhow::Result<()> {
        let entries =
            fs::read_dir(&self.folder).or_fail(Kind::Output, || cannot_write(&self.folder))?;
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort_by_key(|name| name == LOAD_SCRIPT);
        for name in names {
            let path = self.target.join(&name);
            fs::rename(self.folder.join(&name), &path)
                .or_fail(Kind::Output, || cannot_write(&path))?;
        }
        self.is_new = false;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, "{} could not be deleted", self.folder.display());
        }
        let _ = fs::remove_file(&self.lock);
        if self.is_new {
            let _ = fs::remove_dir(&self.target);
        }
    }
}

struct Writer<'a> {
    folder: &'a Path,
    format: FileFormat,
    source: &'a dyn Source,
    workers: usize,
    cancel: &'a Cancel,
}

/// A part of a table, encoded.
struct Made {
    bytes: Vec<u8>,
    rows: u64,
    planted: Planted,
}

impl Writer<'_> {
    fn tables(&self) -> anyhow::Result<Vec<(TableReport, Planted)>> {
        (0..self.source.tables().len())
            .map(|table| self.table(table))
            .collect()
    }

    /// Writes one table: workers make its parts, and this thread writes them in their order.
    fn table(&self, table: usize) -> anyhow::Result<(TableReport, Planted)> {
        let layout = &self.source.tables()[table];
        let path = self
            .folder
            .join(format!("{}.{}", layout.name, self.format.extension()));
        let begun = Instant::now();
        let rows_total = self.source.rows(table);
        let span = tracing::info_span!(
            "write",
            table = layout.name,
            rows_total,
            rows = field::Empty
        );
        let parts = self.source.parts(table, PART_ROWS);
        let mut file = File::create(&path).or_fail(Kind::Output, || cannot_write(&path))?;
        let mut report = TableReport {
            table: layout.name,
            rows: 0,
            bytes: 0,
            seconds: 0.0,
        };
        let mut planted = Planted::default();
        let mut put = |bytes: &[u8], rows: u64| {
            file.write_all(bytes)
                .or_fail(Kind::Output, || cannot_write(&path))?;
            report.rows += rows;
            report.bytes += bytes.len() as u64;
            span.record("rows", report.rows);
            anyhow::Ok(())
        };
        let mut around = self.format.encoding();
        around.format().header(layout);
        put(&around.format().take(Vec::new()), 0)?;
        // A worker takes a buffer before it takes a part; so only as many parts as there are buffers wait for
        // their turn, and the next one in turn always has one.
        let (buffer, buffers) = channel();
        for _ in 0..2 * self.workers {
            buffer.send(Vec::new())?;
        }
        let (buffers, next) = (Mutex::new(buffers), AtomicUsize::new(0));
        let (sender, made) = channel();
        thread::scope(|scope| {
            // Dropped at the end, so that no worker waits for them after a failure.
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
                put(&part.bytes, part.rows)?;
                planted.add(&part.planted);
                self.cancel.check()?;
                let _ = buffer.send(part.bytes);
            }
            anyhow::Ok(())
        })?;
        around.format().trailer();
        put(&around.format().take(Vec::new()), 0)?;
        report.seconds = begun.elapsed().as_secs_f64();
        tracing::info!(table = layout.name, rows = report.rows, "written");
        Ok((report, planted))
    }

    /// Makes parts until there are no more, or nobody wants them.
    fn make(
        &self,
        table: usize,
        parts: &[Part],
        next: &AtomicUsize,
        buffers: &Mutex<Receiver<Vec<u8>>>,
        sender: &Sender<(usize, Made)>,
    ) {
        let mut encoding = self.format.encoding();
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
            };
            if sender.send((index, made)).is_err() {
                return;
            }
        }
    }
}
