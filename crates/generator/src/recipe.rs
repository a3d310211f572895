//! What rows depend on, apart from how many there are.

use dataset::calendar::Date;
use dataset::failure::Kind;

use crate::cards::distributions::Distributions;

/// The version of the rows: it changes when the same recipe gives other rows than before.
pub const VERSION: u32 = 2;

/// The seed of rows when none is given.
pub const DEFAULT_SEED: u64 = 42;
/// The "today" of rows when none is given: everything in them happened before that day.
pub const DEFAULT_AS_OF: Date = Date {
    year: 2026,
    month: 1,
    day: 1,
};
/// The years that "today" may lie in: those that the rows' dates can express and the files can carry.
const AS_OF_YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// What rows depend on. The same recipe and [`VERSION`] give the same rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The seed of all random numbers.
    pub seed: u64,
    /// "Today": all that happens in the rows happened before this day.
    pub as_of: Date,
    /// The share of rows with a fault planted in them, of 1.
    pub dirty: f64,
    /// How many rows there are of each kind, when things happen, and how much is spent.
    pub distributions: Distributions,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: DEFAULT_SEED,
            as_of: DEFAULT_AS_OF,
            dirty: 0.0,
            distributions: Distributions::default(),
        }
    }
}

impl Recipe {
    /// Refuses a recipe that no rows can be made from.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the option, and with the values that it may have.
    pub fn check(&self) -> anyhow::Result<()> {
        if !AS_OF_YEARS.contains(&self.as_of.year) {
            return Err(Kind::Usage.error(format!(
                "--as-of {}: give a day of the years {} to {}",
                self.as_of,
                AS_OF_YEARS.start(),
                AS_OF_YEARS.end()
            )));
        }
        if !(0.0..=1.0).contains(&self.dirty) {
            return Err(Kind::Usage.error(format!(
                "--dirty {}: give the share of rows as 0 to 1",
                self.dirty
            )));
        }
        self.distributions.check()
    }
}

/// The parts of a recipe that somebody asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// A seed to use; see [`Recipe::seed`].
    pub seed: Option<u64>,
    /// A "today" to use; see [`Recipe::as_of`].
    pub as_of: Option<Date>,
    /// A share of dirty rows; see [`Recipe::dirty`].
    pub dirty: Option<f64>,
    /// Distributions to use; see [`Recipe::distributions`].
    pub distributions: Option<Distributions>,
}

impl Asked {
    /// The recipe with the parts that are asked for, and all others from `base`.
    pub fn or(&self, base: &Recipe) -> Recipe {
        Recipe {
            seed: self.seed.unwrap_or(base.seed),
            as_of: self.as_of.unwrap_or(base.as_of),
            dirty: self.dirty.unwrap_or(base.dirty),
            distributions: self
                .distributions
                .as_ref()
                .unwrap_or(&base.distributions)
                .clone(),
        }
    }
}
