//! Removes old answers to requests with an Idempotency-Key while the service runs.
//!
//! Each statement looks at some blocks of the table. So no index on the time is needed, which each request would have to write to,
//! and each statement is small: ten million answers only take more statements than ten thousand.

use std::sync::Arc;
use std::time::Duration;

use postgres::error::SqlState;
use tokio_postgres::Error;

use crate::pool::Pool;

/// How many blocks of the table a statement looks at.
const BLOCKS: i64 = 64;
/// How long a statement may take.
const MOST: Duration = Duration::from_secs(10);
/// The pause between statements, in which other requests can get the session.
const PAUSE: Duration = Duration::from_millis(10);
/// The time from the end of one removal to the beginning of the next.
const EVERY: Duration = Duration::from_secs(3600);

/// The reason why a removal ended early.
enum Ended {
    /// The role lacks the right to delete.
    NoRight,
    /// The database had no time, or an error.
    Otherwise(String),
}

/// Removes answers that are older than this many days, at once and then every hour, for ever.
pub(crate) async fn remove(pool: Arc<Pool>, days: u32) {
    loop {
        match removed(&pool, days).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!("{removed} answers older than {days} days were removed"),
            Err(Ended::NoRight) => {
                tracing::warn!(
                    "old answers stay in extrato_serve.request: the role may not delete them; sql/roles.sql has the \
                     grant for it"
                );
                return;
            }
            Err(Ended::Otherwise(why)) => tracing::debug!("old answers stay for now: {why}"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Removes answers that are older than this many days, and returns how many there were.
async fn removed(pool: &Arc<Pool>, days: u32) -> Result<u64, Ended> {
    let (mut removed, mut block) = (0, 0);
    loop {
        let lent = pool.lend().await;
        let lent = lent.map_err(|problem| Ended::Otherwise(problem.name().to_owned()))?;
        let done = tokio::time::timeout(MOST, statement(&lent.session.client, days, block)).await;
        // Without a timeout a locked table would keep the session for ever.
        let (blocks, of_blocks) =
            done.map_err(|_| Ended::Otherwise("the table is locked".to_owned()))??;
        lent.give_back();
        removed += of_blocks;
        block += BLOCKS;
        if block >= blocks {
            return Ok(removed);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Removes old answers from some blocks. Returns how many blocks the table has, and how many answers were removed.
async fn statement(
    client: &tokio_postgres::Client,
    days: u32,
    block: i64,
) -> Result<(i64, u64), Error> {
    let size = client.query_one(
        "SELECT pg_catalog.pg_relation_size('extrato_serve.request'::pg_catalog.regclass)
              / pg_catalog.current_setting('block_size')::pg_catalog.int8",
        &[],
    );
    // For a range of ctid only its blocks are read, however large the table is.
    let (from, to) = (format!("({block},0)"), format!("({},0)", block + BLOCKS));
    let delete = format!(
        "DELETE FROM extrato_serve.request WHERE ctid >= '{from}' AND ctid < '{to}'
         AND at < pg_catalog.now() - pg_catalog.make_interval(days => {days})"
    );
    let blocks = size.await?.try_get(0)?;
    Ok((blocks, client.execute(&delete, &[]).await?))
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            true => Self::NoRight,
            false => Self::Otherwise(error.to_string()),
        }
    }
}
