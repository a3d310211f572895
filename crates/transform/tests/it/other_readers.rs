//! Files as other programs read them, and values that these write differently: the mark that ends a COPY of psql, and the text of
//! floats.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::{csv_of, value};
use transform::Layout;

use crate::world::World;

/// Reads a file into a table with `\copy` of the machine's psql.
fn copied(world: &World, table: &str, file: &Path) {
    let copy = format!(
        "\\copy {table} FROM '{}' (FORMAT csv, HEADER)",
        file.display()
    );
    let output = Command::new("psql")
        .envs(world.database.variables())
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-c", &copy])
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn psql_reads_back_a_file_of_one_column_that_is_full_of_ends() {
    let world = World::of_tables(
        r"CREATE TABLE t (id integer PRIMARY KEY, v text);
          INSERT INTO t VALUES (1, '\.'), (2, 'a'), (3, NULL), (4, ''), (5, '\'), (6, '\.'), (7, ' \.'), (8, '\.,')",
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        [[model]]
        name = "m"
        file = "m.sql"
        hidden = ["id"]
        order_by = ["id"]
        [model.columns]
        '\.' = "text"
        id = "integer"
        "#,
        r#"SELECT v AS "\.", id FROM t"#,
    );
    assert_eq!(world.transform(Layout::SingleFile).models[0].rows, 8);
    let file = world.out.path().join("m.csv");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().next(), Some(r#""\.""#));
    world.sql("CREATE TABLE back (n serial, v text)");
    copied(&world, "cards.back (v)", &file);
    let mut client = world.database.connect();
    assert_eq!(
        value::<i64>(&mut client, "SELECT count(*) FROM cards.back"),
        8
    );
    let equal = "SELECT count(*) FROM cards.t JOIN cards.back ON n = id WHERE t.v IS NOT DISTINCT FROM back.v";
    assert_eq!(value::<i64>(&mut client, equal), 8);
    assert_eq!(world.verified(), [8]);
}

#[test]
fn ends_of_a_copy_among_ties_and_beside_other_columns_are_equal_to_the_databases() {
    let world = World::of_tables(
        r"CREATE TABLE t (id integer PRIMARY KEY, v text, w text);
          INSERT INTO t SELECT i, CASE i % 3 WHEN 0 THEN '\.' ELSE 'v' || i END, '\.' FROM generate_series(1, 300) AS i",
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        [[model]]
        name = "m"
        file = "m.sql"
        hidden = ["same"]
        order_by = ["same"]
        [model.columns]
        v = "text"
        w = "text"
        same = "integer"
        "#,
        "SELECT v, w, 1 AS same FROM t",
    );
    assert_eq!(world.transform(Layout::SingleFile).models[0].rows, 300);
    // From here on the database has its rows in another order.
    world.sql("UPDATE t SET w = w WHERE id < 100");
    assert_eq!(world.verified(), [300]);
    world.sql("CREATE TABLE back (v text, w text)");
    copied(&world, "cards.back", &world.out.path().join("m.csv"));
    let mut client = world.database.connect();
    assert_eq!(
        value::<i64>(&mut client, "SELECT count(*) FROM cards.back"),
        300
    );
    let sorted = |table: &str| format!("SELECT v, w FROM cards.{table} ORDER BY 1, 2");
    assert_eq!(
        csv_of(&mut client, &sorted("back")),
        csv_of(&mut client, &sorted("t"))
    );
}

const FLOATS: &str = "
    CREATE TABLE t (id integer PRIMARY KEY, single real, double double precision);
    INSERT INTO t SELECT i, (i * 0.37)::real, (i * 0.37)::real::double precision FROM generate_series(1, 5000) AS i;
    INSERT INTO t VALUES (5001, 168.22, 168.22::real), (5002, 'NaN', 'NaN'), (5003, 'Infinity', '-Infinity'), (5004, '-0', '-0'),
                         (5005, '1e-45', '5e-324'), (5006, NULL, NULL), (5007, '3.4028235e38', '1.7976931348623157e308')";

const OF_FLOATS: &str = r#"
    [[table]]
    name = "t"
    key = ["id"]
    [[model]]
    name = "m"
    file = "m.sql"
    order_by = ["id"]
    order_in_partition = ["id"]
    [model.columns]
    id = "integer"
    single = "real"
    double = "double precision"
"#;

#[test]
fn floats_are_compared_by_value_in_files_and_in_the_names_of_folders() {
    let world = World::of_tables(FLOATS, OF_FLOATS, "SELECT id, single, double FROM t");
    assert_eq!(world.transform(Layout::SingleFile).models[0].rows, 5007);
    assert_eq!(world.verified(), [5007]);
    // The comparison must be by value, since some texts differ.
    let mut client = world.database.connect();
    let of_server = csv_of(&mut client, "SELECT * FROM cards.t ORDER BY id");
    let of_file = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
    assert_eq!(of_server.lines().count(), of_file.lines().count());
    assert!(
        of_server != of_file,
        "the texts do not differ: the test shows nothing"
    );

    for (change, column) in [
        ("double = 168.22::real::double precision + 3e-14", "double"),
        (
            "double = 168.22::real::double precision, single = 168.22002",
            "single",
        ),
    ] {
        world.sql(&format!("UPDATE t SET {change} WHERE id = 5001"));
        let difference = world.difference();
        assert!(
            difference.contains("row 5001") && difference.contains(column),
            "{difference}"
        );
    }
    world.sql(
        "UPDATE t SET single = 168.22, double = 168.22::real WHERE id = 5001;
         UPDATE t SET single = 0, double = 0 WHERE id = 5004",
    );
    assert_eq!(world.verified(), [5007], "0 is -0");
    world.sql("UPDATE t SET single = 'NaN' WHERE id = 5003");
    assert!(
        world
            .difference()
            .contains("\"Infinity\", the database \"NaN\"")
    );
}

#[test]
fn folders_named_after_floats_are_found() {
    let world = World::of_tables(FLOATS, OF_FLOATS, "SELECT id, single, double FROM t");
    world.sql("DELETE FROM t WHERE id < 4700");
    for column in ["double", "single"] {
        let layout = Layout::PartitionBy(vec![column.to_owned()]);
        assert_eq!(world.transform(layout).models[0].rows, 308);
        assert_eq!(world.verified(), [308]);
    }
}
