//! Writes all rows of a model into one file, in the model's order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context;

use super::order;
use super::row_file::RowFile;
use super::rows::{BLOCK_ROWS, Block, Rows, Shape, block_range, positions};
use super::written::{Written, add};
use storage::file::OpenFile;
use storage::place::Place;

/// A single file under construction.
pub(crate) struct SingleFile<'a> {
    pub(super) shape: Shape<'a>,
    place: Place,
    file: Option<RowFile>,
    sums: Vec<i128>,
}

impl<'a> SingleFile<'a> {
    pub(super) fn new(shape: Shape<'a>, place: &Place) -> Self {
        Self {
            sums: vec![0; shape.summed()],
            shape,
            place: place.clone(),
            file: None,
        }
    }

    /// Appends rows, after sorting them among themselves.
    pub(super) fn append(&mut self, rows: Rows) -> anyhow::Result<()> {
        let _entered = self.shape.span.clone().entered();
        let keys = order::keys(rows.fields(), &self.shape.model.order_by)?;
        let order = rows.order(&keys);
        let (shape, sums) = (&self.shape, &mut self.sums);
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut header = Vec::new();
                let file = OpenFile::create(&self.place)?;
                let file = RowFile::new(file, shape.options, &rows, true, &mut header);
                let file = none.insert(file);
                if !header.is_empty() {
                    file.append(Block::Text(header), 0)?;
                }
                file
            }
        };
        let blocks = rows.rows.div_ceil(BLOCK_ROWS);
        let encode = |index: usize, buffer: Vec<u8>| {
            let range = block_range(rows.rows, BLOCK_ROWS, index);
            let count = range.len();
            let block = match &order {
                None => rows.block(shape, range, buffer),
                Some(order) => rows.block(shape, positions(&order[range]), buffer),
            };
            (block, count)
        };
        in_order(blocks, encode, |(block, count)| {
            shape.cancel.check()?;
            let (block, block_sums) = block?;
            add(sums, &block_sums);
            file.append(block, count)
        })
    }

    /// Ends the file. Without any rows, it has only a header.
    pub(super) fn finish(mut self) -> anyhow::Result<Written> {
        let file = self.file.take().context("no rows were appended")?;
        let entry = file.finish(self.place.name())?;
        Ok(self.shape.written(vec![entry], &self.sums))
    }
}

/// Makes `count` blocks on as many threads as there are processors, and gives them to `take` in order, on this thread, while the
/// next ones are made. Buffers are reused; there are two for each thread, one at work and one that waits for its turn.
fn in_order<T: Send>(
    count: usize,
    make: impl Fn(usize, Vec<u8>) -> T + Sync,
    mut take: impl FnMut(T) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<()> {
    let threads = rayon::current_num_threads();
    let (give_buffer, buffers) = channel();
    for _ in 0..2 * threads {
        give_buffer.send(Vec::new())?;
    }
    let (buffers, next) = (Mutex::new(buffers), AtomicUsize::new(0));
    let (sender, made) = channel();
    thread::scope(|scope| {
        // These are dropped at the end, so that no thread waits for them after a failure.
        let (give_buffer, made) = (give_buffer, made);
        for _ in 0..threads {
            let (buffers, next, make, sender) = (&buffers, &next, &make, sender.clone());
            scope.spawn(move || {
                loop {
                    // A thread first takes a buffer, then a number: so the block whose turn it is always has a buffer.
                    let buffer = buffers
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok(mut buffer) = buffer else { return };
                    buffer.clear();
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || sender.send((index, make(index, buffer))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for turn in 0..count {
            let block = loop {
                if let Some(block) = early.remove(&turn) {
                    break block;
                }
                let (index, block) = made.recv().context("a thread that encodes rows ended")?;
                early.insert(index, block);
            };
            let buffer = take(block)?;
            // If all blocks are made, nobody needs the buffer.
            let _ = give_buffer.send(buffer);
        }
        Ok(())
    })
}
