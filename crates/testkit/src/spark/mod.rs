//! Real servers of Spark Connect: Spark itself, and Sail, which starts at once; and what stands before one and cuts connections.

mod cluster;
mod connect;
mod server;
mod tunnel;

pub use cluster::SparkCluster;
pub use tunnel::Tunnel;

use server::Server;

/// Spark of a test's own, on two cores and a gigabyte; gone with its files when dropped.
///
/// `EXTRATO_TEST_SPARK` names the program `spark-submit`, which `pip install pyspark` brings; else it is looked for on the PATH.
pub struct Spark(Server);

/// Sail of a test's own, within eight gigabytes of addresses; gone with its files when dropped.
///
/// `EXTRATO_TEST_SAIL` names the program `sail`, which `pip install pysail` brings; else it is looked for on the PATH. It knows its
/// version from a `pyspark` in its environment: `pip install --no-deps pyspark-client`.
pub struct Sail(Server);

impl Spark {
    /// Starts one, which takes some seconds.
    ///
    /// # Panics
    /// As all here, if it cannot be had: a test can't go on without.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with settings beside those that keep it on this machine.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self(connect::start("local[2]", settings))
    }

    /// Its address.
    pub fn remote(&self) -> String {
        self.0.remote()
    }

    /// The port of its address, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The process whose only child is the server.
    pub fn parent(&self) -> u32 {
        self.0.watchdog.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

impl Sail {
    /// Starts one, which takes less than a second.
    ///
    /// # Panics
    /// As all here, if it cannot be had: a test can't go on without.
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

    /// Its address.
    pub fn remote(&self) -> String {
        self.0.remote()
    }

    /// The port of its address, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.0.log()
    }
}
