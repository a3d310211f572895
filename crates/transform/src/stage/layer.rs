//! The raw layer that is kept: `raw/<dataset>/<table>/part-….parquet`, with a manifest, published in one step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use database::mirror::blueprint::Blueprint;
use dataset::failure::{Kind, OrFail};
use dataset::{Column, ColumnType, Dataset, Place, TableSchema, TextTraits};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StagedTable;
use crate::report::TableReport;
use storage::manifest::{self, FileEntry};
use storage::publish::Staging;

/// Where the raw layers of all datasets lie, below the folder that `--stage` names.
const RAW: &str = "raw";

/// The manifest's first line.
#[derive(Serialize, Deserialize)]
struct Header {
    run: String,
    extrato: String,
    dataset: String,
    /// Where an output has its model's name.
    model: String,
    /// The Postgres schema that the tables were read from.
    schema: String,
    /// The snapshot that every table was read in.
    snapshot: String,
    rows: u64,
    files: u64,
    bytes: u64,
    tables: Vec<TableEntry>,
    /// What a scratch database is made from, a [`Blueprint`]. An earlier layer has none, and that of a later version may be
    /// another.
    #[serde(default)]
    source: Value,
}

#[derive(Serialize, Deserialize)]
struct TableEntry {
    /// What a run calls the table.
    table: String,
    /// Where it was, if not in the schema of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    rows: u64,
    /// What the rows take in memory.
    memory_bytes: u64,
    columns: Vec<(String, ColumnType)>,
    /// What the database said of each column that is carried as text. A layer of before 0.2 has none.
    #[serde(default)]
    text: BTreeMap<String, TextTraits>,
    /// The columns that are `numeric(p,s)` in the database. A layer of before 0.2 has none.
    #[serde(default)]
    fixed_scale: BTreeSet<String>,
    /// The columns that are cast to text in the source.
    #[serde(default)]
    cast_to_text: BTreeSet<String>,
}

/// The folder that holds the raw layers.
pub(crate) fn folder(stage: &Path) -> PathBuf {
    stage.join(RAW)
}

/// Who made a layer, and from what.
pub(crate) struct Origin<'a> {
    pub(crate) run: &'a str,
    pub(crate) dataset: &'a str,
    pub(crate) schema: &'a str,
    pub(crate) snapshot: &'a str,
    /// Where those tables are that aren't in this schema.
    pub(crate) places: BTreeMap<&'a str, &'a Place>,
    pub(crate) blueprint: &'a Blueprint,
}

/// Publishes tables that were staged in `staging` as the raw layer of their dataset; the tables as they lie now.
///
/// # Errors
/// [`Kind::Output`] if it cannot be written; the former layer is as it was then.
pub(crate) fn publish(
    staging: &Staging,
    origin: &Origin<'_>,
    tables: Vec<StagedTable>,
) -> anyhow::Result<Vec<StagedTable>> {
    let files: Vec<FileEntry> = tables
        .iter()
        .flat_map(|table| table.files.clone())
        .collect();
    let header = Header {
        run: origin.run.to_owned(),
        extrato: env!("CARGO_PKG_VERSION").to_owned(),
        dataset: origin.dataset.to_owned(),
        model: RAW.to_owned(),
        schema: origin.schema.to_owned(),
        snapshot: origin.snapshot.to_owned(),
        rows: tables.iter().map(StagedTable::rows).sum(),
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes).sum(),
        tables: tables.iter().map(|table| entry(table, origin)).collect(),
        source: serde_json::to_value(origin.blueprint).context("describing the source")?,
    };
    let folder = staging.path(origin.dataset);
    // Tables without rows have no files.
    fs::create_dir_all(&folder).or_fail(Kind::Output, || {
        format!("cannot create {}", folder.display())
    })?;
    manifest::complete(&folder, &header, &files)?;
    let root = staging.publish_folder(origin.dataset)?;
    let moved = |table: StagedTable| StagedTable {
        root: root.clone(),
        ..table
    };
    Ok(tables.into_iter().map(moved).collect())
}

fn entry(table: &StagedTable, origin: &Origin<'_>) -> TableEntry {
    let columns = table.schema.columns.iter();
    let traits = |column: &Column| Some((column.name.clone(), column.text.clone()?));
    let names = |which: fn(&Column) -> bool| {
        let columns = columns.clone().filter(|column| which(column));
        columns.map(|column| column.name.clone()).collect()
    };
    TableEntry {
        table: table.schema.name.clone(),
        place: origin
            .places
            .get(table.schema.name.as_str())
            .copied()
            .cloned(),
        rows: table.rows(),
        memory_bytes: table.memory_bytes,
        columns: columns
            .clone()
            .map(|column| (column.name.clone(), column.kind))
            .collect(),
        fixed_scale: names(|column| column.fixed_scale),
        cast_to_text: names(|column| column.cast_to_text),
        text: columns.filter_map(traits).collect(),
    }
}

/// A raw layer, open for reading: no run replaces it meanwhile.
pub(crate) struct Layer {
    root: PathBuf,
    header: Header,
    files: Vec<FileEntry>,
    _lock: File,
}

impl Layer {
    /// Opens the raw layer of the dataset of this name below `stage`.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is none; [`Kind::Refused`] if its manifest is damaged; [`Kind::Output`] if a run writes it at
    /// the moment.
    pub(crate) fn open(stage: &Path, dataset: &str) -> anyhow::Result<Self> {
        let raw = folder(stage);
        let root = raw.join(dataset);
        let path = root.join(manifest::IN_FOLDER);
        let lock = Staging::hold(&raw).or_fail(Kind::Usage, || missing(&root))?;
        let text = fs::read_to_string(&path).or_fail(Kind::Usage, || missing(&root))?;
        let mut lines = text.lines();
        let header = serde_json::from_str(lines.next().unwrap_or_default())
            .or_fail(Kind::Refused, || damaged(&root))?;
        let mut files = Vec::new();
        for line in lines {
            let file: FileEntry =
                serde_json::from_str(line).or_fail(Kind::Refused, || damaged(&root))?;
            files.push(file);
        }
        Ok(Self {
            root,
            header,
            files,
            _lock: lock,
        })
    }

    /// The snapshot that every table was read in.
    pub(crate) fn snapshot(&self) -> &str {
        &self.header.snapshot
    }

    /// The names of all tables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.header.tables.iter().map(|entry| entry.table.as_str())
    }

    /// The schema of the tables that are called without one.
    pub(crate) fn schema(&self) -> &str {
        &self.header.schema
    }

    /// The names of all tables, and where those were that are of another schema.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, Option<&Place>)> {
        let entries = self.header.tables.iter();
        entries.map(|entry| (entry.table.as_str(), entry.place.as_ref()))
    }

    /// The tables of `dataset`, in its order.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] naming a table that the layer lacks; [`Kind::Refused`] if its manifest is damaged.
    pub(crate) fn tables(&self, dataset: &Dataset) -> anyhow::Result<Vec<StagedTable>> {
        let tables = dataset.tables.iter();
        tables.map(|table| self.table(&table.name)).collect()
    }

    fn table(&self, name: &str) -> anyhow::Result<StagedTable> {
        let found = self.header.tables.iter().find(|entry| entry.table == name);
        let found = found.ok_or_else(|| {
            Kind::Mismatch.error(format!(
                "table `{name}` is not in {}: stage again with --stage",
                self.root.display()
            ))
        })?;
        let below = format!("{name}/");
        let files = self.files.iter();
        let staged = StagedTable {
            schema: TableSchema {
                name: name.to_owned(),
                columns: columns(found).ok_or_else(|| {
                    Kind::Mismatch.error(format!(
                        "{} was staged by an earlier version, which did not keep the database's types: stage again \
                         with --stage",
                        self.root.display()
                    ))
                })?,
                unread: Vec::new(),
            },
            root: self.root.clone(),
            files: files
                .filter(|file| file.path.starts_with(&below))
                .cloned()
                .collect(),
            memory_bytes: found.memory_bytes,
        };
        match staged.rows() == found.rows {
            true => Ok(staged),
            false => Err(Kind::Refused.error(damaged(&self.root))),
        }
    }

    /// What a scratch database is made from.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if the layer doesn't say so in a way that is understood.
    pub(crate) fn blueprint(&self) -> anyhow::Result<Blueprint> {
        let kept = Blueprint::deserialize(&self.header.source).ok();
        kept.ok_or_else(|| {
            Kind::Mismatch.error(format!(
                "{} was staged by another version, which did not keep what a scratch database is made from: stage again \
                 with --stage",
                self.root.display()
            ))
        })
    }
}

fn damaged(root: &Path) -> String {
    let path = root.join(manifest::IN_FOLDER);
    format!("{} is damaged: stage again with --stage", path.display())
}

fn missing(root: &Path) -> String {
    format!(
        "{} holds no raw layer: make it with `extrato transform --stage`",
        root.display()
    )
}

/// The columns of a table; `None` if it isn't known what they were in the database.
fn columns(table: &TableEntry) -> Option<Vec<Column>> {
    let column = |(name, kind): &(String, ColumnType)| {
        let text = table.text.get(name);
        (text.is_some() || *kind != ColumnType::Text).then(|| Column {
            name: name.clone(),
            kind: *kind,
            cast_to_text: table.cast_to_text.contains(name),
            fixed_scale: table.fixed_scale.contains(name),
            nullable: true,
            text: text.cloned(),
        })
    };
    table.columns.iter().map(column).collect()
}

/// What the report says of a table that was staged before.
pub(crate) fn report(table: &StagedTable) -> TableReport {
    TableReport {
        table: table.schema.name.clone(),
        rows: table.rows(),
        seconds: 0.0,
    }
}
