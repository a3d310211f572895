//! A bucket as the crate `object_store` reaches it. Its tasks run on a few threads of their own; whoever asks waits.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use database::Cancel;
use dataset::failure::{Kind, OrFail};
use futures_util::future::{Either, select};
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3ConfigKey};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    ClientConfigKey, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig, UpdateVersion,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use super::store::{Condition, Level, Meta, Store};
use super::{fault, profile};

/// How long a server may take for a connection.
const CONNECT_TIMEOUT: &str = "10 seconds";
/// How long a server may be silent.
const READ_TIMEOUT: &str = "60 seconds";
/// How long a request may take in all: as long as there are bytes, it goes on.
const REQUEST_TIMEOUT: &str = "1 day";
/// How often a request is sent again, and for how long: as long as Amazon's own clients do where they are slowed down.
const MAX_RETRIES: usize = 10;
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);
/// Between two looks whether the run was interrupted.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// How many pieces of an object wait for who reads it; each has at most some tens of kilobytes.
const AHEAD: usize = 64;

/// Connects to a bucket, by what these variables and the files of Amazon's command line say. Nothing is sent yet.
///
/// # Errors
/// [`Kind::Usage`] if they contradict themselves.
pub(super) fn connect(
    bucket: &str,
    variables: &BTreeMap<String, String>,
) -> anyhow::Result<Arc<dyn Store>> {
    let failed = || format!("s3://{bucket}: the settings of the bucket make no sense");
    // One provider for all that speaks TLS here; that another was chosen before is no fault.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = profile::builder(variables)?;
    builder = builder.with_bucket_name(bucket);
    let limits = [
        (ClientConfigKey::Timeout, REQUEST_TIMEOUT),
        (ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT),
        (ClientConfigKey::ReadTimeout, READ_TIMEOUT),
    ];
    for (key, limit) in limits {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), limit);
    }
    let endpoints = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoints
        .iter()
        .find_map(|key| builder.get_config_value(key));
    // Who names such an address wants no TLS.
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    let retry = RetryConfig {
        max_retries: MAX_RETRIES,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    let store = builder
        .with_retry(retry)
        .build()
        .or_fail(Kind::Usage, failed)?;
    Ok(Arc::new(Client {
        store: Arc::new(store),
        name: bucket.to_owned(),
        runtime: runtime().context("starting what talks to buckets")?,
    }))
}

/// The threads on which all requests run.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("bucket")
        .enable_all()
        .build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

struct Client {
    store: Arc<AmazonS3>,
    name: String,
    runtime: &'static Runtime,
}

impl Client {
    /// Waits for an answer about `key`, and no longer than the run goes on.
    fn wait<T>(
        &self,
        key: &str,
        cancel: &Cancel,
        asked: impl Future<Output = object_store::Result<T>>,
    ) -> io::Result<T> {
        let answer = wait(self.runtime, cancel, asked)?;
        answer.map_err(|error| fault::of(&self.name, key, &error))
    }

    fn path(&self, key: &str) -> io::Result<Path> {
        Path::parse(key).map_err(|error| {
            let named = format!(
                "s3://{}/{key} cannot be the name of an object: {error}",
                self.name
            );
            io::Error::new(ErrorKind::InvalidInput, named)
        })
    }
}

/// Waits for what is under way, and no longer than the run goes on.
fn wait<T>(runtime: &Runtime, cancel: &Cancel, asked: impl Future<Output = T>) -> io::Result<T> {
    runtime.block_on(async {
        let interrupted = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(CHECK_EVERY).await;
            }
        };
        let (asked, interrupted) = (std::pin::pin!(asked), std::pin::pin!(interrupted));
        match select(asked, interrupted).await {
            Either::Left((answer, _)) => Ok(answer),
            // Of a kind that nobody takes for a reason to try again.
            Either::Right(_) => Err(io::Error::other("interrupted")),
        }
    })
}

fn meta(meta: ObjectMeta) -> Meta {
    Meta {
        key: meta.location.to_string(),
        bytes: meta.size,
        etag: meta.e_tag,
        modified: meta.last_modified.timestamp(),
    }
}

impl Store for Client {
    fn get(
        &self,
        key: &str,
        etag: Option<&str>,
        range: Option<(u64, u64)>,
        cancel: &Cancel,
    ) -> io::Result<(Meta, Box<dyn Read + Send>)> {
        let path = self.path(key)?;
        let options = GetOptions {
            if_match: etag.map(str::to_owned),
            range: range.map(|(start, end)| GetRange::Bounded(start..end)),
            ..GetOptions::default()
        };
        let found = self.wait(key, cancel, self.store.get_opts(&path, options))?;
        let about = meta(found.meta.clone());
        let (sender, pieces) = mpsc::channel(AHEAD);
        let (name, of) = (self.name.clone(), key.to_owned());
        // Read ahead of whoever asks, until they no longer do.
        self.runtime.spawn(async move {
            let mut stream = found.into_stream();
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|error| fault::of(&name, &of, &error));
                let is_last = piece.is_err();
                if sender.send(piece).await.is_err() || is_last {
                    return;
                }
            }
        });
        let body = Body {
            pieces,
            piece: bytes::Bytes::new(),
            runtime: self.runtime,
            cancel: cancel.clone(),
        };
        Ok((about, Box::new(body)))
    }

    fn head(&self, key: &str, cancel: &Cancel) -> io::Result<Meta> {
        let path = self.path(key)?;
        self.wait(key, cancel, self.store.head(&path)).map(meta)
    }

    fn list(&self, prefix: &str, cancel: &Cancel) -> io::Result<Vec<Meta>> {
        let path = self.path(prefix)?;
        let listed = self.store.list(Some(&path)).map_ok(meta).try_collect();
        let mut found: Vec<Meta> = self.wait(prefix, cancel, listed)?;
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }

    fn level(&self, prefix: &str, cancel: &Cancel) -> io::Result<Level> {
        let path = self.path(prefix)?;
        let listed = self.store.list_with_delimiter(Some(&path));
        let listed = self.wait(prefix, cancel, listed)?;
        Ok(Level {
            objects: listed.objects.into_iter().map(meta).collect(),
            prefixes: listed.common_prefixes.iter().map(Path::to_string).collect(),
        })
    }

    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition,
        cancel: &Cancel,
    ) -> io::Result<Option<String>> {
        let path = self.path(key)?;
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Is(etag) => PutMode::Update(UpdateVersion {
                e_tag: Some(etag),
                version: None,
            }),
        };
        let put = self
            .store
            .put_opts(&path, bytes.into(), PutOptions::from(mode));
        Ok(self.wait(key, cancel, put)?.e_tag)
    }

    fn delete(&self, keys: Vec<String>, cancel: &Cancel) -> io::Result<()> {
        let Some(first) = keys.first().cloned() else {
            return Ok(());
        };
        let paths: Vec<_> = keys
            .iter()
            .map(|key| self.path(key).map(Ok))
            .collect::<io::Result<_>>()?;
        let paths = futures_util::stream::iter(paths).boxed();
        let deleted = self.store.delete_stream(paths);
        let deleted = deleted.try_for_each(|_| std::future::ready(Ok(())));
        match self.wait(&first, cancel, deleted) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            deleted => deleted,
        }
    }

    fn begin(&self, key: &str, cancel: &Cancel) -> io::Result<String> {
        let path = self.path(key)?;
        self.wait(key, cancel, self.store.create_multipart(&path))
    }

    fn part(
        &self,
        key: &str,
        upload: &str,
        number: usize,
        bytes: Vec<u8>,
        cancel: &Cancel,
    ) -> io::Result<String> {
        let path = self.path(key)?;
        let upload = upload.to_owned();
        let put = self.store.put_part(&path, &upload, number, bytes.into());
        Ok(self.wait(key, cancel, put)?.content_id)
    }

    fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
        cancel: &Cancel,
    ) -> io::Result<()> {
        let path = self.path(key)?;
        let parts = parts.into_iter().map(|content_id| PartId { content_id });
        let upload = upload.to_owned();
        let completed = self
            .store
            .complete_multipart(&path, &upload, parts.collect());
        self.wait(key, cancel, completed).map(drop)
    }

    fn abort(&self, key: &str, upload: &str) -> io::Result<()> {
        let path = self.path(key)?;
        let upload = upload.to_owned();
        let aborted = self.store.abort_multipart(&path, &upload);
        self.wait(key, &Cancel::default(), aborted)
    }
}

/// The bytes of an object, as they come.
struct Body {
    pieces: mpsc::Receiver<io::Result<bytes::Bytes>>,
    piece: bytes::Bytes,
    runtime: &'static Runtime,
    cancel: Cancel,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let next = match self.pieces.try_recv() {
                Ok(piece) => Some(piece),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
                Err(mpsc::error::TryRecvError::Empty) => {
                    wait(self.runtime, &self.cancel, self.pieces.recv())?
                }
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
