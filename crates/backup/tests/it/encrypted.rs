//! Encrypted backups: what they tell, who can open them, and how each fault is told from the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use backup::encryption::{EncryptTo, Keys, Lock};
use backup::options::{Asked, BackupOptions, Format, Mode};
use backup::{Codec, VerifyReport};
use database::{Cancel, Environment};
use dataset::failure::Kind;

use crate::world::{World, message};

/// A public key, and the secret key that opens what is encrypted for it.
type Pair = (&'static str, &'static str);
const ANA: Pair = (
    "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
    "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33",
);
const BIA: Pair = (
    "age1wfcseyvpgv6jcfdjh0h9pvd0c72yly9kr35at5a2veelfm9lz9csuuagx4",
    "AGE-SECRET-KEY-1X3CS8XALLL6E03JGGG208AE7EHMGPSSHXD4F78DDFGVGLFMD0MYSDMR2G4",
);
const CAIO: Pair = (
    "age1hd650adljy8z2qh0mra56usyxvkw4yumu8yq38ntxnfg6arpfstqmfuan5",
    "AGE-SECRET-KEY-1V346DPGTJNDX9S78ELJK7NJFMTX0DJH6RQH628Z5VVMAQ5JQHE8QVD8SX3",
);

const TABLES: &str = "
    CREATE SCHEMA s; CREATE TABLE s.salaries (who int PRIMARY KEY, monthly_wage numeric(8,2), remark text);
    CREATE TABLE s.b (id int, n numeric(8,2));
    INSERT INTO s.salaries SELECT i, i * 10.01, 'confidential remark ' || i FROM generate_series(1, 20000) AS i;
    INSERT INTO s.b VALUES (1, 1.5), (2, NULL)";

fn environment(variables: &[(&str, &str)]) -> Environment {
    let owned = variables.iter();
    owned
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn to(recipients: &[&str]) -> Option<EncryptTo> {
    let named: Vec<_> = recipients.iter().map(|text| (*text).to_owned()).collect();
    EncryptTo::read(&named, &Environment::default()).unwrap()
}

fn keys(secret: &str) -> Keys {
    Keys::read(&[], &environment(&[("EXTRATO_IDENTITY", secret)])).unwrap()
}

fn passphrase(text: &str) -> (Option<EncryptTo>, Keys) {
    let environment = environment(&[("EXTRATO_PASSPHRASE", text)]);
    (
        EncryptTo::read(&["passphrase".to_owned()], &environment).unwrap(),
        Keys::read(&[], &environment).unwrap(),
    )
}

/// Options for a backup of the schema for ANA and BIA.
fn for_two(world: &World, format: Format) -> BackupOptions {
    let mut asked = world.asked(format);
    asked.encrypt_to = to(&[ANA.0, BIA.0]);
    asked
}

/// Makes such a backup in Avro, and returns where it is.
fn backed_up(world: &World) -> PathBuf {
    world
        .try_backup(&for_two(world, Format::Avro))
        .unwrap()
        .path
}

fn verify(path: &Path, keys: &Keys) -> anyhow::Result<VerifyReport> {
    backup::verify(&path.into(), keys, None, &Cancel::default())
}

fn restore(world: &World, keys: &Keys, into: &str) -> anyhow::Result<backup::RestoreReport> {
    let mut wanted = world.wanted(Mode::Create, into);
    wanted.keys = keys.clone();
    world.try_restore(&wanted)
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn each_recipient_restores_the_same_rows_and_others_learn_that_the_bytes_are_right() {
    for format in [Format::Avro, Format::Csv] {
        let world = World::of(TABLES);
        let made = world.try_backup(&for_two(&world, format)).unwrap();
        assert_eq!(made.lock, Some(Lock::Recipients));
        for (into, secret) in [("r1", ANA.1), ("r2", BIA.1)] {
            let keys = keys(secret);
            assert!(restore(&world, &keys, into).unwrap().is_proved);
            world.check_same("s.salaries", &format!("{into}.salaries"), 20_000);
            world.check_same("s.b", &format!("{into}.b"), 2);
            let report = verify(&made.path, &keys).unwrap();
            assert_eq!(
                (report.schema.as_deref(), report.tables.len()),
                (Some("s"), 2)
            );
            assert!(report.encryption.unwrap().is_opened);
            let settings = world.database.settings();
            let database = Some((&settings, Some(into)));
            let compared = backup::verify(&made.report.path, &keys, database, &Cancel::default());
            assert_eq!(compared.unwrap().database.as_deref(), Some(into));
        }
        let report = verify(&made.path, &Keys::default()).unwrap();
        assert_eq!((report.schema, report.tables.len()), (None, 0));
        let encryption = report.encryption.unwrap();
        assert!(
            !encryption.is_opened && encryption.files == 5,
            "{encryption:?}"
        );
        // One table of the backup is restored.
        let mut wanted = world.wanted(Mode::Create, "one");
        (wanted.keys, wanted.tables) = (keys(ANA.1), vec!["b".to_owned()]);
        assert_eq!(world.try_restore(&wanted).unwrap().tables.len(), 1);
    }
}

#[test]
fn no_name_and_no_value_is_to_be_found_in_the_folder() {
    let world = World::of(TABLES);
    let secrets = [
        "salaries",
        "monthly_wage",
        "confidential remark",
        "numeric",
        "schema\": \"s\"",
    ];
    let found = |path: &Path| -> Vec<&str> {
        let mut all = Vec::new();
        for file in files(path) {
            all.extend(file.file_name().unwrap().as_encoded_bytes());
            all.extend(fs::read(&file).unwrap());
        }
        let has = |text: &&str| {
            all.windows(text.len())
                .any(|bytes| bytes == text.as_bytes())
        };
        secrets.into_iter().filter(has).collect()
    };
    let mut asked = for_two(&world, Format::Avro);
    asked.codec = Codec::Null;
    let encrypted = world.try_backup(&asked).unwrap().path;
    assert_eq!(found(&encrypted), Vec::<&str>::new());
    let names: Vec<_> = files(&encrypted)
        .iter()
        .map(|file| file.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "0001.age",
            "0002.age",
            "SHA256SUMS",
            "key.age",
            "manifest.json",
            "manifest.json.age",
            "schema.sql.age"
        ]
    );
    asked.encrypt_to = None;
    assert_eq!(found(&world.try_backup(&asked).unwrap().path), secrets);
    // The list shows what is not encrypted.
    let listed = world.list().unwrap();
    let [of_encrypted, of_plain] = &listed[..] else {
        panic!("{listed:?}");
    };
    assert_eq!(
        (of_encrypted.lock, of_encrypted.rows),
        (Some(Lock::Recipients), None)
    );
    assert_eq!(
        (of_encrypted.tables, of_encrypted.schema.as_deref()),
        (2, None)
    );
    assert_eq!((of_plain.lock, of_plain.rows), (None, Some(20_002)));
    // Other servers, or the same names for other people, share no mark, so names cannot be found out by guessing.
    let series = |path: &Path| {
        let text = fs::read(path.join("manifest.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()["series"].clone()
    };
    asked.encrypt_to = to(&[CAIO.0]);
    let of_other = series(&world.try_backup(&asked).unwrap().path);
    assert_ne!(series(&encrypted)["of"], of_other["of"]);
    assert_ne!(series(&encrypted)["tables"], of_other["tables"]);
}

#[test]
fn a_flipped_byte_a_cut_and_a_missing_file_are_found_with_and_without_a_key() {
    let world = World::of(TABLES);
    let path = backed_up(&world);
    let ana = keys(ANA.1);
    let check = |what: &str, file: &Path, expected: &str| {
        for keys in [&Keys::default(), &ana] {
            let said = message(verify(&path, keys), Kind::Check);
            assert!(said.contains(expected), "{what} {}: {said}", file.display());
            assert!(
                said.contains("older backup") || said.contains("cannot be verified"),
                "{said}"
            );
        }
        assert!(
            restore(&world, &ana, "r").is_err(),
            "{what} {}",
            file.display()
        );
    };
    let mut tried = 0;
    for file in files(&path) {
        let whole = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let is_open = name == "manifest.json";
        for at in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            fs::write(&file, &damaged).unwrap();
            let expected = if is_open { "" } else { "has other contents" };
            check("flipped", &file, expected);
            tried += 1;
        }
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let expected = match name {
            "manifest.json" => "is damaged",
            "SHA256SUMS" => "has other contents",
            _ => "bytes instead of",
        };
        check("cut", &file, expected);
        fs::remove_file(&file).unwrap();
        assert!(verify(&path, &ana).is_err());
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(tried, 7 * 4);
    let mut client = world.database.connect();
    let schemas = client.query("SELECT FROM pg_namespace WHERE nspname = 'r'", &[]);
    assert_eq!(schemas.unwrap().len(), 0);
    restore(&world, &ana, "r").unwrap();
}

#[test]
fn files_that_were_changed_together_with_what_lies_open_are_found_by_who_has_a_key() {
    let world = World::of(TABLES);
    let path = backed_up(&world);
    let ana = keys(ANA.1);
    let sum = |file: &Path| {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(fs::read(file).unwrap());
        hash.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let open = fs::read_to_string(path.join("manifest.json")).unwrap();
    let sums = fs::read_to_string(path.join("SHA256SUMS")).unwrap();
    let forge = |name: &str, contents: &[u8]| {
        let whole = fs::read(path.join(name)).unwrap();
        let (old, size) = (sum(&path.join(name)), whole.len());
        fs::write(path.join(name), contents).unwrap();
        let new = sum(&path.join(name));
        let forged = open.replace(&old, &new).replace(
            &format!("\"bytes\": {size},"),
            &format!("\"bytes\": {},", contents.len()),
        );
        let before = sum(&path.join("manifest.json"));
        fs::write(path.join("manifest.json"), forged).unwrap();
        let after = sum(&path.join("manifest.json"));
        fs::write(
            path.join("SHA256SUMS"),
            sums.replace(&old, &new).replace(&before, &after),
        )
        .unwrap();
        whole
    };
    for (name, expected) in [
        ("0002.age", "differs from the encrypted one"),
        ("key.age", "was changed or damaged"),
        ("manifest.json.age", "cannot"),
    ] {
        let mut contents = fs::read(path.join(name)).unwrap();
        let last = contents.len() - 1;
        contents[last] ^= 1;
        let whole = forge(name, &contents);
        // The backup's bytes agree with the envelope, and that is all that can be told without a key.
        verify(&path, &Keys::default()).unwrap();
        for said in [
            message(verify(&path, &ana), Kind::Check),
            message(restore(&world, &ana, "r"), Kind::Check),
        ] {
            assert!(said.contains(expected), "{name}: {said}");
        }
        fs::write(path.join(name), whole).unwrap();
        fs::write(path.join("manifest.json"), &open).unwrap();
        fs::write(path.join("SHA256SUMS"), &sums).unwrap();
    }
    restore(&world, &ana, "r").unwrap();
}

#[test]
fn a_missing_key_a_wrong_one_and_a_wrong_passphrase_are_told_apart() {
    let world = World::of(TABLES);
    let path = backed_up(&world);
    let (with_passphrase, right) = passphrase("correct horse");
    let (_, wrong) = passphrase("battery staple");
    // Neither no key nor a passphrase opens a backup for recipients.
    for keys in [&Keys::default(), &right] {
        let said = message(restore(&world, keys, "r"), Kind::Usage);
        assert!(
            said.contains("--identity") && said.contains("EXTRATO_IDENTITY"),
            "{said}"
        );
    }
    let said = message(restore(&world, &keys(CAIO.1), "r"), Kind::Refused);
    assert!(said.contains("no key of EXTRATO_IDENTITY opens"), "{said}");
    let said = message(verify(&path, &keys(CAIO.1)), Kind::Refused);
    assert!(said.contains("encrypted for others"), "{said}");
    let settings = world.database.settings();
    let compared = backup::verify(
        &path.clone().into(),
        &Keys::default(),
        Some((&settings, None)),
        &Cancel::default(),
    );
    let said = message(compared, Kind::Usage);
    assert!(said.contains("--identity"), "{said}");

    let mut asked = world.asked(Format::Avro);
    asked.encrypt_to = with_passphrase;
    let path = world.try_backup(&asked).unwrap().path;
    let said = message(restore(&world, &keys(ANA.1), "r"), Kind::Usage);
    assert!(said.contains("EXTRATO_PASSPHRASE"), "{said}");
    let said = message(restore(&world, &wrong, "r"), Kind::Refused);
    assert!(said.contains("encrypted with another"), "{said}");
    let mut client = world.database.connect();
    let schemas = client.query("SELECT FROM pg_namespace WHERE nspname = 'r'", &[]);
    assert_eq!(schemas.unwrap().len(), 0);
    assert_eq!(
        verify(&path, &Keys::default())
            .unwrap()
            .encryption
            .unwrap()
            .lock,
        Lock::Passphrase
    );
    restore(&world, &right, "r").unwrap();
    world.check_same("s.salaries", "r.salaries", 20_000);
}

#[test]
fn keep_deletes_encrypted_backups_for_the_same_and_no_others() {
    let world = World::of(TABLES);
    world.run("CREATE SCHEMA t; CREATE TABLE t.salaries (id int)");
    let plain = world.backup(Format::Avro).path;
    let mut asked = for_two(&world, Format::Avro);
    asked.keep = Some(1);
    let make = |asked: &BackupOptions| world.try_backup(asked).unwrap();
    let first = make(&asked).path;
    let mut of_other = asked.clone();
    of_other.encrypt_to = to(&[CAIO.0]);
    let for_caio = make(&of_other).path;
    let mut of_schema = asked.clone();
    of_schema.asked = Asked::Schema("t".to_owned());
    let other_schema = make(&of_schema).path;
    let mut of_one = asked.clone();
    of_one.asked = Asked::Tables(None, vec!["s.b".to_owned()]);
    // The backup does not have all tables of the first one.
    let one = make(&of_one).path;
    assert!(first.exists());
    fs::write(first.join("note.txt"), "mine").unwrap();
    // The order of recipients does not matter.
    asked.encrypt_to = to(&[BIA.0, ANA.0, BIA.0]);
    let second = make(&asked);
    assert_eq!(second.deleted, [one.file_name().unwrap().to_str().unwrap()]);
    assert_eq!(files(&first).len(), 1);
    assert!(first.join("note.txt").exists() && !one.exists());
    for other in [&plain, &for_caio, &other_schema] {
        assert!(verify(other, &Keys::default()).is_ok());
    }
    // A plain backup does not replace encrypted ones.
    let mut open = world.asked(Format::Avro);
    open.keep = Some(1);
    assert_eq!(make(&open).deleted.len(), 1);
    assert!(second.path.exists());

    let (with_passphrase, _) = passphrase("correct horse");
    let (with_other, _) = passphrase("battery staple");
    asked.encrypt_to = with_passphrase;
    let old = make(&asked).path;
    asked.encrypt_to = with_other;
    let mistyped = make(&asked);
    assert!(mistyped.deleted.is_empty() && old.exists());
    assert_eq!(make(&asked).deleted.len(), 1);
    assert!(old.exists() && !mistyped.path.exists());
}

#[test]
fn nothing_is_left_of_a_backup_that_fails() {
    let world = World::of(TABLES);
    world.run("INSERT INTO s.b VALUES (3, 'NaN')");
    let failed = world.try_backup(&for_two(&world, Format::Avro));
    assert!(message(failed, Kind::Refused).contains("NaN"));
    let left = files(&world.path("backups"));
    assert!(
        left.iter().all(|path| path.ends_with(".extrato.lock")),
        "{left:?}"
    );
}

#[test]
fn recipients_and_keys_come_from_arguments_files_and_the_environment() {
    let world = World::of("");
    let file = |name: &str, text: &str| {
        fs::write(world.path(name), text).unwrap();
        world.path(name).display().to_string()
    };
    let named = file(
        "team.txt",
        &format!("# the team\n{}\n\n{}\r\n", ANA.0, BIA.0),
    );
    let none = Environment::default();
    let shown = |named: &[String], environment: &Environment| {
        format!("{:?}", EncryptTo::read(named, environment).unwrap())
    };
    assert_eq!(shown(&[], &none), "None");
    let of_file = shown(&[named.clone(), CAIO.0.to_owned()], &none);
    assert!(
        [ANA.0, BIA.0, CAIO.0]
            .iter()
            .all(|key| of_file.contains(key)),
        "{of_file}"
    );
    let all = format!("{named}, {}", CAIO.0);
    assert_eq!(
        shown(&[], &environment(&[("EXTRATO_ENCRYPT_TO", &all)])),
        of_file
    );

    let secret = file("key.txt", &format!("# created today\n{}\n", ANA.1));
    let ssh = file(
        "id.pub",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz",
    );
    let cases = [
        (vec!["passphrase"], "put it into EXTRATO_PASSPHRASE"),
        (vec![ANA.0, "passphrase"], "for keys or with a passphrase"),
        (vec!["age1abc"], "is not a public key"),
        (
            vec!["/nowhere/team.txt"],
            "neither a public key of age (age1…) nor a readable file",
        ),
        (vec![&secret], "key.txt, line 2, is a secret key"),
        (vec![&ssh], "is an ssh key"),
    ];
    for (named, expected) in cases {
        let named: Vec<_> = named.into_iter().map(str::to_owned).collect();
        let said = message(EncryptTo::read(&named, &none), Kind::Usage);
        assert!(said.contains(expected) && !said.contains(ANA.1), "{said}");
    }
    Keys::read(&[world.path("key.txt")], &none).unwrap();
    let begin = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    for (text, expected) in [
        (ANA.0, "line 1, is a public key"),
        (begin, "is an ssh key"),
        ("age-encryption.org/v1\n", "`age --decrypt`"),
        ("AGE-SECRET-KEY-1GQ9778VQXMMJV", "is not a secret key"),
        ("# nothing\n", "has no secret keys"),
    ] {
        let path = file("other.txt", text);
        let said = message(Keys::read(&[path.into()], &none), Kind::Usage);
        assert!(
            said.contains(expected) && !said.contains("1GQ9778"),
            "{said}"
        );
    }
    let said = message(Keys::read(&[world.path("gone.txt")], &none), Kind::Usage);
    assert!(said.contains("age-keygen"), "{said}");
}

/// What `age --decrypt` makes of a file, with the keys in another file; `None` if the program is not installed.
fn by_age(identity: &Path, file: &Path) -> Option<Vec<u8>> {
    let mut age = Command::new("age");
    let age = age
        .arg("--decrypt")
        .arg("--identity")
        .arg(identity)
        .arg(file);
    let output = age.output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(output.stdout)
}

#[test]
fn the_program_age_opens_what_is_encrypted_for_a_key() {
    let world = World::of(TABLES);
    let mut plain = world.asked(Format::Csv);
    let of_plain = world.try_backup(&plain).unwrap().path;
    plain.encrypt_to = to(&[ANA.0]);
    let path = world.try_backup(&plain).unwrap().path;
    let (own, opened) = (world.path("own.txt"), world.path("opened.txt"));
    fs::write(&own, ANA.1).unwrap();
    let Some(key) = by_age(&own, &path.join("key.age")) else {
        eprintln!("not tried: there is no program `age` here");
        return;
    };
    fs::write(&opened, key).unwrap();
    let read = |name: &str| String::from_utf8(by_age(&opened, &path.join(name)).unwrap()).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&read("manifest.json.age")).unwrap();
    for table in manifest["tables"].as_array().unwrap() {
        let (name, file) = (&table["table"], &table["files"][0]["path"]);
        let of_plain = of_plain.join(format!("{}-0001.csv", name.as_str().unwrap()));
        let rows = fs::read_to_string(of_plain).unwrap();
        assert_eq!(read(file.as_str().unwrap()), rows, "{name}");
    }
    assert!(read("schema.sql.age").contains("CREATE TABLE"));
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&path)
        .output();
    assert!(checked.unwrap().status.success());
}
