//! One run at a time: an advisory lock for one command on a schema, held by a transaction.
//!
//! A lock of the session would stay behind in a pooler's connection. A run of several transactions takes the lock again in
//! each, and checks again what may have changed in between.
//!
//! The lock of a killed run stays until the server notices that its client is gone. So a lock that is taken is tried again
//! before it counts as another run's.

use std::thread;
use std::time::Duration;

use dataset::failure::Kind;
use postgres::GenericClient;
use postgres::types::Type;

/// How often a lock is tried.
const TRIES: u32 = 20;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Keeps other runs of `command` off a schema until the end of `client`'s transaction.
///
/// # Errors
/// [`Kind::Refused`] if another run has the lock; the server's errors.
pub fn lock(client: &mut impl GenericClient, command: &str, schema: &str) -> anyhow::Result<()> {
    let query = format!(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('extrato {command} ' || $1, 0))"
    );
    for _ in 0..TRIES {
        let taken = client.query_typed_one(&query, &[(&schema, Type::TEXT)])?;
        if taken.get(0) {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Err(Kind::Refused.error(format!(
        "another {command} is running on schema {schema}: wait until it ends, or name another schema"
    )))
}
