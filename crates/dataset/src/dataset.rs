//! A dataset: its tables and models, and the SQL that makes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::column::ColumnType;
use crate::failure::Kind;
use crate::load_rules::LoadRules;
use crate::load_section;
use crate::model::Model;
use crate::nearest::did_you_mean;

/// A dataset, read and checked.
#[derive(Debug, Clone, Default)]
pub struct Dataset {
    /// The dataset's name, which is also the Postgres schema it lives in unless another is named.
    pub name: String,
    /// The Postgres schema that its description names; `None` if that is the one of its name.
    pub schema: Option<String>,
    /// Whether it is one of those built in, whose rows can be generated.
    pub is_built_in: bool,
    /// The tables, parents before children.
    pub tables: Vec<Table>,
    /// The models.
    pub models: Vec<Model>,
    /// Types and tables, without schema names. Empty if the dataset has no `schema.sql`.
    pub schema_sql: String,
    /// Keys, foreign keys and indexes, run after a load. Empty if there is no `constraints.sql`.
    pub constraints_sql: String,
}

/// Which rows of a table leave the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsRead {
    /// An expression of SQL that is true of them, as the server understands it.
    pub condition: Option<String>,
    /// The columns by which the first are the first, where there are not to be more.
    pub order_by: Vec<String>,
    /// How many there are at most.
    pub limit: Option<u64>,
}

/// A table of a dataset. Its columns come from the live database.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The table's name, without the schema.
    pub name: String,
    /// The columns of its primary key; none where the database is to tell.
    #[serde(default)]
    pub key: Vec<String>,
    /// Columns whose type has no decoder and which are read as their text instead.
    #[serde(default)]
    pub cast_to_text: Vec<String>,
    /// Numeric columns and the `numeric(p,s)` that each is carried as, `{ amount = "numeric(20,4)" }`: those that the database
    /// gives no precision, or one that is not carried. A value that it does not hold is refused, never rounded.
    #[serde(default)]
    pub carry_as: BTreeMap<String, ColumnType>,
    /// What the models of a run say that columns are carried as, if these are numerics of no precision that `carry_as` lacks.
    #[serde(skip)]
    pub carried_by_models: BTreeMap<String, ColumnType>,
    /// The columns that a run reads as the server sends them, whatever their types are: nothing of ours decodes them.
    #[serde(skip)]
    pub as_is: Vec<String>,
    /// The rows that a run reads; all, unless a query says otherwise.
    #[serde(skip)]
    pub rows: RowsRead,
    /// How its files are read.
    #[serde(default, deserialize_with = "load_section::rules")]
    pub load: LoadRules,
}

impl Dataset {
    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Leaves all models away but those named.
    ///
    /// # Errors
    /// [`Kind::Usage`] naming the models there are if one is unknown.
    pub fn keep_models(&mut self, names: &[String]) -> anyhow::Result<()> {
        let known: Vec<&str> = self
            .models
            .iter()
            .map(|model| model.name.as_str())
            .collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(Kind::Usage.error(format!(
                "dataset `{}` has no model `{unknown}`; it has {}{}",
                self.name,
                known.join(", "),
                did_you_mean(unknown, known.iter().copied())
            )));
        }
        self.models.retain(|model| names.contains(&model.name));
        Ok(())
    }

    /// The Postgres schema of its tables: the one named here, else the one that its description names, else that of its name.
    pub fn schema<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        let described = self.schema.as_deref();
        named.or(described).unwrap_or(&self.name)
    }
}
