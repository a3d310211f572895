//! Files in the dialect of sales: semicolons, CRLF, a byte order mark, NULL as a word, decimal commas in some
//! columns and points in others, customers that the files lack.
use testkit::value;

use crate::world::{SALES, World, rejects, rows};

const PRODUCTS: &str = "\u{feff}ProductID;Name;ProductNumber;ListPrice;Size;Weight;SellStartDate\r\n\
    1;Adjustable Race, Steel;AR-5381;0,0000;NULL;NULL;2008-04-30 00:00:00.000\r\n\
    680;HL Road Frame - Black, 58;FR-R92B-58;1431,5000;58;2.24;2008-04-30\r\n\
    706;HL \"Road\" Frame;FR-R92R-58;343,6496;\"CM \";1016.04;2008-04-30 00:00:00.0000000\r\n";

const CUSTOMERS: &str = "CustomerID;PersonID;Account\r\n1;NULL;AW00001\r\n2;7;AW00002\r\n";

const LINES: &str = "OrderID;LineID;ProductID;CustomerID;Qty;LineTotal\r\n\
    43659;1;706;1;3;2024.994000\r\n\
    43659;2;1;29825;1;0.000000\r\n";

fn world() -> World {
    let world = World::new(&SALES);
    world.file("Production.Product.csv", PRODUCTS);
    world.file("Sales.Customer.csv", CUSTOMERS);
    world
}

#[test]
fn the_files_load_whole_and_what_the_dataset_allows_to_be_missing_is_counted() {
    let world = world();
    world.file("Sales.OrderLine_2011.csv", LINES);
    world.file(
        "Sales.OrderLine_2012.csv",
        "Order_ID;LINE ID;ProductID;CustomerID;Qty;LineTotal\n43660;1;680;NULL;1000;1.5",
    );
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (8, 8), "{report:?}");
    assert_eq!(report.rejects, None);
    let lines = &report.tables[2];
    assert_eq!(
        (lines.files.len(), lines.orphans.get("customer_id")),
        (2, Some(&1))
    );
    let notes = &report.tables[0].files[0].notes;
    assert!(
        notes.iter().any(|note| note.contains("`ProductNumber`")),
        "{notes:?}"
    );
    let mut client = world.connect();
    assert_eq!(
        rows(&mut client, "sales.product"),
        [
            "(1,\"Adjustable Race, Steel\",0.0000,,,\"2008-04-30 00:00:00\")",
            "(680,\"HL Road Frame - Black, 58\",1431.5000,58,2.24,\"2008-04-30 00:00:00\")",
            "(706,\"HL \"\"Road\"\" Frame\",343.6496,\"CM \",1016.04,\"2008-04-30 00:00:00\")",
        ]
    );
    let quantity: i64 = value(&mut client, "SELECT sum(qty) FROM sales.order_line");
    assert_eq!(quantity, 1004);
}

#[test]
fn compressed_files_are_the_same_files() {
    let world = world();
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).expect("compressed");
        encoder.finish().expect("compressed")
    };
    // Two gzip members, one after the other, are one file.
    let (first, second) = LINES.split_at(60);
    world.file(
        "Sales.OrderLine.csv.gz",
        [gzip(first), gzip(second)].concat(),
    );
    std::fs::remove_file(world.inputs().join("Sales.Customer.csv")).expect("removed");
    // The contents decide how a file is compressed, not its name.
    world.file(
        "Sales.Customer.csv",
        zstd::encode_all(CUSTOMERS.as_bytes(), 3).expect("compressed"),
    );
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (7, 7));
    let notes = &report.tables[2].files[0].notes;
    assert!(
        notes.iter().any(|note| note == "is compressed with gzip"),
        "{notes:?}"
    );
}

#[test]
fn numbers_ranges_composite_keys_and_parents_are_checked() {
    let world = world();
    world.file(
        "Sales.OrderLine.csv",
        "OrderID;LineID;ProductID;CustomerID;Qty;LineTotal\n\
         1;1;706;1;0;1\n\
         1;2;706;1;1001;1\n\
         1;3;706;1;40000;1\n\
         1;4;705;1;1;1\n\
         1;5;706;1;1;1.234,56\n\
         1;6;706;1;1;1e400\n\
         1;7;706;1;1;NaN\n\
         1;8;706;1;1;0.1234567\n\
         1;9;706;1;1;0.1234560\n\
         1;9;706;1;1;2\n\
         2;9;706;NULL;NULL;2\n",
    );
    let report = world.load(&world.options());
    let lines = &report.tables[2];
    assert_eq!(
        (lines.rows.read, lines.rows.loaded, lines.rows.rejected),
        (11, 1, 10)
    );
    assert_eq!(
        world.rejected("sales", "order_line"),
        rejects(&[
            (2, "qty", "range"),
            (3, "qty", "range"),
            (4, "qty", "overflow"),
            (5, "product_id", "reference"),
            (6, "line_total", "type"),
            (7, "line_total", "overflow"),
            (8, "line_total", "type"),
            (9, "line_total", "scale"),
            (11, "line_id, order_id", "unique"),
            (12, "qty", "required"),
        ])
    );
    assert_eq!(lines.rules["range"], 2);
}

#[test]
fn keys_are_checked_against_other_files_and_what_the_table_holds() {
    let world = world();
    world.load(&world.options());
    world.file(
        "Sales.Customer.csv",
        "CustomerID;PersonID;Account\n3;NULL;AW00003\n2;1;AW00004\n4;1;AW00001\n",
    );
    world.file(
        "Sales.Customer-more.csv",
        "CustomerID;PersonID;Account\n3;NULL;AW00005\n5;NULL;AW00006\n",
    );
    std::fs::remove_file(world.inputs().join("Production.Product.csv")).expect("removed");
    let report = world.load(&world.options());
    assert!(!report.created);
    // The order is that of names: Sales.Customer-more.csv comes first.
    assert_eq!(
        (report.rows.read, report.rows.loaded, report.rows.rejected),
        (5, 2, 3)
    );
    let found = world.rejected("sales", "customer");
    let expected = [
        (2, "customer_id", "unique"),
        (3, "customer_id", "unique"),
        (4, "account", "unique"),
    ];
    assert_eq!(found, rejects(&expected));
    assert_eq!(world.count("sales.customer"), 4);
}
