//! The login that Secrets Manager keeps, from a port that answers as the extension does.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::Database;

use crate::http::{Response, serve};
use crate::world::{Function, all_of, hiring};

const ARN: &str = "arn:aws:secretsmanager:sa-east-1:123456789012:secret:rds!db-1/a+b-AbCdEf";
const TOKEN: &str = "session/token+of==the role";

/// An extension with a single secret. Returns its port.
fn extension(secret: &Arc<Mutex<Value>>) -> u16 {
    let secret = Arc::clone(secret);
    serve(move |request| {
        assert_eq!(request.method, "GET");
        let token = request.headers.get("x-aws-parameters-secrets-token");
        if token.map(String::as_str) != Some(TOKEN) {
            return Response::new("401 Unauthorized", "401 Unauthorized");
        }
        let encoded = "arn%3Aaws%3Asecretsmanager%3Asa%2Deast%2D1%3A123456789012%3Asecret%3Ards%21db%2D1%2Fa%2Bb%2DAbCdEf";
        if request.path != format!("/secretsmanager/get?secretId={encoded}") {
            return Response::new(
                "400 Bad Request",
                "ResourceNotFoundException: no such secret",
            );
        }
        let mut answer = json!({"ARN": ARN, "Name": "rds!db-1", "VersionId": "1", "VersionStages": ["AWSCURRENT"]});
        let text = secret.lock().expect("not poisoned").clone();
        if text != Value::Null {
            answer["SecretString"] = text;
        }
        Response::new("200 OK", answer.to_string())
    })
}

fn function(port: u16, others: Vec<(String, String)>) -> Function {
    let own = [
        ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port.to_string()),
        ("AWS_SESSION_TOKEN", TOKEN.to_owned()),
        ("EXTRATO_SECRET", ARN.to_owned()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    Function::start(own.into_iter().chain(others))
}

/// The database's variables without those with these names, and the password.
fn without(database: &Database, names: &[&str]) -> (Vec<(String, String)>, String) {
    let all = database.variables();
    let password = all
        .iter()
        .find(|(name, _)| name == "PGPASSWORD")
        .expect("a password")
        .1
        .clone();
    (
        all.into_iter()
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .collect(),
        password,
    )
}

#[test]
fn a_secret_as_rds_makes_it_gives_all_that_variables_do_not() {
    let database = Database::create();
    let folder = hiring();
    let request = all_of("hiring", folder.path());
    let (variables, password) = without(&database, &[]);
    let value = |name: &str| {
        variables
            .iter()
            .find(|(of, _)| of == name)
            .expect(name)
            .1
            .clone()
    };
    let login = json!({
        "engine": "postgres", "username": value("PGUSER"), "password": password, "host": value("PGHOST"),
        "port": value("PGPORT").parse::<u16>().expect("a port"), "dbname": value("PGDATABASE"),
    });
    let secret = Arc::new(Mutex::new(Value::String(login.to_string())));
    let port = extension(&secret);
    let mut whole = function(port, Vec::new());
    assert_eq!(whole.answer(&request)["rows"]["loaded"], 5);
    assert!(!whole.log().contains(&password));

    // Variables take precedence, and a host from a variable keeps its own port, not the secret's.
    let elsewhere = json!({"username": "nobody", "password": password, "host": "db.example", "port": 1, "dbname": "none"});
    *secret.lock().expect("not poisoned") = Value::String(elsewhere.to_string());
    let (variables, _) = without(&database, &["PGPASSWORD", "PGPORT"]);
    let port_of_socket = ("PGPORT".to_owned(), value("PGPORT"));
    let mut filled = function(
        port,
        variables.into_iter().chain([port_of_socket]).collect(),
    );
    filled.refusal(
        &request,
        "Extrato.Refused",
        "was loaded into departments before",
    );
}

#[test]
fn a_secret_may_be_the_password_alone_and_is_asked_for_at_each_invocation() {
    let database = Database::create();
    let folder = hiring();
    let request = all_of("hiring", folder.path());
    let (variables, password) = without(&database, &["PGPASSWORD"]);
    let secret = Arc::new(Mutex::new(json!("of yesterday: \"no\"")));
    let mut function = function(extension(&secret), variables);
    function.refusal(
        &request,
        "Extrato.Connection",
        "password authentication failed",
    );
    *secret.lock().expect("not poisoned") = Value::String(password.clone());
    assert_eq!(function.answer(&request)["rows"]["loaded"], 5);
    for secret in ["of yesterday", &password] {
        assert!(!function.log().contains(secret));
    }
}

#[test]
fn a_secret_that_cannot_be_had_says_why_and_one_that_is_no_login_is_not_shown() {
    let database = Database::create();
    let folder = hiring();
    let request = all_of("hiring", folder.path());
    let (variables, _) = without(&database, &["PGPASSWORD"]);
    let secret = Arc::new(Mutex::new(Value::Null));
    let port = extension(&secret);
    let with = |name: &str, value: &str| {
        let mut all = variables.clone();
        all.push((name.to_owned(), value.to_owned()));
        function(port, all)
    };
    with("EXTRATO_SECRET", "other").refusal(
        &request,
        "Extrato.Connection",
        "400 Bad Request: ResourceNotFoundException",
    );
    with("AWS_SESSION_TOKEN", "stale").refusal(&request, "Extrato.Connection", "401 Unauthorized");
    with("AWS_SESSION_TOKEN", "").refusal(&request, "Extrato.Connection", "no AWS_SESSION_TOKEN");
    with("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "1").refusal(
        &request,
        "Extrato.Connection",
        "AWS-Parameters-and-Secrets-Lambda-Extension",
    );
    with("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "x").refusal(
        &request,
        "Extrato.Connection",
        "x is not a port",
    );
    let mut function = function(port, variables.clone());
    function.refusal(&request, "Extrato.Connection", "no SecretString");
    *secret.lock().expect("not poisoned") = json!("{\"apikey\": \"hush\"}");
    let message = function.refusal(&request, "Extrato.Usage", "without \"password\"");
    assert!(
        !message.contains("hush") && !function.log().contains("hush"),
        "{message}"
    );
}
