//! A dataset that isn't built in: every type, views, domains, quoted names, and no driving table.

use std::fs;

use dataset::Dataset;
use tempfile::TempDir;
use testkit::Database;
use transform::{Layout, Options, Report};

use crate::world::World;

const TABLE: &str = r#"
    CREATE DOMAIN preco AS numeric(12, 3);
    CREATE DOMAIN preco_positivo AS preco CHECK (VALUE > 0);
    CREATE TYPE cor AS ENUM ('azul', 'verde claro');
    CREATE TABLE "Tudo, e mais" (
        id bigint PRIMARY KEY, flag boolean, small smallint, whole integer, single real, double double precision,
        exact numeric(38, 10), none numeric(5), price preco_positivo, words text, short varchar(20), fixed char(5),
        label name, colour cor, day date, hour time, at timestamp, moment timestamptz, code uuid, raw bytea, doc json,
        docb jsonb, span interval
    );
    INSERT INTO "Tudo, e mais" (id) VALUES (1);
    INSERT INTO "Tudo, e mais" VALUES
    (2, true, -32768, -2147483648, '1e-45', '2.2250738585072014e-308', '-9999999999999999999999999999.9999999999', -99999,
     0.001, 'á"', '', 'ab', 'nome', 'verde claro', '0001-01-01', '00:00:00', '0001-01-01', '0001-01-01 00:00:00+00',
     '00000000-0000-0000-0000-000000000000', '', '{"a": 1}', '{"b": [1, 2], "a": null}', '1 year 2 days'),
    (9223372036854775807, false, 32767, 2147483647, '3.4028235e38', '-1.7976931348623157e308',
     '9999999999999999999999999999.9999999999', 0, 999999999.999, E'\n', '😀', 'abcde', '', 'azul', '9999-12-31',
     '23:59:59.999999', '9999-12-31 23:59:59.999999', '1969-12-31 21:00:00.000001-03',
     'ffffffff-ffff-ffff-ffff-ffffffffffff', '\x00ff0a2c22', '  [ ]', '"texto"', '-3 hours'),
    (4, false, 0, 0, 'NaN', '-Infinity', 0, 7, 1, ' ', 'x', '', 'x', 'azul', '2024-02-29', '12:00:00.5', '2024-02-29 12:00:00.5',
     '2024-06-01 12:00:00+05:30', '123e4567-e89b-12d3-a456-426614174000', '\xdeadbeef', 'null', '1.50', '0');
    CREATE VIEW vista AS SELECT id, price FROM "Tudo, e mais";
"#;

const DESCRIPTION: &str = r#"
    name = "meu"

    [[table]]
    name = "Tudo, e mais"
    key = ["id"]
    cast_to_text = ["span"]

    [[table]]
    name = "vista"
    key = ["id"]

    [[model]]
    name = "tudo"
    file = "tudo.sql"
    order_by = ["id"]
    [model.columns]
    id = "bigint"
    flag = "boolean"
    small = "smallint"
    whole = "integer"
    single = "real"
    double = "double precision"
    exact = "numeric(38,10)"
    none = "numeric(5,0)"
    price = "numeric(12,3)"
    words = "text"
    short = "text"
    fixed = "text"
    label = "text"
    colour = "text"
    day = "date"
    hour = "time"
    at = "timestamp"
    moment = "timestamptz"
    code = "uuid"
    raw = "bytea"
    doc = "json"
    docb = "jsonb"
    span = "text"

    [[model]]
    name = "contagem"
    file = "contagem.sql"
    order_by = ["flag"]
    [model.columns]
    flag = "boolean"
    rows = "bigint"
    total = "numeric(38,3)"
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dataset.toml"), DESCRIPTION).unwrap();
    fs::write(
        folder.path().join("tudo.sql"),
        "SELECT * FROM \"Tudo, e mais\"",
    )
    .unwrap();
    let count = "SELECT t.flag, COUNT(*) AS rows, SUM(v.price) AS total
                 FROM \"Tudo, e mais\" AS t JOIN vista AS v ON v.id = t.id GROUP BY t.flag;";
    fs::write(folder.path().join("contagem.sql"), count).unwrap();
    folder
}

/// The dataset, with its tables in the schema `cards`.
pub(crate) fn world_of_all_types() -> World {
    let database = Database::create();
    database
        .connect()
        .batch_execute(&format!(
            "CREATE SCHEMA cards; SET search_path = cards; {TABLE}"
        ))
        .unwrap();
    World {
        database,
        dataset: Dataset::open(folder().path().to_str().unwrap()).unwrap(),
        out: tempfile::tempdir().unwrap(),
    }
}

/// A run over tables in the schema `cards`, whatever the dataset's name.
pub(crate) fn transform_in_cards(world: &World, layout: Layout) -> Report {
    let options = Options {
        schema: "cards".to_owned(),
        ..world.options(layout)
    };
    world.try_transform(&options).expect("the run succeeds")
}

#[test]
fn every_type_comes_through_as_postgres_writes_it() {
    let world = world_of_all_types();
    let report = transform_in_cards(&world, Layout::Declared);
    assert_eq!(report.models[0].rows, 4);

    let iso = r#"'YYYY-MM-DD"T"HH24:MI:SS'"#;
    let fraction = |time: &str| {
        format!(
            "CASE WHEN date_part('microseconds', {time})::int % 1000000 = 0 THEN '' ELSE to_char({time}, '.US') END"
        )
    };
    let expected = world.copy(&format!(
        "SELECT id, flag::text AS flag, small, whole, single, double, exact, none, price, words, short, fixed, label, colour,
                to_char(day, 'YYYY-MM-DD') AS day,
                to_char(hour, 'HH24:MI:SS') || {hour} AS hour, to_char(at, {iso}) || {at} AS at,
                to_char(moment AT TIME ZONE 'UTC', {iso}) || {moment} || 'Z' AS moment,
                code, raw, doc::text AS doc, docb::text AS docb, span::text AS span
         FROM \"Tudo, e mais\" ORDER BY id",
        hour = fraction("hour"),
        at = fraction("at"),
        moment = fraction("(moment AT TIME ZONE 'UTC')"),
    ));
    assert_eq!(
        fs::read_to_string(world.out.path().join("tudo.csv")).unwrap(),
        expected
    );

    let expected = world.copy(
        "SELECT t.flag::text AS flag, COUNT(*) AS rows, SUM(v.price) AS total
         FROM \"Tudo, e mais\" AS t JOIN vista AS v ON v.id = t.id GROUP BY t.flag ORDER BY t.flag",
    );
    assert_eq!(expected.lines().count(), 1 + 3);
    // SUM over no values is NULL in Postgres and 0 in Polars; the row without a price shows this.
    let got = fs::read_to_string(world.out.path().join("contagem.csv")).unwrap();
    assert_eq!(
        got.lines().take(3).collect::<Vec<_>>(),
        expected.lines().take(3).collect::<Vec<_>>()
    );
}

#[test]
fn sums_of_narrow_integers_do_not_wrap_around_and_products_end_as_in_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let description = "
        name = \"cards\"
        [[table]]
        name = \"g\"
        key = [\"id\"]
        [[model]]
        name = \"total\"
        file = \"total.sql\"
        [model.columns]
        total = \"bigint\"
        product = \"bigint\"
        smallest = \"smallint\"
    ";
    fs::write(folder.path().join("dataset.toml"), description).unwrap();
    let sql = "SELECT SUM(cents) AS total, MAX(CAST(cents AS bigint) * 1000000) AS product, MIN(small) AS smallest FROM g";
    fs::write(folder.path().join("total.sql"), sql).unwrap();
    let world = World {
        database: Database::create(),
        dataset: Dataset::open(folder.path().to_str().unwrap()).unwrap(),
        out: tempfile::tempdir().unwrap(),
    };
    world
        .database
        .connect()
        .batch_execute(
            "CREATE SCHEMA cards; CREATE TABLE cards.g AS
             SELECT i AS id, 1000000 AS cents, (-32768)::smallint AS small FROM generate_series(1, 5000) AS i",
        )
        .unwrap();
    world.transform(Layout::Declared);
    let written = fs::read_to_string(world.out.path().join("total.csv")).unwrap();
    assert_eq!(
        written,
        "total,product,smallest\n5000000000,1000000000000,-32768\n"
    );

    // A SELECT that Postgres refuses, and a value that its declared type cannot hold.
    use dataset::failure::Kind;
    for (of, changed, expected, named) in [
        (
            "CAST(cents AS bigint)",
            "cents",
            Kind::Refused,
            "integer out of range",
        ),
        (
            "MIN(small)",
            "MIN(small) - 1::smallint",
            Kind::Refused,
            "smallint out of range",
        ),
        ("MIN(small)", "MIN(small) - 1", Kind::Mismatch, "`smallest`"),
    ] {
        fs::write(folder.path().join("total.sql"), sql.replace(of, changed)).unwrap();
        let other = World {
            dataset: Dataset::open(folder.path().to_str().unwrap()).unwrap(),
            out: tempfile::tempdir().unwrap(),
            database: Database::create(),
        };
        other
            .database
            .connect()
            .batch_execute(
                "CREATE SCHEMA cards; CREATE TABLE cards.g AS
                 SELECT i AS id, 1000000 AS cents, (-32768)::smallint AS small FROM generate_series(1, 5) AS i",
            )
            .unwrap();
        let (kind, message) = other.refused(Layout::Declared);
        assert_eq!(kind, expected, "{message}");
        assert!(message.contains(named), "{message}");
    }
}
