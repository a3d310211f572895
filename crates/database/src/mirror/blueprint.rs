//! All that a scratch database is made from, so that it can be made without the source too.

use std::collections::BTreeMap;

use dataset::Place;
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
    /// Reads what a source is, with these tables of it, by what a run calls them; names without a schema are of `schema`.
    ///
    /// # Errors
    /// The server's. A table that is missing is left out.
    pub fn read(
        client: &mut impl GenericClient,
        schema: &str,
        tables: &BTreeMap<String, Place>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            shapes: Shapes::read(client, schema, tables)?,
            locale: Locale::read(client)?,
            configured: Configured::read(client)?,
        })
    }
}
