//! Makes expressions of a wanted type: forms that every type has, and the ways to those of each type.

use super::kinds::{Kind, Wanted};
use super::scope::{Generator, Scope, Typed};

/// Families of types, the most common first.
const FAMILIES: &[(usize, Wanted)] = &[
    (22, Wanted::Small),
    (8, Wanted::Int),
    (16, Wanted::Exact),
    (8, Wanted::Number),
    (24, Wanted::Text),
    (8, Wanted::Date),
    (7, Wanted::Timestamp),
    (5, Wanted::Bool),
    (2, Wanted::TimestampTz),
    (2, Wanted::Time),
    (2, Wanted::Mood),
    (1, Wanted::Uuid),
    (1, Wanted::Bytea),
    (1, Wanted::Jsonb),
];

impl Generator<'_> {
    /// Chooses a type.
    pub(super) fn family(&mut self) -> Wanted {
        let weights: Vec<usize> = FAMILIES.iter().map(|(weight, _)| *weight).collect();
        FAMILIES[self.choices.weighted(&weights)].1
    }

    /// Chooses a type of which there is a column here, or sometimes any type.
    pub(super) fn family_here(&mut self, scope: &Scope) -> Wanted {
        match scope.leaves.is_empty() || self.choices.chance(30) {
            true => self.family(),
            false => {
                let leaf = self.choices.below(scope.leaves.len());
                scope.leaves[leaf].kind.wanted()
            }
        }
    }

    /// Makes an expression of a wanted type.
    pub(super) fn scalar(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        if depth == 0 || self.choices.used_up() {
            return self.leaf(wanted, scope);
        }
        let depth = depth - 1;
        if scope.rows.is_some()
            && self.choices.chance(40)
            && let Some(aggregate) = self.aggregate(wanted, scope, depth)
        {
            return aggregate;
        }
        if scope.windows
            && self.choices.chance(10)
            && let Some(window) = self.window(wanted, scope, depth)
        {
            return window;
        }
        if self.exotic
            && self.choices.chance(10)
            && let Some(exotic) = self.exotic_scalar(wanted, scope, depth)
        {
            return exotic;
        }
        match self.choices.weighted(&[34, 6, 40, 7, 9, 4]) {
            0 => self.leaf(wanted, scope),
            1 => self.literal(wanted),
            2 => self.operation(wanted, scope, depth),
            3 => self.case(wanted, scope, depth),
            4 => self.one_of_several(wanted, scope, depth),
            _ if scope.subqueries => self.scalar_subselect(wanted, scope, depth),
            _ => self.leaf(wanted, scope),
        }
    }

    fn operation(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        match wanted {
            Wanted::Small | Wanted::Int | Wanted::Exact | Wanted::Number => {
                self.number(wanted, scope, depth)
            }
            Wanted::Bool => self.predicate(scope, depth),
            Wanted::Text => self.text(scope, depth),
            Wanted::Date | Wanted::Timestamp | Wanted::TimestampTz | Wanted::Time => {
                self.moment(wanted, scope, depth)
            }
            Wanted::Mood | Wanted::Uuid | Wanted::Bytea | Wanted::Jsonb => self.leaf(wanted, scope),
        }
    }

    /// Makes another alternative for an expression of this type. It may be an untyped constant.
    fn alternative(
        &mut self,
        first: &Typed,
        wanted: Wanted,
        scope: &Scope,
        depth: usize,
    ) -> (String, Kind) {
        match self.choices.weighted(&[20, 60, 10, 10]) {
            0 => {
                let literal = self.literal(wanted);
                (literal.sql, literal.kind)
            }
            1 => {
                let other = self.scalar(wanted, scope, depth);
                (other.sql, other.kind)
            }
            2 => ("NULL".to_owned(), first.kind),
            // The constant's type is the common type of the others, which a wider one may determine.
            _ => (self.quoted(first.kind), first.kind),
        }
    }

    fn case(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        let of_values = self.choices.chance(30);
        let mut sql = "CASE".to_owned();
        let mut peers = Wanted::Bool;
        let mut subject_kind = Kind::Bool;
        if of_values {
            let family = self.family_here(scope);
            let subject = self.scalar(family, scope, depth);
            (peers, subject_kind) = (subject.kind.peers(), subject.kind);
            sql += &format!(" {}", subject.typed());
        }
        let first = self.scalar(wanted, scope, depth);
        let mut kind = first.kind;
        for branch in 0..=self.choices.below(3) {
            let condition = match of_values {
                false => self.predicate(scope, depth).sql,
                true if self.choices.chance(30) => self.quoted(subject_kind),
                true if self.choices.chance(30) => self.scalar(peers, scope, depth).sql,
                true => self.literal(peers).sql,
            };
            let result = match branch {
                0 => first.sql.clone(),
                _ => {
                    let (sql, other) = self.alternative(&first, wanted, scope, depth);
                    kind = kind.common(other);
                    sql
                }
            };
            sql += &format!(" WHEN {condition} THEN {result}");
        }
        if self.choices.chance(70) {
            let (result, other) = self.alternative(&first, wanted, scope, depth);
            kind = kind.common(other);
            sql += &format!(" ELSE {result}");
        }
        Typed::closed(sql + " END", kind)
    }

    /// Makes COALESCE, NULLIF, GREATEST or LEAST.
    fn one_of_several(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        let first = self.scalar(wanted, scope, depth);
        let choice = self.choices.weighted(&[50, 20, 15, 15]);
        if choice == 1 {
            let (other, kind) = match self.choices.chance(25) {
                true => (self.quoted(first.kind), first.kind),
                false => {
                    let peers = match wanted.is_number() {
                        true => wanted,
                        false => first.kind.peers(),
                    };
                    let other = self.scalar(peers, scope, depth);
                    (other.sql, other.kind)
                }
            };
            return Typed::closed(
                format!("NULLIF({}, {other})", first.typed()),
                first.kind.compared_with(kind),
            );
        }
        // These types have no order, so only COALESCE can choose.
        let choice = match wanted {
            Wanted::Jsonb | Wanted::Uuid | Wanted::Bytea | Wanted::Bool => 0,
            _ => choice,
        };
        let function = ["COALESCE", "", "GREATEST", "LEAST"][choice];
        let mut kind = first.kind;
        let mut arguments = vec![first.sql.clone()];
        for _ in 0..=self.choices.below(2) {
            let (sql, other) = self.alternative(&first, wanted, scope, depth);
            kind = kind.common(other);
            arguments.push(sql);
        }
        Typed::closed(format!("{function}({})", arguments.join(", ")), kind)
    }
}
