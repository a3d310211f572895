//! Conditions: their parts, the columns that they use, and whether they can safely be checked for more rows.

use crate::model::expression::compared;
use crate::model::tree::{Asked, Comparison, Derived, Function, Node, Scalar};
use crate::model::types::Type;

/// The parts of a condition that must all be true.
pub(super) fn conjuncts(condition: Scalar) -> Vec<Scalar> {
    match condition.node {
        Node::And(parts) => parts.into_iter().flat_map(conjuncts).collect(),
        _ => vec![condition],
    }
}

/// Joins several conditions into one with AND; `None` if there are none.
pub(super) fn all_of(parts: Vec<Scalar>) -> Option<Scalar> {
    one_of_several(parts, Node::And)
}

fn one_of_several(mut parts: Vec<Scalar>, node: fn(Vec<Scalar>) -> Node) -> Option<Scalar> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Scalar {
            at: parts[0].at,
            node: node(parts),
            kind: Type::Boolean,
            collation: Derived::None,
        }),
    }
}

/// The parts of conditions that must all be true, including those that all branches of an OR have in common.
pub(in crate::model) fn settled(conditions: Vec<Scalar>) -> Vec<Scalar> {
    conditions
        .into_iter()
        .flat_map(conjuncts)
        .flat_map(without_common)
        .collect()
}

/// Splits `a AND b OR a AND c` into `a` and `b OR c`.
fn without_common(condition: Scalar) -> Vec<Scalar> {
    let Node::Or(branches) = &condition.node else {
        return vec![condition];
    };
    let branches = branches.iter().cloned().map(conjuncts);
    let branches: Vec<Vec<Scalar>> = branches.collect();
    let is_common = |part: &Scalar| branches.iter().all(|branch| branch.contains(part));
    let common: Vec<Scalar> = branches[0]
        .iter()
        .filter(|part| is_common(part))
        .cloned()
        .collect();
    if common.is_empty() {
        return vec![condition];
    }
    let rest = branches.iter().map(|branch| {
        let own = branch.iter().filter(|part| !common.contains(part));
        all_of(own.cloned().collect())
    });
    // If a branch has nothing but the common parts, the OR adds nothing to these.
    let rest: Option<Vec<Scalar>> = rest.collect();
    let rest = rest.and_then(|rest| one_of_several(rest, Node::Or));
    let mut parts = common;
    parts.extend(rest);
    parts
}

/// What an OR over several tables demands of some columns alone: the OR of what each branch demands, if each demands something.
pub(super) fn implied(condition: &Scalar, is_of: &dyn Fn(&Scalar) -> bool) -> Option<Scalar> {
    let Node::Or(branches) = &condition.node else {
        return None;
    };
    let of_branch = |branch: &Scalar| {
        let parts = conjuncts(branch.clone()).into_iter();
        all_of(parts.filter(|part| is_plain(part) && is_of(part)).collect())
    };
    let branches: Option<Vec<Scalar>> = branches.iter().map(of_branch).collect();
    one_of_several(branches?, Node::Or)
}

/// Both sides of an equality: first the side with columns of one kind, then the side with columns of the other.
pub(super) fn sides(
    condition: &Scalar,
    is_of_one: &dyn Fn(&Scalar) -> bool,
    is_of_other: &dyn Fn(&Scalar) -> bool,
) -> Option<(Scalar, Scalar)> {
    let (left, right) = compared(condition, Comparison::Equal)?;
    let has_column = |scalar: &Scalar| of_columns(scalar).next().is_some();
    if !has_column(left) || !has_column(right) {
        return None;
    }
    if is_of_one(left) && is_of_other(right) {
        return Some((left.clone(), right.clone()));
    }
    (is_of_other(left) && is_of_one(right)).then(|| (right.clone(), left.clone()))
}

/// The columns of the input that an expression uses.
pub(super) fn of_columns(scalar: &Scalar) -> impl Iterator<Item = usize> {
    let mut columns = Vec::new();
    add_columns(scalar, &mut columns);
    columns.into_iter()
}

fn add_columns(scalar: &Scalar, columns: &mut Vec<usize>) {
    match scalar.node {
        Node::Column(column) => columns.push(column),
        _ => scalar
            .parts()
            .into_iter()
            .for_each(|part| add_columns(part, columns)),
    }
}

/// Whether a condition has a sub-select that asks for more than whether a value exists. Such conditions are better checked for few
/// rows.
pub(super) fn asks_much(condition: &Scalar) -> bool {
    condition.has(&|part| match &part.node {
        Node::Query(_) => true,
        Node::Correlated(of) => of.asked != Asked::Exists,
        _ => false,
    })
}

/// Whether computing a condition for more rows than it is meant for can never fail.
pub(super) fn is_plain(condition: &Scalar) -> bool {
    !condition.has(&|part| !is_plain_part(part))
}

fn is_plain_part(part: &Scalar) -> bool {
    use Function as F;
    match &part.node {
        Node::Column(_)
        | Node::Constant(_)
        | Node::And(_)
        | Node::Or(_)
        | Node::Case(..)
        | Node::Coalesce(_)
        | Node::In(..) => true,
        Node::Correlated(of) => of.asked == Asked::Exists,
        Node::Call(function, _) => match function {
            F::Compare(_)
            | F::Distinct
            | F::NotDistinct
            | F::Not
            | F::IsNull
            | F::IsNotNull
            | F::IsTrue
            | F::IsNotTrue
            | F::IsFalse
            | F::IsNotFalse
            | F::Greatest
            | F::Least
            | F::Length
            | F::Upper
            | F::Lower
            | F::TrimBoth
            | F::TrimLeft
            | F::TrimRight
            | F::Left
            | F::Right
            | F::Position
            | F::StartsWith
            | F::Like
            | F::Extract(_) => true,
            // Postgres's numerics are wider than any sum, difference or product that fits here.
            F::Add | F::Subtract | F::Multiply | F::Negate => {
                matches!(part.kind, Type::Numeric(_))
            }
            F::Cast => match (&part.parts()[0].kind, &part.kind) {
                (from, to) if from == to => true,
                (from, Type::Text | Type::Varchar) => from.is_text() || *from == Type::Char,
                (from, Type::Numeric(_) | Type::BigInt | Type::Double) => from.is_integer(),
                (Type::SmallInt, Type::Integer) => true,
                _ => false,
            },
            _ => false,
        },
        Node::Outer(_) | Node::Query(_) | Node::Aggregate(_) | Node::Window(_) => false,
    }
}
