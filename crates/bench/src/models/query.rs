//! A query, with what the ways of running it share.

use std::cell::OnceCell;
use std::path::PathBuf;

use dataset::Model;
use serde::Deserialize;
use testkit::tpch;

use super::answer::Answer;

/// The engine that runs a model in `extrato transform`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Engine {
    Polars,
    Postgres,
}

impl Engine {
    pub(super) const ALL: [Self; 2] = [Self::Polars, Self::Postgres];

    /// The engine's name in the results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Polars => "Polars",
            Self::Postgres => "scratch database",
        }
    }
}

/// A query.
pub(super) struct Query {
    pub(super) name: String,
    pub(super) sql: String,
    /// The path of the file with the query.
    pub(super) path: PathBuf,
    /// The answer of the first contender that ran it.
    pub(super) answer: OnceCell<Answer>,
    /// The engine that ran it in `extrato transform`.
    pub(super) engine: OnceCell<Engine>,
}

impl Query {
    /// The query of a model of TPC-H.
    pub(super) fn of(model: &Model) -> Self {
        Self {
            name: model.name.clone(),
            sql: model.sql.clone(),
            path: PathBuf::from(tpch::FOLDER).join(format!("models/{}.sql", model.name)),
            answer: OnceCell::new(),
            engine: OnceCell::new(),
        }
    }
}
