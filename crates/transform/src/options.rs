//! What a run has to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use database::Environment;
use dataset::failure::Kind;
use dataset::{Dataset, Model};
use serde::{Deserialize, Serialize};
use storage::compress::Compression;
use storage::place::Place;
use storage::publish::DEFAULT_KEEP;

use crate::dialect::Dialect;
use crate::file_name::FileName;
use crate::memory::default_bytes;

/// The options of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tables and models.
    pub dataset: Dataset,
    /// The Postgres schema that holds the tables.
    pub schema: String,
    /// The place to publish into.
    pub out: Place,
    /// How many runs of a model stay in a bucket.
    pub keep: usize,
    /// How a model's output is laid out.
    pub layout: Layout,
    /// The format of the files.
    pub format: Format,
    /// The dialect of the files, if they are CSV.
    pub dialect: Dialect,
    /// The compression of the files, if they are text.
    pub compression: Option<Compression>,
    /// How many connections there may be at once. One holds the snapshot, the others read; if there is only one, it does both.
    pub max_connections: usize,
    /// How many bytes of memory the run may take. Tables that need more are staged on disk.
    pub memory_bytes: u64,
    /// A place to keep the tables in, as they were read.
    pub stage: Option<Place>,
    /// How many of the first rows of each output go into the report.
    pub preview_rows: usize,
    /// The Postgres schema to write the outputs into as tables, besides the files.
    pub to_postgres: Option<String>,
    /// The engine that runs the models.
    pub engine: Engine,
    /// The cluster that the models run on, if they run on Spark.
    pub spark: Option<SparkOptions>,
    /// The environment, which tells where the embedded Postgres and its programs are.
    pub environment: Environment,
}

/// The engine that runs models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Polars where it is known to give Postgres's results, else the embedded Postgres
    #[default]
    Auto,
    /// Polars only; a model whose rows might differ from Postgres's is refused
    Polars,
    /// A scratch database of the embedded Postgres
    Postgres,
    /// A Spark cluster, over the tables that --stage kept; a model whose rows might differ from Postgres's is refused
    Spark,
}

/// A cluster of Spark, and what it sees of this machine.
#[derive(Debug, Clone)]
pub struct SparkOptions {
    /// The address of a server of Spark Connect.
    pub remote: Option<String>,
    /// The folders of this machine that the cluster sees under other names.
    pub paths: Vec<RemotePath>,
    /// A folder for a script that does what a server would do.
    pub emit_job: Option<PathBuf>,
}

/// A folder of this machine, and the cluster's name for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePath {
    /// The folder on this machine.
    pub here: PathBuf,
    /// The cluster's name for the folder.
    pub there: String,
}

impl FromStr for RemotePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let both = text.split_once('=');
        let both = both.filter(|(here, there)| !here.is_empty() && !there.is_empty());
        let (here, there) =
            both.ok_or("give a folder and what the cluster calls it, such as /data=hdfs:///lake")?;
        Ok(Self {
            here: here.into(),
            there: there.to_owned(),
        })
    }
}

impl Options {
    /// Checks that the options for files fit together.
    ///
    /// # Errors
    /// [`Kind::Usage`] with what doesn't fit.
    pub(crate) fn check_files(&self) -> anyhow::Result<()> {
        if self.format != Format::Csv && !self.dialect.is_default() {
            return Err(Kind::Usage.error(format!(
                "a dialect is for CSV files, and these are {}",
                self.format
            )));
        }
        if let (Format::Parquet, Some(compression)) = (self.format, self.compression) {
            return Err(Kind::Usage.error(format!(
                "--compress {compression} is for CSV and JSON Lines: Parquet compresses its pages itself"
            )));
        }
        for model in &self.dataset.models {
            if let Some(name) = self.layout.file_name(model) {
                let name = name.to_string();
                self.check_end(&name, &self.layout.called(model, &name))?;
            }
        }
        self.dialect.check()
    }

    /// Checks that a file's name doesn't end like that of another format, for which readers would take it.
    fn check_end(&self, name: &str, called: &str) -> anyhow::Result<()> {
        let extension = self.extension();
        let usual = format!("end it with .{extension}");
        let (_, format, compression) = Format::of_name(name);
        if compression != self.compression || format.is_some_and(|format| format != self.format) {
            return Err(Kind::Usage.error(format!(
                "{called}: readers tell what a file is by the end of its name, and these are {extension}: {usual}"
            )));
        }
        Ok(())
    }

    /// The ending of a file's name.
    pub(crate) fn extension(&self) -> String {
        match self.compression {
            Some(compression) => format!("{}.{}", self.format, compression.extension()),
            None => self.format.to_string(),
        }
    }

    /// The options of a run that only checks the models of a dataset. The dataset's tables are in `schema`, or else in the schema
    /// of its name.
    pub fn of_models(
        mut dataset: Dataset,
        schema: Option<&str>,
        environment: &Environment,
    ) -> Self {
        let schema = dataset.schema(schema).to_owned();
        dataset.in_schema(&schema);
        Self {
            schema,
            dataset,
            out: Path::new(DEFAULT_OUT).into(),
            keep: DEFAULT_KEEP,
            layout: Layout::Declared,
            format: Format::Csv,
            dialect: Dialect::default(),
            compression: None,
            max_connections: 1,
            memory_bytes: default_bytes(),
            stage: None,
            preview_rows: 0,
            to_postgres: None,
            engine: Engine::Auto,
            spark: None,
            environment: environment.clone(),
        }
    }
}

/// How a model's output is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// The layout that the model declares: by its partition columns, in one file if it has none.
    Declared,
    /// A folder for each value of these columns.
    PartitionBy(Vec<String>),
    /// A file for each value of these columns, or of those that the model declares if there are none here. The file has a name of
    /// its own, instead of a folder.
    FileName {
        /// The columns to partition by.
        partition_by: Vec<String>,
        /// The pattern for the files' names.
        name: FileName,
    },
    /// One file.
    SingleFile,
}

impl Layout {
    /// The partition columns for `model`; `None` for a single file.
    pub(crate) fn partition_by<'a>(&'a self, model: &'a Model) -> Option<&'a [String]> {
        if model.checked_model.is_some() {
            return None;
        }
        let columns = match self {
            Self::Declared => model.partition_by.as_slice(),
            Self::FileName { partition_by, .. } if partition_by.is_empty() => {
                model.partition_by.as_slice()
            }
            Self::PartitionBy(columns)
            | Self::FileName {
                partition_by: columns,
                ..
            } => columns,
            Self::SingleFile => &[],
        };
        (!columns.is_empty()).then_some(columns)
    }

    /// The pattern for the names of a model's files, if they are not named by their folders.
    pub(crate) fn file_name(&self, model: &Model) -> Option<FileName> {
        match self {
            Self::FileName { name, .. } => Some(name.clone()),
            // One that cannot be read is refused by `check`.
            Self::Declared => model.file_name.as_ref()?.parse().ok(),
            _ => None,
        }
    }

    /// What messages call the pattern for the names of a model's files.
    fn called(&self, model: &Model, name: &str) -> String {
        match self {
            Self::FileName { .. } => format!("--file-name {name}"),
            _ => format!("{}, file_name {name}", model.entry()),
        }
    }

    /// Checks that each model has the columns to partition by, and that the pattern for files' names uses them all.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the column that is missing.
    pub(crate) fn check(&self, models: &[Model]) -> anyhow::Result<()> {
        // A model without declared columns cannot be checked yet.
        let is_known = |model: &&Model| !model.columns.is_empty() && model.checked_model.is_none();
        for model in models.iter().filter(is_known) {
            let columns = self.partition_by(model).unwrap_or_default();
            if let Some(twice) = columns
                .iter()
                .enumerate()
                .find(|(at, name)| columns[..*at].contains(name))
            {
                return Err(
                    Kind::Usage.error(format!("`{}` is named twice to partition by", twice.1))
                );
            }
            if let Some(unknown) = columns.iter().find(|name| !model.has_column(name)) {
                let names: Vec<&str> = model
                    .columns
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                return Err(Kind::Usage.error(format!(
                    "{} has no column `{unknown}` to partition by; it has {}",
                    model.called(),
                    names.join(", ")
                )));
            }
            let (name, parsed) = match (self, &model.file_name) {
                (Self::FileName { name, .. }, _) => (name.to_string(), Ok(name.clone())),
                (Self::Declared, Some(name)) => (name.clone(), name.parse()),
                _ => continue,
            };
            // Beside models that have folders, one has its single file.
            let is_asked = matches!(self, Self::FileName { .. });
            if columns.is_empty()
                && is_asked
                && models.iter().any(|of| self.partition_by(of).is_some())
            {
                continue;
            }
            let usable = parsed.and_then(|parsed: FileName| match columns {
                [] => Err(format!(
                    "{} is not partitioned, so it has one file: leave the name out, name columns to partition by, or run other \
                     models with --model",
                    model.called()
                )),
                _ => parsed
                    .check(columns)
                    .map_err(|why| format!("{why} ({})", model.called())),
            });
            if let Err(why) = usable {
                return Err(Kind::Usage.error(format!("{}: {why}", self.called(model, &name))));
            }
        }
        Ok(())
    }
}

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text with a header, NULL as an empty field
    #[default]
    Csv,
    /// JSON Lines: an object for each row, numbers with all their digits
    #[serde(rename = "jsonl")]
    #[value(name = "jsonl")]
    JsonLines,
    /// Typed columns, exact decimals, compressed with zstd
    Parquet,
}

impl Format {
    /// Splits a file's name into the part before its ending, and the format and the compression that the ending tells.
    pub fn of_name(name: &str) -> (&str, Option<Self>, Option<Compression>) {
        let compressed = Compression::ALL.into_iter().find_map(|compression| {
            let stem = name.strip_suffix(compression.extension())?;
            Some((stem.strip_suffix('.')?, compression))
        });
        let (name, compression) = match compressed {
            Some((stem, compression)) => (stem, Some(compression)),
            None => (name, None),
        };
        let formats = [Self::Csv, Self::JsonLines, Self::Parquet];
        let told = formats.into_iter().find_map(|format| {
            let stem = name.strip_suffix(format.extension())?;
            Some((stem.strip_suffix('.')?, format))
        });
        match told {
            Some((stem, format)) => (stem, Some(format), compression),
            None => (name, None, compression),
        }
    }

    /// The ending of an uncompressed file's name.
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

/// The default output folder.
pub const DEFAULT_OUT: &str = "data/out";
/// The default folder for staged tables.
pub const DEFAULT_STAGE: &str = "data/lake";
