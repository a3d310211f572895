//! Stands in for a server of Spark Connect in a program that was built without Spark.

use database::{Cancel, Environment};
use dataset::Model;
use dataset::failure::Kind;

use super::job::{Job, Write};

/// A session, which can never be made here.
pub(super) enum Client {}

impl Client {
    /// Refuses to connect, since this program was built without Spark.
    ///
    /// # Errors
    /// [`Kind::Usage`], always.
    pub(super) fn connect(_: &str, _: &Environment, _: &Cancel) -> anyhow::Result<Self> {
        Err(Kind::Usage.error(
            "this program was built without Spark: build it with `--features spark`, take the image or a release, or write a \
             script with --emit-job DIR",
        ))
    }

    /// Prepares nothing, since there is no session.
    pub(super) fn prepare(&mut self, _: &Job) -> anyhow::Result<()> {
        match *self {}
    }

    /// Writes nothing, since there is no session.
    pub(super) fn write(&mut self, _: &Write, _: &Model) -> anyhow::Result<()> {
        match *self {}
    }
}
