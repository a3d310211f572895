//! One invocation, from its event to its answer; it keeps nothing for the next one.

use std::path::Path;
use std::time::{Duration, SystemTime};

use database::{Cancel, ConnectionArgs, Environment};
use dataset::failure::{Kind, OrFail, chain};
use lambda_runtime::{Diagnostic, LambdaEvent};
use loader::request::REJECT_TABLE;
use loader::{Options, Report};
use serde_json::Value;
use tokio::{task, time};
use tracing::Span;

use crate::{event, request, secret};

/// The part of an invocation's time that is kept for rolling back and recording rejects: one in this many.
const LEFT_PART: u32 = 10;
/// The most time that is kept for rolling back and recording rejects.
const LEFT_AT_MOST: Duration = Duration::from_secs(20);

/// Loads what the event asks for; `None` if it asks for nothing. The type of an error is the name of its kind, from which
/// callers can tell what may be tried again.
pub(crate) async fn answer(
    event: LambdaEvent<Value>,
    environment: Environment,
) -> Result<Option<Report>, Diagnostic> {
    let LambdaEvent { payload, context } = event;
    if event::is_trial(&payload) {
        return Ok(None);
    }
    let cancel = Cancel::default();
    let stopping = task::spawn(stop_before(context.deadline, cancel.clone()));
    let span = Span::current();
    let work = move || span.in_scope(|| run(payload, &environment, &cancel));
    let done = task::spawn_blocking(work).await;
    stopping.abort();
    done.or_fail(Kind::Internal, || "a fault of the program")
        .flatten()
        .map(Some)
        .map_err(|error| Diagnostic {
            error_type: format!("Extrato.{:?}", database::kind(&error)),
            error_message: chain(&error),
        })
}

/// Cancels shortly before the moment `deadline`, in milliseconds of Unix time. A deadline that has already passed is ignored, since
/// an emulator of Lambda may give none.
async fn stop_before(deadline: u64, cancel: Cancel) {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline);
    let Ok(left) = deadline.duration_since(SystemTime::now()) else {
        return;
    };
    time::sleep(left - (left / LEFT_PART).min(LEFT_AT_MOST)).await;
    tracing::warn!("stopping before the function's deadline");
    // In a thread that may block: cancelling sends a request to the server, which may not answer.
    task::spawn_blocking(move || cancel.cancel());
}

fn run(payload: Value, environment: &Environment, cancel: &Cancel) -> anyhow::Result<Report> {
    let temporary = tempfile::Builder::new()
        .prefix("rejects-")
        .tempdir()
        .or_fail(Kind::Output, || "cannot make a temporary folder")?;
    let options = request::options(payload, environment, temporary.path())?;
    let settings = ConnectionArgs::default()
        .settings(&secret::with_secret(environment)?)?
        .ok_or_else(|| {
            Kind::Usage.error(
                "no database is named: set PGHOST or DATABASE_URL, or EXTRATO_SECRET to a secret that has a host",
            )
        })?;
    let mut report = loader::load(&settings, &options, cancel)
        .map_err(|error| without_folder(&error, &options, temporary.path()))?;
    if options.rejects.path() == Some(temporary.path()) {
        report.rejects = None;
    }
    Ok(report)
}

/// An error of a load whose rejects remain only in the table, with what to do if the deadline ended the load.
fn without_folder(error: &anyhow::Error, options: &Options, temporary: &Path) -> anyhow::Error {
    let kind = database::kind(error);
    let way_out = match (kind, options.commit_every) {
        (Kind::Interrupted, None) => {
            "stopped before the function's deadline: give it more time, 900 seconds at most, or give \"commit_every\" \
             and invoke it with the same request until all is loaded: "
        }
        (Kind::Interrupted, Some(_)) => {
            "stopped before the function's deadline: invoke it again with the same request, to go on: "
        }
        _ => "",
    };
    let table = format!("table {}.{REJECT_TABLE}", options.schema);
    let told = chain(error).replace(&temporary.display().to_string(), &table);
    kind.error(format!("{way_out}{told}"))
}
