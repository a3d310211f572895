//! Compares a model's file with Postgres's own rows, cell by cell.

use std::cmp::Ordering;
use std::fmt::Write;

use dataset::ColumnType;
use postgres::types::{Kind as TypeKind, Type};

/// A row: its cells as texts, or NULL.
pub(super) type Row = Vec<Option<String>>;

/// The rows that Postgres gives.
pub(super) struct Rows {
    pub(super) names: Vec<String>,
    pub(super) types: Vec<Type>,
    /// The rows as texts of the simple protocol.
    pub(super) rows: Vec<Row>,
}

/// The difference between the columns that we report and those of Postgres, if any.
pub(super) fn difference_of_columns(
    ours: &[(String, ColumnType)],
    theirs: &Rows,
) -> Option<String> {
    let names: Vec<&String> = ours.iter().map(|(name, _)| name).collect();
    if !theirs.names.iter().eq(names.iter().copied()) {
        return Some(format!("columns {names:?}, in Postgres {:?}", theirs.names));
    }
    let mut both = ours.iter().zip(&theirs.types);
    let (ours, theirs) = both.find(|((_, ours), theirs)| !is_of(*ours, theirs))?;
    Some(format!(
        "column {} is {}, in Postgres {theirs}",
        ours.0, ours.1
    ))
}

/// Whether a column of this type in Postgres is carried as `ours`.
fn is_of(ours: ColumnType, theirs: &Type) -> bool {
    match ours {
        ColumnType::Boolean => *theirs == Type::BOOL,
        ColumnType::SmallInt => *theirs == Type::INT2,
        ColumnType::Integer => *theirs == Type::INT4,
        ColumnType::BigInt => *theirs == Type::INT8,
        ColumnType::Real => *theirs == Type::FLOAT4,
        ColumnType::Double => *theirs == Type::FLOAT8,
        ColumnType::Numeric { .. } => *theirs == Type::NUMERIC,
        ColumnType::Text => {
            // A numeric whose values have their own scales is carried as its exact text.
            let texts = [
                Type::TEXT,
                Type::VARCHAR,
                Type::BPCHAR,
                Type::NAME,
                Type::NUMERIC,
            ];
            texts.contains(theirs) || matches!(theirs.kind(), TypeKind::Enum(_))
        }
        ColumnType::Date => *theirs == Type::DATE,
        ColumnType::Time => *theirs == Type::TIME,
        ColumnType::Timestamp => *theirs == Type::TIMESTAMP,
        ColumnType::TimestampTz => *theirs == Type::TIMESTAMPTZ,
        ColumnType::Uuid => *theirs == Type::UUID,
        ColumnType::Bytes => *theirs == Type::BYTEA,
        ColumnType::Json => *theirs == Type::JSON,
        ColumnType::JsonBinary => *theirs == Type::JSONB,
    }
}

/// The difference between the file of a model that declares `columns` and Postgres's rows, if any.
pub(super) fn difference_of_rows(
    columns: &[(String, ColumnType)],
    file: &str,
    theirs: &[Row],
    ordered: bool,
) -> Option<String> {
    let mut ours = records(file);
    let header = match ours.is_empty() {
        true => Row::new(),
        false => ours.remove(0),
    };
    if !header
        .iter()
        .flatten()
        .eq(columns.iter().map(|(name, _)| name))
    {
        return Some(format!("the header is {header:?}"));
    }
    let kinds: Vec<ColumnType> = columns.iter().map(|(_, kind)| *kind).collect();
    let mut theirs: Vec<Row> = theirs.iter().map(|row| as_written(&kinds, row)).collect();
    if let Some(odd) = ours.iter().find(|row| row.len() != kinds.len()) {
        return Some(format!("a record of {} fields: {odd:?}", odd.len()));
    }
    match ordered {
        true => settle_ties(&mut ours, &mut theirs),
        false => {
            ours.sort_by(|a, b| order(&kinds, a, b));
            theirs.sort_by(|a, b| order(&kinds, a, b));
        }
    }
    let (only_ours, only_theirs) = match ordered {
        true => {
            let rows = ours.len().max(theirs.len());
            let same = |at: &usize| match (ours.get(*at), theirs.get(*at)) {
                (Some(ours), Some(theirs)) => is_same_row(&kinds, ours, theirs),
                _ => false,
            };
            let first = (0..rows).find(|at| !same(at)).unwrap_or(rows);
            (
                ours.iter().skip(first).collect(),
                theirs.iter().skip(first).collect(),
            )
        }
        false => without_common(&kinds, &ours, &theirs),
    };
    if only_ours.is_empty() && only_theirs.is_empty() {
        return None;
    }
    let order = match ordered {
        true => "from the first that differs",
        false => "without those that both have",
    };
    let mut text = format!(
        "{} rows, in Postgres {}; {order}:",
        ours.len(),
        theirs.len()
    );
    for (whose, rows) in [("ours", only_ours), ("Postgres", only_theirs)] {
        for row in rows.iter().take(4) {
            let _ = write!(text, "\n      {whose:8} {}", shown(row));
        }
    }
    Some(text)
}

/// Sorts adjacent rows on both sides in the same way, if ORDER BY takes them for equal. Numerics are equal whatever their digits
/// after the point (`2` and `2.00`), and SQL leaves open which comes first.
fn settle_ties(ours: &mut [Row], theirs: &mut [Row]) {
    if ours.len() != theirs.len() {
        return;
    }
    let mut start = 0;
    while start < theirs.len() {
        let rest = theirs[start + 1..].iter();
        let ties = rest.take_while(|row| is_tie(row, &theirs[start])).count();
        let end = start + 1 + ties;
        if ties > 0 {
            ours[start..end].sort();
            theirs[start..end].sort();
        }
        start = end;
    }
}

/// Whether two rows differ at most in zeros at the end of numerics.
fn is_tie(one: &Row, other: &Row) -> bool {
    let value = |cell: &Option<String>| {
        let cell = cell.as_deref()?;
        let is_number = cell.contains('.')
            && cell
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
        Some(match is_number {
            true => cell.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => cell.to_owned(),
        })
    };
    one.iter().map(value).eq(other.iter().map(value))
}

/// The rows of each side that the other one lacks. Both sides must be sorted.
fn without_common<'a>(
    kinds: &[ColumnType],
    ours: &'a [Row],
    theirs: &'a [Row],
) -> (Vec<&'a Row>, Vec<&'a Row>) {
    let (mut only_ours, mut only_theirs) = (Vec::new(), Vec::new());
    let (mut left, mut right) = (ours.iter().peekable(), theirs.iter().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (None, None) => return (only_ours, only_theirs),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) if is_same_row(kinds, a, b) => Ordering::Equal,
            // Floats that differ by more than the tolerance may still sort as equal.
            (Some(a), Some(b)) => order(kinds, a, b).then(Ordering::Less),
        };
        let (a, b) = (
            next.is_le().then(|| left.next()).flatten(),
            next.is_ge().then(|| right.next()).flatten(),
        );
        if next.is_ne() {
            only_ours.extend(a);
            only_theirs.extend(b);
        }
    }
}

fn shown(row: &Row) -> String {
    let cells = row.iter().map(|cell| match cell {
        None => "NULL".to_owned(),
        Some(text) => format!("{text:?}"),
    });
    cells.collect::<Vec<_>>().join(" | ")
}

/// A row of Postgres with its cells written as in our files.
fn as_written(kinds: &[ColumnType], row: &Row) -> Row {
    let cells = row.iter().zip(kinds).map(|(cell, kind)| {
        let cell = cell.as_deref()?;
        Some(match kind {
            ColumnType::Boolean => match cell {
                "t" => "true".to_owned(),
                "f" => "false".to_owned(),
                other => other.to_owned(),
            },
            ColumnType::Time => with_microseconds(cell),
            ColumnType::Timestamp => with_microseconds(&cell.replacen(' ', "T", 1)),
            ColumnType::TimestampTz => {
                let utc = cell.strip_suffix("+00").unwrap_or(cell);
                with_microseconds(&utc.replacen(' ', "T", 1)) + "Z"
            }
            _ => cell.to_owned(),
        })
    });
    cells.collect()
}

/// A time with six digits after the point, if it has a point.
fn with_microseconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, digits)) => format!("{whole}.{digits:0<6}"),
        None => time.to_owned(),
    }
}

/// A decimal without the zeros at its end, which only show its column's scale.
fn without_scale(decimal: &str) -> &str {
    let short = match decimal.contains('.') {
        true => decimal.trim_end_matches('0').trim_end_matches('.'),
        false => decimal,
    };
    match short {
        "-0" => "0",
        short => short,
    }
}

/// How far apart two floats of this type may be, relative to their size; `None` for other types.
fn tolerance(kind: ColumnType) -> Option<f64> {
    match kind {
        ColumnType::Real => Some(1e-6),
        ColumnType::Double => Some(1e-12),
        _ => None,
    }
}

fn is_same_row(kinds: &[ColumnType], ours: &Row, theirs: &Row) -> bool {
    let mut cells = kinds.iter().zip(ours.iter().zip(theirs));
    cells.all(|(kind, (ours, theirs))| match (ours, theirs) {
        (Some(ours), Some(theirs)) => is_same_cell(*kind, ours, theirs),
        (ours, theirs) => ours == theirs,
    })
}

fn is_same_cell(kind: ColumnType, ours: &str, theirs: &str) -> bool {
    if ours == theirs {
        return true;
    }
    if let ColumnType::Numeric { .. } = kind {
        return without_scale(ours) == without_scale(theirs);
    }
    match (tolerance(kind), ours.parse::<f64>(), theirs.parse::<f64>()) {
        (Some(tolerance), Ok(ours), Ok(theirs)) => {
            let largest = ours.abs().max(theirs.abs());
            ours == theirs
                || ours.is_nan() && theirs.is_nan()
                || (ours - theirs).abs() <= tolerance * largest
        }
        _ => false,
    }
}

/// An order of rows in which rows that are equal within the tolerance sort as equal. Floats are compared last.
fn order(kinds: &[ColumnType], a: &Row, b: &Row) -> Ordering {
    let exact = kinds
        .iter()
        .zip(a.iter().zip(b))
        .map(|(kind, (a, b))| match kind {
            ColumnType::Real | ColumnType::Double => a.is_some().cmp(&b.is_some()),
            ColumnType::Numeric { .. } => a
                .as_deref()
                .map(without_scale)
                .cmp(&b.as_deref().map(without_scale)),
            _ => a.cmp(b),
        });
    let floats =
        kinds
            .iter()
            .zip(a.iter().zip(b))
            .map(|(kind, (a, b))| match (tolerance(*kind), a, b) {
                (Some(_), Some(a), Some(b)) => {
                    let value = |text: &String| text.parse::<f64>().unwrap_or(f64::NAN) + 0.0;
                    value(a).total_cmp(&value(b))
                }
                _ => Ordering::Equal,
            });
    let mut parts = exact.chain(floats);
    parts.find(|part| part.is_ne()).unwrap_or(Ordering::Equal)
}

/// The records of a CSV text, including the header. An empty field is NULL unless it is quoted.
pub(super) fn records(text: &str) -> Vec<Row> {
    let (mut records, mut record) = (Vec::new(), Row::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (field, after) = field(rest);
        record.push(field);
        rest = match after.strip_prefix(',') {
            // The last field is empty and has no line feed after it.
            Some("") => {
                record.push(None);
                ""
            }
            Some(next) => next,
            None => {
                records.push(std::mem::take(&mut record));
                after.strip_prefix('\n').unwrap_or(after)
            }
        };
    }
    if !record.is_empty() {
        records.push(record);
    }
    records
}

/// The first field of a text, and what comes after it.
fn field(text: &str) -> (Option<String>, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\n']).unwrap_or(text.len());
        return ((end > 0).then(|| text[..end].to_owned()), &text[end..]);
    };
    let mut field = String::new();
    loop {
        let end = rest.find('"').unwrap_or(rest.len());
        field.push_str(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
        match rest.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return (Some(field), rest),
        }
    }
}

#[test]
fn an_empty_field_is_null_unless_it_is_quoted() {
    let texts = |row: &[Option<&str>]| {
        row.iter()
            .map(|cell| cell.map(str::to_owned))
            .collect::<Row>()
    };
    let expected = [
        texts(&[Some("a"), Some("b")]),
        texts(&[None, Some("")]),
        texts(&[Some("x,\"y\"\nz"), None]),
    ];
    assert_eq!(records("a,b\n,\"\"\n\"x,\"\"y\"\"\nz\",\n"), expected);
}

#[test]
fn cells_are_the_same_whatever_says_only_how_they_are_written() {
    let numeric = ColumnType::Numeric {
        precision: 10,
        scale: 2,
    };
    for (kind, ours, theirs, same) in [
        (numeric, "10.50", "10.5", true),
        (numeric, "10.50", "10.504", false),
        (numeric, "100", "1", false),
        (ColumnType::Double, "0.30000000000000004", "0.3", true),
        (ColumnType::Double, "0.3001", "0.3", false),
        (ColumnType::Double, "-0", "0", true),
        (ColumnType::Double, "NaN", "NaN", true),
        (ColumnType::Text, "1.0", "1", false),
    ] {
        assert_eq!(is_same_cell(kind, ours, theirs), same, "{ours} {theirs}");
    }
    let timestamp = [
        ColumnType::Timestamp,
        ColumnType::TimestampTz,
        ColumnType::Boolean,
    ];
    let row =
        ["2020-01-01 12:30:00.5", "2020-01-01 00:00:00+00", "t"].map(|cell| Some(cell.to_owned()));
    let written = ["2020-01-01T12:30:00.500000", "2020-01-01T00:00:00Z", "true"]
        .map(|cell| Some(cell.to_owned()));
    assert_eq!(as_written(&timestamp, &row.to_vec()), written);
}
