//! `extrato pipeline`: the whole main job.

use database::{Cancel, Environment, Settings};
use generator::cli::RowsArgs;
use transform::cli::OutputArgs;

use crate::job;
use crate::summary::{self, PipelineReport};
use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato pipeline                                     1,000 associates, folders per client in data/out
  extrato pipeline --scale 50 --seed 7 --replace       fifty times as many, in place of what is there
  extrato pipeline --single-file --json                one movimento_flat.csv; the summary as JSON
  DATABASE_URL=postgresql://… extrato pipeline         on a server of your own";

/// Start a database, fill it with fake rows, and write flat files per client
///
/// Without a connection, a private Postgres is started from the machine's own programs. Rows that an earlier run generated
/// with the same seed and scale are used again.
#[derive(Debug, clap::Args)]
pub(crate) struct PipelineArgs {
    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    rows: RowsArgs,
}

pub(crate) fn run(
    arguments: &PipelineArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let rows = arguments.rows.options()?;
    let output = arguments
        .output
        .options(rows.dataset.clone(), Some(&rows.schema), environment)?;
    transform::check(&output)?;
    let (settings, server) = job::settings(&arguments.rows.connection, environment)?;
    let generate = if has_rows(&settings, &rows, cancel)? {
        tracing::info!(
            schema = rows.schema,
            size = rows.size,
            "the rows of this seed and scale are there already; generation skipped"
        );
        None
    } else {
        Some(generator::generate(&settings, &rows, cancel)?)
    };
    let transform = transform::run(&settings, &output, cancel)?;
    let report = PipelineReport {
        generate,
        transform,
    };
    let around = terminal.around(server);
    terminal.result(&around.with(&report), || {
        summary::of_pipeline(&report, around)
    })
}

/// Whether an earlier run filled the schema with the same rows.
fn has_rows(
    settings: &Settings,
    options: &generator::Options,
    cancel: &Cancel,
) -> anyhow::Result<bool> {
    if options.mode != generator::Mode::Fresh {
        return Ok(false);
    }
    let recorded = generator::recorded(&mut *settings.connect(cancel)?, &options.schema)?;
    Ok(recorded.is_some_and(|recorded| recorded.is_of(options)))
}
