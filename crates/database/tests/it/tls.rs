//! `sslmode` up to `verify-full`, against a server with certificates made here.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use database::embedded::Embedded;
use database::{Cancel, Environment, Settings, exit_code};
use rand::RngExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tempfile::TempDir;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A server on an address of its own on the loopback, where no other can be in the way.
struct Server {
    folder: TempDir,
    embedded: Embedded,
    address: Ipv4Addr,
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let embedded = Embedded::throwaway(&folder.path().join("pg"), &Environment::from_process());
        embedded.start().unwrap();
        let mut random = rand::rng();
        let address = Ipv4Addr::new(
            127,
            random.random_range(1..255),
            random.random_range(1..255),
            7,
        );
        Self {
            folder,
            embedded,
            address,
        }
    }

    /// Restarts it with this certificate and key, both PEM.
    fn restart_with(&self, certificate: &str, key: &str) {
        self.embedded.stop().unwrap();
        let data = self.embedded.folder().join("data");
        let owner = fs::metadata(&data).unwrap();
        for (name, contents) in [("server.crt", certificate), ("server.key", key)] {
            let path = data.join(name);
            fs::write(&path, contents).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        let configuration = fs::read_to_string(data.join("postgresql.conf")).unwrap();
        let ours = format!(
            "{configuration}\nlisten_addresses = '{}'\nssl = on\n",
            self.address
        );
        fs::write(data.join("postgresql.conf"), ours).unwrap();
        self.embedded.start().unwrap();
    }

    fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Whether a session with these parameters is encrypted, or why there is none.
    fn connect(&self, mode: &str, root: Option<&Path>) -> Result<bool, (u8, String)> {
        let passfile = fs::read_to_string(self.embedded.folder().join("passfile")).unwrap();
        let password = passfile.trim().rsplit(':').next().unwrap();
        let root = root
            .map(|path| format!("&sslrootcert={}", path.display()))
            .unwrap_or_default();
        let url = format!(
            "postgresql://extrato:{password}@{}/extrato?sslmode={mode}{root}",
            self.address
        );
        let session =
            Settings::from_url(&url).and_then(|settings| settings.connect(&Cancel::default()));
        let mut session = session.map_err(|error| (exit_code(&error), format!("{error:#}")))?;
        let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Ok(session.query_one(encrypted, &[]).unwrap().get(0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.embedded.destroy();
    }
}

fn authority(name: &str) -> Authority {
    let mut parameters = CertificateParams::new(vec![]).unwrap();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

fn parameters_for(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec![]).unwrap();
    let name = match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    };
    parameters.subject_alt_names.push(name);
    parameters
}

/// A server's certificate and key.
fn issued(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = parameters_for(name).signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn each_sslmode_verifies_as_far_as_it_says() {
    let server = Server::new();
    let ours = authority("ours");
    let root = server.write("root.crt", &ours.pem());
    let other_root = server.write("other.crt", &authority("other").pem());

    let (certificate, key) = issued(&ours, &server.address.to_string());
    server.restart_with(&certificate, &key);
    assert_eq!(server.connect("disable", None), Ok(false));
    for mode in ["prefer", "require"] {
        assert_eq!(server.connect(mode, None), Ok(true), "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_eq!(server.connect(mode, Some(&root)), Ok(true), "{mode}");
        let (code, message) = server.connect(mode, Some(&other_root)).unwrap_err();
        assert_eq!(code, 3, "{mode}: {message}");
        assert!(message.contains("certificate"), "{mode}: {message}");
    }
    // What verifies needs something to verify with.
    let (code, message) = server.connect("verify-full", None).unwrap_err();
    assert_eq!(code, 2, "{message}");
    assert!(message.contains("sslrootcert"), "{message}");

    let (certificate, key) = issued(&ours, "db.example");
    server.restart_with(&certificate, &key);
    assert_eq!(server.connect("verify-ca", Some(&root)), Ok(true));
    let (code, message) = server.connect("verify-full", Some(&root)).unwrap_err();
    assert_eq!(code, 3, "{message}");
    assert!(message.contains("not valid for name"), "{message}");
}

#[test]
fn a_self_signed_certificate_can_be_its_own_root() {
    let server = Server::new();
    let mut parameters = parameters_for(&server.address.to_string());
    // As `openssl req -x509` makes it.
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    server.restart_with(&certificate, &key.serialize_pem());
    let root = server.write("root.crt", &certificate);
    assert_eq!(server.connect("verify-full", Some(&root)), Ok(true));
    let other_root = server.write("other.crt", &authority("other").pem());
    assert_eq!(
        server
            .connect("verify-full", Some(&other_root))
            .unwrap_err()
            .0,
        3
    );
}
