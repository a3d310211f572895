//! An object that is being written: whole if it is small, else in parts as its bytes come.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Address;
use super::uploads::Uploads;

/// A part, and the most that an object may have of them: 160 GB.
const PART_BYTES: usize = 16 << 20;
const MAX_PARTS: usize = 10_000;

/// An object under construction. It is there once it is finished and, where its address says so, settled.
pub(crate) struct Object {
    address: Address,
    uploads: Uploads,
    /// Whether whoever writes waits for the end of all uploads by themselves.
    is_settled_later: bool,
    waiting: Vec<u8>,
    parts: Option<Arc<Parts>>,
    sent: usize,
}

impl Drop for Object {
    fn drop(&mut self) {
        // Where others share them, whoever settles them stops them.
        if !self.is_settled_later {
            self.uploads.stop();
        }
    }
}

/// The parts of an object, which are sent on several threads. Unless all were, they are forgotten at the end.
struct Parts {
    address: Address,
    upload: String,
    state: Mutex<PartsState>,
}

#[derive(Default)]
struct PartsState {
    /// The tags of those that were sent, by their numbers.
    tags: BTreeMap<usize, String>,
    /// How many there are, once that is known.
    total: Option<usize>,
    is_complete: bool,
}

impl Parts {
    fn state(&self) -> MutexGuard<'_, PartsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a part. The one that is sent last makes the object of all.
    fn send(&self, number: usize, part: Vec<u8>) -> io::Result<()> {
        let Address {
            key, store, cancel, ..
        } = &self.address;
        let tag = store.part(key, &self.upload, number, part, cancel)?;
        let tags = {
            let mut state = self.state();
            state.tags.insert(number, tag);
            if state.total != Some(state.tags.len()) {
                return Ok(());
            }
            std::mem::take(&mut state.tags)
        };
        store.complete(key, &self.upload, tags.into_values().collect(), cancel)?;
        self.state().is_complete = true;
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if !self.state().is_complete
            && let Err(error) = self.address.store.abort(&self.address.key, &self.upload)
        {
            tracing::warn!(%error, "parts of {} stay in the bucket", self.address);
        }
    }
}

impl Object {
    /// Begins the object.
    ///
    /// # Errors
    /// `InvalidFilename` if no object can have its key.
    pub(crate) fn create(address: &Address) -> io::Result<Self> {
        address.check_key()?;
        Ok(Self {
            uploads: address.uploads.clone().unwrap_or_else(Uploads::new),
            is_settled_later: address.uploads.is_some(),
            address: address.clone(),
            waiting: Vec::new(),
            parts: None,
            sent: 0,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// What this or an earlier upload of the run failed with.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.waiting.len() + bytes.len() > PART_BYTES {
            let (fill, rest) = bytes.split_at(PART_BYTES - self.waiting.len());
            self.waiting.extend_from_slice(fill);
            bytes = rest;
            let part = std::mem::take(&mut self.waiting);
            self.send(part)?;
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    fn send(&mut self, part: Vec<u8>) -> io::Result<()> {
        let parts = match &self.parts {
            Some(parts) => Arc::clone(parts),
            None => {
                let Address {
                    key, store, cancel, ..
                } = &self.address;
                let parts = Arc::new(Parts {
                    upload: store.begin(key, cancel)?,
                    address: self.address.clone(),
                    state: Mutex::default(),
                });
                Arc::clone(self.parts.insert(parts))
            }
        };
        if self.sent == MAX_PARTS {
            return Err(io::Error::other(format!(
                "{} would have more than {MAX_PARTS} parts of {} MiB, which no object can: compress it, or write several \
                 files",
                self.address,
                PART_BYTES >> 20
            )));
        }
        let number = self.sent;
        self.sent += 1;
        self.uploads
            .send(part.len(), move || parts.send(number, part))
    }

    /// Ends the object.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let last = std::mem::take(&mut self.waiting);
        let last_bytes = last.len();
        match &self.parts {
            None => {
                let address = self.address.clone();
                self.uploads.send(last_bytes, move || address.write(last))?;
            }
            Some(parts) => {
                parts.state().total = Some(self.sent + 1);
                self.send(last)?;
            }
        }
        match self.is_settled_later {
            true => Ok(()),
            false => self.uploads.settle(),
        }
    }
}
