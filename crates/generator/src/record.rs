//! `extrato_generation`: what a schema was filled with, so that it can be recognised and continued.

use anyhow::Context;
use database::identifier::qualified;
use dataset::failure::{Kind, OrFail};
use postgres::Client;

use crate::plan::Counts;

/// The table's name.
pub(crate) const TABLE: &str = "extrato_generation";

/// What a schema was filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The dataset's name.
    pub dataset: String,
    /// The [`VERSION`](crate::VERSION) that made the rows.
    pub version: u32,
    /// The seed.
    pub seed: u64,
    /// The highest id of each table; `associado` is the number of associates.
    pub highest: Counts,
}

/// What `schema` was filled with, or `None` if it wasn't filled by us or doesn't exist.
///
/// # Errors
/// The server's, and [`Kind::Mismatch`] if the table holds something else than we write.
pub fn recorded(client: &mut Client, schema: &str) -> anyhow::Result<Option<Generation>> {
    let exists: bool = client
        .query_one(
            "SELECT to_regclass($1) IS NOT NULL",
            &[&qualified(schema, TABLE)],
        )?
        .get(0);
    if !exists {
        return Ok(None);
    }
    let rows = client
        .query(
            &format!(
                "SELECT dataset, version, seed::text, table_name, highest_id FROM {}",
                qualified(schema, TABLE)
            ),
            &[],
        )
        .with_context(|| format!("cannot read {schema}.{TABLE}"))?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let unreadable = || format!("{schema}.{TABLE} was changed: it cannot tell what {schema} holds");
    let mut highest = Counts::default();
    for row in &rows {
        let id =
            u64::try_from(row.get::<_, i64>("highest_id")).or_fail(Kind::Mismatch, unreadable)?;
        match row.get("table_name") {
            "associado" => highest.associado = id,
            "conta" => highest.conta = id,
            "cartao" => highest.cartao = id,
            "movimento" => highest.movimento = id,
            _ => return Err(Kind::Mismatch.error(unreadable())),
        }
    }
    Ok(Some(Generation {
        dataset: first.get("dataset"),
        version: u32::try_from(first.get::<_, i32>("version"))
            .or_fail(Kind::Mismatch, unreadable)?,
        seed: first
            .get::<_, &str>("seed")
            .parse()
            .or_fail(Kind::Mismatch, unreadable)?,
        highest,
    }))
}

impl Generation {
    /// Each table with its highest id, in foreign-key order.
    pub(crate) fn tables(&self) -> [(&'static str, u64); 4] {
        [
            ("associado", self.highest.associado),
            ("conta", self.highest.conta),
            ("cartao", self.highest.cartao),
            ("movimento", self.highest.movimento),
        ]
    }

    /// Creates the table in `schema`.
    pub(crate) fn create(client: &mut Client, schema: &str) -> anyhow::Result<()> {
        let table = qualified(schema, TABLE);
        client.batch_execute(&format!(
            "CREATE TABLE {table} (
                 table_name text PRIMARY KEY,
                 highest_id bigint NOT NULL,
                 dataset text NOT NULL,
                 version integer NOT NULL,
                 seed numeric(20) NOT NULL
             );
             COMMENT ON TABLE {table} IS 'What extrato generate filled this schema with'"
        ))?;
        Ok(())
    }

    /// Writes this in the place of what was recorded before.
    pub(crate) fn write(&self, client: &mut Client, schema: &str) -> anyhow::Result<()> {
        let table = qualified(schema, TABLE);
        client.batch_execute(&format!("DELETE FROM {table}"))?;
        let insert = client.prepare(&format!(
            "INSERT INTO {table} (table_name, highest_id, dataset, version, seed)
             VALUES ($1, $2, $3, $4, $5::text::numeric)"
        ))?;
        for (name, highest) in self.tables() {
            let (highest, version) = (highest as i64, self.version as i32);
            client.execute(
                &insert,
                &[
                    &name,
                    &highest,
                    &self.dataset,
                    &version,
                    &self.seed.to_string(),
                ],
            )?;
        }
        Ok(())
    }
}
