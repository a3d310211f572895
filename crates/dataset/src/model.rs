//! A model: one SELECT, and the shape of what it gives.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::chart::Chart;
use crate::column::ColumnType;
use crate::failure::Kind;
use crate::output_check::Check;
use crate::parameter::Parameters;
use crate::place::Place;
use crate::twice::twice;

/// The file that describes a dataset.
pub(crate) const DESCRIPTION: &str = "dataset.toml";

/// A model: one SELECT over the dataset's tables and the shape of what it gives.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The name of the output.
    pub name: String,
    /// Where the SELECT lies, for messages: below `sql/` in the sources if the dataset is built in.
    pub file: String,
    /// The SELECT, with the values of its parameters in it.
    pub sql: String,
    /// What whoever runs it may choose.
    pub parameters: Parameters,
    /// Whether it was asked for by itself, so that no `dataset.toml` describes it.
    pub is_asked: bool,
    /// The Postgres schema that names without one are of; empty as long as it isn't known.
    pub schema: String,
    /// The output's columns and their types, in the SELECT's order, hidden ones included; none where the SELECT alone says.
    pub columns: Vec<(String, ColumnType)>,
    /// Columns of the SELECT that are not written into files.
    pub hidden: Vec<String>,
    /// The columns that name the folders of a partitioned output.
    pub partition_by: Vec<String>,
    /// The order of rows in a single file.
    pub order_by: Vec<String>,
    /// The order of rows within a partition.
    pub order_in_partition: Vec<String>,
    /// The table that the SELECT runs over row by row: it looks up each row's parents in the other tables and
    /// does nothing else. `None` for a model that runs whole.
    pub stream: Option<String>,
    /// Where that table is, if its schema is named.
    pub stream_place: Option<Place>,
    /// The table whose rows must all be accounted for. A model that aggregates has none.
    pub driving: Option<Driving>,
    /// What its output must be, or nothing is published.
    pub checks: Vec<Check>,
    /// The model whose output it checks: it must give no row, and is written nowhere.
    pub checked_model: Option<String>,
    /// How a report draws what it gives.
    pub chart: Option<Chart>,
    /// Whether a report runs it, and a transform only if it names it.
    pub is_for_report: bool,
}

/// What a model is reconciled against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driving {
    /// The driving table.
    pub table: String,
    /// Where it is, if its schema is named.
    #[serde(skip)]
    pub place: Option<Place>,
    /// The table's key: column of the table = column of the output.
    pub key: BTreeMap<String, String>,
    /// Columns whose sums must agree: column of the table = column of the output.
    #[serde(default)]
    pub sums: BTreeMap<String, String>,
    /// How many of its rows the model may leave out; any number, if not given.
    pub max_left_out: Option<u64>,
}

impl Model {
    /// The columns that files have, and their types.
    pub fn visible_columns(&self) -> impl Iterator<Item = &(String, ColumnType)> {
        let is_visible = |(name, _): &&(String, ColumnType)| !self.hidden.contains(name);
        self.columns.iter().filter(is_visible)
    }

    /// Whether the output has a column of this name, hidden or not.
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|(column, _)| column == name)
    }

    /// Gives a model that declares no columns those that its SELECT gives.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is none, if two have one name, or one is missing that the description names.
    pub fn declare(&mut self, columns: Vec<(String, ColumnType)>) -> anyhow::Result<()> {
        self.columns = columns;
        if self.columns.is_empty() {
            return Err(self.error(&format!(
                "{} gives no column, so there is nothing to write",
                self.file
            )));
        }
        let twice = twice(self.columns.iter().map(|(name, _)| name.as_str()));
        if let Some(twice) = twice {
            return Err(self.error(&format!(
                "{} gives two columns `{twice}`: give one another name with AS",
                self.file
            )));
        }
        self.check()
    }

    /// Chooses the value of a parameter; `None` if the model has none of this name.
    ///
    /// # Errors
    /// Why the text is no value of the parameter's type.
    pub fn set(&mut self, parameter: &str, value: &str) -> Option<Result<(), String>> {
        let set = self.parameters.set(parameter, value)?;
        self.sql = self.parameters.bound();
        Some(set)
    }

    /// Checks that the model does not contradict itself, as far as no database is asked.
    ///
    /// # Errors
    /// [`Kind::Usage`] naming the entries.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.problems().as_slice() {
            [] => Ok(()),
            problems => Err(self.error(&problems.join("; "))),
        }
    }

    /// What messages call it where it stands for itself.
    pub fn called(&self) -> String {
        match (&self.checked_model, self.checks.first()) {
            (Some(model), Some(check)) => format!("check `{}` of model `{model}`", check.name),
            _ if self.is_asked => self.file.clone(),
            _ => format!("model `{}`", self.name),
        }
    }

    /// What messages call it behind its file.
    pub fn it(&self) -> String {
        match self.is_asked || self.checked_model.is_some() {
            true => "it".to_owned(),
            false => self.called(),
        }
    }

    /// Where it is described.
    pub fn entry(&self) -> String {
        match self.is_asked {
            true => self.file.clone(),
            false => format!("{DESCRIPTION}, {}", self.called()),
        }
    }

    fn error(&self, why: &str) -> anyhow::Error {
        let entry = self.entry();
        // It may begin with the file as it is.
        match why.strip_prefix(&entry) {
            Some(_) => Kind::Usage.error(why.to_owned()),
            None => Kind::Usage.error(format!("{entry}: {why}")),
        }
    }
}

/// Whether the name of a model, which becomes a file and a folder, may hold a character.
pub fn is_of_model_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// Whether a model may have this name.
pub fn is_model_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_of_model_name)
}
