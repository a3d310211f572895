//! Keys that let requests in: 256 bits from the system, shown once and kept as their SHA-256.
//!
//! A slow hash would protect a password that somebody might guess. Nobody guesses 256 random bits, and every request would pay for
//! a slow hash.

use std::fmt;
use std::str::FromStr;

use anyhow::Context;
use database::{Cancel, Settings};
use dataset::failure::Kind;
use postgres::error::SqlState;
use serde::Serialize;
use sha2::{Digest, Sha256};
use values::text::{self, Case};

use crate::store;

/// The beginning of every key, by which people and scanners of secrets recognise one.
const PREFIX: &str = "extrato_";
/// How many characters a key's name may have.
const NAME_CHARS: usize = 100;

/// A right that a key has: reading or writing one dataset, or every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The name of the dataset; `*` for every one.
    pub dataset: String,
    /// What may be done with the dataset.
    pub right: Right,
}

/// What a key may do with a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Reading rows and counts.
    Read,
    /// Sending rows.
    Write,
}

impl Scope {
    /// Whether the scope covers a right to a dataset.
    pub(crate) fn covers(&self, dataset: &str, right: Right) -> bool {
        self.right == right && (self.dataset == "*" || self.dataset == dataset)
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = |name| match name {
            "read" => Some(Right::Read),
            "write" => Some(Right::Write),
            _ => None,
        };
        let parsed = text.rsplit_once(':').and_then(|(dataset, name)| {
            let dataset = (!dataset.is_empty()).then(|| dataset.to_owned())?;
            Some(Self {
                dataset,
                right: right(name)?,
            })
        });
        parsed.ok_or_else(|| format!("`{text}` is neither DATASET:read nor DATASET:write"))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dataset, self.right)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// A key that is to be created.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key's name, which says whose it is.
    pub name: String,
    /// The key's rights.
    pub scopes: Vec<Scope>,
    /// The number of days after which the key expires; `None` if it never does.
    pub expires_days: Option<u32>,
}

/// A key in the list of keys.
#[derive(Debug, Clone, Serialize)]
pub struct ListedKey {
    /// The key's name, which says whose it is.
    pub name: String,
    /// The key's rights, as text.
    pub scopes: Vec<String>,
    /// When the key was created.
    pub created: String,
    /// When the key expires, if ever.
    pub expires: Option<String>,
    /// When the key was revoked, if ever.
    pub revoked: Option<String>,
}

/// Creates a key and returns its secret, which cannot be found out later.
///
/// # Errors
/// [`Kind::Usage`] for a name that another key has; errors of the server.
pub fn create(settings: &Settings, key: &NewKey, cancel: &Cancel) -> anyhow::Result<String> {
    let length = key.name.chars().count();
    if length == 0 || length > NAME_CHARS || key.name.chars().any(char::is_control) {
        return Err(Kind::Usage.error(format!(
            "--name: give 1 to {NAME_CHARS} characters, and no control characters"
        )));
    }
    let mut client = settings.connect(cancel)?;
    store::prepare(&mut client, &[])?;
    let bits: [u8; 32] = rand::random();
    let mut secret = PREFIX.to_owned();
    text::hex(&bits, Case::Lower, &mut secret);
    let scopes: Vec<String> = key.scopes.iter().map(Scope::to_string).collect();
    let days = key.expires_days.map(|days| days as i32);
    let made = client.execute(
        "INSERT INTO extrato_serve.key (name, sum, scopes, expires)
         VALUES ($1, $2, $3, now() + make_interval(days => $4))",
        &[&key.name, &&sum(&secret)[..], &scopes, &days],
    );
    match made {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            Err(Kind::Usage.error(format!(
                "there is a key named {} already, perhaps a revoked one: give another --name",
                key.name
            )))
        }
        made => {
            made.context("keeping the key")?;
            Ok(secret)
        }
    }
}

/// Lists the keys, by their names.
///
/// # Errors
/// Errors of the server.
pub fn list(settings: &Settings, cancel: &Cancel) -> anyhow::Result<Vec<ListedKey>> {
    let mut client = settings.connect(cancel)?;
    store::prepare(&mut client, &[])?;
    const AT: &str = "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'";
    let rows = client
        .query(
            &format!(
                "SELECT name, scopes, to_char(created AT TIME ZONE 'UTC', {AT}), to_char(expires AT TIME ZONE 'UTC', {AT}),
                        to_char(revoked AT TIME ZONE 'UTC', {AT}) FROM extrato_serve.key ORDER BY name"
            ),
            &[],
        )
        .context("reading the keys")?;
    let keys = rows.iter().map(|row| ListedKey {
        name: row.get(0),
        scopes: row.get(1),
        created: row.get(2),
        expires: row.get(3),
        revoked: row.get(4),
    });
    Ok(keys.collect())
}

/// Revokes the key of this name.
///
/// # Errors
/// [`Kind::Usage`] if there is no such key that could be revoked; errors of the server.
pub fn revoke(settings: &Settings, name: &str, cancel: &Cancel) -> anyhow::Result<()> {
    let mut client = settings.connect(cancel)?;
    store::prepare(&mut client, &[])?;
    let revoked = client
        .execute(
            "UPDATE extrato_serve.key SET revoked = now() WHERE name = $1 AND revoked IS NULL",
            &[&name],
        )
        .context("revoking the key")?;
    match revoked {
        0 => Err(Kind::Usage.error(format!(
            "no key named {name} is in use: `extrato keys list` shows all"
        ))),
        _ => Ok(()),
    }
}

/// The form in which a key is stored: its SHA-256.
pub(crate) fn sum(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
