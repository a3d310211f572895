//! Where a table is, and what a run calls it.

use serde::{Deserialize, Serialize};

/// A table of a database, by its schema and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The Postgres schema that holds the table.
    pub schema: String,
    /// The table's name, without the schema.
    pub name: String,
}

impl Place {
    /// What a run whose names without a schema are of `schema` calls the table: its name, with the schema before it where that
    /// is another one.
    pub fn called(&self, schema: &str) -> String {
        match self.schema == schema {
            true => self.name.clone(),
            false => format!("{}.{}", part(&self.schema), part(&self.name)),
        }
    }

    /// The table that a text names with its schema, `sales.orders`; `None` for one without a schema.
    pub fn parse(text: &str) -> Option<Self> {
        let (schema, rest) = first(text)?;
        let (name, end) = first(rest.strip_prefix('.')?)?;
        end.is_empty().then_some(Self { schema, name })
    }
}

/// A name, in quotes where it could be taken for two.
fn part(name: &str) -> String {
    match name.contains(['.', '"']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}

/// The name that a text begins with, and what is behind it.
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
