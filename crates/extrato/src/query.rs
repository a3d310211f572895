//! `extrato query`: the rows of a SELECT, or of a table, from any database.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use database::{Cancel, ConnectionArgs, Environment, Settings};
use dataset::failure::{Kind, OrFail};
use dataset::is_model_name;
use serde::Serialize;
use storage::place::Place;
use transform::cli::LimitArgs;
use transform::describe;
use transform::file_args::FileArgs;
use transform::preview::PREVIEW_ROWS;
use transform::query::{Asked, Query};
use transform::{Compression, Format, Layout, ModelReport, Options, Report};

use crate::terminal::Terminal;
use crate::{check, job, summary};

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato query 'SELECT * FROM orders WHERE total > 100'
                                       its first rows here
  extrato query --file spent.sql --out extract/spent.csv
                                       all of them into one file
  extrato query --table orders --partition-by customer_id --out extract
                                       a folder per customer in extract/orders
  extrato query --table orders --out extract/orders.csv.gz
  extrato query --table orders --where 'total > 100' --order-by placed_at --limit 50
  extrato query 'SELECT id, email FROM customer' --out - | head
                                       CSV through a pipe
  extrato query --file spent.sql --explain
                                       what would be read, and what runs it
  PGPASSWORD=… extrato query --url 'postgresql://ana@db.example/shop?sslmode=verify-full' --table orders";

/// The help of `--schema` for this command, which has no dataset.
pub(crate) const OF_SCHEMA: &str = "The Postgres schema of tables that are named without one [default: the first of the search path that has one of them]";

/// How --out names standard output.
const STANDARD_OUTPUT: &str = "-";

/// Run a SELECT here, over tables read once, and show or write its rows
///
/// No dataset is needed: tables, keys and types come from the database's catalogue. The columns that the SELECT names are
/// read in one snapshot, and the SELECT runs here, as a model does, so your database does no join. Without --out the first
/// rows are shown.
#[derive(Debug, clap::Args)]
pub(crate) struct QueryArgs {
    /// The SELECT [default: what --file or standard input holds]
    #[arg(value_name = "SELECT", conflicts_with_all = ["file", "table"])]
    sql: Option<String>,

    /// The file that holds the SELECT
    #[arg(long, value_name = "FILE", conflicts_with = "table")]
    file: Option<PathBuf>,

    /// All rows of this table instead, counted and summed; it may be given with its schema, as `sales.orders`
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,

    /// With --table: only the rows for which this SQL expression is true
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,

    /// With --table: at most this many rows, the first by --order-by, or any
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// The name of the output [default: the table's, the file's, or query]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Where to write: a folder, in which the output is NAME, or a file such as orders.csv, .jsonl or .parquet; both may be
    /// in a bucket (s3://BUCKET/PREFIX); - is standard output
    #[arg(long, value_name = "PATH")]
    out: Option<Place>,

    /// A folder for each value of these columns
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "out")]
    partition_by: Vec<String>,

    /// The order of rows in a file [default: the SELECT's own, or the table's key]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    order_by: Vec<String>,

    /// Show what would be read from the database and what would run here, without reading a row
    #[arg(long, conflicts_with = "out")]
    explain: bool,

    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// The destination of the rows.
enum To {
    /// The first rows are shown.
    Shown,
    /// All rows go to standard output.
    Piped,
    /// All rows go into a folder.
    Folder(Place),
}

/// The first rows, as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    preview: &'a Option<transform::preview::Preview>,
    total_rows: u64,
    engine: transform::Engine,
}

pub(crate) fn run(
    arguments: &QueryArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let (to, name, files) = arguments.target()?;
    let query = Query {
        asked: arguments.asked()?,
        name,
        partition_by: arguments.partition_by.clone(),
        order_by: arguments.order_by.clone(),
    };
    let (settings, server) = job::settings(&arguments.connection, environment)?;
    let named = arguments.connection.schema.as_deref();
    let (dataset, schema) = query.dataset(&settings, named, cancel)?;
    // Only rows that are shown or piped are written there.
    let scratch = tempfile::tempdir().or_fail(Kind::Output, || "a folder for the rows")?;
    let options = files.options(Options {
        out: match &to {
            To::Folder(folder) => folder.clone(),
            To::Shown | To::Piped => scratch.path().into(),
        },
        layout: Layout::Declared,
        preview_rows: match to {
            To::Shown => PREVIEW_ROWS,
            To::Folder(_) | To::Piped => 0,
        },
        ..arguments
            .limits
            .options(dataset, Some(&schema), environment)
    })?;
    if arguments.explain {
        return explain(&settings, &options, terminal, cancel);
    }
    let report = transform::run(&settings, &options, cancel)?;
    let around = terminal.around(server);
    match to {
        To::Folder(_) => terminal.result(&around.with(&report), || {
            summary::of_transform(&report, String::new(), around)
        }),
        To::Shown => show(&report, terminal),
        To::Piped => {
            let model = report.models.first().context("one model was run")?;
            pipe(model.path.path().context("an output on disk")?)
        }
    }
}

fn show(report: &Report, terminal: &Terminal) -> anyhow::Result<()> {
    let model: &ModelReport = report.models.first().context("one model was run")?;
    let shown = Shown {
        preview: &model.preview,
        total_rows: model.rows,
        engine: model.engine,
    };
    terminal.answer(&shown, || summary::previews(report, terminal.width()))
}

/// Copies a file to standard output. It is not an error if the reader has gone.
fn pipe(path: &Path) -> anyhow::Result<()> {
    let mut file = File::open(path).or_fail(Kind::Output, || path.display().to_string())?;
    match io::copy(&mut file, &mut io::stdout().lock()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).or_fail(Kind::Output, || "standard output".to_owned())
        }
        _ => Ok(()),
    }
}

fn explain(
    settings: &Settings,
    options: &Options,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let described = describe::describe_live(settings, options, cancel)?;
    let value = BTreeMap::from([("models", &described)]);
    terminal.answer(&value, || check::text(&described))
}

impl QueryArgs {
    fn asked(&self) -> anyhow::Result<Asked> {
        if let Some(table) = &self.table {
            return Ok(Asked::Table {
                name: table.clone(),
                condition: self.condition.clone(),
                limit: self.limit,
            });
        }
        if self.condition.is_some() || self.limit.is_some() {
            return Err(Kind::Usage
                .error("--where and --limit go with --table: write them into the SELECT"));
        }
        let (sql, file) = match (&self.sql, &self.file) {
            (Some(sql), _) => (sql.clone(), "the SELECT".to_owned()),
            (None, Some(file)) => {
                let name = file.display().to_string();
                let sql = fs::read_to_string(file);
                (
                    sql.or_fail(Kind::Usage, || format!("cannot read {name}"))?,
                    name,
                )
            }
            (None, None) if io::stdin().is_terminal() => {
                return Err(Kind::Usage.error(
                    "no SELECT was given: write it after `extrato query`, or name --file or --table",
                ));
            }
            (None, None) => {
                let sql = io::read_to_string(io::stdin().take(MOST_BYTES));
                let name = "standard input".to_owned();
                (
                    sql.or_fail(Kind::Usage, || "cannot read standard input")?,
                    name,
                )
            }
        };
        let sql = sql.trim_end().trim_end_matches(';').to_owned();
        if sql.trim().is_empty() {
            return Err(Kind::Usage.error(format!("{file} holds no SELECT")));
        }
        Ok(Asked::Select { sql, file })
    }

    /// Where the rows go, under which name, and in which kind of files.
    fn target(&self) -> anyhow::Result<(To, Option<String>, FileArgs)> {
        if let Some(name) = self.name.as_deref().filter(|name| !is_model_name(name)) {
            return Err(Kind::Usage.error(format!(
                "--name may hold ASCII letters, digits, `_` and `-` only, not `{name}`"
            )));
        }
        let of_file = self.file.as_deref().and_then(Path::file_stem);
        let of_file = of_file.and_then(|stem| stem.to_str());
        let of_file = of_file
            .filter(|stem| is_model_name(stem))
            .map(str::to_owned);
        let name = self.name.clone().or(of_file);
        let files = self.files.clone();
        let Some(out) = &self.out else {
            return match files.first() {
                None => Ok((To::Shown, name, files)),
                Some(option) => Err(Kind::Usage.error(format!(
                    "{option} is about files, and without --out rows are only shown: name a file or a folder with \
                     --out, or give --out - for a pipe"
                ))),
            };
        };
        let is_in_folders = !self.partition_by.is_empty();
        if out.path() == Some(Path::new(STANDARD_OUTPUT)) {
            return match is_in_folders {
                true => Err(Kind::Usage.error(
                    "--partition-by writes folders, which cannot go to standard output (--out -)",
                )),
                false => Ok((To::Piped, name, files)),
            };
        }
        let Some((stem, format, compression)) = of_end(out) else {
            check_folder(out)?;
            return Ok((To::Folder(out.clone()), name, files));
        };
        let wrong = if files.format.is_some_and(|asked| asked != format) {
            Some("--format asks for another")
        } else if files.compress.is_some() && files.compress != compression {
            Some("--compress asks for another")
        } else if self.name.as_ref().is_some_and(|name| *name != stem) {
            Some("--name gives another name")
        } else if is_in_folders {
            Some("--partition-by writes folders: name a folder")
        } else if !is_model_name(&stem) {
            Some("its name may hold ASCII letters, digits, `_` and `-` only")
        } else {
            None
        };
        if let Some(why) = wrong {
            return Err(Kind::Usage.error(format!("--out names the file {out}, but {why}")));
        }
        let folder = match out.above() {
            Place::Disk(above) if above.as_os_str().is_empty() => Path::new(".").into(),
            above => above,
        };
        let files = FileArgs {
            format: Some(format),
            compress: compression,
            ..files
        };
        Ok((To::Folder(folder), Some(stem), files))
    }
}

/// Splits the name of `out` into the name without its ending, the format and the compression. `None` if it names a folder.
fn of_end(out: &Place) -> Option<(String, Format, Option<Compression>)> {
    let name = out.name();
    let (stem, format, compression) = Format::of_name(&name);
    Some((stem.to_owned(), format?, compression))
}

/// Refuses a name for the output folder that ends like a file of a format that is never written.
fn check_folder(out: &Place) -> anyhow::Result<()> {
    const OTHERS: [&str; 14] = [
        "avro", "feather", "html", "json", "ndjson", "ods", "orc", "sql", "tsv", "txt", "xls",
        "xlsx", "xml", "zip",
    ];
    let name = out.name();
    let end = Path::new(&name).extension().and_then(|end| end.to_str());
    let Some(end) = end.filter(|end| OTHERS.contains(&end.to_lowercase().as_str())) else {
        return Ok(());
    };
    if out.path().is_some_and(Path::is_dir) {
        return Ok(());
    }
    let instead = match end {
        "xls" | "xlsx" | "ods" => "Excel opens a .csv that was written with --excel",
        "tsv" | "txt" => "a .csv may have another --delimiter",
        "json" | "ndjson" => "JSON is written as .jsonl, an object in each line",
        "avro" | "sql" => "`extrato backup` keeps tables to be restored",
        _ => "files are .csv, .jsonl or .parquet",
    };
    Err(Kind::Usage.error(format!(
        "--out names {out}, but .{end} files are not written: {instead}; give a folder another name"
    )))
}

/// How many bytes are read from standard input at most, far more than any SELECT has.
const MOST_BYTES: u64 = 16 << 20;
