//! Random numbers by position: a row depends on the seed, its table and its index alone, so any
//! worker can make any row, in any order.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// What random numbers are used for. Different streams of one seed are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// How many accounts, cards and movements an associate has. From seed to seed, the sum of a thousand associates'
    /// movements varies by a fifth; with this number, the default seed's sum is near the mean.
    Shape = 19,
    /// Rows of `associado`.
    Associado = 2,
    /// Rows of `conta`.
    Conta = 3,
    /// Rows of `cartao`.
    Cartao = 4,
    /// Rows of `movimento`.
    Movimento = 5,
    /// The permutation of card numbers.
    CardNumber = 6,
    /// The subscriptions that are paid with a card.
    Subscription = 7,
    /// Faults that are planted on purpose, wherever the rows go.
    Fault = 8,
    /// Faults that break a rule, which are planted in files only.
    FileFault = 9,
    /// Rows of `person`.
    Person = 10,
    /// Rows of `product`.
    Product = 11,
    /// Rows of `customer`.
    Customer = 12,
    /// Rows of `special_offer_product`.
    Offer = 13,
    /// An order's kind, and how many lines it has.
    OrderShape = 14,
    /// Rows of `sales_order_header`.
    Order = 15,
    /// Rows of `sales_order_detail`.
    Line = 16,
    /// Rows of `hired_employees`.
    Employee = 17,
}

/// The random numbers of one row.
#[derive(Debug, Clone)]
pub struct Draws(Xoshiro256PlusPlus);

/// A share of all cases, for [`Draws::chance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// Creates a share; `share` is a fraction of 1.
    pub const fn new(share: f64) -> Self {
        Self((share * 4_294_967_296.0) as u64)
    }

    /// Whether a case with these random bits belongs to the share.
    pub const fn has(self, bits: u64) -> bool {
        bits >> 32 < self.0
    }
}

impl Draws {
    /// The random numbers of row `index` of `stream`.
    pub fn of(seed: u64, stream: Stream, index: u64) -> Self {
        let start = mix(seed ^ mix(stream as u64)).wrapping_add(index);
        Self(Xoshiro256PlusPlus::seed_from_u64(mix(start)))
    }

    /// Draws 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws one of `0..bound`, or 0 if `bound` is 0; each value's share is off by at most 2^-32.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Draws one of `items`.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u32) as usize]
    }

    /// Draws 16 random bytes as a UUID of version 4.
    pub fn uuid(&mut self) -> [u8; 16] {
        let bits = (u128::from(self.bits()) << 64) | u128::from(self.bits());
        let (version, variant) = (0x4 << 76, 0x2 << 62);
        (bits & !(0xf << 76 | 0x3 << 62) | version | variant).to_be_bytes()
    }

    /// Draws whether a case belongs to the share.
    pub fn chance(&mut self, share: Share) -> bool {
        share.has(self.bits())
    }

    /// Draws a value between the points of `quantiles`; each gap between two neighbouring points is equally likely.
    pub fn between(&mut self, quantiles: &[u32]) -> u32 {
        let bits = self.bits();
        let gaps = quantiles.len() as u64 - 1;
        let gap = (((bits >> 32) * gaps) >> 32) as usize;
        let (low, high) = (quantiles[gap], quantiles[gap + 1]);
        low + ((u64::from(high - low) * (bits & 0xffff_ffff)) >> 32) as u32
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// 2014, variant 13 by Stafford): a bijection in which each input bit reaches each output bit.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_same_on_every_machine() {
        let mut draws = Draws::of(42, Stream::Movimento, 7);
        let numbers = [draws.bits(), draws.bits()];
        assert_eq!(
            numbers,
            [13_083_907_087_687_378_029, 6_766_290_298_473_502_269]
        );
    }

    #[test]
    fn neighbours_streams_and_seeds_differ() {
        let first = |seed, stream, index| Draws::of(seed, stream, index).bits();
        let base = first(42, Stream::Conta, 7);
        assert_ne!(base, first(42, Stream::Conta, 8));
        assert_ne!(base, first(42, Stream::Cartao, 7));
        assert_ne!(base, first(43, Stream::Conta, 7));
    }

    #[test]
    fn values_between_quantiles_stay_between_them() {
        let quantiles = [18, 30, 95];
        let mut draws = Draws::of(1, Stream::Associado, 0);
        let mut below_median = 0;
        for _ in 0..10_000 {
            let value = draws.between(&quantiles);
            assert!((18..95).contains(&value));
            below_median += u32::from(value < 30);
        }
        // The chance of a miss is below 10^-9 (six standard deviations of 50).
        assert!((4_700..5_300).contains(&below_median), "{below_median}");
    }
}
