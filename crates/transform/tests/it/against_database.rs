//! `verify` against the database: equal outputs are found equal, and the first difference is named.

use std::fs;

use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Dataset};
use testkit::Database;
use transform::check::verify::verify;
use transform::{Engine, Layout, Options};

use crate::dataset_of_ones_own::{transform_in_cards, world_of_all_types};
use crate::hostile_values::hostile_world;
use crate::world::World;

fn by(columns: &[&str]) -> Layout {
    Layout::PartitionBy(columns.iter().map(|name| (*name).to_owned()).collect())
}

/// Checks that the message has all of these parts.
fn names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message} lacks {part}");
    }
}

#[test]
fn hostile_values_are_found_equal_in_every_layout() {
    let world = hostile_world();
    world.sql(
        "UPDATE cartao SET data_criacao = NULL WHERE id % 4 = 0; UPDATE conta SET data_criacao = NULL WHERE id % 7 = 0",
    );
    let layouts = [
        Layout::SingleFile,
        Layout::Declared,
        by(&["nome_associado"]),
        by(&["tipo_conta", "nome_impresso_cartao"]),
        by(&["data_movimento"]),
        by(&["vlr_transacao_movimento", "numero_cartao"]),
        by(&["data_criacao_cartao", "id_movimento"]),
    ];
    for layout in layouts {
        // A model may have a single file and folders, side by side.
        let rows = world.transform(layout.clone()).models[0].rows;
        assert!(rows > 100);
        let verified = world.verified();
        assert!(!verified.is_empty());
        assert!(
            verified.iter().all(|of| *of == rows),
            "{layout:?}: {verified:?}"
        );
    }
}

#[test]
fn empty_tables_are_equal_to_no_rows() {
    let world = World::of_cards();
    world.transform(Layout::SingleFile);
    world.transform(Layout::Declared);
    assert_eq!(world.verified(), [0, 0]);
}

/// A world of three clients with ten movements each, published. Client 1 has the movements 3, 6, … 30.
fn published(layout: Layout) -> World {
    let world = World::with_rows(3, 30);
    world.transform(layout);
    assert_eq!(world.verified(), [30]);
    world
}

const OF_CLIENT_1: &str = "id_associado=1/part-0.csv";

#[test]
fn a_change_is_named_with_file_row_column_and_both_values() {
    let world = published(Layout::Declared);
    for (change, parts) in [
        (
            "UPDATE movimento SET vlr_transacao = 99 WHERE id = 6",
            [
                "column vlr_transacao_movimento",
                "the file has \"0.06\", the database \"99.00\"",
            ],
        ),
        (
            "UPDATE movimento SET vlr_transacao = 0.06, des_transacao = E'a\"\\n,b' WHERE id = 6",
            [
                "column des_transacao_movimento",
                r#"the file has "compra 6", the database "a\"\n,b""#,
            ],
        ),
        (
            "UPDATE movimento SET des_transacao = NULL WHERE id = 6",
            [
                "column des_transacao_movimento",
                "the file has \"compra 6\", the database NULL",
            ],
        ),
        (
            "UPDATE movimento SET des_transacao = 'compra 6', data_movimento = data_movimento + interval '1 us' WHERE id = 6",
            [
                "column data_movimento",
                "the file has \"2022-01-01T00:00:06.006000\", the database \"2022-01-01T00:00:06.006001\"",
            ],
        ),
    ] {
        world.sql(change);
        let message = world.difference();
        names(&message, &parts);
        names(
            &message,
            &[
                OF_CLIENT_1,
                ", row 2, ",
                "The output has 30 rows, the database 30",
                "may have changed",
            ],
        );
    }
}

#[test]
fn null_and_the_empty_text_are_a_difference() {
    let world = World::with_rows(1, 5);
    world.sql("UPDATE movimento SET des_transacao = NULL WHERE id = 2; UPDATE movimento SET des_transacao = '' WHERE id = 4");
    world.transform(Layout::SingleFile);
    assert_eq!(world.verified(), [5]);
    world.sql("UPDATE movimento SET des_transacao = NULL WHERE id = 4");
    names(
        &world.difference(),
        &[
            "movimento_flat.csv, row 4, column des_transacao_movimento",
            "the file has \"\", the database NULL",
        ],
    );
    world.sql("UPDATE movimento SET des_transacao = '' WHERE id IN (2, 4)");
    names(
        &world.difference(),
        &["row 2, ", "the file has NULL, the database \"\""],
    );
}

#[test]
fn a_row_that_was_deleted_or_added_is_named_where_it_is_missed() {
    for (layout, file, last) in [
        (Layout::SingleFile, "movimento_flat.csv", "30"),
        (Layout::Declared, OF_CLIENT_1, "10"),
    ] {
        let world = published(layout);
        world.sql("DELETE FROM movimento WHERE id = 30");
        names(
            &world.difference(),
            &[
                file,
                &format!("row {last}: the database has no such row"),
                "compra 30",
                "the database 29",
            ],
        );
        world.sql("DELETE FROM movimento WHERE id = 3");
        names(
            &world.difference(),
            &[file, ", column ", "the file has ", "the database 28"],
        );
        world.sql(
            "INSERT INTO movimento SELECT i, i / 100.0, 'compra ' || i, timestamp '2022-01-01' + i * interval '1001 ms', 1
             FROM unnest('{3, 30, 33}'::int[]) AS i",
        );
        let after_last: u32 = last.parse::<u32>().unwrap() + 1;
        names(
            &world.difference(),
            &[
                file,
                &format!("row {after_last}: the file ends before it"),
                "compra 33",
                "the database 31",
            ],
        );
    }
}

#[test]
fn a_client_who_went_or_came_is_named() {
    let world = published(Layout::Declared);
    world.sql("INSERT INTO associado VALUES (4, 'Nome 2', 'Sobrenome', 30, 'e@x'); UPDATE cartao SET id_associado = 4 WHERE id = 2");
    // The rows of client 2 differ only in the id, which is in the path only.
    names(
        &world.difference(),
        &[
            "id_associado=2/part-0.csv, row 1: the database has no such row",
            "the database 30",
        ],
    );
    world.sql("UPDATE cartao SET id_associado = 2 WHERE id = 2");
    assert_eq!(world.verified(), [30]);
    world.sql("INSERT INTO cartao VALUES (4, 4, 'N', '2021-01-01', 1, 4); INSERT INTO movimento VALUES (31, 1, 'x', '2022-01-01', 4)");
    names(
        &world.difference(),
        &[
            "movimento_flat/id_associado=4: the output has no such partition",
            "the database 31",
        ],
    );
    world.sql("DELETE FROM movimento WHERE id_cartao IN (1, 4)");
    names(
        &world.difference(),
        &[OF_CLIENT_1, "row 1: the database has no such row"],
    );
    world.sql("DELETE FROM movimento");
    names(
        &world.difference(),
        &[OF_CLIENT_1, "The output has 30 rows, the database 0"],
    );
}

#[test]
fn rows_that_the_order_does_not_tell_apart_are_equal_in_any_order() {
    let mut world = World::with_rows(5, 20_000);
    let model = &mut world.dataset.models[0];
    model.order_by = vec!["tipo_conta".to_owned(), "nome_associado".to_owned()];
    model.order_in_partition = Vec::new();
    for layout in [
        Layout::SingleFile,
        by(&["idade_associado"]),
        Layout::Declared,
    ] {
        world.transform(layout);
        // The rows are at other places of the table now.
        world.sql("UPDATE movimento SET id = id WHERE id % 3 = 0; UPDATE movimento SET id = id WHERE id % 7 = 0");
        assert!(world.verified().iter().all(|rows| *rows == 20_000));
    }
    world.sql("UPDATE movimento SET des_transacao = 'outra' WHERE id = 14000");
    names(
        &world.difference(),
        &[
            "column des_transacao_movimento",
            "\"compra 14000\", the database \"outra\"",
        ],
    );
}

#[test]
fn every_type_is_found_equal_also_to_order_and_to_partition_by() {
    let mut world = world_of_all_types();
    // The rows again, except for the key, a blank at the end and an empty text.
    world.sql(
        "INSERT INTO \"Tudo, e mais\" SELECT id + 10, flag, small, whole, single, double, exact, none, price, words || ' ', short,
             fixed, label, colour, day, hour, at, moment, code, raw || '\\x00', doc, docb, span
         FROM \"Tudo, e mais\" WHERE id < 10;
         UPDATE \"Tudo, e mais\" SET words = '', fixed = E'ab\\t' WHERE id = 11",
    );
    world.dataset.models.truncate(1);
    let columns: Vec<String> = world.dataset.models[0]
        .columns
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(columns.len(), 23);
    for column in columns {
        let model = &mut world.dataset.models[0];
        model.order_by = vec![column.clone(), "id".to_owned()];
        model.order_in_partition = model.order_by.clone();
        transform_in_cards(&world, Layout::SingleFile);
        transform_in_cards(&world, by(&["flag"]));
        assert_eq!(world.verified(), [7, 7], "ordered by {column}");
        transform_in_cards(&world, by(&[&column]));
        assert_eq!(world.verified(), [7, 7], "partitioned by {column}");
    }
}

#[test]
fn a_model_that_aggregates_is_compared() {
    let mut world = world_of_all_types();
    world.dataset.models.remove(0);
    transform_in_cards(&world, Layout::Declared);
    assert_eq!(world.verified(), [3]);

    world.sql("UPDATE \"Tudo, e mais\" SET flag = false WHERE id = 2");
    names(
        &world.difference(),
        &[
            "contagem.csv, row 1, column rows",
            "\"2\", the database \"3\"",
        ],
    );

    let model = &mut world.dataset.models[0];
    model.sql = model.sql.replace("SUM(v.price)", "SUM(t.whole % 10)");
    model.columns[2].1 = ColumnType::BigInt;
    transform_in_cards(&world, Layout::Declared);
    assert_eq!(world.verified(), [2]);
}

#[test]
fn a_file_of_one_column_holds_null_the_empty_text_and_what_ends_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let description = r#"
        name = "cards"
        [[table]]
        name = "t"
        key = ["n"]
        [[model]]
        name = "one"
        file = "one.sql"
        [model.columns]
        word = "text"
    "#;
    fs::write(folder.path().join("dataset.toml"), description).unwrap();
    fs::write(folder.path().join("one.sql"), "SELECT word FROM t").unwrap();
    let world = World {
        database: Database::create(),
        dataset: Dataset::open(folder.path().to_str().unwrap()).unwrap(),
        out: tempfile::tempdir().unwrap(),
    };
    world
        .database
        .connect()
        .batch_execute(
            r"CREATE SCHEMA cards; CREATE TABLE cards.t (n int PRIMARY KEY, word text);
              INSERT INTO cards.t VALUES (1, NULL), (2, ''), (3, '\.'), (4, 'x'), (5, NULL)",
        )
        .unwrap();
    world.transform(Layout::Declared);
    let of_manifest = verify(world.out.path(), &database::Cancel::default()).unwrap();
    assert_eq!(of_manifest[0].rows, 5);
    assert_eq!(world.verified(), [5]);
    world.sql("UPDATE t SET word = '' WHERE n = 5");
    names(
        &world.difference(),
        &["one.csv, row ", "column word", "NULL, the database \"\""],
    );
}

/// The error of a comparison that cannot be made, with its kind.
fn unfit(world: &World) -> (Kind, String) {
    let error = world.try_verify().expect_err("it doesn't fit");
    (
        Failure::kind_of(&error).expect("a kind"),
        format!("{error:#}"),
    )
}

#[test]
fn another_dataset_another_model_or_other_columns_are_refused_by_name() {
    let mut world = published(Layout::SingleFile);
    let cards = world.dataset.clone();
    world.dataset.name = "shop".to_owned();
    let (kind, message) = unfit(&world);
    assert_eq!(kind, Kind::Usage);
    names(&message, &["dataset `cards`", "--dataset"]);

    world.dataset = cards.clone();
    world.dataset.models[0].name = "other".to_owned();
    let (kind, message) = unfit(&world);
    assert_eq!(kind, Kind::Usage);
    names(&message, &["no model `movimento_flat`"]);

    world.dataset = cards.clone();
    world.dataset.models[0].columns.swap(0, 1);
    let (kind, message) = unfit(&world);
    assert_eq!(kind, Kind::Usage);
    names(&message, &["its columns are not those", "`movimento_flat`"]);

    world.dataset = cards;
    world.dataset.models[0].stream = None;
    world.dataset.models[0].sql += " WHERE c.validade";
    let (kind, message) = unfit(&world);
    assert_eq!(kind, Kind::Usage);
    names(&message, &["`movimento_flat`", "validade"]);
}

#[test]
fn tables_that_no_longer_fit_are_named() {
    let world = published(Layout::SingleFile);
    world.sql("ALTER TABLE movimento ALTER vlr_transacao TYPE numeric(12, 4)");
    let (kind, message) = unfit(&world);
    assert_eq!(kind, Kind::Mismatch);
    names(
        &message,
        &["`vlr_transacao_movimento`", "4 digits", "not 2"],
    );
    world.sql("ALTER TABLE movimento DROP des_transacao");
    let (kind, message) = unfit(&world);
    assert_eq!(kind, Kind::Mismatch);
    names(&message, &["`des_transacao`", "`movimento`"]);
    world.sql("DROP TABLE movimento");
    let (kind, message) = unfit(&world);
    assert_eq!(kind, Kind::Mismatch);
    names(&message, &["`movimento`", "schema `cards`"]);
}

#[test]
fn what_has_another_text_by_a_cast_is_compared_as_it_is_written() {
    let world = World::of_tables(
        "CREATE TYPE size AS ENUM ('small', 'large');
         CREATE FUNCTION told(size) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''a size''';
         CREATE CAST (size AS text) WITH FUNCTION told(size);
         CREATE TABLE t (id integer PRIMARY KEY, s size, ip inet);
         INSERT INTO t VALUES (1, 'large', '10.0.0.1'), (2, 'small', '10.0.0.0/8'), (3, NULL, '::1'), (4, 'small', NULL)",
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        cast_to_text = ["ip"]
        [[model]]
        name = "m"
        file = "m.sql"
        order_by = ["s", "ip"]
        [model.columns]
        id = "integer"
        s = "text"
        ip = "text"
        "#,
        "SELECT id, s, ip FROM t",
    );
    let options = Options {
        engine: Engine::Auto,
        ..world.options(Layout::SingleFile)
    };
    assert_eq!(world.try_transform(&options).unwrap().models[0].rows, 4);
    let found = fs::read_to_string(world.out.path().join("m.csv")).unwrap();
    assert_eq!(
        found,
        "id,s,ip\n1,large,10.0.0.1\n2,small,10.0.0.0/8\n4,small,\n3,,::1\n"
    );
    assert_eq!(world.verified(), [4]);
}
