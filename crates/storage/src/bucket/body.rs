//! The bytes of an object, read ahead of the reader on another thread.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use database::Cancel;
use futures_util::StreamExt;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResult, ObjectStore};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TryRecvError};

use super::fault;
use super::runtime::wait;

/// How many pieces of an object may wait for the reader; each has at most some tens of kilobytes.
const AHEAD: usize = 64;

/// The bytes of an object, read ahead of the reader.
pub(super) struct Body {
    pieces: Receiver<io::Result<Bytes>>,
    piece: Bytes,
    runtime: &'static Runtime,
    cancel: Cancel,
}

impl Body {
    /// Starts to read an object of the bucket named `bucket`; reading stops when the `Body` is dropped.
    pub(super) fn start(
        store: Arc<AmazonS3>,
        bucket: String,
        path: Path,
        found: GetResult,
        runtime: &'static Runtime,
        cancel: &Cancel,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(AHEAD);
        runtime.spawn(async move {
            if let Err(error) = hand_on(&store, &path, found, &sender).await {
                let error = fault::of(&bucket, path.as_ref(), &error);
                // The reader may be gone.
                let _ = sender.send(Err(error)).await;
            }
        });
        Self {
            pieces,
            piece: Bytes::new(),
            runtime,
            cancel: cancel.clone(),
        }
    }
}

/// Hands an object's bytes to the reader as they arrive. If the connection breaks, the rest is asked for again, as long as the
/// contents are the same and each attempt brings some bytes. The client's own retries would end with the time limit of a request,
/// and would not tell changed contents from a server that is gone.
async fn hand_on(
    store: &AmazonS3,
    path: &Path,
    found: GetResult,
    sender: &Sender<io::Result<Bytes>>,
) -> object_store::Result<()> {
    let (etag, mut left) = (found.meta.e_tag.clone(), found.range.clone());
    let mut pieces = found.into_stream();
    let mut some_came = false;
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => {
                left.start += piece.len() as u64;
                some_came = true;
                if sender.send(Ok(piece)).await.is_err() {
                    return Ok(());
                }
            }
            Err(_) if some_came && etag.is_some() => {
                let rest = GetOptions {
                    if_match: etag.clone(),
                    range: Some(GetRange::Bounded(left.clone())),
                    ..GetOptions::default()
                };
                pieces = store.get_opts(path, rest).await?.into_stream();
                some_came = false;
            }
            Err(error) => return Err(error),
        }
    }
    match left.start == left.end {
        true => Ok(()),
        false => Err(Error::Generic {
            store: "S3",
            source: "the server sent more or fewer bytes than it announced".into(),
        }),
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let next = match self.pieces.try_recv() {
                Ok(piece) => Some(piece),
                Err(TryRecvError::Disconnected) => None,
                Err(TryRecvError::Empty) => wait(self.runtime, &self.cancel, self.pieces.recv())?,
            };
            match next {
                None => return Ok(0),
                Some(piece) => self.piece = piece?,
            }
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
