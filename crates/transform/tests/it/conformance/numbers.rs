//! Makes numbers: arithmetic, rounding, casts, and counts in texts and dates.

use super::kinds::{Kind, Wanted};
use super::scope::{Form, Generator, Scope, Typed};

impl Generator<'_> {
    pub(super) fn number(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        match self.choices.weighted(&[44, 16, 12, 10, 10, 8]) {
            0 => self.arithmetic(wanted, scope, depth),
            1 => self.number_call(wanted, scope, depth),
            2 => self.cast_number(wanted, scope, depth),
            3 => self.count_in_text(scope, depth),
            4 => self.count_in_dates(wanted, scope, depth),
            _ => {
                let operand = self.scalar(wanted, scope, depth);
                let sign = self.choices.one_of(&["-", "-", "+"]);
                match operand.form {
                    Form::Literal => operand,
                    _ => Typed::closed(format!("({sign}{})", operand.operand()), operand.kind),
                }
            }
        }
    }

    fn arithmetic(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        let left = self.scalar(wanted, scope, depth);
        let right = self.scalar(wanted, scope, depth);
        let kind = left.kind.arithmetic(right.kind);
        let operator = self
            .choices
            .one_of(&["+", "-", "*", "+", "*", "-", "/", "%"]);
        let operator = match operator {
            "%" if !kind.is_exact() => "+",
            other => other,
        };
        if matches!(operator, "/" | "%") {
            let divisor = match self.choices.weighted(&[60, 37, 3]) {
                0 => self.choices.one_of(&["2", "3", "7", "-4", "10"]).to_owned(),
                1 => format!("NULLIF({}, 0)", right.typed()),
                _ => right.operand(),
            };
            let kind = match divisor.starts_with('N') || right.sql == divisor {
                true => kind,
                false => left.kind.arithmetic(Kind::Int4),
            };
            return Typed::open(format!("{} {operator} {divisor}", left.operand()), kind);
        }
        let chain = self.choices.chance(25);
        let side = |operand: &Typed| match chain && !operand.sql.starts_with('-') {
            true => operand.sql.clone(),
            false => operand.operand(),
        };
        let is_chain = |operand: &Typed| chain && operand.form == Form::Open;
        let sql = format!("{} {operator} {}", side(&left), side(&right));
        // A chain combines the operands in another order, and so may have another type.
        match is_chain(&left) || is_chain(&right) {
            true if kind.is_exact() || kind == Kind::Double => Typed::open(sql, kind),
            true => Typed::open(
                format!("({}) {operator} {}", left.sql, right.operand()),
                kind,
            ),
            false => Typed::open(sql, kind),
        }
    }

    fn number_call(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        let operand = self.scalar(wanted, scope, depth);
        if self.choices.chance(25) {
            return Typed::closed(format!("ABS({})", operand.typed()), operand.kind);
        }
        if matches!(wanted, Wanted::Small | Wanted::Int) {
            let divisor = self.choices.one_of(&["2", "3", "-5", "10"]);
            return Typed::closed(
                format!("MOD({}, {divisor})", operand.typed()),
                operand.kind.max(Kind::Int4),
            );
        }
        if wanted == Wanted::Number && self.choices.chance(12) {
            let from = self
                .choices
                .one_of(&[Wanted::Date, Wanted::Timestamp, Wanted::TimestampTz]);
            let moment = self.scalar(from, scope, depth);
            let field = self
                .choices
                .one_of(&["year", "month", "dow", "hour", "second", "epoch"]);
            return Typed::closed(
                format!("DATE_PART('{field}', {})", moment.typed()),
                Kind::Double,
            );
        }
        let function = self
            .choices
            .one_of(&["ROUND", "TRUNC", "CEIL", "FLOOR", "SIGN", "CEILING", "MOD"]);
        // With a number of digits, these functions only exist for numerics.
        let with_digits = matches!(function, "ROUND" | "TRUNC")
            && operand.kind.is_exact()
            && self.choices.chance(60);
        if with_digits {
            let digits = self.choices.one_of(&["2", "1", "0", "3", "-1"]);
            return Typed::closed(
                format!("{function}({}, {digits})", operand.sql),
                Kind::Numeric,
            );
        }
        if function == "MOD" {
            return match operand.kind.is_exact() {
                true => Typed::closed(format!("MOD({}, 2.5)", operand.typed()), Kind::Numeric),
                false => Typed::closed(format!("ABS({})", operand.sql), operand.kind),
            };
        }
        match wanted == Wanted::Exact && operand.kind.is_integer() {
            true => Typed::closed(
                format!("{function}(CAST({} AS numeric(20,2)))", operand.sql),
                Kind::Numeric,
            ),
            false => Typed::closed(
                format!("{function}({})", operand.typed()),
                operand.kind.rounded(),
            ),
        }
    }

    fn cast_number(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        let small = [
            ("integer", Kind::Int4),
            ("int", Kind::Int4),
            ("int4", Kind::Int4),
            ("smallint", Kind::Int2),
        ];
        let (target, kind) = match wanted {
            Wanted::Small => self.choices.one_of(&small),
            Wanted::Int => self.choices.one_of(&[
                ("bigint", Kind::Int8),
                ("int8", Kind::Int8),
                ("integer", Kind::Int4),
            ]),
            Wanted::Exact => {
                let numerics = [
                    "numeric(12,2)",
                    "numeric(20,4)",
                    "decimal(10,1)",
                    "numeric(38,10)",
                    "numeric",
                    "numeric(9)",
                ];
                (self.choices.one_of(&numerics), Kind::Numeric)
            }
            _ => {
                let floats = [
                    ("double precision", Kind::Double),
                    ("float8", Kind::Double),
                    ("real", Kind::Real),
                    ("float", Kind::Double),
                ];
                self.choices.one_of(&floats)
            }
        };
        if wanted == Wanted::Small && self.choices.chance(8) {
            let operand = self.scalar(Wanted::Bool, scope, depth);
            return Typed::closed(format!("CAST({} AS integer)", operand.typed()), Kind::Int4);
        }
        if self.choices.chance(8) {
            let operand = self.scalar(Wanted::Small, scope, depth);
            return Typed::closed(
                format!("CAST(CAST({} AS text) AS {target})", operand.sql),
                kind,
            );
        }
        let from =
            self.choices
                .one_of(&[Wanted::Exact, Wanted::Small, Wanted::Number, Wanted::Int]);
        let operand = self.scalar(from, &scope.clone().without_extremes(), depth);
        match self.choices.chance(50) {
            true => Typed::closed(format!("{}::{target}", operand.operand()), kind),
            false => Typed::closed(format!("CAST({} AS {target})", operand.sql), kind),
        }
    }

    fn count_in_text(&mut self, scope: &Scope, depth: usize) -> Typed {
        let text = self.scalar(Wanted::Text, scope, depth);
        let short = self.short_text();
        let sql = match self.choices.weighted(&[50, 20, 20, 10]) {
            0 => format!("LENGTH({})", text.sql),
            1 => format!("STRPOS({}, {short})", text.sql),
            2 => format!("POSITION({short} IN {})", text.operand()),
            _ => format!("CHAR_LENGTH({})", text.sql),
        };
        Typed::closed(sql, Kind::Int4)
    }

    /// Makes a difference of dates, or a field of a date.
    fn count_in_dates(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        if self.choices.chance(35) {
            let (left, right) = (
                self.scalar(Wanted::Date, scope, depth),
                self.scalar(Wanted::Date, scope, depth),
            );
            return Typed::closed(
                format!("({} - {})", left.operand(), right.operand()),
                Kind::Int4,
            );
        }
        let family = self.choices.one_of(&[
            Wanted::Date,
            Wanted::Timestamp,
            Wanted::Timestamp,
            Wanted::TimestampTz,
        ]);
        let moment = self.scalar(family, scope, depth);
        let fields = [
            "YEAR", "MONTH", "DAY", "QUARTER", "DOW", "DOY", "ISODOW", "WEEK", "ISOYEAR", "HOUR",
            "MINUTE",
        ];
        let known = match family {
            Wanted::Date => 9,
            _ => fields.len(),
        };
        let field = fields[self.choices.below(known)];
        let sql = format!("EXTRACT({field} FROM {})", moment.operand());
        match wanted {
            Wanted::Small => Typed::closed(format!("CAST({sql} AS integer)"), Kind::Int4),
            Wanted::Int => Typed::closed(format!("{sql}::bigint"), Kind::Int8),
            _ => Typed::closed(sql, Kind::Numeric),
        }
    }
}
