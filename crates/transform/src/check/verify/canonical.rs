//! Records in one form, whether they come from a file or from Postgres: equal values have equal bytes.

use std::borrow::Cow;

use dataset::ColumnType;
use values::text;

use super::records::{fields, value};

/// A record whose fields have these types, in the form in which records of equal values are equal: quoted only where necessary,
/// with floats that Postgres takes for equal written alike (their texts may differ, 0 equals -0, and NaN equals NaN). JSON that is
/// embedded in JSON Lines is put on one line, and its `null` becomes NULL.
pub(super) fn record(record: &[u8], kinds: &[ColumnType], is_embedded: bool) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(record.len());
    for (index, field) in fields(record).enumerate() {
        if index > 0 {
            canonical.push(b',');
        }
        let Some(value) = value(field) else {
            continue;
        };
        let value = match kinds.get(index) {
            Some(kind @ (ColumnType::Real | ColumnType::Double)) => {
                match as_written(value, *kind) {
                    zero if *zero == *b"-0" => b"0".into(),
                    value => value,
                }
            }
            Some(ColumnType::Json | ColumnType::JsonBinary) if is_embedded => {
                if value.trim_ascii() == b"null" {
                    continue;
                }
                on_one_line(&value).into()
            }
            _ => value,
        };
        match str::from_utf8(&value) {
            Ok(value) => text::csv_field(value, &mut canonical),
            Err(_) => canonical.extend_from_slice(field),
        }
    }
    canonical
}

fn on_one_line(json: &[u8]) -> Vec<u8> {
    let one_line = |byte: &u8| match byte {
        b'\n' | b'\r' => b' ',
        byte => *byte,
    };
    json.iter().map(one_line).collect()
}

/// The text of a value as files have it, made from the database's text.
pub(super) fn as_written(value: Cow<'_, [u8]>, kind: ColumnType) -> Cow<'_, [u8]> {
    let mut written = Vec::new();
    match kind {
        ColumnType::Real => match parsed(&value) {
            Some(float) => text::real(float, &mut written),
            None => return value,
        },
        ColumnType::Double => match parsed(&value) {
            Some(float) => text::double(float, &mut written),
            None => return value,
        },
        _ => return value,
    }
    written.into()
}

fn parsed<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColumnType::{Double, Json, Real, Text};

    fn are_equal(kind: ColumnType, one: &str, other: &str) -> bool {
        record(one.as_bytes(), &[kind], false) == record(other.as_bytes(), &[kind], false)
    }

    #[test]
    fn floats_are_compared_by_value_and_text_by_its_characters() {
        for (kind, one, other, expected) in [
            (Double, "168.22000122070313", "168.22000122070312", true),
            (Double, "168.22000122070313", "168.22000122070317", false),
            (Real, "168.22", "168.22000122070313", true),
            (Real, "168.22", "168.2201", false),
            (Double, "-0", "0", true),
            (Double, "NaN", "NaN", true),
            (Double, "NaN", "0", false),
            (Double, "Infinity", "-Infinity", false),
            (Double, "1e+15", "1000000000000000", true),
            (Double, "", "0", false),
            (Text, "168.22000122070313", "168.22000122070312", false),
            (Text, "\\.", "\"\\.\"", true),
            (Text, "\"\"", "", false),
            (Text, "\"a\"\"b\"", "\"a\"\"b\"", true),
            (Text, "a", "b", false),
        ] {
            assert_eq!(are_equal(kind, one, other), expected, "{one} and {other}");
        }
    }

    #[test]
    fn every_field_has_its_own_type_and_those_without_stay() {
        let of = |text: &str| record(text.as_bytes(), &[Text, Double], false);
        assert_eq!(of("-0,-0,-0"), of("\"-0\",0,-0"));
        assert_ne!(of("-0,0,0"), of("0,0,0"));
        assert_ne!(of("a,0"), of("a,0,"));
    }

    #[test]
    fn json_that_is_embedded_is_on_one_line_and_its_null_is_null() {
        let of = |text: &str, embedded| record(text.as_bytes(), &[Json, Text], embedded);
        assert_eq!(of("[\n1],\"a\nb\"", true), of("[ 1],\"a\nb\"", true));
        assert_ne!(of("[\n1],x", false), of("[ 1],x", false));
        assert_eq!(of(" null ,null", true), of(",null", true));
        assert_ne!(of("null,x", false), of(",x", false));
    }
}
