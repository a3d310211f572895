//! Tables of inner joins, put into an order in which each has an equality with the tables before it.

use super::conditions::{all_of, asks_much, implied, is_plain, of_columns, settled, sides};
use super::{checked, filtered};
use crate::model::expression::equality;
use crate::model::tree::{Join, Relation, Scalar};

/// The tables of inner joins in their written order, and the conditions on them.
#[derive(Default)]
struct Region {
    tables: Vec<Table>,
    /// The conditions, over the columns of all tables.
    conditions: Vec<Scalar>,
}

struct Table {
    relation: Relation,
    /// The position of the table's first column among those of all tables.
    start: usize,
    width: usize,
}

/// Some of the tables, joined.
struct Joined {
    relation: Relation,
    /// For each column of the relation, its position among those of all tables.
    columns: Vec<usize>,
}

/// The rows that meet all conditions, of an inner join and of the joins in it.
pub(super) fn joined(join: Join, conditions: Vec<Scalar>) -> Relation {
    let mut region = Region::default();
    region.add_join(join, 0);
    region.conditions.extend(conditions);
    region.in_order()
}

impl Region {
    fn add(&mut self, relation: Relation, start: usize) {
        match relation {
            Relation::Join(join) if !join.keeps_left && !join.keeps_right => {
                self.add_join(*join, start);
            }
            Relation::Filter { input, condition } if matches!(*input, Relation::Join(_)) => {
                self.add(*input, start);
                self.conditions.push(condition.shifted(start));
            }
            relation => self.tables.push(Table {
                width: relation.width(),
                relation,
                start,
            }),
        }
    }

    fn add_join(&mut self, join: Join, start: usize) {
        let of_right = start + join.left.width();
        self.add(join.left, start);
        self.add(join.right, of_right);
        for (left, right) in join.equal {
            let equal = equality(left.shifted(start), right.shifted(of_right));
            self.conditions.push(equal);
        }
        let condition = join.condition.map(|condition| condition.shifted(start));
        self.conditions.extend(condition);
    }

    /// Joins the tables in their written order, except that a table without a joining condition waits for one.
    fn in_order(self) -> Relation {
        let conditions = settled(self.conditions);
        let width = self.tables.iter().map(|table| table.width).sum();
        let is_early = |condition: &Scalar| {
            is_plain(condition) && !asks_much(condition) || is_between(condition, &self.tables)
        };
        let (mut early, last): (Vec<_>, Vec<_>) = conditions.into_iter().partition(is_early);
        let mut waiting = Vec::new();
        for (at, table) in self.tables.into_iter().enumerate() {
            let columns = table.start..table.start + table.width;
            let is_of_table =
                |part: &Scalar| of_columns(part).all(|column| columns.contains(&column));
            // A condition that uses no table at all is checked on the first.
            let is_own = |condition: &mut Scalar| {
                is_of_table(condition) && (at == 0 || of_columns(condition).next().is_some())
            };
            let mut own: Vec<Scalar> = early.extract_if(.., is_own).collect();
            own.extend(early.iter().filter_map(|or| implied(or, &is_of_table)));
            let own = own
                .iter()
                .map(|condition| condition.moved_left(table.start));
            waiting.push(Joined {
                relation: filtered(table.relation, own.collect()),
                columns: columns.collect(),
            });
        }
        let mut apart: Vec<Joined> = Vec::new();
        while !waiting.is_empty() {
            let mut current = waiting.remove(0);
            let is_next = |current: &Joined, next: &Joined, early: &[Scalar]| {
                early
                    .iter()
                    .any(|condition| current.sides(next, condition).is_some())
            };
            while let Some(next) = waiting
                .iter()
                .position(|next| is_next(&current, next, &early))
            {
                current = current.with(waiting.remove(next), &mut early);
            }
            apart.push(current);
        }
        let whole = apart
            .into_iter()
            .reduce(|whole, next| whole.with(next, &mut early));
        let Some(mut whole) = whole else {
            return Relation::One;
        };
        let (mut of_rows, of_pairs): (Vec<_>, Vec<_>) = last.into_iter().partition(asks_much);
        // The remaining conditions on pairs are checked where the pairs are made.
        let condition = all_of(whole.placed(&of_pairs));
        match (&mut whole.relation, condition) {
            (Relation::Join(join), Some(condition)) => {
                let mut all: Vec<Scalar> = join.condition.take().into_iter().collect();
                all.push(condition);
                join.condition = all_of(all);
            }
            _ => of_rows.extend(of_pairs),
        }
        let of_rows = whole.placed(&of_rows);
        whole.relation = checked(whole.relation, of_rows);
        whole.in_written_order(width)
    }
}

impl Joined {
    /// Joins other tables, by all conditions that use both sides.
    fn with(self, other: Self, conditions: &mut Vec<Scalar>) -> Self {
        let (mut equal, mut of_pairs) = (Vec::new(), Vec::new());
        let mut columns = self.columns.clone();
        columns.extend(&other.columns);
        let is_of_both =
            |condition: &mut Scalar| of_columns(condition).all(|column| columns.contains(&column));
        for condition in conditions.extract_if(.., is_of_both) {
            match self.sides(&other, &condition) {
                Some((left, right)) => {
                    equal.push((placed(&left, &self.columns), placed(&right, &other.columns)));
                }
                None => of_pairs.push(placed(&condition, &columns)),
            }
        }
        Self {
            relation: Relation::Join(Box::new(Join {
                left: self.relation,
                right: other.relation,
                keeps_left: false,
                keeps_right: false,
                equal,
                condition: all_of(of_pairs),
            })),
            columns,
        }
    }

    /// Both sides of an equality between these tables and others.
    fn sides(&self, other: &Self, condition: &Scalar) -> Option<(Scalar, Scalar)> {
        let is_of = |joined: &Self, part: &Scalar| {
            of_columns(part).all(|column| joined.columns.contains(&column))
        };
        sides(condition, &|part| is_of(self, part), &|part| {
            is_of(other, part)
        })
    }

    fn placed(&self, conditions: &[Scalar]) -> Vec<Scalar> {
        let conditions = conditions.iter();
        conditions
            .map(|condition| placed(condition, &self.columns))
            .collect()
    }

    /// Puts all columns back into their written order.
    fn in_written_order(self, width: usize) -> Relation {
        if self.columns.iter().copied().eq(0..width) {
            return self.relation;
        }
        let places = (0..width).map(|column| place(column, &self.columns));
        Relation::Reordered {
            places: places.collect(),
            input: Box::new(self.relation),
        }
    }
}

/// Whether a condition is an equality that can join two or more tables.
fn is_between(condition: &Scalar, tables: &[Table]) -> bool {
    let is_of = |table: &Table, part: &Scalar| {
        of_columns(part).all(|column| (table.start..table.start + table.width).contains(&column))
    };
    tables.iter().any(|one| {
        tables.iter().any(|other| {
            one.start != other.start
                && sides(condition, &|part| is_of(one, part), &|part| {
                    is_of(other, part)
                })
                .is_some()
        })
    })
}

fn placed(condition: &Scalar, columns: &[usize]) -> Scalar {
    condition.moved(&|column| place(column, columns))
}

/// The position of a column of all tables within some of them.
fn place(column: usize, columns: &[usize]) -> usize {
    let found = columns.iter().position(|of| *of == column);
    found.unwrap_or(column)
}
