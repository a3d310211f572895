//! What is known of the query around a sub-select while the latter is resolved.

use super::super::tree::{Asked, Scalar};
use super::scope::Scope;

/// The query around a sub-select that is being resolved.
pub(super) struct Around {
    pub(super) scope: Scope,
    pub(super) wanted: Wanted,
    /// Whether the sub-select's own SELECT is still to be met, as opposed to one within it.
    pub(super) is_to_come: bool,
    /// Whether the WHERE of that SELECT is being resolved.
    pub(super) in_where: bool,
    pub(super) found: Option<Belonging>,
}

/// What a sub-select is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// To tell whether it has a row.
    Exists,
    /// To give a single value.
    Value,
    /// To give a column, in which another value is looked for.
    Column,
}

/// Which rows of a sub-select belong to a row of the query around it, and what is asked of them.
pub(super) struct Belonging {
    pub(super) keys: Vec<Scalar>,
    pub(super) asked: Asked,
}
