//! Sub-selects whose WHERE uses columns of the row around them: which of their rows belong to a row, and what is asked of these.
//! Such a sub-select becomes one SELECT for all rows, whose rows are found by equalities.

use sqlparser::ast::Query;

use super::super::expression::compared;
use super::super::optimize::settled;
use super::super::refusal::{Refusal, Result};
use super::super::tree::{
    Aggregate, AggregateFunction, Asked, Comparison, Correlated, Function, Node, Place, Relation,
    Resolved, Scalar, Value,
};
use super::super::types::Type;
use super::around::{Around, Belonging, Wanted};
use super::grouping;
use super::resolver::{Context, Resolver};
use super::scalar::logic;

/// A SELECT whose WHERE uses columns of the row around it, without these conditions.
pub(super) struct Selected {
    /// The rows that meet its other conditions.
    pub(super) rows: Relation,
    pub(super) values: Vec<Scalar>,
    pub(super) is_aggregated: bool,
    pub(super) is_distinct: bool,
    /// The clause that such a SELECT may not have, if it has one.
    pub(super) clause: Option<&'static str>,
}

impl Resolver<'_> {
    /// Resolves a sub-select. If its rows depend on the row around it, also gives which ones belong to a row.
    pub(super) fn sub_select(
        &mut self,
        query: &Query,
        wanted: Wanted,
        context: Context<'_>,
    ) -> Result<(Resolved, Option<Belonging>)> {
        self.outer.push(Around {
            scope: context.scope.clone(),
            wanted,
            is_to_come: true,
            in_where: false,
            found: None,
        });
        let resolved = self.query(query);
        let around = self.outer.pop();
        Ok((resolved?, around.and_then(|around| around.found)))
    }

    /// Resolves EXISTS of a sub-select.
    pub(super) fn exists(
        &mut self,
        query: &Query,
        context: Context<'_>,
        at: Place,
    ) -> Result<Scalar> {
        let (resolved, belonging) = self.sub_select(query, Wanted::Exists, context)?;
        let (relation, belonging) = match belonging {
            Some(belonging) => (resolved.relation, belonging),
            None => (
                Relation::Project {
                    input: Box::new(resolved.relation),
                    columns: Vec::new(),
                },
                Belonging {
                    keys: Vec::new(),
                    asked: Asked::Exists,
                },
            ),
        };
        Ok(logic(belonging.of(relation), at))
    }

    /// Whether the query that is beginning is the sub-select itself, and not one within it.
    pub(super) fn is_sub_select(&mut self) -> bool {
        self.outer
            .last_mut()
            .is_some_and(|around| std::mem::take(&mut around.is_to_come))
    }

    /// Whether only the existence of the sub-select's rows matters, and not its columns.
    pub(super) fn is_asked_for_rows(&self) -> bool {
        let around = self.outer.last();
        around.is_some_and(|around| around.wanted == Wanted::Exists)
    }

    /// Resolves the WHERE of a sub-select, or of any other SELECT.
    pub(super) fn in_where<T>(
        &mut self,
        is_sub_select: bool,
        run: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mark = |resolver: &mut Self, in_where: bool| {
            if let Some(around) = resolver.outer.last_mut().filter(|_| is_sub_select) {
                around.in_where = in_where;
            }
        };
        mark(self, true);
        let result = run(self);
        mark(self, false);
        result
    }

    /// Whether the query that is ending is a sub-select whose rows depend on the row around it.
    ///
    /// # Errors
    /// If LIMIT or OFFSET would make a difference to its result.
    pub(super) fn is_correlated(&self, limit: Option<u64>, offset: u64, at: Place) -> Result<bool> {
        let Some(around) = self.outer.last().filter(|around| around.found.is_some()) else {
            return Ok(false);
        };
        match around.wanted {
            _ if limit.is_none() && offset == 0 => Ok(true),
            Wanted::Exists if limit != Some(0) && offset == 0 => Ok(true),
            _ => Err(Refusal::at(
                at,
                "LIMIT of a sub-select that uses columns of the query around it is not supported",
            )),
        }
    }

    /// Makes the rows of a sub-select: first the keys by which they are found, then what is asked of them.
    pub(super) fn belonging(
        &mut self,
        selected: Selected,
        conditions: Vec<Scalar>,
    ) -> Result<Relation> {
        let Some(around) = self.outer.last_mut() else {
            return Ok(selected.rows);
        };
        let at = conditions
            .first()
            .map_or(Place::default(), |first| first.at);
        let refused = |why: &str| {
            Refusal::at(
                at,
                format!("a sub-select that uses columns of the query around it {why}"),
            )
        };
        if let Some(clause) = selected.clause {
            return Err(refused(&format!(
                "has {clause}, which is not supported there"
            )));
        }
        let (mut keys, mut own, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for condition in settled(conditions) {
            match pair(&condition) {
                Some((outer, inner)) => {
                    keys.push(of_row(outer));
                    own.push(inner.clone());
                }
                None => rest.push(condition),
            }
        }
        let (relation, asked) = match around.wanted {
            Wanted::Exists if !selected.is_aggregated => existing(selected.rows, own, rest),
            Wanted::Value if rest.is_empty() => single(selected, own)?,
            Wanted::Column if rest.is_empty() && !selected.is_aggregated => single(selected, own)?,
            Wanted::Value => {
                return Err(refused(
                    "can stand for one value only if nothing but equality ties it to the query around it: join the tables",
                ));
            }
            _ => {
                return Err(refused(
                    "is not supported here: write EXISTS, or join the tables",
                ));
            }
        };
        around.found = Some(Belonging { keys, asked });
        Ok(relation)
    }
}

impl Belonging {
    /// Whether a value equals one of those that belong to a row, which come after their keys. NULL if none is equal, but the value
    /// or one of them is NULL.
    pub(super) fn contains(
        self,
        value: Scalar,
        column: Scalar,
        rows: Relation,
        at: Place,
    ) -> Scalar {
        let rows = Relation::Shared(rows.into());
        let count = self.keys.len();
        // The keys of the rows and, for an equality, the values.
        let columns = |with_value: bool| -> Vec<Scalar> {
            let key = |(at, key): (usize, &Scalar)| {
                Scalar::column(at, key.kind.clone(), key.collation.clone())
            };
            let keys = self.keys.iter().enumerate().map(key);
            let value = with_value.then(|| column.shifted(count));
            keys.chain(value).collect()
        };
        let exists = |keys: Vec<Scalar>, input: Relation, with_value: bool| {
            let relation = Relation::Project {
                input: Box::new(input),
                columns: columns(with_value),
            };
            let asked = Asked::Exists;
            logic(Self { keys, asked }.of(relation), at)
        };
        let mut with_value = self.keys.clone();
        with_value.push(value.clone());
        let is_null = |scalar: Scalar| Scalar::call(Function::IsNull, vec![scalar], Type::Boolean);
        let nulls = Relation::Filter {
            input: Box::new(rows.clone()),
            condition: is_null(column.shifted(count)),
        };
        let is_equal = exists(with_value, rows.clone(), true);
        let is_any = exists(self.keys.clone(), rows, false);
        let is_unknown = logic(Node::And(vec![is_null(value), is_any]), at);
        let has_null = exists(self.keys.clone(), nulls, false);
        let constant = |value: Value| Scalar::constant(value, Type::Boolean);
        let branches = vec![
            (is_equal, constant(Value::Boolean(true))),
            (is_unknown, constant(Value::Null)),
            (has_null, constant(Value::Null)),
        ];
        let otherwise = Box::new(constant(Value::Boolean(false)));
        logic(Node::Case(branches, otherwise), at)
    }

    /// Makes the node for what is asked of the sub-select's rows.
    pub(super) fn of(self, relation: Relation) -> Node {
        Node::Correlated(Box::new(Correlated {
            keys: self.keys,
            relation: relation.into(),
            asked: self.asked,
        }))
    }
}

/// Both sides of an equality between a row and the rows that belong to it.
fn pair(condition: &Scalar) -> Option<(&Scalar, &Scalar)> {
    let (left, right) = compared(condition, Comparison::Equal)?;
    let is_outer = |scalar: &Scalar| scalar.has(&|part| matches!(part.node, Node::Outer(_)));
    let is_inner = |scalar: &Scalar| scalar.has(&|part| matches!(part.node, Node::Column(_)));
    let is_pair = |outer: &Scalar, inner: &Scalar| {
        is_outer(outer) && !is_inner(outer) && is_inner(inner) && !is_outer(inner)
    };
    if is_pair(left, right) {
        return Some((left, right));
    }
    is_pair(right, left).then_some((right, left))
}

/// An expression in terms of the row around a sub-select.
fn of_row(scalar: &Scalar) -> Scalar {
    scalar.replaced(&|part| match part.node {
        Node::Outer(column) => Some(Node::Column(column)),
        _ => None,
    })
}

/// The rows with their keys, and the remaining conditions on a pair of rows.
fn existing(rows: Relation, keys: Vec<Scalar>, conditions: Vec<Scalar>) -> (Relation, Asked) {
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    conditions
        .iter()
        .for_each(|condition| add_columns(condition, &mut outer, &mut inner));
    let before = outer.len() + keys.len();
    let place =
        |columns: &[Scalar], part: &Scalar| columns.iter().position(|column| column == part);
    let placed = conditions.iter().map(|condition| {
        condition.replaced(&|part| match part.node {
            Node::Outer(_) => place(&outer, part).map(Node::Column),
            Node::Column(_) => place(&inner, part).map(|at| Node::Column(before + at)),
            _ => None,
        })
    });
    let placed: Vec<Scalar> = placed.collect();
    let at = placed.first().map_or(Place::default(), |first| first.at);
    let asked = match placed.is_empty() {
        true => Asked::Exists,
        false => Asked::ExistsWhere(
            outer.iter().map(of_row).collect(),
            Box::new(logic(Node::And(placed), at)),
        ),
    };
    let mut columns = keys;
    columns.extend(inner);
    let relation = Relation::Project {
        input: Box::new(rows),
        columns,
    };
    (relation, asked)
}

fn add_columns(scalar: &Scalar, outer: &mut Vec<Scalar>, inner: &mut Vec<Scalar>) {
    let columns = match scalar.node {
        Node::Outer(_) => &mut *outer,
        Node::Column(_) => &mut *inner,
        _ => {
            let parts = scalar.parts().into_iter();
            return parts.for_each(|part| add_columns(part, outer, inner));
        }
    };
    if !columns.contains(scalar) {
        columns.push(scalar.clone());
    }
}

/// The keys of the rows, with the single value for each.
fn single(selected: Selected, keys: Vec<Scalar>) -> Result<(Relation, Asked)> {
    let Some(value) = selected.values.into_iter().next() else {
        return Ok((selected.rows, Asked::Exists));
    };
    if !selected.is_aggregated {
        let null = Scalar::constant(Value::Null, value.kind.clone());
        let mut columns = keys;
        columns.push(value);
        let input = Box::new(selected.rows);
        let rows = Relation::Project { input, columns };
        let relation = match selected.is_distinct {
            true => Relation::Distinct(Box::new(rows)),
            false => rows,
        };
        return Ok((relation, Asked::Value(Box::new(null))));
    }
    let mut aggregates = Vec::new();
    let value = grouping::of_groups(&value, &[], &mut aggregates)?;
    let of_none = value.replaced(&|part| match part.node {
        Node::Column(at) => Some(Node::Constant(of_no_row(&aggregates[at]))),
        _ => None,
    });
    let mut columns: Vec<Scalar> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| Scalar::column(at, key.kind.clone(), key.collation.clone()))
        .collect();
    columns.push(value.shifted(keys.len()));
    let relation = Relation::Project {
        input: Box::new(Relation::Aggregate {
            input: Box::new(selected.rows),
            keys,
            aggregates,
        }),
        columns,
    };
    Ok((relation, Asked::Value(Box::new(of_none))))
}

fn of_no_row(aggregate: &Aggregate) -> Value {
    match aggregate.function {
        AggregateFunction::Count => Value::Integer(0),
        _ => Value::Null,
    }
}
