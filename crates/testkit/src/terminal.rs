//! Runs a program on a terminal of its own, made by `script` of util-linux.

use std::process::{Command, Stdio};

/// The output of a program on its terminal, and how it ended.
#[derive(Debug)]
pub struct OnTerminal {
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// Both streams, with the terminal's line ends turned into LF.
    pub text: String,
}

/// Runs `command` on a terminal with this many columns, with only those variables that are set for it.
///
/// # Panics
/// Panics if `script` cannot be run, or the program does not write UTF-8.
pub fn on_terminal(command: &Command, columns: u16) -> OnTerminal {
    let quoted = |text: &std::ffi::OsStr| {
        let text = text.to_str().expect("UTF-8");
        format!("'{}'", text.replace('\'', r"'\''"))
    };
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quoted)
        .collect();
    let line = format!(
        "stty rows 40 cols {columns} 2>/dev/null; exec {}",
        words.join(" ")
    );
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null());
    let variables = command.get_envs();
    script.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        script.current_dir(folder);
    }
    let output = script.output().expect("script of util-linux runs");
    OnTerminal {
        code: output.status.code().unwrap_or(-1),
        text: String::from_utf8(output.stdout)
            .expect("UTF-8")
            .replace("\r\n", "\n"),
    }
}
