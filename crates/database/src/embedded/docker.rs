//! Where the machine has no Postgres programs but Docker: the `postgres` service of compose.yaml.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use dataset::failure::{Kind, OrFail};

use crate::Settings;

const COMPOSE: &str = include_str!("../../../../compose.yaml");
const PORT_FILE: &str = "port";
const COMPOSE_FILE: &str = "compose.yaml";

/// A compose project in `folder`, which holds the compose file and the port.
pub(super) struct Container {
    pub(super) folder: PathBuf,
    pub(super) password: String,
}

impl Container {
    /// Whether a Docker engine answers and has the compose plugin.
    pub(super) fn possible() -> bool {
        let answers = |arguments: &[&str]| {
            Command::new("docker")
                .args(arguments)
                .output()
                .is_ok_and(|output| output.status.success())
        };
        answers(&["compose", "version"]) && answers(&["info"])
    }

    /// Whether this folder's server was made as a container.
    pub(super) fn exists(folder: &Path) -> bool {
        folder.join(PORT_FILE).is_file()
    }

    /// What it keeps in `folder`.
    pub(super) fn files(folder: &Path) -> [PathBuf; 2] {
        [folder.join(COMPOSE_FILE), folder.join(PORT_FILE)]
    }

    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let port = fs::read_to_string(self.folder.join(PORT_FILE))
            .or_fail(Kind::Connection, || "the container's port")?;
        Settings::from_url(&format!(
            "postgresql://{user}:{}@127.0.0.1:{port}/{database}",
            self.password,
            user = super::USER,
            database = super::DATABASE,
        ))
    }

    pub(super) fn up(&self) -> anyhow::Result<()> {
        let file = self.compose_file();
        fs::write(&file, COMPOSE).or_fail(Kind::Output, || file.display().to_string())?;
        let port_file = self.folder.join(PORT_FILE);
        if !port_file.is_file() {
            let free =
                TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
            let port = free
                .or_fail(Kind::Connection, || "no free port on the loopback")?
                .port();
            fs::write(&port_file, port.to_string())
                .or_fail(Kind::Output, || port_file.display().to_string())?;
        }
        self.compose(&["up", "--detach", "--wait", "postgres"])
    }

    pub(super) fn running(&self) -> bool {
        let listed = self
            .command(&["ps", "--status", "running", "--quiet", "postgres"])
            .output();
        listed.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
    }

    pub(super) fn stop(&self) -> anyhow::Result<()> {
        self.compose(&["stop"])
    }

    pub(super) fn destroy(&self) -> anyhow::Result<()> {
        self.compose(&["down", "--volumes"])
    }

    fn compose_file(&self) -> PathBuf {
        self.folder.join(COMPOSE_FILE)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let port = fs::read_to_string(self.folder.join(PORT_FILE)).unwrap_or_default();
        let mut command = Command::new("docker");
        command
            .args(["compose", "--project-name", "extrato-embedded", "--file"])
            .arg(self.compose_file())
            .args(arguments)
            // In the environment, not among the arguments that every user can list.
            .env("POSTGRES_PASSWORD", &self.password)
            .env("POSTGRES_PORT", port);
        command
    }

    fn compose(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self
            .command(arguments)
            .output()
            .or_fail(Kind::Connection, || "docker cannot be run")?;
        if !output.status.success() {
            return Err(Kind::Connection.error(format!(
                "docker compose {} failed: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            )));
        }
        Ok(())
    }
}
