//! What an error of the database means: its kind, what to do about it, and whether it may not come again.

use dataset::failure::{Failure, Kind};
use postgres::error::SqlState;

use crate::connect::Settings;

/// The kind of `error`: the one that it names, or else the one that follows from the server's code.
pub fn kind(error: &anyhow::Error) -> Kind {
    Failure::kind_of(error)
        .unwrap_or_else(|| from_database(error).map_or(Kind::Internal, kind_of_database_error))
}

/// The documented exit code for `error`, which follows from its kind.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    kind(error).exit_code()
}

/// Whether `error` is the loss of a connection or of a race for locks, so that another try may succeed.
pub fn is_transient(error: &anyhow::Error) -> bool {
    from_database(error).is_some_and(|error| match error.code().map(SqlState::code) {
        // The connection itself broke.
        None => true,
        // Connection exceptions, serialization failure, deadlock, shutdowns of the backend or the server, the end of a
        // session that was idle for too long.
        Some(code) => {
            code.starts_with("08")
                || ["40001", "40P01", "57P01", "57P02", "57P03", "57P05"].contains(&code)
        }
    })
}

fn from_database(error: &anyhow::Error) -> Option<&postgres::Error> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<postgres::Error>())
}

/// Gives an error that ended the reading from `server` its kind, and says what happened and what to do. An error that already
/// has a kind, or isn't the database's, stays as it is.
pub(crate) fn while_reading(error: anyhow::Error, server: &Settings) -> anyhow::Error {
    let Some(cause) = from_database(&error).filter(|_| Failure::kind_of(&error).is_none()) else {
        return error;
    };
    let kind = match of_materialised_view(cause) {
        true => Kind::Mismatch,
        false => kind_of_database_error(cause),
    };
    let message = match cause.code().map(SqlState::code) {
        // The client may see the end of the connection before the server's last words.
        None => format!(
            "the connection to {server} was lost, or ended there: run again once it can be reached"
        ),
        Some("57P01") => format!(
            "an administrator ended the session on {server}, or the server was shut down: run again"
        ),
        Some("57P02") => format!(
            "{server} is restarting because one of its processes crashed: look into its log, then run again"
        ),
        Some("57014") => {
            format!("an administrator cancelled a statement of this run on {server}: run again")
        }
        Some("40P01") => format!(
            "this run and another session on {server} waited for each other's locks: run again"
        ),
        Some("55P03") => format!(
            "another session on {server} is waiting to alter, truncate or drop what is read here, and the two would \
             wait for each other for ever: run again once it is done"
        ),
        // For a run that only reads, only the replay of a replica conflicts.
        Some("40001") => format!(
            "the replica {server} cancelled this run to apply its primary's changes: raise max_standby_streaming_delay (or \
             max_standby_archive_delay) there, set hot_standby_feedback, or read from the primary"
        ),
        Some("72000") => format!(
            "{server} keeps old rows for a shorter time than this run took: raise its old_snapshot_threshold"
        ),
        // The message names the materialised view, even if it is read through another view.
        Some("55000") if of_materialised_view(cause) => {
            "a materialised view has no data yet: run REFRESH MATERIALIZED VIEW on it".to_owned()
        }
        Some("42P01" | "42703") => {
            "the table was dropped, renamed or altered while the run was starting: run again"
                .to_owned()
        }
        _ => format!("reading from {server}"),
    };
    kind.caused_by(error, message)
}

/// Whether the server refuses to read a materialised view that was never filled. The server's message may be translated, but its
/// hint has the statement's name in any language.
fn of_materialised_view(error: &postgres::Error) -> bool {
    let hint = error.as_db_error().and_then(|error| error.hint());
    hint.is_some_and(|hint| hint.contains("REFRESH MATERIALIZED VIEW"))
}

/// Explains an error of the statement that joins a snapshot which another session exported.
pub(crate) fn while_joining_snapshot(error: anyhow::Error, server: &Settings) -> anyhow::Error {
    match from_database(&error)
        .and_then(postgres::Error::code)
        .map(SqlState::code)
    {
        // No such snapshot (the code differs before and after Postgres 16); or its session has just ended.
        Some("22023" | "42704" | "55000") => Kind::Connection.caused_by(
            error,
            format!(
                "the snapshot is gone, since the session on {server} that held it was lost: run again"
            ),
        ),
        _ => while_reading(error, server),
    }
}

/// The kind of an error by its SQLSTATE; see <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn kind_of_database_error(error: &postgres::Error) -> Kind {
    let Some(code) = error.code() else {
        // Not an answer of the server: the connection itself broke.
        return Kind::Connection;
    };
    match code.code() {
        // A transaction that may only read, as on a replica.
        "25006" => Kind::Connection,
        // Privilege; a schema, table or type that exists; a table, column, type or function that doesn't.
        "42501" => Kind::Connection,
        // A lock that was not available in time.
        "55P03" => Kind::Connection,
        "42P06" | "42P07" | "42710" => Kind::Refused,
        // The server's disk is full, or the share of it that a session may use for temporary files (`temp_file_limit`).
        "53100" | "53400" => Kind::Output,
        "42P01" | "42703" | "42704" | "42883" | "42804" | "3F000" => Kind::Mismatch,
        code => match &code[..2] {
            // Connection, login, resources, operator intervention, the server's own faults; conflicts with others' locks or a
            // replica's replay, a snapshot that is too old.
            "08" | "28" | "3D" | "53" | "57" | "58" | "XX" | "40" | "72" => Kind::Connection,
            // Things that the server can't do, such as reading an unlogged table on a replica.
            "0A" => Kind::Mismatch,
            // A sub-select with several rows, values out of range, constraint violations, errors that a trigger raises.
            "21" | "22" | "23" | "P0" => Kind::Refused,
            _ => Kind::Internal,
        },
    }
}
