//! How the time grows with rows and with clients: `extrato transform` and its limits, over tables of many shapes.

use std::rc::Rc;
use std::time::Duration;

use database::Cancel;

use super::job::{FOLDERS, Job, PEERS_LIMIT, READ, SINGLE};
use super::ours::{self, Layout};
use super::{disk, peer, wire};
use crate::comparison::{RunArgs, circumstances, list};
use crate::machine;
use crate::place::Place;
use crate::rounds::{Line, Role, Way, interleaved};
use crate::server::Server;
use crate::table::{Spread, markdown, none, peak_mebibytes, thousands};

/// How many rounds there are by default.
const ROUNDS: u32 = 3;

/// The arguments of the comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct GrowthArgs {
    /// Rounds; the median of them counts
    #[arg(long, value_name = "R", default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Divide all numbers of rows and clients by this
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    divide_by: u32,

    #[command(flatten)]
    run: RunArgs,
}

/// A shape of tables: an account and a card for each client, and movements spread over the cards in no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    movements: u32,
    clients: u32,
    /// Whether the first client has a third of all movements.
    skewed: bool,
    /// Whether files are on disk instead of in memory.
    on_disk: bool,
    /// Whether DuckDB is measured too.
    peers: bool,
}

const fn shape(movements: u32, clients: u32) -> Shape {
    Shape {
        movements,
        clients,
        skewed: false,
        on_disk: false,
        peers: false,
    }
}

const FEW_ROWS: Shape = shape(1_000_000, 1_000);
const MANY_ROWS: Shape = shape(20_000_000, 1_000);
const FEW_CLIENTS: Shape = shape(5_000_000, 1_000);
const MANY_CLIENTS: Shape = shape(5_000_000, 1_000_000);

const SHAPES: [Shape; 8] = [
    FEW_ROWS,
    FEW_CLIENTS,
    MANY_ROWS,
    Shape {
        peers: true,
        ..shape(5_000_000, 100_000)
    },
    Shape {
        skewed: true,
        ..shape(5_000_000, 100_000)
    },
    Shape {
        on_disk: true,
        ..shape(5_000_000, 100_000)
    },
    MANY_CLIENTS,
    shape(1_000_000, 1_000_000),
];

const HEADER: [&str; 10] = [
    "movements",
    "clients",
    "one file s",
    "MiB",
    "to the floor",
    "folders s",
    "MiB",
    "bare write s",
    "to the floor",
    "DuckDB folders s",
];

const READING: &str = "\
Medians. All movements are written, in no order of their clients as they lie in the table; every client has one account and
one card. \"MiB\" is the most memory of the process. \"To the floor\" divides by a bare binary COPY of the needed columns over
two connections and a bare write of the same files (on two threads for folders) one after the other.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &GrowthArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    let mut rows = Vec::new();
    let mut measured = Vec::new();
    let mut facts = circumstances(&server)?;
    facts.push(format!("{} rounds", arguments.runs));
    for shape in SHAPES {
        eprintln!("{shape:?}");
        fill(&server, shape, arguments.divide_by)?;
        let lines = measure(&server, shape, arguments, &mut facts)?;
        rows.push(cells(shape, arguments.divide_by, &lines));
        measured.push((shape, lines));
        server.clear()?;
    }
    facts.dedup();
    let section = [
        list(&facts),
        markdown(HEADER, rows),
        slopes(&measured, arguments.divide_by),
        READING.to_owned(),
    ];
    arguments.run.publish("growth", &section.join("\n"))
}

fn fill(server: &Server, shape: Shape, divide_by: u32) -> anyhow::Result<()> {
    let (movements, clients) = (shape.movements / divide_by, shape.clients / divide_by);
    let card = match shape.skewed {
        true => "CASE WHEN i % 3 = 0 THEN 1 ELSE 1 + i::bigint * 7919 % {clients} END",
        false => "1 + i::bigint * 7919 % {clients}",
    };
    let card = card.replace("{clients}", &clients.to_string());
    server.create_tables()?;
    server.connect()?.batch_execute(&format!(
        "INSERT INTO associado SELECT i, 'Nome ' || i % 1000, 'Sobrenome ' || i % 997, 20 + i % 60, '' FROM generate_series(1, {clients}) AS i;
         INSERT INTO conta SELECT i, 'corrente', timestamp '2015-01-01' + i * interval '7 min', i FROM generate_series(1, {clients}) AS i;
         INSERT INTO cartao SELECT i, 4000000000000000 + i, 'NOME ' || i, timestamp '2016-01-01' + i * interval '7 min', i, i
         FROM generate_series(1, {clients}) AS i;
         INSERT INTO movimento
         SELECT i, i::bigint * 104729 % 99999 / 100.0, 'SUPERMERCADO ' || i % 5000 || ' SAO PAULO SP',
                timestamp '2022-01-01' + i * interval '4001 ms', {card}
         FROM generate_series(1, {movements}) AS i"
    ))?;
    server.settle()
}

fn measure(
    server: &Server,
    shape: Shape,
    arguments: &GrowthArgs,
    facts: &mut Vec<String>,
) -> anyhow::Result<Vec<Line>> {
    let rows = u64::from(shape.movements / arguments.divide_by);
    let clients = u64::from(shape.clients / arguments.divide_by);
    let place = Rc::new(match shape.on_disk {
        true => Place::on_disk()?,
        false => Place::new(rows, clients)?,
    });
    if let Some(kind) = machine::file_system_of(place.path()) {
        facts.push(match shape.on_disk {
            true => format!(
                "the line \"on disk\": {kind}, each run in folders of its own, deleted at the end"
            ),
            false => format!("output on {kind}"),
        });
    }
    let job = Job {
        place,
        rows,
        limit: Duration::MAX,
    };
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for layout in [Layout::Single, Layout::Folders] {
        ways.push(Box::new(ours::Ours::new(layout, job.clone())));
    }
    let all_rows = rows + 3 * clients;
    ways.push(Box::new(wire::Wire::new(2, false, job.clone(), all_rows)));
    for (layout, threads) in [(Layout::Single, 1), (Layout::Folders, 2)] {
        ways.push(Box::new(disk::Disk::new(layout, threads, job.clone())));
    }
    if shape.peers {
        let limited = Job {
            limit: PEERS_LIMIT,
            ..job
        };
        for script in peer::ALL {
            if script.is_duckdb(FOLDERS) {
                ways.push(Box::new(peer::Peer::new(script, limited.clone(), all_rows)));
            }
        }
    }
    let (lines, _) = interleaved(&mut ways, arguments.runs as usize, server, |_| Ok(()))?;
    Ok(lines)
}

/// The line of a part that is compared as `role`.
fn line<'a>(lines: &'a [Line], part: &str, role: Role) -> Option<&'a Line> {
    lines
        .iter()
        .find(|line| line.part == part && line.role == role)
}

fn seconds(lines: &[Line], part: &str, role: Role) -> Option<f64> {
    Some(Spread::of_seconds(line(lines, part, role)?)?.median)
}

fn cells(shape: Shape, divide_by: u32, lines: &[Line]) -> [String; HEADER.len()] {
    let figure = |number: Option<f64>, decimals: usize| {
        number.map_or_else(none, |number| format!("{number:.decimals$}"))
    };
    let memory = |part: &str| {
        let ours = line(lines, part, Role::Ours)?;
        Some(Spread::of(ours, peak_mebibytes)?.median)
    };
    let ratio = |part: &str| {
        let floor = seconds(lines, READ, Role::Limit)? + seconds(lines, part, Role::Limit)?;
        Some(seconds(lines, part, Role::Ours)? / floor)
    };
    let times = |ratio: Option<f64>| ratio.map_or_else(none, |ratio| format!("{ratio:.2} ×"));
    let remark = match (shape.skewed, shape.on_disk) {
        (true, _) => ", one with a third",
        (_, true) => ", on disk",
        _ => "",
    };
    [
        thousands((shape.movements / divide_by).into()),
        format!("{}{remark}", thousands((shape.clients / divide_by).into())),
        figure(seconds(lines, SINGLE, Role::Ours), 2),
        figure(memory(SINGLE), 0),
        times(ratio(SINGLE)),
        figure(seconds(lines, FOLDERS, Role::Ours), 2),
        figure(memory(FOLDERS), 0),
        figure(seconds(lines, FOLDERS, Role::Limit), 2),
        times(ratio(FOLDERS)),
        figure(seconds(lines, FOLDERS, Role::Peer), 2),
    ]
}

/// What one more row and one more file cost, for us and for the limit.
fn slopes(measured: &[(Shape, Vec<Line>)], divide_by: u32) -> String {
    let of = |shape: Shape, part: &str, role: Role| {
        let (_, lines) = measured.iter().find(|(found, _)| *found == shape)?;
        seconds(lines, part, role)
    };
    let microseconds = |few: Option<f64>, many: Option<f64>, more: u32| {
        Some((many? - few?) * 1e6 / f64::from(more / divide_by))
    };
    let files = MANY_CLIENTS.clients - FEW_CLIENTS.clients;
    let file = |role| {
        let seconds = |shape| of(shape, FOLDERS, role);
        microseconds(seconds(FEW_CLIENTS), seconds(MANY_CLIENTS), files)
    };
    let row = |part, role| {
        let more = MANY_ROWS.movements - FEW_ROWS.movements;
        microseconds(of(FEW_ROWS, part, role), of(MANY_ROWS, part, role), more)
    };
    let shown = |number: Option<f64>| number.map_or_else(none, |number| format!("{number:.2} µs"));
    let lines = [
        format!(
            "a row more in one file: {}; read bare {}, written bare {}",
            shown(row(SINGLE, Role::Ours)),
            shown(row(READ, Role::Limit)),
            shown(row(SINGLE, Role::Limit))
        ),
        format!(
            "a client more among as many rows: {}; the bare loop {}",
            shown(file(Role::Ours)),
            shown(file(Role::Limit))
        ),
    ];
    list(&lines)
}
