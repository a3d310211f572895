//! The result of a model, as a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use tempfile::TempDir;

/// How many bytes of a file are read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// A computed file. It is deleted once nobody uses it any more.
pub(crate) struct Output {
    #[expect(dead_code, reason = "its files are deleted as it is dropped")]
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// A tag that other contents don't have.
    pub(crate) tag: String,
    pub(crate) rows: u64,
    /// The name that Postgres gave the snapshot.
    pub(crate) snapshot: String,
    /// The identifier of the run that computed it.
    pub(crate) run: String,
    /// The columns, as `{"name", "type"}`; null for a page.
    pub(crate) columns: Value,
    /// The offsets of some lines, if the file has lines that are given one by one: see [`lines`](super::lines).
    pub(crate) marks: Vec<u64>,
    pub(crate) made: Instant,
    /// How often rows had come in through the service when the output was computed.
    pub(crate) changes: u64,
}

impl Output {
    /// The whole file as a body, which is read as fast as the client takes it.
    ///
    /// # Errors
    /// An error if the file cannot be opened.
    pub(crate) fn body(&self) -> io::Result<Body> {
        // Once the file is open, it may be deleted.
        let file = File::open(&self.path)?;
        Ok(Body::from_stream(stream::try_unfold(
            file,
            |mut file| async move {
                let mut chunk = vec![0; CHUNK_BYTES];
                let read = tokio::task::block_in_place(|| file.read(&mut chunk))?;
                chunk.truncate(read);
                let next = (read > 0).then(|| (Bytes::from(chunk), file));
                Ok::<_, io::Error>(next)
            },
        )))
    }
}
