//! Compares the binary COPY writer with Postgres itself.

use database::Connection;
use database::copy::write::{CopyIn, RowEncoder};
use dataset::failure::{Failure, Kind};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

/// `unscaled` · 10^-`scale` in decimal digits, made with string operations only.
fn decimal_text(unscaled: i64, scale: u16) -> String {
    let scale = usize::from(scale);
    let mut digits = unscaled.unsigned_abs().to_string();
    if digits.len() <= scale {
        digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
    }
    if scale > 0 {
        digits.insert(digits.len() - scale, '.');
    }
    if unscaled < 0 {
        digits.insert(0, '-');
    }
    digits
}

fn started<'a>(client: &'a mut Connection, table: &str, columns: &[&str]) -> CopyIn<'a> {
    CopyIn::start(client, "public", table, columns, false).expect("started")
}

#[test]
fn every_numeric_arrives_as_it_was_sent() {
    let database = testkit::Database::create();
    let mut client = database.connect();
    client
        .batch_execute("CREATE TABLE n (id integer, value numeric)")
        .expect("a table");
    let mut values: Vec<(i64, u16)> = Vec::new();
    for scale in 0..=24 {
        for unscaled in [0, 1, -1, 9, 10, 99, 10_000, 100_000_000, i64::MAX, i64::MIN] {
            values.push((unscaled, scale));
        }
    }
    let mut runner = TestRunner::new(Config::default());
    let any = (any::<i64>(), 0_u32..63, 0_u16..40);
    for _ in 0..5_000 {
        let tree = any.new_tree(&mut runner).expect("a value");
        let (unscaled, shift, scale) = tree.current();
        values.push((unscaled >> shift, scale));
    }

    let mut rows = RowEncoder::default();
    for (id, (unscaled, scale)) in values.iter().enumerate() {
        rows.row(2);
        rows.int4(id as i32);
        rows.numeric(*unscaled, *scale);
    }
    let mut copy = started(&mut client, "n", &["id", "value"]);
    copy.send(rows.bytes(), values.len() as u64).expect("sent");
    let written = copy.finish().expect("finished");
    assert_eq!(written.rows, values.len() as u64);

    let rows = client
        .query("SELECT value::text FROM n ORDER BY id", &[])
        .expect("read");
    assert_eq!(rows.len(), values.len());
    for (row, (unscaled, scale)) in rows.iter().zip(values) {
        let text: &str = row.get(0);
        assert_eq!(text, decimal_text(unscaled, scale));
    }
}

#[test]
fn every_type_arrives_as_it_was_sent() {
    let database = testkit::Database::create();
    let mut client = database.connect();
    client
        .batch_execute(
            "CREATE TYPE colour AS ENUM ('red', 'blue');
             CREATE SCHEMA \"A \"\"b\";
             CREATE TABLE \"A \"\"b\".\"t\" (a bool, b smallint, c integer, d bigint, e text,
                 f varchar(5), g colour, h timestamp, i text, \"j k\" text)",
        )
        .expect("a table");
    let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j k"];
    let mut row = RowEncoder::default();
    row.row(columns.len() as i16);
    row.bool(true);
    row.int2(i16::MIN);
    row.int4(i32::MIN);
    row.int8(i64::MIN);
    row.text("a\tb\nç\\");
    row.text("áéíóú");
    row.text("blue");
    row.timestamp(1_000_001);
    row.text("");
    row.null();
    let mut copy = CopyIn::start(&mut client, "A \"b", "t", &columns, false).expect("started");
    copy.send(row.bytes(), 1).expect("sent");
    assert_eq!(copy.finish().expect("finished").rows, 1);

    let rows = client
        .query(
            "SELECT a::text, b::text, c::text, d::text, e, f, g::text, h::text, i, \"j k\" FROM \"A \"\"b\".t",
            &[],
        )
        .expect("read");
    assert_eq!(rows.len(), 1);
    let fields: Vec<Option<&str>> = (0..columns.len()).map(|index| rows[0].get(index)).collect();
    let expected = [
        "true",
        "-32768",
        "-2147483648",
        "-9223372036854775808",
        "a\tb\nç\\",
        "áéíóú",
        "blue",
        "2000-01-01 00:00:01.000001",
        "",
    ];
    let expected: Vec<_> = expected.into_iter().map(Some).chain([None]).collect();
    assert_eq!(fields, expected);
}

#[test]
fn a_value_that_the_table_refuses_fails_the_whole_copy_and_names_the_table() {
    let database = testkit::Database::create();
    let mut client = database.connect();
    client
        .batch_execute("CREATE TABLE short (name varchar(3))")
        .expect("a table");
    let mut copy = started(&mut client, "short", &["name"]);
    for name in ["abc"; 100].into_iter().chain(["abcd"]) {
        let mut rows = RowEncoder::default();
        for _ in 0..1_000 {
            rows.row(1);
            rows.text(name);
        }
        copy.send(rows.bytes(), 1_000).expect("sent");
    }
    let error = copy.finish().expect_err("too long");
    let message = format!("{error:#}");
    assert!(message.contains("public.short"), "{message}");
    let code = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<postgres::Error>())
        .and_then(postgres::Error::code)
        .map(|code| code.code().to_owned());
    assert_eq!(code.as_deref(), Some("22001"));

    let count: i64 = client
        .query_one("SELECT count(*) FROM short", &[])
        .expect("the connection still works")
        .get(0);
    assert_eq!(count, 0);
}

#[test]
fn a_copy_that_is_dropped_leaves_nothing() {
    let database = testkit::Database::create();
    let mut client = database.connect();
    client
        .batch_execute("CREATE TABLE n (id integer)")
        .expect("a table");
    {
        let mut rows = RowEncoder::default();
        for id in 0..200_000 {
            rows.row(1);
            rows.int4(id);
        }
        let mut copy = started(&mut client, "n", &["id"]);
        copy.send(rows.bytes(), 200_000).expect("sent");
    }
    let count: i64 = client
        .query_one("SELECT count(*) FROM n", &[])
        .expect("the connection still works")
        .get(0);
    assert_eq!(count, 0);
}

/// A row of one integer.
fn one_row() -> RowEncoder {
    let mut row = RowEncoder::default();
    row.row(1);
    row.int4(1);
    row
}

#[test]
fn rows_that_the_server_does_not_count_as_sent_are_a_failed_check() {
    let database = testkit::Database::create();
    let mut client = database.connect();
    client
        .batch_execute("CREATE TABLE n (id integer)")
        .expect("a table");
    let row = one_row();
    let mut copy = started(&mut client, "n", &["id"]);
    copy.send(row.bytes(), 2).expect("sent");
    let error = copy.finish().expect_err("one is missing");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{error:#}");
}

#[test]
fn rows_are_frozen_only_in_the_transaction_that_truncated_the_table() {
    let database = testkit::Database::create();
    let mut client = database.connect();
    client
        .batch_execute("CREATE TABLE n (id integer)")
        .expect("a table");
    let row = one_row();
    let refused = CopyIn::start(&mut client, "public", "n", &["id"], true)
        .and_then(|mut copy| copy.send(row.bytes(), 1).and_then(|()| copy.finish()));
    assert!(refused.is_err());
    client.batch_execute("BEGIN; TRUNCATE n").expect("begun");
    let mut copy = CopyIn::start(&mut client, "public", "n", &["id"], true).expect("started");
    copy.send(row.bytes(), 1).expect("sent");
    assert_eq!(copy.finish().expect("finished").rows, 1);
    client.batch_execute("COMMIT").expect("committed");
}
