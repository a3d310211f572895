//! How a report draws what a model gives.

use serde::{Deserialize, Serialize};

use crate::column::ColumnType;
use crate::twice::twice;

/// A chart of a model's rows. Rows that have the same place in it are added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// What is drawn.
    pub kind: ChartKind,
    /// The column along which the rows stand.
    pub x: String,
    /// The columns that are added up, a series for each; none where rows are counted.
    #[serde(default)]
    pub y: Vec<String>,
    /// The column whose values are a series each.
    #[serde(default)]
    pub series: Option<String>,
}

/// What a chart draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    /// Bars, those of several series beside each other.
    Bar,
    /// Bars, those of several series on top of each other.
    Stacked,
    /// A line for each series.
    Line,
}

impl ChartKind {
    /// What `dataset.toml` calls each.
    pub(crate) const NAMES: [&str; 3] = ["bar", "stacked", "line"];
}

impl Chart {
    /// All that is wrong with a chart, given what the model's columns are; where they are not known yet, what contradicts itself.
    pub(crate) fn problems(
        &self,
        is_known: bool,
        kind_of: impl Fn(&str) -> Option<ColumnType>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        if self.y.len() > 1 && self.series.is_some() {
            problems.push(
                "`chart` has a `series` and several `y`, each of which is a series too: leave one out"
                    .to_owned(),
            );
        }
        if let Some(name) = twice(self.y.iter().map(String::as_str)) {
            problems.push(format!("`chart.y` names `{name}` twice"));
        }
        if !is_known {
            return problems;
        }
        let named = [("x", Some(&self.x)), ("series", self.series.as_ref())];
        let named = named.into_iter().filter_map(|(of, name)| Some((of, name?)));
        for (entry, name) in named.chain(self.y.iter().map(|name| ("y", name))) {
            match kind_of(name) {
                None => problems.push(format!(
                    "`chart.{entry}` names `{name}`, which is not one of the columns that are written"
                )),
                Some(kind) if entry == "y" && !kind.is_number() => problems.push(format!(
                    "`chart.y` names `{name}`, which is {kind}, and only numbers can be added up"
                )),
                Some(_) => {}
            }
        }
        problems
    }
}
