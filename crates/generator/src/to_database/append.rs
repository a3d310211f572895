//! Adds associates to those of an earlier run, in one transaction on one connection, so that a failure leaves no
//! trace.

use std::time::Instant;

use anyhow::Context;
use database::Cancel;
use database::catalogue::identifier::qualified;
use dataset::failure::Kind;
use postgres::Client;

use crate::cards::source::CardRows;
use crate::cards::tables::Counts;
use crate::cards::tables::Table;
use crate::options::Options;
use crate::recipe::{Recipe, VERSION};
use crate::report::Report;
use crate::to_database::copy::{self, Load};
use crate::to_database::keys::analyze;
use crate::to_database::record::{Generation, highest, read};
use crate::to_database::worker_connection::WorkerConnection;

/// Continues the rows of the schema from where they end, in the transaction of `control`. After a failure that connection is
/// closed, which rolls everything back.
pub(crate) fn append(
    control: &mut Client,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let start = Instant::now();
    let name = &options.schema;
    let before = read(control, name)?.ok_or_else(|| {
        Kind::Refused.error(format!(
            "schema {name} holds nothing that generate made, so there is nothing to append to: leave out --append"
        ))
    })?;
    let recipe = options.asked.or(&before.recipe);
    let refused = |what: &str, theirs: &str, ours: &str| {
        Kind::Refused.error(format!(
            "schema {name} was filled with {what} {theirs}, not {ours}: leave the option out to continue its rows, or \
             --replace makes new ones"
        ))
    };
    let shown = |generation: (u32, &str), recipe: &Recipe| {
        let (version, dataset) = generation;
        [
            ("version of the generator", version.to_string()),
            ("dataset", dataset.to_owned()),
            ("seed", recipe.seed.to_string()),
            ("--as-of", recipe.as_of.to_string()),
            ("--dirty", recipe.dirty.to_string()),
        ]
    };
    let theirs = shown((before.version, &before.dataset), &before.recipe);
    let ours = shown((VERSION, &options.dataset.name), &recipe);
    for ((what, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        if theirs != ours {
            return Err(refused(what, theirs, ours));
        }
    }
    if before.recipe.distributions != recipe.distributions {
        return Err(refused("distributions", "of its own", "these"));
    }
    check_unchanged(control, name, &before)?;
    let counts = counts(&before);
    let rows = CardRows::after(&recipe, counts, options.size, cancel)?;
    let load = Load {
        schema: name,
        source: &rows,
        freeze: false,
        cancel,
    };
    let loaded = Instant::now();
    let tables = copy::tables(&mut [WorkerConnection::Lent(control)], &load)?;
    let load_seconds = loaded.elapsed().as_secs_f64();
    let indexed = Instant::now();
    analyze(control, name, &rows)?;
    let generation = Generation {
        highest: highest(&rows),
        ..before
    };
    generation.write(control, name)?;
    cancel.check()?;
    control
        .batch_execute("COMMIT")
        .with_context(|| format!("cannot append to schema {name}"))?;
    let index_seconds = indexed.elapsed().as_secs_f64();
    Ok(Report::new(
        options,
        &recipe,
        &rows,
        tables,
        1,
        (load_seconds, index_seconds),
        start,
    ))
}

/// The highest ids of an earlier run.
fn counts(before: &Generation) -> Counts {
    let of = |table: Table| before.highest.get(table.name()).copied().unwrap_or(0);
    Counts {
        associado: of(Table::Associado),
        conta: of(Table::Conta),
        cartao: of(Table::Cartao),
        movimento: of(Table::Movimento),
    }
}

/// Refuses columns of other types than expected: binary COPY would misread the bytes.
fn check_types(client: &mut Client, name: &str, table: Table) -> anyhow::Result<()> {
    let rows = client.query(
        "SELECT a.attname::text, t.typname::text
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p') AND NOT a.attisdropped",
        &[&qualified(name, table.name())],
    )?;
    for (column, expected) in table.columns().iter().zip(table.types()) {
        let found = rows.iter().find(|row| row.get::<_, &str>(0) == *column);
        let found: &str = found.map_or("missing", |row| row.get(1));
        if found != *expected {
            return Err(Kind::Refused.error(format!(
                "{name}.{} was changed since it was generated (column {column} is {found} instead of {expected}): \
                 its rows cannot be continued; --replace makes new ones",
                table.name()
            )));
        }
    }
    Ok(())
}

/// Refuses a schema whose rows are not those that were generated, as far as their highest ids can tell.
fn check_unchanged(client: &mut Client, name: &str, before: &Generation) -> anyhow::Result<()> {
    for table in Table::ALL {
        check_types(client, name, table)?;
        let highest = table.of(&counts(before));
        let query = format!(
            "SELECT coalesce(max(id), 0)::bigint FROM {}",
            qualified(name, table.name())
        );
        let found: i64 = client.query_one(&query, &[])?.get(0);
        if found != highest as i64 {
            return Err(Kind::Refused.error(format!(
                "{name}.{} was changed since it was generated (highest id {found} instead of {highest}): \
                 its rows cannot be continued; --replace makes new ones",
                table.name()
            )));
        }
    }
    Ok(())
}
