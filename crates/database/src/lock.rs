//! One run at a time: an advisory lock on a schema for one command, asked for again for a second.
//!
//! A killed run's lock stays until the server notices that its client is gone, which is why one that is taken is asked
//! for again before it counts as another run's.

use std::thread;
use std::time::Duration;

use dataset::failure::Kind;
use postgres::{Client, GenericClient};

/// How often a lock is asked for.
const TRIES: u32 = 20;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// The number of the lock that `command` takes on the schema `$1`.
fn number(command: &str) -> String {
    format!("hashtextextended('extrato {command} ' || $1, 0)")
}

fn take(
    client: &mut impl GenericClient,
    function: &str,
    command: &str,
    schema: &str,
) -> anyhow::Result<()> {
    let query = format!("SELECT {function}({})", number(command));
    for _ in 0..TRIES {
        if client.query_one(&query, &[&schema])?.get(0) {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Err(Kind::Refused.error(format!(
        "another {command} is running on schema {schema}: wait for its end, or name another schema"
    )))
}

/// Keeps other runs of `command` off a schema until [`unlock`], or until `client` disconnects.
///
/// # Errors
/// [`Kind::Refused`] if another run has it; the server's.
pub fn lock(client: &mut Client, command: &str, schema: &str) -> anyhow::Result<()> {
    take(client, "pg_try_advisory_lock", command, schema)
}

/// Keeps other runs of `command` off a schema until the end of `client`'s transaction.
///
/// # Errors
/// [`Kind::Refused`] if another run has it; the server's.
pub fn lock_for_transaction(
    client: &mut impl GenericClient,
    command: &str,
    schema: &str,
) -> anyhow::Result<()> {
    take(client, "pg_try_advisory_xact_lock", command, schema)
}

/// Lets other runs on, at once and not only when the server notices that this one is gone.
pub fn unlock(client: &mut Client, command: &str, schema: &str) {
    let query = format!("SELECT pg_advisory_unlock({})", number(command));
    if let Err(error) = client.query_one(&query, &[&schema]) {
        tracing::debug!(%error, "the lock goes with the connection");
    }
}
