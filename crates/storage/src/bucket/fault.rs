//! What is wrong with a bucket, in words for people.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use object_store::Error;

/// Words the error of a request about `key`.
pub(super) fn of(bucket: &str, key: &str, error: &Error) -> io::Error {
    let said = said(error);
    let code = between(&said, "<Code>", "</Code>").unwrap_or_default();
    let place = format!("s3://{bucket}/{key}");
    let (kind, why) = match error {
        _ if code == "NoSuchBucket" => (
            ErrorKind::NotADirectory,
            format!("there is no bucket `{bucket}`"),
        ),
        _ if code == "NoSuchUpload" => (
            ErrorKind::NotFound,
            "the parts that were written are gone: something deleted them".to_owned(),
        ),
        Error::AlreadyExists { .. } => (
            ErrorKind::AlreadyExists,
            format!("{place} is there already"),
        ),
        Error::InvalidPath { source } => (
            ErrorKind::InvalidData,
            format!(
                "an object below {place} has a name that cannot be read here ({source}): name the others one by one, or put them \
                 below a prefix of their own"
            ),
        ),
        Error::NotFound { .. } => (ErrorKind::NotFound, format!("there is no object {place}")),
        Error::Precondition { .. } | Error::NotModified { .. } => (
            ErrorKind::StaleNetworkFileHandle,
            format!("{place} was changed: something else wrote it in the meantime"),
        ),
        // A refused listing has no variant of its own, and some answers about bad keys have another status.
        _ if said.contains("status code: 401")
            || said.contains("status code: 403")
            || is_of_key(code) =>
        {
            (ErrorKind::PermissionDenied, denied(&place, code))
        }
        _ => (ErrorKind::NotConnected, unanswered(&said, code)),
    };
    let message = match between(&said, "<Message>", "</Message>") {
        Some(message) if !matches!(kind, ErrorKind::NotFound | ErrorKind::AlreadyExists) => {
            format!("{why} (the server says: {message})")
        }
        _ => why,
    };
    io::Error::new(kind, message)
}

fn denied(place: &str, code: &str) -> String {
    match code {
        "RequestTimeTooSkewed" => {
            "the clocks of this machine and of the server differ too much: set this machine's"
                .to_owned()
        }
        code if is_of_key(code) => format!(
            "{code}: the server does not accept the key for {place}: look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
             AWS_SESSION_TOKEN, or at AWS_PROFILE"
        ),
        _ => {
            format!("the key has no right to {place}: ask the bucket's owner, or give another key")
        }
    }
}

/// Whether the server's code means that it does not know the access key, or no longer does.
fn is_of_key(code: &str) -> bool {
    matches!(
        code,
        "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "ExpiredToken"
            | "TokenRefreshRequired"
    )
}

/// Words the failure of a request to which the server gave no usable answer.
fn unanswered(said: &str, code: &str) -> String {
    match code {
        "" if said.contains("instance metadata") || said.contains("169.254.169.254") => {
            "there is no key for the bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE".to_owned()
        }
        // The innermost cause says most; a gateway's own error page, if there is one, is cut off.
        "" => {
            let cause = said.rsplit(" error: ").next().unwrap_or(said);
            let cause = cause.split(['<', '\n']).next().unwrap_or_default();
            let url = said.split_once("://").map(|(_, url)| url);
            let server = url.and_then(|url| url.split(['/', '?', ' ']).next());
            format!(
                "the server {} does not answer: {}",
                server.unwrap_or_default(),
                cause.trim_end_matches([' ', ':'])
            )
        }
        code => format!("the server answers {code}"),
    }
}

/// The messages of an error and its causes, without repetitions.
fn said(error: &Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(of) = cause {
        let text = of.to_string();
        if !said.contains(&text) {
            said += ": ";
            said += &text;
        }
        cause = of.source();
    }
    said
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(open)?;
    let (inner, _) = after.split_once(close)?;
    Some(inner).filter(|inner| !inner.is_empty())
}
