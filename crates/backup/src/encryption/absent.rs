//! Stands in for encryption in a build without it: types without values, and an error that says how to get encryption.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::{self, BufRead, Read, Write};
use std::marker::PhantomData;

use dataset::failure::Kind;

const HOW: &str = "this build of extrato has no encryption: take a released program or image, or build one with `cargo build --release \
                   --package extrato --features encrypt`";

/// Checks that this build has encryption.
///
/// # Errors
/// [`Kind::Usage`], always.
pub(crate) fn check() -> anyhow::Result<()> {
    Err(Kind::Usage.error(HOW))
}

/// Somebody for whom a backup is encrypted; has no values in this build.
#[derive(Debug, Clone)]
pub struct Recipient(Infallible);

impl Recipient {
    /// Refuses every public key, since this build has no encryption.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn parse(_: &str) -> Result<Self, String> {
        Err(HOW.to_owned())
    }

    /// The public keys of recipients as text.
    pub(crate) fn texts(recipients: &[Self]) -> BTreeSet<String> {
        recipients
            .iter()
            .map(|recipient| match recipient.0 {})
            .collect()
    }
}

/// A key that opens a backup which was encrypted for its recipient; has no values in this build.
#[derive(Clone)]
pub struct Identity(Infallible);

impl Identity {
    /// Refuses every secret key, since this build has no encryption.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn parse(_: &str) -> Result<Self, String> {
        Err(HOW.to_owned())
    }
}

/// A passphrase, which encrypts and opens a backup instead of keys; has no values in this build.
#[derive(Clone)]
pub struct Passphrase(Infallible);

impl Passphrase {
    /// Refuses every passphrase, since this build has no encryption.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn parse(_: &str) -> Result<Self, String> {
        Err(HOW.to_owned())
    }
}

/// The key that a backup's files are encrypted to; has no values in this build.
#[derive(Clone)]
pub(crate) struct BackupKey(Infallible);

impl BackupKey {
    /// Refuses to make a key, since this build has no encryption.
    ///
    /// # Errors
    /// The error of [`check`].
    pub(crate) fn made_for(_: &[Recipient]) -> anyhow::Result<(Self, Vec<u8>)> {
        Err(Kind::Usage.error(HOW))
    }

    /// Cannot be called, since this build has no passphrases.
    ///
    /// # Errors
    /// None, since it cannot be called.
    pub(crate) fn made_with(passphrase: &Passphrase) -> anyhow::Result<(Self, Vec<u8>)> {
        match passphrase.0 {}
    }

    /// Refuses to open a key, since this build has no encryption.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn opened_by(_: &[u8], _: &[Identity]) -> Result<Option<Self>, String> {
        Err(HOW.to_owned())
    }

    /// Cannot be called, since this build has no passphrases.
    ///
    /// # Errors
    /// None, since it cannot be called.
    pub(crate) fn opened_with(_: &[u8], passphrase: &Passphrase) -> Result<Option<Self>, String> {
        match passphrase.0 {}
    }

    /// Cannot be called, since this build has no keys.
    ///
    /// # Errors
    /// None, since it cannot be called.
    pub(crate) fn encrypt<W: Write>(&self, _: W) -> io::Result<Encrypting<W>> {
        match self.0 {}
    }

    /// Cannot be called, since this build has no keys.
    ///
    /// # Errors
    /// None, since it cannot be called.
    pub(crate) fn decrypt<R: BufRead>(&self, _: R) -> Result<Decrypting<R>, String> {
        match self.0 {}
    }
}

/// A writer that encrypts; has no values in this build.
pub(crate) struct Encrypting<W>(Infallible, PhantomData<W>);

impl<W: Write> Encrypting<W> {
    /// Cannot be called, since this build has no encrypting writers.
    ///
    /// # Errors
    /// None, since it cannot be called.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self.0 {}
    }
}

impl<W: Write> Write for Encrypting<W> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

/// A reader that decrypts; has no values in this build.
pub(crate) struct Decrypting<R>(Infallible, PhantomData<R>);

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}
