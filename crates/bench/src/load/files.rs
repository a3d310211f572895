//! The files that are loaded: made by the generator, in the form in which real files arrive.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use database::Cancel;
use dataset::Dataset;

use crate::filled::{self, TableRows};
use crate::table::thousands;

/// A folder of files, and the result that loading them must have.
pub(crate) struct Files {
    pub(crate) dataset: Dataset,
    pub(crate) folder: PathBuf,
    /// The number of valid rows of each table.
    pub(crate) tables: Vec<TableRows>,
    /// How many rows break a rule.
    pub(super) rejected: u64,
}

impl Files {
    /// Makes the files, with a share of `dirty` rows that break a rule.
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

    /// Files in another folder with only a part of the largest table's rows: one in `divide_by`.
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

    /// The name of the table that is measured by itself.
    pub(crate) fn largest(&self) -> &str {
        self.tables.last().map_or("", |table| table.name.as_str())
    }

    /// The number of rows in all files, including rejected ones.
    pub(crate) fn rows_read(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum::<u64>() + self.rejected
    }

    /// The amount of data, in words.
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

/// The lines with a fault for which their row is refused.
struct Faults {
    /// Rows of hiring that lack a field, which is so whether or not faults are planted; clean files must not have them.
    lacking: HashSet<u64>,
    refused: HashSet<u64>,
}

impl Faults {
    /// Reads the generator's list of faults: file, line, column, fault, refused.
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

/// Copies the lines of a file whose numbers are `kept` into another file, or into the same one.
fn rewrite(from: &Path, to: &Path, kept: impl Fn(u64) -> bool) -> anyhow::Result<()> {
    let mut source = BufReader::new(File::open(from)?);
    if from == to {
        // A file that is open can still be read.
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

/// A number of rows, as text.
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
