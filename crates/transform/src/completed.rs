//! Adds the tables that models read and dataset.toml does not list; they come from the database or the raw layer.

use std::collections::BTreeSet;

use database::catalogue::inventory::{self, KnownTable};
use database::{Cancel, transaction};
use dataset::failure::Kind;
use dataset::{Dataset, Place, Table};
use postgres::Client;

use crate::extract::tables::Source;
use crate::model::reading;
use crate::model::refusal::error_at;
use crate::model::select::Select;
use crate::options::Options;

/// The options with all tables that models read, and with keys for listed tables that have none; `None` if dataset.toml says all of
/// it.
///
/// # Errors
/// Any error of the connection, or of the raw layer.
pub(crate) fn completed(
    source: &Source<'_>,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Option<Options>> {
    let in_schema = in_schema(source, options);
    let options = in_schema.as_ref().unwrap_or(options);
    let dataset = &options.dataset;
    dataset.check_tables()?;
    let selects = reading::all(dataset, |model| Ok(Select::lenient(model)))?;
    let lacks_key = dataset.tables.iter().any(|table| table.key.is_empty());
    let is_listed = |name: &str| dataset.tables.iter().any(|table| folds_to(table, name));
    let names_others = selects
        .iter()
        .flat_map(Select::relations)
        .any(|name| !is_listed(name));
    let reads_models = selects
        .iter()
        .any(|select| select.models().next().is_some());
    if !lacks_key && !reads_models && !names_others {
        drop(selects);
        return Ok(in_schema);
    }
    let mut completed = options.clone();
    match source {
        Source::Database(settings) => {
            let mut connection = settings.connect(cancel)?;
            let is_read = |called: &str| {
                dataset.table(called).is_some() || selects.iter().any(|of| of.reads_table(called))
            };
            let known = transaction::reading(&mut connection, |client| {
                let known = tables(client, dataset, &selects, &options.schema, |called| {
                    is_read(called) || selects.iter().any(|of| of.models().any(|of| of == called))
                })?;
                check_models(&selects, &options.schema, |name| {
                    known
                        .iter()
                        .any(|table| table.called(&options.schema) == name)
                })?;
                check_named(client, &selects, &known)?;
                Ok(known)
            })?;
            add(&mut completed.dataset, &selects, &known, &options.schema)?;
        }
        Source::Layer(layer) => {
            check_models(&selects, &options.schema, |name| {
                layer.names().any(|table| table == name)
            })?;
            for (name, place) in layer.places() {
                add_table(&mut completed.dataset, &selects, name, || Table {
                    place: place.cloned(),
                    ..Table::default()
                });
            }
        }
    }
    completed.dataset.check_tables()?;
    Ok(Some(completed))
}

/// The options with a dataset that names its tables as the run does; `None` if it does so already.
fn in_schema(source: &Source<'_>, options: &Options) -> Option<Options> {
    let schema = match source {
        Source::Database(_) => &options.schema,
        // Tables have the names that they had when the layer was made.
        Source::Layer(layer) => layer.schema(),
    };
    if *schema == options.schema && options.dataset.is_in_schema(schema) {
        return None;
    }
    let mut options = options.clone();
    options.dataset.in_schema(schema);
    options.schema = schema.to_owned();
    Some(options)
}

/// The tables of a database that a dataset lists or its models name, restricted to those that `is_wanted` accepts.
///
/// # Errors
/// Any error of the server.
pub(crate) fn tables(
    client: &mut Client,
    dataset: &Dataset,
    selects: &[Select<'_>],
    schema: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<KnownTable>> {
    let places = dataset.tables.iter().flat_map(|table| &table.place);
    let listed = places.map(|place| place.schema.as_str());
    let named = selects.iter().flat_map(Select::schemas);
    let schemas: BTreeSet<&str> = listed.chain(named).chain([schema]).collect();
    let mut known = Vec::new();
    for of in schemas {
        let is_wanted = |name: &str| {
            let (of, name) = (of.to_owned(), name.to_owned());
            is_wanted(&Place { schema: of, name }.called(schema))
        };
        known.extend(inventory::read(client, of, is_wanted)?);
    }
    Ok(known)
}

/// Checks that all tables that models name exist; `known` are those that do.
///
/// # Errors
/// [`Kind::Mismatch`] naming a missing table, where it is named, and the one that may be meant; any error of the server.
pub(crate) fn check_named(
    client: &mut Client,
    selects: &[Select<'_>],
    known: &[KnownTable],
) -> anyhow::Result<()> {
    let is_there = |place: &Place| known.iter().any(|table| table.place() == *place);
    for select in selects {
        if let Some(missing) = select.tables_named().find(|place| !is_there(place)) {
            let Place { schema, name } = &missing;
            if name == "only" {
                let why = "is not supported: a table is read with those that inherit from it";
                return Err(select.refuse_table(&missing, Kind::Usage, why));
            }
            if inventory::keywords(client)?.contains(name) {
                let why = "is a word of SQL, and stands where a table is expected";
                return Err(select.refuse_table(&missing, Kind::Usage, why));
            }
            let meant = inventory::meant(client, schema, name)?;
            let why = format!("does not exist in schema `{schema}`{meant}");
            return Err(select.refuse_table(&missing, Kind::Mismatch, &why));
        }
    }
    Ok(())
}

/// Checks that no name that models read as a model is a table too, and that no model reads itself.
fn check_models(
    selects: &[Select<'_>],
    schema: &str,
    is_table: impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    for select in selects {
        let model = select.model;
        let refused = |why: String| Err(error_at(model, &model.file, &why));
        if let Some(name) = select.models().find(|name| is_table(name)) {
            return refused(format!(
                "it reads `{name}`, which is a model, and a table of schema `{schema}`: give the model another name, or read the \
                 table as `{schema}.{name}`"
            ));
        }
        if select.names_itself() && !is_table(&model.name) {
            return refused(format!(
                "it reads itself: `{}` in its FROM could be a table of that name alone, and schema `{schema}` has none",
                model.name
            ));
        }
    }
    Ok(())
}

/// Whether a name in FROM, in lower case, may mean this table.
fn folds_to(table: &Table, name: &str) -> bool {
    table.name.to_lowercase() == name
}

/// Adds to a dataset the tables that its models name. Names without a schema mean tables of `schema`.
///
/// # Errors
/// [`Kind::Usage`] for a table whose name looks like that of another with its schema.
pub(crate) fn add(
    dataset: &mut Dataset,
    selects: &[Select<'_>],
    known: &[KnownTable],
    schema: &str,
) -> anyhow::Result<()> {
    for table in known {
        let called = table.called(schema);
        let mut others = known.iter().map(KnownTable::place);
        let is_other = |place: &Place| *place != table.place() && place.called(schema) == called;
        let listed = dataset.table(&called).map(|of| of.place_in(schema));
        if others.any(|place| is_other(&place)) || listed.is_some_and(|place| is_other(&place)) {
            return Err(Kind::Usage.error(format!(
                "table `{called}` may be one of schema `{schema}` with a dot in its name, or one of another schema: read either \
                 through a view of another name"
            )));
        }
    }
    for table in &mut dataset.tables {
        let mut known = known.iter();
        if let Some(known) = known.find(|known| known.called(schema) == table.name)
            && table.key.is_empty()
        {
            table.key = key(known);
        }
    }
    for known in known {
        add_table(dataset, selects, &known.called(schema), || {
            let undecoded = known.columns.iter().filter(|column| !column.is_carried);
            Table {
                place: (known.schema != schema).then(|| known.place()),
                key: key(known),
                cast_to_text: undecoded.map(|column| column.name.clone()).collect(),
                ..Table::default()
            }
        });
    }
    Ok(())
}

/// Adds to a dataset all tables that its models name, without asking a database.
pub(crate) fn open(dataset: &mut Dataset, selects: &[Select<'_>]) {
    for name in selects.iter().flat_map(Select::relations) {
        if !dataset.tables.iter().any(|table| folds_to(table, name)) {
            dataset.tables.push(Table {
                name: name.to_owned(),
                place: Place::parse(name),
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

/// The columns by which a table's rows are counted if no other column is read: its primary key, or else its first column.
fn key(table: &KnownTable) -> Vec<String> {
    let first = table.columns.iter().map(|column| &column.name).take(1);
    match table.key.is_empty() {
        true => first.cloned().collect(),
        false => table.key.clone(),
    }
}
