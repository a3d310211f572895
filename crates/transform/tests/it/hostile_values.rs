//! Every cell of `movimento_flat` equals, byte for byte, what Postgres's own join and CSV writer give.

use std::fs;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use transform::Layout;

use crate::world::{EXPECTED_COLUMNS, World};

/// Texts that break naive writers.
const TEXTS: &[&str] = &[
    "",
    " ",
    "José D'Ávila",
    "\"",
    "a,b",
    "a\"b,c",
    "line\nbreak",
    "cr\rlf\r\n",
    "/",
    "../../etc/passwd",
    "..",
    "%2F",
    "a=b",
    "NULL",
    "\\N",
    "\\.",
    "__HIVE_DEFAULT_PARTITION_",
    "日本語",
    "e\u{301}",
    "\u{feff}bom",
    "tab\t",
    "'; DROP TABLE x; --",
    "\u{1}\u{7f}",
    "😀",
    ";",
    "{[^]}*?:#",
];

/// Cards with the most awkward texts, amounts and times, and six movements for each card.
pub(crate) fn hostile_world() -> World {
    let world = World::of_cards();
    let mut client = world.database.connect();
    client.batch_execute("SET search_path = cards").unwrap();
    let mut id = 0_i32;
    for text in TEXTS.iter().map(|text| Some(*text)).chain([None]) {
        id += 1;
        let account_type = if id % 2 == 0 { None } else { Some("poupanca") };
        client
            .execute(
                "INSERT INTO associado VALUES ($1, $2, $3, $4, 'e')",
                &[&id, &text, &text, &(id % 3 == 0).then_some(id)],
            )
            .unwrap();
        client
            .execute(
                "INSERT INTO conta VALUES ($1, $2::text::tipo_conta, '0001-01-01 00:00:00', $1)",
                &[&id, &account_type],
            )
            .unwrap();
        client
            .execute(
                "INSERT INTO cartao VALUES ($1, $2, $3, '9999-12-31 23:59:59.999999', $1, $1)",
                &[
                    &id,
                    &(id % 5 != 0).then_some(i64::MAX - i64::from(id)),
                    &text,
                ],
            )
            .unwrap();
        for (number, amount) in [
            "99999999.99",
            "-99999999.99",
            "0.00",
            "0.01",
            "-0.01",
            "1000.10",
        ]
        .iter()
        .enumerate()
        {
            client
                .execute(
                    "INSERT INTO movimento VALUES ($1, $2::text::numeric, $3, $4::text::timestamp, $5)",
                    &[
                        &(i64::from(id) * 100 - number as i64),
                        &(number != 3).then_some(*amount),
                        &text,
                        &["1969-12-31 23:59:59.999999", "2000-02-29 12:00:00", "2024-01-01 00:00:00.1"].get(number),
                        &id,
                    ],
                )
                .unwrap();
        }
    }
    world
}

/// Quotes fields `\.`: Postgres quotes such a field only if it is the whole line, but our files always do.
fn with_ends_quoted(csv: String) -> String {
    let mut quoted = csv;
    for (before, after) in [(',', ','), (',', '\n'), ('\n', ',')] {
        let bare = format!("{before}\\.{after}");
        let in_quotes = format!("{before}\"\\.\"{after}");
        // Two adjacent fields share a comma, so one pass misses the second.
        for _ in 0..2 {
            quoted = quoted.replace(&bare, &in_quotes);
        }
    }
    quoted
}

#[test]
fn a_single_file_equals_postgres_own_csv() {
    let world = hostile_world();
    let report = world.transform(Layout::SingleFile);
    assert_eq!(report.models[0].rows as usize, (TEXTS.len() + 1) * 6);
    assert_eq!(
        world.single_file(),
        with_ends_quoted(world.expected(EXPECTED_COLUMNS, "ORDER BY id_movimento"))
    );
}

#[test]
fn each_clients_file_equals_postgres_own_csv() {
    let world = hostile_world();
    let report = world.transform(Layout::Declared);
    assert_eq!(report.models[0].files as usize, TEXTS.len() + 1);
    for id in 1..=TEXTS.len() + 1 {
        let file = world
            .out
            .path()
            .join(format!("movimento_flat/id_associado={id}/part-0.csv"));
        let order = "ORDER BY m.data_movimento, id_movimento";
        let expected = world.expected(
            EXPECTED_COLUMNS,
            &format!("WHERE id_associado = {id} {order}"),
        );
        assert_eq!(
            fs::read_to_string(&file).expect("a file for each client"),
            with_ends_quoted(expected),
            "client {id}"
        );
    }
}

#[test]
fn any_text_and_amount_come_through() {
    let world = World::with_rows(1, 0);
    let row = (
        any::<String>()
            .prop_map(|text| text.replace('\0', "").chars().take(200).collect::<String>()),
        prop::option::of(-9_999_999_999_i64..=9_999_999_999),
        // The years 1 to 9999, in microseconds since 1970.
        -62_135_596_800_000_000_i64..253_402_300_800_000_000,
    );
    // All rows go through one run, because a database for each would take minutes.
    let mut runner = TestRunner::default();
    let rows: Vec<_> = (0..500)
        .map(|_| row.new_tree(&mut runner).unwrap().current())
        .collect();
    let mut client = world.database.connect();
    client.batch_execute("SET search_path = cards").unwrap();
    for (id, (text, cents, microseconds)) in (1_i64..).zip(&rows) {
        client
            .execute(
                "INSERT INTO movimento
                 VALUES ($1, $2::int8 / 100.0, $3, timestamp '1970-01-01' + $4::int8 * interval '1 microsecond', 1)",
                &[&id, cents, text, microseconds],
            )
            .unwrap();
    }
    let report = world.transform(Layout::SingleFile);
    assert_eq!(report.models[0].rows, 500);
    assert_eq!(
        world.single_file(),
        with_ends_quoted(world.expected(EXPECTED_COLUMNS, "ORDER BY id_movimento"))
    );
}

#[test]
fn empty_tables_give_a_header_and_empty_folders() {
    let world = World::of_cards();
    let report = world.transform(Layout::SingleFile);
    assert_eq!(report.models[0].rows, 0);
    assert_eq!(world.single_file(), world.expected(EXPECTED_COLUMNS, ""));
    assert_eq!(world.transform(Layout::Declared).models[0].files, 0);
    assert!(world.out.path().join("movimento_flat/_SUCCESS").is_file());
}

#[test]
fn the_number_of_partitions_changes_no_byte() {
    let world = World::with_rows(50, 60_000);
    let mut options = world.options(Layout::SingleFile);
    let expected = world.expected(EXPECTED_COLUMNS, "ORDER BY id_movimento");
    assert_eq!(expected.lines().count(), 60_001);
    for partitions in [1, 2, 5] {
        options.max_connections = partitions;
        let report = world.try_transform(&options).unwrap();
        assert_eq!(report.models[0].rows, 60_000);
        assert!(world.single_file() == expected, "{partitions} partitions");
    }
}
