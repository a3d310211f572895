//! The answers of the document that are the same for all tables.

use serde_json::{Map, Value, json};

/// The meaning of each status that all tables share.
const PROBLEMS: [(&str, &str); 13] = [
    (
        "400",
        "The request is not valid: the detail says what is allowed",
    ),
    ("401", "The request has no valid key"),
    ("403", "The key does not allow this"),
    ("404", "Nothing has this name"),
    ("405", "The method is not allowed here"),
    ("406", "The answer cannot have a form that Accept names"),
    ("408", "The body came too slowly: nothing was inserted"),
    ("410", "The version is no longer kept"),
    (
        "413",
        "The body has too many bytes or rows: nothing was inserted",
    ),
    ("415", "The body's type is not accepted"),
    (
        "429",
        "Too many requests: wait as many seconds as Retry-After says",
    ),
    (
        "500",
        "A fault of the service, which its log has under the request's id",
    ),
    (
        "503",
        "The database or the service is busy or has no room: try again after as many seconds as Retry-After says",
    ),
];

/// The answers and schemas that paths refer to.
pub(crate) fn components() -> Map<String, Value> {
    let problem = |about: &str| {
        json!({
            "description": about,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        })
    };
    let answers = PROBLEMS.iter().map(|(status, about)| {
        let mut answer = problem(about);
        match *status {
            "429" | "503" => {
                answer["headers"] =
                    json!({"Retry-After": {"required": true, "schema": {"type": "integer"}}});
            }
            "401" => {
                answer["headers"] =
                    json!({"WWW-Authenticate": {"required": true, "schema": {"type": "string"}}})
            }
            _ => {}
        }
        (format!("Status{status}"), answer)
    });
    let count = json!({"type": "integer", "minimum": 0});
    let counts = ["rows", "inserted", "updated", "skipped", "rejected"];
    let mut outcomes: Map<String, Value> = counts
        .map(|name| (name.to_owned(), count.clone()))
        .into_iter()
        .collect();
    let text = json!({"type": "string"});
    for name in ["request", "dataset", "table"] {
        outcomes.insert(name.to_owned(), text.clone());
    }
    outcomes.insert(
        "outcomes".to_owned(),
        json!({"type": "array", "items": {"$ref": "#/components/schemas/Outcome"}}),
    );
    let required: Vec<&String> = outcomes.keys().collect();
    let outcomes = json!({
        "type": "object", "description": "What became of each row", "required": required, "properties": outcomes,
    });
    let schemas = json!({
        "Problem": {
            "type": "object", "description": "A problem, as RFC 9457 describes it",
            "required": ["type", "title", "status", "detail", "request"],
            "properties": {
                "type": {"type": "string", "description": "stays the same even if the words change: urn:extrato:problem:…"},
                "title": text, "status": {"type": "integer"}, "detail": text,
                "request": {"type": "string", "description": "the id by which the log names the request"},
            },
        },
        "Outcome": {
            "type": "object", "required": ["index", "outcome"],
            "properties": {
                "index": {"type": "integer", "minimum": 0, "description": "the row's place in the body, from 0"},
                "outcome": {"enum": ["inserted", "updated", "skipped", "rejected", "left_out"]},
                "violations": {"type": "array", "items": {
                    "type": "object", "required": ["column", "rule", "message"],
                    "properties": {"column": text, "rule": text, "message": text},
                }},
            },
        },
        "Outcomes": outcomes,
    });
    let schemes = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key that `extrato keys create` made"},
        "basic": {"type": "http", "scheme": "basic", "description": "Any name, and a key as the password"},
    });
    [
        ("responses".to_owned(), Value::Object(answers.collect())),
        ("schemas".to_owned(), schemas),
        ("securitySchemes".to_owned(), schemes),
    ]
    .into_iter()
    .collect()
}

/// References to the shared answers with these statuses.
pub(crate) fn shared(statuses: &[u16]) -> Map<String, Value> {
    let answer = |status: &u16| {
        let reference = json!({"$ref": format!("#/components/responses/Status{status}")});
        (status.to_string(), reference)
    };
    statuses.iter().map(answer).collect()
}
