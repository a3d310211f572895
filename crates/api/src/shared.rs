//! What all requests share.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::access::Access;
use crate::insert::gather::Gatherer;
use crate::limiter::Limiter;
use crate::models::served::Models;
use crate::options::Limits;
use crate::places::Places;
use crate::pool::Pool;
use crate::served::ServedTables;

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) datasets: BTreeMap<String, ServedTables>,
    pub(crate) access: Access,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) gatherer: Gatherer,
    pub(crate) pool: Arc<Pool>,
    pub(crate) places: Places,
    pub(crate) limits: Limits,
    pub(crate) models: Models,
    /// Held by each request that inserts: once all of these are dropped, none runs any more.
    pub(crate) running: mpsc::WeakSender<()>,
}
