//! What is known of the queries around a sub-select while it is resolved.

use super::super::tree::{Asked, Scalar};
use super::scope::Scope;

/// The query around a sub-select that is being resolved.
pub(super) struct Around {
    pub(super) scope: Scope,
    pub(super) wanted: Wanted,
    /// Whether the sub-select's own SELECT, and not one within it, is still to come.
    pub(super) is_to_come: bool,
    /// Whether it is the WHERE of that SELECT that is being resolved.
    pub(super) in_where: bool,
    pub(super) found: Option<Belonging>,
}

/// What a sub-select is there for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whether it has a row.
    Exists,
    /// Its only value.
    Value,
    /// A column, in which another value is looked for.
    Column,
}

/// Which rows of a sub-select belong to a row around it, and what is asked of them.
pub(super) struct Belonging {
    pub(super) keys: Vec<Scalar>,
    pub(super) asked: Asked,
}
