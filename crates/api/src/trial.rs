//! Bodies of any bytes, judged like those of requests but without a database: for the fuzz targets of `fuzz/`.

use database::catalogue::constraints::ServerType;
use dataset::ColumnType;
use dataset::cell_rules::ThousandsMark;
use dataset::load_rules::LoadRules;
use loader::rules::column::ColumnRules;
use loader::rules::key::{KeyClass, KeyName};
use loader::target::{Referring, Target, Unique};
use values::strftime::Format;

use crate::metrics::Metrics;
use crate::read::columns::ReadTable;
use crate::rows::batch::Batch;
use crate::rows::count::{Form, RowCounter};
use crate::rows::{csv, json};
use crate::table::ServedTable;

const KINDS: [ColumnType; 16] = [
    ColumnType::Boolean,
    ColumnType::SmallInt,
    ColumnType::BigInt,
    ColumnType::Real,
    ColumnType::Double,
    ColumnType::Numeric {
        precision: 10,
        scale: 2,
    },
    ColumnType::Numeric {
        precision: 38,
        scale: 38,
    },
    ColumnType::Date,
    ColumnType::Time,
    ColumnType::Timestamp,
    ColumnType::TimestampTz,
    ColumnType::Uuid,
    ColumnType::Bytes,
    ColumnType::Json,
    ColumnType::JsonBinary,
    ColumnType::Text,
];

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A JSON array.
    Array,
    /// Lines of JSON.
    Lines,
    /// CSV.
    Csv,
}

impl Written {
    fn form(self) -> Form {
        match self {
            Self::Array => Form::JsonArray,
            Self::Lines => Form::JsonLines,
            Self::Csv => Form::Csv,
        }
    }

    /// How many rows are counted while a body arrives in pieces of this many bytes.
    pub fn counted(self, body: &[u8], piece: usize) -> usize {
        let mut counter = RowCounter::new(self.form());
        let counts = body.chunks(piece).map(|piece| counter.add(piece));
        counts.last().unwrap_or(0)
    }
}

/// A row that was judged by itself.
#[derive(Debug)]
pub struct JudgedRow {
    /// Whether the row has values at all.
    pub is_row: bool,
    /// The messages about the rules that the row breaks.
    pub broken: Vec<String>,
    /// The text of the row as it came.
    pub raw: String,
    /// The values sent to the server for the first two columns: `id`, an integer, and `t`, a text; `None` for NULL.
    pub sent: [Option<Vec<u8>>; 2],
}

/// A table with columns of all types.
#[derive(Debug)]
pub struct Table(ServedTable);

impl Table {
    /// Creates a table whose files have a header or, if not, one of four columns whose files have semicolons and decimal commas.
    ///
    /// # Errors
    /// An error if the table cannot be served.
    pub fn new(has_header: bool) -> anyhow::Result<Self> {
        let mut columns = vec![
            ColumnRules {
                nullable: false,
                ..column("id", ColumnType::Integer)
            },
            column("t", ColumnType::Text),
            ColumnRules {
                required: true,
                max_chars: Some(5),
                blank_padded: true,
                labels: Some(vec!["A".to_owned(), "é\"".to_owned()]),
                ..column("l", ColumnType::Text)
            },
            ColumnRules {
                nullable: false,
                fraction_digits: Some(3),
                formats: ["%d/%m/%Y %H:%M", "%b %e %Y %I:%M%p", "%FT%T%.f%z"]
                    .iter()
                    .filter_map(|format| Format::parse(format).ok())
                    .collect(),
                ..column("d", ColumnType::Timestamp)
            },
        ];
        let rules = match has_header {
            true => LoadRules::default(),
            false => LoadRules {
                header: false,
                delimiter: b';',
                ..LoadRules::default()
            },
        };
        if has_header {
            let letters = ('A'..).map(String::from).zip(KINDS);
            columns.extend(letters.map(|(name, kind)| column(&name, kind)));
            for (name, kind) in [
                ("a", ServerType::Other),
                ("n", ServerType::Number),
                ("x", ServerType::Text),
            ] {
                columns.push(ColumnRules {
                    server_type: Some(kind),
                    ..column(name, ColumnType::Text)
                });
            }
        } else {
            columns[0].thousands_mark = Some(ThousandsMark::Point);
            columns[0].zero_fraction = true;
            columns[0].decimal_mark = b',';
        }
        let filled = vec!["id".to_owned(), "d".to_owned()];
        let unique = vec![
            unique(&["id"], &[KeyClass::Whole]),
            unique(&["d", "t"], &[KeyClass::Timestamp, KeyClass::Text]),
        ];
        let own = unique[1].name.clone();
        let references = vec![Referring {
            columns: vec!["d".to_owned(), "t".to_owned()],
            parent: own,
            equality: Vec::new(),
            missing: dataset::load_rules::Missing::Reject,
            match_full: true,
        }];
        let target = Target::of_columns(columns, filled, unique, references, rules);
        let read = ReadTable {
            columns: Vec::new(),
            key: Vec::new(),
        };
        Ok(Self(ServedTable::of(
            target.map_err(anyhow::Error::msg)?,
            read,
            "s",
            Vec::new(),
            Metrics::new().rows_of("d", "t"),
        )?))
    }

    /// Judges the rows of a body, which may have at most `most`.
    ///
    /// # Errors
    /// The name of the problem if the body is refused as a whole.
    pub fn judge(
        &self,
        written: Written,
        body: &[u8],
        most: usize,
    ) -> Result<Vec<JudgedRow>, &'static str> {
        let text = || str::from_utf8(body).map_err(|_| "not-utf8");
        let of_json = |text: &str, batch: &Batch| {
            let raw = |row: usize| {
                let place = batch.rows[row].raw;
                text[place.start..place.end].to_owned()
            };
            rows(batch, raw)
        };
        match written {
            Written::Array => {
                let batch = json::array(text()?, &self.0, most);
                Ok(of_json(text()?, &batch.map_err(|problem| problem.name())?))
            }
            Written::Lines => {
                let batch = json::lines(text()?, &self.0, most);
                Ok(of_json(text()?, &batch.map_err(|problem| problem.name())?))
            }
            Written::Csv => {
                let read = csv::records(body.to_vec(), &self.0, most);
                let read = read.map_err(|problem| problem.name())?;
                // Offsets are those of the text in UTF-8, whatever encoding it came in.
                let is_text = str::from_utf8(body).is_ok();
                Ok(rows(&read.batch, |row| {
                    let is_inside = read.rows.offset(row) < body.len();
                    assert!(is_inside || !is_text, "a row behind the body");
                    read.rows.raw(row)
                }))
            }
        }
    }
}

fn rows(batch: &Batch, raw: impl Fn(usize) -> String) -> Vec<JudgedRow> {
    let sent = |column: usize, row: usize| {
        let (length, value) = batch.columns[column].element(row).split_at(4);
        (length != [0xff; 4]).then(|| value.to_vec())
    };
    let row = |row: usize| {
        let broken = batch.rows[row].broken.iter();
        JudgedRow {
            is_row: batch.rows[row].is_row,
            broken: broken.map(|rule| rule.message.clone()).collect(),
            raw: raw(row),
            sent: [sent(0, row), sent(1, row)],
        }
    };
    (0..batch.rows.len()).map(row).collect()
}

fn column(name: &str, kind: ColumnType) -> ColumnRules {
    ColumnRules {
        name: name.to_owned(),
        kind,
        nullable: true,
        required: false,
        max_chars: None,
        blank_padded: false,
        fraction_digits: None,
        labels: None,
        server_type: None,
        min: None,
        max: None,
        decimal_mark: b'.',
        thousands_mark: None,
        zero_fraction: false,
        null: [].into(),
        quoted_null: !matches!(kind, ColumnType::Text | ColumnType::Bytes),
        formats: [].into(),
    }
}

fn unique(columns: &[&str], classes: &[KeyClass]) -> Unique {
    let name = KeyName {
        schema: "s".to_owned(),
        table: "t".to_owned(),
        only: true,
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        classes: classes.to_vec(),
    };
    Unique {
        name,
        equality: Vec::new(),
        primary: columns == ["id"],
        nulls_equal: false,
    }
}
