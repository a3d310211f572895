//! Measuring several ways of doing a job in turns: every round runs each of them once, so that what slows
//! the machine for a while slows all of them.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::server::Server;

/// A way of doing the job.
pub(crate) trait Way {
    /// What one run measures.
    fn lines(&self) -> Vec<Line>;

    /// What is done once, before all rounds, and not measured.
    fn prepare(&mut self, _server: &Server) -> anyhow::Result<()> {
        Ok(())
    }

    /// Does the job once, and checks what came of it. Gives a sample for each of the [lines](Self::lines).
    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>>;

    /// Whether the comparison makes no sense without it. Others may be missing on a machine.
    fn essential(&self) -> bool;

    /// The most rounds that the way takes part in: some take too long for more.
    fn most_rounds(&self) -> usize {
        usize::MAX
    }

    /// What the reader of the results should know about it, asked for after all rounds.
    fn note(&self) -> Option<String> {
        None
    }
}

/// A measurement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// How long it took.
    pub(crate) seconds: f64,
    /// Rows that it brought in.
    pub(crate) rows: u64,
    /// Bytes of the rows on their way, where they are known.
    pub(crate) bytes: Option<u64>,
    /// Files or objects that they were in, where they are counted.
    pub(crate) files: Option<u64>,
    /// What a process of its own took besides, where one did the job.
    pub(crate) usage: Option<Usage>,
    /// Processor time of the server's processes meanwhile, where it was measured.
    pub(crate) server_cpu_seconds: Option<f64>,
    /// How long its requests took, where it was made of such.
    pub(crate) latency: Option<Latency>,
}

/// How long requests took, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// Half of them took no longer.
    pub(crate) p50: f64,
    /// Of a hundred, 99 took no longer.
    pub(crate) p99: f64,
}

/// What a process took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor time, of user and system.
    pub(crate) cpu_seconds: f64,
    /// The most memory.
    pub(crate) peak_bytes: u64,
}

/// What was measured of one thing in all rounds.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// What it is.
    pub(crate) label: String,
    /// The table it stands in, where a comparison has several.
    pub(crate) part: &'static str,
    /// What it is compared as.
    pub(crate) role: Role,
    /// What its time per row is divided by.
    pub(crate) against: Option<Against>,
    /// A measurement for each round, or why there is none.
    pub(crate) samples: Result<Vec<Sample>, String>,
}

/// What a line is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Our own way.
    #[default]
    Ours,
    /// What stands beside, such as a step of our own way, and is compared with nothing.
    Aside,
    /// What no way can undercut.
    Limit,
    /// A way of others.
    Peer,
}

/// What a line is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Against {
    /// The label of the other line.
    pub(crate) label: String,
    /// What to call it in the results.
    pub(crate) called: &'static str,
}

impl Line {
    /// A line without measurements.
    pub(crate) fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            part: "",
            role: Role::default(),
            against: None,
            samples: Ok(Vec::new()),
        }
    }

    /// Puts the line into a table of its own, as `role`.
    pub(crate) fn of(mut self, part: &'static str, role: Role) -> Self {
        (self.part, self.role) = (part, role);
        self
    }

    /// Compares the line with another.
    pub(crate) fn against(mut self, label: impl Into<String>, called: &'static str) -> Self {
        self.against = Some(Against {
            label: label.into(),
            called,
        });
        self
    }
}

/// Runs every way once in each of so many rounds, in their order, each after `before`. Gives the lines of all,
/// and their notes.
///
/// # Errors
/// Those of essential ways; the others' are printed and stand in their lines.
pub(crate) fn interleaved(
    ways: &mut [Box<dyn Way>],
    rounds: usize,
    server: &Server,
    before: impl Fn(&Server) -> anyhow::Result<()>,
) -> anyhow::Result<(Vec<Line>, Vec<String>)> {
    let mut lines: Vec<Vec<Line>> = ways.iter().map(|way| way.lines()).collect();
    for (way, lines) in ways.iter_mut().zip(&mut lines) {
        let prepared = way.prepare(server);
        take(prepared.map(|()| Vec::new()), way.as_ref(), lines, server)?;
    }
    let start = Instant::now();
    for round in 1..=rounds {
        eprintln!(
            "round {round} of {rounds}, {:.0} s since the first",
            start.elapsed().as_secs_f64()
        );
        for (way, lines) in ways.iter_mut().zip(&mut lines) {
            if round > way.most_rounds() || lines.iter().any(|line| line.samples.is_err()) {
                continue;
            }
            server.cancel().check()?;
            let result = before(server).and_then(|()| way.run(server));
            take(result, way.as_ref(), lines, server)?;
        }
    }
    let notes = ways.iter().filter_map(|way| way.note()).collect();
    Ok((lines.into_iter().flatten().collect(), notes))
}

/// Puts the samples of one run into the lines, or the reason why there will be none.
fn take(
    result: anyhow::Result<Vec<Sample>>,
    way: &dyn Way,
    lines: &mut [Line],
    server: &Server,
) -> anyhow::Result<()> {
    match result {
        Ok(samples) => {
            for (line, sample) in lines.iter_mut().zip(samples) {
                eprintln!("  {:8.3} s  {}", sample.seconds, line.label);
                if let Ok(earlier) = &mut line.samples {
                    earlier.push(sample);
                }
            }
            Ok(())
        }
        Err(error) => {
            server.cancel().check()?;
            if way.essential() {
                return Err(error);
            }
            for line in lines {
                eprintln!("  not available: {}: {error:#}", line.label);
                line.samples = Err(error.to_string());
            }
            Ok(())
        }
    }
}
