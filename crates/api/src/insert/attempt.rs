//! Inserts the rows of a request into their table, in the transaction of a session: wave by wave and, if the server refuses a row
//! for a reason of its own, in smaller and smaller halves until that row stands alone.

use std::collections::{BTreeMap, HashMap};

use futures_util::future;
use loader::OnDuplicate;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;
use values::rule::{Rule, Violation};

use crate::insert::array::Array;
use crate::insert::outcome::{Outcome, violation};
use crate::insert::statement::{Breach, Shape, Way, judging};
use crate::insert::waves;
use crate::pool::Session;
use crate::rows::batch::Batch;
use crate::table::ServedTable;

/// How often a row is judged again because others got in before it; then it is inserted alone, so that the server says why it
/// isn't taken.
const TRIES: u32 = 2;

/// The reason why an attempt ended without outcomes.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server refuses a row. The rows must be inserted with savepoints, to find out which.
    RowRefused,
    /// The statement failed for another reason.
    Failed(Error),
    /// The table has no primary key by which a row could replace another.
    NoKey,
    /// The table's columns are not those that it had when its rules were read.
    Altered,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Rows that are being inserted into a table.
pub(crate) struct Attempt<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) table: &'a ServedTable,
    pub(crate) batch: &'a Batch,
    pub(crate) on_duplicate: OnDuplicate,
    /// Whether a savepoint is set before each statement.
    pub(crate) careful: bool,
    /// Statements that are sent together with the next one, before it.
    pub(crate) opening: Option<String>,
}

/// What the answer of the statement says about rows.
struct Told {
    inserted: u64,
    /// For each row that breaks rules, by its number, these rules as bits.
    breaks: HashMap<usize, i64>,
    bits: Vec<Breach>,
}

impl Attempt<'_> {
    /// Inserts the valid rows and returns what became of each row.
    ///
    /// # Errors
    /// After any trouble the transaction must be rolled back.
    pub(crate) async fn run(&mut self) -> Result<Vec<Outcome>, Trouble> {
        let rows = &self.batch.rows;
        let mut outcomes: Vec<Option<Outcome>> = rows
            .iter()
            .map(|row| (!row.is_row).then(|| Outcome::Rejected(row.broken.clone())))
            .collect();
        let mut pending: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].is_row).collect();
        let mut lost: HashMap<usize, u32> = HashMap::new();
        while !pending.is_empty() {
            let wave = waves::next(self.table, self.batch, &mut pending);
            let mut groups: BTreeMap<(bool, usize), Vec<usize>> = BTreeMap::new();
            for row in wave {
                let alone = lost.get(&row).is_some_and(|tries| *tries >= TRIES);
                let group = (alone, rows[row].defaults);
                groups.entry(group).or_default().push(row);
            }
            for ((alone, defaults), rows) in groups {
                let again = self.group(rows, defaults, alone, &mut outcomes).await?;
                for row in again {
                    *lost.entry(row).or_default() += 1;
                    pending.push(row);
                }
            }
            pending.sort_unstable();
        }
        if let Some(opening) = self.opening.take() {
            self.session.client.batch_execute(&opening).await?;
        }
        Ok(outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or(Outcome::LeftOut))
            .collect())
    }

    /// Inserts rows that have the same columns. Returns those that were not inserted because others, whose keys the statement did
    /// not see yet, came before them.
    async fn group(
        &mut self,
        rows: Vec<usize>,
        defaults: usize,
        alone: bool,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<usize>, Trouble> {
        let defaults = self.batch.defaults[defaults].clone();
        let way = match alone {
            true => Way::Plain,
            false => Way::of(self.table, &defaults, self.on_duplicate).ok_or(Trouble::NoKey)?,
        };
        let shape = Shape { defaults, way };
        let mut again = Vec::new();
        let mut parts = match alone {
            true => rows.into_iter().rev().map(|row| vec![row]).collect(),
            false => vec![rows],
        };
        while let Some(mut part) = parts.pop() {
            if self.careful {
                let opening = self.opening.take();
                let opening = opening.map_or(String::new(), |opening| opening + "; ");
                self.opening = Some(opening + "SAVEPOINT part");
            }
            let told = match self.statement(&part, &shape).await {
                Ok(told) => {
                    let is_alone = part.len() == 1;
                    let is_plain = shape.way == Way::Plain;
                    let settled = self.settle(&part, &told, is_plain, outcomes);
                    match settled {
                        // The rows in the table are not those that the statement reported, as when a trigger changes their keys.
                        None if !self.careful => return Err(Trouble::RowRefused),
                        None if is_alone => {
                            outcomes[part[0]] = Some(Outcome::Inserted);
                            None
                        }
                        None => Some(None),
                        Some(lost) => {
                            again.extend(lost);
                            None
                        }
                    }
                }
                Err(Trouble::Failed(error)) => {
                    let refused = error.as_db_error().and_then(violation);
                    match refused {
                        None => return Err(error.into()),
                        Some(_) if !self.careful => return Err(Trouble::RowRefused),
                        Some(refused) => Some(Some(refused)),
                    }
                }
                Err(trouble) => return Err(trouble),
            };
            let Some(refused) = told else {
                if self.careful {
                    self.opening = Some("RELEASE part".to_owned());
                }
                continue;
            };
            let undo = "ROLLBACK TO part; RELEASE part";
            self.session.client.batch_execute(undo).await?;
            match (&part[..], refused) {
                ([row], Some(refused)) => {
                    let mut broken = self.batch.rows[*row].broken.clone();
                    broken.push(refused);
                    outcomes[*row] = Some(Outcome::Rejected(broken));
                }
                _ => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
            }
        }
        Ok(again)
    }

    /// Runs the statement for rows.
    async fn statement(&mut self, rows: &[usize], shape: &Shape) -> Result<Told, Trouble> {
        let table = self.table;
        // Preparing a statement takes locks too. Only inside our transaction does it wait for them no longer than allowed.
        if !self.session.has_prepared(table, shape)
            && let Some(opening) = self.opening.take()
        {
            self.session.client.batch_execute(&opening).await?;
        }
        let prepared = self
            .session
            .prepared(table, shape, || judging(table, shape))
            .await?
            .ok_or(Trouble::Altered)?;
        let mut numbers = Vec::with_capacity(rows.len() * 8);
        let mut marks = Vec::with_capacity(rows.len() * 5);
        for row in rows {
            numbers.extend_from_slice(&4_i32.to_be_bytes());
            numbers.extend_from_slice(&(*row as i32).to_be_bytes());
            marks.extend_from_slice(&1_i32.to_be_bytes());
            marks.push(u8::from(self.batch.rows[*row].broken.is_empty()));
        }
        let is_whole = rows.len() == self.batch.rows.len();
        let gathered: Vec<Vec<u8>> = match is_whole {
            true => Vec::new(),
            false => {
                let columns = prepared.judging.columns.iter();
                let of_rows = |place: &usize| {
                    let column = &self.batch.columns[*place];
                    let elements = rows.iter().map(|row| column.element(*row));
                    elements.collect::<Vec<_>>().concat()
                };
                columns.map(of_rows).collect()
            }
        };
        let mut arrays = vec![
            Array::new(&numbers, rows.len()),
            Array::new(&marks, rows.len()),
        ];
        match is_whole {
            true => arrays.extend(
                prepared
                    .judging
                    .columns
                    .iter()
                    .map(|place| Array::new(&self.batch.columns[*place].bytes, rows.len())),
            ),
            false => arrays.extend(gathered.iter().map(|bytes| Array::new(bytes, rows.len()))),
        }
        let parameters: Vec<&(dyn ToSql + Sync)> = arrays
            .iter()
            .map(|array| array as &(dyn ToSql + Sync))
            .collect();
        let client = &self.session.client;
        let query = client.query(&prepared.statement, &parameters);
        let answer = match self.opening.take() {
            None => query.await?,
            Some(opening) => {
                // Both are sent at once. If the first fails, so does the second, since the transaction is broken.
                let (opened, answer) = future::join(client.batch_execute(&opening), query).await;
                opened?;
                answer?
            }
        };
        let mut told = Told {
            inserted: 0,
            breaks: HashMap::new(),
            bits: prepared.judging.bits.clone(),
        };
        for row in answer {
            let (number, of_row): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
            match usize::try_from(number) {
                Ok(number) => {
                    told.breaks.insert(number, of_row);
                }
                Err(_) => told.inserted = of_row as u64,
            }
        }
        Ok(told)
    }

    /// Notes what became of rows, and returns those that were not inserted although the statement saw no reason. `None` if what the
    /// statement reported doesn't fit the number of rows that it inserted.
    fn settle(
        &self,
        rows: &[usize],
        told: &Told,
        is_plain: bool,
        outcomes: &mut [Option<Outcome>],
    ) -> Option<Vec<usize>> {
        let mut inserted = 0;
        let mut lost = Vec::new();
        let mut settled = Vec::with_capacity(rows.len());
        for row in rows {
            let of_row = &self.batch.rows[*row];
            let Some(breaks) = told.breaks.get(row) else {
                inserted += 1;
                settled.push((*row, Outcome::Inserted));
                continue;
            };
            let breaches = told.bits.iter().enumerate();
            let breaches = breaches.filter(|(bit, _)| breaks & (1 << bit) != 0);
            let (mut taken, mut others, mut replaces) = (Vec::new(), Vec::new(), false);
            for (_, breach) in breaches {
                match breach {
                    Breach::Taken(place) => {
                        let key = self.table.unique[*place].index;
                        taken.push(self.table.target.unique[key].taken());
                    }
                    Breach::NoParent(index) => {
                        others.push(self.table.target.references[*index].without_parent());
                    }
                    Breach::Replaces => replaces = true,
                }
            }
            if of_row.broken.is_empty() && taken.is_empty() && others.is_empty() {
                match replaces {
                    true => {
                        inserted += 1;
                        settled.push((*row, Outcome::Updated));
                    }
                    false => lost.push(*row),
                }
                continue;
            }
            let only_taken = of_row.broken.is_empty() && others.is_empty();
            if only_taken && self.on_duplicate == OnDuplicate::Skip {
                settled.push((*row, Outcome::Skipped));
                continue;
            }
            let mut broken = of_row.broken.clone();
            broken.extend(taken);
            broken.extend(others);
            settled.push((*row, Outcome::Rejected(broken)));
        }
        if inserted != told.inserted {
            // A plain statement reports no keys. If it inserted nothing, the server left its only row out.
            let left_out = is_plain && rows.len() == 1 && told.inserted == 0;
            if !left_out {
                return None;
            }
            settled = vec![(rows[0], Outcome::Rejected(vec![left_out_by_server()]))];
        }
        for (row, outcome) in settled {
            outcomes[row] = Some(outcome);
        }
        Some(lost)
    }
}

/// The broken rule of a row that the server leaves out without saying why.
fn left_out_by_server() -> Violation {
    Violation {
        column: String::new(),
        rule: Rule::Check,
        message: "the server left the row out, as a trigger of the table can do".to_owned(),
    }
}
