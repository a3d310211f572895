//! A load from beginning to end: finding the files, one transaction for all tables, the report.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::{Cancel, Settings, transaction};
use dataset::failure::{Failure, Kind};
use postgres::Client;
use tracing::field;

use crate::input::find::{self, TableFiles};
use crate::keys::sets::KeySets;
use crate::options::Options;
use crate::report::{Report, Rows, TableReport};
use crate::target::tables::{self, Emptied};
use crate::target::{self, Target};
use crate::write::file_plan::{self, FilePlan};
use crate::write::files::{Run, begin, commit_with};
use crate::write::ledger;
use crate::write::left_rejects::Continued;
use crate::write::refused_rows;
use crate::write::rejects::{self, Rejects};

/// How many bytes of small objects of a bucket are kept in memory.
const KEPT_BYTES: u64 = 32 << 20;

/// The files that a load takes, as [`find()`] found them.
#[derive(Debug)]
pub struct Inputs(Vec<TableFiles>);

/// Checks the options and finds the files to load: all that can be checked before a database is asked.
///
/// # Errors
/// [`Kind::Usage`] for options, files or a description that make no sense; [`Kind::Connection`] if a bucket gives no answer;
/// [`Kind::Interrupted`].
pub fn find(options: &Options, cancel: &Cancel) -> anyhow::Result<Inputs> {
    let found = inputs(options, cancel);
    found
        .map(Inputs)
        .map_err(|error| unless_cancelled(error, cancel))
}

/// The error or, if the load was interrupted, one that says so: other errors tell of an interruption in their own words.
fn unless_cancelled(error: anyhow::Error, cancel: &Cancel) -> anyhow::Error {
    match Failure::kind_of(&error) {
        Some(Kind::Interrupted) => error,
        _ => cancel.check().err().unwrap_or(error),
    }
}

/// Checks the options, and finds the files of each table.
fn inputs(options: &Options, cancel: &Cancel) -> anyhow::Result<Vec<TableFiles>> {
    options.check()?;
    let inputs = find::find(options, cancel)?;
    rejects::refuse_inputs(&options.rejects, &inputs)?;
    Ok(inputs)
}

/// Loads files into the tables of a schema. The tables are created if none of them exists.
///
/// Without [`Options::commit_every`] either every valid row is in the database at the end, or no row at all;
/// rejected rows are recorded in both cases.
///
/// # Errors
/// [`Kind::Usage`] for options, files or a description that make no sense; [`Kind::Mismatch`] for a file that is not
/// one of its table, and for tables that don't fit; [`Kind::Refused`] beyond the limit of rejects, for a file that
/// was loaded before, and for what the server refuses; [`Kind::Output`] if rejects cannot be written;
/// [`Kind::Connection`]; [`Kind::Interrupted`].
pub fn load(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    load_found(settings, options, find(options, cancel)?, cancel)
}

/// Loads the files that were [found](find()) for these options.
///
/// # Errors
/// The errors of [`load`].
pub fn load_found(
    settings: &Settings,
    options: &Options,
    inputs: Inputs,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let loaded = from_files(settings, options, &inputs.0, cancel);
    loaded.map_err(|error| unless_cancelled(error, cancel))
}

fn from_files(
    settings: &Settings,
    options: &Options,
    inputs: &[TableFiles],
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let start = Instant::now();
    let names = options.dataset.tables.iter().map(|table| &table.name);
    for name in names.filter(|name| inputs.iter().all(|input| input.table != **name)) {
        tracing::info!("no file for table {name}");
    }
    let mut client = settings.connect(cancel)?;
    in_order(&mut client, inputs, options, cancel, start)
}

/// Finds for each table the earlier loads whose rows this load does not judge again, since it leaves their files out or
/// continues them.
fn continued<'t>(
    client: &mut Client,
    options: &Options,
    load_id: i64,
    tables: &[&'t str],
    plans: &[Vec<FilePlan>],
) -> anyhow::Result<Vec<Continued<'t>>> {
    let of_table = |(table, plans): (&&'t str, &Vec<FilePlan>)| {
        // If the same bytes come twice in one load, both belong to this load; and a table that is emptied has no earlier loads.
        let known = plans.iter().filter(|plan| {
            !options.truncate && plan.before.is_some_and(|before| before.load_id != load_id)
        });
        let sums: Vec<_> = known.filter_map(|plan| plan.sum).collect();
        let loads = match sums.is_empty() {
            true => Vec::new(),
            false => ledger::earlier_loads(client, &options.schema, table, &sums, load_id)?,
        };
        Ok(Continued { table, loads })
    };
    tables.iter().zip(plans).map(of_table).collect()
}

fn in_order(
    client: &mut Client,
    inputs: &[TableFiles],
    options: &Options,
    cancel: &Cancel,
    start: Instant,
) -> anyhow::Result<Report> {
    let schema = &options.schema;
    begin(client, options)?;
    let load_id = ledger::begin(client, schema, options.reject_table)?;
    // A load that is rolled back has an id and rejects too.
    client
        .batch_execute("COMMIT")
        .with_context(|| format!("cannot make the ledger in schema {schema}"))?;
    begin(client, options)?;
    let others = ledger::of_others(client, schema, load_id)?;
    let tables: Vec<&str> = inputs.iter().map(|inputs| inputs.table.as_str()).collect();
    let room = AtomicU64::new(KEPT_BYTES);
    let plans = inputs
        .iter()
        .map(|inputs| file_plan::of(client, inputs, options, cancel, load_id, &room))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let continued = continued(client, options, load_id, &tables, &plans)?;
    let rejects = options.rejects.clone().cancelled_by(cancel);
    let mut run = Run {
        options,
        cancel,
        load_id,
        others,
        keys: KeySets::new(options.memory_bytes),
        unkeyed: false,
        index_seconds: 0.0,
        rejects: Rejects::open(&rejects, load_id, &continued)?,
        rows: Rows::default(),
    };
    let done = transaction(&mut run, client, &tables, &plans);
    let (created, reports) = match done {
        Ok(done) => done,
        // A statement that was cancelled on the server says so in its own words; ours are clearer.
        Err(error) => {
            let error = cancel.check().err().unwrap_or(error);
            return Err(give_up(&mut run, client, error));
        }
    };
    let targets: Vec<_> = tables
        .iter()
        .map(|table| qualified(schema, table))
        .collect();
    let analysed = Instant::now();
    let span = tracing::info_span!("collecting statistics", waits = field::Empty);
    transaction::begin(client)
        .and_then(|()| {
            let _shown = span.entered();
            let analyze = format!("ANALYZE {}; COMMIT", targets.join(", "));
            Ok(client.batch_execute(&analyze)?)
        })
        .with_context(|| {
            format!("all is loaded, but the tables in schema {schema} cannot be analysed")
        })?;
    if run.rows.rejected > 0 {
        tracing::warn!(
            "{} of {} rows were rejected: see {}",
            run.rows.rejected,
            run.rows.read,
            options.rejects
        );
    }
    Ok(Report {
        dataset: options.dataset.name.clone(),
        schema: schema.clone(),
        load_id,
        created,
        rows: run.rows,
        tables: reports,
        rejects: (!run.rejects.is_empty()).then(|| options.rejects.clone()),
        earlier_rejects: run.rejects.kept().to_vec(),
        index_seconds: run.index_seconds + analysed.elapsed().as_secs_f64(),
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Loads all tables and commits the client's transaction. Returns whether the tables were created, and what was loaded.
fn transaction(
    run: &mut Run<'_>,
    client: &mut Client,
    tables: &[&str],
    plans: &[Vec<FilePlan>],
) -> anyhow::Result<(bool, Vec<TableReport>)> {
    let Options {
        dataset,
        schema,
        dialect,
        ..
    } = run.options;
    let created = !tables::any(client, dataset, schema)?;
    let targets = if created {
        let (targets, judges) = target::create(client, dataset, schema, tables, dialect)?;
        run.unkeyed = true;
        if judges || run.options.commit_every.is_some() {
            // The server says which row breaks one of its own rules only when it takes that row, and a load that is
            // continued needs the keys.
            run.add_keys(client)?;
        }
        targets
    } else {
        Target::read(client, dataset, schema, tables, dialect)?
    };
    let reports = into_tables(run, client, tables, &targets, plans)
        .map_err(|error| refused_rows::with_lines(error, &targets, plans, run.cancel))?;
    Ok((created, reports))
}

/// Loads all files into the tables that take them, and commits.
fn into_tables(
    run: &mut Run<'_>,
    client: &mut Client,
    tables: &[&str],
    targets: &[Target],
    plans: &[Vec<FilePlan>],
) -> anyhow::Result<Vec<TableReport>> {
    let schema = &run.options.schema;
    tables::lock(client, schema, tables)?;
    if run.options.truncate {
        if !run.options.allow_empty {
            for (target, plans) in targets.iter().zip(plans) {
                file_plan::refuse_empty(target, plans)?;
            }
        }
        let emptied: Vec<_> = targets
            .iter()
            .map(|target| Emptied {
                table: &target.table,
                partitioned: target.partitioned,
            })
            .collect();
        tables::truncate(client, schema, &emptied)?;
        ledger::forget(client, schema, tables)?;
        run.others = ledger::of_others(client, schema, run.load_id)?;
    }
    let mut reports = Vec::new();
    for (index, (target, plans)) in targets.iter().zip(plans).enumerate() {
        run.keys.retain(|name| {
            targets[index..].iter().any(|target| {
                target.unique.iter().any(|unique| unique.name == *name)
                    || target
                        .references
                        .iter()
                        .any(|reference| reference.parent == *name)
            })
        });
        reports.push(run.table(client, target, tables, plans)?);
    }
    run.add_keys(client)?;
    for report in &reports {
        report.rows.check(&report.table)?;
        run.rows.add(&report.rows);
    }
    run.rejects.check_limit(run.options, &run.rows, None)?;
    commit_with(client, run.options, &mut run.rejects)?;
    Ok(reports)
}

/// Rolls the load back, but still records its rejects. Returns the error, with what became of the load added.
fn give_up(run: &mut Run<'_>, client: &mut Client, error: anyhow::Error) -> anyhow::Error {
    let mut record = || -> anyhow::Result<()> {
        client.batch_execute("ROLLBACK")?;
        run.rejects.rolled_back();
        if run.options.reject_table {
            transaction::begin(client)?;
            run.rejects.publish(client, &run.options.schema)?;
            client.batch_execute("COMMIT")?;
        }
        Ok(())
    };
    let recorded = record();
    // This is done even if the database is gone.
    let put = run.rejects.put();
    for failed in [recorded, put].into_iter().filter_map(Result::err) {
        tracing::warn!("the rejects of this load could not be recorded: {failed:#}");
    }
    let loaded = match run.options.commit_every {
        None => "nothing was loaded",
        Some(_) => {
            "what was committed stays, the rest was not loaded; run the same load again to go on from there"
        }
    };
    let seen = match run.rejects.is_empty() || !run.rejects.are_there() {
        true => String::new(),
        false => format!("; see the rejects in {}", run.options.rejects),
    };
    error.context(format!("load {}: {loaded}{seen}", run.load_id))
}
