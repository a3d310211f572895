//! Measures several ways of doing a job in turns: every round runs each of them once, so that whatever slows
//! the machine for a while slows all of them.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::server::Server;

/// A way of doing the job.
pub(crate) trait Way {
    /// The things that one run measures, without samples yet.
    fn lines(&self) -> Vec<Line>;

    /// Prepares the way once, before all rounds; this is not measured.
    fn prepare(&mut self, _server: &Server) -> anyhow::Result<()> {
        Ok(())
    }

    /// Does the job once, and checks the result. Returns a sample for each of the [lines](Self::lines).
    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>>;

    /// Whether the comparison makes no sense without this way. Ways that are not essential may be missing on a machine.
    fn essential(&self) -> bool;

    /// The most rounds that the way takes part in, since some take too long for more.
    fn most_rounds(&self) -> usize {
        usize::MAX
    }

    /// A note about the way for readers of the results; asked for after all rounds.
    fn note(&self) -> Option<String> {
        None
    }
}

/// A measurement.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// How long the job took.
    pub(crate) seconds: f64,
    /// How many rows were brought in.
    pub(crate) rows: u64,
    /// How many bytes of rows were transferred, if that is known.
    pub(crate) bytes: Option<u64>,
    /// How many files or objects the rows were in, if they are counted.
    pub(crate) files: Option<u64>,
    /// What the process that did the job used, if it was a process of its own.
    pub(crate) usage: Option<Usage>,
    /// The processor time of the server's processes during the job, if it was measured.
    pub(crate) server_cpu_seconds: Option<f64>,
    /// How long requests took, if the job consists of requests.
    pub(crate) latency: Option<Latency>,
}

/// How long requests took, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// The time that half of the requests did not exceed.
    pub(crate) p50: f64,
    /// The time that 99 of a hundred requests did not exceed.
    pub(crate) p99: f64,
}

/// The resources that a process used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// The processor time, user and system.
    pub(crate) cpu_seconds: f64,
    /// The most memory, in bytes.
    pub(crate) peak_bytes: u64,
}

/// One thing's measurements in all rounds.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The name of the thing.
    pub(crate) label: String,
    /// The table that the line is in, if a comparison has several.
    pub(crate) part: &'static str,
    /// What the line is compared as.
    pub(crate) role: Role,
    /// The line that its time per row is divided by.
    pub(crate) against: Option<Against>,
    /// A measurement for each round, or the reason why there are none.
    pub(crate) samples: Result<Vec<Sample>, String>,
}

/// What a line is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Our own way.
    #[default]
    Ours,
    /// Something else, such as a step of our own way, which is compared with nothing.
    Aside,
    /// A limit that no way can beat.
    Limit,
    /// Another program's way.
    Peer,
}

/// The line that another one is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Against {
    /// The label of that line.
    pub(crate) label: String,
    /// The name of that line in the results.
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

    /// Puts the line into the table `part`, as `role`.
    pub(crate) fn of(mut self, part: &'static str, role: Role) -> Self {
        (self.part, self.role) = (part, role);
        self
    }

    /// Compares the line with another one.
    pub(crate) fn against(mut self, label: impl Into<String>, called: &'static str) -> Self {
        self.against = Some(Against {
            label: label.into(),
            called,
        });
        self
    }
}

/// Runs every way once in each round, in their order and each after `before`. Returns the lines of all ways,
/// and their notes.
///
/// # Errors
/// The errors of essential ways. Those of other ways are printed and kept in their lines.
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

/// Adds the samples of one run to the lines, or the reason why there are none.
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
