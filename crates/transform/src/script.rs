//! Writes a job of Spark as a script, for clusters that have no Spark Connect, and publishes what the script wrote as a run's
//! output.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use database::{Cancel, Environment};
use dataset::failure::{Kind, OrFail};
use dataset::{ColumnType, Dataset};
use serde::{Deserialize, Serialize};
use storage::place::Place;
use storage::publish::Staging;

use crate::declared::declared;
use crate::engine::Job as Asked;
use crate::engine::spark::job::Job;
use crate::engine::spark::{self, Driven, Folders};
use crate::extract::tables::{Read, Source, read_layer};
use crate::model::projection::Needed;
use crate::model_run::{RunContext, RunsIn, single_file};
use crate::options::{Format, Layout, Options};
use crate::report::{Report, TableReport};
use crate::run::{checked, run_id, staged};
use crate::stage::layer::Layer;

/// The name of the script in its folder.
const SCRIPT: &str = "job.py";
/// The name of the file with the facts that `extrato adopt` needs to publish the script's output.
const ADOPT: &str = "adopt.json";

/// The part of the script after the job.
const BODY: &str = r#"
spark = SparkSession.builder.appName("extrato").getOrCreate()
for key, value in JOB["settings"].items():
    spark.conf.set(key, value)
for view in JOB["views"]:
    rows = spark.sql(view["empty"]) if view.get("empty") else spark.read.schema(view["schema"]).parquet(*view["paths"])
    rows.createOrReplaceTempView(view["name"])
for write in JOB["writes"]:
    writer = spark.sql(write["sql"]).write.format(write["format"]).mode("overwrite").options(**write["options"])
    if write["partition_by"]:
        writer = writer.partitionBy(*write["partition_by"])
    writer.save(write["path"])
spark.stop()
"#;

/// The facts about a run that wrote a script which `extrato adopt` needs.
#[derive(Serialize, Deserialize)]
struct Written {
    extrato: String,
    /// The job's own folder below the script's, so that an earlier job's output is not taken for this one's.
    job: String,
    /// The raw layer that the script reads, and the run that made it.
    stage: String,
    layer: String,
    /// The dataset that --dataset named; if a folder, by its absolute path.
    dataset: String,
    parameters: Vec<(String, String)>,
    schema: String,
    snapshot: String,
    tables: Vec<(String, u64)>,
    format: Format,
    partition_by: Option<Vec<String>>,
    single_file: bool,
    models: Vec<WrittenModel>,
}

#[derive(Serialize, Deserialize)]
struct WrittenModel {
    name: String,
    /// The SELECT, which must still be the same when its output is adopted.
    sql: String,
    columns: Vec<(String, ColumnType)>,
    driven: Option<Driven>,
}

/// Writes a script for `spark-submit` into the folder that the options name. The script does all the work over the raw layer below
/// `stage`; nothing runs now. `dataset` is the name or folder that the dataset was opened by, and `parameters` are those that were
/// chosen.
///
/// # Errors
/// [`Kind::Usage`] for anything that isn't known to give the same in Spark as in Postgres; [`Kind::Output`] if the folder can't be
/// written.
pub fn emit_job(
    stage: impl Into<Place>,
    options: &Options,
    dataset: &str,
    parameters: &[(String, String)],
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let began = Instant::now();
    let asked = options.spark.as_ref();
    let folder = asked.and_then(|spark| spark.emit_job.as_deref());
    let folder = folder.context("a folder was named")?;
    let paths = asked.map_or(&[][..], |spark| &spark.paths);
    let stage = match stage.into() {
        Place::Disk(path) => Place::Disk(std::path::absolute(path)?),
        bucket => bucket,
    };
    let layer = Layer::open(&stage, &options.dataset.name, cancel)?;
    let source = Source::Layer(&layer);
    let declared = declared(&source, options, cancel)?;
    let options = declared.as_ref().unwrap_or(options);
    let selects = checked(options)?;
    let selects: Vec<_> = selects.iter().collect();
    let Read {
        snapshot,
        tables,
        reports,
        models: ready,
    } = read_layer(&layer, options, Needed(&selects), None, cancel)?;
    let tables = staged(&tables);
    let mut job = Job::over(&tables, paths)?;
    let mut models = Vec::new();
    let run = run_id();
    fs::create_dir_all(folder).or_fail(Kind::Output, || {
        format!("cannot create {}", folder.display())
    })?;
    for (select, ready) in selects.iter().zip(&ready) {
        let model = select.model;
        let asked = Asked {
            select,
            dataset: &options.dataset,
            memory_bytes: options.memory_bytes,
            partition_by: options.layout.partition_by(model),
            scratch: folder.join(&run).join(&model.name),
            cancel,
        };
        let folders = Folders::of(&asked.scratch);
        job.writes.extend(spark::writes(
            &asked, ready, &tables, options, &folders, paths,
        )?);
        models.push(WrittenModel {
            name: model.name.clone(),
            sql: select.sql().into_owned(),
            columns: model.columns.clone(),
            driven: Driven::of(model, &tables),
        });
    }
    let dataset = match Dataset::built_in().any(|name| name == dataset) {
        true => dataset.to_owned(),
        false => std::path::absolute(dataset)?.display().to_string(),
    };
    let written = Written {
        extrato: env!("CARGO_PKG_VERSION").to_owned(),
        job: run.clone(),
        stage: stage.to_string(),
        layer: layer.run().to_owned(),
        dataset,
        parameters: parameters.to_vec(),
        schema: options.schema.clone(),
        snapshot: snapshot.clone(),
        tables: reports
            .iter()
            .map(|table| (table.table.clone(), table.rows))
            .collect(),
        format: options.format,
        partition_by: match &options.layout {
            Layout::PartitionBy(columns) => Some(columns.clone()),
            _ => None,
        },
        single_file: options.layout == Layout::SingleFile,
        models,
    };
    // JSON of texts and lists is valid Python.
    let script = format!(
        "\"\"\"Models of `{}` on Spark, as `extrato transform --emit-job` wrote them. Run it by spark-submit; `extrato adopt` on this \
         folder then publishes what it wrote.\"\"\"\nfrom pyspark.sql import SparkSession\n\nJOB = {}\n{BODY}",
        options.dataset.name,
        serde_json::to_string_pretty(&job)?
    );
    for (name, text) in [
        (SCRIPT, script),
        (ADOPT, serde_json::to_string_pretty(&written)?),
    ] {
        let path = folder.join(name);
        storage::replace(&path, text)?;
    }
    tracing::info!(
        "written; run `spark-submit {}`, then `extrato adopt {}`",
        folder.join(SCRIPT).display(),
        folder.display()
    );
    Ok(Report {
        run,
        snapshot,
        tables: reports,
        models: Vec::new(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Publishes into `out` what the script in `folder` wrote.
///
/// # Errors
/// [`Kind::Usage`] if there is no such script, or if the dataset's models have changed since it was written; [`Kind::Check`] if the
/// script did not finish or wrote something else, or if rows are missing. The script's output stays.
pub fn adopt(
    folder: &Path,
    out: &Place,
    environment: &Environment,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let began = Instant::now();
    let path = folder.join(ADOPT);
    let text = fs::read_to_string(&path).or_fail(Kind::Usage, || {
        format!(
            "{} holds no job: write one with `extrato transform --emit-job`",
            folder.display()
        )
    })?;
    let written: Written = serde_json::from_str(&text).or_fail(Kind::Usage, || {
        format!("{} was not written by this version", path.display())
    })?;
    let mut dataset = Dataset::open(&written.dataset)?;
    let names: Vec<_> = written
        .models
        .iter()
        .map(|model| model.name.clone())
        .collect();
    dataset.keep_models(&names)?;
    dataset.set_parameters(&written.parameters)?;
    for (model, of) in dataset.models.iter_mut().zip(&written.models) {
        if model.columns.is_empty() {
            model.declare(of.columns.clone())?;
        }
    }
    let layout = match (written.partition_by, written.single_file) {
        (Some(columns), _) => Layout::PartitionBy(columns),
        (None, true) => Layout::SingleFile,
        (None, false) => Layout::Declared,
    };
    let options = Options {
        out: out.clone(),
        layout,
        format: written.format,
        ..Options::of_models(dataset, Some(&written.schema), environment)
    };
    let selects = checked(&options)?;
    for (select, of) in selects.iter().zip(&written.models) {
        if select.sql() != of.sql || select.model.columns != of.columns {
            return Err(Kind::Usage.error(format!(
                "{} is no longer the one that {} was written for: write the job again",
                select.model.called(),
                folder.display()
            )));
        }
    }
    let stage: Place = written.stage.parse().map_err(anyhow::Error::msg)?;
    let layer = Layer::open(&stage, &options.dataset.name, cancel)?;
    if layer.run() != written.layer {
        return Err(Kind::Usage.error(format!(
            "the tables in {stage} were staged again since the job in {} was written, and it is not known which of \
             them its script read: write the job again, and run it",
            folder.display()
        )));
    }
    let run = run_id();
    let out = options.out.clone().cancelled_by(cancel);
    let staging = Staging::begin(&out, &run, "--out", options.keep)?;
    for select in &selects {
        let single_file = single_file(&options, select.model);
        staging.claim(&select.model.name, single_file.as_deref())?;
    }
    let tables = written.tables.into_iter().map(|(table, rows)| TableReport {
        table,
        rows,
        seconds: 0.0,
    });
    let tables: Vec<_> = tables.collect();
    let context = RunContext {
        run: &run,
        snapshot: &written.snapshot,
        options: &options,
        table_reports: &tables,
        staging: &staging,
        may_run_again: false,
        cancel,
    };
    let mut models = Vec::new();
    for (select, of) in selects.iter().zip(written.models) {
        let folders = Folders::of(&folder.join(&written.job).join(&of.name));
        let adopted = RunsIn::Adopted(folders, of.driven);
        models.extend(context.stage(select, adopted, None, &mut Vec::new())?);
    }
    cancel.check()?;
    for (select, report) in selects.iter().zip(&mut models) {
        report.path = context.publish(select.model)?;
    }
    Ok(Report {
        run,
        snapshot: written.snapshot,
        tables,
        models,
        seconds: began.elapsed().as_secs_f64(),
    })
}
