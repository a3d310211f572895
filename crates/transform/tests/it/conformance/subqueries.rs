//! Makes subqueries within expressions.

use super::kinds::{Kind, Wanted};
use super::queries::Ask;
use super::schema::{TABLES, Table};
use super::scope::{Form, Generator, Leaf, Scope, Typed};

impl Generator<'_> {
    /// Makes a subquery of one column and at most one row.
    pub(super) fn scalar_subselect(
        &mut self,
        wanted: Wanted,
        scope: &Scope,
        depth: usize,
    ) -> Typed {
        if self.nesting >= 2 || depth == 0 {
            return self.leaf(wanted, scope);
        }
        self.nesting += 1;
        let outer = scope.for_subquery();
        let subselect = match self.choices.weighted(&[50, 32, 18]) {
            0 => self.looked_up(wanted, &outer),
            1 => self.of_all_rows(wanted, &outer, depth - 1),
            _ => {
                let query = self.first_row(&Ask::of(wanted, outer, depth - 1));
                let kind = query.columns[0].kind;
                Some(Typed::closed(format!("({})", query.sql), kind))
            }
        };
        self.nesting -= 1;
        subselect.unwrap_or_else(|| self.leaf(wanted, scope))
    }

    /// Makes a subquery that looks up a column of the row with a given key.
    fn looked_up(&mut self, wanted: Wanted, outer: &[Leaf]) -> Option<Typed> {
        let hidden = |table: &Table| self.ctes.iter().any(|cte| cte.alias == table.name);
        let has_one_key = |table: &&Table| table.key.len() == 1 && !hidden(table);
        let columns = TABLES.iter().filter(has_one_key).flat_map(|table| {
            let fitting = table.columns.iter().filter(|column| wanted.takes(column.2));
            fitting.map(move |column| (table, column.0, column.2))
        });
        let columns: Vec<(&Table, &str, Kind)> = columns.collect();
        if columns.is_empty() {
            return None;
        }
        let (table, column, kind) = columns[self.choices.below(columns.len())];
        let alias = self.new_alias();
        let scope = Scope {
            leaves: outer.to_vec(),
            ..Scope::default()
        };
        let key = self.leaf(Wanted::Small, &scope);
        let sql = format!(
            "(SELECT {alias}.{column} FROM {} AS {alias} WHERE {alias}.{} = {})",
            table.name,
            table.key[0],
            key.operand()
        );
        Some(Typed::closed(sql, kind))
    }

    /// Makes a subquery with an aggregate of all rows of some relations.
    fn of_all_rows(&mut self, wanted: Wanted, outer: &[Leaf], depth: usize) -> Option<Typed> {
        let from = self.from(outer, depth);
        let rows = self.scope_of(&from, outer);
        let condition = self.condition(&from, &rows, &Ask::of(wanted, outer.to_vec(), depth));
        let scope = Scope {
            rows: Some(rows.leaves),
            ..Scope::default()
        };
        let aggregate = self.aggregate(wanted, &scope, depth)?;
        let sql = format!("(SELECT {} FROM {}{condition})", aggregate.sql, from.sql);
        Some(Typed::closed(sql, aggregate.kind))
    }

    /// Makes EXISTS or IN.
    pub(super) fn subquery_predicate(&mut self, scope: &Scope, depth: usize) -> Typed {
        if self.nesting >= 2 || depth == 0 {
            return self.predicate(scope, 0);
        }
        self.nesting += 1;
        let outer = match self.choices.chance(60) {
            true => scope.for_subquery(),
            false => Vec::new(),
        };
        let sql = match self.choices.chance(40) {
            true => {
                let query = self.query(&Ask {
                    outer: scope.for_subquery(),
                    ..Ask::of_any(depth - 1)
                });
                format!("{}EXISTS ({})", self.not(), query.sql)
            }
            false => {
                let family = self.family_here(scope);
                let mut operand = self.scalar(family, scope, depth.min(1));
                if operand.form == Form::Literal {
                    operand = Typed::closed(operand.typed(), operand.kind);
                }
                let query = self.query(&Ask::of(operand.kind.peers(), outer, depth - 1));
                format!("{} {}IN ({})", operand.operand(), self.not(), query.sql)
            }
        };
        self.nesting -= 1;
        Typed::open(sql, Kind::Bool)
    }
}
