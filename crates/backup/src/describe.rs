//! The files of a backup beside those with rows: the manifest, the statements that create the tables, and the checksums of all
//! files.

use std::fmt::Write as _;

use anyhow::Context;
use database::Cancel;
use dataset::failure::{Kind, OrFail};
use sha2::{Digest, Sha256};
use storage::fill::cannot_write;
use storage::place::Place;

use crate::encryption::{BackupKey, EncryptTo};
use crate::envelope::{self, EncryptedFile, Envelope, Series};
use crate::manifest::{FILE, Manifest, SCHEMA_SQL, SUMS};
use crate::{file, schema_sql};

/// How a backup is encrypted.
pub(crate) struct Encryption<'a> {
    /// The people for whom the backup is encrypted.
    pub(crate) to: &'a EncryptTo,
    /// The key that the backup's files are encrypted to.
    pub(crate) key: BackupKey,
    /// The same key, encrypted for those people.
    pub(crate) locked: Vec<u8>,
    /// The server's identifier.
    pub(crate) server: String,
}

/// Writes these files for a backup that is not encrypted.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be written.
pub(crate) fn plain(root: &Place, manifest: &Manifest) -> anyhow::Result<()> {
    let script = schema_sql::script(&manifest.definition, &manifest.name);
    let of_script = file::write(&root.join(SCHEMA_SQL), None, script.as_bytes())?;
    let text = json(manifest)?;
    let of_manifest = file::hexadecimal(Sha256::new_with_prefix(&text));
    let files = manifest.entries();
    let files = files.map(|file| (file.path.as_str(), file.sha256.as_str()));
    let own = [
        (FILE, of_manifest.as_str()),
        (SCHEMA_SQL, of_script.sha256.as_str()),
    ];
    sums(root, own.into_iter().chain(files))?;
    last(root, &text)
}

/// Writes these files for an encrypted backup, and returns the part that is not encrypted.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be written.
pub(crate) fn encrypted(
    root: &Place,
    manifest: &Manifest,
    encryption: &Encryption<'_>,
) -> anyhow::Result<Envelope> {
    let script = schema_sql::script(&manifest.definition, &manifest.name);
    let key = Some(&encryption.key);
    let own = [
        (envelope::KEY, None, encryption.locked.as_slice()),
        (envelope::MANIFEST, key, &json(manifest)?),
        (envelope::SCHEMA_SQL, key, script.as_bytes()),
    ];
    let own = own.map(|(name, key, contents)| -> anyhow::Result<EncryptedFile> {
        let written = file::write(&root.join(name), key, contents)?;
        Ok(EncryptedFile {
            path: name.to_owned(),
            bytes: written.bytes,
            sha256: written.sha256,
        })
    });
    let own = own.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let series = Series::new(&encryption.server, encryption.to, manifest);
    let envelope = Envelope::new(encryption.to.lock(), series, own, manifest);
    let text = json(&envelope)?;
    let of_envelope = file::hexadecimal(Sha256::new_with_prefix(&text));
    let first = (FILE, of_envelope.as_str());
    sums(root, [first].into_iter().chain(envelope.sums()))?;
    last(root, &text)?;
    Ok(envelope)
}

/// Writes the manifest, which makes the folder a backup, once all other files are there.
fn last(root: &Place, manifest: &[u8]) -> anyhow::Result<()> {
    root.settle().or_fail(Kind::Output, || cannot_write(root))?;
    // Not to be interrupted: a request that was broken off may still take effect later, and leave the manifest of a deleted backup.
    let to_its_end = root.clone().cancelled_by(&Cancel::default());
    file::write(&to_its_end.join(FILE), None, manifest)?;
    Ok(())
}

fn json(what: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    serde_json::to_vec_pretty(what).context("writing the manifest")
}

/// Writes the checksums of files, as `sha256sum --check` reads them.
fn sums<'a>(root: &Place, files: impl Iterator<Item = (&'a str, &'a str)>) -> anyhow::Result<()> {
    let mut sums = String::new();
    for (name, sha256) in files {
        let _ = writeln!(sums, "{sha256}  {name}");
    }
    file::write(&root.join(SUMS), None, sums.as_bytes())?;
    Ok(())
}
