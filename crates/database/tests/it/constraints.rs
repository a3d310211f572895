//! What the catalogue says a table demands.

use database::catalogue::constraints::{self, Equality, UniqueKey};

#[test]
fn lengths_labels_keys_and_references_are_read() {
    let database = testkit::Database::create();
    let mut client = database.connect();
    client
        .batch_execute(
            "CREATE TYPE colour AS ENUM ('red', 'blue');
             CREATE DOMAIN short AS varchar(7);
             CREATE TABLE parent (a integer, b text, PRIMARY KEY (b, a));
             CREATE TABLE child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s short, c char(3), k colour,
                                 p_a integer, p_b text, twice integer GENERATED ALWAYS AS (p_a * 2) STORED,
                                 n numeric DEFAULT 0, UNIQUE (c) INCLUDE (n),
                                 FOREIGN KEY (p_b, p_a) REFERENCES parent (b, a));
             CREATE UNIQUE INDEX partial ON child (n) WHERE n > 0;
             CREATE UNIQUE INDEX computed ON child (lower(s))",
        )
        .expect("tables");
    let child = constraints::read(&mut *client, "public", "child")
        .expect("read")
        .expect("there");
    let limits: Vec<_> = child
        .columns
        .iter()
        .map(|column| {
            (
                column.name.as_str(),
                column.max_chars,
                column.filled,
                column.writable,
            )
        })
        .collect();
    assert_eq!(
        limits,
        [
            ("id", None, true, true),
            ("s", Some(7), false, true),
            ("c", Some(3), false, true),
            ("k", None, false, true),
            ("p_a", None, false, true),
            ("p_b", None, false, true),
            ("twice", None, true, false),
            ("n", None, true, true),
        ]
    );
    assert_eq!(
        child.columns[3].labels.as_deref(),
        Some(&["red".to_owned(), "blue".to_owned()][..])
    );
    assert!(child.columns[2].blank_padded);
    let types: Vec<_> = child.columns[1..4]
        .iter()
        .map(|column| (column.type_name.as_str(), column.qualified_type.as_str()))
        .collect();
    let expected = [
        ("character varying(7)", "pg_catalog.\"varchar\"(7)"),
        ("character(3)", "pg_catalog.bpchar(3)"),
        ("colour", "public.colour"),
    ];
    assert_eq!(types, expected);
    let equality = |name: &str, collation: Option<&str>| Equality {
        operator: "OPERATOR(pg_catalog.=)".to_owned(),
        key_type: format!("pg_catalog.{name}"),
        other_type: format!("pg_catalog.{name}"),
        collation: collation.map(str::to_owned),
        deterministic: true,
    };
    let default = Some("pg_catalog.\"default\"");
    let key = |name: &str, column: &str, primary, equality| UniqueKey {
        name: name.to_owned(),
        columns: vec![column.to_owned()],
        primary,
        equality: vec![equality],
        nulls_equal: false,
    };
    assert_eq!(
        child.unique,
        [
            key("child_pkey", "id", true, equality("int8", None)),
            key("child_c_n_key", "c", false, equality("bpchar", default))
        ]
    );
    assert_eq!(child.foreign.len(), 1);
    let foreign = &child.foreign[0];
    assert_eq!(
        (foreign.parent_schema.as_str(), foreign.parent.as_str()),
        ("public", "parent")
    );
    assert_eq!(foreign.columns, ["p_b", "p_a"]);
    assert_eq!(foreign.parent_columns, ["b", "a"]);
    assert_eq!(
        foreign.equality,
        [equality("text", default), equality("int4", None)]
    );
    let collations = [1, 4].map(|column| child.columns[column].collation.as_deref());
    assert_eq!(collations, [default, None]);
    let nothing = constraints::read(&mut *client, "public", "nothing").expect("read");
    assert_eq!(nothing, None);
}
