//! Exact sums of an output's rows.

use database::Cancel;
use dataset::failure::Kind;
use storage::place::Place;

use crate::reconciliation::Amount;

use super::first_line::Run;
use super::records::{fields, value};
use super::rows::Rows;

/// How many rows of a file are read between two checks whether the run was interrupted.
const CHECK_EVERY_ROWS: u64 = 1 << 16;

/// The columns to sum, with the sums that they must have.
pub(crate) struct Summed(pub(super) Vec<(String, SummedColumn)>);

/// A column to sum.
pub(crate) struct SummedColumn {
    /// The position of the column among all columns.
    index: usize,
    /// The digits after the point.
    pub(super) scale: u8,
    /// The manifest's sum, as an integer at this scale.
    pub(super) expected: i128,
}

impl Summed {
    /// The columns that a manifest sums; `None` if it contradicts itself.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let columns = run.sums.iter().map(|(name, sum)| {
            let index = run.columns.iter().position(|(column, _)| column == name)?;
            let fraction = sum.split_once('.').map_or("", |(_, fraction)| fraction);
            let scale = u8::try_from(fraction.len()).ok()?;
            let column = SummedColumn {
                index,
                scale,
                expected: unscaled(sum.as_bytes(), scale)?,
            };
            Some((name.clone(), column))
        });
        columns.collect::<Option<_>>().map(Self)
    }

    /// Columns given by name, position and digits after the point, with no sums expected.
    pub(crate) fn of_columns(columns: Vec<(String, usize, u8)>) -> Self {
        let column = |(name, index, scale)| {
            let expected = 0;
            (
                name,
                SummedColumn {
                    index,
                    scale,
                    expected,
                },
            )
        };
        Self(columns.into_iter().map(column).collect())
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(name, _)| name.clone())
    }

    /// The sums before any row: all zero.
    pub(crate) fn zero(&self) -> Vec<i128> {
        vec![0; self.0.len()]
    }

    /// Counts and sums the remaining rows of a file, which lies at `place`.
    ///
    /// # Errors
    /// [`Kind::Check`] if the file cannot be read, or if a row has no amount in a column; [`Kind::Interrupted`].
    pub(super) fn of_rows(
        &self,
        rows: &mut Rows,
        place: &Place,
        cancel: &Cancel,
    ) -> anyhow::Result<(u64, Vec<i128>)> {
        let (mut count, mut sums) = (0, self.zero());
        while let Some(record) = rows.next()? {
            count += 1;
            self.add(record, &mut sums).map_err(|name| {
                Kind::Check.error(format!("{place}: row {count} has no amount in {name}"))
            })?;
            if count % CHECK_EVERY_ROWS == 0 {
                cancel.check()?;
            }
        }
        Ok((count, sums))
    }

    /// Adds a row to the sums. NULL counts as zero.
    ///
    /// # Errors
    /// The name of a column in which the row has no amount.
    fn add<'a>(&'a self, record: &[u8], sums: &mut [i128]) -> Result<(), &'a str> {
        for (sum, (name, column)) in sums.iter_mut().zip(&self.0) {
            let field = fields(record).nth(column.index).unwrap_or_default();
            if let Some(amount) = value(field) {
                let amount = unscaled(&amount, column.scale).ok_or(name.as_str())?;
                // A sum may overflow on its way; wrapping still gives the right one, since the expected sum fits into 128 bits.
                *sum = sum.wrapping_add(amount);
            }
        }
        Ok(())
    }
}

impl SummedColumn {
    /// Gives a sum of this column as an amount.
    pub(super) fn amount(&self, unscaled: i128) -> Amount {
        let scale = self.scale;
        Amount { unscaled, scale }
    }
}

/// A decimal as an integer at `scale`; `None` if the text is not one.
fn unscaled(text: &[u8], scale: u8) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let point = digits
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(digits.len());
    let (whole, fraction) = (
        &digits[..point],
        digits.get(point + 1..).unwrap_or_default(),
    );
    if digits.is_empty() || fraction.len() != usize::from(scale) {
        return None;
    }
    whole
        .iter()
        .chain(fraction)
        .try_fold(0_i128, |value, byte| {
            let digit = (*byte as char).to_digit(10)?;
            value.checked_mul(10)?.checked_add(sign * i128::from(digit))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_decimal_of_the_scale_is_none() {
        for text in ["", "-", "1", "1.2", "1.234", "x.00", "1,00", "--1.00"] {
            assert_eq!(unscaled(text.as_bytes(), 2), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_are_read_as_they_are_written(value in -i128::MAX / 2..i128::MAX / 2, scale in 0_u8..38) {
            let text = Amount { unscaled: value, scale }.to_string();
            prop_assert_eq!(unscaled(text.as_bytes(), scale), Some(value));
        }
    }
}
