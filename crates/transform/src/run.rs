//! One run, from the source to the published output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;

use crate::check::reconcile::Reconciliation;
use crate::engine::polars::external_sort::{Counted, Ranges};
use crate::engine::polars::{self as engine, Stream};
use crate::extract::tables::{Read, Source};
use crate::fault;
use crate::memory::Shares;
use crate::model::projection::Needed;
use crate::model::select::{Ready, Select};
use crate::preview::Preview;
use crate::sink::postgres::{Target, WriteBack};
use crate::sink::publish::Staging;
use crate::sink::{self, SortKeys, Writer, Written, manifest};
use crate::stage::Table;
use crate::{ModelReport, Options, Report, TableReport, checked};

pub(crate) fn run(
    source: &Source<'_>,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    // A statement that was cancelled on the server says so in its own words; ours are clearer.
    run_to_end(source, options, cancel).map_err(|error| cancel.check().err().unwrap_or(error))
}

fn run_to_end(source: &Source<'_>, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    let began = Instant::now();
    let models = &options.dataset.models;
    let selects = checked(options)?;
    let target = Target::of(source, options, cancel)?;
    let run = run_id();
    let staging = Staging::begin(&options.out, &run)?;
    for model in models {
        match options.layout.partition_by(model) {
            Some(_) => staging.check_replaceable(&model.name)?,
            None => staging.check_file_replaceable(&file_name(options, model))?,
        }
    }
    if let Some(target) = &target {
        target.check()?;
    }
    let Read {
        snapshot,
        mut tables,
        reports,
        models: ready,
        _layer,
    } = source.read(options, Needed(&selects), &run, &staging, cancel)?;

    let context = RunContext {
        run: &run,
        snapshot: &snapshot,
        options,
        table_reports: &reports,
        staging: &staging,
        cancel,
    };
    // Reading has ended, so nothing that is written can be in its way.
    let mut write_back = target.as_ref().map(Target::begin).transpose()?;
    let mut model_reports = Vec::new();
    for (index, (select, ready)) in selects.iter().zip(&ready).enumerate() {
        // After the last model nobody needs the tables: then they are freed on the way.
        let tables = match index + 1 == selects.len() {
            true => std::mem::take(&mut tables),
            false => tables.clone(),
        };
        let staged = fault::caught(select.model, || {
            context.stage(select, ready, tables, write_back.as_mut())
        });
        model_reports.push(staged?);
    }
    cancel.check()?;
    tracing::info!("publishing");
    // The tables come first: more can be in their way than in that of files.
    if let Some(write_back) = write_back {
        write_back.publish(&run)?;
    }
    for (model, report) in models.iter().zip(&mut model_reports) {
        report.path = context.publish(model)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    tracing::debug!("deleting the former output");
    drop(staging);
    Ok(Report {
        run,
        snapshot,
        tables: reports,
        models: model_reports,
        seconds,
    })
}

/// What the models of one run share.
struct RunContext<'a> {
    run: &'a str,
    snapshot: &'a str,
    options: &'a Options,
    table_reports: &'a [TableReport],
    staging: &'a Staging,
    cancel: &'a Cancel,
}

/// A model's output in the staging folder.
struct Staged {
    written: Written,
    counted: Option<Counted>,
    join_seconds: f64,
}

impl RunContext<'_> {
    /// Runs a model, writes its output into the staging folder and reconciles it.
    fn stage(
        &self,
        select: &Select<'_>,
        ready: &Ready,
        tables: Vec<(String, Table)>,
        mut write_back: Option<&mut WriteBack<'_>>,
    ) -> anyhow::Result<ModelReport> {
        self.cancel.check()?;
        let model = select.model;
        let began = Instant::now();
        tracing::info!(model = model.name, "joining");
        let partition_by = self.options.layout.partition_by(model);
        let target = match partition_by {
            Some(_) => self.staging.path(&model.name),
            None => self.staging.path(&file_name(self.options, model)),
        };
        let Staged {
            written,
            counted,
            join_seconds,
        } = match self.in_ranges(select, ready, &tables, &target, write_back.as_deref_mut())? {
            Some(staged) => staged,
            None => self.in_memory(select, ready, tables, &target, write_back)?,
        };
        let write_seconds = began.elapsed().as_secs_f64() - join_seconds;
        let reconciliation = match (&model.driving, counted) {
            (Some(driving), Some(Counted { read, left_out })) => {
                let (rows, sums) = (written.rows, &written.sums);
                Some(Reconciliation::of(
                    model, driving, read, left_out, rows, sums,
                )?)
            }
            _ => None,
        };

        let header = manifest::Run {
            run: self.run,
            extrato: env!("CARGO_PKG_VERSION"),
            dataset: &self.options.dataset.name,
            model: &model.name,
            format: self.options.format,
            snapshot: self.snapshot,
            tables: self.table_reports,
            columns: model
                .visible_columns()
                .map(|(name, kind)| (name.as_str(), kind.to_string()))
                .collect(),
            partition_by: partition_by.unwrap_or_default(),
            rows: written.rows,
            files: written.files.len() as u64,
            bytes: written.bytes,
            sums: written_sums(model, reconciliation.as_ref()),
            reconciliation: reconciliation.as_ref(),
        };
        match partition_by {
            Some(_) => manifest::complete(&target, &header, &written.files)?,
            None => {
                let beside = manifest::beside(&file_name(self.options, model));
                manifest::write(&self.staging.path(&beside), &header, &written.files)?;
            }
        }
        tracing::info!(
            model = model.name,
            rows = written.rows,
            files = written.files.len(),
            "written"
        );
        let preview = match self.options.preview {
            true => Some(Preview::read(model, &target, &written.files)?),
            false => None,
        };
        let schema = self.options.to_postgres.as_ref();
        Ok(ModelReport {
            model: model.name.clone(),
            rows: written.rows,
            files: written.files.len() as u64,
            bytes: written.bytes,
            join_seconds,
            write_seconds,
            path: target,
            table: schema.map(|schema| format!("{schema}.{}", model.name)),
            preview,
            reconciliation,
        })
    }

    fn writer<'m>(
        &'m self,
        model: &'m Model,
        target: &Path,
        write_back: Option<&'m mut WriteBack<'_>>,
        expected_rows: usize,
    ) -> anyhow::Result<Writer<'m>> {
        let partition_by = self.options.layout.partition_by(model);
        let format = self.options.format;
        let table = write_back.map(|write_back| write_back.table(model));
        Writer::new(
            model,
            format,
            partition_by,
            target,
            table.transpose()?,
            expected_rows,
            self.cancel,
        )
    }

    /// Runs a model over whole tables, which are freed on the way.
    fn in_memory(
        &self,
        select: &Select<'_>,
        ready: &Ready,
        tables: Vec<(String, Table)>,
        target: &Path,
        write_back: Option<&mut WriteBack<'_>>,
    ) -> anyhow::Result<Staged> {
        let began = Instant::now();
        let model = select.model;
        let shares = Shares::of(self.options.memory_bytes);
        let tables = self.load(
            model,
            tables,
            |name| select.reads_table(name),
            shares.tables(),
        )?;
        let (output, kept) = engine::run(select, ready, &tables, shares.tables(), self.cancel)?;
        let counted = match &model.driving {
            None => None,
            Some(driving) => {
                let table = engine::table(&tables, &driving.table)?;
                Some(Counted::of(driving, &kept, table)?)
            }
        };
        drop((tables, kept));
        let join_seconds = began.elapsed().as_secs_f64();
        let mut writer = self.writer(model, target, write_back, output.rows)?;
        writer.append(output)?;
        Ok(Staged {
            written: writer.finish()?,
            counted,
            join_seconds,
        })
    }

    /// Runs a streamed model whose streamed table memory cannot hold; `None` for any other.
    fn in_ranges(
        &self,
        select: &Select<'_>,
        ready: &Ready,
        tables: &[(String, Table)],
        target: &Path,
        write_back: Option<&mut WriteBack<'_>>,
    ) -> anyhow::Result<Option<Staged>> {
        let model = select.model;
        let Some(plan) = select.plan.as_ref().filter(|_| ready.streams) else {
            return Ok(None);
        };
        let streamed = tables.iter().find(|(name, _)| *name == plan.tables[0]);
        let Some((_, Table::Staged(streamed))) = streamed else {
            return Ok(None);
        };
        let began = Instant::now();
        let shares = Shares::of(self.options.memory_bytes);
        let parents = self.load(
            model,
            tables.to_vec(),
            |name| plan.tables[1..].iter().any(|parent| parent == name),
            shares.parents(),
        )?;
        let empty = crate::extract::empty_frame(&streamed.schema.columns)?;
        let Some(stream) = Stream::prepare(model, plan, &parents)? else {
            return Ok(None);
        };
        if !stream.takes(&empty)? {
            return Ok(None);
        }
        let join_seconds = began.elapsed().as_secs_f64();
        let ranges = Ranges {
            model,
            stream: &stream,
            table: streamed,
            keys: SortKeys::of(model, self.options.layout.partition_by(model)),
            shares,
            scratch: self.staging.path("ranges"),
            cancel: self.cancel,
        };
        let mut writer = self.writer(model, target, write_back, streamed.rows() as usize)?;
        let counted = ranges.write(&mut writer)?;
        Ok(Some(Staged {
            written: writer.finish()?,
            counted,
            join_seconds,
        }))
    }

    /// The tables named, in memory.
    ///
    /// # Errors
    /// [`Kind::Refused`] if those that are on disk would take more than `limit` bytes with the others.
    fn load(
        &self,
        model: &Model,
        tables: Vec<(String, Table)>,
        is_named: impl Fn(&str) -> bool,
        limit: u64,
    ) -> anyhow::Result<engine::Tables> {
        let wanted: Vec<_> = tables
            .into_iter()
            .filter(|(name, _)| is_named(name))
            .collect();
        let bytes: u64 = wanted.iter().map(|(_, table)| table.memory_bytes()).sum();
        let staged: Vec<&str> = wanted
            .iter()
            .filter(|(_, table)| matches!(table, Table::Staged(_)))
            .map(|(name, _)| name.as_str())
            .collect();
        if !staged.is_empty() && bytes > limit {
            return Err(Kind::Refused.error(format!(
                "model `{}` needs {} whole in memory, in all {} MB of rows, but --memory allows it {} MB: allow about \
                 {} MB",
                model.name,
                staged.join(", "),
                bytes >> 20,
                limit >> 20,
                (u128::from(bytes) * u128::from(self.options.memory_bytes) / u128::from(limit.max(1))) >> 20
            )));
        }
        wanted
            .into_iter()
            .map(|(name, table)| Ok((name, table.load()?)))
            .collect()
    }

    fn publish(&self, model: &Model) -> anyhow::Result<PathBuf> {
        match self.options.layout.partition_by(model) {
            Some(_) => self.staging.publish_folder(&model.name),
            None => self.staging.publish_file(&file_name(self.options, model)),
        }
    }
}

/// The sums of what was written, by output column; those of hidden columns are in no file.
fn written_sums<'a>(
    model: &'a Model,
    reconciliation: Option<&Reconciliation>,
) -> BTreeMap<&'a str, String> {
    let sums = model.driving.iter().flat_map(|driving| &driving.sums);
    sums.filter(|(_, output)| !model.hidden.contains(output))
        .filter_map(|(column, output)| {
            let amount = reconciliation?.written.sums.get(column)?;
            Some((output.as_str(), amount.to_string()))
        })
        .collect()
}

fn file_name(options: &Options, model: &Model) -> String {
    format!("{}.{}", model.name, options.format.extension())
}

/// `20260131T235959Z-` and the process's id: no two runs on one machine share it.
fn run_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let mut text = Vec::new();
    sink::write_date((seconds / 86_400) as i32, &mut text);
    text.push(b'T');
    sink::write_time(seconds % 86_400 * 1_000_000, &mut text);
    text.retain(|byte| !matches!(byte, b'-' | b':'));
    format!("{}Z-{}", String::from_utf8_lossy(&text), std::process::id())
}
