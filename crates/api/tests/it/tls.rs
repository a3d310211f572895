//! A service with a certificate answers clients that trust it, and only over TLS.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use api::{ServeOptions, TlsFiles, serve};
use database::Cancel;
use dataset::failure::{Failure, Kind};
use rcgen::{CertificateParams, KeyPair};
use testkit::Database;

use crate::world::{EMPLOYEES, Hiring, employees, hiring};

/// Writes a self-signed certificate for this name, and its key, into a folder.
fn files(folder: &Path, name: &str) -> TlsFiles {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![name.to_owned()]);
    let certificate = certificate.and_then(|of| of.self_signed(&key));
    let files = TlsFiles {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    fs::write(&files.certificate, certificate.expect("signed").pem()).expect("written");
    fs::write(&files.key, key.serialize_pem()).expect("written");
    files
}

/// The status of a request that curl sends to this machine, and whether curl succeeded.
fn posted(url: &str, trusted: &Path, body: &str) -> (String, bool) {
    let curl = Command::new("curl")
        .args([
            "--silent",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ])
        .args(["--max-time", "20", "--cacert"])
        .arg(trusted)
        .args(["--header", "Content-Type: application/json", "--data", body])
        .arg(url)
        .output()
        .expect("curl");
    let status = String::from_utf8(curl.stdout).expect("ASCII");
    (status, curl.status.success())
}

#[test]
fn rows_come_over_tls_from_who_trusts_the_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = files(folder.path(), "localhost");
    let other = files(folder.path(), "other.test");
    let hiring = Hiring::with(|options| {
        options.tls = Some(own.clone());
        options.limits.head = Duration::from_millis(500);
    });
    let port = hiring.service.address.port();
    let url = format!("https://localhost:{port}{EMPLOYEES}");
    let done = ("201".to_owned(), true);
    assert_eq!(posted(&url, &own.certificate, &employees([1])), done);
    // A certificate that is not trusted, and one for another name.
    let refused = ("000".to_owned(), false);
    assert_eq!(posted(&url, &other.certificate, &employees([2])), refused);
    let by_address = url.replace("localhost", "127.0.0.1");
    assert_eq!(
        posted(&by_address, &own.certificate, &employees([3])),
        refused
    );
    // A client without TLS, and a client that says nothing.
    for sent in ["GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", ""] {
        let mut stream = hiring.service.connect();
        stream.write_all(sent.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    assert_eq!(posted(&url, &own.certificate, &employees([4])), done);
    assert_eq!(hiring.employees(), 2);
}

#[test]
fn files_that_hold_something_else_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, other) = (
        files(folder.path(), "localhost"),
        files(folder.path(), "other.test"),
    );
    let nothing = folder.path().join("nothing.pem");
    let with = |certificate: &Path, key: &Path| TlsFiles {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    let database = Database::create();
    let served = vec![(hiring(&database), "hiring".to_owned())];
    for (files, part) in [
        (with(&nothing, &own.key), "--tls-certificate"),
        (with(&own.certificate, &nothing), "--tls-key"),
        (
            with(&own.key, &own.key),
            "no certificate (BEGIN CERTIFICATE)",
        ),
        (with(&own.certificate, &own.certificate), "--tls-key"),
        (with(&own.certificate, &other.key), "do not go together"),
    ] {
        let options = ServeOptions {
            tls: Some(files),
            ..ServeOptions::new(served.clone())
        };
        let settings = database.settings();
        let error = serve(&settings, &options, &Cancel::default(), |_| {}).expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
        assert!(format!("{error:#}").contains(part), "{error:#}");
    }
}
