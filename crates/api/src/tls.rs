//! TLS for the service, with a certificate and a key from files.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use dataset::failure::{Kind, OrFail};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The files that TLS needs, in the form of PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead from it to its root.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
}

/// Reads the certificate and the key.
///
/// # Errors
/// [`Kind::Usage`] naming the file that cannot be read, or that holds something else.
pub(crate) fn acceptor(files: &TlsFiles) -> anyhow::Result<TlsAcceptor> {
    let TlsFiles { certificate, key } = files;
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .or_fail(Kind::Usage, || {
            format!("--tls-certificate {}", certificate.display())
        })?;
    if chain.is_empty() {
        return Err(Kind::Usage.error(format!(
            "--tls-certificate {}: the file has no certificate (BEGIN CERTIFICATE)",
            certificate.display()
        )));
    }
    let of_key = || format!("--tls-key {}", key.display());
    let key = PrivateKeyDer::from_pem_file(key).or_fail(Kind::Usage, of_key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS protocol versions")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .or_fail(Kind::Usage, || {
            format!(
                "{} and --tls-certificate {} do not go together",
                of_key(),
                certificate.display()
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
