//! One run at a time: an advisory lock on a schema for one command, held by a transaction.
//!
//! A session's lock would stay behind with a pooler's connection. A run of several transactions takes the lock again in
//! each, and looks again at what may have changed in between.
//!
//! A killed run's lock stays until the server notices that its client is gone, which is why one that is taken is asked
//! for again before it counts as another run's.

use std::thread;
use std::time::Duration;

use dataset::failure::Kind;
use postgres::GenericClient;
use postgres::types::Type;

/// How often a lock is asked for.
const TRIES: u32 = 20;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Keeps other runs of `command` off a schema until the end of `client`'s transaction.
///
/// # Errors
/// [`Kind::Refused`] if another run has it; the server's.
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
