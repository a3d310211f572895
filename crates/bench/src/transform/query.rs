//! `extrato query` compared with what people type into DuckDB for the same files: no dataset, one SELECT.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use anyhow::Context;
use database::Cancel;
use dataset::Model;

use super::job::{FOLDERS, Job, PEERS_LIMIT, SINGLE};
use super::ours::Layout;
use super::{cells, output_size, peer};
use crate::child::Done;
use crate::comparison::{ComparisonArgs, list};
use crate::filled;
use crate::place::Place;
use crate::program;
use crate::rounds::{Line, Role, Sample, Way, interleaved};
use crate::server::Server;
use crate::table::thousands;

const READING: &str = "\
Measured as `transform` is. Both are given a SELECT of the four tables and a connection string, and nothing else is known: to extrato
on one command line, `extrato query 'SELECT …' --partition-by id_associado --out DIR`, to DuckDB as three statements, `LOAD`, `ATTACH`
and `COPY (SELECT …) TO … (PARTITION_BY (id_associado))`. Extrato's rows are accounted for, ordered in their files, and published in
one step, as those of `transform` are.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &ComparisonArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    let tables = filled::tables(&server, arguments.associates)?;
    server.settle()?;
    let (rows, clients) = output_size(&server)?;
    let job = Job {
        place: Rc::new(Place::new(rows, clients)?),
        rows,
        limit: PEERS_LIMIT,
    };
    let mut facts = arguments.facts(&server, &tables)?;
    facts.push(format!(
        "output: {} rows, {} folders",
        thousands(rows),
        thousands(clients)
    ));
    let read_rows = tables.iter().map(|table| table.rows).sum();
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for layout in [Layout::Single, Layout::Folders] {
        let job = job.clone();
        ways.push(Box::new(Query { layout, job }));
    }
    let is_duckdb = |script: &peer::Script| [SINGLE, FOLDERS].iter().any(|of| script.is_duckdb(of));
    for script in peer::ALL.into_iter().filter(is_duckdb) {
        ways.push(Box::new(peer::Peer::new(script, job.clone(), read_rows)));
    }
    let (lines, notes) = interleaved(&mut ways, arguments.runs, &server, |_| Ok(()))?;
    let mut section = vec![list(&facts)];
    for part in [SINGLE, FOLDERS] {
        section.push(format!("### {part}\n\n{}", cells::table(&lines, part)));
    }
    section.extend([READING.to_owned(), list(&notes)]);
    arguments.publish("query", &section.join("\n"))
}

/// `extrato query` with one layout.
struct Query {
    layout: Layout,
    job: Job,
}

/// `extrato query` of a model's SELECT into `folder`.
fn command(
    server: &Server,
    model: &Model,
    layout: Layout,
    folder: &Path,
) -> anyhow::Result<Command> {
    let mut command = program::extrato()?;
    command.args(["query", &model.sql, "--out"]).arg(folder);
    let order = match layout {
        Layout::Single => &model.order_by,
        Layout::Folders => {
            command.args(["--partition-by", &model.partition_by.join(",")]);
            &model.order_in_partition
        }
    };
    if !order.is_empty() {
        command.args(["--order-by", &order.join(",")]);
    }
    server.connect_program(&mut command);
    Ok(command)
}

impl Way for Query {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new("extrato query").of(self.layout.part(), Role::Ours)]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.job.place.fresh()?;
        let model = server.dataset().models.first().context("no model")?;
        let mut command = command(server, model, self.layout, folder.path())?;
        let Done { seconds, usage, .. } = self.job.run(&mut command, None, server)?;
        let sample = self.job.sample(folder.path(), seconds, usage)?;
        Ok(vec![sample])
    }

    fn essential(&self) -> bool {
        true
    }
}
