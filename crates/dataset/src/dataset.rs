//! A dataset: its tables and models, and the SQL that makes them.

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
    /// Models that are not run for an output of theirs, and that the others may read.
    pub beside: Vec<Model>,
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
    /// The columns, as ORDER BY has them, by which the first are the first where there are not to be more.
    pub order_by: Vec<String>,
    /// How many there are at most.
    pub limit: Option<u64>,
}

impl RowsRead {
    /// Whether these are all rows of the table.
    pub fn is_all(&self) -> bool {
        self.condition.is_none() && self.limit.is_none()
    }

    /// What stands behind FROM to read these rows, of those of which the other conditions are true.
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

/// A table of a dataset. Its columns come from the live database.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What a run calls the table: its name, with the schema before it where that is not the dataset's.
    pub name: String,
    /// Where the table is, if its description names a schema of its own.
    #[serde(default, rename = "schema", deserialize_with = "in_schema")]
    pub place: Option<Place>,
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

/// A place in a schema, of a table whose name is still to come.
fn in_schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Place>, D::Error> {
    let schema = String::deserialize(deserializer)?;
    let name = String::new();
    Ok(Some(Place { schema, name }))
}

impl Table {
    /// Where the table is, if those without a schema of their own are in `schema`.
    pub fn place_in(&self, schema: &str) -> Place {
        self.place.clone().unwrap_or_else(|| Place {
            schema: schema.to_owned(),
            name: self.name.clone(),
        })
    }

    /// Patterns of the names of its files, each of which may have `.gz` or `.zst` behind it.
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

    /// Leaves all models away but those named.
    ///
    /// # Errors
    /// [`Kind::Usage`] naming the models there are if one is unknown.
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

    /// The parameters of all models, those that others read included, by name.
    pub fn parameters(&self) -> BTreeMap<&str, &Parameter> {
        let models = self.models.iter().chain(&self.beside);
        let parameters = models.flat_map(|model| model.parameters.all());
        parameters.map(|of| (of.name.as_str(), of)).collect()
    }

    /// Chooses values of parameters, each in all models that have one of its name, those that others read included.
    ///
    /// # Errors
    /// [`Kind::Usage`] if no model has it, or the value is not of its type.
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

    /// Runs the models that are for reports too.
    pub fn with_those_for_reports(&mut self) {
        let beside = std::mem::take(&mut self.beside);
        let (for_reports, others): (Vec<_>, Vec<_>) =
            beside.into_iter().partition(|model| model.is_for_report);
        self.models.extend(for_reports);
        self.beside = others;
    }

    /// Runs these models alone for an output; the others may still be read by them.
    pub fn keep_models_where(&mut self, is_kept: impl Fn(&Model) -> bool) {
        let models = std::mem::take(&mut self.models);
        let (kept, others): (Vec<_>, Vec<_>) = models.into_iter().partition(is_kept);
        self.models = kept;
        self.beside.extend(others);
    }

    /// Whether names without a schema are of this one, as far as models know.
    pub fn is_in_schema(&self, schema: &str) -> bool {
        let mut models = self.models.iter().chain(&self.beside);
        models.all(|model| model.schema == schema)
    }

    /// Calls tables and models by what they are in a run whose names without a schema are of `schema`.
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

    /// Finds where the tables are that models name in their description with a schema.
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

    /// Checks that no two tables are one.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the table.
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

    /// The Postgres schema of its tables: the one named here, else the one that its description names, else that of its name.
    pub fn schema<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        let described = self.schema.as_deref();
        named.or(described).unwrap_or(&self.name)
    }
}
