//! What there is of buckets in a program that was built without them.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataset::failure::Kind;

use super::store::Store;

/// Refuses a bucket.
///
/// # Errors
/// Always, of [`Kind::Usage`].
pub(super) fn connect(
    bucket: &str,
    _: &BTreeMap<String, String>,
) -> anyhow::Result<Arc<dyn Store>> {
    Err(Kind::Usage.error(format!(
        "s3://{bucket}: this program was built without buckets: take one of a release or an image, or build it with \
         --features bucket"
    )))
}
