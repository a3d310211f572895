//! `extrato report`: the results of a dataset's models as one HTML page.

use std::path::PathBuf;

use database::{Cancel, ConnectionArgs, Environment};
use dataset::Dataset;
use indicatif::{HumanBytes, HumanCount};
use report::Written;
use transform::cli::{LimitArgs, ParameterArgs};
use transform::outline;

use crate::terminal::Terminal;
use crate::{job, summary};

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato report --dataset sales --out sales.html      a chart and a table for each model, in one file
  extrato report --dataset cards --model spending_by_month --model busiest_clients --out spending.html
  extrato report --dataset shop/ --out shop.html --url 'postgresql://ana@db.example/shop?sslmode=verify-full'";

/// Show what a dataset's models give as one HTML page, with charts
///
/// The tables are read in one snapshot and the models run here, as `extrato transform` does. The page needs no server: it
/// holds the charts that dataset.toml declares, tables to sort and filter, the rows as CSV, the SELECTs, and a diagram of
/// the tables. If a model has more than 100,000 rows, the page shows the first 1,000 and says so.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// A built-in dataset, or the folder of your own
    #[arg(long, value_name = "NAME|DIR", default_value = "cards")]
    dataset: String,

    /// Show this model alone; may be given several times [default: all models]
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,

    /// The file to write
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,

    #[command(flatten)]
    parameters: ParameterArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(
    arguments: &ReportArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let mut dataset = Dataset::open(&arguments.dataset)?;
    match arguments.model.is_empty() {
        true => dataset.with_those_for_reports(),
        false => dataset.keep_models(&arguments.model)?,
    }
    dataset.set_parameters(&arguments.parameters.values)?;
    let named = arguments.connection.schema.as_deref();
    let options = arguments.limits.options(dataset, named, environment);
    transform::check(&options)?;
    let (settings, server) = job::settings(&arguments.connection, environment)?;
    let tables = outline::of_database(&settings, &options.dataset, &options.schema, cancel)?;
    let shown = report::shown(&settings, &options, cancel)?;
    let written = report::write(&arguments.out, &shown, &tables)?;
    let around = terminal.around(server);
    terminal.result(&around.with(&written), || {
        summary::ended(&text(&written), around)
    })
}

/// Says where the page is, how large it is, and how many rows of each model it shows.
fn text(written: &Written) -> String {
    let mut text = format!(
        "{}\n  {} of snapshot {}\n",
        written.path.display(),
        HumanBytes(written.bytes),
        written.snapshot
    );
    for model in &written.models {
        let rows = HumanCount(model.rows);
        text += &match model.shown < model.rows {
            true => format!(
                "  {}: the first {} of {rows} rows, without a chart\n",
                model.model,
                HumanCount(model.shown)
            ),
            false => format!("  {}: {rows} rows\n", model.model),
        };
    }
    text
}
