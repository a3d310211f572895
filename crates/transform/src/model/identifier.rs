//! Names as Postgres understands them.

use dataset::LONGEST_NAME_BYTES;
use sqlparser::ast::Ident;

/// A name as Postgres understands it: in lower case (A to Z) unless quoted, and cut to the greatest length.
pub(crate) fn folded(name: &Ident) -> String {
    let mut folded = match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_ascii_lowercase(),
    };
    folded.truncate(folded.floor_char_boundary(LONGEST_NAME_BYTES));
    folded
}
