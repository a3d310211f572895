//! Writes the rows of an output into a table of Postgres, by binary COPY.

use database::Cancel;
use database::copy::write::{BLOCK_BYTES, CopyIn, RowEncoder};
use dataset::ColumnType;
use dataset::calendar::{POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROSECONDS};
use dataset::failure::{Kind, OrFail};

use super::super::cells::Cells;
use super::super::order;
use super::super::rows::Rows;

/// A table into which rows are being written.
pub(crate) struct TableWriter<'a> {
    copy: CopyIn<'a>,
    names: Vec<String>,
    kinds: Vec<ColumnType>,
    encoder: RowEncoder,
    /// The buffer that the encoder uses next.
    spare: Vec<u8>,
    cancel: &'a Cancel,
}

impl<'a> TableWriter<'a> {
    /// Writes columns with these names and types over a COPY that was started for them.
    pub(crate) fn new(
        copy: CopyIn<'a>,
        columns: &[(String, ColumnType)],
        cancel: &'a Cancel,
    ) -> Self {
        let (names, kinds) = columns.iter().cloned().unzip();
        Self {
            copy,
            names,
            kinds,
            encoder: RowEncoder::default(),
            spare: Vec::new(),
            cancel,
        }
    }

    /// Writes rows in the order in which they come.
    ///
    /// # Errors
    /// Any error of the server.
    pub(in crate::sink) fn append(&mut self, rows: &Rows) -> anyhow::Result<()> {
        let fields = order::keys(rows.fields(), &self.names)?;
        let mut waiting = 0;
        for row in 0..rows.rows {
            self.encoder.row(fields.len() as i16);
            for ((name, field), kind) in fields.iter().zip(&self.kinds) {
                match rows.taken(field.source).row(row) {
                    Some(row) => encode(&mut self.encoder, &field.cells, row, *kind)
                        .or_fail(Kind::Mismatch, || {
                            format!("a value of column `{name}` is not of type {kind}")
                        })?,
                    None => self.encoder.null(),
                }
            }
            waiting += 1;
            if self.encoder.bytes().len() >= BLOCK_BYTES {
                self.send(&mut waiting)?;
            }
        }
        self.send(&mut waiting)
    }

    fn send(&mut self, waiting: &mut u64) -> anyhow::Result<()> {
        self.cancel.check()?;
        let block = self.encoder.take(std::mem::take(&mut self.spare));
        self.copy.send(&block, std::mem::take(waiting))?;
        self.spare = block;
        Ok(())
    }

    /// Ends the COPY and gives the number of rows that the server counted.
    ///
    /// # Errors
    /// Any error of the server.
    pub(crate) fn finish(self) -> anyhow::Result<u64> {
        Ok(self.copy.finish()?.rows)
    }
}

/// Appends a cell in the binary format of its declared type.
pub(crate) fn encode(
    encoder: &mut RowEncoder,
    cells: &Cells,
    row: usize,
    kind: ColumnType,
) -> anyhow::Result<()> {
    if cells.is_null(row) {
        encoder.null();
        return Ok(());
    }
    match cells {
        Cells::Boolean(array) => encoder.bool(array.value(row)),
        Cells::SmallInt(array) => encoder.int2(array.value(row)),
        Cells::Integer(array) => encoder.int4(array.value(row)),
        Cells::BigInt(array) => encoder.int8(array.value(row)),
        Cells::Real(array) => encoder.float4(array.value(row)),
        Cells::Double(array) => encoder.float8(array.value(row)),
        Cells::Decimal { unscaled, scale } => {
            encoder.numeric_wide(unscaled.value(row), u16::try_from(*scale)?);
        }
        Cells::Text(array) => match kind {
            ColumnType::Uuid => encoder.uuid(uuid(array.value(row))?),
            ColumnType::JsonBinary => encoder.jsonb(array.value(row)),
            _ => encoder.text(array.value(row)),
        },
        Cells::Bytes(array) => encoder.bytea(array.value(row)),
        Cells::Date(array) => encoder.date(array.value(row) - POSTGRES_EPOCH_DAYS),
        // Polars holds a time of day in nanoseconds.
        Cells::Time(array) => encoder.time(array.value(row) / 1000),
        Cells::Timestamp { microseconds, .. } => {
            encoder.timestamp(microseconds.value(row) - POSTGRES_EPOCH_MICROSECONDS);
        }
    }
    Ok(())
}

fn uuid(text: &str) -> anyhow::Result<[u8; 16]> {
    let digits = text.replace('-', "");
    anyhow::ensure!(digits.len() == 32, "`{text}`");
    Ok(u128::from_str_radix(&digits, 16)?.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_its_bytes_in_the_order_in_which_it_is_written() {
        let bytes = uuid("123e4567-e89b-12d3-a456-426614174000").unwrap();
        assert_eq!((bytes[0], bytes[1], bytes[15]), (0x12, 0x3e, 0));
        assert!(uuid("123e4567").is_err());
    }
}
