//! Puts the whole document together.

use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::keys::Right;
use crate::openapi::answers::{components, shared};
use crate::openapi::models::paths_of_models;
use crate::openapi::tables::Described;
use crate::read::words::encoded;
use crate::shared::Shared;

/// Describes all that a caller may ask of these datasets.
pub(crate) fn document(shared: &Shared, caller: &Caller) -> Value {
    let mut components = components();
    let mut schemas = components.remove("schemas").unwrap_or_default();
    let mut paths = of_service();
    // These paths are about all datasets.
    if caller.check("*", Right::Read).is_err() {
        paths.remove("/metrics");
    }
    let mut tags = Vec::new();
    for (dataset, tables) in &shared.datasets {
        let may = |right| caller.check(dataset, right).is_ok();
        if may(Right::Read) || may(Right::Write) {
            tags.push(json!({"name": dataset}));
        }
        for (index, (name, served)) in tables.iter().enumerate() {
            let table = &served.now();
            // Names of components may have only these characters.
            let plain = |name: &str| {
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            };
            let component = match plain(dataset) && plain(name) {
                true => format!("{dataset}.{name}"),
                false => format!(
                    "{}.{index}",
                    if plain(dataset) { dataset } else { "dataset" }
                ),
            };
            let described = Described {
                dataset,
                table,
                name: &component,
                most_rows: shared.limits.rows,
            };
            let path = format!("/v1/{}/{}", encoded(dataset), encoded(name));
            let mut operations = Map::new();
            if may(Right::Write) {
                operations.insert("post".to_owned(), described.post());
            }
            if may(Right::Read) {
                operations.insert("get".to_owned(), described.get());
                if let Some(get_one) = described.get_one() {
                    paths.insert(format!("{path}/{{key}}"), json!({"get": get_one}));
                }
            }
            if operations.is_empty() {
                continue;
            }
            paths.insert(path, Value::Object(operations));
            if let Some(schemas) = schemas.as_object_mut() {
                schemas.extend(described.schemas());
            }
        }
        if may(Right::Read) {
            let name = encoded(dataset);
            let models = shared.models.datasets.get(dataset);
            paths.extend(models.map_or(Map::new(), |of| paths_of_models(dataset, &name, of)));
        }
    }
    components.insert("schemas".to_owned(), schemas);
    tags.push(json!({"name": "service"}));
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Extrato",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Rows go into and out of the tables that are served, by the tables' own rules. Each answer \
             has the request's id as `X-Request-Id`.",
        },
        "security": match caller.has_key() {
            true => json!([{"bearer": []}, {"basic": []}]),
            false => json!([]),
        },
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

/// The paths that exist whatever is served.
fn of_service() -> Map<String, Value> {
    let text = |about: &str| json!({"description": about, "content": {"text/plain": {"schema": {"type": "string"}}}});
    let mut ready = shared(&[503]);
    ready.insert("200".to_owned(), text("The database answers"));
    let mut metrics = shared(&[401, 403, 429, 503]);
    metrics.insert(
        "200".to_owned(),
        json!({"description": "Counts and times", "content": {
            "application/openmetrics-text": {"schema": {"type": "string"}},
        }}),
    );
    let mut document = shared(&[401, 429, 503]);
    document.insert("200".to_owned(), json!({"description": "This document", "content": {"application/json": {"schema": {"type": "object"}}}}));
    let operation = |id: &str, about: &str, answers: Value| json!({"get": {"operationId": id, "tags": ["service"], "summary": about, "responses": answers}});
    let open = |mut path: Value| {
        path["get"]["security"] = json!([]);
        path
    };
    [
        (
            "/healthz",
            open(operation(
                "healthz",
                "Whether the service is up",
                json!({"200": text("It lives")}),
            )),
        ),
        (
            "/readyz",
            open(operation(
                "readyz",
                "Whether the database answers",
                Value::Object(ready),
            )),
        ),
        (
            "/metrics",
            operation(
                "metrics",
                "Counts and times, as Prometheus reads them",
                Value::Object(metrics),
            ),
        ),
        (
            "/openapi.json",
            operation(
                "openapi",
                "This description of the service",
                Value::Object(document),
            ),
        ),
    ]
    .map(|(path, operation)| (path.to_owned(), operation))
    .into_iter()
    .collect()
}
