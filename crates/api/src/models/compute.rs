//! The models of a dataset, and how their results are computed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use database::{Cancel, Settings};
use dataset::failure::{Kind, OrFail};
use dataset::{Dataset, Model, Parameter};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use storage::manifest::{self, FileEntry};
use tempfile::TempDir;
use transform::{Format, Layout, Options};
use values::text::{self, Case};

use crate::models::cache::Cache;
use crate::models::failed::{gone, is_full, problem};
use crate::models::lines;
use crate::models::output::Output;
use crate::problem::Problem;

/// The key of an output: what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) dataset: String,
    pub(crate) what: What,
    /// The values of all parameters, by name.
    pub(crate) parameters: Vec<(String, String)>,
}

/// What is computed for a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// The result of one model: the name of its file, MODEL.FORMAT.
    Model(String),
    /// The page with the results of all models.
    Report,
}

/// The models of a dataset that is served.
pub(crate) struct ServedModels {
    /// The options that all of them run with by default.
    options: Arc<Options>,
    /// How often rows came in through the service.
    changes: AtomicU64,
}

impl ServedModels {
    /// The models of a dataset whose tables are in a schema.
    pub(crate) fn of(options: Options) -> Self {
        Self {
            options: Arc::new(options),
            changes: AtomicU64::new(0),
        }
    }

    /// The dataset, with all of its models or with only one; `None` if there is no such model.
    pub(crate) fn dataset(&self, model: Option<&str>) -> Option<Dataset> {
        let mut dataset = self.options.dataset.clone();
        if let Some(name) = model {
            dataset.models.iter().find(|model| model.name == name)?;
            dataset.keep_models_where(|model| model.name == name);
        }
        Some(dataset)
    }

    /// The models, in the dataset's order.
    pub(crate) fn all(&self) -> &[Model] {
        &self.options.dataset.models
    }

    /// The parameters of all models, by name.
    pub(crate) fn parameters(&self) -> BTreeMap<&str, &Parameter> {
        self.options.dataset.parameters()
    }

    /// Notes that rows have come in.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }
}

/// The models of all datasets, and the outputs that are kept.
pub(crate) struct Models {
    pub(crate) datasets: BTreeMap<String, ServedModels>,
    pub(crate) settings: Settings,
    pub(crate) cancel: Cancel,
    /// How long an output is fresh if no rows come in through the service.
    pub(crate) fresh_for: Duration,
    pub(crate) cache: Arc<Cache<Asked>>,
}

impl Models {
    /// The result of the only model of `dataset`, which has the values of parameters, in files of a format. If a version is named,
    /// it must be that one.
    ///
    /// # Errors
    /// 410 if the version is not kept any longer; the errors of [`Cache::fresh`].
    pub(crate) async fn model(
        &self,
        dataset: Dataset,
        format: Format,
        version: Option<&str>,
    ) -> Result<Arc<Output>, Problem> {
        let file = format!("{}.{format}", dataset.models[0].name);
        let key = asked(&dataset, What::Model(file));
        match version {
            Some(tag) => self.cache.of_tag(&key, tag).ok_or_else(gone),
            None => self.fresh(key, dataset, Some(format)).await,
        }
    }

    /// The page of all models of `dataset`, which has the values of parameters.
    ///
    /// # Errors
    /// The errors of [`Cache::fresh`].
    pub(crate) async fn report(&self, dataset: Dataset) -> Result<Arc<Output>, Problem> {
        let key = asked(&dataset, What::Report);
        self.fresh(key, dataset, None).await
    }

    async fn fresh(
        &self,
        key: Asked,
        dataset: Dataset,
        format: Option<Format>,
    ) -> Result<Arc<Output>, Problem> {
        let Some(served) = self.datasets.get(&key.dataset) else {
            return Err(Problem::internal());
        };
        let is_fresh = |output: &Output| {
            output.made.elapsed() < self.fresh_for
                && output.changes == served.changes.load(Ordering::Acquire)
        };
        let usual = Arc::clone(&served.options);
        let (settings, cancel) = (self.settings.clone(), self.cancel.clone());
        let changes = served.changes.load(Ordering::Acquire);
        let cache = Arc::clone(&self.cache);
        let compute = move || {
            let options = Options {
                dataset,
                ..(*usual).clone()
            };
            let run = || match format {
                Some(format) => of_model(&settings, options.clone(), format, &cancel),
                None => of_report(&settings, options.clone(), &cancel),
            };
            let computed = match run() {
                // The disk is full: outputs that are kept make room for the one that is asked for.
                Err(error) if is_full(&error) && cache.forget() => run(),
                computed => computed,
            };
            let output = computed.map_err(|error| problem(&error))?;
            Ok(Output { changes, ..output })
        };
        self.cache.fresh(key, is_fresh, compute).await
    }
}

fn asked(dataset: &Dataset, what: What) -> Asked {
    let parameters = dataset.parameters().into_iter();
    Asked {
        dataset: dataset.name.clone(),
        what,
        parameters: parameters
            .map(|(name, of)| (name.to_owned(), of.value.clone()))
            .collect(),
    }
}

/// Runs the only model of `options`.
fn of_model(
    settings: &Settings,
    options: Options,
    format: Format,
    cancel: &Cancel,
) -> anyhow::Result<Output> {
    let folder = folder()?;
    let options = Options {
        out: folder.path().into(),
        layout: Layout::SingleFile,
        format,
        ..options
    };
    let report = transform::run(settings, &options, cancel)?;
    let model = report.models.into_iter().next().context("a model ran")?;
    let path = model.path.path().context("an output on disk")?.to_owned();
    let (columns, entry) = in_manifest(&path)?;
    let marks = match format {
        Format::JsonLines => lines::marks(&path).or_fail(Kind::Output, unreadable)?,
        _ => Vec::new(),
    };
    let mut tag = String::new();
    text::hex(&entry.xxh3_128.to_be_bytes(), Case::Lower, &mut tag);
    Ok(Output {
        path,
        bytes: model.bytes,
        tag,
        rows: model.rows,
        snapshot: report.snapshot,
        run: report.run,
        columns,
        marks,
        made: Instant::now(),
        changes: 0,
        folder,
    })
}

/// The columns of an output and the entry of its only file, from the manifest beside it.
fn in_manifest(path: &Path) -> anyhow::Result<(Value, FileEntry)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(manifest::beside(&name));
    let text = fs::read_to_string(beside).or_fail(Kind::Output, unreadable)?;
    let (head, file) = text.split_once('\n').unwrap_or_default();
    let head: Value = serde_json::from_str(head).context("the manifest")?;
    let columns = head["columns"].as_array().context("columns")?.iter();
    let columns = columns.map(|column| json!({ "name": column[0], "type": column[1] }));
    let entry = serde_json::from_str(file).context("the manifest")?;
    Ok((columns.collect(), entry))
}

/// Runs all models of `options` and makes a page of their results.
fn of_report(settings: &Settings, options: Options, cancel: &Cancel) -> anyhow::Result<Output> {
    let folder = folder()?;
    let (dataset, schema) = (&options.dataset, &options.schema);
    let tables = transform::outline::of_database(settings, dataset, schema, cancel)?;
    let shown = report::Shown {
        is_served: true,
        ..report::shown(settings, &options, cancel)?
    };
    let page = report::Page {
        shown: &shown,
        tables: &tables,
    };
    let html = page.html()?;
    let path = folder.path().join("report.html");
    fs::write(&path, &html).or_fail(Kind::Output, unreadable)?;
    let mut tag = String::new();
    text::hex(&Sha256::digest(&html)[..16], Case::Lower, &mut tag);
    Ok(Output {
        path,
        bytes: html.len() as u64,
        tag,
        rows: shown.models.iter().map(|model| model.total).sum(),
        snapshot: shown.snapshot,
        run: shown.run,
        columns: Value::Null,
        marks: Vec::new(),
        made: Instant::now(),
        changes: 0,
        folder,
    })
}

fn folder() -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("extrato-model-").tempdir();
    folder.or_fail(Kind::Output, unreadable)
}

fn unreadable() -> &'static str {
    "a file of what models give, in the folder for temporary files (TMPDIR)"
}
