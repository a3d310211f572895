//! A COPY out of Postgres, as blocks of bytes.
//!
//! The synchronous client enters its runtime once for each message, that is for each row. So each stream has
//! a thread that runs the asynchronous client and passes whole blocks on through a bounded channel.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use futures_util::{StreamExt, pin_mut};

use super::write::server_error;
use crate::connect::connection::{FIRST_ANSWER, is_of_pooler};
use crate::connect::{Cancel, Connection, OneOf, Settings};
use crate::sqlstate;
use crate::transaction;

/// The number of bytes from which on a block is passed on.
const BLOCK_BYTES: usize = 1 << 20;
/// How many blocks may wait for the reader.
const BLOCKS_AHEAD: usize = 4;
/// How many messages, that is rows, are taken from the connection at once.
const MESSAGES_AT_ONCE: usize = 4096;

/// The blocks of one COPY, in order. The iterator ends after the last block, or after an error.
pub struct Blocks {
    receiver: Receiver<anyhow::Result<Vec<u8>>>,
}

impl Blocks {
    /// Starts to read `statement` (`COPY … TO STDOUT`, in any format) in a session of its own. The session first runs `begin`,
    /// which joins a snapshot. With `one` it is one of several such sessions.
    ///
    /// # Errors
    /// The blocks may end with [`Kind::Connection`](dataset::failure::Kind::Connection) if the session, or the one that holds
    /// the snapshot, was lost or ended, or with the kind that the server's error has.
    pub fn open(
        settings: &Settings,
        begin: &str,
        statement: &str,
        one: Option<OneOf>,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let (settings, cancel) = (settings.clone(), cancel.clone());
        let (begin, statement) = (begin.to_owned(), statement.to_owned());
        Self::made_by(move |sender| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("starting the client")?;
            runtime.block_on(stream(&settings, &begin, &statement, one, &cancel, sender))
        })
    }

    /// Starts to read `statement` over a connection to `server` that is in a transaction and stays in it. Nobody else can use
    /// the connection meanwhile.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub(crate) fn over(
        connection: Arc<Mutex<Connection>>,
        server: &Settings,
        statement: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let (server, statement, cancel) = (server.clone(), statement.to_owned(), cancel.clone());
        Self::made_by(move |sender| {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            pass_on(&mut connection, &statement, &cancel, sender).map_err(|error| {
                let interrupted = cancel.check().err();
                interrupted.unwrap_or_else(|| sqlstate::while_reading(error, &server))
            })
        })
    }

    fn made_by(
        make: impl FnOnce(&SyncSender<anyhow::Result<Vec<u8>>>) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
        thread::Builder::new()
            .name("copy out".to_owned())
            .spawn(move || {
                if let Err(error) = make(&sender) {
                    // If the reader gave up first, nobody receives it.
                    let _ = sender.send(Err(error));
                }
            })
            .context("starting a thread")?;
        Ok(Self { receiver })
    }
}

/// Passes on the blocks of the synchronous client. That is slower, but it is this client that has the connection.
fn pass_on(
    connection: &mut Connection,
    statement: &str,
    cancel: &Cancel,
    sender: &SyncSender<anyhow::Result<Vec<u8>>>,
) -> anyhow::Result<()> {
    let mut reader = connection.copy_out(statement)?;
    let mut block = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8);
    loop {
        let read = reader.fill_buf().map_err(server_error)?;
        let bytes = read.len();
        block.extend_from_slice(read);
        reader.consume(bytes);
        if block.len() >= BLOCK_BYTES || bytes == 0 && !block.is_empty() {
            cancel.check()?;
            let next = Vec::with_capacity(block.capacity());
            let sent = sender.send(Ok(std::mem::replace(&mut block, next)));
            if sent.is_err() && bytes > 0 {
                // Otherwise all remaining rows would come before any other answer.
                drop(reader);
                connection.end_statement();
                return Ok(());
            }
        }
        if bytes == 0 {
            return Ok(());
        }
    }
}

impl Iterator for Blocks {
    type Item = anyhow::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.recv().ok()
    }
}

async fn stream(
    settings: &Settings,
    begin: &str,
    statement: &str,
    one: Option<OneOf>,
    cancel: &Cancel,
    sender: &SyncSender<anyhow::Result<Vec<u8>>>,
) -> anyhow::Result<()> {
    let connection = settings.connect_async(one).await?;
    let (client, connector) = (&connection.client, connection.connector.clone());
    let token = client.cancel_token();
    let _on_cancel = cancel.on_cancel(move || {
        let request = token.cancel_query(connector.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        if let Ok(runtime) = runtime
            && let Err(error) = runtime.block_on(request)
        {
            tracing::debug!(%error, "cancel request failed");
        }
    });
    let explain = |error: tokio_postgres::Error| {
        let interrupted = cancel.check().err();
        let reason = connection.reason(error);
        interrupted.unwrap_or_else(|| sqlstate::while_reading(reason.into(), settings))
    };
    match tokio::time::timeout(FIRST_ANSWER, transaction::begin_async(client, begin)).await {
        Err(elapsed) => return Err(settings.unanswered(elapsed, one)),
        Ok(Err(error)) => {
            let reason = connection.reason(error);
            return Err(match is_of_pooler(&reason) {
                true => settings.unanswered(reason, one),
                false => sqlstate::while_joining_snapshot(reason.into(), settings),
            });
        }
        Ok(Ok(())) => {}
    }
    let messages = client
        .copy_out(statement)
        .await
        .map_err(explain)?
        .ready_chunks(MESSAGES_AT_ONCE);
    pin_mut!(messages);
    let mut block = Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8);
    while let Some(ready) = messages.next().await {
        for message in ready {
            block.extend_from_slice(&message.map_err(explain)?);
        }
        if block.len() >= BLOCK_BYTES {
            cancel.check()?;
            let next = Vec::with_capacity(block.capacity());
            if sender
                .send(Ok(std::mem::replace(&mut block, next)))
                .is_err()
            {
                return Ok(());
            }
        }
    }
    if !block.is_empty() {
        let _ = sender.send(Ok(block));
    }
    client.batch_execute("COMMIT").await.map_err(explain)
}
