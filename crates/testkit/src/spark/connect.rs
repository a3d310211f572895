//! Starts Spark's server of Spark Connect, and finds programs.

use std::path::PathBuf;

use super::server::Server;
use crate::program::find;

/// Starts a server of Spark Connect for a master, with additional settings; the others keep it on this machine.
pub(super) fn start(master: &str, settings: &[(&str, &str)]) -> Server {
    Server::start(&submit(), "unlimited", |port, folder| {
        let folder = folder.display();
        let mut arguments: Vec<String> = [
            "--class",
            "org.apache.spark.sql.connect.service.SparkConnectServer",
            "--master",
            master,
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
    })
}

/// The program that submits jobs to Spark.
pub(super) fn submit() -> PathBuf {
    program(
        "EXTRATO_TEST_SPARK",
        "spark-submit",
        "pip install pyspark==4.3.0",
    )
}

/// The path of a program.
pub(super) fn program(variable: &str, name: &str, install: &str) -> PathBuf {
    find(variable, name)
        .unwrap_or_else(|| {
            panic!("neither {variable} names the program `{name}`, nor is it on the PATH: `{install}` brings it")
        })
}
