//! Names as Postgres understands them.

use sqlparser::ast::Ident;

/// A name as Postgres understands it: A to Z in lower case unless quoted, and no longer than it may be.
pub(crate) fn folded(name: &Ident) -> String {
    /// `NAMEDATALEN` without the byte that ends it.
    const LONGEST_BYTES: usize = 63;
    let mut folded = match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_ascii_lowercase(),
    };
    folded.truncate(folded.floor_char_boundary(LONGEST_BYTES));
    folded
}
