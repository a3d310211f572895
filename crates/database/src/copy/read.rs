//! A COPY out of Postgres, as blocks of bytes.
//!
//! The synchronous client enters its runtime once per message, that is once per row; so each stream has
//! a thread that runs the asynchronous client and hands on whole blocks over a bounded channel.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Context;
use futures_util::{StreamExt, pin_mut};

use crate::connect::{Cancel, Settings};
use crate::sqlstate;

/// A block is handed on once it holds this many bytes.
const BLOCK_BYTES: usize = 1 << 20;
/// Blocks that may wait for the reader.
const BLOCKS_AHEAD: usize = 4;
/// Messages, that is rows, taken from the connection at once.
const MESSAGES_AT_ONCE: usize = 4096;

/// The blocks of one COPY, in order. Ends after the last block, or with an error.
pub struct Blocks {
    receiver: Receiver<anyhow::Result<Vec<u8>>>,
}

impl Blocks {
    /// Starts reading `statement` (`COPY … TO STDOUT`, in any format) in a session that ran `begin` first, which
    /// joins a snapshot ([`adopt_sql`](crate::snapshot::Snapshot::adopt_sql)).
    ///
    /// # Errors
    /// Of the blocks: [`Kind::Connection`](dataset::failure::Kind::Connection) if the session, or the one that holds
    /// the snapshot, was lost or ended, and as the database's own code says.
    pub fn open(
        settings: &Settings,
        begin: &str,
        statement: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
        let (settings, cancel) = (settings.clone(), cancel.clone());
        let (begin, statement) = (begin.to_owned(), statement.to_owned());
        thread::Builder::new()
            .name("copy out".to_owned())
            .spawn(move || {
                let result = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .context("starting the client")
                    .and_then(|runtime| {
                        runtime.block_on(stream(&settings, &begin, &statement, &cancel, &sender))
                    });
                if let Err(error) = result {
                    // Nobody listens any more if the reader gave up first.
                    let _ = sender.send(Err(error));
                }
            })
            .context("starting a thread")?;
        Ok(Self { receiver })
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
    cancel: &Cancel,
    sender: &SyncSender<anyhow::Result<Vec<u8>>>,
) -> anyhow::Result<()> {
    let connection = settings.connect_async().await?;
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
    client.batch_execute(begin).await.map_err(|error| {
        let reason = connection.reason(error);
        sqlstate::while_joining_snapshot(reason.into(), settings)
    })?;
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
