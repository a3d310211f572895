//! What the parts of expressions are called, and held as.

use std::collections::HashMap;

use super::types;
use crate::model::refusal::{Refusal, Result};
use crate::model::tree::{Correlated, Place};
use crate::model::types::Type;

/// What the columns of the rows are called that expressions are of.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    columns: Vec<String>,
    /// The joins that have the values of sub-selects, by where these are in memory.
    found: HashMap<*const Correlated, String>,
}

impl Scope {
    /// The columns of a relation that has this alias.
    pub(super) fn of(alias: &str, width: usize) -> Self {
        Self::of_columns((0..width).map(|at| format!("{alias}.c{at}")).collect())
    }

    /// Columns that are called so.
    pub(super) fn of_columns(columns: Vec<String>) -> Self {
        Self {
            columns,
            found: HashMap::new(),
        }
    }

    /// These columns, and then others.
    pub(super) fn beside(mut self, other: Self) -> Self {
        self.columns.extend(other.columns);
        self
    }

    /// What a column is called.
    pub(super) fn column(&self, index: usize) -> Option<&str> {
        self.columns.get(index).map(String::as_str)
    }

    /// The alias of the join that has the values of a sub-select.
    pub(super) fn alias(&self, of: &Correlated) -> Option<&str> {
        self.found.get(&(&raw const *of)).map(String::as_str)
    }

    /// Notes the alias of the join that has the values of a sub-select.
    pub(super) fn found(&mut self, of: &Correlated, alias: String) {
        self.found.insert(of, alias);
    }
}

/// The type that Spark holds values of this type in.
///
/// # Errors
/// Where it has none.
pub(super) fn spark_type(kind: &Type, at: Place) -> Result<String> {
    types::of(kind).ok_or_else(|| {
        let why = match kind {
            Type::Unconstrained => {
                "AVG and quotients of numerics are not known to give in Spark what Postgres gives: run this model with \
                 --engine polars"
                    .to_owned()
            }
            kind => format!("Spark has no type that keeps {kind} as it is: cast it to text"),
        };
        Refusal::at(at, why)
    })
}

/// Refuses what Spark may give otherwise than Postgres.
pub(super) fn unknown(at: Place, what: &str) -> Refusal {
    Refusal::at(
        at,
        format!(
            "{what} is not known to give in Spark what Postgres gives: run this model with --engine polars"
        ),
    )
}

/// An expression that stops the query where a condition holds.
pub(super) fn checked(condition: &str, why: &str, otherwise: &str) -> String {
    let why = types::text(why);
    format!("CASE WHEN {condition} THEN raise_error({why}) ELSE {otherwise} END")
}
