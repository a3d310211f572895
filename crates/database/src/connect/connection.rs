//! Connects, and says what a failure to connect means to the user.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use dataset::failure::Kind;
use postgres::error::SqlState;
use postgres::{CancelToken, Client, SimpleQueryMessage};
use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::{Cancel, HookGuard};
use super::settings::{Settings, SslMode};
use super::tls;

/// The oldest server that has everything we use (such as range scans over `ctid`), as `server_version_num`.
const OLDEST_SERVER: u32 = 140_000;

/// How long the first answer in a session may take. Behind a pooler it comes once a connection to the server is free, which
/// may never happen if the run's own connections use all of them.
pub(crate) const FIRST_ANSWER: Duration = Duration::from_secs(60);

/// How often to try to connect while the server has no connection left. A connection that this run has just closed
/// counts until the server notices.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// One of several connections that a run uses at once, and the option that says how many these are.
#[derive(Debug, Clone, Copy)]
pub struct OneOf {
    /// How many connections the run uses at once.
    pub connections: usize,
    /// The name of the option, such as `--max-connections`.
    pub option: &'static str,
    /// The value of the option with which the run uses a single connection.
    pub least: &'static str,
}

/// A connection whose running statement is ended when the run is cancelled.
pub struct Connection {
    client: Client,
    token: CancelToken,
    connector: MakeRustlsConnect,
    _on_cancel: HookGuard,
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Connection {
    /// Asks the server to end the running statement.
    pub(crate) fn end_statement(&self) {
        end_statement(&self.token, &self.connector);
    }
}

/// A connection of the asynchronous client.
pub(crate) struct AsyncConnection {
    pub(crate) client: tokio_postgres::Client,
    pub(crate) connector: MakeRustlsConnect,
    end: Arc<Mutex<Option<tokio_postgres::Error>>>,
}

impl AsyncConnection {
    /// The reason why a request failed with `error`. When the server ends an idle session it says why, but the client tells
    /// later requests only that the connection is closed.
    pub(crate) fn reason(&self, error: tokio_postgres::Error) -> tokio_postgres::Error {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        match error.is_closed() {
            true => end.take().unwrap_or(error),
            false => error,
        }
    }
}

impl Settings {
    /// Connects. Nothing is set in the session: see [`transaction`](crate::transaction).
    ///
    /// # Errors
    /// [`Kind::Connection`], saying which part failed (server, login, database, TLS) and what to do;
    /// [`Kind::Mismatch`] for a server older than Postgres 14.
    pub fn connect(&self, cancel: &Cancel) -> anyhow::Result<Connection> {
        self.connect_as(None, cancel)
    }

    /// Opens one of several connections of a run.
    ///
    /// # Errors
    /// The errors of [`connect`](Self::connect), with the option that helps if the server or a pooler has no connection left.
    pub fn connect_one_of(&self, one: OneOf, cancel: &Cancel) -> anyhow::Result<Connection> {
        self.connect_as(Some(one), cancel)
    }

    fn connect_as(&self, one: Option<OneOf>, cancel: &Cancel) -> anyhow::Result<Connection> {
        let connector = tls::connector(&self.ssl)?;
        let config = postgres::Config::from(self.negotiating());
        let mut connected = config.connect(connector.clone());
        for _ in 1..TRIES {
            if !connected.as_ref().is_err_and(has_none_left) {
                break;
            }
            cancel.check()?;
            thread::sleep(PAUSE);
            connected = config.connect(connector.clone());
        }
        let mut client = connected.map_err(|error| self.explain(error, one))?;
        // The client doesn't hear the last words of a pooler that closes the connection.
        client
            .is_valid(FIRST_ANSWER)
            .map_err(|error| match error.code() {
                None => self.unanswered(error, one),
                Some(_) => self.explain(error, one),
            })?;
        let messages = client
            .simple_query("SHOW server_version_num")
            .map_err(|error| self.explain(error, one))?;
        check_version(&messages)?;
        let token = client.cancel_token();
        let of_hook = (token.clone(), connector.clone());
        let on_cancel = cancel.on_cancel(move || end_statement(&of_hook.0, &of_hook.1));
        Ok(Connection {
            client,
            token,
            connector,
            _on_cancel: on_cancel,
        })
    }

    /// Connects the asynchronous client for a session of its own, on the runtime of the caller.
    ///
    /// # Errors
    /// The errors of [`connect`](Self::connect).
    pub async fn connect_session(&self) -> anyhow::Result<tokio_postgres::Client> {
        let client = self.connect_async(None).await?.client;
        let messages = client
            .simple_query("SHOW server_version_num")
            .await
            .map_err(|error| self.explain(error, None))?;
        check_version(&messages)?;
        Ok(client)
    }

    /// Connects the asynchronous client, which COPY out of the server needs.
    pub(crate) async fn connect_async(
        &self,
        one: Option<OneOf>,
    ) -> anyhow::Result<AsyncConnection> {
        let connector = tls::connector(&self.ssl)?;
        let config = self.negotiating();
        let mut connected = config.connect(connector.clone()).await;
        for _ in 1..TRIES {
            if !connected.as_ref().is_err_and(has_none_left) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            connected = config.connect(connector.clone()).await;
        }
        let (client, connection) = connected.map_err(|error| self.explain(error, one))?;
        let end = Arc::new(Mutex::new(None));
        let of_connection = end.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                let mut end = of_connection.lock().unwrap_or_else(PoisonError::into_inner);
                *end = Some(error);
            }
        });
        Ok(AsyncConnection {
            client,
            connector,
            end,
        })
    }

    fn negotiating(&self) -> tokio_postgres::Config {
        let mut config = self.config.clone();
        // The session that holds the snapshot is idle while others read. Firewalls and load balancers that forget idle connections
        // after some minutes must see something of it, and its loss must be noticed.
        config
            .keepalives_idle(Duration::from_secs(60))
            .keepalives_interval(Duration::from_secs(15))
            .keepalives_retries(4)
            .application_name("extrato")
            .ssl_mode(match self.ssl.mode {
                SslMode::Disable => Negotiation::Disable,
                SslMode::Prefer => Negotiation::Prefer,
                _ => Negotiation::Require,
            });
        config
    }

    /// Explains a connection that was made but cannot be used: the pooler has no connection to the server for it.
    pub(crate) fn unanswered(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
        one: Option<OneOf>,
    ) -> anyhow::Error {
        let way_out = match one {
            Some(one) => one.way_out("raise the size of its pool"),
            None => "wait until other clients have ended, or raise the size of its pool".to_owned(),
        };
        let message = format!(
            "{self} accepted the connection but did not answer, as a pooler does when all its connections to the \
             server are in use: {way_out}"
        );
        Kind::Connection.caused_by(error, message)
    }

    /// Explains a failed connection, and what to do about it.
    fn explain(&self, error: postgres::Error, one: Option<OneOf>) -> anyhow::Error {
        if is_of_pooler(&error) {
            return self.unanswered(error, one);
        }
        let user = self.user();
        let message = match error.code() {
            Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                format!(
                    "login as `{user}` refused by {self}: check the user, and the password in PGPASSWORD or the passfile"
                )
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => {
                format!(
                    "database `{}` does not exist on {self}: name another, or create it",
                    self.database()
                )
            }
            Some(&SqlState::TOO_MANY_CONNECTIONS) => {
                let way_out = match one {
                    Some(one) => one.way_out("raise its limit"),
                    None => "wait until other clients have ended, or raise its limit".to_owned(),
                };
                format!(
                    "{self} has no connection left, or none for this role or database: {way_out}"
                )
            }
            Some(_) if said(&error).contains("unsupported startup parameter") => format!(
                "{self} refuses a parameter of the connection, as a pooler does: leave out PGOPTIONS (options), or name it in \
                 its ignore_startup_parameters"
            ),
            Some(_) => format!("{self} refused the connection"),
            None if cause(&error).contains("password missing") => {
                format!(
                    "{self} asks for a password: give it in PGPASSWORD or a passfile (~/.pgpass)"
                )
            }
            None => format!(
                "cannot connect to {self}: check host and port and that the server runs, or give no connection \
                 at all to use the embedded one"
            ),
        };
        Kind::Connection.caused_by(error, message)
    }
}

impl OneOf {
    fn way_out(self, otherwise: &str) -> String {
        let Self {
            connections,
            option,
            least,
        } = self;
        format!(
            "this run uses {connections} connections at once; ask for fewer with {option} ({option} {least} needs \
             only one), or {otherwise}"
        )
    }
}

/// Whether the server, the role or the database has no connection left.
fn has_none_left(error: &postgres::Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}

/// Whether PgBouncer gave up waiting for a connection to the server.
pub(crate) fn is_of_pooler(error: &postgres::Error) -> bool {
    said(error).contains("query_wait_timeout")
}

/// The server's message in `error`, if it is the server's.
fn said(error: &postgres::Error) -> &str {
    error.as_db_error().map_or("", |error| error.message())
}

fn end_statement(token: &CancelToken, connector: &MakeRustlsConnect) {
    if let Err(error) = token.cancel_query(connector.clone()) {
        tracing::debug!(%error, "cancel request failed");
    }
}

/// The message of the cause of `error`.
fn cause(error: &postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(String::new, ToString::to_string)
}

fn check_version(messages: &[SimpleQueryMessage]) -> anyhow::Result<()> {
    let version = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            row.try_get("server_version_num").ok()??.parse::<u32>().ok()
        }
        _ => None,
    });
    match version {
        Some(version) if version < OLDEST_SERVER => Err(Kind::Mismatch.error(format!(
            "the server is Postgres {}; 14 or newer is needed",
            version / 10_000
        ))),
        _ => Ok(()),
    }
}
