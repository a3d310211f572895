//! Which lines of the file the rows of a COPY came from.
//!
//! When the server refuses a row, it gives the row's number within the COPY. Rejected rows are not sent, so that number is not the
//! row's number in the file; the lines of the rows that were sent are remembered here.

use dataset::failure::Kind;
use postgres::Error;

/// How many runs are remembered at most; they take 16 MiB.
const MOST_RUNS: usize = 1 << 20;
/// Classes of SQLSTATE that are about a row: its values, a constraint, an error that a function raised.
const REFUSALS: [&str; 3] = ["22", "23", "P0"];

/// The lines of the rows that one COPY sent, as runs of rows that stand on neighbouring lines.
#[derive(Default)]
pub(crate) struct SentLines {
    runs: Vec<LineRun>,
    rows: u64,
}

struct LineRun {
    /// How many rows were sent before the run.
    before: u64,
    line: u64,
}

impl SentLines {
    /// Remembers the line on which the next row begins.
    pub(crate) fn add(&mut self, line: u64) {
        let follows = self
            .runs
            .last()
            .is_some_and(|run| run.line + (self.rows - run.before) == line);
        if !follows && self.runs.len() <= MOST_RUNS {
            let before = self.rows;
            self.runs.push(LineRun { before, line });
        }
        self.rows += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.rows = 0;
    }

    /// The line of the row with this number, counted from 1; `None` for rows after the last one that is remembered.
    fn line(&self, row: u64) -> Option<u64> {
        let index = row.checked_sub(1).filter(|index| *index < self.rows)?;
        let run = self.runs.partition_point(|run| run.before <= index) - 1;
        let run = (run < MOST_RUNS).then(|| &self.runs[run])?;
        Some(run.line + (index - run.before))
    }

    /// Adds to an error the line of `file` that the server refused, if the server says which row of `table` that was.
    pub(crate) fn with_place(
        &self,
        error: anyhow::Error,
        table: &str,
        file: &str,
    ) -> anyhow::Error {
        let refused = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Error>()?.as_db_error())
            .filter(|error| REFUSALS.contains(&&error.code().code()[..2]));
        let line = refused
            .and_then(|error| row_in(error.where_()?, table))
            .and_then(|row| self.line(row));
        let Some(line) = line else { return error };
        Kind::Refused.caused_by(
            error,
            format!("{file}, line {line}: the server refuses this row, which passed all checks of the load"),
        )
    }
}

/// The number of the row that the server's context names: "COPY t, line 3" or, in another language, "COPY t, linha
/// 3".
fn row_in(context: &str, table: &str) -> Option<u64> {
    let mut lines = context.lines();
    let copy = lines.find_map(|line| line.strip_prefix("COPY ")?.strip_prefix(table))?;
    let copy = copy.strip_prefix(',')?;
    let digits = copy.trim_start_matches(|character: char| !character.is_ascii_digit());
    let end = digits
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_line_back() {
        let lines = [2, 3, 4, 9, 10, 12, 15, 16];
        let mut sent = SentLines::default();
        for line in lines {
            sent.add(line);
        }
        assert_eq!(sent.runs.len(), 4);
        let found: Vec<_> = (1..=8).filter_map(|row| sent.line(row)).collect();
        assert_eq!(found, lines);
        assert_eq!((sent.line(0), sent.line(9)), (None, None));
    }

    #[test]
    fn lines_are_known_up_to_the_bound_and_never_guessed_beyond() {
        let mut sent = SentLines::default();
        let most = MOST_RUNS as u64;
        for row in 1..=most + 5 {
            sent.add(row * 3);
        }
        assert_eq!(sent.line(most), Some(most * 3));
        assert_eq!(sent.line(most + 1), None);
        assert_eq!(sent.line(most + 5), None);
    }

    #[test]
    fn the_servers_context_is_read_in_its_languages() {
        assert_eq!(row_in("COPY t, line 3", "t"), Some(3));
        assert_eq!(row_in("COPY t, linha 31, coluna qty: \"7\"", "t"), Some(31));
        let trigger = "PL/pgSQL function f() line 2 at RAISE\nCOPY t, line 12";
        assert_eq!(row_in(trigger, "t"), Some(12));
        assert_eq!(row_in("SQL statement \"SELECT 1\"", "t"), None);
        assert_eq!(row_in("COPY t2, line 3", "t"), None);
    }
}
