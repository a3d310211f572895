//! Parameters of a model: values of certain types, with defaults, which may be chosen for each run.
//!
//! The SELECT names them as in psql, `:year`. They are replaced by literals of the parameter's type, never by the text that was
//! given; a text that is not a value of the type is refused.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::calendar::Date;
use crate::column::ColumnType;
use crate::load_section::text_of;

/// A parameter of a model, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name, which the SELECT has after a colon.
    pub name: String,
    /// The type: boolean, integer, bigint, numeric(p,s), text or date.
    pub kind: ColumnType,
    /// The value as text; the default unless another was chosen.
    pub value: String,
}

/// The parameters of a model, and its SELECT with their names in it.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// The SELECT, with `:name` for each parameter.
    template: String,
    declared: Vec<Parameter>,
}

/// A parameter as it is written in `dataset.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParameterDescription {
    #[serde(rename = "type")]
    kind: ColumnType,
    default: toml::Value,
}

/// Names that requests for a model use for other things.
const RESERVED: [&str; 3] = ["limit", "offset", "version"];

impl Parameters {
    /// Reads the parameters that `dataset.toml` declares for a SELECT.
    ///
    /// # Errors
    /// A message about what is wrong with one of them.
    pub(crate) fn read(
        template: &str,
        described: BTreeMap<String, ParameterDescription>,
    ) -> Result<Self, String> {
        let mut parameters = Self {
            template: template.to_owned(),
            declared: Vec::new(),
        };
        for (name, ParameterDescription { kind, default }) in described {
            let wrong = |why: &str| Err(format!("parameter `{name}`: {why}"));
            let is_name = |name: &str| {
                name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                    && name.bytes().all(is_of_name)
            };
            if !is_name(&name) {
                return wrong(
                    "a name has letters a to z, digits and _, and does not begin with a digit",
                );
            }
            if RESERVED.contains(&&*name) {
                return wrong(
                    "requests to the service use this name for something else: choose another",
                );
            }
            let value = match default {
                toml::Value::Boolean(value) => Some(value.to_string()),
                other => text_of(&other),
            };
            let Some(value) = value else {
                return wrong("its default is not a text, a number, a boolean or a date");
            };
            if let Err(why) = literal(kind, &value) {
                return wrong(&format!("its default: {why}"));
            }
            parameters.declared.push(Parameter { name, kind, value });
        }
        let named = parameters.names_in_template();
        let unnamed = |parameter: &&Parameter| !named.contains(&&*parameter.name);
        match parameters.declared.iter().find(unnamed) {
            Some(Parameter { name, .. }) => Err(format!(
                "parameter `{name}`: its SELECT does not name it: write :{name} where its value belongs"
            )),
            None => Ok(parameters),
        }
    }

    /// The parameters with their values, by their names.
    pub fn all(&self) -> &[Parameter] {
        &self.declared
    }

    /// Sets a value; `None` if there is no parameter of this name.
    ///
    /// # Errors
    /// The reason why the text is not a value of the parameter's type.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        let parameter = self.declared.iter_mut().find(|of| of.name == name)?;
        let checked = literal(parameter.kind, value);
        Some(checked.map(|_| value.clone_into(&mut parameter.value)))
    }

    /// The SELECT with the values filled in.
    pub(crate) fn bound(&self) -> String {
        let mut sql = String::with_capacity(self.template.len());
        let mut from = 0;
        for (start, end) in places(&self.template) {
            let name = &self.template[start + 1..end];
            let of_name = self.declared.iter().find(|of| of.name == name);
            let Some(Ok(value)) = of_name.map(|of| literal(of.kind, &of.value)) else {
                continue;
            };
            sql += &self.template[from..start];
            sql += &value;
            from = end;
        }
        sql + &self.template[from..]
    }

    fn names_in_template(&self) -> Vec<&str> {
        let places = places(&self.template).into_iter();
        places
            .map(|(start, end)| &self.template[start + 1..end])
            .collect()
    }
}

/// The literal of a type for a value that is given as text.
///
/// # Errors
/// The reason why the text is not such a value.
fn literal(kind: ColumnType, value: &str) -> Result<String, String> {
    let none = |such: &str| Err(format!("`{}` is not {such}", value.escape_debug()));
    // The minus belongs to the number, whatever comes before it.
    let signed = |number: String| match number.starts_with('-') {
        true => format!("({number})"),
        false => number,
    };
    match kind {
        ColumnType::Boolean => match value {
            "true" | "false" => Ok(value.to_owned()),
            _ => none("true or false"),
        },
        ColumnType::Integer => match value.parse::<i32>() {
            Ok(number) => Ok(signed(number.to_string())),
            Err(_) => none("an integer"),
        },
        ColumnType::BigInt => match value.parse::<i64>() {
            Ok(number) => Ok(format!("CAST({number} AS bigint)")),
            Err(_) => none("a bigint"),
        },
        ColumnType::Numeric { precision, scale } => {
            let digits = value.strip_prefix('-').unwrap_or(value);
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let is_number = !whole.is_empty()
                && (whole.bytes().chain(fraction.bytes())).all(|byte| byte.is_ascii_digit())
                && !digits.ends_with('.');
            let held = whole.trim_start_matches('0').len() <= usize::from(precision - scale)
                && fraction.len() <= usize::from(scale);
            match is_number && held {
                true => Ok(format!("CAST({value} AS {kind})")),
                false => none(&format!("a {kind}")),
            }
        }
        ColumnType::Text => match value.contains('\0') {
            true => none("a text that Postgres can hold"),
            false => Ok(format!("'{}'", value.replace('\'', "''"))),
        },
        ColumnType::Date => match value.parse::<Date>() {
            Ok(date) if date.year > 0 => Ok(format!("DATE '{date}'")),
            _ => none("a date such as 2021-12-31"),
        },
        other => Err(format!(
            "a parameter is boolean, integer, bigint, numeric(p,s), text or date, not {other}"
        )),
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The places of `:name` in SQL, from the colon to the end of the name: outside of texts, quoted names and comments, and not in a
/// cast.
fn places(sql: &str) -> Vec<(usize, usize)> {
    let bytes = sql.as_bytes();
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        at = match byte {
            b'\'' => at + text_length(rest, is_escaped(&bytes[..at])),
            b'"' => at + text_length(rest, false),
            b'-' if rest.starts_with(b"--") => {
                at + rest
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .unwrap_or(rest.len())
            }
            b'/' if rest.starts_with(b"/*") => at + comment_length(rest),
            b'$' if !at
                .checked_sub(1)
                .is_some_and(|before| is_of_name(bytes[before])) =>
            {
                at + dollar_length(rest)
            }
            b':' if rest.starts_with(b"::") => at + 2,
            b':' => {
                let name = rest[1..].iter().take_while(|byte| is_of_name(**byte));
                let end = at + 1 + name.count();
                if end > at + 1 && !bytes[at + 1].is_ascii_digit() {
                    places.push((at, end));
                }
                end
            }
            _ => at + 1,
        };
    }
    places
}

/// Whether a quote after these bytes begins a text with backslash escapes: `E'…'`.
fn is_escaped(before: &[u8]) -> bool {
    match before {
        [.., name, b'e' | b'E'] => !is_of_name(*name),
        [b'e' | b'E'] => true,
        _ => false,
    }
}

/// The length of a quoted text. A doubled quote ends one text and begins another, which has the same effect.
fn text_length(text: &[u8], is_escaped: bool) -> usize {
    let quote = text[0];
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'\\' if is_escaped => at += 1,
            byte if *byte == quote => return at,
            _ => {}
        }
    }
    text.len()
}

/// The length of a comment, including the comments nested in it.
fn comment_length(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let sign = &text[at..text.len().min(at + 2)];
        match sign {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a dollar-quoted text, `$tag$ … $tag$`; if none begins here, the length of the dollar.
fn dollar_length(text: &[u8]) -> usize {
    let tag = text[1..].iter().take_while(|byte| is_of_name(**byte));
    let tag = &text[..1 + tag.count()];
    if text.get(tag.len()) != Some(&b'$') {
        return 1;
    }
    let quote = &text[..=tag.len()];
    let inside = &text[quote.len()..];
    let ends = inside
        .windows(quote.len())
        .position(|window| window == quote);
    ends.map_or(text.len(), |end| quote.len() * 2 + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(sql: &str, (name, kind, default): (&str, &str, &str)) -> Result<String, String> {
        let described = ParameterDescription {
            kind: kind.parse().expect("a type"),
            default: default.into(),
        };
        Parameters::read(sql, BTreeMap::from([(name.to_owned(), described)]))
            .map(|parameters| parameters.bound())
    }

    #[test]
    fn a_value_stands_where_the_select_names_it_and_nowhere_else() {
        let year = ("year", "integer", "2021");
        for (sql, expected) in [
            ("SELECT :year", "SELECT 2021"),
            ("SELECT x::year, :year", "SELECT x::year, 2021"),
            (
                "SELECT ':year', ':year''' || :year",
                "SELECT ':year', ':year''' || 2021",
            ),
            (r"SELECT E'\':year', :year", r"SELECT E'\':year', 2021"),
            (r"SELECT '\', :year, ''", r"SELECT '\', 2021, ''"),
            ("SELECT \":year\" + :year", "SELECT \":year\" + 2021"),
            ("-- :year\nSELECT :year", "-- :year\nSELECT 2021"),
            (
                "/* :year /* :year */ :year */ SELECT :year",
                "/* :year /* :year */ :year */ SELECT 2021",
            ),
            (
                "SELECT $$:year$$, $a$:year$$:year$a$, :year",
                "SELECT $$:year$$, $a$:year$$:year$a$, 2021",
            ),
            ("SELECT :years, :year", "SELECT :years, 2021"),
            ("SELECT 'ä', :year, a$b, 1", "SELECT 'ä', 2021, a$b, 1"),
            ("SELECT :year /* open", "SELECT 2021 /* open"),
        ] {
            assert_eq!(bound(sql, year).as_deref(), Ok(expected), "{sql}");
        }
    }

    #[test]
    fn a_value_becomes_a_literal_of_its_type_or_is_refused() {
        for (kind, value, expected) in [
            ("integer", "-5", Some("(-5)")),
            ("integer", "2147483648", None),
            ("integer", "1; DROP TABLE t", None),
            ("bigint", "2147483648", Some("CAST(2147483648 AS bigint)")),
            (
                "numeric(5,2)",
                "-123.45",
                Some("CAST(-123.45 AS numeric(5,2))"),
            ),
            ("numeric(5,2)", "00012", Some("CAST(00012 AS numeric(5,2))")),
            ("numeric(5,2)", "1234", None),
            ("numeric(5,2)", "1.234", None),
            ("numeric(5,2)", "1.", None),
            ("numeric(5,2)", "", None),
            ("numeric(5,2)", "1e2", None),
            ("text", "O'Neill \\", Some("'O''Neill \\'")),
            ("text", "a\0b", None),
            ("boolean", "true", Some("true")),
            ("boolean", "yes", None),
            ("date", "2024-02-29", Some("DATE '2024-02-29'")),
            ("date", "2023-02-29", None),
            ("date", "2024-02-29' OR true --", None),
            ("uuid", "x", None),
        ] {
            let kind: ColumnType = kind.parse().expect("a type");
            assert_eq!(
                literal(kind, value).ok().as_deref(),
                expected,
                "{kind} {value}"
            );
        }
    }

    #[test]
    fn a_parameter_that_says_nothing_is_refused() {
        for (sql, name, why) in [
            ("SELECT ':year'", "year", "does not name it"),
            ("SELECT :limit", "limit", "for something else"),
            ("SELECT :Year", "Year", "letters a to z"),
        ] {
            let error = bound(sql, (name, "integer", "1")).expect_err(sql);
            assert!(error.contains(why), "{error}");
        }
        let error = bound("SELECT :year", ("year", "integer", "x")).expect_err("a default");
        assert_eq!(
            error,
            "parameter `year`: its default: `x` is not an integer"
        );
    }
}
