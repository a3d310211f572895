//! The list: what a model may compute, with the types for which Postgres computes it. Each entry is known to give what Postgres
//! gives: a test walks through the list and compares it with a server at the edges of its types. Anything not on the list is
//! refused before a row is read.
//!
//! Besides these entries there are constructs for any type, which the resolver knows by name: CASE, COALESCE, NULLIF, GREATEST,
//! LEAST, IN, BETWEEN, LIKE, ILIKE, IS …, AND, OR, NOT, CONCAT, CONCAT_WS, `||` of a text and what is cast to one, EXTRACT,
//! DATE_PART, DATE_TRUNC, TO_CHAR of timestamps, adding intervals to the types in [`MOVED`], and the casts of [`casts`].

use super::tree::{AggregateFunction, Comparison, Field, Function};
use super::types::Type;

/// A type in the list. `Numeric` stands for numerics of any scale, and without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum T {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Numeric,
    Real,
    Double,
    Text,
    Char,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Bytes,
}

impl T {
    /// All types of the list.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 15] = [
        Self::Boolean,
        Self::SmallInt,
        Self::Integer,
        Self::BigInt,
        Self::Numeric,
        Self::Real,
        Self::Double,
        Self::Text,
        Self::Char,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::TimestampTz,
        Self::Uuid,
        Self::Bytes,
    ];

    /// Whether this stands for a type.
    pub(crate) fn is(self, kind: &Type) -> bool {
        match (self, kind) {
            (Self::Numeric, kind) => kind.is_numeric(),
            (Self::Text, kind) => kind.is_text(),
            _ => *kind == self.kind(),
        }
    }

    /// The type that this stands for; a numeric has no digits after the point.
    pub(crate) fn kind(self) -> Type {
        match self {
            Self::Boolean => Type::Boolean,
            Self::SmallInt => Type::SmallInt,
            Self::Integer => Type::Integer,
            Self::BigInt => Type::BigInt,
            Self::Numeric => Type::Numeric(0),
            Self::Real => Type::Real,
            Self::Double => Type::Double,
            Self::Text => Type::Text,
            Self::Char => Type::Char,
            Self::Date => Type::Date,
            Self::Time => Type::Time,
            Self::Timestamp => Type::Timestamp,
            Self::TimestampTz => Type::TimestampTz,
            Self::Uuid => Type::Uuid,
            Self::Bytes => Type::Bytes,
        }
    }

    /// Whether Postgres prefers this type among those of its category (`pg_type.typispreferred`).
    pub(crate) fn is_preferred(self) -> bool {
        matches!(
            self,
            Self::Boolean | Self::Double | Self::Text | Self::TimestampTz
        )
    }
}

/// A function or operator for arguments of these types.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The name of a function in lower case, or an operator.
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [T],
    pub(crate) gives: T,
    pub(crate) function: Function,
}

const fn entry(name: &'static str, takes: &'static [T], gives: T, function: Function) -> Entry {
    Entry {
        name,
        takes,
        gives,
        function,
    }
}

/// Operators of two sides, signs and functions.
#[rustfmt::skip]
pub(crate) const FUNCTIONS: &[Entry] = {
    use Function as F;
    use T::*;
    &[
        entry("+", &[SmallInt, SmallInt], SmallInt, F::Add),
        entry("+", &[Integer, Integer], Integer, F::Add),
        entry("+", &[BigInt, BigInt], BigInt, F::Add),
        entry("+", &[Numeric, Numeric], Numeric, F::Add),
        entry("+", &[Real, Real], Real, F::Add),
        entry("+", &[Real, Double], Double, F::Add),
        entry("+", &[Double, Real], Double, F::Add),
        entry("+", &[Double, Double], Double, F::Add),
        entry("+", &[Date, Integer], Date, F::Add),
        entry("+", &[Integer, Date], Date, F::Add),
        entry("-", &[SmallInt, SmallInt], SmallInt, F::Subtract),
        entry("-", &[Integer, Integer], Integer, F::Subtract),
        entry("-", &[BigInt, BigInt], BigInt, F::Subtract),
        entry("-", &[Numeric, Numeric], Numeric, F::Subtract),
        entry("-", &[Real, Real], Real, F::Subtract),
        entry("-", &[Real, Double], Double, F::Subtract),
        entry("-", &[Double, Real], Double, F::Subtract),
        entry("-", &[Double, Double], Double, F::Subtract),
        entry("-", &[Date, Integer], Date, F::Subtract),
        entry("-", &[Date, Date], Integer, F::Subtract),
        entry("*", &[SmallInt, SmallInt], SmallInt, F::Multiply),
        entry("*", &[Integer, Integer], Integer, F::Multiply),
        entry("*", &[BigInt, BigInt], BigInt, F::Multiply),
        entry("*", &[Numeric, Numeric], Numeric, F::Multiply),
        entry("*", &[Real, Real], Real, F::Multiply),
        entry("*", &[Real, Double], Double, F::Multiply),
        entry("*", &[Double, Real], Double, F::Multiply),
        entry("*", &[Double, Double], Double, F::Multiply),
        entry("/", &[SmallInt, SmallInt], SmallInt, F::Divide),
        entry("/", &[Integer, Integer], Integer, F::Divide),
        entry("/", &[BigInt, BigInt], BigInt, F::Divide),
        entry("/", &[Numeric, Numeric], Numeric, F::Divide),
        entry("/", &[Real, Real], Real, F::Divide),
        entry("/", &[Real, Double], Double, F::Divide),
        entry("/", &[Double, Real], Double, F::Divide),
        entry("/", &[Double, Double], Double, F::Divide),
        entry("%", &[SmallInt, SmallInt], SmallInt, F::Modulo),
        entry("%", &[Integer, Integer], Integer, F::Modulo),
        entry("%", &[BigInt, BigInt], BigInt, F::Modulo),
        entry("%", &[Numeric, Numeric], Numeric, F::Modulo),
        entry("mod", &[SmallInt, SmallInt], SmallInt, F::Modulo),
        entry("mod", &[Integer, Integer], Integer, F::Modulo),
        entry("mod", &[BigInt, BigInt], BigInt, F::Modulo),
        entry("mod", &[Numeric, Numeric], Numeric, F::Modulo),
        entry("-", &[SmallInt], SmallInt, F::Negate),
        entry("-", &[Integer], Integer, F::Negate),
        entry("-", &[BigInt], BigInt, F::Negate),
        entry("-", &[Numeric], Numeric, F::Negate),
        entry("-", &[Real], Real, F::Negate),
        entry("-", &[Double], Double, F::Negate),
        entry("abs", &[SmallInt], SmallInt, F::Absolute),
        entry("abs", &[Integer], Integer, F::Absolute),
        entry("abs", &[BigInt], BigInt, F::Absolute),
        entry("abs", &[Numeric], Numeric, F::Absolute),
        entry("abs", &[Real], Real, F::Absolute),
        entry("abs", &[Double], Double, F::Absolute),
        entry("sign", &[Numeric], Numeric, F::Sign),
        entry("sign", &[Double], Double, F::Sign),
        entry("round", &[Numeric], Numeric, F::Round),
        entry("round", &[Double], Double, F::Round),
        entry("round", &[Numeric, Integer], Numeric, F::Round),
        entry("trunc", &[Numeric], Numeric, F::Truncate),
        entry("trunc", &[Double], Double, F::Truncate),
        entry("trunc", &[Numeric, Integer], Numeric, F::Truncate),
        entry("ceil", &[Numeric], Numeric, F::Ceiling),
        entry("ceil", &[Double], Double, F::Ceiling),
        entry("ceiling", &[Numeric], Numeric, F::Ceiling),
        entry("ceiling", &[Double], Double, F::Ceiling),
        entry("floor", &[Numeric], Numeric, F::Floor),
        entry("floor", &[Double], Double, F::Floor),
        entry("||", &[Text, Text], Text, F::Concatenate),
        entry("length", &[Text], Integer, F::Length),
        entry("char_length", &[Text], Integer, F::Length),
        entry("character_length", &[Text], Integer, F::Length),
        entry("upper", &[Text], Text, F::Upper),
        entry("lower", &[Text], Text, F::Lower),
        entry("btrim", &[Text], Text, F::TrimBoth),
        entry("btrim", &[Text, Text], Text, F::TrimBoth),
        entry("ltrim", &[Text], Text, F::TrimLeft),
        entry("ltrim", &[Text, Text], Text, F::TrimLeft),
        entry("rtrim", &[Text], Text, F::TrimRight),
        entry("rtrim", &[Text, Text], Text, F::TrimRight),
        entry("substring", &[Text, Integer], Text, F::Substring),
        entry("substring", &[Text, Integer, Integer], Text, F::Substring),
        entry("substr", &[Text, Integer], Text, F::Substring),
        entry("substr", &[Text, Integer, Integer], Text, F::Substring),
        entry("left", &[Text, Integer], Text, F::Left),
        entry("right", &[Text, Integer], Text, F::Right),
        entry("replace", &[Text, Text, Text], Text, F::Replace),
        entry("initcap", &[Text], Text, F::Initcap),
        entry("reverse", &[Text], Text, F::Reverse),
        entry("repeat", &[Text, Integer], Text, F::Repeat),
        entry("lpad", &[Text, Integer], Text, F::PadLeft),
        entry("lpad", &[Text, Integer, Text], Text, F::PadLeft),
        entry("rpad", &[Text, Integer], Text, F::PadRight),
        entry("rpad", &[Text, Integer, Text], Text, F::PadRight),
        entry("split_part", &[Text, Text, Integer], Text, F::SplitPart),
        entry("translate", &[Text, Text, Text], Text, F::Translate),
        entry("strpos", &[Text, Text], Integer, F::Position),
        entry("starts_with", &[Text, Text], Boolean, F::StartsWith),
        // Postgres would choose this where no other entry fits as well, and it isn't known to give the same here.
        entry("substring", &[Text, Text], Text, F::Unequal),
    ]
};

/// The pairs of types that `=`, `<>`, `<`, `<=`, `>`, `>=` compare, and so IS DISTINCT FROM, BETWEEN, IN and NULLIF do. Enums can
/// be compared with their own labels, by `=` and `<>`.
#[rustfmt::skip]
pub(crate) const COMPARED: &[[T; 2]] = {
    use T::*;
    &[
        [Boolean, Boolean],
        [SmallInt, SmallInt], [SmallInt, Integer], [SmallInt, BigInt],
        [Integer, SmallInt], [Integer, Integer], [Integer, BigInt],
        [BigInt, SmallInt], [BigInt, Integer], [BigInt, BigInt],
        [Numeric, Numeric],
        [Real, Real], [Real, Double], [Double, Real], [Double, Double],
        [Text, Text], [Char, Char],
        [Date, Date], [Date, Timestamp], [Timestamp, Date], [Timestamp, Timestamp],
        [TimestampTz, TimestampTz], [Date, TimestampTz], [TimestampTz, Date],
        [Timestamp, TimestampTz], [TimestampTz, Timestamp], [Time, Time],
        [Uuid, Uuid], [Bytes, Bytes],
    ]
};

/// Aggregates of one argument; COUNT takes any type.
#[rustfmt::skip]
pub(crate) const AGGREGATES: &[(&str, T, T, AggregateFunction)] = {
    use AggregateFunction as A;
    use T::*;
    &[
        ("sum", SmallInt, BigInt, A::Sum),
        ("sum", Integer, BigInt, A::Sum),
        ("sum", BigInt, Numeric, A::Sum),
        ("sum", Numeric, Numeric, A::Sum),
        ("sum", Real, Real, A::Sum),
        ("sum", Double, Double, A::Sum),
        ("avg", SmallInt, Numeric, A::Mean),
        ("avg", Integer, Numeric, A::Mean),
        ("avg", BigInt, Numeric, A::Mean),
        ("avg", Numeric, Numeric, A::Mean),
        ("avg", Real, Double, A::Mean),
        ("avg", Double, Double, A::Mean),
        ("min", SmallInt, SmallInt, A::Min), ("max", SmallInt, SmallInt, A::Max),
        ("min", Integer, Integer, A::Min), ("max", Integer, Integer, A::Max),
        ("min", BigInt, BigInt, A::Min), ("max", BigInt, BigInt, A::Max),
        ("min", Numeric, Numeric, A::Min), ("max", Numeric, Numeric, A::Max),
        ("min", Real, Real, A::Min), ("max", Real, Real, A::Max),
        ("min", Double, Double, A::Min), ("max", Double, Double, A::Max),
        ("min", Text, Text, A::Min), ("max", Text, Text, A::Max),
        ("min", Date, Date, A::Min), ("max", Date, Date, A::Max),
        ("min", Time, Time, A::Min), ("max", Time, Time, A::Max),
        ("min", Timestamp, Timestamp, A::Min), ("max", Timestamp, Timestamp, A::Max),
        ("min", TimestampTz, TimestampTz, A::Min), ("max", TimestampTz, TimestampTz, A::Max),
        ("bool_and", Boolean, Boolean, A::All), ("every", Boolean, Boolean, A::All),
        ("bool_or", Boolean, Boolean, A::Any),
    ]
};

/// The casts that a model may use, besides those of a literal and those of a type to itself.
pub(crate) fn casts(from: &Type, to: &Type) -> bool {
    use Type as K;
    match (from, to) {
        (K::Real | K::Double, to) if to.is_numeric() => false,
        (from, to) if from.is_number() && to.is_number() => true,
        (K::Boolean, K::Integer) => true,
        (K::Integer, K::Boolean) => true,
        (K::SmallInt | K::Integer | K::BigInt | K::Enum(_) | K::Uuid | K::Char, to) => to.is_text(),
        (K::Numeric(_) | K::Unconstrained, to) => to.is_text(),
        (from, to) if from.is_text() => to.is_text(),
        (K::Boolean | K::Date | K::Time | K::Timestamp | K::TimestampTz, to) if to.is_text() => {
            true
        }
        (K::Date, K::Timestamp | K::TimestampTz) | (K::Timestamp, K::TimestampTz) => true,
        (K::Timestamp, K::Date | K::Time) => true,
        // A model runs in the time zone UTC.
        (K::TimestampTz, K::Date | K::Timestamp) => true,
        _ => false,
    }
}

/// Whether EXTRACT takes a field out of values of a type.
pub(crate) fn extracts(field: Field, from: &Type) -> bool {
    use Field as F;
    let of_time = matches!(field, F::Hour | F::Minute | F::Second);
    match from {
        Type::Date => !of_time && field != F::Epoch,
        Type::Time => of_time,
        Type::Timestamp | Type::TimestampTz => true,
        _ => false,
    }
}

/// The types to which an interval can be added, or from which it can be subtracted, with the type of the result. A model runs in
/// the time zone UTC, in which all days have the same length.
pub(crate) const MOVED: &[(T, T)] = &[
    (T::Date, T::Timestamp),
    (T::Timestamp, T::Timestamp),
    (T::TimestampTz, T::TimestampTz),
];

/// The units that DATE_TRUNC takes.
pub(crate) const UNITS: &[(&str, Field)] = &[
    ("year", Field::Year),
    ("quarter", Field::Quarter),
    ("month", Field::Month),
    ("week", Field::Week),
    ("day", Field::Day),
    ("hour", Field::Hour),
    ("minute", Field::Minute),
    ("second", Field::Second),
];

/// The entry that Postgres would choose for arguments of these types (its rules for resolving functions and operators,
/// <https://www.postgresql.org/docs/current/typeconv-func.html>); `None` if there is none, or more than one. For an operator, a
/// literal without a type gets the type of the other side.
pub(crate) fn chosen(name: &str, arguments: &[Type], is_operator: bool) -> Option<&'static Entry> {
    let named = FUNCTIONS
        .iter()
        .filter(|entry| entry.name == name && entry.takes.len() == arguments.len());
    let named: Vec<&Entry> = named.collect();
    let takes: Vec<&[T]> = named.iter().map(|entry| entry.takes).collect();
    choose(&takes, arguments, is_operator).map(|at| named[at])
}

/// The types by which a comparison of these two is done, chosen as in [`chosen`].
pub(crate) fn compared(left: &Type, right: &Type) -> Option<[T; 2]> {
    let takes: Vec<&[T]> = COMPARED.iter().map(|pair| &pair[..]).collect();
    choose(&takes, &[left.clone(), right.clone()], true).map(|at| COMPARED[at])
}

fn choose(candidates: &[&[T]], arguments: &[Type], is_operator: bool) -> Option<usize> {
    let mut arguments = arguments.to_vec();
    if is_operator && arguments.len() == 2 && arguments.contains(&Type::Unknown) {
        let known = arguments.iter().find(|kind| **kind != Type::Unknown);
        let known = known.cloned().unwrap_or(Type::Text);
        arguments = vec![known.clone(), known];
        // The rules go on from here to types that may not be on this list.
        let exact = |takes: &&[T]| {
            takes
                .iter()
                .zip(&arguments)
                .all(|(takes, kind)| takes.is(kind))
        };
        return candidates.iter().position(exact);
    }
    let known = || (0..arguments.len()).filter(|&at| arguments[at] != Type::Unknown);
    let castable = |takes: &[T]| {
        known().all(|at| takes[at].is(&arguments[at]) || arguments[at].casts_to(&takes[at].kind()))
    };
    let exact = |takes: &[T]| known().filter(|&at| takes[at].is(&arguments[at])).count();
    let preferred = |takes: &[T]| {
        known()
            .filter(|&at| takes[at].is(&arguments[at]) || takes[at].is_preferred())
            .count()
    };
    let mut left: Vec<usize> = (0..candidates.len())
        .filter(|&at| castable(candidates[at]))
        .collect();
    for rate in [&exact as &dyn Fn(&[T]) -> usize, &preferred] {
        let best = left.iter().map(|&at| rate(candidates[at])).max()?;
        left.retain(|&at| rate(candidates[at]) == best);
    }
    for at in 0..arguments.len() {
        if left.len() > 1 && arguments[at] == Type::Unknown {
            left.retain(|&candidate| candidates[candidate][at].is_preferred());
        }
    }
    match left.as_slice() {
        // A literal without a type must get a type that Postgres prefers; otherwise the rules go on to types beyond this list.
        [only] => (0..arguments.len())
            .all(|at| arguments[at] != Type::Unknown || candidates[*only][at].is_preferred())
            .then_some(*only),
        _ => None,
    }
}

/// The comparison for the sign of an operator.
pub(crate) fn comparison(sign: &str) -> Option<Comparison> {
    Some(match sign {
        "=" => Comparison::Equal,
        "<>" | "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_is_the_one_that_postgres_takes() {
        use Type as K;
        for (name, arguments, gives) in [
            ("+", vec![K::SmallInt, K::Integer], Some(T::Integer)),
            ("+", vec![K::Integer, K::Numeric(2)], Some(T::Numeric)),
            ("+", vec![K::Real, K::Integer], Some(T::Double)),
            ("+", vec![K::Numeric(2), K::Real], Some(T::Double)),
            ("+", vec![K::Real, K::Unknown], Some(T::Real)),
            ("+", vec![K::Date, K::SmallInt], Some(T::Date)),
            ("+", vec![K::Date, K::Unknown], None),
            ("+", vec![K::Unknown, K::Unknown], None),
            ("/", vec![K::Numeric(2), K::Integer], Some(T::Numeric)),
            ("substring", vec![K::Text, K::Unknown], Some(T::Text)),
            ("left", vec![K::Text, K::Unknown], None),
            ("/", vec![K::SmallInt, K::BigInt], Some(T::BigInt)),
            ("||", vec![K::Varchar, K::Unknown], Some(T::Text)),
            ("round", vec![K::Integer], Some(T::Double)),
            ("round", vec![K::Integer, K::Integer], Some(T::Numeric)),
            ("abs", vec![K::SmallInt], Some(T::SmallInt)),
            ("abs", vec![K::Unknown], Some(T::Double)),
            ("length", vec![K::Char], Some(T::Integer)),
            ("length", vec![K::Integer], None),
        ] {
            let found = chosen(name, &arguments, !name.starts_with(char::is_alphabetic));
            assert_eq!(
                found.map(|entry| entry.gives),
                gives,
                "{name} of {arguments:?}"
            );
        }
    }
}
