//! Models that declare `stream`, with every way in which a parent can be missing, compared with Postgres.

use std::fs;
use std::path::Path;

use dataset::Dataset;
use dataset::failure::Kind;
use testkit::{Database, files_below};
use transform::Layout;

use crate::world::World;

const DESCRIPTION: &str = r#"
    name = "cards"
    [[table]]
    name = "city"
    key = ["id"]
    [[table]]
    name = "customer"
    key = ["id"]
    [[table]]
    name = "product"
    key = ["code"]
    [[table]]
    name = "purchase"
    key = ["id"]
    [[model]]
    name = "flat"
    file = "flat.sql"
    stream = "purchase"
    hidden = ["purchase_id"]
    partition_by = ["city"]
    order_by = ["purchase_id"]
    order_in_partition = ["product", "purchase_id"]
    [model.driving]
    table = "purchase"
    key = { id = "purchase_id" }
    sums = { amount = "amount" }
    [model.columns]
    customer = "text"
    city = "text"
    amount = "numeric(10,2)"
    product = "text"
    weight = "double precision"
    at = "timestamp"
    purchase_id = "bigint"
"#;

/// Customers without a city, cities without a name, purchases of missing customers and products; keys that are far apart, and rows
/// that are not in the order of their ids.
const TABLES: &str = "
    CREATE SCHEMA cards; SET search_path = cards;
    CREATE TABLE city AS SELECT i AS id, nullif('City ' || nullif(i % 7, 3), 'City 5') AS name,
        CASE i % 3 WHEN 0 THEN '' END AS empty FROM generate_series(1, 40) AS i;
    UPDATE city SET name = '' WHERE id = 9;
    CREATE TABLE customer AS SELECT i AS id, 'Ana \"' || i || '\", e cia.' AS name, nullif(i % 50, 0) AS city_id
        FROM generate_series(1, 300) AS i;
    CREATE TABLE product AS SELECT i::bigint * 1000000007 AS code, 'P' || i AS name, i::float8 / 8 AS weight
        FROM generate_series(-20, 20) AS i;
    CREATE TABLE purchase AS SELECT i::bigint AS id, nullif(i * 31 % 320, 0)::int AS customer_id,
        nullif(i % 60 - 30, 7)::bigint * 1000000007 AS product_code,
        (i % 977 - 300)::numeric(10,2) / 8 AS amount, timestamp '2024-02-28' + i * interval '977.123 ms' AS at
        FROM generate_series(1, 9000) AS i ORDER BY i * 7919 % 9001;
    ALTER TABLE purchase ALTER amount TYPE numeric(10,2);
    ANALYZE";

fn world(joins: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), joins);
    let world = World {
        database: Database::create(),
        dataset: Dataset::open(folder.path().to_str().unwrap()).unwrap(),
        out: tempfile::tempdir().unwrap(),
    };
    world.database.connect().batch_execute(TABLES).unwrap();
    world
}

fn write_model(folder: &Path, joins: &str) {
    fs::write(folder.join("dataset.toml"), DESCRIPTION).unwrap();
    let sql = format!(
        "SELECT c.name AS customer, y.name AS city, p.amount, d.name AS product, d.weight, p.at, p.id AS purchase_id
         FROM purchase AS p {joins}"
    );
    fs::write(folder.join("flat.sql"), sql).unwrap();
}

const COLUMNS: &str = "customer, city, amount, product, weight,
    to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS') || CASE WHEN date_part('microseconds', at)::int % 1000000 = 0 THEN ''
        ELSE to_char(at, '.US') END AS at";

const JOINS: [&str; 4] = [
    "JOIN customer AS c ON c.id = p.customer_id JOIN city AS y ON c.city_id = y.id
     JOIN product AS d ON p.product_code = d.code",
    "LEFT JOIN customer AS c ON p.customer_id = c.id LEFT JOIN city AS y ON y.id = c.city_id
     LEFT JOIN product AS d ON d.code = p.product_code",
    "LEFT JOIN product AS d ON d.code = p.product_code JOIN customer AS c ON c.id = p.customer_id
     LEFT JOIN city AS y ON y.id = c.city_id",
    "LEFT JOIN customer AS c ON c.id = p.customer_id JOIN city AS y ON y.id = c.city_id
     LEFT JOIN product AS d ON d.code = p.product_code",
];

fn read(world: &World, path: &Path) -> String {
    fs::read_to_string(world.out.path().join(path)).unwrap()
}

#[test]
fn every_way_of_missing_a_parent_gives_what_postgres_gives() {
    let mut row_counts = Vec::new();
    for joins in JOINS {
        let world = world(joins);
        let report = world.transform(Layout::SingleFile);
        row_counts.push(report.models[0].rows);
        let expected = world.expected(COLUMNS, "ORDER BY purchase_id");
        assert_eq!(expected.lines().count() as u64, 1 + report.models[0].rows);
        assert!(read(&world, Path::new("flat.csv")) == expected, "{joins}");
        let reconciliation = report.models[0].reconciliation.as_ref().unwrap();
        assert_eq!(reconciliation.left_out.rows, 9000 - report.models[0].rows);
    }
    assert_eq!(row_counts[1], 9000);
    assert!(
        row_counts[0] < row_counts[3] && row_counts[3] < row_counts[2] && row_counts[2] < 9000,
        "{row_counts:?}"
    );
}

#[test]
fn folders_hold_what_postgres_groups_in_its_order() {
    for joins in JOINS {
        let world = world(joins);
        let report = world.transform(Layout::Declared);
        let mut files = 0;
        for path in files_below(&world.out.path().join("flat")) {
            let Some(value) = path.to_str().unwrap().strip_prefix("city=") else {
                continue;
            };
            files += 1;
            let city = match value.strip_suffix("/part-0.csv").unwrap() {
                "__HIVE_DEFAULT_PARTITION__" => "city IS NULL OR city = ''".to_owned(),
                name => format!("city = '{name}'"),
            };
            let rest =
                format!("WHERE {city} ORDER BY product COLLATE \"C\" NULLS LAST, purchase_id");
            let expected = world.expected(COLUMNS, &rest);
            assert!(expected.lines().count() > 1, "{path:?}");
            assert!(
                read(&world, &Path::new("flat").join(&path)) == expected,
                "{joins}: {path:?}"
            );
        }
        assert_eq!((report.models[0].files, files), (files, 6));
    }
}

#[test]
fn keys_that_several_rows_have_or_that_are_no_integers_run_whole_with_the_same_result() {
    for change in [
        "INSERT INTO city SELECT id, name || ' again' FROM city WHERE id < 5",
        "ALTER TABLE customer ALTER id TYPE text; ALTER TABLE purchase ALTER customer_id TYPE text",
    ] {
        let world = world(JOINS[0]);
        world.sql(change);
        let written = world.try_transform(&world.options(Layout::SingleFile));
        let expected = world.expected(COLUMNS, "ORDER BY purchase_id, city");
        match written {
            Ok(_) => assert!(read(&world, Path::new("flat.csv")) == expected, "{change}"),
            // A city that is there twice gives rows that no purchase accounts for.
            Err(error) => {
                assert_eq!(
                    dataset::failure::Failure::kind_of(&error),
                    Some(Kind::Check),
                    "{error:#}"
                );
                assert!(change.starts_with("INSERT"), "{error:#}");
            }
        }
    }
}

#[test]
fn partitions_of_the_source_change_nothing() {
    let single = |partitions: usize| {
        let world = world(JOINS[1]);
        let mut options = world.options(Layout::SingleFile);
        options.max_connections = partitions;
        world.try_transform(&options).expect("the run succeeds");
        read(&world, Path::new("flat.csv"))
    };
    let expected = single(1);
    assert_eq!(expected.lines().count(), 9001);
    assert!(expected == single(2) && expected == single(8));
}

#[test]
fn a_model_that_does_more_than_look_up_is_refused_before_anything_is_read() {
    let mut world = World::with_rows(2, 4);
    world.dataset.models[0].sql += " WHERE m.id > 1";
    let (kind, message) = world.refused(Layout::Declared);
    assert_eq!(kind, Kind::Usage);
    assert!(
        message.contains("models/movimento_flat.sql: model `movimento_flat` cannot be run: it declares stream = \"movimento\", but it has WHERE"),
        "{message}"
    );
}
