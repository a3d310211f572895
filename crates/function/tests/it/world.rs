//! A running function, the API that Lambda would give it, and files.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime};
use std::{fs, thread};

use database::Cancel;
use dataset::Dataset;
use generator::{Asked, FileFormat, Mode, Options, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Database;

use crate::http::{Response, serve};

/// How long an invocation may take by default.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(300);

/// An invocation for the function to take.
struct Invocation {
    payload: String,
    id: String,
    deadline: SystemTime,
}

/// The result of an invocation: an answer, or an error in the form that Lambda passes on.
type Outcome = Result<Value, Value>;

/// The process of a function, which ends with the test.
pub(crate) struct Function {
    process: Child,
    invocations: Sender<Invocation>,
    outcomes: Receiver<(String, Outcome)>,
    log: PathBuf,
    folder: TempDir,
    invoked: u32,
}

impl Function {
    /// Starts a function with these variables, in addition to those that Lambda gives to every function.
    pub(crate) fn start<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let (invocations, waiting) = channel();
        let (done, outcomes) = channel();
        let port = runtime_api(waiting, done);
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("tmp")).expect("a folder");
        let log = folder.path().join("log");
        let process = Command::new(env!("CARGO_BIN_EXE_extrato-lambda"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "extrato")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("TMPDIR", folder.path().join("tmp"))
            .envs(
                variables
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into())),
            )
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).expect("a log"))
            .stderr(fs::File::options().append(true).open(&log).expect("a log"))
            .spawn()
            .expect("it starts");
        Self {
            process,
            invocations,
            outcomes,
            log,
            folder,
            invoked: 0,
        }
    }

    /// Starts a function with a database, given by the variables of libpq.
    pub(crate) fn with_database(database: &Database) -> Self {
        Self::start(database.variables())
    }

    /// Invokes the function, and waits for the result.
    pub(crate) fn invoke(&mut self, event: &Value) -> Outcome {
        self.invoke_for(event, TIMEOUT)
    }

    /// Invokes the function with this much time.
    pub(crate) fn invoke_for(&mut self, event: &Value, time: Duration) -> Outcome {
        self.invoke_until(event, SystemTime::now() + time)
    }

    /// Invokes the function with this deadline.
    pub(crate) fn invoke_until(&mut self, event: &Value, deadline: SystemTime) -> Outcome {
        self.invoke_with(event.to_string(), deadline)
    }

    /// Invokes the function with a text as its event.
    pub(crate) fn invoke_with(&mut self, payload: String, deadline: SystemTime) -> Outcome {
        self.invoked += 1;
        let id = format!("invocation-{}", self.invoked);
        let invocation = Invocation {
            payload,
            id: id.clone(),
            deadline,
        };
        self.invocations.send(invocation).expect("it waits");
        let outcome = self.outcomes.recv_timeout(PATIENCE);
        let (of, outcome) = outcome.unwrap_or_else(|_| panic!("no outcome\n{}", self.log()));
        assert_eq!(of, id);
        let left: Vec<_> = fs::read_dir(self.folder.path().join("tmp"))
            .expect("its folder")
            .collect();
        assert!(left.is_empty(), "{left:?}");
        outcome
    }

    /// Invokes the function with an event that it answers; returns the answer.
    pub(crate) fn answer(&mut self, event: &Value) -> Value {
        self.invoke(event)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// Invokes the function with an event that gives an error of this type with these words; returns the whole message.
    pub(crate) fn refusal(&mut self, event: &Value, error_type: &str, saying: &str) -> String {
        let error = self.invoke(event).expect_err("refused");
        told(&error, error_type, saying)
    }

    /// The function's log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Checks an error's type and words; returns its message.
pub(crate) fn told(error: &Value, error_type: &str, saying: &str) -> String {
    assert_eq!(error["errorType"], error_type, "{error}");
    let message = error["errorMessage"]
        .as_str()
        .expect("a message")
        .to_owned();
    assert!(message.contains(saying), "{message} lacks {saying}");
    message
}

/// The API for the runtime: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Returns its port.
fn runtime_api(invocations: Receiver<Invocation>, outcomes: Sender<(String, Outcome)>) -> u16 {
    let invocations = Mutex::new(invocations);
    serve(move |request| {
        let path = request
            .path
            .strip_prefix("/2018-06-01/runtime/invocation/")
            .expect("the version");
        let body = || serde_json::from_slice(&request.body).expect("JSON");
        let (id, outcome) = match (request.method.as_str(), path.split_once('/')) {
            ("GET", None) => {
                assert_eq!(path, "next");
                return match invocations.lock().expect("one asks at a time").recv() {
                    Ok(invocation) => next(invocation),
                    // The test is over.
                    Err(_) => loop {
                        thread::park();
                    },
                };
            }
            ("POST", Some((id, "response"))) => (id, Ok(body())),
            ("POST", Some((id, "error"))) => (id, Err(body())),
            (method, _) => panic!("{method} {path} is not of the API"),
        };
        outcomes
            .send((id.to_owned(), outcome))
            .expect("the test waits");
        Response::new("202 Accepted", "")
    })
}

fn next(invocation: Invocation) -> Response {
    let deadline = invocation
        .deadline
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    Response {
        headers: vec![
            ("Lambda-Runtime-Aws-Request-Id", invocation.id),
            (
                "Lambda-Runtime-Deadline-Ms",
                deadline.as_millis().to_string(),
            ),
            (
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:sa-east-1:123456789012:function:extrato".to_owned(),
            ),
        ],
        ..Response::new("200 OK", invocation.payload)
    }
}

/// A folder with the three files of `hiring`.
pub(crate) fn hiring() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("departments.csv", "1,Accounting\n2,Legal\n"),
        ("jobs.csv", "1,Lawyer\n"),
        (
            "hired_employees.csv",
            "1,Ana,2021-01-02T03:04:05Z,2,1\n2,João,2021-05-06T07:08:09Z,1,1\n",
        ),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// The request for all files of a folder.
pub(crate) fn all_of(dataset: &str, folder: &Path) -> Value {
    json!({"dataset": dataset, "from": folder})
}

/// Writes the six files of `sales` into a new folder: a hundred orders, a share of them with faults.
pub(crate) fn generate_sales(folder: &Path, dirty: Option<f64>) {
    let options = Options {
        dataset: Dataset::open("sales").expect("sales"),
        schema: "sales".to_owned(),
        size: 100,
        asked: Asked {
            dirty,
            ..Asked::default()
        },
        workers: Some(1),
        mode: Mode::Fresh,
        storage: Storage::default(),
    };
    generator::to_files::write(
        &folder.into(),
        FileFormat::Csv,
        &options,
        &Cancel::default(),
    )
    .expect("written");
}
