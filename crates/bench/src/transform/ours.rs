//! Our own: `extrato transform`, the program that lies beside this one.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;

use super::job::{FOLDERS, Job, READ, SINGLE};
use crate::child::Done;
use crate::program;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// How the output is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Single,
    Folders,
}

impl Layout {
    /// The table that compares it.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Single => SINGLE,
            Self::Folders => FOLDERS,
        }
    }
}

/// `extrato transform` into `folder`.
pub(super) fn command(server: &Server, layout: Layout, folder: &Path) -> anyhow::Result<Command> {
    let mut command = program::extrato()?;
    command.args(["transform", "--out"]).arg(folder);
    if layout == Layout::Single {
        command.arg("--single-file");
    }
    server.connect_program(&mut command);
    Ok(command)
}

/// What is asked of `extrato transform` beside the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Nothing.
    Plain,
    /// Parquet files.
    Parquet,
    /// Memory that the tables don't fit in.
    Staged,
}

impl Variant {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::Parquet, Self::Staged];

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Parquet => &["--format", "parquet"],
            Self::Staged => &["--memory", "512MB"],
        }
    }
}

/// `extrato transform` with one layout.
pub(super) struct Ours {
    layout: Layout,
    variant: Variant,
    job: Job,
}

impl Ours {
    pub(super) fn new(layout: Layout, job: Job) -> Self {
        Self {
            layout,
            variant: Variant::Plain,
            job,
        }
    }

    /// This way with something asked beside.
    pub(super) fn with(self, variant: Variant) -> Self {
        Self { variant, ..self }
    }
}

/// What is shown here of the summary that the program prints.
#[derive(Deserialize)]
struct Report {
    tables: Vec<Table>,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Table {
    rows: u64,
    seconds: f64,
}

#[derive(Deserialize)]
struct Model {
    rows: u64,
    join_seconds: f64,
    write_seconds: f64,
}

impl Way for Ours {
    fn lines(&self) -> Vec<Line> {
        let part = self.layout.part();
        if self.variant != Variant::Plain {
            let label = format!("extrato transform {}", self.variant.arguments().join(" "));
            return vec![Line::new(label).of(part, Role::Aside)];
        }
        let step = |name: &str| Line::new(format!("extrato transform: {name}"));
        let mut lines = vec![
            Line::new("extrato transform").of(part, Role::Ours),
            step("read").of(part, Role::Aside),
            step("join").of(part, Role::Aside),
            step("write").of(part, Role::Aside),
        ];
        if self.layout == Layout::Single {
            lines.push(step("read").of(READ, Role::Ours));
        }
        lines
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.job.place.fresh()?;
        let mut command = command(server, self.layout, folder.path())?;
        command.args(self.variant.arguments());
        let Done {
            seconds,
            usage,
            printed,
        } = self.job.run(&mut command, None, server)?;
        let report: Report = serde_json::from_str(&printed)?;
        let model = report.models.first().context("no model was run")?;
        let total = match self.variant {
            // Not counted anew: lines are not rows there.
            Variant::Parquet => Sample {
                seconds,
                rows: model.rows,
                usage: Some(usage),
                ..Sample::default()
            },
            _ => self.job.sample(folder.path(), seconds, usage)?,
        };
        let step = |seconds, rows| Sample {
            seconds,
            rows,
            ..Sample::default()
        };
        let read = step(
            report.tables.iter().map(|table| table.seconds).sum(),
            report.tables.iter().map(|table| table.rows).sum(),
        );
        // One sample more than there are lines does no harm.
        Ok(vec![
            total,
            read,
            step(model.join_seconds, model.rows),
            step(model.write_seconds, model.rows),
            read,
        ])
    }

    fn essential(&self) -> bool {
        true
    }
}
