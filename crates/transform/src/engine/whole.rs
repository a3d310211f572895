//! Models that Polars runs, as they are.

use dataset::failure::{Kind, OrFail};
use dataset::{ColumnType, Driving, Model};
use polars::prelude::{
    Column, DataFrame, DataType, Expr, IntoLazy, JoinArgs, JoinType, LazyFrame, col,
};
use polars::sql::SQLContext;

use super::Tables;
use crate::extract::data_type;
use crate::select;

/// Runs the model's SELECT over the tables and gives its columns the declared types.
pub(super) fn run(model: &Model, tables: &Tables) -> anyhow::Result<DataFrame> {
    let mut context = SQLContext::new();
    for (name, frame) in tables {
        context.register(name, frame.clone().lazy());
    }
    let sql = model.sql.trim_end().trim_end_matches(';');
    let frame = context
        .execute(sql)
        .and_then(LazyFrame::collect)
        .map_err(|error| cannot_run(model, &error.to_string()))?;
    with_declared_types(model, frame)
}

/// What Polars says, without the plan that it shows behind it.
fn cannot_run(model: &Model, message: &str) -> anyhow::Error {
    let cause = message
        .split("Resolved plan until failure")
        .next()
        .unwrap_or_default()
        .trim();
    select::error_at(model, &select::place_of(model, cause), cause)
}

fn with_declared_types(model: &Model, frame: DataFrame) -> anyhow::Result<DataFrame> {
    let names = frame.get_column_names();
    let given: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    select::check_names(model, &given)?;
    let height = frame.height();
    let columns = frame
        .into_columns()
        .into_iter()
        .zip(&model.columns)
        .map(|(column, (name, kind))| with_declared_type(model, column, name, *kind))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(DataFrame::new(height, columns)?)
}

/// The column with the type that the model declares for it.
///
/// # Errors
/// [`Kind::Mismatch`] if a value would be lost.
pub(super) fn with_declared_type(
    model: &Model,
    column: Column,
    name: &str,
    kind: ColumnType,
) -> anyhow::Result<Column> {
    let (from, to) = (column.dtype().clone(), data_type(kind));
    if from == to {
        return Ok(column);
    }
    let place = || {
        format!(
            "dataset.toml, model `{}`: column `{name}` is declared {kind}, but {} gives {from}, which is not that without a \
             loss",
            model.name, model.file
        )
    };
    if !widens(&from, &to) {
        return Err(Kind::Mismatch.error(place()));
    }
    column.strict_cast(&to).or_fail(Kind::Mismatch, place)
}

/// Whether a strict cast either keeps each value or fails: counts, and sums of wider type.
fn widens(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Decimal(_, from), DataType::Decimal(_, to)) => from == to,
        (DataType::Null, _) => true,
        _ => from.is_integer() && to.is_integer(),
    }
}

/// The rows of the driving table that the model's output lacks: an anti-join on its key.
pub(super) fn left_out(
    driving: &Driving,
    table: &DataFrame,
    output_keys: &DataFrame,
) -> anyhow::Result<DataFrame> {
    let table_key: Vec<Expr> = driving.key.keys().map(|name| col(name.as_str())).collect();
    let output_key: Vec<Expr> = driving
        .key
        .values()
        .map(|name| col(name.as_str()))
        .collect();
    let keys_only = output_keys.clone().lazy();
    let mut arguments = JoinArgs::new(JoinType::Anti);
    arguments.nulls_equal = true;
    let sums: Vec<Expr> = driving.sums.keys().map(|name| col(name.as_str())).collect();
    let mut kept = table_key.clone();
    kept.extend(sums.into_iter().filter(|sum| !table_key.contains(sum)));
    let left_out = table
        .clone()
        .lazy()
        .select(kept)
        .join(keys_only, table_key, output_key, arguments);
    Ok(left_out.collect()?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use polars::prelude::df;

    pub(crate) fn model(sql: &str, columns: &[(&str, ColumnType)]) -> Model {
        Model {
            name: "m".to_owned(),
            file: "m.sql".to_owned(),
            sql: sql.to_owned(),
            columns: columns
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), *kind))
                .collect(),
            hidden: vec![],
            partition_by: vec![],
            order_by: vec![],
            order_in_partition: vec![],
            stream: None,
            driving: None,
        }
    }

    fn tables() -> Vec<(String, DataFrame)> {
        vec![(
            "t".to_owned(),
            df!("a" => [1_i32, 2, 2], "b" => [Some("x"), None, Some("z")]).unwrap(),
        )]
    }

    #[test]
    fn a_count_becomes_the_declared_integer() {
        let model = model(
            "SELECT a, COUNT(*) AS n FROM t GROUP BY a ORDER BY a;",
            &[("a", ColumnType::Integer), ("n", ColumnType::BigInt)],
        );
        let frame = run(&model, &tables()).unwrap();
        assert_eq!(frame, df!("a" => [1_i32, 2], "n" => [1_i64, 2]).unwrap());
    }

    #[test]
    fn a_sum_over_no_value_is_null_as_in_postgres() {
        let columns = [("n", ColumnType::BigInt), ("s", ColumnType::BigInt)];
        for condition in ["a > 5", "b = 'y'"] {
            let sql = format!("SELECT COUNT(*) AS n, SUM(a) AS s FROM t WHERE {condition}");
            let frame = run(&model(&sql, &columns), &tables()).unwrap();
            assert_eq!(frame, df!("n" => [0_i64], "s" => [None::<i64>]).unwrap());
        }
        let grouped =
            "SELECT COUNT(*) AS n, SUM(CASE WHEN b = 'y' THEN a END) AS s FROM t GROUP BY b";
        let frame = run(&model(grouped, &columns), &tables()).unwrap();
        assert_eq!(frame.column("s").unwrap().null_count(), 3);
    }

    #[test]
    fn another_type_or_another_column_is_refused_by_name() {
        for (sql, columns, named) in [
            (
                "SELECT b FROM t",
                [("b", ColumnType::Integer)],
                "column `b`",
            ),
            (
                "SELECT a AS c FROM t",
                [("a", ColumnType::Integer)],
                "gives the columns c",
            ),
        ] {
            let error = run(&model(sql, &columns), &tables()).unwrap_err();
            assert_eq!(
                dataset::failure::Failure::kind_of(&error),
                Some(Kind::Mismatch)
            );
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn sql_that_cannot_run_is_the_datasets_fault() {
        let error = run(&model("SELEC 1", &[]), &tables()).unwrap_err();
        assert_eq!(
            dataset::failure::Failure::kind_of(&error),
            Some(Kind::Usage)
        );
    }

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
        let left = left_out(&driving, &table, &output).unwrap();
        assert_eq!(
            left,
            df!("id" => [Some(2_i64), Some(4)], "v" => [2_i64, 4]).unwrap()
        );
    }
}
