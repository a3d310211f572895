//! `extrato init`: a dataset described from what a database has.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use database::catalogue::inventory::{self, KnownTable};
use database::{Cancel, ConnectionArgs, Environment, transaction};
use dataset::failure::{Kind, OrFail};
use dataset::{Dataset, reference};
use serde::Serialize;
use transform::scaffold::{self, Scaffold, Wanted};

use crate::job;
use crate::stdout::print;
use crate::terminal::Terminal;

pub(crate) const EXAMPLES: &str = "\
Examples:
  extrato init shop --url 'postgresql://ana@db.example/shop?sslmode=verify-full'
  extrato transform --dataset shop --url …             … and files per client
  extrato init shop --schema sales --table orders --table customer
  extrato init shop --schema sales --schema archive    tables of both, and a model over them
  extrato init shop --partition-by customer_id
  extrato init shop --update                           the tables that are new in the database
  extrato init --describe                              what dataset.toml may hold, each entry with an example
  extrato init --describe --json                       … as a JSON Schema, for editors to complete it";

/// Describe a database as a dataset: its tables, and a first model that joins them
///
/// Writes DIR/dataset.toml and a SELECT. The SELECT joins the largest table that no other table refers to with the tables
/// that it refers to, and with theirs. Its rows go into a folder for each value of the column that looks like the client.
/// `extrato transform --dataset DIR` runs it.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// The folder to write; made if it is absent
    #[arg(value_name = "DIR", required_unless_present = "describe")]
    folder: Option<PathBuf>,

    /// Only this table, not all of the schema; may be given several times, and with its schema, as `sales.orders`
    #[arg(long, value_name = "NAME")]
    table: Vec<String>,

    /// The column that names the folders of the output [default: the one that looks like the client]
    #[arg(long, value_name = "COLUMN", conflicts_with = "update")]
    partition_by: Option<String>,

    /// Add the tables that DIR/dataset.toml does not list, and change nothing else
    #[arg(long)]
    update: bool,

    /// Print every entry that dataset.toml may have, and write nothing; with --json, its JSON Schema
    #[arg(long, conflicts_with_all = ["folder", "table", "partition_by", "update"])]
    describe: bool,

    /// The database, as postgresql://user@host:port/database?sslmode=verify-full (no password in it:
    /// give that in PGPASSWORD or a passfile). Without it: DATABASE_URL, then the PG* variables
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    url: Option<String>,

    /// The Postgres schema that holds the tables; may be given several times [default: the first of the search path that has
    /// tables]
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    schema: Vec<String>,
}

/// Describes what was written.
#[derive(Serialize)]
struct Written {
    files: Vec<PathBuf>,
    schema: String,
    tables: Vec<String>,
    model: Option<String>,
    table: Option<String>,
    joined: Vec<String>,
    partition_by: Option<String>,
    notes: Vec<String>,
}

pub(crate) fn run(
    arguments: &InitArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let Some(folder) = arguments.folder.as_ref().filter(|_| !arguments.describe) else {
        // This prints a document instead of a summary.
        return match terminal.programs.stdout {
            true => print(schema_text()?.trim_end()),
            false => print(&reference::reference()),
        };
    };
    let path = folder.join("dataset.toml");
    if path.exists() && !arguments.update {
        return Err(Kind::Output.error(format!(
            "{} exists: add its new tables with --update, or name another folder",
            path.display()
        )));
    }
    let listed = match arguments.update {
        true => Some(Dataset::open(&folder.display().to_string())?),
        false => None,
    };
    let connection = ConnectionArgs {
        url: arguments.url.clone(),
        schema: None,
    };
    let (settings, _) = job::settings(&connection, environment)?;
    let mut connection = settings.connect(cancel)?;
    let mut schemas: Vec<String> = match &listed {
        Some(dataset) => {
            let places = dataset.tables.iter().flat_map(|table| &table.place);
            let of_tables = places.map(|place| place.schema.as_str());
            let all = std::iter::once(dataset.schema(None)).chain(of_tables);
            all.map(str::to_owned).collect()
        }
        None => Vec::new(),
    };
    schemas.extend(arguments.schema.iter().cloned());
    let (known, keywords) = transaction::reading(&mut connection, |client| {
        if schemas.is_empty() {
            schemas.push(inventory::only_schema(client)?);
        }
        let mut known = Vec::new();
        for (at, schema) in schemas.iter().enumerate() {
            if !schemas[..at].contains(schema) {
                known.extend(inventory::read(client, schema, |_| true)?);
            }
        }
        Ok((known, inventory::keywords(client)?))
    })?;
    let empty = arguments.schema.iter().find(|schema| {
        let mut tables = known.iter();
        !tables.any(|table| table.schema == **schema)
    });
    if let Some(empty) = empty {
        return Err(Kind::Mismatch.error(format!(
            "schema `{empty}` has no table that the role can see: name another with --schema"
        )));
    }
    let wanted = Wanted {
        name: name_of(folder)?,
        schema: schemas.first().cloned().unwrap_or_default(),
        tables: arguments.table.clone(),
        partition_by: arguments.partition_by.clone(),
    };
    let written = match listed {
        Some(dataset) => update(&path, &known, &wanted, &dataset)?,
        None => write(folder, &path, &known, &wanted, &keywords)?,
    };
    terminal.result(&written, || text(&written, folder))
}

fn write(
    folder: &Path,
    path: &Path,
    known: &[KnownTable],
    wanted: &Wanted,
    keywords: &BTreeSet<String>,
) -> anyhow::Result<Written> {
    let Scaffold {
        description,
        model,
        sql,
        fact,
        joined,
        partition_by,
        notes,
    } = scaffold::scaffold(known, wanted, keywords)?;
    fs::create_dir_all(folder).or_fail(Kind::Output, || format!("folder {}", folder.display()))?;
    let of_model = folder.join(format!("{model}.sql"));
    let schema = folder.join(reference::SCHEMA_FILE);
    // The description is written last, since with it the folder is a dataset.
    let new = [
        (&of_model, &sql),
        (&schema, &schema_text()?),
        (&path.to_owned(), &description),
    ];
    for (at, (path, text)) in new.iter().enumerate() {
        if let Err(error) = create(path, text) {
            for (written, _) in &new[..at] {
                let _ = fs::remove_file(written);
            }
            return Err(error);
        }
    }
    let dataset = Dataset::open(&folder.display().to_string())?;
    Ok(Written {
        files: vec![path.to_owned(), of_model, schema],
        schema: wanted.schema.clone(),
        tables: dataset.tables.into_iter().map(|table| table.name).collect(),
        model: Some(model),
        table: Some(fact),
        joined,
        partition_by,
        notes,
    })
}

/// The JSON Schema of `dataset.toml`, with which editors complete and check it.
fn schema_text() -> anyhow::Result<String> {
    let schema = serde_json::to_string_pretty(&reference::json_schema());
    Ok(schema.context("the schema as JSON")? + "\n")
}

/// Writes a file that must not exist yet, whole or not at all.
fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.or_fail(Kind::Output, failed)?;
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.or_fail(Kind::Output, failed)
}

fn update(
    path: &Path,
    known: &[KnownTable],
    wanted: &Wanted,
    dataset: &Dataset,
) -> anyhow::Result<Written> {
    let listed = dataset.tables.iter();
    let listed: Vec<String> = listed.map(|table| table.name.clone()).collect();
    let new = scaffold::additions(known, wanted, &listed)?;
    if !new.is_empty() {
        let mut text =
            fs::read_to_string(path).or_fail(Kind::Usage, || path.display().to_string())?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        for (_, entry) in &new {
            text += &format!("\n{entry}");
        }
        storage::replace(path, text)?;
    }
    Ok(Written {
        files: vec![path.to_owned()],
        schema: wanted.schema.clone(),
        tables: new.into_iter().map(|(name, _)| name).collect(),
        model: None,
        table: None,
        joined: Vec::new(),
        partition_by: None,
        notes: Vec::new(),
    })
}

/// The dataset's name, which is that of the folder.
fn name_of(folder: &Path) -> anyhow::Result<String> {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let name = whole.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        Kind::Usage.error(format!(
            "a dataset cannot have the name of {}: name another folder",
            folder.display()
        ))
    })
}

fn text(written: &Written, folder: &Path) -> String {
    let tables = written.tables.join(", ");
    let (Some(model), Some(table)) = (&written.model, &written.table) else {
        return match written.tables.is_empty() {
            true => format!("{}: no table is new", written.files[0].display()),
            false => format!("{}: added {tables}", written.files[0].display()),
        };
    };
    let mut text = String::new();
    for file in &written.files {
        text += &format!("{}\n", file.display());
    }
    text += &format!("  tables   {tables} (schema {})\n", written.schema);
    text += &format!("  model    {model}: a row for each row of {table}");
    if !written.joined.is_empty() {
        text += &format!(", with {}", written.joined.join(", "));
    }
    if let Some(column) = &written.partition_by {
        text += &format!("\n  folders  by {column}");
    }
    for note in &written.notes {
        text += &format!("\n  {note}");
    }
    text + &format!("\n\nNext: extrato transform --dataset {}", folder.display())
}
