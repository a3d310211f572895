//! The names of columns in expressions, and the types that Spark holds values in.

use std::collections::HashMap;

use super::types;
use crate::model::refusal::{Refusal, Result};
use crate::model::tree::{Correlated, Place};
use crate::model::types::Type;

/// The names of the columns of the rows that expressions are computed over.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    columns: Vec<String>,
    /// The aliases of the joins that hold the values of sub-selects, by the address of the sub-select.
    found: HashMap<*const Correlated, String>,
}

impl Scope {
    /// The columns of a relation with this alias.
    pub(super) fn of(alias: &str, width: usize) -> Self {
        Self::of_columns((0..width).map(|at| format!("{alias}.c{at}")).collect())
    }

    /// Columns with these names.
    pub(super) fn of_columns(columns: Vec<String>) -> Self {
        Self {
            columns,
            found: HashMap::new(),
        }
    }

    /// Appends other columns to these.
    pub(super) fn beside(mut self, other: Self) -> Self {
        self.columns.extend(other.columns);
        self
    }

    /// The name of a column.
    pub(super) fn column(&self, index: usize) -> Option<&str> {
        self.columns.get(index).map(String::as_str)
    }

    /// The alias of the join that holds the values of a sub-select.
    pub(super) fn alias(&self, of: &Correlated) -> Option<&str> {
        self.found.get(&(&raw const *of)).map(String::as_str)
    }

    /// Notes the alias of the join that holds the values of a sub-select.
    pub(super) fn found(&mut self, of: &Correlated, alias: String) {
        self.found.insert(of, alias);
    }
}

/// The type in which Spark holds values of this type.
///
/// # Errors
/// If Spark has no such type.
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

/// A refusal of something that Spark may compute differently from Postgres.
pub(super) fn unknown(at: Place, what: &str) -> Refusal {
    Refusal::at(
        at,
        format!(
            "{what} is not known to give in Spark what Postgres gives: run this model with --engine polars"
        ),
    )
}

/// Writes an expression that stops the query if a condition is true.
pub(super) fn checked(condition: &str, why: &str, otherwise: &str) -> String {
    let why = types::text(why);
    format!("CASE WHEN {condition} THEN raise_error({why}) ELSE {otherwise} END")
}
