//! The row after which a page begins, as the URL of the next page names it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::problem::Problem;
use crate::read::columns::ReadTable;
use crate::read::order::Order;

/// How many bytes a cursor may have: it is part of a URL, and the head of a request is limited.
const MOST_BYTES: usize = 12 << 10;

/// The values of a row in the columns of an order, as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) Vec<Option<String>>);

impl Cursor {
    /// Parses a cursor for an order.
    ///
    /// # Errors
    /// A problem for a text that is not a cursor, or one for another order.
    pub(crate) fn parse(text: &str, order: &[Order], table: &ReadTable) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let read = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let is_fine = |(about, values): &(String, Vec<Option<String>>)| {
            let has_nul =
                |value: &Option<String>| value.as_ref().is_some_and(|value| value.contains('\0'));
            *about == told(order, table)
                && values.len() == order.len()
                && !values.iter().any(has_nul)
        };
        let read = read.filter(is_fine).filter(|_| !order.is_empty());
        let (_, values) = read.ok_or_else(|| {
            Problem::bad(
                "bad-query",
                "after does not belong to this query: take it from the next of an answer to the same order",
            )
        })?;
        Ok(Self(values))
    }

    /// The cursor as it appears in a URL.
    ///
    /// # Errors
    /// A problem if the values are too long for a URL.
    pub(crate) fn text(&self, order: &[Order], table: &ReadTable) -> Result<String, Problem> {
        let json = serde_json::json!([told(order, table), self.0]).to_string();
        let text = URL_SAFE_NO_PAD.encode(json);
        match text.len() <= MOST_BYTES {
            true => Ok(text),
            false => Err(Problem::bad(
                "no-next-page",
                "the values of the columns that order names are too long to continue after them: leave long texts out of order",
            )),
        }
    }
}

/// The order in words, by which a cursor for another order is recognised.
fn told(order: &[Order], table: &ReadTable) -> String {
    let columns = order.iter().map(|order| {
        let name = &table.columns[order.column].name;
        let direction = if order.is_descending { "d" } else { "a" };
        let nulls = if order.nulls_first { "f" } else { "l" };
        format!("{name} {direction}{nulls}")
    });
    columns.collect::<Vec<_>>().join(",")
}
