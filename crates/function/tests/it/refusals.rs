//! Errors: each has a type by which callers recognise it, and the function goes on with the next invocation.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use serde_json::json;
use testkit::{Database, value};

use crate::world::{Function, all_of, hiring, told};

#[test]
fn an_event_that_makes_no_sense_is_usage_and_the_next_one_is_taken() {
    let database = Database::create();
    let mut function = Function::with_database(&database);
    let folder = hiring();
    let from = folder.path();
    for (event, saying) in [
        (
            json!({"dataset": "hiring", "from": from, "trunkate": true}),
            "unknown field `trunkate`, expected one of `dataset`",
        ),
        (
            json!({"dataset": "hiring", "from": from, "truncate": "yes"}),
            "invalid type: string \"yes\", expected a boolean",
        ),
        (
            json!({"dataset": "hiring", "from": from, "max_rejects": "lots"}),
            "`lots` is neither a number of rows nor a share",
        ),
        (
            json!({"dataset": "hiring", "from": from, "on_duplicate": "perhaps"}),
            "unknown variant `perhaps`, expected one of `reject`",
        ),
        (
            json!({"dataset": "hiring", "from": from, "commit_every": 0}),
            "give a number of rows",
        ),
        (
            json!({"dataset": "hiring", "from": from, "allow_empty": true}),
            "\"allow_empty\" goes with \"truncate\"",
        ),
        (json!({"dataset": "nowhere", "from": from}), "nowhere"),
        (json!({"from": from}), "set EXTRATO_DATASET"),
        (json!({"dataset": "hiring"}), "nothing to load"),
        (
            json!({"dataset": "hiring", "tables": {"jobs": "-"}}),
            "no standard input",
        ),
        (
            json!({"dataset": "hiring", "tables": {"job": "x"}}),
            "has no such table",
        ),
        (json!([1]), "neither an event of a bucket nor a request"),
        (json!({"Records": [{"Sns": {}}]}), "not from a bucket"),
    ] {
        function.refusal(&event, "Extrato.Usage", saying);
    }
    // Lambda itself refuses a payload that is not JSON; should one come through, it is an error like any other.
    let error = function
        .invoke_with(
            "{\"dataset\":".to_owned(),
            SystemTime::now() + Duration::from_secs(60),
        )
        .expect_err("refused");
    assert!(
        error["errorType"]
            .as_str()
            .is_some_and(|text| text.ends_with("DeserializeError")),
        "{error}"
    );
    assert_eq!(
        function.answer(&all_of("hiring", from))["rows"]["loaded"],
        5
    );
}

#[test]
fn an_environment_that_makes_no_sense_is_usage_with_the_variable_named() {
    let folder = hiring();
    let request = all_of("hiring", folder.path());
    for options in ["{\"trunkate\": true}", "[]", "{"] {
        let mut function = Function::start([("EXTRATO_OPTIONS", options)]);
        function.refusal(&request, "Extrato.Usage", "EXTRATO_OPTIONS");
    }
    let mut function = Function::start::<String, String>([]);
    function.refusal(&request, "Extrato.Usage", "no database is named");
}

#[test]
fn an_object_whose_name_two_tables_take_goes_into_none() {
    let package = tempfile::tempdir().expect("a folder");
    let table = |name: &str| {
        format!("[[table]]\nname = \"{name}\"\nkey = []\nload.files = [\"t*.csv\", \"*1.csv\"]\n")
    };
    let description = format!("name = \"own\"\n{}{}", table("a"), table("b"));
    fs::write(package.path().join("dataset.toml"), description).expect("written");
    let dataset = package.path().display().to_string();
    let mut function = Function::start([("EXTRATO_DATASET", dataset)]);
    let object = json!({"bucket": {"name": "files"}, "object": {"key": "in/t1.csv.zst"}});
    let event = json!({"Records": [{"s3": object}]});
    function.refusal(
        &event,
        "Extrato.Usage",
        "s3://files/in/t1.csv.zst would be loaded into a and into b",
    );
}

#[test]
fn a_wrong_password_and_a_missing_server_are_told_from_the_rest_and_no_password_is_told() {
    let database = Database::create();
    let folder = hiring();
    let request = all_of("hiring", folder.path());
    let mut variables = database.variables();
    for (name, value) in &mut variables {
        if name == "PGPASSWORD" {
            *value = "open sesame".to_owned();
        }
    }
    let mut function = Function::start(variables.clone());
    function.refusal(
        &request,
        "Extrato.Connection",
        "password authentication failed",
    );
    assert!(
        !function.log().contains("open sesame"),
        "{}",
        function.log()
    );

    for (name, value) in &mut variables {
        if name == "PGHOST" {
            *value = folder.path().display().to_string();
        }
    }
    let mut function = Function::start(variables);
    function.refusal(&request, "Extrato.Connection", "cannot");
}

#[test]
fn rows_beyond_the_limit_are_refused_and_recorded_in_the_table() {
    let database = Database::create();
    let folder = hiring();
    fs::write(folder.path().join("jobs.csv"), "1,Lawyer\nx,Clerk\n").expect("written");
    let mut function = Function::with_database(&database);
    let message = function.refusal(
        &all_of("hiring", folder.path()),
        "Extrato.Refused",
        "nothing was loaded",
    );
    assert!(
        message.contains("see the rejects in table hiring.extrato_reject"),
        "{message}"
    );
    let raw: String = value(
        &mut database.connect(),
        "SELECT raw FROM hiring.extrato_reject",
    );
    assert_eq!(raw, "x,Clerk");
}

#[test]
fn a_file_that_was_loaded_before_is_refused() {
    let database = Database::create();
    let folder = hiring();
    let mut function = Function::with_database(&database);
    let request = all_of("hiring", folder.path());
    function.answer(&request);
    function.refusal(
        &request,
        "Extrato.Refused",
        "was loaded into departments before",
    );
    let forced =
        json!({"dataset": "hiring", "from": folder.path(), "on_duplicate": "skip", "force": true});
    assert_eq!(function.answer(&forced)["rows"]["skipped"], 5);
}

#[test]
fn a_load_that_the_deadline_ends_leaves_nothing_and_one_that_commits_goes_on() {
    let database = Database::create();
    let folder = hiring();
    let jobs = folder.path().join("jobs.csv");
    let mut file = fs::File::create(&jobs).expect("a file");
    for id in 1..=200_000 {
        writeln!(file, "{id},Job {id}").expect("written");
    }
    let mut function = Function::with_database(&database);
    // With the table locked the load waits, so that it is the deadline that ends it.
    let mut client = database.connect();
    function.answer(&json!({"dataset": "hiring", "tables": {"departments": folder.path().join("departments.csv")}}));
    client
        .batch_execute("BEGIN; LOCK TABLE hiring.jobs IN ACCESS EXCLUSIVE MODE")
        .expect("locked");
    let mut request = json!({"dataset": "hiring", "tables": {"jobs": jobs}});
    let error = function
        .invoke_for(&request, Duration::from_secs(3))
        .expect_err("stopped");
    told(&error, "Extrato.Interrupted", "give \"commit_every\"");
    client.batch_execute("ROLLBACK").expect("unlocked");
    let there: i64 = value(&mut client, "SELECT count(*) FROM hiring.jobs");
    assert_eq!(there, 0);

    // A trigger that waits at one row, after some rows were committed.
    client
        .batch_execute(
            "CREATE FUNCTION hiring.wait() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN IF NEW.id = 150000 THEN PERFORM pg_sleep(600); END IF; RETURN NEW; END $$; \
             CREATE TRIGGER wait BEFORE INSERT ON hiring.jobs FOR EACH ROW EXECUTE FUNCTION hiring.wait()",
        )
        .expect("a trigger");
    request["commit_every"] = 10_000.into();
    let error = function
        .invoke_for(&request, Duration::from_secs(20))
        .expect_err("stopped");
    told(
        &error,
        "Extrato.Interrupted",
        "invoke it again with the same request",
    );
    let there: i64 = value(&mut client, "SELECT count(*) FROM hiring.jobs");
    assert!((1..150_000).contains(&there), "{there}");
    client
        .batch_execute("DROP TRIGGER wait ON hiring.jobs")
        .expect("dropped");
    let report = function.answer(&request);
    assert_eq!(report["rows"]["read"], 200_000, "{report}");
    let there: i64 = value(&mut client, "SELECT count(*) FROM hiring.jobs");
    assert_eq!(there, 200_000);
}
