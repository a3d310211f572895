//! The place of a table, and the table's name in a run.

use serde::{Deserialize, Serialize};

/// The place of a table in a database: its schema and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The Postgres schema that holds the table.
    pub schema: String,
    /// The table's name, without the schema.
    pub name: String,
}

impl Place {
    /// The table's name in a run in which names without a schema belong to `schema`: the bare name, or else preceded by its
    /// own schema.
    pub fn called(&self, schema: &str) -> String {
        match self.schema == schema {
            true => self.name.clone(),
            false => format!("{}.{}", part(&self.schema), part(&self.name)),
        }
    }

    /// Parses a table's name with its schema, `sales.orders`; `None` for a name without a schema.
    pub fn parse(text: &str) -> Option<Self> {
        let (schema, rest) = first(text)?;
        let (name, end) = first(rest.strip_prefix('.')?)?;
        end.is_empty().then_some(Self { schema, name })
    }
}

/// A name, in quotes if it could be taken for two.
fn part(name: &str) -> String {
    match name.contains(['.', '"']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}

/// The name that a text begins with, and the rest of the text.
fn first(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return (!name.is_empty()).then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    let mut left = quoted;
    loop {
        let (before, behind) = left.split_once('"')?;
        name += before;
        match behind.strip_prefix('"') {
            Some(behind) => {
                name.push('"');
                left = behind;
            }
            None => return Some((name, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_called_by_its_schema_where_that_is_another_one() {
        for (schema, name, called) in [
            ("sales", "orders", "orders"),
            ("archive", "orders", "archive.orders"),
            ("a.b", "c", "\"a.b\".c"),
            ("a", "b.c", "a.\"b.c\""),
            ("a", "b\"c", "a.\"b\"\"c\""),
        ] {
            let place = Place {
                schema: schema.to_owned(),
                name: name.to_owned(),
            };
            assert_eq!(place.called("sales"), called);
            if schema != "sales" {
                assert_eq!(Place::parse(called), Some(place));
            }
        }
        for text in ["orders", "a.b.c", ".a", "a.", "\"a.b", ""] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
