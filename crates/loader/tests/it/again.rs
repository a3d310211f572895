//! Loads that are repeated, interrupted and continued.

use std::fs;
use std::thread;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use loader::{OnDuplicate, Rows};
use testkit::value;

use crate::world::{HIRING, SALES, World, rows};

fn hiring(employees: &str) -> World {
    let world = World::new(&HIRING);
    world.file("departments.csv", "1,A\n2,B\n");
    world.file("jobs.csv", "1,A\n2,B\n");
    world.file("hired_employees.csv", employees);
    world
}

fn employees(ids: std::ops::RangeInclusive<u32>) -> String {
    ids.map(|id| format!("{id},Name,2021-01-01T00:00:00Z,1,2\n"))
        .collect()
}

#[test]
fn a_file_that_was_loaded_is_known_by_its_bytes_and_refused_skipped_or_forced() {
    let world = hiring(&employees(1..=10));
    let first = world.load(&world.options());
    // The same file under another name is recognised.
    fs::rename(
        world.inputs().join("hired_employees.csv"),
        world.inputs().join("hired_employees-2.csv"),
    )
    .expect("renamed");
    world.refused(
        &world.options(),
        Kind::Refused,
        "was loaded into departments before",
    );
    let mut options = world.options();
    options.on_duplicate = OnDuplicate::Skip;
    let second = world.load(&options);
    assert_eq!(
        (second.rows.read, second.rows.skipped, second.rows.loaded),
        (14, 14, 0)
    );
    assert_eq!(second.tables[2].files[0].loaded_before, Some(first.load_id));
    options.on_duplicate = OnDuplicate::Reject;
    options.force = true;
    let third = world.load(&options);
    assert_eq!(
        (third.rows.read, third.rows.rejected, third.rows.loaded),
        (14, 14, 0)
    );
    assert_eq!(world.count("hiring.hired_employees"), 10);
}

#[test]
fn the_same_bytes_twice_in_one_load_are_one_file() {
    let world = hiring(&employees(1..=10));
    fs::copy(
        world.inputs().join("hired_employees.csv"),
        world.inputs().join("hired_employees-2.csv"),
    )
    .expect("copied");
    world.refused(&world.options(), Kind::Refused, "before");
    assert_eq!(world.count("hiring.extrato_load"), 0);
}

#[test]
fn rows_that_are_there_are_skipped_where_that_is_asked_for() {
    let world = hiring(&employees(1..=10));
    world.load(&world.options());
    world.file(
        "hired_employees.csv",
        employees(6..=15) + "16,,2021-01-01T00:00:00Z,1,2\n6,,2021-01-01T00:00:00Z,1,2\n",
    );
    let mut options = world.options();
    options.on_duplicate = OnDuplicate::Skip;
    let rows = world.load(&options).tables[2].rows;
    let expected = Rows {
        read: 12,
        loaded: 5,
        updated: 0,
        rejected: 2,
        skipped: 5,
    };
    assert_eq!(rows, expected);
    assert_eq!(world.count("hiring.hired_employees"), 15);
}

#[test]
fn rows_replace_those_with_their_primary_key_and_the_last_one_wins() {
    let world = hiring("1,Ana,2021-01-01T00:00:00Z,1,2\n2,Eva,2021-01-01T00:00:00Z,1,2\n");
    world.load(&world.options());
    world.file(
        "hired_employees.csv",
        "1,Ana Maria,2021-01-01T00:00:00Z,2,2\n3,Rui,2021-01-01T00:00:00Z,1,2\n3,Rui Jorge,2021-01-01T00:00:00Z,1,2\n\
         1,Ana Paula,2021-01-01T00:00:00Z,2,2\n2,Bad,2021-01-01T00:00:00Z,9,2\n",
    );
    let mut options = world.options();
    options.on_duplicate = OnDuplicate::Update;
    let report = world.load(&options);
    let expected = Rows {
        read: 5,
        loaded: 4,
        updated: 3,
        rejected: 1,
        skipped: 0,
    };
    assert_eq!(report.tables[2].rows, expected);
    let mut client = world.connect();
    assert_eq!(
        rows(&mut client, "hiring.hired_employees"),
        [
            "(1,\"Ana Paula\",\"2021-01-01 00:00:00\",2,2)",
            "(2,Eva,\"2021-01-01 00:00:00\",1,2)",
            "(3,\"Rui Jorge\",\"2021-01-01 00:00:00\",1,2)",
        ]
    );
}

#[test]
fn truncate_empties_the_tables_in_the_same_transaction() {
    let world = hiring(&employees(1..=10));
    world.load(&world.options());
    let mut options = world.options();
    options.truncate = true;
    options.max_rejects = None;
    let report = world.load(&options);
    assert_eq!(report.rows.loaded, 14);
    assert_eq!(world.count("hiring.hired_employees"), 10);
    // A load that fails leaves the table as it was.
    world.file(
        "hired_employees.csv",
        "1,,2021-01-01T00:00:00Z,1,2\n2,,2021-01-01T00:00:00Z,1,2\n",
    );
    world.refused(&options, Kind::Refused, "not one of the 2 rows");
    assert_eq!(world.count("hiring.hired_employees"), 10);
    // Departments alone cannot be emptied while employees refer to them.
    fs::remove_file(world.inputs().join("hired_employees.csv")).expect("removed");
    world.refused(&options, Kind::Refused, "cannot empty departments, jobs");
}

#[test]
fn a_load_that_commits_on_its_way_goes_on_where_it_failed() {
    let text = employees(1..=25) + "26,,2021-01-01T00:00:00Z,1,2\n" + &employees(27..=40);
    let world = hiring(&text);
    let mut options = world.options();
    options.commit_every = Some(10);
    // In the second load the server refuses a row, by a check on a column that files lack.
    let made = world.load(&options);
    assert_eq!(
        (made.rows.read, made.rows.loaded, made.rows.rejected),
        (44, 43, 1)
    );
    let mut client = world.connect();
    client
        .batch_execute(
            "TRUNCATE hiring.hired_employees;
             DELETE FROM hiring.extrato_load WHERE table_name = 'hired_employees';
             ALTER TABLE hiring.hired_employees ADD COLUMN twin integer GENERATED ALWAYS AS (id) STORED,
                                                ADD CONSTRAINT foreseen CHECK (twin <> 33)",
        )
        .expect("a constraint");
    let said = world.try_load(&options).expect_err("refused");
    assert!(format!("{said:#}").contains("foreseen"), "{said:#}");
    assert_eq!(database::exit_code(&said), Kind::Refused.exit_code());
    assert_eq!(
        world.count("hiring.hired_employees"),
        29,
        "three tens were committed, one row of them rejected"
    );
    let row = client
        .query_one(
            "SELECT rows_read, rows_rejected, complete FROM hiring.extrato_load
             WHERE table_name = 'hired_employees'",
            &[],
        )
        .expect("one file");
    let ledger: (i64, i64, bool) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(ledger, (30, 1, false));

    client
        .batch_execute("ALTER TABLE hiring.hired_employees DROP CONSTRAINT foreseen")
        .expect("dropped");
    let report = world.load(&options);
    let kept = fs::read_dir(world.rejects()).expect("the rejects");
    let kept: Vec<_> = kept
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    let former = report.load_id - 1;
    assert_eq!(kept, [format!("hired_employees.load-{former}.csv")]);
    let expected = Rows {
        read: 44,
        loaded: 10,
        updated: 0,
        rejected: 0,
        skipped: 34,
    };
    assert_eq!(report.rows, expected);
    let distinct: i64 = value(
        &mut client,
        "SELECT count(DISTINCT id) FROM hiring.hired_employees",
    );
    assert_eq!((distinct, world.count("hiring.hired_employees")), (39, 39));
    let again = world.load(&options);
    assert_eq!((again.rows.read, again.rows.skipped), (44, 44));
    options.commit_every = None;
    world.refused(&options, Kind::Refused, "before");
}

#[test]
fn the_same_command_goes_on_past_the_files_that_are_done_and_keeps_their_rejects() {
    let [toml, (name, schema), constraints] = HIRING;
    let schema = schema.replace(
        "hired_employees (",
        "hired_employees (twin integer GENERATED ALWAYS AS (id) STORED CONSTRAINT foreseen CHECK (twin <> 33), ",
    );
    let world = World::new(&[toml, (name, &schema), constraints]);
    world.file("departments.csv", "1,A\n2,B\n");
    world.file("jobs.csv", "1,A\n2,B\n");
    world.file(
        "hired_employees.csv",
        employees(1..=40).replace("5,Name,", "5,,"),
    );
    let mut options = world.options();
    options.commit_every = Some(10);
    let said = world.refused(&options, Kind::Refused, "foreseen");
    assert!(said.contains("hired_employees.csv, line 33: "), "{said}");
    assert_eq!(world.count("hiring.hired_employees"), 27);
    let earlier = fs::read_to_string(world.rejects().join("hired_employees.csv")).expect("read");
    assert_eq!(earlier.matches("required").count(), 4);

    world
        .connect()
        .batch_execute("ALTER TABLE hiring.hired_employees DROP CONSTRAINT foreseen")
        .expect("dropped");
    let report = world.load(&options);
    let rows = report.rows;
    assert_eq!(
        (rows.read, rows.loaded, rows.rejected, rows.skipped),
        (44, 9, 1, 34)
    );
    assert_eq!(report.tables[0].files[0].loaded_before, Some(1));
    let aside = format!("hired_employees.load-{}.csv", report.load_id - 1);
    let kept = fs::read_to_string(world.rejects().join(aside)).expect("kept");
    // The row of line 35 was rejected but not committed, so it came again.
    assert_eq!(kept.matches("required").count(), 3);
    assert!(earlier.starts_with(&kept));
    let third = world.load(&options);
    let rows = third.rows;
    assert_eq!((rows.read, rows.loaded), (rows.skipped, 0));
    let files = [1, 2].map(|load| {
        let name = format!("hired_employees.load-{load}.csv");
        world.rejects().join(name).into()
    });
    assert_eq!((third.rejects, third.earlier_rejects), (None, files.into()));
    assert_eq!(world.count("hiring.hired_employees"), 36);
}

#[test]
fn many_tables_commit_on_their_way_and_come_out_the_same() {
    let world = World::new(&SALES);
    world.file(
        "Production.Product.csv",
        "ProductID;Name;ListPrice;Size;Weight;SellStartDate\n1;A;1,5;NULL;NULL;2020-01-01\n",
    );
    let lines: String = (1..=5000)
        .map(|id| format!("{id};1;1;NULL;1;{id}.5\n"))
        .collect();
    world.file(
        "Sales.OrderLine.csv",
        format!("OrderID;LineID;ProductID;CustomerID;Qty;LineTotal\n{lines}"),
    );
    let mut options = world.options();
    options.commit_every = Some(700);
    let report = world.load(&options);
    assert_eq!((report.rows.read, report.rows.loaded), (5001, 5001));
    let total: String = value(
        &mut world.connect(),
        "SELECT sum(line_total)::text FROM sales.order_line",
    );
    assert_eq!(total, "12505000.000000");
}

#[test]
fn two_loads_into_one_schema_do_not_mix() {
    let world = hiring(&employees(1..=10));
    let mut other = world.connect();
    other
        .execute(
            "SELECT pg_advisory_lock(hashtextextended('extrato load ' || 'hiring', 0))",
            &[],
        )
        .expect("locked");
    world.refused(&world.options(), Kind::Refused, "another load is running");
    other
        .batch_execute("SELECT pg_advisory_unlock_all()")
        .expect("unlocked");
    assert_eq!(world.load(&world.options()).rows.loaded, 14);
}

#[test]
fn an_interrupted_load_leaves_no_row() {
    let world = hiring(&employees(1..=200_000));
    let cancel = Cancel::default();
    let handle = cancel.clone();
    let mut watcher = world.connect();
    let stopper = thread::spawn(move || {
        // The load is cut off once its first rows are on their way.
        let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%hired%'";
        while value::<i64>(&mut watcher, query) == 0 {
            thread::yield_now();
        }
        handle.cancel();
    });
    let error = loader::load(&world.database.settings(), &world.options(), &cancel)
        .expect_err("interrupted");
    stopper.join().expect("stopped");
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Interrupted),
        "{error:#}"
    );
    assert_eq!(world.load(&world.options()).rows.loaded, 200_004);
}

#[test]
fn a_pipe_is_read_once_and_known_at_its_end() {
    let world = hiring(&employees(1..=3));
    let mut options = world.options();
    let pipe = world.inputs().join("pipe").display().to_string();
    options.tables = vec![("hired_employees".to_owned(), pipe)];
    let writer = world.pipe("pipe", employees(1..=50_000));
    let report = world.load(&options);
    writer.join().expect("written").expect("written");
    assert_eq!(report.rows.loaded, 50_004);
    options.from = None;
    let writer = world.pipe("pipe", employees(1..=50_000));
    world.refused(&options, Kind::Refused, "nothing was loaded");
    writer.join().expect("written").expect("written");
    assert_eq!(world.count("hiring.hired_employees"), 50_000);
}

#[test]
fn rejects_that_are_removed_during_a_load_end_it_and_nothing_is_loaded() {
    for reject_table in [true, false] {
        let world = hiring(&employees(100..=100));
        world.load(&world.options());
        world.file("departments.csv", "1,A\n3,B\n4,\n");
        world.file("jobs.csv", "3,A\n");
        world.file("hired_employees.csv", employees(1..=20));
        let mut options = world.options();
        options.reject_table = reject_table;
        let mut blocker = world.connect();
        blocker
            .batch_execute(
                "CREATE FUNCTION hiring.wait() RETURNS trigger LANGUAGE plpgsql
                     AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(NEW.id); RETURN NEW; END';
                 CREATE TRIGGER wait BEFORE INSERT ON hiring.hired_employees FOR EACH ROW EXECUTE FUNCTION hiring.wait();
                 SELECT pg_advisory_lock(7)",
            )
            .expect("a trigger");
        let error = thread::scope(|scope| {
            let load = scope.spawn(|| world.try_load(&options));
            let waiting =
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'";
            while value::<i64>(&mut blocker, waiting) == 0 {
                thread::yield_now();
            }
            fs::remove_dir_all(world.rejects()).expect("removed");
            blocker
                .batch_execute("SELECT pg_advisory_unlock(7)")
                .expect("unlocked");
            load.join().expect("ended").expect_err("refused")
        });
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output), "{error:#}");
        assert_eq!(world.count("hiring.hired_employees"), 1);
        if reject_table {
            assert!(
                world.count("hiring.extrato_reject") > 0,
                "recorded all the same"
            );
        }
    }
}
