//! A dataset: its tables and models, and the SQL that creates them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::column::ColumnType;
use crate::failure::Kind;
use crate::load_rules::LoadRules;
use crate::load_section;
use crate::model::Model;
use crate::nearest::did_you_mean;
use crate::parameter::Parameter;
use crate::place::Place;
use crate::twice::twice;

/// A dataset, read and checked.
#[derive(Debug, Clone, Default)]
pub struct Dataset {
    /// The dataset's name. Its tables are in the Postgres schema of that name, unless another schema is named.
    pub name: String,
    /// The Postgres schema that the description names; `None` means the schema with the dataset's name.
    pub schema: Option<String>,
    /// Whether the dataset is built in, so that rows for it can be generated.
    pub is_built_in: bool,
    /// The tables, parents before children.
    pub tables: Vec<Table>,
    /// The models.
    pub models: Vec<Model>,
    /// Models whose own output is not wanted, but which the others may read.
    pub beside: Vec<Model>,
    /// The statements that create types and tables, without schema names. Empty if the dataset has no `schema.sql`.
    pub schema_sql: String,
    /// The statements for keys, foreign keys and indexes, run after a load. Empty if there is no `constraints.sql`.
    pub constraints_sql: String,
}

/// The rows of a table that are read from the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowsRead {
    /// A condition in SQL that is true of these rows, as the server understands it.
    pub condition: Option<String>,
    /// The columns, in the form of ORDER BY, that decide which rows come first when their number is limited.
    pub order_by: Vec<String>,
    /// The most rows that are read.
    pub limit: Option<u64>,
}

impl RowsRead {
    /// Whether all rows of the table are read.
    pub fn is_all(&self) -> bool {
        self.condition.is_none() && self.limit.is_none()
    }

    /// The clauses after FROM that read these rows, as far as the other conditions are true of them.
    pub fn sql(&self, conditions: &[String]) -> String {
        let condition = self.condition.iter();
        let condition = condition.map(|condition| format!("({condition})"));
        let conditions: Vec<String> = conditions.iter().cloned().chain(condition).collect();
        let mut sql = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        if let Some(limit) = self.limit {
            if !self.order_by.is_empty() {
                sql += &format!(" ORDER BY {}", self.order_by.join(", "));
            }
            sql += &format!(" LIMIT {limit}");
        }
        sql
    }
}

/// A table of a dataset. The database says what its columns are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The table's name in a run: its own name, preceded by the schema if that is not the dataset's.
    pub name: String,
    /// The table's place, if its description names a schema.
    #[serde(default, rename = "schema", deserialize_with = "in_schema")]
    pub place: Option<Place>,
    /// The columns of the primary key; if empty, the database says which they are.
    #[serde(default)]
    pub key: Vec<String>,
    /// Columns that are read as their text, since their type has no decoder.
    #[serde(default)]
    pub cast_to_text: Vec<String>,
    /// Numeric columns, each with the `numeric(p,s)` that it is carried as, `{ amount = "numeric(20,4)" }`: for columns that have
    /// no precision in the database, or one that is not carried. A value that does not fit is refused, never rounded.
    #[serde(default)]
    pub carry_as: BTreeMap<String, ColumnType>,
    /// The types that the models of a run give for numeric columns without a precision that `carry_as` does not have.
    #[serde(skip)]
    pub carried_by_models: BTreeMap<String, ColumnType>,
    /// The columns that a run reads as the server sends them, whatever their types are; no code of ours decodes them.
    #[serde(skip)]
    pub as_is: Vec<String>,
    /// The rows that a run reads; all of them, unless a query says otherwise.
    #[serde(skip)]
    pub rows: RowsRead,
    /// The rules for reading the table's files.
    #[serde(default, deserialize_with = "load_section::rules")]
    pub load: LoadRules,
}

/// A place in a schema, for a table whose name is filled in later.
fn in_schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Place>, D::Error> {
    let schema = String::deserialize(deserializer)?;
    let name = String::new();
    Ok(Some(Place { schema, name }))
}

impl Table {
    /// The table's place, if tables without a schema of their own are in `schema`.
    pub fn place_in(&self, schema: &str) -> Place {
        self.place.clone().unwrap_or_else(|| Place {
            schema: schema.to_owned(),
            name: self.name.clone(),
        })
    }

    /// The patterns of the names of the table's files, each of which may also end in `.gz` or `.zst`.
    pub fn file_patterns(&self) -> Vec<String> {
        match self.load.files.is_empty() {
            true => vec![format!("{}.csv", self.name)],
            false => self.load.files.clone(),
        }
    }
}

impl Dataset {
    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Keeps only the models with these names.
    ///
    /// # Errors
    /// [`Kind::Usage`] if a name is unknown, with the models that there are.
    pub fn keep_models(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.with_those_for_reports();
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
        self.keep_models_where(|model| names.contains(&model.name));
        Ok(())
    }

    /// The parameters of all models by name, including those of models that others read.
    pub fn parameters(&self) -> BTreeMap<&str, &Parameter> {
        let models = self.models.iter().chain(&self.beside);
        let parameters = models.flat_map(|model| model.parameters.all());
        parameters.map(|of| (of.name.as_str(), of)).collect()
    }

    /// Sets parameters, each in all models that have one of its name, including models that others read.
    ///
    /// # Errors
    /// [`Kind::Usage`] if no model has the parameter, or the value is not of its type.
    pub fn set_parameters(&mut self, values: &[(String, String)]) -> anyhow::Result<()> {
        for (name, value) in values {
            let mut is_known = false;
            for model in self.models.iter_mut().chain(&mut self.beside) {
                match model.set(name, value) {
                    Some(Ok(())) => is_known = true,
                    Some(Err(why)) => {
                        let of = model.called();
                        return Err(Kind::Usage.error(format!("parameter {name} of {of}: {why}")));
                    }
                    None => {}
                }
            }
            if !is_known {
                let known: Vec<&str> = self.parameters().into_keys().collect();
                let has = match known.is_empty() {
                    true => "they have none".to_owned(),
                    false => format!("they have {}", known.join(", ")),
                };
                return Err(Kind::Usage.error(format!(
                    "no model of dataset `{}` has a parameter `{name}`: {has}{}",
                    self.name,
                    did_you_mean(name, known.iter().copied())
                )));
            }
        }
        Ok(())
    }

    /// Makes the models that are meant for reports run too.
    pub fn with_those_for_reports(&mut self) {
        let beside = std::mem::take(&mut self.beside);
        let (for_reports, others): (Vec<_>, Vec<_>) =
            beside.into_iter().partition(|model| model.is_for_report);
        self.models.extend(for_reports);
        self.beside = others;
    }

    /// Runs only these models for an output; they may still read the others.
    pub fn keep_models_where(&mut self, is_kept: impl Fn(&Model) -> bool) {
        let models = std::mem::take(&mut self.models);
        let (kept, others): (Vec<_>, Vec<_>) = models.into_iter().partition(is_kept);
        self.models = kept;
        self.beside.extend(others);
    }

    /// Whether names without a schema belong to this one in all models.
    pub fn is_in_schema(&self, schema: &str) -> bool {
        let mut models = self.models.iter().chain(&self.beside);
        models.all(|model| model.schema == schema)
    }

    /// Gives tables and models the names that they have in a run in which names without a schema belong to `schema`.
    pub fn in_schema(&mut self, schema: &str) {
        for table in &mut self.tables {
            if let Some(place) = &table.place {
                table.name = place.called(schema);
            }
        }
        for model in self.models.iter_mut().chain(&mut self.beside) {
            model.schema = schema.to_owned();
            if let (Some(stream), Some(place)) = (&mut model.stream, &model.stream_place) {
                *stream = place.called(schema);
            }
            if let Some(driving) = &mut model.driving
                && let Some(place) = &driving.place
            {
                driving.table = place.called(schema);
            }
        }
    }

    /// Finds the places of the tables that models name with a schema.
    pub(crate) fn find_places(&mut self) {
        for table in &mut self.tables {
            if let Some(place) = &mut table.place {
                place.name = std::mem::take(&mut table.name);
                table.name = place.called(self.schema.as_deref().unwrap_or(&self.name));
            }
        }
        let tables = &self.tables;
        let place = |named: &str| match tables.iter().find(|table| table.name == named) {
            Some(table) => table.place.clone(),
            None => Place::parse(named),
        };
        for model in &mut self.models {
            model.stream_place = model.stream.as_deref().and_then(place);
            if let Some(driving) = &mut model.driving {
                driving.place = place(&driving.table);
            }
        }
    }

    /// Checks that no two entries are the same table.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the table's name.
    pub fn check_tables(&self) -> anyhow::Result<()> {
        match twice(self.tables.iter().map(|table| table.name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Kind::Usage.error(format!(
                "dataset `{}` has two tables called `{name}` in the schema that is read: name another schema with \
                 --schema, or remove one of the two from dataset.toml",
                self.name
            ))),
        }
    }

    /// The Postgres schema of the tables: `named` if it is given, or else the description's, or else the one with the dataset's
    /// name.
    pub fn schema<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        let described = self.schema.as_deref();
        named.or(described).unwrap_or(&self.name)
    }
}
