//! Resolves functions and operators.

use dataset::Letters;
use sqlparser::ast::{Expr, Function as SqlFunction};

use super::super::list;
use super::super::refusal::{Refusal, Result, place};
use super::super::tree::{Comparison, Derived, Function, Node, Place, Scalar, Value};
use super::super::types::Type;
use super::aggregate::is_aggregate;
use super::arguments::Arguments;
use super::coerce::cast;
use super::numerics;
use super::resolver::{Context, Resolver};
use crate::model::identifier::folded;

impl Resolver<'_> {
    /// Resolves a call that is written with parentheses.
    pub(super) fn function(
        &mut self,
        expr: &Expr,
        function: &SqlFunction,
        context: Context<'_>,
    ) -> Result<Scalar> {
        let name = match function.name.0.as_slice() {
            // A quoted name is never one of SQL's own constructs.
            [part] => part
                .as_ident()
                .filter(|name| name.quote_style.is_none())
                .map(folded),
            _ => None,
        };
        let refused = || {
            Refusal::of(
                expr,
                "is not on the list of what is known to give the same as in Postgres",
            )
        };
        let name = name.ok_or_else(refused)?;
        let arguments = Arguments::of(function).ok_or_else(refused)?;
        if !function.within_group.is_empty()
            || function.null_treatment.is_some()
            || function.uses_odbc_syntax
        {
            return Err(refused());
        }
        if let Some(over) = &function.over {
            return self.window(
                expr,
                &name,
                &arguments,
                function.filter.as_deref(),
                over,
                context,
            );
        }
        if is_aggregate(&name) {
            return self.aggregate_of_groups(
                expr,
                &name,
                &arguments,
                function.filter.as_deref(),
                context,
            );
        }
        if arguments.is_star || arguments.is_distinct || function.filter.is_some() {
            return Err(refused());
        }
        if !is_known(&name) {
            return Err(Refusal::of(
                expr,
                format!(
                    "calls `{name}`, which is not on the list of what is known to give the same as in Postgres"
                ),
            ));
        }
        let values = arguments
            .values
            .iter()
            .map(|value| self.scalar(value, context))
            .collect::<Result<Vec<_>>>()?;
        let at = place(expr);
        match (name.as_str(), values.len()) {
            ("coalesce", 1..) => {
                let (kind, collation, parts) = self.brought_together(values, expr)?;
                Ok(Scalar {
                    node: Node::Coalesce(parts),
                    kind,
                    collation,
                    at,
                })
            }
            ("greatest" | "least", 1..) => {
                let (kind, collation, parts) = self.brought_together(values, expr)?;
                self.check_order(&kind, &parts.iter().collect::<Vec<_>>(), at)?;
                let function = if name == "greatest" {
                    Function::Greatest
                } else {
                    Function::Least
                };
                Ok(Scalar {
                    collation,
                    ..Scalar::call(function, parts, kind).at(at)
                })
            }
            ("nullif", 2) => {
                let [value, other]: [Scalar; 2] = values.try_into().map_err(|_| refused())?;
                let [kept, other] = self.comparable(Comparison::Equal, value.clone(), other, at)?;
                if value.kind == Type::Char {
                    return Err(Refusal::of(
                        expr,
                        "has a result of char(n): cast it to text",
                    ));
                }
                let is_equal = Scalar::call(
                    Function::Compare(Comparison::Equal),
                    vec![kept.clone(), other],
                    Type::Boolean,
                )
                .at(at);
                // For some pairs of types, Postgres compares the values unconverted, and then gives the first one unconverted.
                let kept = match list::compared(&value.kind, &is_equal.parts()[1].kind) {
                    Some([takes, _]) if takes.is(&value.kind) => value,
                    _ => kept,
                };
                let kind = kept.kind.clone();
                let null = Scalar::constant(Value::Null, kind.clone());
                Ok(Scalar {
                    collation: kept.collation.clone(),
                    node: Node::Case(vec![(is_equal, null)], Box::new(kept)),
                    kind,
                    at,
                })
            }
            ("concat", 1..) | ("concat_ws", 2..) => self.concatenated(expr, &name, values),
            ("date_trunc" | "date_part" | "to_char", 2) => self.of_time(expr, &name, values),
            _ => self.called(&name, values, expr),
        }
    }

    /// Resolves a call of the list's entry for this name and these arguments.
    pub(super) fn called(
        &mut self,
        name: &str,
        arguments: Vec<Scalar>,
        expr: &Expr,
    ) -> Result<Scalar> {
        let at = place(expr);
        // A char(n) that is concatenated with a text loses the blanks at its end.
        let is_put = |kind: &Type| kind.is_text() || matches!(kind, Type::Char | Type::Unknown);
        let is_put = arguments.iter().any(|argument| is_put(&argument.kind));
        let as_text = |argument: Scalar| match &argument.kind {
            kind if name == "||" && is_put && is_put_to_text(kind) => cast(argument, Type::Text),
            _ => argument,
        };
        let arguments: Vec<Scalar> = arguments.into_iter().map(as_text).collect();
        let kinds: Vec<Type> = arguments
            .iter()
            .map(|argument| argument.kind.clone())
            .collect();
        if kinds.contains(&Type::Any) {
            return Ok(Scalar::call(Function::Untyped, arguments, Type::Any).at(at));
        }
        let is_operator = !name.starts_with(|first: char| first.is_ascii_alphabetic());
        let shown: Vec<String> = kinds.iter().map(Type::to_string).collect();
        let refused = |way: &str| {
            Refusal::of(
                expr,
                format!(
                    "computes `{name}` of {}, which is not on the list{way}",
                    shown.join(" and ")
                ),
            )
        };
        let entry = list::chosen(name, &kinds, is_operator)
            .ok_or_else(|| refused(": cast the arguments"))?;
        if entry.function == Function::Unequal {
            return Err(refused(""));
        }
        let collation = self.collation_of(&arguments.iter().collect::<Vec<_>>(), at)?;
        let taken = arguments.into_iter().zip(entry.takes);
        let mut arguments = Vec::new();
        for (argument, takes) in taken {
            arguments.push(match (takes, &argument.kind) {
                (takes, kind) if takes.is(kind) => argument,
                (takes, _) => self.cast_implicitly(argument, &takes.kind())?,
            });
        }
        let mut gives = entry.gives.kind();
        match entry.function {
            Function::Upper | Function::Lower | Function::Initcap => {
                let parts: Vec<_> = arguments.iter().collect();
                let collation = self.text_collation(&Type::Text, &parts, at)?;
                let is_icu = collation.is_some_and(|of| of.letters == Letters::Icu);
                if entry.function == Function::Initcap && is_icu {
                    return Err(Refusal::at(
                        at,
                        "INITCAP splits words as ICU does, and it is not known here where that is",
                    ));
                }
                let letters = self.letters(&parts, at)?;
                arguments.push(letters);
            }
            Function::Position | Function::Replace | Function::StartsWith | Function::SplitPart => {
                self.check_equality(&Type::Text, &arguments.iter().collect::<Vec<_>>(), at)?;
            }
            _ => {}
        }
        if gives == Type::Numeric(0) {
            (gives, arguments) = numerics::given(entry.function, arguments).map_err(refused)?;
        }
        if gives == Type::Double {
            arguments = arguments
                .into_iter()
                .map(|argument| cast(argument, Type::Double))
                .collect();
        }
        let collation = if gives.is_collatable() {
            collation
        } else {
            Derived::None
        };
        Ok(Scalar {
            collation,
            ..Scalar::call(entry.function, arguments, gives).at(at)
        })
    }

    /// Which letters have upper and lower case, as an argument: true for all of Unicode, false for A to Z.
    pub(super) fn letters(&self, parts: &[&Scalar], at: Place) -> Result<Scalar> {
        let collation = self.text_collation(&Type::Text, parts, at)?;
        let has_all = match collation.map(|collation| collation.letters) {
            Some(Letters::Ascii) => false,
            Some(Letters::Unicode | Letters::Icu) | None => true,
            Some(Letters::Other) => {
                return Err(Refusal::at(
                    at,
                    "the letters of the database's language are not known here",
                ));
            }
        };
        Ok(Scalar::constant(Value::Boolean(has_all), Type::Boolean))
    }

    fn concatenated(&mut self, expr: &Expr, name: &str, values: Vec<Scalar>) -> Result<Scalar> {
        let collation = self.collation_of(&values.iter().collect::<Vec<_>>(), place(expr))?;
        let mut parts = Vec::new();
        for value in values {
            let part = match &value.kind {
                Type::Any
                | Type::Text
                | Type::Varchar
                | Type::Char
                | Type::Enum(_)
                | Type::Uuid => value,
                Type::Unknown => self.cast_implicitly(value, &Type::Text)?,
                // Only here a boolean would be written as `t` or `f`.
                kind if is_put_to_text(kind) && *kind != Type::Boolean => cast(value, Type::Text),
                kind => {
                    return Err(Refusal::of(
                        expr,
                        format!(
                            "puts {kind} into a text, which is not on the list: cast it to text"
                        ),
                    ));
                }
            };
            parts.push(part);
        }
        if name == "concat_ws"
            && parts
                .first()
                .is_some_and(|separator| !separator.kind.is_text() && separator.kind != Type::Any)
        {
            return Err(Refusal::of(expr, "has a separator that is not text"));
        }
        let function = if name == "concat" {
            Function::Concat
        } else {
            Function::ConcatWs
        };
        Ok(Scalar {
            collation,
            ..Scalar::call(function, parts, Type::Text).at(place(expr))
        })
    }
}

/// Whether a value of a type that isn't text can be concatenated with a text, as its cast to text.
fn is_put_to_text(kind: &Type) -> bool {
    !kind.is_text() && list::casts(kind, &Type::Text)
}

/// Whether the list has a function of this name for any arguments.
fn is_known(name: &str) -> bool {
    let by_name = [
        "coalesce",
        "greatest",
        "least",
        "nullif",
        "concat",
        "concat_ws",
        "date_trunc",
        "date_part",
        "to_char",
    ];
    by_name.contains(&name) || list::FUNCTIONS.iter().any(|entry| entry.name == name)
}
