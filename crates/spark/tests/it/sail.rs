//! Tests with Sail, which speaks the same protocol and starts at once: run by `-- --ignored sail`.

use database::Cancel;
use dataset::failure::Kind;
use testkit::{Sail, Tunnel};

use crate::work::{ENDLESS, failure, lines, session, view, write};

#[test]
#[ignore = "needs Sail: EXTRATO_TEST_SAIL"]
fn views_over_files_and_of_selects_are_read_and_written() {
    let (sail, folder) = (Sail::start(), tempfile::tempdir().expect("a folder"));
    let mut session = session(&sail.remote(), &Cancel::default());
    assert!(session.version().starts_with("4."), "{}", session.version());
    session
        .set(&[("spark.sql.session.timeZone", "UTC")])
        .expect("set");
    let rows = "SELECT id, concat('é ', id) AS name FROM range(3)";
    write(&mut session, rows, "parquet", &folder, &[]).expect("written");
    view(&mut session, "parquet", &folder).expect("a view");
    let doubled = "SELECT id * 2 AS twice, name FROM files";
    session.view_of_query("doubled", doubled).expect("a view");
    let written = tempfile::tempdir().expect("a folder");
    let select = "SELECT twice, name FROM doubled WHERE twice > 0";
    for _ in 0..2 {
        write(&mut session, select, "csv", &written, &[]).expect("written");
        let lines: Vec<_> = lines(&written).into_iter().collect();
        assert_eq!(lines, ["2,é 1", "4,é 2", "twice,name"]);
    }
}

#[test]
#[ignore = "needs Sail: EXTRATO_TEST_SAIL"]
fn a_select_that_is_refused_is_told_in_the_servers_words() {
    let (sail, folder) = (Sail::start(), tempfile::tempdir().expect("a folder"));
    let mut session = session(&sail.remote(), &Cancel::default());
    let (_, message) = failure(write(&mut session, "SELECT nothing", "csv", &folder, &[]));
    assert!(
        message.starts_with("Spark: ") && message.contains("nothing"),
        "{message}"
    );
}

#[test]
#[ignore = "needs Sail: EXTRATO_TEST_SAIL"]
fn a_cancelled_write_ends_on_the_server_too() {
    let (sail, folder) = (Sail::start(), tempfile::tempdir().expect("a folder"));
    let cancel = Cancel::default();
    let mut session = session(&sail.remote(), &cancel);
    let stop = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        cancel.cancel();
    });
    let (kind, message) = failure(write(&mut session, ENDLESS, "parquet", &folder, &[]));
    stop.join().expect("it ends");
    assert_eq!((kind, message.as_str()), (Kind::Interrupted, "interrupted"));
}

#[test]
#[ignore = "needs Sail: EXTRATO_TEST_SAIL"]
fn a_stream_that_breaks_is_taken_up_again() {
    let (sail, folder) = (Sail::start(), tempfile::tempdir().expect("a folder"));
    let tunnel = Tunnel::to(sail.port());
    let remote = format!("sc://127.0.0.1:{}", tunnel.port());
    let mut session = session(&remote, &Cancel::default());
    tunnel.cut_after("AS cut", 0);
    write(&mut session, "SELECT 1 AS cut", "csv", &folder, &[]).expect("written");
    assert!(tunnel.was_cut());
    assert_eq!(tunnel.connections(), 2);
    let lines: Vec<_> = lines(&folder).into_iter().collect();
    assert_eq!(lines, ["1", "cut"]);
}
