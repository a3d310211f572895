//! Finds all contradictions in a description that can be found without a database, each with its entry.

use crate::column::{ColumnType, LONGEST_NAME_BYTES};
use crate::dataset::{Dataset, Table};
use crate::model::{Driving, Model, is_model_name};
use crate::nearest::did_you_mean;
use crate::output_check::{Check, RowCount, Rule};
use crate::twice::twice;

/// The entry of `dataset.toml` that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// An entry that belongs to no table or model.
    Dataset,
    /// An entry of the table with this name.
    Table(&'a str),
    /// An entry of the model with this name.
    Model(&'a str),
}

impl Dataset {
    /// All that is wrong with the description, in its order.
    pub(crate) fn problems(&self) -> Vec<(Entry<'_>, String)> {
        let mut problems = Vec::new();
        if !is_file_name(&self.name) {
            problems.push((
                Entry::Dataset,
                format!(
                    "`{}` cannot be the name of a dataset, since no file can have it",
                    self.name
                ),
            ));
        }
        for table in &self.tables {
            let of_table = self.problems_of(table).into_iter();
            problems.extend(of_table.map(|why| (Entry::Table(&table.name), why)));
        }
        for model in &self.models {
            let of_model = model.problems().into_iter();
            problems.extend(of_model.map(|why| (Entry::Model(&model.name), why)));
        }
        let tables = self.tables.iter().map(|table| table.name.as_str());
        let models = self.models.iter().map(|model| model.name.as_str());
        if let Some(name) = twice(tables.chain(models)) {
            let why = format!("`{name}` is named twice among the tables and models");
            let entry = match self.models.iter().any(|model| model.name == name) {
                true => Entry::Model(name),
                false => Entry::Table(name),
            };
            problems.push((entry, why));
        }
        problems.extend(self.parameters_of_two_kinds());
        problems
    }

    /// Parameters with the same name in two models that differ otherwise: a value is chosen by the name alone.
    fn parameters_of_two_kinds(&self) -> Vec<(Entry<'_>, String)> {
        let mut problems = Vec::new();
        for (place, model) in self.models.iter().enumerate() {
            for parameter in model.parameters.all() {
                let is_other = |other: &&Model| {
                    let mut others = other.parameters.all().iter();
                    others.any(|of| of.name == parameter.name && of != parameter)
                };
                if let Some(other) = self.models[..place].iter().find(is_other) {
                    let why = format!(
                        "parameter `{}` has another type or default than in model `{}`: make both the same, or rename one",
                        parameter.name, other.name
                    );
                    problems.push((Entry::Model(&model.name), why));
                }
            }
        }
        problems
    }

    fn problems_of(&self, table: &Table) -> Vec<String> {
        let mut problems = table.wrongly_carried();
        if !is_file_name(&table.name) {
            problems.push(format!(
                "`{}` cannot be the name of a table, since no file can have it",
                table.name
            ));
        }
        if table.place.as_ref().is_some_and(|of| of.schema.is_empty()) {
            problems.push("`schema` is empty".to_owned());
        }
        let checked = table.load.check(|name| self.table(name).is_some());
        problems.extend(checked.err().map(|why| format!("load: {why}")));
        problems
    }
}

impl Table {
    fn wrongly_carried(&self) -> Vec<String> {
        let wrong = self.carry_as.iter().filter_map(|(column, kind)| {
            if !matches!(kind, ColumnType::Numeric { precision, .. } if *precision > 0) {
                return Some(format!(
                    "carry_as: column `{column}` is given {kind}, but only a numeric(p,s) can be"
                ));
            }
            let is_twice = self.cast_to_text.contains(column);
            is_twice
                .then(|| format!("carry_as: column `{column}` is listed under `cast_to_text` too"))
        });
        wrong.collect()
    }
}

impl Model {
    /// All that is wrong with the model.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !is_model_name(&self.name) {
            problems.push("the name may hold ASCII letters, digits, `_` and `-` only".to_owned());
        }
        for (name, _) in &self.columns {
            if name.len() > LONGEST_NAME_BYTES {
                problems.push(format!(
                    "column `{name}` has {} bytes, but Postgres cuts names off after {LONGEST_NAME_BYTES}, so no SELECT gives it",
                    name.len()
                ));
            }
        }
        if let (Some(stream), Some(driving)) = (&self.stream, &self.driving)
            && *stream != driving.table
        {
            problems.push(format!(
                "stream `{stream}` is not the table to reconcile, `{}`",
                driving.table
            ));
        }
        let is_keyless = |driving: &Driving| driving.key.is_empty();
        if self.driving.as_ref().is_some_and(is_keyless) {
            problems.push("`reconcile.key` is empty".to_owned());
        }
        problems.extend(self.wrong_checks());
        if let Some(chart) = &self.chart {
            let kind_of = |name: &str| {
                let mut columns = self.visible_columns();
                columns.find(|(of, _)| of == name).map(|(_, kind)| *kind)
            };
            problems.extend(chart.problems(!self.columns.is_empty(), kind_of));
        }
        // If the model declares no columns, only the SELECT says which there are.
        if !self.columns.is_empty() {
            problems.extend(self.unknown_columns());
            problems.extend(self.unsummable_columns());
            if self.visible_columns().next().is_none() {
                problems.push("no column is left to write".to_owned());
            }
        }
        problems
    }

    /// All that is wrong with the checks of the model. Missing columns are reported only if the model's columns are known.
    fn wrong_checks(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let names = self.checks.iter().map(|check| check.name.as_str());
        if let Some(name) = twice(names) {
            problems.push(format!("the check `{name}` is listed twice"));
        }
        for Check { name, rule } in &self.checks {
            let columns = rule.columns();
            let why = match rule {
                Rule::NotNull(_) | Rule::Unique(_) | Rule::AcceptedValues(_)
                    if columns.is_empty() =>
                {
                    Some("names no column".to_owned())
                }
                Rule::Unique(_) => twice(columns.iter().copied())
                    .map(|column| format!("names the column `{column}` twice")),
                Rule::RowCount(RowCount {
                    min: None,
                    max: None,
                }) => Some("has neither min nor max".to_owned()),
                Rule::RowCount(RowCount {
                    min: Some(min),
                    max: Some(max),
                }) if min > max => Some(format!("has a min of {min} above its max of {max}")),
                _ => None,
            };
            problems.extend(why.map(|why| format!("the check `{name}` {why}")));
            if self.columns.is_empty() {
                continue;
            }
            let known = || self.columns.iter().map(|(name, _)| name.as_str());
            let unknown = columns.iter().filter(|column| !self.has_column(column));
            problems.extend(unknown.map(|column| {
                format!(
                    "the check `{name}` names `{column}`, which is not one of its columns{}",
                    did_you_mean(column, known())
                )
            }));
        }
        problems
    }

    /// The columns that are to be summed and have no exact sum.
    fn unsummable_columns(&self) -> Vec<String> {
        let driving = self.driving.iter();
        let summed = driving.flat_map(|driving| driving.sums.values());
        let unsummable = summed.filter_map(|name| {
            let (_, kind) = self.columns.iter().find(|(column, _)| column == name)?;
            (!kind.has_exact_sum()).then(|| {
                format!(
                    "`reconcile` sums `{name}`, which is {kind} in the output: give it the type of an exact sum in the SELECT, as by \
                     `::numeric(12,2)`"
                )
            })
        });
        unsummable.collect()
    }

    fn unknown_columns(&self) -> Vec<String> {
        let reconciled = self.driving.iter().flat_map(|driving| {
            let outputs = driving.key.values().chain(driving.sums.values());
            outputs.map(|column| ("reconcile", column))
        });
        let lists = [
            ("not_written", &self.hidden),
            ("partition_by", &self.partition_by),
            ("order_by", &self.order_by),
            ("order_by_in_file", &self.order_in_partition),
        ];
        let listed = lists.into_iter();
        let listed = listed.flat_map(|(list, columns)| columns.iter().map(move |of| (list, of)));
        let unknown = listed.chain(reconciled);
        let unknown = unknown.filter(|(_, column)| !self.has_column(column));
        let columns = || self.columns.iter().map(|(name, _)| name.as_str());
        let unknown = unknown.map(|(list, column)| {
            format!(
                "`{list}` names `{column}`, which is not one of its columns{}",
                did_you_mean(column, columns())
            )
        });
        unknown.collect()
    }
}

/// Whether a file or folder may have this name, followed by an ending.
fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= 200 && !name.contains(['/', '\0'])
}
