//! What was written of a model's output.

use std::collections::BTreeMap;

use storage::manifest::FileEntry;

use crate::checked::Outcome;

/// What was written.
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Sums by output column, of the rows as they were encoded.
    pub(crate) sums: BTreeMap<String, i128>,
    pub(crate) files: Vec<FileEntry>,
    /// What came of the checks of the output.
    pub(crate) checks: Vec<Outcome>,
}

/// Adds the sums of some rows to those of all. One of more than 128 bits goes round, and is then not the sum that was read of
/// the driving table, which may not.
pub(crate) fn add(total: &mut [i128], sums: &[i128]) {
    for (total, sum) in total.iter_mut().zip(sums) {
        *total = total.wrapping_add(*sum);
    }
}
