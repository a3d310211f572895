//! Named proxies are believed when they say where a request came from, and nobody else is.

use std::time::Duration;

use crate::world::{EMPLOYEES, Guarded, Service};

/// The status of a request with a wrong key and these headers.
fn fails(service: &Service, headers: &[(&str, &str)]) -> u16 {
    let wrong = format!("Bearer extrato_{}", "0".repeat(64));
    let mut all = vec![("Authorization", &*wrong)];
    all.extend(headers);
    service.send(EMPLOYEES, &all, b"[]").status
}

#[test]
fn a_client_that_is_no_proxy_is_counted_by_its_own_address() {
    let guarded = Guarded::with(|options| {
        options.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a net")]
    });
    let statuses: Vec<u16> = (0..22)
        .map(|n| {
            let address = format!("192.0.2.{n}");
            fails(
                &guarded.service,
                &[
                    ("X-Forwarded-For", &address),
                    ("Forwarded", &format!("for={address}")),
                ],
            )
        })
        .collect();
    assert_eq!(statuses[..20], [401; 20]);
    assert_eq!(statuses[20..], [429; 2]);
}

#[test]
fn behind_a_proxy_each_client_is_counted_by_the_address_that_the_proxy_saw() {
    let guarded = Guarded::with(|options| {
        options.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a net")]
    });
    let service = &guarded.service;
    // It does not matter what the client wrote before the proxy's entry.
    for n in 0..20 {
        let forwarded = format!("198.51.100.{n}, 192.0.2.1");
        assert_eq!(fails(service, &[("X-Forwarded-For", &forwarded)]), 401);
    }
    assert_eq!(
        fails(service, &[("X-Forwarded-For", "198.51.100.99, 192.0.2.1")]),
        429
    );
    assert_eq!(
        fails(
            service,
            &[
                ("X-Forwarded-For", "203.0.113.7"),
                ("X-Forwarded-For", "192.0.2.1")
            ]
        ),
        429
    );
    // Other clients are still served: a client behind the proxy cannot pass for them.
    assert_eq!(
        fails(service, &[("X-Forwarded-For", "192.0.2.1, 192.0.2.2")]),
        401
    );
    assert_eq!(
        fails(service, &[("Forwarded", "for=192.0.2.1, for=192.0.2.3")]),
        401
    );
    let key = guarded.key("crm", "hiring:write");
    let answer = guarded.send(&key, EMPLOYEES, &[("X-Forwarded-For", "192.0.2.4")], "[]");
    assert_eq!(answer.status, 400);
}

#[test]
fn a_rate_without_keys_is_that_of_the_client_behind_the_proxy() {
    let hiring = crate::world::Hiring::with(|options| {
        options.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a net")];
        options.limits.per_second = std::num::NonZeroU32::new(1);
        options.limits.head = Duration::from_secs(60);
    });
    let post = |address: &str| {
        let headers = [
            ("Content-Type", "application/json"),
            ("X-Forwarded-For", address),
        ];
        hiring.service.send(EMPLOYEES, &headers, b"[]").status
    };
    let one: Vec<u16> = (0..30).map(|_| post("192.0.2.1")).collect();
    assert!(one.contains(&429), "{one:?}");
    let others: Vec<u16> = (0..30).map(|n| post(&format!("198.51.100.{n}"))).collect();
    assert_eq!(others, [400; 30]);
}
