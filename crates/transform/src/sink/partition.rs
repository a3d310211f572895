//! Partition folders, `column=value`, as Hive and Spark name them.

use std::fmt::Write;

use dataset::failure::Kind;

use super::cells::Cells;

/// What NULL and the empty string are called.
pub(crate) const DEFAULT: &str = "__HIVE_DEFAULT_PARTITION__";

/// The longest name of a file or folder, in bytes, on every file system in common use.
const MAX_NAME_BYTES: usize = 255;

/// Percent-encodes what Hive and Spark do (`ExternalCatalogUtils.escapePathName` in Spark): control
/// characters and those that a path or a pattern gives a meaning. All else stays, so a value cannot leave
/// its folder: `/` is always encoded, and `.` and `..` never stand alone behind `column=`.
pub(crate) fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\0'..='\x1f'
            | '\x7f'
            | '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '{'
            | '['
            | ']'
            | '^' => {
                // Writing into a string cannot fail.
                let _ = write!(escaped, "%{:02X}", u32::from(character));
            }
            character => escaped.push(character),
        }
    }
    escaped
}

/// The folder of a row: a component for each partition column, of its name, its cells and its row in them
/// (none is NULL).
///
/// # Errors
/// [`Kind::Refused`] for a value whose folder's name would be longer than file systems take, or that
/// could not be told from NULL.
pub(super) fn folder<'a>(
    columns: impl IntoIterator<Item = (&'a str, &'a Cells, Option<usize>)>,
) -> anyhow::Result<String> {
    let mut path = String::new();
    let mut value = Vec::new();
    for (name, cells, row) in columns {
        value.clear();
        if let Some(row) = row {
            cells.write_plain(row, &mut value);
        }
        let text = String::from_utf8_lossy(&value);
        let refuse = |why: &str| {
            let begin: String = text.chars().take(40).collect();
            Kind::Refused.error(format!(
                "the value `{begin}…` ({} bytes) of partition column `{name}` {why}: partition by another column",
                text.len()
            ))
        };
        if text == DEFAULT {
            return Err(refuse("is the name that stands for NULL"));
        }
        let component = if text.is_empty() {
            DEFAULT.to_owned()
        } else {
            escape(&text)
        };
        let component = format!("{}={component}", escape(name));
        if component.len() > MAX_NAME_BYTES {
            return Err(refuse(&format!(
                "makes a folder's name of more than {MAX_NAME_BYTES} bytes"
            )));
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&component);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{Column, NamedFrom, Series};
    use proptest::prelude::*;

    fn folder_of(value: Option<&str>) -> anyhow::Result<String> {
        let series = Series::new("nome".into(), [value]);
        let cells = Cells::of(&Column::from(series)).unwrap();
        folder([("nome", &cells, Some(0))])
    }

    #[test]
    fn values_are_escaped_as_spark_does() {
        for (value, expected) in [
            (Some("José Ávila"), "nome=José Ávila"),
            (Some("a/b"), "nome=a%2Fb"),
            (Some(".."), "nome=.."),
            (Some("../../etc"), "nome=..%2F..%2Fetc"),
            (Some("50%=x"), "nome=50%25%3Dx"),
            (Some("a\nb\u{7f}"), "nome=a%0Ab%7F"),
            (
                Some("\"#'*:?\\{[]^"),
                "nome=%22%23%27%2A%3A%3F%5C%7B%5B%5D%5E",
            ),
            (Some("a}b~ "), "nome=a}b~ "),
            (Some(""), "nome=__HIVE_DEFAULT_PARTITION__"),
            (None, "nome=__HIVE_DEFAULT_PARTITION__"),
        ] {
            assert_eq!(folder_of(value).unwrap(), expected);
        }
    }

    #[test]
    fn a_name_that_is_too_long_or_means_null_is_refused() {
        assert!(folder_of(Some(&"a".repeat(250))).is_ok());
        for value in [
            "a".repeat(251),
            "é".repeat(126),
            "/".repeat(84),
            DEFAULT.to_owned(),
        ] {
            let error = folder_of(Some(&value)).unwrap_err();
            assert_eq!(
                dataset::failure::Failure::kind_of(&error),
                Some(Kind::Refused)
            );
            assert!(error.to_string().contains("`nome`"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_value_is_one_component_and_decodes_to_itself(value in any::<String>()) {
            let escaped = escape(&value);
            prop_assert!(!escaped.contains('/') && !escaped.contains('\0'));
            let decoded = percent_encoding::percent_decode_str(&escaped).decode_utf8().unwrap();
            prop_assert_eq!(decoded, value);
        }
    }
}
