//! Files in which bytes were changed, added and lost at random: whatever became of the damaged lines, every other line is
//! loaded or is in a reject, and the counts add up.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use testkit::value;

use crate::world::{HIRING, World};

const LINES: usize = 120;
const LOADS: usize = 25;

fn line(id: usize) -> String {
    let name = ["Ana", "\"Silva, Rui\"", "\"the \"\"Boss\"\"\"", "Zoë"][id % 4];
    format!(
        "{id},{name},2021-01-01T00:00:00Z,{},{}",
        id % 3 + 1,
        id % 2 + 1
    )
}

/// The damages of a file: for each its line and position, the byte, and whether that is changed, added or lost.
fn damages() -> impl Strategy<Value = Vec<(usize, usize, u8, u8)>> {
    let byte = prop_oneof![3 => Just(b'"'), 2 => Just(b','), 2 => Just(b'\n'), 1 => Just(0), 3 => any::<u8>()];
    prop::collection::vec((0..LINES, 0_usize..40, byte, 0_u8..3), 1..8)
}

/// The damaged file, and the numbers of the lines that stayed whole.
fn damaged(damages: &[(usize, usize, u8, u8)]) -> (Vec<u8>, BTreeSet<usize>) {
    let mut lines: Vec<Vec<u8>> = (0..LINES)
        .map(|id| (line(id) + "\n").into_bytes())
        .collect();
    let mut whole: BTreeSet<usize> = (0..LINES).collect();
    for (index, at, byte, how) in damages {
        let line = &mut lines[*index];
        let at = at % line.len().max(1);
        match how {
            0 if !line.is_empty() => line[at] = *byte,
            1 => line.insert(at, *byte),
            _ if !line.is_empty() => {
                line.remove(at);
            }
            _ => {}
        }
        whole.remove(index);
        // Without its line break, a line runs into the next one.
        if line.last() != Some(&b'\n') {
            whole.remove(&(index + 1));
        }
    }
    (lines.concat(), whole)
}

#[test]
fn no_good_line_is_lost_without_a_word() {
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let world = World::new(&HIRING);
    world.file("departments.csv", "1,A\n2,B\n3,C\n");
    world.file("jobs.csv", "1,A\n2,B\n");
    world.load(&world.options());
    for name in ["departments.csv", "jobs.csv"] {
        fs::remove_file(world.inputs().join(name)).expect("removed");
    }
    let mut client = world.connect();
    for _ in 0..LOADS {
        let damages = damages().new_tree(&mut runner).expect("damages").current();
        let (bytes, whole) = damaged(&damages);
        world.file("hired_employees.csv", &bytes);
        let mut options = world.options();
        options.truncate = true;
        let rows = world.load(&options).rows;
        assert_eq!(rows.read, rows.loaded + rows.rejected, "{damages:?}");
        assert_eq!(
            world.count("hiring.hired_employees"),
            rows.loaded as i64,
            "{damages:?}"
        );
        // This also checks that the table holds the same rejects as the file.
        world.rejected("hiring", "hired_employees");
        for id in whole {
            let query = format!(
                "SELECT EXISTS (SELECT FROM hiring.hired_employees WHERE id = {id})
                     OR EXISTS (SELECT FROM hiring.extrato_reject WHERE load_id =
                                    (SELECT max(load_id) FROM hiring.extrato_load) AND position('{}' IN raw) > 0)",
                line(id)
            );
            let found: bool = value(&mut client, &query);
            assert!(found, "line {id} of {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
