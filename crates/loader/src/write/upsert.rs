//! Rows that replace others: they are copied into a temporary table, which is then joined with the table by its primary key.

use anyhow::Context;
use database::catalogue::identifier::{qualified, quoted};
use database::copy::write::{CopyIn, RowEncoder, RowForm};
use dataset::failure::Kind;
use postgres::Client;

use crate::keys::staged::FileRows;
use crate::target::Target;

/// The number of bytes from which on the rows are replaced by a statement of their own.
pub(crate) const FULL_BYTES: usize = 16 << 20;

const TABLE: &str = "extrato_staged";
const SEQUENCE: &str = "extrato_sequence";

/// Rows that wait to replace others.
#[derive(Default)]
pub(crate) struct Upserts {
    encoder: RowEncoder,
    rows: u64,
}

impl Upserts {
    /// Adds a row that was encoded for COPY in this form.
    pub(crate) fn push(&mut self, row: &[u8], form: RowForm) {
        /// How many bytes the count of fields takes, with which a row begins.
        const COUNT_BYTES: usize = 2;
        // One more field tells which row is the last of those with the same key.
        match form {
            RowForm::Binary => {
                let (count, fields) = row.split_at(COUNT_BYTES.min(row.len()));
                let count = count.try_into().map_or(0, i16::from_be_bytes) + 1;
                self.encoder.row(count);
                self.encoder.fields(fields);
                self.encoder.int8(self.rows as i64);
            }
            RowForm::Text => {
                self.encoder.fields(row.strip_suffix(b"\n").unwrap_or(row));
                self.encoder.fields(b"\t");
                self.encoder.text_field(Some(&self.rows.to_string()), b'\n');
            }
        }
        self.rows += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.encoder.bytes().len() >= FULL_BYTES
    }

    /// Replaces the rows of the table that have the same primary key. Of several rows with the same key, the last one wins.
    ///
    /// # Errors
    /// Errors of the server; [`Kind::Check`] if it replaced no rows, or more than there were.
    pub(crate) fn apply(&mut self, client: &mut Client, rows: FileRows<'_>) -> anyhow::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let FileRows {
            schema,
            target: Target { table, .. },
            columns,
            plan,
            ..
        } = rows;
        let primary = rows.target.primary();
        let (key, equality) = primary.map_or((&[][..], &[][..]), |primary| {
            (&primary.name.columns[..], &primary.equality[..])
        });
        let target = qualified(schema, table);
        let replaced_in = primary.map_or(target.clone(), |primary| primary.name.relation());
        let list = |names: &[String]| {
            let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
            names.join(", ")
        };
        let failed = || format!("cannot replace rows of {schema}.{table}");
        client
            .batch_execute(&format!(
                "CREATE TEMPORARY TABLE {TABLE} ON COMMIT DROP AS SELECT {}, 0::bigint AS {SEQUENCE} FROM {target} LIMIT 0",
                list(columns)
            ))
            .with_context(failed)?;
        let mut names: Vec<&str> = columns.iter().map(String::as_str).collect();
        names.push(SEQUENCE);
        let mut copy = CopyIn::start_as(client, "pg_temp", TABLE, &names, plan.form, false)?;
        copy.send(self.encoder.bytes(), self.rows)?;
        copy.finish()?;
        // Keys that are equal to the server may be written in different ways.
        let texts: Vec<usize> = rows.texts().collect();
        let others: Vec<_> = columns
            .iter()
            .enumerate()
            .filter(|(place, column)| !key.contains(column) || texts.contains(place))
            .map(|(_, column)| column)
            .collect();
        if !others.is_empty() {
            let set: Vec<_> = others
                .iter()
                .map(|column| format!("{0} = s.{0}", quoted(column)))
                .collect();
            let same: Vec<_> = key
                .iter()
                .zip(equality)
                .map(|(column, equality)| {
                    let column = quoted(column);
                    equality.sql(&format!("t.{column}"), &format!("s.{column}"))
                })
                .collect();
            let statement = format!(
                "UPDATE {replaced_in} AS t SET {} FROM (SELECT DISTINCT ON ({key}) * FROM pg_temp.{TABLE} ORDER BY {key}, {SEQUENCE} DESC) AS s
                 WHERE {}",
                set.join(", "),
                same.join(" AND "),
                key = list(key)
            );
            let replaced = client.execute(&statement, &[]).with_context(failed)?;
            if replaced == 0 || replaced > self.rows {
                return Err(Kind::Check.error(format!(
                    "{schema}.{table}: {} rows should have replaced others, but {replaced} did",
                    self.rows
                )));
            }
        }
        client
            .batch_execute(&format!("DROP TABLE pg_temp.{TABLE}"))
            .with_context(failed)?;
        self.encoder.clear();
        self.rows = 0;
        Ok(())
    }
}
