//! How the records of a file become rows.

use database::copy::write::RowForm;
use dataset::encoding::Encoding;
use values::records::Grammar;

use crate::rules::key::KeyClass;
use crate::rules::row::RowRules;

/// How the records of a file become rows of its table.
#[derive(Debug)]
pub(crate) struct RowPlan {
    pub(crate) grammar: Grammar,
    pub(crate) encoding: Encoding,
    /// For each column of `rows`, the field that holds it.
    pub(crate) fields: Vec<usize>,
    pub(crate) rows: RowRules,
    /// For each key that is checked, unique keys first: the indices in `rows` of its columns.
    pub(crate) keys: Vec<Vec<usize>>,
    /// The file's header, if there is one and it has several fields.
    pub(crate) header: Option<Vec<u8>>,
    /// Whether the last field of each record is ignored, since a delimiter also ends the line.
    pub(crate) trailing: bool,
    /// For each key of `keys`, how its columns are compared.
    pub(crate) classes: Vec<Vec<KeyClass>>,
    /// The columns of each reference of which either all or none may be NULL.
    pub(crate) match_full: Vec<Vec<usize>>,
    /// How rows are encoded for COPY.
    pub(crate) form: RowForm,
    /// If given, only the values of these columns are encoded, also those of rows that break a rule.
    pub(crate) only: Option<Vec<usize>>,
}
