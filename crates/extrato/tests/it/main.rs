//! The `extrato` program, run as a user runs it.

mod determinism;
mod embedded;
mod exit_codes;
mod interruption;
mod pipeline;
mod program;
