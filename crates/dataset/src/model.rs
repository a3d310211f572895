//! A model: one SELECT, and the shape of its result.

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

/// A model: one SELECT over the dataset's tables, and the shape of its result.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The name of the model and of its output.
    pub name: String,
    /// The path of the SELECT in messages; for a built-in dataset, below `sql/` in the sources.
    pub file: String,
    /// The SELECT, with the values of its parameters filled in.
    pub sql: String,
    /// The parameters, whose values may be chosen for each run.
    pub parameters: Parameters,
    /// Whether the model is a query that was asked for by itself, so that no `dataset.toml` describes it.
    pub is_asked: bool,
    /// The Postgres schema that names without one belong to; empty until it is known.
    pub schema: String,
    /// The output's columns with their types, in the SELECT's order, including hidden ones; empty if only the SELECT says what they
    /// are.
    pub columns: Vec<(String, ColumnType)>,
    /// Columns of the SELECT that are not written into files.
    pub hidden: Vec<String>,
    /// The columns that name the folders of a partitioned output.
    pub partition_by: Vec<String>,
    /// A pattern for the names of a partitioned output's files, `{customer_id}.csv`, instead of folders.
    pub file_name: Option<String>,
    /// The order of rows in a single file.
    pub order_by: Vec<String>,
    /// The order of rows within a partition.
    pub order_in_partition: Vec<String>,
    /// The table over which the SELECT runs row by row: it looks up each row's parents in the other tables, and
    /// does nothing else. `None` for a model that runs as a whole.
    pub stream: Option<String>,
    /// The place of that table, if its schema is named.
    pub stream_place: Option<Place>,
    /// The table whose rows must all be accounted for. `None` for a model that aggregates.
    pub driving: Option<Driving>,
    /// The checks that the output must pass before anything is published.
    pub checks: Vec<Check>,
    /// The model whose output this one checks: it must give no rows, and is not written anywhere.
    pub checked_model: Option<String>,
    /// The chart that a report draws of the result.
    pub chart: Option<Chart>,
    /// Whether reports run the model, while a transform runs it only if it is named.
    pub is_for_report: bool,
}

/// The table and columns that a model's output is reconciled with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driving {
    /// The driving table.
    pub table: String,
    /// The driving table's place, if its schema is named.
    #[serde(skip)]
    pub place: Option<Place>,
    /// The table's key: for each column of the table, the column of the output.
    pub key: BTreeMap<String, String>,
    /// Columns whose sums must agree: for each column of the table, the column of the output.
    #[serde(default)]
    pub sums: BTreeMap<String, String>,
    /// How many of its rows the model may leave out; any number, if not given.
    pub max_left_out: Option<u64>,
}

impl Model {
    /// The columns that are written into files, with their types.
    pub fn visible_columns(&self) -> impl Iterator<Item = &(String, ColumnType)> {
        let is_visible = |(name, _): &&(String, ColumnType)| !self.hidden.contains(name);
        self.columns.iter().filter(is_visible)
    }

    /// Whether the output has a column of this name, hidden or not.
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|(column, _)| column == name)
    }

    /// Gives a model that declares no columns those of its SELECT.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there are no columns, if two have the same name, or if one that the description names is missing.
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

    /// Sets the value of a parameter; `None` if the model has no parameter of this name.
    ///
    /// # Errors
    /// The reason why the text is not a value of the parameter's type.
    pub fn set(&mut self, parameter: &str, value: &str) -> Option<Result<(), String>> {
        let set = self.parameters.set(parameter, value)?;
        self.sql = self.parameters.bound();
        Some(set)
    }

    /// Checks that the model does not contradict itself, as far as that can be told without a database.
    ///
    /// # Errors
    /// [`Kind::Usage`] naming the entries that do.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.problems().as_slice() {
            [] => Ok(()),
            problems => Err(self.error(&problems.join("; "))),
        }
    }

    /// The model's name in messages in which it is named first.
    pub fn called(&self) -> String {
        match (&self.checked_model, self.checks.first()) {
            (Some(model), Some(check)) => format!("check `{}` of model `{model}`", check.name),
            _ if self.is_asked => self.file.clone(),
            _ => format!("model `{}`", self.name),
        }
    }

    /// The model's name in messages that have named its file already.
    pub fn it(&self) -> String {
        match self.is_asked || self.checked_model.is_some() {
            true => "it".to_owned(),
            false => self.called(),
        }
    }

    /// The name of the model's entry, or of the file of a query.
    pub fn entry(&self) -> String {
        match self.is_asked {
            true => self.file.clone(),
            false => format!("{DESCRIPTION}, {}", self.called()),
        }
    }

    fn error(&self, why: &str) -> anyhow::Error {
        let entry = self.entry();
        // The message may begin with the file already.
        match why.strip_prefix(&entry) {
            Some(_) => Kind::Usage.error(why.to_owned()),
            None => Kind::Usage.error(format!("{entry}: {why}")),
        }
    }
}

/// Whether a model's name may have this character: it becomes the name of a file and a folder.
pub fn is_of_model_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// Whether a model may have this name.
pub fn is_model_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_of_model_name)
}
