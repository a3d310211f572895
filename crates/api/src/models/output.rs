//! What a model gave, as a file.

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

/// A file that was computed. It is deleted once nobody holds it any more.
pub(crate) struct Output {
    #[expect(dead_code, reason = "its files are deleted as it is dropped")]
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// What tells its contents from others.
    pub(crate) tag: String,
    pub(crate) rows: u64,
    /// The snapshot, as Postgres names it.
    pub(crate) snapshot: String,
    /// The run's identifier.
    pub(crate) run: String,
    /// The columns, as `{"name", "type"}`; none of a page.
    pub(crate) columns: Value,
    /// Where lines of the file begin, as far as it has lines that are told one by one.
    pub(crate) marks: Vec<u64>,
    pub(crate) made: Instant,
    /// How often rows had come in through the service when it was computed.
    pub(crate) changes: u64,
}

impl Output {
    /// The whole file as a body, read as the client takes it.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn body(&self) -> io::Result<Body> {
        // Once it is open it may be deleted.
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
