//! Says where the database is and how to log in: from `--url`, `DATABASE_URL`, the `PG*` variables, a service file
//! and a passfile, with libpq's names and order of precedence.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use dataset::failure::{Kind, OrFail};
use tokio_postgres::config::Host;

use super::environment::Environment;
use super::parameters::Parameters;
use super::{passfile, service};

/// The connection arguments that every command shares.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConnectionArgs {
    /// The database, as postgresql://user@host:port/database?sslmode=verify-full (no password in it:
    /// give that in PGPASSWORD or a passfile). Without it: DATABASE_URL, then the PG* variables
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub url: Option<String>,

    /// The Postgres schema that holds the tables [default: the dataset's name]
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    pub schema: Option<String>,
}

impl ConnectionArgs {
    /// The settings that the arguments and the environment give; `None` if they name no database.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a URL that cannot be read, an unknown option in it, or a password in `--url`;
    /// [`Kind::Connection`] for a passfile or service file that cannot be used.
    pub fn settings(&self, environment: &Environment) -> anyhow::Result<Option<Settings>> {
        if let Some(url) = &self.url {
            let mut parameters = Parameters::from_url("--url", url)?;
            if parameters.0.remove("password").is_some() {
                return Err(Kind::Usage.error(
                    "--url holds a password, which every user of this machine could read in the process \
                     list: give it in PGPASSWORD, in DATABASE_URL, or in a passfile (~/.pgpass)",
                ));
            }
            return Settings::resolve(parameters, environment).map(Some);
        }
        if let Some(url) = environment.get("DATABASE_URL") {
            let parameters = Parameters::from_url("DATABASE_URL", url)?;
            return Settings::resolve(parameters, environment).map(Some);
        }
        let naming = [
            "PGHOST",
            "PGHOSTADDR",
            "PGPORT",
            "PGUSER",
            "PGDATABASE",
            "PGSERVICE",
        ];
        if naming.iter().any(|name| environment.get(name).is_some()) {
            return Settings::resolve(Parameters::default(), environment).map(Some);
        }
        Ok(None)
    }
}

/// How far the connection is secured and the server's identity checked, like libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS if the server offers it; nothing is verified.
    Prefer,
    /// TLS; verified only if a root certificate is given.
    Require,
    /// TLS, and the certificate is signed by a trusted root.
    VerifyCa,
    /// TLS, and the certificate is signed by a trusted root and has the host's name.
    VerifyFull,
}

impl FromStr for SslMode {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Ok(match text {
            "disable" => Self::Disable,
            // With `allow`, libpq tries without TLS first; nobody who asks for it loses anything by TLS.
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(Kind::Usage.error(format!(
                    "sslmode `{text}` is unknown: disable, prefer, require, verify-ca or verify-full"
                )));
            }
        })
    }
}

/// TLS settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssl {
    /// How far the connection is secured.
    pub mode: SslMode,
    /// PEM file of trusted roots; `system` means the operating system's.
    pub root_certificate: Option<PathBuf>,
    /// PEM file of the client's certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of the client's key.
    pub key: Option<PathBuf>,
}

/// Everything that is needed to connect. Its `Debug` and `Display` never show the password.
#[derive(Clone)]
pub struct Settings {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) ssl: Ssl,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({self})")
    }
}

/// `user@host:port/database`
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.user())?;
        let ports = self.config.get_ports();
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(index).or(ports.first()).unwrap_or(&5432);
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        write!(f, "/{}", self.database())
    }
}

impl Settings {
    /// Settings for a server on a Unix socket.
    pub fn socket(folder: &Path, port: u16, user: &str, password: &str, database: &str) -> Self {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(folder)
            .port(port)
            .user(user)
            .password(password)
            .dbname(database);
        Self {
            config,
            ssl: Ssl {
                mode: SslMode::Disable,
                root_certificate: None,
                certificate: None,
                key: None,
            },
        }
    }

    /// Settings for another database of the server, with the same login.
    pub fn with_database(&self, database: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(database);
        other
    }

    /// The role to log in as.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The database to connect to.
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    /// The `PG*` variables with which libpq, or a program of ours, connects in the same way. They hold the password.
    pub fn variables(&self) -> Vec<(String, String)> {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let ports = self.config.get_ports().iter().map(u16::to_string);
        let password = self.config.get_password().unwrap_or_default();
        [
            ("PGHOST", hosts.collect::<Vec<_>>().join(",")),
            ("PGPORT", ports.collect::<Vec<_>>().join(",")),
            ("PGUSER", self.user().to_owned()),
            ("PGDATABASE", self.database().to_owned()),
            ("PGPASSWORD", String::from_utf8_lossy(password).into_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Settings from a URL alone, as in tests and in the configuration of other programs.
    pub fn from_url(url: &str) -> anyhow::Result<Self> {
        Self::resolve(Parameters::from_url("url", url)?, &Environment::default())
    }

    fn resolve(mut given: Parameters, environment: &Environment) -> anyhow::Result<Self> {
        let service = given.0.get("service").cloned();
        if let Some(name) = service.as_deref().or(environment.get("PGSERVICE")) {
            given.fill_from(service::read(name, environment)?);
        }
        given.fill_from(Parameters::from_environment(environment));

        let take = |name: &str| given.0.get(name).map(String::as_str);
        let user = take("user")
            .or(environment.get("USER"))
            .or(environment.get("LOGNAME"))
            .unwrap_or("postgres");
        let database = take("dbname").unwrap_or(user);
        let mut config = tokio_postgres::Config::new();
        config.user(user).dbname(database);

        let hosts: Vec<&str> = match take("host").or(take("hostaddr")) {
            Some(hosts) => hosts.split(',').collect(),
            None => vec![default_host()],
        };
        for host in &hosts {
            config.host(*host);
        }
        // The address to connect to, if the host is only the name to verify.
        if let (Some(_), Some(addresses)) = (take("host"), take("hostaddr")) {
            if addresses.split(',').count() != hosts.len() {
                return Err(Kind::Usage.error("give one hostaddr for each host"));
            }
            for address in addresses.split(',') {
                config.hostaddr(address.parse().or_fail(Kind::Usage, || {
                    format!("hostaddr `{address}` is not an address")
                })?);
            }
        }
        let ports = take("port").unwrap_or("5432");
        for port in ports.split(',') {
            config.port(port.parse().or_fail(Kind::Usage, || {
                format!("port `{port}` is not a port number")
            })?);
        }
        if ports.split(',').count() > 1 && ports.split(',').count() != hosts.len() {
            return Err(Kind::Usage.error("give one port for all hosts, or one for each"));
        }
        if let Some(seconds) = take("connect_timeout") {
            let seconds = seconds.parse().or_fail(Kind::Usage, || {
                format!("connect_timeout `{seconds}` is not a number of seconds")
            })?;
            config.connect_timeout(Duration::from_secs(seconds));
        } else {
            config.connect_timeout(Duration::from_secs(10));
        }
        if let Some(options) = take("options") {
            config.options(options);
        }
        match take("password") {
            Some(password) => {
                config.password(password);
            }
            None => {
                let port = ports.split(',').next().unwrap_or("5432");
                let login = passfile::Login {
                    host: hosts[0],
                    port,
                    database,
                    user,
                };
                if let Some(password) = passfile::find(take("passfile"), &login, environment)? {
                    config.password(password);
                }
            }
        }
        let mode = take("sslmode").unwrap_or("prefer").parse()?;
        let file = |name: &str| take(name).map(PathBuf::from);
        let in_home = |name: &str| {
            let path = environment.home()?.join(".postgresql").join(name);
            path.is_file().then_some(path)
        };
        Ok(Self {
            config,
            ssl: Ssl {
                mode,
                root_certificate: file("sslrootcert").or_else(|| in_home("root.crt")),
                certificate: file("sslcert").or_else(|| in_home("postgresql.crt")),
                key: file("sslkey").or_else(|| in_home("postgresql.key")),
            },
        })
    }
}

/// The place where libpq looks if no host is named: Debian's socket folder, or else the upstream one.
fn default_host() -> &'static str {
    if Path::new("/var/run/postgresql").is_dir() {
        "/var/run/postgresql"
    } else {
        "/tmp"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn with_url(url: &str) -> ConnectionArgs {
        ConnectionArgs {
            url: Some(url.to_owned()),
            schema: None,
        }
    }

    #[test]
    fn a_url_is_read_in_all_its_parts() {
        let url =
            "postgresql://ana%40x@db.example:6543/folha?sslmode=verify-full&sslrootcert=/r.crt";
        let settings = with_url(url)
            .settings(&Environment::default())
            .unwrap()
            .unwrap();
        assert_eq!(settings.to_string(), "ana@x@db.example:6543/folha");
        assert_eq!(settings.ssl.mode, SslMode::VerifyFull);
        assert_eq!(
            settings.ssl.root_certificate.as_deref(),
            Some(Path::new("/r.crt"))
        );
    }

    #[test]
    fn several_hosts_addresses_and_sockets_are_read() {
        for (url, shown) in [
            ("postgres://u@a:1,b:2/d", "u@a:1,b:2/d"),
            ("postgres://u@[::1]:5433/d", "u@::1:5433/d"),
            ("postgres://u@%2Frun%2Fpg/d", "u@/run/pg:5432/d"),
            ("postgres://u@/d?host=/run/pg&port=7", "u@/run/pg:7/d"),
        ] {
            let settings = with_url(url)
                .settings(&Environment::default())
                .unwrap()
                .unwrap();
            assert_eq!(settings.to_string(), shown, "{url}");
        }
    }

    #[test]
    fn a_password_on_the_command_line_is_refused_and_not_repeated() {
        for url in ["postgres://u:hush@h/d", "postgres://u@h/d?password=hush"] {
            let error = with_url(url).settings(&Environment::default()).unwrap_err();
            assert!(error.to_string().contains("PGPASSWORD"), "{error}");
            assert!(!format!("{error:?}").contains("hush"), "{error:?}");
        }
    }

    #[test]
    fn a_password_from_the_environment_is_never_shown() {
        let environment = environment(&[("DATABASE_URL", "postgres://u:hush@h/d")]);
        let settings = ConnectionArgs::default()
            .settings(&environment)
            .unwrap()
            .unwrap();
        assert_eq!(settings.config.get_password(), Some(&b"hush"[..]));
        assert!(!format!("{settings:?} {settings}").contains("hush"));
    }

    #[test]
    fn the_url_wins_over_the_variables_and_the_variables_fill_its_gaps() {
        let environment = environment(&[
            ("PGHOST", "other"),
            ("PGUSER", "maria"),
            ("PGSSLMODE", "require"),
        ]);
        let settings = with_url("postgres://h/d")
            .settings(&environment)
            .unwrap()
            .unwrap();
        assert_eq!(settings.to_string(), "maria@h:5432/d");
        assert_eq!(settings.ssl.mode, SslMode::Require);
    }

    #[test]
    fn without_any_of_them_there_is_no_connection() {
        let environment = environment(&[("PGPASSWORD", "x"), ("PGHOST", "")]);
        assert!(
            ConnectionArgs::default()
                .settings(&environment)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for url in [
            "mysql://h/d",
            "postgres://h:port/d",
            "postgres://h/d?sslmode=sometimes",
            "postgres://h/d?sslmod=require",
            "postgres://a:1,b:2,c:x/d",
        ] {
            let error = with_url(url).settings(&Environment::default()).unwrap_err();
            assert_eq!(
                dataset::failure::Failure::kind_of(&error),
                Some(Kind::Usage),
                "{url}: {error}"
            );
        }
    }
}
