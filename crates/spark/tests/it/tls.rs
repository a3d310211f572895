//! Servers behind TLS, as clusters in a cloud are.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::{fs, thread};

use ::spark::{Remote, Session};
use database::Cancel;
use dataset::failure::Kind;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use testkit::Sail;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::work::failure;

/// Passes the address to a process that trusts the certificate, since a process learns from its environment which ones to trust.
const REMOTE: &str = "EXTRATO_TEST_TLS_REMOTE";

#[test]
#[ignore = "needs Sail: EXTRATO_TEST_SAIL"]
fn sail_is_reached_over_tls_if_its_certificate_is_trusted_and_bears_its_name() {
    if let Ok(remote) = std::env::var(REMOTE) {
        let remote = Remote::parse(&remote, Some("token".to_owned())).expect("an address");
        let session = Session::connect(&remote, &Cancel::default()).expect("it is trusted");
        assert!(session.version().starts_with("4."));
        return;
    }
    let (sail, folder) = (Sail::start(), tempfile::tempdir().expect("a folder"));
    let root = folder.path().join("root.pem");
    let port = before(sail.port(), &root);
    let localhost = format!("sc://localhost:{port}/;use_ssl=true;x-cluster=1");
    let trusting = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "sail_is_reached_over_tls"])
        .env(REMOTE, &localhost)
        .env("SSL_CERT_FILE", &root)
        .output()
        .expect("it runs");
    assert!(trusting.status.success(), "{trusting:?}");
    assert!(String::from_utf8_lossy(&trusting.stdout).contains("1 passed"));
    let plain = Remote::parse(&format!("sc://localhost:{port}"), None).expect("an address");
    let (kind, message) = failure(Session::connect(&plain, &Cancel::default()));
    assert_eq!(kind, Kind::Connection, "{message}");
    assert!(message.contains("add /;use_ssl=true"), "{message}");
    let remote = Remote::parse(&localhost, None).expect("an address");
    let (kind, message) = failure(Session::connect(&remote, &Cancel::default()));
    assert_eq!(kind, Kind::Connection, "{message}");
    assert!(message.contains("certificate"), "{message}");
    // The certificate is not for this name, trusted or not.
    let other = Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "sail_is_reached_over_tls"])
        .env(REMOTE, format!("sc://127.0.0.1:{port}/;use_ssl=true"))
        .env("SSL_CERT_FILE", &root)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(
        !other.status.success() && said.contains("not valid for name"),
        "{said}"
    );
}

/// Accepts TLS for `localhost` in front of a server's port; gives its own port.
fn before(server_port: u16, root: &Path) -> u16 {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    fs::write(root, made.cert.pem()).expect("written");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key);
    let mut config = config.expect("a certificate and its key");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(("127.0.0.1", server_port)).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
    });
    port
}
