//! Clients that do not read the answers, and connections on which nothing is asked.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use crate::world::{Hiring, employees};

#[test]
fn who_reads_no_answer_loses_the_connection_and_its_place() {
    let hiring = Hiring::with(|options| {
        options.limits.connections = 1;
        options.limits.answer = Duration::from_millis(300);
    });
    let mut stream = hiring.service.connect();
    let timeout = Some(Duration::from_secs(60));
    stream.set_write_timeout(timeout).expect("a timeout");
    // Nobody takes the service's answers, so at some point it takes no more requests.
    let requests = "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let error = loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            break error;
        }
    };
    let closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(closed.contains(&error.kind()), "{error}");
    // The only place is free, although the client still holds its end of the connection.
    assert_eq!(hiring.post(&employees([1])).status, 201);
    let metrics = hiring.service.get("/metrics").body;
    let counted = "extrato_connections_failed_total{reason=\"slow_reader\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    drop(stream);
}

#[test]
fn a_connection_on_which_nothing_is_asked_is_closed() {
    let hiring = Hiring::with(|options| options.limits.head = Duration::from_millis(300));
    let mut stream = hiring.service.connect();
    let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    for _ in 0..3 {
        stream.write_all(request).expect("sent");
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"alive\n") {
            assert_eq!(stream.read(&mut byte).expect("a byte"), 1);
            answer.push(byte[0]);
        }
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("closed");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    let metrics = hiring.service.get("/metrics").body;
    assert!(!metrics.contains("reason=\"no_head\""), "{metrics}");
}
