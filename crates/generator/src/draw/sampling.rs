//! Distributions as tables, made once at the start.
//!
//! The tables are made with addition, multiplication, division and square roots only, which IEEE 754 defines to the
//! last bit. `exp`, `ln` and `powf` come from each platform's mathematical library and may differ in the last bit, which could
//! change a row.

use crate::draw::random::Draws;

/// `base` to the power of `exponent` (both above zero), by the exponent's binary digits: the whole part by
/// multiplication, the fraction by square roots.
fn power(base: f64, exponent: f64) -> f64 {
    let mut whole = exponent as u64;
    let mut fraction = exponent - whole as f64;
    let (mut result, mut square) = (1.0, base);
    while whole > 0 {
        if whole & 1 == 1 {
            result *= square;
        }
        square *= square;
        whole >>= 1;
    }
    let mut root = base;
    while fraction > 0.0 {
        root = root.sqrt();
        fraction *= 2.0;
        if fraction >= 1.0 {
            result *= root;
            fraction -= 1.0;
        }
    }
    result
}

/// e to the power of `exponent`, of either sign.
fn exponential(exponent: f64) -> f64 {
    let magnitude = power(std::f64::consts::E, exponent.abs());
    if exponent < 0.0 {
        1.0 / magnitude
    } else {
        magnitude
    }
}

/// A choice with given weights.
#[derive(Debug)]
pub struct Choice {
    /// Upper bounds of the draws, of 32 bits each; the last is 2^32.
    bounds: Vec<u64>,
    /// The first choice that a draw can mean, by the draw's highest bits, so that draws need no search.
    guide: Vec<u16>,
    guide_shift: u32,
}

impl Choice {
    /// A choice among `weights`, which are shares of their sum. At least one is above zero, and there are at most
    /// 65,536.
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let bounds: Vec<u64> = weights
            .iter()
            .map(|weight| {
                sum += weight;
                (sum / total * 4_294_967_296.0) as u64
            })
            .collect();
        let guide_bits = (2 * weights.len()).next_power_of_two().ilog2();
        let guide_shift = 32 - guide_bits;
        let first = |slot: u64| bounds.partition_point(|&bound| bound <= slot << guide_shift);
        Self {
            guide: (0..1 << guide_bits)
                .map(|slot| first(slot) as u16)
                .collect(),
            guide_shift,
            bounds,
        }
    }

    /// Draws the index of one of the weights.
    pub fn draw(&self, draws: &mut Draws) -> usize {
        self.at((draws.bits() >> 32) as u32)
    }

    /// The index that `value` means, all values being equally likely.
    pub fn at(&self, value: u32) -> usize {
        let mut index = usize::from(self.guide[(value >> self.guide_shift) as usize]);
        while self.bounds[index] <= u64::from(value) {
            index += 1;
        }
        index
    }

    /// The lowest value that means `index`; 2^32 for the index after the last.
    pub fn from(&self, index: usize) -> u64 {
        match index {
            0 => 0,
            index => self.bounds[index - 1],
        }
    }
}

/// The zeta (Zipf) distribution cut off at a cap: the chance of k is proportional to k^-exponent, for k in 1..=cap.
#[derive(Debug)]
pub struct Zeta {
    /// The chance of k or less, as a share of 2^64, at index k - 1.
    cumulative: Vec<u64>,
}

impl Zeta {
    /// The distribution with this exponent (above zero) and cap.
    pub fn new(exponent: f64, cap: u32) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=cap)
            .map(|k| {
                sum += 1.0 / power(f64::from(k), exponent);
                sum
            })
            .collect();
        // A conversion that would exceed u64 gives u64's highest value, which is right for the last entry.
        let share = |part: &f64| (part / sum * 18_446_744_073_709_551_616.0) as u64;
        Self {
            cumulative: sums.iter().map(share).collect(),
        }
    }

    /// Draws a number of 1..=cap.
    pub fn draw(&self, draws: &mut Draws) -> u32 {
        let value = draws.bits();
        let below = self.cumulative.partition_point(|&bound| bound <= value);
        (below + 1).min(self.cumulative.len()) as u32
    }
}

/// Gaps between the quantiles of a table.
const GAPS: usize = 1024;
/// Where the normal distribution's tails are cut off, in standard deviations; 1 in 31,000 lies beyond.
const TAIL: f64 = 4.0;

/// Quantiles of the standard normal distribution at 0, 1/1024 … 1, by integrating its density.
pub fn normal_quantiles() -> Vec<f64> {
    const STEPS_PER_UNIT: i32 = 512;
    let bound = TAIL as i32 * STEPS_PER_UNIT;
    let x = |step: i32| f64::from(step) / f64::from(STEPS_PER_UNIT);
    let density = |step: i32| exponential(-0.5 * x(step) * x(step));
    let mut areas = vec![0.0];
    for step in -bound..bound {
        let area = (density(step) + density(step + 1)) / 2.0;
        areas.push(areas[areas.len() - 1] + area);
    }
    let total = areas[areas.len() - 1];
    (0..=GAPS)
        .map(|index| {
            let area = total * index as f64 / GAPS as f64;
            let right = areas
                .partition_point(|&sum| sum < area)
                .clamp(1, areas.len() - 1);
            let inside = (area - areas[right - 1]) / (areas[right] - areas[right - 1]);
            x(right as i32 - 1 - bound) + inside / f64::from(STEPS_PER_UNIT)
        })
        .collect()
}

/// Quantiles of a log-normal distribution in whole units (cents), for [`Draws::between`]: half of the values lie
/// below `median`, and `sigma` is the standard deviation of their natural logarithm. No quantile is below 1.
pub fn log_normal_quantiles(normal: &[f64], median: f64, sigma: f64) -> Vec<u32> {
    normal
        .iter()
        .map(|z| ((median * exponential(sigma * z) + 0.5) as u32).max(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::random::Stream;

    #[test]
    fn powers_agree_with_the_mathematical_library() {
        for (base, exponent) in [
            (2.0, 0.5),
            (7.0, 1.55),
            (10_000.0, 1.55),
            (3.0, 3.0),
            (5.0, 0.0),
        ] {
            let relative = power(base, exponent) / f64::powf(base, exponent) - 1.0;
            assert!(relative.abs() < 1e-14, "{base}^{exponent}: {relative}");
        }
        assert!((exponential(-2.5) / f64::exp(-2.5) - 1.0).abs() < 1e-14);
    }

    #[test]
    fn normal_quantiles_are_those_of_the_textbook() {
        let normal = normal_quantiles();
        assert_eq!(normal.len(), GAPS + 1);
        // Φ(-0.674490) = 1/4, Φ(1.534121) = 15/16, Φ(3.097269) = 1 - 1/1024.
        for (index, expected) in [
            (512, 0.0),
            (256, -0.674_490),
            (960, 1.534_121),
            (1023, 3.097_269),
        ] {
            assert!(
                (normal[index] - expected).abs() < 0.02,
                "{index}: {}",
                normal[index]
            );
        }
        assert!(normal.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn zeta_shares_are_those_of_the_distribution() {
        let zeta = Zeta::new(1.55, 10_000);
        let total: f64 = (1..=10_000).map(|k| f64::from(k).powf(-1.55)).sum();
        let mut draws = Draws::of(3, Stream::Shape, 0);
        let (count, mut ones, mut fives, mut highest) = (200_000, 0, 0, 0);
        for _ in 0..count {
            let k = zeta.draw(&mut draws);
            assert!((1..=10_000).contains(&k));
            ones += u32::from(k == 1);
            fives += u32::from(k == 5);
            highest = highest.max(k);
        }
        // Five standard deviations; the chance of a false alarm is below one in a million.
        for (seen, k) in [(ones, 1_u32), (fives, 5)] {
            let share = f64::from(k).powf(-1.55) / total;
            let deviation = (share * (1.0 - share) / f64::from(count)).sqrt();
            let difference = f64::from(seen) / f64::from(count) - share;
            assert!(
                difference.abs() < 5.0 * deviation,
                "{k}: {difference} against {deviation}"
            );
        }
        assert!(highest > 5_000, "{highest}");
    }

    #[test]
    fn choices_follow_their_weights_and_skip_those_of_zero() {
        let choice = Choice::new(&[1.0, 0.0, 3.0, 0.0]);
        let mut draws = Draws::of(9, Stream::Shape, 1);
        let mut counts = [0_u32; 4];
        for _ in 0..40_000 {
            counts[choice.draw(&mut draws)] += 1;
        }
        assert_eq!((counts[1], counts[3]), (0, 0));
        // Five standard deviations of 87.
        assert!((9_565..10_435).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn a_choice_is_the_first_whose_bound_lies_above_the_value() {
        let weights: Vec<f64> = (0..3000).map(|index| f64::from(index % 7)).collect();
        let choice = Choice::new(&weights);
        assert_eq!(choice.from(3000), 1 << 32);
        for index in (0..3000).filter(|index| index % 7 > 0) {
            let (low, high) = (choice.from(index), choice.from(index + 1));
            for value in [low, (low + high) / 2, high - 1] {
                assert_eq!(choice.at(value as u32), index);
            }
        }
    }

    #[test]
    fn log_normal_quantiles_have_their_median_and_never_reach_zero() {
        let quantiles = log_normal_quantiles(&normal_quantiles(), 3_400.0, 0.8);
        assert!(
            quantiles[GAPS / 2].abs_diff(3_400) <= 1,
            "{}",
            quantiles[GAPS / 2]
        );
        assert!(quantiles.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(quantiles[0] >= 1);
    }
}
