//! Rejects: each broken rule of each rejected row, in `PLACE/<table>.csv` and in the table `extrato_reject`.
//!
//! Files are written to disk as rows are rejected. Objects in a bucket cannot grow: if the rejects go into one, the files are
//! first written to a folder of the load's own, and put into the bucket whole, before each commit and at the end.

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
use crate::write::left_rejects::{self, Continued, HEADER, file_name};
use crate::write::reasons::{self, Reasons};
use storage::place::Place;
use storage::source::Source;
use tempfile::TempDir;

/// The name of the table that holds the rejects.
pub(crate) const TABLE: &str = "extrato_reject";
/// About how many bytes a line takes, apart from the raw text.
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
pub(crate) struct RowPlace<'a> {
    /// The file, as it was named.
    pub file: &'a str,
    /// The physical line that the record begins on, from 1.
    pub line: u64,
    /// The offset of the record's first byte in the (decompressed) file.
    pub byte_offset: u64,
}

/// Writes rejects into files, and copies them from there into the table.
pub(crate) struct Rejects {
    place: Place,
    /// The load's own folder, for rejects that go into a bucket.
    own_folder: Option<TempDir>,
    load_id: i64,
    /// The files of the loads that this load continues.
    kept: Vec<Place>,
    files: BTreeMap<String, Out>,
}

struct Out {
    path: PathBuf,
    file: BufWriter<File>,
    written: u64,
    /// How many bytes of the file are in the bucket.
    put: u64,
    /// How many bytes of the file are in the table, in the running transaction.
    published: u64,
    /// How many bytes of the file are in the table, in committed transactions.
    committed: u64,
    /// The file of input whose row was rejected last; `of_file` has the reasons of its rows.
    file_name: String,
    of_file: Reasons,
    /// The reasons of rows of earlier files.
    of_others: Reasons,
}

impl Out {
    /// The reasons of the rows of all files.
    fn reasons(&self) -> Reasons {
        let mut all = self.of_others.clone();
        all.extend(self.of_file.clone());
        all
    }
}

impl Rejects {
    /// Opens the rejects of the load `load_id` at a place, which is created if needed. Rejects that earlier loads of these tables
    /// left there are cleared away: see [`left_rejects::clear`].
    ///
    /// # Errors
    /// [`Kind::Output`] if nothing can be written there, or if a file with a table's name doesn't hold rejects.
    pub(crate) fn open(
        place: &Place,
        load_id: i64,
        tables: &[Continued<'_>],
    ) -> anyhow::Result<Self> {
        let failed = || format!("cannot write rejects into {place}");
        let own_folder = match place {
            Place::Disk(folder) => fs::create_dir_all(folder).map(|()| None),
            Place::Bucket(_) => tempfile::tempdir().map(Some),
        }
        .or_fail(Kind::Output, failed)?;
        let kept = left_rejects::clear(place, tables)?;
        // If the place cannot be written to, that should be known before the first row is read.
        let probe = place.join(".extrato-probe");
        probe
            .write(&[])
            .and_then(|()| probe.delete())
            .or_fail(Kind::Output, failed)?;
        Ok(Self {
            place: place.clone(),
            own_folder,
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
        place: RowPlace<'_>,
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
            let folder = self.own_folder.as_ref().map(TempDir::path);
            let folder = folder.or(self.place.path()).unwrap_or(Path::new(""));
            let path = folder.join(file_name(table));
            // The file is read through the same handle, so that it can still be recorded after it has lost its name.
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
                put: 0,
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

    /// The commonest reasons why rows of a table, or of all tables, are rejected, one reason a line.
    pub(crate) fn commonest(&self, of_table: Option<&str>) -> String {
        let wanted = |table: &str| of_table.is_none_or(|only| only == table);
        let outs = self.files.iter().filter(|(table, _)| wanted(table));
        let all: Vec<_> = outs.map(|(table, out)| (table, out.reasons())).collect();
        reasons::commonest(all.iter().map(|(table, reasons)| (table.as_str(), reasons)))
    }

    /// The reasons why rows of a table's file are rejected, for the file that had the last reject.
    pub(crate) fn of_last_file(&self, table: &str) -> Option<&Reasons> {
        self.files.get(table).map(|out| &out.of_file)
    }

    /// Checks that no more rows were rejected than the options allow. The rows are those of the whole load or, with `of_file`, of
    /// one file of a table.
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
            "{rejected} of {read} rows of {table} were rejected, more than a tenth of the table's rows, which is the \
             limit unless --max-rejects gives another (100% for any number). The commonest reasons:{}",
            self.commonest(Some(table))
        )))
    }

    /// The files that hold rejects of the loads that this load continues.
    pub(crate) fn kept(&self) -> &[Place] {
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
    fn flush(&mut self) -> anyhow::Result<()> {
        for out in self.files.values_mut() {
            out.file.flush().or_fail(Kind::Output, || {
                format!("cannot write {}", out.path.display())
            })?;
        }
        Ok(())
    }

    /// Makes sure that all rejects are in their files, and that these are in the bucket if the rejects go there.
    ///
    /// # Errors
    /// [`Kind::Output`] if the rejects cannot be written.
    pub(crate) fn put(&mut self) -> anyhow::Result<()> {
        self.flush()?;
        if self.own_folder.is_none() {
            return Ok(());
        }
        for (table, out) in self
            .files
            .iter_mut()
            .filter(|(_, out)| out.put < out.written)
        {
            let place = self.place.join(&file_name(table));
            let file = File::open(&out.path);
            let file = file.or_fail(Kind::Output, || {
                format!("cannot read {} again", out.path.display())
            })?;
            left_rejects::copy(file, &place)?;
            out.put = out.written;
        }
        Ok(())
    }

    /// Whether all rejects are at the place where they belong.
    pub(crate) fn are_there(&self) -> bool {
        self.own_folder.is_none() || self.files.values().all(|out| out.put == out.written)
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

/// Refuses to load a file that the rejects would overwrite.
///
/// # Errors
/// [`Kind::Usage`] with the way out.
pub(crate) fn refuse_inputs(place: &Place, inputs: &[TableFiles]) -> anyhow::Result<()> {
    let sources = || inputs.iter().flat_map(|inputs| &inputs.sources);
    for of_table in inputs {
        let rejects = place.join(&file_name(&of_table.table));
        let is_same = |source: &&Source| match (source, &rejects) {
            (Source::File(path), Place::Disk(rejects)) => rejects
                .canonicalize()
                .is_ok_and(|rejects| path.canonicalize().is_ok_and(|path| path == rejects)),
            (Source::Object(_), Place::Bucket(rejects)) => source.name() == rejects.to_string(),
            _ => false,
        };
        if let Some(source) = sources().find(is_same) {
            return Err(Kind::Usage.error(format!(
                "{} would be overwritten by its rejects: name another place with --rejects",
                source.name()
            )));
        }
    }
    Ok(())
}

/// Appends a text as a field of CSV. It is always quoted, so that an empty text is not NULL. NUL, which a message may
/// repeat, is written as `\x00`.
fn field(text: &str, line: &mut Vec<u8>) {
    match text.contains('\0') {
        false => text::csv_quoted(text, line),
        true => text::csv_quoted(&text.replace('\0', "\\x00"), line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::left_rejects::EarlierLoad;

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
        let path = folder.path().join("customer.csv");
        let reject = |line: u32, rule: &str| {
            format!("7,\"customer\",\"a,\"\"f\",{line},{line}0,\"n\",\"{rule}\",\"m\",\"a\nb\"\n")
        };
        let [first, again, second] =
            [(1, "type"), (1, "range"), (2, "type")].map(|(line, rule)| reject(line, rule));
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("read");
        let both = format!("{HEADER}{first}{again}{second}");
        let one = format!("{HEADER}{first}{again}");
        // What a killed load did not finish writing is cut off, and so is what it did not commit.
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
            let rejects = Rejects::open(&Place::from(folder.path()), 9, &loads).expect("opened");
            assert!(!path.exists());
            assert_eq!(read(name), *kept);
            assert_eq!(
                rejects.kept().last(),
                Some(&folder.path().join(name).into())
            );
        }
        // What another load left, and what this load judges again, is removed.
        for (id, rejected) in [(8, 2), (7, 0)] {
            fs::write(&path, &both).expect("written");
            let loads = customer(&[(id, rejected)]);
            let rejects = Rejects::open(&Place::from(folder.path()), 9, &loads).expect("opened");
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
        let path = folder.path().join("customer.csv");
        fs::write(&path, "id;name\n1;x\n").expect("written");
        assert!(Rejects::open(&Place::from(folder.path()), 1, &customer(&[])).is_err());
        assert_eq!(fs::read_to_string(&path).expect("read"), "id;name\n1;x\n");
        for left in [HEADER, &HEADER[..9], ""] {
            fs::write(&path, left).expect("written");
            Rejects::open(&Place::from(folder.path()), 1, &customer(&[])).expect("opened");
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_no_reject_is_lost_silently() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rejects =
            Rejects::open(&Place::from(folder.path()), 1, &customer(&[])).expect("opened");
        std::os::unix::fs::symlink("/dev/full", folder.path().join("customer.csv"))
            .expect("a link");
        let violation = Violation {
            column: "id".to_owned(),
            rule: values::rule::Rule::Type,
            message: "`x` is not an integer".to_owned(),
        };
        let place = RowPlace {
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
