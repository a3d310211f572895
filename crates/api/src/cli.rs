//! The arguments of `serve`.

use std::net::SocketAddr;

use database::ConnectionArgs;
use dataset::Dataset;

use crate::options::ServeOptions;

/// The examples that the help ends with.
pub const EXAMPLES: &str = "\
Examples:
  The tables of hiring, for programs on this machine
    extrato serve --dataset hiring
  A row
    curl -H 'Content-Type: application/json' -d '[{\"id\": 13, \"department\": \"Legal\"}]' \\
         http://127.0.0.1:8080/v1/hiring/departments";

/// Take batches of rows over HTTP, by the rules of load
///
/// POST /v1/DATASET/TABLE takes 1 to 1,000 rows as JSON, lines of JSON or CSV. Rows that keep the rules are inserted, all
/// others are in the table extrato_reject, and the answer tells of each row what became of it.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// The dataset whose tables take rows: one built in, or the folder of one of your own. May be given several times
    #[arg(long = "dataset", value_name = "NAME", required = true)]
    pub datasets: Vec<String>,

    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// How many connections to the database are used at most
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub connections: usize,

    /// The database that the rows go into.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

impl ServeArgs {
    /// The typed options.
    ///
    /// # Errors
    /// A dataset that is unknown, or cannot be read.
    pub fn options(&self) -> anyhow::Result<ServeOptions> {
        let datasets = self.datasets.iter().map(|name| {
            let mut dataset = Dataset::open(name)?;
            let schema = dataset.schema(self.connection.schema.as_deref()).to_owned();
            dataset.in_schema(&schema);
            Ok((dataset, schema))
        });
        let mut options = ServeOptions::new(datasets.collect::<anyhow::Result<_>>()?);
        options.listen = self.listen;
        options.sessions = self.connections;
        options.check()?;
        Ok(options)
    }
}
