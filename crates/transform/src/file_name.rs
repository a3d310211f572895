//! Names of files that are named after clients: `{nome}-{id}.csv`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use storage::manifest;

/// The longest name of a file or folder, in bytes, on every file system in common use.
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// The placeholder for the model's name.
const MODEL: &str = "model";

/// A pattern for the names of an output's files, within the folder of their model: `{column}` stands for the client's value in a
/// column, and `{model}` for the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Placeholder(String),
}

impl FileName {
    /// Checks that the names are unique for a model that is partitioned by these columns; otherwise says why not.
    pub(crate) fn check(&self, columns: &[String]) -> Result<(), String> {
        if let Some(column) = columns.iter().find(|column| *column == MODEL) {
            return Err(format!(
                "the column `{column}` cannot be told from {{{MODEL}}}, which is the model's name: give the column another"
            ));
        }
        let named = || {
            self.parts.iter().filter_map(|part| match part {
                Part::Placeholder(name) if name != MODEL => Some(name),
                _ => None,
            })
        };
        if let Some(unknown) = named().find(|name| !columns.contains(name)) {
            return Err(format!(
                "it names {{{unknown}}}, which is not a column that the files are partitioned by; these are {}",
                columns.join(", ")
            ));
        }
        match columns
            .iter()
            .find(|column| !named().any(|name| name == *column))
        {
            Some(missing) => Err(format!(
                "it lacks {{{missing}}}, so clients who differ only in that would share a file"
            )),
            None => Ok(()),
        }
    }

    /// The path of a file, with `value` for each column; otherwise why there can be none.
    pub(crate) fn path<'v>(
        &self,
        model: &'v str,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<String, String> {
        let mut path = String::new();
        for part in &self.parts {
            path.push_str(match part {
                Part::Literal(text) => text,
                Part::Placeholder(name) if name == MODEL => model,
                Part::Placeholder(name) => {
                    value(name).ok_or_else(|| format!("there is no column `{name}`"))?
                }
            });
        }
        let first = path.split('/').next().unwrap_or_default();
        if [manifest::SUCCESS, manifest::IN_FOLDER].contains(&first) {
            return Err(format!(
                "`{first}` has a meaning of its own in the folder of an output"
            ));
        }
        for component in path.split('/') {
            if matches!(component, "." | "..") {
                return Err(format!("`{component}` would lead to another folder"));
            }
            if component.len() > MAX_NAME_BYTES {
                return Err(format!(
                    "that is a name of {} bytes, more than the {MAX_NAME_BYTES} that file systems take",
                    component.len()
                ));
            }
        }
        Ok(path)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for FileName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // This is the folder that the files lie in anyway.
        let inside = text.strip_prefix("{model}/").unwrap_or(text);
        let mut parts = Vec::new();
        let mut rest = inside;
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, placeholder) = rest.split_at(at);
            let (name, after) = placeholder
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'))
                .filter(|(name, _)| !name.is_empty() && !name.contains('{'))
                .ok_or_else(|| {
                    "a column's name stands between braces, as in {id}, and no brace stands alone"
                        .to_owned()
                })?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::Placeholder(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        if inside.contains(char::is_control) {
            return Err("a file's name has no control characters".to_owned());
        }
        if inside
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(
                "it must be a file below the folder of the model, so it neither begins nor ends with / and has no //, \
                 . or .. in it"
                    .to_owned(),
            );
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str, values: &[(&str, &str)]) -> Result<String, String> {
        let name: FileName = name.parse()?;
        name.path("m", |column| {
            values
                .iter()
                .find(|(of, _)| *of == column)
                .map(|(_, value)| *value)
        })
    }

    #[test]
    fn placeholders_stand_for_the_clients_values() {
        let values = [("id", "7"), ("nome", "Zé"), ("a b", "x")];
        for (name, expected) in [
            ("{id}.csv", "7.csv"),
            ("{nome}-{id}.csv", "Zé-7.csv"),
            ("{nome}/{id}/x.csv", "Zé/7/x.csv"),
            ("{model}/{nome}-{id}.csv", "Zé-7.csv"),
            ("{model}-{id}.csv", "m-7.csv"),
            ("x/{model}/{a b}", "x/m/x"),
        ] {
            assert_eq!(path(name, &values).unwrap(), expected);
        }
    }

    #[test]
    fn names_that_make_no_sense_are_told() {
        for name in [
            "",
            "/{id}",
            "{id}/",
            "a//{id}",
            "../{id}",
            "./{id}",
            "{model}//{id}",
            "{model}/",
        ] {
            assert!(
                name.parse::<FileName>()
                    .unwrap_err()
                    .contains("below the folder"),
                "{name}"
            );
        }
        for name in ["{", "}", "{}", "{id", "{{id}}", "id}"] {
            assert!(
                name.parse::<FileName>().unwrap_err().contains("braces"),
                "{name}"
            );
        }
        assert!("{id}\n".parse::<FileName>().is_err());
        let columns = ["id", "nome"].map(str::to_owned);
        let why = |name: &str| {
            name.parse::<FileName>()
                .unwrap()
                .check(&columns)
                .unwrap_err()
        };
        assert!(why("{id}.csv").contains("lacks {nome}"));
        assert!(why("{id}{nome}{idade}").contains("names {idade}"));
        let model = ["model".to_owned()];
        assert!(
            "{model}-x"
                .parse::<FileName>()
                .unwrap()
                .check(&model)
                .is_err()
        );
    }

    #[test]
    fn no_value_leaves_the_folder_or_takes_a_name_that_has_a_meaning() {
        for value in [".", "..", "_SUCCESS", "_manifest.jsonl", &"a".repeat(256)] {
            assert!(path("{v}", &[("v", value)]).is_err(), "{value}");
            assert!(path("{v}/x", &[("v", value)]).is_err(), "{value}");
        }
        assert!(path("x/{v}", &[("v", "..")]).is_err());
        assert!(path("x/{v}", &[("v", "_SUCCESS")]).is_ok());
        assert_eq!(path("{v}.csv", &[("v", "..")]).unwrap(), "...csv");
    }
}
