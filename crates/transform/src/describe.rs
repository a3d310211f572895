//! Describes what the models of a dataset give and read, from the dataset's own files or over the tables of a database.

use database::catalogue;
use database::{Cancel, Settings, transaction};
use dataset::failure::{Failure, Kind};
use dataset::{Column, ColumnType, Dataset, Model, RowsRead, Table, TableSchema};
use serde::Serialize;

use crate::completed;
use crate::declared::{self, declared, live_tables, with_checks_apart};
use crate::engine::route::{self, Route};
use crate::engine::spark;
use crate::extract::tables::{self, Source};
use crate::model::catalog::Catalog;
use crate::model::projection::Needed;
use crate::model::reading;
use crate::model::schema_sql;
use crate::model::select::Select;
use crate::options::{Engine, Format, Layout, Options};
use crate::sink::accepted;

/// The description of a model.
#[derive(Debug, Clone, Serialize)]
pub struct Described {
    /// The dataset that the model belongs to.
    pub dataset: String,
    /// The model's name.
    pub model: String,
    /// The path of the model's SELECT; below `sql/` in the sources if the dataset is built in.
    pub file: String,
    /// The columns that the model gives, in order; empty if only the database can tell.
    pub columns: Vec<OutputColumn>,
    /// The columns that name the folders of the output; empty if it is a single file.
    pub partition_by: Vec<String>,
    /// The order of rows in a single file; if empty, the SELECT's own.
    pub order_by: Vec<String>,
    /// The order of rows within a partition.
    pub order_in_partition: Vec<String>,
    /// The table that the model can be streamed over, in parts.
    pub stream: Option<String>,
    /// The models that this one reads in its own FROMs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads_models: Vec<String>,
    /// The checks of the model's output before it is published.
    pub checks: Vec<String>,
    /// The tables that the model reads, also through other models, in the dataset's order.
    pub reads: Vec<TableRead>,
    /// What runs the model, as far as that is known without a database.
    #[serde(flatten)]
    pub run_by: RunBy,
    /// Why the model cannot be run, as far as that was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A column that a model gives.
#[derive(Debug, Clone, Serialize)]
pub struct OutputColumn {
    /// The column's name.
    pub name: String,
    /// The column's type, as the dataset declares it or the SELECT gives it.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether the column is in no file: it names folders, or orders rows.
    pub hidden: bool,
}

impl OutputColumn {
    fn all(model: &Model) -> Vec<Self> {
        let columns = model.columns.iter();
        columns
            .map(|(name, kind)| Self {
                name: name.clone(),
                kind: *kind,
                hidden: model.hidden.contains(name),
            })
            .collect()
    }
}

/// A table that a model reads.
#[derive(Debug, Clone, Serialize)]
pub struct TableRead {
    /// The table's name.
    pub table: String,
    /// The columns that are read from the server; `None` if only the database can tell, because the dataset has no `schema.sql`.
    pub columns: Option<Vec<String>>,
    /// The condition in SQL for the rows that are read from the server; `None` for all rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
}

/// What runs a model.
#[derive(Debug, Clone, Serialize)]
pub struct RunBy {
    /// The engine.
    pub engine: Engine,
    /// Why the engine isn't Polars, with the file, line and column of what Polars cannot run.
    pub why: Option<String>,
}

impl RunBy {
    /// What runs a model of this route where `asked` is asked for.
    fn of(route: Route, asked: Engine) -> Self {
        let (engine, why) = match (route, asked) {
            (_, Engine::Spark) => (Engine::Spark, None),
            (Route::Polars, _) => (Engine::Polars, None),
            (Route::Postgres(why), _) => (Engine::Postgres, Some(why)),
        };
        Self { engine, why }
    }
}

/// The columns that a model gives, with the types to declare, or why it cannot be run.
pub type Given = anyhow::Result<Vec<(String, ColumnType)>>;

/// Resolves each model of a dataset over the tables in a schema of a database, whatever the dataset declares.
///
/// # Errors
/// Any error of the connection; an error for tables that are missing or have columns that cannot be carried.
pub fn resolve(
    settings: &Settings,
    dataset: &Dataset,
    schema: &str,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Given>> {
    let parsed: Vec<_> = dataset.models.iter().map(Select::of).collect();
    let (mut selects, mut given) = (Vec::new(), Vec::new());
    for select in parsed {
        given.push(select.map(|select| {
            selects.push(select);
            selects.len() - 1
        }));
    }
    let all: Vec<_> = selects.iter().collect();
    let needed = Needed(&all);
    let tables = live_tables(needed, settings, dataset, schema, cancel)?;
    let catalog = Catalog::of(tables.iter().map(|table| &table.schema));
    let given = given.into_iter();
    Ok(given
        .map(|at| declared::given(&selects[at?], &catalog))
        .collect())
}

/// Describes the models of a dataset over the tables of a database, after checking that the engine that is asked for can run each
/// of them over these tables, and that each gives the columns that it declares.
///
/// # Errors
/// Any error of a run before it reads a row.
pub fn describe_live(
    settings: &Settings,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Described>> {
    let source = Source::Database(settings);
    let asked = &options.dataset;
    let apart = with_checks_apart(options);
    let options = apart.as_ref().unwrap_or(options);
    let declared = declared(&source, options, cancel)?;
    let options = declared.as_ref().unwrap_or(options);
    options
        .dataset
        .models
        .iter()
        .try_for_each(accepted::check)?;
    let selects = route::parse(options)?;
    let routes = source.routes(&selects, options, cancel)?;
    let (in_polars, in_postgres) = route::by_engine(&selects, &routes);
    if !in_polars.is_empty() {
        let needed = Needed(&in_polars);
        let (dataset, schema) = (&options.dataset, &options.schema);
        let tables = live_tables(needed, settings, dataset, schema, cancel)?;
        let schemas: Vec<_> = tables.iter().map(|table| &table.schema).collect();
        tables::ready(needed, options, &schemas)?;
    }
    if !in_postgres.is_empty() {
        source.prepare(&in_postgres, options, cancel)?.end()?;
    }
    let mut connection = settings.connect(cancel)?;
    let schema = &options.schema;
    let known = transaction::reading(&mut connection, |client| {
        completed::tables(client, &options.dataset, &selects, schema, |called| {
            options.dataset.table(called).is_some()
        })
    })?;
    let described = describe(&options.dataset, Engine::Auto)?.into_iter();
    Ok(described
        .zip(selects.iter().zip(routes))
        .map(|(mut model, (select, route))| {
            for read in &mut model.reads {
                let mut tables = known.iter();
                let table = tables.find(|table| table.called(schema) == read.table);
                let columns = table.iter().flat_map(|table| &table.columns);
                let columns = columns.map(|column| column.name.clone());
                let needed = columns.filter(|column| select.reads(&read.table, column));
                read.columns = Some(needed.collect());
            }
            model.run_by = RunBy::of(route, options.engine);
            model
        })
        .filter_map(|mut model| {
            let asked = asked.models.iter().find(|of| of.name == model.model)?;
            model.checks = names_of_checks(asked);
            Some(model)
        })
        .collect())
}

/// Finds what is wrong with the tables that a dataset lists, in a schema of a database: tables that are missing, and columns that
/// the dataset names but a table doesn't have.
///
/// # Errors
/// Any error of the connection.
pub fn wrong_tables(
    settings: &Settings,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Vec<anyhow::Error>> {
    let mut connection = settings.connect(cancel)?;
    transaction::reading(&mut connection, |client| {
        let mut wrong = Vec::new();
        for table in &options.dataset.tables {
            let mut alone = options.dataset.clone();
            alone.tables = vec![table.clone()];
            match catalogue::read(client, &alone, &options.schema, &|_, _| false) {
                Err(error) if Failure::kind_of(&error) == Some(Kind::Mismatch) => wrong.push(error),
                read => drop(read?),
            }
        }
        Ok(wrong)
    })
}

/// Describes the models of a dataset. The types of columns are those of the dataset's `schema.sql`. A model that `engine` may not
/// run is described as refused.
///
/// # Errors
/// [`Kind::Usage`] with file and line for a model that declares to stream and cannot be parsed.
pub fn describe(dataset: &Dataset, engine: Engine) -> anyhow::Result<Vec<Described>> {
    let mut in_schema = dataset.clone();
    // The dataset was opened, but no run has given it a schema yet.
    if dataset.is_in_schema("") {
        in_schema.in_schema(dataset.schema(None));
    }
    let dataset = &in_schema;
    let made = schema_sql::tables(&dataset.schema_sql);
    let selects = reading::all(dataset, |model| Ok(Select::lenient(model)))?;
    let mut open = dataset.clone();
    if made.is_empty() {
        completed::open(&mut open, &selects);
    }
    let known = schema_sql::schemas(&open);
    let catalog = Catalog::described(&open, &known);
    let known: Vec<_> = known.iter().collect();
    let routes = route::of_catalog(&selects, &catalog, engine);
    let described = selects.iter().zip(routes).map(|(select, route)| {
        let model = select.model;
        let mut declared = model.clone();
        if let (true, Ok(given)) = (model.columns.is_empty(), declared::given(select, &catalog)) {
            declared.columns = given;
        }
        let tables = dataset.tables.iter().map(|table| table.name.as_str());
        let reads = tables.filter(|table| select.reads_table(table));
        Described {
            dataset: dataset.name.clone(),
            model: model.name.clone(),
            file: model.file.clone(),
            columns: OutputColumn::all(&declared),
            partition_by: model.partition_by.clone(),
            order_by: model.order_by.clone(),
            order_in_partition: model.order_in_partition.clone(),
            stream: model.stream.clone(),
            reads_models: select.models().map(str::to_owned).collect(),
            reads: reads
                .map(|table| TableRead {
                    table: table.to_owned(),
                    columns: columns_read(select, table, made.get(table)),
                    rows: dataset.table(table).and_then(rows_read),
                })
                .collect(),
            run_by: RunBy::of(route, engine),
            checks: names_of_checks(model),
            refused: accepted::check(&declared)
                .and_then(|()| may_run(engine, select, &declared, &catalog, &known))
                .err()
                .map(|why| format!("{why:#}")),
        }
    });
    Ok(described.collect())
}

/// Checks that an engine that leaves no choice may run a model, as far as is known of the tables.
///
/// # Errors
/// As [`Select::ready`] and [`spark::check_model`].
fn may_run(
    engine: Engine,
    select: &Select<'_>,
    declared: &Model,
    catalog: &Catalog,
    tables: &[&TableSchema],
) -> anyhow::Result<()> {
    if !matches!(engine, Engine::Polars | Engine::Spark) {
        return Ok(());
    }
    let ready = select.ready(catalog)?;
    if engine == Engine::Polars || ready.resolved.is_open {
        return Ok(());
    }
    spark::check_model(declared, &ready, tables, &Layout::Declared, Format::Csv)
}

fn rows_read(table: &Table) -> Option<String> {
    let RowsRead {
        condition,
        order_by,
        limit,
    } = &table.rows;
    let mut parts: Vec<String> = Vec::new();
    parts.extend(condition.as_ref().map(|of| format!("WHERE {of}")));
    if let Some(limit) = limit {
        if !order_by.is_empty() {
            parts.push(format!("ORDER BY {}", order_by.join(", ")));
        }
        parts.push(format!("LIMIT {limit}"));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn names_of_checks(model: &Model) -> Vec<String> {
    let checks = model.checks.iter();
    checks.map(|check| check.name.clone()).collect()
}

fn columns_read(
    select: &Select<'_>,
    table: &str,
    made: Option<&Vec<Column>>,
) -> Option<Vec<String>> {
    if let Some(made) = made {
        let names = made.iter().map(|column| &column.name);
        let read = names.filter(|column| select.reads(table, column));
        return Some(read.cloned().collect());
    }
    select.plan.as_ref()?;
    let named = select.named_columns().filter(|(of, _)| *of == table);
    let mut columns: Vec<String> = named.map(|(_, column)| column.to_owned()).collect();
    columns.sort_unstable();
    columns.dedup();
    Some(columns)
}
