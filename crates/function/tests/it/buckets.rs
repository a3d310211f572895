//! Files in a bucket, which requests ask for and events announce.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::fs;
use testkit::{Bucket, Database, Identity, value};

use crate::world::{Function, generate_sales};

/// The characters, apart from letters and digits, that S3 does not encode in the key of an event.
const IN_KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*');

/// A function with a database and with these variables.
pub(crate) fn function(
    database: &Database,
    bucket: &[(String, String)],
    options: &str,
) -> Function {
    let own = [("EXTRATO_DATASET", "hiring"), ("EXTRATO_OPTIONS", options)];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let bucket = bucket.iter().cloned();
    Function::start(database.variables().into_iter().chain(bucket).chain(own))
}

/// The event that S3 sends for objects that were created.
fn event(bucket: &Bucket, keys: &[&str]) -> Value {
    let record = |key: &&str| {
        let key = utf8_percent_encode(key, IN_KEY)
            .to_string()
            .replace("%20", "+");
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "sa-east-1", "eventTime": "2026-01-02T03:04:05.678Z",
            "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "10.0.0.1"}, "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "files",
                "bucket": {"name": bucket.name(), "ownerIdentity": {"principalId": "A3"}, "arn": format!("arn:aws:s3:::{}", bucket.name())},
                "object": {"key": key, "size": 1, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD90281E5"},
            },
        })
    };
    json!({"Records": keys.iter().map(record).collect::<Vec<_>>()})
}

/// Puts the six files of `sales` below a prefix of the bucket.
pub(crate) fn sales_into(bucket: &Bucket, prefix: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("files");
    generate_sales(&files, None);
    for file in fs::read_dir(&files).expect("files") {
        let file = file.expect("a file");
        let name = file.file_name().into_string().expect("UTF-8");
        bucket.put(
            &format!("{prefix}/{name}"),
            &fs::read(file.path()).expect("read"),
        );
    }
}

#[test]
fn the_six_files_of_sales_go_from_a_bucket_into_postgres() {
    let bucket = Bucket::create();
    sales_into(&bucket, "exports/today");
    let database = Database::create();
    let mut function = function(&database, &bucket.variables_of(Identity::Reader), "{}");
    let request = json!({"dataset": "sales", "from": format!("{}/exports/today", bucket.url()), "truncate": true});
    for _ in 0..2 {
        let report = function.answer(&request);
        assert_eq!(
            report["tables"].as_array().map(Vec::len),
            Some(6),
            "{report}"
        );
        let orders: i64 = value(
            &mut database.connect(),
            "SELECT count(*) FROM sales.sales_order_header",
        );
        assert_eq!(
            (orders, &report["rows"]["rejected"]),
            (100, &json!(0)),
            "{report}"
        );
    }
}

#[test]
fn an_event_loads_the_objects_that_it_names_each_into_the_table_of_its_name() {
    let bucket = Bucket::create();
    let (jobs, departments) = (
        "incoming/São Paulo, 100%/jobs [a+b].csv",
        "departments 2026.csv.gz",
    );
    bucket.put(jobs, b"1,Lawyer\n2,Judge\n");
    // The object's name doesn't matter.
    bucket.put(departments, b"1,Legal\n");
    bucket.put("jobs a.csv", b"7,A pattern would find this one\n");
    let database = Database::create();
    let mut function = function(
        &database,
        &bucket.variables_of(Identity::Reader),
        r#"{"on_duplicate": "skip"}"#,
    );
    let both = event(&bucket, &[jobs, departments, jobs]);
    let report = function.answer(&both);
    assert_eq!(report["rows"]["loaded"], 3, "{report}");
    let names: Vec<_> = report["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .map(|table| &table["files"][0]["file"])
        .collect();
    let url = bucket.url();
    assert_eq!(
        names,
        [&format!("{url}/{departments}"), &format!("{url}/{jobs}")]
    );
    let there: String = value(
        &mut database.connect(),
        "SELECT string_agg(job, ',' ORDER BY id) FROM hiring.jobs",
    );
    assert_eq!(there, "Lawyer,Judge");
    // S3 may send the same event twice.
    let again = function.answer(&both);
    assert_eq!(
        (&again["rows"]["loaded"], &again["rows"]["skipped"]),
        (&json!(0), &json!(3)),
        "{again}"
    );
    assert_eq!(
        again["tables"][0]["files"][0]["loaded_before"],
        report["load_id"]
    );
}

#[test]
fn rejects_go_into_a_bucket_where_a_request_says_so() {
    let bucket = Bucket::create();
    bucket.put("in/jobs.csv", b"1,Lawyer\nx,Clerk\n");
    let database = Database::create();
    let mut function = function(&database, &bucket.variables(), r#"{"max_rejects": 1}"#);
    let (from, rejects) = (
        format!("{}/in", bucket.url()),
        format!("{}/rejects", bucket.url()),
    );
    let report = function.answer(&json!({"from": from, "rejects": rejects}));
    assert_eq!(report["rows"]["rejected"], 1, "{report}");
    assert_eq!(report["rejects"], rejects);
    let written = bucket.get("rejects/jobs.csv").expect("an object");
    let written = String::from_utf8(written).expect("UTF-8");
    assert!(written.contains("`x` is not an integer"), "{written}");
}

#[test]
fn an_object_that_is_gone_or_of_no_table_or_not_to_be_read_is_told() {
    let bucket = Bucket::create();
    let database = Database::create();
    bucket.put("jobs.csv", b"1,Lawyer\n");
    let mut reader = function(&database, &bucket.variables_of(Identity::Reader), "{}");
    reader.refusal(
        &event(&bucket, &["jobs of yesterday.csv"]),
        "Extrato.Usage",
        "there is no object",
    );
    reader.refusal(
        &event(&bucket, &["notes.txt"]),
        "Extrato.Usage",
        "whose files are named departments*.csv, jobs*.csv, hired_employees*.csv",
    );
    let mut stranger = function(&database, &bucket.variables_of(Identity::WrongSecret), "{}");
    let message = stranger.refusal(
        &event(&bucket, &["jobs.csv"]),
        "Extrato.Usage",
        "the server does not accept the key",
    );
    assert!(!message.contains("secret of"), "{message}");
    assert_eq!(
        reader.answer(&event(&bucket, &["jobs.csv"]))["rows"]["loaded"],
        1
    );
}
