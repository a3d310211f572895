//! False successes: too many rejects, files without rows, files that are written in another way than declared.

use std::io::Write;

use dataset::failure::Kind;
use flate2::write::GzEncoder;
use loader::{OnDuplicate, Options, RejectLimit};

use crate::world::{HIRING, SALES, World};

/// Departments and jobs, and employees with these ids, of whom the `nameless` lack a name.
fn hiring(ids: std::ops::RangeInclusive<u32>, nameless: &[u32]) -> World {
    let world = World::new(&HIRING);
    world.file("departments.csv", "1,Sales\n2,Legal\n");
    world.file("jobs.csv", "1,Clerk\n2,Manager\n");
    world.file("hired_employees.csv", employees(ids, nameless));
    world
}

fn employees(ids: std::ops::RangeInclusive<u32>, nameless: &[u32]) -> String {
    let row = |id| {
        let name = if nameless.contains(&id) { "" } else { "Ana" };
        format!("{id},{name},2021-01-01T00:00:00Z,1,2\n")
    };
    ids.map(row).collect()
}

/// Options for all files of the folder, with the default limit of rejects.
fn by_default(world: &World) -> Options {
    Options {
        max_rejects: None,
        ..world.options()
    }
}

#[test]
fn a_tenth_of_a_tables_rows_may_be_rejected_and_one_more_loads_nothing_and_says_why() {
    let world = hiring(1..=20, &[5, 6]);
    let report = world.load(&by_default(&world));
    assert_eq!((report.rows.loaded, report.rows.rejected), (22, 2));

    let world = hiring(1..=19, &[5, 6]);
    let said = world.refused(&by_default(&world), Kind::Refused, "nothing was loaded");
    for part in [
        "2 of 19 rows of hired_employees were rejected",
        "--max-rejects",
        "100%",
        "\n  2 rows: hired_employees.name: is missing",
        "hired_employees.csv, line 5: 5,,2021-01-01T00:00:00Z,1,2",
    ] {
        assert!(said.contains(part), "{said} lacks {part}");
    }
    assert_eq!(world.count("hiring.extrato_load"), 0);
    assert_eq!(world.rejected("hiring", "hired_employees").len(), 2);
}

#[test]
fn a_table_whose_rows_are_all_rejected_is_refused_however_small_it_is_beside_others() {
    let world = hiring(1..=500, &[]);
    world.file("departments.csv", "1,Sales\n2,Legal\n");
    world.file("jobs.csv", "x,Clerk\n");
    let said = world.refused(&by_default(&world), Kind::Refused, "1 of 1 rows of jobs");
    assert!(said.contains("jobs.csv, line 1: x,Clerk"), "{said}");
}

#[test]
fn a_limit_that_is_given_is_that_of_the_whole_load_and_allows_all_rows_of_a_table() {
    for (limit, loads) in [
        (RejectLimit::Rows(20), true),
        (RejectLimit::Rows(19), false),
        (RejectLimit::Percent(100.0), true),
        (RejectLimit::Percent(80.0), false),
    ] {
        let world = hiring(1..=20, &(1..=20).collect::<Vec<_>>());
        let mut options = world.options();
        options.max_rejects = Some(limit);
        if loads {
            assert_eq!(world.load(&options).rows.rejected, 20, "{limit}");
            continue;
        }
        let said = world.refused(&options, Kind::Refused, &format!("--max-rejects {limit}"));
        assert!(
            said.contains("rows: hired_employees.name: is missing"),
            "{said}"
        );
    }
}

#[test]
fn one_row_that_fits_among_many_that_do_not_is_no_success() {
    let world = World::new(&SALES);
    let rows: String = (2..2000).map(|id| format!("{id};{id}.0;A{id}\n")).collect();
    world.file(
        "Sales.Customer.csv",
        format!("CustomerID;PersonID;Account\n1;NULL;A1\n{rows}"),
    );
    let said = world.refused(
        &by_default(&world),
        Kind::Refused,
        "1998 of 1999 rows of customer",
    );
    assert!(
        said.contains("1998 rows: customer.person_id: `2.0`"),
        "{said}"
    );
    assert!(said.contains("line 3: 2;2.0;A2"), "{said}");
}

#[test]
fn what_was_committed_on_the_way_stays_and_the_message_says_so() {
    let world = hiring(1..=40, &(25..=40).collect::<Vec<_>>());
    let mut options = by_default(&world);
    options.commit_every = Some(10);
    let said = world.refused(&options, Kind::Refused, "what was committed stays");
    assert!(said.contains("6 of 30 rows of hired_employees"), "{said}");
    assert_eq!(world.count("hiring.hired_employees"), 20);
    // When the load is continued, only the rows after the last commit count.
    let said = world.refused(&options, Kind::Refused, "what was committed stays");
    assert!(said.contains("6 of 10 rows of hired_employees"), "{said}");
    options.max_rejects = Some(RejectLimit::Percent(100.0));
    assert_eq!(world.load(&options).rows.rejected, 16);
    assert_eq!(world.count("hiring.hired_employees"), 24);
}

#[test]
fn files_that_were_loaded_before_do_not_make_up_for_one_that_is_bad() {
    let world = hiring(1..=100, &[]);
    world.load(&by_default(&world));
    world.file("hired_employees_2.csv", employees(101..=104, &[101]));
    let mut options = by_default(&world);
    options.on_duplicate = OnDuplicate::Skip;
    world.refused(&options, Kind::Refused, "1 of 4 rows of hired_employees");
    // Rows that are left out one by one while the file is read do count as read.
    world.file("hired_employees_2.csv", employees(90..=104, &[101]));
    let report = world.load(&options);
    assert_eq!((report.rows.loaded, report.rows.rejected), (3, 1));
}

#[test]
fn a_file_of_which_no_row_fits_is_described_beside_what_is_declared() {
    let world = hiring(1..=3, &[]);
    world.file(
        "hired_employees.csv",
        "1;Ana;31/12/2020;1,5;2\n2;\u{1b}[2J;31/12/2020;1,5;2\n",
    );
    let said = world.refused(&by_default(&world), Kind::Refused, "not one of the 2 rows");
    for part in [
        "has `;` between fields, decimals with a comma (`1,5`), dates such as `31/12/2020`",
        "declared are `,`, decimals with a point, dates as ISO 8601",
        "\n  2 rows: hired_employees: ",
        "line 1: 1;Ana;31/12/2020;1,5;2",
    ] {
        assert!(said.contains(part), "{said} lacks {part}");
    }
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn a_table_is_not_emptied_for_files_without_a_row_unless_that_is_meant() {
    let header = "CustomerID;PersonID;Account\n";
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(header.as_bytes()).expect("compressed");
    let gzip = gzip.finish().expect("compressed");
    let files: [&[u8]; 5] = [
        b"",
        header.as_bytes(),
        b"\r\n\r\n",
        b"CustomerID;PersonID;Account\r\n\r\n\r\n",
        &gzip,
    ];
    for commit_every in [None, Some(1)] {
        let world = World::new(&SALES);
        world.file(
            "Sales.Customer.csv",
            format!("{header}1;NULL;A1\n2;NULL;A2\n"),
        );
        world.load(&by_default(&world));
        let mut options = by_default(&world);
        options.truncate = true;
        options.commit_every = commit_every;
        for file in files {
            world.file("Sales.Customer.csv", file);
            let said = world.refused(&options, Kind::Refused, "Sales.Customer.csv holds no row");
            assert!(
                said.contains("--allow-empty") && said.contains("customer"),
                "{said}"
            );
            assert_eq!(world.count("sales.customer"), 2);
            let writer = world.pipe("Sales.Customer.csv", file.to_vec());
            world.refused(&options, Kind::Refused, "Sales.Customer.csv holds no row");
            writer.join().expect("written").expect("written");
            assert_eq!(world.count("sales.customer"), 2);
            std::fs::remove_file(world.inputs().join("Sales.Customer.csv")).expect("removed");
        }
        // A single row in any of the table's files is enough.
        world.file("Sales.Customer.csv", header);
        world.file("Sales.Customer-2.csv", format!("{header}3;NULL;A3\n"));
        assert_eq!(world.load(&options).rows.loaded, 1);
        assert_eq!(world.count("sales.customer"), 1);
        std::fs::remove_file(world.inputs().join("Sales.Customer-2.csv")).expect("removed");
        options.allow_empty = true;
        assert_eq!(world.load(&options).rows.read, 0);
        assert_eq!(world.count("sales.customer"), 0);
    }
}

#[test]
fn without_truncate_the_report_says_that_a_file_has_no_row() {
    for (text, note) in [
        ("", "is empty"),
        ("CustomerID;PersonID;Account\n", "has a header and no row"),
    ] {
        let world = World::new(&SALES);
        world.file("Sales.Customer.csv", text);
        let report = world.load(&by_default(&world));
        assert_eq!(report.rows.read, 0);
        let notes = &report.tables[0].files[0].notes;
        assert!(notes.iter().any(|said| said == note), "{notes:?}");
    }
}

#[test]
fn files_without_a_row_are_never_taken_for_one_that_was_loaded_before() {
    for text in ["", "CustomerID;PersonID;Account\n"] {
        let world = World::new(&SALES);
        let path = world.inputs().join("Sales.Customer.csv");
        for night in 0..2 {
            world.file("Sales.Customer.csv", text);
            assert_eq!(world.load(&by_default(&world)).rows.read, 0, "{night}");
            let writer = world.pipe("Sales.Customer.csv", text);
            assert_eq!(world.load(&by_default(&world)).rows.read, 0, "{night}");
            writer.join().expect("written").expect("written");
            std::fs::remove_file(&path).expect("removed");
        }
    }
    let world = World::new(&SALES);
    world.file("Sales.Customer-1.csv", "");
    world.file("Sales.Customer-2.csv", "");
    assert_eq!(world.load(&by_default(&world)).tables[0].files.len(), 2);
}

#[test]
fn a_limit_that_a_file_exceeds_is_told_with_the_reasons_of_that_file_and_the_table_with_those_of_all()
 {
    let world = hiring(1..=40, &[1, 2, 3]);
    let nameless: Vec<u32> = (50..=60).collect();
    let behind = employees(41..=80, &nameless);
    world.file("hired_employees_2.csv", &behind);
    let mut options = world.options();
    options.max_rejects = Some(RejectLimit::Percent(30.0));
    options.commit_every = Some(10);
    let said = world.refused(
        &options,
        Kind::Refused,
        "hired_employees_2.csv were rejected",
    );
    let of_file = "\n  11 rows: hired_employees.name: is missing; as ";
    assert!(
        said.contains(of_file) && said.contains("hired_employees_2.csv, line 10:"),
        "{said}"
    );
    let world = hiring(1..=40, &[1, 2, 3]);
    world.file("hired_employees_2.csv", behind);
    let said = world.refused(
        &by_default(&world),
        Kind::Refused,
        "14 of 80 rows of hired_employees",
    );
    let of_all = "\n  14 rows: hired_employees.name: is missing; as ";
    assert!(
        said.contains(of_all) && said.contains("hired_employees.csv, line 1:"),
        "{said}"
    );
}
