//! What the user sees: log lines and progress on standard error, results on standard output.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use clap::builder::Styles;
use clap::error::ErrorKind as ClapErrorKind;
use database::{Cancel, Environment};
use dataset::failure::{Failure, Kind, chain};
use serde::Serialize;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::around::{Around, Server};
use crate::ended::Programs;
use crate::progress::{Progress, Waited};
use crate::stdout::print;

/// Arguments that every command has.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Every command")]
pub(crate) struct TerminalArgs {
    /// Say more (-vv: everything)
    #[arg(short, long, action = clap::ArgAction::Count, global = true, conflicts_with = "quiet")]
    verbose: u8,

    /// Print nothing but errors, and what --show asks for
    #[arg(short, long, global = true)]
    quiet: bool,

    /// Print the summary, or what failed, as JSON on standard output: on one line unless that is a terminal
    #[arg(long, global = true)]
    json: bool,

    /// Write the same line to this file when the run ends, even if it failed
    #[arg(long, global = true, value_name = "FILE")]
    json_to: Option<PathBuf>,

    /// Print this help (in short with -h)
    #[arg(short, long, action = clap::ArgAction::Help, global = true)]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version, global = true)]
    version: Option<bool>,
}

/// Standard output and standard error, set up as the arguments demand.
pub(crate) struct Terminal {
    quiet: bool,
    pub(crate) programs: Programs,
    width: Option<usize>,
    waited: Waited,
}

impl Terminal {
    /// Sets up logging. This is called once.
    pub(crate) fn new(arguments: &TerminalArgs, environment: &Environment) -> Self {
        let level = match (arguments.quiet, arguments.verbose) {
            (true, _) => Level::ERROR,
            (false, 0) => Level::INFO,
            (false, 1) => Level::DEBUG,
            (false, _) => Level::TRACE,
        };
        let on_terminal = io::stderr().is_terminal();
        let waited = Waited::default();
        let progress = Progress::new(
            waited.clone(),
            on_terminal && !environment.is_terminal_dumb(),
        );
        let writer = progress.writer();
        let lines = fmt::layer()
            .with_target(false)
            .with_ansi(environment.allows_colour(on_terminal))
            .with_writer(writer);
        let lines = if on_terminal {
            lines.without_time().boxed()
        } else {
            lines.boxed()
        };
        // On a terminal, bars and the summary already tell of each table.
        let is_told = move |metadata: &Metadata<'_>| {
            on_terminal && level == Level::INFO && metadata.fields().field("rows").is_some()
        };
        tracing_subscriber::registry()
            .with(lines.with_filter(filter_fn(move |metadata| {
                metadata.level() <= &level && is_wanted(metadata) && !is_told(metadata)
            })))
            .with((!arguments.quiet).then(|| progress.with_filter(filter_fn(is_wanted))))
            .init();
        Self {
            quiet: arguments.quiet,
            programs: Programs::new(arguments.json, arguments.json_to.clone()),
            width: width(environment),
            waited,
        }
    }

    /// The times around a job that has ended.
    pub(crate) fn around(&self, server: Server) -> Around {
        Around {
            server,
            lock_seconds: self.waited.lock_seconds(),
        }
    }

    /// How many columns standard output has: the terminal's, or those that `COLUMNS` names; `None` if there is no limit.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// The first Ctrl-C or SIGTERM stops the run cleanly, the second at once.
    pub(crate) fn cancel_on_signals(&self) -> anyhow::Result<Cancel> {
        let cancel = Cancel::default();
        let handle = cancel.clone();
        let asked = AtomicBool::new(false);
        ctrlc::set_handler(move || {
            if asked.swap(true, Ordering::SeqCst) {
                process::exit(Kind::Interrupted.exit_code().into());
            }
            tracing::warn!("stopping; interrupt again to stop at once");
            // The hooks ask the server, which may not answer; on a thread of their own, they don't block the second signal.
            let handle = handle.clone();
            std::thread::spawn(move || handle.cancel());
        })
        .context("catching Ctrl-C")?;
        Ok(cancel)
    }

    /// Whether --quiet was given.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints the summary of a run: as JSON if --json was given, else `text` unless --quiet was.
    pub(crate) fn result(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match self.quiet {
            true => self.programs.tell(Some(value), None),
            false => self.answer(value, text),
        }
    }

    /// Prints what the user asked to see, even with --quiet: as JSON if --json was given, else `text`.
    pub(crate) fn answer(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        self.answer_of(value, text, None)
    }

    /// Does what [`answer`](Self::answer) does for a run that failed with this error.
    pub(crate) fn answer_of(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
        error: Option<&anyhow::Error>,
    ) -> anyhow::Result<()> {
        if !self.programs.stdout {
            print(&text())?;
        }
        self.programs.tell(Some(value), error)
    }

    /// Prints an error of `command` with its causes on standard error, in the style of clap.
    pub(crate) fn error(&self, error: &anyhow::Error, command: &clap::Command) {
        let mut message = harmless(&chain(error));
        if Failure::kind_of(error) == Some(Kind::Usage) {
            let literal = *Styles::styled().get_literal();
            let name = command.get_bin_name().unwrap_or(command.get_name());
            message +=
                &format!("\n\nFor more information, try '{literal}{name} --help{literal:#}'.");
        }
        message.push('\n');
        let error = clap::Error::raw(ClapErrorKind::Io, message);
        let _ = error.with_cmd(command).print();
    }
}

fn width(environment: &Environment) -> Option<usize> {
    let stdout = io::stdout();
    let of_terminal = match stdout.is_terminal() {
        true => rustix::termios::tcgetwinsize(&stdout).ok(),
        false => None,
    };
    match of_terminal.map(|size| usize::from(size.ws_col)) {
        Some(columns) if columns > 0 => Some(columns),
        _ => environment.get("COLUMNS")?.parse().ok(),
    }
}

/// A text with control characters escaped, since causes may quote files and servers.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() && character != '\n' {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

/// Whether an event is logged: all of our own crates, and warnings of others.
fn is_wanted(metadata: &Metadata<'_>) -> bool {
    const OURS: [&str; 9] = [
        "api",
        "extrato",
        "dataset",
        "database",
        "generator",
        "loader",
        "storage",
        "transform",
        "testkit",
    ];
    let from = metadata.target().split("::").next().unwrap_or_default();
    OURS.contains(&from) || metadata.level() <= &Level::WARN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_holds_nothing_that_a_terminal_obeys_but_its_lines() {
        assert_eq!(harmless("a\u{1b}[2J\r\n  é\0"), "a\\u{1b}[2J\\r\n  é\\u{0}");
    }
}
