//! Finding the files of each table.

use std::collections::BTreeMap;

use database::Cancel;
use dataset::Table;
use dataset::failure::Kind;

use crate::options::Options;
use storage::place::Place;
use storage::source::{Listings, Source};

/// The files of a table.
#[derive(Debug)]
pub(crate) struct TableFiles {
    pub(crate) table: String,
    pub(crate) sources: Vec<Source>,
}

/// Finds the files of all tables, in the dataset's order. Tables without a file are left out. A bucket is asked until `cancel` is
/// cancelled.
///
/// # Errors
/// [`Kind::Usage`] if there are no files at all, a table is unknown, or a file belongs to two tables; [`Kind::Connection`] if a
/// bucket gives no answer.
pub(crate) fn find(options: &Options, cancel: &Cancel) -> anyhow::Result<Vec<TableFiles>> {
    let Options {
        dataset,
        from,
        tables: named,
        ..
    } = options;
    if let Some((unknown, _)) = named.iter().find(|(name, _)| dataset.table(name).is_none()) {
        let names: Vec<_> = dataset
            .tables
            .iter()
            .map(|table| table.name.as_str())
            .collect();
        return Err(Kind::Usage.error(format!(
            "--table {unknown}=…: dataset {} has no such table; it has {}",
            dataset.name,
            names.join(", ")
        )));
    }
    if from.is_none() && named.is_empty() {
        return Err(Kind::Usage.error(
            "nothing to load: name a folder with --from, or files with --table TABLE=FILE",
        ));
    }
    let from = from.clone().map(|from| from.cancelled_by(cancel));
    if let Some(folder) = from.as_ref().and_then(Place::path)
        && !folder.is_dir()
    {
        return Err(Kind::Usage.error(format!(
            "--from {} is not a folder; a single file is named with --table TABLE=FILE",
            folder.display()
        )));
    }
    if dataset.tables.is_empty() {
        return Err(Kind::Usage.error(format!(
            "dataset {} lists no tables, and files are loaded only into listed tables: write them into dataset.toml, \
             parents before children (`extrato init --update` does so for a database that has them)",
            dataset.name
        )));
    }
    let mut found: Vec<TableFiles> = Vec::new();
    let mut listings = Listings::default();
    // For each file, the table that takes it.
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for table in &dataset.tables {
        let mut sources = Vec::new();
        for (_, pattern) in named.iter().filter(|(name, _)| *name == table.name) {
            sources.extend(Source::named(pattern, &mut listings, cancel)?);
        }
        if sources.is_empty()
            && let Some(from) = &from
        {
            sources = Source::in_folder(from, &table.file_patterns(), &mut listings)?;
        }
        if sources.is_empty() {
            continue;
        }
        if let Some(place) = &table.place
            && place.schema != options.schema
        {
            return Err(Kind::Usage.error(format!(
                "table `{}`: a load fills tables of one schema, here `{}`: load this one by itself, with --schema {} and --table \
                 {}=FILE",
                table.name, options.schema, place.schema, place.name
            )));
        }
        for source in &sources {
            let (name, table) = (source.name(), &table.name);
            let Some(other) = taken.insert(name.clone(), table) else {
                continue;
            };
            return Err(Kind::Usage.error(match other == table {
                true => format!("{name} is named twice for table {table}"),
                false => format!(
                    "{name} would be loaded into {other} and into {table}: name the files of one of them with --table"
                ),
            }));
        }
        found.push(TableFiles {
            table: table.name.clone(),
            sources,
        });
    }
    if found.is_empty()
        && let Some(from) = from
    {
        let patterns: Vec<_> = dataset
            .tables
            .iter()
            .flat_map(Table::file_patterns)
            .collect();
        return Err(Kind::Usage.error(format!(
            "{from} holds no files of dataset {}: looked for {}",
            dataset.name,
            patterns.join(", ")
        )));
    }
    Ok(found)
}
