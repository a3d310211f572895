//! A file's blocks pass through three stages at the same time: one thread reads and splits, several validate, and the caller
//! takes the blocks in the file's order.
//!
//! A fixed number of blocks is used again and again, which bounds the memory.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use database::Cancel;
use dataset::failure::Kind;
use storage::place::reading;
use values::records::{Noticed, Splitter};

use crate::input::batch::Batch;
use crate::input::row_plan::RowPlan;

/// How many bytes are read into a block; a longer record makes it grow.
const BLOCK_BYTES: usize = 256 << 10;
/// How many blocks there are beside those that are being validated.
const BLOCKS_AHEAD: usize = 3;

/// The rest of a file, from its first row to its end.
pub(crate) struct Rest {
    pub(crate) name: String,
    pub(crate) bytes: Box<dyn Read + Send>,
    /// Bytes of the rest that were read already.
    pub(crate) read: Vec<u8>,
    /// The offset of the rest in the file.
    pub(crate) offset: u64,
    /// The line on which the rest begins.
    pub(crate) line: u64,
}

/// The blocks of a file, in its order.
pub(crate) struct Stream<'scope> {
    ready: Receiver<Batch>,
    free: Sender<Batch>,
    /// Blocks that came before their turn.
    early: BTreeMap<u64, Batch>,
    next: u64,
    reader: Option<ScopedJoinHandle<'scope, anyhow::Result<Noticed>>>,
}

impl<'scope> Stream<'scope> {
    /// Starts the threads that read and validate.
    pub(crate) fn start<'env: 'scope>(
        scope: &'scope thread::Scope<'scope, 'env>,
        rest: Rest,
        plan: &'env RowPlan,
        workers: usize,
        cancel: &'env Cancel,
    ) -> Self {
        let (free, empty) = channel();
        for _ in 0..workers + BLOCKS_AHEAD {
            // This cannot fail: the other end is in this function.
            let _ = free.send(Batch::default());
        }
        let (split, unchecked) = channel();
        let (checked, ready) = channel();
        let unchecked = Arc::new(Mutex::new(unchecked));
        for _ in 0..workers {
            let (unchecked, checked): (Arc<Mutex<Receiver<Batch>>>, Sender<Batch>) =
                (Arc::clone(&unchecked), checked.clone());
            scope.spawn(move || {
                loop {
                    let received = unchecked
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok(mut batch) = received else { return };
                    plan.validate(&mut batch);
                    if checked.send(batch).is_err() {
                        return;
                    }
                }
            });
        }
        let reader = scope.spawn(move || read(rest, plan, &empty, &split, cancel));
        Self {
            ready,
            free,
            early: BTreeMap::new(),
            next: 0,
            reader: Some(reader),
        }
    }

    /// The next block, or `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Option<Batch> {
        loop {
            if let Some(batch) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(batch);
            }
            let batch = self.ready.recv().ok()?;
            self.early.insert(batch.sequence, batch);
        }
    }

    /// Gives back a block that is no longer needed, to be filled again.
    pub(crate) fn done(&self, mut batch: Batch) {
        batch.clear();
        // After the last block nobody waits for one.
        let _ = self.free.send(batch);
    }

    /// Returns what was noticed about the lines, once [`next`](Self::next) has given the last block.
    ///
    /// # Errors
    /// The error that ended the reading before the file's end.
    pub(crate) fn finish(&mut self) -> anyhow::Result<Noticed> {
        match self.reader.take().map(ScopedJoinHandle::join) {
            Some(Ok(noticed)) => noticed,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(Noticed::default()),
        }
    }
}

fn read(
    mut rest: Rest,
    plan: &RowPlan,
    empty: &Receiver<Batch>,
    split: &Sender<Batch>,
    cancel: &Cancel,
) -> anyhow::Result<Noticed> {
    let mut splitter = Splitter::new(plan.grammar, rest.line);
    let mut carried = std::mem::take(&mut rest.read);
    let mut offset = rest.offset;
    let mut sequence = 0;
    let mut at_end = false;
    while !at_end {
        // The caller that takes the blocks is gone, and says why.
        let Ok(mut batch) = empty.recv() else { break };
        batch.bytes.append(&mut carried);
        batch.offset = offset;
        let mut wanted = BLOCK_BYTES;
        let taken = loop {
            cancel.check()?;
            at_end = fill(&mut rest, &mut batch.bytes, wanted)?;
            let taken = splitter.split(&batch.bytes, at_end, &mut batch.records);
            if taken > 0 || at_end {
                break taken;
            }
            // Doubled each time, since a record that is not whole is split again from its beginning.
            wanted = 2 * batch.bytes.len();
        };
        carried.extend_from_slice(&batch.bytes[taken..]);
        batch.bytes.truncate(taken);
        offset += taken as u64;
        batch.sequence = sequence;
        sequence += 1;
        if split.send(batch).is_err() {
            break;
        }
    }
    Ok(splitter.noticed())
}

/// Reads until `bytes` has `wanted` bytes or the file ends. Returns whether the file ended.
fn fill(rest: &mut Rest, bytes: &mut Vec<u8>, wanted: usize) -> anyhow::Result<bool> {
    let missing = wanted.saturating_sub(bytes.len()) as u64;
    let read = rest.bytes.by_ref().take(missing).read_to_end(bytes);
    let place = format_args!(
        "{}, after {} bytes of text,",
        rest.name,
        rest.offset + bytes.len() as u64
    );
    let read = reading(read, Kind::Refused, place)?;
    Ok((read as u64) < missing)
}
