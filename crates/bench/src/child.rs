//! Runs programs as child processes, and measures their time, processor time and memory.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use database::Cancel;
use wait4::Wait4;

use crate::rounds::Usage;
use crate::{machine, program};

/// How often a running program is checked; the error of the measured time.
const POLL: Duration = Duration::from_millis(1);

/// The result of a program.
#[derive(Debug)]
pub(crate) struct Done {
    /// The time from its start to its end.
    pub(crate) seconds: f64,
    /// What the process, and those that it waited for, used.
    pub(crate) usage: Usage,
    /// Its output, unless that went to a file.
    pub(crate) printed: String,
}

/// Runs a program to its end, or stops it after `limit`. Its output goes to `output` if that is given.
///
/// # Errors
/// The program cannot be run, fails (with the end of its messages), or was stopped.
pub(crate) fn run(
    command: &mut Command,
    output: Option<File>,
    limit: Duration,
    cancel: &Cancel,
) -> anyhow::Result<Done> {
    let name = program::name(command);
    // Files instead of pipes, so that nobody has to read while the program runs.
    let mut messages = tempfile::tempfile()?;
    let mut printed = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(output.map_or_else(|| printed.try_clone(), Ok)?)
        .stderr(messages.try_clone()?);
    // A program starts with the peak memory of the process that starts it.
    machine::forget_peak_memory();
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("{name} cannot be run"))?;
    let ended = loop {
        if let Some(ended) = child.try_wait4()? {
            break ended;
        }
        if start.elapsed() > limit || cancel.check().is_err() {
            child.kill()?;
            child.wait4()?;
            cancel.check()?;
            anyhow::bail!("stopped after {} s", limit.as_secs());
        }
        thread::sleep(POLL);
    };
    let seconds = start.elapsed().as_secs_f64();
    if !ended.status.success() {
        let messages = text(&mut messages)?;
        let last = messages.trim_end().lines().last().unwrap_or_default();
        anyhow::bail!("{name} failed ({}): {last}", ended.status);
    }
    Ok(Done {
        seconds,
        usage: Usage {
            cpu_seconds: (ended.rusage.utime + ended.rusage.stime).as_secs_f64(),
            peak_bytes: ended.rusage.maxrss,
        },
        printed: text(&mut printed)?,
    })
}

/// The contents of a file that another process has written.
fn text(file: &mut File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> anyhow::Result<Done> {
        let mut command = Command::new("sh");
        run(
            command.args(["-c", script]),
            None,
            limit,
            &Cancel::default(),
        )
    }

    #[test]
    fn what_a_program_prints_and_takes_is_known() {
        let done = shell("echo a; echo b", Duration::from_secs(60)).expect("a shell");
        assert_eq!(done.printed, "a\nb\n");
        assert!(done.usage.peak_bytes > 0);
    }

    #[test]
    fn a_failure_gives_its_last_message() {
        let error = shell("echo 1 >&2; echo why >&2; exit 3", Duration::from_secs(60));
        let error = error.expect_err("it fails").to_string();
        assert_eq!(error, "sh failed (exit status: 3): why");
    }

    #[test]
    fn what_takes_too_long_is_stopped() {
        let error = shell("exec sleep 60", Duration::ZERO).expect_err("stopped");
        assert_eq!(error.to_string(), "stopped after 0 s");
    }
}
