//! Writes joins as Spark's SQL.

use super::scope::Scope;
use super::writer::{Writer, listed};
use crate::model::refusal::Result;
use crate::model::tree::Join;

impl Writer<'_> {
    /// The columns are those of the left side, followed by those of the right.
    pub(super) fn join(&mut self, join: &Join) -> Result<String> {
        let (one, other) = (self.alias(), self.alias());
        let (left, right) = (self.relation(&join.left)?, self.relation(&join.right)?);
        let width = join.left.width();
        let of_left = Scope::of(&one, width);
        let of_right = Scope::of(&other, join.right.width());
        let mut conditions = Vec::new();
        for (left, right) in &join.equal {
            self.check_comparable(left, right)?;
            let (left, right) = (self.scalar(left, &of_left)?, self.scalar(right, &of_right)?);
            conditions.push(format!("{left} = {right}"));
        }
        if let Some(condition) = &join.condition {
            let both = of_left.beside(of_right);
            conditions.push(format!("({})", self.scalar(condition, &both)?));
        }
        let how = match (join.keeps_left, join.keeps_right) {
            (false, false) if conditions.is_empty() => "CROSS JOIN",
            (false, false) => "INNER JOIN",
            (true, false) => "LEFT JOIN",
            (false, true) => "RIGHT JOIN",
            (true, true) => "FULL JOIN",
        };
        let on = match (conditions.is_empty(), how) {
            (true, "CROSS JOIN") => String::new(),
            (true, _) => "\nON true".to_owned(),
            (false, _) => format!("\nON {}", conditions.join("\nAND ")),
        };
        let own = (0..width).map(|at| format!("{one}.c{at}"));
        let behind = (0..join.right.width()).map(|at| format!("{other}.c{at} AS c{}", width + at));
        let columns = listed(own.chain(behind).collect());
        Ok(format!(
            "SELECT {columns} FROM (\n{left}\n) AS {one}\n{how} (\n{right}\n) AS {other}{on}"
        ))
    }
}
