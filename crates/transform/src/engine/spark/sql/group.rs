//! Writes groups and their aggregates as Spark's SQL.

use super::scope::{Scope, spark_type};
use super::writer::{Writer, listed, names};
use crate::model::refusal::{Refusal, Result};
use crate::model::tree::{Aggregate, AggregateFunction, Place, Relation, Scalar};
use crate::model::types::{Held, Type};

impl Writer<'_> {
    /// The columns are the keys, followed by the aggregates.
    pub(super) fn grouped(
        &mut self,
        input: &Relation,
        keys: &[Scalar],
        aggregates: &[Aggregate],
    ) -> Result<String> {
        let (inner, alias) = (self.alias(), self.alias());
        let from = self.relation(input)?;
        let of_input = Scope::of(&inner, input.width());
        // Keys become columns first, so that no key is taken for the number of a column.
        let mut columns = names(&inner, input.width());
        for (at, key) in keys.iter().enumerate() {
            check_key(key)?;
            columns.push(format!("{} AS g{at}", self.scalar(key, &of_input)?));
        }
        let scope = Scope::of(&alias, input.width());
        let mut list: Vec<_> = (0..keys.len())
            .map(|at| format!("{alias}.g{at} AS c{at}"))
            .collect();
        for (at, aggregate) in aggregates.iter().enumerate() {
            let value = self.aggregate(aggregate, &scope)?;
            list.push(format!("{value} AS c{}", keys.len() + at));
        }
        if list.is_empty() {
            // Without keys there is one row, for all rows together.
            list.push("count(*) AS one".to_owned());
        }
        let by = (0..keys.len()).map(|at| format!("{alias}.g{at}"));
        let by = match keys.is_empty() {
            true => String::new(),
            false => format!("\nGROUP BY {}", by.collect::<Vec<_>>().join(", ")),
        };
        Ok(format!(
            "SELECT {} FROM (\nSELECT {} FROM (\n{from}\n) AS {inner}\n) AS {alias}{by}",
            listed(list),
            listed(columns)
        ))
    }

    fn aggregate(&mut self, of: &Aggregate, scope: &Scope) -> Result<String> {
        let distinct = if of.distinct { "DISTINCT " } else { "" };
        let value = match &of.argument {
            None => "*".to_owned(),
            Some(argument) => self.scalar(argument, scope)?,
        };
        let call = aggregated(of.function, of.argument.as_ref(), distinct, &value)?;
        let filter = match &of.filter {
            None => String::new(),
            Some(filter) => format!(" FILTER (WHERE {})", self.scalar(filter, scope)?),
        };
        let at = of.argument.as_ref().map_or(Place::default(), |of| of.at);
        Ok(format!(
            "CAST({call}{filter} AS {})",
            spark_type(&of.kind, at)?
        ))
    }
}

/// Writes the call of an aggregate, of an argument whose SQL is given, or of all rows.
pub(super) fn aggregated(
    function: AggregateFunction,
    argument: Option<&Scalar>,
    distinct: &str,
    value: &str,
) -> Result<String> {
    let Some(argument) = argument else {
        return Ok(format!("count({value})"));
    };
    if !distinct.is_empty() {
        check_key(argument)?;
    }
    let refused = |why: &str| Err(Refusal::at(argument.at, why));
    let name = match function {
        AggregateFunction::Count => "count",
        AggregateFunction::Sum => match argument.kind.held() {
            Held::Integers if argument.kind == Type::BigInt => {
                return Ok(format!("sum({distinct}CAST({value} AS DECIMAL(38, 0)))"));
            }
            Held::Integers | Held::Numerics => "sum",
            _ => {
                return refused(
                    "a sum of floats depends on the order of rows, which Spark does not keep",
                );
            }
        },
        AggregateFunction::Min => "min",
        AggregateFunction::Max => "max",
        AggregateFunction::Mean => {
            return refused(
                "AVG is not known to give in Spark what Postgres gives: use SUM and COUNT, or run this model with \
                 --engine polars",
            );
        }
        AggregateFunction::All => "bool_and",
        AggregateFunction::Any => "bool_or",
    };
    Ok(format!("{name}({distinct}{value})"))
}

/// Refuses keys that Spark may show differently from Postgres: for both, 0 and -0 are the same group.
fn check_key(key: &Scalar) -> Result<()> {
    match key.kind {
        Type::Real | Type::Double => Err(Refusal::at(
            key.at,
            "rows are not grouped by floats in Spark: 0 and -0 are equal there, and it is not known which of the two is shown",
        )),
        _ => Ok(()),
    }
}
