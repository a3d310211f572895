//! Files as people really hand them in: torn, of another table, in another encoding. Each gives recorded rejects or a clear error,
//! and good rows beside bad ones are loaded.
//! clear error, and good rows beside it are loaded.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dataset::encoding::Encoding;
use dataset::failure::Kind;
use loader::RejectLimit;
use testkit::value;

use crate::world::{HIRING, SALES, World, rejects};

/// A world with a file of departments and no other file.
fn departments(bytes: impl AsRef<[u8]>) -> World {
    let world = World::new(&HIRING);
    world.file("departments.csv", bytes);
    world
}

#[test]
fn a_quote_that_is_never_closed_costs_its_own_line() {
    let rest: String = (2..=3000)
        .map(|id| format!("{id},Department {id}\n"))
        .collect();
    let world = departments(format!("1,\"Product Management\n{rest}3001,\"open"));
    let report = world.load(&world.options());
    assert_eq!(
        (report.rows.read, report.rows.loaded, report.rows.rejected),
        (3001, 2999, 2)
    );
    assert_eq!(
        world.rejected("hiring", "departments"),
        rejects(&[(1, "", "quote"), (3001, "", "quote")])
    );
}

#[test]
fn ragged_rows_bytes_of_another_encoding_and_nul_are_rejected_row_by_row() {
    let world = departments(b"1,Caf\xe9\n2,Sal\0es\n3,a,b\n4\n5,Good\n".as_slice());
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (5, 1));
    assert_eq!(
        world.rejected("hiring", "departments"),
        rejects(&[
            (1, "department", "encoding"),
            (2, "department", "nul"),
            (3, "", "shape"),
            (4, "", "shape")
        ])
    );
    let raw: String = value(
        &mut world.connect(),
        "SELECT string_agg(raw, '|' ORDER BY line) FROM hiring.extrato_reject",
    );
    assert_eq!(raw, "1,Caf\\xe9|2,Sal\\x00es|3,a,b|4");
}

#[test]
fn latin_1_is_read_where_it_is_declared() {
    let world = departments(b"1,Caf\xe9\n2,\"\xc0 \"\"b\"\"\"\n".as_slice());
    let mut options = world.options();
    options.dialect.encoding = Encoding::for_label("latin-1").ok();
    assert_eq!(world.load(&options).rows.loaded, 2);
    let names: String = value(
        &mut world.connect(),
        "SELECT string_agg(department, '|' ORDER BY id) FROM hiring.departments",
    );
    assert_eq!(names, "Café|À \"b\"");
}

#[test]
fn an_empty_file_holds_no_rows() {
    let world = departments("");
    let report = world.load(&world.options());
    assert_eq!(report.rows.read, 0);
    assert_eq!(report.tables[0].files[0].notes, ["is empty"]);
    let world = departments("\n\n");
    assert_eq!(
        world.load(&world.options()).tables[0].files[0].blank_lines,
        2
    );
}

#[test]
fn another_tables_file_a_wrong_delimiter_and_swapped_columns_are_noticed() {
    let world = departments("Sales,1\nMarketing,2\n");
    let mut options = world.options();
    options.max_rejects = None;
    world.refused(&options, Kind::Refused, "not one of the 2 rows");
    options.max_rejects = Some(RejectLimit::Percent(100.0));
    assert_eq!(
        world.load(&options).rows.rejected,
        2,
        "taken as it is where that is asked for"
    );

    let world = World::new(&SALES);
    world.file(
        "Production.Product.csv",
        "ProductID,Name,ListPrice,Size,Weight,SellStartDate\n1,A,1,,,2020-01-01\n",
    );
    world.refused(&world.options(), Kind::Mismatch, "separated by ','");
    world.file(
        "Production.Product.csv",
        "CustomerID;PersonID;Account\n1;2;x\n",
    );
    world.refused(&world.options(), Kind::Mismatch, "not a file of product");
    world.file("Production.Product.csv", "ProductID;Name\n1;A\n");
    world.refused(
        &world.options(),
        Kind::Mismatch,
        "lacks `ListPrice`, `SellStartDate`",
    );
    // A header was declared, but the file has none.
    world.file(
        "Production.Product.csv",
        "1;A;1,5;NULL;NULL;2020-01-01\n2;B;1,5;NULL;NULL;2020-01-01\n",
    );
    let report = world.load(&world.options());
    assert_eq!(report.rows.loaded, 2);
    assert!(report.tables[0].files[0].notes[0].contains("has no header"));
}

#[test]
fn a_line_of_many_megabytes_is_rejected_without_being_kept() {
    let mut bytes = b"1,Good\n2,".to_vec();
    bytes.resize(40 << 20, b'x');
    bytes.extend_from_slice(b"\n3,Good\n");
    let world = departments(bytes);
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (3, 2));
    assert_eq!(
        world.rejected("hiring", "departments"),
        rejects(&[(2, "", "size")])
    );
    let (line, raw): (i64, i64) = {
        let mut client = world.connect();
        (
            value(&mut client, "SELECT line FROM hiring.extrato_reject"),
            value(
                &mut client,
                "SELECT length(raw)::bigint FROM hiring.extrato_reject",
            ),
        )
    };
    assert_eq!((line, raw), (2, 65_537));
}

#[test]
fn inputs_that_cannot_be_read_are_named() {
    let world = departments("1,A\n");
    let mut options = world.options();
    options.tables = vec![("departments".to_owned(), "nothing.csv".to_owned())];
    world.refused(&options, Kind::Usage, "nothing.csv: there is no such file");
    options.tables = vec![(
        "departments".to_owned(),
        world.inputs().display().to_string(),
    )];
    world.refused(&options, Kind::Usage, "is a folder");
    options.tables = vec![("nothing".to_owned(), "x.csv".to_owned())];
    world.refused(
        &options,
        Kind::Usage,
        "it has departments, jobs, hired_employees",
    );
    options.tables = Vec::new();
    options.from = Some(world.inputs().join("departments.csv").into());
    world.refused(&options, Kind::Usage, "is not a folder");
    options.from = None;
    world.refused(&options, Kind::Usage, "nothing to load");
    options.from = Some(world.rejects().into());
    fs::create_dir(world.rejects()).expect("a folder");
    world.refused(
        &options,
        Kind::Usage,
        "looked for departments*.csv, jobs.csv",
    );
    world.file(
        "departments.csv",
        [&[0x1f, 0x8b, 8, 0][..], b"torn"].concat(),
    );
    world.refused(&world.options(), Kind::Refused, "departments.csv");
}

#[test]
fn rejects_never_overwrite_what_is_not_theirs() {
    let world = departments("1,A\n");
    let mut options = world.options();
    options.rejects = world.inputs().into();
    world.refused(&options, Kind::Usage, "would be overwritten");
    fs::create_dir(world.rejects()).expect("a folder");
    fs::write(world.rejects().join("departments.csv"), "precious").expect("written");
    world.refused(&world.options(), Kind::Output, "not a file of rejects");
    options.rejects = world.inputs().join("departments.csv").into();
    world.refused(&options, Kind::Output, "cannot write rejects");
}

#[test]
fn a_view_is_no_table_to_load() {
    let world = departments("1,A\n");
    world.load(&world.options());
    world.file("departments.csv", "2,B\n");
    world
        .connect()
        .batch_execute(
            "ALTER TABLE hiring.departments RENAME TO hidden;
             CREATE VIEW hiring.departments AS SELECT * FROM hiring.hidden",
        )
        .expect("a view");
    world.refused(&world.options(), Kind::Mismatch, "is not a table");
}

#[test]
fn a_role_that_may_only_insert_loads_and_one_that_may_not_is_told() {
    let world = departments("1,A\n");
    world.load(&world.options());
    let role = world.role(
        "GRANT USAGE ON SCHEMA hiring TO {role};
         GRANT SELECT, INSERT, UPDATE ON hiring.extrato_load, hiring.extrato_reject TO {role};
         GRANT USAGE ON SEQUENCE hiring.extrato_load_id TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA hiring TO {role}",
    );
    world.file("departments.csv", "2,B\n");
    let load = || {
        loader::load(
            &role.settings,
            &world.options(),
            &database::Cancel::default(),
        )
    };
    let error = load().expect_err("refused");
    assert_eq!(
        database::exit_code(&error),
        Kind::Connection.exit_code(),
        "{error:#}"
    );
    assert!(
        format!("{error:#}").contains("permission denied for table departments"),
        "{error:#}"
    );
    assert_eq!(world.count("hiring.departments"), 1);
    let grant = format!("GRANT INSERT ON hiring.departments TO {}", role.name);
    world.connect().batch_execute(&grant).expect("granted");
    assert_eq!(load().expect("loaded").rows.loaded, 1);
}

#[test]
fn a_row_may_stand_before_the_row_that_it_refers_to() {
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
    world.file("staff.csv", "3,2\n2,1\n1,1\n4,\n5,9\n6,5\n");
    let report = world.load(&world.options());
    assert_eq!(
        (report.rows.read, report.rows.loaded, report.rows.rejected),
        (6, 4, 2)
    );
    assert_eq!(
        world.rejected("firm", "staff"),
        rejects(&[(5, "boss", "reference"), (6, "boss", "reference")])
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_known_before_anything_is_loaded() {
    let world = departments("1,A\n");
    fs::create_dir(world.rejects()).expect("a folder");
    fs::set_permissions(world.rejects(), fs::Permissions::from_mode(0o500)).expect("read only");
    if fs::write(world.rejects().join("probe"), "").is_ok() {
        // Root can write everywhere, so the test ends here.
        return;
    }
    world.refused(&world.options(), Kind::Output, "cannot write rejects");
}
