//! The folders for the ways' files: fresh ones in memory, not shared between ways. A disk would
//! be slow for a while after many files were deleted (ext4), and the next way would pay for it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

const IN_MEMORY: &str = "/dev/shm";
/// How many bytes a row takes in the files of two ways at once; a folder with its file takes more beside its rows.
const BYTES_PER_ROW: u64 = 400;
const BYTES_PER_FOLDER: u64 = 8_000;

/// A folder that is deleted when the comparison ends.
pub(crate) struct Place {
    folder: TempDir,
    /// Whether the files of a run stay to the end, since a disk is slow for a while after a deletion.
    keeps: bool,
}

impl Place {
    /// A place in memory if there is room for this many rows and folders, or else where temporary files are.
    pub(crate) fn new(rows: u64, folders: u64) -> anyhow::Result<Self> {
        let needed = rows * BYTES_PER_ROW + folders * BYTES_PER_FOLDER;
        let folder = match rustix::fs::statvfs(IN_MEMORY) {
            Ok(free) if free.f_bavail * free.f_frsize >= needed => {
                TempDir::with_prefix_in("extrato-bench-", IN_MEMORY)
            }
            _ => TempDir::with_prefix("extrato-bench-"),
        };
        Ok(Self {
            folder: folder.context("no folder for the output")?,
            keeps: false,
        })
    }

    /// A place where temporary files are.
    pub(crate) fn on_disk() -> anyhow::Result<Self> {
        Ok(Self {
            folder: TempDir::with_prefix("extrato-bench-").context("no folder for the output")?,
            keeps: true,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// An empty folder. It is deleted when it is dropped, or together with this place.
    pub(crate) fn fresh(&self) -> anyhow::Result<TempDir> {
        let mut folder = TempDir::new_in(self.path()).context("no folder for the output")?;
        folder.disable_cleanup(self.keeps);
        Ok(folder)
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// The path below the folder.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// All files below a folder, sorted by path.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<Written>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(Written {
                    path: entry.path().strip_prefix(folder)?.to_owned(),
                    bytes: entry.metadata()?.len(),
                });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The number of rows in the CSV files below `folder`, and the size of these files. Each file has a header, and the
/// generator's texts have no line breaks.
pub(crate) fn rows_and_bytes(folder: &Path) -> anyhow::Result<(u64, u64)> {
    let (mut rows, mut bytes) = (0, 0);
    for file in files(folder)? {
        if file.path.extension().is_some_and(|end| end == "csv") {
            rows += lines(File::open(folder.join(&file.path))?)?.saturating_sub(1);
            bytes += file.bytes;
        }
    }
    Ok((rows, bytes))
}

/// The number of line breaks in `source`.
pub(crate) fn lines(mut source: impl Read) -> anyhow::Result<u64> {
    let mut block = [0; 1 << 16];
    let mut lines = 0;
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(lines),
            Ok(read) => lines += block[..read].iter().filter(|&&byte| byte == b'\n').count() as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_lines_of_csv_files_without_their_headers() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("b/k=1")).expect("folders");
        for (name, text) in [
            ("a.csv", "h\n1\n2\n"),
            ("b/k=1/0.csv", "h\n3\n"),
            ("b/empty.csv", ""),
            ("b/_SUCCESS", "no\nrow\n"),
        ] {
            fs::write(at(name), text).expect("a file");
        }
        assert_eq!(rows_and_bytes(folder.path()).expect("readable"), (3, 10));
        let names: Vec<_> = files(folder.path()).expect("readable");
        let names: Vec<_> = names.iter().map(|file| file.path.to_str()).collect();
        let expected = ["a.csv", "b/_SUCCESS", "b/empty.csv", "b/k=1/0.csv"];
        assert_eq!(names, expected.map(Some));
    }
}
