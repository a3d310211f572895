//! Wild rows with every sort of key: the same rows are loaded and rejected whether keys are in memory or staged in
//! the database, and whether files or pipes are read.

use loader::{OnDuplicate, Report};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::world::{World, rows, scattered};

const CASES: usize = 15;
/// So many places that their keys need more than [`LITTLE_BYTES`].
const PLACES: i64 = 4000;
const LITTLE_BYTES: u64 = 48 << 10;

const DATASET: &str = r#"
    name = "firm"
    [[table]]
    name = "place"
    key = ["id"]
    [table.load]
    files = ["place.csv"]
    header = false
    [[table]]
    name = "staff"
    key = ["id"]
    [table.load]
    files = ["staff*.csv"]
    header = false
    [table.load.references]
    town = { table = "place", column = "name", missing = "allow" }
"#;
const SCHEMA: &str = r#"
    CREATE DOMAIN badge AS varchar(6) CHECK (value <> 'none') NOT NULL;
    CREATE TABLE place (id bigint NOT NULL, name text COLLATE "C" NOT NULL);
    CREATE TABLE staff (id bigint NOT NULL, badge badge, boss bigint, place bigint, desk char(4), town text);
"#;
const CONSTRAINTS: &str = "
    ALTER TABLE place ADD PRIMARY KEY (id), ADD UNIQUE (name);
    ALTER TABLE staff ADD PRIMARY KEY (id), ADD FOREIGN KEY (place) REFERENCES place;
";
const OTHER_KEYS: &str = "ALTER TABLE staff ADD UNIQUE (badge), ADD UNIQUE (desk, place);";
const OWN_PARENTS: &str = "ALTER TABLE staff ADD FOREIGN KEY (boss) REFERENCES staff;";

fn world(schema: &str, constraints: &[&str]) -> World {
    let world = World::new(&[
        ("dataset.toml", DATASET),
        ("schema.sql", schema),
        (
            "constraints.sql",
            &format!("{CONSTRAINTS}{}", constraints.concat()),
        ),
    ]);
    let places: String = (1..=PLACES).map(place).collect();
    world.file("place.csv", places);
    world
}

fn place(index: i64) -> String {
    format!("{},town {index}\n", scattered(index))
}

fn one_of(cells: &[&str]) -> impl Strategy<Value = String> + use<> {
    let cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
    prop::sample::select(cells)
}

fn places() -> impl Strategy<Value = String> {
    prop_oneof![12 => (1..4_i64).prop_map(|index| scattered(index).to_string()), 1 => one_of(&["", "7", "x"])]
}

/// A row with few different values, some of which break a rule.
fn row() -> impl Strategy<Value = String> {
    let ids = || prop_oneof![15 => (1..25_i64).prop_map(|id| id.to_string()), 1 => one_of(&["", "1x9", "\"2\""])];
    let badges = prop_oneof![
        20 => (1..60_i64).prop_map(|badge| format!("b{badge}")),
        1 => one_of(&["too long", "b\0", "", "\"\"", "b1 "]),
    ];
    let desks =
        prop_oneof![6 => one_of(&["a", "\"a \"", "b", "c", "d", ""]), 1 => one_of(&["abcde"])];
    let towns = one_of(&["", "town 1", "town 2", "nowhere", "Town 1", "town\0"]);
    let bosses = prop_oneof![4 => ids(), 3 => Just(String::new())];
    let whole = (ids(), badges, bosses, places(), desks, towns).prop_map(
        |(id, badge, boss, place, desk, town)| format!("{id},{badge},{boss},{place},{desk},{town}"),
    );
    prop_oneof![40 => whole, 1 => one_of(&["\"1,b1", "1,b2", "\"1\"x,b3,,,,"])]
}

fn file() -> impl Strategy<Value = String> {
    prop::collection::vec(row(), 0..40).prop_map(|rows| rows.join("\n"))
}

/// Loads files into emptied tables; through pipes if they are `piped`.
fn load(
    world: &World,
    files: &[String],
    (on_duplicate, commit_every): (OnDuplicate, Option<u64>),
    memory_bytes: u64,
    piped: bool,
) -> Report {
    let mut options = world.options();
    options.truncate = true;
    options.allow_empty = true;
    options.force = true;
    options.on_duplicate = on_duplicate;
    options.commit_every = commit_every;
    options.memory_bytes = memory_bytes;
    let mut writers = Vec::new();
    for (index, text) in files.iter().enumerate() {
        let name = format!("staff-{index}.csv");
        if piped {
            writers.push(world.pipe(&name, text.clone()));
        } else {
            world.file(&name, text);
        }
    }
    let report = world.load(&options);
    for writer in writers {
        writer.join().expect("written").expect("written");
    }
    report
}

/// What a load left in the database.
#[derive(PartialEq, Debug)]
struct Left {
    rows: loader::Rows,
    orphans: Vec<(String, u64)>,
    rejected: Vec<(i64, String, String)>,
    staff: Vec<String>,
}

fn left(world: &World, report: &Report) -> Left {
    Left {
        rows: report.rows,
        orphans: report.tables[1].orphans.clone().into_iter().collect(),
        rejected: world.rejected("firm", "staff"),
        staff: rows(&mut world.connect(), "firm.staff"),
    }
}

/// Compares loads with little and with much memory, for all sorts of files.
fn compare(constraints: &[&str], on_duplicate: &[OnDuplicate], piped: bool) {
    compare_with(SCHEMA, constraints, on_duplicate, LITTLE_BYTES, piped);
}

/// Compares a load into `schema` with this much memory with one into [`SCHEMA`] with much memory, for all sorts of files.
fn compare_with(
    schema: &str,
    constraints: &[&str],
    on_duplicate: &[OnDuplicate],
    memory_bytes: u64,
    piped: bool,
) {
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), seed);
    let (roomy, tight) = (world(SCHEMA, constraints), world(schema, constraints));
    let how = (
        prop::sample::select(on_duplicate.to_vec()),
        prop::option::weighted(0.2, 1..9_u64),
    );
    let strategy = (prop::collection::vec(file(), 2), how);
    let (mut loaded, mut rejected) = (0, 0);
    for _ in 0..CASES {
        let (files, how) = strategy.new_tree(&mut runner).expect("files").current();
        let expected = load(&roomy, &files, how, 64 << 20, false);
        let found = load(&tight, &files, how, memory_bytes, piped);
        assert_eq!(
            left(&tight, &found),
            left(&roomy, &expected),
            "{how:?} {files:#?}"
        );
        loaded += found.tables[1].rows.loaded;
        rejected += found.tables[1].rows.rejected;
    }
    assert!(loaded > 100 && rejected > 100, "{loaded} and {rejected}");
}

const REFUSING: [OnDuplicate; 2] = [OnDuplicate::Reject, OnDuplicate::Skip];

#[test]
fn staged_keys_judge_as_those_in_memory_do() {
    compare(&[OTHER_KEYS], &REFUSING, false);
}

#[test]
fn staged_keys_judge_rows_that_refer_to_others_of_their_table() {
    compare(&[OTHER_KEYS, OWN_PARENTS], &REFUSING, false);
}

#[test]
fn keys_that_only_the_server_compares_judge_as_those_in_memory_do() {
    let numeric = SCHEMA.replace(
        "id bigint NOT NULL, badge badge, boss bigint",
        "id numeric NOT NULL, badge badge, boss numeric",
    );
    assert_ne!(numeric, SCHEMA);
    let constraints = [OTHER_KEYS, OWN_PARENTS];
    compare_with(&numeric, &constraints, &REFUSING, 64 << 20, false);
    compare_with(&numeric, &constraints, &REFUSING, LITTLE_BYTES, false);
    compare_with(&numeric, &[], &[OnDuplicate::Update], 64 << 20, false);
}

#[test]
fn staged_keys_tell_which_rows_replace_others() {
    compare(&[], &[OnDuplicate::Update], false);
}

#[test]
fn staged_keys_of_pipes_judge_as_those_in_memory_do() {
    compare(&[OTHER_KEYS, OWN_PARENTS], &REFUSING, true);
}
