//! Makes one SELECT: its rows, groups and columns.

use super::kinds::Wanted;
use super::queries::{Ask, Selected};
use super::relations::{Column, From};
use super::schema::Use;
use super::scope::{Form, Generator, Leaf, Scope, Typed};

impl Generator<'_> {
    /// Makes a SELECT without its ORDER BY.
    pub(super) fn select(&mut self, ask: &Ask) -> Selected {
        let depth = ask.depth;
        if self.choices.chance(3) && ask.outer.is_empty() {
            let (items, columns) = self.items(
                ask,
                &Scope {
                    subqueries: true,
                    ..Scope::default()
                },
                &[],
            );
            return Selected {
                sql: format!("SELECT {}", items.join(", ")),
                columns,
                rows: 1,
                scope: None,
            };
        }
        let from = self.from(&ask.outer, depth.min(2));
        let scope = self.scope_of(&from, &ask.outer);
        let condition = self.condition(&from, &scope, ask);
        let source = format!(" FROM {}{condition}", from.sql);
        if self.choices.chance(35) {
            return self.grouped(ask, &source, scope, from.rows);
        }
        if ask.wanted.is_none() && self.choices.chance(4) {
            if let Some(columns) = from.all_columns() {
                return Selected {
                    sql: format!("SELECT *{source}"),
                    columns,
                    rows: from.rows,
                    scope: Some(scope),
                };
            }
            let relation = &from.relations[0];
            let (sql, columns) = (
                format!("SELECT {}.*{source}", relation.alias),
                relation.columns.clone(),
            );
            return Selected {
                sql,
                columns,
                rows: from.rows,
                scope: Some(scope),
            };
        }
        let (items, columns) = self.items(
            ask,
            &Scope {
                windows: true,
                ..scope.clone()
            },
            &[],
        );
        let distinct = match self.choices.chance(10) {
            true => "DISTINCT ",
            false => "",
        };
        Selected {
            sql: format!("SELECT {distinct}{}{source}", items.join(", ")),
            columns,
            rows: from.rows,
            scope: distinct.is_empty().then_some(scope),
        }
    }

    /// Makes a WHERE, or nothing.
    pub(super) fn condition(&mut self, from: &From, scope: &Scope, ask: &Ask) -> String {
        let mut conditions: Vec<String> = from.conditions.clone();
        if !ask.outer.is_empty() && self.choices.chance(60) {
            let own: Vec<Leaf> = scope
                .leaves
                .iter()
                .filter(|leaf| leaf.own)
                .cloned()
                .collect();
            conditions.extend(self.equality(&ask.outer, &own));
        }
        if self.choices.chance(38) {
            let depth = ask.depth.min(2);
            let predicate = self.predicate(scope, depth);
            conditions.push(match conditions.is_empty() {
                true => predicate.sql,
                false => predicate.operand(),
            });
        }
        match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        }
    }

    /// Makes a SELECT of groups, or of one group of all rows.
    fn grouped(&mut self, ask: &Ask, source: &str, rows: Scope, row_count: usize) -> Selected {
        let mut groups: Vec<Leaf> = Vec::new();
        let own = rows
            .leaves
            .iter()
            .filter(|leaf| leaf.own)
            .cloned()
            .collect();
        let groupable = Scope {
            leaves: own,
            ..Scope::default()
        };
        for _ in 0..self.choices.weighted(&[25, 45, 22, 8]) {
            let family = self.family_here(&groupable);
            let key = match self.choices.chance(25) {
                true => self.scalar(family, &groupable, 2),
                false => self.leaf(family, &groupable),
            };
            let leaf = group_leaf(&key, &groupable);
            if key.form != Form::Literal && groups.iter().all(|group| group.sql != leaf.sql) {
                groups.push(leaf);
            }
        }
        let outer = rows.leaves.iter().filter(|leaf| !leaf.own);
        let scope = Scope {
            leaves: groups.iter().chain(outer).cloned().collect(),
            ties: groups.iter().map(|group| group.sql.clone()).collect(),
            is_keyed: true,
            rows: Some(rows.leaves.clone()),
            windows: true,
            subqueries: true,
        };
        let (items, columns) = self.items(ask, &scope, &groups);
        let mut keys = Vec::new();
        for group in &groups {
            let position = items.iter().position(|item| {
                *item == group.sql || item.starts_with(&format!("{} AS ", group.sql))
            });
            let alias = position.and_then(|at| items[at].rsplit_once(" AS "));
            let is_alias = alias.is_some_and(|(sql, _)| sql == group.sql);
            keys.push(match (self.choices.weighted(&[60, 25, 15]), position) {
                (1, Some(at)) => (at + 1).to_string(),
                (2, Some(at)) if is_alias => columns[at].name.clone(),
                _ => group.sql.clone(),
            });
        }
        let mut sql = format!("SELECT {}{source}", items.join(", "));
        if !keys.is_empty() {
            sql += &format!(" GROUP BY {}", keys.join(", "));
        }
        let scope = scope.within_window();
        if self.choices.chance(25) {
            let depth = ask.depth.min(2);
            sql += &format!(" HAVING {}", self.predicate(&scope, depth).sql);
        }
        let rows = match groups.is_empty() {
            true => 1,
            false => row_count,
        };
        Selected {
            sql,
            columns,
            rows,
            scope: Some(scope),
        }
    }

    /// Makes the list after SELECT, and the columns that it gives. If any types will do, the groups come first.
    fn items(&mut self, ask: &Ask, scope: &Scope, groups: &[Leaf]) -> (Vec<String>, Vec<Column>) {
        let (mut items, mut columns): (Vec<String>, Vec<Column>) = (Vec::new(), Vec::new());
        let mut expressions: Vec<Typed> = Vec::new();
        match &ask.wanted {
            Some(wanted) => {
                for wanted in wanted {
                    expressions.push(self.item_of(*wanted, scope, ask.depth));
                }
            }
            None => {
                for group in groups {
                    if !self.choices.chance(15) {
                        expressions.push(Typed::closed(group.sql.clone(), group.kind));
                    }
                }
                let more = match expressions.is_empty() {
                    true => 1,
                    false => 0,
                };
                for _ in 0..more + self.choices.below(4) {
                    let family = self.family_here(scope);
                    expressions.push(self.item_of(family, scope, ask.depth));
                }
                if expressions.is_empty() {
                    expressions.push(self.leaf(Wanted::Int, scope));
                }
            }
        }
        for expression in expressions {
            let own = scope
                .leaves
                .iter()
                .find(|leaf| leaf.own && leaf.sql == expression.sql);
            let plain = own.and_then(|leaf| leaf.name.clone());
            let usage = own.map_or(Use::Any, |leaf| leaf.usage);
            let is_free = |name: &String| columns.iter().all(|column| column.name != *name);
            let bare = match plain.filter(is_free) {
                Some(name) if self.choices.chance(35) => Some(name),
                _ => None,
            };
            let kind = expression.kind;
            let (item, name) = match bare {
                Some(name) => (expression.sql, name),
                None => self.named(ask, expression, &columns),
            };
            columns.push(Column { name, kind, usage });
            items.push(item);
        }
        (items, columns)
    }

    /// An expression for the list, with the name that its column gets.
    fn named(&mut self, ask: &Ask, expression: Typed, columns: &[Column]) -> (String, String) {
        let name = match ask.top {
            true => format!("c{}", columns.len() + 1),
            false => self.new_column(),
        };
        let usual = self.choices.one_of(&["id", "name", "v", "category_id"]);
        let is_free = columns.iter().all(|column| column.name != usual);
        let (name, is_usual) = match self.choices.weighted(&[88, 4, 8]) {
            1 if ask.top => (format!("\"Mixed {name}\""), false),
            2 if !ask.top && is_free => (usual.to_owned(), true),
            _ => (name, false),
        };
        // In GROUP BY a usual name would mean a table's column, so it is written in another way.
        let word = match (is_usual, self.choices.chance(15)) {
            (true, _) => "  AS ",
            (_, true) => " ",
            _ => " AS ",
        };
        (format!("{}{word}{name}", expression.sql), name)
    }

    /// Makes a name for a column of a subquery.
    pub(super) fn new_column(&mut self) -> String {
        self.columns_named += 1;
        format!("x{}", self.columns_named)
    }

    fn item_of(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        match scope.rows.is_none() && self.choices.chance(30) {
            true => self.leaf(wanted, scope),
            false => self.scalar(wanted, scope, depth),
        }
    }
}

/// What stands in a group for a column of its rows.
fn group_leaf(key: &Typed, rows: &Scope) -> Leaf {
    let column = rows.leaves.iter().find(|leaf| leaf.sql == key.sql);
    Leaf {
        sql: key.operand(),
        from_within: column.and_then(|leaf| leaf.from_within.clone()),
        kind: key.kind,
        usage: column.map_or(Use::Any, |leaf| leaf.usage),
        own: true,
        name: column.and_then(|leaf| leaf.name.clone()),
    }
}
