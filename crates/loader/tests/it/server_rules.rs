//! What only the server can judge: CHECK constraints, partial and exclusive indexes, domains, triggers. A row that it
//! refuses ends the load, and the error names the constraint, the file and the line.

use dataset::failure::Kind;

use crate::world::{World, value};

const TOML: &str = r#"
name = "shop"
[[table]]
name = "item"
key = ["id"]
[table.load]
columns = ["id", "qty", "code"]
header = false
"#;
const TABLE: &str =
    "CREATE TABLE item (id integer NOT NULL, qty integer, code varchar(10) DEFAULT 'none');";
const KEY: &str = "ALTER TABLE item ADD PRIMARY KEY (id);";
/// The last row breaks every rule of these tests; it is the third that the server gets and stands on line 6.
const ROWS: &str = "1,5,a\n2,6,\"x\ny\"\nbad,7,b\n1,2,again\n4,-1,a\n5,3,e\n";

fn shop(schema: &str, constraints: &str) -> World {
    let world = World::new(&[
        ("dataset.toml", TOML),
        ("schema.sql", schema),
        ("constraints.sql", constraints),
    ]);
    world.file("item.csv", ROWS);
    world
}

#[test]
fn a_row_that_the_server_refuses_is_named_with_its_rule_file_and_line() {
    let rules = [
        ("ADD CONSTRAINT positive CHECK (qty > 0)", "\"positive\""),
        (
            "ADD CONSTRAINT one_code EXCLUDE USING btree (code WITH =)",
            "\"one_code\"",
        ),
    ];
    for (rule, named) in rules {
        let world = shop(TABLE, &format!("{KEY} ALTER TABLE item {rule};"));
        let said = world.refused(&world.options(), Kind::Refused, named);
        assert!(said.contains("item.csv, line 6: the server"), "{said}");
        assert!(said.contains("nothing was loaded"), "{said}");
        assert_eq!(
            world.rejected("shop", "item").len(),
            2,
            "recorded all the same"
        );
    }
    let world = shop(
        TABLE,
        &format!("{KEY} CREATE UNIQUE INDEX few ON item (code) WHERE id < 5;"),
    );
    let said = world.refused(&world.options(), Kind::Refused, "\"few\"");
    assert!(said.contains("item.csv, line 6: the server"), "{said}");
    let world = shop(
        "CREATE DOMAIN amount AS integer CONSTRAINT above CHECK (VALUE > 0);
         CREATE TABLE item (id integer NOT NULL, qty amount, code text);",
        KEY,
    );
    let said = world.refused(&world.options(), Kind::Refused, "\"above\"");
    assert!(said.contains("item.csv, line 6: the server"), "{said}");
}

#[test]
fn a_trigger_that_raises_is_told_with_its_words() {
    let world = shop(
        TABLE,
        &format!(
            "{KEY} CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF NEW.qty < 0 THEN RAISE 'no debts here'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER judge BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION judge();"
        ),
    );
    let said = world.refused(&world.options(), Kind::Refused, "no debts here");
    assert!(said.contains("item.csv, line 6: the server"), "{said}");
}

#[test]
fn defaults_and_generated_and_identity_columns_get_their_values_from_the_server() {
    let world = World::new(&[
        ("dataset.toml", &TOML.replace(r#", "code"]"#, "]")),
        (
            "schema.sql",
            "CREATE TABLE item (id integer NOT NULL, qty integer, code varchar(10) DEFAULT 'none',
                                twice integer GENERATED ALWAYS AS (qty * 2) STORED,
                                place integer GENERATED ALWAYS AS IDENTITY, UNIQUE (place));",
        ),
        ("constraints.sql", KEY),
    ]);
    world.file("item.csv", "7,5\n9,\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    let rows: String = value(
        &mut world.connect(),
        "SELECT string_agg(i::text, ' ' ORDER BY id) FROM shop.item AS i",
    );
    assert_eq!(rows, "(7,5,none,10,1) (9,,none,,2)");
}

#[test]
fn a_row_that_would_take_another_rows_key_as_it_replaces_its_own_is_refused_with_its_file() {
    let world = shop(TABLE, &format!("{KEY} ALTER TABLE item ADD UNIQUE (code);"));
    world.file("item.csv", "1,5,a\n2,6,b\n");
    world.load(&world.options());
    world.file("item.csv", "2,6,a\n");
    let mut options = world.options();
    options.on_duplicate = loader::OnDuplicate::Update;
    let error = world.try_load(&options).expect_err("refused");
    assert_eq!(database::exit_code(&error), Kind::Refused.exit_code());
    let said = format!("{error:#}");
    for part in ["item.csv: cannot replace rows", "item_code_key"] {
        assert!(said.contains(part), "{said}");
    }
    let codes = "SELECT string_agg(code, ' ' ORDER BY id) FROM shop.item";
    assert_eq!(value::<String>(&mut world.connect(), codes), "a b");
}
