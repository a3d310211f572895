//! `extrato db`: the embedded server.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;
use clap::{Args, Subcommand};
use database::Environment;
use database::embedded::{Embedded, Status, scratch};
use dataset::failure::{Kind, OrFail};
use serde_json::json;

use crate::stdout::print;
use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato db start
  extrato db psql -- -c 'SELECT count(*) FROM cards.movimento'
  psql \"$(extrato db url)\"
  extrato db destroy --yes

The server is a private one: it listens on a Unix socket only, with a generated password, and keeps its
data between runs in ~/.local/share/extrato (as root: /var/lib/extrato) or in EXTRATO_HOME.";

/// Manage the embedded Postgres
#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start it, and create it first if there is none
    Start,
    /// Stop it; its data stays
    Stop,
    /// Show whether it runs, and where its data is
    Status,
    /// Start it, and print a URL for psql and other libpq programs
    ///
    /// The URL names a passfile, so that it holds no password.
    Url,
    /// Start it, and open psql on it; put psql's own arguments after `--`
    Psql {
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENT"
        )]
        arguments: Vec<String>,
    },
    /// Stop it and delete its data
    Destroy {
        /// Without this, nothing is deleted
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(
    arguments: &DbArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let server = Embedded::of_user(environment)?;
    match &arguments.action {
        Action::Start => {
            server.start()?;
            report(&server, terminal)
        }
        Action::Stop => {
            server.stop()?;
            report(&server, terminal)
        }
        Action::Status => report(&server, terminal),
        Action::Url => {
            server.start()?;
            print(&server.url()?)
        }
        Action::Psql { arguments } => psql(&server, arguments, environment),
        Action::Destroy { yes } => {
            if !yes && server.status()? != Status::Absent {
                return Err(Kind::Usage.error(format!(
                    "this deletes all data in {}: add --yes if that is meant",
                    server.folder().display()
                )));
            }
            // This is refused while a run uses the scratch server, and then nothing is deleted.
            scratch::destroy(environment)?;
            server.destroy()?;
            report(&server, terminal)
        }
    }
}

fn report(server: &Embedded, terminal: &Terminal) -> anyhow::Result<()> {
    let status = server.status()?;
    let url = match status {
        Status::Absent => None,
        _ => Some(server.url()?),
    };
    let value = json!({ "status": status, "folder": server.folder(), "url": url });
    terminal.result(&value, || {
        let word = match status {
            Status::Absent => "no server",
            Status::Stopped => "stopped",
            Status::Running => "running",
        };
        let url = url.map(|url| format!("\n{url}")).unwrap_or_default();
        format!("{word}, {}{url}", server.folder().display())
    })
}

/// Replaces this process by psql, which gets the password from its environment.
fn psql(server: &Embedded, arguments: &[String], environment: &Environment) -> anyhow::Result<()> {
    let settings = server.start()?;
    let on_path = environment.get("PATH").is_some_and(|path| {
        std::env::split_paths(path).any(|folder| folder.join("psql").is_file())
    });
    let program = if on_path {
        "psql".into()
    } else {
        server.program("psql").context("no psql on the PATH")?
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(settings.variables());
    Err(command.exec()).or_fail(
        Kind::Usage,
        || "psql cannot be run: install the package `postgresql-client`",
    )
}
