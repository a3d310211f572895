//! Things that stand in the way of rows for tables that are there: triggers, rules, and references from other tables.

use anyhow::Context;
use database::catalogue::identifier::quoted;
use dataset::failure::Kind;
use postgres::Client;

use crate::options::{Mode, RestoreOptions, Triggers};

/// The query for the oids of tables.
const OF_TABLES: &str = "
    SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = ANY ($2)";

// The bits of `tgtype` are those of src/include/catalog/pg_trigger.h: INSERT is 4, TRUNCATE 32.
const TRIGGERS: &str = "
    SELECT t.tgrelid::regclass::text, quote_ident(t.tgname),
           CASE t.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END
    FROM pg_trigger AS t
    WHERE t.tgrelid = ANY ($1) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
      AND (t.tgtype::int & $2::int) <> 0
    ORDER BY 1, 2";

const RULES: &str = "
    SELECT format('rule %I on %s', r.rulename, r.ev_class::regclass) FROM pg_rewrite AS r
    WHERE r.ev_class = ANY ($1) AND r.ev_type = '3' AND r.ev_enabled <> 'D' ORDER BY 1";

const REFERENCES: &str = "
    SELECT o.conrelid::regclass::text, quote_ident(o.conname), pg_get_constraintdef(o.oid),
           obj_description(o.oid, 'pg_constraint'), o.conrelid = ANY ($1)
    FROM pg_constraint AS o
    WHERE o.contype = 'f' AND o.conparentid = 0 AND o.confrelid = ANY ($1)
    ORDER BY 1, 2";

/// The oids of tables.
pub(super) fn oids(client: &mut Client, schema: &str, names: &[&str]) -> anyhow::Result<Vec<u32>> {
    let found = client.query(OF_TABLES, &[&schema, &names]);
    let found = found.context("looking for the tables")?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

/// Triggers that were disabled, with the statements that enable them again.
#[derive(Default)]
pub(super) struct Disabled(Vec<String>);

/// Refuses triggers and rules that rows would fire, or disables the triggers if the options say so.
pub(super) fn triggers(
    client: &mut Client,
    tables: &[u32],
    options: &RestoreOptions,
    notes: &mut Vec<String>,
) -> anyhow::Result<Disabled> {
    let events = match options.mode {
        Mode::Replace => 4 | 32,
        Mode::Create | Mode::Append => 4,
    };
    let rules = client
        .query(RULES, &[&tables])
        .context("looking for rules")?;
    if let Some(rule) = rules.first() {
        return Err(Kind::Refused.error(format!(
            "{} would do something other than insert rows: drop it before the restore",
            rule.get::<_, String>(0)
        )));
    }
    let found = client.query(TRIGGERS, &[&tables, &events]);
    let found = found.context("looking for triggers")?;
    let mut again = Vec::new();
    for row in &found {
        let (table, trigger, enable): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        match options.triggers {
            None => {
                return Err(Kind::Refused.error(format!(
                    "trigger {trigger} of {table} would fire for the rows that come in: say whether it should, with \
                     --triggers fire or --triggers skip"
                )));
            }
            Some(Triggers::Fire) => notes.push(format!("trigger {trigger} of {table} was fired")),
            Some(Triggers::Skip) => {
                client
                    .batch_execute(&format!("ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
                    .with_context(|| format!("disabling trigger {trigger} of {table}"))?;
                again.push(format!("ALTER TABLE {table} {enable} TRIGGER {trigger}"));
                notes.push(format!("trigger {trigger} of {table} was not fired"));
            }
        }
    }
    Ok(Disabled(again))
}

impl Disabled {
    /// Enables the triggers again.
    pub(super) fn enable(self, client: &mut Client) -> anyhow::Result<()> {
        for statement in self.0 {
            client
                .batch_execute(&statement)
                .context("enabling a trigger again")?;
        }
        Ok(())
    }
}

/// Foreign keys that were dropped, with the statements that create them again.
pub(super) struct Dropped(Vec<String>);

/// Drops the foreign keys that keep tables from being emptied: those between them and, if the options say so, those of other
/// tables.
pub(super) fn drop_references(
    client: &mut Client,
    tables: &[u32],
    options: &RestoreOptions,
    notes: &mut Vec<String>,
) -> anyhow::Result<Dropped> {
    let found = client.query(REFERENCES, &[&tables]);
    let found = found.context("looking for foreign keys")?;
    let outside: Vec<String> = found
        .iter()
        .filter(|row| !row.get::<_, bool>(4))
        .map(|row| format!("{} of {}", row.get::<_, &str>(1), row.get::<_, &str>(0)))
        .collect();
    if !outside.is_empty() && !options.drop_references {
        return Err(Kind::Refused.error(format!(
            "foreign keys of other tables refer to the tables to be replaced: {}: restore those tables too, or let \
             --drop-references drop the keys and add them again",
            outside.join(", ")
        )));
    }
    let mut again = Vec::new();
    for row in &found {
        let (table, name, definition): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        client
            .batch_execute(&format!("ALTER TABLE {table} DROP CONSTRAINT {name}"))
            .with_context(|| format!("dropping foreign key {name} of {table}"))?;
        again.push(format!(
            "ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
        ));
        if let Some(comment) = row.get::<_, Option<&str>>(3) {
            again.push(format!(
                "COMMENT ON CONSTRAINT {name} ON {table} IS {}",
                database::catalogue::identifier::literal(comment)
            ));
        }
    }
    notes.extend(
        outside
            .into_iter()
            .map(|key| format!("the foreign key {key} was dropped and added again")),
    );
    Ok(Dropped(again))
}

impl Dropped {
    /// Creates the foreign keys again, which checks all rows.
    pub(super) fn make(self, client: &mut Client) -> anyhow::Result<()> {
        for statement in self.0 {
            client
                .batch_execute(&statement)
                .with_context(|| format!("making a foreign key again: {statement}"))?;
        }
        Ok(())
    }
}

/// Raises a sequence past the highest value of the column that takes numbers from it. Unlike everything else, this is not undone by
/// a rollback; but numbers that are left out do no harm.
pub(super) fn raise(
    client: &mut Client,
    sequence: &str,
    table: &str,
    column: &str,
) -> anyhow::Result<bool> {
    let column = quoted(column);
    let raised = client.query(
        &format!(
            "SELECT pg_catalog.setval({}, m.highest)
             FROM (SELECT max({column})::bigint AS highest FROM {table}) AS m, {sequence} AS s
             WHERE m.highest >= s.last_value",
            database::catalogue::identifier::literal(sequence)
        ),
        &[],
    );
    let raised = raised.with_context(|| format!("raising sequence {sequence}"))?;
    Ok(!raised.is_empty())
}
