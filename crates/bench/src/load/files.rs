//! The files that are loaded: those that the generator makes, as they arrive.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use database::Cancel;
use dataset::Dataset;

use crate::filled::{self, TableRows};
use crate::table::thousands;

/// A folder of files, and what a load of them must give.
pub(crate) struct Files {
    pub(crate) dataset: Dataset,
    pub(crate) folder: PathBuf,
    /// The rows that keep the rules.
    pub(crate) tables: Vec<TableRows>,
    /// How many break one.
    pub(super) rejected: u64,
}

impl Files {
    /// Makes them, with rows that break a rule in a share of `dirty`.
    pub(crate) fn make(
        folder: &Path,
        dataset: &Dataset,
        size: u32,
        dirty: f64,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let mut tables = filled::files(folder, dataset, size, dirty, cancel)?;
        let faults = Faults::of(&folder.join("planted.csv"))?;
        if let Some(largest) = tables.last_mut() {
            largest.rows -= (faults.lacking.len() + faults.refused.len()) as u64;
            if !faults.lacking.is_empty() {
                let path = folder.join(format!("{}.csv", largest.name));
                rewrite(&path, &path, |number| !faults.lacking.contains(&number))?;
            }
        }
        Ok(Self {
            dataset: dataset.clone(),
            folder: folder.to_owned(),
            tables,
            rejected: faults.refused.len() as u64,
        })
    }

    /// Files with a part of the largest table's rows, one of `divide_by`, in another folder.
    pub(super) fn head(&self, folder: &Path, divide_by: u64) -> anyhow::Result<Self> {
        fs::create_dir(folder)?;
        let mut tables = self.tables.clone();
        let largest = tables.last_mut().context("no table")?;
        largest.rows /= divide_by;
        let rows = largest.rows;
        for table in &tables {
            let name = format!("{}.csv", table.name);
            let kept = |number| table.name != self.largest() || number <= rows;
            rewrite(&self.folder.join(&name), &folder.join(&name), kept)?;
        }
        Ok(Self {
            dataset: self.dataset.clone(),
            folder: folder.to_owned(),
            tables,
            rejected: self.rejected,
        })
    }

    /// The table that is measured by itself.
    pub(crate) fn largest(&self) -> &str {
        self.tables.last().map_or("", |table| table.name.as_str())
    }

    /// Rows of all files, rejected ones included.
    pub(crate) fn rows_read(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum::<u64>() + self.rejected
    }

    /// How much it is.
    pub(crate) fn description(&self) -> String {
        let sizes = self
            .tables
            .iter()
            .map(|table| format!("{} {}", table.name, rows(table.rows)));
        let sizes = sizes.collect::<Vec<_>>().join(", ");
        match self.rejected {
            0 => sizes,
            rejected => format!("{sizes}; to be rejected {}", rows(rejected)),
        }
    }
}

/// Lines with a fault that a row is refused for.
struct Faults {
    /// Rows of hiring lack a field here and there, dirty or not: they would be in no clean file.
    lacking: HashSet<u64>,
    refused: HashSet<u64>,
}

impl Faults {
    /// Reads the generator's list of them: file, line, column, fault, refused.
    fn of(list: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(list)?;
        let (mut lacking, mut refused) = (HashSet::new(), HashSet::new());
        for entry in text.lines().skip(1) {
            let fields: Vec<&str> = entry.split(',').collect();
            let [_, line, _, fault, is_refused] = fields[..] else {
                anyhow::bail!("{}: {entry}", list.display());
            };
            match (fault, is_refused) {
                ("missing_field", _) => lacking.insert(line.parse()?),
                (_, "true") => refused.insert(line.parse()?),
                _ => continue,
            };
        }
        Ok(Self { lacking, refused })
    }
}

/// Writes the lines of a file whose numbers are `kept` into another, or into itself.
fn rewrite(from: &Path, to: &Path, kept: impl Fn(u64) -> bool) -> anyhow::Result<()> {
    let mut source = BufReader::new(File::open(from)?);
    if from == to {
        // What is open can still be read.
        fs::remove_file(from)?;
    }
    let mut target = BufWriter::new(File::create_new(to)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if source.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if kept(number) {
            target.write_all(&line)?;
        }
    }
    Ok(target.flush()?)
}

/// So many rows, as a text.
fn rows(number: u64) -> String {
    format!("{} rows", thousands(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_lacks_a_field_is_none_of_those_to_be_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("planted.csv");
        let text = "file,line,column,fault,refused\n\
                    e.csv,3,name,missing_field,true\ne.csv,5,name,quotes,false\ne.csv,8,,ragged_row,true\n";
        fs::write(&list, text).expect("written");
        let faults = Faults::of(&list).expect("readable");
        assert_eq!((faults.lacking, faults.refused), ([3].into(), [8].into()));
    }

    #[test]
    fn lines_are_left_out_by_their_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("e.csv");
        fs::write(&path, b"1\n2\n\xff3\n4").expect("written");
        rewrite(&path, &path, |number| number != 2).expect("rewritten");
        assert_eq!(fs::read(&path).expect("readable"), b"1\n\xff3\n4");
    }
}
