//! Encryption of backups: whom they are encrypted for, what opens them, and the key that each backup has for itself.
//!
//! A backup's files are encrypted to a key that is made for it alone. That key lies beside them, encrypted for the recipients or
//! with a passphrase. So the costly work on a passphrase is done only once, however many files there are, and the key of one backup
//! opens no other.

#[cfg(not(feature = "encrypt"))]
mod absent;
#[cfg(feature = "encrypt")]
mod by_age;

use std::fmt;
use std::path::{Path, PathBuf};

use database::Environment;
use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

#[cfg(not(feature = "encrypt"))]
use absent as method;
#[cfg(feature = "encrypt")]
use by_age as method;

pub(crate) use method::{BackupKey, Decrypting, Encrypting};
pub use method::{Identity, Passphrase, Recipient};

/// The environment variable that holds a passphrase.
const PASSPHRASE: &str = "EXTRATO_PASSPHRASE";
/// The environment variable that holds secret keys.
const IDENTITY: &str = "EXTRATO_IDENTITY";
/// The environment variable that holds recipients, used if the command line names none.
const ENCRYPT_TO: &str = "EXTRATO_ENCRYPT_TO";
/// The word that stands for the passphrase in a list of recipients.
const BY_PASSPHRASE: &str = "passphrase";

/// What opens an encrypted backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lock {
    /// The secret key of one of the recipients opens it.
    Recipients,
    /// A passphrase opens it.
    Passphrase,
}

/// Those for whom a backup is encrypted.
#[derive(Clone)]
pub enum EncryptTo {
    /// The holders of keys.
    Recipients(Vec<Recipient>),
    /// Those who know a passphrase.
    Passphrase(Passphrase),
}

/// Shows no passphrase.
impl fmt::Debug for EncryptTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipients(recipients) => f.debug_list().entries(recipients).finish(),
            Self::Passphrase(_) => f.write_str(BY_PASSPHRASE),
        }
    }
}

impl EncryptTo {
    /// Reads the recipients that are named, or else those of the environment: public keys, files with such keys, or the word
    /// `passphrase`. `None` if nothing is named.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a text that is none of these, for a passphrase together with keys, and in a build without encryption.
    pub fn read(named: &[String], environment: &Environment) -> anyhow::Result<Option<Self>> {
        let of_environment = environment.get(ENCRYPT_TO).unwrap_or_default();
        let of_environment = of_environment
            .split([' ', ',', '\n'])
            .filter(|word| !word.is_empty());
        let named: Vec<&str> = match named.is_empty() {
            true => of_environment.collect(),
            false => named.iter().map(String::as_str).collect(),
        };
        if named.is_empty() {
            return Ok(None);
        }
        method::check()?;
        if named == [BY_PASSPHRASE] {
            let passphrase = passphrase(environment)?.ok_or_else(|| {
                Kind::Usage.error(format!(
                    "there is no passphrase to encrypt with: put it into {PASSPHRASE}"
                ))
            })?;
            return Ok(Some(Self::Passphrase(passphrase)));
        }
        if named.contains(&BY_PASSPHRASE) {
            return Err(Kind::Usage.error(
                "a backup is encrypted for keys or with a passphrase: leave one of the two out of --encrypt-to",
            ));
        }
        let mut recipients = Vec::new();
        for name in named {
            match name.starts_with("age1") {
                true => recipients.push(
                    Recipient::parse(name)
                        .map_err(|why| Kind::Usage.error(format!("{name} {why}")))?,
                ),
                false => recipients.extend(recipients_of(Path::new(name))?),
            }
        }
        Ok(Some(Self::Recipients(recipients)))
    }

    /// What will open the backup.
    pub(crate) fn lock(&self) -> Lock {
        match self {
            Self::Recipients(_) => Lock::Recipients,
            Self::Passphrase(_) => Lock::Passphrase,
        }
    }

    /// Whether the holders of the new backup's keys can open an old one, whose encrypted key is `locked` and whose [`Lock`] is the
    /// same. For recipients this cannot be told here, and counts as true.
    pub(crate) fn opens(&self, locked: &[u8]) -> bool {
        match self {
            Self::Recipients(_) => true,
            Self::Passphrase(passphrase) => {
                matches!(BackupKey::opened_with(locked, passphrase), Ok(Some(_)))
            }
        }
    }

    /// Makes a key for a backup, and returns it together with the same key encrypted.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there are no recipients, or this build has no encryption.
    pub(crate) fn make_key(&self) -> anyhow::Result<(BackupKey, Vec<u8>)> {
        match self {
            Self::Recipients(recipients) => BackupKey::made_for(recipients),
            Self::Passphrase(passphrase) => BackupKey::made_with(passphrase),
        }
    }
}

/// The recipients in a file, one on each line.
fn recipients_of(path: &Path) -> anyhow::Result<Vec<Recipient>> {
    let reading = || {
        format!(
            "{} is neither a public key of age (age1…) nor a readable file of such keys: name one with --encrypt-to",
            path.display()
        )
    };
    let text = std::fs::read_to_string(path).or_fail(Kind::Usage, reading)?;
    let recipients = lines_of(&text, path, |line| match line {
        _ if line.starts_with("AGE-SECRET-KEY-") => Err(
            "is a secret key, which opens backups: `age-keygen -y FILE` prints the public ones"
                .to_owned(),
        ),
        _ if line.starts_with("ssh-") => {
            Err("is an ssh key: give a key of age, which `age-keygen` makes".to_owned())
        }
        line => Recipient::parse(line),
    })?;
    match recipients.is_empty() {
        true => Err(Kind::Usage.error(format!("{} has no public keys", path.display()))),
        false => Ok(recipients),
    }
}

/// Parses the lines of a file that are neither empty nor a comment. Errors don't show the lines.
fn lines_of<T>(
    text: &str,
    path: &Path,
    parse: impl Fn(&str) -> Result<T, String>,
) -> anyhow::Result<Vec<T>> {
    let lines = text.lines().enumerate();
    let kept = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let parsed = kept.map(|(number, line)| {
        parse(line.trim()).map_err(|why| {
            Kind::Usage.error(format!("{}, line {}, {why}", path.display(), number + 1))
        })
    });
    parsed.collect()
}

fn passphrase(environment: &Environment) -> anyhow::Result<Option<Passphrase>> {
    let text = environment.get(PASSPHRASE);
    let parsed = text.map(Passphrase::parse).transpose();
    parsed.map_err(|why| Kind::Usage.error(why))
}

/// The keys and the passphrase that backups can be opened with.
#[derive(Clone, Default)]
pub struct Keys {
    identities: Vec<Identity>,
    /// Where the identities come from, as messages say it.
    from: String,
    passphrase: Option<Passphrase>,
}

/// Shows nothing of the keys.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Reads the secret keys in files, or else those in the environment, and the passphrase in the environment.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a file that cannot be read or holds no keys, and for any file in a build without encryption.
    pub fn read(files: &[PathBuf], environment: &Environment) -> anyhow::Result<Self> {
        if method::check().is_err() && files.is_empty() {
            // A plain backup needs no keys, whatever the environment holds.
            return Ok(Self::default());
        }
        method::check()?;
        let mut keys = Self {
            passphrase: passphrase(environment)?,
            ..Self::default()
        };
        for path in files {
            let text = std::fs::read_to_string(path).or_fail(Kind::Usage, || {
                format!(
                    "cannot read keys from {}: name a file that `age-keygen` made with --identity",
                    path.display()
                )
            })?;
            let identities = lines_of(&text, path, identity)?;
            if identities.is_empty() {
                return Err(Kind::Usage.error(format!("{} has no secret keys", path.display())));
            }
            keys.identities.extend(identities);
        }
        let shown: Vec<_> = files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        keys.from = shown.join(", ");
        if let (true, Some(text)) = (files.is_empty(), environment.get(IDENTITY)) {
            keys.identities = lines_of(text, Path::new(IDENTITY), identity)?;
            keys.from = IDENTITY.to_owned();
        }
        Ok(keys)
    }

    /// Whether there is a key or passphrase that might open a backup with this lock.
    pub(crate) fn may_open(&self, lock: Lock) -> bool {
        match lock {
            Lock::Recipients => !self.from.is_empty(),
            Lock::Passphrase => self.passphrase.is_some(),
        }
    }

    /// Opens the key of a backup, which messages call `name`.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is nothing to open it with, or this build has no encryption; [`Kind::Refused`] if it needs another
    /// key or passphrase; [`Kind::Check`] if it is not what was written.
    pub(crate) fn open(&self, lock: Lock, locked: &[u8], name: &str) -> anyhow::Result<BackupKey> {
        method::check()?;
        let opened = match (lock, &self.passphrase) {
            (Lock::Recipients, _) if self.from.is_empty() => {
                return Err(Kind::Usage.error(format!(
                    "the backup {name} is encrypted for the holders of keys: name the file of yours with --identity, or put the key \
                     into {IDENTITY}"
                )));
            }
            (Lock::Passphrase, None) => {
                return Err(Kind::Usage.error(format!(
                    "the backup {name} is encrypted with a passphrase: put it into {PASSPHRASE}"
                )));
            }
            (Lock::Recipients, _) => BackupKey::opened_by(locked, &self.identities),
            (Lock::Passphrase, Some(passphrase)) => BackupKey::opened_with(locked, passphrase),
        };
        match (opened, lock) {
            (Ok(Some(key)), _) => Ok(key),
            (Ok(None), Lock::Recipients) => Err(Kind::Refused.error(format!(
                "no key of {} opens the backup {name}, which was encrypted for others: name another file with --identity",
                self.from
            ))),
            (Ok(None), Lock::Passphrase) => Err(Kind::Refused.error(format!(
                "the passphrase in {PASSPHRASE} does not open the backup {name}: it was encrypted with another"
            ))),
            (Err(why), _) => Err(Kind::Check.error(format!(
                "the key file of the backup {name} was changed or damaged: {why}: take another copy of the backup, or an older one"
            ))),
        }
    }
}

/// Parses a secret key, one line of a file.
fn identity(line: &str) -> Result<Identity, String> {
    let why = match line {
        _ if line.starts_with("age-encryption.org/") || line.starts_with("-----BEGIN AGE") => {
            "is encrypted itself: name what `age --decrypt` makes of it"
        }
        _ if line.starts_with("-----BEGIN") => {
            "is an ssh key: backups are encrypted for keys of age"
        }
        _ if line.starts_with("age1") => {
            "is a public key, which opens nothing: name the file of the secret one"
        }
        _ if line.starts_with("AGE-PLUGIN-") => "is a key of a plugin, which is not supported",
        line => return Identity::parse(line),
    };
    Err(why.to_owned())
}
