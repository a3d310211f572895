//! The rows of a report: `transform` runs the models, and of each as many rows are kept as a page can hold.

use database::{Cancel, Settings};
use dataset::failure::{Kind, OrFail};
use dataset::{Chart, ColumnType, Model};
use serde::Serialize;
use transform::{Engine, Layout, ModelReport, Options, Report};

/// How many rows a model may have for the page to hold all of them.
pub const MOST_ROWS: usize = 100_000;
/// How many bytes of text the rows of a model may have for the page to hold all of them.
const MOST_BYTES: usize = 8 << 20;
/// How many bytes all models together may have on the page; they are counted in the models' order.
const MOST_OF_PAGE: usize = 24 << 20;
/// How many of its first rows are shown of a larger model.
pub const ROWS_OF_LARGE: usize = 1_000;
/// How many bytes those first rows may have; at least one row is shown.
const BYTES_OF_LARGE: usize = 1 << 20;

/// Everything that a report shows.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// The dataset's name.
    pub dataset: String,
    /// The version of the program that ran the models.
    pub extrato: &'static str,
    /// When the models were run, as `2026-01-31 23:59:59 UTC`.
    pub made: String,
    /// The run's identifier.
    pub run: String,
    /// The database snapshot, as Postgres names it.
    pub snapshot: String,
    /// The models' parameters, by name.
    pub parameters: Vec<ShownParameter>,
    /// Whether a service serves the page, which can then run the models again with other parameters.
    pub is_served: bool,
    /// The tables that were read.
    pub tables: Vec<TableRead>,
    /// The models, in the dataset's order.
    pub models: Vec<ShownModel>,
}

/// A parameter and its value.
#[derive(Debug, Clone, Serialize)]
pub struct ShownParameter {
    /// The parameter's name.
    pub name: String,
    /// The parameter's type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// The value that the models ran with.
    pub value: String,
}

/// A table that was read.
#[derive(Debug, Clone, Serialize)]
pub struct TableRead {
    /// The table's name.
    pub table: String,
    /// How many rows were read.
    pub rows: u64,
}

/// A model and its rows.
#[derive(Debug, Clone, Serialize)]
pub struct ShownModel {
    /// The model's name.
    pub name: String,
    /// The description of the model: the comment that its SELECT begins with.
    pub about: String,
    /// The SELECT, without that comment.
    pub sql: String,
    /// The engine that ran the model.
    pub engine: Engine,
    /// The model's columns, with their types.
    pub columns: Vec<ShownColumn>,
    /// How the model is drawn as a chart.
    pub chart: Option<Chart>,
    /// How many rows the model gives.
    pub total: u64,
    /// Whether the model gives more rows than are shown.
    pub is_cut: bool,
    /// A sentence that says how the model's rows add up.
    pub reconciled: Option<String>,
    /// How many checks the model's rows passed.
    pub checks: usize,
    /// The rows that are shown, each value as it is written in files; `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// A column of a model.
#[derive(Debug, Clone, Serialize)]
pub struct ShownColumn {
    /// The column's name.
    pub name: String,
    /// The column's type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
}

/// Runs the models that `options` names and keeps what a page shows of them. Nothing is written into the output folder of
/// `options`.
///
/// # Errors
/// As [`transform::run`].
pub fn shown(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Shown> {
    let scratch = tempfile::tempdir().or_fail(Kind::Output, || "a folder for the rows")?;
    let options = Options {
        out: scratch.path().into(),
        layout: Layout::SingleFile,
        preview_rows: MOST_ROWS,
        stage: None,
        to_postgres: None,
        ..options.clone()
    };
    let report = transform::run(settings, &options, cancel)?;
    Ok(of_report(report, &options))
}

fn of_report(report: Report, options: &Options) -> Shown {
    let Report {
        run,
        snapshot,
        tables,
        models,
        ..
    } = report;
    let tables = tables.into_iter().map(|read| TableRead {
        table: read.table,
        rows: read.rows,
    });
    let described = &options.dataset.models;
    let mut left_bytes = MOST_OF_PAGE;
    let models = models.into_iter().filter_map(|report| {
        let model = described.iter().find(|model| model.name == report.model)?;
        Some(of_model(model, report, &mut left_bytes))
    });
    let parameters = options.dataset.parameters().into_values();
    Shown {
        parameters: parameters
            .map(|of| ShownParameter {
                name: of.name.clone(),
                kind: of.kind,
                value: of.value.clone(),
            })
            .collect(),
        is_served: false,
        dataset: options.dataset.name.clone(),
        extrato: env!("CARGO_PKG_VERSION"),
        made: made(&run),
        snapshot,
        tables: tables.collect(),
        models: models.collect(),
        run,
    }
}

/// A model, with all of its rows if they fit into `left_bytes`, from which they are subtracted.
fn of_model(model: &Model, report: ModelReport, left_bytes: &mut usize) -> ShownModel {
    let (columns, mut rows) = match report.preview {
        Some(preview) => (preview.columns, preview.rows),
        None => (Vec::new(), Vec::new()),
    };
    let bytes: usize = rows.iter().map(|row| bytes_of(row)).sum();
    let is_whole = report.rows <= rows.len() as u64 && bytes <= MOST_BYTES.min(*left_bytes);
    if is_whole {
        *left_bytes -= bytes;
    } else {
        rows.truncate(ROWS_OF_LARGE);
        rows.truncate(within(&rows, BYTES_OF_LARGE).max(1));
    }
    let (about, sql) = commented(&model.sql);
    let columns = columns.into_iter();
    ShownModel {
        name: report.model,
        about,
        sql,
        engine: report.engine,
        columns: columns
            .map(|(name, kind)| ShownColumn { name, kind })
            .collect(),
        chart: model.chart.clone(),
        total: report.rows,
        is_cut: !is_whole,
        reconciled: report.reconciliation.map(|of| {
            format!(
                "{}: {} rows = {} written + {} left out",
                of.table, of.read.rows, of.written.rows, of.left_out.rows
            )
        }),
        checks: report.checks.len(),
        rows,
    }
}

/// How many of the first rows fit into `most_bytes`.
fn within(rows: &[Vec<Option<String>>], most_bytes: usize) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take_while(|row| {
        bytes += bytes_of(row);
        bytes <= most_bytes
    });
    fits.count()
}

/// How many bytes a row takes on the page, with the quotes and commas around its values.
fn bytes_of(row: &[Option<String>]) -> usize {
    let values = row.iter();
    values
        .map(|value| value.as_ref().map_or(4, String::len) + 3)
        .sum()
}

/// Splits a SELECT into the comment that it begins with, as one line, and the rest.
pub fn commented(sql: &str) -> (String, String) {
    let mut about: Vec<&str> = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(comment) = rest.strip_prefix("--") {
        let (line, behind) = comment.split_once('\n').unwrap_or((comment, ""));
        about.push(line.trim());
        rest = behind.trim_start();
    }
    (about.join(" "), rest.trim_end().to_owned())
}

/// The time of a run, taken from its identifier: `20260131T235959Z-…`.
fn made(run: &str) -> String {
    let digit = |at: std::ops::Range<usize>| run.get(at).unwrap_or_default();
    format!(
        "{}-{}-{} {}:{}:{} UTC",
        digit(0..4),
        digit(4..6),
        digit(6..8),
        digit(9..11),
        digit(11..13),
        digit(13..15)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_at_the_head_of_a_select_tells_what_it_is_of() {
        let sql = "-- One\n--   two.\nSELECT 1 -- three\n";
        let expected = ("One two.".to_owned(), "SELECT 1 -- three".to_owned());
        assert_eq!(commented(sql), expected);
        assert_eq!(
            commented("SELECT 1"),
            (String::new(), "SELECT 1".to_owned())
        );
        assert_eq!(commented("-- all"), ("all".to_owned(), String::new()));
    }

    #[test]
    fn a_run_says_when_it_was() {
        assert_eq!(made("20260131T235959Z-17"), "2026-01-31 23:59:59 UTC");
    }

    #[test]
    fn rows_are_counted_up_to_so_many_bytes() {
        let rows = vec![vec![Some("12345".to_owned()), None]; 4];
        assert_eq!(within(&rows, 15), 1);
        assert_eq!(within(&rows, 45), 3);
        assert_eq!(within(&rows, 14), 0);
        assert_eq!(within(&[], 0), 0);
    }
}
