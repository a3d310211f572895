//! The paths of models.

use dataset::ColumnType;
use serde_json::{Map, Value, json};

use crate::openapi::answers::shared;
use crate::openapi::schema;

/// A model whose path is described.
pub(crate) struct DescribedModel<'a> {
    pub(crate) name: &'a str,
    pub(crate) about: &'a str,
    /// The columns: name, type, whether it may be NULL.
    pub(crate) columns: &'a [(String, ColumnType, bool)],
    /// The parameters that a request may choose: name, type, default.
    pub(crate) parameters: &'a [(String, ColumnType, String)],
}

/// The paths of a dataset's models, for whoever may read it.
pub(crate) fn paths_of_models(dataset: &str, models: &[DescribedModel<'_>]) -> Map<String, Value> {
    let paths = models.iter().map(|model| {
        let parameters = model.parameters.iter().map(|(name, kind, default)| {
            let mut of_type = schema::value(*kind);
            of_type["default"] = match kind.is_number() || *kind == ColumnType::Boolean {
                true => serde_json::from_str(default).unwrap_or_default(),
                false => json!(default),
            };
            json!({"name": name, "in": "query", "schema": of_type})
        });
        let columns = model.columns.iter().map(|(name, kind, nullable)| {
            let of_type = schema::value(*kind);
            let of_type = if *nullable { schema::or_null(of_type) } else { of_type };
            (name.clone(), of_type)
        });
        let row = json!({"type": "object", "properties": columns.collect::<Map<_, _>>()});
        let mut answers = shared(&[400, 401, 403, 404, 406, 429, 500, 503]);
        answers.insert(
            "200".to_owned(),
            json!({"description": "What the model gives", "content": {
                "application/json": {"schema": {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}},
                "text/csv": {"schema": {"type": "string"}},
                "application/vnd.apache.parquet": {},
            }}),
        );
        let operation = json!({
            "operationId": format!("model.{dataset}.{}", model.name),
            "tags": [dataset],
            "summary": model.about,
            "parameters": parameters.collect::<Vec<_>>(),
            "responses": answers,
        });
        (format!("/v1/{dataset}/models/{}", model.name), json!({"get": operation}))
    });
    paths.collect()
}
