//! Streamed models with keys of every type that can be looked up, over a table that doesn't fit in memory, compared with Postgres's
//! own join. Run whole, each of them would be refused.

use std::fs;

use dataset::failure::{Failure, Kind};
use testkit::value;
use transform::memory::RESERVED_BYTES;
use transform::{Layout, Options};

use crate::world::World;

/// Memory for the parents, but only for a part of the purchases.
const LITTLE: u64 = RESERVED_BYTES + (4 << 20);

const DESCRIPTION: &str = r#"
    [[table]]
    name = "shop"
    key = ["id"]
    [[table]]
    name = "city"
    key = ["id"]
    [[table]]
    name = "purchase"
    key = ["id"]
    [[model]]
    name = "m"
    file = "m.sql"
    stream = "purchase"
    order_by = ["id"]
    [model.driving]
    table = "purchase"
    key = { id = "id" }
    sums = { id = "id" }
    [model.columns]
    id = "bigint"
    pad = "text"
    shop = "text"
    city = "text"
"#;

/// Shops with keys of every type, and purchases from them. Some purchases have a key that no shop has, one that would match as
/// another type or with other blanks at its end, or NULL. No purchase is stored where its id would put it.
const TABLES: &str = r#"
    CREATE TYPE grade AS ENUM ('low', 'Low', 'high', 'none');
    CREATE TABLE city AS SELECT i AS id, 'City ' || i AS name, ('c' || i)::char(9) AS code, i % 5 AS a, i / 5 AS b
        FROM generate_series(1, 40) AS i;
    CREATE TABLE shop AS SELECT i AS id, nullif('Shop ' || i, 'Shop 7') AS name,
            ('k' || i)::text AS t, ('k' || i)::varchar(20) AS v, ('k' || i)::char(12) AS c, md5(i::text)::uuid AS u,
            date '2020-01-01' + i AS d, timestamp '2020-01-01' + i * interval '1.5 s' AS ts,
            timestamptz '2020-01-01 00:00 UTC' + i * interval '1 h' AS tz, time '00:00' + i * interval '61.001 s' AS tm,
            (i * 0.5)::numeric(10,1) AS n, (i * 1e20)::numeric(30,0) AS wide, sha256(i::text::bytea) AS bytes,
            i % 20 AS a, ('g' || i / 20)::char(4) AS g, i % 2 = 0 AS odd, i / 2 AS half,
            CASE i WHEN 1 THEN 'low' WHEN 2 THEN 'Low' WHEN 3 THEN 'high' END::grade AS e,
            ('c' || nullif(i % 45, 3))::char(5) AS city_code, i % 5 AS city_a, i % 9 AS city_b
        FROM generate_series(1, 300) AS i;
    INSERT INTO shop (id, name) SELECT 1000 + i, 'no key' FROM generate_series(1, 3) AS i;
    CREATE TABLE purchase AS SELECT id::bigint, repeat('x', 120) AS pad,
            CASE WHEN id % 50 = 0 THEN 'k' || i || ' ' WHEN id % 51 > 0 THEN 'k' || i END::text AS t,
            CASE WHEN id % 50 = 0 THEN 'k' || i || ' ' WHEN id % 51 > 0 THEN 'k' || i END::varchar(30) AS v,
            CASE WHEN id % 50 = 0 THEN 'k' || i || ' ' WHEN id % 51 > 0 THEN 'k' || i END::char(9) AS c,
            CASE WHEN id % 51 > 0 THEN md5(i::text)::uuid END AS u,
            CASE WHEN id % 51 > 0 THEN date '2020-01-01' + i END AS d,
            CASE WHEN id % 51 > 0 THEN timestamp '2020-01-01' + i * interval '1.5 s' + (id % 2) * interval '1 us' END AS ts,
            CASE WHEN id % 51 > 0 THEN timestamptz '2020-01-01 00:00 UTC' + i * interval '30 min' END AS tz,
            CASE WHEN id % 51 > 0 THEN time '00:00' + i * interval '61.001 s' END AS tm,
            (CASE WHEN id % 51 > 0 THEN i * 0.5 + (id % 3) * 0.001 END)::numeric(12,3) AS n,
            (CASE WHEN id % 51 > 0 THEN i * 1e20 END)::numeric(34,2) AS wide,
            (CASE WHEN id % 51 > 0 THEN i * 5 END)::numeric(10,0) AS tens,
            CASE WHEN id % 51 > 0 THEN sha256(i::text::bytea) END AS bytes,
            nullif(i % 20, 7) AS a, nullif('g' || i / 20, 'g3')::char(9) AS g, nullif(i % 2, id % 51) = 0 AS odd, i / 2 AS half,
            nullif((ARRAY['low', 'Low', 'high', 'none'])[id % 4 + 1], 'none')::grade AS e
        FROM (SELECT id, id * 31 % 330 AS i FROM generate_series(1, 30000) AS id) AS p ORDER BY id * 7919 % 30011;
    ANALYZE"#;

fn world() -> World {
    World::of_tables(TABLES, DESCRIPTION, "SELECT p.id FROM purchase AS p")
}

/// How many rows a model with these joins gives in little memory. They must be Postgres's own.
fn streamed(world: &mut World, joins: &str) -> u64 {
    let sql =
        format!("SELECT p.id, p.pad, s.name AS shop, y.name AS city FROM purchase AS p {joins}");
    world.dataset.models[0].sql = sql;
    let options = Options {
        memory_bytes: LITTLE,
        ..world.options(Layout::SingleFile)
    };
    let report = world.try_transform(&options);
    let report = report.unwrap_or_else(|error| panic!("{joins}: {error:#}"));
    let rows = report.models[0].rows;
    let expected = world.expected("*", "ORDER BY id");
    assert_eq!(rows + 1, expected.lines().count() as u64, "{joins}");
    let written = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
    assert!(written == expected, "{joins}");
    let reconciliation = report.models[0].reconciliation.as_ref().unwrap();
    assert_eq!(reconciliation.left_out.rows, 30_000 - rows, "{joins}");
    rows
}

#[test]
fn keys_of_every_type_are_looked_up_as_postgres_joins_by_them() {
    let mut world = world();
    let mut keys: Vec<String> = [
        "t", "v", "c", "u", "d", "ts", "tz", "tm", "n", "wide", "bytes", "e",
    ]
    .map(|key| format!("s.{key} = p.{key}"))
    .into();
    keys.extend(
        [
            "p.v = s.t",
            "s.v = p.t",
            "p.t = s.c",
            "s.t = p.c",
            "s.n = p.tens",
            "s.a = p.a AND s.g = p.g",
            "p.odd = s.odd AND p.half = s.half",
            "s.t = p.t AND s.c = p.c AND s.u = p.u",
        ]
        .map(str::to_owned),
    );
    for key in &keys {
        let inner = streamed(
            &mut world,
            &format!("JOIN shop AS s ON {key} LEFT JOIN city AS y ON y.code = s.city_code"),
        );
        let outer = streamed(
            &mut world,
            &format!("LEFT JOIN city AS y ON y.id = p.half LEFT JOIN shop AS s ON {key}"),
        );
        assert!(inner > 1000 && inner < 30_000, "{key}: {inner}");
        assert_eq!(outer, 30_000, "{key}");
    }
}

#[test]
fn parents_look_up_theirs_by_such_keys_too() {
    let mut world = world();
    let mut rows = Vec::new();
    for city in [
        "JOIN city AS y ON y.code = s.city_code",
        "LEFT JOIN city AS y ON y.code = s.city_code",
        "JOIN city AS y ON y.a = s.city_a AND s.city_b = y.b",
    ] {
        rows.push(streamed(
            &mut world,
            &format!("JOIN shop AS s ON s.t = p.t {city}"),
        ));
    }
    assert!(rows[0] < rows[1] && rows[2] < rows[1], "{rows:?}");
}

#[test]
fn a_key_of_texts_that_several_rows_have_or_that_are_equal_in_more_ways_than_one_is_refused() {
    let mut world = world();
    let mut refused = |change: &str| {
        world.sql(change);
        world.dataset.models[0].sql = "SELECT p.id, p.pad, s.name AS shop, s.name AS city
            FROM purchase AS p JOIN shop AS s ON s.c = p.c"
            .to_owned();
        let options = Options {
            memory_bytes: LITTLE,
            ..world.options(Layout::SingleFile)
        };
        let error = world.try_transform(&options).unwrap_err();
        assert!(world.published().is_empty(), "{:?}", world.published());
        (Failure::kind_of(&error), format!("{error:#}"))
    };
    let (kind, message) = refused("INSERT INTO shop (id, c) VALUES (2000, 'k8 ')");
    assert_eq!(kind, Some(Kind::Refused), "{message}");
    assert!(
        message.contains("purchase") && message.contains("--memory"),
        "{message}"
    );
    let (kind, message) = refused(
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         DELETE FROM shop WHERE id = 2000; ALTER TABLE shop ALTER c TYPE char(12) COLLATE loose;
         ALTER TABLE purchase ALTER c TYPE char(9) COLLATE loose",
    );
    assert_eq!(kind, Some(Kind::Usage), "{message}");
    assert!(
        message.contains("different texts can be equal"),
        "{message}"
    );
    let count = "SELECT count(*) FROM cards.purchase AS p JOIN cards.shop AS s ON s.c = p.c";
    let count: i64 = value(&mut world.database.connect(), count);
    assert!(count > 0, "Postgres joins them");
}
