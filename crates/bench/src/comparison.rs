//! What the comparisons share: their arguments, the facts above their table, and where the results go.

use std::path::{Path, PathBuf};

use crate::filled::TableRows;
use crate::server::Server;
use crate::table::thousands;
use crate::{machine, results};

/// With this many associates `movimento` has about five million rows.
pub(crate) const ASSOCIATES: u32 = 50_000;
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");

/// The arguments of every comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct ComparisonArgs {
    /// How many associates; 100 movements of each on average
    #[arg(long, value_name = "N", default_value_t = ASSOCIATES,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) associates: u32,

    /// Rounds, at least 5; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = rounds)]
    pub(crate) runs: usize,

    #[command(flatten)]
    run: RunArgs,
}

/// Where the results go.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The file whose section of the comparison's name is replaced
    #[arg(long, value_name = "FILE", default_value = RESULTS)]
    out: PathBuf,
}

fn rounds(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|_| "not a number".to_owned())?;
    match number {
        5.. => Ok(number),
        _ => Err("fewer than 5 rounds have no median worth reading".to_owned()),
    }
}

impl ComparisonArgs {
    /// When, where and with what was measured.
    pub(crate) fn facts(
        &self,
        server: &Server,
        tables: &[TableRows],
    ) -> anyhow::Result<Vec<String>> {
        let mut facts = surroundings(server)?;
        facts.push(format!(
            "{} rounds, {} associates: {}",
            self.runs,
            thousands(self.associates.into()),
            sizes(tables)
        ));
        Ok(facts)
    }

    /// Prints the section and writes it into the file.
    pub(crate) fn publish(&self, name: &str, section: &str) -> anyhow::Result<()> {
        self.run.publish(name, section)
    }
}

impl RunArgs {
    /// Prints the section and writes it into the file.
    pub(crate) fn publish(&self, name: &str, section: &str) -> anyhow::Result<()> {
        println!("{section}");
        results::write(&self.out, name, section)?;
        eprintln!("written to {}", display(&self.out));
        Ok(())
    }
}

/// When, where, and with which program and generated rows was measured.
pub(crate) fn surroundings(server: &Server) -> anyhow::Result<Vec<String>> {
    let rows = format!(", rows of version {}", generator::VERSION);
    with_program(server, &rows)
}

/// When, where, and with which program was measured.
pub(crate) fn circumstances(server: &Server) -> anyhow::Result<Vec<String>> {
    with_program(server, "")
}

fn with_program(server: &Server, more: &str) -> anyhow::Result<Vec<String>> {
    Ok(vec![
        format!(
            "{} UTC, extrato {}{more}",
            server.now()?,
            machine::program_version()
        ),
        machine::description(server.folder()),
        server.description()?,
    ])
}

/// Tables with their numbers of rows.
pub(crate) fn sizes(tables: &[TableRows]) -> String {
    let sizes: Vec<String> = tables
        .iter()
        .map(|table| format!("{} {}", table.name, thousands(table.rows)))
        .collect();
    sizes.join(", ")
}

/// The items as a Markdown list.
pub(crate) fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("- {item}\n")).collect()
}

fn display(path: &Path) -> String {
    let full = path.canonicalize();
    full.as_deref().unwrap_or(path).display().to_string()
}
