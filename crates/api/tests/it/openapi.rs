//! The service's description of itself says what there is to those whom it concerns, and the service does what it says.

use std::fs;
use std::process::Command;

use api::ServeOptions;
use api::keys::{self, NewKey};
use database::Cancel;
use dataset::Dataset;
use serde_json::{Value, json};
use testkit::Database;

use crate::world::{Own, Service, make};

/// Rows for each table of the built-in datasets.
const ROWS: [(&str, &str); 3] = [
    (
        "hiring",
        "INSERT INTO departments SELECT n, 'Department ' || n FROM generate_series(1, 3) AS n;
         INSERT INTO jobs SELECT n, 'Job ' || n FROM generate_series(1, 3) AS n;
         INSERT INTO hired_employees SELECT n, 'Ana', '2021-05-01 08:00:00Z', 1, 2 FROM generate_series(1, 200) AS n",
    ),
    (
        "cards",
        "INSERT INTO associado VALUES (1, 'Ana', 'Souza', 40, 'ana@example.com');
         INSERT INTO conta VALUES (1, 'poupanca', '2021-05-01', 1)",
    ),
    ("sales", ""),
];

/// Starts a service of all built-in datasets.
fn all(needs_key: bool) -> (Service, Database) {
    let database = Database::create();
    let datasets = ROWS.map(|(name, rows)| {
        let dataset = Dataset::open(name).expect("built in");
        make(&database, &dataset, rows);
        (dataset, name.to_owned())
    });
    let options = ServeOptions::new(datasets.into());
    let service = Service::start_with(&database.settings(), options, needs_key);
    (service, database)
}

/// The document that a key with these rights gets.
fn with_scopes(service: &Service, database: &Database, scopes: &[&str]) -> Value {
    let key = NewKey {
        name: scopes.join(" "),
        scopes: scopes
            .iter()
            .map(|scope| scope.parse().expect("a scope"))
            .collect(),
        expires_days: None,
    };
    let key = keys::create(&database.settings(), &key, &Cancel::default()).expect("a key");
    let answer = service.ask(
        "GET",
        "/openapi.json",
        &format!("Authorization: Bearer {key}\r\n"),
    );
    assert_eq!(answer.status, 200);
    answer.json()
}

fn paths(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().expect("operations");
        operations
            .keys()
            .map(move |method| format!("{method} {path}"))
    });
    operations.collect()
}

/// All references in a document.
fn references(of: &Value) -> Vec<&str> {
    match of {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match (&**name, value) {
                ("$ref", Value::String(to)) => vec![&**to],
                _ => references(value),
            })
            .collect(),
        Value::Array(elements) => elements.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// The names of a dataset's models, including those for reports.
fn models(dataset: &str) -> Vec<String> {
    let mut dataset = Dataset::open(dataset).expect("built in");
    dataset.with_those_for_reports();
    let models = dataset.models.into_iter();
    models.map(|model| model.name).collect()
}

#[test]
fn a_document_has_what_the_key_is_for_and_nothing_else() {
    let (service, database) = all(true);
    assert_eq!(service.get("/openapi.json").status, 401);
    let service_paths = ["get /healthz", "get /openapi.json", "get /readyz"];
    let writer = with_scopes(&service, &database, &["hiring:write"]);
    let expected = [
        "post /v1/hiring/departments",
        "post /v1/hiring/hired_employees",
        "post /v1/hiring/jobs",
    ];
    assert_eq!(paths(&writer), [&service_paths[..], &expected].concat());
    let text = writer.to_string();
    assert!(
        !text.contains("sales") && !text.contains("movimento"),
        "{text}"
    );
    let reader = with_scopes(&service, &database, &["cards:read"]);
    let tables = ["associado", "cartao", "conta", "movimento"];
    let of_tables = tables.iter().flat_map(|table| {
        [
            format!("get /v1/cards/{table}"),
            format!("get /v1/cards/{table}/{{key}}"),
        ]
    });
    let of_models = models("cards").into_iter();
    let of_models = of_models.map(|name| format!("get /v1/cards/models/{name}"));
    let page = "get /report/cards".to_owned();
    let mut expected: Vec<String> = of_tables.chain(of_models).chain([page]).collect();
    expected.sort();
    assert_eq!(paths(&reader)[3..], expected);
    let every = with_scopes(&service, &database, &["*:read", "*:write"]);
    let names = ["cards", "hiring", "sales"];
    let models: usize = names.iter().map(|name| models(name).len() + 1).sum();
    assert_eq!(paths(&every).len(), 4 + 3 * (3 + 4 + 6) + models);
    for document in [&writer, &reader, &every] {
        let references = references(document);
        assert!(references.len() > 20);
        for reference in references {
            let place = reference.strip_prefix('#').expect("within the document");
            assert!(document.pointer(place).is_some(), "{reference}");
        }
    }
}

#[test]
fn rows_are_described_by_the_rules_that_they_have() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nload.required = [\"name\"]\nload.ranges.age = { min = \"18\", max = \"99\" }\n",
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE t (id integer PRIMARY KEY, name varchar(20), age smallint NOT NULL, amount numeric(5,2), mood mood, \
             at timestamptz NOT NULL DEFAULT now(), other jsonb, list integer[], \"limit\" integer REFERENCES t, \
             twice integer GENERATED ALWAYS AS (id * 2) STORED);
         COMMENT ON COLUMN t.age IS 'in years';",
    );
    let document = own.service.get("/openapi.json").json();
    let sent = &document["components"]["schemas"]["own.t.sent"];
    assert_eq!(sent["required"], json!(["id", "name", "age"]));
    let of = |name: &str| sent["properties"][name].clone();
    assert_eq!(
        of("name"),
        json!({"type": "string", "maxLength": 20, "minLength": 1, "description": "character varying(20)"})
    );
    assert_eq!(
        of("age"),
        json!({"type": "integer", "minimum": 18, "maximum": 99, "description": "in years; smallint"})
    );
    assert_eq!(of("amount")["exclusiveMaximum"], json!(1e3));
    assert_eq!(of("mood")["enum"], json!(["sad", "glad", null]));
    assert_eq!(of("at")["type"], "string");
    assert_eq!(of("list")["type"], json!(["array", "string", "null"]));
    assert_eq!(of("limit")["description"], "integer; refers to t(id)");
    assert_eq!(of("twice"), Value::Null);
    let read = &document["components"]["schemas"]["own.t.read"]["properties"];
    assert_eq!(read["twice"]["readOnly"], true);
    assert_eq!(read["id"]["description"], "integer; part of the key");
    let parameters = document["paths"]["/v1/own/t"]["get"]["parameters"]
        .as_array()
        .expect("parameters");
    let names: Vec<&str> = parameters
        .iter()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "id",
            "name",
            "age",
            "amount",
            "mood",
            "at",
            "other",
            "list",
            "\"limit\"",
            "twice",
            "select",
            "order",
            "limit",
            "after"
        ]
    );
    assert_eq!(document["security"], json!([]));
}

/// Needs a Python with openapi-spec-validator and schemathesis: see the gate.
#[test]
#[ignore = "needs EXTRATO_TEST_PYTHON"]
fn the_service_does_what_the_document_says() {
    let python = std::env::var("EXTRATO_TEST_PYTHON").expect("EXTRATO_TEST_PYTHON");
    let (service, database) = all(false);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("openapi.json");
    fs::write(&path, service.get("/openapi.json").body).expect("written");
    let run = |module: &str, arguments: &[&str]| {
        let run = Command::new(&python)
            .args(["-m", module])
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("python");
        let told = String::from_utf8_lossy(&run.stdout).into_owned()
            + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{module}: {told}");
    };
    run("openapi_spec_validator", &[&path.display().to_string()]);
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis.toml");
    let address = format!("http://{}", service.address);
    let document = format!("{address}/openapi.json");
    run(
        "schemathesis.cli",
        &["--config-file", settings, "run", &document],
    );
    drop((service, database));
}
