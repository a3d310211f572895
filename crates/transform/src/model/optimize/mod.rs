//! Decides where conditions are checked and in which order tables are joined: as early and with as few rows as possible, without
//! changing the result, and without computing anything that could fail for rows that it is not meant for.

mod conditions;
mod region;

use super::tree::{Join, Relation, Scalar};
pub(super) use conditions::settled;
use conditions::{all_of, conjuncts, is_plain, of_columns, sides};

/// The rows of a relation that meet all conditions.
pub(super) fn filtered(relation: Relation, conditions: Vec<Scalar>) -> Relation {
    let conditions = settled(conditions);
    match relation {
        Relation::Join(join) if !join.keeps_left && !join.keeps_right => {
            region::joined(*join, conditions)
        }
        Relation::Join(join) => outer_joined(*join, conditions),
        relation if conditions.is_empty() => relation,
        Relation::Filter { input, condition } => {
            let mut all = conjuncts(condition);
            all.extend(conditions);
            filtered(*input, all)
        }
        Relation::Project { input, columns } => {
            let below = |condition: &Scalar| Some(condition.over(&columns));
            let (below, rest) = pushed(conditions, &below);
            let input = Box::new(filtered(*input, below));
            checked(Relation::Project { input, columns }, rest)
        }
        Relation::Reordered { input, places } => {
            let below = conditions
                .iter()
                .map(|condition| condition.moved(&|place| places[place]))
                .collect();
            let input = Box::new(filtered(*input, below));
            Relation::Reordered { input, places }
        }
        Relation::Aggregate {
            input,
            keys,
            aggregates,
        } => {
            let below = |condition: &Scalar| {
                let is_of_keys = of_columns(condition).any(|_| true)
                    && of_columns(condition).all(|column| column < keys.len());
                is_of_keys.then(|| condition.over(&keys))
            };
            let (below, rest) = pushed(conditions, &below);
            let relation = Relation::Aggregate {
                input: Box::new(filtered(*input, below)),
                keys,
                aggregates,
            };
            checked(relation, rest)
        }
        Relation::Distinct(input) => {
            let (below, rest): (Vec<_>, Vec<_>) = conditions.into_iter().partition(is_plain);
            checked(Relation::Distinct(Box::new(filtered(*input, below))), rest)
        }
        Relation::Sort { input, keys } => {
            let (below, rest): (Vec<_>, Vec<_>) = conditions.into_iter().partition(is_plain);
            let input = Box::new(filtered(*input, below));
            checked(Relation::Sort { input, keys }, rest)
        }
        Relation::Set {
            operation,
            all,
            left,
            right,
        } => {
            let (below, rest): (Vec<_>, Vec<_>) = conditions.into_iter().partition(is_plain);
            let relation = Relation::Set {
                operation,
                all,
                left: Box::new(filtered(*left, below.clone())),
                right: Box::new(filtered(*right, below)),
            };
            checked(relation, rest)
        }
        relation => checked(relation, conditions),
    }
}

/// Whether a join's condition has an equality between its sides. `width` is the number of columns of the left side.
pub(super) fn is_hashable(condition: &Scalar, width: usize) -> bool {
    let conditions = settled(vec![condition.clone()]);
    conditions.iter().any(|condition| {
        let is_of_left = |part: &Scalar| of_columns(part).all(|column| column < width);
        let is_of_right = |part: &Scalar| of_columns(part).all(|column| column >= width);
        sides(condition, &is_of_left, &is_of_right).is_some()
    })
}

/// Splits conditions into those that can be checked on the input of a relation, rewritten for it, and the others.
fn pushed(
    conditions: Vec<Scalar>,
    below: &dyn Fn(&Scalar) -> Option<Scalar>,
) -> (Vec<Scalar>, Vec<Scalar>) {
    let (mut pushed, mut rest) = (Vec::new(), Vec::new());
    for condition in conditions {
        match below(&condition).filter(is_plain) {
            Some(condition) => pushed.push(condition),
            None => rest.push(condition),
        }
    }
    (pushed, rest)
}

/// Moves conditions into an outer join: each goes to a side whose rows are not kept without a partner.
fn outer_joined(mut join: Join, conditions: Vec<Scalar>) -> Relation {
    let width = join.left.width();
    let is_of_left = |condition: &Scalar| of_columns(condition).all(|column| column < width);
    let is_of_right = |condition: &Scalar| of_columns(condition).all(|column| column >= width);
    let (mut left, mut right, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for condition in conditions {
        if !join.keeps_right && is_plain(&condition) && is_of_left(&condition) {
            left.push(condition);
        } else if !join.keeps_left && is_plain(&condition) && is_of_right(&condition) {
            right.push(condition.moved_left(width));
        } else {
            rest.push(condition);
        }
    }
    // What a partner must fulfil can be checked on its side alone, unless that side's rows are kept without a partner.
    let mut of_pairs = Vec::new();
    for condition in settled(join.condition.take().into_iter().collect()) {
        if let Some(equal) = sides(&condition, &is_of_left, &is_of_right) {
            join.equal.push((equal.0, equal.1.moved_left(width)));
        } else if !join.keeps_right && is_plain(&condition) && is_of_right(&condition) {
            right.push(condition.moved_left(width));
        } else if !join.keeps_left && is_plain(&condition) && is_of_left(&condition) {
            left.push(condition);
        } else {
            of_pairs.push(condition);
        }
    }
    join.condition = all_of(of_pairs);
    join.left = filtered(join.left, left);
    join.right = filtered(join.right, right);
    checked(Relation::Join(Box::new(join)), rest)
}

/// The rows of a relation that meet the conditions, which are checked at this point.
fn checked(relation: Relation, conditions: Vec<Scalar>) -> Relation {
    match all_of(conditions) {
        Some(condition) => Relation::Filter {
            input: Box::new(relation),
            condition,
        },
        None => relation,
    }
}
