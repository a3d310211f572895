//! Stands in for the client in a program that was built without buckets.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataset::failure::Kind;

use super::store::Store;

/// Refuses any bucket, since this program was built without them.
///
/// # Errors
/// [`Kind::Usage`], always.
pub(super) fn connect(
    bucket: &str,
    _: &BTreeMap<String, String>,
) -> anyhow::Result<Arc<dyn Store>> {
    Err(Kind::Usage.error(format!(
        "s3://{bucket}: this program was built without buckets: take one of a release or an image, or build it with \
         --features bucket"
    )))
}
