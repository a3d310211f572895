//! The tables of the comparison: the times and ratios of each query, and their medians.

use super::contender::{DUCKDB, EXTRATO, POSTGRES, label};
use super::query::{Engine, Query};
use crate::rounds::Line;
use crate::table::{Spread, markdown, median, middle, none, peak_mebibytes, thousands};

const HEADER: [&str; 13] = [
    "query",
    "engine",
    "rows",
    "extrato s",
    "min–max s",
    "MiB",
    "DuckDB s",
    "min–max s",
    "MiB",
    "Postgres s",
    "min–max s",
    "to DuckDB",
    "to Postgres",
];

const SUMMARY: [&str; 6] = [
    "engine",
    "queries",
    "to DuckDB, median",
    "greatest",
    "to Postgres, median",
    "greatest",
];

/// A query and its measurements.
pub(super) struct Measured<'a> {
    query: &'a Query,
    extrato: Option<&'a Line>,
    duckdb: Option<&'a Line>,
    postgres: Option<&'a Line>,
}

impl<'a> Measured<'a> {
    pub(super) fn of(query: &'a Query, lines: &'a [Line]) -> Self {
        let line = |contender| {
            let label = label(query, contender);
            lines.iter().find(|line| line.label == label)
        };
        Self {
            query,
            extrato: line(EXTRATO),
            duckdb: line(DUCKDB),
            postgres: line(POSTGRES),
        }
    }

    /// The query's name.
    pub(super) fn name(&self) -> &str {
        &self.query.name
    }

    /// The engine that ran the query in `extrato transform`.
    pub(super) fn engine(&self) -> Option<Engine> {
        self.query.engine.get().copied()
    }

    /// The time of `extrato transform`, as a multiple of DuckDB's.
    pub(super) fn to_duckdb(&self) -> Option<f64> {
        Some(seconds(self.extrato)? / seconds(self.duckdb)?)
    }

    /// The time of `extrato transform`, as a multiple of Postgres's own.
    fn to_postgres(&self) -> Option<f64> {
        Some(seconds(self.extrato)? / seconds(self.postgres)?)
    }

    /// Whether `extrato transform` gave the right rows in every round.
    pub(super) fn is_measured(&self) -> bool {
        seconds(self.extrato).is_some()
    }

    fn cells(&self) -> [String; HEADER.len()] {
        let rows = self.query.answer.get().map(|answer| answer.rows());
        let [extrato, extrato_range] = times(self.extrato);
        let [duckdb, duckdb_range] = times(self.duckdb);
        let [postgres, postgres_range] = times(self.postgres);
        [
            self.query.name.clone(),
            self.engine()
                .map_or_else(none, |engine| engine.name().to_owned()),
            rows.map_or_else(none, thousands),
            extrato,
            extrato_range,
            memory(self.extrato),
            duckdb,
            duckdb_range,
            memory(self.duckdb),
            postgres,
            postgres_range,
            ratio(self.to_duckdb()),
            ratio(self.to_postgres()),
        ]
    }
}

/// A table with a row for each query.
pub(super) fn table(all: &[Measured<'_>]) -> String {
    markdown(HEADER, all.iter().map(Measured::cells))
}

/// A table with a row for each engine: the median and the greatest of its queries' ratios.
pub(super) fn summary(all: &[Measured<'_>]) -> String {
    let rows = Engine::ALL.map(|engine| {
        let of: Vec<_> = all
            .iter()
            .filter(|measured| measured.engine() == Some(engine))
            .collect();
        let [duckdb, most_duckdb] = middle_and_most(of.iter().filter_map(|one| one.to_duckdb()));
        let [postgres, most_postgres] =
            middle_and_most(of.iter().filter_map(|one| one.to_postgres()));
        [
            engine.name().to_owned(),
            of.len().to_string(),
            duckdb,
            most_duckdb,
            postgres,
            most_postgres,
        ]
    });
    markdown(SUMMARY, rows)
}

fn middle_and_most(ratios: impl Iterator<Item = f64>) -> [String; 2] {
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    [ratio(median(&ratios)), ratio(ratios.last().copied())]
}

fn seconds(line: Option<&Line>) -> Option<f64> {
    Some(Spread::of_seconds(line?)?.median)
}

fn times(line: Option<&Line>) -> [String; 2] {
    match line.and_then(Spread::of_seconds) {
        Some(spread) => [format!("{:.3}", spread.median), spread.range(3)],
        None => [none(), none()],
    }
}

fn memory(line: Option<&Line>) -> String {
    line.map_or_else(none, |line| middle(line, 0, peak_mebibytes))
}

fn ratio(number: Option<f64>) -> String {
    number.map_or_else(none, |number| format!("{number:.2} ×"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Sample, Usage};

    fn query(name: &str, engine: Engine) -> Query {
        let query = Query::of(&testkit::model(name, "SELECT 1"));
        query.engine.set(engine).expect("not known before");
        query
    }

    fn line(query: &Query, contender: &str, seconds: &[f64]) -> Line {
        let sample = |&seconds| Sample {
            seconds,
            rows: 4,
            usage: Some(Usage {
                cpu_seconds: seconds,
                peak_bytes: 3 << 20,
            }),
            ..Sample::default()
        };
        Line {
            samples: Ok(seconds.iter().map(sample).collect()),
            ..Line::new(label(query, contender))
        }
    }

    #[test]
    fn a_query_is_compared_with_duckdb_and_with_postgres() {
        let query = query("q01", Engine::Polars);
        let lines = [
            line(&query, POSTGRES, &[0.5]),
            line(&query, EXTRATO, &[3.0, 1.0, 2.0]),
            line(&query, DUCKDB, &[4.0, 4.0, 5.0]),
        ];
        let cells = Measured::of(&query, &lines).cells();
        assert_eq!(cells[..3], ["q01", "Polars", "–"]);
        assert_eq!(cells[3..6], ["2.000", "1.000–3.000", "3"]);
        assert_eq!(cells[11..], ["0.50 ×", "4.00 ×"]);
    }

    #[test]
    fn what_is_not_measured_has_no_ratio() {
        let query = query("q01", Engine::Postgres);
        let mut lines = [line(&query, EXTRATO, &[1.0]), line(&query, DUCKDB, &[])];
        lines[1].samples = Err("no such program".to_owned());
        let measured = Measured::of(&query, &lines);
        assert!(measured.is_measured() && measured.to_duckdb().is_none());
        assert_eq!(measured.cells()[6..], ["–"; 7]);
    }

    #[test]
    fn engines_have_the_middle_and_the_greatest_of_their_ratios() {
        let queries = [("q01", 1.0), ("q02", 2.0), ("q03", 9.0)]
            .map(|(name, seconds)| (query(name, Engine::Polars), seconds));
        let lines: Vec<Line> = queries
            .iter()
            .flat_map(|(query, seconds)| {
                [
                    line(query, EXTRATO, &[*seconds]),
                    line(query, DUCKDB, &[1.0]),
                ]
            })
            .collect();
        let all: Vec<_> = queries
            .iter()
            .map(|(query, _)| Measured::of(query, &lines))
            .collect();
        let text = summary(&all);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(2)
            .map(|row| row.split('|').map(str::trim).collect())
            .collect();
        assert_eq!(rows[0][1..5], ["Polars", "3", "2.00 ×", "9.00 ×"]);
        assert_eq!(rows[1][1..5], ["scratch database", "0", "–", "–"]);
    }
}
