//! Finds the column of a table from which a SELECT's column comes unchanged.

use super::tree::{Node, Relation, Scalar};

impl Relation {
    /// The table and the column that the values at a position come from, or NULL where a join finds no partner. `None` if they are
    /// computed, or come from more than one column.
    pub(crate) fn origin(&self, place: usize) -> Option<(&str, &str)> {
        match self {
            Self::Table { name, columns } => Some((name, columns.get(place)?)),
            Self::Shared(relation) => relation.origin(place),
            Self::Filter { input, .. }
            | Self::Sort { input, .. }
            | Self::Limit { input, .. }
            | Self::Distinct(input) => input.origin(place),
            Self::Project { input, columns } => of_scalar(columns.get(place)?, input),
            Self::Reordered { input, places } => input.origin(*places.get(place)?),
            Self::Join(join) => match place.checked_sub(join.left.width()) {
                None => join.left.origin(place),
                Some(place) => join.right.origin(place),
            },
            Self::Aggregate { input, keys, .. } => of_scalar(keys.get(place)?, input),
            Self::Window { input, .. } if place < input.width() => input.origin(place),
            Self::One | Self::Values(_) | Self::Window { .. } | Self::Set { .. } => None,
        }
    }
}

fn of_scalar<'a>(scalar: &Scalar, input: &'a Relation) -> Option<(&'a str, &'a str)> {
    match scalar.node {
        Node::Column(place) => input.origin(place),
        _ => None,
    }
}
