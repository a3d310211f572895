//! Makes joins.

use super::kinds::Kind;
use super::relations::{Column, From, Relation};
use super::schema::Use;
use super::scope::{Generator, Leaf, Scope};

/// A join that could give more rows than this always has an equality.
const MOST_ROWS: usize = 150;

impl Generator<'_> {
    /// Adds a relation to FROM after a comma, joined by WHERE.
    pub(super) fn add_by_comma(&mut self, from: &mut From, (sql, relation): (String, Relation)) {
        let cross = from.rows * relation.rows <= MOST_ROWS && self.choices.chance(30);
        let left: Vec<Leaf> = from.relations.iter().flat_map(Relation::leaves).collect();
        let right: Vec<Leaf> = relation.leaves().collect();
        let equality = match cross {
            true => None,
            false => self.equality(&left, &right),
        };
        if !cross && equality.is_none() && from.rows * relation.rows > MOST_ROWS {
            return;
        }
        from.rows = match equality.is_some() {
            true => from.rows.max(relation.rows) * 3 / 2,
            false => from.rows * relation.rows,
        };
        // Sometimes the equality is repeated in all branches of an OR.
        from.conditions
            .extend(equality.map(|equality| match self.choices.chance(20) {
                true => {
                    let leaves = left.iter().chain(&right).cloned().collect();
                    let scope = Scope {
                        leaves,
                        ..Scope::default()
                    };
                    let (one, other) = (self.predicate(&scope, 0), self.predicate(&scope, 1));
                    format!(
                        "({equality} AND {} OR {} AND {equality})",
                        one.operand(),
                        other.operand()
                    )
                }
                false => equality,
            }));
        from.sql += &format!(", {sql}");
        from.relations.push(relation);
    }

    /// Joins a relation with JOIN.
    pub(super) fn join(&mut self, from: &mut From, (sql, relation): (String, Relation)) {
        let may_cross = from.rows * relation.rows <= MOST_ROWS;
        if may_cross && self.choices.chance(6) {
            from.rows *= relation.rows;
            from.sql += &format!(" CROSS JOIN {sql}");
            from.relations.push(relation);
            return;
        }
        let joins = [
            "JOIN",
            "LEFT JOIN",
            "INNER JOIN",
            "LEFT JOIN",
            "RIGHT JOIN",
            "FULL JOIN",
            "LEFT OUTER JOIN",
            "FULL OUTER JOIN",
        ];
        let join = self.choices.one_of(&joins);
        if self.choices.chance(15) && self.join_using(from, &sql, &relation, join) {
            from.rows = from.rows.max(relation.rows) * 3 / 2;
            from.relations.push(relation);
            return;
        }
        let left: Vec<Leaf> = from.relations.iter().flat_map(Relation::leaves).collect();
        let right: Vec<Leaf> = relation.leaves().collect();
        let Some(mut condition) = self.equality(&left, &right) else {
            if may_cross {
                from.rows *= relation.rows;
                from.sql += &format!(" {} {sql} ON TRUE", join.replace("FULL", "LEFT"));
                from.relations.push(relation);
            }
            return;
        };
        if self.choices.chance(12)
            && let Some(second) = self.equality(&left, &right)
        {
            condition += &format!(" AND {second}");
        }
        if self.choices.chance(18) {
            let leaves = left.into_iter().chain(right).collect();
            let scope = Scope {
                leaves,
                ..Scope::default()
            };
            let more = self.predicate(&scope, 1);
            condition = match self.choices.weighted(&[60, 30, 10]) {
                2 if may_cross && !join.starts_with("FULL") => {
                    format!("{condition} OR {}", more.operand())
                }
                1 => format!("({}) AND {condition}", more.sql),
                _ => format!("{condition} AND {}", more.operand()),
            };
        }
        if self.choices.chance(10) {
            condition = format!("({condition})");
        }
        from.rows = from.rows.max(relation.rows) * 3 / 2;
        from.sql += &format!(" {join} {sql} ON {condition}");
        from.relations.push(relation);
    }

    /// Joins by columns of the same name, if there are some that USING accepts.
    fn join_using(&mut self, from: &mut From, sql: &str, relation: &Relation, join: &str) -> bool {
        let left_kind = |name: &str| {
            let merged = from.merged.iter().map(|(column, _)| column);
            let mut all = merged.chain(from.unmerged().map(|(_, column)| column));
            all.find(|column| column.name == name)
                .map(|column| column.kind)
        };
        let shared: Vec<(Column, Kind)> = relation
            .columns
            .iter()
            .filter(|column| from.times_named(&column.name) == 1)
            .filter_map(|column| Some((column.clone(), left_kind(&column.name)?)))
            .filter(|(column, kind)| {
                column.kind.peers() == kind.peers() && column.kind != Kind::Jsonb
            })
            .collect();
        if shared.is_empty() {
            return false;
        }
        let first = self.choices.below(shared.len());
        let count = 1 + usize::from(self.choices.chance(25));
        let mut names: Vec<String> = Vec::new();
        for (column, kind) in shared
            .iter()
            .cycle()
            .skip(first)
            .take(count.min(shared.len()))
        {
            names.push(column.name.clone());
            // All columns of that name so far are one column, and the added relation's column becomes part of it.
            let has = |relation: &Relation| {
                relation
                    .columns
                    .iter()
                    .any(|other| other.name == column.name)
            };
            let mut of: Vec<usize> = (0..from.relations.len())
                .filter(|at| has(&from.relations[*at]))
                .collect();
            of.push(from.relations.len());
            from.merged.retain(|(merged, _)| merged.name != column.name);
            from.merged.push((
                Column {
                    kind: kind.common(column.kind),
                    ..column.clone()
                },
                of,
            ));
        }
        from.sql += &format!(" {join} {sql} USING ({})", names.join(", "));
        true
    }

    /// Makes `a = b` of one column of each side, preferring keys.
    pub(super) fn equality(&mut self, left: &[Leaf], right: &[Leaf]) -> Option<String> {
        let keys_only = !self.choices.chance(15);
        let fits = |leaf: &&Leaf| match keys_only {
            true => leaf.usage == Use::Key,
            false => leaf.usage != Use::Extremes && leaf.kind != Kind::Jsonb,
        };
        let all: Vec<&Leaf> = right.iter().filter(fits).collect();
        let right = match all.is_empty() {
            true => right.first()?,
            false => all[self.choices.below(all.len())],
        };
        let peers = right.kind.peers();
        let comparable = |leaf: &&Leaf| peers.takes(leaf.kind);
        let mut lefts: Vec<&Leaf> = left.iter().filter(comparable).filter(fits).collect();
        if lefts.is_empty() {
            lefts = left.iter().filter(comparable).collect();
        }
        if lefts.is_empty() {
            return None;
        }
        let left = lefts[self.choices.below(lefts.len())];
        Some(match self.choices.chance(40) {
            true => format!("{} = {}", right.sql, left.sql),
            false => format!("{} = {}", left.sql, right.sql),
        })
    }
}
