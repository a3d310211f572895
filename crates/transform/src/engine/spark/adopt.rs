//! Makes files that Spark wrote into files of a run: each is read, counted and summed, and gets the name under which Polars would
//! have written it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use database::Cancel;
use dataset::failure::{Kind, OrFail};
use dataset::{ColumnType, Driving, Model};
use rayon::prelude::*;
use storage::manifest::FileEntry;
use storage::place::Place;

use super::sql::PARTITION;
use crate::check::left_out::Counted;
use crate::check::verify::adopted::{Summed, read};
use crate::check::verify::{Form, fields, value};
use crate::options::Format;
use crate::reconciliation::{Amount, Count};
use crate::sink::{NULL_FOLDER, Written, add, escape};

/// The output of a model that Spark wrote into a folder, to be adopted.
pub(crate) struct Output<'a> {
    pub(crate) model: &'a Model,
    pub(crate) partition_by: Option<&'a [String]>,
    pub(crate) format: Format,
    pub(crate) form: &'a Form,
    /// Whether Spark reported that it finished; otherwise its mark must be there.
    pub(crate) is_ended: bool,
    pub(crate) cancel: &'a Cancel,
}

/// A file that Spark wrote.
struct Found {
    /// The file's path in Spark's folder.
    from: String,
    /// The path that the file gets, relative to the manifest.
    to: String,
    /// The values that the file's folders are named after, as written in those names.
    values: Vec<String>,
}

impl Output<'_> {
    /// Puts the files in the folder `written` at `target`, which is a folder if the output is partitioned, else a file.
    ///
    /// # Errors
    /// [`Kind::Check`] if there is anything that one run of Spark doesn't write; [`Kind::Output`] if a file cannot be put there.
    pub(crate) fn adopt(&self, written: &Path, target: &Path) -> anyhow::Result<Written> {
        let mut found = self.found(written)?;
        self.sort(&mut found);
        let folder = match self.partition_by {
            Some(_) => target,
            None => target.parent().context("a file lies in a folder")?,
        };
        fs::create_dir_all(folder).or_fail(Kind::Output, || {
            format!("cannot create {}", folder.display())
        })?;
        let summed = self.summed()?;
        let span = tracing::info_span!("adopt", model = self.model.name, files = found.len());
        let read = found.par_iter().map(|file| {
            let _entered = span.enter();
            self.cancel.check()?;
            let (from, to) = (written.join(&file.from), folder.join(&file.to));
            if let Some(above) = to.parent() {
                fs::create_dir_all(above).or_fail(Kind::Output, || {
                    format!("cannot create {}", above.display())
                })?;
            }
            placed(&from, &to)?;
            read(
                Place::Disk(to),
                file.to.clone(),
                self.form,
                &summed,
                self.cancel,
            )
        });
        let read: Vec<(FileEntry, Vec<i128>)> = read.collect::<anyhow::Result<_>>()?;
        let mut sums = summed.zero();
        read.iter().for_each(|(_, of_file)| add(&mut sums, of_file));
        let files: Vec<_> = read.into_iter().map(|(entry, _)| entry).collect();
        Ok(Written {
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            sums: summed.names().zip(sums).collect::<BTreeMap<_, _>>(),
            files,
            checks: Vec::new(),
        })
    }

    /// The columns to sum, in the order of the files' columns.
    fn summed(&self) -> anyhow::Result<Summed> {
        let model = self.model;
        let sums = model
            .driving
            .iter()
            .flat_map(|driving| driving.sums.values());
        let columns = sums.map(|name| {
            let mut visible = model.visible_columns().enumerate();
            let found = visible.find(|(_, (column, _))| column == name);
            let (index, (_, kind)) = found.with_context(|| format!("`{name}` is in the files"))?;
            let scale = match kind {
                ColumnType::Numeric { scale, .. } => *scale,
                _ => 0,
            };
            Ok((name.clone(), index, scale))
        });
        Ok(Summed::of_columns(columns.collect::<anyhow::Result<_>>()?))
    }

    /// Finds the files that Spark wrote.
    fn found(&self, written: &Path) -> anyhow::Result<Vec<Found>> {
        let strange = |what: &str| Kind::Check.error(format!("{}: {what}", written.display()));
        if self.is_ended && !written.is_dir() {
            return Err(strange(
                "Spark wrote it where this machine does not see it: --remote-path says what the cluster calls a folder here",
            ));
        }
        if !self.is_ended && !written.join("_SUCCESS").exists() {
            return Err(strange(
                "Spark has not finished writing there (it has no _SUCCESS): run the script with spark-submit first",
            ));
        }
        let levels = self.partition_by.map_or(0, <[String]>::len);
        let files = Place::Disk(written.to_owned()).files();
        let files = files.or_fail(Kind::Check, || format!("cannot read {}", written.display()))?;
        let mut found = Vec::new();
        for file in files {
            let mut parts: Vec<&str> = file.path.split('/').collect();
            let name = parts.pop().unwrap_or_default();
            if name.starts_with(['_', '.']) {
                continue;
            }
            let values = parts.iter().enumerate().map(|(at, part)| {
                part.strip_prefix(&format!("{PARTITION}{at}="))
                    .map(str::to_owned)
            });
            let values: Option<Vec<_>> = values.collect();
            let values = values.filter(|values| {
                values.len() == levels && (self.is_ended || name.starts_with("part-"))
            });
            let values = values
                .ok_or_else(|| strange(&format!("{} is not what Spark writes", file.path)))?;
            found.push(Found {
                to: self.path(&values)?,
                from: file.path,
                values,
            });
        }
        let mut paths: Vec<_> = found.iter().map(|file| &file.to).collect();
        paths.sort_unstable();
        if let Some(twice) = paths.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(strange(&format!(
                "Spark wrote the rows of {} into several files, whose order is not known",
                twice[0]
            )));
        }
        if levels == 0 && found.len() != 1 {
            return Err(strange(&format!(
                "Spark wrote {} files and not one",
                found.len()
            )));
        }
        Ok(found)
    }

    /// The path that a file gets, relative to the manifest.
    fn path(&self, values: &[String]) -> anyhow::Result<String> {
        let Some(columns) = self.partition_by else {
            return Ok(format!("{}.{}", self.model.name, self.format));
        };
        let mut path = String::new();
        for (column, value) in columns.iter().zip(values) {
            let folder = format!("{}={value}/", escape(column));
            if folder.len() > crate::file_name::MAX_NAME_BYTES + 1 {
                return Err(Kind::Refused.error(format!(
                    "a value of partition column `{column}` makes a folder's name of more than {} bytes: partition by another \
                     column",
                    crate::file_name::MAX_NAME_BYTES
                )));
            }
            path += &folder;
        }
        Ok(format!("{path}part-0.{}", self.format))
    }

    /// Sorts files by the values of their folders, NULL last.
    fn sort(&self, found: &mut [Found]) {
        let kinds: Vec<_> = self
            .partition_by
            .unwrap_or_default()
            .iter()
            .map(|name| {
                let mut columns = self.model.columns.iter();
                columns
                    .find(|(column, _)| column == name)
                    .map(|(_, kind)| *kind)
            })
            .collect();
        found.sort_by(|one, other| {
            let values = one.values.iter().zip(&other.values).zip(&kinds);
            let mut orders = values.map(|((one, other), kind)| compare(one, other, *kind));
            orders
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
    }
}

/// Puts a file in its place, and leaves it where it was too, since the run may still fail. It is linked if both places are on one
/// disk that has hard links, and otherwise copied.
fn placed(from: &Path, to: &Path) -> anyhow::Result<()> {
    let linked = fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop));
    linked.or_fail(Kind::Output, || {
        format!("cannot put {} at {}", from.display(), to.display())
    })
}

/// Compares two values as they stand in the names of folders.
fn compare(one: &str, other: &str, kind: Option<ColumnType>) -> Ordering {
    let number = |text: &str| text.replace('.', "").parse::<i128>().ok();
    match (one == NULL_FOLDER, other == NULL_FOLDER) {
        (false, false) => match kind {
            Some(
                ColumnType::SmallInt
                | ColumnType::Integer
                | ColumnType::BigInt
                | ColumnType::Numeric { .. },
            ) => number(one).cmp(&number(other)),
            _ => unescaped(one).cmp(&unescaped(other)),
        },
        (one, other) => one.cmp(&other),
    }
}

/// Decodes a part of a path into bytes.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
}

/// Reads the counts of the driving table that Spark wrote into a folder. `scale` gives the scale of each sum.
///
/// # Errors
/// [`Kind::Check`] if the counts are not there.
pub(crate) fn counted(
    written: &Path,
    driving: &Driving,
    scale: impl Fn(&str) -> u8,
) -> anyhow::Result<Counted> {
    let strange = || Kind::Check.error(format!("{}: Spark wrote no counts", written.display()));
    let files = Place::Disk(written.to_owned()).files();
    let files = files.or_fail(Kind::Check, || format!("cannot read {}", written.display()))?;
    let file = files.iter().find(|file| !file.path.starts_with(['_', '.']));
    let text = fs::read_to_string(written.join(&file.ok_or_else(strange)?.path));
    let text = text.or_fail(Kind::Check, || format!("cannot read {}", written.display()))?;
    let row = text.lines().nth(1).ok_or_else(strange)?;
    let mut figures = fields(row.as_bytes()).map(|field| {
        let text = value(field)?;
        Some(std::str::from_utf8(&text).ok()?.to_owned())
    });
    let mut next = || figures.next().flatten().ok_or_else(strange);
    let mut count = || -> anyhow::Result<Count> {
        let rows = next()?.parse().map_err(|_| strange())?;
        let mut sums = BTreeMap::new();
        for column in driving.sums.keys() {
            let digits = next()?.replace('.', "");
            let amount = Amount {
                unscaled: digits.parse().map_err(|_| strange())?,
                scale: scale(column),
            };
            sums.insert(column.clone(), amount);
        }
        Ok(Count { rows, sums })
    };
    Ok(Counted {
        read: count()?,
        left_out: count()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_in_the_order_of_their_values() {
        let integer = Some(ColumnType::Integer);
        assert_eq!(compare("9", "10", integer), Ordering::Less);
        assert_eq!(compare("-9", "-10", integer), Ordering::Greater);
        assert_eq!(compare(NULL_FOLDER, "1", integer), Ordering::Greater);
        // A colon comes after a dot, although its code `%3A` would come before one.
        assert_eq!(
            compare("a%3Ab", "a.b", Some(ColumnType::Text)),
            Ordering::Greater
        );
        assert_eq!(compare("%E9", "a", None), Ordering::Greater);
        assert_eq!(unescaped("a%2Fb%"), b"a/b%");
    }
}
