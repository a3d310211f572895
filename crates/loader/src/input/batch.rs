//! A block of a file on its way: bytes, records, validated rows.
//!
//! Validating depends on nothing but the block and the plan, so blocks are validated in any order by any thread.

use std::borrow::Cow;

use database::copy::write::{RowEncoder, RowForm};
use dataset::load_rules::Encoding;
use memchr::memchr;
use values::records::{Field, Form, Grammar, Record, Records, Torn};
use values::rule::{Rule, Violation};
use values::value::Value;

use crate::input::header::counted;
use crate::rules::column::Cell;
use crate::rules::key::Key;
use crate::rules::row::{BrokenRow, RowRules};

/// How the records of a file become rows of its table.
#[derive(Debug)]
pub(crate) struct RowPlan {
    pub(crate) grammar: Grammar,
    pub(crate) encoding: Encoding,
    /// Words that mean NULL where they stand without quotes.
    pub(crate) null: Vec<String>,
    /// For each column of `rows`, the field that holds it.
    pub(crate) fields: Vec<usize>,
    pub(crate) rows: RowRules,
    /// For each key that is checked, unique ones first: the columns of `rows` that it is made of.
    pub(crate) keys: Vec<Vec<usize>>,
    /// The columns of each reference of which either all or none may be NULL.
    pub(crate) match_full: Vec<Vec<usize>>,
    /// How rows are encoded.
    pub(crate) form: RowForm,
    /// If given, only the values of these columns are encoded, those of broken rows too.
    pub(crate) only: Option<Vec<usize>>,
}

/// A block of a file, with what was made of it.
#[derive(Default)]
pub(crate) struct Batch {
    /// The block's place among those of the file.
    pub(crate) sequence: u64,
    pub(crate) bytes: Vec<u8>,
    /// The offset of the block's first byte in the file.
    pub(crate) offset: u64,
    pub(crate) records: Records,
    /// The valid rows, encoded one behind the other; with [`RowPlan::only`], the values of all records that are rows.
    pub(crate) encoder: RowEncoder,
    /// For each record, where its row ends. A record that is not a valid row ends where the one before does.
    pub(crate) ends: Vec<u32>,
    /// For each record, the keys of the plan.
    pub(crate) keys: Vec<Key>,
    /// The broken rules, each with the record that breaks it, in the order of records.
    pub(crate) violations: Vec<(u32, Violation)>,
}

impl Batch {
    /// Empties the block, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.ends.clear();
        self.keys.clear();
        self.violations.clear();
        self.encoder.clear();
    }

    /// The bytes of a record as they stand in the file.
    pub(crate) fn raw(&self, record: &Record) -> &[u8] {
        &self.bytes[record.start as usize..record.end as usize]
    }
}

impl RowPlan {
    /// Validates the records of a batch and encodes the rows.
    pub(crate) fn validate(&self, batch: &mut Batch) {
        let Batch {
            bytes,
            records,
            encoder,
            ends,
            keys,
            violations,
            ..
        } = batch;
        let has_nul = memchr(0, bytes).is_some();
        let mut buffer = Vec::new();
        for (index, record) in records.records.iter().enumerate() {
            let fields = records.fields_of(record);
            let before = violations.len();
            let broken = |violation| (index as u32, violation);
            if let Some(violation) = self.unfit(record, fields) {
                violations.push(broken(violation));
                keys.extend(self.keys.iter().map(|_| Key::Null));
                ends.push(encoder.bytes().len() as u32);
                continue;
            }
            if has_nul {
                violations.extend(self.nul(bytes, fields).map(broken));
            }
            let cells = self
                .fields
                .iter()
                .map(|field| self.cell(&fields[*field], bytes));
            let values = match self.rows.check(cells) {
                Ok(values) => {
                    violations.extend(self.half_null(&values).map(broken));
                    values
                }
                Err(BrokenRow {
                    violations: more,
                    values,
                }) => {
                    violations.extend(more.into_iter().map(broken));
                    values
                }
            };
            keys.extend(self.keys.iter().map(|columns| {
                let value = |column: &usize| match has_nul {
                    true => values[*column].without_nul(),
                    false => &values[*column],
                };
                Key::of(columns.iter().map(value), &mut buffer)
            }));
            match &self.only {
                None if violations.len() == before => self.encode(&values, encoder),
                None => {}
                Some(columns) => {
                    for column in columns {
                        values[*column].without_nul().encode(encoder);
                    }
                }
            }
            ends.push(encoder.bytes().len() as u32);
        }
    }

    fn encode(&self, values: &[Value<'_>], encoder: &mut RowEncoder) {
        match self.form {
            RowForm::Binary => {
                encoder.row(values.len() as i16);
                for value in values {
                    value.encode(encoder);
                }
            }
            RowForm::Text => {
                for (index, value) in values.iter().enumerate() {
                    let is_last = index + 1 == values.len();
                    value.encode_text(encoder, if is_last { b'\n' } else { b'\t' });
                }
            }
        }
    }

    /// The references that a row makes by halves, as broken rules.
    fn half_null<'a>(&'a self, values: &'a [Value<'a>]) -> impl Iterator<Item = Violation> + 'a {
        let halves = self.match_full.iter().filter(|columns| {
            let nulls = columns.iter().filter(|column| values[**column].is_null());
            (1..columns.len()).contains(&nulls.count())
        });
        halves.map(|columns| {
            let names = columns
                .iter()
                .map(|column| &*self.rows.columns[*column].name);
            let names = names.collect::<Vec<_>>().join(", ");
            Violation {
                message: format!("either all or none of {names} may be NULL (MATCH FULL)"),
                column: names,
                rule: Rule::Reference,
            }
        })
    }

    /// The rule that keeps a record from being a row at all.
    fn unfit(&self, record: &Record, fields: &[Field]) -> Option<Violation> {
        let (rule, message) = match record.torn {
            Some(Torn::Unclosed) => (
                Rule::Quote,
                "a quote is opened and not closed within the row".to_owned(),
            ),
            Some(Torn::AfterQuote) => (Rule::Quote, "something follows a closing quote".to_owned()),
            Some(Torn::TooLong) => (
                Rule::Size,
                format!(
                    "the line has more than {} bytes",
                    self.grammar.longest_bytes
                ),
            ),
            None if fields.len() != self.grammar.fields => (
                Rule::Shape,
                format!(
                    "the row has {}, the file {}",
                    counted(fields.len(), "field"),
                    counted(self.grammar.fields, "column")
                ),
            ),
            None => return None,
        };
        Some(Violation {
            column: String::new(),
            rule,
            message,
        })
    }

    /// The columns that hold a NUL byte, as broken rules.
    fn nul<'a>(
        &'a self,
        bytes: &'a [u8],
        fields: &'a [Field],
    ) -> impl Iterator<Item = Violation> + 'a {
        let holding = self
            .fields
            .iter()
            .zip(&self.rows.columns)
            .filter(|(field, _)| {
                let field = &fields[**field];
                memchr(0, &bytes[field.start as usize..field.end as usize]).is_some()
            });
        holding.map(|(_, column)| Violation {
            column: column.name.clone(),
            rule: Rule::Nul,
            message: "holds a NUL byte".to_owned(),
        })
    }

    /// Decodes a field.
    pub(crate) fn cell<'a>(&self, field: &Field, bytes: &'a [u8]) -> Cell<'a> {
        let text = match field.bytes(bytes, self.grammar.quote) {
            Cow::Borrowed(bytes) => decoded(bytes, self.encoding),
            Cow::Owned(bytes) => match decoded(&bytes, self.encoding) {
                Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
                Cell::Null => Cell::Null,
                Cell::Undecodable => Cell::Undecodable,
            },
        };
        match &text {
            Cell::Text(word)
                if field.form == Form::Plain
                    && (word.is_empty() || self.null.iter().any(|null| null == word)) =>
            {
                Cell::Null
            }
            _ => text,
        }
    }
}

fn decoded(bytes: &[u8], encoding: Encoding) -> Cell<'_> {
    match (str::from_utf8(bytes), encoding) {
        (Ok(text), Encoding::Utf8) => Cell::Text(Cow::Borrowed(text)),
        (Ok(text), Encoding::Latin1) if text.is_ascii() => Cell::Text(Cow::Borrowed(text)),
        (_, Encoding::Latin1) => Cell::Text(bytes.iter().map(|byte| char::from(*byte)).collect()),
        (Err(_), Encoding::Utf8) => Cell::Undecodable,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dataset::ColumnType;
    use proptest::prelude::*;

    use super::*;
    use crate::rules::column::ColumnRules;
    use values::records::Splitter;

    /// A plan for rows of a bigint, a numeric(10,2), a varchar(5) and a timestamp; the bigint is the key.
    fn plan(encoding: Encoding) -> RowPlan {
        let numeric = ColumnType::Numeric {
            precision: 10,
            scale: 2,
        };
        let kinds = [
            ColumnType::BigInt,
            numeric,
            ColumnType::Text,
            ColumnType::Timestamp,
        ];
        let column = |kind: ColumnType| ColumnRules {
            name: kind.to_string(),
            kind,
            nullable: kind != ColumnType::BigInt,
            required: false,
            max_chars: (kind == ColumnType::Text).then_some(5),
            blank_padded: false,
            fraction_digits: None,
            labels: None,
            server_type: None,
            min: None,
            max: None,
            decimal_mark: b'.',
            formats: Arc::new([]),
        };
        RowPlan {
            grammar: Grammar {
                delimiter: b',',
                quote: Some(b'"'),
                fields: 4,
                longest_bytes: 1000,
            },
            encoding,
            null: vec!["NULL".to_owned()],
            fields: vec![0, 1, 2, 3],
            rows: RowRules {
                columns: kinds.map(column).into(),
            },
            keys: vec![vec![0], vec![2, 0]],
            match_full: Vec::new(),
            form: RowForm::Binary,
            only: None,
        }
    }

    fn validated(text: &[u8], plan: &RowPlan) -> Batch {
        let mut batch = Batch {
            bytes: text.to_vec(),
            ..Batch::default()
        };
        Splitter::new(plan.grammar, 1).split(text, true, &mut batch.records);
        plan.validate(&mut batch);
        batch
    }

    #[test]
    fn quoted_words_are_texts_and_bare_ones_are_null() {
        let batch = validated(b"1,NULL,\"NULL\",\n2,,\"\",\n", &plan(Encoding::Utf8));
        assert_eq!(batch.violations, []);
        let fields = [
            &[0, 4][..],
            &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1],
            &[255; 4],
            b"\0\0\0\x04NULL",
            &[255; 4],
        ];
        let row = fields.concat();
        assert_eq!(batch.encoder.bytes()[..row.len()], row);
        assert_eq!(batch.ends[0] as usize, row.len());
        assert_eq!(batch.keys[2], Key::Whole(2));
    }

    /// Bytes that look like rows, more or less.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[0-9]{1,20}".prop_map(String::into_bytes),
            2 => "-?[0-9]{0,9}[.]?[0-9]{0,3}(e[0-9]{1,4})?".prop_map(String::into_bytes),
            2 => "\\PC{0,7}".prop_map(String::into_bytes),
            2 => "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-9:.Z+-]{0,16})?".prop_map(String::into_bytes),
            8 => Just(b",".to_vec()),
            3 => Just(b"\n".to_vec()),
            1 => Just(b"\r\n".to_vec()),
            2 => Just(b"\"".to_vec()),
            1 => Just(b"NULL".to_vec()),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_become_rows_or_violations(text in hostile(), latin in any::<bool>()) {
            let plan = plan(if latin { Encoding::Latin1 } else { Encoding::Utf8 });
            let batch = validated(&text, &plan);
            let records = batch.records.records.len();
            prop_assert_eq!(batch.ends.len(), records);
            prop_assert_eq!(batch.keys.len(), records * plan.keys.len());
            let mut start = 0;
            for (index, end) in batch.ends.iter().enumerate() {
                let broken = batch.violations.iter().any(|(row, _)| *row as usize == index);
                // A record is a row or it breaks a rule, never both and never neither.
                prop_assert_eq!(*end > start, !broken);
                start = *end;
            }
            prop_assert_eq!(start as usize, batch.encoder.bytes().len());
        }
    }
}
