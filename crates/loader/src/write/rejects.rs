//! Rejects: each broken rule of each refused row, in `DIR/<table>.csv` and in the table `extrato_reject`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use database::catalogue::identifier::qualified;
use dataset::failure::{Kind, OrFail};
use postgres::Client;
use values::rule::Violation;
use values::text;

use crate::input::find::TableFiles;
use crate::options::{DEFAULT_MAX_REJECTS, Options};
use crate::report::Rows;
use crate::write::left_rejects::{self, HEADER};
use crate::write::reasons::{self, Reasons};
use storage::source::Source;

/// The table that holds the rejects.
pub(crate) const TABLE: &str = "extrato_reject";
/// How many bytes a line takes beside the raw text, more or less.
const LINE_BYTES: usize = 256;
/// How many bytes are sent to the server at once.
const SEND_BYTES: usize = 64 << 10;

/// The statement that makes the table in a schema.
pub(crate) fn create_sql(schema: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (
             load_id bigint NOT NULL, table_name text NOT NULL, file text NOT NULL, line bigint NOT NULL,
             byte_offset bigint NOT NULL, column_name text NOT NULL, rule text NOT NULL, message text NOT NULL,
             raw text NOT NULL)",
        qualified(schema, TABLE)
    )
}

/// Where a record is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// The file, as it was named.
    pub file: &'a str,
    /// The physical line that the record begins on, from 1.
    pub line: u64,
    /// The offset of its first byte in the (decompressed) file.
    pub byte_offset: u64,
}

/// Writes rejects into files, and from these into the table.
pub(crate) struct Rejects {
    folder: PathBuf,
    load_id: i64,
    /// The files of the loads that this one goes on from.
    kept: Vec<PathBuf>,
    files: BTreeMap<String, Out>,
}

/// An earlier load that did something of the files of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EarlierLoad {
    pub(crate) id: i64,
    /// How many rows of the table it rejected and recorded as done.
    pub(crate) rejected: u64,
}

/// A table, and the earlier loads of files of it that this load leaves out or goes on from.
pub(crate) struct Continued<'t> {
    pub(crate) table: &'t str,
    pub(crate) loads: Vec<EarlierLoad>,
}

struct Out {
    path: PathBuf,
    file: BufWriter<File>,
    written: u64,
    /// How many bytes of the file are in the table, in the running transaction.
    published: u64,
    /// How many bytes of the file are in the table, in committed transactions.
    committed: u64,
    /// The file whose row was rejected last, and the reasons of its rows.
    file_name: String,
    of_file: Reasons,
    /// The reasons of rows of the files before it.
    of_others: Reasons,
}

impl Out {
    /// The reasons of all rows.
    fn reasons(&self) -> Reasons {
        let mut all = self.of_others.clone();
        all.extend(self.of_file.clone());
        all
    }
}

impl Rejects {
    /// Opens the rejects of the load `load_id` in `folder`, which is made if needed. A file of rejects that an earlier
    /// load of one of these tables left there is removed, unless this load goes on from that one: then the rejects of the
    /// rows that are not judged again are kept as `<table>.load-<its id>.csv`.
    ///
    /// # Errors
    /// [`Kind::Output`] if the folder cannot be written, or holds a file with a table's name that doesn't hold
    /// rejects.
    pub(crate) fn open(
        folder: &Path,
        load_id: i64,
        tables: &[Continued<'_>],
    ) -> anyhow::Result<Self> {
        let failed = || format!("cannot write rejects into {}", folder.display());
        fs::create_dir_all(folder).or_fail(Kind::Output, failed)?;
        let mut kept = Vec::new();
        for Continued { table, loads } in tables {
            let path = path_of(folder, table);
            if let Ok(file) = File::open(&path) {
                let done = |id| {
                    let load = loads.iter().find(|load| load.id == id);
                    load.map(|load| load.rejected)
                };
                let left = left_rejects::read(file, done)
                    .or_fail(Kind::Output, failed)?
                    .ok_or_else(|| {
                        Kind::Output.error(format!(
                            "{} is not a file of rejects and would be overwritten: name another folder with --rejects",
                            path.display()
                        ))
                    })?;
                match left.load_id {
                    Some(former) => left_rejects::keep(&path, &left, |number| {
                        path_of(folder, &kept_name(table, former, number))
                    }),
                    None => fs::remove_file(&path),
                }
                .or_fail(Kind::Output, failed)?;
            }
            let of_table = loads.iter().flat_map(|load| {
                let names = (1..).map(move |number| kept_name(table, load.id, number));
                names
                    .map(|name| path_of(folder, &name))
                    .take_while(|path| path.exists())
            });
            kept.extend(of_table);
        }
        // A folder that cannot be written should be known before the first row is read.
        let probe = folder.join(".extrato-probe");
        File::create(&probe)
            .and_then(|_| fs::remove_file(&probe))
            .or_fail(Kind::Output, failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            load_id,
            kept,
            files: BTreeMap::new(),
        })
    }

    /// Records one broken rule of a row.
    ///
    /// # Errors
    /// [`Kind::Output`], as on a full disk.
    pub(crate) fn write(
        &mut self,
        table: &str,
        place: Place<'_>,
        violation: &Violation,
        raw: &str,
    ) -> anyhow::Result<()> {
        let mut line = Vec::with_capacity(raw.len() + LINE_BYTES);
        text::integer(self.load_id, &mut line);
        for named in [table, place.file] {
            line.push(b',');
            field(named, &mut line);
        }
        for number in [place.line, place.byte_offset] {
            line.push(b',');
            text::integer(number, &mut line);
        }
        let Violation {
            column,
            rule,
            message,
        } = violation;
        for told in [column, rule.name(), message, raw] {
            line.push(b',');
            field(told, &mut line);
        }
        line.push(b'\n');
        if !self.files.contains_key(table) {
            let path = path_of(&self.folder, table);
            // Read again through the same opening, so that a file without a name can still be recorded.
            let file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .or_fail(Kind::Output, || format!("cannot write {}", path.display()))?;
            let mut file = BufWriter::new(file);
            file.write_all(HEADER.as_bytes())
                .or_fail(Kind::Output, || format!("cannot write {}", path.display()))?;
            let out = Out {
                path,
                file,
                written: HEADER.len() as u64,
                published: HEADER.len() as u64,
                committed: HEADER.len() as u64,
                file_name: place.file.to_owned(),
                of_file: Reasons::default(),
                of_others: Reasons::default(),
            };
            self.files.insert(table.to_owned(), out);
        }
        if let Some(out) = self.files.get_mut(table) {
            out.file.write_all(&line).or_fail(Kind::Output, || {
                format!("cannot write {}", out.path.display())
            })?;
            out.written += line.len() as u64;
            if out.file_name != place.file {
                out.file_name = place.file.to_owned();
                out.of_others.extend(std::mem::take(&mut out.of_file));
            }
            out.of_file.add(violation, place.file, place.line, raw);
        }
        Ok(())
    }

    /// The commonest reasons why rows of a table, or of all of them, are rejected, a line for each.
    pub(crate) fn commonest(&self, of_table: Option<&str>) -> String {
        let wanted = |table: &str| of_table.is_none_or(|only| only == table);
        let outs = self.files.iter().filter(|(table, _)| wanted(table));
        let all: Vec<_> = outs.map(|(table, out)| (table, out.reasons())).collect();
        reasons::commonest(all.iter().map(|(table, reasons)| (table.as_str(), reasons)))
    }

    /// The reasons why rows of that file of a table are rejected of which one was rejected last.
    pub(crate) fn of_last_file(&self, table: &str) -> Option<&Reasons> {
        self.files.get(table).map(|out| &out.of_file)
    }

    /// Checks that no more of these rows were rejected than the options allow: rows of the whole load, or of a file of a
    /// table, `of_file`.
    ///
    /// # Errors
    /// [`Kind::Refused`] with the commonest reasons.
    pub(crate) fn check_limit(
        &self,
        options: &Options,
        rows: &Rows,
        of_file: Option<(&str, &str)>,
    ) -> anyhow::Result<()> {
        let Some(limit) = options.max_rejects else {
            return Ok(());
        };
        if !limit.is_exceeded(rows.rejected, rows.read) {
            return Ok(());
        }
        let (place, commonest) = match of_file {
            Some((table, file)) => {
                let of_file = self.of_last_file(table).map(|reasons| (table, reasons));
                (
                    format!(" of {file}"),
                    reasons::commonest(of_file.into_iter()),
                )
            }
            None => (String::new(), self.commonest(None)),
        };
        Err(Kind::Refused.error(format!(
            "{} of {} rows{place} were rejected, more than --max-rejects {limit} allows. The commonest reasons:{commonest}",
            rows.rejected, rows.read
        )))
    }

    /// Checks that at most a tenth of the rows of a table were rejected, unless the options give another limit.
    ///
    /// # Errors
    /// [`Kind::Refused`] with the commonest reasons and the way out.
    pub(crate) fn check_default_limit(
        &self,
        options: &Options,
        table: &str,
        rejected: u64,
        read: u64,
    ) -> anyhow::Result<()> {
        if options.max_rejects.is_some() || !DEFAULT_MAX_REJECTS.is_exceeded(rejected, read) {
            return Ok(());
        }
        Err(Kind::Refused.error(format!(
            "{rejected} of {read} rows of {table} were rejected, more than the tenth of a table's rows that is allowed \
             unless --max-rejects says how many may be (100% for any number). The commonest reasons:{}",
            self.commonest(Some(table))
        )))
    }

    /// The files that hold rejects of the loads that this one goes on from.
    pub(crate) fn kept(&self) -> &[PathBuf] {
        &self.kept
    }

    /// Whether this load has no rejects.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Notes that the transaction in which rejects were published was committed.
    pub(crate) fn committed(&mut self) {
        for out in self.files.values_mut() {
            out.committed = out.published;
        }
    }

    /// Notes that the transaction in which rejects were published was rolled back.
    pub(crate) fn rolled_back(&mut self) {
        for out in self.files.values_mut() {
            out.published = out.committed;
        }
    }

    /// Makes sure that all rejects are in their files.
    ///
    /// # Errors
    /// [`Kind::Output`], as on a full disk.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        for out in self.files.values_mut() {
            out.file.flush().or_fail(Kind::Output, || {
                format!("cannot write {}", out.path.display())
            })?;
        }
        Ok(())
    }

    /// Checks that nobody has removed the files of rejects since this load began.
    ///
    /// # Errors
    /// [`Kind::Output`] with the way out.
    pub(crate) fn check_there(&self) -> anyhow::Result<()> {
        for out in self.files.values() {
            let has_name = |file: &File| file.metadata().is_ok_and(|file| file.nlink() > 0);
            if !out.path.exists() || !has_name(out.file.get_ref()) {
                return Err(Kind::Output.error(format!(
                    "{} was removed while this load wrote rejects into it: load again",
                    out.path.display()
                )));
            }
        }
        Ok(())
    }

    /// Copies the rejects that are not in the table of `schema` yet into it, in the client's transaction.
    ///
    /// # Errors
    /// Errors of the server; [`Kind::Output`].
    pub(crate) fn publish(&mut self, client: &mut Client, schema: &str) -> anyhow::Result<()> {
        self.flush()?;
        let target = qualified(schema, TABLE);
        for out in self.files.values_mut() {
            if out.published == out.written {
                continue;
            }
            let failed = || format!("cannot read {} again", out.path.display());
            let mut position = out.published;
            let mut writer = client
                .copy_in(&format!("COPY {target} FROM STDIN (FORMAT csv)"))
                .with_context(|| format!("cannot copy into {target}"))?;
            let mut buffer = vec![0; SEND_BYTES];
            loop {
                let file = out.file.get_ref();
                let count = file
                    .read_at(&mut buffer, position)
                    .or_fail(Kind::Output, failed)?;
                if count == 0 {
                    break;
                }
                position += count as u64;
                writer
                    .write_all(&buffer[..count])
                    .with_context(|| format!("cannot copy into {target}"))?;
            }
            writer
                .finish()
                .with_context(|| format!("cannot copy into {target}"))?;
            out.published = out.written;
        }
        Ok(())
    }
}

/// The file of a table's rejects.
pub(crate) fn path_of(folder: &Path, table: &str) -> PathBuf {
    // A table's name may hold characters that a file's cannot.
    folder.join(format!("{}.csv", table.replace(['/', '\0'], "_")))
}

/// The name under which the rejects of a table of an earlier load are kept; `number` tells apart loads of the same id,
/// as those of two schemas.
fn kept_name(table: &str, load_id: i64, number: u32) -> String {
    match number {
        1 => format!("{table}.load-{load_id}"),
        number => format!("{table}.load-{load_id}-{number}"),
    }
}

/// Refuses to read a file that the rejects would be written over.
///
/// # Errors
/// [`Kind::Usage`] with the way out.
pub(crate) fn refuse_inputs(folder: &Path, inputs: &[TableFiles]) -> anyhow::Result<()> {
    for of_table in inputs {
        let Ok(rejects) = path_of(folder, &of_table.table).canonicalize() else {
            continue;
        };
        for source in inputs.iter().flat_map(|inputs| &inputs.sources) {
            if let Source::File(path) = source
                && path.canonicalize().is_ok_and(|path| path == rejects)
            {
                return Err(Kind::Usage.error(format!(
                    "{} would be overwritten by its rejects: name another folder with --rejects",
                    path.display()
                )));
            }
        }
    }
    Ok(())
}

/// Appends a text as a field of CSV: between quotes always, so that an empty text is not NULL; NUL, which a message may
/// repeat, as `\x00`.
fn field(text: &str, line: &mut Vec<u8>) {
    match text.contains('\0') {
        false => text::csv_quoted(text, line),
        true => text::csv_quoted(&text.replace('\0', "\\x00"), line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(loads: &[(i64, u64)]) -> [Continued<'static>; 1] {
        let loads = loads.iter().map(|(id, rejected)| EarlierLoad {
            id: *id,
            rejected: *rejected,
        });
        [Continued {
            table: "customer",
            loads: loads.collect(),
        }]
    }

    #[test]
    fn rejects_of_a_load_that_is_continued_are_kept_whole_and_never_over_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_of(folder.path(), "customer");
        let reject = |line: u32, rule: &str| {
            format!("7,\"customer\",\"a,\"\"f\",{line},{line}0,\"n\",\"{rule}\",\"m\",\"a\nb\"\n")
        };
        let [first, again, second] =
            [(1, "type"), (1, "range"), (2, "type")].map(|(line, rule)| reject(line, rule));
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("read");
        let both = format!("{HEADER}{first}{again}{second}");
        let one = format!("{HEADER}{first}{again}");
        // What a killed load did not come to write is cut off, and so is what it did not come to commit.
        for (text, rejected, kept, name) in [
            (
                format!("{both}{}", &first[..first.len() - 3]),
                9,
                &both,
                "customer.load-7.csv",
            ),
            (format!("{both}7,\"cust"), 2, &both, "customer.load-7-2.csv"),
            (both.clone(), 1, &one, "customer.load-7-3.csv"),
        ] {
            fs::write(&path, text).expect("written");
            let loads = customer(&[(7, rejected), (8, 0)]);
            let rejects = Rejects::open(folder.path(), 9, &loads).expect("opened");
            assert!(!path.exists());
            assert_eq!(read(name), *kept);
            assert_eq!(rejects.kept().last(), Some(&folder.path().join(name)));
        }
        // What another load left, or what this one judges again, is removed.
        for (id, rejected) in [(8, 2), (7, 0)] {
            fs::write(&path, &both).expect("written");
            let loads = customer(&[(id, rejected)]);
            let rejects = Rejects::open(folder.path(), 9, &loads).expect("opened");
            assert!(!path.exists());
            assert_eq!(rejects.kept().len(), if id == 8 { 0 } else { 3 });
        }
    }

    #[test]
    fn fields_are_quoted_and_nul_is_shown() {
        let mut line = Vec::new();
        field("a\\xe9\0b\"c", &mut line);
        assert_eq!(line, b"\"a\\xe9\\x00b\"\"c\"");
    }

    #[test]
    fn a_file_that_is_none_of_rejects_is_not_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_of(folder.path(), "customer");
        fs::write(&path, "id;name\n1;x\n").expect("written");
        assert!(Rejects::open(folder.path(), 1, &customer(&[])).is_err());
        assert_eq!(fs::read_to_string(&path).expect("read"), "id;name\n1;x\n");
        for left in [HEADER, &HEADER[..9], ""] {
            fs::write(&path, left).expect("written");
            Rejects::open(folder.path(), 1, &customer(&[])).expect("opened");
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_no_reject_is_lost_silently() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rejects = Rejects::open(folder.path(), 1, &customer(&[])).expect("opened");
        std::os::unix::fs::symlink("/dev/full", path_of(folder.path(), "customer"))
            .expect("a link");
        let violation = Violation {
            column: "id".to_owned(),
            rule: values::rule::Rule::Type,
            message: "`x` is not an integer".to_owned(),
        };
        let place = Place {
            file: "customer.csv",
            line: 1,
            byte_offset: 0,
        };
        let error = rejects
            .write("customer", place, &violation, "x")
            .and_then(|()| rejects.flush())
            .expect_err("full");
        let kind = dataset::failure::Failure::kind_of(&error);
        assert_eq!(kind, Some(Kind::Output), "{error:#}");
    }
}
