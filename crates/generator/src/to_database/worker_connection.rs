//! The connections that rows are sent over.

use database::{Cancel, Connection, Settings};
use postgres::Client;

/// A connection that rows are sent over.
pub(crate) enum WorkerConnection<'a> {
    /// A connection of the worker's own, reopened if it is lost.
    Own(Box<Connection>, &'a Settings),
    /// A connection with a transaction under way, which is lost with it.
    Lent(&'a mut Client),
}

impl<'a> WorkerConnection<'a> {
    /// Opens a connection of the worker's own.
    pub(crate) fn open(settings: &'a Settings, cancel: &Cancel) -> anyhow::Result<Self> {
        Ok(Self::Own(Box::new(connect(settings, cancel)?), settings))
    }

    /// Whether the connection can be reopened.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self, Self::Own(..))
    }

    /// Reopens a connection of the worker's own.
    pub(crate) fn reconnect(&mut self, cancel: &Cancel) -> anyhow::Result<()> {
        if let Self::Own(connection, settings) = self {
            **connection = connect(settings, cancel)?;
        }
        Ok(())
    }

    /// Reopens a connection of the worker's own if it was lost while it had nothing to do.
    pub(crate) fn refresh(&mut self, cancel: &Cancel) -> anyhow::Result<()> {
        if self.is_own() && self.client().simple_query("").is_err() {
            self.reconnect(cancel)?;
        }
        Ok(())
    }

    pub(crate) fn client(&mut self) -> &mut Client {
        match self {
            Self::Own(connection, _) => connection,
            Self::Lent(client) => client,
        }
    }
}

fn connect(settings: &Settings, cancel: &Cancel) -> anyhow::Result<Connection> {
    let mut connection = settings.connect(cancel)?;
    // The commit that moves the tables into place waits for the disk, and so for all commits before it;
    // until then nothing is worth waiting for.
    connection.batch_execute("SET synchronous_commit TO off")?;
    Ok(connection)
}
