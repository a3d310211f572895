//! Makes a dataset with one model of a SELECT, or of a table, in any database; `extrato query` runs it.

use anyhow::Context;
use database::catalogue::identifier::{qualified, quoted};
use database::catalogue::inventory::{self, KnownTable};
use database::{Cancel, Settings, transaction};
use dataset::failure::Kind;
use dataset::{Dataset, Driving, Model, Place, RowsRead, is_model_name};
use postgres::Client;
use postgres::error::SqlState;

use crate::completed;
use crate::condition::{self, Condition};
use crate::model::plan::Plan;
use crate::model::select::Select;
use crate::pushdown;

/// What a query reads.
#[derive(Debug, Clone)]
pub enum Asked {
    /// The rows of a SELECT.
    Select {
        /// The SELECT.
        sql: String,
        /// The name of the SELECT in messages.
        file: String,
    },
    /// The rows of a table.
    Table {
        /// The table's name, with its schema before a dot unless that is on the search path.
        name: String,
        /// A condition for the rows; `None` for all rows.
        condition: Option<String>,
        /// How many rows to read at most: the first in the query's order, or any.
        limit: Option<u64>,
    },
}

/// What a query reads, and how its output is laid out.
#[derive(Debug, Clone)]
pub struct Query {
    /// The SELECT or the table.
    pub asked: Asked,
    /// The name of the output; `None` for the table's, or `query`.
    pub name: Option<String>,
    /// The columns that name the folders of the output; empty for a single file.
    pub partition_by: Vec<String>,
    /// The order of rows in a file; empty for the SELECT's own, or that of a table's key.
    pub order_by: Vec<String>,
}

impl Query {
    /// Makes a dataset for this query alone, with the tables of the database that it names. Also gives the schema that holds them:
    /// `schema`, or else the first on the search path that has one of them.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if there is no such table; [`Kind::Usage`] for a name that a file cannot have; any error of the
    /// connection.
    pub fn dataset(
        &self,
        settings: &Settings,
        schema: Option<&str>,
        cancel: &Cancel,
    ) -> anyhow::Result<(Dataset, String)> {
        let mut connection = settings.connect(cancel)?;
        transaction::reading(&mut connection, |client| match &self.asked {
            Asked::Select { sql, file } => self.of_select(client, sql, file, schema),
            Asked::Table {
                name,
                condition,
                limit,
            } => {
                let condition = condition.as_deref().map(condition::read).transpose()?;
                self.of_table(client, name, condition, *limit, schema)
            }
        })
    }

    fn of_select(
        &self,
        client: &mut Client,
        sql: &str,
        file: &str,
        schema: Option<&str>,
    ) -> anyhow::Result<(Dataset, String)> {
        let mut model = self.model("query", sql.to_owned(), file.to_owned());
        let schema = match schema {
            Some(named) => named.to_owned(),
            None => schema_of(client, &Select::lenient(&model))?,
        };
        model.schema.clone_from(&schema);
        let selects = [Select::lenient(&model)];
        let [select] = &selects;
        let known = completed::tables(client, &Dataset::default(), &selects, &schema, |name| {
            select.reads_table(name)
        })?;
        completed::check_named(client, &selects, &known)?;
        let mut dataset = dataset_of(&selects, &known, &schema)?;
        if let ([table], [of], Some(query)) = (&known[..], &mut dataset.tables[..], select.query())
        {
            of.rows = on_server(client, pushdown::rows(query, table), table)?;
        }
        let driving = select
            .lookups()
            .and_then(|plan| driving(&plan, &known, &schema));
        for model in &mut dataset.models {
            model.driving.clone_from(&driving);
        }
        Ok((dataset, schema))
    }

    fn of_table(
        &self,
        client: &mut Client,
        name: &str,
        condition: Option<Condition>,
        limit: Option<u64>,
        schema: Option<&str>,
    ) -> anyhow::Result<(Dataset, String)> {
        let place = Place::parse(name);
        let (of_name, name) = match &place {
            Some(place) => (Some(place.schema.as_str()), place.name.as_str()),
            None => (None, name),
        };
        let schema = match of_name.or(schema) {
            Some(named) => named.to_owned(),
            None => inventory::schema_of(client, |known| is_alike(known, name))?
                .unwrap_or_else(|| "public".to_owned()),
        };
        let known = inventory::read(client, &schema, |known| is_alike(known, name))?;
        let Some(table) = found(&known, name) else {
            let meant = inventory::meant(client, &schema, name)?;
            return Err(
                Kind::Mismatch.error(format!("schema `{schema}` has no table `{name}`{meant}"))
            );
        };
        let mut sql = format!("SELECT * FROM {}", quoted(&table.name));
        let is_plain = condition.as_ref().is_none_or(|of| of.is_plain);
        let mut rows = RowsRead {
            condition: condition.map(|condition| condition.sql),
            order_by: self.order_by.iter().map(|name| quoted(name)).collect(),
            limit,
        };
        // One table is read by a plain scan: the server does no work except filtering, and sends fewer rows.
        if !is_plain {
            sql += &rows.sql(&[]);
            rows = RowsRead::default();
        } else if !rows.is_all() {
            let asked = asked(&rows, table);
            client.batch_execute(&asked).map_err(refused)?;
        }
        let name = match is_model_name(&table.name) {
            true => &table.name,
            false => "query",
        };
        let mut model = self.model(name, sql, format!("--table {}", table.name));
        model.schema.clone_from(&schema);
        if !table.key.is_empty() {
            if self.order_by.is_empty() {
                self.order(&mut model, &table.key);
            }
            model.driving = Some(accounted(table));
        }
        let mut dataset = dataset_of(&[Select::lenient(&model)], &known, &schema)?;
        let read = dataset.tables.iter_mut();
        for of in read.filter(|of| of.name == table.name) {
            of.rows = rows.clone();
        }
        Ok((dataset, schema))
    }

    fn model(&self, name: &str, sql: String, file: String) -> Model {
        let mut model = Model {
            name: self.name.clone().unwrap_or_else(|| name.to_owned()),
            file,
            sql,
            is_asked: true,
            partition_by: self.partition_by.clone(),
            ..Model::default()
        };
        self.order(&mut model, &self.order_by);
        model
    }

    /// Sets these columns as the order of rows in a model's files.
    fn order(&self, model: &mut Model, columns: &[String]) {
        let order = match self.partition_by.is_empty() {
            true => &mut model.order_by,
            false => &mut model.order_in_partition,
        };
        *order = columns.to_vec();
    }
}

/// How the rows of a SELECT's first table are accounted for. There is a way if the SELECT gives each of them once or not at all,
/// which means that it looks up every other table by its key, and if it also gives the first table's key.
fn driving(plan: &Plan, known: &[KnownTable], schema: &str) -> Option<Driving> {
    let table = |number: usize| {
        let mut known = known.iter();
        known.find(|known| known.called(schema) == plan.tables[number])
    };
    for (number, columns) in plan.looked_up() {
        let parent = table(number).filter(|of| !of.key.is_empty() && !of.has_children)?;
        if !parent.key.iter().all(|key| columns.contains(&key.as_str())) {
            return None;
        }
    }
    let of_table = accounted(table(0).filter(|of| !of.key.is_empty())?);
    let given = |name: &String| {
        let mut columns = plan.columns.iter();
        let (given, _) = columns.find(|(_, of)| of.table == 0 && of.column == *name)?;
        Some((name.clone(), given.clone()))
    };
    Some(Driving {
        table: plan.tables[0].clone(),
        key: of_table.key.keys().map(given).collect::<Option<_>>()?,
        sums: of_table.sums.keys().filter_map(given).collect(),
        ..of_table
    })
}

/// The selection of a table's rows, if the server understands it; otherwise all rows, and the error comes from where the SELECT
/// runs.
fn on_server(client: &mut Client, rows: RowsRead, table: &KnownTable) -> anyhow::Result<RowsRead> {
    if rows.is_all() {
        return Ok(rows);
    }
    client.batch_execute("SAVEPOINT asked")?;
    match client.batch_execute(&asked(&rows, table)) {
        Ok(()) => Ok(rows),
        Err(error) if error.as_db_error().is_some() => {
            client.batch_execute("ROLLBACK TO asked")?;
            Ok(RowsRead::default())
        }
        Err(error) => Err(error.into()),
    }
}

/// A SELECT that makes the server parse the selection of rows without reading any.
fn asked(rows: &RowsRead, table: &KnownTable) -> String {
    let none = RowsRead {
        limit: Some(0),
        ..rows.clone()
    };
    let table = qualified(&table.schema, &table.name);
    format!("SELECT FROM {table}{}", none.sql(&[]))
}

/// The error with which the server refuses a condition or an order.
fn refused(error: postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        None => error.into(),
        Some(said) => {
            let hint = match said.hint() {
                Some(hint) => format!(" ({hint})"),
                None if *said.code() == SqlState::UNDEFINED_COLUMN => {
                    " (text stands in single quotes: name = 'Ana'; --order-by takes names of columns, and a SELECT any order)"
                        .to_owned()
                }
                None => String::new(),
            };
            Kind::Usage.error(format!("--where or --order-by: {}{hint}", said.message()))
        }
    }
}

/// Accounts for every row of a table, with the sums of its exact amounts.
fn accounted(table: &KnownTable) -> Driving {
    let itself = |name: &String| (name.clone(), name.clone());
    let amounts = table.columns.iter();
    let amounts = amounts.filter(|column| column.shown.starts_with("numeric("));
    Driving {
        table: table.name.clone(),
        key: table.key.iter().map(itself).collect(),
        sums: amounts.map(|column| itself(&column.name)).collect(),
        ..Driving::default()
    }
}

/// The dataset of one model, with the tables that it reads. Names without a schema are of `schema`.
fn dataset_of(
    selects: &[Select<'_>; 1],
    known: &[KnownTable],
    schema: &str,
) -> anyhow::Result<Dataset> {
    let [select] = selects;
    select.model.check()?;
    let mut dataset = Dataset {
        name: "query".to_owned(),
        models: vec![select.model.clone()],
        ..Dataset::default()
    };
    completed::add(&mut dataset, selects, known, schema)?;
    dataset.check_tables()?;
    Ok(dataset)
}

/// The schema for names that have none: the first on the search path that has one of them. If a SELECT has no such name, it doesn't
/// matter: then it is the only schema that the SELECT writes, or the first on the search path.
fn schema_of(client: &mut Client, select: &Select<'_>) -> anyhow::Result<String> {
    if let Some(found) = inventory::schema_of(client, |name| select.reads_bare(name))? {
        return Ok(found);
    }
    let mut named = select.schemas();
    if let (true, Some(only), None) = (select.names_places_alone(), named.next(), named.next()) {
        return Ok(only.to_owned());
    }
    let first = client.query_one("SELECT current_schema()::text", &[]);
    let first: Option<String> = first.context("reading the search path")?.get(0);
    Ok(first.unwrap_or_else(|| "public".to_owned()))
}

/// Whether two names differ at most in the case of letters.
fn is_alike(name: &str, other: &str) -> bool {
    name.to_lowercase() == other.to_lowercase()
}

/// The table with this name, or the only one that differs from it just in case.
fn found<'a>(known: &'a [KnownTable], name: &str) -> Option<&'a KnownTable> {
    if let Some(table) = known.iter().find(|table| table.name == name) {
        return Some(table);
    }
    match known {
        [only] => Some(only),
        _ => None,
    }
}
