//! All that a scratch database is made from, so that it can be made without the source too.

use postgres::GenericClient;
use serde::{Deserialize, Serialize};

use super::Shapes;
use super::configured::Configured;
use crate::embedded::scratch::Locale;

/// What a source is, but for its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blueprint {
    /// How the source encodes and orders text.
    pub locale: Locale,
    /// What its tables are.
    pub shapes: Shapes,
    /// How it is configured.
    pub configured: Configured,
}

impl Blueprint {
    /// Reads what a source is, with the tables of these names in a schema of it.
    ///
    /// # Errors
    /// The server's. A table that is missing is left out.
    pub fn read(
        client: &mut impl GenericClient,
        schema: &str,
        tables: &[&str],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            shapes: Shapes::read(client, schema, tables)?,
            locale: Locale::read(client)?,
            configured: Configured::read(client)?,
        })
    }
}
