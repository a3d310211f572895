//! Finds the rows of the driving table that the output lacks, by anti-joins that are independent of how the model was run.

use std::borrow::Cow;

use dataset::Driving;
use polars::prelude::{
    ChunkApply, Column, DataFrame, DataType, Expr, IntoColumn, IntoLazy, JoinArgs, JoinType,
    PlSmallStr, col,
};

use crate::reconciliation::Count;

/// Counts of the driving table's rows, and of those that the model left out.
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

    /// Adds the counts of other rows.
    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.read.add(&other.read)?;
        self.left_out.add(&other.left_out)
    }
}

/// Tells which rows of the driving table are in the output.
pub(crate) enum Kept {
    /// Rows whose key is among these are in the output. The columns are named as the output's key columns.
    Keys(DataFrame),
    /// Rows that have a parent in each of these are in the output.
    Parents(Vec<Parents>),
}

/// The parents of a lookup: a row of the streamed table that points to none of them is left out.
pub(crate) struct Parents {
    /// How many rows there are.
    pub(crate) rows: usize,
    /// The columns by which a row points to its parent.
    pub(crate) keys: Vec<ParentKey>,
}

/// A column of a key.
pub(crate) struct ParentKey {
    /// The streamed table's column.
    pub(crate) column: String,
    /// Whether the column's values are padded, so that blanks at their end don't count.
    pub(crate) is_padded: bool,
    /// The parents' values of the column.
    pub(crate) values: Column,
    pub(crate) values_are_padded: bool,
}

impl Kept {
    /// The rows of the driving table that the output lacks. They are found by anti-joins of Polars, independent of how the model
    /// was run. Only the keys and the columns to be summed are given.
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
    let keys = parents.iter().flat_map(|parents| &parents.keys);
    names.extend(keys.map(|key| &key.column));
    // The key is added because a row without anything to sum still counts.
    names.extend(driving.key.keys());
    names.sort_unstable();
    names.dedup();
    let columns: Vec<Expr> = names.iter().map(|name| col(name.as_str())).collect();
    let mut kept = table.select(names.iter().map(|name| name.as_str()))?;
    let mut left_out = kept.clear();
    for (number, of) in parents.iter().enumerate() {
        let (mut of_parents, mut own) = (Vec::new(), Vec::new());
        for (at, key) in of.keys.iter().enumerate() {
            let (column, values) = (kept.column(&key.column)?, &key.values);
            let scale = scale(column).max(scale(values));
            // No column of Postgres has such a name.
            let name = PlSmallStr::from(format!("\0{at}"));
            let values = comparable(values, key.values_are_padded, scale)?;
            of_parents.push(values.with_name(name.clone()));
            own.push(comparable(column, key.is_padded, scale)?.with_name(name));
        }
        let by: Vec<Expr> = own.iter().map(|key| col(key.name().clone())).collect();
        let keys = DataFrame::new(of.rows, of_parents)?.lazy();
        let rows = kept.hstack(&own)?.lazy();
        let joined = |how: JoinType| {
            let (rows, keys) = (rows.clone(), keys.clone());
            let joined = rows.join(keys, &by, &by, JoinArgs::new(how));
            joined.select(&columns).collect()
        };
        left_out.vstack_mut(&joined(JoinType::Anti)?)?;
        if number + 1 < parents.len() {
            kept = joined(JoinType::Semi)?;
        }
    }
    Ok(left_out)
}

/// How many digits after the point a column's values have.
fn scale(column: &Column) -> usize {
    match column.dtype() {
        DataType::Decimal(_, scale) => *scale,
        _ => 0,
    }
}

/// Makes a column one that Polars can join by: padded values lose the blanks at their end, and numerics become texts with equal
/// digits, since joins by numerics need a feature of Polars that little else would use.
fn comparable(column: &Column, is_padded: bool, scale: usize) -> anyhow::Result<Column> {
    Ok(match column.dtype() {
        DataType::Decimal(..) => column
            .cast(&DataType::Decimal(dataset::MAX_PRECISION.into(), scale))?
            .cast(&DataType::String)?,
        DataType::String if is_padded => {
            fn unpadded(text: &str) -> Cow<'_, str> {
                Cow::Borrowed(text.trim_end_matches(' '))
            }
            column.str()?.apply_values(unpadded).into_column()
        }
        _ => column.clone(),
    })
}

/// Finds the rows of the driving table that the model's output lacks, by an anti-join on its key.
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
            // Joining by numerics needs a feature of Polars that little else would use, so they are joined as texts with equal
            // digits.
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
            ..Driving::default()
        };
        let left = left_out_by_key(&driving, &table, &output).unwrap();
        assert_eq!(
            left,
            df!("id" => [Some(2_i64), Some(4)], "v" => [2_i64, 4]).unwrap()
        );
    }
}
