//! The planned rows of *cards*, for anything that sends or writes them.

use database::Cancel;

use crate::cards::Cards;
use crate::cards::plan::Plan;
use crate::cards::tables::{Counts, LAYOUTS, Table};
use crate::encode::encoding::{EncodeAs, Encoding};
use crate::encode::{Format, HandOver, blocks};
use crate::recipe::Recipe;
use crate::table::faults::FaultCounts;
use crate::table::layout::{Layout, Part};
use crate::table::{BusiestClient, RowSource};

/// The rows of *cards*, planned.
pub(crate) struct CardRows {
    cards: Cards,
    plan: Plan,
}

impl CardRows {
    /// Plans the rows of this many associates, from the first one on.
    ///
    /// # Errors
    /// The errors of [`Plan::new`].
    pub(crate) fn fresh(recipe: &Recipe, associates: u32, cancel: &Cancel) -> anyhow::Result<Self> {
        Self::after(recipe, Counts::default(), associates, cancel)
    }

    /// Plans the rows of this many associates, after those that `before` counts.
    ///
    /// # Errors
    /// The errors of [`Plan::new`].
    pub(crate) fn after(
        recipe: &Recipe,
        before: Counts,
        associates: u32,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let cards = Cards::new(recipe);
        let plan = Plan::new(cards.shapes(), before, associates, cancel)?;
        Ok(Self { cards, plan })
    }
}

impl EncodeAs for CardRows {
    fn encode_as<F: Format>(
        &self,
        table: usize,
        part: &Part,
        format: &mut F,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts> {
        let (cards, associates) = (&self.cards, self.plan.associates(part));
        let layout = &LAYOUTS[table];
        match Table::ALL[table] {
            Table::Associado => blocks(cards.associados(associates), layout, format, hand_over),
            Table::Conta => blocks(cards.contas(associates), layout, format, hand_over),
            Table::Cartao => blocks(cards.cartoes(associates), layout, format, hand_over),
            Table::Movimento => blocks(cards.movimentos(associates), layout, format, hand_over),
        }
    }
}

impl RowSource for CardRows {
    fn tables(&self) -> &'static [Layout] {
        &LAYOUTS
    }

    fn rows(&self, table: usize) -> u64 {
        self.plan.rows(Table::ALL[table])
    }

    fn highest(&self, table: usize) -> u64 {
        Table::ALL[table].of(&self.plan.end())
    }

    fn parts(&self, table: usize, rows: u64) -> Vec<Part> {
        self.plan.parts(Table::ALL[table], rows)
    }

    fn keys(&self, table: usize, part: &Part) -> (u64, u64) {
        let (table, associates) = (Table::ALL[table], self.plan.associates(part));
        (table.of(&associates.before), table.of(&associates.end))
    }

    fn encode(
        &self,
        table: usize,
        part: &Part,
        encoding: &mut Encoding,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts> {
        encoding.encode(self, table, part, hand_over)
    }

    fn busiest(&self) -> Option<BusiestClient> {
        self.plan.busiest()
    }
}
