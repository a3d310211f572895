//! Real servers of Spark Connect: Spark itself, and Sail, which starts at once; and what stands before one and cuts connections.

mod server;
mod tunnel;

use std::path::PathBuf;

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
        let program = program(
            "EXTRATO_TEST_SPARK",
            "spark-submit",
            "pip install pyspark==4.3.0",
        );
        Self(Server::start(&program, "unlimited", |port, folder| {
            let folder = folder.display();
            let mut arguments: Vec<String> = [
                "--class",
                "org.apache.spark.sql.connect.service.SparkConnectServer",
                "--master",
                "local[2]",
                "--driver-memory",
                "1g",
                "--driver-java-options",
            ]
            .map(str::to_owned)
            .into();
            arguments.push(format!("-Djava.io.tmpdir={folder} -XX:-UsePerfData"));
            let port = port.to_string();
            let warehouse = format!("{folder}/warehouse");
            let own = [
                ("spark.connect.grpc.binding.address", "127.0.0.1"),
                ("spark.connect.grpc.binding.port", &port),
                ("spark.driver.host", "127.0.0.1"),
                ("spark.driver.bindAddress", "127.0.0.1"),
                ("spark.ui.enabled", "false"),
                ("spark.sql.warehouse.dir", &warehouse),
            ];
            for (name, value) in own.iter().chain(settings) {
                arguments.extend(["--conf".to_owned(), format!("{name}={value}")]);
            }
            arguments.push("spark-internal".to_owned());
            arguments
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

impl Sail {
    /// Starts one, which takes less than a second.
    ///
    /// # Panics
    /// As all here, if it cannot be had: a test can't go on without.
    pub fn start() -> Self {
        let program = program(
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

/// Where a program lies.
fn program(variable: &str, name: &str, install: &str) -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join(name));
    std::env::var_os(variable)
        .map(PathBuf::from)
        .into_iter()
        .chain(on_path)
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            panic!("neither {variable} names the program `{name}`, nor is it on the PATH: `{install}` brings it")
        })
}
