//! The table `extrato_generation`: what a schema was filled with, so that the rows can be recognised and continued.

use std::collections::BTreeMap;

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::transaction;
use dataset::failure::{Kind, OrFail};
use postgres::Client;
use postgres::error::SqlState;
use postgres::types::Type;

use crate::cards::distributions::Distributions;
use crate::options::Options;
use crate::recipe::{Recipe, VERSION};
use crate::table::RowSource;

/// The name of the table that says what a schema was filled with.
pub(crate) const TABLE: &str = "extrato_generation";

/// What a schema was filled with.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// The dataset's name.
    pub dataset: String,
    /// The [`VERSION`] that made the rows.
    pub version: u32,
    /// What the rows depend on.
    pub recipe: Recipe,
    /// The highest key of each table.
    pub highest: BTreeMap<String, u64>,
}

/// Reads what `schema` was filled with; `None` if generate didn't fill it or it doesn't exist.
///
/// # Errors
/// The server's errors, [`Kind::Refused`] if another version of the generator filled the schema, and
/// [`Kind::Mismatch`] if the table holds anything but what generate writes.
pub fn recorded(client: &mut Client, schema: &str) -> anyhow::Result<Option<Generation>> {
    transaction::reading(client, |client| read(client, schema))
}

/// Reads what `schema` was filled with, in the client's transaction.
///
/// # Errors
/// The errors of [`recorded`].
pub(crate) fn read(client: &mut Client, schema: &str) -> anyhow::Result<Option<Generation>> {
    let exists: bool = client
        .query_one(
            "SELECT to_regclass($1) IS NOT NULL",
            &[&qualified(schema, TABLE)],
        )?
        .get(0);
    if !exists {
        return Ok(None);
    }
    let unreadable =
        || format!("{schema}.{TABLE} was changed, so it no longer says what {schema} holds");
    let query = format!(
        "SELECT dataset, version, seed::text, as_of, dirty::text, laws, table_name, highest_id FROM {}",
        qualified(schema, TABLE)
    );
    let rows = match client.query(&query, &[]) {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
            return Err(Kind::Refused.error(format!(
                "schema {schema} was filled by another version of the generator: its rows cannot be continued or used \
                 again; --replace makes new ones"
            )));
        }
        rows => rows.with_context(|| format!("cannot read {schema}.{TABLE}"))?,
    };
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut highest = BTreeMap::new();
    for row in &rows {
        let id =
            u64::try_from(row.get::<_, i64>("highest_id")).or_fail(Kind::Mismatch, unreadable)?;
        highest.insert(row.get("table_name"), id);
    }
    Ok(Some(Generation {
        dataset: first.get("dataset"),
        version: u32::try_from(first.get::<_, i32>("version"))
            .or_fail(Kind::Mismatch, unreadable)?,
        recipe: Recipe {
            seed: first
                .get::<_, &str>("seed")
                .parse()
                .or_fail(Kind::Mismatch, unreadable)?,
            as_of: first
                .get::<_, &str>("as_of")
                .parse()
                .map_err(|_| Kind::Mismatch.error(unreadable()))?,
            dirty: first
                .get::<_, &str>("dirty")
                .parse()
                .or_fail(Kind::Mismatch, unreadable)?,
            distributions: Distributions::parse(first.get("laws"))
                .or_fail(Kind::Mismatch, unreadable)?,
        },
        highest,
    }))
}

/// The highest key of each table once all rows of `source` are there.
pub(crate) fn highest(source: &dyn RowSource) -> BTreeMap<String, u64> {
    let tables = source.tables().iter().enumerate();
    tables
        .map(|(table, layout)| (layout.name.to_owned(), source.highest(table)))
        .collect()
}

impl Generation {
    /// Whether a fresh run with `options` would make exactly these rows.
    pub fn is_of(&self, options: &Options) -> bool {
        let Ok(known) = options.known_dataset() else {
            return false;
        };
        self.dataset == options.dataset.name
            && self.version == VERSION
            && self.recipe == options.asked.or(&Recipe::default())
            && self.highest.get(known.counted()) == Some(&options.size.into())
    }

    /// Creates the table in `schema`. It is `unlogged` if the tables that it describes are, so that a crash empties all of
    /// them.
    pub(crate) fn create(client: &mut Client, schema: &str, unlogged: bool) -> anyhow::Result<()> {
        let table = qualified(schema, TABLE);
        let kind = if unlogged { "UNLOGGED TABLE" } else { "TABLE" };
        client.batch_execute(&format!(
            "CREATE {kind} {table} (
                 table_name text PRIMARY KEY,
                 highest_id bigint NOT NULL,
                 dataset text NOT NULL,
                 version integer NOT NULL,
                 seed numeric(20) NOT NULL,
                 as_of text NOT NULL,
                 dirty double precision NOT NULL,
                 laws text NOT NULL
             );
             COMMENT ON TABLE {table} IS 'What extrato generate filled this schema with'"
        ))?;
        Ok(())
    }

    /// Writes the record, in place of any earlier one.
    pub(crate) fn write(&self, client: &mut Client, schema: &str) -> anyhow::Result<()> {
        let table = qualified(schema, TABLE);
        client.batch_execute(&format!("DELETE FROM {table}"))?;
        let insert = format!(
            "INSERT INTO {table} (table_name, highest_id, dataset, version, seed, as_of, dirty, laws)
             VALUES ($1, $2, $3, $4, $5::text::numeric, $6, $7, $8)"
        );
        let Recipe {
            seed,
            as_of,
            dirty,
            distributions,
        } = &self.recipe;
        let (version, seed) = (self.version as i32, seed.to_string());
        // Both texts are plain ASCII, which a database of any encoding takes.
        let (as_of, distributions) = (as_of.to_string(), toml::to_string(distributions)?);
        for (table, &highest) in &self.highest {
            client.execute_typed(
                &insert,
                &[
                    (table, Type::TEXT),
                    (&(highest as i64), Type::INT8),
                    (&self.dataset, Type::TEXT),
                    (&version, Type::INT4),
                    (&seed, Type::TEXT),
                    (&as_of, Type::TEXT),
                    (dirty, Type::FLOAT8),
                    (&distributions, Type::TEXT),
                ],
            )?;
        }
        Ok(())
    }
}
