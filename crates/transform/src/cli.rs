//! The arguments of `transform` and `verify`.

use std::path::PathBuf;

use bytesize::ByteSize;
use database::{Cancel, ConnectionArgs, Environment};
use dataset::Dataset;
use dataset::failure::Kind;
use storage::place::Place;
use storage::publish::DEFAULT_KEEP;

use crate::check::verify::Source;
use crate::file_args::FileArgs;
use crate::file_name::FileName;
use crate::memory::{LEAST_BYTES, default_bytes};
use crate::options::{RemotePath, SparkOptions};
use crate::preview::PREVIEW_ROWS;
use crate::report::Report;
use crate::{DEFAULT_OUT, DEFAULT_STAGE, Engine, Layout, Options};

/// Shown below the help.
pub const EXAMPLES: &str = "\
Examples:
  extrato transform                                    folders per client from the embedded database
  extrato transform --single-file --out /tmp/extract   one /tmp/extract/movimento_flat.csv
  extrato transform --partition-by nome_associado      folders by another column
  extrato transform --file-name '{id_associado}.csv'   movimento_flat/1.csv … instead of folders
  extrato transform --format parquet                   typed columns, exact decimals
  extrato transform --excel                            CSV for Excel in Brazil: ; and decimal comma
  extrato transform --delimiter '\\t' --null-word NULL  tabs, and a word for NULL
  extrato transform --format jsonl --compress zstd     an object for each row, in part-0.jsonl.zst
  extrato transform --stage                            keep the tables as read in data/lake/raw/cards …
  extrato transform --from-stage --single-file         … and use them again, without the database
  extrato transform --out s3://lake/cards              a run in its own folder of a bucket, and a pointer to it
  extrato transform --json-to run.json                 the summary, or what failed, in a file
  extrato transform --dataset sales --model orders_per_customer --show
                                                       one model, of the tables it needs; its first rows here too
  extrato transform --dataset hiring --parameter year=2020
                                                       another year than the one in dataset.toml
  extrato transform --dataset shop/ --engine polars    refuse a model whose rows might differ from Postgres's
  extrato transform --from-stage --engine spark --remote sc://localhost:15002
                                                       on a cluster, which sees the same folders
  extrato transform --dataset hiring --to-postgres results
                                                       the outputs also as tables in the schema results
  PGPASSWORD=… extrato transform --url 'postgresql://ana@db.example/bank?sslmode=verify-full'";

/// Pull each table once, join in memory, write flat files per client
///
/// All tables are read in one snapshot over binary COPY; the models run in memory, or in a scratch database of the embedded
/// Postgres, so your database does no join. Rows and sums are checked before anything is published, and the output appears
/// in one step.
#[derive(Debug, Clone, clap::Args)]
pub struct TransformArgs {
    /// A built-in dataset, or the folder of your own
    #[arg(
        long,
        value_name = "NAME|DIR",
        default_value = "cards",
        help_heading = "Models"
    )]
    pub dataset: String,

    /// Run this model alone, and read only what it needs; may be given several times [default: all models]
    #[arg(long, value_name = "NAME", help_heading = "Models")]
    pub model: Vec<String>,

    #[command(flatten)]
    /// What is chosen of the models' parameters.
    pub parameters: ParameterArgs,

    #[command(flatten)]
    /// Where and how to write.
    pub output: OutputArgs,

    /// Read the tables that a run with --stage kept, instead of a database; models that Polars cannot run go to a scratch
    /// database made from these tables [default DIR: data/lake]
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_STAGE,
        conflicts_with_all = ["stage", "url", "schema", "to_postgres"],
        help_heading = "Source"
    )]
    pub from_stage: Option<Place>,

    /// Print the first 20 rows of each output too; with --json they are in the summary
    #[arg(long, help_heading = "Output")]
    pub show: bool,

    /// Write the outputs into this schema of the database too, one table for each model. They replace the tables of an
    /// earlier run in one step; if anything else has one of their names, the run is refused
    #[arg(long, value_name = "SCHEMA", help_heading = "Output")]
    pub to_postgres: Option<String>,

    #[command(flatten)]
    /// Where a cluster is.
    pub spark: SparkArgs,

    #[command(flatten)]
    /// Where the tables are.
    pub connection: ConnectionArgs,
}

/// A cluster of Spark.
#[derive(Debug, Clone, clap::Args)]
pub struct SparkArgs {
    /// The Spark Connect server for --engine spark: sc://HOST:PORT, or with parameters, as in sc://HOST:PORT/;use_ssl=true;
    /// a token is taken from SPARK_CONNECT_AUTHENTICATE_TOKEN [default: SPARK_REMOTE]
    #[arg(long, value_name = "ADDRESS", help_heading = "Spark")]
    pub remote: Option<String>,

    /// Where the cluster sees a folder of this machine, if under another path, such as /data=hdfs:///lake; may be given
    /// several times
    #[arg(long, value_name = "FOLDER=PATH", help_heading = "Spark")]
    pub remote_path: Vec<RemotePath>,

    /// Run nothing, and write a script for spark-submit into this folder, which runs the models over the tables of
    /// --from-stage; `extrato adopt DIR` publishes what it wrote
    #[arg(
        long,
        value_name = "DIR",
        requires = "from_stage",
        conflicts_with = "remote",
        help_heading = "Spark"
    )]
    pub emit_job: Option<PathBuf>,
}

impl SparkArgs {
    /// The options, where the models run on `engine`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for what would be passed over.
    fn options(&self, engine: Engine, environment: &Environment) -> anyhow::Result<SparkOptions> {
        let is_given =
            self.remote.is_some() || self.emit_job.is_some() || !self.remote_path.is_empty();
        if engine != Engine::Spark && is_given {
            return Err(Kind::Usage.error(
                "--remote, --remote-path and --emit-job are for Spark: add --engine spark",
            ));
        }
        if let Some(of) = self.remote_path.iter().find(|of| !of.here.is_dir()) {
            return Err(Kind::Usage.error(format!(
                "--remote-path {}={}: there is no folder {} on this machine",
                of.here.display(),
                of.there,
                of.here.display()
            )));
        }
        let remote = self.remote.as_deref().or(environment.get("SPARK_REMOTE"));
        Ok(SparkOptions {
            remote: remote
                .filter(|_| self.emit_job.is_none())
                .map(str::to_owned),
            paths: self.remote_path.clone(),
            emit_job: self.emit_job.clone(),
        })
    }
}

/// Where and how to write.
#[derive(Debug, Clone, clap::Args)]
pub struct OutputArgs {
    /// The folder to publish into, or a place in a bucket: s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT, help_heading = "Output")]
    pub out: Place,

    /// How many runs of each model to keep in a bucket, including the new one: somebody may still be reading an earlier one
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEEP, value_parser = at_least_two, help_heading = "Output")]
    pub keep: usize,

    /// A folder for each value of these columns [default: as the model declares, for cards id_associado]
    #[arg(
        long,
        value_name = "COLUMN,…",
        value_delimiter = ',',
        conflicts_with = "single_file",
        help_heading = "Output"
    )]
    pub partition_by: Vec<String>,

    /// A file for each client instead of a folder, named like '{id_associado}.csv' or '{nome}/{id}.csv'. The name must
    /// contain every column that the folders would be named by; {model} stands for the model's name
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "single_file",
        help_heading = "Output"
    )]
    pub file_name: Option<FileName>,

    /// One file for each model instead of folders
    #[arg(long, help_heading = "Output")]
    pub single_file: bool,

    #[command(flatten)]
    /// What the files are.
    pub files: FileArgs,

    #[command(flatten)]
    /// What a run may take.
    pub limits: LimitArgs,

    /// Keep the tables as they are read, with all their columns, as Parquet in DIR/raw/DATASET [default DIR: data/lake]
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_STAGE,
        help_heading = "Source"
    )]
    pub stage: Option<Place>,
}

/// What is chosen of the models' parameters.
#[derive(Debug, Clone, clap::Args)]
pub struct ParameterArgs {
    /// Choose the value of a parameter that models declare in dataset.toml, as --parameter year=2020; may be given several times
    /// [default: as declared]
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter, help_heading = "Models")]
    pub values: Vec<(String, String)>,
}

fn at_least_two(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(keep @ 2..) => Ok(keep),
        _ => Err("keep at least 2, so that whoever reads the run before can finish".to_owned()),
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    match parts {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("give a name and a value, such as year=2020".to_owned()),
    }
}

/// What a run may take, and what it runs on.
#[derive(Debug, Clone, clap::Args)]
pub struct LimitArgs {
    /// The most connections at once: one holds the snapshot and the others read; with 1, the same one does both
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "Source")]
    pub max_connections: u16,

    #[command(flatten)]
    /// The memory to take.
    pub memory: MemoryArgs,

    /// What runs the models, which is never your database: auto takes Polars for each model that it is known to give
    /// Postgres's results for, and a scratch database of the embedded Postgres for the others
    #[arg(long, value_enum, default_value_t, help_heading = "Source")]
    pub engine: Engine,
}

/// The memory that models may take.
#[derive(Debug, Clone, clap::Args)]
pub struct MemoryArgs {
    /// The most memory to use, such as 512MB or 4GiB; tables that need more are staged on disk [default: 60 % of the
    /// machine's, or of its container's]
    #[arg(long, value_name = "SIZE", value_parser = memory, help_heading = "Source")]
    pub memory: Option<ByteSize>,
}

impl MemoryArgs {
    /// The memory in bytes.
    pub fn bytes(&self) -> u64 {
        self.memory
            .map_or_else(default_bytes, |ByteSize(bytes)| bytes)
    }
}

const NO_SIZE: &str = "give a size such as 512MB or 4GiB";

fn memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|_| NO_SIZE)?;
    let least = ByteSize(LEAST_BYTES);
    match size < least {
        true => Err(format!("at least {least} are needed")),
        false => Ok(size),
    }
}

/// Shown below the help of `verify`.
pub const VERIFY_EXAMPLES: &str = "\
Examples:
  extrato verify                                       all that lies in data/out
  extrato verify data/out/movimento_flat               the folders of one model
  extrato verify /mnt/copy/movimento_flat.csv --json   a file that was copied with its manifest
  extrato verify --against-database                    all rows also against the database's join";

/// Check an output against its manifest, or against the database too
///
/// Reads every file and checks its size, checksum, header and number of rows, and the sums of all rows; files that are
/// missing, changed, or not listed are named. With --against-database, each model's SELECT is then run in Postgres and
/// compared with the files row by row; the first difference is named with its file, row and column. The exit code is 8 if
/// something differs.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyArgs {
    /// An output folder, one model's folder, or a single file with its manifest beside it; in a bucket, a place whose latest
    /// runs are checked, or the folder of one run
    #[arg(value_name = "PATH", default_value = DEFAULT_OUT)]
    pub path: Place,

    /// Run the models in Postgres too and compare all rows. The database then has to join and sort the rows, which no other
    /// command asks of it
    #[arg(long, help_heading = "Comparison")]
    pub against_database: bool,

    /// The dataset whose outputs are compared: a built-in one, or the folder of your own. Outputs of other datasets in the
    /// same folder are checked against their manifests only
    #[arg(
        long,
        value_name = "NAME|DIR",
        default_value = "cards",
        requires = "against_database",
        help_heading = "Comparison"
    )]
    pub dataset: String,

    #[command(flatten)]
    /// Where the tables are.
    pub connection: ConnectionArgs,
}

impl VerifyArgs {
    /// What to compare with besides the manifest; `None` if that is not asked for.
    ///
    /// # Errors
    /// As [`Dataset::open`]; [`Kind::Usage`] for a connection that would not be used.
    pub fn source(&self) -> anyhow::Result<Option<Source>> {
        if !self.against_database {
            let unused = self.connection.url.is_some() || self.connection.schema.is_some();
            return match unused {
                true => Err(Kind::Usage.error(
                    "--url and --schema need --against-database: without it no database is asked",
                )),
                false => Ok(None),
            };
        }
        let mut dataset = Dataset::open(&self.dataset)?;
        dataset.with_those_for_reports();
        let schema = self.connection.schema.as_deref();
        Ok(Some(Source {
            schema: dataset.schema(schema).to_owned(),
            dataset,
        }))
    }
}

impl OutputArgs {
    /// The options for `dataset`, whose tables lie in `schema`, or in the schema of its name.
    ///
    /// # Errors
    /// [`Kind::Usage`] if what the files are to be clashes.
    pub fn options(
        &self,
        dataset: Dataset,
        schema: Option<&str>,
        environment: &Environment,
    ) -> anyhow::Result<Options> {
        let partition_by = self.partition_by.clone();
        let layout = match &self.file_name {
            Some(name) => Layout::FileName {
                partition_by,
                name: name.clone(),
            },
            None if self.single_file => Layout::SingleFile,
            None if partition_by.is_empty() => Layout::Declared,
            None => Layout::PartitionBy(partition_by),
        };
        self.files.options(Options {
            out: self.out.clone(),
            keep: self.keep,
            layout,
            stage: self.stage.clone(),
            ..self.limits.options(dataset, schema, environment)
        })
    }
}

impl LimitArgs {
    /// The options for `dataset`, whose tables lie in `schema`, or in the schema of its name, with nothing else asked for.
    pub fn options(
        &self,
        dataset: Dataset,
        schema: Option<&str>,
        environment: &Environment,
    ) -> Options {
        Options {
            max_connections: self.max_connections.into(),
            memory_bytes: self.memory.bytes(),
            engine: self.engine,
            ..Options::of_models(dataset, schema, environment)
        }
    }
}

impl TransformArgs {
    /// Runs the models over the raw layer below `stage`, or writes the script that --emit-job asks for.
    ///
    /// # Errors
    /// As [`crate::run_from_stage`] and [`crate::emit_job`].
    pub fn run_from_stage(
        &self,
        stage: &Place,
        options: &Options,
        cancel: &Cancel,
    ) -> anyhow::Result<Report> {
        match self.spark.emit_job {
            None => crate::run_from_stage(stage, options, cancel),
            Some(_) => crate::emit_job(
                stage,
                options,
                &self.dataset,
                &self.parameters.values,
                cancel,
            ),
        }
    }

    /// The options that the arguments name.
    ///
    /// # Errors
    /// As [`Dataset::open`]; [`Kind::Usage`] naming the models there are if one is unknown.
    pub fn options(&self, environment: &Environment) -> anyhow::Result<Options> {
        let mut dataset = Dataset::open(&self.dataset)?;
        if !self.model.is_empty() {
            dataset.keep_models(&self.model)?;
        }
        dataset.set_parameters(&self.parameters.values)?;
        let schema = self.connection.schema.as_deref();
        Ok(Options {
            preview_rows: if self.show { PREVIEW_ROWS } else { 0 },
            to_postgres: self.to_postgres.clone(),
            spark: Some(self.spark.options(self.output.limits.engine, environment)?),
            ..self.output.options(dataset, schema, environment)?
        })
    }
}
