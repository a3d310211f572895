//! The threads on which all requests to buckets run, and waiting for what runs there.

use std::future::Future;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use database::Cancel;
use futures_util::future::{Either, select};
use tokio::runtime::{Builder, Runtime};

/// How often a waiting thread checks whether the run was interrupted.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// The threads on which all requests run.
///
/// # Errors
/// If the system gives no threads.
pub(super) fn runtime() -> io::Result<&'static Runtime> {
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

/// Waits for a request, unless the run is interrupted first.
///
/// # Errors
/// If the run is interrupted.
pub(super) fn wait<T>(
    runtime: &Runtime,
    cancel: &Cancel,
    asked: impl Future<Output = T>,
) -> io::Result<T> {
    runtime.block_on(async {
        let interrupted = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(CHECK_EVERY).await;
            }
        };
        let (asked, interrupted) = (std::pin::pin!(asked), std::pin::pin!(interrupted));
        match select(asked, interrupted).await {
            Either::Left((answer, _)) => Ok(answer),
            // The kind is one that nobody retries.
            Either::Right(_) => Err(io::Error::other("interrupted")),
        }
    })
}
