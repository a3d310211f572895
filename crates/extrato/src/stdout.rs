//! Standard output.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Prints to standard output. It is not an error if the reader has gone, as with `| head`.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}
