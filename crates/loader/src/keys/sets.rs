//! The key sets of a load, within a limit of memory.
//!
//! A set that doesn't fit is given up: from then on the database is asked about its keys, and the set holds only those
//! keys that the database cannot know of.

use anyhow::Context;
use bytesize::ByteSize;
use database::catalogue::identifier::quoted;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Row};
use values::value::Value;

use crate::keys::set::KeySet;
use crate::rules::key::{Key, KeyClass, KeyName};

/// How many rows are read between two looks at the memory.
const ROWS_PER_CHECK: u64 = 100_000;

/// All key sets of a load.
#[derive(Debug)]
pub(crate) struct KeySets {
    limit_bytes: u64,
    /// How many bytes of the limit are kept for other things than the sets.
    reserved_bytes: u64,
    sets: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: KeyName,
    set: KeySet,
    /// Whether the set no longer holds all keys.
    given_up: bool,
    /// Whether only the database can compare the keys. Then the set is given up from the beginning, and what it holds are numbers
    /// of rows of the file.
    of_server: bool,
}

impl KeySets {
    /// Creates a collection without sets, which together may take `limit_bytes`.
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            reserved_bytes: 0,
            sets: Vec::new(),
        }
    }

    /// Keeps this many bytes of the limit for other things than the sets, in place of what was kept before.
    pub(crate) fn reserve(&mut self, bytes: u64) {
        self.reserved_bytes = bytes;
    }

    /// Keeps only the sets that are still wanted. This changes the places of sets.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&KeyName) -> bool) {
        self.sets.retain(|entry| wanted(&entry.name));
    }

    /// Whether the set at a place has a key.
    pub(crate) fn contains(&self, place: usize, key: Key) -> bool {
        self.sets[place].set.contains(key)
    }

    /// Adds a key to the set at a place.
    pub(crate) fn insert(&mut self, place: usize, key: Key) {
        self.sets[place].set.insert(key);
    }

    /// Adds an empty set, and returns its place.
    pub(crate) fn add(&mut self, name: KeyName) -> usize {
        self.sets.push(Entry {
            name,
            set: KeySet::default(),
            given_up: false,
            of_server: false,
        });
        self.sets.len() - 1
    }

    /// Whether the set at a place was given up.
    pub(crate) fn is_given_up(&self, place: usize) -> bool {
        self.sets[place].given_up
    }

    /// Whether only the database can compare the keys of the set at a place.
    pub(crate) fn is_of_server(&self, place: usize) -> bool {
        self.sets[place].of_server
    }

    /// Empties the sets that were given up.
    pub(crate) fn clear_given_up(&mut self) {
        for entry in self.sets.iter_mut().filter(|entry| entry.given_up) {
            entry.set = KeySet::default();
        }
    }

    /// Reads the keys that the rows in the database have, unless there is a set of them already, and returns the set's place.
    /// With `of_server` nothing is read, since only the database can compare the keys.
    ///
    /// # Errors
    /// Errors of the server.
    pub(crate) fn read(
        &mut self,
        client: &mut Client,
        name: &KeyName,
        of_server: bool,
    ) -> anyhow::Result<usize> {
        if let Some(place) = self.sets.iter().position(|entry| entry.name == *name) {
            return Ok(place);
        }
        let place = self.add(name.clone());
        if of_server {
            self.sets[place].given_up = true;
            self.sets[place].of_server = true;
            return Ok(place);
        }
        let failed = || format!("cannot read the keys of {}.{}", name.schema, name.table);
        let none: [&str; 0] = [];
        let mut rows = client.query_raw(&select(name), none).with_context(failed)?;
        let mut buffer = Vec::new();
        let mut count = 0_u64;
        while let Some(row) = rows.next().with_context(failed)? {
            self.insert(place, key_of(&row, &name.classes, &mut buffer));
            count += 1;
            if count.is_multiple_of(ROWS_PER_CHECK) && self.is_over() {
                break;
            }
        }
        drop(rows);
        if self.is_over() {
            self.give_up(place);
        }
        Ok(place)
    }

    /// Whether the sets need more than the memory that is left to them.
    pub(crate) fn is_over(&self) -> bool {
        let bytes: u64 = self.sets.iter().map(|entry| entry.set.bytes()).sum();
        bytes + self.reserved_bytes > self.limit_bytes
    }

    /// Gives up the largest sets until the others fit.
    pub(crate) fn make_room(&mut self) {
        while self.is_over() {
            let largest = (0..self.sets.len())
                .filter(|place| !self.sets[*place].given_up)
                .max_by_key(|place| self.sets[*place].set.bytes());
            match largest {
                Some(place) => self.give_up(place),
                None => break,
            }
        }
    }

    /// Gives up the set at a place, unless it was given up before. The rows whose keys it holds must have been sent.
    pub(crate) fn give_up(&mut self, place: usize) {
        let limit = ByteSize(self.limit_bytes);
        let entry = &mut self.sets[place];
        if !std::mem::replace(&mut entry.given_up, true) {
            entry.set = KeySet::default();
            tracing::info!(
                "the keys of {} ({}) don't fit in the {limit} of --memory: the database checks them from here on",
                entry.name.table,
                entry.name.columns.join(", ")
            );
        }
    }
}

fn select(name: &KeyName) -> String {
    let texts: Vec<_> = name
        .columns
        .iter()
        .map(|column| format!("{}::text", quoted(column)))
        .collect();
    format!("SELECT {} FROM {}", texts.join(", "), name.relation())
}

/// The key of a row that [`select`] gives.
fn key_of(row: &Row, classes: &[KeyClass], buffer: &mut Vec<u8>) -> Key {
    let value = |(index, class): (usize, &KeyClass)| {
        let text: Option<&str> = row.get(index);
        text.and_then(|text| class.value(text))
            .unwrap_or(Value::Null)
    };
    let values: Vec<Value<'_>> = classes.iter().enumerate().map(value).collect();
    Key::of(values.iter().zip(classes.iter().copied()), buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_knows_what_was_added() {
        let mut sets = KeySets::new(64 << 10);
        let place = sets.add(KeyName::id_of("t"));
        for id in 0..1000 {
            assert!(!sets.contains(place, Key::Whole(id)));
            sets.insert(place, Key::Whole(id));
            assert!(sets.contains(place, Key::Whole(id)));
        }
        sets.insert(place, Key::Null);
        assert!(!sets.contains(place, Key::Null));
        assert!(!sets.is_over());
    }

    #[test]
    fn sets_have_what_others_leave_of_the_memory() {
        let mut sets = KeySets::new(64 << 10);
        let place = sets.add(KeyName::id_of("t"));
        sets.insert(place, Key::Whole(1));
        assert!(!sets.is_over());
        sets.reserve(64 << 10);
        assert!(sets.is_over());
        sets.reserve(32 << 10);
        assert!(!sets.is_over());
    }

    #[test]
    fn the_largest_set_is_given_up() {
        let mut sets = KeySets::new(1 << 10);
        let (small, large) = (
            sets.add(KeyName::id_of("small")),
            sets.add(KeyName::id_of("large")),
        );
        sets.insert(small, Key::Whole(1));
        for id in 0..10_000 {
            sets.insert(large, Key::Whole(id));
        }
        assert!(sets.is_over());
        sets.make_room();
        assert!(!sets.is_over() && sets.is_given_up(large) && !sets.is_given_up(small));
        assert!(sets.contains(small, Key::Whole(1)) && !sets.contains(large, Key::Whole(1)));
    }
}
