//! What was written for a model's output.

use std::collections::BTreeMap;

use storage::manifest::FileEntry;

use crate::checked::Outcome;

/// The counts, sums and files of what was written.
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Sums by output column, over the rows as they were encoded.
    pub(crate) sums: BTreeMap<String, i128>,
    pub(crate) files: Vec<FileEntry>,
    /// The results of the output's checks.
    pub(crate) checks: Vec<Outcome>,
}

/// Adds the sums of some rows to those of all. A sum of more than 128 bits wraps around; then it differs from the sum of the
/// driving table, which must not exceed 128 bits.
pub(crate) fn add(total: &mut [i128], sums: &[i128]) {
    for (total, sum) in total.iter_mut().zip(sums) {
        *total = total.wrapping_add(*sum);
    }
}
