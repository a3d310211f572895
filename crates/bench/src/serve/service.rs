//! A service that runs as a process of its own, from its start to its end.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::program;
use crate::server::Server;

/// How long a service may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// A service that runs until it is dropped.
pub(super) struct Service {
    /// The URL that rows are posted to.
    pub(super) url: String,
    /// The key that lets requests in, if the service needs one.
    pub(super) key: Option<String>,
    process: Child,
}

/// An address on this machine where nobody listens yet.
pub(super) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
    Ok(listener.local_addr()?)
}

impl Service {
    /// Starts a program that serves an address, and waits until it listens there. Rows are posted to `path`.
    ///
    /// # Errors
    /// The program cannot be run, ends, or does not listen in time (with the end of its messages).
    pub(super) fn start(
        command: &mut Command,
        address: SocketAddr,
        path: &str,
        server: &Server,
    ) -> anyhow::Result<Self> {
        let name = program::name(command);
        let log = server.folder().join(format!("{}.log", address.port()));
        let messages = File::create(&log)?;
        let process = command
            .stdin(Stdio::null())
            .stdout(messages.try_clone()?)
            .stderr(messages)
            .spawn()
            .with_context(|| format!("{name} cannot be run"))?;
        let mut service = Self {
            url: format!("http://{address}{path}"),
            key: None,
            process,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            server.cancel().check()?;
            if service.process.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                let messages = fs::read_to_string(&log)?;
                let last = messages.trim_end().lines().last().unwrap_or_default();
                anyhow::bail!("{name} does not listen on {address}: {last}");
            }
            thread::sleep(PAUSE);
        }
        Ok(service)
    }

    /// The process that is the parent of all others of the service.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A program that has children ends them too.
        if let Some(id) = Pid::from_raw(self.process.id().cast_signed()) {
            let _ = kill_process(id, Signal::TERM);
        }
        let start = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if start.elapsed() > PATIENCE {
                let _ = self.process.kill();
            }
            thread::sleep(PAUSE);
        }
    }
}
