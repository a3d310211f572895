//! Old answers to requests with an Idempotency-Key are removed while the service runs.
//!
//! The table is walked by its blocks, some in each statement: no index on the time is needed, which each request would have to
//! write to, and ten million answers are as many small statements as ten thousand are, only more of them.

use std::sync::Arc;
use std::time::Duration;

use postgres::error::SqlState;
use tokio_postgres::Error;

use crate::pool::Pool;

/// How many blocks of the table a statement looks at.
const BLOCKS: i64 = 64;
/// How long a statement may take.
const MOST: Duration = Duration::from_secs(10);
/// The pause between statements, in which others find the session.
const PAUSE: Duration = Duration::from_millis(10);
/// The time from the end of one removal to the beginning of the next.
const EVERY: Duration = Duration::from_secs(3600);

/// Why a removal ended early.
enum Ended {
    /// The role may not delete.
    NoRight,
    /// The database had no time, or failed.
    Otherwise(String),
}

/// Removes answers that are older than so many days, at once and then every hour, for ever.
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

/// Removes answers that are older than so many days and returns how many there were.
async fn removed(pool: &Arc<Pool>, days: u32) -> Result<u64, Ended> {
    let (mut removed, mut block) = (0, 0);
    loop {
        let lent = pool.lend().await;
        let lent = lent.map_err(|problem| Ended::Otherwise(problem.name().to_owned()))?;
        let done = tokio::time::timeout(MOST, statement(&lent.session.client, days, block)).await;
        // Without an end it would keep the session, as where somebody has locked the table.
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

/// Removes old answers from some blocks; returns how many blocks the table has, and how many answers were removed.
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
    // Blocks by a range of ctid are read alone, whatever the size of the table.
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
