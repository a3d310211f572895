//! The summary at the end of a run, mostly a table.

use backup::encryption::Lock;
use comfy_table::{Cell, CellAlignment, Table, presets};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::around::{Around, Server};
use crate::preview;

/// The reports of a pipeline's steps. There is no `generate` if the rows were there already.
#[derive(Serialize)]
pub(crate) struct PipelineReport {
    pub(crate) generate: Option<generator::Report>,
    pub(crate) transform: transform::Report,
}

/// A table with a line for each step.
struct Steps(Table);

impl Steps {
    fn new(around: Around) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["step", "of", "rows", "seconds", "rows/s"].map(Cell::new));
        for index in 2..5 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut steps = Self(table);
        if let Server::Embedded(Some(seconds)) = around.server {
            steps.seconds("start", "embedded server", seconds);
        }
        // Locks that are free take no time, and then there is no line.
        if around.lock_seconds > 0.0 {
            steps.seconds("wait", "locks", around.lock_seconds);
        }
        steps
    }

    fn rows(&mut self, step: &str, of: &str, rows: u64, seconds: f64) {
        // The rate of less than a millisecond's work means nothing.
        let rate = if seconds < 0.001 {
            String::new()
        } else {
            HumanCount((rows as f64 / seconds) as u64).to_string()
        };
        self.0.add_row([
            step,
            of,
            &HumanCount(rows).to_string(),
            &format!("{seconds:.3}"),
            &rate,
        ]);
    }

    fn seconds(&mut self, step: &str, of: &str, seconds: f64) {
        self.0.add_row([step, of, "", &format!("{seconds:.3}"), ""]);
    }

    fn generate(&mut self, report: &generator::Report) {
        for table in &report.tables {
            self.rows("generate", table.table, table.rows, table.seconds);
        }
        if report.folder.is_none() {
            self.seconds("generate", "keys, indexes", report.index_seconds);
        }
    }

    fn transform(&mut self, report: &transform::Report) {
        for table in &report.tables {
            self.rows("read", &table.table, table.rows, table.seconds);
        }
        for model in &report.models {
            self.rows("join", &model.model, model.rows, model.join_seconds);
            self.rows("write", &model.model, model.rows, model.write_seconds);
        }
    }
}

/// The seconds of a run, including those that starting the server took.
fn total(seconds: f64, around: Around) -> f64 {
    match around.server {
        Server::Embedded(Some(start)) => start + seconds,
        _ => seconds,
    }
}

/// Adds to a summary what stays behind: the embedded server.
pub(crate) fn ended(text: &str, around: Around) -> String {
    let text = text.trim_end();
    match around.server {
        Server::Given => text.to_owned(),
        Server::Embedded(_) => {
            format!("{text}\n\nThe embedded Postgres keeps running; `extrato db stop` stops it.")
        }
    }
}

pub(crate) fn of_generate(report: &generator::Report, around: Around) -> String {
    let mut steps = Steps::new(around);
    steps.generate(report);
    let seconds = total(report.seconds, around);
    steps.rows("total", "", report.rows, seconds);
    let place = match &report.folder {
        Some(place) => place.to_string(),
        None => format!("schema {}", report.schema),
    };
    let mut text = format!(
        "{}\n\n{place}\n  seed {}, as of {}\n",
        steps.0, report.seed, report.as_of
    );
    if let Some(client) = &report.busiest_client {
        text += &format!(
            "  busiest client: {}, with {} movements ({:.1} %)\n",
            client.id,
            HumanCount(client.movements),
            100.0 * client.share
        );
    }
    for planted in &report.planted {
        let fault = serde_json::to_string(&planted.fault).unwrap_or_default();
        let place = match planted.column {
            "" => planted.table.to_owned(),
            column => format!("{}.{column}", planted.table),
        };
        text += &format!(
            "  planted in {} of {place}: {}\n",
            HumanCount(planted.rows),
            fault.trim_matches('"').replace('_', " ")
        );
    }
    ended(&text, around)
}

pub(crate) fn of_load(report: &loader::Report, around: Around) -> String {
    let mut steps = Steps::new(around);
    for table in &report.tables {
        steps.rows("load", &table.table, table.rows.loaded, table.seconds);
    }
    steps.seconds("load", "keys, statistics", report.index_seconds);
    let seconds = total(report.seconds, around);
    steps.rows("total", "", report.rows.loaded, seconds);
    let rows = &report.rows;
    let mut text = format!(
        "{}\n\nschema {}, load {}\n  {} rows read = {} loaded + {} rejected + {} skipped\n",
        steps.0,
        report.schema,
        report.load_id,
        HumanCount(rows.read),
        HumanCount(rows.loaded),
        HumanCount(rows.rejected),
        HumanCount(rows.skipped)
    );
    for table in &report.tables {
        for (rule, count) in &table.rules {
            text += &format!("  {}: {} broke {rule}\n", table.table, HumanCount(*count));
        }
        for (column, count) in &table.orphans {
            text += &format!(
                "  {}: {} refer to nothing by {column}, as the dataset allows\n",
                table.table,
                HumanCount(*count)
            );
        }
    }
    if let Some(rejects) = &report.rejects {
        text += &format!("  rejects in {rejects}\n");
    }
    for file in &report.earlier_rejects {
        text += &format!("  rejects of an earlier load of the same files in {file}\n");
    }
    ended(&text, around)
}

/// The summary of a transform, below the previews that were asked for.
pub(crate) fn of_transform(
    report: &transform::Report,
    mut previews: String,
    around: Around,
) -> String {
    let mut steps = Steps::new(around);
    steps.transform(report);
    steps.seconds("total", "", total(report.seconds, around));
    if !previews.is_empty() {
        previews += "\n\n";
    }
    let text = format!("{previews}{}\n{}", steps.0, outputs(report));
    ended(&text, around)
}

/// The first rows of each model for which they were asked, fitted into `width` columns.
pub(crate) fn previews(report: &transform::Report, width: Option<usize>) -> String {
    let previews = report.models.iter().filter_map(|model| {
        let preview = model.preview.as_ref()?;
        Some(preview::of_model(model, preview, width))
    });
    previews.collect::<Vec<_>>().join("\n\n")
}

pub(crate) fn of_pipeline(report: &PipelineReport, around: Around) -> String {
    let mut steps = Steps::new(around);
    let mut seconds = total(report.transform.seconds, around);
    if let Some(generate) = &report.generate {
        steps.generate(generate);
        seconds += generate.seconds;
    }
    steps.transform(&report.transform);
    steps.seconds("total", "", seconds);
    let text = format!("{}\n{}", steps.0, outputs(&report.transform));
    ended(&text, around)
}

pub(crate) fn of_verify(verified: &[transform::check::verify::Verified], around: Around) -> String {
    let is_compared = verified.iter().any(|output| output.database.is_some());
    let mut steps = Steps::new(around);
    let mut text = String::new();
    for output in verified {
        steps.rows("verify", &output.model, output.rows, output.seconds);
        text += &format!(
            "\n{}\n  {} rows in {}, {}: as the manifest of run {} says\n",
            output.path,
            HumanCount(output.rows),
            files(output.files),
            HumanBytes(output.bytes),
            output.run
        );
        for (column, sum) in &output.sums {
            text += &format!("  sum of {column}: {sum}\n");
        }
        if let Some(database) = &output.database {
            steps.rows("compare", &output.model, database.rows, database.seconds);
            text += &format!(
                "  {} rows equal to the database's own join, in schema {}\n",
                HumanCount(database.rows),
                database.schema
            );
        } else if is_compared {
            text += "  not compared with the database: it is an output of another dataset\n";
        }
    }
    ended(&format!("{}\n{text}", steps.0), around)
}

/// A table of the work on a backup's tables, with the size of all their files.
fn backup_steps(
    step: &str,
    tables: &[backup::TableReport],
    seconds: f64,
    around: Around,
) -> String {
    let mut steps = Steps::new(around);
    for table in tables {
        steps.rows(step, &table.table, table.rows, table.seconds);
    }
    let rows: u64 = tables.iter().map(|table| table.rows).sum();
    steps.rows("total", "", rows, total(seconds, around));
    let bytes: u64 = tables.iter().map(|table| table.bytes).sum();
    let count: u64 = tables.iter().map(|table| table.files).sum();
    format!(
        "{}\n\n  {} rows in {}, {}\n",
        steps.0,
        HumanCount(rows),
        files(count),
        HumanBytes(bytes)
    )
}

fn lines(notes: &[String]) -> String {
    notes.iter().map(|note| format!("  {note}\n")).collect()
}

pub(crate) fn of_backup(report: &backup::BackupReport, around: Around) -> String {
    let mut text = backup_steps("back up", &report.tables, report.seconds, around);
    text += &format!("  schema {} in {}\n", report.schema, report.path);
    text += match report.lock {
        Some(Lock::Recipients) => "  encrypted for the holders of the keys\n",
        Some(Lock::Passphrase) => "  encrypted with the passphrase\n",
        None => "",
    };
    text += &lines(&report.notes);
    for name in &report.deleted {
        text += &format!("  the older backup {name} was deleted\n");
    }
    ended(&text, around)
}

pub(crate) fn of_backup_verified(report: &backup::VerifyReport, around: Around) -> String {
    let path = &report.path;
    let mut text = match &report.encryption {
        Some(encryption) if !encryption.is_opened => {
            let key = match encryption.lock {
                Lock::Recipients => "--identity",
                Lock::Passphrase => "the passphrase in EXTRATO_PASSPHRASE",
            };
            format!(
                "  {path}: {}, {}, encrypted\n  their bytes are what the manifest says; with {key} their contents can be verified too\n",
                files(encryption.files),
                HumanBytes(encryption.bytes),
            )
        }
        encryption => {
            let steps = backup_steps("verify", &report.tables, report.seconds, around);
            let opened = match encryption {
                Some(_) => ", and the key opens them",
                None => "",
            };
            format!("{steps}  {path}: the files are what the manifest says{opened}\n")
        }
    };
    if let Some(schema) = &report.database {
        text += &format!("  the tables of schema {schema} have the same contents\n");
    }
    ended(&text, around)
}

pub(crate) fn of_restore(report: &backup::RestoreReport, around: Around) -> String {
    let mut text = backup_steps("restore", &report.tables, report.seconds, around);
    text += &format!("  {} into schema {}\n", report.from, report.schema);
    text += match report.is_proved {
        true => "  the contents are those of the backup, by their checksums\n",
        false => "  the file has no checksum of its contents: only its rows were counted\n",
    };
    text += &lines(&report.notes);
    ended(&text, around)
}

pub(crate) fn of_backups(listed: &[backup::Listed]) -> String {
    if listed.is_empty() {
        return "no backups".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["backup", "schema", "tables", "rows", "size", "format", ""].map(Cell::new));
    for backup in listed {
        // Without its key, an encrypted backup doesn't show more.
        let hidden = || "-".to_owned();
        table.add_row([
            backup.name.clone(),
            backup.schema.clone().unwrap_or_else(hidden),
            HumanCount(backup.tables).to_string(),
            backup
                .rows
                .map_or_else(hidden, |rows| HumanCount(rows).to_string()),
            HumanBytes(backup.bytes).to_string(),
            match (backup.format, backup.lock) {
                (Some(format), _) => format.name(),
                (None, Some(Lock::Passphrase)) => "encrypted, passphrase",
                (None, _) => "encrypted",
            }
            .to_owned(),
            if backup.is_latest { "latest" } else { "" }.to_owned(),
        ]);
    }
    table.to_string()
}

fn files(count: u64) -> String {
    match count {
        1 => "1 file".to_owned(),
        count => format!("{} files", HumanCount(count)),
    }
}

/// Says for each output where it is, how large it is, and that it adds up.
fn outputs(report: &transform::Report) -> String {
    let mut text = String::new();
    for model in &report.models {
        let files = files(model.files);
        text += &format!(
            "\n{}\n  {} rows in {files}, {}\n",
            model.path,
            HumanCount(model.rows),
            HumanBytes(model.bytes),
        );
        if model.null_partition_rows > 0 {
            text += &format!(
                "  {} rows without {}: under {}\n",
                HumanCount(model.null_partition_rows),
                model.partition_by.join(" or "),
                transform::NULL_FOLDER
            );
        }
        if let Some(table) = &model.table {
            text += &format!("  the same rows in table {table}\n");
        }
        match model.checks.as_slice() {
            [] => {}
            [_] => text += "  1 check passed\n",
            checks => text += &format!("  {} checks passed\n", checks.len()),
        }
        let Some(reconciliation) = &model.reconciliation else {
            continue;
        };
        let (read, written, left_out) = (
            &reconciliation.read,
            &reconciliation.written,
            &reconciliation.left_out,
        );
        text += &format!(
            "  {}: {} rows = {} written + {} left out\n",
            reconciliation.table,
            HumanCount(read.rows),
            HumanCount(written.rows),
            HumanCount(left_out.rows),
        );
        for (column, sum) in &read.sums {
            text += &format!(
                "  sum of {column}: {sum} = {} + {}\n",
                written.sums[column], left_out.sums[column]
            );
        }
    }
    text.trim_end().to_owned()
}
