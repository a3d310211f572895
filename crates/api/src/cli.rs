//! The arguments of `serve`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use database::{ConnectionArgs, Environment};
use dataset::Dataset;
use ipnet::IpNet;
use transform::cli::MemoryArgs;

use crate::keys::{NewKey, Scope};
use crate::options::{AT_ONCE, KEEP_ANSWERS_DAYS, ServeOptions};
use crate::proxies;
use crate::tls::TlsFiles;

/// The examples that the help ends with.
pub const EXAMPLES: &str = "\
Examples:
  Create a key, which is shown once, and serve the tables of hiring to whoever has it
    extrato keys create --name crm --scope hiring:write
    extrato serve --dataset hiring
  A row
    curl -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' -d '[{\"id\": 13, \"department\": \"Legal\"}]' \\
         http://127.0.0.1:8080/v1/hiring/departments";

/// Insert batches of rows over HTTP, by the rules of load, and serve models' rows
///
/// POST /v1/DATASET/TABLE takes 1 to 1,000 rows as JSON, JSON Lines or CSV. Rows that break a rule are recorded in the table
/// extrato_reject, all others are inserted, and the answer says what became of each row. GET on the same path reads rows.
/// /v1/DATASET/models/MODEL returns a model's rows as JSON, CSV or Parquet, /report/DATASET is a page with all models, and
/// /docs describes the whole API.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// The dataset whose tables take rows: one built in, or the folder of one of your own. May be given several times
    #[arg(long = "dataset", value_name = "NAME", required = true)]
    pub datasets: Vec<String>,

    /// Accept requests without a key. Only for programs on this machine: --listen with any other address is refused
    #[arg(long)]
    pub no_auth: bool,

    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Serve over TLS with this certificate, followed by those that lead to its root, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// The certificate's key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// The most connections to the database
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub connections: usize,

    /// For how many seconds a model's rows are served again without computing them, while no rows come in through the
    /// service
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub fresh_seconds: u32,

    /// The memory that models may take.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// How many requests each key may send per second [default: any number]
    #[arg(long, value_name = "N")]
    pub requests_per_second: Option<NonZeroU32>,

    /// How many requests of each key are served at once
    #[arg(long, value_name = "N", default_value_t = AT_ONCE)]
    pub requests_at_once: NonZeroU32,

    /// A proxy, or a network of proxies, that is believed about where requests came from (X-Forwarded-For, Forwarded). May
    /// be given several times
    #[arg(long = "trusted-proxy", value_name = "ADDRESS|NET", value_parser = proxies::parse)]
    pub trusted_proxies: Vec<IpNet>,

    /// For how many days answers to requests with an Idempotency-Key are kept
    #[arg(long, value_name = "N", default_value_t = KEEP_ANSWERS_DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub keep_answers_days: u32,

    /// The database that the rows go into.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

impl ServeArgs {
    /// The typed options.
    ///
    /// # Errors
    /// A dataset that is unknown, or cannot be read.
    pub fn options(&self, environment: &Environment) -> anyhow::Result<ServeOptions> {
        let datasets = self.datasets.iter().map(|name| {
            let mut dataset = Dataset::open(name)?;
            let schema = dataset.schema(self.connection.schema.as_deref()).to_owned();
            dataset.in_schema(&schema);
            Ok((dataset, schema))
        });
        let mut options = ServeOptions::new(datasets.collect::<anyhow::Result<_>>()?);
        options.listen = self.listen;
        options.needs_key = !self.no_auth;
        options.tls = self
            .tls_certificate
            .clone()
            .zip(self.tls_key.clone())
            .map(|(certificate, key)| TlsFiles { certificate, key });
        options.sessions = self.connections;
        options.fresh_for = Duration::from_secs(self.fresh_seconds.into());
        options.memory_bytes = self.memory.bytes();
        options.environment = environment.clone();
        options.limits.per_second = self.requests_per_second;
        options.limits.at_once = self.requests_at_once;
        options.trusted_proxies.clone_from(&self.trusted_proxies);
        options.keep_answers_days = self.keep_answers_days;
        options.check()?;
        Ok(options)
    }
}

/// The examples that the help of `keys` ends with.
pub const KEYS_EXAMPLES: &str = "\
Examples:
  extrato keys create --name crm --scope hiring:write --expires-days 90
  extrato keys list
  extrato keys revoke --name crm";

/// Create, list and revoke the keys that requests to the service must have
#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What is done with keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysAction {
    /// Create a key and print it, once: the database keeps only its checksum
    Create {
        /// Whose key it is
        #[arg(long)]
        name: String,

        /// What it allows: DATASET:write or DATASET:read, with * for every dataset. May be given several times
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<Scope>,

        /// After how many days it expires [default: never]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_days: Option<u32>,

        /// The database of the service.
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// List the keys, but not their secret part
    List {
        /// The database of the service.
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// Revoke a key: every service refuses it within seconds
    Revoke {
        /// Whose key it is
        #[arg(long)]
        name: String,

        /// The database of the service.
        #[command(flatten)]
        connection: ConnectionArgs,
    },
}

impl KeysAction {
    /// The database of the service.
    pub fn connection(&self) -> &ConnectionArgs {
        match self {
            Self::Create { connection, .. }
            | Self::List { connection }
            | Self::Revoke { connection, .. } => connection,
        }
    }

    /// The key that is to be made, if one is.
    pub fn new_key(&self) -> Option<NewKey> {
        match self {
            Self::Create {
                name,
                scopes,
                expires_days,
                ..
            } => Some(NewKey {
                name: name.clone(),
                scopes: scopes.clone(),
                expires_days: *expires_days,
            }),
            _ => None,
        }
    }
}
