//! A look at a file's beginning, from which follows how its records become rows.
//!
//! The look has three steps, on bytes that the source has decompressed:
//!
//! 1. Byte order marks: UTF-8's is skipped, a file in UTF-16 is refused.
//! 2. The first record: bytes are read, 64 KiB at a time, until it is whole. They are handed on with the rest, since a
//!    pipe gives them only once.
//! 3. The record is compared with the table's columns by name, and tried as a row by the table's own rules. Together they
//!    tell a header from a row whatever was declared, since a row taken for a header would be lost without anybody
//!    noticing. What is neither is refused, with a hint where another delimiter would fit.

use std::io::Read;

use database::copy::write::RowForm;
use dataset::failure::{Kind, OrFail};
use dataset::load_rules::FileColumn;
use values::records::{Grammar, LONGEST_RECORD_BYTES, Records, Splitter};
use values::text;

use crate::input::batch::RowPlan;
use crate::input::header::{self, Layout};
use crate::input::stream::Rest;
use crate::rules::row::RowRules;
use crate::target::Target;
use storage::source::{Source, Watch};

const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
/// How many bytes are read at once until the first record is whole.
const HEAD_BYTES: usize = 64 << 10;
/// Delimiters that are tried when a header makes no sense.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file that is ready to be read, and what was found out about it.
pub(crate) struct SniffedFile {
    pub(crate) rest: Rest,
    pub(crate) plan: RowPlan,
    /// The columns that rows have, in the plan's order.
    pub(crate) columns: Vec<String>,
    /// Which of the target's unique keys the plan's keys begin with.
    pub(crate) unique: Vec<usize>,
    /// Which of the target's references follow the unique keys.
    pub(crate) references: Vec<usize>,
    pub(crate) notes: Vec<String>,
    pub(crate) watch: Watch,
}

/// Opens a file for a table and looks at its beginning.
///
/// # Errors
/// [`Kind::Usage`] if the file cannot be read; [`Kind::Mismatch`] if it is not one of the table.
pub(crate) fn open(source: &Source, target: &Target) -> anyhow::Result<SniffedFile> {
    let mut opened = source.open()?;
    let watch = opened.watch();
    let name = source.name();
    let mut notes = Vec::new();
    notes.extend(
        opened
            .compression
            .map(|how| format!("is compressed with {how}")),
    );

    let grammar = |fields| Grammar {
        delimiter: target.rules.delimiter,
        quote: target.rules.quote,
        fields,
        longest_bytes: LONGEST_RECORD_BYTES,
    };
    let mut head = Vec::new();
    let mut records = Records::default();
    let begin = loop {
        let read = opened
            .bytes
            .by_ref()
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .or_fail(Kind::Refused, || {
                format!("{name} cannot be read or decompressed")
            })?;
        if UTF16_MARKS.iter().any(|mark| head.starts_with(mark)) {
            return Err(Kind::Mismatch.error(format!(
                "{name} is UTF-16: convert it, as with iconv -f UTF-16 -t UTF-8"
            )));
        }
        let begin = if head.starts_with(&UTF8_MARK) {
            UTF8_MARK.len()
        } else {
            0
        };
        records.clear();
        Splitter::new(grammar(0), 1).split(&head[begin..], read < HEAD_BYTES, &mut records);
        if !records.records.is_empty() || read < HEAD_BYTES {
            break begin;
        }
    };
    if begin > 0 {
        notes.push("begins with a byte order mark".to_owned());
    }
    let body = &head[begin..];
    let mut layout = match records.records.first() {
        Some(first) => {
            let fields: Vec<String> = records
                .fields_of(first)
                .iter()
                .map(|field| {
                    text::of_raw_bytes(
                        &field.bytes(body, target.rules.quote),
                        target.rules.encoding,
                    )
                })
                .collect();
            let is_row = |positions: &[(usize, usize)]| is_row(target, &records, body, positions);
            header::layout(&fields, &target.wanted, target.rules.header, is_row).map_err(|why| {
                let raw = text::of_raw_bytes(
                    &body[first.start as usize..first.end as usize],
                    target.rules.encoding,
                );
                Kind::Mismatch.error(format!(
                    "{name} is not a file of {}: {why}{}",
                    target.table,
                    other_delimiter(&raw, target)
                ))
            })?
        }
        None => {
            notes.push("is empty".to_owned());
            empty(target)
        }
    };
    let (skipped, line) = match records.records.first() {
        Some(first) if layout.header => {
            let end = first.end as usize;
            let behind = &body[end..];
            let line_break = usize::from(behind.first() == Some(&b'\r'));
            let line_break = line_break + usize::from(behind.get(line_break) == Some(&b'\n'));
            (begin + end + line_break, first.line + 1)
        }
        _ => (begin, 1),
    };
    notes.append(&mut layout.notes);

    let columns: Vec<String> = layout
        .columns
        .iter()
        .map(|(wanted, _)| target.wanted[*wanted].column.clone())
        .collect();
    let place = |column: &String| columns.iter().position(|known| known == column);
    let mut keys = Vec::new();
    let mut checked = |columns: &[String]| {
        let places: Option<Vec<usize>> = columns.iter().map(place).collect();
        places.map(|places| keys.push(places)).is_some()
    };
    let unique = (0..target.unique.len())
        .filter(|index| checked(&target.unique[*index].name.columns))
        .collect();
    let references: Vec<usize> = (0..target.references.len())
        .filter(|index| checked(&target.references[*index].columns))
        .collect();
    let referring = keys.len() - references.len();
    let mut plan = plan(target, grammar(layout.fields), &layout.columns, keys)?;
    for (index, reference) in references.iter().enumerate() {
        if target.references[*reference].match_full {
            plan.match_full.push(plan.keys[referring + index].clone());
        }
    }
    Ok(SniffedFile {
        rest: Rest {
            name,
            bytes: opened.bytes,
            read: head.split_off(skipped),
            offset: skipped as u64,
            line,
        },
        plan,
        columns,
        unique,
        references,
        notes,
        watch,
    })
}

fn plan(
    target: &Target,
    grammar: Grammar,
    columns: &[(usize, usize)],
    keys: Vec<Vec<usize>>,
) -> anyhow::Result<RowPlan> {
    let rules: anyhow::Result<Vec<_>> = columns
        .iter()
        .map(|(wanted, _)| target.column(&target.wanted[*wanted].column).cloned())
        .collect();
    let rules = rules?;
    Ok(RowPlan {
        form: match rules.iter().any(|rule| rule.server_type.is_some()) {
            true => RowForm::Text,
            false => RowForm::Binary,
        },
        grammar,
        encoding: target.rules.encoding,
        null: target.rules.null.clone(),
        fields: columns.iter().map(|(_, field)| *field).collect(),
        rows: RowRules { columns: rules },
        keys,
        match_full: Vec::new(),
        only: None,
    })
}

/// Whether the first record would be a row with its fields at these positions.
fn is_row(target: &Target, records: &Records, body: &[u8], positions: &[(usize, usize)]) -> bool {
    let grammar = Grammar {
        delimiter: target.rules.delimiter,
        quote: target.rules.quote,
        fields: 0,
        longest_bytes: LONGEST_RECORD_BYTES,
    };
    let Some(first) = records.records.first() else {
        return false;
    };
    let fields = records.fields_of(first);
    let Ok(plan) = plan(target, grammar, positions, Vec::new()) else {
        return false;
    };
    if plan.fields.iter().any(|field| *field >= fields.len()) {
        return false;
    }
    let cells = plan
        .fields
        .iter()
        .map(|field| plan.cell(&fields[*field], body));
    plan.rows.check(cells).is_ok()
}

/// The layout of a file without any record.
fn empty(target: &Target) -> Layout {
    Layout {
        fields: target.wanted.len(),
        columns: (0..target.wanted.len())
            .map(|index| (index, index))
            .collect(),
        header: false,
        notes: Vec::new(),
    }
}

/// A hint at the delimiter with which the first line would make sense.
fn other_delimiter(line: &str, target: &Target) -> String {
    let name = |column: &FileColumn, index: usize| match column {
        FileColumn::Name(name) => name.clone(),
        FileColumn::Position(_) => target.wanted[index].column.clone(),
    };
    let plain = |text: &str| -> String {
        let text = text.trim().trim_matches('"');
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    let fitting = DELIMITERS.iter().find(|delimiter| {
        **delimiter != target.rules.delimiter
            && line.split(char::from(**delimiter)).skip(1).any(|field| {
                target.wanted.iter().enumerate().any(|(index, wanted)| {
                    let field = plain(field);
                    field == plain(&name(&wanted.file, index)) || field == plain(&wanted.column)
                })
            })
    });
    match fitting {
        Some(delimiter) => format!(
            "; its fields seem to be separated by {:?}: give that as the delimiter",
            char::from(*delimiter)
        ),
        None => String::new(),
    }
}
