//! A session on a server, in which a caller makes views and has files written.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use database::Cancel;
use dataset::failure::Kind;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::client::Client;
use crate::failure::{self, Doing};
use crate::operation::{Operation, Progress};
use crate::remote::Remote;
use crate::status::Status;
use crate::wire::{
    AskVersion, CommandKind, Config, ConfigOperation, CreateView, DataSource, Empty, OVERWRITE,
    Pair, Read, Relation, RelationKind, Set, Sql, TellVersion, WriteOperation,
};

/// The oldest major version of Spark that has everything this client uses.
const OLDEST: u32 = 4;
/// How long the server may take to end the session.
const FAREWELL: Duration = Duration::from_secs(3);

/// A session on a Spark Connect server. Dropping it lets the server forget its views and settings.
///
/// Every call waits for its end, and ends early with [`Kind::Interrupted`] once the run is cancelled.
pub struct Session {
    runtime: Runtime,
    client: Client,
    remote: Remote,
    cancel: Cancel,
    version: String,
}

/// Files that a view is made over.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The files' format, as Spark names it: `parquet`, `csv`.
    pub format: &'a str,
    /// The files' columns, as in `id INT, name STRING`; if not given, Spark takes them from the files.
    pub schema: Option<&'a str>,
    /// The files' paths, as the server sees them.
    pub paths: &'a [String],
    /// Options for reading, as Spark names them.
    pub options: &'a [(&'a str, &'a str)],
}

/// Where and how rows are written. What is there is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// The format, as Spark names it: `parquet`, `csv`.
    pub format: &'a str,
    /// The folder, as the server sees it.
    pub path: &'a str,
    /// The columns whose values become folders.
    pub partition_by: &'a [String],
    /// Options for writing, as Spark names them.
    pub options: &'a [(&'a str, &'a str)],
}

impl Session {
    /// Opens a new session on a server.
    ///
    /// # Errors
    /// With [`Kind::Connection`], if there is no server or it refuses the login; with [`Kind::Mismatch`], if it is older than Spark
    /// 4.0.
    pub fn connect(remote: &Remote, cancel: &Cancel) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .context("a runtime for the client of Spark")?;
        let opened = until_cancelled(&runtime, cancel, async {
            let mut client = Client::connect(remote).await?;
            let asked = AskVersion {
                version: Some(Empty {}),
            };
            let told: TellVersion = client.ask("AnalyzePlan", &asked).await?;
            Ok((client, told))
        })?;
        let (mut client, told) =
            opened.map_err(|status| failure::of_status(remote, Doing::Asking, &status))?;
        client.server_session_id = Some(told.server_session_id).filter(|id| !id.is_empty());
        let session = Self {
            runtime,
            client,
            remote: remote.clone(),
            cancel: cancel.clone(),
            version: told.version.unwrap_or_default().version,
        };
        let major = session.version.split('.').next();
        if major.is_none_or(|major| major.parse().is_ok_and(|major: u32| major < OLDEST)) {
            return Err(Kind::Mismatch.error(format!(
                "the server at {remote} is Spark {}: it must be 4.0 or newer",
                session.version
            )));
        }
        Ok(session)
    }

    /// The server's version, as it says it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sets settings of the session.
    ///
    /// # Errors
    /// If the server refuses them, or goes away.
    pub fn set(&mut self, pairs: &[(&str, &str)]) -> anyhow::Result<()> {
        let pairs = pairs.iter().map(|(key, value)| Pair {
            key: (*key).to_owned(),
            value: Some((*value).to_owned()),
        });
        let set = Set {
            pairs: pairs.collect(),
        };
        let config = Config {
            operation: Some(ConfigOperation { set: Some(set) }),
        };
        let asked = self.client.ask_again::<Empty>("Config", &config);
        let answered = until_cancelled(&self.runtime, &self.cancel, asked)?;
        self.told(Doing::Asking, answered.map(drop))
    }

    /// Makes a temporary view over files. A view of the same name is replaced.
    ///
    /// # Errors
    /// If the files are missing, or differ from what `files` says; if the server goes away.
    pub fn view_of_files(&mut self, view: &str, files: &Files<'_>) -> anyhow::Result<()> {
        let source = DataSource {
            format: Some(files.format.to_owned()),
            schema: files.schema.map(str::to_owned),
            options: options(files.options),
            paths: files.paths.to_vec(),
        };
        self.make_view(
            view,
            RelationKind::Read(Read {
                source: Some(source),
            }),
        )
    }

    /// Makes a temporary view of a SELECT. A view of the same name is replaced.
    ///
    /// # Errors
    /// If the SELECT is refused, or the server goes away.
    pub fn view_of_query(&mut self, view: &str, sql: &str) -> anyhow::Result<()> {
        let query = sql.to_owned();
        self.make_view(view, RelationKind::Sql(Sql { query }))
    }

    /// Has the server write the rows of a SELECT, and waits until it has.
    ///
    /// # Errors
    /// With [`Kind::Usage`], if the SELECT is refused; with [`Kind::Refused`], if it fails at a value; with [`Kind::Output`],
    /// if the server cannot write there; with [`Kind::Connection`], if it goes away.
    pub fn write(
        &mut self,
        sql: &str,
        to: &Write<'_>,
        on_progress: &mut dyn FnMut(Progress),
    ) -> anyhow::Result<()> {
        let query = sql.to_owned();
        let write = WriteOperation {
            input: Some(relation(RelationKind::Sql(Sql { query }))),
            format: Some(to.format.to_owned()),
            path: Some(to.path.to_owned()),
            mode: OVERWRITE,
            partition_by: to.partition_by.to_vec(),
            options: options(to.options),
        };
        self.run(Doing::Writing, CommandKind::Write(write), on_progress)
    }

    fn make_view(&mut self, view: &str, input: RelationKind) -> anyhow::Result<()> {
        let view = CreateView {
            input: Some(relation(input)),
            name: view.to_owned(),
            replace: true,
        };
        self.run(Doing::Reading, CommandKind::View(view), &mut |_| {})
    }

    fn run(
        &mut self,
        doing: Doing,
        command: CommandKind,
        on_progress: &mut dyn FnMut(Progress),
    ) -> anyhow::Result<()> {
        let mut operation = Operation::new(command);
        let running = operation.run(&mut self.client, on_progress);
        match until_cancelled(&self.runtime, &self.cancel, running) {
            Ok(ended) => self.told(doing, ended),
            Err(interrupted) => {
                let told = operation.interrupt(&mut self.client);
                Err(match self.runtime.block_on(told) {
                    Ok(()) => interrupted,
                    Err(status) => Kind::Interrupted.error(format!(
                        "interrupted, but the Spark server at {} may still be at work: {}",
                        self.remote, status.message
                    )),
                })
            }
        }
    }

    /// Turns a failed call into an error, with the details that the server gives on request.
    fn told(&mut self, doing: Doing, ended: Result<(), Status>) -> anyhow::Result<()> {
        let Err(status) = ended else { return Ok(()) };
        let error = failure::of_call(&mut self.client, &self.remote, doing, status);
        Err(self.runtime.block_on(error))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let release = self
            .client
            .ask_within::<Empty>(FAREWELL, "ReleaseSession", &Empty {});
        if let Err(status) = self.runtime.block_on(release) {
            tracing::debug!("Spark: ReleaseSession: {}", status.message);
        }
    }
}

/// Waits for a call's result, but fails as soon as the run is cancelled.
fn until_cancelled<T>(
    runtime: &Runtime,
    cancel: &Cancel,
    call: impl Future<Output = T>,
) -> anyhow::Result<T> {
    let stop = Arc::new(Notify::new());
    let of_hook = stop.clone();
    let _on_cancel = cancel.on_cancel(move || of_hook.notify_one());
    cancel.check()?;
    runtime.block_on(async {
        tokio::select! {
            given = call => Ok(given),
            () = stop.notified() => Err(Kind::Interrupted.error("interrupted")),
        }
    })
}

fn relation(kind: RelationKind) -> Relation {
    Relation { kind: Some(kind) }
}

fn options(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
