//! Requests and events that load.

use std::fs;
use std::time::SystemTime;

use serde_json::{Value, json};
use testkit::{Database, value};

use crate::world::{Function, all_of, generate_sales, hiring};

#[test]
fn the_six_files_of_sales_are_loaded_and_the_answer_is_the_summary() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("files");
    generate_sales(&files, Some(0.02));
    let database = Database::create();
    let mut function = Function::with_database(&database);
    let report = function.answer(&all_of("sales", &files));
    let tables = report["tables"].as_array().expect("tables");
    assert_eq!(tables.len(), 6, "{report}");
    let mut client = database.connect();
    let mut loaded = 0;
    for table in tables {
        let name = table["table"].as_str().expect("a name");
        let there: i64 = value(&mut client, &format!("SELECT count(*) FROM sales.{name}"));
        assert_eq!(table["rows"]["loaded"], there, "{table}");
        loaded += there;
    }
    assert!(loaded > 100, "{report}");
    assert_eq!(report["rows"]["loaded"], loaded);
    // The rows with planted faults are in the table; the folder for files of rejects is gone with the invocation.
    let rejected: i64 = value(
        &mut client,
        "SELECT count(DISTINCT (table_name, file, byte_offset)) FROM sales.extrato_reject",
    );
    assert!(rejected > 0);
    assert_eq!(report["rows"]["rejected"], rejected, "{report}");
    assert_eq!(report["rejects"], Value::Null);
}

#[test]
fn a_request_has_the_options_of_the_command() {
    let folder = hiring();
    let database = Database::create();
    let mut function = Function::with_database(&database);
    let rejects = folder.path().join("rejects");
    fs::write(
        folder.path().join("jobs.csv"),
        "1,Lawyer\n1,Judge\nx,Clerk\n",
    )
    .expect("written");
    let request = json!({
        "dataset": "hiring",
        "from": folder.path(),
        "tables": {"departments": folder.path().join("depart*.csv")},
        "schema": "trial",
        "rejects": rejects,
        "max_rejects": 2,
        "on_duplicate": "update",
        "truncate": true,
        "allow_empty": true,
        "force": true,
        "commit_every": 1,
    });
    for _ in 0..2 {
        let report = function.answer(&request);
        assert_eq!(report["schema"], "trial");
        assert_eq!(
            report["rows"],
            json!({"read": 7, "loaded": 6, "updated": 1, "rejected": 1, "skipped": 0})
        );
        assert_eq!(report["rejects"], rejects.display().to_string());
        let written = fs::read_to_string(rejects.join("jobs.csv")).expect("rejects");
        assert!(written.contains("`x` is not an integer"), "{written}");
    }
    let job: String = value(
        &mut database.connect(),
        "SELECT string_agg(job, ',') FROM trial.jobs",
    );
    assert_eq!(job, "Judge");
}

#[test]
fn what_a_request_leaves_out_the_environment_says() {
    let folder = hiring();
    let database = Database::create();
    let variables = [
        ("EXTRATO_DATASET", "hiring"),
        (
            "EXTRATO_OPTIONS",
            r#"{"schema": "trial", "on_duplicate": "skip"}"#,
        ),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut function = Function::start(database.variables().into_iter().chain(variables));
    let request = json!({"from": folder.path()});
    assert_eq!(function.answer(&request)["schema"], "trial");
    let again = function.answer(&request);
    assert_eq!(
        (&again["rows"]["loaded"], &again["rows"]["skipped"]),
        (&json!(0), &json!(5)),
        "{again}"
    );
    let other = function.answer(&json!({"from": folder.path(), "schema": "other"}));
    assert_eq!(other["rows"]["loaded"], 5);
}

#[test]
fn a_dataset_of_the_users_own_lies_in_the_package() {
    let package = tempfile::tempdir().expect("a folder");
    let description = "name = \"own\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\n";
    fs::write(package.path().join("dataset.toml"), description).expect("written");
    fs::write(
        package.path().join("schema.sql"),
        "CREATE TABLE t (id integer NOT NULL);",
    )
    .expect("written");
    fs::write(package.path().join("t.csv"), "id\n1\n2\n").expect("written");
    let database = Database::create();
    let variables = database.variables().into_iter();
    let own = (
        "EXTRATO_DATASET".to_owned(),
        package.path().display().to_string(),
    );
    let mut function = Function::start(variables.chain([own]));
    assert_eq!(
        function.answer(&json!({"from": package.path()}))["rows"]["loaded"],
        2
    );
}

#[test]
fn the_event_that_a_bucket_sends_as_it_is_set_up_asks_for_nothing() {
    let mut function = Function::start::<String, String>([]);
    let event = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z", "Bucket": "files",
        "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    });
    assert_eq!(function.answer(&event), Value::Null);
}

#[test]
fn an_emulator_that_gives_no_deadline_is_no_hurry() {
    let folder = hiring();
    let database = Database::create();
    let mut function = Function::with_database(&database);
    let report = function.invoke_until(&all_of("hiring", folder.path()), SystemTime::UNIX_EPOCH);
    assert_eq!(report.expect("loaded")["rows"]["loaded"], 5);
}
