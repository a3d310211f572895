//! Which columns the models need: no other leaves the server.

use std::collections::BTreeSet;

use dataset::failure::{Kind, OrFail};
use dataset::{Model, TableSchema};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::engine::plan::Plan;

/// The columns that all models of a run need.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    /// Of single tables, by streamed models, keys and sums.
    of_tables: BTreeSet<(String, String)>,
    /// Of any table that has a column of the name.
    anywhere: BTreeSet<String>,
    /// A model selects `*`.
    all: bool,
}

impl Needed {
    /// The columns that `models` need.
    ///
    /// # Errors
    /// [`Kind::Usage`] if a model's SQL cannot be read.
    pub(crate) fn by(models: &[Model]) -> anyhow::Result<Self> {
        let mut needed = Self::default();
        for model in models {
            match Plan::of(model)? {
                Some(plan) => needed
                    .of_tables
                    .extend(plan.tables.iter().flat_map(|table| {
                        let columns = plan.needs(table);
                        columns.map(|column| (table.clone(), column.to_owned()))
                    })),
                None => needed.add_words(model)?,
            }
            if let Some(driving) = &model.driving {
                let columns = driving.key.keys().chain(driving.sums.keys());
                let of_table = columns.map(|column| (driving.table.clone(), column.clone()));
                needed.of_tables.extend(of_table);
            }
        }
        Ok(needed)
    }

    /// Whether a column is needed. A name that a SELECT holds anywhere may be a column's.
    pub(crate) fn has(&self, table: &str, column: &str) -> bool {
        self.all
            || self.anywhere.contains(&column.to_lowercase())
            || self
                .of_tables
                .contains(&(table.to_owned(), column.to_owned()))
    }

    /// Keeps the columns that are needed; of a table of which none is, the first, by which its rows are counted.
    pub(crate) fn keep(&self, schema: &mut TableSchema) {
        let (table, first) = (schema.name.clone(), schema.columns.first().cloned());
        schema
            .columns
            .retain(|column| self.has(&table, &column.name));
        if schema.columns.is_empty() {
            schema.columns.extend(first);
        }
    }

    /// Checks that tables have the columns that models name with their table.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] naming the first that is missing.
    pub(crate) fn check<'a>(
        &self,
        tables: impl Iterator<Item = &'a TableSchema>,
    ) -> anyhow::Result<()> {
        let tables: Vec<_> = tables.collect();
        for (table, column) in &self.of_tables {
            let found = tables.iter().find(|schema| schema.name == *table);
            let columns = found.iter().flat_map(|schema| &schema.columns);
            if !columns.into_iter().any(|live| live.name == *column) {
                return Err(Kind::Mismatch
                    .error(format!("column `{column}` is missing in table `{table}`")));
            }
        }
        Ok(())
    }

    fn add_words(&mut self, model: &Model) -> anyhow::Result<()> {
        let tokens = Tokenizer::new(&GenericDialect {}, &model.sql)
            .tokenize()
            .or_fail(Kind::Usage, || format!("model `{}`", model.name))?;
        let mut before = &Token::EOF;
        for token in tokens
            .iter()
            .filter(|token| !matches!(token, Token::Whitespace(_)))
        {
            match token {
                Token::Word(word) => {
                    self.anywhere.insert(word.value.to_lowercase());
                }
                // `SELECT *`, `t.*`, `a, *`; not `COUNT(*)`, not a product.
                Token::Mul => self.all |= begins_item(before),
                _ => {}
            }
            before = token;
        }
        Ok(())
    }
}

/// Those of the tables `names` that a model may read: those of its plan, or those whose name its SELECT holds; and its
/// driving table.
///
/// # Errors
/// [`Kind::Usage`] if the model's SQL cannot be read.
pub(crate) fn tables<'a>(
    model: &Model,
    names: impl Iterator<Item = &'a str>,
) -> anyhow::Result<Vec<String>> {
    let mut needed = Needed::default();
    let plan = Plan::of(model)?;
    if plan.is_none() {
        needed.add_words(model)?;
    }
    let driving = model.driving.as_ref().map(|driving| driving.table.as_str());
    let is_needed = |name: &str| {
        plan.as_ref()
            .is_some_and(|plan| plan.tables.iter().any(|table| table == name))
            || needed.anywhere.contains(&name.to_lowercase())
            || driving == Some(name)
    };
    Ok(names
        .filter(|name| is_needed(name))
        .map(str::to_owned)
        .collect())
}

fn begins_item(before: &Token) -> bool {
    match before {
        Token::Period | Token::Comma => true,
        Token::Word(word) => ["SELECT", "DISTINCT", "ALL"]
            .iter()
            .any(|keyword| word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::whole::tests::model;

    #[test]
    fn names_in_the_select_are_needed_and_no_others() {
        let needed = Needed::by(&[model(
            "SELECT Nome, COUNT(*) AS n, 2 * \"Valor\" AS v FROM t -- saldo\n WHERE texto = 'idade' GROUP BY nome",
            &[],
        )])
        .expect("readable");
        for (column, expected) in [
            ("nome", true),
            ("Valor", true),
            ("texto", true),
            ("idade", false),
            ("saldo", false),
        ] {
            assert_eq!(needed.has("t", column), expected, "{column}");
        }
    }

    #[test]
    fn a_star_needs_all() {
        for (sql, all) in [
            ("SELECT * FROM t", true),
            ("SELECT a, t.* FROM t", true),
            ("SELECT DISTINCT * FROM t", true),
            ("SELECT a * b, COUNT(*) FROM t", false),
            ("SELECT (a) * 2 FROM t", false),
        ] {
            let needed = Needed::by(&[model(sql, &[])]).expect("readable");
            assert_eq!(needed.has("t", "x"), all, "{sql}");
        }
    }

    #[test]
    fn a_streamed_model_names_its_columns_by_table() {
        let mut streamed = model("SELECT m.v, c.k AS v2 FROM m JOIN c ON c.id = m.c_id", &[]);
        streamed.stream = Some("m".to_owned());
        let needed = Needed::by(&[streamed]).expect("readable");
        for (table, column, expected) in [
            ("m", "v", true),
            ("m", "c_id", true),
            ("m", "id", false),
            ("m", "k", false),
            ("c", "id", true),
            ("c", "k", true),
            ("c", "v", false),
        ] {
            assert_eq!(needed.has(table, column), expected, "{table}.{column}");
        }
    }
}
