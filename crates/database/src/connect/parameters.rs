//! Connection parameters under libpq's names, from a URL, the environment or a service file.

use std::collections::BTreeMap;

use dataset::failure::{Kind, OrFail};
use percent_encoding::percent_decode_str;

use super::environment::Environment;

/// libpq's connection parameters by name.
#[derive(Default)]
pub(crate) struct Parameters(pub(crate) BTreeMap<String, String>);

/// The parameters that we accept, each with the variable that gives it.
const PARAMETERS: [(&str, &str); 16] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("dbname", "PGDATABASE"),
    ("service", "PGSERVICE"),
    ("passfile", "PGPASSFILE"),
    ("options", "PGOPTIONS"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("application_name", "PGAPPNAME"),
    ("client_encoding", "PGCLIENTENCODING"),
];

impl Parameters {
    pub(crate) fn check_name(name: &str, place: &str) -> anyhow::Result<()> {
        if PARAMETERS.iter().any(|(known, _)| *known == name) {
            return Ok(());
        }
        let known: Vec<_> = PARAMETERS.iter().map(|(name, _)| *name).collect();
        Err(Kind::Usage.error(format!(
            "{place}: unknown connection parameter `{name}`; known are {}",
            known.join(", ")
        )))
    }

    pub(crate) fn from_environment(environment: &Environment) -> Self {
        let value = |variable| environment.get(variable).map(str::to_owned);
        Self(
            PARAMETERS
                .iter()
                .filter_map(|(name, variable)| Some(((*name).to_owned(), value(variable)?)))
                .collect(),
        )
    }

    /// Takes the parameters that are not set yet from `other`.
    pub(crate) fn fill_from(&mut self, other: Self) {
        // A host from here must not be combined with an address from there, and the reverse.
        let host_given = self.0.contains_key("host") || self.0.contains_key("hostaddr");
        for (name, value) in other.0 {
            if host_given && (name == "host" || name == "hostaddr") {
                continue;
            }
            self.0.entry(name).or_insert(value);
        }
    }

    /// Parses `postgresql://user:password@host:port,host:port/dbname?name=value&…`. `place` says where the URL came from,
    /// for errors; the URL itself may hold a password and is never repeated.
    pub(crate) fn from_url(place: &str, url: &str) -> anyhow::Result<Self> {
        let rest = url
            .strip_prefix("postgresql://")
            .or_else(|| url.strip_prefix("postgres://"))
            .ok_or_else(|| {
                Kind::Usage.error(format!(
                    "{place} is not a database URL: it begins with postgresql:// (postgresql://user@host:port/database)"
                ))
            })?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));

        let mut parameters = BTreeMap::new();
        let mut set = |name: &str, text: &str| -> anyhow::Result<()> {
            if text.is_empty() {
                return Ok(());
            }
            let value = percent_decode_str(text)
                .decode_utf8()
                .or_fail(Kind::Usage, || format!("{place}: `{name}` is not UTF-8"))?;
            parameters.insert(name.to_owned(), value.into_owned());
            Ok(())
        };
        set("user", user)?;
        set("password", password)?;
        set("dbname", database)?;
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            // A colon inside brackets belongs to an IPv6 address.
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) if !port.contains(']') => (name, port),
                _ => (host, ""),
            };
            names.push(name.trim_start_matches('[').trim_end_matches(']'));
            ports.push(if port.is_empty() { "5432" } else { port });
        }
        set("host", &names.join(","))?;
        if hosts
            .rsplit('@')
            .next()
            .is_some_and(|hosts| hosts.contains(':'))
        {
            set("port", &ports.join(","))?;
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Self::check_name(name, place)?;
            set(name, value)?;
        }
        Ok(Self(parameters))
    }
}
