//! The address of a server.

use std::fmt;

use dataset::failure::{Kind, OrFail};
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

/// The port to use if an address names none.
const PORT: u16 = 15002;

/// The address of a Spark Connect server: `sc://host[:port][/;key=value;…]`, as in Spark's own clients.
#[derive(Clone)]
pub struct Remote {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// The user who owns the session on the server.
    pub(crate) user: String,
    /// Headers of every request, including the token.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Remote {
    /// Parses an address. The token comes from the environment, as `token`, and never from the address. It is sent over TLS only,
    /// except to this machine itself.
    ///
    /// `use_ssl`, `user_id` and `user_agent` mean what they mean for Spark's own clients. Any other key is a header of each
    /// request, such as `x-databricks-cluster-id`.
    ///
    /// # Errors
    /// With [`Kind::Usage`], if it is not such an address, or contains a secret.
    pub fn parse(address: &str, token: Option<String>) -> anyhow::Result<Self> {
        // A wrong address is not repeated in the message: its owner may have put a secret into it.
        let rest = address.strip_prefix("sc://").or_usage(
            "the address of a Spark Connect server begins with sc://, as in sc://host:15002",
        )?;
        let (place, parameters) = rest.split_once('/').unwrap_or((rest, ""));
        if place.contains('@') {
            return Err(secret("a name or a password"));
        }
        let (host, port) = split_port(place)?;
        let mut remote = Self {
            tls: false,
            host,
            port,
            user: "extrato".to_owned(),
            headers: vec![],
        };
        let mut agent = "extrato".to_owned();
        if !(parameters.is_empty() || parameters.starts_with(';')) {
            return Err(Kind::Usage.error(
                "the address of a Spark Connect server has no path: what follows the host is /;key=value;…",
            ));
        }
        for parameter in parameters.split(';').filter(|part| !part.is_empty()) {
            let (key, value) = parameter.split_once('=').or_usage(
                "a parameter in the address of a Spark Connect server is not key=value: sc://host:port/;key=value;…",
            )?;
            let value = percent_decode_str(value)
                .decode_utf8()
                .or_fail(Kind::Usage, || format!("{key} in the address is not UTF-8"))?;
            match key {
                "token" | "authorization" => return Err(secret("a token")),
                "use_ssl" => remote.tls = value.eq_ignore_ascii_case("true"),
                "user_id" => remote.user = value.into_owned(),
                "user_agent" => agent = value.into_owned(),
                "session_id" => {
                    return Err(Kind::Usage.error(
                        "session_id in the address: each run has a session of its own, leave it out",
                    ));
                }
                _ => remote.add_header(key, &value)?,
            }
        }
        remote.add_header("user-agent", &agent)?;
        if let Some(token) = token {
            remote.tls |= !remote.is_this_machine();
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .or_fail(Kind::Usage, || "the token has characters that no token has")?;
            value.set_sensitive(true);
            remote.headers.push((http::header::AUTHORIZATION, value));
        }
        Ok(remote)
    }

    fn add_header(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        let refused = || format!("{name} in the address cannot be a header of requests");
        let header = HeaderName::try_from(name).or_fail(Kind::Usage, refused)?;
        let value = HeaderValue::try_from(value).or_fail(Kind::Usage, refused)?;
        self.headers.push((header, value));
        Ok(())
    }

    fn is_this_machine(&self) -> bool {
        self.host == "localhost"
            || self
                .bare_host()
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// The host without the brackets of an IPv6 address.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Host and port, as a URL has them.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The address without its parameters, which may hold secrets.
impl fmt::Display for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sc://{}", self.authority())
    }
}

fn split_port(place: &str) -> anyhow::Result<(String, u16)> {
    // The colons of an IPv6 address stand in brackets.
    let after_address = place.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match place[after_address..].find(':') {
        Some(colon) => place.split_at(after_address + colon),
        None => (place, ""),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().or_fail(Kind::Usage, || {
            format!("{port:?} is not a port: sc://host:15002")
        })?,
        None => PORT,
    };
    http::uri::Authority::try_from(host).or_fail(Kind::Usage, || {
        format!("{host:?} is not a host: sc://host:15002")
    })?;
    Ok((host.to_owned(), port))
}

fn secret(what: &str) -> anyhow::Error {
    Kind::Usage.error(format!(
        "{what} in the address of the server would be seen by everybody: leave it out, and set the variable \
         SPARK_CONNECT_AUTHENTICATE_TOKEN"
    ))
}

trait OrUsage<T> {
    fn or_usage(self, message: &'static str) -> anyhow::Result<T>;
}

impl<T> OrUsage<T> for Option<T> {
    fn or_usage(self, message: &'static str) -> anyhow::Result<T> {
        self.ok_or_else(|| Kind::Usage.error(message))
    }
}
