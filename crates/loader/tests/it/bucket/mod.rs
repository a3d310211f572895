//! Files in buckets and rejects into buckets, on a real S3 server with a proxy that can spoil its answers.

mod faults;
mod names;
mod reading;
mod rejects;

use std::io::Write as _;
use std::path::Path;
use std::thread::{self, JoinHandle};

use clap::Parser;
use database::Cancel;
use dataset::failure::{Failure, Kind};
use flate2::Compression;
use flate2::write::GzEncoder;
use loader::cli::LoadArgs;
use loader::{Report, load};
use serde_json::Value;
use storage::bucket::connect;
use testkit::Bucket;

use crate::world::{HIRING, World};

type Variables = Vec<(String, String)>;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    load: LoadArgs,
}

/// A load that is under way.
struct Loading {
    thread: JoinHandle<anyhow::Result<Report>>,
    cancel: Cancel,
}

impl Loading {
    /// Begins to load into the world's database, with these variables for the bucket. Any number of rows may be rejected.
    fn start(world: &World, bucket: &Bucket, variables: Variables, arguments: &[&str]) -> Self {
        connect(bucket.name(), &variables.into_iter().collect()).expect("variables");
        let dataset = world.dataset_folder();
        let dataset = dataset.to_str().expect("UTF-8");
        let rejects = world.rejects();
        let rejects = rejects.to_str().expect("UTF-8");
        let mut all = vec!["load", "--max-rejects", "100%", "--dataset", dataset];
        if !arguments.contains(&"--rejects") {
            all.extend(["--rejects", rejects]);
        }
        all.extend(arguments);
        let options = Program::try_parse_from(all)
            .expect("arguments")
            .load
            .options();
        let options = options.expect("options");
        let (settings, cancel) = (world.database.settings(), Cancel::default());
        let interrupted = cancel.clone();
        let thread = thread::spawn(move || load(&settings, &options, &interrupted));
        Self { thread, cancel }
    }

    fn end(self) -> anyhow::Result<Report> {
        self.thread.join().expect("no thread panicked")
    }

    /// Waits for the end of the load, which must succeed; returns the report.
    fn done(self) -> Value {
        let report = self.end().unwrap_or_else(|error| panic!("{error:#}"));
        serde_json::to_value(report).expect("JSON")
    }

    /// Waits for the end of the load, which must fail with this kind and these words; returns the whole message.
    fn refused(self, kind: Kind, saying: &str) -> String {
        let error = self.end().expect_err("refused");
        let said = format!("{error:#}");
        assert_eq!(Failure::kind_of(&error), Some(kind), "{said}");
        assert!(said.contains(saying), "{said} lacks {saying}");
        said
    }

    /// Interrupts the load, and waits for its end.
    fn interrupted(self) {
        self.cancel.cancel();
        self.refused(Kind::Interrupted, "interrupted");
    }
}

/// A world of the dataset `hiring`, and a bucket.
fn hiring() -> (World, Bucket) {
    (World::new(&HIRING), Bucket::create())
}

/// A file with this many departments.
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
