//! Tables that others inherit from: their keys and references are about their own rows only, as on the server.

use loader::OnDuplicate;
use testkit::value;

use crate::world::{World, rejects, rows};

/// A world with items, with tables made by `inherited` that inherit from them, and with parts that refer to items.
fn world(items: &str, inherited: &str) -> World {
    let world = World::new(&[
        (
            "dataset.toml",
            "name = \"shop\"\n[[table]]\nname = \"item\"\nkey = [\"id\"]\n[table.load]\nheader = false\n\
             [[table]]\nname = \"part\"\nkey = [\"id\"]\n[table.load]\nheader = false\n",
        ),
        (
            "schema.sql",
            &format!(
                "CREATE TABLE item (id integer NOT NULL, name text) {items};
                 CREATE TABLE part (id integer NOT NULL, item_id integer, parent_id integer);"
            ),
        ),
        (
            "constraints.sql",
            &format!(
                "ALTER TABLE item ADD PRIMARY KEY (id); ALTER TABLE part ADD PRIMARY KEY (id);
                 ALTER TABLE part ADD FOREIGN KEY (item_id) REFERENCES item,
                                  ADD FOREIGN KEY (parent_id) REFERENCES part;
                 {inherited}"
            ),
        ),
    ]);
    world.file("item.csv", "1,a\n2,b\n");
    world.file("part.csv", "1,1,\n2,2,1\n");
    world
}

#[test]
fn rows_of_tables_that_inherit_have_no_key_of_their_parents_and_are_not_emptied_with_it() {
    for memory_bytes in [64 << 20, 1] {
        let world = world(
            "",
            "CREATE TABLE special (price integer) INHERITS (item); CREATE TABLE own_part () INHERITS (part);
             INSERT INTO special VALUES (3, 'special', 5), (4, 'special', 5); INSERT INTO own_part VALUES (7, 1, 1);",
        );
        let mut options = world.options();
        options.memory_bytes = memory_bytes;
        world.load(&options);
        world.file("item.csv", "3,c\n2,again\n");
        world.file("part.csv", "3,3,\n4,4,\n7,,2\n5,,7\n");
        assert_eq!(world.load(&options).rows.loaded, 4);
        let expected = rejects(&[(2, "id", "unique")]);
        assert_eq!(world.rejected("shop", "item"), expected);
        let expected = rejects(&[(2, "item_id", "reference")]);
        assert_eq!(world.rejected("shop", "part"), expected);
        // Rows are replaced only in the table itself.
        world.file("item.csv", "3,new\n");
        world.file("part.csv", "");
        options.on_duplicate = OnDuplicate::Update;
        assert_eq!(world.load(&options).rows.updated, 1);
        let mut client = world.connect();
        let names = "SELECT string_agg(name, ' ' ORDER BY id, name) FROM shop.item";
        assert_eq!(
            value::<String>(&mut client, names),
            "a b new special special"
        );
        world.file("part.csv", "1,,\n");
        options.truncate = true;
        world.load(&options);
        assert_eq!(
            rows(&mut client, "ONLY shop.item"),
            ["(3,new)"],
            "emptied and filled"
        );
        assert_eq!(
            rows(&mut client, "shop.special"),
            ["(3,special,5)", "(4,special,5)"]
        );
    }
}

#[test]
fn a_row_whose_parent_is_in_a_table_that_inherits_is_an_orphan() {
    let world = world(
        "",
        "CREATE TABLE own_part () INHERITS (part); INSERT INTO own_part VALUES (8, 1, 1);",
    );
    world.load(&world.options());
    world.file("item.csv", "");
    world.file("part.csv", "6,,8\n9,,10\n10,,1\n");
    assert_eq!(world.load(&world.options()).rows.loaded, 2);
    let expected = rejects(&[(1, "parent_id", "reference")]);
    assert_eq!(world.rejected("shop", "part"), expected);
}

#[test]
fn partitions_are_looked_into_and_emptied_with_their_table() {
    for memory_bytes in [64 << 20, 1] {
        let world = world(
            "PARTITION BY LIST (id); CREATE TABLE item_1 PARTITION OF item FOR VALUES IN (1, 2);
             CREATE TABLE item_rest PARTITION OF item DEFAULT",
            "",
        );
        let mut options = world.options();
        options.memory_bytes = memory_bytes;
        world.load(&options);
        world.file("item.csv", "2,again\n3,c\n");
        world.file("part.csv", "3,2,\n4,4,\n5,3,\n");
        assert_eq!(world.load(&options).rows.loaded, 3);
        let expected = rejects(&[(1, "id", "unique")]);
        assert_eq!(world.rejected("shop", "item"), expected);
        let expected = rejects(&[(2, "item_id", "reference")]);
        assert_eq!(world.rejected("shop", "part"), expected);
        world.file("item.csv", "9,z\n");
        world.file("part.csv", "9,9,\n");
        options.truncate = true;
        world.load(&options);
        assert_eq!(rows(&mut world.connect(), "shop.item"), ["(9,z)"]);
    }
}
