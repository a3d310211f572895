//! Connecting, and what it means to the user if that fails.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dataset::failure::Kind;
use postgres::error::SqlState;
use postgres::{Client, SimpleQueryMessage};
use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::{Cancel, HookGuard};
use super::settings::{Settings, SslMode};
use super::tls;

/// The oldest server that has all we use (`ctid` range scans among it), as `server_version_num`.
const OLDEST_SERVER: u32 = 140_000;

/// What each of our sessions sets, so that nothing of the role's or the server's configuration changes a
/// value's text, ends a long statement, or hides rows: with `row_security` off, a policy that would
/// leave out rows is an error. (`transaction_timeout` came with Postgres 17.)
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; \
    SELECT set_config('transaction_timeout', '0', false) WHERE current_setting('transaction_timeout', true) IS NOT NULL; \
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; \
    SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex'; \
    SET row_security = off; SET default_transaction_read_only = off; SET standard_conforming_strings = on; SHOW server_version_num";

/// A connection whose running statement ends when the run is cancelled.
pub struct Connection {
    client: Client,
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

/// A connection of the asynchronous client.
pub(crate) struct AsyncConnection {
    pub(crate) client: tokio_postgres::Client,
    pub(crate) connector: MakeRustlsConnect,
    end: Arc<Mutex<Option<tokio_postgres::Error>>>,
}

impl AsyncConnection {
    /// Why a request failed with `error`. What the server says when it ends a session that is idle, the client tells
    /// nobody who asks later: to them the connection is just closed.
    pub(crate) fn reason(&self, error: tokio_postgres::Error) -> tokio_postgres::Error {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        match error.is_closed() {
            true => end.take().unwrap_or(error),
            false => error,
        }
    }
}

impl Settings {
    /// Connects, and sets the session up.
    ///
    /// # Errors
    /// [`Kind::Connection`], saying which part failed (server, login, database, TLS) and what to do;
    /// [`Kind::Mismatch`] for a server older than Postgres 14.
    pub fn connect(&self, cancel: &Cancel) -> anyhow::Result<Connection> {
        let connector = tls::connector(&self.ssl)?;
        let mut client = postgres::Config::from(self.negotiating())
            .connect(connector.clone())
            .map_err(|error| self.explain(error))?;
        let messages = client
            .simple_query(SESSION)
            .map_err(|error| self.explain(error))?;
        check_version(&messages)?;
        let token = client.cancel_token();
        let on_cancel = cancel.on_cancel(move || {
            if let Err(error) = token.cancel_query(connector.clone()) {
                tracing::debug!(%error, "cancel request failed");
            }
        });
        Ok(Connection {
            client,
            _on_cancel: on_cancel,
        })
    }

    /// Connects the asynchronous client, which COPY out of the server needs.
    pub(crate) async fn connect_async(&self) -> anyhow::Result<AsyncConnection> {
        let connector = tls::connector(&self.ssl)?;
        let (client, connection) = self
            .negotiating()
            .connect(connector.clone())
            .await
            .map_err(|error| self.explain(error))?;
        let end = Arc::new(Mutex::new(None));
        let of_connection = end.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                let mut end = of_connection.lock().unwrap_or_else(PoisonError::into_inner);
                *end = Some(error);
            }
        });
        client
            .simple_query(SESSION)
            .await
            .map_err(|error| self.explain(error))?;
        Ok(AsyncConnection {
            client,
            connector,
            end,
        })
    }

    fn negotiating(&self) -> tokio_postgres::Config {
        let mut config = self.config.clone();
        // The session that holds the snapshot is idle while others read: what forgets idle connections (firewalls,
        // load balancers, from some minutes on) must see something of it, and a lost one must be noticed.
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

    /// Says what a failed connection means and what to do about it.
    fn explain(&self, error: postgres::Error) -> anyhow::Error {
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
                format!(
                    "{self} has no connection left: ask for fewer with --max-connections, or raise its limit"
                )
            }
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

/// The message of what lies behind `error`.
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
