//! Numerics without a precision, or with one that is not carried. They are exact if the dataset or the model says which type holds
//! them; otherwise they are refused with the way out.

use std::fs;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use testkit::{csv_of, value};
use transform::memory::RESERVED_BYTES;
use transform::{Format, Layout, Options};

use crate::world::{World, described};

const TABLES: &str = "
    CREATE DOMAIN preco AS numeric;
    CREATE TABLE t (id integer PRIMARY KEY, a numeric, b numeric, c preco, d numeric(50, 2), e numeric(5, -2),
                    f numeric(10, 2), pad text);
    INSERT INTO t SELECT i, CASE WHEN i % 7 > 0 THEN i / 8.0 END, -i * 0.0001, 1e9 + i, i * 1e13, i * 100, i, repeat('x', 90)
    FROM generate_series(1, 30000) AS i;
    INSERT INTO t VALUES
    (30001, 9999999999999999999999999999.9999999999, 9999999999999999.9999, 999999999.999, 0.01, 0, 0),
    (30002, -9999999999999999999999999999.9999999999, 1.5000000000, -0.001, 999999999999999999.99, 9999900, 0),
    (30003, 0, 0.00, 0, 0, -9999900, 0);
    INSERT INTO t VALUES (30004);
    ANALYZE t;";

const DESCRIPTION: &str = r#"
    [[table]]
    name = "t"
    key = ["id"]
    carry_as = { a = "numeric(38,10)", d = "numeric(20,2)", e = "numeric(7,0)", f = "numeric(12,4)" }
    [[model]]
    name = "m"
    file = "m.sql"
    order_by = ["id"]
    [model.driving]
    table = "t"
    key = { id = "id" }
    sums = { a = "a", b = "b", c = "c", d = "d", e = "e", f = "f" }
    [model.columns]
    id = "integer"
    a = "numeric(38,10)"
    b = "numeric(20,4)"
    c = "numeric(14,3)"
    d = "numeric(38,2)"
    e = "numeric(7,0)"
    f = "numeric(12,6)"
"#;

/// The model casts `b`, and the dataset declares a type for `c`.
const SELECT: &str = "SELECT id, a, b::numeric(20,4) AS b, c, d, e, f FROM t";

const AS_CARRIED: &str = "SELECT id, a::numeric(38,10), b::numeric(20,4), c::numeric(14,3), d::numeric(38,2), e::numeric(7,0),
                          f::numeric(12,6) FROM cards.t ORDER BY id";

#[test]
fn numerics_without_a_precision_are_exact_in_parts_in_parquet_and_back_in_postgres() {
    let world = World::of_tables(TABLES, DESCRIPTION, SELECT);
    let mut client = world.database.connect();
    let expected = csv_of(&mut client, AS_CARRIED);
    let sums = "SELECT concat_ws(' ', sum(a), sum(b), sum(c), sum(d), sum(e), sum(f)) FROM cards.t";
    for format in [Format::Csv, Format::Parquet] {
        let options = Options {
            format,
            to_postgres: Some("results".to_owned()),
            ..world.options(Layout::SingleFile)
        };
        let report = world.try_transform(&options).unwrap();
        assert_eq!(report.models[0].rows, 30_004);
        let read = &report.models[0].reconciliation.as_ref().unwrap().read;
        let found: Vec<String> = read.sums.values().map(ToString::to_string).collect();
        let equal = format!(
            "SELECT ARRAY[{}]::numeric[] = string_to_array(({sums}), ' ')::numeric[]",
            found.join(", ")
        );
        assert!(value::<bool>(&mut client, &equal), "{equal}");
        if format == Format::Csv {
            let found = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
            assert_eq!(found.lines().count(), 30_005);
            assert!(found == expected);
        }
        let back = csv_of(&mut client, "SELECT * FROM results.m ORDER BY id");
        assert_eq!(back.lines().count(), 30_005);
        assert!(back == expected);
        assert!(world.verified().iter().all(|rows| *rows == 30_004));
    }
    assert_eq!(world.verified(), [30_004, 30_004]);
    // A digit that the declared type would hide is found.
    world.sql("UPDATE t SET c = 0.0001 WHERE id = 30003");
    let difference = world.difference();
    assert!(
        difference.contains("\"0.000\", the database \"0.0001\""),
        "{difference}"
    );
}

#[test]
fn a_streamed_model_declares_what_a_numeric_is_in_memory_and_from_disk() {
    let streamed = DESCRIPTION
        .replace("order_by", "stream = \"t\"\norder_by")
        .replace("sums = { a = \"a\", b = \"b\",", "sums = { a = \"a\",")
        .replace("b = \"numeric(20,4)\"", "b = \"numeric(30,10)\"");
    let world = World::of_tables(
        TABLES,
        &streamed,
        "SELECT t.id, t.a, t.b, t.c, t.d, t.e, t.f FROM t",
    );
    let as_carried = AS_CARRIED.replace("b::numeric(20,4)", "b::numeric(30,10)");
    let expected = csv_of(&mut world.database.connect(), &as_carried);
    for memory in [1 << 30, RESERVED_BYTES + (2 << 20)] {
        let options = Options {
            memory_bytes: memory,
            ..world.options(Layout::SingleFile)
        };
        let report = world.try_transform(&options).unwrap();
        assert_eq!(report.models[0].rows, 30_004);
        let found = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
        assert_eq!(found.lines().count(), 30_005);
        assert!(found == expected);
    }
    assert_eq!(world.verified(), [30_004]);
}

const OF_ONE: &str = r#"
    [[table]]
    name = "t"
    key = ["id"]
    CARRIED
    [[model]]
    name = "m"
    file = "m.sql"
    order_by = ["id"]
    [model.columns]
    id = "integer"
    v = "TYPE"
"#;

/// A description of a table of `id` and `v`, with an entry for the table, and the declared type of `v`.
fn of_one(carried: &str, kind: &str) -> String {
    OF_ONE.replace("CARRIED", carried).replace("TYPE", kind)
}

fn error_of(world: &World) -> (Kind, String) {
    world.refused(Layout::SingleFile)
}

#[test]
fn a_value_that_its_type_does_not_hold_is_refused_and_never_rounded() {
    let ways = [
        (
            "carry_as = { v = \"numeric(20,4)\" }",
            "SELECT id, v FROM t",
        ),
        ("", "SELECT id, v::numeric(20,4) AS v FROM t"),
        ("", "SELECT id, v FROM t"),
    ];
    for (carried, select) in ways {
        let world = World::of_tables(
            "CREATE TABLE t (id integer PRIMARY KEY, v numeric); INSERT INTO t VALUES (1, 1.5), (2, NULL)",
            &of_one(carried, "numeric(20,4)"),
            select,
        );
        for value in [
            "1.23456",
            "-0.00005",
            "10000000000000000",
            "1234567890123456789012345678901234567890.5",
            "NaN",
            "Infinity",
            "-Infinity",
        ] {
            world.sql(&format!("UPDATE t SET v = '{value}' WHERE id = 2"));
            let (kind, message) = error_of(&world);
            assert_eq!(kind, Kind::Refused, "{message}");
            for part in ["`t`", "`v`", &format!("{value} does not fit numeric(20,4)")] {
                assert!(message.contains(part), "{message} lacks {part}");
            }
            let is_number = value.contains('0') || value.contains('1');
            assert_eq!(message.contains("`carry_as`"), is_number, "{message}");
        }
        world.sql("UPDATE t SET v = '9999999999999999.9999000' WHERE id = 2");
        world.transform(Layout::SingleFile);
        let found = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
        assert_eq!(found, "id,v\n1,1.5000\n2,9999999999999999.9999\n");
        assert_eq!(world.verified(), [2]);
    }
}

#[test]
fn the_way_out_that_is_named_leads_out() {
    for (kind, literal) in [
        ("integer[]", "'{1,2}'"),
        ("numeric[]", "'{1.50}'"),
        ("interval", "'1 day 2 hours'"),
        ("inet", "'10.0.0.1/8'"),
        ("cidr", "'10.0.0.0/8'"),
        ("macaddr", "'08:00:2b:01:02:03'"),
        ("int4range", "'[1,5)'"),
        ("money", "'1234.5'"),
        ("xml", "'<a/>'"),
        ("bit(3)", "B'101'"),
        ("bit varying", "B'1'"),
        ("point", "'(1,2)'"),
        ("time with time zone", "'10:00+02'"),
        ("tsvector", "'a b'"),
        ("oid", "5"),
        ("\"char\"", "'x'"),
        ("pair", "ROW(1, 'x')"),
        ("period", "'1 day'"),
        ("citext", "'Ab'"),
    ] {
        let world = World::of_tables(
            &format!(
                "CREATE EXTENSION citext; CREATE TYPE pair AS (a int, b text); CREATE DOMAIN period AS interval;
                 CREATE TABLE t (id integer PRIMARY KEY, v {kind}); INSERT INTO t VALUES (1, {literal}), (2, NULL)"
            ),
            &of_one("", "text"),
            "SELECT id, v FROM t",
        );
        let (of_column, message) = error_of(&world);
        assert_eq!(of_column, Kind::Mismatch, "{message}");
        for part in ["`v`", "`t`", "`cast_to_text`", "declare it `text`"] {
            assert!(message.contains(part), "{message} lacks {part}");
        }
        let cast = of_one("cast_to_text = [\"v\"]", "text");
        let world = World {
            dataset: described(&cast, "SELECT id, v FROM t WHERE v IS NOT NULL"),
            ..world
        };
        assert_eq!(world.transform(Layout::SingleFile).models[0].rows, 1);
        let mut client = world.database.connect();
        let expected = csv_of(&mut client, "SELECT id, v::text FROM cards.t WHERE id = 1");
        let found = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
        assert_eq!(found, expected);
        assert_eq!(world.verified(), [1]);
    }
}

#[test]
fn the_way_out_of_a_numeric_is_a_line_to_be_copied() {
    for kind in ["numeric", "numeric(50,2)", "numeric(5,-2)", "numeric(2,4)"] {
        let world = World::of_tables(
            &format!(
                "CREATE TABLE t (id integer PRIMARY KEY, v {kind}); INSERT INTO t VALUES (1, 0.0011), (2, NULL)"
            ),
            &of_one("", "text"),
            "SELECT id, v FROM t",
        );
        let (of_column, message) = error_of(&world);
        assert_eq!(of_column, Kind::Mismatch, "{message}");
        let (_, rest) = message.split_once("(`").expect("a line in brackets");
        let (line, _) = rest.split_once("`)").expect("its end");
        let world = World {
            dataset: described(&of_one(line, "numeric(38,10)"), "SELECT id, v FROM t"),
            ..world
        };
        assert_eq!(world.transform(Layout::SingleFile).models[0].rows, 2);
        let expected = csv_of(
            &mut world.database.connect(),
            "SELECT id, v::numeric(38,10) FROM cards.t ORDER BY id",
        );
        let found = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
        assert_eq!(found, expected);
        // Text is not a numeric, and the message names the setting that makes the column text.
        let as_text = of_one("cast_to_text = [\"v\"]", "numeric(38,10)");
        let options = Options {
            dataset: described(&as_text, "SELECT id, v FROM t"),
            ..world.options(Layout::SingleFile)
        };
        let error = world.try_transform(&options).unwrap_err();
        assert!(format!("{error:#}").contains("`carry_as`"), "{error:#}");
    }
}

#[test]
fn what_is_carried_as_its_text_is_refused_in_an_expression_once_and_for_all() {
    let tables = "CREATE TABLE t (id integer PRIMARY KEY, v inet); INSERT INTO t VALUES (1, '10.0.0.1'), (2, NULL)";
    let cast = of_one("cast_to_text = [\"v\"]", "text");
    for select in [
        "SELECT id, v::text AS v FROM t",
        "SELECT id, v FROM t WHERE v = '10.0.0.1'",
        "SELECT 1 AS id, max(v) AS v FROM t",
        "SELECT id, upper(v) AS v FROM t",
        "SELECT id, v || '' AS v FROM t",
    ] {
        let world = World::of_tables(tables, &cast, select);
        let (kind, message) = error_of(&world);
        assert_eq!(kind, Kind::Usage, "{message}");
        assert!(
            message.contains("a model can only give it as it is"),
            "{message}"
        );
        assert!(
            !message.contains("cast one") && !message.contains("cast it"),
            "{message}"
        );
    }
}

#[test]
fn carry_as_is_for_numeric_columns_that_are_there() {
    for (kind, name, parts) in [
        ("text", "v", ["type text", "`carry_as`"]),
        ("money", "v", ["type money", "`carry_as`"]),
        ("numeric", "w", ["`w` is missing", "`t`"]),
    ] {
        let world = World::of_tables(
            &format!("CREATE TABLE t (id integer PRIMARY KEY, v {kind})"),
            &of_one(
                &format!("carry_as = {{ {name} = \"numeric(9,2)\" }}"),
                "text",
            ),
            "SELECT id, v FROM t",
        );
        let (of_column, message) = error_of(&world);
        assert_eq!(of_column, Kind::Mismatch, "{message}");
        for part in parts {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    }
}

#[test]
fn a_model_that_computes_with_such_a_numeric_gives_what_postgres_gives() {
    let select = "SELECT t.id, sum(t.v * u.n) - min(t.v) AS v FROM t JOIN t AS u0 ON u0.v = t.v JOIN u ON u.v = t.v
                  WHERE t.v > 0.5 GROUP BY t.id";
    let description = of_one("carry_as = { v = \"numeric(20,4)\" }", "numeric(38,4)").replace(
        "[[model]]",
        "[[table]]\n name = \"u\"\n key = [\"n\"]\n carry_as = { v = \"numeric(38,2)\" }\n [[model]]",
    );
    let world = World::of_tables(
        "CREATE TABLE t (id integer PRIMARY KEY, v numeric); CREATE TABLE u (n integer PRIMARY KEY, v numeric);
         INSERT INTO t SELECT i, i * 0.25 FROM generate_series(1, 500) AS i; INSERT INTO t VALUES (0, NULL);
         INSERT INTO u SELECT i, i / 2.0 FROM generate_series(1, 500) AS i; INSERT INTO u VALUES (0, NULL)",
        &description,
        select,
    );
    assert_eq!(world.transform(Layout::SingleFile).models[0].rows, 249);
    assert_eq!(world.verified(), [249]);
}

#[test]
fn a_sum_of_more_than_128_bits_is_refused_with_the_way_out() {
    let summed = of_one("", "numeric(38,0)").replace(
        "[model.columns]",
        "[model.driving]\n table = \"t\"\n key = { id = \"id\" }\n sums = { v = \"v\" }\n [model.columns]",
    );
    let world = World::of_tables(
        "CREATE TABLE t (id integer PRIMARY KEY, v numeric); INSERT INTO t VALUES (1, 9e37), (2, 9e37)",
        &summed,
        "SELECT id, v FROM t",
    );
    let (kind, message) = error_of(&world);
    assert_eq!(kind, Kind::Refused, "{message}");
    assert!(
        message.contains("`v`") && message.contains("`reconcile.sums`"),
        "{message}"
    );
    world.sql("UPDATE t SET v = -v WHERE id = 2");
    world.transform(Layout::SingleFile);
    assert_eq!(world.verified(), [2]);
}

#[test]
fn what_is_kept_is_carried_as_the_models_say() {
    let world = World::of_tables(TABLES, DESCRIPTION, SELECT);
    let mut options = world.options(Layout::SingleFile);
    options.stage = Some(world.out.path().join("stage").into());
    // A table is kept whole, including columns that no model mentions.
    world.sql("ALTER TABLE t ADD g numeric");
    let error = world.try_transform(&options).unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch));
    assert!(format!("{error:#}").contains("`g`"), "{error:#}");
    world.sql("ALTER TABLE t DROP g");
    world.try_transform(&options).unwrap();
    let expected = csv_of(&mut world.database.connect(), AS_CARRIED);
    let kept = options.stage.take().unwrap();
    options.out = world.out.path().join("again").into();
    transform::run_from_stage(&kept, &options, &Cancel::default()).unwrap();
    for folder in [world.out.path(), options.out.path().unwrap()] {
        let found = fs::read_to_string(folder.join("m.csv")).unwrap();
        assert_eq!(found.lines().count(), 30_005);
        assert!(found == expected);
    }
}
