//! Runs what docs/cluster.md says, as it stands there, on a real Spark; and mistypes an address, as a user might.

use std::path::{Path, PathBuf};

use testkit::{Spark, blocks, contents_of};

use crate::program::{World, finish};

fn written(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let contents = contents_of(&world.path("data/out")).into_iter();
    let is_of_run =
        |path: &Path| path.ends_with("_manifest.jsonl") || path.ends_with(".extrato.lock");
    contents.filter(|(path, _)| !is_of_run(path)).collect()
}

#[test]
#[ignore = "needs EXTRATO_TEST_SPARK"]
fn the_commands_of_the_page_of_spark_give_the_same_files() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cluster.md");
    let page = std::fs::read_to_string(page).expect("docs/cluster.md");
    let of_spark: Vec<_> = blocks(&page)
        .filter(|block| block.needs == "needs-spark")
        .map(|block| block.text)
        .collect();
    let [connect, script] = of_spark[..] else {
        panic!("docs/cluster.md has other blocks");
    };
    let world = World::new();
    world.done(&["generate", "--associates", "60", "-q"]);
    world.done(&["transform", "-q"]);
    let expected = written(&world);
    assert!(expected.len() > 10, "{} files", expected.len());
    let spark = Spark::start();
    let submit = std::env::var_os("EXTRATO_TEST_SPARK").map(PathBuf::from);
    let submit = submit.as_deref().and_then(Path::parent).expect("a program");
    let path = format!("PATH={}:$PATH", submit.display());
    for block in [connect, script] {
        std::fs::remove_dir_all(world.path("data/out")).unwrap();
        let block = block.replace("sc://localhost:15002", &spark.remote());
        let ended = finish(&mut world.shell(&format!("{path}\n{block}")));
        assert_eq!(ended.code, 0, "{block}: {}", ended.stderr);
        assert!(written(&world) == expected, "{block}");
        world.done(&["verify"]);
    }
}

#[test]
#[ignore = "needs the feature spark, as the tests on Sail"]
fn no_server_and_a_token_in_the_address_are_told_apart_without_sail() {
    let world = World::new();
    world.done(&["generate", "--associates", "20", "-q"]);
    let transform = |more: &[&str]| {
        let arguments = [&["transform", "--engine", "spark", "--json"], more].concat();
        finish(&mut world.command(&arguments))
    };
    for (more, code, said) in [
        (
            &["--remote", "sc://127.0.0.1:1"][..],
            3,
            "cannot be reached",
        ),
        (
            &["--remote", "sc://127.0.0.1:1/;token=secret"],
            2,
            "SPARK_CONNECT_AUTHENTICATE_TOKEN",
        ),
        (&["--remote", "spark://127.0.0.1:1"], 2, "sc://"),
        (&[], 2, "--remote"),
        (
            &["--remote", "sc://127.0.0.1:1", "--compress", "gzip"],
            2,
            "not compressed",
        ),
        (&["--emit-job", "job"], 2, "--from-stage"),
    ] {
        let ended = transform(more);
        assert!(
            ended.code == code && ended.stderr.contains(said),
            "{more:?}: {} {}",
            ended.code,
            ended.stderr
        );
        let all = ended.stdout + &ended.stderr;
        assert!(!all.contains("secret"), "{all}");
    }
    assert!(!world.path("data/out").exists() || written(&world).is_empty());
}
