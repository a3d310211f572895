//! Where a request came from, if it came through a proxy.
//!
//! Anybody can send `X-Forwarded-For` and `Forwarded`, so they are believed of named proxies alone, and of their entries none that
//! stands before what such a proxy has added.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Reads a proxy's address, or the network of several.
///
/// # Errors
/// It is neither.
pub(crate) fn parse(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| address())
        .map_err(|_| "neither an address (10.0.0.7) nor a network (10.0.0.0/24)".to_owned())
}

/// The address of the client that a connection from `peer` speaks for: the last that a header names and that is not a proxy's; the
/// peer's own, where it is no proxy, or its headers name none, or contradict each other.
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

/// The address that an entry of `Forwarded` is for.
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
