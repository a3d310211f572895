//! Runs queries as models, and judges the result of each.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Dataset, Model};
use postgres::types::Type;
use transform::{Engine, Layout, Options, SparkOptions};

use super::compare::{Rows, difference_of_columns, difference_of_rows};
use super::places::{Answer, Place, SCHEMA};
use super::queries::Statement;
use super::schema::TABLES;

/// How models are run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variation {
    /// Whether the run gets the least memory that is allowed.
    pub(super) little_memory: bool,
    /// Whether the tables come from an earlier run that kept them.
    pub(super) staged: bool,
    /// Whether integers are declared as `bigint`.
    pub(super) widened: bool,
    /// Whether a scratch database runs the models, including those that Polars cannot run.
    pub(super) in_postgres: bool,
    /// The server of Spark that runs the models, from tables that an earlier run kept.
    pub(super) on_spark: Option<&'static str>,
}

/// The result of a query.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// The rows are the same as in Postgres.
    Equal,
    /// The query was refused before any row was read.
    RefusedBefore(String),
    /// The query was refused when its rows were met.
    RefusedAtRun(String),
    /// Neither Postgres nor the model gives rows.
    BothFail,
    /// The model gives rows, but Postgres met a value that it cannot take, possibly in a row that need not be looked at.
    Open,
    /// Postgres took too long.
    Late,
    Finding(Finding),
}

/// Something that must not happen.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) class: Class,
    pub(super) what: String,
}

/// The way in which a query went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The rows differ from Postgres's.
    Rows,
    /// The columns' names or types differ from Postgres's.
    Columns,
    /// The model gives rows, but Postgres fails.
    PostgresFails,
    /// The model was accepted, although Postgres says that it is invalid.
    Invalid,
    /// There was an error that is not a refusal, or a panic.
    Fault,
}

/// The reason why there are no rows.
#[derive(Clone)]
struct Why {
    message: String,
    /// Whether the reason is a refusal.
    refused: bool,
}

type Columns = Vec<(String, ColumnType)>;

/// Runs statements as models of one dataset, and gives the result of each.
pub(super) fn outcomes(
    place: &mut Place,
    statements: &[Statement],
    variation: Variation,
) -> Vec<Outcome> {
    let mut trials = Trials {
        place,
        variation,
        models: statements.iter().enumerate().map(model).collect(),
    };
    let resolved = trials.resolve(&trials.models);
    let answers: Vec<Answer> = statements
        .iter()
        .map(|statement| trials.place.answer(&statement.sql))
        .collect();
    let resolved: Vec<_> = resolved
        .into_iter()
        .zip(&answers)
        .map(|(given, answer)| match (given, answer) {
            (Err(why), Answer::Rows(rows)) if variation.in_postgres && why.refused => {
                of_postgres(rows).ok_or(why)
            }
            (given, _) => given,
        })
        .collect();
    let mut to_run = Vec::new();
    for (index, columns) in resolved.iter().enumerate() {
        // A scratch database would give the same error, and a failing model makes the others run again.
        let nothing_to_compare = match &answers[index] {
            Answer::Rows(_) => false,
            answer @ Answer::Error(..) => answer.is_late() || variation.in_postgres,
        };
        if let (Ok(columns), false) = (columns, nothing_to_compare) {
            trials.models[index].columns = match variation.widened {
                true => columns.iter().cloned().map(widened).collect(),
                false => columns.clone(),
            };
            to_run.push(index);
        }
    }
    let mut results = BTreeMap::new();
    trials.run(&to_run, &mut results);
    let outcome = |((index, columns), answer): ((usize, Result<Columns, Why>), &Answer)| {
        let result = results.get(&index).cloned();
        outcome(
            &trials.models[index],
            columns,
            result,
            answer,
            statements[index].ordered,
            variation,
        )
    };
    resolved
        .into_iter()
        .enumerate()
        .zip(&answers)
        .map(outcome)
        .collect()
}

fn outcome(
    model: &Model,
    columns: Result<Columns, Why>,
    result: Option<Result<String, Why>>,
    answer: &Answer,
    ordered: bool,
    variation: Variation,
) -> Outcome {
    let in_postgres = variation.in_postgres;
    let finding = |class: Class, what: String| Outcome::Finding(Finding { class, what });
    let columns = match (columns, answer) {
        (_, answer) if answer.is_late() => return Outcome::Late,
        (Err(why), _) if !why.refused => return finding(Class::Fault, why.message),
        (Err(_), Answer::Error(..)) => return Outcome::BothFail,
        (Err(why), Answer::Rows(_)) => return Outcome::RefusedBefore(why.message),
        (Ok(columns), _) => columns,
    };
    match (result, answer) {
        (Some(Err(why)), _) if !why.refused => finding(Class::Fault, why.message),
        (Some(Err(_)) | None, Answer::Error(..)) => Outcome::BothFail,
        // A model that cannot be run should have been refused before its run.
        (Some(Err(why)), Answer::Rows(_))
            if !in_postgres
                && variation.on_spark.is_none()
                && why.message.contains("cannot be run") =>
        {
            finding(Class::Fault, why.message)
        }
        (Some(Err(why)), Answer::Rows(_)) => Outcome::RefusedAtRun(why.message),
        (None, Answer::Rows(_)) => finding(Class::Fault, "it was not run".to_owned()),
        (Some(Ok(_)), Answer::Error(state, message)) => match &state[..2] {
            "42" | "0A" => finding(Class::Invalid, format!("{state} {message}")),
            "22" if order_is_open(&model.sql) => Outcome::Open,
            _ => finding(Class::PostgresFails, format!("{state} {message}")),
        },
        (Some(Ok(file)), Answer::Rows(rows)) => {
            if !in_postgres && let Some(difference) = difference_of_columns(&columns, rows) {
                return finding(Class::Columns, difference);
            }
            match difference_of_rows(&model.columns, &file, &rows.rows, ordered) {
                None => Outcome::Equal,
                Some(difference) => finding(Class::Rows, difference),
            }
        }
    }
}

/// Whether the statement has parts that Postgres is free to evaluate for a row or not.
fn order_is_open(sql: &str) -> bool {
    let sql = sql.to_uppercase();
    let open = [
        "WHERE",
        "HAVING",
        "CASE",
        "(SELECT",
        "COALESCE",
        "JOIN",
        "LIMIT",
        "FETCH",
        "FILTER",
        "UNION",
        "EXCEPT",
        "INTERSECT",
    ];
    open.iter().any(|word| sql.contains(word))
}

fn model((index, statement): (usize, &Statement)) -> Model {
    testkit::model(&format!("q{index}"), &statement.sql)
}

/// The columns to declare for Postgres's rows; types that aren't known here are declared as text. `None` if two columns have the
/// same name.
fn of_postgres(rows: &Rows) -> Option<Columns> {
    let mut names = rows.names.clone();
    names.sort_unstable();
    names.dedup();
    let kind = |given: &Type| match *given {
        Type::BOOL => ColumnType::Boolean,
        Type::INT2 => ColumnType::SmallInt,
        Type::INT4 => ColumnType::Integer,
        Type::INT8 => ColumnType::BigInt,
        Type::FLOAT4 => ColumnType::Real,
        Type::FLOAT8 => ColumnType::Double,
        Type::DATE => ColumnType::Date,
        Type::TIME => ColumnType::Time,
        Type::TIMESTAMP => ColumnType::Timestamp,
        Type::TIMESTAMPTZ => ColumnType::TimestampTz,
        Type::UUID => ColumnType::Uuid,
        Type::BYTEA => ColumnType::Bytes,
        Type::JSON => ColumnType::Json,
        Type::JSONB => ColumnType::JsonBinary,
        _ => ColumnType::Text,
    };
    let columns = rows.names.iter().cloned().zip(rows.types.iter().map(kind));
    (names.len() == rows.names.len()).then(|| columns.collect())
}

fn widened((name, kind): (String, ColumnType)) -> (String, ColumnType) {
    match kind {
        ColumnType::SmallInt | ColumnType::Integer => (name, ColumnType::BigInt),
        other => (name, other),
    }
}

/// The models that are tried over the tables of a place.
struct Trials<'a> {
    place: &'a mut Place,
    variation: Variation,
    models: Vec<Model>,
}

impl Trials<'_> {
    fn dataset(&self, models: Vec<Model>) -> Dataset {
        let tables: Vec<_> = TABLES.iter().map(|table| (table.name, table.key)).collect();
        testkit::dataset(SCHEMA, &tables, models)
    }

    /// The columns of each model: resolved all at once or, if that fails, in halves.
    fn resolve(&self, models: &[Model]) -> Vec<Result<Columns, Why>> {
        match (self.try_resolve(models.to_vec()), models.len()) {
            (Ok(given), _) => given,
            (Err(why), 1) => vec![Err(why)],
            (Err(_), _) => {
                let (front, back) = models.split_at(models.len() / 2);
                let mut given = self.resolve(front);
                given.extend(self.resolve(back));
                given
            }
        }
    }

    fn try_resolve(&self, models: Vec<Model>) -> Result<Vec<Result<Columns, Why>>, Why> {
        let dataset = self.dataset(models);
        let resolved = guarded(|| {
            transform::describe::resolve(&self.place.settings, &dataset, SCHEMA, &Cancel::default())
        })?;
        Ok(resolved
            .into_iter()
            .map(|given| given.map_err(|error| why(&error)))
            .collect())
    }

    /// Runs these models together. If that fails, the model that the error names is set aside, or halves are run.
    fn run(&self, indexes: &[usize], results: &mut BTreeMap<usize, Result<String, Why>>) {
        if indexes.is_empty() {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let why = match self.try_run(indexes, folder.path()) {
            Ok(out) => {
                for index in indexes {
                    let file = fs::read_to_string(out.join(format!("q{index}.csv")));
                    let file = file.map_err(|error| Why {
                        message: format!("its file: {error}"),
                        refused: false,
                    });
                    results.insert(*index, file);
                }
                return;
            }
            Err(why) => why,
        };
        if let [index] = indexes {
            results.insert(*index, Err(why));
            return;
        }
        if let Some(named) = named_model(&why.message).filter(|named| indexes.contains(named)) {
            results.insert(named, Err(why));
            let others: Vec<usize> = indexes
                .iter()
                .copied()
                .filter(|index| *index != named)
                .collect();
            return self.run(&others, results);
        }
        let (front, back) = indexes.split_at(indexes.len() / 2);
        self.run(front, results);
        self.run(back, results);
    }

    fn try_run(&self, indexes: &[usize], folder: &Path) -> Result<PathBuf, Why> {
        let models = indexes
            .iter()
            .map(|index| self.models[*index].clone())
            .collect();
        let (out, stage) = (folder.join("out"), folder.join("stage"));
        let memory_bytes = match self.variation.little_memory {
            true => transform::memory::LEAST_BYTES,
            false => 1 << 30,
        };
        let options = Options {
            out: out.clone().into(),
            layout: Layout::SingleFile,
            max_connections: 2,
            memory_bytes,
            stage: self.variation.staged.then(|| stage.clone().into()),
            engine: match self.variation.in_postgres {
                true => Engine::Postgres,
                false => Engine::Polars,
            },
            ..Options::of_models(self.dataset(models), Some(SCHEMA), &testkit::environment())
        };
        let cancel = Cancel::default();
        guarded(|| transform::run(&self.place.settings, &options, &cancel))?;
        if !self.variation.staged {
            return Ok(out);
        }
        let again = folder.join("again");
        let mut options = Options {
            out: again.clone().into(),
            stage: None,
            ..options
        };
        if let Some(remote) = self.variation.on_spark {
            options.engine = Engine::Spark;
            options.spark = Some(SparkOptions {
                remote: Some(remote.to_owned()),
                paths: Vec::new(),
                emit_job: None,
            });
        }
        guarded(|| transform::run_from_stage(&stage, &options, &cancel))?;
        Ok(again)
    }
}

/// The model that a message names, by the pattern that all models' names have.
fn named_model(message: &str) -> Option<usize> {
    let parts = message.split(['`', '"', ' ', ':', ',']);
    let mut named = parts.filter_map(|part| {
        let digits = part.strip_prefix('q')?;
        digits.strip_suffix(".sql").unwrap_or(digits).parse().ok()
    });
    named.next()
}

thread_local! {
    /// The place of this thread's panic, while a panic counts as a result; `None` at other times.
    static PANIC_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The result of `work`. A panic of it becomes a fault.
fn guarded<T>(work: impl FnOnce() -> anyhow::Result<T>) -> Result<T, Why> {
    keep_panics_quiet();
    PANIC_AT.set(Some(String::new()));
    let done = catch_unwind(AssertUnwindSafe(work));
    let panic_at = PANIC_AT.take().unwrap_or_default();
    match done {
        Ok(done) => done.map_err(|error| why(&error)),
        Err(panic) => {
            let message = format!("panic: {} {panic_at}", text_of(&*panic));
            Err(Why {
                message,
                refused: false,
            })
        }
    }
}

/// Silences panics that count as results, since one that is being simplified occurs hundreds of times.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let at = info.location().map(|at| format!("at {at}"));
            let is_result = PANIC_AT.with_borrow_mut(|panic_at| {
                let place = panic_at.as_mut()?;
                *place = at.unwrap_or_default();
                Some(())
            });
            if is_result.is_none() {
                usual(info);
            }
        }));
    });
}

fn why(error: &anyhow::Error) -> Why {
    let refusals = [Kind::Refused, Kind::Mismatch, Kind::Usage];
    let refused = Failure::kind_of(error).is_some_and(|kind| refusals.contains(&kind));
    Why {
        message: format!("{error:#}"),
        refused,
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    let text = owned.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "of another type".to_owned())
}
