//! A look at a file's beginning, which decides how its records become rows.
//!
//! The look has three steps, on bytes that the source has decompressed and `decode` has made text that can be split:
//!
//! 1. What stands before the records: lines to skip, a line `sep=;`.
//! 2. The first record, and with it the file's line end: bytes are read, 64 KiB at first, until it is whole. They are handed
//!    on with the rest, since a pipe gives them only once.
//! 3. The record is compared with the table's columns by name, and tried as a row by the table's own rules. Together they
//!    tell a header from a row whatever was declared, since a row taken for a header would be lost without anybody
//!    noticing. What is neither is refused, with a hint where another delimiter would fit, or where a later line looks like
//!    the header.

use std::io::Read;

use database::copy::write::RowForm;
use dataset::encoding::Encoding;
use dataset::failure::Kind;
use dataset::load_rules::FileColumn;
use values::records::{Field, Form, Grammar, Record, Torn};
use values::text;

use crate::input::decode::{self, Decoded};
use crate::input::header::{self, First, Layout};
use crate::input::look::DELIMITERS;
use crate::input::names;
use crate::input::row_plan::RowPlan;
use crate::input::start::Start;
use crate::input::stream::Rest;
use crate::rules::row::RowRules;
use crate::target::Target;
use crate::target::wanted::Wanted;
use storage::source::{Source, Watch};

/// The note about a file without any record.
pub(crate) const EMPTY: &str = "is empty";
/// How many records are searched for a header below title lines.
const TITLE_LINES: usize = 50;

/// A file that is ready to be read, and what was found out about it.
pub(crate) struct SniffedFile {
    pub(crate) rest: Rest,
    pub(crate) plan: RowPlan,
    /// The names of the columns that rows have, in the plan's order.
    pub(crate) columns: Vec<String>,
    /// Indices of the target's unique keys that are checked; they are the first of the plan's keys.
    pub(crate) unique: Vec<usize>,
    /// Indices of the target's references that are checked; in the plan's keys they follow the unique keys.
    pub(crate) references: Vec<usize>,
    pub(crate) notes: Vec<String>,
}

/// Opens a file for a table and looks at its beginning.
///
/// # Errors
/// [`Kind::Usage`] if the file cannot be read; [`Kind::Mismatch`] if it is not a file of the table.
pub(crate) fn open(source: &Source, target: &Target) -> anyhow::Result<(SniffedFile, Watch)> {
    let opened = source.open()?;
    let watch = opened.watch();
    let compressed = opened
        .compression
        .map(|how| format!("is compressed with {how}"));
    let mut file = of(source.name(), opened.bytes, target)?;
    file.notes.splice(..0, compressed);
    Ok((file, watch))
}

/// Looks at the beginning of bytes that are rows of a table.
///
/// # Errors
/// The errors of [`open`].
pub(crate) fn of(
    name: String,
    bytes: Box<dyn Read + Send>,
    target: &Target,
) -> anyhow::Result<SniffedFile> {
    let mut notes = Vec::new();
    let mut decoded = decode::decoded(&name, bytes, target.rules.encoding)?;
    notes.append(&mut decoded.notes);
    let Decoded {
        mut bytes,
        encoding,
        offset,
        ..
    } = decoded;
    let mut start = Start::read(&name, &mut bytes, &target.rules)?;
    notes.append(&mut start.notes);
    let look = Look {
        target,
        start: &start,
        encoding,
    };
    let mut layout = match start.records.records.first() {
        Some(first) => look.layout(first).map_err(|why| {
            Kind::Mismatch.error(format!("{name} is not a file of {}: {why}", target.table))
        })?,
        None => {
            notes.push(EMPTY.to_owned());
            empty(target)
        }
    };
    if layout.trailing {
        notes.push("ends its lines with a delimiter, after which there is no column".to_owned());
    }
    let (skipped, line, header) = match start.records.records.first() {
        Some(first) if layout.header => {
            let header = start.raw(first);
            let behind = start.begin + first.end as usize;
            let line_end = start.grammar.line_end.bytes();
            let ended = start.head[behind..].starts_with(line_end);
            let skipped = behind + if ended { line_end.len() } else { 0 };
            let last_byte = start.grammar.line_end.last_byte();
            let breaks = header.iter().filter(|byte| **byte == last_byte).count();
            (
                skipped,
                first.line + 1 + breaks as u64,
                Some(header.to_vec()),
            )
        }
        _ => (start.begin, start.line, None),
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
    let unique: Vec<usize> = (0..target.unique.len())
        .filter(|index| checked(&target.unique[*index].name.columns))
        .collect();
    let references: Vec<usize> = (0..target.references.len())
        .filter(|index| checked(&target.references[*index].columns))
        .collect();
    let grammar = Grammar {
        fields: layout.fields,
        ..start.grammar
    };
    let own = unique.iter().map(|index| &target.unique[*index].name);
    let parents = references
        .iter()
        .map(|index| &target.references[*index].parent);
    let classes = own.chain(parents).map(|name| name.classes.clone());
    let full = references
        .iter()
        .zip(&keys[unique.len()..])
        .filter(|(reference, _)| target.references[**reference].match_full);
    let match_full = full.map(|(_, columns)| columns.clone()).collect();
    let plan = RowPlan {
        match_full,
        keys,
        classes: classes.collect(),
        // A header of a single name could just as well be a value.
        header: header.filter(|_| layout.fields > 1),
        trailing: layout.trailing,
        ..plan(target, grammar, encoding, &layout.columns)?
    };
    Ok(SniffedFile {
        rest: Rest {
            name,
            bytes,
            read: start.head.split_off(skipped),
            offset: offset + skipped as u64,
            line,
        },
        plan,
        columns,
        unique,
        references,
        notes,
    })
}

fn plan(
    target: &Target,
    grammar: Grammar,
    encoding: Encoding,
    columns: &[(usize, usize)],
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
        encoding,
        fields: columns.iter().map(|(_, field)| *field).collect(),
        rows: RowRules { columns: rules },
        keys: Vec::new(),
        classes: Vec::new(),
        match_full: Vec::new(),
        only: None,
        header: None,
        trailing: false,
    })
}

/// A file's beginning together with the table that it is for.
struct Look<'a> {
    target: &'a Target,
    start: &'a Start,
    encoding: Encoding,
}

impl Look<'_> {
    /// Finds where the columns are in the file, whose first record is `first`.
    fn layout(&self, first: &Record) -> Result<Layout, String> {
        let Target { wanted, rules, .. } = self.target;
        if rules.header
            && let Some(torn) = first.torn
        {
            return Err(match torn {
                Torn::TooLong => format!(
                    "its first line has more than {} bytes (--max-record takes longer ones)",
                    self.start.grammar.longest_bytes
                ),
                Torn::LineBreak => {
                    "its first line does not end as the lines before or within it do".to_owned()
                }
                Torn::Unclosed | Torn::AfterQuote => {
                    "its first line has a quote that is not closed, or something after a closing one"
                        .to_owned()
                }
            });
        }
        let fields = self.fields(first);
        let first_record = First {
            fields: &fields,
            trailing: self.is_trailing(fields.len()),
        };
        let listed = rules.columns.listed();
        let is_row = |positions: &[(usize, usize)]| self.is_row(first, positions);
        let found = header::layout(&first_record, wanted, rules.header, listed, is_row);
        let is_headless = |layout: &Layout| !layout.header && fields.len() == layout.fields;
        if !found.as_ref().is_ok_and(is_headless)
            && let Some(line) = self.later_header(&fields)
        {
            return Err(format!(
                "line {line} looks like the header: give skip_lines = {0} or --skip-lines {0}",
                rules.skip_lines + line - self.start.line
            ));
        }
        found.map_err(|why| {
            let raw = text::of_raw_bytes(self.start.raw(first), self.encoding);
            format!("{why}{}", self.other_delimiter(&raw))
        })
    }

    /// The texts of a record's fields.
    fn fields(&self, record: &Record) -> Vec<String> {
        let fields = self.start.records.fields_of(record).iter();
        let quote = self.start.grammar.quote;
        fields
            .map(|field| text::of_raw_bytes(&field.bytes(self.start.body(), quote), self.encoding))
            .collect()
    }

    /// Whether each whole record that was read has this number of fields, the last of them empty.
    fn is_trailing(&self, fields: usize) -> bool {
        let records = &self.start.records;
        let whole = records
            .records
            .iter()
            .filter(|record| record.torn.is_none());
        let mut last =
            whole.map(|record| (record.fields as usize, records.fields_of(record).last()));
        fields > 1
            && last.all(|(count, field)| {
                let is_empty =
                    |field: &Field| field.form == Form::Plain && field.start == field.end;
                count == fields && field.is_some_and(is_empty)
            })
    }

    /// Whether a record would be a row with its fields at these positions.
    fn is_row(&self, record: &Record, positions: &[(usize, usize)]) -> bool {
        let fields = self.start.records.fields_of(record);
        let plan = plan(self.target, self.start.grammar, self.encoding, positions);
        let Ok(plan) = plan else {
            return false;
        };
        if plan.fields.iter().any(|field| *field >= fields.len()) {
            return false;
        }
        let body = self.start.body();
        let cells = (0..plan.fields.len()).map(|column| plan.cell(column, fields, body));
        plan.rows.check(cells).is_ok()
    }

    /// The line of a later record that names most columns, and more of them than the first record does.
    fn later_header(&self, first: &[String]) -> Option<u64> {
        let wanted = &self.target.wanted;
        let named = |wanted: &&Wanted| matches!(wanted.file, FileColumn::Name(_));
        let names = wanted.iter().filter(named).count();
        let least = names::known(first, wanted).max(names / 2);
        let mut later = self.start.records.records.iter().skip(1).take(TITLE_LINES);
        later
            .find(|record| names::known(&self.fields(record), wanted) > least)
            .map(|record| record.line)
    }

    /// A hint at the delimiter with which the first line would make sense.
    fn other_delimiter(&self, line: &str) -> String {
        let wanted = &self.target.wanted;
        let is_known = |fields: Vec<String>| names::known(&fields, wanted) > 0;
        let fitting = DELIMITERS.iter().find(|delimiter| {
            let fields = line.split(char::from(**delimiter));
            let unquoted = fields.map(|field| field.trim().trim_matches('"').to_owned());
            **delimiter != self.start.grammar.delimiter && is_known(unquoted.skip(1).collect())
        });
        match fitting {
            Some(b'\t') => {
                "; its fields seem to be separated by tabs: give '\\t' as the delimiter".to_owned()
            }
            Some(delimiter) => format!(
                "; its fields seem to be separated by {:?}: give that as the delimiter",
                char::from(*delimiter)
            ),
            None => String::new(),
        }
    }
}

/// The layout of a file without any record.
fn empty(target: &Target) -> Layout {
    Layout {
        fields: target.wanted.len(),
        columns: (0..target.wanted.len())
            .map(|index| (index, target.wanted[index].place))
            .collect(),
        header: false,
        trailing: false,
        notes: Vec::new(),
    }
}
