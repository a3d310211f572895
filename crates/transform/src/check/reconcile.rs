//! All rows or an error: what was read equals what was written plus what the model's own join left out, in rows and in sums.

use std::collections::BTreeMap;

use dataset::failure::Kind;
use dataset::{ColumnType, Driving, Model};
use polars::prelude::{DataFrame, DataType, Series};

use crate::reconciliation::{Amount, Count, Reconciliation, exceeds};

impl Reconciliation {
    /// Compares the driving table of `model`, less what the model left out, with what was written.
    ///
    /// # Errors
    /// [`Kind::Check`] with all figures, if they do not add up.
    pub(crate) fn of(
        model: &Model,
        driving: &Driving,
        mut read: Count,
        mut left_out: Count,
        rows_written: u64,
        sums_written: &BTreeMap<String, i128>,
    ) -> anyhow::Result<Self> {
        let mut sums = BTreeMap::new();
        for (column, amount) in &mut read.sums {
            let output = driving.sums.get(column);
            let unscaled = output.and_then(|output| sums_written.get(output)).copied();
            let declared = model
                .columns
                .iter()
                .find(|(name, _)| Some(name) == output)
                .map(|(_, kind)| *kind);
            // The output may be declared with more digits than the table has.
            let scale = match declared {
                Some(ColumnType::Numeric { scale, .. }) => scale,
                _ => amount.scale,
            };
            let left = left_out.sums.get_mut(column);
            for amount in left.into_iter().chain([amount]) {
                *amount = amount.at(scale).ok_or_else(|| exceeds(column))?;
            }
            let unscaled = unscaled.unwrap_or_default();
            sums.insert(column.clone(), Amount { unscaled, scale });
        }
        let reconciliation = Self {
            table: driving.table.clone(),
            read,
            written: Count {
                rows: rows_written,
                sums,
            },
            left_out,
        };
        reconciliation.check(&model.name)?;
        let left_out = reconciliation.left_out.rows;
        match driving.max_left_out {
            Some(most) if left_out > most => Err(Kind::Check.error(format!(
                "model `{}` leaves out {left_out} of {} rows of `{}`, and `max_left_out` allows {most}; nothing was published: \
                 the SELECT's joins and conditions say which, and a LEFT JOIN keeps a row that has no partner",
                model.name, reconciliation.read.rows, driving.table
            ))),
            _ => Ok(reconciliation),
        }
    }

    fn check(&self, model: &str) -> anyhow::Result<()> {
        let (read, written, left_out) = (&self.read, &self.written, &self.left_out);
        if read.rows != written.rows + left_out.rows {
            return Err(Kind::Check.error(format!(
                "model `{model}`: {} rows of `{}` were read, but {} written and {} left out by the join; nothing \
                 was published",
                read.rows, self.table, written.rows, left_out.rows
            )));
        }
        for (column, amount) in &read.sums {
            let (out, left) = (written.sums[column], left_out.sums[column]);
            if amount.unscaled != out.unscaled.wrapping_add(left.unscaled) {
                return Err(Kind::Check.error(format!(
                    "model `{model}`: the sum of `{}.{column}` is {amount} as read, but {out} written and {left} left \
                     out by the join; nothing was published",
                    self.table
                )));
            }
        }
        Ok(())
    }
}

impl Count {
    /// Counts rows of the driving table.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] for a column that is missing, [`Kind::Usage`] for one that has no exact sum.
    pub(crate) fn of(driving: &Driving, frame: &DataFrame) -> anyhow::Result<Self> {
        let sums = driving
            .sums
            .keys()
            .map(|name| {
                let column = frame
                    .column(name)
                    .ok()
                    .map(|column| column.as_materialized_series())
                    .ok_or_else(|| {
                        Kind::Mismatch.error(format!(
                            "column `{name}` is missing in table `{}`",
                            driving.table
                        ))
                    })?;
                Ok((name.clone(), sum(column)?))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            rows: frame.height() as u64,
            sums,
        })
    }
}

fn sum(series: &Series) -> anyhow::Result<Amount> {
    let (scale, integers) = match series.dtype() {
        DataType::Decimal(_, scale) => (*scale, series.to_physical_repr().into_owned()),
        kind if kind.is_integer() => (0, series.cast(&DataType::Int128)?),
        kind => {
            return Err(Kind::Usage.error(format!(
                "`{}` is {kind}: only sums of integers and numerics are exact, so only these can be declared",
                series.name()
            )));
        }
    };
    let unscaled = integers
        .i128()?
        .iter()
        .flatten()
        .try_fold(0_i128, i128::checked_add);
    Ok(Amount {
        unscaled: unscaled.ok_or_else(|| exceeds(series.name()))?,
        scale: u8::try_from(scale)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::left_out::Kept;
    use dataset::failure::Failure;
    use polars::prelude::df;

    fn reconciled(
        table: &DataFrame,
        output: &DataFrame,
        rows: u64,
        sum: i128,
    ) -> anyhow::Result<Reconciliation> {
        let mut model = testkit::model("m", "");
        model.driving = Some(Driving {
            table: "t".to_owned(),
            key: [("id".to_owned(), "id_out".to_owned())].into(),
            sums: [("v".to_owned(), "v_out".to_owned())].into(),
            ..Driving::default()
        });
        let sums = [("v_out".to_owned(), sum)].into();
        let kept = Kept::Keys(output.clone());
        let driving = model.driving.as_ref().expect("a driving table");
        let read = Count::of(driving, table)?;
        let left_out = Count::of(driving, &kept.left_out(driving, table)?)?;
        Reconciliation::of(&model, driving, read, left_out, rows, &sums)
    }

    #[test]
    fn what_adds_up_passes_and_shows_all_three() {
        let table = df!("id" => [1_i64, 2, 3], "v" => [Some(10_i64), None, Some(5)]).unwrap();
        let output = df!("id_out" => [1_i64, 2]).unwrap();
        let result = reconciled(&table, &output, 2, 10).unwrap();
        assert_eq!(
            (result.read.rows, result.written.rows, result.left_out.rows),
            (3, 2, 1)
        );
        assert_eq!(result.left_out.sums["v"].to_string(), "5");
    }

    #[test]
    fn a_duplicated_row_a_lost_row_and_a_changed_amount_are_found() {
        let table = df!("id" => [1_i64, 2, 3], "v" => [10_i64, 20, 30]).unwrap();
        let all = df!("id_out" => [1_i64, 2, 3]).unwrap();
        // Row 1 stands for row 3: the count of rows alone would agree.
        let doubled = df!("id_out" => [1_i64, 1, 2]).unwrap();
        for (output, rows, sum) in [
            (&all, 2, 60),
            (&all, 3, 59),
            (&doubled, 3, 40),
            (&all, 4, 60),
        ] {
            let error = reconciled(&table, output, rows, sum).unwrap_err();
            assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{error}");
        }
    }
}
