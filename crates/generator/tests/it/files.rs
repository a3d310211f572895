//! Rows as files, held against what Postgres itself writes.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use generator::to_files;
use generator::{Asked, FileFormat, Mode, Options};
use testkit::Database;

use crate::{count, digests, generated, options, options_of};

fn dirty(associates: u32) -> Options {
    Options {
        asked: Asked {
            dirty: Some(0.05),
            ..Asked::default()
        },
        ..options(associates, Mode::Fresh)
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn files_are_byte_for_byte_what_postgres_copies_out() {
    let database = Database::create();
    let mut client = database.connect();
    let report = generated(&database, &dirty(1_500));
    let folder = folder();
    for (format, extension, copy_options) in [
        (FileFormat::Csv, "csv", "FORMAT csv, HEADER"),
        (FileFormat::BinaryCopy, "bin", "FORMAT binary"),
    ] {
        let mut rows = Vec::new();
        for workers in [1, 3] {
            let options = Options {
                workers: Some(workers),
                ..dirty(1_500)
            };
            let target = folder.path().join(format!("{extension} {workers}"));
            let written =
                to_files::write(&target.clone().into(), format, &options, &Cancel::default())
                    .expect("written");
            rows.push(
                written
                    .tables
                    .iter()
                    .map(|table| table.rows)
                    .collect::<Vec<_>>(),
            );
            for (table, expected) in written.tables.iter().zip(&report.tables) {
                assert_eq!((table.table, table.rows), (expected.table, expected.rows));
                let file =
                    fs::read(target.join(format!("{}.{extension}", table.table))).expect("a file");
                assert_eq!(file.len() as u64, table.bytes);
                let query = format!(
                    "COPY (SELECT * FROM cards.{} ORDER BY id) TO STDOUT ({copy_options})",
                    table.table
                );
                let mut copied = Vec::new();
                client
                    .copy_out(&query)
                    .expect("a copy")
                    .read_to_end(&mut copied)
                    .expect("copied");
                assert!(
                    file == copied,
                    "{} as {extension} with {workers}",
                    table.table
                );
            }
            let planted =
                |report: &generator::Report| serde_json::to_string(&report.planted).expect("JSON");
            assert_eq!(planted(&written), planted(&report));
        }
        assert_eq!(rows[0], rows[1]);
    }
}

#[test]
fn the_script_loads_them_with_psql() {
    let (database, folder) = (Database::create(), folder());
    let mut client = database.connect();
    generated(&database, &dirty(200));
    let expected = digests(&mut client, "cards");
    assert_eq!(expected[0].1, 200);
    for (format, schema) in [
        (FileFormat::Csv, "from csv"),
        (FileFormat::BinaryCopy, "from binary"),
    ] {
        let target = folder.path().join(schema);
        let options = Options {
            schema: schema.to_owned(),
            ..dirty(200)
        };
        to_files::write(&target.clone().into(), format, &options, &Cancel::default())
            .expect("written");
        let psql = Command::new("psql")
            .args([
                "--single-transaction",
                "--quiet",
                "--set",
                "ON_ERROR_STOP=1",
                "--file",
                "load.sql",
            ])
            .current_dir(&target)
            .envs(database.variables())
            .env("PGCLIENTENCODING", "LATIN1")
            .output()
            .expect("psql");
        assert!(
            psql.status.success(),
            "{}",
            String::from_utf8_lossy(&psql.stderr)
        );
        assert_eq!(digests(&mut client, &format!("\"{schema}\"")), expected);
    }
}

#[test]
fn the_script_loads_other_datasets_in_postgres_own_format() {
    let (database, folder) = (Database::create(), folder());
    let mut client = database.connect();
    for (dataset, size, counted) in [
        ("sales", 500, "sales_order_header"),
        ("hiring", 700, "hired_employees"),
    ] {
        let target = folder.path().join(dataset);
        let options = options_of(dataset, size);
        let format = FileFormat::BinaryCopy;
        let report = to_files::write(&target.clone().into(), format, &options, &Cancel::default())
            .expect("written");
        let psql = Command::new("psql")
            .args(["--quiet", "--set", "ON_ERROR_STOP=1", "--file", "load.sql"])
            .current_dir(&target)
            .envs(database.variables())
            .output()
            .expect("psql");
        let said = String::from_utf8_lossy(&psql.stderr);
        assert!(psql.status.success(), "{said}");
        let place = format!("{dataset}.{counted}");
        assert_eq!(count(&mut client, &place), i64::from(size));
        for table in &report.tables {
            let rows = count(&mut client, &format!("{dataset}.{}", table.table));
            assert_eq!(rows as u64, table.rows, "{}", table.table);
        }
    }
}

#[test]
fn a_folder_that_holds_something_is_refused_and_left_as_it_is() {
    let folder = folder();
    let write = |target: &std::path::Path| {
        to_files::write(
            &target.into(),
            FileFormat::Csv,
            &options(10, Mode::Fresh),
            &Cancel::default(),
        )
    };
    let entries = || fs::read_dir(folder.path()).expect("a folder").count();
    let full = folder.path().join("full");
    fs::create_dir(&full).expect("made");
    fs::write(full.join("mine"), "x").expect("written");
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("written");
    for (target, expected) in [(&full, "holds something"), (&file, "is a file")] {
        let error = write(target).expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
        assert!(error.to_string().contains(expected), "{error:#}");
        assert!(
            error.to_string().contains(&*target.to_string_lossy()),
            "{error:#}"
        );
    }
    assert_eq!(fs::read_dir(&full).expect("a folder").count(), 1);
    let below_file = file.join("x");
    let error = write(&below_file).expect_err("refused");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Output), "{error:#}");
    assert_eq!(entries(), 2);

    // An empty folder is filled and keeps its rights; what a killed run left in it is moved out of the way.
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("made");
    fs::set_permissions(&empty, Permissions::from_mode(0o2775)).expect("set");
    fs::create_dir(empty.join(".extrato-loading")).expect("made");
    fs::write(empty.join(".extrato-loading/old"), "x").expect("written");
    fs::write(empty.join("associado.csv"), "half").expect("written");
    write(&empty).expect("written");
    assert_eq!(fs::read_dir(&empty).expect("a folder").count(), 7);
    let mode = fs::metadata(&empty).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o2775);
    // An empty folder behind a link is filled too.
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::create_dir(&real).expect("made");
    symlink(&real, &link).expect("linked");
    write(&link).expect("written");
    assert_eq!(fs::read_dir(&real).expect("a folder").count(), 7);
}

#[test]
fn of_two_runs_into_one_folder_the_second_is_refused_and_an_interrupted_one_leaves_nothing() {
    let folder = folder();
    let target = folder.path().join("rows");
    fs::create_dir(&target).expect("made");
    let lock = fs::File::create(target.join(".extrato-lock")).expect("made");
    lock.lock().expect("locked");
    let cancel = Cancel::default();
    let write = || {
        to_files::write(
            &target.clone().into(),
            FileFormat::Csv,
            &options(10, Mode::Fresh),
            &cancel,
        )
    };
    let error = write().expect_err("refused");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
    drop(lock);
    fs::remove_dir_all(&target).expect("removed");
    cancel.cancel();
    let error = write().expect_err("interrupted");
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Interrupted),
        "{error:#}"
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn other_datasets_are_described_by_their_rows() {
    for (dataset, size, parts) in [
        (
            "sales",
            100,
            [
                "# Size: 100 orders",
                "# special_offer_product: 538 rows",
                "#   sales_order_id,",
            ],
        ),
        (
            "hiring",
            70,
            [
                "# Size: 70 employees",
                "# hired_employees: 70 rows",
                "#   1,Product Management",
            ],
        ),
    ] {
        let options = options_of(dataset, size);
        let text = generator::describe(&options, &Cancel::default()).expect("described");
        for part in parts {
            assert!(text.contains(part), "{text} lacks {part}");
        }
    }
}

#[test]
fn a_description_is_a_file_of_distributions() {
    let mut asked = options(300, Mode::Fresh);
    let mut distributions = generator::Distributions::default();
    distributions.movements_per_card.cap = 50;
    asked.asked.distributions = Some(distributions.clone());
    let text = generator::describe(&asked, &Cancel::default()).expect("described");
    assert_eq!(
        generator::Distributions::parse(&text).expect("readable"),
        distributions
    );
    for part in [
        "# associado: 300 rows",
        "#   id,nome,sobrenome,idade,email",
        "The busiest client is",
    ] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
}
