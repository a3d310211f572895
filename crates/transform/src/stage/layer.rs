//! The raw layer: `raw/<dataset>/<table>/part-….parquet` with a manifest, published in one step.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Context;
use database::Cancel;
use database::mirror::blueprint::Blueprint;
use dataset::failure::{Kind, OrFail};
use dataset::{Column, ColumnType, Dataset, TableSchema, TextTraits};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StagedTable;
use crate::report::TableReport;
use storage::bucket::publication;
use storage::file::{Folder, OpenFile};
use storage::manifest::{self, FileEntry};
use storage::place::{Place, reading};
use storage::publish::Staging;
use tempfile::TempDir;
use tracing::Span;
use tracing::field::Empty;

/// How many bytes are copied at once.
const COPY_BYTES: usize = 1 << 18;

/// The folder of the raw layers of all datasets, below the folder that `--stage` names.
const RAW: &str = "raw";

/// The first line of the manifest.
#[derive(Serialize, Deserialize)]
struct Header {
    run: String,
    extrato: String,
    dataset: String,
    /// The field in which an output's manifest has its model's name.
    model: String,
    /// The Postgres schema that the tables were read from.
    schema: String,
    /// The snapshot that every table was read in.
    snapshot: String,
    rows: u64,
    files: u64,
    bytes: u64,
    tables: Vec<TableEntry>,
    /// A [`Blueprint`], from which a scratch database is made. Earlier layers have none, and layers of later versions may have
    /// another kind.
    #[serde(default)]
    source: Value,
}

#[derive(Serialize, Deserialize)]
struct TableEntry {
    /// The run's name for the table.
    table: String,
    /// The table's place in the database, if that is not in the schema of the other tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<dataset::Place>,
    rows: u64,
    /// How many bytes the rows take in memory.
    memory_bytes: u64,
    columns: Vec<(String, ColumnType)>,
    /// What the database said of each column that is carried as text. Layers made before 0.2 don't have this.
    #[serde(default)]
    text: BTreeMap<String, TextTraits>,
    /// The columns that are `numeric(p,s)` in the database. Layers made before 0.2 don't have this.
    #[serde(default)]
    fixed_scale: BTreeSet<String>,
    /// The columns that are cast to text in the source.
    #[serde(default)]
    cast_to_text: BTreeSet<String>,
}

/// The place that holds the raw layers.
pub(crate) fn folder(stage: &Place) -> Place {
    stage.join(RAW)
}

/// The run that made a layer, and what it was made from.
pub(crate) struct Origin<'a> {
    pub(crate) run: &'a str,
    pub(crate) dataset: &'a str,
    pub(crate) schema: &'a str,
    pub(crate) snapshot: &'a str,
    /// The places of the tables that aren't in this schema.
    pub(crate) places: BTreeMap<&'a str, &'a dataset::Place>,
    pub(crate) blueprint: &'a Blueprint,
}

/// Publishes tables that were staged in `staging` as the raw layer of their dataset. Gives the tables as they are now.
///
/// # Errors
/// [`Kind::Output`] if the layer cannot be written; then the former layer is as it was.
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
        bytes: bytes_of(&files),
        tables: tables.iter().map(|table| entry(table, origin)).collect(),
        source: serde_json::to_value(origin.blueprint).context("describing the source")?,
    };
    let place = staging.output(origin.dataset, None);
    // Tables without rows have no files.
    let folder = Folder::create(&place)?;
    if place.is_bucket() {
        for table in &tables {
            let (name, bytes_total) = (table.schema.name.as_str(), bytes_of(&table.files));
            let span = tracing::info_span!("upload", table = name, bytes_total, bytes = Empty);
            let told = telling(span);
            for file in &table.files {
                let from = table.root.join(&file.path).into();
                let to = OpenFile::create_in(&folder, &file.path)?;
                copy(&from, to, file, Kind::Output, &told)?;
            }
        }
    }
    manifest::complete(&place, &header, &files)?;
    let published = staging.publish(origin.dataset, None)?;
    let Some(root) = published.path() else {
        return Ok(tables);
    };
    let moved = |table: StagedTable| StagedTable {
        root: root.to_owned(),
        ..table
    };
    Ok(tables.into_iter().map(moved).collect())
}

/// How many bytes some files have.
fn bytes_of(files: &[FileEntry]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

/// Records in a span how many bytes of a table are copied, each time there are more.
fn telling(span: Span) -> impl Fn(u64) + Sync {
    let done = AtomicU64::default();
    move |more| {
        span.record("bytes", done.fetch_add(more, Relaxed) + more);
    }
}

/// Copies a file, and compares the copy with its manifest entry. If the original cannot be read, or differs, the failure has the
/// given kind.
fn copy(
    from: &Place,
    mut to: OpenFile,
    file: &FileEntry,
    kind: Kind,
    told: &(impl Fn(u64) + Sync),
) -> anyhow::Result<()> {
    let mut original = reading(from.open(), kind, from)?;
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = reading(original.read(&mut buffer), kind, from)?;
        if count == 0 {
            break;
        }
        to.append(&buffer[..count])?;
        told(count as u64);
    }
    let rows = usize::try_from(file.rows).unwrap_or(usize::MAX);
    match to.finish(file.path.clone(), rows)? == *file {
        true => Ok(()),
        false => Err(kind.error(format!(
            "{from} is not what its manifest says: stage again with --stage"
        ))),
    }
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

/// A raw layer that is open for reading; meanwhile no run replaces it.
pub(crate) struct Layer {
    root: Place,
    /// The folder on disk that the layer's files are in.
    folder: PathBuf,
    header: Header,
    files: Vec<FileEntry>,
    kept: Kept,
}

/// What keeps the files from changing.
enum Kept {
    /// The lock of the folder.
    Locked { _lock: File },
    /// Copies of the files that were fetched.
    Copied { _copies: TempDir },
}

impl Layer {
    /// Opens the raw layer of the dataset of this name below `stage`. If it is in a bucket, fetching tables copies them to the
    /// folder for temporary files.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is no such layer; [`Kind::Refused`] if its manifest is damaged; [`Kind::Output`] if a run is
    /// writing it.
    pub(crate) fn open(stage: &Place, dataset: &str, cancel: &Cancel) -> anyhow::Result<Self> {
        let raw = folder(stage).cancelled_by(cancel);
        let (root, folder, kept) = match &raw {
            Place::Disk(folder) => {
                let root = raw.join(dataset);
                let lock = Staging::hold(folder).or_fail(Kind::Usage, || missing(&root))?;
                (root, folder.join(dataset), Kept::Locked { _lock: lock })
            }
            Place::Bucket(address) => {
                let address = address.join(dataset);
                let found = reading(publication::manifests(&address), Kind::Usage, &address)?;
                let found = found.into_iter().next().map(|manifest| manifest.above());
                let root = found.ok_or_else(|| Kind::Usage.error(missing(&raw.join(dataset))))?;
                let copies = tempfile::tempdir();
                let copies = copies.or_fail(Kind::Output, || "cannot make a folder for tables")?;
                let folder = copies.path().to_owned();
                (
                    Place::Bucket(root),
                    folder,
                    Kept::Copied { _copies: copies },
                )
            }
        };
        let path = root.join(manifest::IN_FOLDER);
        let text = path.read_to_string();
        let text = text.or_fail(Kind::Usage, || missing(&root))?;
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
            folder,
            header,
            files,
            kept,
        })
    }

    /// The run that made the layer.
    pub(crate) fn run(&self) -> &str {
        &self.header.run
    }

    /// The snapshot that every table was read in.
    pub(crate) fn snapshot(&self) -> &str {
        &self.header.snapshot
    }

    /// The names of all tables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.header.tables.iter().map(|entry| entry.table.as_str())
    }

    /// The schema of the tables that are named without one.
    pub(crate) fn schema(&self) -> &str {
        &self.header.schema
    }

    /// The names of all tables, with the places of those that are in another schema.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, Option<&dataset::Place>)> {
        let entries = self.header.tables.iter();
        entries.map(|entry| (entry.table.as_str(), entry.place.as_ref()))
    }

    /// The tables of `dataset`, in its order. Those in a bucket are only on the disk after [`fetch`](Self::fetch).
    ///
    /// # Errors
    /// [`Kind::Mismatch`] naming a table that the layer doesn't have; [`Kind::Refused`] if its manifest is damaged.
    pub(crate) fn tables(&self, dataset: &Dataset) -> anyhow::Result<Vec<StagedTable>> {
        let tables = dataset.tables.iter();
        tables.map(|table| self.table(&table.name)).collect()
    }

    fn table(&self, name: &str) -> anyhow::Result<StagedTable> {
        let found = self.header.tables.iter().find(|entry| entry.table == name);
        let found = found.ok_or_else(|| {
            Kind::Mismatch.error(format!(
                "table `{name}` is not in {}: stage again with --stage",
                self.root
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
                        self.root
                    ))
                })?,
                unread: Vec::new(),
            },
            root: self.folder.clone(),
            far: match &self.root {
                Place::Bucket(address) => {
                    let address = address.to_string();
                    Some(address.replacen("s3://", "s3a://", 1))
                }
                Place::Disk(_) => None,
            },
            files: files
                .filter(|file| file.path.starts_with(&below))
                .cloned()
                .collect(),
            memory_bytes: found.memory_bytes,
        };
        if staged.rows() != found.rows {
            return Err(Kind::Refused.error(damaged(&self.root)));
        }
        Ok(staged)
    }

    /// Copies the files of tables from a bucket to the disk, unless they are there already.
    ///
    /// # Errors
    /// [`Kind::Refused`] if the files cannot be read; [`Kind::Output`] if the disk has too little room.
    pub(crate) fn fetch(&self, tables: &[StagedTable]) -> anyhow::Result<()> {
        let Kept::Copied { .. } = self.kept else {
            return Ok(());
        };
        for StagedTable { schema, files, .. } in tables {
            let (table, bytes_total) = (schema.name.as_str(), bytes_of(files));
            let span = tracing::info_span!("download", table, bytes_total, bytes = Empty);
            let told = telling(span);
            let files = files.par_iter();
            files.try_for_each(|file| self.copy(file, &told))?;
        }
        Ok(())
    }

    /// Copies a file to the disk, unless it is there already.
    fn copy(&self, file: &FileEntry, told: &(impl Fn(u64) + Sync)) -> anyhow::Result<()> {
        let to = self.folder.join(&file.path);
        if to.exists() {
            told(file.bytes);
            return Ok(());
        }
        let above = to.parent().unwrap_or(&self.folder);
        fs::create_dir_all(above)
            .or_fail(Kind::Output, || format!("cannot write {}", to.display()))?;
        let from = self.root.join(&file.path);
        copy(
            &from,
            OpenFile::create(&to.into())?,
            file,
            Kind::Refused,
            told,
        )
    }

    /// The blueprint from which a scratch database is made.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if the layer has none that this version understands.
    pub(crate) fn blueprint(&self) -> anyhow::Result<Blueprint> {
        let kept = Blueprint::deserialize(&self.header.source).ok();
        kept.ok_or_else(|| {
            Kind::Mismatch.error(format!(
                "{} was staged by another version, which did not keep what a scratch database is made from: stage again \
                 with --stage",
                self.root
            ))
        })
    }
}

fn damaged(root: &Place) -> String {
    let manifest = root.join(manifest::IN_FOLDER);
    format!("{manifest} is damaged: stage again with --stage")
}

fn missing(root: &Place) -> String {
    format!("{root} holds no raw layer: make it with `extrato transform --stage`")
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

/// The report of a table that was staged by an earlier run.
pub(crate) fn report(table: &StagedTable) -> TableReport {
    TableReport {
        table: table.schema.name.clone(),
        rows: table.rows(),
        seconds: 0.0,
    }
}
