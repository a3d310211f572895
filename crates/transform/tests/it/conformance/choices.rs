//! A sequence of numbers from which a query is made: a shorter sequence makes a simpler query.

/// Numbers that are used up from front to back. After that, every choice is the first alternative.
pub(super) struct Choices<'a> {
    values: &'a [u32],
    at: usize,
}

impl<'a> Choices<'a> {
    pub(super) fn new(values: &'a [u32]) -> Self {
        Self { values, at: 0 }
    }

    /// Whether every choice from here on is the first alternative.
    pub(super) fn used_up(&self) -> bool {
        self.at >= self.values.len()
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let value = self.values.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        value as usize % n.max(1)
    }

    /// One of these alternatives; the first is the simplest.
    pub(super) fn one_of<T: Copy>(&mut self, alternatives: &[T]) -> T {
        alternatives[self.below(alternatives.len())]
    }

    /// True this many times in a hundred; false once the numbers are used up.
    pub(super) fn chance(&mut self, per_cent: usize) -> bool {
        self.below(100) >= 100_usize.saturating_sub(per_cent)
    }

    /// The index of an alternative, chosen as often as its weight says. The first must have a weight.
    pub(super) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut value = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if value < *weight {
                return index;
            }
            value -= weight;
        }
        0
    }
}

/// The choices of the query at `index` in the sequence that `seed` begins.
pub(super) fn random_choices(seed: u64, index: u64) -> Vec<u32> {
    let mut random = SplitMix(seed.wrapping_mul(0xA24B_AED4_963E_E407) ^ index);
    random.next();
    let length = 16 + random.next() as usize % 360;
    (0..length).map(|_| (random.next() >> 32) as u32).collect()
}

/// Sebastiano Vigna's splitmix64, see <https://prng.di.unimi.it/splitmix64.c>.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
