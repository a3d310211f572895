//! The limit: one prepared `INSERT … SELECT unnest` with binary arrays for each request, over a session for each connection.

use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::{Cancel, Connection, ConnectionArgs, Environment, Settings};
use serde::{Deserialize, Serialize};

use super::cell::{Cell, Meter, TABLE, Taken, Told};
use crate::child;
use crate::rounds::Latency;
use crate::server::{SCHEMA, Server};

/// How many rows differ in more than their ids, as in the requests of wrk.
const KINDS: i32 = 1000;
/// 2021-01-01 in UTC; the rows' instants are `STEP_SECONDS` apart.
const FIRST_INSTANT: Duration = Duration::from_secs(1_609_459_200);
const STEP_SECONDS: u64 = 31_000;

/// What is inserted, in a process of its own.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct BareArgs {
    /// Rows of a statement
    #[arg(long)]
    rows: u32,

    /// Over so many sessions at once
    #[arg(long)]
    connections: u32,

    /// For so long
    #[arg(long)]
    seconds: u32,

    /// The database's first process, whose processor time is measured
    #[arg(long)]
    postmaster: u32,
}

/// The JSON that is printed.
#[derive(Serialize, Deserialize)]
struct Printed {
    told: Told,
    taken: Taken,
}

/// Lets another process insert rows.
pub(super) fn measured(
    cell: &Cell,
    postmaster: u32,
    server: &Server,
) -> anyhow::Result<(Told, Taken)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare-insert");
    for (option, value) in [
        ("--rows", cell.rows),
        ("--connections", cell.connections),
        ("--seconds", cell.seconds),
        ("--postmaster", postmaster),
    ] {
        command.arg(option).arg(value.to_string());
    }
    server.connect_program(&mut command);
    let done = child::run(&mut command, None, Duration::MAX, server.cancel())?;
    let Printed { told, taken } = serde_json::from_str(&done.printed)?;
    Ok((told, taken))
}

/// Inserts rows, and prints what that took.
pub(crate) fn run(arguments: &BareArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let settings = ConnectionArgs::default().settings(&Environment::from_process())?;
    let settings = settings.context("the PG* variables name no server")?;
    // First all sessions connect, then all begin.
    let meeting = Barrier::new(arguments.connections as usize + 1);
    let (told, taken) = thread::scope(|scope| {
        let sessions: Vec<_> = (0..arguments.connections)
            .map(|number| {
                let (settings, meeting) = (&settings, &meeting);
                scope.spawn(move || session(settings, arguments, number, meeting, cancel))
            })
            .collect();
        meeting.wait();
        let meter = Meter::begin(std::process::id(), arguments.postmaster);
        let start = Instant::now();
        meeting.wait();
        let done = sessions.into_iter().map(|session| {
            let done = session.join();
            done.unwrap_or_else(|_| Err(anyhow::anyhow!("a session panicked")))
        });
        // A session's end costs the server something too, which should not be counted; so all stay open until then.
        let done = done.collect::<Vec<_>>();
        let seconds = start.elapsed().as_secs_f64();
        let taken = meter?.end()?;
        let mut latencies = Vec::new();
        for done in done {
            latencies.extend(done?.1);
        }
        anyhow::Ok((told(latencies, seconds)?, taken))
    })?;
    println!("{}", serde_json::to_string(&Printed { told, taken })?);
    Ok(())
}

fn told(mut latencies: Vec<f64>, seconds: f64) -> anyhow::Result<Told> {
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| {
        let place = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
        latencies
            .get(place)
            .copied()
            .context("nothing was inserted")
    };
    Ok(Told {
        requests: latencies.len() as u64,
        failures: 0,
        seconds,
        latency: Latency {
            p50: at(50)?,
            p99: at(99)?,
        },
    })
}

/// Inserts over one session, with ids that no other session uses, and returns it with how long each statement took.
fn session(
    settings: &Settings,
    arguments: &BareArgs,
    number: u32,
    meeting: &Barrier,
    cancel: &Cancel,
) -> anyhow::Result<(Connection, Vec<f64>)> {
    let connected = settings.connect(cancel).and_then(|mut connection| {
        let insert = format!(
            "INSERT INTO {} (id, name, datetime, department_id, job_id)
             SELECT * FROM unnest($1::int[], $2::text[], $3::timestamptz[], $4::int[], $5::int[])",
            qualified(SCHEMA, TABLE)
        );
        let statement = connection.prepare(&insert)?;
        Ok((connection, statement))
    });
    // A session that has failed comes here too, since the others wait for all.
    meeting.wait();
    meeting.wait();
    connected.and_then(|(mut connection, statement)| {
        let (rows, step) = (arguments.rows as i32, arguments.connections as i32);
        let limit = Duration::from_secs(arguments.seconds.into());
        let begin = Instant::now();
        let mut latencies = Vec::new();
        let mut batch = number as i32;
        while begin.elapsed() < limit {
            let ids: Vec<i32> = (batch * rows + 1..=(batch + 1) * rows).collect();
            let of = |make: fn(i32) -> i32| ids.iter().map(|id| make(id % KINDS)).collect();
            let kinds: Vec<i32> = of(|kind| kind);
            let (departments, jobs): (Vec<i32>, Vec<i32>) =
                (of(|kind| kind % 12 + 1), of(|kind| kind % 183 + 1));
            let names = kinds
                .iter()
                .map(|kind| format!("Employee {kind} of {KINDS}"));
            let names: Vec<String> = names.collect();
            let instants = kinds.iter().map(|kind| {
                let step = Duration::from_secs(u64::from(kind.unsigned_abs()) * STEP_SECONDS);
                SystemTime::UNIX_EPOCH + FIRST_INSTANT + step
            });
            let instants: Vec<SystemTime> = instants.collect();
            let start = Instant::now();
            let parameters: [&(dyn postgres::types::ToSql + Sync); 5] =
                [&ids, &names, &instants, &departments, &jobs];
            connection.execute(&statement, &parameters)?;
            latencies.push(start.elapsed().as_secs_f64());
            batch += step;
        }
        Ok((connection, latencies))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_latencies_the_fiftieth_and_the_last_but_one_are_told() {
        let told = told((1..=100).rev().map(f64::from).collect(), 7.0).expect("latencies");
        let Latency { p50, p99 } = told.latency;
        assert_eq!((told.requests, told.seconds), (100, 7.0));
        assert_eq!((p50, p99), (50.0, 99.0));
        assert!(super::told(Vec::new(), 7.0).is_err());
    }
}
