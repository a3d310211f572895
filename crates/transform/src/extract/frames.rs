//! connectorx's destination: blocks of columns become Polars columns, and a table's blocks become a frame.

use std::sync::Arc;

use connectorx::prelude::{Consume, DataOrder, Destination, DestinationPartition, TypeConversion};
use connectorx::{impl_transport, impl_typesystem};
use database::copy::decode::{Bytes, ColumnBlock, Text, Values};
use dataset::ColumnType;
use polars::prelude::{
    BinaryChunked, BooleanChunked, ChunkedArray, DataFrame, Float32Type, Float64Type, Int32Type,
    Int64Type, Int128Type, IntoSeries, PlSmallStr, PolarsNumericType, Series, StringChunked,
    TimeUnit, TimeZone,
};
use polars_arrow::array::{
    BinaryViewArray, BooleanArray, MutableBinaryViewArray, PrimitiveArray, Utf8ViewArray,
};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::NativeType;

use super::source::{PostgresSource, PostgresType, Shared};
use crate::stage::{Part, Spill, Table};

/// The only type of value: a Polars column of a block of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FrameType {
    Column(bool),
}

impl_typesystem! {
    system = FrameType,
    mappings = { { Column => Series } }
}

/// Transports our source's blocks to Polars' columns.
pub(crate) struct BlocksToFrames;

impl_transport!(
    name = BlocksToFrames,
    error = anyhow::Error,
    systems = PostgresType => FrameType,
    route = PostgresSource => Frames,
    mappings = { { Block[ColumnBlock] => Column[Series] | conversion none } }
);

impl TypeConversion<ColumnBlock, Series> for BlocksToFrames {
    fn convert(block: ColumnBlock) -> Series {
        series(block)
    }
}

impl TypeConversion<Option<ColumnBlock>, Option<Series>> for BlocksToFrames {
    fn convert(block: Option<ColumnBlock>) -> Option<Series> {
        block.map(series)
    }
}

/// Makes a Polars column of a block. Numbers are taken over without a copy.
fn series(block: ColumnBlock) -> Series {
    let rows = block.rows;
    let validity = block
        .validity
        .map(|bits| Bitmap::try_new(bits, rows).expect("a bit for each row"));
    let name = PlSmallStr::EMPTY;
    match (block.values, block.kind) {
        (Values::Boolean(values), _) => BooleanChunked::with_chunk(
            name,
            BooleanArray::from_slice(values).with_validity(validity),
        )
        .into_series(),
        (Values::Date(values), _) => numbers::<Int32Type>(values, validity)
            .into_date()
            .into_series(),
        (Values::BigInt(values), ColumnType::Time) => {
            // Polars holds a time of day in nanoseconds.
            let nanoseconds = values
                .into_iter()
                .map(|microseconds| microseconds * 1000)
                .collect();
            numbers::<Int64Type>(nanoseconds, validity)
                .into_time()
                .into_series()
        }
        (Values::BigInt(values), ColumnType::Timestamp) => numbers::<Int64Type>(values, validity)
            .into_datetime(TimeUnit::Microseconds, None)
            .into_series(),
        (Values::BigInt(values), ColumnType::TimestampTz) => {
            let zone = Some(TimeZone::UTC);
            numbers::<Int64Type>(values, validity)
                .into_datetime(TimeUnit::Microseconds, zone)
                .into_series()
        }
        (Values::BigInt(values), _) => numbers::<Int64Type>(values, validity).into_series(),
        (Values::Real(values), _) => numbers::<Float32Type>(values, validity).into_series(),
        (Values::Double(values), _) => numbers::<Float64Type>(values, validity).into_series(),
        (Values::Numeric(values), kind) => {
            let ColumnType::Numeric { precision, scale } = kind else {
                unreachable!("numerics are decoded for numeric columns only");
            };
            numbers::<Int128Type>(values, validity)
                .into_decimal_unchecked(precision.into(), scale.into())
                .into_series()
        }
        (Values::Text(Text { text, ends }), _) => {
            let cells = cells(&ends).map(|range| &text[range]);
            let array = Utf8ViewArray::from(MutableBinaryViewArray::from_values_iter(cells))
                .with_validity(validity);
            StringChunked::with_chunk(name, array).into_series()
        }
        (Values::Bytes(Bytes { bytes, ends }), _) => {
            let cells = cells(&ends).map(|range| &bytes[range]);
            let array = BinaryViewArray::from(MutableBinaryViewArray::from_values_iter(cells))
                .with_validity(validity);
            BinaryChunked::with_chunk(name, array).into_series()
        }
    }
}

fn numbers<T: PolarsNumericType>(
    values: Vec<T::Native>,
    validity: Option<Bitmap>,
) -> ChunkedArray<T>
where
    T::Native: NativeType,
{
    let data_type = ArrowDataType::from(T::Native::PRIMITIVE);
    let array = PrimitiveArray::new(data_type, values.into(), validity);
    ChunkedArray::with_chunk(PlSmallStr::EMPTY, array)
}

/// The range of bytes of each row.
fn cells(ends: &[usize]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, end)| start..*end)
}

/// The blocks of one table, by partition, in the order in which they were read.
pub(crate) struct Frames {
    names: Vec<PlSmallStr>,
    schema: Vec<FrameType>,
    shared: Arc<Shared>,
    spill: Spill,
    partitions: Vec<Part>,
}

impl Frames {
    /// Starts without blocks. A table that doesn't fit in memory goes to `spill`.
    pub(crate) fn new(shared: Arc<Shared>, spill: Spill) -> Self {
        Self {
            names: Vec::new(),
            schema: Vec::new(),
            shared,
            spill,
            partitions: Vec::new(),
        }
    }

    /// Makes a table of all blocks. `columns` gives the types in case no block came.
    pub(crate) fn into_table(self, columns: &[dataset::Column]) -> anyhow::Result<Table> {
        self.spill.into_table(columns, self.partitions)
    }
}

impl Destination for Frames {
    const DATA_ORDERS: &'static [DataOrder] = &[DataOrder::RowMajor];
    type TypeSystem = FrameType;
    type Partition<'a> = FramePartition<'a>;
    type Error = anyhow::Error;

    fn needs_count(&self) -> bool {
        false
    }

    fn allocate<S: AsRef<str>>(
        &mut self,
        _rows: usize,
        names: &[S],
        schema: &[FrameType],
        _order: DataOrder,
    ) -> anyhow::Result<()> {
        self.names = names.iter().map(|name| name.as_ref().into()).collect();
        self.schema = schema.to_vec();
        Ok(())
    }

    fn partition(&mut self, count: usize) -> anyhow::Result<Vec<FramePartition<'_>>> {
        self.partitions = (0..count).map(Part::new).collect();
        let (names, shared, spill) = (self.names.as_slice(), &*self.shared, &self.spill);
        let partitions = self.partitions.iter_mut();
        Ok(partitions
            .map(|part| FramePartition {
                names,
                shared,
                spill,
                part,
                block: Vec::with_capacity(names.len()),
            })
            .collect())
    }

    fn schema(&self) -> &[FrameType] {
        &self.schema
    }
}

pub(crate) struct FramePartition<'a> {
    names: &'a [PlSmallStr],
    shared: &'a Shared,
    spill: &'a Spill,
    part: &'a mut Part,
    block: Vec<Series>,
}

impl DestinationPartition<'_> for FramePartition<'_> {
    type TypeSystem = FrameType;
    type Error = anyhow::Error;

    fn ncols(&self) -> usize {
        self.names.len()
    }

    fn finalize(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn aquire_row(&mut self, rows: usize) -> anyhow::Result<usize> {
        Ok(rows)
    }
}

impl Consume<Series> for FramePartition<'_> {
    type Error = anyhow::Error;

    fn consume(&mut self, column: Series) -> anyhow::Result<()> {
        let name = self.names[self.block.len()].clone();
        self.block.push(column.with_name(name));
        if self.block.len() == self.names.len() {
            let columns: Vec<_> = self.block.drain(..).map(Into::into).collect();
            let block = DataFrame::new_infer_height(columns)?;
            if let Err(error) = self.part.push(block, self.spill) {
                self.shared.fail(error);
                anyhow::bail!("a part of a table was not taken over");
            }
        }
        Ok(())
    }
}

impl Consume<Option<Series>> for FramePartition<'_> {
    type Error = anyhow::Error;

    fn consume(&mut self, column: Option<Series>) -> anyhow::Result<()> {
        column.map_or(Ok(()), |column| self.consume(column))
    }
}
