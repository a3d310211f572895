//! Resolves aggregates, of groups and over windows.

use sqlparser::ast::Expr;

use super::super::list::{self, T};
use super::super::refusal::{Refusal, Result, place};
use super::super::tree::{Aggregate, AggregateFunction, Derived, Node, Scalar};
use super::super::types::Type;
use super::arguments::Arguments;
use super::coerce::cast;
use super::resolver::{Context, Resolver};

impl Resolver<'_> {
    pub(super) fn aggregate_of_groups(
        &mut self,
        expr: &Expr,
        name: &str,
        arguments: &Arguments<'_>,
        filter: Option<&Expr>,
        context: Context<'_>,
    ) -> Result<Scalar> {
        if !context.aggregates {
            return Err(Refusal::of(
                expr,
                format!("is an aggregate, which {} cannot have", context.clause),
            ));
        }
        let inside = Context {
            clause: "an aggregate",
            aggregates: false,
            windows: false,
            ..context
        };
        let (aggregate, collation) = self.aggregate(expr, name, arguments, filter, inside)?;
        Ok(Scalar {
            kind: aggregate.kind.clone(),
            node: Node::Aggregate(Box::new(aggregate)),
            collation,
            at: place(expr),
        })
    }

    /// Resolves an aggregate of groups or over a window.
    pub(super) fn aggregate(
        &mut self,
        expr: &Expr,
        name: &str,
        arguments: &Arguments<'_>,
        filter: Option<&Expr>,
        inside: Context<'_>,
    ) -> Result<(Aggregate, Derived)> {
        let filter = filter
            .map(|filter| {
                self.condition(
                    filter,
                    Context {
                        clause: "FILTER",
                        ..inside
                    },
                )
            })
            .transpose()?;
        let of = |function, argument, kind| Aggregate {
            function,
            argument,
            distinct: arguments.is_distinct,
            filter,
            kind,
        };
        let argument = match (arguments.is_star, arguments.values.as_slice()) {
            (true, []) if name == "count" => {
                return Ok((
                    of(AggregateFunction::Count, None, Type::BigInt),
                    Derived::None,
                ));
            }
            (false, [argument]) => self.scalar(argument, inside)?,
            _ => return Err(Refusal::of(expr, "takes one argument")),
        };
        let at = place(expr);
        if arguments.is_distinct {
            self.check_equality(&argument.kind, &[&argument], at)?;
        }
        if name == "count" {
            return Ok((
                of(AggregateFunction::Count, Some(argument), Type::BigInt),
                Derived::None,
            ));
        }
        if argument.kind == Type::Any {
            let function = AggregateFunction::Min;
            return Ok((of(function, Some(argument), Type::Any), Derived::None));
        }
        let entry = list::AGGREGATES
            .iter()
            .find(|(known, takes, ..)| *known == name && takes.is(&argument.kind));
        let Some((_, _, gives, function)) = entry else {
            let way = match argument.kind {
                Type::Char => ": cast it to text",
                _ => "",
            };
            return Err(Refusal::of(
                expr,
                format!(
                    "is `{name}` of {}, which is not on the list{way}",
                    argument.kind
                ),
            ));
        };
        if matches!(function, AggregateFunction::Min | AggregateFunction::Max) {
            self.check_order(&argument.kind, &[&argument], at)?;
        }
        if arguments.is_distinct && matches!(argument.kind, Type::Real | Type::Double) {
            return Err(Refusal::of(
                expr,
                "adds different floats in an order that isn't known",
            ));
        }
        let kind = match (gives, &argument.kind) {
            (T::Numeric, _) if *function == AggregateFunction::Mean => Type::Unconstrained,
            (T::Numeric, kind) if kind.is_numeric() => kind.clone(),
            (T::Text, kind) => kind.clone(),
            (gives, _) => gives.kind(),
        };
        let collation = if kind.is_collatable() {
            argument.collation.clone()
        } else {
            Derived::None
        };
        // Sums of integers have a wider type than their argument.
        let argument = match (function, &kind) {
            (AggregateFunction::Sum, kind) if kind.scale().is_some() => {
                cast(argument, kind.clone())
            }
            _ => argument,
        };
        Ok((of(*function, Some(argument), kind), collation))
    }
}

/// Whether the list has an aggregate of this name.
pub(super) fn is_aggregate(name: &str) -> bool {
    name == "count" || list::AGGREGATES.iter().any(|(known, ..)| *known == name)
}
