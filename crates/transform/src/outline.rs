//! The tables of a dataset with their columns, keys and references, as a diagram shows them. They come from the dataset's own SQL
//! or from a database.

use std::collections::BTreeMap;

use database::catalogue::inventory::{KnownColumn, KnownTable, Reference};
use database::{Cancel, Settings, transaction};
use dataset::Dataset;
use dataset::failure::Kind;
use sqlparser::ast::{
    AlterTableOperation, ColumnDef, ColumnOption, DataType, Expr, ForeignKeyConstraint, Ident,
    ObjectName, PrimaryKeyConstraint, Statement, TableConstraint,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::completed;
use crate::model::identifier::folded;
use crate::model::select::Select;

/// The tables that a dataset's `schema.sql` and `constraints.sql` make, in order. Statements that are not understood are skipped;
/// keys in `dataset.toml` take precedence.
///
/// # Errors
/// [`Kind::Usage`] if the dataset has no `schema.sql`, or if that makes no table.
pub fn of_sql(dataset: &Dataset) -> anyhow::Result<Vec<KnownTable>> {
    let schema = dataset.schema(None);
    let mut tables: Vec<KnownTable> = Vec::new();
    for sql in [&dataset.schema_sql, &dataset.constraints_sql] {
        for statement in statements(sql) {
            read(statement, schema, &mut tables);
        }
    }
    if tables.is_empty() {
        return Err(Kind::Usage.error(format!(
            "dataset `{}` has no schema.sql that creates tables: name the database that has them with --url",
            dataset.name
        )));
    }
    for table in &mut tables {
        let described = dataset.table(&table.name);
        if let Some(described) = described.filter(|of| !of.key.is_empty()) {
            table.key.clone_from(&described.key);
        }
    }
    let keys: BTreeMap<(String, String), Vec<String>> = tables
        .iter()
        .map(|table| {
            (
                (table.schema.clone(), table.name.clone()),
                table.key.clone(),
            )
        })
        .collect();
    for reference in tables.iter_mut().flat_map(|table| &mut table.references) {
        if reference.key.is_empty() {
            let parent = (reference.schema.clone(), reference.table.clone());
            reference.key = keys.get(&parent).cloned().unwrap_or_default();
        }
    }
    Ok(tables)
}

/// The tables of a database that a dataset lists or its models read, in the dataset's order.
///
/// # Errors
/// [`Kind::Mismatch`] if the database has none of them; any error of the connection.
pub fn of_database(
    settings: &Settings,
    dataset: &Dataset,
    schema: &str,
    cancel: &Cancel,
) -> anyhow::Result<Vec<KnownTable>> {
    let mut dataset = dataset.clone();
    dataset.in_schema(schema);
    let models = dataset.models.iter().chain(&dataset.beside);
    let selects: Vec<_> = models.map(Select::lenient).collect();
    let is_read = |called: &str| {
        dataset.table(called).is_some() || selects.iter().any(|of| of.reads_table(called))
    };
    let mut connection = settings.connect(cancel)?;
    let mut known = transaction::reading(&mut connection, |client| {
        completed::tables(client, &dataset, &selects, schema, is_read)
    })?;
    if known.is_empty() {
        return Err(Kind::Mismatch.error(format!(
            "schema `{schema}` has no table of dataset `{}`: name another with --schema",
            dataset.name
        )));
    }
    known.sort_by_key(|table| {
        let called = table.called(schema);
        let mut tables = dataset.tables.iter();
        tables
            .position(|of| of.name == called)
            .unwrap_or(usize::MAX)
    });
    Ok(known)
}

/// The statements of a text that are understood.
fn statements(sql: &str) -> Vec<Statement> {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, sql).tokenize();
    let tokens = tokens.unwrap_or_default();
    let statements = tokens.split(|token| *token == Token::SemiColon);
    let parsed = statements.filter_map(|tokens| {
        let mut parser = Parser::new(&dialect).with_tokens(tokens.to_vec());
        parser.parse_statement().ok()
    });
    parsed.collect()
}

fn read(statement: Statement, schema: &str, tables: &mut Vec<KnownTable>) {
    match statement {
        Statement::CreateTable(created) => {
            let Some((schema, name)) = place(&created.name, schema) else {
                return;
            };
            let mut table = KnownTable {
                schema,
                name,
                relkind: 'r',
                is_partition: false,
                has_children: false,
                estimated_rows: 0,
                columns: Vec::new(),
                key: Vec::new(),
                references: Vec::new(),
            };
            for column in &created.columns {
                add_column(column, &mut table);
            }
            for constraint in &created.constraints {
                constrain(constraint, &mut table);
            }
            tables.push(table);
        }
        Statement::AlterTable(altered) => {
            let Some((schema, name)) = place(&altered.name, schema) else {
                return;
            };
            let is_it = |table: &&mut KnownTable| table.schema == schema && table.name == name;
            let Some(table) = tables.iter_mut().find(is_it) else {
                return;
            };
            for operation in &altered.operations {
                match operation {
                    AlterTableOperation::AddConstraint { constraint, .. } => {
                        constrain(constraint, table);
                    }
                    AlterTableOperation::AddColumn { column_def, .. } => {
                        add_column(column_def, table);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn add_column(column: &ColumnDef, table: &mut KnownTable) {
    let name = folded(&column.name);
    let mut nullable = true;
    for option in &column.options {
        match &option.option {
            ColumnOption::NotNull => nullable = false,
            ColumnOption::PrimaryKey(_) => {
                nullable = false;
                table.key = vec![name.clone()];
            }
            ColumnOption::ForeignKey(foreign) => refer(foreign, vec![name.clone()], table),
            _ => {}
        }
    }
    let shown = match &column.data_type {
        DataType::Custom(..) => column.data_type.to_string(),
        known => known.to_string().to_lowercase(),
    };
    table.columns.push(KnownColumn {
        name,
        type_name: shown.clone(),
        shown,
        is_carried: true,
        nullable,
    });
}

fn constrain(constraint: &TableConstraint, table: &mut KnownTable) {
    match constraint {
        TableConstraint::PrimaryKey(PrimaryKeyConstraint { columns, .. }) => {
            let columns = columns.iter().filter_map(|of| match &of.column.expr {
                Expr::Identifier(name) => Some(folded(name)),
                _ => None,
            });
            table.key = columns.collect();
            for column in &mut table.columns {
                column.nullable &= !table.key.contains(&column.name);
            }
        }
        TableConstraint::ForeignKey(foreign) => {
            let columns = foreign.columns.iter().map(folded).collect();
            refer(foreign, columns, table);
        }
        _ => {}
    }
}

fn refer(foreign: &ForeignKeyConstraint, columns: Vec<String>, table: &mut KnownTable) {
    if let Some((schema, parent)) = place(&foreign.foreign_table, &table.schema) {
        table.references.push(Reference {
            columns,
            schema,
            table: parent,
            key: foreign.referred_columns.iter().map(folded).collect(),
        });
    }
}

/// The schema and the name that SQL gives; `schema` if none is written.
fn place(name: &ObjectName, schema: &str) -> Option<(String, String)> {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    let parts: Vec<&Ident> = parts.collect();
    let (name, before) = parts.split_last()?;
    let schema = before
        .last()
        .map_or_else(|| schema.to_owned(), |of| folded(of));
    Some((schema, folded(name)))
}
