//! The same seed gives the same bytes, whatever the number of workers and partitions.

use crate::program::{World, data_files};

#[test]
fn one_two_and_four_workers_give_the_same_files() {
    let run = |workers: &str| {
        let world = World::new();
        world.done(&[
            "generate",
            "--associates",
            "700",
            "--seed",
            "11",
            "--workers",
            workers,
        ]);
        world.done(&["transform", "--max-connections", workers]);
        world.done(&["transform", "--max-connections", workers, "--single-file"]);
        data_files(&world.path("data/out"))
    };
    let expected = run("1");
    assert!(expected.len() > 400, "{} files", expected.len());
    for workers in ["2", "4"] {
        assert!(run(workers) == expected, "{workers} workers");
    }
}
