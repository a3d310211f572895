//! Makes resolved expressions, and changes them part by part.

use std::convert::Infallible;
use std::sync::Arc;

use super::tree::{
    Aggregate, Asked, Comparison, Correlated, Derived, Function, Node, Place, Scalar, Value,
};
use super::types::Type;

impl Scalar {
    /// A column of the input.
    pub(crate) fn column(index: usize, kind: Type, collation: Derived) -> Self {
        Self {
            node: Node::Column(index),
            kind,
            collation,
            at: Place::default(),
        }
    }

    /// A constant.
    pub(crate) fn constant(value: Value, kind: Type) -> Self {
        Self {
            node: Node::Constant(value),
            kind,
            collation: Derived::None,
            at: Place::default(),
        }
    }

    /// A call without a collation.
    pub(crate) fn call(function: Function, arguments: Vec<Self>, kind: Type) -> Self {
        let at = arguments.first().map_or(Place::default(), |first| first.at);
        Self {
            node: Node::Call(function, arguments),
            kind,
            collation: Derived::None,
            at,
        }
    }

    pub(crate) fn at(self, at: Place) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node, Node::Constant(Value::Null))
    }

    /// The parts that the expression is computed from, for the same row.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        match &self.node {
            Node::Column(_) | Node::Outer(_) | Node::Constant(_) | Node::Query(_) => Vec::new(),
            Node::Call(_, parts) | Node::And(parts) | Node::Or(parts) | Node::Coalesce(parts) => {
                parts.iter().collect()
            }
            Node::Case(branches, otherwise) => {
                let branches = branches.iter().flat_map(|(when, then)| [when, then]);
                branches.chain([&**otherwise]).collect()
            }
            Node::In(value, _) => vec![value],
            Node::Correlated(of) => {
                let values = match &of.asked {
                    Asked::ExistsWhere(values, _) => values.as_slice(),
                    Asked::Exists | Asked::Value(_) => &[],
                };
                of.keys.iter().chain(values).collect()
            }
            Node::Aggregate(of) => of.argument.iter().chain(&of.filter).collect(),
            Node::Window(of) => of.parts().collect(),
        }
    }

    /// Makes an expression with changed parts, in the order of [`Scalar::parts`].
    pub(crate) fn with_parts<E>(
        &self,
        change: &mut dyn FnMut(&Self) -> Result<Self, E>,
    ) -> Result<Self, E> {
        let mut all =
            |parts: &[Self]| -> Result<Vec<Self>, E> { parts.iter().map(&mut *change).collect() };
        let node = match &self.node {
            Node::Column(_) | Node::Outer(_) | Node::Constant(_) | Node::Query(_) => {
                self.node.clone()
            }
            Node::Call(function, parts) => Node::Call(*function, all(parts)?),
            Node::And(parts) => Node::And(all(parts)?),
            Node::Or(parts) => Node::Or(all(parts)?),
            Node::Coalesce(parts) => Node::Coalesce(all(parts)?),
            Node::Case(branches, otherwise) => {
                let mut changed = Vec::with_capacity(branches.len());
                for (when, then) in branches {
                    changed.push((change(when)?, change(then)?));
                }
                Node::Case(changed, Box::new(change(otherwise)?))
            }
            Node::In(value, query) => Node::In(Box::new(change(value)?), query.clone()),
            Node::Correlated(of) => Node::Correlated(Box::new(Correlated {
                keys: all(&of.keys)?,
                asked: match &of.asked {
                    Asked::ExistsWhere(values, condition) => {
                        Asked::ExistsWhere(all(values)?, condition.clone())
                    }
                    asked => asked.clone(),
                },
                relation: of.relation.clone(),
            })),
            Node::Aggregate(of) => Node::Aggregate(Box::new(Aggregate {
                argument: of.argument.as_ref().map(&mut *change).transpose()?,
                filter: of.filter.as_ref().map(&mut *change).transpose()?,
                ..(**of).clone()
            })),
            Node::Window(of) => Node::Window(Box::new(of.with_parts(change)?)),
        };
        Ok(Self {
            node,
            ..self.clone()
        })
    }

    /// Whether `is` is true of the expression or of a part of it.
    pub(crate) fn has(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self) || self.parts().into_iter().any(|part| part.has(is))
    }

    /// Marks the columns of the input that the expression needs.
    pub(crate) fn needs(&self, needed: &mut [bool]) {
        match &self.node {
            Node::Column(index) => needed[*index] = true,
            _ => self.parts().into_iter().for_each(|part| part.needs(needed)),
        }
    }

    /// Makes an expression whose columns are `places` further to the right in the input.
    pub(crate) fn shifted(&self, places: usize) -> Self {
        self.moved(&|index| index + places)
    }

    /// Makes an expression whose columns are `places` further to the left in the input.
    pub(crate) fn moved_left(&self, places: usize) -> Self {
        self.moved(&|index| index - places)
    }

    /// Makes an expression whose columns have other positions in the input.
    pub(crate) fn moved(&self, place: &dyn Fn(usize) -> usize) -> Self {
        self.replaced(&|part| match part.node {
            Node::Column(index) => Some(Node::Column(place(index))),
            _ => None,
        })
    }

    /// Makes an expression over the input of a relation that gives these columns.
    pub(crate) fn over(&self, columns: &[Self]) -> Self {
        self.replaced(&|part| match part.node {
            Node::Column(index) => Some(columns[index].node.clone()),
            _ => None,
        })
    }

    /// Makes an expression with some parts replaced by other nodes of the same type.
    pub(crate) fn replaced(&self, other: &dyn Fn(&Self) -> Option<Node>) -> Self {
        if let Some(node) = other(self) {
            return Self {
                node,
                ..self.clone()
            };
        }
        let changed = self.with_parts(&mut |part| Ok::<_, Infallible>(part.replaced(other)));
        match changed {
            Ok(changed) => changed,
            Err(never) => match never {},
        }
    }
}

/// The expression that two values are equal, as with SQL's `=`.
pub(crate) fn equality(left: Scalar, right: Scalar) -> Scalar {
    let function = Function::Compare(Comparison::Equal);
    Scalar::call(function, vec![left, right], Type::Boolean)
}

/// The two sides of an expression, if it is this comparison.
pub(crate) fn compared(scalar: &Scalar, wanted: Comparison) -> Option<(&Scalar, &Scalar)> {
    match &scalar.node {
        Node::Call(Function::Compare(comparison), sides) if *comparison == wanted => {
            match sides.as_slice() {
                [left, right] => Some((left, right)),
                _ => None,
            }
        }
        _ => None,
    }
}

impl PartialEq for Scalar {
    /// Whether both expressions compute the same, wherever they stand in the SQL.
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.collation == other.collation
            && match (&self.node, &other.node) {
                (Node::Column(own), Node::Column(of)) | (Node::Outer(own), Node::Outer(of)) => {
                    own == of
                }
                (Node::Constant(own), Node::Constant(of)) => own == of,
                (Node::Call(own, parts), Node::Call(of, others)) => own == of && parts == others,
                (Node::And(parts), Node::And(others))
                | (Node::Or(parts), Node::Or(others))
                | (Node::Coalesce(parts), Node::Coalesce(others)) => parts == others,
                (Node::Case(own, otherwise), Node::Case(of, other)) => {
                    own == of && otherwise == other
                }
                (Node::Aggregate(own), Node::Aggregate(of)) => own == of,
                (Node::Window(own), Node::Window(of)) => own == of,
                (Node::Query(own), Node::Query(of)) => Arc::ptr_eq(own, of),
                (Node::In(own, query), Node::In(of, other)) => {
                    own == of && Arc::ptr_eq(query, other)
                }
                (Node::Correlated(own), Node::Correlated(of)) => {
                    Arc::ptr_eq(&own.relation, &of.relation)
                        && own.keys == of.keys
                        && own.asked == of.asked
                }
                _ => false,
            }
    }
}
