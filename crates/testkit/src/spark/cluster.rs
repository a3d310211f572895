//! A Spark cluster for a single test: a master, workers, and a server of Spark Connect for them.

use std::path::PathBuf;

use super::connect;
use super::server::Server;

/// A master and workers with one core each; workers can be killed.
pub struct SparkCluster {
    connect: Server,
    workers: Vec<Server>,
    _master: Server,
}

impl SparkCluster {
    /// Starts a cluster with this many workers, which takes half a minute.
    pub fn start(workers: usize) -> Self {
        let program = spark_class();
        let master = Server::start(&program, "unlimited", |port, _| {
            let class = "org.apache.spark.deploy.master.Master";
            arguments(class, port, &[])
        });
        let address = format!("spark://127.0.0.1:{}", master.port);
        let worker = |_| {
            Server::start(&program, "unlimited", |port, folder| {
                let class = "org.apache.spark.deploy.worker.Worker";
                let folder = folder.display().to_string();
                let own = [
                    "--cores",
                    "1",
                    "--memory",
                    "1g",
                    "--work-dir",
                    &folder,
                    &address,
                ];
                arguments(class, port, &own)
            })
        };
        let workers = (0..workers).map(worker).collect();
        let connect = connect::start(&address, &[("spark.executor.memory", "900m")]);
        Self {
            connect,
            workers,
            _master: master,
        }
    }

    /// The address of the cluster's server of Spark Connect.
    pub fn remote(&self) -> String {
        self.connect.remote()
    }

    /// Kills a worker, together with everything that it runs.
    pub fn kill_worker(&mut self) {
        self.workers.pop();
    }
}

/// The program that runs a class of Spark, which is beside the one that submits jobs.
fn spark_class() -> PathBuf {
    connect::submit().with_file_name("spark-class")
}

fn arguments(class: &str, port: u16, own: &[&str]) -> Vec<String> {
    let port = port.to_string();
    let shared = [
        class,
        "--host",
        "127.0.0.1",
        "--port",
        &port,
        "--webui-port",
        "0",
    ];
    let all = shared.iter().chain(own);
    all.map(|argument| (*argument).to_owned()).collect()
}
