//! Separates what is computed before rows are grouped, what is computed of groups, and what over windows.

use super::super::refusal::{Refusal, Result};
use super::super::tree::{Aggregate, Derived, Node, Scalar, Window};

/// Rewrites an expression in terms of the groups' keys and aggregates. New aggregates are added to the list.
///
/// # Errors
/// If it needs a column that isn't a key.
pub(super) fn of_groups(
    scalar: &Scalar,
    keys: &[Scalar],
    aggregates: &mut Vec<Aggregate>,
) -> Result<Scalar> {
    let found =
        |at: usize| Scalar::column(at, scalar.kind.clone(), scalar.collation.clone()).at(scalar.at);
    if let Some(at) = keys.iter().position(|key| key == scalar) {
        return Ok(found(at));
    }
    match &scalar.node {
        Node::Aggregate(aggregate) => {
            let known = aggregates.iter().position(|known| known == &**aggregate);
            let at = known.unwrap_or_else(|| {
                aggregates.push((**aggregate).clone());
                aggregates.len() - 1
            });
            Ok(found(keys.len() + at))
        }
        Node::Column(_) => Err(Refusal::at(
            scalar.at,
            "a column that is neither in GROUP BY nor in an aggregate has no one value for a group: add it to GROUP BY",
        )),
        _ => scalar.with_parts(&mut |part| of_groups(part, keys, aggregates)),
    }
}

/// Rewrites an expression in terms of the rows' `width` columns and of window functions after them. New window functions are added
/// to the list.
pub(super) fn of_windows(scalar: &Scalar, width: usize, windows: &mut Vec<Window>) -> Scalar {
    if let Node::Window(window) = &scalar.node {
        let known = windows.iter().position(|known| known == &**window);
        let at = known.unwrap_or_else(|| {
            windows.push((**window).clone());
            windows.len() - 1
        });
        return Scalar::column(
            width + at,
            scalar.kind.clone(),
            Derived::clone(&scalar.collation),
        )
        .at(scalar.at);
    }
    let changed = scalar.with_parts(&mut |part| {
        Ok::<_, std::convert::Infallible>(of_windows(part, width, windows))
    });
    match changed {
        Ok(changed) => changed,
        Err(never) => match never {},
    }
}
