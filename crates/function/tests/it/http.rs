//! A server on a port of its own, standing in for services that a function finds on local ports.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A request that the server got.
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) path: String,
    /// The headers, by names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A response for the server to send.
pub(crate) struct Response {
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn new(status: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }
}

/// Answers all requests for as long as the test runs. Returns the port.
pub(crate) fn serve(answer: impl Fn(Request) -> Response + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || one_by_one(&stream, &*answer));
        }
    });
    port
}

fn one_by_one(stream: &TcpStream, answer: &dyn Fn(Request) -> Response) {
    let mut incoming = BufReader::new(stream);
    while let Some((request, kept_open)) = request(&mut incoming) {
        let response = answer(request);
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\n",
            response.status,
            response.body.len()
        );
        for (name, value) in response.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut outgoing = stream;
        // The client may have been stopped.
        let sent = outgoing.write_all(format!("{head}\r\n{}", response.body).as_bytes());
        if sent.is_err() || !kept_open {
            return;
        }
    }
}

/// The next request, and whether another may follow on the connection; `None` at its end.
fn request(incoming: &mut impl BufRead) -> Option<(Request, bool)> {
    let mut line = String::new();
    incoming
        .read_line(&mut line)
        .ok()
        .filter(|bytes| *bytes > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        incoming.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    incoming.read_exact(&mut body).ok()?;
    let request = Request {
        method,
        path,
        headers,
        body,
    };
    Some((request, version == "HTTP/1.1"))
}
