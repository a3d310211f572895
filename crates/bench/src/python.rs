//! Python packages for other libraries' ways: one virtual environment for the whole run, in the server's folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::program;
use crate::server::Server;

/// DuckDB with its extension for Postgres, whose package must have the same version.
pub(crate) const DUCKDB: &[&str] = &["duckdb==1.5.5", "duckdb-extension-postgres-scanner==1.5.5"];

/// DuckDB with its extension for buckets, which must have the same version.
pub(crate) const DUCKDB_HTTPFS: &[&str] = &["duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5"];

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// A command that runs a Python script, connected to the server.
pub(crate) fn script(python: &Path, file: &str, server: &Server) -> Command {
    let mut command = Command::new(python);
    command.arg(format!("{SCRIPTS}/{file}"));
    // The scripts are in the source tree, which must not be written to.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    server.connect_program(&mut command);
    command
}

/// The Python that has these packages, in addition to those that were asked for before.
///
/// # Errors
/// There is no Python, or a package cannot be installed.
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
