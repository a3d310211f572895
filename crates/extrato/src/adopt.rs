//! `extrato adopt`: what a script of `transform --emit-job` wrote becomes the output.

use std::path::PathBuf;

use database::{Cancel, Environment};
use storage::place::Place;

use crate::around::Server;
use crate::summary;
use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato transform --stage                            keep the tables
  extrato transform --from-stage --engine spark --emit-job job
                                                       the script job/job.py
  spark-submit job/job.py                              on the cluster, which sees the same folders
  extrato adopt job                                    check what it wrote and publish it into data/out";

/// Publish what a script of `transform --emit-job` wrote on a Spark cluster
///
/// Every file is read, counted and summed, and rows and sums are reconciled with the tables. Then the output appears in one
/// step with its manifest, as if it had been written here. What the script wrote stays where it is.
#[derive(Debug, clap::Args)]
pub(crate) struct AdoptArgs {
    /// The folder that --emit-job named
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The folder to publish into
    #[arg(long, value_name = "DIR", default_value = transform::DEFAULT_OUT)]
    out: Place,
}

pub(crate) fn run(
    arguments: &AdoptArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let AdoptArgs { folder, out } = arguments;
    let report = transform::adopt(folder, out, environment, cancel)?;
    let around = terminal.around(Server::Given);
    terminal.result(&around.with(&report), || {
        summary::of_transform(&report, String::new(), around)
    })
}
