//! Python packages for the peers: one virtual environment for the whole run, in the server's folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::program;
use crate::server::Server;

/// The extension's package must have the version of DuckDB's.
pub(crate) const DUCKDB: &[&str] = &["duckdb==1.5.5", "duckdb-extension-postgres-scanner==1.5.5"];

/// DuckDB with its extension for buckets, which must have its version too.
pub(crate) const DUCKDB_HTTPFS: &[&str] = &["duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5"];

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// A script of the peers', connected to the server.
pub(crate) fn script(python: &Path, file: &str, server: &Server) -> Command {
    let mut command = Command::new(python);
    command.arg(format!("{SCRIPTS}/{file}"));
    // The scripts lie in the source tree.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    server.connect_program(&mut command);
    command
}

/// The Python that has these packages, beside those that were asked for before.
///
/// # Errors
/// There is no Python, or a package cannot be had.
pub(crate) fn with(server: &Server, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = server.folder().join("python");
    let python = folder.join("bin/python");
    if !python.exists() {
        program::output(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("no virtual environment for Python")?;
    }
    let names = packages.join(", ");
    eprintln!("installing {names}");
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet"]);
    install.arg("--disable-pip-version-check").args(packages);
    program::output(&mut install).with_context(|| format!("{names} cannot be installed"))?;
    Ok(python)
}
