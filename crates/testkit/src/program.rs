//! Programs that run as servers for tests: finding them, and a shell that ends them with the test's process.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program that a variable names or, without it, the one on the PATH.
pub(crate) fn find(variable: &str, name: &str) -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join(name));
    std::env::var_os(variable)
        .map(PathBuf::from)
        .into_iter()
        .chain(on_path)
        .find(|program| program.is_file())
}

/// A shell that runs a script in a folder, which is the script's first argument. The script's input ends when this process ends,
/// however that happens: the system then closes it.
pub(crate) fn watchdog(script: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(folder)
        .env_clear()
        // Many programs look for settings in the home folder.
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Signals from the terminal don't reach it.
        .process_group(0);
    command
}
