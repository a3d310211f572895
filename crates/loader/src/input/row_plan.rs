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
    /// For each key that is checked, unique ones first: the columns of `rows` that it is made of.
    pub(crate) keys: Vec<Vec<usize>>,
    /// The file's header, if there is one and it has several fields.
    pub(crate) header: Option<Vec<u8>>,
    /// Whether the last field of each record is none, since its delimiter ends the line.
    pub(crate) trailing: bool,
    /// For each of these keys, how its columns are compared.
    pub(crate) classes: Vec<Vec<KeyClass>>,
    /// The columns of each reference of which either all or none may be NULL.
    pub(crate) match_full: Vec<Vec<usize>>,
    /// How rows are encoded.
    pub(crate) form: RowForm,
    /// If given, only the values of these columns are encoded, those of broken rows too.
    pub(crate) only: Option<Vec<usize>>,
}
