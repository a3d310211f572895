//! A query, with what the ways of running it tell each other.

use std::cell::OnceCell;
use std::path::PathBuf;

use dataset::Model;
use serde::Deserialize;
use testkit::tpch;

use super::answer::Answer;

/// What runs a model in `extrato transform`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Engine {
    Polars,
    Postgres,
}

impl Engine {
    pub(super) const ALL: [Self; 2] = [Self::Polars, Self::Postgres];

    /// What the results call it.
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
    /// The file that holds it.
    pub(super) path: PathBuf,
    /// What the first way that ran it gave.
    pub(super) answer: OnceCell<Answer>,
    /// What ran it in `extrato transform`.
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
