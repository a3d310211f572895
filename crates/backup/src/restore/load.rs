//! Copies the rows of files into a table.

use std::io::{Read, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use anyhow::Context;
use database::Cancel;
use database::catalogue::identifier::{qualified, quoted};
use database::copy::write::{BLOCK_BYTES, CopyIn, RowForm};
use dataset::failure::Kind;
use postgres::Client;
use storage::place::{Place, reading};
use tracing::Span;
use tracing::field::Empty;

use super::incoming::Incoming;
use crate::avro::container::Reader;
use crate::avro::decode::Decoder;
use crate::avro::parse;
use crate::carriage::{Carried, Kind as Carriage};
use crate::checksum::{self, Recorded};
use crate::file::Contents;
use crate::options::Format;
use crate::report::TableReport;

/// The schema of temporary tables, which end with the transaction.
const TEMPORARY: &str = "pg_temp";

/// How many blocks of decoded rows may wait for the server.
const BLOCKS_AHEAD: usize = 2;

/// A table that rows are copied into.
pub(super) struct Target<'a> {
    pub(super) schema: &'a str,
    pub(super) table: &'a str,
    /// Whether the table was created in this transaction, so that rows can be frozen.
    pub(super) is_new: bool,
}

/// Copies all rows of files into a table, whose columns have the same types as the files'. Returns the number of rows.
pub(super) fn rows(
    client: &mut Client,
    incoming: &Incoming,
    target: &Target<'_>,
    cancel: &Cancel,
) -> anyhow::Result<u64> {
    let span = tracing::info_span!(
        "restore",
        table = incoming.definition.name,
        rows_total = incoming.content.as_ref().map(|content| content.rows),
        rows = Empty
    );
    let _entered = span.enter();
    let mut rows = 0;
    for place in &incoming.files {
        rows += match incoming.format {
            Format::Avro => avro(client, incoming, place, target, &span, rows, cancel)?,
            Format::Csv => csv(client, incoming, place, target, cancel)?,
        };
    }
    Ok(rows)
}

fn avro(
    client: &mut Client,
    incoming: &Incoming,
    place: &Place,
    target: &Target<'_>,
    span: &Span,
    before: u64,
    cancel: &Cancel,
) -> anyhow::Result<u64> {
    let refuse = |kind: Kind, why: &str| {
        kind.error(format!(
            "{place} cannot go into table `{}`: {why}",
            incoming.definition.name
        ))
    };
    let mut reader = Reader::open(place, incoming.key.as_ref())?;
    let fields = parse::fields(reader.schema());
    let fields = fields.map_err(|why| refuse(Kind::Mismatch, &why))?;
    let decoder = Decoder::new(fields, &incoming.columns);
    let mut decoder = decoder.map_err(|why| refuse(Kind::Mismatch, &why))?;
    let names: Vec<String> = decoder.columns().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut copy = CopyIn::start_as(
        client,
        target.schema,
        target.table,
        &names,
        RowForm::Binary,
        target.is_new,
    )?;
    let mut decode = |sender: &SyncSender<(Vec<u8>, u64)>| -> anyhow::Result<()> {
        let (mut block, mut decoded, mut waiting) = (Vec::new(), 0, 0);
        while let Some(count) = reader.next_block(&mut block)? {
            cancel.check()?;
            let mut rest = &block[..];
            for row in 0..count {
                decoder.row(&mut rest).map_err(|why| {
                    let row = decoded + waiting + 1;
                    refuse(Kind::Refused, &format!("row {row}, {why}"))
                })?;
                waiting += 1;
                if decoder.encoded().len() >= BLOCK_BYTES || row + 1 == count {
                    if sender.send((decoder.encoded().to_vec(), waiting)).is_err() {
                        // The receiver of the rows is gone, and has an error to report.
                        return Ok(());
                    }
                    decoded += waiting;
                    waiting = 0;
                    decoder.clear();
                }
            }
            if !rest.is_empty() {
                return Err(reader.damaged());
            }
        }
        Ok(())
    };
    // While the server takes rows, the next ones are decoded.
    let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
    let sent = thread::scope(|scope| -> anyhow::Result<u64> {
        let decoder = thread::Builder::new()
            .name("decode".to_owned())
            .spawn_scoped(scope, move || decode(&sender))
            .context("starting a thread")?;
        let mut sent = 0;
        for (block, rows) in receiver {
            copy.send(&block, rows)?;
            sent += rows;
            span.record("rows", before + sent);
        }
        decoder
            .join()
            .unwrap_or_else(|_| Err(Kind::Internal.error("a thread of the restore died")))?;
        Ok(sent)
    })?;
    copy.finish()?;
    Ok(sent)
}

fn csv(
    client: &mut Client,
    incoming: &Incoming,
    place: &Place,
    target: &Target<'_>,
    cancel: &Cancel,
) -> anyhow::Result<u64> {
    let columns = incoming.columns.iter();
    let names: Vec<_> = columns.map(|column| quoted(&column.name)).collect();
    let statement = format!(
        "COPY {} ({}) FROM STDIN (FORMAT csv, HEADER true, FREEZE {})",
        qualified(target.schema, target.table),
        names.join(", "),
        target.is_new
    );
    let copying = || format!("cannot copy into table `{}`", target.table);
    let mut file = Contents::open(place, incoming.key.as_ref())?;
    let mut writer = client.copy_in(&statement).with_context(copying)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        cancel.check()?;
        match reading(file.read(&mut block), Kind::Refused, place)? {
            0 => break,
            bytes => writer
                .write_all(&block[..bytes])
                .map_err(database::copy::write::server_error)
                .with_context(copying)?,
        }
    }
    writer.finish().with_context(copying)
}

/// A temporary table with the rows of files, checked against the content checksum that they must have.
pub(super) struct Scratch {
    /// The table's name, with its schema.
    pub(super) name: String,
    /// How many rows it has.
    pub(super) rows: u64,
}

/// Creates the scratch copy of a table; `number` is part of its name.
pub(super) fn scratch(
    client: &mut Client,
    incoming: &Incoming,
    number: usize,
    cancel: &Cancel,
) -> anyhow::Result<Scratch> {
    let table = format!("extrato_restore_{number}");
    let columns: Vec<_> = incoming
        .columns
        .iter()
        .map(|column| {
            format!(
                "{} {}",
                quoted(&column.name),
                scratch_type(incoming, column)
            )
        })
        .collect();
    let name = qualified(TEMPORARY, &table);
    client
        .batch_execute(&format!(
            "CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP",
            quoted(&table),
            columns.join(", ")
        ))
        .with_context(|| {
            format!(
                "making room for the rows of table `{}` (the role needs the right TEMPORARY on the database)",
                incoming.definition.name
            )
        })?;
    let target = Target {
        schema: TEMPORARY,
        table: &table,
        is_new: true,
    };
    // The server's messages know only the scratch copy, so the table's name is added.
    let rows = rows(client, incoming, &target, cancel)
        .with_context(|| format!("copying the rows of table `{}`", incoming.definition.name))?;
    check(client, incoming, &target, false, cancel)?;
    Ok(Scratch { name, rows })
}

/// The type of a column in the scratch copy: text if the values travel as text.
fn scratch_type<'a>(incoming: &Incoming, column: &'a Carried) -> &'a str {
    match (&column.kind, incoming.format) {
        (Carriage::AsText, Format::Avro) => "text",
        _ => &column.type_name,
    }
}

impl Scratch {
    /// Copies the rows into a table, and returns their number.
    pub(super) fn insert_into(
        &self,
        client: &mut Client,
        incoming: &Incoming,
        schema: &str,
        is_written: impl Fn(&str) -> bool,
    ) -> anyhow::Result<u64> {
        let written = || {
            incoming
                .columns
                .iter()
                .filter(|column| is_written(&column.name))
        };
        let names: Vec<_> = written().map(|column| quoted(&column.name)).collect();
        let values: Vec<_> = written()
            .map(|column| match scratch_type(incoming, column) {
                "text" => format!("({})::{}", quoted(&column.name), column.type_name),
                _ => quoted(&column.name),
            })
            .collect();
        let table = &incoming.definition.name;
        let statement = format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}",
            qualified(schema, table),
            names.join(", "),
            values.join(", "),
            self.name
        );
        let inserted = client
            .execute(&statement, &[])
            .with_context(|| format!("putting the rows into table {schema}.{table}"))?;
        match inserted == self.rows {
            true => Ok(inserted),
            false => Err(Kind::Check.error(format!(
                "table {schema}.{table} took {inserted} rows of {}: a trigger or a rule leaves some out",
                self.rows
            ))),
        }
    }
}

/// Compares the contents of a table with the content checksum that they must have, if it is known.
pub(super) fn check(
    client: &mut Client,
    incoming: &Incoming,
    target: &Target<'_>,
    only: bool,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let Some(expected) = &incoming.content else {
        return Ok(());
    };
    let (schema, table) = (target.schema, target.table);
    let sum = checksum::of_table(client, schema, table, only, &incoming.columns, cancel);
    let sum =
        sum.with_context(|| format!("checking the rows of table `{}`", incoming.definition.name))?;
    let found = Recorded::from(sum);
    if found == *expected {
        return Ok(());
    }
    let name = &incoming.definition.name;
    Err(Kind::Check.error(match found.rows == expected.rows {
        false => format!(
            "table `{name}` would have {} rows, but had {} when it was backed up",
            found.rows, expected.rows
        ),
        true => format!(
            "table `{name}` would not have the contents that it had when it was backed up: a trigger, a computed \
             column or a type of this database changes values"
        ),
    }))
}

/// The report about a table.
pub(super) fn told(incoming: &Incoming, rows: u64, seconds: f64) -> TableReport {
    tracing::info!(table = incoming.definition.name, rows, "restored");
    TableReport {
        table: incoming.definition.name.clone(),
        rows,
        files: incoming.files.len() as u64,
        bytes: incoming.bytes,
        seconds,
    }
}
