//! Makes constants of each type.

use super::kinds::{Kind, Wanted};
use super::scope::{Generator, Typed};

const TEXTS: &[&str] = &[
    "'a'", "''", "'Ação'", "'bolt'", "' '", "'alpha'", "'A'", "'á'", "'x '", "'it''s'", "'Root'",
    "'b'", "'10'", "'é%'", "'ß'", "'a_c'", "'日本'",
];
const SHORT_TEXTS: &[&str] = &[
    "'a'", "''", "' '", "'o'", "'A'", "'lt'", "'é'", "'ab'", "'-'", "'%'",
];
const PATTERNS: &[&str] = &[
    "'a%'", "'%a'", "'%'", "''", "'_'", "'%o_%'", "'Bolt'", "'%á%'", "'b_lt'", "' %'", "'%\\%%'",
    "'a\\_%'", "'%ç_o'", "'% '", "'__'", "'_%_'", "'%%'", "'\\a%'",
];
const DATES: &[&str] = &[
    "2020-02-29",
    "2020-01-01",
    "2021-01-03",
    "1970-01-01",
    "2019-12-31",
    "2024-12-30",
];
const TIMES_OF_DAY: &[&str] = &["00:00", "12:30", "23:59:59.999999", "06:00:00"];

impl Generator<'_> {
    /// Makes a constant of a type that meets the demand.
    pub(super) fn literal(&mut self, wanted: Wanted) -> Typed {
        if self.choices.chance(6) {
            return self.typed_null(wanted);
        }
        match wanted {
            Wanted::Small => {
                let literals = ["1", "0", "2", "-1", "5", "3", "10", "100", "7", "12"];
                let literal = self.choices.one_of(&literals);
                match self.choices.chance(6) {
                    true => Typed::closed(format!("SMALLINT '{literal}'"), Kind::Int2),
                    false => Typed::literal(literal, Kind::Int4),
                }
            }
            Wanted::Int => match self.choices.weighted(&[80, 10, 10]) {
                0 => self.literal(Wanted::Small),
                1 => Typed::literal("3000000000", Kind::Int8),
                _ => Typed::closed("CAST(4 AS bigint)", Kind::Int8),
            },
            Wanted::Exact => match self.choices.weighted(&[40, 60]) {
                0 => self.literal(Wanted::Int),
                _ => {
                    let literals = [
                        "0.5", "1.5", "-2.5", "0.05", "10.05", "2.225", "100.00", "1e2", ".25",
                        "3.", "0.0005",
                    ];
                    Typed::literal(self.choices.one_of(&literals), Kind::Numeric)
                }
            },
            Wanted::Number => match self.choices.weighted(&[70, 30]) {
                0 => self.literal(Wanted::Exact),
                _ => {
                    let literals = [
                        ("'1.5'::double precision", Kind::Double),
                        ("CAST(0.5 AS real)", Kind::Real),
                        ("2::float8", Kind::Double),
                        ("CAST(-2.5 AS double precision)", Kind::Double),
                        ("FLOAT8 '0.25'", Kind::Double),
                        ("'3.5'::real", Kind::Real),
                    ];
                    let (literal, kind) = self.choices.one_of(&literals);
                    Typed::closed(literal, kind)
                }
            },
            Wanted::Bool => Typed::literal(self.choices.one_of(&["TRUE", "FALSE"]), Kind::Bool),
            Wanted::Text => {
                let literal = self.choices.one_of(TEXTS);
                match self.choices.weighted(&[80, 8, 8, 4]) {
                    0 => Typed::literal(literal, Kind::Text),
                    1 => Typed::closed(format!("{literal}::text"), Kind::Text),
                    2 => Typed::closed(format!("CAST({literal} AS varchar(3))"), Kind::Varchar),
                    _ => Typed::closed(format!("{literal}::char(5)"), Kind::Char),
                }
            }
            Wanted::Date => {
                let date = self.choices.one_of(DATES);
                let forms = [
                    format!("DATE '{date}'"),
                    format!("'{date}'::date"),
                    format!("CAST('{date}' AS date)"),
                ];
                Typed::closed(&forms[self.choices.below(3)], Kind::Date)
            }
            Wanted::Timestamp => {
                let text = self.date_and_time();
                Typed::closed(format!("TIMESTAMP '{text}'"), Kind::Timestamp)
            }
            Wanted::TimestampTz => {
                let (text, zone) = (
                    self.date_and_time(),
                    self.choices.one_of(&["+00", "Z", "-03", "+05:30"]),
                );
                Typed::closed(format!("TIMESTAMPTZ '{text}{zone}'"), Kind::TimestampTz)
            }
            Wanted::Time => Typed::closed(
                format!("TIME '{}'", self.choices.one_of(TIMES_OF_DAY)),
                Kind::Time,
            ),
            other => {
                let kind = other.simplest();
                Typed::closed(format!("{}::{}", self.quoted(kind), kind.sql()), kind)
            }
        }
    }

    /// Makes a NULL of a type that meets the demand.
    pub(super) fn typed_null(&mut self, wanted: Wanted) -> Typed {
        let kind = wanted.simplest();
        match self.choices.chance(50) {
            true => Typed::closed(format!("NULL::{}", kind.sql()), kind),
            false => Typed::closed(format!("CAST(NULL AS {})", kind.sql()), kind),
        }
    }

    /// Makes a quoted constant, whose type comes from its neighbours.
    pub(super) fn quoted(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Int2 | Kind::Int4 | Kind::Int8 => format!(
                "'{}'",
                self.choices.one_of(&["1", "5", "0", "-1", " 3 ", "10"])
            ),
            Kind::Numeric => format!(
                "'{}'",
                self.choices.one_of(&["1.5", "10.05", "0", "-2.50", "1e1"])
            ),
            Kind::Real | Kind::Double => format!(
                "'{}'",
                self.choices.one_of(&["1.5", "0.5", "2", "-1.5", "1e2"])
            ),
            Kind::Bool => format!(
                "'{}'",
                self.choices.one_of(&["true", "f", "t", "yes", "off"])
            ),
            Kind::Text | Kind::Varchar | Kind::Char => self.choices.one_of(TEXTS).to_owned(),
            Kind::Mood => format!("'{}'", self.choices.one_of(&["ok", "sad", "Happy", "áé"])),
            Kind::Date => format!("'{}'", self.choices.one_of(DATES)),
            Kind::Timestamp => format!("'{}'", self.date_and_time()),
            Kind::TimestampTz => format!("'{}+00'", self.date_and_time()),
            Kind::Time => format!("'{}'", self.choices.one_of(TIMES_OF_DAY)),
            Kind::Uuid => {
                let literals = [
                    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                    "00000000-0000-0000-0000-000000000000",
                ];
                format!("'{}'", self.choices.one_of(&literals))
            }
            Kind::Bytea => self.choices.one_of(&["'\\x61'", "'\\x'", "'a'"]).to_owned(),
            Kind::Jsonb => self
                .choices
                .one_of(&["'{\"a\": 1}'", "'null'", "'[1,\"a\"]'"])
                .to_owned(),
        }
    }

    /// Makes a text of about one character.
    pub(super) fn short_text(&mut self) -> &'static str {
        self.choices.one_of(SHORT_TEXTS)
    }

    /// Makes a pattern for LIKE.
    pub(super) fn pattern(&mut self) -> &'static str {
        self.choices.one_of(PATTERNS)
    }

    fn date_and_time(&mut self) -> String {
        let date = self.choices.one_of(DATES);
        match self.choices.chance(70) {
            true => format!("{date} {}", self.choices.one_of(TIMES_OF_DAY)),
            false => date.to_owned() + " 00:00:00",
        }
    }
}

impl Wanted {
    /// The most common type that meets the demand.
    pub(super) fn simplest(self) -> Kind {
        match self {
            Self::Small => Kind::Int4,
            Self::Int => Kind::Int8,
            Self::Exact => Kind::Numeric,
            Self::Number => Kind::Double,
            Self::Bool => Kind::Bool,
            Self::Text => Kind::Text,
            Self::Mood => Kind::Mood,
            Self::Date => Kind::Date,
            Self::Timestamp => Kind::Timestamp,
            Self::TimestampTz => Kind::TimestampTz,
            Self::Time => Kind::Time,
            Self::Uuid => Kind::Uuid,
            Self::Bytea => Kind::Bytea,
            Self::Jsonb => Kind::Jsonb,
        }
    }
}
