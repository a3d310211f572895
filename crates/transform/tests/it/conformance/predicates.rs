//! Makes conditions.

use super::kinds::{Kind, Wanted};
use super::scope::{Form, Generator, Scope, Typed};

impl Generator<'_> {
    /// Makes a condition. Even the simplest one compares something.
    pub(super) fn predicate(&mut self, scope: &Scope, depth: usize) -> Typed {
        if self.exotic
            && self.choices.chance(8)
            && let Some(exotic) = self.exotic_predicate(scope, depth)
        {
            return exotic;
        }
        let below = depth.saturating_sub(1);
        let weights: &[usize] = match depth {
            0 => &[60, 15, 8, 8, 6, 3],
            _ => &[40, 8, 7, 8, 7, 4, 18, 8],
        };
        let sql = match self.choices.weighted(weights) {
            0 => self.comparison(scope, below),
            1 => {
                let family = self.family_here(scope);
                let operand = self.scalar(family, scope, below);
                format!("{} IS {}NULL", operand.operand(), self.not())
            }
            2 => self.between(scope, below),
            3 => self.in_list(scope, below),
            4 => self.like(scope, below),
            5 => {
                let operand = self.scalar(Wanted::Bool, scope, below);
                let truth = self.choices.one_of(&["TRUE", "FALSE", "UNKNOWN"]);
                format!("{} IS {}{truth}", operand.operand(), self.not())
            }
            6 => return self.connected(scope, below),
            _ if scope.subqueries => return self.subquery_predicate(scope, below),
            _ => return self.scalar(Wanted::Bool, scope, below),
        };
        Typed::open(sql, Kind::Bool)
    }

    /// Makes conditions with AND, OR and NOT, with and without parentheses.
    fn connected(&mut self, scope: &Scope, depth: usize) -> Typed {
        let left = self.predicate(scope, depth);
        if self.choices.chance(20) {
            return Typed::open(format!("NOT {}", left.operand()), Kind::Bool);
        }
        let right = self.predicate(scope, depth);
        let connective = self.choices.one_of(&["AND", "OR"]);
        let sql = match self.choices.chance(40) {
            true => format!("{} {connective} {}", left.sql, right.sql),
            false => format!("{} {connective} {}", left.operand(), right.operand()),
        };
        Typed::open(sql, Kind::Bool)
    }

    /// Makes two sides that can be compared. The second may be a constant without a type.
    fn sides(&mut self, scope: &Scope, depth: usize) -> (Typed, Typed) {
        let family = self.family_here(scope);
        let left = self.scalar(family, scope, depth);
        let right = match self.choices.weighted(&[30, 45, 18, 3, 4]) {
            0 => self.literal(left.kind.peers()),
            1 => self.scalar(left.kind.peers(), scope, depth),
            2 => Typed::literal(self.quoted(left.kind), left.kind),
            3 => Typed::literal("NULL", left.kind),
            _ => {
                let other = match left.kind {
                    Kind::Date => Wanted::Timestamp,
                    Kind::Timestamp => Wanted::Date,
                    kind => kind.peers(),
                };
                self.scalar(other, scope, depth)
            }
        };
        (left, right)
    }

    fn comparison(&mut self, scope: &Scope, depth: usize) -> String {
        let (left, right) = self.sides(scope, depth);
        let operators = [
            "=",
            "<>",
            "<",
            ">=",
            ">",
            "<=",
            "!=",
            "IS DISTINCT FROM",
            "IS NOT DISTINCT FROM",
            "=",
        ];
        let operator = self.choices.one_of(&operators);
        let (left, right) = match self.choices.chance(20) && right.form != Form::Literal {
            true => (right, left),
            false => (left, right),
        };
        let collation = match left.kind.is_text() && self.choices.chance(15) {
            true => " COLLATE \"C\"",
            false => "",
        };
        format!(
            "{}{collation} {operator} {}",
            left.operand(),
            right.operand()
        )
    }

    fn between(&mut self, scope: &Scope, depth: usize) -> String {
        let (operand, low) = self.sides(scope, depth);
        let high = match self.choices.chance(50) {
            true => self.scalar(operand.kind.peers(), scope, depth),
            false => self.literal(operand.kind.peers()),
        };
        format!(
            "{} {}BETWEEN {} AND {}",
            operand.operand(),
            self.not(),
            low.operand(),
            high.operand()
        )
    }

    fn in_list(&mut self, scope: &Scope, depth: usize) -> String {
        let family = self.family_here(scope);
        let operand = self.scalar(family, scope, depth);
        let mut list = Vec::new();
        for _ in 0..=self.choices.below(4) {
            list.push(match self.choices.weighted(&[55, 20, 10, 15]) {
                0 => self.literal(operand.kind.peers()).sql,
                1 => self.quoted(operand.kind),
                2 => "NULL".to_owned(),
                _ => self.scalar(operand.kind.peers(), scope, depth.min(1)).sql,
            });
        }
        format!(
            "{} {}IN ({})",
            operand.operand(),
            self.not(),
            list.join(", ")
        )
    }

    fn like(&mut self, scope: &Scope, depth: usize) -> String {
        let text = self.scalar(Wanted::Text, scope, depth);
        let pattern = self.pattern();
        match self.choices.weighted(&[55, 20, 10, 15]) {
            3 => format!("{} {}ILIKE {pattern}", text.operand(), self.not()),
            0 => format!("{} {}LIKE {pattern}", text.operand(), self.not()),
            1 => format!("STARTS_WITH({}, {})", text.sql, self.short_text()),
            _ => format!("{} {}LIKE '%!%%' ESCAPE '!'", text.operand(), self.not()),
        }
    }
}
