//! connectorx's source: partitions of a table, each a binary COPY whose values are blocks of columns.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use connectorx::impl_typesystem;
use connectorx::prelude::{
    CXQuery, ConnectorXError, DataOrder, PartitionParser, Produce, Source, SourcePartition,
};
use database::Cancel;
use database::copy::decode::{ColumnBlock, Decoder};
use database::copy::read::Blocks;
use database::snapshot::Reader;
use dataset::Column;
use tracing::Span;

/// The only type of value: a column of a block of rows. The flag, which connectorx calls "nullable", is never set: a block knows
/// its NULLs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PostgresType {
    Block(bool),
}

impl_typesystem! {
    system = PostgresType,
    mappings = { { Block => ColumnBlock } }
}

/// The state that all partitions of one table share.
pub(crate) struct Shared {
    pub(crate) reader: Reader,
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) cancel: Cancel,
    pub(crate) span: Span,
    pub(crate) rows: AtomicU64,
    /// The first error, for which the other partitions stop; connectorx would report any of them.
    pub(crate) error: Mutex<Option<anyhow::Error>>,
}

impl Shared {
    fn failed(&self) -> bool {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Keeps `error` if it is the first one.
    pub(super) fn fail(&self, error: anyhow::Error) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
    }
}

/// A table as a source. connectorx sets the queries, one for each partition.
pub(crate) struct PostgresSource {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queries: Vec<String>,
}

impl Source for PostgresSource {
    const DATA_ORDERS: &'static [DataOrder] = &[DataOrder::RowMajor];
    type TypeSystem = PostgresType;
    type Partition = PostgresPartition;
    type Error = anyhow::Error;

    fn set_data_order(&mut self, _order: DataOrder) -> anyhow::Result<()> {
        Ok(())
    }

    fn set_queries<Q: ToString>(&mut self, queries: &[CXQuery<Q>]) {
        self.queries = queries
            .iter()
            .map(|query| query.map(Q::to_string).as_str().to_owned())
            .collect();
    }

    fn set_origin_query(&mut self, _query: Option<String>) {}

    /// The catalogue has already told everything.
    fn fetch_metadata(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn result_rows(&mut self) -> anyhow::Result<Option<usize>> {
        Ok(None)
    }

    fn names(&self) -> Vec<String> {
        self.shared
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    fn schema(&self) -> Vec<PostgresType> {
        vec![PostgresType::Block(false); self.shared.columns.len()]
    }

    fn partition(self) -> anyhow::Result<Vec<PostgresPartition>> {
        let shared = &self.shared;
        Ok(self
            .queries
            .into_iter()
            .map(|query| PostgresPartition {
                shared: shared.clone(),
                query,
            })
            .collect())
    }
}

pub(crate) struct PostgresPartition {
    shared: Arc<Shared>,
    query: String,
}

impl SourcePartition for PostgresPartition {
    type TypeSystem = PostgresType;
    type Parser<'a> = BlockParser;
    type Error = anyhow::Error;

    fn result_rows(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn parser(&mut self) -> anyhow::Result<BlockParser> {
        let shared = &self.shared;
        Ok(BlockParser {
            blocks: shared.reader.open(&self.query, &shared.cancel)?,
            decoder: Decoder::new(&shared.table, &shared.columns),
            pending: VecDeque::new(),
            shared: shared.clone(),
        })
    }

    fn nrows(&self) -> usize {
        0
    }

    fn ncols(&self) -> usize {
        self.shared.columns.len()
    }
}

/// Gives connectorx one "row" for each block of bytes: a block of each column.
pub(crate) struct BlockParser {
    shared: Arc<Shared>,
    blocks: Blocks,
    decoder: Decoder,
    pending: VecDeque<ColumnBlock>,
}

impl BlockParser {
    fn next_block(&mut self) -> anyhow::Result<(usize, bool)> {
        self.shared.cancel.check()?;
        if self.shared.failed() {
            bail!("another part of table `{}` failed", self.shared.table);
        }
        let Some(block) = self.blocks.next() else {
            self.decoder.finish()?;
            return Ok((0, true));
        };
        let block = block.with_context(|| format!("table `{}`", self.shared.table))?;
        let columns = self.decoder.decode(block)?;
        let rows = columns.first().map_or(0, |column| column.rows) as u64;
        let total = self.shared.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        self.shared.span.record("rows", total);
        self.pending = columns.into();
        Ok((1, false))
    }
}

impl PartitionParser<'_> for BlockParser {
    type TypeSystem = PostgresType;
    type Error = anyhow::Error;

    fn fetch_next(&mut self) -> anyhow::Result<(usize, bool)> {
        self.next_block().map_err(|error| {
            self.shared.fail(error);
            anyhow::anyhow!("table `{}` was not read", self.shared.table)
        })
    }
}

impl Produce<'_, ColumnBlock> for BlockParser {
    type Error = anyhow::Error;

    fn produce(&mut self) -> anyhow::Result<ColumnBlock> {
        self.pending.pop_front().ok_or_else(|| {
            ConnectorXError::Other(anyhow::anyhow!("more columns asked for than read")).into()
        })
    }
}

impl Produce<'_, Option<ColumnBlock>> for BlockParser {
    type Error = anyhow::Error;

    fn produce(&mut self) -> anyhow::Result<Option<ColumnBlock>> {
        Produce::<ColumnBlock>::produce(self).map(Some)
    }
}
