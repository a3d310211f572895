//! Encryption by the crate `age`, in the format of age-encryption.org/v1, which the programs `age` and `rage` read too.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read, Write};
use std::iter;

use age::secrecy::{ExposeSecret, SecretString};
use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use dataset::failure::{Kind, OrFail};

/// The cost of trying a passphrase, 2^18 as in the program `age`: most of a second and 256 MiB.
const WORK_FACTOR: u8 = 18;

/// Checks that this build has encryption.
///
/// # Errors
/// Never: a build without encryption says here how to get it.
pub(crate) fn check() -> anyhow::Result<()> {
    Ok(())
}

/// Somebody for whom a backup is encrypted.
#[derive(Debug, Clone)]
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// Takes a public key, `age1…`.
    ///
    /// # Errors
    /// The reason why the text is not a public key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.parse().map(Self);
        parsed.map_err(|why: &str| format!("is not a public key of age ({why})"))
    }

    /// The public keys of recipients as text, each once and in order.
    pub(crate) fn texts(recipients: &[Self]) -> BTreeSet<String> {
        recipients
            .iter()
            .map(|recipient| recipient.0.to_string())
            .collect()
    }
}

/// A key that opens a backup which was encrypted for its recipient.
#[derive(Clone)]
pub struct Identity(x25519::Identity);

impl Identity {
    /// Takes a secret key, `AGE-SECRET-KEY-1…`.
    ///
    /// # Errors
    /// The reason why the text is not a secret key, without the text itself.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.parse().map(Self);
        parsed.map_err(|why: &str| format!("is not a secret key of age ({why})"))
    }
}

/// A passphrase, which encrypts and opens a backup instead of keys.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes a passphrase as it is.
    ///
    /// # Errors
    /// Never: a build without encryption says here how to get it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned().into()))
    }
}

/// The key that a backup's files are encrypted to; each backup has a key of its own.
#[derive(Clone)]
pub(crate) struct BackupKey(x25519::Identity);

impl BackupKey {
    /// Makes a new key, and returns it together with the same key encrypted for recipients.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there are no recipients.
    pub(crate) fn made_for(recipients: &[Recipient]) -> anyhow::Result<(Self, Vec<u8>)> {
        let recipients = recipients
            .iter()
            .map(|recipient| &recipient.0 as &dyn age::Recipient);
        Self::made(recipients)
    }

    /// Makes a new key, and returns it together with the same key encrypted with a passphrase.
    ///
    /// # Errors
    /// [`Kind::Internal`] if the encryption fails.
    pub(crate) fn made_with(passphrase: &Passphrase) -> anyhow::Result<(Self, Vec<u8>)> {
        let mut recipient = scrypt::Recipient::new(passphrase.0.clone());
        recipient.set_work_factor(WORK_FACTOR);
        Self::made(iter::once(&recipient as &dyn age::Recipient))
    }

    fn made<'a>(
        recipients: impl Iterator<Item = &'a dyn age::Recipient>,
    ) -> anyhow::Result<(Self, Vec<u8>)> {
        let locking = || "encrypting the key of the backup";
        let key = x25519::Identity::generate();
        let encryptor = Encryptor::with_recipients(recipients).or_fail(Kind::Usage, locking)?;
        let mut locked = Vec::new();
        let mut writer = encryptor
            .wrap_output(&mut locked)
            .or_fail(Kind::Internal, locking)?;
        // The text is a file of identities, as `age --identity` reads it.
        let text = key.to_string();
        let written = writeln!(writer, "{}", text.expose_secret()).and_then(|()| writer.finish());
        written.or_fail(Kind::Internal, locking)?;
        Ok((Self(key), locked))
    }

    /// Opens a key that [`Self::made_for`] has encrypted; `None` if it was encrypted for none of these identities.
    ///
    /// # Errors
    /// The reason why the encrypted key cannot be read.
    pub(crate) fn opened_by(
        locked: &[u8],
        identities: &[Identity],
    ) -> Result<Option<Self>, String> {
        let identities = identities
            .iter()
            .map(|identity| &identity.0 as &dyn age::Identity);
        Self::opened(locked, identities)
    }

    /// Opens a key that [`Self::made_with`] has encrypted; `None` if it was encrypted with another passphrase.
    ///
    /// # Errors
    /// The reason why the encrypted key cannot be read.
    pub(crate) fn opened_with(
        locked: &[u8],
        passphrase: &Passphrase,
    ) -> Result<Option<Self>, String> {
        let mut identity = scrypt::Identity::new(passphrase.0.clone());
        // The limit is our own factor, not what this machine can do in a second: the file is one that we have written.
        identity.set_max_work_factor(WORK_FACTOR);
        Self::opened(locked, iter::once(&identity as &dyn age::Identity))
    }

    fn opened<'a>(
        locked: &[u8],
        identities: impl Iterator<Item = &'a dyn age::Identity>,
    ) -> Result<Option<Self>, String> {
        let decryptor = Decryptor::new_buffered(locked).map_err(|error| told(&error))?;
        let mut reader = match decryptor.decrypt(identities) {
            Ok(reader) => reader,
            // A wrong passphrase gives the latter error; identities, each of which is tried, give the former.
            Err(DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed) => return Ok(None),
            Err(error) => return Err(told(&error)),
        };
        let mut text = String::new();
        reader
            .read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
        let secret = SecretString::from(text);
        match secret.expose_secret().trim_end().parse() {
            Ok(identity) => Ok(Some(Self(identity))),
            Err(why) => Err(why.to_owned()),
        }
    }

    /// Encrypts what is written to `output`, in blocks of 64 KiB.
    ///
    /// # Errors
    /// The errors of the output.
    pub(crate) fn encrypt<W: Write>(&self, output: W) -> io::Result<Encrypting<W>> {
        let recipient = self.0.to_public();
        let encryptor = Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient));
        let encryptor = encryptor.map_err(io::Error::other)?;
        encryptor.wrap_output(output).map(Encrypting)
    }

    /// Decrypts what is read from `input`, in blocks of 64 KiB.
    ///
    /// # Errors
    /// The reason why the beginning of the input cannot be read.
    pub(crate) fn decrypt<R: BufRead>(&self, input: R) -> Result<Decrypting<R>, String> {
        let decryptor = Decryptor::new_buffered(input).map_err(|error| told(&error))?;
        let reader = decryptor.decrypt(iter::once(&self.0 as &dyn age::Identity));
        reader.map(Decrypting).map_err(|error| told(&error))
    }
}

/// Encrypts what is written to it.
pub(crate) struct Encrypting<W>(StreamWriter<W>);

impl<W: Write> Encrypting<W> {
    /// Writes the last block and returns the output. Without this call, what was written is cut off.
    ///
    /// # Errors
    /// The errors of the output.
    pub(crate) fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for Encrypting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Decrypts what is read from it. Bytes that were changed give [`io::ErrorKind::InvalidData`]; a file that was cut off at the end
/// of a block gives [`io::ErrorKind::UnexpectedEof`].
pub(crate) struct Decrypting<R>(StreamReader<R>);

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

/// Says what is wrong with a file of age, in our words: those of the crate are made for its own program, in many languages.
fn told(error: &DecryptError) -> String {
    match error {
        DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it is cut short".to_owned()
        }
        DecryptError::Io(error) => error.to_string(),
        DecryptError::ExcessiveWork { required, .. } => {
            format!(
                "it asks for 2^{required} steps of scrypt, but backups are written with 2^{WORK_FACTOR}"
            )
        }
        DecryptError::InvalidMac => "its header was changed".to_owned(),
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed => {
            "it is encrypted to another key".to_owned()
        }
        _ => "it is not a file of age".to_owned(),
    }
}
