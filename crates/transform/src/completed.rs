//! The tables that models read and dataset.toml does not list: they are those of the database, or of the raw layer.

use database::catalogue::inventory::{self, KnownTable};
use database::{Cancel, transaction};
use dataset::{Dataset, Table};

use crate::extract::tables::Source;
use crate::model::select::Select;
use crate::options::Options;

/// The options with all tables that models read, and the keys of those that are listed without one; none if dataset.toml
/// says all of it.
///
/// # Errors
/// Those of the connection, or of the raw layer.
pub(crate) fn completed(
    source: &Source<'_>,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Option<Options>> {
    let dataset = &options.dataset;
    let selects: Vec<_> = dataset.models.iter().map(Select::lenient).collect();
    let lacks_key = dataset.tables.iter().any(|table| table.key.is_empty());
    let is_listed = |name: &str| dataset.tables.iter().any(|table| folds_to(table, name));
    let mut named = selects.iter().flat_map(Select::relations);
    if !lacks_key && named.all(is_listed) {
        return Ok(None);
    }
    let mut completed = options.clone();
    match source {
        Source::Database(settings) => {
            let mut connection = settings.connect(cancel)?;
            let known = transaction::reading(&mut connection, |client| {
                inventory::read(client, &options.schema, |name| {
                    dataset.table(name).is_some() || selects.iter().any(|of| of.reads_table(name))
                })
            })?;
            add(&mut completed.dataset, &selects, &known);
        }
        Source::Layer(layer) => {
            for name in layer.names() {
                add_table(&mut completed.dataset, &selects, name, Table::default);
            }
        }
    }
    Ok(Some(completed))
}

/// Whether a name that stands in FROM, in lower case, may be the table's.
fn folds_to(table: &Table, name: &str) -> bool {
    table.name.to_lowercase() == name
}

/// Adds to a dataset what a schema has and its models name.
pub(crate) fn add(dataset: &mut Dataset, selects: &[Select<'_>], known: &[KnownTable]) {
    for table in &mut dataset.tables {
        if let Some(known) = known.iter().find(|known| known.name == table.name)
            && table.key.is_empty()
        {
            table.key = key(known);
        }
    }
    for known in known {
        add_table(dataset, selects, &known.name, || {
            let undecoded = known.columns.iter().filter(|column| !column.is_carried);
            Table {
                key: key(known),
                cast_to_text: undecoded.map(|column| column.name.clone()).collect(),
                ..Table::default()
            }
        });
    }
}

/// Adds to a dataset all that its models name, for a look at them without a database.
pub(crate) fn open(dataset: &mut Dataset, selects: &[Select<'_>]) {
    for name in selects.iter().flat_map(Select::relations) {
        if !dataset.tables.iter().any(|table| folds_to(table, name)) {
            dataset.tables.push(Table {
                name: name.to_owned(),
                ..Table::default()
            });
        }
    }
}

fn add_table(
    dataset: &mut Dataset,
    selects: &[Select<'_>],
    name: &str,
    table: impl FnOnce() -> Table,
) {
    if dataset.table(name).is_none() && selects.iter().any(|select| select.reads_table(name)) {
        dataset.tables.push(Table {
            name: name.to_owned(),
            ..table()
        });
    }
}

/// The columns by which rows are counted where no other is read: the primary key, or else the first column.
fn key(table: &KnownTable) -> Vec<String> {
    let first = table.columns.iter().map(|column| &column.name).take(1);
    match table.key.is_empty() {
        true => first.cloned().collect(),
        false => table.key.clone(),
    }
}
