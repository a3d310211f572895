//! Addresses, and what happens where there is no server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use ::spark::{Remote, Session};
use database::Cancel;
use dataset::failure::Kind;

use crate::work::failure;

#[test]
fn an_address_is_shown_without_its_parameters() {
    for (address, shown) in [
        ("sc://localhost", "sc://localhost:15002"),
        (
            "sc://spark.example:443/;use_ssl=true;x-key=abc",
            "sc://spark.example:443",
        ),
        ("sc://[::1]:7/", "sc://[::1]:7"),
        ("sc://[::1]", "sc://[::1]:15002"),
    ] {
        let remote = Remote::parse(address, Some("secret".to_owned())).expect(address);
        assert_eq!(remote.to_string(), shown);
    }
}

#[test]
fn what_is_no_address_is_refused_without_repeating_a_secret() {
    for (address, says) in [
        ("https://host", "begins with sc://"),
        ("sc://", "is not a host"),
        ("sc://a b", "is not a host"),
        ("sc://host:port", "is not a port"),
        ("sc://host:70000", "is not a port"),
        ("sc://host/path", "has no path"),
        ("sc://host/;s3cret", "is not key=value"),
        (
            "sc://host/;token=s3cret",
            "SPARK_CONNECT_AUTHENTICATE_TOKEN",
        ),
        (
            "sc://host/;authorization=s3cret",
            "SPARK_CONNECT_AUTHENTICATE_TOKEN",
        ),
        ("sc://me:s3cret@host", "SPARK_CONNECT_AUTHENTICATE_TOKEN"),
        ("sc://host/;session_id=s3cret", "leave it out"),
        ("sc://host/;a key=s3cret", "cannot be a header"),
        ("sc://host/;x-key=s3cret%0a", "cannot be a header"),
    ] {
        let (kind, message) = failure(Remote::parse(address, None));
        assert_eq!(kind, Kind::Usage, "{address}");
        assert!(message.contains(says), "{address}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
    let (kind, message) = failure(Remote::parse("sc://host", Some("s3cret\n".to_owned())));
    assert_eq!(kind, Kind::Usage);
    assert!(!message.contains("s3cret"), "{message}");
}

fn connection(remote: &str, token: Option<&str>) -> (Kind, String) {
    let remote = Remote::parse(remote, token.map(str::to_owned)).expect("an address");
    failure(Session::connect(&remote, &Cancel::default()))
}

#[test]
fn a_port_without_a_server_is_told_with_the_address() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let (kind, message) = connection(&format!("sc://127.0.0.1:{port}"), None);
    assert_eq!(kind, Kind::Connection);
    assert!(
        message.contains(&format!("sc://127.0.0.1:{port}")),
        "{message}"
    );
    assert!(message.contains("refused"), "{message}");
}

#[test]
fn a_server_of_something_else_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 1024]);
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    // Without a token, with one (which may go to this machine), and over TLS.
    for (parameters, token, why) in [
        ("", None, "if it speaks TLS, add /;use_ssl=true"),
        ("", Some("t"), "if it speaks TLS, add /;use_ssl=true"),
        ("/;use_ssl=true", None, "it does not speak TLS"),
    ] {
        let (kind, message) = connection(&format!("sc://localhost:{port}{parameters}"), token);
        assert_eq!(kind, Kind::Connection, "{message}");
        assert!(message.contains(why), "{message}");
        assert!(
            message.contains("cannot be reached, or went away"),
            "{message}"
        );
    }
}

#[test]
fn a_cancelled_run_connects_to_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let cancel = Cancel::default();
    let of_server = cancel.clone();
    // This server never answers.
    thread::spawn(move || {
        let client = listener.accept().expect("a connection");
        of_server.cancel();
        client
    });
    let remote = Remote::parse(&format!("sc://127.0.0.1:{port}"), None).expect("an address");
    let (kind, _) = failure(Session::connect(&remote, &cancel));
    assert_eq!(kind, Kind::Interrupted);
}
