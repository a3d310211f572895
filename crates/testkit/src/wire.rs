//! A wire between our sessions and the server, which a test can hold or cut at an exact place.
//!
//! Sessions connect to a Unix socket of the wire; each has two threads that pass its bytes on. So a
//! test can be "in the middle of a COPY" for as long as it likes, and can lose a connection after any byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use database::Settings;
use tempfile::TempDir;

/// How long a test waits at most; after that, what it waits for will not happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// The wire. All connections are cut when it is dropped.
pub struct Wire {
    folder: TempDir,
    server: Settings,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    rule: Rule,
    /// How many sessions are held at the moment.
    held: usize,
    /// How many bytes of answers a rule has counted.
    answered_bytes: u64,
    sessions: Vec<(Box<dyn Stream>, Box<dyn Stream>)>,
    closed: bool,
}

#[derive(Clone)]
enum Rule {
    Pass,
    HoldBefore(String),
    HoldAfter { request: String, bytes: usize },
    CutAfter { request: String, bytes: u64 },
}

impl Wire {
    /// Opens a wire to the server of `settings`, and to its database.
    ///
    /// # Panics
    /// This and the other methods panic if the wire cannot be used: a test can't go on without it.
    pub fn to(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(socket(folder.path())).expect("a socket");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                rule: Rule::Pass,
                held: 0,
                answered_bytes: 0,
                sessions: vec![],
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let (accepting, server) = (shared.clone(), settings.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.state().closed {
                    return;
                }
                // A server that is down refuses connections, and so does the wire.
                if let (Ok(client), Some(server)) = (client, connect(&server)) {
                    accepting.pass_on(Box::new(client), server);
                }
            }
        });
        Self {
            folder,
            server: settings.clone(),
            shared,
        }
    }

    /// The settings to connect through the wire with.
    pub fn settings(&self) -> Settings {
        let value = |name| variable(&self.server, name);
        Settings::socket(
            self.folder.path(),
            5432,
            &value("PGUSER"),
            &value("PGPASSWORD"),
            &value("PGDATABASE"),
        )
    }

    /// From now on, holds a session that sends `request` (a part of a statement) just before the server gets it.
    pub fn hold_before(&self, request: &str) {
        self.set(Rule::HoldBefore(request.to_owned()));
    }

    /// From now on, holds a session that sends `request` once it got about this many bytes of the answer.
    pub fn hold_after(&self, request: &str, bytes: usize) {
        let request = request.to_owned();
        self.set(Rule::HoldAfter { request, bytes });
    }

    /// From now on, cuts off a session that sends `request` once it got this many bytes from the server. This happens to only one
    /// session.
    pub fn cut_after(&self, request: &str, bytes: u64) {
        let mut state = self.shared.state();
        let request = request.to_owned();
        state.answered_bytes = 0;
        state.rule = Rule::CutAfter { request, bytes };
    }

    /// How many bytes the session of [`cut_after`](Self::cut_after) got.
    pub fn answered_bytes(&self) -> u64 {
        self.shared.state().answered_bytes
    }

    /// Waits until this many sessions are held, runs `action`, and then releases them all, together with those to
    /// come.
    pub fn while_held<T>(&self, sessions: usize, action: impl FnOnce() -> T) -> T {
        let _at_the_end = Release(self);
        let state = self.shared.state();
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.held < sessions)
            .expect("no thread panicked");
        let held = state.held;
        drop(state);
        assert!(held >= sessions, "{held} of {sessions} sessions came");
        action()
    }

    fn set(&self, rule: Rule) {
        self.shared.state().rule = rule;
        self.shared.changed.notify_all();
    }
}

/// Releases all sessions, even if a test fails, which would wait for them otherwise.
struct Release<'a>(&'a Wire);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.set(Rule::Pass);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.closed = true;
            state.rule = Rule::Pass;
            state.cut();
        }
        self.shared.changed.notify_all();
        // Wakes the thread that accepts connections, which then ends.
        let _ = UnixStream::connect(socket(self.folder.path()));
    }
}

impl State {
    fn cut(&mut self) {
        for (client, server) in self.sessions.drain(..) {
            client.close();
            server.close();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }

    fn pass_on(self: &Arc<Self>, client: Box<dyn Stream>, server: Box<dyn Stream>) {
        let ends = (client.again(), server.again());
        self.state().sessions.push(ends);
        // Whether this session has sent the request whose answer is to be held.
        let asked = Arc::new(AtomicBool::new(false));
        let (requests, answers) = (self.clone(), self.clone());
        let (from, to, sent) = (client.again(), server.again(), asked.clone());
        thread::spawn(move || requests.pass_requests(from, to, &sent));
        thread::spawn(move || answers.pass_answers(server, client, &asked));
    }

    fn pass_requests(
        &self,
        mut from: Box<dyn Stream>,
        mut to: Box<dyn Stream>,
        asked: &AtomicBool,
    ) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let sent = String::from_utf8_lossy(&buffer[..length]);
            let rule = self.state().rule.clone();
            match rule {
                Rule::HoldBefore(request) if sent.contains(&request) => self.hold(),
                Rule::HoldAfter { request, .. } | Rule::CutAfter { request, .. }
                    if sent.contains(&request) =>
                {
                    asked.store(true, Ordering::SeqCst);
                }
                _ => {}
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        to.close();
    }

    fn pass_answers(&self, mut from: Box<dyn Stream>, mut to: Box<dyn Stream>, asked: &AtomicBool) {
        let mut buffer = vec![0; 1 << 14];
        let mut answered = 0;
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let mut passed = &buffer[..length];
            let rule = self.state().rule.clone();
            match rule {
                Rule::HoldAfter { bytes, .. } if asked.load(Ordering::SeqCst) => {
                    answered += length;
                    if answered > bytes {
                        self.hold();
                    }
                }
                Rule::CutAfter { bytes, .. } if asked.load(Ordering::SeqCst) => {
                    let mut state = self.state();
                    let left = usize::try_from(bytes - state.answered_bytes);
                    passed = &passed[..length.min(left.unwrap_or(length))];
                    state.answered_bytes += passed.len() as u64;
                }
                _ => {}
            }
            if to.write_all(passed).is_err() || passed.len() < length {
                break;
            }
        }
        from.close();
        to.close();
    }

    fn hold(&self) {
        let mut state = self.state();
        state.held += 1;
        self.changed.notify_all();
        let mut state = self
            .changed
            .wait_while(state, |state| !matches!(state.rule, Rule::Pass))
            .expect("no thread panicked");
        state.held -= 1;
    }
}

/// A socket, either of Unix or of TCP.
trait Stream: Read + Write + Send {
    fn again(&self) -> Box<dyn Stream>;
    fn close(&self);
}

impl Stream for UnixStream {
    fn again(&self) -> Box<dyn Stream> {
        Box::new(self.try_clone().expect("a descriptor"))
    }

    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Stream for TcpStream {
    fn again(&self) -> Box<dyn Stream> {
        Box::new(self.try_clone().expect("a descriptor"))
    }

    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

fn connect(server: &Settings) -> Option<Box<dyn Stream>> {
    let (host, port) = (variable(server, "PGHOST"), variable(server, "PGPORT"));
    if host.starts_with('/') {
        let stream = UnixStream::connect(format!("{host}/.s.PGSQL.{port}")).ok()?;
        return Some(Box::new(stream));
    }
    let stream = TcpStream::connect(format!("{host}:{port}")).ok()?;
    Some(Box::new(stream))
}

fn variable(settings: &Settings, name: &str) -> String {
    let mut variables = settings.variables().into_iter();
    let found = variables.find(|(known, _)| known == name);
    found.expect("a variable of libpq's").1
}

fn socket(folder: &Path) -> std::path::PathBuf {
    folder.join(".s.PGSQL.5432")
}
