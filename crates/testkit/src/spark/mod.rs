//! Real servers of Spark Connect (Spark itself, and Sail, which starts at once), and a tunnel to one that cuts connections.

mod cluster;
mod connect;
mod server;
mod tunnel;

pub use cluster::SparkCluster;
pub use tunnel::Tunnel;

use server::Server;

/// A Spark for a single test, with two cores and a gigabyte. It is removed with its files when dropped.
///
/// `EXTRATO_TEST_SPARK` names the program `spark-submit`, which `pip install pyspark` brings; without it, the PATH is searched.
pub struct Spark(Server);

/// A Sail for a single test, with eight gigabytes of address space. It is removed with its files when dropped.
///
/// `EXTRATO_TEST_SAIL` names the program `sail`, which `pip install pysail` brings; without it, the PATH is searched. Sail learns
/// its version from a `pyspark` in its environment: `pip install --no-deps pyspark-client`.
pub struct Sail(Server);

impl Spark {
    /// Starts a server, which takes some seconds.
    ///
    /// # Panics
    /// This and the other methods panic if there is no server: a test can't go on without it.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with additional settings; the others keep it on this machine.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self(connect::start("local[2]", settings))
    }

    /// The server's address.
    pub fn remote(&self) -> String {
        self.0.remote()
    }

    /// The port of the server's address, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The id of the process whose only child is the server.
    pub fn parent(&self) -> u32 {
        self.0.watchdog.id()
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

impl Sail {
    /// Starts a server, which takes less than a second.
    ///
    /// # Panics
    /// This and the other methods panic if there is no server: a test can't go on without it.
    pub fn start() -> Self {
        let program = connect::program(
            "EXTRATO_TEST_SAIL",
            "sail",
            "pip install pysail==0.7.2 && pip install --no-deps pyspark-client==4.2.0",
        );
        Self(Server::start(&program, "8000000", |port, _| {
            let port = port.to_string();
            ["spark", "server", "--ip", "127.0.0.1", "--port", &port]
                .map(str::to_owned)
                .into()
        }))
    }

    /// The server's address.
    pub fn remote(&self) -> String {
        self.0.remote()
    }

    /// The port of the server's address, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        self.0.log()
    }
}
