//! The tables that a model runs over, loaded into memory.

use anyhow::Context;
use dataset::Model;
use dataset::failure::Kind;
use polars::prelude::DataFrame;

use crate::stage::Table;

/// Tables by name.
pub(in crate::engine) struct Tables(Vec<(String, DataFrame)>);

impl Tables {
    /// The table of this name, which must have been read.
    pub(in crate::engine) fn get(&self, name: &str) -> anyhow::Result<&DataFrame> {
        let found = self.0.iter().find(|(table, _)| table == name);
        let (_, frame) = found.with_context(|| format!("table `{name}` was not read"))?;
        Ok(frame)
    }

    /// Loads the tables that `is_named` accepts. They may take `limit` bytes of the `memory_bytes` that a run may take.
    ///
    /// # Errors
    /// [`Kind::Refused`] if there are tables on disk among them and all together would take more than `limit` bytes.
    pub(in crate::engine) fn load(
        model: &Model,
        tables: Vec<(String, Table)>,
        is_named: impl Fn(&str) -> bool,
        limit: u64,
        memory_bytes: u64,
    ) -> anyhow::Result<Self> {
        let wanted: Vec<_> = tables
            .into_iter()
            .filter(|(name, _)| is_named(name))
            .collect();
        let bytes: u64 = wanted.iter().map(|(_, table)| table.memory_bytes()).sum();
        let staged: Vec<&str> = wanted
            .iter()
            .filter(|(_, table)| matches!(table, Table::Staged(_)))
            .map(|(name, _)| name.as_str())
            .collect();
        if !staged.is_empty() && bytes > limit {
            return Err(Kind::Refused.error(format!(
                "{} needs {} whole in memory, in all {} MB of rows, but --memory allows it {} MB: allow about \
                 {} MB",
                model.called(),
                staged.join(", "),
                bytes >> 20,
                limit >> 20,
                (u128::from(bytes) * u128::from(memory_bytes) / u128::from(limit.max(1))) >> 20
            )));
        }
        let frames = wanted
            .into_iter()
            .map(|(name, table)| Ok((name, table.load()?)));
        Ok(Self(frames.collect::<anyhow::Result<_>>()?))
    }
}
