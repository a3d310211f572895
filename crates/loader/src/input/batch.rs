//! A block of a file: its bytes, its records, and the validated rows made of them.
//!
//! Validating depends on nothing but the block and the plan, so blocks are validated in any order by any thread.

use std::borrow::Cow;

use database::copy::write::{RowEncoder, RowForm};
use dataset::encoding::Encoding;
use memchr::memchr;
use values::records::{Field, Form, Record, Records};
use values::rule::{Rule, Violation};
use values::value::Value;

use crate::input::row_plan::RowPlan;
use crate::input::shape::{EMPTY_ROW, of_row};
use crate::rules::column::Cell;
use crate::rules::key::{Key, KeyClass};
use crate::rules::row::BrokenRow;

/// A block of a file, with what was made of it.
#[derive(Default)]
pub(crate) struct Batch {
    /// The block's place among those of the file.
    pub(crate) sequence: u64,
    pub(crate) bytes: Vec<u8>,
    /// The offset of the block's first byte in the file.
    pub(crate) offset: u64,
    pub(crate) records: Records,
    /// The valid rows, encoded one after the other; with [`RowPlan::only`], the values of all records that are rows.
    pub(crate) encoder: RowEncoder,
    /// For each record, where its row ends in `encoder`. For a record that is not a valid row, where the row before it ends.
    pub(crate) ends: Vec<u32>,
    /// For each record, its keys, in the plan's order.
    pub(crate) keys: Vec<Key>,
    /// The broken rules, each with the record that breaks it, in the order of records.
    pub(crate) violations: Vec<(u32, Violation)>,
}

impl Batch {
    /// Empties the block, but keeps its memory for the next one.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.ends.clear();
        self.keys.clear();
        self.violations.clear();
        self.encoder.clear();
    }

    /// The bytes of a record as they are in the file.
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
            let mut breaks = |violation| violations.push(broken(violation));
            let Some(values) = self.row(record, fields, bytes, has_nul, &mut breaks) else {
                keys.extend(self.keys.iter().map(|_| Key::Null));
                ends.push(encoder.bytes().len() as u32);
                continue;
            };
            keys.extend(
                self.keys
                    .iter()
                    .zip(&self.classes)
                    .map(|(columns, classes)| {
                        let value = |(column, class): (&usize, &KeyClass)| match has_nul {
                            true => (values[*column].without_nul(), *class),
                            false => (&values[*column], *class),
                        };
                        Key::of(columns.iter().zip(classes).map(value), &mut buffer)
                    }),
            );
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

    /// The values of a record, with NULL in place of those that break a rule, or `None` for a record that is not a row at all; and
    /// every rule that the record breaks.
    pub(crate) fn row<'a>(
        &self,
        record: &Record,
        fields: &[Field],
        bytes: &'a [u8],
        has_nul: bool,
        breaks: &mut dyn FnMut(Violation),
    ) -> Option<Vec<Value<'a>>> {
        let raw = &bytes[record.start as usize..record.end as usize];
        if let Some(violation) = self.unfit(record, fields, raw) {
            breaks(violation);
            return None;
        }
        if has_nul {
            self.nul(bytes, fields).for_each(&mut *breaks);
        }
        let cells = (0..self.fields.len()).map(|column| self.cell(column, fields, bytes));
        Some(match self.rows.check(cells) {
            Ok(values) => {
                self.half_null(&values).for_each(&mut *breaks);
                values
            }
            Err(BrokenRow { violations, values }) => {
                match self.is_empty(raw) {
                    true => breaks(of_row(Rule::Shape, EMPTY_ROW.to_owned())),
                    false => violations.into_iter().for_each(&mut *breaks),
                }
                values
            }
        })
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

    /// Decodes the field of a column. `column` is the column's index in `rows`.
    pub(crate) fn cell<'a>(&self, column: usize, fields: &[Field], bytes: &'a [u8]) -> Cell<'a> {
        let field = &fields[self.fields[column]];
        let rules = &self.rows.columns[column];
        let text = match field.bytes(bytes, self.grammar.quote) {
            Cow::Borrowed(bytes) => decoded(bytes, self.encoding),
            Cow::Owned(bytes) => match decoded(&bytes, self.encoding) {
                Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
                Cell::Null | Cell::Default => Cell::Null,
                Cell::Undecodable => Cell::Undecodable,
            },
        };
        match &text {
            Cell::Text(word)
                if (field.form == Form::Plain || rules.quoted_null)
                    && (word.is_empty() || rules.null.iter().any(|null| null == word)) =>
            {
                Cell::Null
            }
            _ => text,
        }
    }
}

fn decoded(bytes: &[u8], encoding: Encoding) -> Cell<'_> {
    encoding.decode(bytes).map_or(Cell::Undecodable, Cell::Text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dataset::ColumnType;
    use proptest::prelude::*;

    use super::*;
    use crate::rules::column::ColumnRules;
    use crate::rules::row::RowRules;
    use values::line_end::LineEnd;
    use values::records::Grammar;
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
            thousands_mark: None,
            zero_fraction: false,
            null: Arc::new(["NULL".to_owned()]),
            quoted_null: kind != ColumnType::Text,
            formats: Arc::new([]),
        };
        RowPlan {
            grammar: Grammar {
                delimiter: b',',
                quote: Some(b'"'),
                line_end: LineEnd::Lf,
                fields: 4,
                longest_bytes: 1000,
            },
            encoding,
            fields: vec![0, 1, 2, 3],
            rows: RowRules {
                columns: kinds.map(column).into(),
            },
            keys: vec![vec![0], vec![2, 0]],
            header: Some(b"id,price,note,day".to_vec()),
            trailing: false,
            classes: vec![vec![KeyClass::Whole], vec![KeyClass::Text, KeyClass::Whole]],
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
    fn quoted_words_are_null_where_they_cannot_be_texts() {
        let batch = validated(b"1,\"\",NULL,\"NULL\"\n", &plan(Encoding::UTF_8));
        assert_eq!(batch.violations, []);
        let nulls = [255; 12];
        assert_eq!(batch.encoder.bytes()[batch.ends[0] as usize - 12..], nulls);
        let batch = validated(b"\"\",1,a,\n", &plan(Encoding::UTF_8));
        assert_eq!(batch.violations[0].1.rule, Rule::Required);
        // With `quoted_null`, texts in quotes are NULL too.
        let mut plan = plan(Encoding::UTF_8);
        plan.rows.columns[2].quoted_null = true;
        let batch = validated(b"1,,\"NULL\",\n2,,\"\",\n", &plan);
        assert_eq!(batch.violations, []);
        assert!(batch.encoder.bytes().ends_with(&nulls));
        assert_eq!(batch.keys[1], Key::Null);
    }

    #[test]
    fn quoted_words_are_texts_and_bare_ones_are_null() {
        let batch = validated(b"1,NULL,\"NULL\",\n2,,\"\",\n", &plan(Encoding::UTF_8));
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

    #[test]
    fn an_empty_row_and_a_second_header_are_one_reject_each() {
        let text = b"1,2,x,\n,,,\n,,,,,\nid,price,note,day\n\xef\xbb\xbfid,price,note,day\n,,x,\n";
        let batch = validated(text, &plan(Encoding::UTF_8));
        let said = |(row, violation): &(u32, Violation)| {
            let begin: String = violation.message.chars().take(19).collect();
            format!("{row} {} {begin}", violation.rule.name())
        };
        let said: Vec<_> = batch.violations.iter().map(said).collect();
        let expected = [
            "1 shape the row is empty: i",
            "2 shape the row is empty: i",
            "3 shape repeats the header",
            "4 shape repeats the header",
            "5 required is missing",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn nothing_may_stand_behind_a_delimiter_that_ends_the_lines() {
        let mut plan = plan(Encoding::UTF_8);
        plan.trailing = true;
        plan.grammar.fields = 5;
        let batch = validated(b"1,2,x,,\n2,2,x,,y\n3,2,x,,\"\"\n4,2,x,\n", &plan);
        let rows: Vec<_> = batch
            .violations
            .iter()
            .map(|(row, violation)| (*row, violation.rule))
            .collect();
        assert_eq!(rows, [(1, Rule::Shape), (2, Rule::Shape), (3, Rule::Shape)]);
    }

    /// Bytes that look more or less like rows.
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
            let encoding = if latin { "latin1" } else { "utf-8" };
            let plan = plan(Encoding::for_label(encoding).expect("a label"));
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
