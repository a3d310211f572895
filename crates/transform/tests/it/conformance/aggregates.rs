//! Makes aggregates and window functions.

use super::kinds::{Kind, Wanted};
use super::scope::{Generator, Scope, Typed};

impl Generator<'_> {
    /// Makes an aggregate of this type over the rows of a group, if there is one.
    pub(super) fn aggregate(
        &mut self,
        wanted: Wanted,
        scope: &Scope,
        depth: usize,
    ) -> Option<Typed> {
        let within = scope.within_aggregate();
        let (call, kind) = self.aggregate_call(wanted, &within, depth, true)?;
        Some(Typed::closed(call, kind))
    }

    /// Makes an aggregate of what `scope` names, with FILTER and, if allowed, with DISTINCT.
    fn aggregate_call(
        &mut self,
        wanted: Wanted,
        scope: &Scope,
        depth: usize,
        distinct: bool,
    ) -> Option<(String, Kind)> {
        let tame = &scope.clone().without_extremes();
        let word = match distinct && self.choices.chance(12) {
            true => "DISTINCT ",
            false => "",
        };
        let (call, kind) = match wanted {
            Wanted::Bool => {
                let operand = self.scalar(wanted, scope, depth);
                let function = self.choices.one_of(&["BOOL_AND", "BOOL_OR", "EVERY"]);
                (format!("{function}({})", operand.sql), Kind::Bool)
            }
            Wanted::Int | Wanted::Exact | Wanted::Number => {
                match self.choices.weighted(&[22, 18, 28, 16, 12]) {
                    0 => ("COUNT(*)".to_owned(), Kind::Int8),
                    1 => {
                        let family = self.family_here(scope);
                        let operand = self.scalar(family, scope, depth);
                        let word = match distinct && self.choices.chance(40) {
                            true => "DISTINCT ",
                            false => "",
                        };
                        (format!("COUNT({word}{})", operand.sql), Kind::Int8)
                    }
                    2 => {
                        let summed = match wanted {
                            Wanted::Int => Wanted::Small,
                            other => other,
                        };
                        let operand = self.scalar(summed, tame, depth);
                        (
                            format!("SUM({word}{})", operand.typed()),
                            operand.kind.sum(),
                        )
                    }
                    4 if wanted != Wanted::Int => {
                        let operand = self.scalar(wanted, tame, depth);
                        let kind = match operand.kind.is_exact() {
                            true => Kind::Numeric,
                            false => Kind::Double,
                        };
                        (format!("AVG({word}{})", operand.typed()), kind)
                    }
                    _ => self.least(wanted, scope, depth),
                }
            }
            other if other.has_least() => self.least(wanted, scope, depth),
            _ => return None,
        };
        let filter = match self.choices.chance(12) {
            true => {
                // FILTER must not contain aggregates, not even before OVER.
                let scope = Scope {
                    rows: None,
                    ..scope.clone()
                };
                format!(
                    " FILTER (WHERE {})",
                    self.predicate(&scope, depth.min(1)).sql
                )
            }
            false => String::new(),
        };
        Some((call + &filter, kind))
    }

    fn least(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> (String, Kind) {
        let operand = self.scalar(wanted, scope, depth);
        let function = self.choices.one_of(&["MAX", "MIN"]);
        let kind = match operand.kind {
            Kind::Varchar => Kind::Text,
            other => other,
        };
        (format!("{function}({})", operand.typed()), kind)
    }

    /// Makes a window function of this type, if there is one.
    pub(super) fn window(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Option<Typed> {
        let scope = &scope.within_window();
        let (call, kind, rows_differ) = match wanted {
            _ if !self.may_tell_rows_apart(scope) => return None,
            Wanted::Small if self.choices.chance(25) => {
                let buckets = self.choices.one_of(&["2", "3", "4"]);
                (format!("NTILE({buckets})"), Kind::Int4, true)
            }
            Wanted::Int | Wanted::Exact | Wanted::Number if self.choices.chance(50) => {
                let functions = [("ROW_NUMBER", true), ("RANK", false), ("DENSE_RANK", false)];
                let (function, rows_differ) = self.choices.one_of(&functions);
                (format!("{function}()"), Kind::Int8, rows_differ)
            }
            Wanted::Number if self.choices.chance(15) => {
                let function = self.choices.one_of(&["PERCENT_RANK", "CUME_DIST"]);
                (format!("{function}()"), Kind::Double, false)
            }
            _ if self.choices.chance(45) => {
                let (call, kind) = self.aggregate_call(wanted, scope, depth, false)?;
                let over = self.over(scope, Frame::Any);
                return Some(Typed::closed(format!("{call} OVER ({over})"), kind));
            }
            _ => return Some(self.value_of_other_row(wanted, scope, depth)),
        };
        let frame = match rows_differ {
            true => Frame::Total,
            false => Frame::Peers,
        };
        Some(Typed::closed(
            format!("{call} OVER ({})", self.over(scope, frame)),
            kind,
        ))
    }

    /// Whether a window function may tell these rows apart: only once in a query, unless each row has a key.
    pub(super) fn may_tell_rows_apart(&mut self, scope: &Scope) -> bool {
        scope.is_keyed || !std::mem::replace(&mut self.told_apart, true)
    }

    /// Makes LAG, LEAD, FIRST_VALUE, LAST_VALUE or NTH_VALUE.
    fn value_of_other_row(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        let operand = self.scalar(wanted, scope, depth);
        let (sql, mut kind) = (operand.typed(), operand.kind);
        let call = match self.choices.weighted(&[30, 30, 40]) {
            choice @ (0 | 1) => {
                let function = ["LAG", "LEAD"][choice];
                match self.choices.weighted(&[60, 20, 20]) {
                    0 => format!("{function}({sql})"),
                    1 => format!("{function}({sql}, 2)"),
                    _ => {
                        let default = self.literal(wanted);
                        kind = kind.common(default.kind);
                        format!("{function}({sql}, 1, {})", default.sql)
                    }
                }
            }
            _ => {
                let places = ["1", "2", "3"];
                let call = match self.choices.below(3) {
                    0 => format!("FIRST_VALUE({sql})"),
                    1 => format!("LAST_VALUE({sql})"),
                    _ => format!("NTH_VALUE({sql}, {})", self.choices.one_of(&places)),
                };
                let over = self.over(scope, Frame::Value);
                return Typed::closed(format!("{call} OVER ({over})"), kind);
            }
        };
        Typed::closed(
            format!("{call} OVER ({})", self.over(scope, Frame::Total)),
            kind,
        )
    }

    /// Makes the contents of the parentheses after OVER.
    fn over(&mut self, scope: &Scope, frame: Frame) -> String {
        let mut parts = Vec::new();
        if self.choices.chance(50) {
            let keys = (0..=self.choices.below(2)).map(|_| self.window_key(scope));
            parts.push(format!(
                "PARTITION BY {}",
                keys.collect::<Vec<_>>().join(", ")
            ));
        }
        let (frames, total): (&[&str], bool) = match frame {
            Frame::Total => (&[], true),
            Frame::Value if self.choices.chance(50) => (&FRAMES_OF_ROWS, true),
            Frame::Value if self.choices.chance(50) => (&FRAMES_OF_PEERS, true),
            Frame::Value => (&[], true),
            Frame::Any if self.choices.chance(25) => (&FRAMES_OF_ROWS, true),
            Frame::Any if self.choices.chance(20) => (&FRAMES_OF_PEERS, false),
            Frame::Any | Frame::Peers => (&[], false),
        };
        let mut order = Vec::new();
        // GROUPS need an order.
        if total || !frames.is_empty() || self.choices.chance(70) {
            for _ in 0..=self.choices.below(2) {
                let key = self.window_key(scope);
                order.push(key + self.direction());
            }
        }
        if total {
            order.extend(scope.ties.iter().cloned());
        }
        if !order.is_empty() {
            parts.push(format!("ORDER BY {}", order.join(", ")));
        }
        if !frames.is_empty() {
            parts.push(self.choices.one_of(frames).to_owned());
        }
        parts.join(" ")
    }

    fn window_key(&mut self, scope: &Scope) -> String {
        let family = self.family_here(scope);
        match self.choices.chance(25) {
            true => self.scalar(family, scope, 1).typed(),
            false => self.leaf(family, scope).typed(),
        }
    }

    /// Makes the direction of a key of ORDER BY.
    pub(super) fn direction(&mut self) -> &'static str {
        let directions = [
            "",
            " DESC",
            " ASC",
            " DESC NULLS LAST",
            " NULLS FIRST",
            " ASC NULLS LAST",
            " DESC NULLS FIRST",
        ];
        self.choices.one_of(&directions)
    }
}

/// Frames of rows that the order tells apart.
const FRAMES_OF_ROWS: [&str; 14] = [
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "ROWS UNBOUNDED PRECEDING",
    "ROWS 3 PRECEDING",
    "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN 2 PRECEDING AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
    "ROWS BETWEEN 4 PRECEDING AND 2 PRECEDING",
    "ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING",
    "ROWS BETWEEN 2000 PRECEDING AND 2 FOLLOWING",
    "ROWS BETWEEN 1 PRECEDING AND 3000000000 FOLLOWING",
];

/// Frames of rows that the order may not tell apart.
const FRAMES_OF_PEERS: [&str; 9] = [
    "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "RANGE CURRENT ROW",
    "GROUPS UNBOUNDED PRECEDING",
    "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
    "GROUPS BETWEEN 1 PRECEDING AND 2 FOLLOWING",
    "GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
    "GROUPS BETWEEN 2 PRECEDING AND 1 PRECEDING",
];

/// The demands of a window function on its order.
enum Frame {
    /// Rows that the order doesn't tell apart have equal results.
    Peers,
    /// The order must tell all rows apart.
    Total,
    /// The order must tell all rows apart, and the frame may be of any kind.
    Value,
    /// This is an aggregate, which may have a frame of any kind.
    Any,
}
