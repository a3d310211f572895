//! Files in the dialect of hiring: no header, commas, every field required.

use dataset::failure::Kind;
use loader::RejectLimit;
use testkit::value;

use crate::world::{HIRING, World, rejects, rows};

const DEPARTMENTS: &str = "1,Product Management\n2,Sales\n3,\"Research, and Development\"";
const JOBS: &str = "1,Recruiter\n2,VP Sales";

/// A world with departments and jobs.
fn world() -> World {
    let world = World::new(&HIRING);
    world.file("departments.csv", DEPARTMENTS);
    world.file("jobs.csv", JOBS);
    world
}

#[test]
fn good_rows_are_loaded_and_every_broken_rule_of_the_others_is_recorded() {
    let world = world();
    world.file(
        "hired_employees.csv",
        "1,Harold Vogt,2021-11-07T02:48:42Z,2,2\n\
         2,Ty Hofer,,1,1\n\
         3,,2021-05-30T05:43:46Z,,9\n\
         4,Lyman,2021-09-01T23:27:38Z,1,1\n\
         1,Again,2021-09-01T23:27:38Z,1,1\n\
         x,Bad,2021-02-31T00:00:00Z,0,1\n\
         7,Short,2021-09-01T23:27:38Z,1\n\
         8,Torn,2021-09-01T02 48 42Z,1,2\n\
         9,Last,2021-09-01T23:27:38Z,3,2",
    );
    let report = world.load(&world.options());
    assert!(report.created);
    let employees = &report.tables[2];
    assert_eq!(
        (
            employees.rows.read,
            employees.rows.loaded,
            employees.rows.rejected
        ),
        (9, 3, 6)
    );
    assert_eq!(world.count("hiring.hired_employees"), 3);
    assert_eq!(
        world.rejected("hiring", "hired_employees"),
        rejects(&[
            (2, "datetime", "required"),
            (3, "department_id", "required"),
            (3, "job_id", "reference"),
            (3, "name", "required"),
            (5, "id", "unique"),
            (6, "datetime", "type"),
            (6, "department_id", "reference"),
            (6, "id", "type"),
            (7, "", "shape"),
            (8, "datetime", "type"),
        ])
    );
    let mut client = world.connect();
    assert_eq!(
        rows(&mut client, "hiring.hired_employees"),
        [
            "(1,\"Harold Vogt\",\"2021-11-07 02:48:42\",2,2)",
            "(4,Lyman,\"2021-09-01 23:27:38\",1,1)",
            "(9,Last,\"2021-09-01 23:27:38\",3,2)",
        ]
    );
    let raw: String = value(
        &mut client,
        "SELECT raw FROM hiring.extrato_reject WHERE line = 7 AND byte_offset =
             (SELECT max(byte_offset) FROM hiring.extrato_reject WHERE line <= 7)",
    );
    assert_eq!(raw, "7,Short,2021-09-01T23:27:38Z,1");
    let keys: i64 = value(
        &mut client,
        "SELECT count(*) FROM pg_constraint WHERE contype IN ('p', 'f') AND conrelid::regclass::text LIKE 'hiring.%'",
    );
    assert_eq!(
        keys, 6,
        "the load made the tables with their keys, and the ledger's"
    );
}

#[test]
fn headers_quotes_everywhere_crlf_and_a_byte_order_mark_are_recognised_and_said() {
    let world = world();
    world.file(
        "hired_employees.csv",
        "\u{feff}\"id\",\"name\",\"datetime\",\"department_id\",\"job_id\"\r\n\
         \"1\",\"Harold\r\nVogt\",\"2021-11-07T02:48:42Z\",\"2\",\"2\"\r\n\
         \r\n\
         \"2\",\"\",\"2021-11-07T02:48:42Z\",\"2\",\"2\"\r\n",
    );
    let report = world.load(&world.options());
    let file = &report.tables[2].files[0];
    assert_eq!(
        (file.rows.read, file.rows.loaded, file.blank_lines),
        (2, 1, 1)
    );
    for said in [
        "byte order mark",
        "has a header, though none is declared",
        "CRLF",
        "1 blank line",
    ] {
        assert!(
            file.notes.iter().any(|note| note.contains(said)),
            "{:?} lacks {said}",
            file.notes
        );
    }
    assert_eq!(
        world.rejected("hiring", "hired_employees"),
        rejects(&[(5, "name", "required")])
    );
}

#[test]
fn beyond_the_limit_of_rejects_nothing_is_loaded_but_the_rejects_are_recorded() {
    let world = world();
    world.file(
        "hired_employees.csv",
        "1,A,2021-11-07T02:48:42Z,2,2\n2,,2021-11-07T02:48:42Z,2,2\n3,,2021-11-07T02:48:42Z,2,2\n",
    );
    for limit in [RejectLimit::Rows(1), RejectLimit::Percent(20.0)] {
        let mut options = world.options();
        options.max_rejects = Some(limit);
        world.refused(&options, Kind::Refused, "nothing was loaded");
        let mut client = world.connect();
        let tables: i64 = value(
            &mut client,
            "SELECT count(*) FROM pg_class WHERE relname = 'hired_employees'",
        );
        assert_eq!(tables, 0, "the tables were not made");
        assert_eq!(world.count("hiring.extrato_load"), 0);
        assert_eq!(
            world.rejected("hiring", "hired_employees"),
            rejects(&[(2, "name", "required"), (3, "name", "required")])
        );
    }
    let mut options = world.options();
    options.max_rejects = Some(RejectLimit::Rows(2));
    assert_eq!(world.load(&options).rows.rejected, 2);
    assert_eq!(world.count("hiring.hired_employees"), 1);
}

#[test]
fn a_clean_file_gives_the_table_that_copy_gives() {
    let world = world();
    let lines: String = (1..=20_000)
        .map(|id| {
            format!(
                "{id},\"Name \"\"{id}\"\", é\n\",2021-{:02}-{:02}T16:02:08Z,{},{}\n",
                id % 12 + 1,
                id % 28 + 1,
                id % 3 + 1,
                id % 2 + 1
            )
        })
        .collect();
    world.file("hired_employees.csv", &lines);
    let report = world.load(&world.options());
    assert_eq!((report.rows.read, report.rows.loaded), (20_005, 20_005));
    let mut client = world.connect();
    client
        .batch_execute("CREATE TABLE copied (LIKE hiring.hired_employees)")
        .expect("a table");
    let mut writer = client
        .copy_in("COPY copied FROM STDIN (FORMAT csv)")
        .expect("started");
    std::io::Write::write_all(&mut writer, lines.as_bytes()).expect("sent");
    assert_eq!(writer.finish().expect("copied"), 20_000);
    let differing: i64 = value(
        &mut client,
        "SELECT count(*) FROM (SELECT * FROM copied EXCEPT ALL SELECT * FROM hiring.hired_employees) AS d",
    );
    assert_eq!(differing, 0);
}

#[test]
fn rejects_stay_out_of_the_database_where_that_is_asked_for() {
    let world = world();
    world.file(
        "hired_employees.csv",
        "1,A,2021-11-07T02:48:42Z,2,2\n2,,2021-11-07T02:48:42Z,2,2\n",
    );
    let mut options = world.options();
    options.reject_table = false;
    let report = world.load(&options);
    assert_eq!((report.rows.loaded, report.rows.rejected), (6, 1));
    let path = world.rejects().join("hired_employees.csv");
    let text = std::fs::read_to_string(path).expect("read");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("\"2,,2021-11-07T02:48:42Z,2,2\""), "{text}");
    let tables: i64 = value(
        &mut world.connect(),
        "SELECT count(*) FROM pg_class WHERE relname = 'extrato_reject'",
    );
    assert_eq!(tables, 0);
}

#[test]
fn what_only_the_server_knows_ends_the_load_and_leaves_nothing() {
    let world = world();
    world.load(&world.options());
    world
        .connect()
        .batch_execute(
            "ALTER TABLE hiring.jobs ADD COLUMN twin text GENERATED ALWAYS AS (job) STORED CHECK (twin <> 'Forbidden')",
        )
        .expect("a check");
    world.file(
        "jobs.csv",
        "3,Allowed\nx,Rejected\n4,Forbidden\n5,Allowed\n",
    );
    std::fs::remove_file(world.inputs().join("departments.csv")).expect("removed");
    let error = world.try_load(&world.options()).expect_err("refused");
    assert_eq!(database::exit_code(&error), 4, "{error:#}");
    for said in [
        "jobs_twin_check",
        "jobs.csv, line 3",
        "Failing row contains (4, Forbidden, Forbidden)",
        "nothing was loaded",
    ] {
        assert!(
            format!("{error:#}").contains(said),
            "{error:#} lacks {said}"
        );
    }
    assert_eq!(world.count("hiring.jobs"), 2);
}
