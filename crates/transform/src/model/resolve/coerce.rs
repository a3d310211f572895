//! Finds types and collations where values are compared or combined.

use std::sync::Arc;

use dataset::Collation;
use dataset::calendar::DAY_MICROSECONDS;

use super::super::list::{self, T};
use super::super::literal;
use super::super::refusal::{Refusal, Result};
use super::super::tree::{Comparison, Derived, Function, Node, Place, Relation, Scalar, Value};
use super::super::types::Type;
use super::resolver::Resolver;

impl Resolver<'_> {
    /// Resolves a comparison.
    pub(super) fn compare(
        &self,
        comparison: Comparison,
        left: Scalar,
        right: Scalar,
        at: Place,
    ) -> Result<Scalar> {
        let sides = self.comparable(comparison, left, right, at)?;
        Ok(Scalar::call(Function::Compare(comparison), sides.into(), Type::Boolean).at(at))
    }

    /// Brings both sides of a comparison to the types that it takes.
    pub(super) fn comparable(
        &self,
        comparison: Comparison,
        left: Scalar,
        right: Scalar,
        at: Place,
    ) -> Result<[Scalar; 2]> {
        let refused = |why: &str| {
            Refusal::at(
                at,
                format!(
                    "a comparison of {} with {} is not on the list{why}",
                    left.kind, right.kind
                ),
            )
        };
        if left.kind == Type::Any || right.kind == Type::Any {
            return Ok([left, right]);
        }
        if let Some(pair) = enums(&left, &right) {
            let (left, right) = pair.map_err(|why| Refusal::at(at, why))?;
            if comparison.is_of_order() {
                return Err(Refusal::at(
                    at,
                    "enums are in the order of their labels: only `=` and `<>` compare them here",
                ));
            }
            return Ok([left, right]);
        }
        if matches!(
            (&left.kind, &right.kind),
            (Type::Char, Type::Varchar) | (Type::Varchar, Type::Char)
        ) {
            return Err(refused(
                ": cast the char(n) to text, and blanks at the end of the varchar matter",
            ));
        }
        let Some([one, other]) = list::compared(&left.kind, &right.kind) else {
            let is_opaque = [&left, &right].iter().any(|it| it.kind == Type::Opaque);
            return Err(refused(match is_opaque {
                true => "",
                false => ": cast one of them",
            }));
        };
        let kinds = [one, other].map(|side| match side {
            // A char(n) is compared without the blanks at its end.
            T::Char => Type::Text,
            side => side.kind(),
        });
        match comparison.is_of_order() {
            true => self.check_order(&kinds[0], &[&left, &right], at)?,
            false => self.check_equality(&kinds[0], &[&left, &right], at)?,
        }
        // A literal that is compared with a char(n) loses the blanks at its end too.
        let (left, right) = match (one, other) {
            (T::Char, T::Char) => (
                self.cast_implicitly(left, &Type::Char)?,
                self.cast_implicitly(right, &Type::Char)?,
            ),
            _ => (left, right),
        };
        let [one, other] = kinds;
        let (left, right) = (
            self.cast_implicitly(left, &one)?,
            self.cast_implicitly(right, &other)?,
        );
        Ok(match (&left.kind, &right.kind) {
            (a, b) if a.is_numeric() && b.is_numeric() => {
                let kind = match (a.scale(), b.scale()) {
                    (Some(a), Some(b)) if a == b => return Ok([left, right]),
                    (Some(a), Some(b)) => Type::NumericUpTo(a.max(b)),
                    _ => Type::Unconstrained,
                };
                [cast(left, kind.clone()), cast(right, kind)]
            }
            (Type::Real, Type::Double) | (Type::Double, Type::Real) => {
                [cast(left, Type::Double), cast(right, Type::Double)]
            }
            (Type::Date, Type::Timestamp) | (Type::Timestamp, Type::Date) => {
                match (midnight(&left), midnight(&right)) {
                    (None, Some(day)) if left.kind == Type::Date => return Ok([left, day]),
                    (Some(day), None) if right.kind == Type::Date => return Ok([day, right]),
                    _ => {}
                }
                [cast(left, Type::Timestamp), cast(right, Type::Timestamp)]
            }
            (Type::TimestampTz, Type::Date | Type::Timestamp)
            | (Type::Date | Type::Timestamp, Type::TimestampTz) => [
                cast(left, Type::TimestampTz),
                cast(right, Type::TimestampTz),
            ],
            _ => [left, right],
        })
    }

    /// Casts an expression implicitly to a type. A numeric keeps its scale if it has more digits, or if each value has its own.
    pub(super) fn cast_implicitly(&self, value: Scalar, to: &Type) -> Result<Scalar> {
        if value.kind == *to || *to == Type::Any || value.kind == Type::Any {
            return Ok(value);
        }
        let refused = || {
            Refusal::at(
                value.at,
                match value.kind {
                    Type::Opaque => format!("{} is not converted to {to}", value.kind),
                    _ => format!("{} is not converted to {to}: cast it", value.kind),
                },
            )
        };
        if value.kind == Type::Unknown {
            let (found, kind) = match &value.node {
                Node::Constant(Value::Null) => (Value::Null, to.clone()),
                Node::Constant(Value::Text(text)) => {
                    literal::quoted(text, to).map_err(|why| Refusal::at(value.at, why))?
                }
                _ if to.is_text() => {
                    return Ok(Scalar {
                        kind: to.clone(),
                        ..value
                    });
                }
                _ => return Err(refused()),
            };
            let literal = Scalar::constant(found, kind).at(value.at);
            return match literal.kind.is_numeric() {
                true => self.cast_implicitly(literal, to),
                false => Ok(literal),
            };
        }
        match (value.kind.scale(), to.scale()) {
            (Some(own), Some(of)) if own >= of => return Ok(value),
            // Postgres doesn't show the digits that are added here.
            (own, Some(of)) if of > 0 && (own.is_some() || value.kind.is_integer()) => {
                return Ok(cast(value, Type::NumericUpTo(of)));
            }
            (None, Some(_)) if value.kind == Type::Unconstrained => return Ok(value),
            _ => {}
        }
        match (&value.kind, to) {
            (Type::NumericUpTo(_), Type::Unconstrained) => Err(Refusal::at(
                value.at,
                "is a numeric for which it isn't known how many digits after the point Postgres shows, while another \
                 here has a fixed number: cast it to numeric(p,s)",
            )),
            (from, to) if from.casts_to(to) => Ok(cast(value, to.clone())),
            _ => Err(refused()),
        }
    }

    /// The collation of what several expressions are combined into.
    ///
    /// # Errors
    /// If COLLATE names two different ones.
    pub(super) fn collation_of(&self, parts: &[&Scalar], at: Place) -> Result<Derived> {
        let mut derived = Derived::None;
        for part in parts {
            derived = derived.with(&part.collation).ok_or_else(|| {
                Refusal::at(
                    at,
                    "two collations are named for texts that are used together",
                )
            })?;
        }
        Ok(derived)
    }

    /// Checks that values of a type can be compared for equality as in Postgres.
    pub(super) fn check_equality(&self, kind: &Type, parts: &[&Scalar], at: Place) -> Result<()> {
        if !kind.has_equality() {
            return Err(Refusal::at(
                at,
                format!(
                    "values of {kind} cannot be compared: cast them to text in the database, by a view"
                ),
            ));
        }
        let derived = match kind.is_collatable() {
            true => self.collation_of(parts, at)?,
            false => Derived::None,
        };
        // The database's collation, which is always deterministic, applies.
        if derived == Derived::None {
            return Ok(());
        }
        if let Some(collation) = self.text_collation(kind, parts, at)?
            && !collation.deterministic
        {
            return Err(Refusal::at(
                at,
                format!(
                    "text is compared by the collation {:?}, for which different texts can be equal: add COLLATE \"C\" if bytes are meant",
                    collation.name
                ),
            ));
        }
        Ok(())
    }

    /// Checks that values of a type are ordered as in Postgres.
    pub(super) fn check_order(&self, kind: &Type, parts: &[&Scalar], at: Place) -> Result<()> {
        if !kind.has_order() {
            return Err(Refusal::at(at, format!("{kind} has no order here")));
        }
        let Some(collation) = self.text_collation(kind, parts, at)? else {
            return Ok(());
        };
        if collation.by_bytes == Some(false) {
            return Err(Refusal::at(
                at,
                format!(
                    "text is ordered here by a collation ({}) whose order is not that of bytes: add COLLATE \"C\" to it, or order by another column",
                    match collation.name.as_str() {
                        Collation::DEFAULT => "the database's own",
                        name => name,
                    }
                ),
            ));
        }
        Ok(())
    }

    /// The collation by which text of these parts is compared; `None` for other types.
    pub(super) fn text_collation(
        &self,
        kind: &Type,
        parts: &[&Scalar],
        at: Place,
    ) -> Result<Option<Arc<Collation>>> {
        if !kind.is_collatable() || *kind == Type::Any {
            return Ok(None);
        }
        let derived = self.collation_of(parts, at)?;
        if derived == Derived::Conflict {
            return Err(Refusal::at(
                at,
                "columns of different collations meet: name one with COLLATE",
            ));
        }
        match self.catalog.collation(&derived) {
            Some(collation) => Ok(Some(collation)),
            None if self.catalog.is_offline() => Ok(None),
            None => Err(Refusal::at(
                at,
                "the collation of text without a column isn't known: add COLLATE \"C\"",
            )),
        }
    }
}

/// The date of a constant timestamp at midnight: comparing a date with it is the same as comparing it with the timestamp.
fn midnight(scalar: &Scalar) -> Option<Scalar> {
    match (&scalar.node, &scalar.kind) {
        (Node::Constant(Value::Integer(moment)), Type::Timestamp)
            if moment.rem_euclid(DAY_MICROSECONDS) == 0 =>
        {
            let day = i32::try_from(moment.div_euclid(DAY_MICROSECONDS)).ok()?;
            Some(Scalar::constant(Value::Date(day), Type::Date).at(scalar.at))
        }
        _ => None,
    }
}

/// A cast. It has the collation of the value.
pub(super) fn cast(value: Scalar, kind: Type) -> Scalar {
    if value.kind == kind {
        return value;
    }
    let collation = match kind.is_collatable() {
        true => value.collation.clone(),
        false => Derived::None,
    };
    // Both types have the same values, held in the same way.
    let is_same = kind.is_text() && (value.kind.is_text() || value.kind == Type::Unknown);
    match is_same || value.is_null() {
        true => Scalar {
            kind,
            collation,
            ..value
        },
        false => Scalar {
            collation,
            ..Scalar::call(Function::Cast, vec![value], kind)
        },
    }
}

/// If one side is an enum, both sides as texts, or the reason why they cannot be compared; `None` if neither is an enum.
#[allow(clippy::type_complexity, reason = "read by one caller")]
fn enums(left: &Scalar, right: &Scalar) -> Option<std::result::Result<(Scalar, Scalar), String>> {
    let label = |literal: &Scalar, of: &Type| -> std::result::Result<Scalar, String> {
        match &literal.node {
            Node::Constant(Value::Text(text)) => {
                let (value, kind) = literal::quoted(text, of)?;
                Ok(Scalar::constant(value, kind).at(literal.at))
            }
            _ => Ok(Scalar {
                kind: of.clone(),
                ..literal.clone()
            }),
        }
    };
    Some(match (&left.kind, &right.kind) {
        (Type::Enum(one), Type::Enum(other)) if one == other => Ok((left.clone(), right.clone())),
        (Type::Enum(_), Type::Unknown) => {
            label(right, &left.kind).map(|right| (left.clone(), right))
        }
        (Type::Unknown, Type::Enum(_)) => {
            label(left, &right.kind).map(|left| (left, right.clone()))
        }
        (Type::Enum(_), other) | (other, Type::Enum(_)) => Err(format!(
            "an enum is not compared with {other}: cast it to text"
        )),
        _ => return None,
    })
}

/// The literal behind a column of a SELECT that has no type.
pub(super) fn untyped(relation: &Relation, at: usize) -> Option<Scalar> {
    match relation {
        Relation::Project { columns, .. } => Some(columns[at].clone()),
        Relation::Sort { input, .. } | Relation::Limit { input, .. } => untyped(input, at),
        Relation::Distinct(input) => untyped(input, at),
        _ => None,
    }
    .filter(|scalar| matches!(scalar.node, Node::Constant(_)))
}
