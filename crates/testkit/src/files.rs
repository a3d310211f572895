//! Lists and reads the files in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files below `folder`, sorted; their paths are relative to it.
///
/// # Panics
/// Panics if the folder cannot be read.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            match entry.file_type().expect("a type").is_dir() {
                true => collect(&entry.path(), files),
                false => files.push(entry.path()),
            }
        }
    }
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    files
        .iter()
        .map(|path| path.strip_prefix(folder).expect("below").to_owned())
        .collect()
}

/// The contents of the files below `folder`, by their paths relative to it.
///
/// # Panics
/// Panics if a file cannot be read.
pub fn contents_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| (path.clone(), fs::read(folder.join(path)).expect("a file"));
    files_below(folder).into_iter().map(read).collect()
}
