//! Runs that are stopped by Ctrl-C or kill -9, at any moment.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use testkit::Pooler;

use crate::program::{World, data_files, remains};

pub(crate) fn start(mut command: Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

pub(crate) fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(killed.success());
}

/// How long one run of `arguments` takes.
fn duration(world: &World, arguments: &[&str]) -> Duration {
    let began = std::time::Instant::now();
    world.done(arguments);
    began.elapsed()
}

#[test]
fn a_transform_killed_at_any_moment_leaves_a_whole_output() {
    let world = World::new();
    world.done(&["generate", "--associates", "1000", "--seed", "3"]);
    let folder = world.path("data/out/movimento_flat");
    let took = duration(&world, &["transform"]);
    let old = data_files(&folder);
    // From here on a complete run gives another output, so that a mixture would show.
    world
        .database
        .connect()
        .batch_execute("UPDATE cards.movimento SET des_transacao = 'NOVO ' || des_transacao")
        .unwrap();
    let mut new = None;
    for moment in 1..=20_u32 {
        let mut child = start(world.command(&["transform"]));
        sleep(took * moment / 20);
        let _ = child.kill();
        let _ = child.wait();
        let files = data_files(&folder);
        if files != old {
            // The run was killed after it had published: then the output is the new one, whole.
            let new = new.get_or_insert_with(|| {
                world.done(&["transform", "--out", "apart"]);
                data_files(&world.path("apart/movimento_flat"))
            });
            assert!(
                files == *new,
                "moment {moment}: neither the old output nor the new one"
            );
            assert!(folder.join("_SUCCESS").is_file());
        }
    }
    world.done(&["transform"]);
    assert!(data_files(&folder) != old);
    assert!(
        remains(&world.path("data/out")).is_empty(),
        "the next run clears what the killed ones left"
    );
}

#[test]
fn a_single_files_manifest_tells_of_the_file_that_is_there_whenever_it_is_killed() {
    let world = World::new();
    world.done(&["generate", "--associates", "300"]);
    let took = duration(&world, &["transform", "--single-file"]);
    let file = world.path("data/out/movimento_flat.csv");
    let manifest = world.path("data/out/movimento_flat.csv.manifest.jsonl");
    let whole = fs::read(&file).unwrap();
    for moment in 1..=10_u32 {
        let mut child = start(world.command(&["transform", "--single-file"]));
        sleep(took * moment / 10);
        let _ = child.kill();
        let _ = child.wait();
        assert!(fs::read(&file).unwrap() == whole, "moment {moment}");
        if let Ok(text) = fs::read_to_string(&manifest) {
            assert!(
                text.contains(&format!("\"bytes\":{}", whole.len())),
                "moment {moment}"
            );
        }
    }
}

#[test]
fn ctrl_c_ends_with_6_and_nothing_half_published() {
    let world = World::new();
    let control = world.database.connect();
    world.done(&["generate", "--associates", "20"]);
    world.done(&["transform"]);
    let old = data_files(&world.path("data/out"));
    // The run waits for this lock, so it is certainly in the middle of its work.
    let mut blocker = world.database.connect();
    blocker
        .batch_execute("BEGIN; LOCK TABLE cards.movimento IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    for name in ["-INT", "-TERM"] {
        let mut child = start(world.command(&["transform"]));
        wait_for_lock(&world);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(6), "{name}");
        assert!(remains(&world.path("data/out")).is_empty(), "{name}");
    }
    blocker.batch_execute("COMMIT").unwrap();
    assert_eq!(data_files(&world.path("data/out")), old);
    drop(control);
}

/// Waits until a session of ours waits for a lock.
pub(crate) fn wait_for_lock(world: &World) {
    let mut client = world.database.connect();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    for _ in 0..6000 {
        let row = client.query_one(waiting, &[]).expect("the server answers");
        if row.get::<_, i64>(0) > 0 {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("the run never waited");
}

#[test]
fn a_killed_generate_leaves_nothing_that_the_next_one_minds() {
    let world = World::new();
    let mut child = start(world.command(&["generate", "--associates", "20000"]));
    sleep(Duration::from_millis(300));
    let _ = child.kill();
    let _ = child.wait();
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'cards'";
    let published: i64 = world
        .database
        .connect()
        .query_one(schemas, &[])
        .unwrap()
        .get(0);
    assert_eq!(published, 0, "killed before it was complete");
    // The server notices dead sessions at their next message, and then frees the lock.
    for attempt in 0..100 {
        let finished = world.run(&["generate", "--associates", "20"]);
        if finished.code == 0 {
            break;
        }
        assert!(attempt < 99, "{}", finished.stderr);
        sleep(Duration::from_millis(100));
    }
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'extrato\\_loading%'";
    let left: i64 = world
        .database
        .connect()
        .query_one(left, &[])
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
}

#[test]
fn a_second_run_into_the_same_folder_is_refused_while_the_first_runs() {
    let world = World::new();
    world.done(&["generate", "--associates", "20"]);
    let mut blocker = world.database.connect();
    blocker
        .batch_execute("BEGIN; LOCK TABLE cards.movimento IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    let mut first = start(world.command(&["transform"]));
    wait_for_lock(&world);
    let second = world.run(&["transform"]);
    assert_eq!(second.code, 5);
    assert!(
        second.stderr.contains("another run writes to"),
        "{}",
        second.stderr
    );
    blocker.batch_execute("COMMIT").unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[test]
fn a_load_killed_at_any_moment_behind_a_pooler_leaves_nothing_and_the_next_one_loads() {
    let world = World::new();
    fs::create_dir(world.path("own")).unwrap();
    for (name, text) in [
        (
            "dataset.toml",
            "name = \"own\"\n[[table]]\nname = \"item\"\nkey = [\"id\"]\n",
        ),
        (
            "schema.sql",
            "CREATE TABLE item (id text PRIMARY KEY, n integer CHECK (n >= 0), text text);",
        ),
    ] {
        fs::write(world.path("own").join(name), text).unwrap();
    }
    // These keys need more memory than is allowed, so they are staged in temporary tables.
    let rows: String = (0..40_000)
        .map(|id| format!("key {id},{id},{:x>60}\n", id % 7919))
        .collect();
    fs::write(world.path("item.csv"), format!("id,n,text\n{rows}")).unwrap();
    let pooler = Pooler::of_one(&world.database.settings());
    let before = pooler.held();
    let load = || {
        let line = "load --dataset own --table item=item.csv --memory 100KB --truncate -q";
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command = world.command(&arguments);
        command.envs(pooler.settings().variables());
        command
    };
    let began = std::time::Instant::now();
    assert!(load().status().unwrap().success());
    let took = began.elapsed();
    let count = || -> i64 {
        let mut client = world.database.connect();
        let row = client.query_one("SELECT count(*) FROM own.item", &[]);
        row.unwrap().get(0)
    };
    for moment in 1..=12_u32 {
        let mut child = start(load());
        sleep(took * moment / 12);
        child.kill().unwrap();
        child.wait().unwrap();
        // The server ends what the killed program had begun as soon as it notices.
        for attempt in 0.. {
            let held = pooler.held();
            if held == before {
                break;
            }
            assert!(attempt < 100, "moment {moment}: {held:?}");
            sleep(Duration::from_millis(100));
        }
        assert_eq!(count(), 40_000, "moment {moment}");
    }
    let finished = load().output().unwrap();
    let said = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status.code(), Some(0), "{said}");
    assert_eq!(count(), 40_000);
    assert_eq!(pooler.held(), before);
}

/// The rejects in a folder: each file's name and the ids of its rows.
fn rejected(folder: &Path) -> Vec<(String, Vec<String>)> {
    let entries = fs::read_dir(folder).expect("the folder of rejects");
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("rejects");
            let raws = text.lines().skip(1).map(|line| {
                let raw = line.rsplit('"').nth(1).expect("the raw text");
                raw.trim_end_matches(',').to_owned()
            });
            let name = entry.file_name().into_string().expect("text");
            (name, raws.collect())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_load_that_is_ended_and_continued_three_times_keeps_all_rejects() {
    let world = World::new();
    fs::create_dir(world.path("own")).unwrap();
    let columns = "(id integer PRIMARY KEY, n integer NOT NULL)";
    for (name, text) in [
        (
            "dataset.toml",
            "name = \"own\"\n[[table]]\nname = \"first\"\nkey = [\"id\"]\n[[table]]\nname = \"item\"\nkey = [\"id\"]\n"
                .to_owned(),
        ),
        (
            "schema.sql",
            format!("CREATE TABLE first {columns}; CREATE TABLE item {columns};"),
        ),
    ] {
        fs::write(world.path("own").join(name), text).unwrap();
    }
    let rows = |count: u32, bad: &[u32]| {
        let row = |id| match bad.contains(&id) {
            true => format!("{id},\n"),
            false => format!("{id},{id}\n"),
        };
        "id,n\n".to_owned() + &(1..=count).map(row).collect::<String>()
    };
    fs::write(world.path("first.csv"), rows(20, &[3, 17])).unwrap();
    fs::write(world.path("item.csv"), rows(100, &[5, 38, 71, 99])).unwrap();
    // A row whose id is locked makes its load wait.
    let mut blocker = world.database.connect();
    blocker
        .batch_execute(&format!(
            "CREATE SCHEMA own; CREATE TABLE own.first {columns}; CREATE TABLE own.item {columns};
             CREATE FUNCTION own.wait() RETURNS trigger LANGUAGE plpgsql
                 AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(NEW.id); RETURN NEW; END';
             CREATE TRIGGER wait BEFORE INSERT ON own.item FOR EACH ROW EXECUTE FUNCTION own.wait();"
        ))
        .unwrap();
    let line = "load --dataset own --table first=first.csv --table item=item.csv --commit-every 10";
    let arguments: Vec<&str> = line.split(' ').collect();
    for (id, name, code) in [
        (35, "-TERM", Some(6)),
        (66, "-KILL", None),
        (95, "-INT", Some(6)),
    ] {
        blocker
            .batch_execute(&format!("SELECT pg_advisory_lock({id})"))
            .unwrap();
        let mut child = start(world.command(&arguments));
        wait_for_lock(&world);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), code, "{name}");
        blocker
            .batch_execute("SELECT pg_advisory_unlock_all()")
            .unwrap();
        // The server ends the session of a killed program when it notices.
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                        AND backend_type = 'client backend'";
        for _ in 0..100 {
            if blocker.query_one(sessions, &[]).unwrap().get::<_, i64>(0) == 0 {
                break;
            }
            sleep(Duration::from_millis(50));
        }
    }
    let mut json = arguments.clone();
    json.push("--json");
    let report = world.done(&json).json();
    let rows = &report["rows"];
    assert_eq!(
        (
            &rows["read"],
            &rows["loaded"],
            &rows["rejected"],
            &rows["skipped"]
        ),
        (&120.into(), &9.into(), &1.into(), &110.into()),
        "{report:#}"
    );
    let count: i64 = blocker
        .query_one("SELECT count(*) FROM own.item", &[])
        .unwrap()
        .get(0);
    assert_eq!(count, 96);
    let files = rejected(&world.path("rejects"));
    let expected = [
        ("first.load-1.csv", vec!["3", "17"]),
        ("item.csv", vec!["99"]),
        ("item.load-1.csv", vec!["5"]),
        ("item.load-2.csv", vec!["38"]),
        ("item.load-3.csv", vec!["71"]),
    ];
    let expected = expected.map(|(name, ids)| {
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        (name.to_owned(), ids)
    });
    assert_eq!(files, expected);
    let named: Vec<String> = ["first.load-1", "item.load-1", "item.load-2", "item.load-3"]
        .iter()
        .map(|name| format!("rejects/{name}.csv"))
        .collect();
    assert_eq!(report["earlier_rejects"], serde_json::json!(named));
    let again = world.done(&arguments);
    assert!(again.stdout.contains("item.load-4.csv"), "{}", again.stdout);
    assert_eq!(rejected(&world.path("rejects")).len(), 5);
}

#[test]
fn an_output_folder_that_is_removed_during_a_run_is_5() {
    let world = World::new();
    world.done(&["generate", "--associates", "50"]);
    let mut blocker = world.database.connect();
    for (line, folder) in [
        ("transform", "data/out"),
        ("transform --single-file --out single", "single"),
        ("transform --stage=lake --out spilled", "spilled"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        blocker
            .batch_execute("BEGIN; LOCK TABLE cards.movimento IN ACCESS EXCLUSIVE MODE")
            .unwrap();
        let child = world
            .command(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_lock(&world);
        fs::remove_dir_all(world.path(folder)).unwrap();
        blocker.batch_execute("COMMIT").unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(5), "{line}: {said}");
        assert!(said.contains(folder), "{line}: {said}");
    }
    // The next run makes the folder again.
    world.done(&["transform"]);
}

#[test]
fn a_folder_of_generated_files_that_is_removed_meanwhile_is_5() {
    let world = World::new();
    let folder = world.path("files");
    let mut child = start(world.command(&[
        "generate",
        "--associates",
        "100000",
        "--to",
        "files",
        "--format",
        "csv",
    ]));
    while !folder.join(".extrato-loading/movimento.csv").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        sleep(Duration::from_millis(5));
    }
    while folder.exists() {
        let _ = fs::remove_dir_all(&folder);
    }
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(!folder.exists());
}

#[test]
fn who_holds_a_lock_is_named_and_the_wait_is_in_the_summary() {
    let world = World::new();
    world.done(&["generate", "--dataset", "hiring", "--to", "staff"]);
    world.done(&["load", "--dataset", "hiring", "--from", "staff"]);
    let mut blocker = world.database.connect();
    blocker
        .batch_execute("SET application_name = 'night job'")
        .unwrap();
    let pid: i32 = blocker
        .query_one("SELECT pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    let user = world.database.settings().variables();
    let user = user.into_iter().find(|(name, _)| name == "PGUSER");
    let (_, user) = user.expect("a user");
    let whom = format!("process {pid} (night job, user {user})");
    for (line, mode) in [
        // A writer that has not committed yet holds such a lock.
        (
            "load --dataset hiring --from staff --on-duplicate skip --force",
            "ROW EXCLUSIVE",
        ),
        // A session that rewrites the table holds such a lock: even the table's size cannot be asked.
        ("transform --dataset hiring", "ACCESS EXCLUSIVE"),
        (
            "query --schema hiring --table jobs --out jobs.csv",
            "ACCESS EXCLUSIVE",
        ),
    ] {
        blocker
            .batch_execute(&format!("BEGIN; LOCK TABLE hiring.jobs IN {mode} MODE"))
            .unwrap();
        let arguments: Vec<&str> = line.split(' ').collect();
        let child = world
            .command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_lock(&world);
        blocker.batch_execute("COMMIT").unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{line}: {said}");
        assert!(
            said.contains("waiting for locks on ") && said.contains(&whom),
            "{line}: {said}"
        );
        let summary = String::from_utf8_lossy(&ended.stdout);
        assert!(summary.contains(" wait "), "{line}: {summary}");
        let summary = world.done(&arguments).stdout;
        assert!(!summary.contains(" wait "), "{line}: {summary}");
    }
    // A table that the query doesn't use may be locked.
    blocker
        .batch_execute("BEGIN; LOCK TABLE hiring.jobs IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    world.done(&["query", "SELECT COUNT(*) AS n FROM hiring.departments"]);
}
