//! Runs models in a scratch database of the embedded Postgres: the answer is Postgres's own, and no join falls on the source.
//!
//! [`PostgresEngine::prepare`] makes the tables there without rows and lets Postgres say what each SELECT needs and gives.
//! [`PostgresEngine::fill`] copies the needed columns in the source's snapshot, or [`PostgresEngine::fill_from`] copies them from a
//! raw layer. [`PostgresEngine::run`] then reads a model's rows from there as any table is read.

mod judge;
mod kept;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use database::catalogue::{self, LiveTable};
use database::embedded::scratch::{Limits, Scratch};
use database::mirror::blueprint::Blueprint;
use database::mirror::{Lacking, OWN_SCHEMA, Shapes};
use database::snapshot::{Reader, Snapshot};
use database::{Cancel, Settings, transaction};
use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Dataset, Model};

use super::job::Job;
use super::output::Output;
use super::polars::tables::Tables;
use super::polars::whole;
use crate::check::left_out::{Counted, Kept};
use crate::extract::read_table;
use crate::memory::{Budget, Shares};
use crate::model::refusal::error_at;
use crate::model::select::{Select, check_columns};
use crate::model::types::Type;
use crate::options::Options;
use crate::sink::{Writer, Written};
use crate::stage::{Spill, StagedTable, Table};
use judge::Judged;

/// The size of a table's block, unless a server was built otherwise.
const PAGE_BYTES: u64 = 8192;
/// How many connections to the scratch database there are: one holds a snapshot, the other one reads.
const CONNECTIONS: usize = 2;

/// A scratch database with the tables that models need.
pub(crate) struct PostgresEngine {
    scratch: Scratch,
    shapes: Shapes,
    /// The schema of names that are written without one, named as in the source.
    schema: String,
    lacking: Lacking,
    /// The columns of each table that the models need.
    needed: BTreeMap<String, BTreeSet<String>>,
    /// For each model, the dataset as which its view is read.
    views: BTreeMap<String, Dataset>,
    /// The columns that each model gives.
    given: BTreeMap<String, Vec<(String, ColumnType)>>,
}

impl PostgresEngine {
    /// Makes a scratch database from a blueprint, with its tables but no rows, and checks the models there.
    ///
    /// # Errors
    /// [`Kind::Connection`] if no scratch database can be had; [`Kind::Usage`] with file, line and column for what Postgres
    /// refuses, or for a result that depends on more than the tables' rows; [`Kind::Mismatch`] for a column that has another type
    /// than declared.
    pub(crate) fn prepare(
        blueprint: Blueprint,
        options: &Options,
        selects: &[&Select<'_>],
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let Blueprint {
            locale,
            shapes,
            configured,
        } = blueprint;
        let limits = Limits {
            memory_bytes: Shares::of(options.memory_bytes).tables(),
            disk_bytes: None,
        };
        let scratch = Scratch::begin(&options.environment, &locale, &limits, cancel)?;
        let mut engine = Self {
            scratch,
            schema: shapes.schema().to_owned(),
            shapes,
            lacking: Lacking::default(),
            needed: BTreeMap::new(),
            views: BTreeMap::new(),
            given: BTreeMap::new(),
        };
        configured.set(engine.settings(), cancel)?;
        engine.check(options, selects, cancel)?;
        Ok(engine)
    }

    fn check(
        &mut self,
        options: &Options,
        selects: &[&Select<'_>],
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let mut client = self.scratch.settings().connect(cancel)?;
        transaction::begin(&mut client)?;
        self.lacking = self.shapes.make(&mut client)?;
        if !self.shapes.own().is_empty() {
            client.batch_execute("COMMIT")?;
            let mut superuser = self.scratch.superuser(cancel)?;
            self.shapes.own().make(&mut superuser)?;
            transaction::begin(&mut client)?;
        }
        for select in selects {
            let model = select.model;
            view::make(&mut client, select, &self.schema, &self.lacking)?;
            let schemas: Vec<&str> = self.shapes.schemas().into_iter().collect();
            let mut judged = Judged::of(&mut client, &view::qualified_name(model), &schemas)?;
            let refused = |why: String| error_at(model, &model.file, &why);
            if let Some(why) = judged.forbidden.take() {
                return Err(refused(why));
            }
            for (place, columns) in judged.needed {
                let table = self.shapes.called(&place.schema, &place.name);
                let table = table.map(str::to_owned);
                let known = table.and_then(|table| options.dataset.table(&table));
                let known = known.ok_or_else(|| {
                    refused(format!(
                        "it reads `{}`, which dataset.toml does not list",
                        place.called(&self.schema)
                    ))
                })?;
                let table = known.name.clone();
                let needed = self.needed.entry(table.clone()).or_default();
                needed.extend(columns);
                needed.extend(driving_columns(model, &table));
                if needed.is_empty() {
                    // The rows of this table are counted.
                    let first = self.shapes.columns(&table).next().map(str::to_owned);
                    let key = (!known.key.is_empty()).then(|| known.key.clone());
                    needed.extend(key.unwrap_or_else(|| first.into_iter().collect()));
                }
            }
            if let Some(driving) = &model.driving {
                // The rows of this table are counted, whether the SELECT reads them or not.
                let needed = self.needed.entry(driving.table.clone()).or_default();
                needed.extend(driving_columns(model, &driving.table));
            }
            if let Some(what) = &judged.by_order {
                self.check_order(model, what)?;
            }
            let dataset = view::describe(&mut client, model, &options.dialect)?;
            let columns = view::columns(&mut client, &dataset, model)?;
            self.views.insert(model.name.clone(), dataset);
            let kinds: Vec<Type> = columns.iter().map(Type::of).collect();
            let names = columns.iter();
            let given: Vec<_> = names
                .map(|column| column.name.as_str())
                .zip(&kinds)
                .collect();
            check_columns(model, &given)?;
            let given = columns.into_iter().map(|column| (column.name, column.kind));
            self.given.insert(model.name.clone(), given.collect());
        }
        for ((table, column), why) in &self.lacking.columns {
            if self.needed.get(table).is_some_and(|of| of.contains(column)) {
                return Err(Kind::Mismatch.error(format!(
                    "column `{column}` of table `{table}` {why}: a model that needs it cannot run in the scratch database"
                )));
            }
        }
        for (table, columns) in &self.needed {
            let described = options.dataset.table(table);
            let cast = described.into_iter().flat_map(|table| &table.cast_to_text);
            let of_own = |column: &&String| {
                columns.contains(*column) && self.shapes.has_own_text(table, column)
            };
            if let Some(column) = cast.into_iter().find(of_own) {
                return Err(Kind::Mismatch.error(format!(
                    "column `{column}` of table `{table}` is listed under `cast_to_text`, and a cast that the source \
                     itself defines makes its text: a model that needs it cannot run in the scratch database"
                )));
            }
        }
        for select in selects {
            let view = view::qualified_name(select.model);
            client.batch_execute(&format!("DROP VIEW {view}"))?;
        }
        self.shapes.drop_keys(&mut client)?;
        client.batch_execute("COMMIT")?;
        Ok(())
    }

    /// Refuses a model whose result depends on an order of text that the scratch database doesn't have.
    fn check_order(&self, model: &Model, what: &str) -> anyhow::Result<()> {
        let of_columns = self.lacking.order.iter().filter(|((table, column), _)| {
            self.needed.get(table).is_some_and(|of| of.contains(column))
        });
        let of_columns = of_columns.map(|(_, why)| why.as_str()).next();
        let why = self.scratch.text_order().err().or(of_columns);
        match why {
            None => Ok(()),
            Some(why) => Err(error_at(
                model,
                &model.file,
                &format!("{what} depends on how the source orders text, and {why}"),
            )),
        }
    }

    /// The columns that a model gives; one without a type of its own is given as text.
    pub(crate) fn given(&self, model: &Model) -> anyhow::Result<Vec<(String, ColumnType)>> {
        let given = self.given.get(&model.name).cloned();
        given.context("the model was prepared")
    }

    /// The columns that the models need, by table.
    pub(crate) fn needed(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.needed
            .iter()
            .map(|(table, columns)| (table.as_str(), columns))
    }

    /// All columns of a table.
    pub(crate) fn columns(&self, table: &str) -> impl Iterator<Item = &str> {
        self.shapes.columns(table)
    }

    /// Whether the scratch database can hold a column's values, with the same order and the same text as in the source.
    pub(crate) fn has(&self, table: &str, column: &str) -> bool {
        let place = (table.to_owned(), column.to_owned());
        self.scratch.text_order().is_ok()
            && !self.lacking.columns.contains_key(&place)
            && !self.lacking.order.contains_key(&place)
            && !self.shapes.has_own_text(table, column)
    }

    /// The connection settings of the scratch database.
    pub(crate) fn settings(&self) -> &Settings {
        self.scratch.settings()
    }

    /// Checks, while the tables are locked, that they have not changed since the scratch database was made, and that there is room
    /// for those that are copied.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if one was altered; [`Kind::Output`] if the disk has too little room.
    pub(crate) fn check_unaltered(&self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let now = self.shapes.read_again(&mut **snapshot.connection())?;
        self.shapes.check_same(&now)?;
        let copied = snapshot.tables().iter().filter(|of| !of.as_is.is_empty());
        let pages: u64 = copied.map(|table| u64::from(table.pages)).sum();
        self.scratch.check_room(pages * PAGE_BYTES)
    }

    /// Copies a table that models need, and gives the number of its rows.
    ///
    /// # Errors
    /// Any error of either connection; [`Kind::Output`] if there is no room on the disk.
    pub(crate) fn fill(
        &self,
        snapshot: &Snapshot,
        reader: &Reader,
        table: &LiveTable,
        cancel: &Cancel,
    ) -> anyhow::Result<u64> {
        let scratch = self.scratch.settings();
        let name = &table.schema.name;
        let rows = self.shapes.fill(snapshot, reader, table, scratch, cancel)?;
        self.shapes.index(name, &table.as_is, scratch, cancel)?;
        Ok(rows)
    }

    /// Checks that a raw layer kept exactly what the source had, for the tables that models need, and that there is room for it.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] naming a column that has lost something; [`Kind::Output`] if the disk has too little room.
    pub(crate) fn check_kept(&self, tables: &[StagedTable]) -> anyhow::Result<()> {
        for table in tables {
            kept::check(&self.shapes, table, &self.needed_of(table))?;
        }
        self.scratch
            .check_room(tables.iter().map(kept::table_bytes).sum())
    }

    /// Copies a table that models need, as a raw layer kept it, and gives the number of its rows.
    ///
    /// # Errors
    /// [`Kind::Refused`] if the layer cannot be read; [`Kind::Output`] if there is no room on the disk.
    pub(crate) fn fill_from(&self, table: &StagedTable, cancel: &Cancel) -> anyhow::Result<u64> {
        let scratch = self.scratch.settings();
        let columns = self.needed_of(table);
        let rows = kept::fill(&self.shapes, table, &columns, scratch, cancel)?;
        self.shapes
            .index(&table.schema.name, &columns, scratch, cancel)?;
        Ok(rows)
    }

    /// The columns of a table that the models need.
    fn needed_of(&self, table: &StagedTable) -> Vec<String> {
        let needed = self.needed.get(&table.schema.name);
        needed.into_iter().flatten().cloned().collect()
    }

    /// Runs a model over the tables that were copied. The output is written with the writer that `writer` makes for an approximate
    /// number of rows.
    ///
    /// # Errors
    /// [`Kind::Refused`] if a value cannot be computed, or if the rows don't fit in memory; [`Kind::Mismatch`] if a value is not
    /// what the dataset declares; any error of the writer.
    pub(crate) fn run<'w>(
        &self,
        job: Job<'_>,
        writer: impl FnOnce(usize) -> anyhow::Result<Writer<'w>>,
    ) -> anyhow::Result<(Written, Option<Counted>)> {
        let model = job.select.model;
        let mut client = self.scratch.settings().connect(job.cancel)?;
        transaction::begin(&mut client)?;
        view::make(&mut client, job.select, &self.schema, &self.lacking)?;
        client.batch_execute("COMMIT")?;
        drop(client);
        let view = self
            .views
            .get(&model.name)
            .context("the model was prepared")?;
        let read = self.read(&job, view, OWN_SCHEMA, &|_, _| true);
        let (frame, kinds) = read.map_err(|error| of_rows(model, error))?;
        let frame = whole::of_postgres(model, &frame, &kinds)?;
        let counted = match &model.driving {
            None => None,
            Some(driving) => {
                let keys = driving.key.values().map(String::as_str);
                let kept = Kept::Keys(frame.select(keys)?);
                let mut dataset = job.dataset.clone();
                dataset.tables.retain(|table| table.name == driving.table);
                let wanted = |_: &str, column: &str| {
                    driving.key.contains_key(column) || driving.sums.contains_key(column)
                };
                let (table, _) = self.read(&job, &dataset, &self.schema, &wanted)?;
                Some(Counted::of(driving, &kept, &table)?)
            }
        };
        let mut writer = writer(frame.height())?;
        writer.append(Output::of(frame))?;
        Ok((writer.finish()?, counted))
    }

    /// Reads the only table of a dataset (a copied table or a view) from the scratch database into memory.
    fn read(
        &self,
        job: &Job<'_>,
        dataset: &Dataset,
        schema: &str,
        wanted: catalogue::Wanted<'_>,
    ) -> anyhow::Result<(polars::prelude::DataFrame, Vec<Type>)> {
        let limit = Shares::of(job.memory_bytes).tables();
        let snapshot = Snapshot::take(self.settings(), dataset, schema, wanted, job.cancel)?;
        let reader = snapshot.reader(CONNECTIONS, "");
        let table = snapshot.tables().first().context("a table was named")?;
        let budget = Budget::new(limit);
        let name = &table.schema.name;
        let spill = Spill::new(&job.scratch, name, &budget, false);
        let read = read_table(&snapshot, &reader, table, spill, job.cancel)?;
        let kinds = table.schema.columns.iter().map(Type::of).collect();
        let tables: Vec<(String, Table)> = vec![(name.clone(), read)];
        let tables = Tables::load(job.select.model, tables, |_| true, limit, job.memory_bytes)?;
        let frame = tables.get(name)?.clone();
        drop(reader);
        snapshot.release()?;
        Ok((frame, kinds))
    }

    /// Drops the scratch database.
    ///
    /// # Errors
    /// Any error of the server.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        self.scratch.end()
    }
}

/// The columns of a table that are used to reconcile a model.
fn driving_columns(model: &Model, table: &str) -> BTreeSet<String> {
    let driving = model.driving.iter().filter(|of| of.table == table);
    driving
        .flat_map(|driving| driving.key.keys().chain(driving.sums.keys()))
        .cloned()
        .collect()
}

/// Words an error that came while a model's rows were computed: what the server says of a value or of its disk, this says of the
/// model.
fn of_rows(model: &Model, error: anyhow::Error) -> anyhow::Error {
    let (kind, room) = match Failure::kind_of(&error) {
        Some(kind @ Kind::Refused) => (kind, ""),
        Some(kind @ Kind::Output) => (
            kind,
            ": the scratch database has too little room on its disk",
        ),
        _ => return error,
    };
    let said = error.root_cause().to_string();
    let said = said.trim_start_matches("ERROR: ");
    // The view's column is the model's, whose declaration can be changed.
    let of_column = said.strip_prefix(&format!("table `{}`, ", model.name));
    let of_column = of_column.and_then(|said| said.split_once(", which the column is carried as"));
    let said = match of_column {
        Some((what, _)) => format!(
            "{what}, which dataset.toml declares for it, and no value is rounded: declare it wider, or text, for its \
             exact digits, or \
             round it in the SELECT"
        ),
        None => said.to_owned(),
    };
    kind.error(format!(
        "{}: {} cannot be computed: {said}{room}",
        model.file,
        model.it()
    ))
}
