//! A SELECT, or a table, of any database as a dataset with one model: what `extrato query` runs.

use database::catalogue::identifier::{qualified, quoted};
use database::catalogue::inventory::{self, KnownTable};
use database::{Cancel, Settings, transaction};
use dataset::failure::Kind;
use dataset::{Dataset, Driving, Model, RowsRead, is_model_name};
use postgres::Client;

use crate::completed;
use crate::condition::{self, Condition};
use crate::model::select::Select;

/// What to read.
#[derive(Debug, Clone)]
pub enum Asked {
    /// The rows of a SELECT, and what messages call its text.
    Select {
        /// The SELECT.
        sql: String,
        /// What messages call it.
        file: String,
    },
    /// The rows of a table.
    Table {
        /// Its name, with its schema before a dot where it isn't the one of the search path.
        name: String,
        /// An expression that is true of them; none for all.
        condition: Option<String>,
        /// How many there are at most: the first by the query's order, or any.
        limit: Option<u64>,
    },
}

/// What to read, and how its output is laid out.
#[derive(Debug, Clone)]
pub struct Query {
    /// What to read.
    pub asked: Asked,
    /// The name of the output; `None` for the table's, or `query`.
    pub name: Option<String>,
    /// The columns that name the folders of the output; none for a single file.
    pub partition_by: Vec<String>,
    /// The order of rows in a file; none for the SELECT's own, or that of a table's key.
    pub order_by: Vec<String>,
}

impl Query {
    /// The dataset of this query alone, with the tables of the database that it names, and the schema that holds them: the
    /// one that is named, or else the first of the search path that has one of them.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if there is no such table; [`Kind::Usage`] for a name that no file can have; those of the
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
        let model = self.model("query", sql.to_owned(), file.to_owned());
        let select = Select::lenient(&model);
        let mut before = select.schemas();
        let schema = match (schema.or_else(|| before.next()), before.next()) {
            (_, Some(_)) => {
                let schemas: Vec<&str> = select.schemas().collect();
                return Err(Kind::Usage.error(format!(
                    "{file}: it reads tables of several schemas ({}), and a query reads those of one: read the others as \
                     views in it",
                    schemas.join(", ")
                )));
            }
            (Some(named), None) => named.to_owned(),
            (None, None) => {
                let found = inventory::schema_of(client, |name| select.reads_table(name))?;
                // With no table of the database it is of no matter.
                found.unwrap_or_else(|| "public".to_owned())
            }
        };
        let known = inventory::read(client, &schema, |name| select.reads_table(name))?;
        Ok((dataset_of(&select, &known)?, schema))
    }

    fn of_table(
        &self,
        client: &mut Client,
        name: &str,
        condition: Option<Condition>,
        limit: Option<u64>,
        schema: Option<&str>,
    ) -> anyhow::Result<(Dataset, String)> {
        let (of_name, name) = match name.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, name),
        };
        let schema = match schema.or(of_name) {
            Some(named) => named.to_owned(),
            None => inventory::schema_of(client, |known| is_alike(known, name))?
                .unwrap_or_else(|| "public".to_owned()),
        };
        let mut known = inventory::read(client, &schema, |known| is_alike(known, name))?;
        if known.is_empty() {
            // For the name that was meant.
            known = inventory::read(client, &schema, |_| true)?;
        }
        let table = found(&known, name, &schema)?;
        let mut sql = format!("SELECT * FROM {}", quoted(&table.name));
        let mut rows = RowsRead::default();
        // One table is read by a plain scan: no work but the filter falls on the server, and less leaves it.
        match condition {
            Some(Condition {
                sql: condition,
                is_plain: false,
            }) => {
                sql += &format!(" WHERE ({condition})");
                if let Some(limit) = limit {
                    sql += &format!("{} LIMIT {limit}", ordered(&self.order_by));
                }
            }
            condition if condition.is_some() || limit.is_some() => {
                rows = RowsRead {
                    condition: condition.map(|condition| condition.sql),
                    order_by: self.order_by.clone(),
                    limit,
                };
                let columns = qualified(&schema, &table.name);
                let of_rows = rows.condition.iter();
                let of_rows: String = of_rows.map(|of| format!(" WHERE ({of})")).collect();
                let order = ordered(&rows.order_by);
                let asked = format!("SELECT FROM {columns}{of_rows}{order} LIMIT 0");
                client.batch_execute(&asked).map_err(refused)?;
            }
            _ => {}
        }
        let name = match is_model_name(&table.name) {
            true => &table.name,
            false => "query",
        };
        let mut model = self.model(name, sql, format!("--table {}", table.name));
        if !table.key.is_empty() {
            if self.order_by.is_empty() {
                self.order(&mut model, &table.key);
            }
            model.driving = Some(accounted(table));
        }
        let mut dataset = dataset_of(&Select::lenient(&model), &known)?;
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
            partition_by: self.partition_by.clone(),
            ..Model::default()
        };
        self.order(&mut model, &self.order_by);
        model
    }

    /// Orders the rows of a model's files by these columns.
    fn order(&self, model: &mut Model, columns: &[String]) {
        let order = match self.partition_by.is_empty() {
            true => &mut model.order_by,
            false => &mut model.order_in_partition,
        };
        *order = columns.to_vec();
    }
}

/// The order of rows as a SELECT has it.
fn ordered(columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    match columns.is_empty() {
        true => String::new(),
        false => format!(" ORDER BY {}", columns.join(", ")),
    }
}

/// What the server says of a condition or an order that it does not understand.
fn refused(error: postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        None => error.into(),
        Some(said) => {
            let hint = said
                .hint()
                .map_or_else(String::new, |hint| format!(" ({hint})"));
            Kind::Usage.error(format!("--where or --order-by: {}{hint}", said.message()))
        }
    }
}

/// Every row of a table is accounted for, with the sums of its exact amounts.
fn accounted(table: &KnownTable) -> Driving {
    let itself = |name: &String| (name.clone(), name.clone());
    let amounts = table.columns.iter();
    let amounts = amounts.filter(|column| column.shown.starts_with("numeric("));
    Driving {
        table: table.name.clone(),
        key: table.key.iter().map(itself).collect(),
        sums: amounts.map(|column| itself(&column.name)).collect(),
    }
}

/// The dataset of one model, with the tables that it reads.
fn dataset_of(select: &Select<'_>, known: &[KnownTable]) -> anyhow::Result<Dataset> {
    select.model.check()?;
    let mut dataset = Dataset {
        name: "query".to_owned(),
        models: vec![select.model.clone()],
        ..Dataset::default()
    };
    completed::add(&mut dataset, std::slice::from_ref(select), known);
    Ok(dataset)
}

/// Whether two names differ in the case of letters alone.
fn is_alike(name: &str, other: &str) -> bool {
    name.to_lowercase() == other.to_lowercase()
}

/// The table of this name, or the only one that has it in other letters.
fn found<'a>(known: &'a [KnownTable], name: &str, schema: &str) -> anyhow::Result<&'a KnownTable> {
    if let Some(table) = known.iter().find(|table| table.name == name) {
        return Ok(table);
    }
    let mut alike = known.iter().filter(|table| is_alike(&table.name, name));
    if let (Some(table), None) = (alike.next(), alike.next()) {
        return Ok(table);
    }
    let names = known.iter().map(|table| table.name.as_str());
    let meant = dataset::did_you_mean(name, names);
    Err(Kind::Mismatch.error(format!(
        "schema `{schema}` has no table `{name}`{meant} (name the schema before it, `sales.orders`, or with --schema)"
    )))
}
