//! Everything from which a scratch database is made, so that it can also be made without the source.

use std::collections::BTreeMap;

use dataset::Place;
use postgres::GenericClient;
use serde::{Deserialize, Serialize};

use super::Shapes;
use super::configured::Configured;
use crate::embedded::scratch::Locale;

/// The description of a source, without its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blueprint {
    /// How the source encodes and orders text.
    pub locale: Locale,
    /// The shapes of the source's tables.
    pub shapes: Shapes,
    /// How the source is configured.
    pub configured: Configured,
}

impl Blueprint {
    /// Reads the description of a source with these tables, given by their names in a run; names without a schema belong to
    /// `schema`.
    ///
    /// # Errors
    /// The server's errors. A table that is missing is left out.
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
