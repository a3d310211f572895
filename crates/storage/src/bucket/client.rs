//! A bucket as the crate `object_store` reaches it. Requests run on a few threads of their own; the caller waits.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use database::Cancel;
use dataset::failure::{Kind, OrFail};
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3ConfigKey};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    ClientConfigKey, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    RetryConfig, UpdateVersion,
};
use reqwest::Url;
use tokio::runtime::Runtime;

use super::body::Body;
use super::runtime::{runtime, wait};
use super::store::{Condition, Level, Meta, Store};
use super::{fault, profile};

/// How long connecting to a server may take.
const CONNECT_TIMEOUT: &str = "10 seconds";
/// How long a server may stay silent.
const READ_TIMEOUT: &str = "60 seconds";
/// How long one request may take in all: so long that a transfer that makes progress is never cut off.
const REQUEST_TIMEOUT: &str = "1 day";
/// How often and for how long a failed request is repeated: like Amazon's own clients when the server asks them to slow down.
const MAX_RETRIES: usize = 10;
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);

/// Connects to a bucket with the settings of these variables and of the files of Amazon's command line. Nothing is sent yet.
///
/// # Errors
/// [`Kind::Usage`] if the settings contradict each other.
pub(super) fn connect(
    bucket: &str,
    variables: &BTreeMap<String, String>,
) -> anyhow::Result<Arc<dyn Store>> {
    let failed = || format!("s3://{bucket}: the settings of the bucket are not valid");
    // All TLS here uses one provider; it is fine if another one was installed before.
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
    if let Some(endpoint) = endpoint {
        let scheme = Url::parse(&endpoint).map(|url| url.scheme().to_owned());
        match scheme.as_deref() {
            Ok("https") => {}
            // An address with http:// means that no TLS is wanted.
            Ok("http") => builder = builder.with_allow_http(true),
            _ => {
                return Err(Kind::Usage.error(format!(
                    "{endpoint} is not the address of a server of buckets: write https://HOST into AWS_ENDPOINT_URL"
                )));
            }
        }
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
        runtime: runtime().context("starting the client for buckets")?,
    }))
}

struct Client {
    store: Arc<AmazonS3>,
    name: String,
    runtime: &'static Runtime,
}

impl Client {
    /// Waits for an answer about `key`, unless the run is interrupted first.
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

fn meta(meta: ObjectMeta) -> Meta {
    Meta {
        key: meta.location.to_string(),
        bytes: meta.size,
        etag: meta.e_tag,
        modified: meta.last_modified.timestamp(),
    }
}

/// Whether an object below a prefix is only a folder's marker: Amazon's console makes a folder by writing an object of no bytes,
/// named as the prefix with a slash.
fn is_mark(found: &Meta, prefix: &str) -> bool {
    found.key == prefix
}

impl Store for Client {
    fn get(
        &self,
        key: &str,
        etag: Option<&str>,
        cancel: &Cancel,
    ) -> io::Result<(Meta, Box<dyn Read + Send>)> {
        let path = self.path(key)?;
        let options = GetOptions {
            if_match: etag.map(str::to_owned),
            ..GetOptions::default()
        };
        let found = self.wait(key, cancel, self.store.get_opts(&path, options))?;
        let about = meta(found.meta.clone());
        let (store, name) = (Arc::clone(&self.store), self.name.clone());
        let body = Body::start(store, name, path, found, self.runtime, cancel);
        Ok((about, Box::new(body)))
    }

    fn head(&self, key: &str, cancel: &Cancel) -> io::Result<Meta> {
        let path = self.path(key)?;
        match self.wait(key, cancel, self.store.head(&path)) {
            // The answer to a HEAD has no body and so gives no reason; the answer to a GET does.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.get(key, None, cancel).map(|(meta, _)| meta)
            }
            known => known.map(meta),
        }
    }

    fn list(&self, prefix: &str, cancel: &Cancel) -> io::Result<Vec<Meta>> {
        let path = self.path(prefix)?;
        let listed = self.store.list(Some(&path)).map_ok(meta).try_collect();
        let mut found: Vec<Meta> = self.wait(prefix, cancel, listed)?;
        found.retain(|found| !is_mark(found, prefix));
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }

    fn level(&self, prefix: &str, cancel: &Cancel) -> io::Result<Level> {
        let path = self.path(prefix)?;
        let listed = self.store.list_with_delimiter(Some(&path));
        let listed = self.wait(prefix, cancel, listed)?;
        let objects = listed.objects.into_iter().map(meta);
        Ok(Level {
            objects: objects.filter(|found| !is_mark(found, prefix)).collect(),
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
