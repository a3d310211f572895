//! Streams tables to Postgres over several connections; whichever is free takes the next part of a table.
//!
//! Each connection has two threads: one makes rows while the other sends those made before. Buffers of blocks that were sent go
//! back to the maker. Each task is one COPY in a transaction of its own, or all tasks share one transaction. If a connection is
//! lost during a task, it is reopened and the task is done again, unless the server had committed it; the keys of its rows tell.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::copy::write::{CopyIn, RowEncoder, Written};
use database::{Cancel, transaction};
use dataset::failure::Kind;
use postgres::Client;
use tracing::{Span, field};

use crate::encode::encoding::Encoding;
use crate::report::TableReport;
use crate::table::RowSource;
use crate::table::faults::FaultCounts;
use crate::table::layout::{Layout, Part};
use crate::to_database::worker_connection::WorkerConnection;

/// Bounds for the rows of one COPY: each part costs a transaction, and a failure throws a whole part away.
const PART_ROWS: (u64, u64) = (10_000, 250_000);
/// How many parts there are for each connection, so that no connection waits long for the last part.
const PARTS_PER_CONNECTION: u64 = 4;
/// How many blocks may wait to be sent over a connection.
const BLOCKS_AHEAD: usize = 4;

/// The rows to copy, and the schema to copy them into.
pub(crate) struct Load<'a> {
    /// The schema of the tables.
    pub(crate) schema: &'a str,
    pub(crate) source: &'a dyn RowSource,
    /// Whether each table is copied in one transaction that first truncates it and freezes its rows.
    pub(crate) freeze: bool,
    pub(crate) cancel: &'a Cancel,
}

/// Some parts of a table that are copied in one transaction.
struct Task {
    table: usize,
    parts: Vec<Part>,
}

/// What the thread that makes rows tells the one that sends them.
enum Message {
    /// Blocks of this task follow.
    Begin(usize),
    /// A block of encoded rows, and the number of its rows.
    Block(Vec<u8>, u64),
    /// The task has no more blocks; these are the counts of its faults.
    End(FaultCounts),
}

/// What all connections share.
struct Shared<'a> {
    load: &'a Load<'a>,
    tasks: Vec<Task>,
    next: AtomicUsize,
    tables: Vec<TableProgress>,
    stopped: AtomicBool,
    retried: AtomicBool,
    /// Why the first of the stopped connections stopped.
    failure: Mutex<Option<anyhow::Error>>,
}

struct TableProgress {
    name: &'static str,
    rows_total: u64,
    rows: AtomicU64,
    state: Mutex<TableState>,
}

#[derive(Default)]
struct TableState {
    /// When the table's first task began, and the span that shows its progress until the last one ends.
    running: Option<(Instant, Span)>,
    seconds: f64,
    tasks_left: usize,
    written: Written,
    planted: FaultCounts,
}

/// Copies all rows of the plan, and returns how many rows of each table have which fault.
///
/// # Errors
/// The first failure of a connection. A connection that is lost is reopened and its task done again, once.
pub(crate) fn tables(
    connections: &mut [WorkerConnection<'_>],
    load: &Load<'_>,
) -> anyhow::Result<Vec<(TableReport, FaultCounts)>> {
    let tasks = tasks(load, connections.len() as u64);
    let layouts = load.source.tables().iter().enumerate();
    let tables = layouts.map(|(table, layout)| TableProgress {
        name: layout.name,
        rows_total: load.source.rows(table),
        rows: AtomicU64::new(0),
        state: Mutex::new(TableState {
            tasks_left: tasks.iter().filter(|task| task.table == table).count(),
            ..TableState::default()
        }),
    });
    let tables = tables.collect();
    let shared = Shared {
        load,
        tasks,
        next: AtomicUsize::new(0),
        tables,
        stopped: AtomicBool::new(false),
        retried: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    thread::scope(|scope| {
        for connection in &mut *connections {
            let shared = &shared;
            let (sender, messages) = sync_channel(BLOCKS_AHEAD);
            let (used, free) = channel();
            scope.spawn(move || shared.make(&sender, &free));
            scope.spawn(move || {
                if let Err(error) = shared.send(connection, &messages, &used) {
                    shared.stop(error);
                }
            });
        }
    });
    let failure = shared.failure.into_inner();
    if let Some(error) = failure.unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    load.cancel.check()?;
    if shared.retried.into_inner()
        && let Some(connection) = connections.first_mut()
    {
        // Only connections of the workers' own copy rows again after a failure.
        transaction::reading(connection.client(), |client| check_counts(client, load))?;
    }
    let done = shared.tables.into_iter();
    Ok(done
        .map(|progress| {
            let state = progress.state.into_inner();
            let state = state.unwrap_or_else(PoisonError::into_inner);
            let report = TableReport {
                table: progress.name,
                rows: state.written.rows,
                bytes: state.written.bytes,
                seconds: state.seconds,
            };
            (report, state.planted)
        })
        .collect())
}

/// All tasks in the order in which they are begun: those of parents first or, if each table is a single task, the longest
/// first.
fn tasks(load: &Load<'_>, connections: u64) -> Vec<Task> {
    let tasks = (0..load.source.tables().len()).flat_map(|table| {
        let part_rows = load.source.rows(table) / (connections * PARTS_PER_CONNECTION);
        let parts = load
            .source
            .parts(table, part_rows.clamp(PART_ROWS.0, PART_ROWS.1));
        if load.freeze {
            return vec![Task { table, parts }];
        }
        let single = |part| Task {
            table,
            parts: vec![part],
        };
        parts.into_iter().map(single).collect()
    });
    if load.freeze {
        tasks.rev().collect()
    } else {
        tasks.collect()
    }
}

/// Checks that the tables hold what was committed: a server that crashed may have lost what it had not yet written to
/// disk.
///
/// # Errors
/// [`Kind::Check`] with the table that lacks rows.
fn check_counts(client: &mut Client, load: &Load<'_>) -> anyhow::Result<()> {
    for (table, layout) in load.source.tables().iter().enumerate() {
        let query = format!(
            "SELECT count(*) FROM {}",
            qualified(load.schema, layout.name)
        );
        let found = client.query_one(&query, &[])?.get::<_, i64>(0) as u64;
        let expected = load.source.rows(table);
        if found != expected {
            return Err(Kind::Check.error(format!(
                "{}: after a connection was lost the server has {found} rows of {expected}: run it again",
                layout.name
            )));
        }
    }
    Ok(())
}

impl Shared<'_> {
    fn next_task(&self) -> Option<usize> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        (index < self.tasks.len()).then_some(index)
    }

    /// Makes the rows of tasks until there are no more tasks, or nobody takes the rows.
    fn make(&self, sender: &SyncSender<Message>, free: &Receiver<Vec<u8>>) {
        let mut encoding = Encoding::Binary(RowEncoder::default());
        while let Some(index) = self.next_task() {
            let task = &self.tasks[index];
            let mut planted = FaultCounts::default();
            let mut hand_over = |bytes, rows| {
                self.check()?;
                sender.send(Message::Block(bytes, rows))?;
                Ok(free.try_recv().unwrap_or_default())
            };
            if sender.send(Message::Begin(index)).is_err() {
                return;
            }
            for part in &task.parts {
                let source = self.load.source;
                match source.encode(task.table, part, &mut encoding, &mut hand_over) {
                    Ok(more) => planted.add(&more),
                    // The sending thread is gone, and says why.
                    Err(_) => return,
                }
            }
            if sender.send(Message::End(planted)).is_err() {
                return;
            }
        }
    }

    /// Sends the blocks that [`make`](Self::make) makes, and gives the buffers of sent blocks back to it.
    fn send(
        &self,
        connection: &mut WorkerConnection<'_>,
        messages: &Receiver<Message>,
        used: &Sender<Vec<u8>>,
    ) -> anyhow::Result<()> {
        while let Ok(Message::Begin(index)) = messages.recv() {
            let task = &self.tasks[index];
            let progress = &self.tables[task.table];
            progress.begin();
            let (mut sent_rows, mut made) = (0, false);
            let first = self.transaction(connection, task, |copy| {
                loop {
                    match messages.recv() {
                        Ok(Message::Block(block, rows)) => {
                            copy.send(&block, rows)?;
                            sent_rows += rows;
                            progress.add(rows);
                            // Nobody takes the buffer back once all rows are made.
                            let _ = used.send(block);
                        }
                        Ok(Message::End(planted)) => {
                            made = true;
                            return Ok(planted);
                        }
                        Ok(Message::Begin(_)) | Err(_) => {
                            self.check()?;
                            anyhow::bail!("the thread that makes rows ended");
                        }
                    }
                }
            });
            let done = match first {
                Err(error) if connection.is_own() && self.may_retry(&error) => {
                    tracing::warn!(
                        table = progress.name,
                        "{error:#}: connecting again, to copy this part once more"
                    );
                    // Drops the blocks of the task that are still to come.
                    while !made && matches!(messages.recv(), Ok(Message::Block(..))) {}
                    progress.rows.fetch_sub(sent_rows, Ordering::Relaxed);
                    connection.reconnect(self.load.cancel)?;
                    self.retried.store(true, Ordering::Relaxed);
                    self.again(connection, task)?
                }
                first => first?,
            };
            progress.end(done);
        }
        self.check()
    }

    /// Runs one COPY, fed by `feed`, in a transaction of its own where the connection is the worker's own.
    fn transaction(
        &self,
        connection: &mut WorkerConnection<'_>,
        task: &Task,
        feed: impl FnOnce(&mut CopyIn<'_>) -> anyhow::Result<FaultCounts>,
    ) -> anyhow::Result<(Written, FaultCounts)> {
        let (schema, table) = (self.load.schema, self.layout(task));
        connection.begin()?;
        let client = connection.client();
        if self.load.freeze {
            client.batch_execute(&format!("TRUNCATE {}", qualified(schema, table.name)))?;
        }
        let mut copy = CopyIn::start(client, schema, table.name, table.columns, self.load.freeze)?;
        let planted = feed(&mut copy)?;
        let written = copy.finish()?;
        connection
            .commit()
            .with_context(|| format!("cannot copy into {schema}.{}", table.name))?;
        Ok((written, planted))
    }

    /// Does a task again after its transaction was lost, unless the server had committed it.
    fn again(
        &self,
        connection: &mut WorkerConnection<'_>,
        task: &Task,
    ) -> anyhow::Result<(Written, FaultCounts)> {
        let Load { source, schema, .. } = *self.load;
        let progress = &self.tables[task.table];
        let mut encoding = Encoding::Binary(RowEncoder::default());
        let mut make = |hand_over: &mut dyn FnMut(&[u8], u64) -> anyhow::Result<()>| {
            let mut planted = FaultCounts::default();
            for part in &task.parts {
                planted.add(&source.encode(
                    task.table,
                    part,
                    &mut encoding,
                    &mut |block: Vec<u8>, rows| {
                        self.check()?;
                        hand_over(&block, rows)?;
                        progress.add(rows);
                        Ok(block)
                    },
                )?);
            }
            anyhow::Ok(planted)
        };
        let is_there = |client: &mut Client| self.is_there(client, task);
        if !self.load.freeze && transaction::reading(connection.client(), is_there)? {
            let mut written = Written::default();
            let planted = make(&mut |block, rows| {
                written.rows += rows;
                written.bytes += block.len() as u64;
                Ok(())
            })?;
            tracing::info!(schema, table = progress.name, "the part had arrived");
            return Ok((written, planted));
        }
        self.transaction(connection, task, |copy| {
            make(&mut |block, rows| copy.send(block, rows))
        })
    }

    fn is_there(&self, client: &mut Client, task: &Task) -> anyhow::Result<bool> {
        let (source, layout) = (self.load.source, self.layout(task));
        let (first, last) = (&task.parts[0], &task.parts[task.parts.len() - 1]);
        let query = format!(
            "SELECT EXISTS (SELECT FROM {} WHERE {key} > $1::bigint AND {key} <= $2::bigint)",
            qualified(self.load.schema, layout.name),
            key = layout.key
        );
        let (before, end) = (
            source.keys(task.table, first).0 as i64,
            source.keys(task.table, last).1 as i64,
        );
        Ok(client.query_one(&query, &[&before, &end])?.get(0))
    }

    fn layout(&self, task: &Task) -> &'static Layout {
        &self.load.source.tables()[task.table]
    }

    /// Whether an error means that a connection was lost while nobody stopped the run.
    fn may_retry(&self, error: &anyhow::Error) -> bool {
        self.check().is_ok() && database::is_transient(error)
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            anyhow::bail!("another connection failed");
        }
        self.load.cancel.check()
    }

    fn stop(&self, error: anyhow::Error) {
        if !self.stopped.swap(true, Ordering::Relaxed) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

impl TableProgress {
    fn begin(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.running.get_or_insert_with(|| {
            let (table, rows_total) = (self.name, self.rows_total);
            let span = tracing::info_span!("copy in", table, rows_total, rows = field::Empty);
            (Instant::now(), span)
        });
    }

    fn add(&self, rows: u64) {
        let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, span)) = &state.running {
            span.record("rows", rows);
        }
    }

    fn end(&self, (written, planted): (Written, FaultCounts)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tasks_left -= 1;
        state.written.rows += written.rows;
        state.written.bytes += written.bytes;
        state.planted.add(&planted);
        if state.tasks_left == 0
            && let Some((begun, _)) = state.running.take()
        {
            state.seconds = begun.elapsed().as_secs_f64();
            tracing::info!(table = self.name, rows = state.written.rows, "copied");
        }
    }
}
