//! What Spark is asked to do, in the order in which it is to be done: the same for a server that is asked for it and for a script.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use super::sql::{self, Statement};
use crate::options::{Format, RemotePath};
use crate::stage::StagedTable;

/// What Spark must be set to, so that it gives what Postgres gives and writes what Polars writes.
const SETTINGS: [(&str, &str); 16] = [
    ("spark.sql.session.timeZone", "UTC"),
    // Overflow, division by zero and casts that fail are errors.
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.caseSensitive", "true"),
    // `${…}` in a text stays what it is, and so does a backslash.
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
    // A client has one file.
    ("spark.sql.files.maxRecordsPerFile", "0"),
    ("spark.sql.legacy.timeParserPolicy", "CORRECTED"),
    ("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED"),
    ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS"),
    ("spark.sql.parquet.writeLegacyFormat", "false"),
    ("spark.sql.parquet.compression.codec", "zstd"),
];

/// How Spark writes the CSV that is written here: NULL as nothing and the empty text between quotes, no blank trimmed, and a
/// quote in a text doubled.
const CSV: [(&str, &str); 8] = [
    ("header", "true"),
    ("quote", "\""),
    ("escape", "\""),
    ("nullValue", ""),
    ("emptyValue", "\"\""),
    // Else a text is quoted that begins with #; one that begins with a comma is so anyway.
    ("comment", ","),
    ("ignoreLeadingWhiteSpace", "false"),
    ("ignoreTrailingWhiteSpace", "false"),
];

/// A job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) views: Vec<View>,
    pub(crate) writes: Vec<Write>,
}

/// A table, as a view of its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct View {
    /// The view's name, as Spark reads it.
    pub(crate) name: String,
    /// The columns with Spark's types.
    pub(crate) schema: String,
    /// Files of Parquet, as the cluster sees them.
    pub(crate) paths: Vec<String>,
    /// The SELECT of a table that has no files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) empty: Option<String>,
}

/// Rows to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) sql: String,
    pub(crate) format: String,
    /// A folder, as the cluster sees it.
    pub(crate) path: String,
    pub(crate) partition_by: Vec<String>,
    pub(crate) options: BTreeMap<String, String>,
}

impl Job {
    /// A job over tables, which lie where the cluster sees them.
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
    /// The rows of an output, into a folder.
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

    /// The one row of counts, into a folder.
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

/// What the cluster calls a path on this machine.
///
/// # Errors
/// [`Kind::Usage`] for one in which Spark would take a sign for a pattern.
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
    // Of several folders the innermost, of which least is left.
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
