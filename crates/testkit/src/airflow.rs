//! Airflow with a home of its own, which runs DAGs of `deploy/airflow` like `airflow dags test`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::files::contents_of;

/// A Python script that prints a DAG's latest run: the state, the number of tries and the XCom of each task.
const LATEST: &str = r#"
import json, sqlite3, sys
database = sqlite3.connect("airflow.db")
[(run,)] = database.execute("SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", sys.argv[1:])
tasks = {task: {"state": state, "tries": tries} for task, state, tries in
         database.execute("SELECT task_id, state, try_number FROM task_instance WHERE run_id = ?", [run])}
for task, value in database.execute("SELECT task_id, value FROM xcom WHERE run_id = ? AND key = 'return_value'", [run]):
    tasks[task]["xcom"] = json.loads(value)
print(json.dumps(tasks))
"#;

/// An Airflow that keeps its runs in a folder which is deleted at the end of the test.
pub struct Airflow {
    programs: PathBuf,
    home: TempDir,
    variables: BTreeMap<String, OsString>,
}

/// How a run of a DAG ended.
#[derive(Debug)]
pub struct DagRun {
    /// Whether all tasks were successful.
    pub is_success: bool,
    /// The `state`, the `tries` and the `xcom` of each task, by its name.
    pub tasks: Value,
    /// The whole output of `airflow`, with the log lines of the tasks.
    pub log: String,
}

impl Airflow {
    /// Creates an Airflow from the virtual environment whose `bin` `EXTRATO_TEST_AIRFLOW` names. Its tasks also find programs in
    /// `path`.
    ///
    /// # Panics
    /// Panics if there is none, or it cannot create its database.
    pub fn new(path: &Path) -> Self {
        let programs =
            std::env::var_os("EXTRATO_TEST_AIRFLOW").expect("EXTRATO_TEST_AIRFLOW is set");
        let programs = PathBuf::from(programs);
        let mut paths = vec![programs.clone(), path.to_owned()];
        paths.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        let home = tempfile::tempdir().expect("a folder");
        let dags = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/airflow");
        let variables = [
            ("PATH", std::env::join_paths(paths).expect("paths")),
            ("HOME", home.path().into()),
            ("PYTHONDONTWRITEBYTECODE", "1".into()),
            ("AIRFLOW_HOME", home.path().into()),
            ("AIRFLOW__CORE__DAGS_FOLDER", dags.into()),
            ("AIRFLOW__CORE__LOAD_EXAMPLES", "False".into()),
            ("AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY", "1".into()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        let airflow = Self {
            programs,
            home,
            variables: variables.into(),
        };
        let migrated = airflow.run("airflow", &["db", "migrate"]);
        assert!(migrated.status.success(), "{migrated:?}");
        airflow
    }

    /// Sets an environment variable for later runs.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Runs a DAG with these parameters, including all tries of its tasks.
    ///
    /// # Panics
    /// Panics if Airflow does not know of the run afterwards.
    pub fn test(&self, dag: &str, parameters: &Value) -> DagRun {
        let output = self.run(
            "airflow",
            &["dags", "test", dag, "--conf", &parameters.to_string()],
        );
        let log = [output.stdout, output.stderr].concat();
        let log = String::from_utf8_lossy(&log).into_owned();
        let latest = self.run("python", &["-c", LATEST, dag]);
        assert!(latest.status.success(), "{latest:?}\n{log}");
        DagRun {
            is_success: output.status.success(),
            tasks: serde_json::from_slice(&latest.stdout).expect("JSON"),
            log,
        }
    }

    /// The files of Airflow's home that contain `text`: its logs, and the database of its runs.
    ///
    /// # Panics
    /// Panics if a file cannot be read.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let mut files = contents_of(self.home.path());
        files.retain(|_, bytes| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        });
        files.into_keys().collect()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(self.programs.join(program))
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program} of {}: {error}", self.programs.display()))
    }
}

impl DagRun {
    /// Checks the state of a task and the number of its tries.
    ///
    /// # Panics
    /// Panics if either is different.
    pub fn expect(&self, task: &str, state: &str, tries: u32) {
        let of_task = &self.tasks[task];
        assert_eq!(of_task["state"], state, "{task}: {}", self.log);
        assert_eq!(of_task["tries"], tries, "{task}: {}", self.log);
    }
}
