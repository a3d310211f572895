//! What the models of a dataset give and read, told without a database.

use std::collections::BTreeMap;

use dataset::{ColumnType, Dataset};
use serde::Serialize;
use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::engine::plan::folded;
use crate::select::Select;

/// A model, described.
#[derive(Debug, Clone, Serialize)]
pub struct Described {
    /// Its dataset.
    pub dataset: String,
    /// Its name.
    pub model: String,
    /// Where its SELECT lies; below `sql/` in the sources if the dataset is built in.
    pub file: String,
    /// What it gives, in its order.
    pub columns: Vec<OutputColumn>,
    /// What names the folders of its output; none if that is a single file.
    pub partition_by: Vec<String>,
    /// The order of rows in a single file; if none, the SELECT's own.
    pub order_by: Vec<String>,
    /// The order of rows within a folder.
    pub order_in_partition: Vec<String>,
    /// The table that it can be run over in parts.
    pub stream: Option<String>,
    /// What it reads, in the dataset's order.
    pub reads: Vec<TableRead>,
}

/// A column that a model gives.
#[derive(Debug, Clone, Serialize)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether it is in no file: it names folders, or orders rows.
    pub hidden: bool,
}

/// A table that a model reads.
#[derive(Debug, Clone, Serialize)]
pub struct TableRead {
    /// Its name.
    pub table: String,
    /// The columns that leave the server; `None` if only the database can tell, since the dataset has no
    /// `schema.sql` that says which the table has.
    pub columns: Option<Vec<String>>,
}

/// Describes the models of a dataset.
///
/// # Errors
/// [`Kind::Usage`](dataset::failure::Kind::Usage) with file and line if one cannot be parsed.
pub fn describe(dataset: &Dataset) -> anyhow::Result<Vec<Described>> {
    let made = columns_made(&dataset.schema_sql);
    let selects = Select::all(&dataset.models)?;
    let described = selects.iter().map(|select| {
        let model = select.model;
        let columns = model.columns.iter().map(|(name, kind)| OutputColumn {
            name: name.clone(),
            kind: *kind,
            hidden: model.hidden.contains(name),
        });
        let tables = dataset.tables.iter().map(|table| table.name.as_str());
        let reads = tables.filter(|table| select.reads_table(table));
        Described {
            dataset: dataset.name.clone(),
            model: model.name.clone(),
            file: model.file.clone(),
            columns: columns.collect(),
            partition_by: model.partition_by.clone(),
            order_by: model.order_by.clone(),
            order_in_partition: model.order_in_partition.clone(),
            stream: model.stream.clone(),
            reads: reads
                .map(|table| TableRead {
                    table: table.to_owned(),
                    columns: columns_read(select, table, made.get(table)),
                })
                .collect(),
        }
    });
    Ok(described.collect())
}

fn columns_read(
    select: &Select<'_>,
    table: &str,
    made: Option<&Vec<String>>,
) -> Option<Vec<String>> {
    if let Some(made) = made {
        let read = made.iter().filter(|column| select.reads(table, column));
        return Some(read.cloned().collect());
    }
    select.plan.as_ref()?;
    let named = select.named_columns().filter(|(of, _)| *of == table);
    let mut columns: Vec<String> = named.map(|(_, column)| column.to_owned()).collect();
    columns.sort_unstable();
    columns.dedup();
    Some(columns)
}

/// The columns of the tables that a `schema.sql` makes; none if it holds what the parser doesn't know.
fn columns_made(schema_sql: &str) -> BTreeMap<String, Vec<String>> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, schema_sql).unwrap_or_default();
    let tables = statements.into_iter().filter_map(|statement| {
        let Statement::CreateTable(table) = statement else {
            return None;
        };
        let name = table.name.0.last()?.as_ident()?.clone();
        let columns = table.columns.iter().map(|column| folded(&column.name));
        Some((folded(&name), columns.collect()))
    });
    tables.collect()
}
