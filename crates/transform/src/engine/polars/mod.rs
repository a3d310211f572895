//! Runs models over frames in memory. There is no database, no clock, and no file except those of [`external_sort`].
//!
//! [`whole`] runs any resolved SELECT, part by part ([`relation`]), over Polars' columns. [`plan`](crate::model::plan) recognises
//! SELECTs that only look up the parents of each row of one table; [`stream`] runs these without ever making the rows of the join.

mod accumulate;
mod aggregate;
mod array;
mod codes;
mod decimal;
mod dictionary;
mod digits;
mod evaluate;
mod external_sort;
mod frame;
mod join;
mod lookup;
mod order;
mod parents;
mod relation;
mod rows;
mod stream;
pub(super) mod tables;
pub(super) mod whole;
mod window;

use database::Cancel;

use super::job::Job;
use super::output::{MISSING, Output};
use crate::check::left_out::{Counted, Kept};
use crate::memory::Shares;
use crate::model::plan::{Padded, Plan};
use crate::model::select::{Ready, Select};
use crate::sink::{SortKeys, Writer, Written};
use crate::stage::{StagedTable, Table};
use external_sort::Ranges;
use stream::Stream;
use tables::Tables;

/// Sends the warnings of Polars, which it would print to standard error, to `tracing`. They are about its own interface, and of no
/// use to whoever runs a model.
pub(crate) fn trace_warnings() {
    polars::error::set_warning_function(|warning, _| tracing::trace!("Polars warns: {warning}"));
}

/// Runs a model over the tables that were read, which are freed on the way. The output is written with the writer that `writer`
/// makes for an approximate number of rows. A streamed model whose table doesn't fit in memory runs in ranges.
///
/// # Errors
/// [`Kind::Refused`](dataset::failure::Kind::Refused) if a value cannot be computed, or if the rows don't fit in memory;
/// [`Kind::Mismatch`](dataset::failure::Kind::Mismatch) if a value is not what the dataset declares; any error of the writer.
pub(crate) fn run<'w>(
    job: Job<'_>,
    ready: &Ready,
    tables: Vec<(String, Table)>,
    writer: impl FnOnce(usize) -> anyhow::Result<Writer<'w>>,
) -> anyhow::Result<(Written, Option<Counted>)> {
    let shares = Shares::of(job.memory_bytes);
    if let Some((plan, padded, streamed)) = beyond_memory(&job, ready, &tables) {
        let model = job.select.model;
        let is_parent = |name: &str| plan.tables[1..].iter().any(|parent| parent == name);
        let limit = shares.parents();
        let parents = Tables::load(model, tables.clone(), is_parent, limit, job.memory_bytes)?;
        if let Some(stream) = Stream::prepare(model, plan, padded, &parents)? {
            let ranges = Ranges {
                model,
                stream: &stream,
                table: streamed,
                keys: SortKeys::of(model, job.partition_by),
                shares,
                scratch: job.scratch.clone(),
                cancel: job.cancel,
            };
            let mut writer = writer(streamed.rows() as usize)?;
            let counted = ranges.write(&mut writer)?;
            return Ok((writer.finish()?, counted));
        }
    }
    in_memory(job, ready, tables, writer)
}

/// The plan of a streamed model, which of its keys are padded, and its streamed table, if that doesn't fit in memory.
fn beyond_memory<'a>(
    job: &'a Job<'_>,
    ready: &'a Ready,
    tables: &'a [(String, Table)],
) -> Option<(&'a Plan, &'a Padded, &'a StagedTable)> {
    let (plan, padded) = (job.select.plan.as_ref()?, ready.streams.as_ref()?);
    let streamed = tables.iter().find(|(name, _)| *name == plan.tables[0]);
    match streamed {
        Some((_, Table::Staged(streamed))) => Some((plan, padded, streamed)),
        _ => None,
    }
}

/// Runs a model over whole tables, which are freed before its output is written.
fn in_memory<'w>(
    job: Job<'_>,
    ready: &Ready,
    tables: Vec<(String, Table)>,
    writer: impl FnOnce(usize) -> anyhow::Result<Writer<'w>>,
) -> anyhow::Result<(Written, Option<Counted>)> {
    let (select, limit) = (job.select, Shares::of(job.memory_bytes).tables());
    let is_read = |name: &str| select.reads_table(name);
    let tables = Tables::load(select.model, tables, is_read, limit, job.memory_bytes)?;
    let (output, kept) = compute(select, ready, &tables, limit, job.cancel)?;
    let counted = match &select.model.driving {
        None => None,
        Some(driving) => {
            let table = tables.get(&driving.table)?;
            Some(Counted::of(driving, &kept, table)?)
        }
    };
    drop((tables, kept));
    let mut writer = writer(output.rows)?;
    writer.append(output)?;
    Ok((writer.finish()?, counted))
}

/// Runs a model's SELECT over the tables and gives its columns the declared types. Also gives what tells which rows of the driving
/// table it leaves out. No part of the run may take more than `limit_bytes` bytes of memory.
///
/// # Errors
/// [`Kind::Refused`](dataset::failure::Kind::Refused) if a value cannot be computed, or if the rows don't fit in memory;
/// [`Kind::Mismatch`](dataset::failure::Kind::Mismatch) if a value is not what the dataset declares.
fn compute(
    select: &Select<'_>,
    ready: &Ready,
    tables: &Tables,
    limit_bytes: u64,
    cancel: &Cancel,
) -> anyhow::Result<(Output, Kept)> {
    let model = select.model;
    if let (Some(plan), Some(padded)) = (&select.plan, &ready.streams) {
        let streamed = tables.get(&plan.tables[0])?;
        if streamed.height() < MISSING as usize
            && let Some(stream) = Stream::prepare(model, plan, padded, tables)?
        {
            return Ok((stream.apply(streamed)?, Kept::Parents(stream.parents()?)));
        }
    }
    let frame = whole::run(model, &ready.resolved, tables, limit_bytes, cancel)?;
    let names = model
        .driving
        .iter()
        .flat_map(|driving| driving.key.values());
    let keys = frame.select(names.map(String::as_str))?;
    Ok((Output::of(frame), Kept::Keys(keys)))
}
