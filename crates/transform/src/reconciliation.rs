//! Exact counts and sums of what was read, what was written and what was left out.

use std::collections::BTreeMap;
use std::fmt;

use dataset::failure::Kind;
use serde::Serialize;

use values::text;

/// A number of rows, and the sums of the declared columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many rows there are.
    pub rows: u64,
    /// The exact sum of each column, by its name in the driving table; NULL counts as zero.
    pub sums: BTreeMap<String, Amount>,
}

/// An exact amount: an integer, and how many of its digits come after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// The amount without its point.
    pub unscaled: i128,
    /// Digits after the point.
    pub scale: u8,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = String::new();
        text::decimal(self.unscaled, self.scale.into(), &mut amount);
        f.write_str(&amount)
    }
}

impl Amount {
    /// The same amount with at least as many digits after the point; `None` if that exceeds 128 bits.
    pub(crate) fn at(self, scale: u8) -> Option<Self> {
        let further = scale.checked_sub(self.scale)?;
        let power = 10_i128.checked_pow(further.into())?;
        let unscaled = self.unscaled.checked_mul(power)?;
        Some(Self { unscaled, scale })
    }
}

impl Serialize for Amount {
    /// Writes the amount as a string, since JSON's numbers are read as floats.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The account of a model's run: what was read, what was written, and what the join left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The driving table.
    pub table: String,
    /// The driving table's rows as read from the database.
    pub read: Count,
    /// The rows written, as counted by the sink, row by row.
    pub written: Count,
    /// The rows left out, as counted by an independent anti-join.
    pub left_out: Count,
}

impl Count {
    /// Adds the counts of `other`, which must be of the same columns.
    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.rows += other.rows;
        for (column, amount) in &other.sums {
            let sum = self.sums.entry(column.clone()).or_insert(Amount {
                unscaled: 0,
                ..*amount
            });
            sum.unscaled = sum
                .unscaled
                .checked_add(amount.unscaled)
                .ok_or_else(|| exceeds(column))?;
        }
        Ok(())
    }
}

/// The error for a sum that exceeds 128 bits.
pub(crate) fn exceeds(column: &str) -> anyhow::Error {
    Kind::Refused.error(format!(
        "the sum of `{column}` exceeds 128 bits: remove the column from `reconcile.sums` of the model in dataset.toml"
    ))
}
