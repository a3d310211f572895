//! What a dataset's rows are to those that bring them somewhere: tables, and parts of tables that can be
//! encoded in any order.

use std::ops::Range;

use database::Cancel;
use dataset::failure::Kind;

use crate::card_rows::{self, CardRows};
use crate::dirt::Planted;
use crate::format::{Encoding, HandOver};
use crate::plan::{BusiestClient, MAX_ASSOCIATES};
use crate::recipe::Recipe;

/// A table, as its rows are encoded.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Its name.
    pub name: &'static str,
    /// A column whose values ascend with the rows.
    pub key: &'static str,
    /// Its columns, in the order in which rows are encoded.
    pub columns: &'static [&'static str],
    /// The types of these columns, as `pg_type` names them: what rows are encoded as.
    pub types: &'static [&'static str],
}

/// Blocks of rows that follow each other: what one worker makes at a time.
pub(crate) type Part = Range<usize>;

/// The rows of a dataset, planned. Tables are named by their place in [`tables`](Self::tables).
pub(crate) trait Source: Sync {
    /// The tables, parents before children.
    fn tables(&self) -> &'static [Layout];

    /// How many rows are made for a table.
    fn rows(&self, table: usize) -> u64;

    /// A table's key when all rows are there.
    fn highest(&self, table: usize) -> u64;

    /// A table in parts of about `rows` rows.
    fn parts(&self, table: usize, rows: u64) -> Vec<Part>;

    /// The key that the rows of a part follow, and the one that they end with.
    fn keys(&self, table: usize, part: &Part) -> (u64, u64);

    /// Encodes the rows of a part. Each time a block is full, `hand_over` takes it and the number of its rows,
    /// and gives a buffer for the next one. Returns what was planted.
    ///
    /// # Errors
    /// Those of `hand_over`.
    fn encode(
        &self,
        table: usize,
        part: &Part,
        encoding: &mut Encoding,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<Planted>;

    /// The client with the most movements, where there are such.
    fn busiest(&self) -> Option<BusiestClient> {
        None
    }
}

/// A dataset that rows can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Cards,
}

impl Maker {
    const ALL: [Self; 1] = [Self::Cards];

    /// The maker for the dataset of this name.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is none.
    pub(crate) fn of(dataset: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|maker| maker.name() == dataset);
        found.ok_or_else(|| {
            Kind::Usage.error(format!(
                "rows can be generated for the datasets {}, not for {dataset}",
                Self::ALL.map(Self::name).join(", ")
            ))
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cards => "cards",
        }
    }

    /// What a size counts.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Cards => "associates",
        }
    }

    /// The table whose highest key is the size.
    pub(crate) const fn counted(self) -> &'static str {
        match self {
            Self::Cards => "associado",
        }
    }

    /// The size at scale 1.
    pub(crate) const fn scale_1(self) -> u32 {
        match self {
            Self::Cards => 1_000,
        }
    }

    /// The largest size.
    pub(crate) const fn most(self) -> u32 {
        match self {
            Self::Cards => MAX_ASSOCIATES,
        }
    }

    /// Whether rows follow the recipe's laws and its "today", and can be appended to.
    pub(crate) const fn has_laws(self) -> bool {
        matches!(self, Self::Cards)
    }

    /// The tables, parents before children.
    pub(crate) const fn layouts(self) -> &'static [Layout] {
        match self {
            Self::Cards => &card_rows::LAYOUTS,
        }
    }

    /// Plans `size` units of rows.
    ///
    /// # Errors
    /// [`Kind::Usage`] if an id would not fit its column, [`Kind::Interrupted`].
    pub(crate) fn plan(
        self,
        recipe: &Recipe,
        size: u32,
        cancel: &Cancel,
    ) -> anyhow::Result<Box<dyn Source>> {
        Ok(match self {
            Self::Cards => Box::new(CardRows::fresh(recipe, size, cancel)?),
        })
    }
}

/// The tables of a dataset that rows can be made for, parents before children.
pub fn layouts(dataset: &str) -> Option<&'static [Layout]> {
    Maker::of(dataset).ok().map(Maker::layouts)
}
