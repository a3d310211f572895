//! Which rows of the driving table the output lacks, found by anti-joins that know nothing of how the model was run.

use dataset::Driving;
use polars::prelude::{DataFrame, DataType, Expr, IntoLazy, JoinArgs, JoinType, LazyFrame, col};

use crate::reconciliation::Count;

/// The driving table's rows, and those that the model left out.
pub(crate) struct Counted {
    pub(crate) read: Count,
    pub(crate) left_out: Count,
}

impl Counted {
    /// Counts `rows` of the driving table.
    pub(crate) fn of(driving: &Driving, kept: &Kept, rows: &DataFrame) -> anyhow::Result<Self> {
        Ok(Self {
            read: Count::of(driving, rows)?,
            left_out: Count::of(driving, &kept.left_out(driving, rows)?)?,
        })
    }

    /// Adds what was counted of other rows.
    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.read.add(&other.read)?;
        self.left_out.add(&other.left_out)
    }
}

/// Which rows of the driving table are in the output.
pub(crate) enum Kept {
    /// Rows whose key is here, in the output's key columns, are in the output.
    Keys(DataFrame),
    /// Rows that have all of these parents are in the output.
    Parents(Vec<Parents>),
}

/// The rows that a column of the streamed table must point to, or the row is left out.
pub(crate) struct Parents {
    /// The column.
    pub(crate) column: String,
    /// Their keys, in a column of the same name.
    pub(crate) keys: DataFrame,
}

impl Kept {
    /// The rows of the driving table that the output lacks: by anti-joins of Polars, which know nothing of how
    /// the model was run. Only the columns to be summed, and keys, are given.
    pub(crate) fn left_out(
        &self,
        driving: &Driving,
        table: &DataFrame,
    ) -> anyhow::Result<DataFrame> {
        match self {
            Self::Keys(keys) => left_out_by_key(driving, table, keys),
            Self::Parents(parents) => left_out_of_parents(driving, table, parents),
        }
    }
}

fn left_out_of_parents(
    driving: &Driving,
    table: &DataFrame,
    parents: &[Parents],
) -> anyhow::Result<DataFrame> {
    let mut names: Vec<&String> = driving.sums.keys().collect();
    names.extend(parents.iter().map(|parents| &parents.column));
    // A row without anything to sum still counts.
    names.extend(driving.key.keys());
    names.sort_unstable();
    names.dedup();
    let columns: Vec<_> = names.iter().map(|name| col(name.as_str())).collect();
    let mut kept = table.clone().lazy().select(columns);
    let mut left_out: Vec<LazyFrame> = Vec::new();
    for parents in parents {
        let joined = |how: JoinType| {
            let keys = parents.keys.clone().lazy();
            let column = || [col(parents.column.as_str())];
            kept.clone()
                .join(keys, column(), column(), JoinArgs::new(how))
        };
        left_out.push(joined(JoinType::Anti));
        kept = joined(JoinType::Semi);
    }
    let mut frame = table
        .select(names.iter().map(|name| name.as_str()))?
        .clear();
    for part in left_out {
        frame.vstack_mut(&part.collect()?)?;
    }
    Ok(frame)
}

/// The rows of the driving table that the model's output lacks: an anti-join on its key.
fn left_out_by_key(
    driving: &Driving,
    table: &DataFrame,
    output_keys: &DataFrame,
) -> anyhow::Result<DataFrame> {
    let (mut table_key, mut output_key): (Vec<Expr>, Vec<Expr>) = Default::default();
    for (of_table, of_output) in &driving.key {
        let kinds = (
            table.column(of_table)?.dtype(),
            output_keys.column(of_output)?.dtype(),
        );
        let key = |name: &str| match kinds {
            // Polars cannot join by decimals without a feature that few need: by their text, then, of equal digits.
            (DataType::Decimal(_, one), DataType::Decimal(_, other)) => col(name)
                .cast(DataType::Decimal(
                    dataset::MAX_PRECISION.into(),
                    *one.max(other),
                ))
                .cast(DataType::String),
            _ => col(name),
        };
        table_key.push(key(of_table));
        output_key.push(key(of_output));
    }
    let keys_only = output_keys.clone().lazy();
    let mut arguments = JoinArgs::new(JoinType::Anti);
    arguments.nulls_equal = true;
    let mut kept: Vec<&String> = driving.key.keys().collect();
    kept.extend(
        driving
            .sums
            .keys()
            .filter(|sum| !driving.key.contains_key(*sum)),
    );
    let kept: Vec<Expr> = kept.into_iter().map(|name| col(name.as_str())).collect();
    let left_out = table
        .clone()
        .lazy()
        .select(kept)
        .join(keys_only, table_key, output_key, arguments);
    Ok(left_out.collect()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::df;

    #[test]
    fn what_is_left_out_is_found_by_key_also_where_the_key_is_null() {
        let table =
            df!("id" => [Some(1_i64), Some(2), None, Some(4)], "v" => [1_i64, 2, 3, 4]).unwrap();
        let output = df!("key" => [None, Some(1_i64), Some(1)]).unwrap();
        let driving = Driving {
            table: "t".to_owned(),
            key: [("id".to_owned(), "key".to_owned())].into(),
            sums: [("v".to_owned(), "v_out".to_owned())].into(),
        };
        let left = left_out_by_key(&driving, &table, &output).unwrap();
        assert_eq!(
            left,
            df!("id" => [Some(2_i64), Some(4)], "v" => [2_i64, 4]).unwrap()
        );
    }
}
