//! What stands in the place of encryption in a build without it: types that no value has, and an error that says how to get it.

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

/// Somebody for whom a backup is encrypted.
#[derive(Debug, Clone)]
pub struct Recipient(Infallible);

impl Recipient {
    /// Takes no public key.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn parse(_: &str) -> Result<Self, String> {
        Err(HOW.to_owned())
    }

    /// The public keys as text.
    pub(crate) fn texts(recipients: &[Self]) -> BTreeSet<String> {
        recipients
            .iter()
            .map(|recipient| match recipient.0 {})
            .collect()
    }
}

/// What opens a backup that was encrypted for its recipient.
#[derive(Clone)]
pub struct Identity(Infallible);

impl Identity {
    /// Takes no secret key.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn parse(_: &str) -> Result<Self, String> {
        Err(HOW.to_owned())
    }
}

/// What encrypts and opens a backup in the place of keys.
#[derive(Clone)]
pub struct Passphrase(Infallible);

impl Passphrase {
    /// Takes no passphrase.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn parse(_: &str) -> Result<Self, String> {
        Err(HOW.to_owned())
    }
}

/// The key that a backup's files are encrypted to.
#[derive(Clone)]
pub(crate) struct BackupKey(Infallible);

impl BackupKey {
    /// Makes no key.
    ///
    /// # Errors
    /// As [`check`].
    pub(crate) fn made_for(_: &[Recipient]) -> anyhow::Result<(Self, Vec<u8>)> {
        Err(Kind::Usage.error(HOW))
    }

    /// Makes no key, since there is no passphrase.
    ///
    /// # Errors
    /// None.
    pub(crate) fn made_with(passphrase: &Passphrase) -> anyhow::Result<(Self, Vec<u8>)> {
        match passphrase.0 {}
    }

    /// Opens nothing.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn opened_by(_: &[u8], _: &[Identity]) -> Result<Option<Self>, String> {
        Err(HOW.to_owned())
    }

    /// Opens nothing, since there is no passphrase.
    ///
    /// # Errors
    /// None.
    pub(crate) fn opened_with(_: &[u8], passphrase: &Passphrase) -> Result<Option<Self>, String> {
        match passphrase.0 {}
    }

    /// Encrypts nothing, since there is no key.
    ///
    /// # Errors
    /// None.
    pub(crate) fn encrypt<W: Write>(&self, _: W) -> io::Result<Encrypting<W>> {
        match self.0 {}
    }

    /// Decrypts nothing, since there is no key.
    ///
    /// # Errors
    /// None.
    pub(crate) fn decrypt<R: BufRead>(&self, _: R) -> Result<Decrypting<R>, String> {
        match self.0 {}
    }
}

/// What would be encrypted while it is written.
pub(crate) struct Encrypting<W>(Infallible, PhantomData<W>);

impl<W: Write> Encrypting<W> {
    /// Ends nothing.
    ///
    /// # Errors
    /// None.
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

/// What would be decrypted while it is read.
pub(crate) struct Decrypting<R>(Infallible, PhantomData<R>);

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}
