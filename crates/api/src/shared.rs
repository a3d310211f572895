//! The state that all requests share.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use tokio::sync::mpsc;

use crate::access::{Access, Caller};
use crate::insert::gather::Gatherer;
use crate::keys::Right;
use crate::limiter::Limiter;
use crate::models::compute::Models;
use crate::options::Limits;
use crate::places::Places;
use crate::pool::Pool;
use crate::problem::Problem;
use crate::served::{Served, ServedTables};

/// The state that all requests share.
pub(crate) struct Shared {
    pub(crate) datasets: BTreeMap<String, ServedTables>,
    pub(crate) access: Access,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) gatherer: Gatherer,
    pub(crate) pool: Arc<Pool>,
    pub(crate) places: Places,
    pub(crate) limits: Limits,
    pub(crate) models: Models,
    /// Each request that inserts holds a strong sender: once all of these are dropped, no such request is running.
    pub(crate) running: mpsc::WeakSender<()>,
}

impl Shared {
    /// The dataset and the table that a path names, if the caller has this right to the dataset.
    ///
    /// # Errors
    /// 403 without the right, 404 if there is no such table.
    pub(crate) fn table(
        &self,
        path: Result<Path<(String, String)>, PathRejection>,
        caller: &Caller,
        right: Right,
    ) -> Result<(String, String, Arc<Served>), Problem> {
        let none = "there is no table of this name in a dataset of this name";
        let Ok(Path((dataset, table))) = path else {
            return Err(Problem::not_found(none));
        };
        caller.check(&dataset, right)?;
        let served = self.datasets.get(&dataset);
        match served.and_then(|served| served.get(&table)).map(Arc::clone) {
            Some(served) => Ok((dataset, table, served)),
            None => Err(Problem::not_found(none)),
        }
    }
}
