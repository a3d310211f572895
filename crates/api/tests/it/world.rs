//! A service on a database of its own, and a client that sends exactly the bytes it is given.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use api::keys::{self, NewKey};
use api::{ServeOptions, serve};
use database::{Cancel, Connection, Settings};
use dataset::Dataset;
use serde_json::Value;
use tempfile::TempDir;
use testkit::Database;

/// Departments and jobs 1 to 3, and no employees.
const HIRING: &str =
    "INSERT INTO departments SELECT n, 'Department ' || n FROM generate_series(1, 3) AS n;
    INSERT INTO jobs SELECT n, 'Job ' || n FROM generate_series(1, 3) AS n;";

/// A service that runs until it is dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    cancel: Cancel,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Service {
    /// Starts a service that needs no key.
    pub(crate) fn start(settings: &Settings, options: ServeOptions) -> Self {
        Self::start_with(settings, options, false)
    }

    /// Starts a service that may need a key.
    pub(crate) fn start_with(
        settings: &Settings,
        mut options: ServeOptions,
        needs_key: bool,
    ) -> Self {
        options.listen.set_port(0);
        options.environment = testkit::environment();
        options.needs_key &= needs_key;
        let (cancel, settings) = (Cancel::default(), settings.clone());
        let of_thread = cancel.clone();
        let (told, address) = mpsc::channel();
        let running = thread::spawn(move || {
            serve(&settings, &options, &of_thread, |address| {
                told.send(address).expect("told");
            })
        });
        let Ok(address) = address.recv() else {
            let error = running.join().expect("no panic").expect_err("why");
            panic!("the service does not start: {error:#}");
        };
        Self {
            address,
            cancel,
            running: Some(running),
        }
    }

    /// Stops the service, which first finishes what it has accepted.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.cancel.cancel();
        if let Some(running) = self.running.take() {
            let ended = running.join().expect("the service does not panic");
            if !thread::panicking() {
                ended.expect("the service ends");
            }
        }
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send(
            path,
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        )
    }

    /// Posts a body with headers.
    pub(crate) fn send(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = format!("POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n", body.len());
        self.raw(&[request.as_bytes(), body].concat())
    }

    /// Gets a path.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Sends a request without a body, with further headers, each with its line's end.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        self.raw(
            format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n")
                .as_bytes(),
        )
    }

    /// Sends bytes, and reads until the service closes the connection.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A service that refuses a body may not read it.
        let _ = stream.write_all(bytes);
        Answer::read(&mut stream).expect("an answer")
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("connected");
        let timeout = Some(Duration::from_secs(60));
        stream.set_read_timeout(timeout).expect("a timeout");
        stream
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads an answer to its end; `None` if nothing came.
    pub(crate) fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        // After an early answer the connection may be reset.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let all = headers.entry(name.to_lowercase()).or_default();
            *all += if all.is_empty() { "" } else { ", " };
            *all += value;
        }
        Some(Self {
            status,
            headers,
            body: body.to_owned(),
        })
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.body))
    }

    /// The kind of the problem, without the common beginning of their URIs.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{}", self.body);
        let kind = problem["type"].as_str().expect("a type");
        kind.strip_prefix("urn:extrato:problem:")
            .expect("ours")
            .to_owned()
    }

    /// The outcome of each row: `inserted`, or `column rule` for each broken rule.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let answer = self.json();
        let outcomes = answer["outcomes"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", self.body));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let each = outcomes.iter().enumerate().map(|(index, row)| {
            assert_eq!(row["index"], index);
            let outcome = text(&row["outcome"]);
            let broken = row["violations"].as_array().into_iter().flatten();
            let broken: Vec<_> = broken
                .map(|broken| format!("{} {}", text(&broken["column"]), text(&broken["rule"])))
                .collect();
            assert_eq!(broken.is_empty(), outcome != "rejected", "{}", self.body);
            match broken.is_empty() {
                true => outcome,
                false => broken.join(", "),
            }
        });
        each.collect()
    }
}

/// A database with hiring's tables, and a service on it.
pub(crate) struct Hiring {
    pub(crate) service: Service,
    pub(crate) database: Database,
}

pub(crate) const EMPLOYEES: &str = "/v1/hiring/hired_employees";

/// Creates hiring's tables in a database.
pub(crate) fn hiring(database: &Database) -> Dataset {
    let dataset = Dataset::open("hiring").expect("built in");
    make(database, &dataset, HIRING);
    dataset
}

/// Creates a dataset's tables in a database, with rows.
pub(crate) fn make(database: &Database, dataset: &Dataset, rows: &str) {
    let Dataset {
        name,
        schema_sql,
        constraints_sql,
        ..
    } = dataset;
    database
        .connect()
        .batch_execute(&format!(
            "CREATE SCHEMA {name}; SET search_path TO {name}; {schema_sql}; {constraints_sql}; {rows}"
        ))
        .expect("tables");
}

impl Hiring {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// Starts the service with some options changed.
    pub(crate) fn with(change: impl FnOnce(&mut ServeOptions)) -> Self {
        let database = Database::create();
        let dataset = hiring(&database);
        let mut options = ServeOptions::new(vec![(dataset, "hiring".to_owned())]);
        change(&mut options);
        Self {
            service: Service::start(&database.settings(), options),
            database,
        }
    }

    pub(crate) fn post(&self, body: &str) -> Answer {
        self.service.post(EMPLOYEES, body)
    }

    /// The number of rows that a query finds.
    pub(crate) fn count(&self, of: &str) -> i64 {
        count(&mut self.database.connect(), of)
    }

    pub(crate) fn employees(&self) -> i64 {
        self.count("hiring.hired_employees")
    }
}

/// A service that needs keys, on a database with hiring's tables.
pub(crate) struct Guarded {
    pub(crate) service: Service,
    pub(crate) database: Database,
}

impl Guarded {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// Starts the service with some options changed.
    pub(crate) fn with(change: impl FnOnce(&mut ServeOptions)) -> Self {
        let database = Database::create();
        let mut options = ServeOptions::new(vec![(hiring(&database), "hiring".to_owned())]);
        change(&mut options);
        let service = Service::start_with(&database.settings(), options, true);
        Self { service, database }
    }

    pub(crate) fn key(&self, name: &str, scope: &str) -> String {
        let key = NewKey {
            name: name.to_owned(),
            scopes: vec![scope.parse().expect("a scope")],
            expires_days: None,
        };
        keys::create(&self.database.settings(), &key, &Cancel::default()).expect("a key")
    }

    /// Posts an employee.
    pub(crate) fn post(&self, authorization: &str, id: i64) -> Answer {
        let headers = [
            ("Content-Type", "application/json"),
            ("Authorization", authorization),
        ];
        let headers = match authorization {
            "" => &headers[..1],
            _ => &headers,
        };
        self.service
            .send(EMPLOYEES, headers, employees([id]).as_bytes())
    }

    /// Posts JSON with a key, and with additional headers if any.
    pub(crate) fn send(&self, key: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![
            ("Content-Type", "application/json"),
            ("Authorization", &*bearer),
        ];
        headers.extend(more);
        self.service.send(path, &headers, body.as_bytes())
    }

    /// The answer with the metrics.
    pub(crate) fn metrics(&self, key: &str) -> Answer {
        self.service.raw(
            format!(
                "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
            )
            .as_bytes(),
        )
    }

    pub(crate) fn employees(&self) -> i64 {
        self.count("hiring.hired_employees")
    }

    /// The number of rows that a query finds.
    pub(crate) fn count(&self, of: &str) -> i64 {
        count(&mut self.database.connect(), of)
    }

    pub(crate) fn sql(&self, statement: &str) {
        self.database
            .connect()
            .batch_execute(statement)
            .expect(statement);
    }
}

pub(crate) fn count(client: &mut Connection, of: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {of}");
    client.query_one(&query, &[]).expect("a count").get(0)
}

/// A valid row of an employee.
pub(crate) fn employee(id: i64) -> String {
    format!(
        r#"{{"id": {id}, "name": "Employee {id}", "datetime": "2021-05-01T08:00:00Z", "department_id": {}, "job_id": {}}}"#,
        1 + id % 3,
        1 + id % 2
    )
}

/// Valid rows of employees, as an array.
pub(crate) fn employees(ids: impl IntoIterator<Item = i64>) -> String {
    let rows: Vec<_> = ids.into_iter().map(employee).collect();
    format!("[{}]", rows.join(", "))
}

/// A dataset of a test's own, its database and a service on it.
pub(crate) struct Own {
    pub(crate) service: Service,
    pub(crate) database: Database,
    _folder: TempDir,
}

impl Own {
    /// A dataset `own` with these tables, each with its rules for loading, and the statements that create them.
    pub(crate) fn start(tables: &str, statements: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        write("dataset.toml", &format!("name = \"own\"\n{tables}"));
        write("schema.sql", "");
        let dataset = Dataset::open(&folder.path().display().to_string()).expect("a dataset");
        let database = Database::create();
        make(&database, &dataset, statements);
        let options = ServeOptions::new(vec![(dataset, "own".to_owned())]);
        Self {
            service: Service::start(&database.settings(), options),
            database,
            _folder: folder,
        }
    }

    pub(crate) fn count(&self, of: &str) -> i64 {
        count(&mut self.database.connect(), of)
    }
}
