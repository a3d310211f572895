//! `[[model.check]]`: checks of a model's output; if one fails, nothing of the run is published.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::load_section::text_of;

/// A check of a model's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The check's name in messages and manifests.
    pub name: String,
    /// The rule that is checked.
    pub rule: Rule,
}

/// A rule for the output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// These columns are not NULL in any row.
    NotNull(Vec<String>),
    /// No two rows have the same values in these columns. As in Postgres, a row with a NULL among them differs from all others.
    Unique(Vec<String>),
    /// Each value in these columns is NULL or one of these values, which are given as text.
    AcceptedValues(BTreeMap<String, Vec<String>>),
    /// The number of rows is within these bounds.
    RowCount(RowCount),
    /// A SELECT gives no rows.
    NoRow {
        /// The SELECT.
        sql: String,
        /// The name of its text in messages.
        file: String,
    },
}

/// Bounds for the number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCount {
    /// The least number of rows.
    pub min: Option<u64>,
    /// The most rows.
    pub max: Option<u64>,
}

/// A check as it is written in `dataset.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckDescription {
    name: Option<String>,
    not_null: Option<Vec<String>>,
    unique: Option<Vec<String>>,
    accepted_values: Option<BTreeMap<String, Vec<toml::Value>>>,
    row_count: Option<RowCount>,
    sql: Option<String>,
    file: Option<String>,
}

impl CheckDescription {
    /// Turns the description into a check. `open` reads a file, and also returns the file's name in messages.
    ///
    /// # Errors
    /// The errors of reading a file, or a message about what is wrong with the entry.
    pub(crate) fn read(
        self,
        model: &str,
        open: impl Fn(&str) -> anyhow::Result<(Option<String>, String)>,
    ) -> anyhow::Result<Result<Check, String>> {
        let of_file = match &self.file {
            None => None,
            Some(name) => match open(name)? {
                (Some(sql), file) => Some((sql, file, name.clone())),
                (None, _) => return Ok(Err(format!("check: its file {name} is missing"))),
            },
        };
        let accepted = match self.accepted_values.map(texts).transpose() {
            Ok(accepted) => accepted,
            Err(why) => return Ok(Err(why)),
        };
        let rules = [
            self.not_null
                .map(|columns| (named("not_null", &columns), Rule::NotNull(columns))),
            self.unique
                .map(|columns| (named("unique", &columns), Rule::Unique(columns))),
            accepted.map(|values| {
                let columns: Vec<&String> = values.keys().collect();
                let name = named("accepted_values", &columns);
                (name, Rule::AcceptedValues(values))
            }),
            self.row_count
                .map(|count| ("row_count".to_owned(), Rule::RowCount(count))),
            self.sql.map(|sql| {
                let name = shortened(&sql);
                let file = format!("the check `{name}` of model `{model}`");
                (name, Rule::NoRow { sql, file })
            }),
            of_file.map(|(sql, file, name)| (name, Rule::NoRow { sql, file })),
        ];
        let mut rules = rules.into_iter().flatten();
        let (Some((name, rule)), None) = (rules.next(), rules.next()) else {
            return Ok(Err(
                "a check is one of not_null, unique, accepted_values, row_count, sql and file: write an entry for each"
                    .to_owned(),
            ));
        };
        let name = self.name.unwrap_or(name);
        Ok(Ok(Check { name, rule }))
    }
}

/// The name of a rule with its columns.
fn named(rule: &str, columns: &[impl AsRef<str>]) -> String {
    let columns: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
    format!("{rule}: {}", columns.join(", "))
}

/// A SELECT on one line, shortened for a message.
fn shortened(sql: &str) -> String {
    const LONGEST: usize = 60;
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn texts(
    values: BTreeMap<String, Vec<toml::Value>>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let columns = values.into_iter().map(|(column, values)| {
        let texts = values.iter().map(|value| match value {
            toml::Value::Boolean(value) => Ok(value.to_string()),
            value => text_of(value).ok_or_else(|| {
                format!("check: accepted_values: `{value}` is not the value of a column")
            }),
        });
        Ok((column, texts.collect::<Result<_, String>>()?))
    });
    columns.collect()
}

impl Rule {
    /// The rule's name in `dataset.toml`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotNull(_) => "not_null",
            Self::Unique(_) => "unique",
            Self::AcceptedValues(_) => "accepted_values",
            Self::RowCount(_) => "row_count",
            Self::NoRow { .. } => "sql",
        }
    }

    /// The columns that the rule names.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::NotNull(columns) | Self::Unique(columns) => {
                columns.iter().map(String::as_str).collect()
            }
            Self::AcceptedValues(values) => values.keys().map(String::as_str).collect(),
            Self::RowCount(_) | Self::NoRow { .. } => Vec::new(),
        }
    }
}
