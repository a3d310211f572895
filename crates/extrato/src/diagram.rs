//! `extrato diagram`: the tables and keys of a dataset, drawn.

use std::path::{Path, PathBuf};

use database::{Cancel, ConnectionArgs, Environment};
use dataset::Dataset;
use dataset::failure::Kind;
use report::diagram::{Format, drawn};
use transform::outline;

use crate::stdout;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato diagram --dataset sales                      Mermaid text, for a Markdown page
  extrato diagram --dataset cards --out cards.svg      a picture, light or dark like its reader's screen
  extrato diagram --dataset shop/ --url 'postgresql://ana@db.example/shop?sslmode=verify-full'
                                                       the tables as this database has them";

/// How --out names standard output.
const STANDARD_OUTPUT: &str = "-";

/// Draw the tables of a dataset with their columns, keys and references
///
/// The drawing is Mermaid or SVG. The tables come from the dataset's schema.sql and constraints.sql, or from a database: the
/// one that --url names or, for a dataset of your own, the one that the environment names.
#[derive(Debug, clap::Args)]
pub(crate) struct DiagramArgs {
    /// A built-in dataset, or the folder of your own
    #[arg(long, value_name = "NAME|DIR", default_value = "cards")]
    dataset: String,

    /// What to write [default: what --out ends with, else mermaid]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The file to write, or - for standard output
    #[arg(long, value_name = "PATH", default_value = STANDARD_OUTPUT)]
    out: PathBuf,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(
    arguments: &DiagramArgs,
    environment: &Environment,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let dataset = Dataset::open(&arguments.dataset)?;
    let connection = &arguments.connection;
    // A built-in dataset is not drawn from a database that the environment happens to name.
    let settings = match !dataset.is_built_in || connection.url.is_some() {
        true => connection.settings(environment)?,
        false => None,
    };
    let named = connection.schema.as_deref();
    let tables = match settings {
        Some(settings) => outline::of_database(&settings, &dataset, dataset.schema(named), cancel)?,
        None if named.is_some() => {
            return Err(Kind::Usage.error("--schema needs --url: without it no database is asked"));
        }
        None => outline::of_sql(&dataset)?,
    };
    let format = arguments.format.unwrap_or(of_end(&arguments.out));
    let text = drawn(&tables, &dataset.name, format);
    if arguments.out.as_os_str() == STANDARD_OUTPUT {
        return stdout::print(text.trim_end());
    }
    storage::replace(&arguments.out, text)
}

fn of_end(path: &Path) -> Format {
    match path.extension().is_some_and(|end| end == "svg") {
        true => Format::Svg,
        false => Format::Mermaid,
    }
}
