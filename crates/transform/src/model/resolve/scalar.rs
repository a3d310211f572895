//! Resolves expressions.

use std::sync::Arc;

use dataset::{Collation, Letters};
use sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, Ident, TrimWhereField,
    UnaryOperator, Value as Literal,
};

use super::super::list;
use super::super::literal;
use super::super::refusal::{Refusal, Result, place, place_of};
use super::super::tree::{Comparison, Derived, Field, Function, Node, Place, Scalar, Value};
use super::super::types::Type;
use super::resolver::{Context, Resolver};
use super::scope::{Of, Scope};
use super::time;
use crate::model::identifier::folded;

impl Resolver<'_> {
    /// Resolves an expression over the columns of a scope.
    pub(super) fn scalar(&mut self, expr: &Expr, context: Context<'_>) -> Result<Scalar> {
        let at = place(expr);
        let resolved = self.deeper(|resolver| resolver.expression(expr, context));
        resolved.map_err(|refusal| refusal.or_at(at))
    }

    fn expression(&mut self, expr: &Expr, context: Context<'_>) -> Result<Scalar> {
        let at = place(expr);
        let of = |function: Function, value: Scalar, kind: Type| {
            Scalar::call(function, vec![value], kind).at(at)
        };
        Ok(match expr {
            Expr::Nested(inner) => self.scalar(inner, context)?,
            Expr::Identifier(name) => self.column(None, name, context)?,
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] => self.column(Some(Of::Name(table)), name, context)?,
                [schema, table, name] => {
                    let called = self.place_called(schema, table);
                    let of = Of::Placed {
                        schema,
                        name: table,
                        called: &called,
                    };
                    self.column(Some(of), name, context)?
                }
                _ => {
                    return Err(Refusal::of(
                        expr,
                        "names a database: name the column with its table only",
                    ));
                }
            },
            Expr::Value(value) => constant(&value.value)
                .map_err(|why| Refusal::of(expr, why))?
                .at(at),
            Expr::TypedString(typed) => {
                let text = match &typed.value.value {
                    Literal::SingleQuotedString(text) if !typed.uses_odbc_syntax => text,
                    _ => return Err(Refusal::of(expr, "is not supported")),
                };
                let literal = Scalar::constant(Value::Text(text.clone()), Type::Unknown).at(at);
                self.cast_to(literal, &typed.data_type, expr)?
            }
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right, context)?,
            Expr::UnaryOp { op, expr: inner } => self.unary(expr, *op, inner, context)?,
            Expr::IsNull(inner) => of(
                Function::IsNull,
                self.scalar(inner, context)?,
                Type::Boolean,
            ),
            Expr::IsNotNull(inner) => of(
                Function::IsNotNull,
                self.scalar(inner, context)?,
                Type::Boolean,
            ),
            Expr::IsTrue(inner) => of(Function::IsTrue, self.truth(inner, context)?, Type::Boolean),
            Expr::IsNotTrue(inner) => of(
                Function::IsNotTrue,
                self.truth(inner, context)?,
                Type::Boolean,
            ),
            Expr::IsFalse(inner) => of(
                Function::IsFalse,
                self.truth(inner, context)?,
                Type::Boolean,
            ),
            Expr::IsNotFalse(inner) => of(
                Function::IsNotFalse,
                self.truth(inner, context)?,
                Type::Boolean,
            ),
            Expr::IsUnknown(inner) => {
                of(Function::IsNull, self.truth(inner, context)?, Type::Boolean)
            }
            Expr::IsNotUnknown(inner) => of(
                Function::IsNotNull,
                self.truth(inner, context)?,
                Type::Boolean,
            ),
            Expr::IsDistinctFrom(left, right) => {
                self.distinct(Function::Distinct, left, right, context, at)?
            }
            Expr::IsNotDistinctFrom(left, right) => {
                self.distinct(Function::NotDistinct, left, right, context, at)?
            }
            Expr::Between {
                expr: value,
                negated,
                low,
                high,
            } => {
                let value = self.scalar(value, context)?;
                let (low, high) = (self.scalar(low, context)?, self.scalar(high, context)?);
                let (above, below) = match negated {
                    false => (Comparison::GreaterOrEqual, Comparison::LessOrEqual),
                    true => (Comparison::Less, Comparison::Greater),
                };
                let parts = vec![
                    self.compare(above, value.clone(), low, at)?,
                    self.compare(below, value, high, at)?,
                ];
                logic(
                    if *negated {
                        Node::Or(parts)
                    } else {
                        Node::And(parts)
                    },
                    at,
                )
            }
            Expr::InList {
                expr: value,
                list,
                negated,
            } => {
                let found = self.in_list(value, list, context, at)?;
                negated_if(*negated, found)
            }
            Expr::InSubquery {
                expr: value,
                subquery,
                negated,
            } => {
                let found = self.in_query(value, subquery, context, at)?;
                negated_if(*negated, found)
            }
            Expr::Subquery(query) => self.single_value(query, context, at)?,
            Expr::Like {
                negated,
                any: false,
                expr: value,
                pattern,
                escape_char,
            } => {
                let found = self.like(value, pattern, escape_char.as_ref(), false, context, at)?;
                negated_if(*negated, found)
            }
            Expr::ILike {
                negated,
                any: false,
                expr: value,
                pattern,
                escape_char,
            } => {
                let found = self.like(value, pattern, escape_char.as_ref(), true, context, at)?;
                negated_if(*negated, found)
            }
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                let operand = operand
                    .as_ref()
                    .map(|operand| self.scalar(operand, context))
                    .transpose()?;
                let mut branches = Vec::new();
                for branch in conditions {
                    let when = match &operand {
                        None => self.condition(
                            &branch.condition,
                            Context {
                                clause: "CASE",
                                ..context
                            },
                        )?,
                        Some(operand) => {
                            let value = self.scalar(&branch.condition, context)?;
                            self.compare(
                                Comparison::Equal,
                                operand.clone(),
                                value,
                                place(&branch.condition),
                            )?
                        }
                    };
                    branches.push((when, self.scalar(&branch.result, context)?));
                }
                let otherwise = match else_result {
                    Some(otherwise) => self.scalar(otherwise, context)?,
                    None => Scalar::constant(Value::Null, Type::Unknown),
                };
                // Postgres considers the type of the last result first.
                let mut results = vec![otherwise];
                results.extend(branches.iter().map(|(_, then)| then.clone()));
                let (kind, collation, mut results) = self.brought_together(results, expr)?;
                let otherwise = results.remove(0);
                let branches = branches.into_iter().zip(results);
                Scalar {
                    node: Node::Case(
                        branches.map(|((when, _), then)| (when, then)).collect(),
                        Box::new(otherwise),
                    ),
                    kind,
                    collation,
                    at,
                }
            }
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr: inner,
                data_type,
                array: false,
                format: None,
            } => {
                let value = self.scalar(inner, context)?;
                self.cast_to(value, data_type, expr)?
            }
            Expr::Collate {
                expr: inner,
                collation,
            } => {
                let value = self.scalar(inner, context)?;
                let name = collation
                    .0
                    .last()
                    .and_then(|part| part.as_ident())
                    .map(folded)
                    .unwrap_or_default();
                let letters = match name.as_str() {
                    "C" | "POSIX" | "ucs_basic" => Letters::Ascii,
                    "C.UTF-8" | "C.utf8" | "pg_c_utf8" => Letters::Unicode,
                    _ => {
                        return Err(Refusal::of(
                            expr,
                            "names a collation whose order isn't known here: COLLATE \"C\" is",
                        ));
                    }
                };
                if !value.kind.is_collatable() {
                    return Err(Refusal::of(
                        expr,
                        format!("gives a collation to {}", value.kind),
                    ));
                }
                let kind = match &value.kind {
                    Type::Unknown => Type::Text,
                    kind => kind.clone(),
                };
                Scalar {
                    kind,
                    collation: Derived::Explicit(Arc::new(Collation {
                        name: "C".to_owned(),
                        by_bytes: Some(true),
                        deterministic: true,
                        letters,
                    })),
                    ..value
                }
            }
            Expr::Extract {
                field, expr: inner, ..
            } => {
                let value = self.scalar(inner, context)?;
                let field = extracted(field)
                    .ok_or_else(|| Refusal::of(expr, "takes a field that is not on the list"))?;
                if value.kind != Type::Any && !list::extracts(field, &value.kind) {
                    return Err(Refusal::of(
                        expr,
                        format!(
                            "takes a field that {} does not have, or that is not on the list",
                            value.kind
                        ),
                    ));
                }
                let scale = if matches!(field, Field::Second | Field::Epoch) {
                    6
                } else {
                    0
                };
                of(Function::Extract(field), value, Type::Numeric(scale))
            }
            Expr::Ceil { expr: inner, field } | Expr::Floor { expr: inner, field } => {
                if !matches!(
                    field,
                    CeilFloorKind::DateTimeField(DateTimeField::NoDateTime)
                ) {
                    return Err(Refusal::of(expr, "is not on the list"));
                }
                let name = if matches!(expr, Expr::Ceil { .. }) {
                    "ceil"
                } else {
                    "floor"
                };
                let value = self.scalar(inner, context)?;
                self.called(name, vec![value], expr)?
            }
            Expr::Position { expr: part, r#in } => {
                let (part, whole) = (self.scalar(part, context)?, self.scalar(r#in, context)?);
                self.called("strpos", vec![whole, part], expr)?
            }
            Expr::Substring {
                expr: inner,
                substring_from: Some(from),
                substring_for,
                ..
            } => {
                let mut arguments = vec![self.scalar(inner, context)?, self.scalar(from, context)?];
                if let Some(count) = substring_for {
                    arguments.push(self.scalar(count, context)?);
                }
                self.called("substring", arguments, expr)?
            }
            Expr::Trim {
                trim_where,
                trim_what,
                expr: inner,
                trim_characters,
            } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "btrim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                let mut arguments = vec![self.scalar(inner, context)?];
                for what in trim_what
                    .iter()
                    .map(|what| &**what)
                    .chain(trim_characters.iter().flatten())
                {
                    arguments.push(self.scalar(what, context)?);
                }
                self.called(name, arguments, expr)?
            }
            Expr::Function(function) => self.function(expr, function, context)?,
            Expr::Exists { subquery, negated } => {
                let found = self.exists(subquery, context, at)?;
                negated_if(*negated, found)
            }
            other => {
                return Err(Refusal::of(
                    other,
                    "is not on the list of what is known to give the same as in Postgres",
                ));
            }
        })
    }

    fn column(
        &mut self,
        table: Option<Of<'_>>,
        name: &Ident,
        context: Context<'_>,
    ) -> Result<Scalar> {
        if table.is_none() && name.quote_style.is_none() && is_reserved(&name.value) {
            return Err(Refusal::at(
                place_of(name),
                format!(
                    "`{name}` is a word of SQL's own, and not on the list: a column of the name is written in quotes"
                ),
            ));
        }
        let of = |scope: &Scope| match table {
            None => scope.column(name),
            Some(table) => scope.qualified(table, name),
        };
        if let Some(found) = of(context.scope)? {
            return Ok(found);
        }
        let written = match table {
            Some(table) => format!("{table}.{name}"),
            None => name.to_string(),
        };
        let at = table.map_or_else(|| place_of(name), Of::at);
        if let Some(around) = self.outer.last().filter(|around| around.in_where)
            && let Some(found) = of(&around.scope)?
        {
            return Ok(found.replaced(&|part| match part.node {
                Node::Column(column) => Some(Node::Outer(column)),
                _ => None,
            }));
        }
        let is_outer = self
            .outer
            .iter()
            .any(|around| matches!(of(&around.scope), Ok(Some(_))));
        Err(Refusal::at(
            at,
            match (is_outer, table) {
                (true, _) => format!(
                    "`{written}` is of an outer query: a sub-select may use only columns of the query directly around \
                     it, and only in its own WHERE; join the tables"
                ),
                (false, Some(table)) => {
                    format!("`{written}`: no table of FROM is called `{table}`")
                }
                (false, None) => format!(
                    "column `{written}` does not exist{}",
                    context.scope.meant(name)
                ),
            },
        ))
    }

    fn truth(&mut self, expr: &Expr, context: Context<'_>) -> Result<Scalar> {
        self.condition(
            expr,
            Context {
                clause: "IS",
                ..context
            },
        )
    }

    fn distinct(
        &mut self,
        function: Function,
        left: &Expr,
        right: &Expr,
        context: Context<'_>,
        at: Place,
    ) -> Result<Scalar> {
        if is_swallowed(right) {
            return Err(Refusal::of(
                right,
                "follows DISTINCT FROM without brackets, and where its right side ends is not known: write (… IS DISTINCT \
                 FROM …) in brackets",
            ));
        }
        let (left, right) = (self.scalar(left, context)?, self.scalar(right, context)?);
        let sides = self.comparable(Comparison::Equal, left, right, at)?;
        Ok(Scalar::call(function, sides.into(), Type::Boolean).at(at))
    }

    fn binary(
        &mut self,
        expr: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        context: Context<'_>,
    ) -> Result<Scalar> {
        let at = place(expr);
        if let BinaryOperator::And | BinaryOperator::Or = op {
            // Long chains of AND or OR are common; they are not nested deeper than their longest part.
            let mut parts = Vec::new();
            for side in chain(expr, op) {
                parts.push(self.condition(
                    side,
                    Context {
                        clause: "AND or OR",
                        ..context
                    },
                )?);
            }
            let is_and = matches!(op, BinaryOperator::And);
            return Ok(logic(
                if is_and {
                    Node::And(parts)
                } else {
                    Node::Or(parts)
                },
                at,
            ));
        }
        if let Some(moved) = self.moved(expr, left, op, right, context)? {
            return Ok(moved);
        }
        let sign = op.to_string();
        let known = list::comparison(&sign).is_some()
            || list::FUNCTIONS.iter().any(|entry| entry.name == sign);
        if !known {
            return Err(Refusal::of(
                expr,
                format!("has the operator `{sign}`, which is not on the list"),
            ));
        }
        let (left, right) = (self.scalar(left, context)?, self.scalar(right, context)?);
        match list::comparison(&sign) {
            Some(comparison) => self.compare(comparison, left, right, at),
            None => self.called(&sign, vec![left, right], expr),
        }
    }

    fn unary(
        &mut self,
        expr: &Expr,
        op: UnaryOperator,
        inner: &Expr,
        context: Context<'_>,
    ) -> Result<Scalar> {
        match op {
            UnaryOperator::Not => {
                let value = self.condition(
                    inner,
                    Context {
                        clause: "NOT",
                        ..context
                    },
                )?;
                Ok(negated_if(true, value))
            }
            UnaryOperator::Minus => {
                // The sign belongs to the number, since it decides its type.
                if let Some(number) = number_of(inner) {
                    let (value, kind) =
                        literal::number(number, true).map_err(|why| Refusal::of(expr, why))?;
                    return Ok(Scalar::constant(value, kind).at(place(expr)));
                }
                let value = self.scalar(inner, context)?;
                self.called("-", vec![value], expr)
            }
            UnaryOperator::Plus => {
                let value = self.scalar(inner, context)?;
                match value.kind.is_number() || value.kind == Type::Any {
                    true => Ok(value),
                    false => Err(Refusal::of(expr, format!("has the sign of {}", value.kind))),
                }
            }
            _ => Err(Refusal::of(expr, "has an operator that is not on the list")),
        }
    }
}

fn constant(value: &Literal) -> std::result::Result<Scalar, String> {
    Ok(match value {
        Literal::Number(number, false) => {
            let (value, kind) = literal::number(number, false)?;
            Scalar::constant(value, kind)
        }
        Literal::SingleQuotedString(text) => {
            Scalar::constant(Value::Text(text.clone()), Type::Unknown)
        }
        Literal::Boolean(value) => Scalar::constant(Value::Boolean(*value), Type::Boolean),
        Literal::Null => Scalar::constant(Value::Null, Type::Unknown),
        _ => return Err("is a literal of a kind that is not on the list: write '…'".to_owned()),
    })
}

/// Whether a word without quotes cannot be a column's name, because Postgres reserves it
/// (<https://www.postgresql.org/docs/current/sql-keywords-appendix.html>). Only words that the parser would take for a name are
/// listed.
fn is_reserved(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "authorization",
        "binary",
        "both",
        "case",
        "cast",
        "check",
        "collate",
        "collation",
        "column",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "default",
        "deferrable",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "fetch",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "grant",
        "group",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "intersect",
        "into",
        "is",
        "isnull",
        "join",
        "lateral",
        "leading",
        "left",
        "like",
        "limit",
        "localtime",
        "localtimestamp",
        "natural",
        "not",
        "notnull",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "outer",
        "overlaps",
        "placing",
        "primary",
        "references",
        "returning",
        "right",
        "select",
        "session_user",
        "similar",
        "some",
        "symmetric",
        "system_user",
        "table",
        "tablesample",
        "then",
        "to",
        "trailing",
        "union",
        "unique",
        "user",
        "using",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
    ];
    RESERVED.contains(&word.to_ascii_lowercase().as_str())
}

/// Whether the parser took more as the right side of IS DISTINCT FROM than Postgres does: it takes everything that follows, even
/// operators that bind less tightly than IS.
fn is_swallowed(right: &Expr) -> bool {
    matches!(
        right,
        Expr::BinaryOp {
            op: BinaryOperator::And | BinaryOperator::Or,
            ..
        } | Expr::UnaryOp {
            op: UnaryOperator::Not,
            ..
        } | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
    )
}

/// The digits of a number, which may be in parentheses.
pub(super) fn number_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Nested(inner) => number_of(inner),
        Expr::Value(value) => match &value.value {
            Literal::Number(number, false) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

/// The operands of a chain of one operator, from left to right.
fn chain<'e>(expr: &'e Expr, operator: &BinaryOperator) -> Vec<&'e Expr> {
    let mut operands = Vec::new();
    let mut rest = expr;
    while let Expr::BinaryOp { left, op, right } = rest
        && op == operator
    {
        operands.push(&**right);
        rest = left;
    }
    operands.push(rest);
    operands.reverse();
    operands
}

pub(super) fn logic(node: Node, at: Place) -> Scalar {
    Scalar {
        node,
        kind: Type::Boolean,
        collation: Derived::None,
        at,
    }
}

fn negated_if(negated: bool, value: Scalar) -> Scalar {
    match negated {
        true => {
            let at = value.at;
            Scalar::call(Function::Not, vec![value], Type::Boolean).at(at)
        }
        false => value,
    }
}

fn extracted(field: &DateTimeField) -> Option<Field> {
    match field {
        DateTimeField::Custom(name) => time::field(&name.value),
        DateTimeField::Week(Some(_)) => None,
        field => time::field(&field.to_string()),
    }
}
