//! Runs other programs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

/// A command of the extrato beside this program, with its summary as JSON.
///
/// # Errors
/// It was not built.
pub(crate) fn extrato() -> anyhow::Result<Command> {
    let mut command = extrato_with_log()?;
    command.args(["--quiet", "--json"]);
    Ok(command)
}

/// A command of the extrato beside this program, as users run it.
///
/// # Errors
/// It was not built.
pub(crate) fn extrato_with_log() -> anyhow::Result<Command> {
    let path = std::env::current_exe()?.with_file_name("extrato");
    anyhow::ensure!(
        path.is_file(),
        "there is no {}: run `cargo build --release --package extrato --package bench` first",
        path.display()
    );
    Ok(Command::new(path))
}

/// The name of a program in messages: the file without its folders, which don't matter to readers of the results.
pub(crate) fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Runs a program to its end and returns its output.
///
/// # Errors
/// It cannot be run, or fails; then with the end of its messages as the cause.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = name(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{name} cannot be run"))?;
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        let last = messages.trim_end().lines().last().unwrap_or_default();
        let cause = anyhow::anyhow!("{last}");
        return Err(cause.context(format!("{name} failed ({})", output.status)));
    }
    Ok(String::from_utf8(output.stdout)?)
}
