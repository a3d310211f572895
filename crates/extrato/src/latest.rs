//! `extrato latest`: where the latest output lies, for scripts that hand it to other programs.

use std::collections::BTreeMap;

use database::Cancel;
use storage::place::Place;
use transform::check::verify;

use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato latest s3://lake/cards/movimento_flat        the folder of its latest run
  extrato latest s3://lake/cards/movimento_flat --files
                                                       each file of it
  aws s3 sync \"$(extrato latest s3://lake/cards/movimento_flat)\" flat/
  extrato latest s3://lake/cards --json | jq -r '.outputs[].path'";

/// Print where the latest output of a model is
///
/// In a bucket each run has a folder of its own, and a pointer names the latest: whoever reads the folder or the files
/// printed here sees one whole run. On disk it is the output itself.
#[derive(Debug, clap::Args)]
pub(crate) struct LatestArgs {
    /// The place of one model's output, or of several, as it was given to --out
    #[arg(value_name = "PATH", default_value = transform::DEFAULT_OUT)]
    path: Place,

    /// Print each file instead of the folder
    #[arg(long)]
    files: bool,
}

pub(crate) fn run(
    arguments: &LatestArgs,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let latest = verify::latest(&arguments.path, cancel)?;
    let value = BTreeMap::from([("outputs", &latest)]);
    terminal.answer(&value, || {
        let lines: Vec<String> = match arguments.files {
            true => latest
                .iter()
                .flat_map(|output| &output.files)
                .map(Place::to_string)
                .collect(),
            false => latest
                .iter()
                .map(|output| output.path.to_string())
                .collect(),
        };
        lines.join("\n")
    })
}
