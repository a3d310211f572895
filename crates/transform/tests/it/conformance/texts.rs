//! Makes texts.

use super::kinds::{Kind, Wanted};
use super::scope::{Generator, Scope, Typed};

impl Generator<'_> {
    pub(super) fn text(&mut self, scope: &Scope, depth: usize) -> Typed {
        let text = self.scalar(Wanted::Text, scope, depth);
        let sql = match self
            .choices
            .weighted(&[16, 12, 14, 10, 6, 16, 10, 12, 4, 12, 5])
        {
            0 => format!("{}({})", self.choices.one_of(&["UPPER", "LOWER"]), text.sql),
            1 => self.trimmed(&text),
            2 => self.part(&text, scope, depth),
            3 => {
                let (from, to) = (self.short_text(), self.short_text());
                format!("REPLACE({}, {from}, {to})", text.sql)
            }
            4 => {
                let function = self.choices.one_of(&["REVERSE", "INITCAP"]);
                format!("{function}({})", text.sql)
            }
            5 => return self.joined(&text, scope, depth),
            6 => self.concatenated(&text, scope, depth),
            7 => return self.cast_to_text(&text, scope, depth),
            9 => self.edited(&text),
            10 => {
                let family =
                    self.choices
                        .one_of(&[Wanted::Date, Wanted::Timestamp, Wanted::TimestampTz]);
                let moment = self.scalar(family, scope, depth);
                let patterns = [
                    "YYYY-MM",
                    "YYYY-MM-DD",
                    "DD/MM/YYYY",
                    "YYYYMMDD",
                    "YYYY-MM-DD HH24:MI:SS",
                    "HH24:MI",
                ];
                format!(
                    "TO_CHAR({}, '{}')",
                    moment.typed(),
                    self.choices.one_of(&patterns)
                )
            }
            // Without COLLATE, text is ordered by the database's own collation.
            _ => {
                let typed = Typed {
                    sql: text.typed(),
                    ..text.clone()
                };
                return Typed::closed(format!("({} COLLATE \"C\")", typed.operand()), text.kind);
            }
        };
        Typed::closed(sql, Kind::Text)
    }

    /// Makes a text that is padded, split, repeated, or has letters replaced.
    fn edited(&mut self, text: &Typed) -> String {
        let (sql, short) = (&text.sql, self.short_text());
        let number = self.choices.one_of(&["1", "2", "5", "-1", "0", "8"]);
        match self.choices.below(7) {
            0 => format!("LPAD({sql}, {number}, {short})"),
            1 => format!("RPAD({sql}, {number}, {short})"),
            2 => format!("LPAD({sql}, {number})"),
            3 => format!("SPLIT_PART({sql}, {short}, {number})"),
            4 => format!("REPEAT({sql}, {number})"),
            5 => format!("TRANSLATE({sql}, 'aoé', {short})"),
            _ => format!("RPAD({sql}, {number})"),
        }
    }

    fn trimmed(&mut self, text: &Typed) -> String {
        let of = self.choices.one_of(&["' '", "'a'", "'ab '", "''", "'é'"]);
        match self.choices.below(8) {
            0 => format!("TRIM({})", text.sql),
            1 => format!("LTRIM({})", text.sql),
            2 => format!("RTRIM({})", text.sql),
            3 => format!("BTRIM({}, {of})", text.sql),
            4 => format!("TRIM(BOTH {of} FROM {})", text.operand()),
            5 => format!("TRIM(LEADING FROM {})", text.operand()),
            6 => format!("RTRIM({}, {of})", text.sql),
            _ => format!("TRIM(TRAILING {of} FROM {})", text.operand()),
        }
    }

    fn part(&mut self, text: &Typed, scope: &Scope, depth: usize) -> String {
        let at = match self.choices.chance(20) {
            true => self.scalar(Wanted::Small, scope, depth.min(1)).sql,
            false => self.choices.one_of(&["1", "2", "3", "0", "-1"]).to_owned(),
        };
        let length = self.choices.one_of(&["2", "1", "3", "0", "10"]);
        match self.choices.below(7) {
            0 => format!("SUBSTRING({} FROM {at} FOR {length})", text.operand()),
            1 => format!("SUBSTR({}, {at}, {length})", text.sql),
            2 => format!("LEFT({}, {at})", text.sql),
            3 => format!("RIGHT({}, {at})", text.sql),
            4 => format!("SUBSTRING({}, {at})", text.sql),
            5 => format!("SUBSTRING({}, {at}, {length})", text.sql),
            _ => format!("SUBSTR({}, {at})", text.sql),
        }
    }

    /// Makes `||`, where one side must be a text.
    fn joined(&mut self, text: &Typed, scope: &Scope, depth: usize) -> Typed {
        let other = match self.choices.chance(25) {
            true => {
                let family = self.choices.one_of(&[
                    Wanted::Small,
                    Wanted::Exact,
                    Wanted::Date,
                    Wanted::Mood,
                    Wanted::Bool,
                ]);
                self.scalar(family, scope, depth)
            }
            false => self.scalar(Wanted::Text, scope, depth),
        };
        let other = match self.choices.chance(10) {
            true => "NULL".to_owned(),
            false => other.operand_typed(),
        };
        let side = text.operand();
        // Of two untyped constants, Postgres could not tell the type.
        let side = match side.starts_with('\'') {
            true => format!("{side}::text"),
            false => side,
        };
        match self.choices.chance(30) {
            true => Typed::open(format!("{other} || {side}"), Kind::Text),
            false => Typed::open(format!("{side} || {other}"), Kind::Text),
        }
    }

    fn concatenated(&mut self, text: &Typed, scope: &Scope, depth: usize) -> String {
        let mut arguments = vec![text.sql.clone()];
        for _ in 0..=self.choices.below(2) {
            arguments.push(match self.choices.weighted(&[60, 30, 10]) {
                0 => self.scalar(Wanted::Text, scope, depth).sql,
                1 => {
                    let family = self.family();
                    self.scalar(family, scope, depth.min(1)).sql
                }
                _ => "NULL".to_owned(),
            });
        }
        let arguments = arguments.join(", ");
        match self.choices.chance(40) {
            true => format!("CONCAT_WS({}, {arguments})", self.short_text()),
            false => format!("CONCAT({arguments})"),
        }
    }

    fn cast_to_text(&mut self, text: &Typed, scope: &Scope, depth: usize) -> Typed {
        let from = match self.choices.weighted(&[40, 24, 12, 24]) {
            0 => self.scalar(Wanted::Small, scope, depth),
            1 => text.clone(),
            2 => self.scalar(Wanted::Int, scope, depth),
            _ => {
                let family = self.family();
                self.scalar(family, scope, depth.min(1))
            }
        };
        let targets = [
            ("text", Kind::Text),
            ("varchar(3)", Kind::Varchar),
            ("varchar", Kind::Varchar),
            ("character varying(10)", Kind::Varchar),
            ("char(5)", Kind::Char),
        ];
        let (target, kind) = targets[self.choices.weighted(&[50, 20, 10, 10, 10])];
        match self.choices.chance(50) {
            true => Typed::closed(format!("{}::{target}", from.operand()), kind),
            false => Typed::closed(format!("CAST({} AS {target})", from.sql), kind),
        }
    }
}

impl Typed {
    /// The SQL as an operand, with a type if it is not text.
    fn operand_typed(&self) -> String {
        match self.kind.is_text() {
            true => self.operand(),
            false => Self {
                sql: self.typed(),
                ..self.clone()
            }
            .operand(),
        }
    }
}
