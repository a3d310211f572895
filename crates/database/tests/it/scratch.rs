//! Scratch databases: their text, rights and limits, and what becomes of them.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use database::embedded::scratch::{self, Limits, Locale, Scratch};
use database::{Cancel, Environment, exit_code};
use dataset::failure::{Failure, Kind};
use testkit::{Database, value};

/// The variable that names the folder of a run that will be killed.
const FOLDER: &str = "SCRATCH_TEST_FOLDER";
const WORDS: &str = "SELECT string_agg(w, ' ' ORDER BY w) FROM (VALUES ('Zebra'), ('apple'), ('Éclair'), ('ção'), ('Cao'), ('b-c'), \
    ('bb'), ('_a'), ('10'), ('9')) AS words (w)";

/// A home folder for one test; the server in it is destroyed at the end.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // As root, the account that runs the server must be able to reach the folder.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn environment(&self) -> Environment {
        environment(self.0.path())
    }

    fn begin(&self, locale: &Locale) -> Scratch {
        Scratch::begin(&self.environment(), locale, &LIMITS, &Cancel::default()).unwrap()
    }

    fn server(&self) -> PathBuf {
        self.0.path().join("scratch")
    }

    fn runs(&self) -> bool {
        self.server().join("data/postmaster.pid").is_file()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let destroyed = scratch::destroy(&self.environment());
        if !std::thread::panicking() {
            destroyed.unwrap();
        }
    }
}

const LIMITS: Limits = Limits {
    memory_bytes: 256 << 20,
    disk_bytes: None,
};

fn environment(home: &Path) -> Environment {
    let path = std::env::var("PATH").unwrap();
    let bin = std::env::var("PG_BIN").unwrap_or_default();
    let home = home.to_str().unwrap().to_owned();
    [("EXTRATO_HOME", home), ("PATH", path), ("PG_BIN", bin)]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

fn plain() -> Locale {
    Locale {
        encoding: "UTF8".to_owned(),
        provider: 'c',
        collate: "C".to_owned(),
        ctype: "C".to_owned(),
        locale: None,
        rules: None,
        version: None,
    }
}

fn databases(scratch: &Scratch) -> i64 {
    let mut client = scratch.settings().connect(&Cancel::default()).unwrap();
    let query = "SELECT count(*) FROM pg_database WHERE datname ~ '^run_'";
    value(&mut client, query)
}

#[test]
fn text_is_ordered_as_the_source_orders_it() {
    let home = Home::new();
    let of_libc = |name: &str| {
        format!("TEMPLATE template0 LOCALE_PROVIDER libc LC_COLLATE '{name}' LC_CTYPE '{name}'")
    };
    let sources = [
        "TEMPLATE template0".to_owned(),
        of_libc("pt_BR.UTF-8"),
        of_libc("en_US.utf8"),
        of_libc("C.UTF-8"),
        "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'pt-BR'".to_owned(),
    ];
    let server = testkit::Server::start();
    let mut orders = vec![];
    for options in sources {
        let source = Database::create_with(&server.settings(), &options);
        let mut client = source.connect();
        let locale = Locale::read(&mut *client).unwrap();
        let scratch = home.begin(&locale);
        assert_eq!(scratch.text_order(), Ok(()), "{options}");
        let mut here = scratch.settings().connect(&Cancel::default()).unwrap();
        let order: String = value(&mut here, WORDS);
        assert_eq!(order, value::<String>(&mut client, WORDS), "{options}");
        orders.push(order);
        assert_eq!(Locale::read(&mut *here).unwrap(), locale);
        drop(here);
        scratch.end().unwrap();
    }
    assert_ne!(orders[0], orders[1]);
    assert_ne!(orders[1], orders[4]);
}

#[test]
fn a_locale_that_is_absent_or_of_another_version_is_said_and_the_encoding_stays() {
    let home = Home::new();
    for (encoding, collate, version, said) in [
        (
            "UTF8",
            "xx_YY.UTF-8",
            "2.36",
            "the machine lacks the locale xx_YY.UTF-8",
        ),
        (
            "UTF8",
            "pt_BR.UTF-8",
            "0.1",
            "the version of its locale pt_BR.UTF-8 is ",
        ),
        (
            "LATIN1",
            "pt_BR.UTF-8",
            "0.1",
            "encoding \"LATIN1\" does not match locale",
        ),
    ] {
        let locale = Locale {
            encoding: encoding.to_owned(),
            collate: collate.to_owned(),
            ctype: collate.to_owned(),
            version: Some(version.to_owned()),
            ..plain()
        };
        let scratch = home.begin(&locale);
        let why = scratch.text_order().unwrap_err();
        assert!(why.contains(said), "{why}");
        let mut client = scratch.settings().connect(&Cancel::default()).unwrap();
        let here = Locale::read(&mut *client).unwrap();
        assert_eq!(
            (here.encoding.as_str(), here.collate.as_str()),
            (encoding, "C")
        );
        assert_eq!(value::<i32>(&mut client, "SELECT 1"), 1);
    }
    for encoding in ["LATIN1", "WIN1252", "SQL_ASCII"] {
        let encoding = encoding.to_owned();
        let scratch = home.begin(&Locale {
            encoding,
            ..plain()
        });
        assert_eq!(scratch.text_order(), Ok(()));
    }
}

#[test]
fn its_role_makes_schemas_and_reaches_neither_files_nor_other_databases() {
    let home = Home::new();
    let scratch = home.begin(&plain());
    let mut client = scratch.settings().connect(&Cancel::default()).unwrap();
    client
        .batch_execute(
            "CREATE SCHEMA s; CREATE TYPE s.e AS ENUM ('a'); CREATE TABLE s.t (e s.e);
             CREATE COLLATION s.c (LOCALE = 'C'); CREATE TEMP TABLE t (i int)",
        )
        .unwrap();
    for refused in [
        "SELECT pg_read_file('PG_VERSION')",
        "COPY s.t TO PROGRAM 'true'",
        "SELECT pg_reload_conf()",
        "SET temp_file_limit = -1",
        "ALTER SYSTEM SET fsync = on",
    ] {
        let error = client.batch_execute(refused).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{refused}");
    }
    let other = home.begin(&plain());
    for name in ["postgres", "template1", other.settings().database()] {
        let settings = scratch.settings().with_database(name);
        let error = settings.connect(&Cancel::default()).err().unwrap();
        assert!(
            format!("{error:#}").contains("permission denied"),
            "{error:#}"
        );
    }
}

#[test]
fn the_end_of_one_run_leaves_the_others_and_the_last_stops_the_server() {
    let home = Home::new();
    let (first, second) = (home.begin(&plain()), home.begin(&plain()));
    assert_eq!(databases(&second), 2);
    let refused = scratch::destroy(&home.environment()).unwrap_err();
    assert_eq!(
        Failure::kind_of(&refused),
        Some(Kind::Refused),
        "{refused:#}"
    );
    first.end().unwrap();
    assert_eq!(databases(&second), 1);
    assert!(home.runs());
    drop(second);
    assert!(!home.runs());
}

/// Not a test by itself: the run that the next test kills.
#[test]
#[ignore = "a part of another test"]
fn a_run_that_will_be_killed() {
    let folder = std::env::var(FOLDER).unwrap();
    let environment = environment(Path::new(&folder));
    let scratch = Scratch::begin(&environment, &plain(), &LIMITS, &Cancel::default()).unwrap();
    writeln!(std::io::stderr(), "begun {}", scratch.settings().database()).unwrap();
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn what_a_killed_run_left_is_dropped_by_the_next_beside_one_that_lives() {
    let home = Home::new();
    let living = home.begin(&plain());
    let mut killed = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "scratch::a_run_that_will_be_killed",
        ])
        .env(FOLDER, home.0.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(killed.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("begun") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut said, &mut line).unwrap(),
            0
        );
    }
    assert_eq!(databases(&living), 2);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let next = home.begin(&plain());
    assert_eq!(databases(&next), 2);
    let name = line.trim_start_matches("begun ").trim();
    let mut client = next.settings().connect(&Cancel::default()).unwrap();
    let left = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{name}'");
    assert_eq!(value::<i64>(&mut client, &left), 0);
    drop(client);
    next.end().unwrap();
    living.end().unwrap();
    assert!(!home.runs());
}

#[test]
fn a_server_that_is_damaged_is_made_anew() {
    let home = Home::new();
    home.begin(&plain()).end().unwrap();
    let data = home.server().join("data");
    let damages: [&dyn Fn(); 4] = [
        &|| fs::remove_file(data.join("global/pg_control")).unwrap(),
        &|| fs::remove_dir_all(data.join("base")).unwrap(),
        &|| fs::write(data.join("PG_VERSION"), "9\n").unwrap(),
        &|| fs::remove_file(home.server().join("passfile")).unwrap(),
    ];
    for damage in damages {
        damage();
        let scratch = home.begin(&plain());
        assert_eq!(databases(&scratch), 1);
        scratch.end().unwrap();
    }
}

#[test]
fn a_sort_beyond_the_disk_that_it_may_take_ends_with_an_error() {
    let home = Home::new();
    let limits = Limits {
        memory_bytes: 16 << 20,
        disk_bytes: Some(8 << 20),
    };
    let environment = home.environment();
    let scratch = Scratch::begin(&environment, &plain(), &limits, &Cancel::default()).unwrap();
    let mut client = scratch.settings().connect(&Cancel::default()).unwrap();
    scratch.check_room(1 << 20).unwrap();
    let error = scratch.check_room(5 << 20).unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
    assert!(error.to_string().contains("10 MB"), "{error}");
    let sort = "SELECT i, repeat('x', 100) FROM generate_series(1, 1000000) AS i ORDER BY -i OFFSET 999999";
    let error = client.query(sort, &[]).unwrap_err();
    assert_eq!(error.code().unwrap().code(), "53400", "{error}");
    assert_eq!(exit_code(&error.into()), Kind::Output.exit_code());
}

#[test]
fn without_programs_there_is_none_and_the_message_says_what_to_install() {
    let home = Home::new();
    let bin = home.0.path().to_str().unwrap().to_owned();
    let variables = [("EXTRATO_HOME", bin.clone()), ("PG_BIN", bin)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let environment: Environment = variables.into_iter().collect();
    assert!(!Scratch::is_possible(&environment));
    assert!(Scratch::is_possible(&home.environment()));
    let begun = Scratch::begin(&environment, &plain(), &LIMITS, &Cancel::default());
    let error = begun.err().unwrap();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Connection));
    assert!(
        error
            .to_string()
            .contains("install the package `postgresql`"),
        "{error}"
    );
    assert!(!error.to_string().contains("--url"), "{error}");
    assert!(!home.server().exists());
}
