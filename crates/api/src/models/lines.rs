//! Reads parts of a file of lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The beginning of one line in this many is remembered.
const LINES_OF_MARK: u64 = 1_000;
/// How many bytes of lines are taken at most; one line is taken in any case.
pub(crate) const MOST_BYTES: usize = 16 << 20;

/// The offsets of the lines whose numbers are multiples of [`LINES_OF_MARK`], starting with line 0.
///
/// # Errors
/// An error if the file cannot be read.
pub(crate) fn marks(path: &Path) -> io::Result<Vec<u64>> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; 1 << 20];
    let (mut marks, mut lines, mut before) = (vec![0], 0, 0);
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(marks);
        }
        for end in memchr::memchr_iter(b'\n', &chunk[..read]) {
            lines += 1;
            if lines % LINES_OF_MARK == 0 {
                marks.push(before + end as u64 + 1);
            }
        }
        before += read as u64;
    }
}

/// Up to `limit` lines of a file from line `offset` on, separated by commas, and how many there are. `marks` are those of the file.
///
/// # Errors
/// An error if the file cannot be read.
pub(crate) fn listed(
    path: &Path,
    marks: &[u64],
    offset: u64,
    limit: u64,
) -> io::Result<(Vec<u8>, u64)> {
    let mark = offset / LINES_OF_MARK;
    let start = usize::try_from(mark).ok().and_then(|mark| marks.get(mark));
    let Some(start) = start else {
        return Ok((Vec::new(), 0));
    };
    let mut file = BufReader::new(File::open(path)?);
    file.seek(SeekFrom::Start(*start))?;
    let mut skipped = Vec::new();
    for _ in 0..offset % LINES_OF_MARK {
        skipped.clear();
        file.read_until(b'\n', &mut skipped)?;
    }
    let (mut listed, mut count) = (Vec::new(), 0);
    while count < limit && listed.len() < MOST_BYTES {
        let before = listed.len();
        if count > 0 {
            listed.push(b',');
        }
        if file.read_until(b'\n', &mut listed)? == 0 {
            listed.truncate(before);
            break;
        }
        count += 1;
    }
    Ok((listed, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_wherever_a_part_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lines");
        for lines in [0, 1, 999, 1_000, 1_001, 2_500] {
            let text: String = (0..lines).map(|line| format!("{line}\n")).collect();
            std::fs::write(&path, text).expect("written");
            let marks = marks(&path).expect("read");
            for (offset, limit) in [
                (0, 1),
                (0, 10_000),
                (998, 5),
                (1_000, 1),
                (2_499, 3),
                (5_000, 1),
            ] {
                let (listed, count) = listed(&path, &marks, offset, limit).expect("read");
                let expected: Vec<String> = (offset..lines.min(offset + limit))
                    .map(|line| format!("{line}\n"))
                    .collect();
                assert_eq!(count, expected.len() as u64, "{lines} {offset} {limit}");
                assert_eq!(String::from_utf8_lossy(&listed), expected.join(","));
            }
        }
    }
}
