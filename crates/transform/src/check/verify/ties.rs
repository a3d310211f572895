//! Handles rows whose order is open, because the columns to order by don't tell them apart.

use std::collections::HashMap;

use dataset::failure::Kind;

/// How many bytes the rows that wait for an equal row may take, both sides together.
const MOST_BYTES: usize = 64 << 20;

/// The rows of one run of ties that differed at the same position.
#[derive(Default)]
pub(super) struct Ties {
    /// The file's rows, with their numbers in it.
    of_file: Vec<(u64, Vec<u8>)>,
    of_database: Vec<Vec<u8>>,
    bytes: usize,
}

/// A row of the file that the database doesn't have, and a row of the database that the file lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unmatched {
    /// The row's number in the file.
    pub(super) row: u64,
    pub(super) of_file: Vec<u8>,
    pub(super) of_database: Vec<u8>,
}

impl Ties {
    /// Keeps two rows that stand at the same position and differ.
    ///
    /// # Errors
    /// [`Kind::Usage`] if too many rows wait: the model has to order them further.
    pub(super) fn keep(
        &mut self,
        row: u64,
        of_file: &[u8],
        of_database: &[u8],
    ) -> anyhow::Result<()> {
        self.bytes += of_file.len() + of_database.len();
        if self.bytes > MOST_BYTES {
            return Err(Kind::Usage.error(format!(
                "more than {} MiB of rows that the model's order doesn't tell apart come in another order from the \
                 database: give the model an `order_by` that names a row uniquely",
                MOST_BYTES >> 20
            )));
        }
        self.of_file.push((row, of_file.to_vec()));
        self.of_database.push(of_database.to_vec());
        Ok(())
    }

    /// Ends the run of ties: `None` if both sides have the same rows, in any order.
    pub(super) fn close(&mut self) -> Option<Unmatched> {
        if self.of_file.is_empty() {
            return None;
        }
        let Self {
            of_file,
            of_database,
            ..
        } = std::mem::take(self);
        let mut waiting: HashMap<&[u8], usize> = HashMap::new();
        for record in &of_database {
            *waiting.entry(record).or_default() += 1;
        }
        let mut unmatched = None;
        for (row, record) in &of_file {
            match waiting.get_mut(record.as_slice()) {
                Some(count) if *count > 0 => *count -= 1,
                _ => unmatched = unmatched.or(Some((*row, record))),
            }
        }
        let (row, of_file) = unmatched?;
        // Both sides have equally many rows, so the database has an unmatched one too.
        let instead = of_database
            .iter()
            .find(|record| waiting[record.as_slice()] > 0)?;
        Some(Unmatched {
            row,
            of_file: of_file.clone(),
            of_database: instead.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(pairs: &[(&str, &str)]) -> Option<Unmatched> {
        let mut ties = Ties::default();
        for (row, (of_file, of_database)) in (1..).zip(pairs) {
            ties.keep(row, of_file.as_bytes(), of_database.as_bytes())
                .unwrap();
        }
        ties.close()
    }

    #[test]
    fn rows_match_wherever_they_stand_and_as_often_as_they_do() {
        assert_eq!(closed(&[]), None);
        assert_eq!(closed(&[("a", "b"), ("b", "c"), ("c", "a")]), None);
        assert_eq!(closed(&[("a", "b"), ("a", "a"), ("b", "a")]), None);
        let unmatched = closed(&[("a", "b"), ("b", "a"), ("a", "b")]).unwrap();
        assert_eq!(unmatched.row, 3);
        assert_eq!(unmatched.of_file, b"a");
        assert_eq!(unmatched.of_database, b"b");
    }

    #[test]
    fn too_many_that_wait_are_refused_with_the_way_out() {
        let mut ties = Ties::default();
        let row = vec![b'x'; MOST_BYTES / 4];
        ties.keep(1, &row, &row).unwrap();
        ties.keep(2, &row, &row).unwrap();
        let error = ties.keep(3, b"a", b"b").unwrap_err();
        assert!(error.to_string().contains("`order_by`"), "{error}");
    }
}
