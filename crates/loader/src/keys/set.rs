//! A set of keys in memory, which takes little room when keys are consecutive numbers.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::rules::key::Key;

/// A hash that spreads consecutive numbers: the multiplication of Fibonacci hashing, with the upper half mixed
/// in.
#[derive(Default)]
struct Mixing(u64);

impl Hasher for Mixing {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
    }
}

type Set<T> = HashSet<T, BuildHasherDefault<Mixing>>;
type Map<K, V> = HashMap<K, V, BuildHasherDefault<Mixing>>;

/// The keys of one kind that the rows in the table have, and those that were accepted.
///
/// A hash table that is full is copied into one of twice its size, and until that is done both are there. So keys are spread over
/// many small tables, each of which grows by itself: the set never occupies much more than [`bytes`](Self::bytes) says.
#[derive(Debug)]
pub(crate) struct KeySet {
    parts: Vec<Part>,
}

/// Some of the keys of a set.
#[derive(Debug, Default)]
struct Part {
    whole: Numbers,
    hashed: Set<u128>,
}

/// How many parts a set has, as a power of two.
const PARTS_BITS: u32 = 6;

impl Default for KeySet {
    fn default() -> Self {
        let parts = (0..1 << PARTS_BITS).map(|_| Part::default());
        Self {
            parts: parts.collect(),
        }
    }
}

/// A set of whole numbers. Most keys are consecutive, so the set begins as pages of bits, which take a hundredth of
/// the room of single numbers; scattered keys, such as the numbers of cards, are kept one by one.
#[derive(Debug)]
enum Numbers {
    Paged {
        pages: Map<i64, [u64; PAGE_WORDS]>,
        count: usize,
    },
    Single(Set<i64>),
}

/// How many words a page has: 512 bits, which are 64 bytes.
const PAGE_WORDS: usize = 8;
const PAGE_BITS: i64 = 64 * PAGE_WORDS as i64;
/// With fewer keys than this on a page on average, single numbers take less room.
const LEAST_PER_PAGE: usize = 8;
/// The number of pages at which their keys are counted for the first time; they are counted again each time it doubles.
const FEWEST_PAGES: usize = 16;

impl Default for Numbers {
    fn default() -> Self {
        Self::Paged {
            pages: Map::default(),
            count: 0,
        }
    }
}

impl Numbers {
    /// The page of a number, the word on that page, and the number's bit in that word.
    fn place(number: i64) -> (i64, usize, u64) {
        let on_page = number.rem_euclid(PAGE_BITS) as u64;
        let bit = 1 << (on_page % 64);
        (number.div_euclid(PAGE_BITS), on_page as usize / 64, bit)
    }

    fn contains(&self, number: i64) -> bool {
        match self {
            Self::Paged { pages, .. } => {
                let (page, word, bit) = Self::place(number);
                pages.get(&page).is_some_and(|page| page[word] & bit != 0)
            }
            Self::Single(numbers) => numbers.contains(&number),
        }
    }

    fn insert(&mut self, number: i64) {
        match self {
            Self::Paged { pages, count } => {
                let (page, word, bit) = Self::place(number);
                let before = pages.len();
                let page = pages.entry(page).or_default();
                *count += usize::from(page[word] & bit == 0);
                page[word] |= bit;
                let grown = pages.len() > before && pages.len() >= FEWEST_PAGES;
                if grown && pages.len().is_power_of_two() && *count < pages.len() * LEAST_PER_PAGE {
                    let all = pages
                        .iter()
                        .flat_map(|(page, words)| numbers_of(*page, words));
                    *self = Self::Single(all.collect());
                }
            }
            Self::Single(numbers) => {
                numbers.insert(number);
            }
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Paged { pages, .. } => table_bytes(pages.capacity(), 8 + 8 * PAGE_WORDS),
            Self::Single(numbers) => table_bytes(numbers.capacity(), 8),
        }
    }
}

fn numbers_of(page: i64, words: &[u64; PAGE_WORDS]) -> impl Iterator<Item = i64> {
    let bits = (0..PAGE_BITS).filter(|bit| words[*bit as usize / 64] >> (bit % 64) & 1 == 1);
    bits.map(move |bit| page * PAGE_BITS + bit)
}

/// How many bytes a hash table occupies: its entries, a byte for each, and the eighth that stays free.
fn table_bytes(capacity: usize, entry_bytes: usize) -> u64 {
    (capacity as u64 * (entry_bytes as u64 + 1)) / 7 * 8
}

impl KeySet {
    /// Whether a row has this key; none has [`Key::Null`].
    pub(crate) fn contains(&self, key: Key) -> bool {
        let part = &self.parts[place_of(key)];
        match key {
            Key::Null => false,
            Key::Whole(key) => part.whole.contains(key),
            Key::Hashed(key) => part.hashed.contains(&key),
        }
    }

    /// Adds a key, unless it is [`Key::Null`].
    pub(crate) fn insert(&mut self, key: Key) {
        let part = &mut self.parts[place_of(key)];
        match key {
            Key::Null => {}
            Key::Whole(key) => part.whole.insert(key),
            Key::Hashed(key) => {
                part.hashed.insert(key);
            }
        }
    }

    /// How many bytes the set occupies.
    pub(crate) fn bytes(&self) -> u64 {
        let of_part = |part: &Part| part.whole.bytes() + table_bytes(part.hashed.capacity(), 16);
        self.parts.iter().map(of_part).sum()
    }
}

/// The index of the part that holds a key. All numbers of a page share a part, and so do hashes with the same upper bits. The
/// tables themselves spread keys by other bits.
fn place_of(key: Key) -> usize {
    /// An odd number other than the one by which [`Mixing`] multiplies: the first of `MurmurHash3`'s finaliser.
    const FACTOR: u64 = 0xff51_afd7_ed55_8ccd;
    let spread = match key {
        Key::Null => 0,
        Key::Whole(key) => (key.div_euclid(PAGE_BITS) as u64).wrapping_mul(FACTOR),
        Key::Hashed(key) => (key >> 64) as u64,
    };
    (spread >> (u64::BITS - PARTS_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_follow_each_other_take_few_bytes_and_scattered_ones_no_more_than_single_ones() {
        let (mut counted, mut scattered) = (KeySet::default(), KeySet::default());
        for number in 0..100_000_i64 {
            counted.insert(Key::Whole(number - 50_000));
            scattered.insert(Key::Whole(number * 1_000_003));
        }
        assert!(counted.bytes() < 100_000, "{}", counted.bytes());
        assert!(scattered.bytes() < 4_000_000, "{}", scattered.bytes());
    }

    #[test]
    fn no_more_than_a_part_of_a_set_grows_at_once() {
        let mut set = KeySet::default();
        let mut before = 0;
        for number in 0..200_000_u128 {
            set.insert(Key::Hashed(xxhash_rust::xxh3::xxh3_128(
                &number.to_le_bytes(),
            )));
            let (bytes, grown) = (set.bytes(), set.bytes() - before);
            assert!(bytes < 100_000 || grown < bytes / 20, "{grown} of {bytes}");
            before = bytes;
        }
        assert!(before < 10_000_000, "{before}");
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_added_and_nothing_else(
            near in prop::collection::hash_set(-3000..3000_i64, 0..400),
            far in prop::collection::hash_set(any::<i64>(), 0..1500),
            others in prop::collection::vec(prop_oneof![-3000..3000_i64, any::<i64>()], 0..200),
        ) {
            let mut set = KeySet::default();
            for number in near.iter().chain(&far) {
                set.insert(Key::Whole(*number));
            }
            for number in near.iter().chain(&far).chain(&others) {
                let expected = near.contains(number) || far.contains(number);
                prop_assert_eq!(set.contains(Key::Whole(*number)), expected, "{}", number);
            }
            prop_assert!(set.contains(Key::Whole(i64::MIN)) == far.contains(&i64::MIN));
        }
    }
}
