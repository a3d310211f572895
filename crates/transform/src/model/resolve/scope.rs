//! Finds the table and column that each name means, by Postgres's rules.

use std::fmt::{self, Display};

use dataset::nearest;
use sqlparser::ast::Ident;

use super::super::refusal::{Refusal, Result, place_of};
use super::super::tree::{Derived, Place, Scalar};
use super::super::types::Type;
use crate::model::identifier::folded;

/// The names of FROM that the clauses of a SELECT see.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The tables, by the names that qualify their columns.
    pub(super) tables: Vec<Visible>,
    /// The columns that can be named without a table, in the order of `*`.
    pub(super) columns: Vec<Named>,
}

/// A table of FROM, with its name there.
#[derive(Debug, Clone)]
pub(super) struct Visible {
    pub(super) name: String,
    /// The run's name for the table, if it is one and has no alias. Its schema may then be written before its name.
    pub(super) table: Option<String>,
    pub(super) columns: Vec<Named>,
    /// Whether the table may have more columns than are known without a database.
    pub(super) is_open: bool,
    /// The names of columns of the table that are not read.
    pub(super) unread: Vec<String>,
}

/// A column with its name.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) value: Scalar,
}

impl Scope {
    /// The scope of a join. The columns of the right side move `width` positions to the right.
    pub(super) fn joined(mut self, right: Self, width: usize) -> Self {
        let right = right.shifted(width);
        self.tables.extend(right.tables);
        self.columns.extend(right.columns);
        self
    }

    /// Whether a table may have more columns than are known.
    pub(super) fn is_open(&self) -> bool {
        self.tables.iter().any(|table| table.is_open)
    }

    fn shifted(self, places: usize) -> Self {
        let shift = |columns: Vec<Named>| -> Vec<Named> {
            let shifted = columns.into_iter().map(|column| Named {
                value: column.value.shifted(places),
                ..column
            });
            shifted.collect()
        };
        Self {
            tables: self
                .tables
                .into_iter()
                .map(|table| Visible {
                    columns: shift(table.columns),
                    ..table
                })
                .collect(),
            columns: shift(self.columns),
        }
    }

    /// The column that a name without a table means; `None` if there is none.
    ///
    /// # Errors
    /// If there are several such columns.
    pub(super) fn column(&self, name: &Ident) -> Result<Option<Scalar>> {
        let wanted = folded(name);
        let mut found = self.columns.iter().filter(|column| column.name == wanted);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(Some(column.value.clone().at(place_of(name)))),
            (Some(_), Some(_)) => Err(Refusal::at(
                place_of(name),
                format!("`{name}` is a column of several tables: name it with its table"),
            )),
            _ => Ok(self.is_open().then(|| of_any(name))),
        }
    }

    /// The column that a name with its table means; `None` if there is no such table.
    ///
    /// # Errors
    /// If the table has no such column, or if two tables have the name.
    pub(super) fn qualified(&self, table: Of<'_>, name: &Ident) -> Result<Option<Scalar>> {
        let Some(found) = self.table(table)? else {
            return Ok(None);
        };
        let at = table.at();
        let wanted = folded(name);
        let columns: Vec<&Named> = found
            .columns
            .iter()
            .filter(|column| column.name == wanted)
            .collect();
        match columns.as_slice() {
            [column] => Ok(Some(column.value.clone().at(at))),
            [] if found.is_open => Ok(Some(Scalar::column(0, Type::Any, Derived::None).at(at))),
            [] => Err(Refusal::at(
                at,
                format!(
                    "column `{table}.{name}` does not exist{}",
                    meant([found], &wanted)
                ),
            )),
            _ => Err(Refusal::at(
                at,
                format!("`{table}.{name}` is several columns"),
            )),
        }
    }

    /// The hint `; did you mean …?` for the name of a column that doesn't exist.
    pub(super) fn meant(&self, name: &Ident) -> String {
        meant(&self.tables, &folded(name))
    }

    /// The table that a name means: by its alias, or by its own name if it has no alias. With a schema before it, the name means a
    /// table of that schema without an alias.
    ///
    /// # Errors
    /// If there are several such tables.
    pub(super) fn table(&self, of: Of<'_>) -> Result<Option<&Visible>> {
        let is_it = |table: &&Visible| match of {
            Of::Name(name) => table.name == folded(name),
            Of::Placed { called, .. } => table.table.as_deref() == Some(called),
        };
        let mut found = self.tables.iter().filter(is_it);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Refusal::at(
                of.at(),
                format!("`{of}` is the name of several tables: give them aliases"),
            )),
            (found, _) => Ok(found),
        }
    }
}

/// The qualifier before a column's name, or before a `*`.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    /// A table's alias, or its name.
    Name(&'a Ident),
    /// A table's name with its schema, and the run's name for that table.
    Placed {
        schema: &'a Ident,
        name: &'a Ident,
        called: &'a str,
    },
}

impl Of<'_> {
    /// The place of the qualifier in the SQL.
    pub(super) fn at(self) -> Place {
        match self {
            Self::Name(name) | Self::Placed { schema: name, .. } => place_of(name),
        }
    }
}

impl Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::Placed { schema, name, .. } => write!(f, "{schema}.{name}"),
        }
    }
}

/// The hint `; did you mean …?`, with the table, if one of these tables has a column with a similar name.
fn meant<'t>(tables: impl IntoIterator<Item = &'t Visible> + Clone, name: &str) -> String {
    let columns = |table: &'t Visible| {
        let read = table.columns.iter().map(|column| column.name.as_str());
        read.chain(table.unread.iter().map(String::as_str))
    };
    let names = tables.clone().into_iter().flat_map(columns);
    let Some(meant) = nearest(name, names) else {
        return String::new();
    };
    let of = tables
        .into_iter()
        .find(|table| columns(table).any(|column| column == meant));
    of.map_or_else(String::new, |table| {
        format!("; did you mean `{}.{meant}`?", table.name)
    })
}

/// A column of which nothing is known.
fn of_any(name: &Ident) -> Scalar {
    Scalar::column(0, Type::Any, Derived::None).at(place_of(name))
}
