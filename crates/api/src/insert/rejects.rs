//! Rejects of a request in `extrato_reject`, the table that `load` uses too: here the request stands in for the file, and the row's
//! index for the line.

use database::catalogue::identifier::qualified;
use loader::request::REJECT_TABLE;
use tokio_postgres::{Client, Error};

use crate::insert::outcome::Outcome;

/// The load of rows that came in a request: none.
const NO_LOAD: i64 = 0;

/// The rejected rows of a request.
pub(crate) struct Rejects<'a> {
    pub(crate) schema: &'a str,
    pub(crate) table: &'a str,
    pub(crate) request: &'a str,
    pub(crate) outcomes: &'a [Outcome],
}

/// The text of a row, and where it begins in the body.
pub(crate) struct RejectedText {
    pub(crate) byte_offset: usize,
    pub(crate) text: String,
}

impl Rejects<'_> {
    /// Writes each broken rule of each rejected row in the client's transaction. `text` gives a row as it came, which is sent only
    /// once for all rules that it breaks.
    pub(crate) async fn write(
        &self,
        client: &Client,
        text: impl Fn(usize) -> RejectedText,
    ) -> Result<(), Error> {
        let [mut rows, mut offsets, mut lines] = [const { Vec::new() }; 3];
        let [mut raws, mut columns, mut rules, mut messages] = [const { Vec::new() }; 4];
        for (index, outcome) in self.outcomes.iter().enumerate() {
            let Outcome::Rejected(broken) = outcome else {
                continue;
            };
            let RejectedText { byte_offset, text } = text(index);
            rows.push(index as i64);
            offsets.push(byte_offset as i64);
            raws.push(storable(&text));
            for violation in broken {
                lines.push(index as i64);
                columns.push(storable(&violation.column));
                rules.push(violation.rule.name().to_owned());
                messages.push(storable(&violation.message));
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let table = qualified(self.schema, REJECT_TABLE);
        let statement = format!(
            "INSERT INTO {table} (load_id, table_name, file, line, byte_offset, column_name, rule, message, raw)
             SELECT {NO_LOAD}, $1::pg_catalog.text, $2::pg_catalog.text, b.line, r.byte_offset, b.name, b.rule, b.message, r.raw
             FROM ROWS FROM (pg_catalog.unnest($3::pg_catalog.int8[]), pg_catalog.unnest($4::pg_catalog.int8[]),
                             pg_catalog.unnest($5::pg_catalog.text[])) AS r (line, byte_offset, raw)
             JOIN ROWS FROM (pg_catalog.unnest($6::pg_catalog.int8[]), pg_catalog.unnest($7::pg_catalog.text[]),
                             pg_catalog.unnest($8::pg_catalog.text[]), pg_catalog.unnest($9::pg_catalog.text[]))
                  AS b (line, name, rule, message) ON b.line OPERATOR(pg_catalog.=) r.line"
        );
        let file = format!("request/{}", self.request);
        client
            .execute(
                &statement,
                &[
                    &self.table,
                    &file,
                    &rows,
                    &offsets,
                    &raws,
                    &lines,
                    &columns,
                    &rules,
                    &messages,
                ],
            )
            .await?;
        Ok(())
    }
}

/// A text that the server can store, with NUL written as `\x00`.
fn storable(text: &str) -> String {
    text.replace('\0', "\\x00")
}
