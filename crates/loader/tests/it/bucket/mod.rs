//! Files in buckets and rejects into them, on a real S3 server that may be spoiled.
//!
//! Who asks a bucket, and where, is said by variables of the process, so each load has one of its own: this program again, which
//! runs nothing but [`in_a_process_of_its_own`].

mod faults;
mod names;
mod reading;
mod rejects;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio, exit};
use std::{env, thread};

use clap::Parser;
use database::{Cancel, Environment};
use dataset::failure::{Failure, Kind};
use flate2::Compression;
use flate2::write::GzEncoder;
use loader::cli::LoadArgs;
use serde_json::Value;
use tempfile::NamedTempFile;
use testkit::Bucket;

use crate::world::{HIRING, World};

/// The variables that tell a load of its own what to load and where its report goes.
const ARGUMENTS: &str = "EXTRATO_TEST_LOAD";
const REPORT: &str = "EXTRATO_TEST_REPORT";

type Variables = Vec<(String, String)>;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    load: LoadArgs,
}

#[test]
#[ignore = "is run by the other tests on buckets"]
fn in_a_process_of_its_own() {
    let (Ok(arguments), Ok(report)) = (env::var(ARGUMENTS), env::var(REPORT)) else {
        return;
    };
    let cancel = Cancel::default();
    let interrupted = cancel.clone();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        interrupted.cancel();
    });
    let arguments: Vec<String> = serde_json::from_str(&arguments).expect("arguments");
    let arguments = Program::parse_from(arguments).load;
    let load = || {
        let options = arguments.options()?;
        loader::check(&options, &cancel)?;
        let settings = arguments
            .connection
            .settings(&Environment::from_process())?;
        loader::load(&settings.expect("a database"), &options, &cancel)
    };
    match load() {
        Ok(done) => serde_json::to_writer(File::create(report).expect("a file"), &done)
            .expect("a report is written"),
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            let kind = Failure::kind_of(&error).unwrap_or(Kind::Internal);
            exit(kind.exit_code().into());
        }
    }
}

/// A load that is under way in a process of its own, and is interrupted when this is told to it.
struct Loading {
    child: Child,
    running: ChildStdin,
    report: NamedTempFile,
}

impl Loading {
    /// Begins to load into the world's database. Any number of rows may be rejected.
    fn start(world: &World, variables: Variables, arguments: &[&str]) -> Self {
        let report = NamedTempFile::new().expect("a file");
        let dataset = world.dataset_folder();
        let always = [
            "load",
            "--max-rejects",
            "100%",
            "--dataset",
            dataset.to_str().expect("UTF-8"),
        ];
        let arguments = [&always, arguments].concat();
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "bucket::in_a_process_of_its_own"])
            .args(["--ignored", "--nocapture", "--quiet"])
            .envs(variables)
            .envs(world.database.variables())
            .env(ARGUMENTS, serde_json::json!(arguments).to_string())
            .env(REPORT, report.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this program runs again");
        Self {
            running: child.stdin.take().expect("a pipe"),
            child,
            report,
        }
    }

    /// Waits for its end, which is a report.
    fn done(self) -> Value {
        let (report, running) = (self.report, self.running);
        let output = self.child.wait_with_output().expect("it ends");
        drop(running);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_reader(File::open(report.path()).expect("a file")).expect("a report")
    }

    /// Waits for its end, which is a failure of this kind that says this. Gives all that it says.
    fn refused(self, kind: Kind, saying: &str) -> String {
        let running = self.running;
        let output = self.child.wait_with_output().expect("it ends");
        drop(running);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = i32::from(kind.exit_code());
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(saying), "{said} lacks {saying}");
        said
    }

    /// Interrupts it, and waits for its end.
    fn interrupted(self) {
        drop(self.running);
        let output = self.child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        let code = i32::from(Kind::Interrupted.exit_code());
        assert_eq!(output.status.code(), Some(code), "{said}");
    }
}

/// A world of the dataset `hiring`, and a bucket.
fn hiring() -> (World, Bucket) {
    (World::new(&HIRING), Bucket::create())
}

/// So many departments.
fn departments(rows: u32) -> String {
    (1..=rows)
        .map(|id| format!("{id},Department {id}\n"))
        .collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("read")
}
