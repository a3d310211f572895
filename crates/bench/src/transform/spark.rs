//! What Spark needs in addition to its package: Java, Postgres's JDBC driver, and a server that listens on TCP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::program;
use crate::server::Server;

/// The path where Debian's package puts the driver.
const JAR: &str = "usr/share/java/postgresql.jar";
const PACKAGE: &str = "libpostgresql-jdbc-java";

/// The variables for the script.
///
/// # Errors
/// There is no Java, or the server cannot listen on TCP.
pub(super) fn variables(server: &Server) -> anyhow::Result<Vec<(&'static str, String)>> {
    program::output(Command::new("java").arg("-version")).context("there is no Java")?;
    let mut variables = Vec::new();
    if let Some(host) = server.listen_on_loopback()? {
        variables.push(("PGHOST", host));
    }
    // Without this, Spark downloads a driver itself.
    if let Some(jar) = driver(server.folder()) {
        variables.push(("JDBC_JAR", jar.display().to_string()));
    }
    Ok(variables)
}

/// The driver of the system's package, or else that of a package downloaded into `folder`.
fn driver(folder: &Path) -> Option<PathBuf> {
    let unpacked = folder.join("jdbc");
    for root in [Path::new("/"), &unpacked] {
        let jar = root.join(JAR);
        if jar.is_file() {
            return Some(jar);
        }
    }
    fs::create_dir(&unpacked).ok()?;
    let mut download = Command::new("apt-get");
    download.args(["download", PACKAGE]).current_dir(&unpacked);
    program::output(&mut download).ok()?;
    let package = fs::read_dir(&unpacked).ok()?.flatten().next()?.path();
    let mut unpack = Command::new("dpkg");
    unpack.arg("--extract").args([&package, &unpacked]);
    program::output(&mut unpack).ok()?;
    let jar = unpacked.join(JAR);
    jar.is_file().then_some(jar)
}
