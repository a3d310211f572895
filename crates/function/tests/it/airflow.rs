//! The DAG of `deploy/airflow` that invokes the function is run by Airflow itself, with an API that behaves like Lambda's.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use testkit::{Airflow, Database};

use crate::http::{Response, serve};
use crate::world::{Function, all_of, hiring};

const DAG: &str = "extrato_function";

/// Lambda's answer when it had to kill a function.
const ENDED: &str = r#"{"errorType": "Runtime.ExitError", "errorMessage": "Error: Runtime exited with error: signal: killed"}"#;

/// The API that invokes functions: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>. The function `extrato-load` is
/// ours; `killed` is ours too, but its first invocation is killed. Returns the API's port.
fn invoke_api(function: Function) -> u16 {
    let (function, killed) = (Mutex::new(function), AtomicU32::new(0));
    serve(move |request| {
        let name = request.path.strip_prefix("/2015-03-31/functions/");
        let name = name.and_then(|name| name.strip_suffix("/invocations"));
        let name = name.unwrap_or_else(|| panic!("{} is not of the API", request.path));
        assert!(request.headers["authorization"].starts_with("AWS4-HMAC-SHA256 "));
        let event: Value = serde_json::from_slice(&request.body).expect("JSON");
        let outcome = match name {
            "killed" if killed.fetch_add(1, Ordering::SeqCst) == 0 => Err(ENDED.to_owned()),
            _ => {
                let outcome = function.lock().expect("one invokes").invoke(&event);
                outcome
                    .map(|answer| answer.to_string())
                    .map_err(|error| error.to_string())
            }
        };
        match outcome {
            Ok(answer) => Response::new("200 OK", answer),
            Err(error) => Response {
                headers: vec![("X-Amz-Function-Error", "Unhandled".to_owned())],
                ..Response::new("200 OK", error)
            },
        }
    })
}

/// An Airflow whose `boto3` invokes a function with these variables.
fn airflow(variables: Vec<(String, String)>) -> Airflow {
    let mut airflow = Airflow::new(Path::new("/nonexistent"));
    let port = invoke_api(Function::start(variables));
    for (name, value) in [
        (
            "AWS_ENDPOINT_URL_LAMBDA",
            format!("http://127.0.0.1:{port}"),
        ),
        ("AWS_DEFAULT_REGION", "sa-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "airflow".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "hush-hush-hush".to_owned()),
    ] {
        airflow.set(name, value);
    }
    airflow
}

#[test]
#[ignore = "needs EXTRATO_TEST_AIRFLOW, the bin of a virtual environment with apache-airflow and boto3: CONTRIBUTING.md"]
fn airflow_invokes_the_function_and_tries_again_what_may_pass() {
    let database = Database::create();
    let files = hiring();
    let airflow_of_it = airflow(database.variables());
    let mut request = all_of("hiring", files.path());
    for (function, tries) in [("extrato-load", 1), ("killed", 2)] {
        let run = airflow_of_it.test(DAG, &json!({"function": function, "request": request}));
        assert!(run.is_success, "{}", run.log);
        run.expect("load", "success", tries);
        run.expect("check", "success", 1);
        let rows = json!({"departments": 2, "jobs": 1, "hired_employees": 2});
        assert_eq!(run.tasks["check"]["xcom"], rows);
        let query = "SELECT count(*) FROM hiring.hired_employees";
        assert_eq!(testkit::value::<i64>(&mut database.connect(), query), 2);
        request["truncate"] = true.into();
    }
    request["from"] = files.path().join("nothing").to_str().into();
    let missing = airflow_of_it.test(DAG, &json!({"request": request}));
    assert!(!missing.is_success);
    missing.expect("load", "failed", 1);
    assert!(
        missing.log.contains("Extrato.Usage: --from "),
        "{}",
        missing.log
    );
    assert!(!missing.log.contains("hush-hush"), "{}", missing.log);
    assert_eq!(airflow_of_it.files_with("hush-hush").len(), 0);

    let away = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", "1"),
        ("PGUSER", "ana"),
        ("PGDATABASE", "x"),
    ];
    let away = away.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let away = airflow(away.into()).test(DAG, &json!({"request": all_of("hiring", files.path())}));
    away.expect("load", "failed", 4);
    assert!(
        away.log.contains("Extrato.Connection: cannot connect to "),
        "{}",
        away.log
    );
}
