//! Which line of its file each row of a COPY stands on: the server, where it refuses one, counts the rows it was sent.

/// Runs that are kept: 16 MiB of them. Of rows that are sent after so many the line isn't known.
const MOST_RUNS: usize = 1 << 20;

/// The lines of the rows sent, as runs of rows that stand on lines which follow each other.
#[derive(Debug, Default)]
pub(crate) struct SentLines {
    rows: u64,
    /// The first row, from 0, and its line.
    runs: Vec<(u64, u64)>,
    /// How many of the rows the runs tell of, if not all.
    known: Option<u64>,
}

impl SentLines {
    /// Notes that the row on this line is sent next.
    pub(crate) fn push(&mut self, line: u64) {
        let last = self.runs.last();
        let follows = last.is_some_and(|(row, first)| first + (self.rows - row) == line);
        if !follows && self.known.is_none() {
            match self.runs.len() < MOST_RUNS {
                true => self.runs.push((self.rows, line)),
                false => self.known = Some(self.rows),
            }
        }
        self.rows += 1;
    }

    /// The line of a row, which counts from 0.
    fn line(&self, row: u64) -> Option<u64> {
        if row >= self.known.unwrap_or(self.rows) {
            return None;
        }
        let run = self.runs.partition_point(|(first, _)| *first <= row);
        let (first, line) = self.runs.get(run.checked_sub(1)?)?;
        Some(line + (row - first))
    }

    /// Adds the place in the file to an error of the server that tells its row.
    pub(crate) fn locate(&self, error: anyhow::Error, file: &str) -> anyhow::Error {
        let line = refused_row(&error).and_then(|row| self.line(row));
        match line {
            Some(line) => error.context(format!("{file}, line {line}")),
            None => error,
        }
    }
}

/// The row, from 0, that an error's context tells: `COPY jobs, line 3, column id`.
fn refused_row(error: &anyhow::Error) -> Option<u64> {
    let error = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<postgres::Error>())?;
    let (_, rest) = error.as_db_error()?.where_()?.split_once(", line ")?;
    let digits = rest
        .split(|character: char| !character.is_ascii_digit())
        .next()?;
    digits.parse::<u64>().ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_line_whatever_lies_between() {
        let mut sent = SentLines::default();
        let lines = [2, 3, 4, 7, 8, 20, 5, 6];
        for line in lines {
            sent.push(line);
        }
        let found: Vec<_> = (0..9).map(|row| sent.line(row)).collect();
        let expected: Vec<_> = lines.into_iter().map(Some).chain([None]).collect();
        assert_eq!(found, expected);
        assert_eq!(sent.runs.len(), 4);
    }

    #[test]
    fn beyond_what_is_kept_no_line_is_told() {
        let mut sent = SentLines::default();
        for row in 0..MOST_RUNS as u64 + 5 {
            sent.push(2 * row);
        }
        let last = MOST_RUNS as u64 - 1;
        assert_eq!(sent.line(last), Some(2 * last));
        assert_eq!(sent.line(last + 1), None);
    }
}
