//! Turns the rows of a JSON Lines file into records of CSV.
//!
//! serde_json finds where values end and decodes strings; numbers and embedded JSON are taken as the text that they are.

use dataset::ColumnType;
use dataset::failure::Kind;
use serde::de::IgnoredAny;
use storage::place::Place;
use values::text;

use super::form::Form;

/// Turns objects into records of CSV.
pub(crate) struct FromJsonLines {
    place: Place,
    columns: Vec<(String, ColumnType)>,
    /// The number of the last row, from 1.
    row: u64,
    record: Vec<u8>,
}

impl FromJsonLines {
    /// Reads the file at `place`.
    pub(super) fn new(place: &Place, form: &Form) -> Self {
        Self {
            place: place.clone(),
            columns: form.columns.clone(),
            row: 0,
            record: Vec::new(),
        }
    }

    /// The names that each object must have.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// Turns a line, which is an object, into a record of CSV.
    pub(super) fn row(&mut self, line: &[u8]) -> anyhow::Result<&[u8]> {
        self.row += 1;
        self.record.clear();
        let mut rest = Rest(line);
        let read = read(&self.columns, &mut rest, &mut self.record);
        match read {
            Ok(()) => Ok(&self.record),
            Err(why) => Err(Kind::Check.error(format!("{}, row {}: {why}", self.place, self.row))),
        }
    }
}

fn read(
    columns: &[(String, ColumnType)],
    rest: &mut Rest<'_>,
    record: &mut Vec<u8>,
) -> Result<(), String> {
    for (number, (name, kind)) in columns.iter().enumerate() {
        rest.skip(if number == 0 { b'{' } else { b',' })?;
        let found = unescaped(rest.value()?)?;
        if found != *name {
            return Err(format!(
                "its columns are not the manifest's: it has `{found}` where `{name}` is expected"
            ));
        }
        rest.skip(b':')?;
        if number > 0 {
            record.push(b',');
        }
        let value = rest.value()?;
        write(value, *kind, record).map_err(|why| format!("column {name} {why}"))?;
    }
    rest.skip(b'}')?;
    match rest.0.is_empty() {
        true => Ok(()),
        false => Err("something follows its object".to_owned()),
    }
}

/// Appends a value as a field of CSV.
fn write(value: &[u8], kind: ColumnType, record: &mut Vec<u8>) -> Result<(), String> {
    if value.trim_ascii() == b"null" {
        return Ok(());
    }
    let text = str::from_utf8(value).map_err(|_| "is not UTF-8".to_owned())?;
    let is_string = text.starts_with('"');
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    match kind {
        ColumnType::Json | ColumnType::JsonBinary => text::csv_field(text, record),
        ColumnType::Boolean if matches!(text, "true" | "false") => record.extend_from_slice(value),
        ColumnType::SmallInt
        | ColumnType::Integer
        | ColumnType::BigInt
        | ColumnType::Numeric { .. }
        | ColumnType::Real
        | ColumnType::Double
            if is_number =>
        {
            record.extend_from_slice(value);
        }
        ColumnType::Real | ColumnType::Double => {
            let text = unescaped(value)?;
            match text.as_str() {
                "NaN" | "Infinity" | "-Infinity" => record.extend_from_slice(text.as_bytes()),
                _ => return Err(format!("has {text:?}, which is not a number")),
            }
        }
        ColumnType::Text
        | ColumnType::Date
        | ColumnType::Time
        | ColumnType::Timestamp
        | ColumnType::TimestampTz
        | ColumnType::Uuid
        | ColumnType::Bytes
            if is_string =>
        {
            text::csv_field(&unescaped(value)?, record);
        }
        _ => return Err(format!("has {text}, which is not {kind}")),
    }
    Ok(())
}

fn unescaped(string: &[u8]) -> Result<String, String> {
    serde_json::from_slice(string).map_err(|error| format!("has no string: {error}"))
}

/// The part of a line that is still to be read.
struct Rest<'l>(&'l [u8]);

impl<'l> Rest<'l> {
    /// Skips a character, which must come next.
    fn skip(&mut self, expected: u8) -> Result<(), String> {
        match self.0.split_first() {
            Some((first, rest)) if *first == expected => {
                self.0 = rest;
                Ok(())
            }
            _ => Err(format!(
                "it is not an object of the manifest's columns: `{}` is missing",
                char::from(expected)
            )),
        }
    }

    /// Takes the next value, with the space around it.
    fn value(&mut self) -> Result<&'l [u8], String> {
        let mut values = serde_json::Deserializer::from_slice(self.0).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {
                let (value, rest) = self.0.split_at(values.byte_offset());
                let space = rest.len() - rest.trim_ascii_start().len();
                let (value, rest) = self.0.split_at(value.len() + space);
                self.0 = rest;
                Ok(value)
            }
            Some(Err(error)) => Err(format!("it is not JSON: {error}")),
            None => Err("it ends within its object".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::ColumnType::{Bytes, Double, Json, Numeric, Text};

    fn record(line: &str) -> Result<String, String> {
        let numeric = Numeric {
            precision: 38,
            scale: 2,
        };
        let columns = [
            ("a\"", Text),
            ("n", numeric),
            ("j", Json),
            ("d", Double),
            ("b", Bytes),
        ];
        let columns = columns.map(|(name, kind)| (name.to_owned(), kind));
        let mut record = Vec::new();
        read(&columns, &mut Rest(line.as_bytes()), &mut record)?;
        Ok(String::from_utf8(record).unwrap())
    }

    #[test]
    fn every_kind_of_value_is_read_as_it_stands() {
        let long = r#"{"a\"":"x,\n\u00e9","n":123456789012345678901234567890.10,"j": {"k": [1.50, "}"]}  ,"d":1e+20,"b":"\\x00"}"#;
        let expected = "\"x,\né\",123456789012345678901234567890.10,\" {\"\"k\"\": [1.50, \"\"}\"\"]}  \",1e+20,\\x00";
        assert_eq!(record(long).unwrap(), expected);
        let nulls = r#"{"a\"":null,"n":null,"j":null,"d":null,"b":null}"#;
        assert_eq!(record(nulls).unwrap(), ",,,,");
        let empty = r#"{"a\"":"","n":-0.01,"j":"\ud800","d":"NaN","b":"\\x"}"#;
        assert_eq!(
            record(empty).unwrap(),
            "\"\",-0.01,\"\"\"\\ud800\"\"\",NaN,\\x"
        );
    }

    #[test]
    fn what_is_not_such_an_object_is_told() {
        for (line, said) in [
            ("", "`{` is missing"),
            ("[]", "`{` is missing"),
            (r#"{"n":1.00}"#, "has `n` where `a\"` is expected"),
            (r#"{"a\"":"x"}"#, "`,` is missing"),
            (r#"{"a\"":1,"n":1.00}"#, "has 1, which is not text"),
            (r#"{"a\"":"1","n":"1.00"}"#, "column n has \"1.00\""),
            (r#"{"a\"":"1","n":1.00,"j":1,"d":"x"#, "it is not JSON"),
            (
                r#"{"a\"":"1","n":1.00,"j":1,"d":"x","b":"\\x"}"#,
                "has \"x\", which is not a number",
            ),
            (
                r#"{"a\"":"1","n":1.00,"j":1,"d":1,"b":"\\x"} "#,
                "something follows",
            ),
        ] {
            let why = record(line).unwrap_err();
            assert!(why.contains(said), "{line}: {why}");
        }
    }
}
