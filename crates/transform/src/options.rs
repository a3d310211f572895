//! What a run is to do.

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

/// What to do.
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
    /// What the files are.
    pub format: Format,
    /// How they are written if they are CSV.
    pub dialect: Dialect,
    /// How they are compressed if they are text.
    pub compression: Option<Compression>,
    /// The most connections at once: one holds the snapshot, the others read. With 1 that one reads.
    pub max_connections: usize,
    /// The memory that the run may take, in bytes; what needs more is staged on disk.
    pub memory_bytes: u64,
    /// A place to keep the tables in, as they were read.
    pub stage: Option<Place>,
    /// How many of the first rows of each output the report has.
    pub preview_rows: usize,
    /// The Postgres schema to write the outputs into as tables, besides the files.
    pub to_postgres: Option<String>,
    /// What runs the models.
    pub engine: Engine,
    /// Where they run if that is a cluster.
    pub spark: Option<SparkOptions>,
    /// Tells where the embedded Postgres is, and its programs.
    pub environment: Environment,
}

/// What runs models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Polars where it is known to give what Postgres gives, else the embedded Postgres
    #[default]
    Auto,
    /// Polars alone; a model that it may not give as Postgres does is refused
    Polars,
    /// A scratch database of the embedded Postgres
    Postgres,
    /// A cluster of Spark, over the raw layer; a model that it may not give as Postgres does is refused
    Spark,
}

/// Where a cluster of Spark is, and what it sees.
#[derive(Debug, Clone)]
pub struct SparkOptions {
    /// The address of a server of Spark Connect.
    pub remote: Option<String>,
    /// Where it sees folders of this machine.
    pub paths: Vec<RemotePath>,
    /// A folder for a script that does what the server would be asked for.
    pub emit_job: Option<PathBuf>,
}

/// A folder of this machine, and where a cluster sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePath {
    /// The folder.
    pub here: PathBuf,
    /// What the cluster calls it.
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
    /// Checks that what the files are to be goes together.
    ///
    /// # Errors
    /// [`Kind::Usage`] with what clashes.
    pub(crate) fn check_files(&self) -> anyhow::Result<()> {
        if self.format != Format::Csv && !self.dialect.is_default() {
            return Err(Kind::Usage.error(format!(
                "a dialect is of CSV files, and these are {}",
                self.format
            )));
        }
        if let (Format::Parquet, Some(compression)) = (self.format, self.compression) {
            return Err(Kind::Usage.error(format!(
                "--compress {compression} is for CSV and JSON Lines: Parquet compresses its pages itself"
            )));
        }
        if let Some(name) = self.layout.file_name() {
            self.check_end(&name.to_string())?;
        }
        self.dialect.check()
    }

    /// Checks that a name doesn't end as that of other files does, by which readers would take them for these.
    fn check_end(&self, name: &str) -> anyhow::Result<()> {
        let extension = self.extension();
        let usual = format!("end it with .{extension}");
        let (_, format, compression) = Format::of_name(name);
        if compression != self.compression || format.is_some_and(|format| format != self.format) {
            return Err(Kind::Usage.error(format!(
                "--file-name {name}: readers tell by its end what a file is, and these are {extension}: {usual}"
            )));
        }
        Ok(())
    }

    /// The end of the name of a file.
    pub(crate) fn extension(&self) -> String {
        match self.compression {
            Some(compression) => format!("{}.{}", self.format, compression.extension()),
            None => self.format.to_string(),
        }
    }

    /// The options of a run that only checks the models of a dataset, whose tables lie in `schema`, or in the schema of its
    /// name.
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
    /// A file for each value of these columns, or of those that the model declares if there are none here, with a name
    /// of its own instead of a folder's.
    FileName {
        /// The columns.
        partition_by: Vec<String>,
        /// The names.
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

    /// How files are named, if not by their folders.
    pub(crate) fn file_name(&self) -> Option<&FileName> {
        match self {
            Self::FileName { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Checks that each model has the columns that are named to partition by, and that a file's name has them all.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the column.
    pub(crate) fn check(&self, models: &[Model]) -> anyhow::Result<()> {
        // Of one that declares no columns it isn't known yet.
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
            let Some(name) = self.file_name() else {
                continue;
            };
            if columns.is_empty() {
                // Beside models that have folders, one has its single file.
                if models.iter().any(|of| self.partition_by(of).is_some()) {
                    continue;
                }
                return Err(Kind::Usage.error(format!(
                    "--file-name {name}: {} is not partitioned, so it has one file: leave out --file-name, name \
                     columns with --partition-by, or run other models with --model",
                    model.called()
                )));
            }
            if let Err(why) = name.check(columns) {
                return Err(
                    Kind::Usage.error(format!("--file-name {name}: {why} ({})", model.called()))
                );
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
    /// What the end of a file's name says of it: the name without that end, the format, and the compression.
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

    /// The end of a file's name, unless it is compressed.
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

/// The output folder unless another is named.
pub const DEFAULT_OUT: &str = "data/out";
/// The folder for staged tables unless another is named.
pub const DEFAULT_STAGE: &str = "data/lake";
