//! Writes expressions as Spark's SQL: each so that it gives what Postgres gives, or it is refused.

use super::scope::{Scope, checked, spark_type};
use super::writer::Writer;
use super::{arithmetic, cast, constant, text, time};
use crate::model::refusal::{Refusal, Result};
use crate::model::tree::{Asked, Comparison, Function, Node, Place, Scalar};
use crate::model::types::{Held, Type};

impl Writer<'_> {
    /// Writes an expression.
    pub(super) fn scalar(&mut self, scalar: &Scalar, scope: &Scope) -> Result<String> {
        let at = scalar.at;
        let kind = spark_type(&scalar.kind, at)?;
        Ok(match &scalar.node {
            Node::Column(index) => match scope.column(*index) {
                Some(column) => column.to_owned(),
                None => return Err(Refusal::at(at, "a column is out of place")),
            },
            Node::Constant(value) => constant::of(value, &scalar.kind).ok_or_else(|| {
                Refusal::at(at, format!("Spark has no constant of type {}", scalar.kind))
            })?,
            Node::And(parts) => self.all(parts, " AND ", scope)?,
            Node::Or(parts) => self.all(parts, " OR ", scope)?,
            Node::Case(branches, otherwise) => {
                let mut sql = "CASE".to_owned();
                for (when, then) in branches {
                    let when = self.scalar(when, scope)?;
                    sql += &format!(" WHEN {when} THEN {}", self.scalar(then, scope)?);
                }
                let otherwise = self.scalar(otherwise, scope)?;
                format!("CAST({sql} ELSE {otherwise} END AS {kind})")
            }
            Node::Coalesce(parts) => {
                let parts = self.scalars(parts, scope)?.join(", ");
                format!("CAST(coalesce({parts}) AS {kind})")
            }
            Node::Query(relation) => {
                let alias = self.alias();
                let from = self.relation(relation)?;
                format!("(SELECT {alias}.c0 FROM (\n{from}\n) AS {alias})")
            }
            Node::Correlated(of) => match (&of.asked, scope.alias(of)) {
                (Asked::Value(none), Some(alias)) => {
                    let none = self.scalar(none, &Scope::default())?;
                    checked(
                        &format!("{alias}.several > 1"),
                        "a sub-select that stands for one value gives several rows",
                        &format!(
                            "CASE WHEN {alias}.several = 1 THEN {alias}.value ELSE {none} END"
                        ),
                    )
                }
                _ => return Err(asks(at, "EXISTS")),
            },
            Node::In(..) => return Err(asks(at, "IN")),
            Node::Call(function, arguments) => {
                self.call(*function, arguments, scalar, &kind, scope)?
            }
            Node::Outer(_) | Node::Aggregate(_) | Node::Window(_) => {
                return Err(Refusal::at(at, "it is not resolved"));
            }
        })
    }

    /// Writes several expressions.
    pub(super) fn scalars(&mut self, scalars: &[Scalar], scope: &Scope) -> Result<Vec<String>> {
        let scalars = scalars.iter();
        scalars.map(|scalar| self.scalar(scalar, scope)).collect()
    }

    fn all(&mut self, parts: &[Scalar], between: &str, scope: &Scope) -> Result<String> {
        Ok(format!("({})", self.scalars(parts, scope)?.join(between)))
    }

    /// Writes a call.
    fn call(
        &mut self,
        function: Function,
        arguments: &[Scalar],
        whole: &Scalar,
        kind: &str,
        scope: &Scope,
    ) -> Result<String> {
        let values = self.scalars(arguments, scope)?;
        let one = values.first().map_or("", String::as_str);
        Ok(match function {
            Function::Compare(comparison) => {
                let sign = match comparison {
                    Comparison::Equal => "=",
                    Comparison::NotEqual => "<>",
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                };
                self.compared(sign, arguments, &values)?
            }
            Function::Distinct => format!("(NOT {})", self.compared("<=>", arguments, &values)?),
            Function::NotDistinct => self.compared("<=>", arguments, &values)?,
            Function::Not => format!("(NOT {one})"),
            Function::IsNull => format!("({one} IS NULL)"),
            Function::IsNotNull => format!("({one} IS NOT NULL)"),
            Function::IsTrue => format!("({one} IS TRUE)"),
            Function::IsNotTrue => format!("({one} IS NOT TRUE)"),
            Function::IsFalse => format!("({one} IS FALSE)"),
            Function::IsNotFalse => format!("({one} IS NOT FALSE)"),
            Function::Greatest | Function::Least if values.len() == 1 => values[0].clone(),
            Function::Greatest => format!("CAST(greatest({}) AS {kind})", values.join(", ")),
            Function::Least => format!("CAST(least({}) AS {kind})", values.join(", ")),
            Function::Cast | Function::CastNumeric(_) => {
                cast::cast(function, &arguments[0], one, whole)?
            }
            Function::Extract(_)
            | Function::DatePart(_)
            | Function::ToChar
            | Function::TruncateTime(_)
            | Function::Move(_) => time::call(function, arguments, &values, whole, kind)?,
            Function::Add
            | Function::Subtract
            | Function::Multiply
            | Function::Divide
            | Function::Modulo
            | Function::Negate
            | Function::Absolute
            | Function::Sign
            | Function::Round
            | Function::Truncate
            | Function::Ceiling
            | Function::Floor => arithmetic::call(function, arguments, &values, whole, kind)?,
            Function::Untyped | Function::Unequal => {
                return Err(Refusal::at(
                    whole.at,
                    "it is not known to be what Postgres gives",
                ));
            }
            _ => text::call(function, arguments, &values, whole)?,
        })
    }

    fn compared(&self, sign: &str, arguments: &[Scalar], values: &[String]) -> Result<String> {
        self.check_comparable(&arguments[0], &arguments[1])?;
        // Blanks at the end of a char(n) don't count.
        let [one, other] = [0, 1].map(|at| match arguments[at].kind {
            Type::Char => format!("rtrim({})", values[at]),
            _ => values[at].clone(),
        });
        Ok(format!("({one} {sign} {other})"))
    }

    /// Refuses comparisons where Spark would convert to another type than Postgres does.
    pub(super) fn check_comparable(&self, one: &Scalar, other: &Scalar) -> Result<()> {
        let is_exact = |of: &Scalar| of.kind.is_integer() || of.kind.is_numeric();
        let is_day =
            |of: &Scalar| matches!(of.kind.held(), Held::Dates) || of.kind == Type::Timestamp;
        let alike = one.kind.held() == other.kind.held()
            && (one.kind.held() != Held::Integers || one.kind == other.kind)
            || is_exact(one) && is_exact(other)
            || is_day(one) && is_day(other);
        match alike {
            true => Ok(()),
            false => Err(Refusal::at(
                one.at,
                format!(
                    "{} and {} are not known to be compared in Spark as in Postgres: cast one of them",
                    one.kind, other.kind
                ),
            )),
        }
    }
}

fn asks(at: Place, what: &str) -> Refusal {
    Refusal::at(
        at,
        format!(
            "{what} of a sub-select is known to give in Spark what Postgres gives only where it stands in WHERE alone \
             or joined by AND, with or without NOT: write it so, or run this model with --engine polars"
        ),
    )
}
