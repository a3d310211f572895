//! An object that is being written: a small one at once, a large one in parts as its bytes come.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Address;
use super::uploads::Uploads;

/// The size of a part, and how many parts an object may have: 160 GB in all.
const PART_BYTES: usize = 16 << 20;
const MAX_PARTS: usize = 10_000;

/// An object under construction. It exists once it is finished and, where its address has shared uploads, settled.
pub(crate) struct Object {
    address: Address,
    uploads: Uploads,
    /// Whether the uploads are shared with other objects, whose owner waits for them.
    is_settled_later: bool,
    waiting: Vec<u8>,
    parts: Option<Arc<Parts>>,
    sent: usize,
}

impl Drop for Object {
    fn drop(&mut self) {
        // Shared uploads are stopped by their owner.
        if !self.is_settled_later {
            self.uploads.stop();
        }
    }
}

/// The parts of an object, which are sent on several threads. They are discarded at the end unless all were sent.
struct Parts {
    address: Address,
    upload: String,
    state: Mutex<PartsState>,
}

#[derive(Default)]
struct PartsState {
    /// The tags of the parts that were sent, by number.
    tags: BTreeMap<usize, String>,
    /// How many parts the object has, once that is known.
    total: Option<usize>,
    is_complete: bool,
}

impl Parts {
    fn state(&self) -> MutexGuard<'_, PartsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a part. After the last one, the object is made of all parts.
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
    /// Begins an object at this address.
    ///
    /// # Errors
    /// `InvalidFilename` if the key is too long.
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

    /// Appends bytes to the object.
    ///
    /// # Errors
    /// The error of this upload, or of an earlier one of the run.
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

    /// Sends what is left and ends the object.
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
