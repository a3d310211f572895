//! Our own: `extrato transform`, run as the program beside this one.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;

use super::job::{FOLDERS, Job, READ, SINGLE};
use crate::child::Done;
use crate::program;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// The layout of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Single,
    Folders,
}

impl Layout {
    /// The name of the table that compares this layout.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Single => SINGLE,
            Self::Folders => FOLDERS,
        }
    }
}

/// The command `extrato transform` into `folder`.
pub(super) fn command(server: &Server, layout: Layout, folder: &Path) -> anyhow::Result<Command> {
    let mut command = program::extrato()?;
    command.args(["transform", "--out"]).arg(folder);
    if layout == Layout::Single {
        command.arg("--single-file");
    }
    server.connect_program(&mut command);
    Ok(command)
}

/// What is asked of `extrato transform` in addition to the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Nothing in addition.
    Plain,
    /// Parquet files.
    Parquet,
    /// So little memory that the tables don't fit in it.
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

    /// This way with a variant.
    pub(super) fn with(self, variant: Variant) -> Self {
        Self { variant, ..self }
    }
}

/// The part of the program's summary that is shown here.
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
            // The rows are not counted again, since lines are not rows there.
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
        // It does no harm if there is one sample more than there are lines.
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
