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
  A key, which is shown once, and the tables of hiring for whoever has it
    extrato keys create --name crm --scope hiring:write
    extrato serve --dataset hiring
  A row
    curl -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' -d '[{\"id\": 13, \"department\": \"Legal\"}]' \\
         http://127.0.0.1:8080/v1/hiring/departments";

/// Take batches of rows over HTTP, by the rules of load, and tell what models give
///
/// POST /v1/DATASET/TABLE takes 1 to 1,000 rows as JSON, lines of JSON or CSV. Rows that keep the rules are inserted, all
/// others are in the table extrato_reject, and the answer tells of each row what became of it. GET reads rows
/// there, /v1/DATASET/models/MODEL gives what a model gives, as JSON, CSV or Parquet, /report/DATASET is the page of all models, and
/// /docs describes all of it.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// The dataset whose tables take rows: one built in, or the folder of one of your own. May be given several times
    #[arg(long = "dataset", value_name = "NAME", required = true)]
    pub datasets: Vec<String>,

    /// Take requests without a key. Only for programs on this machine: another address than its own is refused
    #[arg(long)]
    pub no_auth: bool,

    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Listen with TLS: the certificate, and those that lead to its root behind it, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// The certificate's key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// How many connections to the database are used at most
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub connections: usize,

    /// For how many seconds what a model gave is given again, while no rows come in through the service
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub fresh_seconds: u32,

    /// The memory that models may take.
    #[command(flatten)]
    pub memory: MemoryArgs,

    /// How many requests a key may send in a second [default: any number]
    #[arg(long, value_name = "N")]
    pub requests_per_second: Option<NonZeroU32>,

    /// How many requests of a key are served at once
    #[arg(long, value_name = "N", default_value_t = AT_ONCE)]
    pub requests_at_once: NonZeroU32,

    /// A proxy, or a network of proxies, that says where requests came from (X-Forwarded-For, Forwarded). May be given several times
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

/// Make, list and revoke the keys that requests to the service bear
#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What is done with keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysAction {
    /// Make a key and print it, once: the database has its checksum alone
    Create {
        /// Whose key it is
        #[arg(long)]
        name: String,

        /// What it is for: DATASET:write or DATASET:read, with * for every dataset. May be given several times
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<Scope>,

        /// After how many days it ends [default: never]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_days: Option<u32>,

        /// The database of the service.
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// List the keys, without what would let anybody in
    List {
        /// The database of the service.
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// End a key, for every service within seconds
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
