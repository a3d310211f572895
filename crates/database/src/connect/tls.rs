//! TLS for the connection, with libpq's `sslmode` semantics up to `verify-full`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use dataset::failure::{Kind, OrFail};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::settings::{Ssl, SslMode};

/// The TLS connector that `ssl` asks for. With [`SslMode::Disable`] it is never used.
pub(crate) fn connector(ssl: &Ssl) -> anyhow::Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let verify = match ssl.mode {
        SslMode::Disable | SslMode::Prefer => false,
        SslMode::Require => ssl.root_certificate.is_some(),
        SslMode::VerifyCa | SslMode::VerifyFull => true,
    };
    let trusted = if verify {
        Some(Trusted::read(ssl, &provider)?)
    } else {
        None
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .context("TLS protocol versions")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ServerIdentity {
            trusted,
            check_name: ssl.mode == SslMode::VerifyFull,
            provider,
        }));
    let config = match (&ssl.certificate, &ssl.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .or_fail(Kind::Usage, || format!("sslkey {}", key.display()))?;
            builder
                .with_client_auth_cert(chain, key)
                .or_fail(Kind::Usage, || "client certificate")?
        }
        (Some(certificate), None) => {
            return Err(Kind::Usage.error(format!(
                "the client's certificate {} needs its key: set sslkey (PGSSLKEY) to a PEM file",
                certificate.display()
            )));
        }
        (None, _) => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .or_fail(Kind::Usage, || {
            format!("cannot read certificates from {}", path.display())
        })
}

/// The roots that a server's certificate must lead to.
#[derive(Debug)]
struct Trusted {
    chain: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
}

impl Trusted {
    fn read(ssl: &Ssl, provider: &Arc<CryptoProvider>) -> anyhow::Result<Self> {
        let roots = match ssl.root_certificate.as_deref() {
            Some(path) if path == Path::new("system") => {
                rustls_native_certs::load_native_certs().certs
            }
            Some(path) => certificates(path)?,
            None => {
                return Err(Kind::Usage.error(
                    "this sslmode needs the root certificate: set sslrootcert (PGSSLROOTCERT) to a PEM file, \
                     or to `system` for the operating system's",
                ));
            }
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone())
            .build()
            .or_fail(Kind::Usage, || "sslrootcert holds no usable certificate")?;
        Ok(Self { chain, roots })
    }
}

/// Verifies the server's certificate as far as the mode demands.
#[derive(Debug)]
struct ServerIdentity {
    trusted: Option<Trusted>,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ServerIdentity {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        // A self-signed certificate that is given as its own root, the usual way to secure a single server, is
        // marked as an authority. webpki refuses that for a server, so it is trusted for being the very same.
        if trusted.roots.iter().any(|root| root == end_entity) {
            if self.check_name {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let result = trusted.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match result {
            // The name is compared last, so the chain has been found good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.check_name => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
