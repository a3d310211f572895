//! Partition folders, `column=value`, as Hive and Spark name them.

use std::fmt::Write;

use dataset::failure::Kind;

use super::cells::Cells;
use crate::file_name::{FileName, MAX_NAME_BYTES};

/// The name of NULL and of the empty text in folders.
pub const DEFAULT: &str = "__HIVE_DEFAULT_PARTITION__";

/// Percent-encodes the characters that Hive and Spark encode (`ExternalCatalogUtils.escapePathName` in Spark): control characters
/// and those with a meaning in paths or patterns. Other characters stay. A value cannot leave its folder: `/` is always encoded,
/// and `.` and `..` never stand alone, since `column=` is before them.
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

/// The value of a partition column, as it is used in the names of folders and files.
pub(super) struct Value<'a> {
    column: &'a str,
    /// The value's text; empty if it is NULL.
    text: String,
    /// The text as a part of a name.
    escaped: String,
    /// The name of the value's folder: `column=value`.
    component: String,
}

impl<'a> Value<'a> {
    /// The value of a column's cells in a row; NULL if there is no row.
    ///
    /// # Errors
    /// [`Kind::Refused`] for a value whose name would be that of NULL.
    pub(super) fn of(column: &'a str, cells: &Cells, row: Option<usize>) -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        if let Some(row) = row {
            cells.write_plain(row, &mut bytes);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let escaped = match text.is_empty() {
            true => DEFAULT.to_owned(),
            false => escape(&text),
        };
        let value = Self {
            component: format!("{}={escaped}", escape(column)),
            column,
            text,
            escaped,
        };
        match value.text == DEFAULT {
            true => Err(value.refused("is the name that stands for NULL")),
            false => Ok(value),
        }
    }

    fn refused(&self, why: &str) -> anyhow::Error {
        let begin: String = self.text.chars().take(40).collect();
        Kind::Refused.error(format!(
            "the value `{begin}…` ({} bytes) of partition column `{}` {why}: partition by another column",
            self.text.len(),
            self.column
        ))
    }
}

/// Identifies a partition: a component for each column, as in the name of a folder.
pub(super) fn client(values: &[Value<'_>]) -> String {
    let components: Vec<&str> = values.iter().map(|value| &*value.component).collect();
    components.join("/")
}

/// The path of a partition's folder.
///
/// # Errors
/// [`Kind::Refused`] for a value whose folder would have a longer name than file systems allow.
pub(super) fn folder(values: &[Value<'_>]) -> anyhow::Result<String> {
    match values
        .iter()
        .find(|value| value.component.len() > MAX_NAME_BYTES)
    {
        Some(value) => Err(value.refused(&format!(
            "makes a folder's name of more than {MAX_NAME_BYTES} bytes"
        ))),
        None => Ok(client(values)),
    }
}

/// The path of a partition's file, which is named after the partition.
///
/// # Errors
/// [`Kind::Refused`] for values after which no file can be named.
pub(super) fn file(values: &[Value<'_>], name: &FileName, model: &str) -> anyhow::Result<String> {
    let value = |column: &str| {
        let mut values = values.iter();
        let value = values.find(|value| value.column == column)?;
        Some(value.escaped.as_str())
    };
    name.path(&escape(model), value).map_err(|why| {
        let client: String = client(values).chars().take(100).collect();
        Kind::Refused.error(format!(
            "no file can be named {name} for the client `{client}`: {why}: give another --file-name, or file_name in dataset.toml"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{Column, NamedFrom, Series};
    use proptest::prelude::*;

    fn folder_of(value: Option<&str>) -> anyhow::Result<String> {
        let series = Series::new("nome".into(), [value]);
        let cells = Cells::of(&Column::from(series)).unwrap();
        folder(&[Value::of("nome", &cells, Some(0))?])
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
