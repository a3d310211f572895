//! Keys that don't fit in memory: the same rows are loaded and rejected as with any amount of memory.

use std::fs;
use std::io::Write;

use dataset::failure::{Failure, Kind};
use flate2::write::GzEncoder;
use loader::{OnDuplicate, RejectLimit};

use crate::world::{SALES, World, rows, scattered as id};

/// Order lines with every sort of fault in their keys: duplicates near and far, in two columns, and products that are
/// missing or come from a table whose keys don't fit either.
pub(crate) fn world() -> World {
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

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

const TABLES: [&str; 3] = ["product", "customer", "order_line"];

#[test]
fn the_same_rows_are_loaded_and_rejected_with_any_memory() {
    let roomy = world();
    let expected = roomy.load(&roomy.options());
    assert_eq!((expected.rows.read, expected.rows.rejected), (80_000, 21));
    // Keys are staged; with still less memory they are staged again and again, since not even those that rows share fit.
    for memory_bytes in [64 << 10, 1] {
        let tight = world();
        let mut options = tight.options();
        options.memory_bytes = memory_bytes;
        let found = tight.load(&options);
        assert_eq!(found.rows, expected.rows);
        for (index, table) in TABLES.iter().enumerate() {
            assert_eq!(found.tables[index].orphans, expected.tables[index].orphans);
            same(&tight, &roomy, "sales", table);
        }
    }
}

/// Asserts that the same rows were loaded and rejected.
fn same(tight: &World, roomy: &World, schema: &str, table: &str) {
    assert_eq!(
        tight.rejected(schema, table),
        roomy.rejected(schema, table),
        "{table}"
    );
    let name = format!("{schema}.{table}");
    assert!(
        rows(&mut tight.connect(), &name) == rows(&mut roomy.connect(), &name),
        "{table}"
    );
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

/// A table whose rows refer to other rows of the same table.
pub(crate) fn firm(staff: &str) -> World {
    let world = World::new(&[
        (
            "dataset.toml",
            "name = \"firm\"\n[[table]]\nname = \"staff\"\nkey = [\"id\"]\n[table.load]\nheader = false\n",
        ),
        (
            "schema.sql",
            "CREATE TABLE staff (id bigint NOT NULL, boss bigint);",
        ),
        (
            "constraints.sql",
            "ALTER TABLE staff ADD PRIMARY KEY (id); ALTER TABLE staff ADD FOREIGN KEY (boss) REFERENCES staff;",
        ),
    ]);
    world.file("staff.csv", staff);
    world
}

/// Loads the rows with much and with little memory, and compares the results.
fn load_firm(staff: &str, memory_bytes: u64, loaded: u64, rejected: u64) {
    let (roomy, tight) = (firm(staff), firm(staff));
    let expected = roomy.load(&roomy.options()).rows;
    assert_eq!((expected.loaded, expected.rejected), (loaded, rejected));
    let mut options = tight.options();
    options.memory_bytes = memory_bytes;
    assert_eq!(tight.load(&options).rows, expected);
    same(&tight, &roomy, "firm", "staff");
}

#[test]
fn rows_that_wait_as_keys_are_given_up_are_judged_by_the_keys_behind_them() {
    // All of these wait. Only the second finds a boss, and only before another row with the same key comes.
    let mut staff = format!(
        "{},{}\n{},{}\n{},{}\n",
        id(1),
        id(-1),
        id(2),
        id(60_000),
        id(3),
        id(60_000)
    );
    for index in 4..=60_000 {
        staff += &format!("{},{}\n", id(index), id(4));
    }
    staff += &format!("{},{}\n{},{}\n", id(3), id(5), id(4), id(4));
    load_firm(&staff, 64 << 10, 59_999, 3);
}

#[test]
fn keys_that_rows_share_are_staged_anew_when_they_are_too_many() {
    // Each row refers to the one before it, and every tenth comes twice.
    let staff: String = (1..=60_000)
        .map(|index| {
            let row = format!("{},{}\n", id(index), id(index - i64::from(index > 1)));
            if index % 10 == 0 { row.repeat(2) } else { row }
        })
        .collect();
    load_firm(&staff, 256 << 10, 60_000, 6000);
}

#[test]
fn keys_of_a_pipe_are_staged_as_those_of_a_file_plain_or_compressed() {
    let (roomy, tight) = (world(), world());
    let expected = roomy.load(&roomy.options()).rows;
    let files = [
        "Production.Product.csv",
        "Sales.Customer.csv",
        "Sales.OrderLine.csv",
    ];
    let mut writers = Vec::new();
    for (index, name) in files.iter().enumerate() {
        let text = fs::read(tight.inputs().join(name)).expect("read");
        let bytes = match index {
            2 => gzip(&text),
            _ => text,
        };
        writers.push(tight.pipe(name, bytes));
    }
    let mut options = tight.options();
    options.memory_bytes = 64 << 10;
    assert_eq!(tight.load(&options).rows, expected);
    for writer in writers {
        writer.join().expect("written").expect("written");
    }
    for table in TABLES {
        same(&tight, &roomy, "sales", table);
    }
}

#[test]
fn rows_of_a_pipe_that_refer_to_their_own_table_are_judged_without_the_memory_too() {
    // Each row refers to the one before it, but the first refers to the last, and the second to nothing.
    let staff: String = (1..=60_000)
        .map(|index| {
            let boss = match index {
                1 => id(60_000),
                2 => id(0),
                index => id(index - 1),
            };
            format!("{},{boss}\n", id(index))
        })
        .collect();
    let (roomy, tight) = (firm(&staff), firm(""));
    let mut options = roomy.options();
    options.max_rejects = Some(RejectLimit::Percent(100.0));
    let expected = roomy.load(&options).rows;
    assert_eq!((expected.read, expected.loaded), (60_000, 0));
    let writer = tight.pipe("staff.csv", staff);
    options = tight.options();
    options.max_rejects = Some(RejectLimit::Percent(100.0));
    assert_eq!(tight.load(&options).rows, expected);
    writer.join().expect("written").expect("written");
}

#[test]
fn without_the_right_to_temporary_tables_keys_need_the_memory_and_the_message_says_so() {
    let tight = world();
    let name = tight.database.settings().database().to_owned();
    let role = tight.role(&format!(
        "GRANT CREATE ON DATABASE {name} TO {{role}}; REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC"
    ));
    let mut options = tight.options();
    options.memory_bytes = 64 << 10;
    let load = |options: &loader::Options| {
        loader::load(&role.settings, options, &database::Cancel::default())
    };
    let error = load(&options).expect_err("refused");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
    let said = format!("{error:#}");
    for part in ["Sales.Customer.csv", "--memory", "GRANT TEMPORARY"] {
        assert!(said.contains(part), "{said}");
    }
    options.memory_bytes = 64 << 20;
    let loaded = load(&options).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!((loaded.rows.read, loaded.rows.rejected), (80_000, 21));
}
