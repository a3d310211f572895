//! The nightly DAG of `deploy/airflow`, run by Airflow itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::{Value, json};
use testkit::{Airflow, DagRun};

use crate::interruption::wait_for_lock;
use crate::program::World;

const DAG: &str = "extrato_nightly";

/// Makes rows of the largest table wait for a lock. By then all tables are empty, and the others are full again.
const WAITING: &str = "CREATE FUNCTION sales.wait() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
CREATE TRIGGER wait BEFORE INSERT ON sales.sales_order_detail FOR EACH ROW EXECUTE FUNCTION sales.wait();
SELECT pg_advisory_lock(1)";

/// A database, the files of `sales`, and an Airflow that can connect to the database.
struct Night {
    world: World,
    airflow: Airflow,
}

impl Night {
    fn new() -> Self {
        let world = World::new();
        let generate = "generate --dataset sales --scale 0.01 --to files -q";
        world.done(&generate.split(' ').collect::<Vec<_>>());
        let program = Path::new(env!("CARGO_BIN_EXE_extrato"));
        let mut night = Self {
            world,
            airflow: Airflow::new(program.parent().unwrap()),
        };
        night.connect(None);
        night
    }

    /// Gives Airflow the connection to the database, with the right password or another one.
    fn connect(&mut self, password: Option<&str>) {
        let variables = self.world.database.variables();
        let of = |name| {
            let mut variables = variables.iter();
            variables
                .find(|(of, _)| of == name)
                .map(|(_, value)| value.as_str())
        };
        let connection = json!({
            "conn_type": "postgres",
            "host": of("PGHOST"),
            "port": of("PGPORT").and_then(|port| port.parse::<u16>().ok()),
            "login": of("PGUSER"),
            "password": password.or(of("PGPASSWORD")),
            "schema": of("PGDATABASE"),
            "extra": {"sslmode": of("PGSSLMODE").unwrap_or("prefer")},
        });
        self.airflow
            .set("AIRFLOW_CONN_EXTRATO", connection.to_string());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    fn run(&self, files: &str, minimum_rows: u32) -> DagRun {
        let parameters = json!({
            "files": self.path(files),
            "out": self.path("out"),
            "rejects": self.path("rejects"),
            "minimum_rows": minimum_rows,
        });
        self.airflow.test(DAG, &parameters)
    }

    fn count(&self, table: &str) -> i64 {
        let query = format!("SELECT count(*) FROM sales.{table}");
        testkit::value(&mut self.world.database.connect(), &query)
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_AIRFLOW, the bin of a virtual environment with apache-airflow: CONTRIBUTING.md"]
fn airflow_loads_transforms_checks_and_verifies_with_summaries_as_xcom() {
    let night = Night::new();
    // The second night finds the tables of the first and empties them.
    for _ in 0..2 {
        let run = night.run("files", 1);
        assert!(run.is_success, "{}", run.log);
        for task in ["load", "transform", "check", "verify"] {
            run.expect(task, "success", 1);
        }
        let of = |task: &str| run.tasks[task]["xcom"].clone();
        let tables = of("load")["tables"].take();
        assert_eq!(tables.as_array().unwrap().len(), 6);
        for table in tables.as_array().unwrap() {
            let name = table["table"].as_str().unwrap();
            assert_eq!(table["rows"]["loaded"], night.count(name), "{name}");
        }
        let (models, checked, verified) = (of("transform"), of("check"), of("verify"));
        let outputs = verified["outputs"].as_array().unwrap();
        assert_eq!(
            (models["models"].as_array().unwrap().len(), outputs.len()),
            (5, 5)
        );
        for output in outputs {
            let name = output["model"].as_str().unwrap();
            let file = fs::read_to_string(night.path(&format!("out/{name}.csv"))).unwrap();
            let rows = file.lines().count() - 1;
            assert_eq!(
                (&checked[name], &output["rows"]),
                (&json!(rows), &json!(rows)),
                "{name}"
            );
        }
    }
    let few = night.run("files", 1_000_000);
    assert!(!few.is_success);
    few.expect("check", "failed", 1);
    few.expect("verify", "upstream_failed", 0);
    let why = "fewer than 1000000 rows: orders_with_three_lines, ";
    assert!(few.log.contains(why), "{}", few.log);
}

#[test]
#[ignore = "needs EXTRATO_TEST_AIRFLOW, the bin of a virtual environment with apache-airflow: CONTRIBUTING.md"]
fn airflow_tries_again_what_may_pass_and_nothing_else_and_no_log_has_a_password() {
    let mut night = Night::new();
    let missing = night.run("nothing", 1);
    assert!(!missing.is_success);
    missing.expect("load", "failed", 1);
    missing.expect("transform", "upstream_failed", 0);
    assert!(
        missing.log.contains("extrato ended with 2: --from "),
        "{}",
        missing.log
    );

    night.connect(Some("hush-hush-hush"));
    let refused = night.run("files", 1);
    assert!(!refused.is_success);
    refused.expect("load", "failed", 4);
    refused.expect("transform", "upstream_failed", 0);
    assert!(
        refused.log.contains("extrato ended with 3: login as "),
        "{}",
        refused.log
    );
    assert!(!refused.log.contains("hush-hush"), "{}", refused.log);
    assert!(!night.airflow.files_with("extrato_nightly").is_empty());
    assert_eq!(night.airflow.files_with("hush-hush"), [] as [PathBuf; 0]);
}

#[test]
#[ignore = "needs EXTRATO_TEST_AIRFLOW, the bin of a virtual environment with apache-airflow: CONTRIBUTING.md"]
fn airflow_tries_a_killed_load_again_and_nothing_half_done_is_seen() {
    let mut night = Night::new();
    // The delay leaves time to look at what the first try has left.
    night
        .airflow
        .set("AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY", "15");
    let from = ["load", "--dataset", "sales", "--from", "files", "-q"];
    night.world.done(&from);
    let before = night.count("person");
    let run = thread::scope(|scope| {
        let mut blocker = night.world.database.connect();
        blocker.batch_execute(WAITING).unwrap();
        let run = scope.spawn(|| night.run("files", 1));
        wait_for_lock(&night.world);
        kill(&night.path("files"));
        // The server ends the session of a killed program when it notices; the count waits for that.
        blocker
            .batch_execute("SELECT pg_advisory_unlock_all()")
            .unwrap();
        assert_eq!(night.count("person"), before);
        assert!(!night.path("out").exists());
        run.join().unwrap()
    });
    assert!(run.is_success, "{}", run.log);
    assert!(run.log.contains("extrato ended with -9: "), "{}", run.log);
    run.expect("load", "success", 2);
    run.expect("verify", "success", 1);
    let loaded: Value = run.tasks["load"]["xcom"]["tables"].clone();
    assert_eq!(loaded[0]["rows"]["loaded"], night.count("person"));
}

/// Kills the `extrato` process that has this path among its arguments.
fn kill(path: &Path) {
    let path = path.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut killed = 0;
    for process in processes {
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        if line.starts_with("extrato\0load\0") && line.contains(path) {
            let id = process.file_name().into_string().unwrap();
            let status = std::process::Command::new("kill")
                .args(["-KILL", &id])
                .status();
            assert!(status.unwrap().success());
            killed += 1;
        }
    }
    assert_eq!(killed, 1, "processes");
}
