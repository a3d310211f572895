//! Card numbers: sixteen digits, valid under Luhn, and unique because they are a permutation.

use crate::draw::random::{Draws, Stream, mix};

/// Issuer numbers (the first six digits) in the ranges of Visa, Mastercard and Elo.
#[rustfmt::skip]
const ISSUERS: [u64; 16] = [
    402_934, 418_053, 422_061, 453_211, 471_205, 498_407, 512_707, 516_292, 526_778, 535_016, 544_731,
    553_636, 506_722, 509_048, 636_297, 650_485,
];
/// Account numbers under each issuer: nine digits. The sixteenth digit is the check digit.
const PER_ISSUER: u64 = 1_000_000_000;
/// Half of the 34 bits that the permutation works on: 2^34 is just above 16 · 10^9.
const HALF_BITS: u32 = 17;
const HALF_MASK: u64 = (1 << HALF_BITS) - 1;

/// A bijection of card ids into card numbers.
#[derive(Debug)]
pub struct CardNumbers {
    keys: [u64; 4],
}

impl CardNumbers {
    /// The card numbers that a seed gives.
    pub fn new(seed: u64) -> Self {
        let mut draws = Draws::of(seed, Stream::CardNumber, 0);
        Self {
            keys: [(); 4].map(|()| draws.bits()),
        }
    }

    /// The number of the card with this id. Different ids below 16 · 10^9 have different numbers.
    pub fn number(&self, id: u32) -> i64 {
        let capacity = ISSUERS.len() as u64 * PER_ISSUER;
        // A permutation of 2^34 values, followed until it gives one of those wanted, permutes those too.
        let mut value = self.permuted(u64::from(id));
        while value >= capacity {
            value = self.permuted(value);
        }
        let issuer = ISSUERS[(value / PER_ISSUER) as usize];
        let payload = issuer * PER_ISSUER + value % PER_ISSUER;
        (payload * 10 + luhn_digit(payload)) as i64
    }

    /// Four rounds of a Feistel network (Luby and Rackoff, 1988): a bijection whatever the keys.
    fn permuted(&self, value: u64) -> u64 {
        let (mut left, mut right) = (value >> HALF_BITS, value & HALF_MASK);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & HALF_MASK));
        }
        (left << HALF_BITS) | right
    }
}

/// The digit that makes `payload` followed by it valid (ISO/IEC 7812-1, annex B).
fn luhn_digit(payload: u64) -> u64 {
    let (mut rest, mut sum, mut doubled) = (payload, 0, true);
    while rest > 0 {
        let digit = rest % 10;
        sum += match (doubled, digit) {
            (false, _) => digit,
            (true, 0..5) => digit * 2,
            (true, _) => digit * 2 - 9,
        };
        doubled = !doubled;
        rest /= 10;
    }
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// The Luhn check as the standard words it, over the digits of the whole number from the right.
    fn passes_luhn(number: i64) -> bool {
        let digits = number.to_string();
        let sum: u32 = digits
            .chars()
            .rev()
            .map(|c| c.to_digit(10).expect("a digit"))
            .enumerate()
            .map(|(place, digit)| {
                if place % 2 == 1 {
                    digit * 2 / 10 + digit * 2 % 10
                } else {
                    digit
                }
            })
            .sum();
        sum.is_multiple_of(10)
    }

    #[test]
    fn the_check_digit_is_that_of_a_published_example() {
        // ISO/IEC 7812-1's example number.
        assert_eq!(luhn_digit(7_992_739_871), 3);
    }

    #[test]
    fn numbers_of_many_cards_are_unique_and_use_every_issuer() {
        let numbers = CardNumbers::new(42);
        let seen: HashSet<i64> = (1..=200_000).map(|id| numbers.number(id)).collect();
        assert_eq!(seen.len(), 200_000);
        let issuers: HashSet<i64> = seen.iter().map(|number| number / 10_000_000_000).collect();
        assert_eq!(issuers.len(), ISSUERS.len());
    }

    proptest! {
        #[test]
        fn every_number_has_sixteen_digits_and_passes_luhn(seed: u64, id in 1..=i32::MAX as u32) {
            let number = CardNumbers::new(seed).number(id);
            prop_assert_eq!(number.to_string().len(), 16);
            prop_assert!(passes_luhn(number));
        }

        #[test]
        fn the_permutation_can_be_undone(seed: u64, value in 0_u64..1 << (2 * HALF_BITS)) {
            let numbers = CardNumbers::new(seed);
            let permuted = numbers.permuted(value);
            let (mut left, mut right) = (permuted >> HALF_BITS, permuted & HALF_MASK);
            for key in numbers.keys.into_iter().rev() {
                (left, right) = (right ^ (mix(left ^ key) & HALF_MASK), left);
            }
            prop_assert_eq!((left << HALF_BITS) | right, value);
        }
    }
}
