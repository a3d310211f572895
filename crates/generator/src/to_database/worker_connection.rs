//! The connections that rows are sent over.

use database::{Cancel, Connection, OneOf, Settings, transaction};
use postgres::Client;

/// A connection that rows are sent over.
pub(crate) enum WorkerConnection<'a> {
    /// A connection of the worker's own, reopened if it is lost. Each of its transactions is committed when it ends.
    Own(Box<Connection>, &'a Settings, OneOf),
    /// A borrowed connection with a transaction under way; if the connection is lost, so is the transaction.
    Lent(&'a mut Client),
}

impl<'a> WorkerConnection<'a> {
    /// Opens a connection of the worker's own: one of `workers` connections, beside the control connection.
    pub(crate) fn open(
        settings: &'a Settings,
        workers: usize,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let one = OneOf {
            connections: workers + 1,
            option: "--workers",
            least: "1",
        };
        let connection = settings.connect_one_of(one, cancel)?;
        Ok(Self::Own(Box::new(connection), settings, one))
    }

    /// Whether the connection can be reopened.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self, Self::Own(..))
    }

    /// Reopens a connection of the worker's own.
    pub(crate) fn reconnect(&mut self, cancel: &Cancel) -> anyhow::Result<()> {
        if let Self::Own(connection, settings, one) = self {
            **connection = settings.connect_one_of(*one, cancel)?;
        }
        Ok(())
    }

    /// Reopens a connection of the worker's own if it was lost while idle.
    pub(crate) fn refresh(&mut self, cancel: &Cancel) -> anyhow::Result<()> {
        if self.is_own() && self.client().simple_query("").is_err() {
            self.reconnect(cancel)?;
        }
        Ok(())
    }

    pub(crate) fn client(&mut self) -> &mut Client {
        match self {
            Self::Own(connection, ..) => connection,
            Self::Lent(client) => client,
        }
    }

    /// Begins a transaction, unless one is under way.
    pub(crate) fn begin(&mut self) -> anyhow::Result<()> {
        if let Self::Own(connection, ..) = self {
            transaction::begin(connection)?;
            // The commit that moves the tables into place waits for the disk, and thereby for all earlier commits. Waiting for
            // those would gain nothing.
            connection.batch_execute("SET LOCAL synchronous_commit = off")?;
        }
        Ok(())
    }

    /// Commits the transaction that [`begin`](Self::begin) began.
    pub(crate) fn commit(&mut self) -> Result<(), postgres::Error> {
        match self {
            Self::Own(connection, ..) => connection.batch_execute("COMMIT"),
            Self::Lent(_) => Ok(()),
        }
    }
}
