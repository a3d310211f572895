//! Parses `[table.load]` of `dataset.toml` into rules.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer};

use crate::cell_rules::{Columns, NullWords, ThousandsMarks};
use crate::encoding::Encoding;
use crate::load_rules::{DecimalMark, FileColumns, LoadRules, Range, Reference, record_bytes};

/// The section as it is written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadSection {
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    columns: FileColumns,
    #[serde(default)]
    skip_lines: u64,
    header: Option<bool>,
    delimiter: Option<String>,
    quote: Option<String>,
    #[serde(default)]
    encoding: Encoding,
    max_record: Option<WrittenSize>,
    decimal_mark: Option<WrittenMark>,
    #[serde(default)]
    thousands_mark: ThousandsMarks,
    #[serde(default)]
    zero_fraction: Columns,
    #[serde(default)]
    null: NullWords,
    #[serde(default)]
    force_null: Columns,
    #[serde(default)]
    timestamp_formats: Vec<String>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    ranges: BTreeMap<String, WrittenRange>,
    #[serde(default)]
    references: BTreeMap<String, Reference>,
}

/// A size, written as a number of bytes or with a unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenSize {
    Bytes(u64),
    Text(String),
}

/// A mark for all columns, or one for each of several columns.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenMark {
    Everywhere(String),
    ByColumn(BTreeMap<String, String>),
}

/// A range whose bounds are written as values of their own types.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRange {
    min: Option<toml::Value>,
    max: Option<toml::Value>,
}

/// Deserializes the section into rules.
pub(crate) fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LoadRules, D::Error> {
    let section = LoadSection::deserialize(deserializer)?;
    section.try_into().map_err(serde::de::Error::custom)
}

impl TryFrom<LoadSection> for LoadRules {
    type Error = String;

    fn try_from(section: LoadSection) -> Result<Self, String> {
        let default = Self::default();
        let delimiter = section.delimiter.as_deref();
        let quote = match section.quote.as_deref() {
            Some("") => None,
            Some(quote) => Some(one_byte("quote", quote)?),
            None => default.quote,
        };
        let decimal_mark = match section.decimal_mark {
            None => default.decimal_mark,
            Some(WrittenMark::Everywhere(mark)) => DecimalMark::Everywhere(mark_byte(&mark)?),
            Some(WrittenMark::ByColumn(marks)) => DecimalMark::ByColumn(
                marks
                    .into_iter()
                    .map(|(column, mark)| Ok((column, mark_byte(&mark)?)))
                    .collect::<Result<_, String>>()?,
            ),
        };
        let ranges = section.ranges.into_iter().map(|(column, range)| {
            let range = Range {
                min: range.min.map(|bound| bound_text(&bound)).transpose()?,
                max: range.max.map(|bound| bound_text(&bound)).transpose()?,
            };
            Ok((column, range))
        });
        let max_record = section.max_record.map(|size| match size {
            WrittenSize::Bytes(bytes) => record_bytes(ByteSize(bytes)),
            WrittenSize::Text(text) => text.parse().and_then(record_bytes),
        });
        let max_record = max_record.transpose();
        Ok(Self {
            files: section.files,
            columns: section.columns,
            skip_lines: section.skip_lines,
            header: section.header.unwrap_or(default.header),
            delimiter: delimiter
                .map_or(Ok(default.delimiter), |text| one_byte("delimiter", text))?,
            quote,
            encoding: section.encoding,
            max_record_bytes: max_record
                .map_err(|why| format!("`max_record`: {why}"))?
                .unwrap_or(default.max_record_bytes),
            decimal_mark,
            thousands_mark: section.thousands_mark,
            zero_fraction: section.zero_fraction,
            null: section.null,
            force_null: section.force_null,
            timestamp_formats: section.timestamp_formats,
            required: section.required,
            ranges: ranges.collect::<Result<_, String>>()?,
            references: section.references,
        })
    }
}

fn one_byte(key: &str, text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err(format!(
            "`{key}` is {text:?}: give one ASCII character, no line break"
        )),
    }
}

fn mark_byte(text: &str) -> Result<u8, String> {
    match text {
        "." => Ok(b'.'),
        "," => Ok(b','),
        _ => Err(format!("`decimal_mark` is {text:?}: give \".\" or \",\"")),
    }
}

fn bound_text(bound: &toml::Value) -> Result<String, String> {
    text_of(bound).ok_or_else(|| format!("`{bound}` is not a bound of a range"))
}

/// The text that a text, a number or a time would have in a file with a decimal point; `None` for other values.
pub(crate) fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Datetime(time) => Some(time.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell_rules::ThousandsMark;
    use crate::load_rules::{FileColumn, Missing};

    fn parsed(text: &str) -> Result<LoadRules, String> {
        let deserializer = toml::Deserializer::parse(text).expect("TOML");
        rules(deserializer).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_empty_section_means_plain_csv_with_a_header() {
        let rules = parsed("").expect("parsed");
        assert_eq!(rules, LoadRules::default());
        assert_eq!(
            (rules.header, rules.delimiter, rules.quote),
            (true, b',', Some(b'"'))
        );
        assert_eq!(rules.columns, FileColumns::AsTable);
    }

    #[test]
    fn everything_that_the_section_may_hold_is_understood() {
        let rules = parsed(
            r#"
            files = ["Sales.SalesOrderDetail*.csv"]
            columns = ["SalesOrderID", 3]
            header = false
            delimiter = "\t"
            quote = ""
            encoding = "latin-1"
            skip_lines = 2
            max_record = "16MiB"
            decimal_mark = { list_price = "," }
            thousands_mark = { list_price = "." }
            zero_fraction = ["qty"]
            null = { "*" = ["NULL"], day = ["00000000"] }
            force_null = true
            timestamp_formats = ["%Y-%m-%d %H:%M:%S%.f"]
            required = ["id"]
            [ranges]
            qty = { min = 1, max = 2.5 }
            day = { min = 2000-01-01 }
            [references]
            customer_id = { table = "customer", column = "customer_id", missing = "allow" }
            "#,
        )
        .expect("parsed");
        assert_eq!(
            rules.columns,
            FileColumns::Listed(vec![
                FileColumn::Name("SalesOrderID".to_owned()),
                FileColumn::Position(3)
            ])
        );
        assert_eq!(
            (rules.delimiter, rules.quote, rules.encoding),
            (
                b'\t',
                None,
                Encoding::for_label("windows-1252").expect("a label")
            )
        );
        assert_eq!((rules.skip_lines, rules.max_record_bytes), (2, 16 << 20));
        assert_eq!(
            (
                rules.decimal_mark.of("list_price"),
                rules.decimal_mark.of("weight")
            ),
            (b',', b'.')
        );
        assert_eq!(
            rules.thousands_mark.of("list_price"),
            Some(ThousandsMark::Point)
        );
        assert!(rules.zero_fraction.has("qty") && !rules.zero_fraction.has("day"));
        assert_eq!(rules.null.of("day").count(), 2);
        assert!(rules.force_null.has("name"));
        assert_eq!(rules.ranges["qty"].max.as_deref(), Some("2.5"));
        assert_eq!(rules.ranges["day"].min.as_deref(), Some("2000-01-01"));
        assert_eq!(rules.references["customer_id"].missing, Missing::Allow);
        assert_eq!(rules.check(|table| table == "customer"), Ok(()));
        assert!(rules.check(|_| false).is_err());
    }

    #[test]
    fn what_cannot_be_followed_is_refused_and_named() {
        for (text, expected) in [
            ("delimiter = \";;\"", "`delimiter`"),
            ("delimiter = \"\"", "`delimiter`"),
            ("quote = \"\\n\"", "`quote`"),
            ("decimal_mark = \"'\"", "`decimal_mark`"),
            ("encoding = \"ebcdic\"", "ebcdic"),
            ("max_record = \"2GiB\"", "1GiB"),
            ("max_record = 0", "`max_record`"),
            ("skip_lines = -1", "invalid value"),
            ("colour = 1", "unknown field"),
            ("[ranges]\nx = { min = true }", "bound"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
        for text in [
            "delimiter = \"'\"\nquote = \"'\"",
            "columns = [\"a\", \"a\"]",
            "columns = { a = \"x\", b = \"x\" }",
            "columns = { a = 0 }",
        ] {
            assert!(
                parsed(text).expect("parsed").check(|_| true).is_err(),
                "{text}"
            );
        }
        let unloaded = parsed("columns = [\"a\", \"-\", \"-\"]").expect("parsed");
        assert_eq!(unloaded.check(|_| true), Ok(()));
        for same in [
            "delimiter = \"'\"\nquote = \"'\"",
            "thousands_mark = '.'",
            "thousands_mark = ','\ndecimal_mark = ','",
            "thousands_mark = { a = ',' }\ndecimal_mark = { a = ',' }",
            "thousands_mark = { a = '.' }",
        ] {
            assert!(parsed(same).expect("parsed").check(|_| true).is_err());
        }
        let apart = "thousands_mark = '.'\ndecimal_mark = { a = ',' }";
        assert_eq!(parsed(apart).expect("parsed").check(|_| true), Ok(()));
    }
}
