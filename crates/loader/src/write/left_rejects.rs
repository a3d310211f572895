//! Files of rejects that earlier loads left: which load wrote them, how much of them is valid, and keeping that under another name.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use dataset::failure::{Kind, OrFail};
use storage::file::OpenFile;
use storage::place::Place;

/// The header of a file of rejects.
pub(super) const HEADER: &str =
    "load_id,table_name,file,line,byte_offset,column_name,rule,message,raw\n";

/// An earlier load that loaded anything from the files of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EarlierLoad {
    pub(crate) id: i64,
    /// How many rows of the table it rejected and recorded as done.
    pub(crate) rejected: u64,
}

/// A table, and the earlier loads of its files that this load leaves out or continues.
pub(crate) struct Continued<'t> {
    pub(crate) table: &'t str,
    pub(crate) loads: Vec<EarlierLoad>,
}

/// The name of the file of a table's rejects.
pub(super) fn file_name(table: &str) -> String {
    // A table's name may hold characters that a file's cannot.
    format!("{}.csv", table.replace(['/', '\0'], "_"))
}

/// The name of the file that keeps a table's rejects of an earlier load; `number` tells apart loads with the same id, such as
/// those of two schemas.
fn kept_name(table: &str, load_id: i64, number: u32) -> String {
    match number {
        1 => file_name(&format!("{table}.load-{load_id}")),
        number => file_name(&format!("{table}.load-{load_id}-{number}")),
    }
}

/// Removes the files of rejects that earlier loads of these tables left at a place. If this load continues an earlier one, the
/// rejects of rows that are not judged again are kept as `<table>.load-<its id>.csv`. Returns the files that are kept.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be read, moved or removed, or if a file with a table's name doesn't hold rejects.
pub(super) fn clear(place: &Place, tables: &[Continued<'_>]) -> anyhow::Result<Vec<Place>> {
    let failed = || format!("cannot read the rejects in {place}");
    let mut kept = Vec::new();
    for Continued { table, loads } in tables {
        let file = place.join(&file_name(table));
        let left = match file.open() {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            opened => {
                let done = |id| {
                    let load = loads.iter().find(|load| load.id == id);
                    load.map(|load| load.rejected)
                };
                let left = opened.and_then(|opened| read(opened, done));
                Some(left.or_fail(Kind::Output, failed)?.ok_or_else(|| {
                    Kind::Output.error(format!(
                        "{file} is not a file of rejects and would be overwritten: name another place with --rejects"
                    ))
                })?)
            }
        };
        if let Some(left) = left {
            keep(&file, &left, |number| {
                place.join(&kept_name(table, left.load_id.unwrap_or_default(), number))
            })?;
        }
        for load in loads {
            for number in 1.. {
                let file = place.join(&kept_name(table, load.id, number));
                if !file.is_file().or_fail(Kind::Output, failed)? {
                    break;
                }
                kept.push(file);
            }
        }
    }
    Ok(kept)
}

/// What was found in a file of rejects.
struct LeftRejects {
    /// The id of the load that wrote the file, if its rejects are to be kept.
    load_id: Option<i64>,
    /// Where the rejects to be kept end, in bytes from the beginning of the file; `None` if there are none.
    end: Option<u64>,
}

/// Reads a file of rejects. Those of the first `done` rows of its load are to be kept: rows after these were not committed, and
/// are judged again. Returns `None` for a file that does not hold rejects.
///
/// A load that was killed or met a full disk leaves part of the header, or nothing, or a last reject that breaks off.
///
/// # Errors
/// If the file cannot be read.
fn read(file: impl Read, done: impl Fn(i64) -> Option<u64>) -> io::Result<Option<LeftRejects>> {
    let mut file = BufReader::new(file);
    let mut record = Vec::new();
    (&mut file)
        .take(HEADER.len() as u64)
        .read_until(b'\n', &mut record)?;
    if !HEADER.as_bytes().starts_with(&record) {
        return Ok(None);
    }
    let mut left = LeftRejects {
        load_id: None,
        end: None,
    };
    let (mut bytes, mut rows, mut row) = (record.len() as u64, 0, Vec::new());
    record.clear();
    while file.read_until(b'\n', &mut record)? > 0 {
        let quotes = record.iter().filter(|byte| **byte == b'"').count();
        // All texts are quoted, so a line break ends a reject if the number of quotes before it is even.
        if !record.ends_with(b"\n") || quotes % 2 != 0 {
            continue;
        }
        bytes += record.len() as u64;
        let id = id_of(&record);
        let Some(done) = id.and_then(&done) else {
            break;
        };
        left.load_id = id;
        // A row has one reject for each rule that it breaks.
        let of_row = row_of(&record);
        if of_row != row {
            rows += 1;
            row = of_row.to_vec();
        }
        if rows > done {
            break;
        }
        left.end = Some(bytes);
        record.clear();
    }
    Ok(Some(left))
}

/// The fields that say which row a reject is about: all up to the fifth, the byte offset.
fn row_of(record: &[u8]) -> &[u8] {
    let (mut commas, mut quoted) = (0, false);
    let end = record.iter().position(|byte| {
        quoted ^= *byte == b'"';
        commas += u32::from(*byte == b',' && !quoted);
        commas == 5
    });
    &record[..end.unwrap_or(record.len())]
}

/// The id of the load, which is a reject's first field.
fn id_of(record: &[u8]) -> Option<i64> {
    let digits = record.split(|byte| *byte == b',').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Moves the rejects to be kept to the first of the names `name(1)`, `name(2)`, … that is free. If there are none to keep, the
/// file is removed.
///
/// # Errors
/// If the file cannot be cut, moved or removed.
fn keep(file: &Place, left: &LeftRejects, name: impl Fn(u32) -> Place) -> anyhow::Result<()> {
    let failed = || format!("cannot move or remove {file}");
    let Some(end) = left.end else {
        return file.delete().or_fail(Kind::Output, failed);
    };
    let mut number = 1;
    while name(number).is_file().or_fail(Kind::Output, failed)? {
        number += 1;
    }
    let free = name(number);
    let moved = match (file, &free) {
        (Place::Disk(path), Place::Disk(free)) => {
            cut(path, end).and_then(|()| fs::rename(path, free))
        }
        _ => {
            let kept = file.open().or_fail(Kind::Output, failed)?.take(end);
            copy(kept, &free)?;
            file.delete()
        }
    };
    moved.or_fail(Kind::Output, failed)
}

/// Cuts a file off at `end`, in bytes.
fn cut(path: &Path, end: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    match file.metadata()?.len() == end {
        true => Ok(()),
        false => file.set_len(end),
    }
}

/// Writes rejects to a place.
///
/// # Errors
/// [`Kind::Output`] if the place cannot be written to.
pub(super) fn copy(mut rejects: impl Read, place: &Place) -> anyhow::Result<()> {
    let mut file = OpenFile::create(place)?;
    io::copy(&mut rejects, &mut file).or_fail(Kind::Output, || format!("cannot write {place}"))?;
    file.finish(String::new(), 0).map(drop)
}
