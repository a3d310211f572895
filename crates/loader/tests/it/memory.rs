//! Keys that don't fit the memory: the same rows are loaded and rejected as with any memory.

use dataset::failure::Kind;
use loader::OnDuplicate;

use crate::world::{SALES, World, rows};

/// Order lines with every sort of key at fault: duplicates near and far, of two columns, and products that are
/// missing or come from a table whose keys don't fit either.
fn world() -> World {
    let world = World::new(&SALES);
    let products: String = (1..=20_000)
        .map(|id| {
            format!(
                "{};P{id};1,5;NULL;NULL;2020-01-01\n",
                if id % 5000 == 0 { id - 1 } else { id }
            )
        })
        .collect();
    world.file(
        "Production.Product.csv",
        format!("ProductID;Name;ListPrice;Size;Weight;SellStartDate\n{products}"),
    );
    let customers: String = (1..=20_000)
        .map(|id| {
            format!(
                "{id};NULL;A{}\n",
                if id % 7000 == 0 { id - 6999 } else { id }
            )
        })
        .collect();
    world.file(
        "Sales.Customer.csv",
        format!("CustomerID;PersonID;Account\n{customers}"),
    );
    let lines: String = (0..40_000)
        .map(|id| {
            let order = if id % 9000 == 8999 { id - 8000 } else { id };
            let product = if id % 6000 == 17 {
                "20001".to_owned()
            } else {
                (id % 4000 + 1).to_string()
            };
            let line = if id % 11_000 == 3 {
                "x".to_owned()
            } else {
                (order % 3).to_string()
            };
            format!("{order};{line};{product};{};1;1.5\n", id % 25_000)
        })
        .collect();
    world.file(
        "Sales.OrderLine.csv",
        format!("OrderID;LineID;ProductID;CustomerID;Qty;LineTotal\n{lines}"),
    );
    world
}

const TABLES: [&str; 3] = ["product", "customer", "order_line"];

#[test]
fn the_same_rows_are_loaded_and_rejected_with_any_memory() {
    let (roomy, tight) = (world(), world());
    let expected = roomy.load(&roomy.options());
    assert_eq!((expected.rows.read, expected.rows.rejected), (80_000, 21));
    let mut options = tight.options();
    options.memory_bytes = 64 << 10;
    let found = tight.load(&options);
    assert_eq!(found.rows, expected.rows);
    for (index, table) in TABLES.iter().enumerate() {
        assert_eq!(
            tight.rejected("sales", table),
            roomy.rejected("sales", table),
            "{table}"
        );
        assert_eq!(found.tables[index].orphans, expected.tables[index].orphans);
        let name = format!("sales.{table}");
        assert!(
            rows(&mut tight.connect(), &name) == rows(&mut roomy.connect(), &name),
            "{table}"
        );
    }
}

#[test]
fn rows_that_are_there_are_found_without_memory_too() {
    let world = world();
    world.load(&world.options());
    let mut options = world.options();
    options.memory_bytes = 1;
    options.force = true;
    options.on_duplicate = OnDuplicate::Skip;
    options.commit_every = Some(3333);
    let again = world.load(&options);
    assert_eq!((again.rows.loaded, again.rows.read), (0, 80_000));
    options.on_duplicate = OnDuplicate::Update;
    let updated = world.load(&options);
    assert_eq!(updated.rows.loaded, updated.rows.updated);
    assert_eq!(world.count("sales.product"), 19_996);
}

#[test]
fn rows_that_refer_to_their_own_table_need_the_memory_and_say_so() {
    let world = World::new(&[
        (
            "dataset.toml",
            "name = \"firm\"\n[[table]]\nname = \"staff\"\nkey = [\"id\"]\n[table.load]\nheader = false\n",
        ),
        (
            "schema.sql",
            "CREATE TABLE staff (id integer NOT NULL, boss integer);",
        ),
        (
            "constraints.sql",
            "ALTER TABLE staff ADD PRIMARY KEY (id); ALTER TABLE staff ADD FOREIGN KEY (boss) REFERENCES staff;",
        ),
    ]);
    let staff: String = (1..=100_000).map(|id| format!("{id},1\n")).collect();
    world.file("staff.csv", staff);
    let mut options = world.options();
    options.memory_bytes = 4 << 10;
    world.refused(&options, Kind::Usage, "--memory");
    assert_eq!(world.count("firm.extrato_load"), 0);
}

#[test]
fn a_row_that_waits_is_not_judged_by_the_keys_of_another_block() {
    let world = World::new(&[
        (
            "dataset.toml",
            "name = \"firm\"\n[[table]]\nname = \"place\"\nkey = [\"id\"]\n[table.load]\nheader = false\n\
             [[table]]\nname = \"staff\"\nkey = [\"id\"]\n[table.load]\nheader = false\n",
        ),
        (
            "schema.sql",
            "CREATE TABLE place (id integer NOT NULL);
             CREATE TABLE staff (id integer NOT NULL, boss integer, place integer, note text);",
        ),
        (
            "constraints.sql",
            "ALTER TABLE place ADD PRIMARY KEY (id); ALTER TABLE staff ADD PRIMARY KEY (id);
             ALTER TABLE staff ADD FOREIGN KEY (boss) REFERENCES staff, ADD FOREIGN KEY (place) REFERENCES place;",
        ),
    ]);
    world.file(
        "place.csv",
        (1..=100_000)
            .map(|id| format!("{id}\n"))
            .collect::<String>(),
    );
    // The first row waits for the last one, which stands some blocks behind it.
    let note = "x".repeat(2000);
    let staff = |id: u32, boss: u32| format!("{id},{boss},{id},{note}\n");
    world.file(
        "staff.csv",
        staff(1, 1000) + &(2..=1000).map(|id| staff(id, id)).collect::<String>(),
    );
    let mut options = world.options();
    options.memory_bytes = 4 << 10;
    // With all keys or with a word about the memory, but never by rejecting a good row.
    world.refused(&options, Kind::Usage, "--memory");
    options.memory_bytes = 16 << 20;
    assert_eq!(world.load(&options).rows.loaded, 101_000);
}
