//! How a report draws the result of a model.

use serde::{Deserialize, Serialize};

use crate::column::ColumnType;
use crate::twice::twice;

/// A chart of a model's rows. Rows with the same place in the chart are added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// The kind of chart.
    pub kind: ChartKind,
    /// The column that gives a row's place along the x axis.
    pub x: String,
    /// The columns that are added up, with a series for each; if empty, rows are counted.
    #[serde(default)]
    pub y: Vec<String>,
    /// A column; each of its values has a series of its own.
    #[serde(default)]
    pub series: Option<String>,
}

/// The kinds of charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    /// Bars; those of different series stand beside each other.
    Bar,
    /// Bars; those of different series are stacked.
    Stacked,
    /// A line for each series.
    Line,
}

impl ChartKind {
    /// The names of the kinds in `dataset.toml`.
    pub(crate) const NAMES: [&str; 3] = ["bar", "stacked", "line"];
}

impl Chart {
    /// All that is wrong with a chart. If the model's columns are not known yet, only contradictions within the chart itself.
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
