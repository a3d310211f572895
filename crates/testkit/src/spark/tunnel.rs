//! A tunnel to a server on this machine, which cuts connections where a test asks.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// The tunnel. All connections are cut when it is dropped.
pub struct Tunnel {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    server_port: u16,
    /// The text of a request, and how many bytes of answers may follow it before the connection is cut, once.
    cut: Option<(String, Option<usize>)>,
    /// How many connections came so far.
    connections: usize,
    open: Vec<TcpStream>,
    closed: bool,
}

impl Tunnel {
    /// Opens a tunnel to a port of this machine.
    ///
    /// # Panics
    /// Panics if there is no free port: a test can't go on without one.
    pub fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                server_port,
                ..State::default()
            }),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.state().closed {
                    return;
                }
                accepting.pass_on(client);
            }
        });
        Self { port, shared }
    }

    /// The port that leads to the server's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the connection of the next request that contains `text`, once this many bytes of answers have passed. This happens only
    /// once.
    pub fn cut_after(&self, text: &str, answer_bytes: usize) {
        self.shared.state().cut = Some((text.to_owned(), Some(answer_bytes)));
    }

    /// Cuts the connection of the next request that contains `text` before the server gets the request. This happens only once.
    pub fn lose(&self, text: &str) {
        self.shared.state().cut = Some((text.to_owned(), None));
    }

    /// Cuts all connections; later ones lead to another server.
    pub fn lead_to(&self, server_port: u16) {
        let mut state = self.shared.state();
        state.server_port = server_port;
        state.open.drain(..).for_each(|stream| close(&stream));
    }

    /// Whether the connection or request that was to be cut has been cut.
    pub fn was_cut(&self) -> bool {
        self.shared.state().cut.is_none()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closed = true;
        state.open.drain(..).for_each(|stream| close(&stream));
        drop(state);
        // Wakes the thread that accepts connections, which then ends.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }

    fn pass_on(self: &Arc<Self>, client: TcpStream) {
        let server_port = self.state().server_port;
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)) else {
            // A server that is down refuses connections, and so does the tunnel.
            return;
        };
        let again = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
        let mut state = self.state();
        state.connections += 1;
        state.open.extend([again(&client), again(&server)]);
        drop(state);
        // Whether the request that is waited for came on this connection.
        let asked = Arc::new(AtomicBool::new(false));
        let (requests, answers) = (self.clone(), self.clone());
        let (from, to, seen) = (again(&client), again(&server), asked.clone());
        thread::spawn(move || requests.pass_requests(&from, &to, &seen));
        thread::spawn(move || answers.pass_answers(&server, &client, &asked));
    }

    fn pass_requests(&self, mut from: &TcpStream, mut to: &TcpStream, asked: &AtomicBool) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let sent = String::from_utf8_lossy(&buffer[..length]);
            let mut state = self.state();
            match &state.cut {
                Some((text, None)) if sent.contains(text) => {
                    state.cut = None;
                    break;
                }
                Some((text, Some(_))) if sent.contains(text) => asked.store(true, Ordering::SeqCst),
                _ => {}
            }
            drop(state);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        close(from);
        close(to);
    }

    fn pass_answers(&self, mut from: &TcpStream, mut to: &TcpStream, asked: &AtomicBool) {
        let mut buffer = vec![0; 1 << 14];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let mut passed = length;
            let mut state = self.state();
            if asked.load(Ordering::SeqCst)
                && let Some((_, Some(left))) = &mut state.cut
            {
                passed = length.min(*left);
                *left -= passed;
                if passed < length {
                    state.cut = None;
                }
            }
            drop(state);
            if to.write_all(&buffer[..passed]).is_err() || passed < length {
                break;
            }
        }
        close(from);
        close(to);
    }
}

fn close(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Both);
}
