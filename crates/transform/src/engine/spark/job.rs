//! What Spark has to do, in order. A server of Spark Connect and a script do the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use super::sql::{self, Statement};
use crate::options::{Format, RemotePath};
use crate::stage::StagedTable;

/// The settings with which Spark gives what Postgres gives, and writes what Polars writes.
const SETTINGS: [(&str, &str); 16] = [
    ("spark.sql.session.timeZone", "UTC"),
    // Overflow, division by zero and casts that fail are errors.
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.caseSensitive", "true"),
    // In a text, `${…}` and backslashes keep their plain meaning.
    ("spark.sql.variable.substitute", "false"),
    ("spark.sql.parser.escapedStringLiterals", "false"),
    // A decimal that would lose digits is an error.
    ("spark.sql.decimalOperations.allowPrecisionLoss", "false"),
    (
        "spark.sql.legacy.decimal.retainFractionDigitsOnTruncate",
        "true",
    ),
    ("spark.sql.files.ignoreMissingFiles", "false"),
    ("spark.sql.files.ignoreCorruptFiles", "false"),
    // Each client gets one file.
    ("spark.sql.files.maxRecordsPerFile", "0"),
    ("spark.sql.legacy.timeParserPolicy", "CORRECTED"),
    ("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED"),
    ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS"),
    ("spark.sql.parquet.writeLegacyFormat", "false"),
    ("spark.sql.parquet.compression.codec", "zstd"),
];

/// Options with which Spark writes CSV as Polars does: NULL as an empty field and the empty text in quotes, blanks kept, quotes in
/// a text doubled.
const CSV: [(&str, &str); 8] = [
    ("header", "true"),
    ("quote", "\""),
    ("escape", "\""),
    ("nullValue", ""),
    ("emptyValue", "\"\""),
    // With the default, a text that begins with # would be quoted; one that begins with a comma is quoted anyway.
    ("comment", ","),
    ("ignoreLeadingWhiteSpace", "false"),
    ("ignoreTrailingWhiteSpace", "false"),
];

/// The settings, views and writes of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) views: Vec<View>,
    pub(crate) writes: Vec<Write>,
}

/// A table, as a view of the same name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct View {
    /// The view's name, as Spark reads it.
    pub(crate) name: String,
    /// The columns with Spark's types.
    pub(crate) schema: String,
    /// Paths of Parquet files, as the cluster sees them.
    pub(crate) paths: Vec<String>,
    /// A SELECT that stands in for a table without files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) empty: Option<String>,
}

/// Rows to write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) sql: String,
    pub(crate) format: String,
    /// The path of a folder, as the cluster sees it.
    pub(crate) path: String,
    pub(crate) partition_by: Vec<String>,
    pub(crate) options: BTreeMap<String, String>,
}

impl Job {
    /// Makes a job over tables, which must lie where the cluster sees them.
    ///
    /// # Errors
    /// As [`on_cluster`].
    pub(crate) fn over(tables: &[StagedTable], paths: &[RemotePath]) -> anyhow::Result<Self> {
        let views = tables.iter().map(|table| {
            let files = match table.far_paths() {
                Some(far) => far,
                None => {
                    let files = table.paths().map(|path| on_cluster(&path, paths));
                    files.collect::<anyhow::Result<_>>()?
                }
            };
            Ok(View {
                name: sql::types::name(&table.schema.name),
                schema: sql::schema(&table.schema),
                empty: files.is_empty().then(|| sql::empty(&table.schema)),
                paths: files,
            })
        });
        Ok(Self {
            settings: owned(&SETTINGS),
            views: views.collect::<anyhow::Result<_>>()?,
            writes: Vec::new(),
        })
    }
}

impl Write {
    /// Makes the write of an output into a folder.
    pub(crate) fn output(statement: Statement, format: Format, path: String) -> Self {
        let (format, options) = match format {
            Format::Parquet => ("parquet", BTreeMap::new()),
            _ => ("csv", owned(&CSV)),
        };
        Self {
            sql: statement.sql,
            format: format.to_owned(),
            path,
            partition_by: statement.partition_by,
            options,
        }
    }

    /// Makes the write of the single row of counts into a folder.
    pub(crate) fn counts(sql: String, path: String) -> Self {
        Self {
            sql,
            format: "csv".to_owned(),
            path,
            partition_by: Vec::new(),
            options: owned(&CSV),
        }
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// The cluster's name for a path on this machine.
///
/// # Errors
/// [`Kind::Usage`] for a path in which Spark would take a character for a pattern.
pub(crate) fn on_cluster(path: &Path, paths: &[RemotePath]) -> anyhow::Result<String> {
    let whole = std::path::absolute(path)
        .or_fail(Kind::Output, || format!("cannot find {}", path.display()))?;
    let text = whole
        .to_str()
        .filter(|text| !text.contains(['*', '?', '[', ']', '{', '}', '\\']));
    let text = text.ok_or_else(|| {
        Kind::Usage.error(format!(
            "{}: Spark takes * ? [ ] {{ }} and \\ in a path for a pattern: use another folder",
            path.display()
        ))
    })?;
    let here = |of: &RemotePath| std::path::absolute(&of.here).unwrap_or_else(|_| of.here.clone());
    let mapped = paths.iter().filter_map(|of| {
        let rest = whole.strip_prefix(here(of)).ok()?;
        Some((of, rest.to_owned()))
    });
    // Of several mapped folders, the innermost one counts.
    let innermost: Option<(&RemotePath, PathBuf)> =
        mapped.min_by_key(|(_, rest)| rest.components().count());
    Ok(match innermost {
        Some((of, rest)) if rest.as_os_str().is_empty() => of.there.clone(),
        Some((of, rest)) => format!("{}/{}", of.there.trim_end_matches('/'), rest.display()),
        None => format!("file://{text}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_called_as_the_cluster_sees_them() {
        let paths = ["/data=s3a://lake/data/", "/data/out=hdfs:///out"];
        let paths = paths.map(|path| path.parse::<RemotePath>().expect("a pair"));
        let called = |path: &str| on_cluster(Path::new(path), &paths).expect("a path");
        assert_eq!(
            called("/data/lake/a b.parquet"),
            "s3a://lake/data/lake/a b.parquet"
        );
        assert_eq!(called("/data/out/é"), "hdfs:///out/é");
        assert_eq!(called("/data"), "s3a://lake/data/");
        assert_eq!(called("/database/x"), "file:///database/x");
        assert!(on_cluster(Path::new("/data/a*"), &paths).is_err());
    }
}
