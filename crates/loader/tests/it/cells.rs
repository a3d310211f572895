//! The meaning of cells where files differ: NULL in quotes and by column, thousands marks, integers with a fraction, days as
//! Postgres accepts them.

use dataset::cell_rules::ThousandsMark;
use dataset::failure::Kind;
use loader::{Options, RejectLimit};
use testkit::value;

use crate::world::{World, rejects, rows};

/// A world with one table, `item`, whose first column `id` is its key.
fn item(load: &str, columns: &str, file: &str) -> World {
    let world = World::new(&[
        (
            "dataset.toml",
            &format!(
                "name = \"shop\"\n[[table]]\nname = \"item\"\nkey = [\"id\"]\n[table.load]\nheader = false\n\
                 delimiter = \";\"\n{load}"
            ),
        ),
        (
            "schema.sql",
            &format!(
                "CREATE TYPE kind AS ENUM ('a', 'b'); CREATE TABLE item (id integer NOT NULL, {columns});"
            ),
        ),
        ("constraints.sql", "ALTER TABLE item ADD PRIMARY KEY (id);"),
    ]);
    world.file("item.csv", file);
    world
}

/// Loads the file, and returns the table's rows and the rejects.
fn loaded(world: &World) -> (Vec<String>, Vec<(i64, String, String)>) {
    let report = world.load(&Options {
        max_rejects: Some(RejectLimit::Percent(100.0)),
        ..world.options()
    });
    let rows = rows(&mut world.connect(), "shop.item");
    assert_eq!(rows.len() as u64, report.rows.loaded);
    (rows, world.rejected("shop", "item"))
}

fn message(world: &World, line: i64) -> String {
    let query = format!("SELECT message FROM shop.extrato_reject WHERE line = {line}");
    value(&mut world.connect(), &query)
}

#[test]
fn an_empty_field_in_quotes_is_null_in_columns_that_have_no_empty_value() {
    let columns = "i bigint, n numeric(5,2), f real, b boolean, d date, hour time, at timestamp, u uuid, j json, k jsonb, \
                   e kind, s text, v varchar(3), c char(2), y bytea";
    let quoted = vec!["\"\""; 15].join(";");
    let words = vec!["\"-\""; 15].join(";");
    let world = item("null = ['-']", columns, &format!("1;{quoted}\n2;{words}\n"));
    let (rows, rejected) = loaded(&world);
    assert_eq!(rejected, []);
    assert_eq!(
        rows,
        [
            "(1,,,,,,,,,,,,\"\",\"\",\"  \",\"\\\\x\")",
            "(2,,,,,,,,,,,,-,-,\"- \",\"\\\\x2d\")"
        ]
    );
    let world = item(
        "null = ['-']\nforce_null = true",
        columns,
        &format!("1;{quoted}\n2;{words}\n"),
    );
    let nothing = ",".repeat(15);
    assert_eq!(
        loaded(&world).0,
        [format!("(1{nothing})"), format!("(2{nothing})")]
    );
}

#[test]
fn words_for_null_are_of_all_columns_or_of_one() {
    let load = r#"
        null = { "*" = ["NULL"], situacao = ["00000000", "0"], nome = ["-"] }
        force_null = ["nome"]
        timestamp_formats = ["%Y%m%d"]
    "#;
    let file = "\"1\";\"ABC\";\"00000000\";\"20050811\"\n\"2\";\"-\";\"NULL\";\"00000000\"\n\
                3;\"\";00000000;0\n4;NULL;NULL;\"NULL\"\n5;-;\"\";\"\"\n6;0;0;20210231\n";
    let world = item(
        load,
        "nome varchar(9), banco varchar(8), situacao date",
        file,
    );
    let (rows, rejected) = loaded(&world);
    assert_eq!(
        rows,
        [
            "(1,ABC,00000000,2005-08-11)",
            "(2,,NULL,)",
            "(3,,00000000,)",
            "(4,,,)",
            "(5,,\"\",)"
        ]
    );
    assert_eq!(rejected, rejects(&[(6, "situacao", "type")]));
}

#[test]
fn a_quoted_null_is_missing_where_a_value_is_required() {
    let world = item(
        "null = ['0']\nrequired = ['a']\nforce_null = ['b']",
        "a date, b text NOT NULL, c integer NOT NULL",
        "1;\"\";\"x\";\"1\"\n2;2020-01-01;\"\";\"2\"\n3;2020-01-01;x;\"\"\n\"\";2020-01-01;x;1\n4;2020-01-01;x;\"0\"\n",
    );
    let (rows, rejected) = loaded(&world);
    assert!(rows.is_empty());
    let expected = [
        (1, "a", "required"),
        (2, "b", "required"),
        (3, "c", "required"),
        (4, "id", "required"),
        (5, "c", "required"),
    ];
    assert_eq!(rejected, rejects(&expected));
    assert_eq!(message(&world, 4), "is missing");
}

const NUMBERS: &str = "price numeric(38,2), qty integer, rate double precision";

#[test]
fn thousands_marks_are_taken_where_they_are_declared() {
    let file = "1;1.234.567,89;1.000;-1.234,5\n2;123.456.789.012.345.678.901.234.567.890.123.456,78;+12.345;0,25\n\
                3;1234,5;1000;1e3\n4;1.23,4;1;1\n5;1;1.00;1\n6;1;1;1,234.5\n7;0.123;1;1\n8;1;2.147.483.648;1\n";
    let world = item("decimal_mark = ','\nthousands_mark = '.'", NUMBERS, file);
    let (rows, rejected) = loaded(&world);
    assert_eq!(
        rows,
        [
            "(1,1234567.89,1000,-1234.5)",
            "(2,123456789012345678901234567890123456.78,12345,0.25)",
            "(3,1234.50,1000,1000)"
        ]
    );
    let expected = [
        (4, "price", "type"),
        (5, "qty", "type"),
        (6, "rate", "type"),
        (7, "price", "type"),
        (8, "qty", "overflow"),
    ];
    assert_eq!(rejected, rejects(&expected));
    assert_eq!(
        message(&world, 4),
        "`1.23,4` is not a number with thousands marks"
    );
}

#[test]
fn marks_may_differ_by_column_and_blanks_and_apostrophes_be_of_any_kind() {
    let load = r#"
        decimal_mark = { price = "," }
        thousands_mark = { price = " ", qty = "." , rate = "'" }
    "#;
    let file = "1;1 234,5;1.000;1'234.50\n2;1\u{a0}234\u{a0}567,89;12;1\u{2019}234.5\n3;1\u{202f}234;12.345.678;1.5\n\
                4;1 234\u{a0}567;1;1\n";
    let world = item(load, NUMBERS, file);
    let (rows, rejected) = loaded(&world);
    assert_eq!(
        rows,
        [
            "(1,1234.50,1000,1234.5)",
            "(2,1234567.89,12,1234.5)",
            "(3,1234.00,12345678,1.5)"
        ]
    );
    assert_eq!(rejected, rejects(&[(4, "price", "type")]));
}

#[test]
fn a_number_that_an_option_would_take_says_which() {
    let file = "1;1.234,56;1;1\n2;1,234;1;1\n3;1;8.0;1\n4;1;1.234;1\n5;1;1;1 234,5\n6;1;8,0;1\n7;1;8.5;1\n8;1.2.3;1;1\n";
    let world = item("", NUMBERS, file);
    let (rows, rejected) = loaded(&world);
    assert_eq!((rows.len(), rejected.len()), (0, 8));
    let marks = "see the options decimal_mark and thousands_mark";
    for (line, expected) in [
        (1, format!("`1.234,56` is not a number: {marks}")),
        (2, format!("`1,234` is not a number: {marks}")),
        (
            3,
            "`8.0` is not an integer: see the option zero_fraction".to_owned(),
        ),
        (4, format!("`1.234` is not an integer: {marks}")),
        (5, format!("`1 234,5` is not a number: {marks}")),
        (
            6,
            "`8,0` is not an integer: see the options decimal_mark, thousands_mark and zero_fraction"
                .to_owned(),
        ),
        (7, "`8.5` is not an integer".to_owned()),
        (8, "`1.2.3` is not a number".to_owned()),
    ] {
        assert_eq!(message(&world, line), expected);
    }
}

#[test]
fn integers_with_a_fraction_of_zeros_are_taken_where_that_is_allowed() {
    let file = "1;8.0;934.000\n2;-8;7\n3;8.5;1\n4;8.;1\n5;1;8.0e0\n6;1;1\n";
    let world = item(
        "zero_fraction = ['a']\nthousands_mark = { b = ',' }",
        "a smallint, b bigint",
        file,
    );
    let (rows, rejected) = loaded(&world);
    assert_eq!(rows, ["(2,-8,7)", "(6,1,1)"]);
    let expected = [
        (1, "b", "type"),
        (3, "a", "type"),
        (4, "a", "type"),
        (5, "b", "type"),
    ];
    assert_eq!(rejected, rejects(&expected));
    let load = "zero_fraction = true\ndecimal_mark = ','\nthousands_mark = '.'";
    let world = item(load, "a smallint, b bigint", "1,0;8,0;1.934,00\n2;1.0;1\n");
    let (rows, rejected) = loaded(&world);
    assert_eq!(rows, ["(1,8,1934)"]);
    assert_eq!(rejected, rejects(&[(2, "a", "type")]));
}

#[test]
fn days_and_times_are_taken_as_postgres_takes_them() {
    let world = item(
        "",
        "d date, hour time, at timestamp, tz timestamptz",
        "1;20200131;24:00:00;2020-01-31 24:00:00;20200131T101112-0300\n\
         2;2020/01/31;101112;20200131;2020-01-31T10:11:60Z\n\
         3;2020.1.31;23:59:60;20200131 1011;2020/01/31 10:11\n\
         4;01/02/2020;1;01/02/2020;1/2/20\n5;200131;24:00:01;20200131101112;2020-01-31 25:00\n",
    );
    let (rows, rejected) = loaded(&world);
    assert_eq!(
        rows,
        [
            "(1,2020-01-31,24:00:00,\"2020-02-01 00:00:00\",\"2020-01-31 13:11:12+00\")",
            "(2,2020-01-31,10:11:12,\"2020-01-31 00:00:00\",\"2020-01-31 10:12:00+00\")",
            "(3,2020-01-31,24:00:00,\"2020-01-31 10:11:00\",\"2020-01-31 10:11:00+00\")"
        ]
    );
    let columns = ["at", "d", "hour", "tz"];
    let expected = [4, 5].map(|line| columns.map(|column| (line, column, "type")));
    assert_eq!(rejected, rejects(expected.as_flattened()));
}

#[test]
fn options_that_contradict_each_other_or_name_no_column_are_refused() {
    for load in [
        "null = { bron = ['0'] }",
        "force_null = ['bron']",
        "zero_fraction = ['bron']",
        "thousands_mark = { bron = ',' }",
        "decimal_mark = { bron = ',' }",
    ] {
        let world = item(load, NUMBERS, "1;1;1;1\n");
        world.refused(&world.options(), Kind::Usage, "there is no column `bron`");
    }
    let world = item("decimal_mark = { price = ',' }", NUMBERS, "1;1,5;1.000;1\n");
    let mut options = world.options();
    options.dialect.thousands_mark = Some(ThousandsMark::Point);
    let said = world.refused(&options, Kind::Usage, "column `rate`");
    assert!(
        said.contains("`thousands_mark` and `decimal_mark` are both '.'"),
        "{said}"
    );
    // What the command line says takes precedence over dataset.toml.
    options.dialect.decimal_mark = Some(b',');
    assert_eq!(world.load(&options).rows.loaded, 1);
    let row: String = value(&mut world.connect(), "SELECT i::text FROM shop.item AS i");
    assert_eq!(row, "(1,1.50,1000,1)");
}

#[test]
fn quotes_behind_a_blank_are_characters_and_a_cell_that_does_not_fit_says_so() {
    let world = item(
        "",
        "n integer, s varchar(6)",
        "1; 2; \"a\"\n2; \"2\";b\n3;2;\t\"abcdefg\"\n4;2; \"a;b\"\n5;2;\"x\";\n",
    );
    let (rows, rejected) = loaded(&world);
    assert_eq!(rows, ["(1,2,\" \"\"a\"\"\")"], "as COPY takes it");
    let expected = [
        (2, "n", "type"),
        (3, "s", "length"),
        (4, "", "shape"),
        (5, "", "shape"),
    ];
    assert_eq!(rejected, rejects(&expected));
    for (line, reason) in [
        (
            2,
            "` \"2\"` is not an integer: a quote after a blank does not enclose a field",
        ),
        (
            3,
            "has 10 characters of at most 6: a quote after a blank does not enclose a field",
        ),
        (
            4,
            "the row has 4 fields, the file 3 columns: a quote after a blank does not enclose a field",
        ),
        (5, "the row has 4 fields, the file 3 columns"),
    ] {
        let said = message(&world, line);
        assert!(said.ends_with(reason), "{said}");
    }
}
