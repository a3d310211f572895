//! Says where a row is, for a message about one of its values.

use values::text::{self, Case};

use crate::carriage::{Carried, Kind};
use crate::copy_rows::Fields;

/// The most characters of a key that are shown.
const MAX_SHOWN: usize = 100;

/// Names a row by its primary key, `key`, or else by its number in the file that was being written.
pub(crate) fn row_place(
    key: &[String],
    columns: &[Carried],
    fields: Fields<'_>,
    number: u64,
    file: &str,
) -> String {
    let fields: Vec<_> = fields.collect();
    let shown = |name: &String| {
        let at = columns.iter().position(|column| column.name == *name)?;
        let value = shown(&columns[at].kind, (*fields.get(at)?)?)?;
        Some(format!("{name} = {value}"))
    };
    let values: Option<Vec<String>> = key.iter().map(shown).collect();
    match values.filter(|values| !values.is_empty()) {
        Some(values) => format!("the row with {}", values.join(", ")),
        None => format!("row {number} of {file}"),
    }
}

/// A value of a binary COPY as text; `None` for types that keys seldom have.
fn shown(kind: &Kind, value: &[u8]) -> Option<String> {
    match kind {
        Kind::Int2 => Some(i16::from_be_bytes(value.try_into().ok()?).to_string()),
        Kind::Int4 => Some(i32::from_be_bytes(value.try_into().ok()?).to_string()),
        Kind::Int8 => Some(i64::from_be_bytes(value.try_into().ok()?).to_string()),
        Kind::Uuid => {
            let mut shown = String::new();
            text::uuid(value.try_into().ok()?, Case::Lower, &mut shown);
            Some(shown)
        }
        Kind::Text => {
            let value = std::str::from_utf8(value).ok()?;
            let is_short = value.chars().count() <= MAX_SHOWN;
            is_short.then(|| format!("'{}'", text::printable(value)))
        }
        _ => None,
    }
}
