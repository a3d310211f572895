//! Writes a folder with a file for each value of the partition columns.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use dataset::failure::Kind;
use rayon::prelude::*;

use super::order::{self, Key};
use super::partition::{self, Value};
use super::row_file::RowFile;
use super::rows::{BLOCK_ROWS, BUFFER_BYTES, Rows, Shape, positions};
use super::written::add;
use crate::options::Options;
use storage::file::{Folder, OpenFile};
use storage::manifest::FileEntry;
use storage::place::Place;

/// A folder of partitions under construction. At most as many files are open at once as there are threads, plus one: that of the
/// last partition, to which the next rows may belong too.
pub(crate) struct Partitioned<'a> {
    pub(super) shape: Shape<'a>,
    folder: Folder,
    partition_by: Vec<String>,
    last: Option<Partition>,
    files: Vec<FileEntry>,
    /// The client of each file, where files are named after clients.
    clients: Mutex<HashMap<String, String>>,
    sums: Mutex<Vec<i128>>,
}

/// A partition's file, which is still open.
struct Partition {
    /// What identifies the partition.
    client: String,
    file: RowFile,
    /// The file's path in the manifest.
    path: String,
}

impl<'a> Partitioned<'a> {
    /// Makes `folder` for the partitions.
    ///
    /// # Errors
    /// [`Kind::Output`] if the folder cannot be made.
    pub(super) fn new(
        shape: Shape<'a>,
        partition_by: &[String],
        folder: &Place,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            sums: Mutex::new(vec![0; shape.summed()]),
            shape,
            folder: Folder::create(folder)?,
            partition_by: partition_by.to_vec(),
            last: None,
            files: Vec::new(),
            clients: Mutex::default(),
        })
    }

    /// Appends rows. Their partitions must come after those of earlier rows, except that the first may be the last one of these.
    pub(super) fn append(&mut self, rows: Rows) -> anyhow::Result<()> {
        let _entered = self.shape.span.clone().entered();
        let keys = order::keys(rows.fields(), &self.partition_by)?;
        let in_partition = order::in_partition(self.shape.model, &self.partition_by);
        let order_keys = order::keys(rows.fields(), in_partition)?;
        let (mut order, ranges) = rows.groups(&keys);
        let mut partitions = Vec::with_capacity(ranges.len());
        let mut rest = order.as_mut_slice();
        for range in ranges {
            let (partition, after) = rest.split_at_mut(range.len());
            partitions.push(partition);
            rest = after;
        }
        let Some(first) = partitions.first() else {
            return Ok(());
        };

        let former = self.last.take();
        let writer = PartitionWriter {
            partitioned: &*self,
            rows: &rows,
            keys: &keys,
            order_keys: &order_keys,
        };
        // The first partition may have begun earlier, and the last one may go on later.
        let goes_on = former.as_ref().map(|former| &former.client) == Some(&writer.client(first)?);
        let (former, ended) = match goes_on {
            true => (former, None),
            false => (None, former.map(Partition::finish).transpose()?),
        };
        let former = Mutex::new(former);
        let last = partitions.len() - 1;
        let written: Vec<Written> = partitions
            .into_par_iter()
            .enumerate()
            .map_init(
                || Vec::with_capacity(BUFFER_BYTES),
                |buffer, (index, partition)| {
                    let former = match index {
                        0 => former.lock().unwrap_or_else(PoisonError::into_inner).take(),
                        _ => None,
                    };
                    let partition = writer.write(former, partition, buffer)?;
                    Ok(match index == last {
                        true => Written::Open(partition),
                        false => Written::Ended(partition.finish()?),
                    })
                },
            )
            .collect::<anyhow::Result<_>>()?;
        self.files.extend(ended);
        for partition in written {
            match partition {
                Written::Ended(file) => self.files.push(file),
                Written::Open(partition) => self.last = Some(partition),
            }
        }
        Ok(())
    }

    /// Ends the last file.
    pub(super) fn finish(mut self) -> anyhow::Result<super::written::Written> {
        if let Some(last) = self.last.take() {
            self.files.push(last.finish()?);
        }
        let sums = self
            .sums
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(self.shape.written(self.files, &sums))
    }
}

/// A partition whose rows were written; its file is ended or still open.
enum Written {
    Ended(FileEntry),
    Open(Partition),
}

/// Writes the partitions of one output.
struct PartitionWriter<'a> {
    partitioned: &'a Partitioned<'a>,
    rows: &'a Rows,
    keys: &'a [Key],
    order_keys: &'a [Key],
}

impl PartitionWriter<'_> {
    /// The values of the partition columns for some rows of one partition.
    fn values(&self, partition: &[u32]) -> anyhow::Result<Vec<Value<'_>>> {
        let first = partition[0] as usize;
        let keys = self.keys.iter();
        keys.map(|(name, field)| {
            let row = self.rows.taken(field.source).row(first);
            Value::of(name, &field.cells, row)
        })
        .collect()
    }

    fn client(&self, partition: &[u32]) -> anyhow::Result<String> {
        Ok(partition::client(&self.values(partition)?))
    }

    /// The path of the file for some rows of one partition. The folder is made.
    ///
    /// # Errors
    /// [`Kind::Refused`] for a value after which no folder or file can be named, or if the file belongs to another client.
    fn path(&self, values: &[Value<'_>]) -> anyhow::Result<String> {
        let Partitioned { shape, folder, .. } = self.partitioned;
        let Some(name) = &shape.file_name else {
            let own = partition::folder(values)?;
            folder.create_folder(&own)?;
            return Ok(format!("{own}/{}", file_name(shape.options)));
        };
        let path = partition::file(values, name, &shape.model.name)?;
        let client = partition::client(values);
        let clients = self.partitioned.clients.lock();
        let mut clients = clients.unwrap_or_else(PoisonError::into_inner);
        match clients.entry(path.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(client)),
            Entry::Occupied(entry) => {
                return Err(Kind::Refused.error(format!(
                    "the clients `{}` and `{client}` would share the file `{path}`: give --file-name {name} something \
                     between the columns that no value has, such as a /",
                    entry.get()
                )));
            }
        }
        drop(clients);
        if let Some((above, _)) = path.rsplit_once('/') {
            folder.create_folder(above)?;
        }
        Ok(path)
    }

    /// Writes the rows `partition` into their file. It is that of `former` if the rows go on with that partition.
    ///
    /// # Errors
    /// [`Kind::Output`] if a file cannot be written; the errors of [`PartitionWriter::path`].
    fn write(
        &self,
        former: Option<Partition>,
        partition: &mut [u32],
        buffer: &mut Vec<u8>,
    ) -> anyhow::Result<Partition> {
        let Partitioned { shape, folder, .. } = self.partitioned;
        shape.cancel.check()?;
        self.rows.sort(self.order_keys, partition);
        buffer.clear();
        let mut open = match former {
            Some(former) => former,
            None => {
                let values = self.values(partition)?;
                let path = self.path(&values)?;
                let file = OpenFile::create_in(folder, &path)?;
                Partition {
                    file: RowFile::new(file, shape.options, self.rows, false, buffer),
                    client: partition::client(&values),
                    path,
                }
            }
        };
        for rows in partition.chunks(BLOCK_ROWS) {
            let block = std::mem::take(buffer);
            let (block, sums) = self.rows.block(shape, positions(rows), block)?;
            *buffer = open.file.append(block, rows.len())?;
            let total = self.partitioned.sums.lock();
            add(&mut total.unwrap_or_else(PoisonError::into_inner), &sums);
        }
        Ok(open)
    }
}

impl Partition {
    fn finish(self) -> anyhow::Result<FileEntry> {
        self.file.finish(self.path)
    }
}

/// The name of a partition's file.
fn file_name(options: &Options) -> String {
    format!("part-0.{}", options.extension())
}
