//! The paths of models and of the report.

use dataset::{ColumnType, Model};
use serde_json::{Map, Value, json};

use crate::models::asked::MOST_ROWS;
use crate::models::compute::ServedModels;
use crate::openapi::answers::shared;
use crate::openapi::schema;

/// The paths of a dataset's models and of its report, for those who may read it. `name` is the dataset's name as paths have it.
pub(crate) fn paths_of_models(
    dataset: &str,
    name: &str,
    served: &ServedModels,
) -> Map<String, Value> {
    let chosen = |kind: &ColumnType, default: &str| {
        let mut of_type = schema::value(*kind);
        of_type["default"] = match kind.is_number() || *kind == ColumnType::Boolean {
            true => serde_json::from_str(default).unwrap_or_default(),
            false => json!(default),
        };
        of_type
    };
    let parameters = served.parameters().into_iter().map(
        |(name, of)| json!({"name": name, "in": "query", "schema": chosen(&of.kind, &of.value)}),
    );
    let parameters: Vec<Value> = parameters.collect();
    let paths = served.all().iter().map(|model| {
        let path = format!("/v1/{name}/models/{}", model.name);
        (path, json!({"get": of_model(dataset, model, &parameters)}))
    });
    let mut paths: Map<String, Value> = paths.collect();
    let mut answers = shared(&[400, 401, 403, 404, 429, 500, 503]);
    answers.insert("200".to_owned(), json!({"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}}));
    answers.insert(
        "304".to_owned(),
        json!({"description": "The client has it already"}),
    );
    let report = json!({
        "operationId": format!("report.{dataset}"),
        "tags": [dataset],
        "summary": "The rows of all models, as a page",
        "parameters": parameters,
        "responses": answers,
    });
    paths.insert(format!("/report/{name}"), json!({"get": report}));
    paths
}

fn of_model(dataset: &str, model: &Model, parameters: &[Value]) -> Value {
    let (about, _) = report::commented(&model.sql);
    let columns = model
        .visible_columns()
        .map(|(name, kind)| (name.clone(), schema::or_null(schema::value(*kind))));
    let row = json!({"type": "object", "properties": columns.collect::<Map<_, _>>()});
    let text = json!({"type": "string"});
    let page = json!({
        "type": "object",
        "required": ["dataset", "model", "parameters", "run", "snapshot", "columns", "total", "offset", "next", "rows"],
        "properties": {
            "dataset": text, "model": text, "run": text, "snapshot": text,
            "parameters": {"type": "object", "additionalProperties": text},
            "columns": {"type": "array", "items": {"type": "object", "properties": {"name": text, "type": text}}},
            "total": {"type": "integer", "minimum": 0},
            "offset": {"type": "integer", "minimum": 0},
            "next": {"type": ["string", "null"], "description": "the path of the next page"},
            "rows": {"type": "array", "items": row},
        },
    });
    let mut answers = shared(&[400, 401, 403, 404, 406, 410, 429, 500, 503]);
    answers.insert(
        "200".to_owned(),
        json!({"description": "The rows of the model", "content": {
            "application/json": {"schema": page},
            "application/x-ndjson": {"schema": text},
            "text/csv": {"schema": text},
            "application/vnd.apache.parquet": {},
        }}),
    );
    answers.insert(
        "304".to_owned(),
        json!({"description": "The client has it already"}),
    );
    let of_page = [
        json!({"name": "limit", "in": "query", "description": "For JSON: how many rows", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 1000}}),
        json!({"name": "offset", "in": "query", "description": "For JSON: how many rows to skip before them", "schema": {"type": "integer", "minimum": 0, "default": 0}}),
        json!({"name": "version", "in": "query", "description": "For JSON: the version that `next` names", "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}),
    ];
    json!({
        "operationId": format!("model.{dataset}.{}", model.name),
        "tags": [dataset],
        "summary": about,
        "parameters": parameters.iter().chain(&of_page).collect::<Vec<_>>(),
        "responses": answers,
    })
}
