//! What to generate, where, and with how many workers.

use std::thread;

use dataset::Dataset;
use dataset::failure::Kind;

use crate::recipe::{Asked, Recipe};
use crate::registry::KnownDataset;

/// The most connections that load at a time.
pub const MAX_WORKERS: usize = 64;

/// What to generate, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The dataset, which must be one that rows can be made for: `cards`, `hiring` or `sales`.
    pub dataset: Dataset,
    /// The schema to fill.
    pub schema: String,
    /// How many associates of `cards` (with all that they own), orders of `sales` (with all that they need) or
    /// employees of `hiring` to make; at least 1.
    pub size: u32,
    /// What the rows depend on. Anything not asked for is as in [`Recipe::default`] or, when appending, as in the
    /// rows that are there.
    pub asked: Asked,
    /// How many connections load at the same time, 1 to [`MAX_WORKERS`]. `None` means one for each processor of
    /// this machine, but no more than half of those that the server has left. Rows don't depend on it.
    /// One more connection keeps other runs off; a single worker does without, since it does all in one transaction.
    /// Appending always uses one connection.
    pub workers: Option<usize>,
    /// What to do if the schema already holds something.
    pub mode: Mode,
    /// How the rows are stored.
    pub storage: Storage,
}

/// What a run does if the schema already holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Refuse a schema that holds anything.
    Fresh,
    /// Drop the dataset's own tables and types in the schema, and nothing else.
    Replace,
    /// Add associates to those that an earlier run made. For `cards` only.
    Append,
}

/// How rows are stored. Appended rows are stored as those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Storage {
    /// Rows go into tables without a write-ahead log: a crash of the server empties them, and replicas don't have them.
    pub unlogged: bool,
    /// Rows are frozen as they come in, so that no later read or vacuum has to mark them. Each table is then loaded over
    /// a single connection.
    pub freeze: bool,
}

impl Options {
    /// Refuses options that make no sense.
    ///
    /// # Errors
    /// [`Kind::Usage`], with what may be given instead.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let known = self.known_dataset()?;
        let described = self.dataset.tables.iter().map(|table| table.name.as_str());
        if !described.eq(known.layouts().iter().map(|table| table.name)) {
            return Err(Kind::Usage.error(format!(
                "rows can be generated for the dataset {0} that is built in, not for another {0} with tables of its own",
                self.dataset.name
            )));
        }
        if !(1..=known.most()).contains(&self.size) {
            return Err(Kind::Usage.error(format!(
                "{} {}: give 1 to {}",
                self.size,
                known.unit(),
                known.most()
            )));
        }
        let (distributions, as_of) = (&self.asked.distributions, self.asked.as_of);
        for (option, asked) in [
            ("--append", self.mode == Mode::Append),
            ("--as-of", as_of.is_some()),
            ("distributions", distributions.is_some()),
        ] {
            if asked && !known.has_distributions() {
                return Err(Kind::Usage.error(format!(
                    "{option}: not for the dataset {}, whose rows have distributions and dates of their own; \
                     leave it out",
                    self.dataset.name
                )));
            }
        }
        if let Some(workers) = self.workers
            && !(1..=MAX_WORKERS).contains(&workers)
        {
            return Err(Kind::Usage.error(format!("{workers} workers: give 1 to {MAX_WORKERS}")));
        }
        self.asked.or(&Recipe::default()).check()
    }

    /// The dataset as the registry knows it.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is not in the registry.
    pub(crate) fn known_dataset(&self) -> anyhow::Result<KnownDataset> {
        KnownDataset::of(&self.dataset.name)
    }
}

/// How many workers there are by default: one for each processor, no more than [`MAX_WORKERS`].
pub(crate) fn processors() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_WORKERS)
}
