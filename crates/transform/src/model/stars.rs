//! Finds the tables of which a SELECT needs all columns: those of a `*`, if it matters which columns that gives, and those that are
//! joined by all columns that they share. If the columns of a sub-select are used by name, or only its rows matter, its `*` gives
//! just the columns that are named somewhere.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, TableWithJoins,
};

use crate::model::from_names::called;
use crate::model::plan::is_empty;
use crate::model::walk::{Part, walk};

/// The tables of a query of which all columns are needed, in lower case; names that WITH defines may be among them. `stars` is how
/// many `*` of the query may stand for columns: `None` if not all of them are found at a place where their meaning is known. Names
/// without a schema are of `schema`.
pub(crate) fn of(query: &Query, stars: usize, schema: &str) -> Option<BTreeSet<String>> {
    let mut whole = BTreeSet::new();
    // A name that WITH defines is met before it is known whether all of its columns are needed.
    loop {
        let mut found = Found {
            whole: whole.clone(),
            schema,
            ..Found::default()
        };
        let _ = walk(query, |part| {
            match part {
                Part::Query(query) => found.query(query),
                Part::Expr(Expr::Exists { subquery, .. }) => found.ask(subquery, true),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        if found.is_unclear || found.stars != stars {
            return None;
        }
        if found.whole.len() == whole.len() {
            return Some(whole);
        }
        whole = found.whole;
    }
}

#[derive(Default)]
struct Found<'a> {
    schema: &'a str,
    whole: BTreeSet<String>,
    /// Sub-selects, by address, with whether their columns are used by name only.
    by_name: HashMap<*const Query, bool>,
    stars: usize,
    is_unclear: bool,
}

impl Found<'_> {
    fn query(&mut self, query: &Query) {
        let is_by_name = self.by_name.remove(&std::ptr::from_ref(query)) == Some(true);
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let is_whole = self.whole.contains(&lower(&cte.alias.name));
            self.ask(&cte.query, !is_whole && cte.alias.columns.is_empty());
        }
        // ORDER BY may name a column by its position.
        self.body(&query.body, is_by_name && query.order_by.is_none());
    }

    fn ask(&mut self, query: &Query, is_by_name: bool) {
        self.by_name.insert(std::ptr::from_ref(query), is_by_name);
    }

    fn body(&mut self, body: &SetExpr, is_by_name: bool) {
        match body {
            SetExpr::Select(select) => self.select(select, is_by_name),
            SetExpr::Query(query) => self.ask(query, is_by_name),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, false);
                self.body(right, false);
            }
            SetExpr::Table(table) => match &table.table_name {
                Some(name) if table.schema_name.is_none() => {
                    self.whole.extend([name.to_lowercase()]);
                }
                _ => self.is_unclear = true,
            },
            _ => {}
        }
    }

    fn select(&mut self, select: &Select, is_by_name: bool) {
        let is_by_name = is_by_name && select.distinct.is_none() && is_empty(&select.group_by);
        let mut factors = Vec::new();
        let mut is_natural = false;
        for from in &select.from {
            self.factors(from, &mut factors, &mut is_natural);
        }
        for factor in &factors {
            self.add(factor, is_natural);
        }
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(_) => {
                    self.stars += 1;
                    if !is_by_name {
                        factors.iter().for_each(|factor| self.add(factor, true));
                    }
                }
                SelectItem::QualifiedWildcard(of, _) => {
                    self.stars += 1;
                    if !is_by_name {
                        self.add_named(of, &factors);
                    }
                }
                _ => {}
            }
        }
    }

    /// Adds what a `*` after a name stands for.
    fn add_named(&mut self, of: &SelectItemQualifiedWildcardKind, factors: &[&TableFactor]) {
        let name = match of {
            SelectItemQualifiedWildcardKind::ObjectName(name) => last(name),
            SelectItemQualifiedWildcardKind::Expr(_) => None,
        };
        let named = factors.iter().filter(|factor| {
            let called = match factor {
                TableFactor::Table { name, alias, .. } => match alias {
                    Some(alias) => Some(lower(&alias.name)),
                    None => last(name),
                },
                TableFactor::Derived { alias, .. } => alias.as_ref().map(|of| lower(&of.name)),
                _ => None,
            };
            called.is_some() && called == name
        });
        let named: Vec<_> = named.collect();
        // It may belong to the query around this one.
        self.is_unclear |= named.is_empty();
        named.into_iter().for_each(|factor| self.add(factor, true));
    }

    /// Collects the tables and sub-selects of FROM, and whether some are joined by all columns that they share.
    fn factors<'q>(
        &mut self,
        from: &'q TableWithJoins,
        factors: &mut Vec<&'q TableFactor>,
        is_natural: &mut bool,
    ) {
        for join in &from.joins {
            *is_natural |= match &join.join_operator {
                JoinOperator::Join(on)
                | JoinOperator::Inner(on)
                | JoinOperator::Left(on)
                | JoinOperator::LeftOuter(on)
                | JoinOperator::Right(on)
                | JoinOperator::RightOuter(on)
                | JoinOperator::FullOuter(on)
                | JoinOperator::CrossJoin(on) => matches!(on, JoinConstraint::Natural),
                _ => true,
            };
        }
        let joined = from.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&from.relation).chain(joined) {
            match factor {
                TableFactor::NestedJoin {
                    table_with_joins,
                    alias,
                } => {
                    // The joined tables then have another name.
                    self.is_unclear |= alias.is_some();
                    self.factors(table_with_joins, factors, is_natural);
                }
                factor => factors.push(factor),
            }
        }
    }

    /// Adds a table of which all columns may be needed. They are if they are renamed.
    fn add(&mut self, factor: &TableFactor, is_whole: bool) {
        let is_renamed = |alias: &Option<TableAlias>| {
            let alias = alias.as_ref();
            alias.is_some_and(|alias| !alias.columns.is_empty())
        };
        match factor {
            TableFactor::Table { name, alias, .. } if is_whole || is_renamed(alias) => {
                let table = called(name, self.schema);
                self.is_unclear |= table.is_none();
                self.whole.extend(table.map(|table| table.to_lowercase()));
            }
            TableFactor::Derived {
                subquery, alias, ..
            } => self.ask(subquery, !is_whole && !is_renamed(alias)),
            _ => {}
        }
    }
}

fn lower(name: &Ident) -> String {
    name.value.to_lowercase()
}

fn last(name: &ObjectName) -> Option<String> {
    name.0.last()?.as_ident().map(lower)
}
