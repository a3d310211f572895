//! Tests with Spark itself: run by `-- --ignored spark`.

use std::path::Path;
use std::thread;
use std::time::Duration;

use ::spark::{Files, Remote, Session};
use database::Cancel;
use dataset::failure::Kind;
use testkit::{Spark, Tunnel};

use crate::work::{ENDLESS, failure, lines, out, session, view, write};

/// A SELECT of some seconds' work in many tasks, which gives a single row.
const LONG: &str = "SELECT count(*) AS rows, sum(length(sha2(string(id), 512))) AS length \
    FROM range(0, 3000000, 1, 12)";

#[test]
#[ignore = "needs Spark: EXTRATO_TEST_SPARK"]
fn views_over_files_and_of_selects_are_read_and_written() {
    let (spark, folder) = (Spark::start(), tempfile::tempdir().expect("a folder"));
    let mut session = session(&spark.remote(), &Cancel::default());
    let settings = [
        ("spark.sql.session.timeZone", "UTC"),
        ("spark.sql.ansi.enabled", "true"),
        ("spark.sql.ansi.doubleQuotedIdentifiers", "true"),
    ];
    session.set(&settings).expect("set");
    let rows = "SELECT \"id\", concat('é ', id) AS name FROM range(3)";
    write(&mut session, rows, "parquet", &folder, &[]).expect("written");
    let files = Files {
        format: "parquet",
        schema: Some("name STRING, id BIGINT"),
        paths: &[out(&folder)],
        options: &[],
    };
    session.view_of_files("files", &files).expect("a view");
    let doubled = "SELECT *, id * 2 AS twice FROM files";
    session.view_of_query("doubled", doubled).expect("a view");
    let (written, by) = (tempfile::tempdir().expect("a folder"), ["id".to_owned()]);
    let select = "SELECT * FROM doubled WHERE twice > 0";
    for _ in 0..2 {
        write(&mut session, select, "csv", &written, &by).expect("written");
        let lines: Vec<_> = lines(&written).into_iter().collect();
        let id = |id: u32, line: &str| format!("id={id}/{line}");
        assert_eq!(
            lines,
            [
                id(1, "name,twice"),
                id(1, "é 1,2"),
                id(2, "name,twice"),
                id(2, "é 2,4")
            ]
        );
    }
    drop(session);
    // The server has dropped the session that was closed.
    let log = spark.log();
    assert!(log.contains("removed") || log.contains("closed"), "{log}");
}

#[test]
#[ignore = "needs Spark: EXTRATO_TEST_SPARK"]
fn failures_have_the_kind_that_they_are_of() {
    let (spark, folder) = (Spark::start(), tempfile::tempdir().expect("a folder"));
    let mut session = session(&spark.remote(), &Cancel::default());
    for (select, kind, says) in [
        (
            "SELECT 1 / (id - 3) FROM range(9)",
            Kind::Refused,
            "[DIVIDE_BY_ZERO]",
        ),
        (
            "SELECT int(concat('a', id)) FROM range(9)",
            Kind::Refused,
            "'a",
        ),
        (
            "SELECT 9223372036854775800 + id FROM range(9)",
            Kind::Refused,
            "overflow",
        ),
        (
            "SELECT (SELECT id FROM range(2))",
            Kind::Refused,
            "SQLSTATE: 21000",
        ),
        ("SELECT string(raise_error('mine'))", Kind::Refused, "mine"),
        ("SELECT nothing FROM range(9)", Kind::Usage, "`nothing`"),
        ("SELEC 1", Kind::Usage, "Syntax error"),
        ("SELECT * FROM nowhere", Kind::Usage, "`nowhere`"),
        ("SELECT array(1)", Kind::Usage, "ARRAY<INT>"),
    ] {
        let (found, message) = failure(write(&mut session, select, "csv", &folder, &[]));
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(says), "{message}");
        assert!(!message.contains('\n') && message.len() < 1200, "{message}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (kind, message) = failure(view(&mut session, "parquet", &folder));
    assert_eq!(kind, Kind::Mismatch, "{message}");
    assert!(message.contains("[PATH_NOT_FOUND]"), "{message}");
    std::fs::write(out(&folder), "no table").expect("written");
    let (kind, message) = failure(view(&mut session, "parquet", &folder));
    assert_eq!(kind, Kind::Mismatch, "{message}");
    // There is a file where the folder should be.
    let below = tempfile::tempdir_in(folder.path()).expect("a folder");
    std::fs::remove_dir(below.path()).expect("removed");
    std::fs::write(below.path(), "a file").expect("written");
    let (kind, message) = failure(write(&mut session, "SELECT 1", "csv", &below, &[]));
    assert_eq!(kind, Kind::Output, "{message}");
    let (kind, message) = failure(session.set(&[("spark.sql.ansi.enabled", "perhaps")]));
    assert_eq!(kind, Kind::Usage, "{message}");
}

#[test]
#[ignore = "needs Spark: EXTRATO_TEST_SPARK"]
fn a_stream_that_breaks_or_ends_early_is_taken_up_again() {
    // This server ends each stream after a second, and reports its progress twice in that time.
    let spark = Spark::with(&[
        (
            "spark.connect.execute.reattachable.senderMaxStreamDuration",
            "1s",
        ),
        ("spark.connect.progress.reportInterval", "400ms"),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let tunnel = Tunnel::to(spark.port());
    let remote = format!("sc://127.0.0.1:{}", tunnel.port());
    let mut session = session(&remote, &Cancel::default());
    let whole = ["3000000,384000000".to_owned(), "rows,length".to_owned()];
    for cut in [None, Some(0), Some(100), Some(900)] {
        if let Some(bytes) = cut {
            tunnel.cut_after("sha2", bytes);
        }
        let seen = write(&mut session, LONG, "csv", &folder, &[]).expect("written");
        assert!(tunnel.was_cut());
        assert!(seen.iter().any(|progress| progress.tasks >= 12), "{seen:?}");
        assert_eq!(lines(&folder), whole.clone().into());
    }
    assert_eq!(tunnel.connections(), 4);
    tunnel.lose("sha2");
    write(&mut session, LONG, "csv", &folder, &[]).expect("written");
    assert!(tunnel.was_cut());
    assert_eq!(lines(&folder), whole.into());
}

#[test]
#[ignore = "needs Spark: EXTRATO_TEST_SPARK"]
fn a_cancelled_write_ends_on_the_server_too() {
    let (spark, folder) = (Spark::start(), tempfile::tempdir().expect("a folder"));
    let cancel = Cancel::default();
    let mut cancelled = session(&spark.remote(), &cancel);
    let stop = thread::spawn(move || {
        thread::sleep(Duration::from_secs(3));
        cancel.cancel();
    });
    let (kind, message) = failure(write(&mut cancelled, ENDLESS, "csv", &folder, &[]));
    stop.join().expect("it ends");
    assert_eq!((kind, message.as_str()), (Kind::Interrupted, "interrupted"));
    let finished = Path::new(&out(&folder)).join("_SUCCESS");
    assert!(!finished.exists(), "it was not cancelled");
    // Both of the server's cores are free again; otherwise this would wait for hours.
    let mut other = session(&spark.remote(), &Cancel::default());
    write(&mut other, LONG, "csv", &folder, &[]).expect("written");
    assert_eq!(lines(&folder).len(), 2);
}

#[test]
#[ignore = "needs Spark: EXTRATO_TEST_SPARK"]
fn only_the_right_token_opens_a_session() {
    let spark = Spark::with(&[("spark.connect.authenticate.token", "r1ght")]);
    let open = |token: Option<&str>| {
        let remote = spark.remote();
        let remote = Remote::parse(&remote, token.map(str::to_owned)).expect("an address");
        Session::connect(&remote, &Cancel::default())
    };
    assert!(open(Some("r1ght")).is_ok());
    for token in [None, Some("wr0ng")] {
        let (kind, message) = failure(open(token));
        assert_eq!(kind, Kind::Connection, "{message}");
        assert!(
            message.contains("SPARK_CONNECT_AUTHENTICATE_TOKEN"),
            "{message}"
        );
        assert!(!message.contains("wr0ng"), "{message}");
    }
}

#[test]
#[ignore = "needs Spark: EXTRATO_TEST_SPARK"]
fn a_server_that_goes_away_or_forgets_is_told() {
    let (spark, folder) = (Spark::start(), tempfile::tempdir().expect("a folder"));
    let tunnel = Tunnel::to(spark.port());
    let remote = format!("sc://127.0.0.1:{}", tunnel.port());
    let mut session = session(&remote, &Cancel::default());
    session
        .view_of_query("kept", "SELECT 1 AS one")
        .expect("a view");
    let again = Spark::start();
    tunnel.lead_to(again.port());
    let select = "SELECT * FROM kept";
    let (kind, message) = failure(write(&mut session, select, "csv", &folder, &[]));
    assert_eq!(kind, Kind::Connection, "{message}");
    assert!(message.contains("no longer has the session"), "{message}");
    tunnel.lead_to(spark.port());
    drop(again);
    let end = thread::spawn(move || {
        thread::sleep(Duration::from_secs(2));
        drop(spark);
    });
    let (kind, message) = failure(write(&mut session, ENDLESS, "csv", &folder, &[]));
    end.join().expect("it ends");
    assert_eq!(kind, Kind::Connection, "{message}");
    assert!(message.contains("went away"), "{message}");
}
