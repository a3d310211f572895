//! Finds the `numeric(p,s)` that a model implies for columns to which the database gives no precision.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use dataset::{ColumnType, MAX_PRECISION, Model};
use sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SelectItem, SetExpr,
};

use super::identifier::folded;
use super::schema_sql;
use super::walk::{Part, walk};

/// What a SELECT implies for columns that are numerics, whatever their table. It may be wrong: values that don't fit are refused.
#[derive(Debug, Default)]
pub(crate) struct Numerics {
    /// Columns that the SELECT gives, themselves or their sum, as a column for which the dataset declares a `numeric(p,s)`.
    declared: BTreeMap<String, ColumnType>,
    /// Columns that the SELECT casts to a `numeric(p,s)`.
    cast: BTreeMap<String, ColumnType>,
    /// Columns that are used outside of such a cast, where each value has its own digits.
    bare: BTreeSet<String>,
    /// Whether the SELECT gives all columns of some table.
    has_star: bool,
}

impl Numerics {
    /// Collects what a SELECT implies.
    pub(crate) fn of(query: &Query, model: &Model) -> Self {
        let mut found = Self::default();
        let mut named = BTreeMap::<String, i32>::new();
        let _ = walk(query, |part| {
            match part {
                Part::Query(query) => found.has_star |= gives_star(&query.body),
                Part::Expr(Expr::Cast {
                    expr, data_type, ..
                }) => {
                    if let DataType::Numeric(of) | DataType::Decimal(of) | DataType::Dec(of) =
                        data_type
                        && let (Some(column), Some(kind)) = (column(expr), schema_sql::numeric(of))
                    {
                        widen(&mut found.cast, &column, kind);
                        *named.entry(column).or_default() -= 1;
                    }
                }
                Part::Expr(expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_))) => {
                    named.extend(column(expr).map(|column| {
                        let before = named.get(&column).copied();
                        (column, before.unwrap_or_default() + 1)
                    }));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        });
        let bare = named.into_iter().filter(|(_, times)| *times > 0);
        found.bare = bare.map(|(column, _)| column).collect();
        of_outputs(&query.body, model, &mut found.declared);
        found
    }

    /// The types that SELECTs which run as one imply for columns: those that they declare, and those of casts, if every use is
    /// cast.
    pub(crate) fn said<'a>(
        parts: impl Iterator<Item = &'a Self> + Clone,
    ) -> impl Iterator<Item = (&'a String, &'a ColumnType)> {
        let declared = parts.clone().flat_map(|part| &part.declared);
        declared.chain(Self::cast_only(parts))
    }

    /// The columns that are cast at every use in SELECTs which run as one.
    pub(crate) fn cast_only<'a>(
        parts: impl Iterator<Item = &'a Self> + Clone,
    ) -> impl Iterator<Item = (&'a String, &'a ColumnType)> {
        let cast = parts.clone().flat_map(|part| &part.cast);
        cast.filter(move |(column, _)| {
            let mut parts = parts.clone();
            !parts.any(|part| part.has_star || part.bare.contains(*column))
        })
    }
}

/// Whether a SELECT of a set operation gives all columns of a table.
fn gives_star(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.projection.iter().any(|item| {
            matches!(
                item,
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
            )
        }),
        SetExpr::SetOperation { left, right, .. } => gives_star(left) || gives_star(right),
        _ => false,
    }
}

fn of_outputs(body: &SetExpr, model: &Model, found: &mut BTreeMap<String, ColumnType>) {
    let items = match body {
        SetExpr::Select(select) => &select.projection,
        SetExpr::Query(query) => return of_outputs(&query.body, model, found),
        SetExpr::SetOperation { left, right, .. } => {
            of_outputs(left, model, found);
            return of_outputs(right, model, found);
        }
        _ => return,
    };
    let expressions: Option<Vec<&Expr>> = items
        .iter()
        .map(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        })
        .collect();
    match expressions {
        Some(expressions) => {
            for (expr, (_, kind)) in expressions.into_iter().zip(&model.columns) {
                add(found, column(expr).or_else(|| summed(expr)), Some(*kind));
            }
        }
        // A `*` gives columns under their own names.
        None => {
            for (name, kind) in &model.columns {
                add(found, Some(name.clone()), Some(*kind));
            }
        }
    }
}

/// The name of a column, if the expression is nothing else.
fn column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        Expr::Nested(inner) => column(inner),
        _ => None,
    }
}

/// The column of a sum, or of the least or greatest value; these have as many digits after the point as the column.
fn summed(expr: &Expr) -> Option<String> {
    let Expr::Function(function) = expr else {
        return None;
    };
    let name = function.name.0.last()?.as_ident().map(folded)?;
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))]
            if matches!(name.as_str(), "sum" | "min" | "max") =>
        {
            column(argument)
        }
        _ => None,
    }
}

fn add(found: &mut BTreeMap<String, ColumnType>, column: Option<String>, kind: Option<ColumnType>) {
    if let (Some(column), Some(kind)) = (column, kind) {
        widen(found, &column, kind);
    }
}

/// Widens the type of a column so that it holds another numeric too: with its digits after the point, and as many before the point
/// as are left.
pub(crate) fn widen(found: &mut BTreeMap<String, ColumnType>, column: &str, kind: ColumnType) {
    let ColumnType::Numeric { precision, scale } = kind else {
        return;
    };
    let widened = match found.get(column) {
        Some(ColumnType::Numeric {
            precision: own,
            scale: own_scale,
        }) => {
            let whole = (own - own_scale).max(precision - scale);
            let scale = scale.max(*own_scale);
            ColumnType::Numeric {
                precision: (whole + scale).min(MAX_PRECISION),
                scale,
            }
        }
        _ => kind,
    };
    found.insert(column.to_owned(), widened);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::ast::Statement;
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;

    fn found(sql: &str, columns: &[(&str, &str)]) -> String {
        let mut model = testkit::model("m", sql);
        model.columns = columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), kind.parse().expect("a type")))
            .collect();
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect("readable");
        let [Statement::Query(query)] = statements.as_slice() else {
            panic!("{sql} is a SELECT");
        };
        let numerics = Numerics::of(query, &model);
        let mut found = BTreeMap::new();
        for (column, kind) in Numerics::said([&numerics].into_iter()) {
            widen(&mut found, column, *kind);
        }
        let found: Vec<String> = found
            .into_iter()
            .map(|(name, kind)| format!("{name} {kind}"))
            .collect();
        found.join("; ")
    }

    #[test]
    fn a_column_is_what_it_is_given_as_or_cast_to_wherever_it_is_named() {
        let declared = [("a", "numeric(20,4)"), ("b", "text"), ("c", "numeric(8,0)")];
        for (sql, expected) in [
            ("SELECT x, y, z FROM t", "x numeric(20,4); z numeric(8,0)"),
            (
                "SELECT t.\"X\" AS a, 'b', (z) FROM t",
                "X numeric(20,4); z numeric(8,0)",
            ),
            (
                "SELECT SUM(x), max(y), coalesce(z, 0) FROM t",
                "x numeric(20,4)",
            ),
            ("SELECT * FROM t", "a numeric(20,4); c numeric(8,0)"),
            ("SELECT x * y, y, z + 1 FROM t", ""),
            (
                "SELECT x::numeric(38,10) + 1, 'b', 0 FROM t WHERE CAST(t.y AS decimal(5)) > 1",
                "x numeric(38,10); y numeric(5,0)",
            ),
            ("SELECT x::numeric, y::int, 0 FROM t", ""),
            ("SELECT x::numeric(20,4) * 2, x, 0 FROM t", ""),
            ("SELECT x::numeric(20,4) * 2, 'b', 0 FROM t ORDER BY x", ""),
            (
                "SELECT x::numeric(9,1), x::numeric(9,4), 0 FROM t",
                "x numeric(12,4)",
            ),
            (
                "SELECT 1, 'b', (SELECT x::numeric(9,4) FROM (SELECT * FROM u) AS v) FROM t",
                "",
            ),
            (
                "SELECT x, y, 1 FROM t UNION ALL SELECT y, x, z FROM u",
                "x numeric(20,4); y numeric(20,4); z numeric(8,0)",
            ),
        ] {
            assert_eq!(found(sql, &declared), expected, "{sql}");
        }
    }

    #[test]
    fn two_types_become_one_that_has_the_digits_of_both() {
        for (one, other, expected) in [
            ("numeric(10,2)", "numeric(10,4)", "numeric(12,4)"),
            ("numeric(10,4)", "numeric(20,0)", "numeric(24,4)"),
            ("numeric(38,2)", "numeric(20,10)", "numeric(38,10)"),
        ] {
            let declared = [("a", one), ("b", other)];
            let found = found("SELECT x, x FROM t", &declared);
            assert_eq!(found, format!("x {expected}"));
        }
    }
}
