//! The configuration of a source, as far as the results of a SELECT depend on it.

use anyhow::Context;
use postgres::GenericClient;
use serde::{Deserialize, Serialize};

use crate::catalogue::identifier::{literal, quoted};
use crate::connect::{Cancel, Settings};
use crate::transaction;

/// A source's version and configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configured {
    major: i32,
    parameters: Vec<(String, String)>,
}

/// Parameters that the meaning or result of a SELECT depends on, apart from those that each of our transactions sets itself.
const READ: &str = "SELECT name, setting FROM pg_settings \
    WHERE name IN ('DateStyle', 'default_text_search_config', 'transform_null_equals', 'array_nulls', 'xmlbinary', \
    'timezone_abbreviations')";

/// A parameter with which raw layers were read that an earlier version wrote and that don't record any; the source's own overrides
/// it.
const EARLIER: (&str, &str) = ("DateStyle", "ISO, MDY");

const MAJOR: &str = "SELECT current_setting('server_version_num')::int / 10000";

impl Configured {
    /// Reads the configuration of a source.
    ///
    /// # Errors
    /// The server's errors.
    pub fn read(client: &mut impl GenericClient) -> anyhow::Result<Self> {
        let reading = "reading the source's configuration";
        let found = client.query(READ, &[]).context(reading)?;
        Ok(Self {
            major: client.query_one(MAJOR, &[]).context(reading)?.get(0),
            parameters: found.iter().map(|row| (row.get(0), row.get(1))).collect(),
        })
    }

    /// Configures a scratch database like the source, for all sessions that begin later, and warns if the versions differ.
    ///
    /// # Errors
    /// The server's errors, if it lacks a text search configuration or a set of time zones.
    pub fn set(&self, scratch: &Settings, cancel: &Cancel) -> anyhow::Result<()> {
        let mut client = scratch.connect(cancel)?;
        transaction::begin(&mut client)?;
        let known = self.parameters.iter();
        let known = known.map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in [EARLIER].into_iter().chain(known) {
            client
                .batch_execute(&format!(
                    "ALTER DATABASE {} SET {name} = {}",
                    quoted(scratch.database()),
                    literal(value)
                ))
                .context("configuring the scratch database as the source is")?;
        }
        let here: i32 = client.query_one(MAJOR, &[])?.get(0);
        client.batch_execute("COMMIT")?;
        if here != self.major {
            tracing::warn!(
                "the scratch database is of Postgres {here}, the source of {}: functions that changed between the two \
                 give the results of {here}",
                self.major
            );
        }
        Ok(())
    }
}
