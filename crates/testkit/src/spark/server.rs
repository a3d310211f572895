//! A server that is a program of its own, and ends with its test, however that ends.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::program::watchdog;

/// The server, with a folder of its own.
pub(super) struct Server {
    pub(super) port: u16,
    folder: PathBuf,
    pub(super) watchdog: Child,
}

/// Runs a program, with this many kilobytes of address space, until the shell's input ends, however the test's process ends; then
/// removes its folder. If the program has ended earlier, its process id stays taken until then, so no other process is killed.
const WATCHDOG: &str = r#"folder=$1; ulimit -v "$2"; shift 2
"$@" >"$folder/log" 2>&1 & server=$!
read -r _
kill -KILL $server; wait $server; rm -rf "$folder""#;

impl Server {
    /// Starts the program with the arguments for a port and a folder, and waits until it answers.
    pub(super) fn start(
        program: &Path,
        address_kilobytes: &str,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        // The Python that the program needs is beside it.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let beside = program.parent().map(Path::to_path_buf);
        let path = std::env::join_paths(beside.into_iter().chain(std::env::split_paths(&path)));
        let watchdog = watchdog(WATCHDOG, &folder)
            .arg(address_kilobytes)
            .arg(program)
            .args(arguments(port, &folder))
            .env("PATH", path.expect("folders"))
            .envs(std::env::var_os("JAVA_HOME").map(|home| ("JAVA_HOME", home)))
            // Without this, files cannot have names that are not ASCII.
            .env("LC_ALL", "C.UTF-8")
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_LOCAL_DIRS", &folder)
            .spawn()
            .expect("a shell runs");
        let server = Self {
            port,
            folder,
            watchdog,
        };
        for _ in 0..6000 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return server;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{} doesn't answer: {}", program.display(), server.log());
    }

    pub(super) fn remote(&self) -> String {
        format!("sc://127.0.0.1:{}", self.port)
    }

    pub(super) fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}
