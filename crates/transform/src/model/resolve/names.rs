//! Finds the names that Postgres gives to columns without one (`FigureColname` in src/backend/parser/parse_target.c).

use sqlparser::ast::{DataType, Expr, SelectItem, SetExpr};

use super::super::types::Type;
use super::cast::type_of;
use crate::model::identifier::folded;

/// The name of the column that an expression gives.
pub(super) fn of(expr: &Expr) -> String {
    found(expr).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
}

/// A name, and whether it is strong: a strong name is not replaced by that of a type around it.
fn found(expr: &Expr) -> Option<(String, bool)> {
    let good = |name: &str| Some((name.to_owned(), true));
    match expr {
        Expr::Identifier(name) => Some((folded(name), true)),
        Expr::CompoundIdentifier(parts) => Some((folded(parts.last()?), true)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => found(inner),
        Expr::Function(function) => {
            let name = function.name.0.last()?.as_ident()?;
            Some((folded(name), true))
        }
        Expr::Cast {
            expr, data_type, ..
        } => match found(expr) {
            Some((name, true)) => Some((name, true)),
            _ => Some((type_name(data_type), false)),
        },
        Expr::TypedString(typed) => Some((type_name(&typed.data_type), false)),
        Expr::Case { else_result, .. } => {
            match else_result.as_ref().and_then(|otherwise| found(otherwise)) {
                Some((name, true)) => Some((name, true)),
                _ => Some(("case".to_owned(), false)),
            }
        }
        Expr::Extract { .. } => good("extract"),
        Expr::Ceil { .. } => good("ceil"),
        Expr::Floor { .. } => good("floor"),
        Expr::Position { .. } => good("position"),
        Expr::Substring { shorthand, .. } => good(if *shorthand { "substr" } else { "substring" }),
        Expr::Trim { trim_where, .. } => good(match trim_where {
            Some(sqlparser::ast::TrimWhereField::Leading) => "ltrim",
            Some(sqlparser::ast::TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        Expr::Exists { negated: false, .. } => good("exists"),
        Expr::Subquery(query) => match &*query.body {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::ExprWithAlias { alias, .. } => Some((folded(alias), true)),
                SelectItem::UnnamedExpr(expr) => found(expr),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn type_name(data_type: &DataType) -> String {
    match type_of(data_type) {
        Some((kind, _)) if kind != Type::Unknown => kind.internal_name().to_owned(),
        _ => data_type.to_string().to_lowercase(),
    }
}
