//! A file of rejects that an earlier load left: whose it is, how much of it is whole, and keeping it under another name.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The line that begins a file of rejects.
pub(super) const HEADER: &str =
    "load_id,table_name,file,line,byte_offset,column_name,rule,message,raw\n";

/// What was found in a file of rejects.
pub(super) struct LeftRejects {
    /// The load that wrote it, if that is one to be kept.
    pub(super) load_id: Option<i64>,
    /// Where the rejects end that are to be kept, in bytes from the file's beginning; `None` if there are none.
    end: Option<u64>,
}

/// Reads a file of rejects, of whose rows the first `done` of its load are to be kept: the rows behind them were not
/// committed, and are judged again. Gives `None` for a file that is not one of rejects.
///
/// A load that was killed or met a full disk leaves the header's beginning, or nothing, or a last reject that breaks off.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(
    file: File,
    done: impl Fn(i64) -> Option<u64>,
) -> io::Result<Option<LeftRejects>> {
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
        // All texts are quoted, so a line break ends a reject where the quotes before it are paired.
        if !record.ends_with(b"\n") || quotes % 2 != 0 {
            continue;
        }
        bytes += record.len() as u64;
        let id = id_of(&record);
        let Some(done) = id.and_then(&done) else {
            break;
        };
        left.load_id = id;
        // A row has a reject for each rule that it breaks.
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

/// The fields of a reject that say which row it is of: all up to the byte offset, the fifth.
fn row_of(record: &[u8]) -> &[u8] {
    let (mut commas, mut quoted) = (0, false);
    let end = record.iter().position(|byte| {
        quoted ^= *byte == b'"';
        commas += u32::from(*byte == b',' && !quoted);
        commas == 5
    });
    &record[..end.unwrap_or(record.len())]
}

/// The load's id, which is a reject's first field.
fn id_of(record: &[u8]) -> Option<i64> {
    let digits = record.split(|byte| *byte == b',').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Moves a file of rejects to the first name of `name(1)`, `name(2)`, … that is free, with the rejects that are to be kept.
/// Where there are none, the file is removed.
///
/// # Errors
/// If the file cannot be cut, moved or removed.
pub(super) fn keep(
    path: &Path,
    left: &LeftRejects,
    name: impl Fn(u32) -> PathBuf,
) -> io::Result<()> {
    let Some(end) = left.end else {
        return fs::remove_file(path);
    };
    let file = File::options().write(true).open(path)?;
    if file.metadata()?.len() != end {
        file.set_len(end)?;
    }
    let free = (1..).map(name).find(|name| !name.exists());
    match free {
        Some(free) => fs::rename(path, free),
        None => Ok(()),
    }
}
