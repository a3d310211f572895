//! Finds out where a request came from if it came through a proxy.
//!
//! Anybody can send `X-Forwarded-For` and `Forwarded`. So they are believed only if they come from a proxy that was named, and only
//! those of their entries that such a proxy has added.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Parses the address of a proxy, or the network of several.
///
/// # Errors
/// A text that is neither.
pub(crate) fn parse(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| address())
        .map_err(|_| "neither an address (10.0.0.7) nor a network (10.0.0.0/24)".to_owned())
}

/// The address of the client that a connection from `peer` speaks for: the last address in its headers that is not a proxy's. It is
/// the peer's own if the peer is not a proxy, or if its headers name no address or contradict each other.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(&address));
    if !is_proxy(peer) {
        return peer;
    }
    let last = |name: &HeaderName, address: fn(&str) -> Option<IpAddr>| {
        let values = headers.get_all(name).iter().rev();
        let entries = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
        let mut named = entries.map(|entry| address(entry.trim()).unwrap_or(peer));
        named.find(|named| *named == peer || !is_proxy(*named))
    };
    match (
        last(&X_FORWARDED_FOR, address),
        last(&header::FORWARDED, forwarded_for),
    ) {
        (Some(one), None) | (None, Some(one)) => one,
        (Some(one), Some(other)) if one == other => one,
        _ => peer,
    }
}

/// The address in the `for` of an entry of `Forwarded`.
fn forwarded_for(entry: &str) -> Option<IpAddr> {
    entry.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let value = name.eq_ignore_ascii_case("for").then_some(value)?;
        address(value.trim_matches('"'))
    })
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, headers: &[(HeaderName, &str)]) -> String {
        let proxies = ["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"];
        let proxies = proxies.map(|proxy| parse(proxy).expect("a proxy"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().expect("a value"));
        }
        client(peer.parse().expect("an address"), &map, &proxies).to_string()
    }

    #[test]
    fn the_client_is_the_last_that_is_no_proxy() {
        let (x, f) = (X_FORWARDED_FOR, header::FORWARDED);
        for (peer, headers, expected) in [
            ("192.0.2.1", vec![(x.clone(), "1.1.1.1")], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![(x.clone(), "1.1.1.1")], "1.1.1.1"),
            (
                "10.0.0.1",
                vec![(x.clone(), "6.6.6.6, 1.1.1.1,10.2.3.4")],
                "1.1.1.1",
            ),
            (
                "10.0.0.1",
                vec![(x.clone(), "6.6.6.6"), (x.clone(), "1.1.1.1")],
                "1.1.1.1",
            ),
            ("10.0.0.1", vec![(x.clone(), "1.1.1.1:4711")], "1.1.1.1"),
            ("10.0.0.1", vec![(x.clone(), "::ffff:1.1.1.1")], "1.1.1.1"),
            (
                "2001:db8::1",
                vec![(x.clone(), "[2001::7]:80, 2001:db8::9")],
                "2001::7",
            ),
            (
                "10.0.0.1",
                vec![(f.clone(), "for=6.6.6.6, For=\"[2001::7]:80\";proto=http")],
                "2001::7",
            ),
            (
                "10.0.0.1",
                vec![(f.clone(), "by=10.0.0.1;for=1.1.1.1")],
                "1.1.1.1",
            ),
            // Headers that are malformed, hidden or contradictory, or name only proxies, say nothing.
            ("10.0.0.1", vec![(x.clone(), "1.1.1.1, x")], "10.0.0.1"),
            ("10.0.0.1", vec![(x.clone(), "")], "10.0.0.1"),
            ("10.0.0.1", vec![(x.clone(), "1.1.1.1,")], "10.0.0.1"),
            ("10.0.0.1", vec![(f.clone(), "for=unknown")], "10.0.0.1"),
            (
                "10.0.0.1",
                vec![(f.clone(), "for=6.6.6.6;host=\"a,")],
                "10.0.0.1",
            ),
            ("10.0.0.1", vec![(x.clone(), "10.0.0.9")], "10.0.0.1"),
            (
                "10.0.0.1",
                vec![(x.clone(), "1.1.1.1"), (f.clone(), "for=6.6.6.6")],
                "10.0.0.1",
            ),
            (
                "10.0.0.1",
                vec![(x, "1.1.1.1"), (f, "for=1.1.1.1")],
                "1.1.1.1",
            ),
        ] {
            assert_eq!(found(peer, &headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for text in ["", "x", "10.0.0.0/33", "10.0.0", "proxy.example:80"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
