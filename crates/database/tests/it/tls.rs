//! `sslmode` up to `verify-full`, on a server with certificates made here.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use database::{Cancel, Settings, exit_code};
use rand::RngExt;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A server on a loopback address of its own, so that no other server is in the way.
struct Server {
    server: testkit::Server,
    address: Ipv4Addr,
}

impl Server {
    fn new() -> Self {
        let mut random = rand::rng();
        let mut byte = || random.random_range(1..255);
        let address = Ipv4Addr::new(127, byte(), byte(), 7);
        Self {
            server: testkit::Server::start(),
            address,
        }
    }

    /// Restarts the server with this certificate and key, both in PEM, and these additional lines of configuration.
    fn restart_with(&self, certificate: &str, key: &str, lines: &str) {
        self.server.write("server.crt", certificate);
        self.server.write("server.key", key);
        self.server.configure(&format!(
            "listen_addresses = '{}'\nssl = on\n{lines}",
            self.address
        ));
    }

    fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.server.folder().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Whether a session with these parameters is encrypted, or the exit code and message if there is none.
    fn connect(&self, mode: &str, root: Option<&Path>) -> Result<bool, (u8, String)> {
        let root = root
            .map(|path| format!("&sslrootcert={}", path.display()))
            .unwrap_or_default();
        self.connect_to(&self.address.to_string(), &format!("sslmode={mode}{root}"))
    }

    /// Connects to this host name, wherever the parameters say that it is; returns the same as [`connect`](Self::connect).
    fn connect_to(&self, host: &str, parameters: &str) -> Result<bool, (u8, String)> {
        let url = format!(
            "postgresql://extrato:{}@{host}/extrato?{parameters}",
            self.server.password()
        );
        let session =
            Settings::from_url(&url).and_then(|settings| settings.connect(&Cancel::default()));
        let mut session = session.map_err(|error| (exit_code(&error), format!("{error:#}")))?;
        let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Ok(session.query_one(encrypted, &[]).unwrap().get(0))
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
    server.restart_with(&certificate, &key, "");
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
    // A mode that verifies needs something to verify with.
    let (code, message) = server.connect("verify-full", None).unwrap_err();
    assert_eq!(code, 2, "{message}");
    assert!(message.contains("sslrootcert"), "{message}");

    let (certificate, key) = issued(&ours, "db.example");
    server.restart_with(&certificate, &key, "");
    assert_eq!(server.connect("verify-ca", Some(&root)), Ok(true));
    let (code, message) = server.connect("verify-full", Some(&root)).unwrap_err();
    assert_eq!(code, 3, "{message}");
    assert!(message.contains("not valid for name"), "{message}");
}

#[test]
fn a_self_signed_certificate_can_be_its_own_root() {
    let server = Server::new();
    let mut parameters = parameters_for(&server.address.to_string());
    // The certificate is like one from `openssl req -x509`.
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    server.restart_with(&certificate, &key.serialize_pem(), "");
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

#[test]
fn a_host_is_verified_by_its_name_wherever_its_address_leads() {
    let server = Server::new();
    let authority = authority("ours");
    let root = server.write("root.crt", &authority.pem());
    let (certificate, key) = issued(&authority, "db.example");
    server.restart_with(&certificate, &key, "");
    let parameters = format!(
        "sslmode=verify-full&sslrootcert={}&hostaddr={}",
        root.display(),
        server.address
    );
    assert_eq!(server.connect_to("db.example", &parameters), Ok(true));
    for wrong in ["other.example", "example", "db.example.com"] {
        let (code, message) = server.connect_to(wrong, &parameters).unwrap_err();
        assert_eq!(code, 3, "{wrong}: {message}");
        assert!(message.contains("not valid for name"), "{wrong}: {message}");
    }
}

/// A certificate and key with which `role` can log in.
fn issued_to_role(authority: &Authority, role: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec![]).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, role);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = parameters.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn a_client_is_let_in_by_its_own_certificate_and_no_other() {
    let server = Server::new();
    let ours = authority("ours");
    let root = server.write("root.crt", &ours.pem());
    server.server.write("clients.crt", &ours.pem());
    let hba = server.server.data().join("pg_hba.conf");
    let passwords = fs::read_to_string(&hba).unwrap();
    fs::write(&hba, format!("hostssl all all all cert\n{passwords}")).unwrap();
    let (certificate, key) = issued(&ours, &server.address.to_string());
    server.restart_with(&certificate, &key, "ssl_ca_file = 'clients.crt'");

    let connect = |name: &str, parts: &str, (certificate, key): (String, String)| {
        let certificate = server.write(&format!("{name}.crt"), &certificate);
        let key = server.write(&format!("{name}.key"), &key);
        let mut parameters = format!("sslmode=verify-full&sslrootcert={}", root.display());
        if parts.contains("certificate") {
            parameters += &format!("&sslcert={}", certificate.display());
        }
        if parts.contains("key") {
            parameters += &format!("&sslkey={}", key.display());
        }
        server.connect_to(&server.address.to_string(), &parameters)
    };
    let whole = "certificate and key";
    assert_eq!(
        connect("role", whole, issued_to_role(&ours, "extrato")),
        Ok(true)
    );
    for (name, parts, identity) in [
        ("nobody", "neither", issued_to_role(&ours, "extrato")),
        ("another", whole, issued_to_role(&ours, "another")),
        (
            "stranger",
            whole,
            issued_to_role(&authority("other"), "extrato"),
        ),
    ] {
        let (code, message) = connect(name, parts, identity).unwrap_err();
        assert_eq!(code, 3, "{name}: {message}");
    }
    let (code, message) =
        connect("half", "certificate", issued_to_role(&ours, "extrato")).unwrap_err();
    assert_eq!(code, 2, "{message}");
    assert!(message.contains("sslkey"), "{message}");
}
