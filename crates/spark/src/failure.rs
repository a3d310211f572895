//! Turns a failure of the server into an error: its kind, and the server's own words without the stack of its virtual machine.

use std::time::Duration;

use dataset::failure::Kind;

use crate::client::Client;
use crate::remote::Remote;
use crate::status::{
    DEADLINE_EXCEEDED, INVALID_ARGUMENT, PERMISSION_DENIED, Status, UNAUTHENTICATED, UNAVAILABLE,
    UNIMPLEMENTED,
};
use crate::wire::{ErrorDetails, FetchErrorDetails, ServerError};

/// How long the server may take to say more about an error.
const DETAILS: Duration = Duration::from_secs(10);
/// How many characters of the server's message are passed on.
const WORDS_CHARACTERS: usize = 1000;

/// What the server was doing when it failed. An error about files means different things depending on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// A request that has nothing to do with files.
    Asking,
    /// Making a view, perhaps over files.
    Reading,
    /// Writing files.
    Writing,
}

/// Makes the error of a call that failed, with the details that the server gives on request.
pub(crate) async fn of_call(
    client: &mut Client,
    remote: &Remote,
    doing: Doing,
    status: Status,
) -> anyhow::Error {
    let Some(error_id) = status.info.get("errorId").cloned() else {
        return of_status(remote, doing, &status);
    };
    let request = FetchErrorDetails { error_id };
    let details = client.ask_within(DETAILS, "FetchErrorDetails", &request);
    match details.await.map(cause) {
        Ok(Some(cause)) => of_cause(doing, &cause),
        // The status holds the beginning of the message.
        _ => of_status(remote, doing, &status),
    }
}

/// Makes the error of a call from its status alone.
pub(crate) fn of_status(remote: &Remote, doing: Doing, status: &Status) -> anyhow::Error {
    let said = words(&status.message);
    if status.is("INVALID_HANDLE.") {
        return Kind::Connection.error(format!(
            "the Spark server at {remote} no longer has the session, perhaps since it was restarted: run it again ({said})"
        ));
    }
    match status.code {
        UNAVAILABLE | DEADLINE_EXCEEDED => Kind::Connection.error(format!(
            "the Spark server at {remote} cannot be reached, or went away: {said} (a server needs some seconds to start)"
        )),
        UNAUTHENTICATED | PERMISSION_DENIED => Kind::Connection.error(format!(
            "the Spark server at {remote} refuses the login: {said}; set its token in the variable \
             SPARK_CONNECT_AUTHENTICATE_TOKEN"
        )),
        UNIMPLEMENTED => Kind::Mismatch.error(format!(
            "the server at {remote} cannot do what is asked of it: {said}"
        )),
        code => {
            let info = |name: &str| status.info.get(name).map(String::as_str);
            let (class, state) = (info("errorClass"), info("sqlState"));
            let kind = kind_of(class, state, doing).unwrap_or(match code {
                INVALID_ARGUMENT => Kind::Usage,
                _ => Kind::Internal,
            });
            kind.error(format!("Spark: {said}"))
        }
    }
}

/// Finds the innermost of an error and its causes that has one of Spark's own classes; if none has, the innermost of all.
fn cause(details: ErrorDetails) -> Option<ServerError> {
    let at = |index: Option<i32>| details.errors.get(usize::try_from(index?).ok()?);
    let mut found = at(details.root)?;
    let mut next = at(found.cause);
    // Unless the causes form a circle, the chain is no longer than the list of errors.
    for _ in &details.errors {
        let Some(error) = next else { break };
        if class(error).is_some() || class(found).is_none() {
            found = error;
        }
        next = at(error.cause);
    }
    Some(found.clone())
}

/// The class of an error, unless it only says where something happened.
fn class(error: &ServerError) -> Option<&str> {
    let class = error.throwable.as_ref()?.class.as_deref();
    class.filter(|class| *class != "TASK_WRITE_FAILED")
}

fn of_cause(doing: Doing, cause: &ServerError) -> anyhow::Error {
    let state = cause.throwable.as_ref();
    let state = state.and_then(|throwable| throwable.sql_state.as_deref());
    let is_a = |name: &str| cause.classes.iter().any(|class| class == name);
    // The last one is raised for a name that the locale of a worker cannot spell.
    let of_files = is_a("java.io.IOException")
        || is_a("java.lang.ClassNotFoundException")
        || is_a("java.nio.file.InvalidPathException");
    let kind = kind_of(class(cause), state, doing).unwrap_or(match doing {
        Doing::Writing if of_files => Kind::Output,
        Doing::Reading if of_files => Kind::Mismatch,
        // Executors were lost or ran out of memory.
        _ if cause.message.starts_with("Job aborted") || is_a("java.lang.VirtualMachineError") => {
            Kind::Connection
        }
        _ => Kind::Internal,
    });
    kind.error(format!("Spark: {}", words(&cause.message)))
}

/// The kind that follows from an error's class and SQLSTATE; `None` if neither tells.
fn kind_of(class: Option<&str>, state: Option<&str>, doing: Doing) -> Option<Kind> {
    let class = class.unwrap_or_default();
    let begins = |with: &[&str]| with.iter().any(|beginning| class.starts_with(beginning));
    if begins(&[
        "PATH_NOT_FOUND",
        "UNABLE_TO_INFER_SCHEMA",
        "FAILED_READ_FILE",
    ]) {
        return Some(Kind::Mismatch);
    }
    if begins(&["PATH_ALREADY_EXISTS", "TASK_WRITE_FAILED"]) {
        return Some(Kind::Output);
    }
    match state?.get(..2)? {
        // The value of a setting is malformed.
        "22" if doing == Doing::Asking => Some(Kind::Usage),
        // A value is malformed or out of range, there are several rows where one is allowed, or the query itself raises an error.
        "22" | "21" | "P0" => Some(Kind::Refused),
        // The SELECT is malformed, or asks for something that doesn't exist.
        "42" | "0A" => Some(Kind::Usage),
        // The error comes from the operating system below Spark.
        "58" if doing == Doing::Writing => Some(Kind::Output),
        // Memory or room ran out, or somebody stopped the work at the server.
        "53" | "54" | "57" | "HY" => Some(Kind::Connection),
        _ => None,
    }
}

/// How sentences begin that advise to change the statement or a setting, neither of which is the user's.
const ADVICE: [&str; 3] = ["If necessary set ", "Use `try_", "Use 'try_"];

/// The server's message in one line, without the stack, the plan, the statement or the advice that it adds.
fn words(message: &str) -> String {
    let end = [
        "\n\tat ",
        "\n== ",
        "\nDriver stacktrace:",
        "\nJVM stacktrace:",
    ]
    .iter()
    .filter_map(|after| message.find(after))
    .min()
    .unwrap_or(message.len());
    let mut said = &message[..end];
    // After the five characters of the SQLSTATE come a position in the statement, which is not the user's own, and the plan.
    if let Some(state) = said.find("SQLSTATE: ")
        && let Some(upto) = said.get(..state + 15)
    {
        said = upto;
    }
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences = line.split_inclusive(". ");
    let is_advice = |sentence: &&str| ADVICE.iter().any(|begins| sentence.starts_with(begins));
    let sentences = sentences.filter(|sentence| !is_advice(sentence));
    let mut line = sentences.collect::<String>().trim_end().to_owned();
    if let Some((cut, _)) = line.char_indices().nth(WORDS_CHARACTERS) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_the_servers_without_its_advice() {
        let said = super::words(
            "[ARITHMETIC_OVERFLOW] long overflow. Use 'try_add' to tolerate overflow and return NULL instead. If necessary set \
             \"spark.sql.ansi.enabled\" to \"false\" to bypass this error. SQLSTATE: 22003\n== SQL ==\nSELECT 1",
        );
        assert_eq!(said, "[ARITHMETIC_OVERFLOW] long overflow. SQLSTATE: 22003");
        assert_eq!(super::words("a.b is no. 5"), "a.b is no. 5");
    }
}
