//! Rows that arrive all at once, as the body of a request, and are judged by the rules of files.

use std::io::{Cursor, Read};

use dataset::failure::{Kind, OrFail};
use values::records::{Records, Splitter};
use values::rule::Violation;
use values::text;
use values::value::Value;

use crate::input::row_plan::RowPlan;
use crate::input::sniff;
use crate::target::Target;
use crate::write::rejects;

/// The table that holds rejects.
pub const REJECT_TABLE: &str = rejects::TABLE;

/// The statement that makes the table of rejects in a schema, unless it is there.
pub fn reject_table_sql(schema: &str) -> String {
    rejects::create_sql(schema)
}

/// The records of a CSV text that is in memory as a whole.
pub struct CsvRows {
    plan: RowPlan,
    columns: Vec<String>,
    bytes: Vec<u8>,
    records: Records,
    /// The offset of `bytes` in the bytes that came.
    offset: u64,
    has_nul: bool,
}

impl CsvRows {
    /// Splits bytes into records as a file of the table would be split: by what `dataset.toml` says about the table's files, and by
    /// what the first record shows. `name` is what errors call the bytes.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] for bytes that are not rows of the table.
    pub fn read(name: &str, bytes: Vec<u8>, target: &Target) -> anyhow::Result<Self> {
        let sniffed = sniff::of(name.to_owned(), Box::new(Cursor::new(bytes)), target)?;
        let mut rest = sniffed.rest;
        let mut bytes = rest.read;
        rest.bytes
            .read_to_end(&mut bytes)
            .or_fail(Kind::Refused, || format!("{name} cannot be read"))?;
        let mut records = Records::default();
        Splitter::new(sniffed.plan.grammar, rest.line).split(&bytes, true, &mut records);
        Ok(Self {
            has_nul: bytes.contains(&0),
            plan: sniffed.plan,
            columns: sniffed.columns,
            offset: rest.offset,
            bytes,
            records,
        })
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.records.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records.records.is_empty()
    }

    /// The columns of the table that the records have, in the order of a row's values.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The values of a record, with NULL in place of those that break a rule, and all rules that it breaks. A record that is not a
    /// row at all has no values.
    pub fn row(&self, index: usize) -> (Option<Vec<Value<'_>>>, Vec<Violation>) {
        let record = &self.records.records[index];
        let fields = self.records.fields_of(record);
        let mut broken = Vec::new();
        let values = self.plan.row(
            record,
            fields,
            &self.bytes,
            self.has_nul,
            &mut |violation| {
                broken.push(violation);
            },
        );
        (values, broken)
    }

    /// The offset of a record's first byte in the bytes that came.
    pub fn offset(&self, index: usize) -> usize {
        self.offset as usize + self.records.records[index].start as usize
    }

    /// The text of a record as it came.
    pub fn raw(&self, index: usize) -> String {
        let record = &self.records.records[index];
        let bytes = &self.bytes[record.start as usize..record.end as usize];
        text::of_raw_bytes(bytes, self.plan.encoding)
    }
}
