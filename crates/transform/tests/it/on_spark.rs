//! Models on a real Spark give the same bytes as Polars, or are refused. Run by
//! `cargo test --release -p extrato -p transform --features extrato/spark spark -- --ignored`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use testkit::{Sail, Spark, SparkCluster};
use transform::{Engine, Format, Layout, Options, RemotePath, SparkOptions};

use crate::staged::{contents, world};
use crate::world::World;

/// The single Spark of all tests here, which ends with them.
pub(crate) fn remote() -> &'static str {
    static SPARK: OnceLock<(Spark, String)> = OnceLock::new();
    let (_, remote) = SPARK.get_or_init(|| {
        let spark = Spark::start();
        let remote = spark.remote();
        (spark, remote)
    });
    remote
}

fn on_spark(options: &Options) -> Options {
    on(remote(), options)
}

fn on(remote: &str, options: &Options) -> Options {
    Options {
        engine: Engine::Spark,
        spark: Some(SparkOptions {
            remote: Some(remote.to_owned()),
            paths: Vec::new(),
            emit_job: None,
        }),
        ..options.clone()
    }
}

/// The files of a run with each engine, Polars first.
fn of_both(world: &World, options: &Options) -> [BTreeMap<PathBuf, Vec<u8>>; 2] {
    [("polars", options.clone()), ("spark", on_spark(options))].map(|(name, mut options)| {
        options.out = world.out.path().join(name).into();
        world.try_transform(&options).expect(name);
        let folder = options.out.path().expect("a folder");
        let contents = contents(folder);
        fs::remove_dir_all(folder).expect("removed");
        contents
    })
}

fn refused(world: &World, options: &Options) -> (Kind, String) {
    let mut options = on_spark(options);
    options.out = world.out.path().join("refused").into();
    let error = match world.try_transform(&options) {
        Ok(_) => panic!("not refused: {}", world.dataset.models[0].sql),
        Err(error) => error,
    };
    let folder = world.out.path().join("refused");
    let left = match folder.exists() {
        true => contents(&folder),
        false => BTreeMap::new(),
    };
    assert!(left.is_empty(), "{left:?}");
    let message = format!("{error:#}");
    let kind = Failure::kind_of(&error).unwrap_or_else(|| panic!("`{message}` has no kind"));
    (kind, message)
}

#[test]
#[ignore = "needs EXTRATO_TEST_SPARK"]
fn spark_writes_the_bytes_of_every_layout() {
    let world = world();
    let by_name = Layout::PartitionBy(vec!["nome_associado".to_owned()]);
    for layout in [Layout::Declared, Layout::SingleFile, by_name] {
        let options = world.options(layout.clone());
        let [polars, spark] = of_both(&world, &options);
        assert!(polars == spark, "{layout:?}");
    }
    // As Parquet only the values are the same: they are those of the database.
    let mut options = on_spark(&world.options(Layout::Declared));
    options.format = Format::Parquet;
    world.try_transform(&options).expect("as Parquet");
    assert_eq!(world.verified().len(), 1);
}

/// Sail has no DISTRIBUTE BY, and writes the empty text as NULL, so this writes single files of Parquet.
#[test]
#[ignore = "needs EXTRATO_TEST_SAIL"]
fn sail_gives_the_rows_of_models() {
    let mut world = World::with_rows(50, 5_000);
    let models = ["spending_by_month", "spending_by_hour", "busiest_clients"];
    let models = models.map(str::to_owned);
    world.dataset.keep_models(&models).expect("built in");
    let sail = Sail::start();
    let mut options = on(&sail.remote(), &world.options(Layout::Declared));
    options.format = Format::Parquet;
    world.try_transform(&options).expect("on Sail");
    assert_eq!(world.verified(), [20, 2, 1]);
}

const VALUES: &str = r#"
    CREATE TABLE v (id integer PRIMARY KEY, t text, w varchar(20), b boolean, s smallint, i integer, l bigint, n numeric(38,10),
                    m numeric(10,2), d date, ts timestamp, tz timestamptz, u uuid, y bytea, j jsonb);
    INSERT INTO v VALUES
      (1, ' a ', E'\t', true, -32768, -2147483648, -9223372036854775808, 0, 0, '0001-01-01', '0001-01-01 00:00:00',
       '0001-01-01 00:00:00+00', '00000000-0000-0000-0000-000000000000', '\x00ff', '{"a": [1, 2.50]}'),
      (2, 'q"uo,te', E'a\nb', false, 32767, 2147483647, 9223372036854775807, -0.0000000001, -99999999.99, '9999-12-31',
       '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '', '"x"'),
      (3, '${x} \n \\ ''q'' `b`', E'\r', NULL, 0, 0, 0, 9999999999999999999999999999.9999999999, 0.01, '1582-10-10',
       '1969-12-31 23:59:59.000001', '1969-12-31 23:59:59.5+00', NULL, '\x5c22', 'null'),
      (4, '', 'é日本🂡', true, 1, 1, 1, 1.5, 1, '2024-02-29', '1582-10-10 12:00:00', '2024-03-31 01:30:00+00', NULL, NULL, NULL),
      (5, NULL, '#', true, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
      (6, '%41=/:', '__HIVE', true, 1, 1, 1, 2, 2, '2000-01-01', '2000-01-01', '2000-01-01Z', NULL, NULL, NULL);
    CREATE TABLE none (id integer PRIMARY KEY, x text, p numeric(5,1));
    INSERT INTO v (id, t) SELECT i, 'x' FROM generate_series(100, 400) AS i"#;

const DESCRIBED: &str = r#"
[[table]]
name = "v"
key = ["id"]
[[table]]
name = "none"
key = ["id"]
[[model]]
name = "m"
file = "m.sql"
order_by = ["id"]
order_in_partition = ["id"]
"#;

#[test]
#[ignore = "needs EXTRATO_TEST_SPARK"]
fn spark_keeps_every_value_and_name() {
    let of = |select: &str| World::of_tables(VALUES, DESCRIBED, select);
    let all = of("SELECT * FROM v");
    for layout in [Layout::SingleFile]
        .into_iter()
        .chain(
            ["t", "w", "b", "n", "d", "ts", "tz", "u"]
                .map(|column| Layout::PartitionBy(vec![column.to_owned()])),
        )
        .chain([Layout::PartitionBy(vec!["b".to_owned(), "t".to_owned()])])
    {
        let [polars, spark] = of_both(&all, &all.options(layout.clone()));
        assert!(polars == spark, "{layout:?}: {:?}", spark.keys());
    }
    // A SELECT with its own order, and names that Spark would misread.
    let named = of(
        r#"SELECT id, t AS "Sel ect", w AS "sel ect", s AS "a.b`c", l AS "é,""x" FROM v ORDER BY l DESC, t, id LIMIT 9"#,
    );
    let [polars, spark] = of_both(&named, &named.options(Layout::SingleFile));
    assert_eq!(polars, spark);
    // NULL among numbers; WITH beside tables with names like those that are made; one row for all rows.
    let select = "WITH w AS (SELECT id, i AS n FROM with_0), \"x\" AS (SELECT id FROM v WHERE id < 9)
        SELECT v.id, substring(v.w, w.n) AS a, substring(v.w, w.n, 2) AS b, substring(v.w, 2, w.n) AS c, lpad(v.w, w.n) AS d,
               rpad(v.w, w.n, 'xy') AS e, (SELECT count(*) FROM w AS o WHERE o.id = v.id) AS f, (SELECT 1 FROM v HAVING true) AS g
        FROM v JOIN w ON w.id = v.id JOIN with_0 AS z ON z.id = v.id JOIN x ON x.id = v.id JOIN x AS y ON y.id = v.id";
    let described = format!("{DESCRIBED}[[table]]\nname = \"with_0\"\nkey = [\"id\"]\n");
    let tables = format!(
        "{VALUES}; CREATE TABLE with_0 (id integer PRIMARY KEY, i integer);
         INSERT INTO with_0 VALUES (1, NULL), (2, 2), (3, 7), (4, 0), (5, 3), (6, NULL)"
    );
    let numbers = World::of_tables(&tables, &described, select);
    let first = of("SELECT w AS \"#h\", id, EXISTS_ FROM (SELECT v.w, v.id, trunc(x.n, 37) AS t, sign(x.n) AS EXISTS_
        FROM v JOIN (SELECT id, CAST(n * CAST(0.0000000000000000000000000001 AS numeric(28,28)) AS numeric(38,38)) AS n FROM v WHERE id = 2) AS x
          ON x.id < v.id) AS all_
        WHERE EXISTS (SELECT 1 FROM v AS k WHERE k.id = all_.id AND k.s > all_.id - 5)");
    let [polars, spark] = of_both(&first, &first.options(Layout::SingleFile));
    assert_eq!(polars, spark);
    let [polars, spark] = of_both(&numbers, &numbers.options(Layout::SingleFile));
    assert_eq!(polars, spark);
    // Tables without rows have no files.
    let none = of("SELECT n.id, n.x, n.p, v.id AS other FROM none AS n LEFT JOIN v ON v.id = n.id");
    for layout in [
        Layout::SingleFile,
        Layout::PartitionBy(vec!["x".to_owned()]),
    ] {
        let [polars, spark] = of_both(&none, &none.options(layout));
        assert_eq!(polars, spark);
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_SPARK"]
fn what_spark_may_give_otherwise_is_refused() {
    for (select, kind, why) in [
        ("SELECT id, 1.0 / m AS q FROM v", Kind::Usage, "quotients"),
        (
            "SELECT id, AVG(i) OVER () AS q FROM v",
            Kind::Usage,
            "Spark",
        ),
        (
            "SELECT id, CAST(i AS double precision) AS f FROM v",
            Kind::Usage,
            "parquet",
        ),
        (
            "SELECT id, CAST(ts AS time) AS f FROM v",
            Kind::Usage,
            "time",
        ),
        (
            "SELECT id, i / (id - 1) AS q FROM v",
            Kind::Refused,
            "m.sql: model `m` cannot be computed",
        ),
        (
            "SELECT id, l + id AS q FROM v",
            Kind::Refused,
            "m.sql: model `m` cannot be computed",
        ),
        ("SELECT t FROM v", Kind::Refused, "only column"),
        (
            "SELECT id, (SELECT w.t FROM v AS w WHERE w.s = v.s) AS q FROM v",
            Kind::Refused,
            "several rows",
        ),
    ] {
        let world = World::of_tables(
            VALUES,
            &DESCRIBED.replace("order_by = [\"id\"]\norder_in_partition = [\"id\"]\n", ""),
            select,
        );
        let (found, message) = refused(&world, &world.options(Layout::SingleFile));
        assert!(
            found == kind && message.contains(why),
            "{select}: {found:?} {message}"
        );
    }
    let world = World::of_tables(
        VALUES,
        DESCRIBED,
        "SELECT id, '__HIVE_DEFAULT_PARTITION__' AS p FROM v",
    );
    let (kind, message) = refused(
        &world,
        &world.options(Layout::PartitionBy(vec!["p".to_owned()])),
    );
    assert!(
        kind == Kind::Refused && message.contains("folder of NULL"),
        "{message}"
    );
}

#[test]
#[ignore = "needs EXTRATO_TEST_SPARK"]
fn a_script_of_spark_is_adopted() {
    let world = world();
    let stage = world.out.path().join("lake");
    let mut options = world.options(Layout::Declared);
    options.out = world.out.path().join("polars").into();
    options.stage = Some(stage.clone().into());
    world.try_transform(&options).expect("in Polars");
    let polars = contents(&world.out.path().join("polars"));

    // The cluster sees the folder under another name.
    let there = world.out.path().join("there");
    std::os::unix::fs::symlink(world.out.path(), &there).expect("a link");
    let job = world.out.path().join("job");
    options.stage = None;
    options.engine = Engine::Spark;
    options.spark = Some(SparkOptions {
        remote: None,
        paths: vec![RemotePath {
            here: world.out.path().to_owned(),
            there: format!("file://{}", there.display()),
        }],
        emit_job: Some(job.clone()),
    });
    let cancel = Cancel::default();
    transform::emit_job(stage.clone(), &options, "cards", &[], &cancel).expect("written");
    let script = fs::read_to_string(job.join("job.py")).expect("a script");
    assert!(
        script.contains("there/lake/raw/cards/movimento"),
        "{script}"
    );

    let out = world.out.path().join("adopted");
    let adopt = || transform::adopt(&job, &out.clone().into(), &testkit::environment(), &cancel);
    let error = adopt().expect_err("not run yet");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{error:#}");
    run_script(&job.join("job.py"));
    let report = adopt().expect("adopted");
    assert_eq!(report.models[0].engine, Engine::Spark);
    assert!(contents(&out) == polars);
    // A missing file is noticed, and what was published stays.
    let written = fs::read_dir(&job).expect("read").filter_map(Result::ok);
    let written = written.map(|entry| entry.path()).find(|path| path.is_dir());
    let written = written
        .expect("the job's own")
        .join("movimento_flat/output");
    let folder = fs::read_dir(&written).expect("read").filter_map(Result::ok);
    let folder = folder.map(|entry| entry.path()).find(|path| path.is_dir());
    fs::remove_dir_all(folder.expect("a folder")).expect("removed");
    let error = adopt().expect_err("rows are missing");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{error:#}");
    assert!(contents(&out) == polars);
    // An earlier job's output is not taken for that of a new job, nor is one over tables that were staged again.
    transform::emit_job(stage.clone(), &options, "cards", &[], &cancel).expect("written");
    let error = adopt().expect_err("the new one was not run");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{error:#}");
    options.engine = Engine::Polars;
    options.stage = Some(stage.into());
    options.spark = None;
    world.try_transform(&options).expect("staged again");
    let error = adopt().expect_err("of other tables");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
}

fn run_script(script: &Path) {
    let program = std::env::var_os("EXTRATO_TEST_SPARK").expect("spark-submit");
    let status = Command::new(program)
        .args(["--master", "local[2]", "--driver-memory", "1g"])
        .arg(script)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&status.stderr);
    assert!(status.status.success(), "{said}");
}

/// Whether some task is writing rows below a folder. Files may come and go there meanwhile.
fn is_written(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    folders.any(|path| path.ends_with("_temporary") || is_written(&path))
}

#[test]
#[ignore = "needs EXTRATO_TEST_SPARK"]
fn a_worker_of_spark_that_is_killed_costs_no_row() {
    let world = World::with_rows(1_000, 50_000);
    let mut options = world.options(Layout::Declared);
    options.out = world.out.path().join("polars").into();
    world.try_transform(&options).expect("in Polars");
    let polars = contents(&world.out.path().join("polars"));

    let mut cluster = SparkCluster::start(2);
    let out = world.out.path().join("spark");
    options = on(&cluster.remote(), &options);
    options.out = out.clone().into();
    thread::scope(|scope| {
        let run = scope.spawn(|| world.try_transform(&options));
        while !is_written(&out) {
            assert!(!run.is_finished(), "it ended before a worker was killed");
            thread::sleep(Duration::from_millis(20));
        }
        cluster.kill_worker();
        run.join().expect("no panic").expect("the others do it");
    });
    assert!(contents(&out) == polars);
}
