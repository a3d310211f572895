//! A proxy between a program and a bucket's server, which spoils requests as a test asks.
//!
//! It is a proxy for HTTP on 127.0.0.1. Heads pass unchanged, so that signatures stay valid: the server checks them against the
//! `Host` that the client meant.

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::http::{Body, Cut, Head};

/// How long a test waits at most; after that, what it waits for will not happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// The proxy before a bucket's server. Once dropped, it takes no new connections.
pub struct Faulty {
    port: u16,
    variables: Vec<(String, String)>,
    shared: Arc<Shared>,
}

/// A fault that the proxy causes for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is answered with 503 and the error `SlowDown`, and never reaches the server.
    SlowDown,
    /// The request is answered with 500 and the error `InternalError`, and never reaches the server.
    InternalError,
    /// The request is answered with 403 and the error `RequestTimeTooSkewed`, and never reaches the server.
    ClockSkew,
    /// The server gets the head and this many bytes of the body, then both connections end.
    CutRequest(u64),
    /// The server carries out the request; the client gets the head and this many bytes of the answer's body, then its connection
    /// ends.
    CutAnswer(u64),
    /// The server carries out the request; the client's connection ends without an answer.
    LoseAnswer,
    /// The request is held before it reaches the server: see [`Faulty::while_held`].
    Hold,
}

struct Shared {
    server_port: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// The method and path of each request so far, in order.
    requests: Vec<(String, String)>,
    /// How many requests are held at the moment.
    held: usize,
    /// How often all held requests were released.
    releases: usize,
    closed: bool,
}

struct Rule {
    times: usize,
    method: String,
    part: String,
    fault: Fault,
}

impl Faulty {
    /// A proxy before the server at a port; programs with these variables take the proxy for the server.
    pub(super) fn before(server_port: u16, mut variables: Vec<(String, String)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            server_port,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.state().closed {
                    return;
                }
                let serving = accepting.clone();
                // If this fails, the client notices by its connection.
                thread::spawn(move || client.and_then(|client| serving.serve(&client)));
            }
        });
        let endpoint = format!("http://127.0.0.1:{port}");
        variables.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
        variables.push(("AWS_ENDPOINT_URL".to_owned(), endpoint));
        Self {
            port,
            variables,
            shared,
        }
    }

    /// The variables with which a program may do anything with the bucket, through this proxy.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    /// Causes a fault for the next `times` requests of a method (`""`: any method) whose path and query, as they are sent, contain
    /// `part`. If several faults fit a request, it gets the first one that isn't used up.
    pub fn next(&self, times: usize, method: &str, part: &str, fault: Fault) {
        let (method, part) = (method.to_owned(), part.to_owned());
        self.shared.state().rules.push(Rule {
            times,
            method,
            part,
            fault,
        });
    }

    /// Causes no more faults for later requests.
    pub fn heal(&self) {
        self.shared.state().rules.clear();
    }

    /// How many requests of a method (`""`: any method) came whose path and query contain `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let state = self.shared.state();
        let asked = state
            .requests
            .iter()
            .filter(|(sent, path)| is(sent, path, method, part));
        asked.count()
    }

    /// Waits until this many requests are held, runs `action`, and then releases them all.
    ///
    /// # Panics
    /// Panics if they don't come.
    pub fn while_held<T>(&self, requests: usize, action: impl FnOnce() -> T) -> T {
        let _at_the_end = Release(&self.shared);
        let state = self.shared.state();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.held < requests);
        let held = waited.expect("no thread panicked").0.held;
        assert!(held >= requests, "{held} of {requests} requests came");
        action()
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.heal();
        self.shared.state().closed = true;
        drop(Release(&self.shared));
        // Wakes the thread that accepts connections, which then ends.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// Releases all held requests, even if a test fails, which would wait for them otherwise.
struct Release<'a>(&'a Shared);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.state().releases += 1;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }

    /// Passes on a client's requests and the server's answers, until one of the two or a fault ends that.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server_port))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let mut requests = BufReader::new(client.try_clone()?);
        let mut answers = BufReader::new(server.try_clone()?);
        let served = loop {
            match self.pass(&mut requests, &server, &mut answers, client) {
                Ok(true) => {}
                ended => break ended,
            }
        };
        let _ = (
            client.shutdown(Shutdown::Both),
            server.shutdown(Shutdown::Both),
        );
        served.map(drop)
    }

    /// Passes on one request and its answer; returns whether another may follow.
    fn pass(
        &self,
        requests: &mut BufReader<TcpStream>,
        mut server: &TcpStream,
        answers: &mut BufReader<TcpStream>,
        mut client: &TcpStream,
    ) -> io::Result<bool> {
        let Some(request) = Head::read(requests)? else {
            return Ok(false);
        };
        let body = request.body(Body::Bytes(0));
        if request.says("expect", "100-continue") {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let fault = self.fault_of(&request);
        if let Some((head, error)) = fault.and_then(error) {
            body.pass(requests, &mut io::sink())?;
            let error = if request.word(0) == "HEAD" {
                ""
            } else {
                &error
            };
            client.write_all(format!("{head}{error}").as_bytes())?;
            return Ok(true);
        }
        if fault == Some(Fault::Hold) {
            self.hold();
        }
        server.write_all(request.bytes())?;
        let left = match fault {
            Some(Fault::CutRequest(bytes)) => bytes,
            _ => u64::MAX,
        };
        let sent = body.pass(requests, &mut Cut { to: server, left });
        if matches!(fault, Some(Fault::CutRequest(_))) {
            return Ok(false);
        }
        if sent.is_err() {
            // The client is gone, and the server should know it; or the server has refused a request without reading all of it.
            server.shutdown(Shutdown::Write)?;
        }
        let answer = loop {
            match Head::read(answers)? {
                None => return sent.map(|()| false),
                Some(answer) if answer.word(1) == "100" => {}
                Some(answer) => break answer,
            }
        };
        let body = match (request.word(0), answer.word(1)) {
            ("HEAD", _) | (_, "204" | "304") => Body::Bytes(0),
            _ => answer.body(Body::Rest),
        };
        let left = match fault {
            Some(Fault::LoseAnswer) => return body.pass(answers, &mut io::sink()).map(|()| false),
            Some(Fault::CutAnswer(bytes)) => bytes,
            _ => u64::MAX,
        };
        client.write_all(answer.bytes())?;
        let last =
            sent.is_err() || answer.says("connection", "close") || matches!(body, Body::Rest);
        body.pass(answers, &mut Cut { to: client, left })?;
        Ok(!last && !matches!(fault, Some(Fault::CutAnswer(_))))
    }

    fn fault_of(&self, request: &Head) -> Option<Fault> {
        let mut state = self.state();
        let (method, path) = (request.word(0), request.word(1));
        state.requests.push((method.to_owned(), path.to_owned()));
        let mut rules = state.rules.iter_mut();
        let rule =
            rules.find(|rule| rule.times > 0 && is(method, path, &rule.method, &rule.part))?;
        rule.times -= 1;
        Some(rule.fault)
    }

    fn hold(&self) {
        let mut state = self.state();
        state.held += 1;
        let before = state.releases;
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| state.releases == before)
            .expect("no thread panicked");
        state.held -= 1;
    }
}

/// Whether a request has this method, if one is named, and its path contains the part.
fn is(sent: &str, path: &str, method: &str, part: &str) -> bool {
    (method.is_empty() || sent == method) && path.contains(part)
}

/// The answer that replaces the server's: its head and its body.
fn error(fault: Fault) -> Option<(String, String)> {
    let (status, code, message) = match fault {
        Fault::SlowDown => (
            "503 Slow Down",
            "SlowDown",
            "Please reduce your request rate.",
        ),
        Fault::InternalError => (
            "500 Internal Server Error",
            "InternalError",
            "We encountered an internal error. Please try again.",
        ),
        Fault::ClockSkew => (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        _ => return None,
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"
    );
    Some((head, body))
}
