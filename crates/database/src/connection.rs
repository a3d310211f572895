//! Connecting, and what an error of the database means to the user.

use std::ops::{Deref, DerefMut};

use dataset::failure::{Failure, Kind, OrFail};
use postgres::error::SqlState;
use postgres::{Client, SimpleQueryMessage};
use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::cancel::HookGuard;
use crate::settings::SslMode;
use crate::{Cancel, Settings, tls};

/// The oldest server that has all we use (`ctid` range scans among it), as `server_version_num`.
const OLDEST_SERVER: u32 = 140_000;

/// What each of our sessions sets, so that nothing of the role's or the server's configuration changes a
/// value's text, ends a long statement, or hides rows: with `row_security` off, a policy that would
/// leave out rows is an error.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; \
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

    /// The same for the asynchronous client, of which only `copy_out` has need.
    pub(crate) async fn connect_async(
        &self,
    ) -> anyhow::Result<(tokio_postgres::Client, MakeRustlsConnect)> {
        let connector = tls::connector(&self.ssl)?;
        let (client, connection) = self
            .negotiating()
            .connect(connector.clone())
            .await
            .map_err(|error| self.explain(error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        client
            .simple_query(SESSION)
            .await
            .map_err(|error| self.explain(error))?;
        Ok((client, connector))
    }

    fn negotiating(&self) -> tokio_postgres::Config {
        let mut config = self.config.clone();
        config
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
        let failed: Result<(), _> = Err(error);
        failed
            .or_fail(Kind::Connection, || message)
            .expect_err("made from an error")
    }
}

/// The message of what lies behind `error`.
fn cause(error: &postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(String::new, ToString::to_string)
}

fn check_version(messages: &[SimpleQueryMessage]) -> anyhow::Result<()> {
    let version = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse::<u32>().ok(),
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

/// The documented exit code for `error`: that of the kind it names, else that of the database's own code.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(kind) = Failure::kind_of(error) {
        return kind.exit_code();
    }
    let from_database = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<postgres::Error>())
        .map(kind_of_database_error);
    from_database.unwrap_or(Kind::Internal).exit_code()
}

/// Whether `error` is the loss of a connection or of a race for locks, which may not come again.
pub fn is_transient(error: &anyhow::Error) -> bool {
    let from_database = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<postgres::Error>());
    from_database.is_some_and(|error| match error.code().map(SqlState::code) {
        // The connection itself broke.
        None => true,
        // Connection exceptions, serialization failure, deadlock, shutdowns of the backend or the server.
        Some(code) => {
            code.starts_with("08") || ["40001", "40P01", "57P01", "57P02", "57P03"].contains(&code)
        }
    })
}

/// Classes of SQLSTATE, see <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn kind_of_database_error(error: &postgres::Error) -> Kind {
    let Some(code) = error.code() else {
        // Not an answer of the server: the connection itself broke.
        return Kind::Connection;
    };
    match code.code() {
        // A transaction that may only read (a replica).
        "25006" => Kind::Connection,
        // Privilege; a schema, table or type that exists; a table, column, type or function that doesn't.
        "42501" => Kind::Connection,
        "42P06" | "42P07" | "42710" => Kind::Refused,
        // The server's disk is full.
        "53100" => Kind::Output,
        "42P01" | "42703" | "42704" | "42883" | "42804" | "3F000" => Kind::Mismatch,
        code => match &code[..2] {
            // Connection, login, resources, operator intervention.
            "08" | "28" | "3D" | "53" | "57" | "58" => Kind::Connection,
            // Values out of range, constraint violations.
            "22" | "23" => Kind::Refused,
            _ => Kind::Internal,
        },
    }
}
