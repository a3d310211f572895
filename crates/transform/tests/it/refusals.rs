//! Anything that doesn't fit is refused by name, and nothing is left behind.

use std::fs;

use dataset::failure::Kind;
use testkit::Role;
use transform::Layout;

use crate::world::World;

#[test]
fn a_missing_table_is_named_with_its_schema() {
    let world = World::with_rows(1, 1);
    world.sql("ALTER TABLE conta RENAME TO contas");
    let (kind, message) = world.refused(Layout::Declared);
    assert_eq!(kind, Kind::Mismatch);
    assert!(
        message.contains("`conta`") && message.contains("`cards`") && message.contains("--schema"),
        "{message}"
    );
}

#[test]
fn a_missing_key_column_is_named() {
    let world = World::with_rows(1, 1);
    world.sql("ALTER TABLE movimento RENAME id TO codigo");
    let (kind, message) = world.refused(Layout::Declared);
    assert_eq!(kind, Kind::Mismatch);
    assert!(
        message.contains("`id`") && message.contains("`movimento`"),
        "{message}"
    );
}

#[test]
fn a_type_without_a_decoder_is_named_with_the_way_out() {
    for kind_of_column in [
        "interval",
        "int4range",
        "money",
        "point",
        "integer[]",
        "numeric",
        "numeric(50,2)",
        "time with time zone",
    ] {
        let world = World::of_cards();
        world.sql(&format!(
            "ALTER TABLE associado DROP nome, ADD nome {kind_of_column}"
        ));
        let (kind, message) = world.refused(Layout::Declared);
        assert_eq!(kind, Kind::Mismatch, "{kind_of_column}");
        for part in ["`nome`", "`associado`", kind_of_column, "cast_to_text"] {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    }
}

#[test]
fn a_column_that_no_model_names_is_not_read_whatever_its_type() {
    let world = World::with_rows(3, 30);
    world.sql(
        "ALTER TABLE associado ADD estranha interval; ALTER TABLE movimento ADD enorme numeric;
         UPDATE movimento SET enorme = 'NaN'; ALTER TABLE conta DROP id_associado",
    );
    assert_eq!(world.transform(Layout::Declared).models[0].rows, 30);
}

#[test]
fn a_value_that_cannot_be_carried_is_named_by_table_and_column() {
    for (statement, column) in [
        (
            "UPDATE movimento SET vlr_transacao = 'NaN'",
            "vlr_transacao",
        ),
        (
            "UPDATE movimento SET data_movimento = 'infinity'",
            "data_movimento",
        ),
        (
            "UPDATE movimento SET data_movimento = '0044-03-15 BC'",
            "data_movimento",
        ),
        (
            "UPDATE movimento SET data_movimento = '10000-01-01'",
            "data_movimento",
        ),
    ] {
        let world = World::with_rows(3, 10);
        world.sql(&format!("{statement} WHERE id = 7"));
        let (kind, message) = world.refused(Layout::Declared);
        assert_eq!(kind, Kind::Refused);
        assert!(
            message.contains("`movimento`") && message.contains(&format!("`{column}`")),
            "{message}"
        );
    }
}

#[test]
fn a_row_policy_is_an_error_and_not_a_short_file() {
    let world = World::with_rows(3, 10);
    let role = Role::create(
        &world.database,
        "SET search_path = cards; GRANT USAGE ON SCHEMA cards TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA cards TO {role};
         ALTER TABLE movimento ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON movimento USING (id > 5)",
    );
    let error = transform::run(
        &role.settings,
        &world.options(Layout::SingleFile),
        &database::Cancel::default(),
    )
    .unwrap_err();
    assert!(
        format!("{error:#}").contains("row-level security"),
        "{error:#}"
    );
    assert_eq!(database::exit_code(&error), Kind::Connection.exit_code());
    assert!(world.published().is_empty());
}

#[test]
fn an_output_that_cannot_be_a_folder_is_refused_before_the_database_is_asked() {
    let world = World::of_cards();
    let file = world.out.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let mut options = world.options(Layout::Declared);
    options.out = file.join("out").into();
    let error = world.try_transform(&options).unwrap_err();
    assert_eq!(
        dataset::failure::Failure::kind_of(&error),
        Some(Kind::Output)
    );
    assert!(error.to_string().contains("--out"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}
