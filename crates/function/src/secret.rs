//! Gets the login that Secrets Manager keeps from the extension that AWS provides for functions: it listens on a local port, uses
//! the function's own rights, and keeps a secret for some minutes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::anyhow;
use database::Environment;
use dataset::failure::{Kind, OrFail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The variable that names the secret, by its ARN or its name.
const SECRET: &str = "EXTRATO_SECRET";
/// The variable with the extension's port, and the default:
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html>.
const PORT: (&str, &str) = ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "2773");
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes that an answer may have: a secret has at most 64 KiB, and quotes in it are escaped.
const MOST_BYTES: u64 = 1 << 20;
/// The fields of a secret as RDS creates it, each with the variable that it sets.
const FIELDS: [(&str, &str); 5] = [
    ("username", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("host", "PGHOST"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
];

/// The environment, with what it lacks from the secret that it names, if it names one.
///
/// # Errors
/// [`Kind::Connection`] if the extension gives no secret; [`Kind::Usage`] if it is not a login.
pub(crate) fn with_secret(environment: &Environment) -> anyhow::Result<Environment> {
    let Some(id) = environment.get(SECRET) else {
        return Ok(environment.clone());
    };
    let text = ask(id, environment).or_fail(Kind::Connection, || {
        format!("secret {id} ({SECRET}) cannot be read from the extension for secrets")
    })?;
    let mut login = login(id, &text)?;
    let names_host = ["DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGSERVICE"];
    if names_host
        .iter()
        .any(|name| environment.get(name).is_some())
    {
        // The port of the secret belongs to the secret's host, and not to another one.
        login.retain(|(name, _)| *name != "PGHOST" && *name != "PGPORT");
    }
    let login = login
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Ok(environment.with_missing(login))
}

/// The text of a secret. The extension's message about a failure contains no secret.
fn ask(id: &str, environment: &Environment) -> anyhow::Result<String> {
    let token = environment.get("AWS_SESSION_TOKEN").ok_or_else(|| {
        anyhow!("there is no AWS_SESSION_TOKEN, which Lambda gives to a function with a role")
    })?;
    let (variable, default) = PORT;
    let port = environment.get(variable).unwrap_or(default);
    let port: u16 = port
        .parse()
        .map_err(|_| anyhow!("{variable} {port} is not a port"))?;
    let mut extension = TcpStream::connect(("localhost", port)).map_err(|error| {
        anyhow!("{error} (port {port}): does the function have the layer AWS-Parameters-and-Secrets-Lambda-Extension?")
    })?;
    extension.set_read_timeout(Some(PATIENCE))?;
    extension.set_write_timeout(Some(PATIENCE))?;
    // With HTTP/1.0 the answer is a single piece, and the connection ends with it.
    write!(
        extension,
        "GET /secretsmanager/get?secretId={} HTTP/1.0\r\nHost: localhost:{port}\r\n\
         X-Aws-Parameters-Secrets-Token: {token}\r\n\r\n",
        utf8_percent_encode(id, NON_ALPHANUMERIC)
    )?;
    let mut answer = String::new();
    extension.take(MOST_BYTES).read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| anyhow!("port {port} does not answer as the extension does"))?;
    match head.split(' ').nth(1) {
        Some("200") => {}
        _ => {
            let status = head.lines().next().unwrap_or_default();
            return Err(anyhow!("{status}: {}", body.trim()));
        }
    }
    // Errors show neither the answer nor what is wrong with it.
    let answer: Option<Value> = serde_json::from_str(body).ok();
    let text = answer
        .as_ref()
        .and_then(|answer| answer.get("SecretString")?.as_str());
    text.map(str::to_owned)
        .ok_or_else(|| anyhow!("the secret has no SecretString"))
}

/// The variables that a secret sets: it is a JSON object as RDS creates it, or only the password.
fn login(id: &str, text: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return Ok(vec![("PGPASSWORD", text.to_owned())]);
    };
    let value = |name: &str| match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let login: Vec<_> = FIELDS
        .iter()
        .filter_map(|(name, variable)| Some((*variable, value(name)?)))
        .collect();
    match fields.contains_key("password") {
        true => Ok(login),
        false => Err(Kind::Usage.error(format!(
            "secret {id} ({SECRET}) is an object without \"password\": it must be as RDS makes it, {{\"username\": …, \
             \"password\": …, \"host\": …, \"port\": …, \"dbname\": …}}, or the password alone"
        ))),
    }
}
