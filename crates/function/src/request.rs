//! Parses what an invocation asks for: the options of `extrato load`, by their names.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use database::Environment;
use dataset::Dataset;
use dataset::failure::{Kind, OrFail};
use loader::{OnDuplicate, Options, RejectLimit};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use storage::place::Place;

use crate::event;

/// The variable that names the dataset for invocations that don't.
const DATASET: &str = "EXTRATO_DATASET";
/// The variable with the options that invocations leave out, in the form of a request.
const OPTIONS: &str = "EXTRATO_OPTIONS";
/// The part of the function's memory that keys of rows may take: one in this many.
const PART_FOR_KEYS: u64 = 4;
/// The most threads that validate; with more of them, the server would be the bottleneck.
const MOST_WORKERS: usize = 4;

/// A request, or the defaults that the environment gives for all requests.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Request {
    dataset: Option<String>,
    from: Option<String>,
    tables: BTreeMap<String, String>,
    schema: Option<String>,
    rejects: Option<String>,
    #[serde(deserialize_with = "limit")]
    max_rejects: Option<RejectLimit>,
    on_duplicate: OnDuplicate,
    force: bool,
    truncate: bool,
    allow_empty: bool,
    commit_every: Option<u64>,
}

/// The options that a bucket's event or a request asks for; rejects go into `temporary` unless a folder for them is named.
///
/// # Errors
/// [`Kind::Usage`] for anything else, for unknown names, and for a dataset that contradicts itself.
pub(crate) fn options(
    payload: Value,
    environment: &Environment,
    temporary: &Path,
) -> anyhow::Result<Options> {
    let mut fields = defaults(environment)?;
    let objects = event::objects(&payload)?;
    match (&objects, payload) {
        (Some(_), _) => {}
        (None, Value::Object(given)) => fields.extend(given),
        (None, _) => {
            return Err(Kind::Usage.error(
                "neither an event of a bucket nor a request, which is an object such as {\"dataset\": \"sales\", \
                 \"from\": \"s3://bucket/prefix\"}",
            ));
        }
    }
    let request = read(fields).or_fail(Kind::Usage, || "this request is not valid")?;
    let Some(dataset) = &request.dataset else {
        return Err(Kind::Usage.error(format!(
            "no dataset: give \"dataset\" in the request, or set {DATASET}"
        )));
    };
    if request.allow_empty && !request.truncate {
        return Err(Kind::Usage.error("\"allow_empty\" goes with \"truncate\" only"));
    }
    let mut dataset = Dataset::open(dataset)?;
    let schema = dataset.schema(request.schema.as_deref()).to_owned();
    dataset.in_schema(&schema);
    let mut tables: Vec<_> = request.tables.into_iter().collect();
    for object in objects.into_iter().flatten() {
        tables.push((event::table_of(&dataset, &object)?.name.clone(), object));
    }
    if tables.iter().any(|(_, file)| file == "-") {
        return Err(
            Kind::Usage.error("a function has no standard input: name a file instead of `-`")
        );
    }
    let rejects = match request.rejects.as_deref() {
        Some(rejects) => Place::parse(rejects)?,
        None => temporary.into(),
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options {
        schema,
        from: request.from.as_deref().map(Place::parse).transpose()?,
        tables,
        rejects,
        max_rejects: request.max_rejects,
        on_duplicate: request.on_duplicate,
        force: request.force,
        truncate: request.truncate,
        allow_empty: request.allow_empty,
        commit_every: request.commit_every,
        workers: processors.min(MOST_WORKERS),
        ..Options::new(dataset)
    };
    let memory = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    if let Some(megabytes) = memory.and_then(|size| size.parse::<u64>().ok()) {
        options.memory_bytes = options.memory_bytes.min((megabytes << 20) / PART_FOR_KEYS);
    }
    Ok(options)
}

/// The defaults that the environment gives.
fn defaults(environment: &Environment) -> anyhow::Result<Map<String, Value>> {
    let mut fields = Map::new();
    if let Some(options) = environment.get(OPTIONS) {
        let failed = || format!("{OPTIONS} is not valid");
        fields = serde_json::from_str(options).or_fail(Kind::Usage, failed)?;
        read(fields.clone()).or_fail(Kind::Usage, failed)?;
    }
    if let Some(dataset) = environment.get(DATASET) {
        fields.insert("dataset".to_owned(), dataset.into());
    }
    Ok(fields)
}

fn read(fields: Map<String, Value>) -> serde_json::Result<Request> {
    Request::deserialize(Value::Object(fields))
}

/// Deserializes a number of rows, or a share of them given as text.
fn limit<'de, D: Deserializer<'de>>(fields: D) -> Result<Option<RejectLimit>, D::Error> {
    let text = match Value::deserialize(fields)? {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        other => other.to_string(),
    };
    text.parse().map(Some).map_err(serde::de::Error::custom)
}
