//! Streaming tables to Postgres: several workers, each with a connection of its own, take the parts of a
//! table's plan as they come.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use database::Cancel;
use database::copy_in::{CopyIn, Written};
use postgres::Client;
use serde::Serialize;
use tracing::{Span, field};

use crate::cards::Cards;
use crate::plan::{Counts, Part, Plan};
use crate::rows::Row;

/// Rows between two looks at the cancellation and two reports of progress.
const PROGRESS_ROWS: u64 = 10_000;
/// Bounds for the rows of one COPY: a part costs a transaction, and is what a failure throws away.
const PART_ROWS: (u64, u64) = (10_000, 250_000);
/// Parts for each worker, so that none waits long for the last one.
const PARTS_PER_WORKER: u64 = 4;

/// What was copied into one table.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: &'static str,
    /// Rows, as the server counted them.
    pub rows: u64,
    /// Bytes of binary COPY.
    pub bytes: u64,
    /// From the first row's making to the last one's commit.
    pub seconds: f64,
}

/// Copies every row of the plan into the tables of `schema`, table by table in foreign-key order, over
/// the given connections.
pub(crate) fn tables(
    clients: &mut [&mut Client],
    schema: &str,
    cards: &Cards,
    plan: &Plan,
    cancel: &Cancel,
) -> anyhow::Result<Vec<TableReport>> {
    let mut copy = Copy {
        clients,
        schema,
        plan,
        cancel,
    };
    Ok(vec![
        copy.table(|counts| counts.associado, |part| cards.associados(part))?,
        copy.table(|counts| counts.conta, |part| cards.contas(part))?,
        copy.table(|counts| counts.cartao, |part| cards.cartoes(part))?,
        copy.table(|counts| counts.movimento, |part| cards.movimentos(part))?,
    ])
}

struct Copy<'a, 'c> {
    clients: &'a mut [&'c mut Client],
    schema: &'a str,
    plan: &'a Plan,
    cancel: &'a Cancel,
}

/// What the workers of one table share.
struct Progress<'a> {
    span: &'a Span,
    cancel: &'a Cancel,
    rows: AtomicU64,
    stopped: AtomicBool,
    /// Why the first worker that stopped did.
    failure: Mutex<Option<anyhow::Error>>,
}

impl Copy<'_, '_> {
    fn table<R: Row, I: Iterator<Item = R>>(
        &mut self,
        of: fn(&Counts) -> u64,
        make: impl Fn(Part) -> I + Sync,
    ) -> anyhow::Result<TableReport> {
        let start = Instant::now();
        let rows_total = self.plan.rows(of);
        let span =
            tracing::info_span!("copy in", table = R::TABLE, rows_total, rows = field::Empty);
        let part_rows = rows_total / (self.clients.len() as u64 * PARTS_PER_WORKER);
        let parts = self
            .plan
            .parts(of, part_rows.clamp(PART_ROWS.0, PART_ROWS.1));
        let next = AtomicUsize::new(0);
        let progress = Progress {
            span: &span,
            cancel: self.cancel,
            rows: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        let (schema, written) = (self.schema, Mutex::new(Written::default()));
        thread::scope(|scope| {
            for client in self.clients.iter_mut() {
                let (next, parts, make, progress, written) =
                    (&next, &parts, &make, &progress, &written);
                scope.spawn(move || {
                    while let Some(&part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match copy_part(client, schema, make(part), progress) {
                            Ok(done) => {
                                let mut sum =
                                    written.lock().unwrap_or_else(PoisonError::into_inner);
                                sum.rows += done.rows;
                                sum.bytes += done.bytes;
                            }
                            Err(error) => return progress.stop(error),
                        }
                    }
                });
            }
        });
        if let Some(error) = progress
            .failure
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            return Err(error);
        }
        let Written { rows, bytes } = written.into_inner().unwrap_or_else(PoisonError::into_inner);
        let seconds = start.elapsed().as_secs_f64();
        tracing::info!(table = R::TABLE, rows, "copied");
        Ok(TableReport {
            table: R::TABLE,
            rows,
            bytes,
            seconds,
        })
    }
}

/// Copies the rows of one part. Until it returns, none of them is there.
fn copy_part<R: Row>(
    client: &mut Client,
    schema: &str,
    mut rows: impl Iterator<Item = R>,
    progress: &Progress<'_>,
) -> anyhow::Result<Written> {
    let mut copy = CopyIn::start(client, schema, R::TABLE, R::COLUMNS)?;
    let mut text = String::new();
    let mut unreported = 0;
    // Not a `for`: nested iterators run faster from inside.
    rows.try_for_each(|row| {
        row.encode(&mut text, copy.row()?);
        unreported += 1;
        if unreported == PROGRESS_ROWS {
            unreported = 0;
            progress.add(PROGRESS_ROWS)?;
        }
        anyhow::Ok(())
    })?;
    let written = copy.finish()?;
    progress.add(unreported)?;
    Ok(written)
}

impl Progress<'_> {
    fn add(&self, rows: u64) -> anyhow::Result<()> {
        let total = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        self.span.record("rows", total);
        if self.stopped.load(Ordering::Relaxed) {
            anyhow::bail!("another worker failed");
        }
        self.cancel.check()
    }

    fn stop(&self, error: anyhow::Error) {
        if !self.stopped.swap(true, Ordering::Relaxed) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}
