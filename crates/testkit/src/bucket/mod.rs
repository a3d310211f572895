//! A private bucket for each test, on a real S3 server that one test process shares.
//!
//! The server is SeaweedFS: `weed` on the PATH, or the program that `EXTRATO_TEST_WEED` names. It uses free ports of 127.0.0.1
//! and a temporary folder, and ends with the process, however that ends. Tests look at the objects through the server's filer,
//! which knows nothing of S3.
//!
//! SeaweedFS 4.48 differs from S3 in this: in a key it takes `\` and `//` for `/`; between two `/` it refuses `.`, `..` and names
//! of more than 255 bytes; and those that lose a race of conditional writes wait some seconds for their 412. If a key is an
//! object and also the folder of others, the filer shows only the folder.

mod faulty;
mod filer;
mod http;
mod server;

use std::collections::BTreeMap;
use std::process::Command;

use rand::RngExt;
use serde::Deserialize;

pub use faulty::{Fault, Faulty};
use server::Server;

/// A bucket that is empty at first and removed at the end of the test.
pub struct Bucket {
    server: &'static Server,
    name: String,
}

/// The identity of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A client that may do anything.
    Writer,
    /// A client that may list and read.
    Reader,
    /// A client with a key that the server doesn't know.
    Unknown,
    /// A client with the writer's key and a wrong secret.
    WrongSecret,
}

impl Bucket {
    /// Creates a bucket on the server that all tests of the process share.
    ///
    /// # Panics
    /// This and the other methods panic if the server cannot be started or used: a test can't go on without it.
    pub fn create() -> Self {
        let name = format!("test-{:016x}", rand::rng().random::<u64>());
        let server = Server::shared();
        let bucket = Self { server, name };
        assert_eq!(
            bucket.ask("POST", "", "", &[]).status,
            201,
            "a bucket is made"
        );
        bucket
    }

    /// The version of the server; if there is none, so that [`Bucket::create`] would panic, what to do about it.
    pub fn server() -> Result<String, &'static str> {
        let told = Command::new(server::program()?).arg("version").output();
        let told = String::from_utf8_lossy(&told.expect("it runs").stdout).into_owned();
        let version = told.lines().next().unwrap_or_default();
        Ok(format!(
            "SeaweedFS {}",
            version.trim_start_matches("version ")
        ))
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bucket's URL, `s3://name`.
    pub fn url(&self) -> String {
        format!("s3://{}", self.name)
    }

    /// The variables with which a program may do anything with the bucket.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables_of(Identity::Writer)
    }

    /// The variables that give a program this identity.
    pub fn variables_of(&self, identity: Identity) -> Vec<(String, String)> {
        let (key, secret) = match identity {
            Identity::Writer => ("writer", "secret of writer"),
            Identity::Reader => ("reader", "secret of reader"),
            Identity::Unknown => ("unknown", "secret of unknown"),
            Identity::WrongSecret => ("writer", "secret of reader"),
        };
        let endpoint = format!("http://127.0.0.1:{}", self.server.s3_port);
        [
            ("AWS_ENDPOINT_URL", &*endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// A new proxy before the bucket's server, which spoils requests as the test asks.
    pub fn faulty(&self) -> Faulty {
        Faulty::before(self.server.s3_port, self.variables())
    }

    /// The sizes of the bucket's objects in bytes, by key.
    pub fn objects(&self) -> BTreeMap<String, u64> {
        let mut objects = BTreeMap::new();
        self.collect("", &mut objects);
        objects.retain(|key, _| !key.starts_with(UPLOADS));
        objects
    }

    /// The bytes of the bucket's objects, by key.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |key: String| {
            let bytes = self.get(&key).expect("an object that is listed");
            (key, bytes)
        };
        self.objects().into_keys().map(read).collect()
    }

    /// How many uploads in parts were begun but neither completed nor aborted.
    pub fn open_uploads(&self) -> usize {
        self.entries(UPLOADS).len()
    }

    /// The bytes of an object; `None` if there is none with this key.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.ask("GET", key, "", &[]);
        match answer.status {
            200 => Some(answer.body),
            404 => None,
            status => panic!("{key}: {status}"),
        }
    }

    /// Creates or replaces an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        assert_eq!(self.ask("PUT", key, "", bytes).status, 201, "{key}");
    }

    /// Deletes an object, if there is one with this key.
    pub fn delete(&self, key: &str) {
        assert_eq!(self.ask("DELETE", key, "", &[]).status, 204, "{key}");
    }

    /// Removes the bucket and everything in it, as somebody else might while a program uses it.
    pub fn remove(&self) {
        let status = self.ask("DELETE", "", "?recursive=true", &[]).status;
        assert_eq!(status, 204, "{}", self.name);
    }

    fn collect(&self, folder: &str, objects: &mut BTreeMap<String, u64>) {
        for entry in self.entries(folder) {
            let key = format!("{folder}{}", entry.name());
            match entry.is_folder() {
                true => self.collect(&format!("{key}/"), objects),
                false => _ = objects.insert(key, entry.bytes),
            }
        }
    }

    /// The contents of a folder, whose name ends in `/`.
    fn entries(&self, folder: &str) -> Vec<Entry> {
        let answer = self.ask("GET", folder, "?limit=1000000", &[]);
        if answer.status == 404 {
            return vec![];
        }
        let listing: Listing = serde_json::from_slice(&answer.body).expect("a listing");
        listing.entries.unwrap_or_default()
    }

    fn ask(&self, method: &str, key: &str, query: &str, body: &[u8]) -> filer::Answer {
        let path = format!("/buckets/{}/{}{query}", self.name, filer::encoded(key));
        filer::request(self.server.filer_port, method, &path, body).expect("the filer answers")
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let path = format!("/buckets/{}/?recursive=true", self.name);
        let _ = filer::request(self.server.filer_port, "DELETE", &path, &[]);
    }
}

/// The folder in which the server keeps the parts of unfinished uploads.
const UPLOADS: &str = ".uploads/";

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "Entries")]
    entries: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "FullPath")]
    path: String,
    #[serde(rename = "Mode")]
    mode: u32,
    #[serde(rename = "FileSize")]
    bytes: u64,
}

impl Entry {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the entry is a folder, as in Go's `os.ModeDir`.
    fn is_folder(&self) -> bool {
        self.mode >> 31 == 1
    }
}
