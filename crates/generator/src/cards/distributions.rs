//! The distributions that rows follow: how many rows there are of each kind, when things happen, how much is spent. Each has
//! a default. A TOML file changes some or all of them, and `generate --describe` writes all of them as such a file.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use crate::cards::spending::{KINDS, SpendingDistribution};

/// The most accounts that an associate can have, and cards that an account can have.
pub(crate) const MOST_PER_PARENT: usize = 8;
/// The most subscriptions that a card can have.
pub(crate) const MOST_SUBSCRIPTIONS: usize = 3;
/// The most movements that a card can have; a table with an entry for each possible number is kept in memory.
const HIGHEST_CAP: u32 = 1_000_000;
/// Amounts end at four standard deviations from the median, and the highest of them must fit `numeric(10,2)`.
const HIGHEST_AMOUNT: f64 = 40_000_000.0;

/// All distributions. Weights and shares are relative to their sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Distributions {
    /// Weights of 0, 1, 2 … accounts of an associate.
    pub accounts_per_associate: Vec<f64>,
    /// Weights of 0, 1, 2 … cards of an account.
    pub cards_per_account: Vec<f64>,
    /// Share of cards whose holder is not the account's owner, of 1.
    pub additional_holders: f64,
    /// Share of cards without a movement, of 1.
    pub unused_cards: f64,
    /// How many movements a used card has.
    pub movements_per_card: ZetaDistribution,
    /// Weights of 0, 1, 2, 3 monthly subscriptions of a card; a card with few movements has fewer.
    pub subscriptions_per_card: Vec<f64>,
    /// Share of purchases after which the next movement gives the money back, of 1.
    pub reversals: f64,
    /// When purchases are made.
    pub when: When,
    /// What is bought, by kind of spending.
    pub spending: BTreeMap<String, SpendingDistribution>,
}

/// The zeta (Zipf) distribution cut off at a cap: the chance of k is proportional to k^-exponent, for k in 1..=cap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZetaDistribution {
    /// The exponent: the lower, the heavier the tail.
    pub exponent: f64,
    /// The highest number that is drawn.
    pub cap: u32,
}

/// Weights of times, each above zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Weights of January to December. The weight of a day is the product of those of its month, weekday and day
    /// of the month.
    pub months: [f64; 12],
    /// Weights of Monday to Sunday.
    pub weekdays: [f64; 7],
    /// Weights of the 1st to the 31st.
    pub month_days: [f64; 31],
    /// Weights of the hours from 0 h to 23 h.
    pub hours: [f64; 24],
}

impl Default for Distributions {
    fn default() -> Self {
        Self {
            accounts_per_associate: vec![5.0, 62.0, 24.0, 7.0, 2.0],
            cards_per_account: vec![8.0, 62.0, 21.0, 7.0, 2.0],
            additional_holders: 0.2,
            unused_cards: 0.06,
            movements_per_card: ZetaDistribution::default(),
            subscriptions_per_card: vec![45.0, 30.0, 17.0, 8.0],
            reversals: 0.01,
            when: When::default(),
            spending: default_spending(),
        }
    }
}

impl Default for ZetaDistribution {
    /// The distribution with a mean of 57 movements, so that 1,000 associates have about 100,000 movements.
    fn default() -> Self {
        Self {
            exponent: 1.55,
            cap: 10_000,
        }
    }
}

impl Default for When {
    /// December and the months of sales and holidays are busier, and so are Fridays, Saturdays and the days after salaries
    /// are paid (by law on the fifth working day at the latest; an advance is often paid on the 20th). The weights are a
    /// plausible order of magnitude, not a survey.
    fn default() -> Self {
        let mut month_days = [1.0; 31];
        for (day, weight) in [
            (5, 1.3),
            (6, 1.6),
            (7, 1.5),
            (8, 1.3),
            (9, 1.15),
            (10, 1.35),
            (20, 1.35),
            (21, 1.2),
        ] {
            month_days[day - 1] = weight;
        }
        Self {
            months: [
                0.98, 0.92, 0.97, 0.96, 1.04, 1.0, 1.0, 0.99, 0.97, 1.0, 1.12, 1.4,
            ],
            weekdays: [0.88, 0.9, 0.93, 0.98, 1.18, 1.27, 0.86],
            month_days,
            hours: [
                1.0, 0.6, 0.4, 0.3, 0.3, 0.6, 2.0, 4.0, 6.0, 7.0, 7.0, 9.0, 12.0, 10.0, 7.0, 7.0,
                7.0, 9.0, 11.0, 11.0, 8.0, 5.0, 2.5, 1.5,
            ],
        }
    }
}

fn default_spending() -> BTreeMap<String, SpendingDistribution> {
    KINDS
        .iter()
        .map(|kind| (kind.name.to_owned(), kind.spending))
        .collect()
}

impl Distributions {
    /// Reads a TOML file; what it doesn't name keeps its default.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the file, and with the key whose value makes no sense.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || format!("cannot read the distributions in {}", path.display());
        let text = fs::read_to_string(path).or_fail(Kind::Usage, place)?;
        Self::parse(&text).or_fail(Kind::Usage, place)
    }

    /// Parses distributions from TOML; what the text doesn't name keeps its default.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the key whose value makes no sense.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut distributions: Self = toml::from_str(text)?;
        let mut known = default_spending();
        for (kind, spending) in std::mem::take(&mut distributions.spending) {
            if known.insert(kind.clone(), spending).is_none() {
                let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
                return Err(Kind::Usage.error(format!(
                    "spending.{kind} is unknown; there are {}",
                    names.join(", ")
                )));
            }
        }
        distributions.spending = known;
        distributions.check()?;
        Ok(distributions)
    }

    /// Refuses distributions that rows cannot follow.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the key whose value makes no sense, and with the values that it may have.
    pub fn check(&self) -> anyhow::Result<()> {
        let most = MOST_PER_PARENT + 1;
        check_weights("accounts_per_associate", &self.accounts_per_associate, most)?;
        check_weights("cards_per_account", &self.cards_per_account, most)?;
        check_weights(
            "subscriptions_per_card",
            &self.subscriptions_per_card,
            MOST_SUBSCRIPTIONS + 1,
        )?;
        for (key, share) in [
            ("additional_holders", self.additional_holders),
            ("unused_cards", self.unused_cards),
            ("reversals", self.reversals),
        ] {
            check_range(key, share, 0.0, 1.0)?;
        }
        let ZetaDistribution { exponent, cap } = self.movements_per_card;
        check_range("movements_per_card.exponent", exponent, 0.1, 10.0)?;
        check_range(
            "movements_per_card.cap",
            cap.into(),
            1.0,
            HIGHEST_CAP.into(),
        )?;
        for (key, weights) in [
            ("when.months", &self.when.months[..]),
            ("when.weekdays", &self.when.weekdays),
            ("when.month_days", &self.when.month_days),
            ("when.hours", &self.when.hours),
        ] {
            for &weight in weights {
                check_range(key, weight, 0.001, 1000.0)?;
            }
        }
        for (kind, spending) in &self.spending {
            check_range(&format!("spending.{kind}.share"), spending.share, 0.0, 1e6)?;
            check_range(
                &format!("spending.{kind}.median"),
                spending.median,
                0.01,
                1e6,
            )?;
            check_range(&format!("spending.{kind}.sigma"), spending.sigma, 0.0, 4.0)?;
            if spending.median * f64::exp(4.0 * spending.sigma) > HIGHEST_AMOUNT {
                return Err(Kind::Usage.error(format!(
                    "spending.{kind}: with sigma {} the highest amounts exceed {HIGHEST_AMOUNT}; lower it or the median",
                    spending.sigma
                )));
            }
        }
        let shares: Vec<_> = self
            .spending
            .values()
            .map(|spending| spending.share)
            .collect();
        check_weights("spending.*.share", &shares, shares.len())
    }
}

fn check_range(key: &str, value: f64, low: f64, high: f64) -> anyhow::Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Kind::Usage.error(format!("{key} is {value}; it may be {low} to {high}")))
}

fn check_weights(key: &str, weights: &[f64], most: usize) -> anyhow::Result<()> {
    for &weight in weights {
        check_range(key, weight, 0.0, 1e6)?;
    }
    if weights.is_empty() || weights.len() > most {
        return Err(Kind::Usage.error(format!(
            "{key} has {} weights; give 1 to {most}",
            weights.len()
        )));
    }
    if weights.iter().sum::<f64>() <= 0.0 {
        return Err(Kind::Usage.error(format!("{key}: at least one must be above zero")));
    }
    Ok(())
}

impl Display for Distributions {
    /// Writes commented TOML from which [`Distributions::parse`] reads the same values, to the last digit.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ZetaDistribution { exponent, cap } = self.movements_per_card;
        write!(
            out,
            "\
# Weights of 0, 1, 2 … accounts of an associate.
accounts_per_associate = {:?}
# Weights of 0, 1, 2 … cards of an account.
cards_per_account = {:?}
# Share of cards whose holder is another associate than the account's owner.
additional_holders = {:?}
# Share of cards without a movement.
unused_cards = {:?}
# Weights of 0, 1, 2, 3 monthly subscriptions of a card (fewer if it has few movements).
subscriptions_per_card = {:?}
# Share of purchases that are given back right after.
reversals = {:?}

# Movements of a used card: the chance of k is proportional to k^-exponent, up to the cap.
[movements_per_card]
exponent = {exponent:?}
cap = {cap}

# When purchases are made. A day's weight is the product of those of its month, weekday and day of the month, each
# above zero (0.001 is as good as never).
[when]
# January to December  {}
months = {:?}
# Monday to Sunday  {}
weekdays = {:?}
# The 1st to the 31st; salaries come around the 5th, advances on the 20th  {}
month_days = {:?}
# From 0 h to 23 h  {}
hours = {:?}

# What is bought: weight among the kinds, median amount in reais, standard deviation of its natural logarithm.
# A kind that is left out keeps its default; with share = 0.0 there is none of it.
[spending]
",
            self.accounts_per_associate,
            self.cards_per_account,
            self.additional_holders,
            self.unused_cards,
            self.subscriptions_per_card,
            self.reversals,
            Bars(&self.when.months),
            self.when.months,
            Bars(&self.when.weekdays),
            self.when.weekdays,
            Bars(&self.when.month_days),
            self.when.month_days,
            Bars(&self.when.hours),
            self.when.hours,
        )?;
        for (kind, spending) in &self.spending {
            writeln!(
                out,
                "{kind} = {{ share = {:?}, median = {:?}, sigma = {:?} }}",
                spending.share, spending.median, spending.sigma
            )?;
        }
        Ok(())
    }
}

/// Weights as a line of bars: `▃▂▃▃▄█`.
struct Bars<'a>(&'a [f64]);

impl Display for Bars<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let highest = self.0.iter().copied().fold(0.0, f64::max);
        self.0.iter().try_for_each(|weight| {
            let eighth = (weight / highest * 8.0).ceil().clamp(1.0, 8.0) as usize;
            write!(out, "{}", BARS[eighth - 1])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::failure::Failure;
    use proptest::prelude::*;

    #[test]
    fn the_defaults_make_sense_and_what_is_written_is_read_back() {
        let distributions = Distributions::default();
        distributions.check().expect("sense");
        let text = distributions.to_string();
        assert_eq!(
            Distributions::parse(&text).expect("readable"),
            distributions,
            "{text}"
        );
        assert_eq!(Distributions::parse("").expect("readable"), distributions);
        assert!(text.contains("# Monday to Sunday  ▆▆▆▇█"), "{text}");
    }

    #[test]
    fn a_file_may_name_only_what_it_changes() {
        let text = "unused_cards = 0\nmovements_per_card.cap = 5\nspending.fuel = { share = 1, median = 2, sigma = 0 }";
        let distributions = Distributions::parse(text).expect("readable");
        assert_eq!(
            (
                distributions.unused_cards,
                distributions.movements_per_card.cap
            ),
            (0.0, 5)
        );
        assert_eq!(distributions.movements_per_card.exponent, 1.55);
        assert_eq!(distributions.spending["fuel"].median, 2.0);
        assert_eq!(
            distributions.spending.len(),
            Distributions::default().spending.len()
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        for (text, expected) in [
            ("cards = 3", "unknown field `cards`"),
            (
                "unused_cards = 1.5",
                "unused_cards is 1.5; it may be 0 to 1",
            ),
            ("reversals = -0.1", "reversals is -0.1"),
            ("additional_holders = nan", "additional_holders is NaN"),
            (
                "cards_per_account = []",
                "cards_per_account has 0 weights; give 1 to 9",
            ),
            (
                "accounts_per_associate = [0, 0]",
                "accounts_per_associate: at least one must be above zero",
            ),
            (
                "accounts_per_associate = [-1, 2]",
                "accounts_per_associate is -1",
            ),
            ("movements_per_card.cap = 0", "movements_per_card.cap is 0"),
            ("movements_per_card.cap = 2000000", "it may be 1 to 1000000"),
            (
                "movements_per_card.exponent = inf",
                "movements_per_card.exponent is inf",
            ),
            ("when.hours = [1, 2]", "when"),
            (
                "when.weekdays = [1, 1, 1, 1, 1, 0, 0]",
                "when.weekdays is 0",
            ),
            (
                "spending.beer = { share = 1, median = 1, sigma = 1 }",
                "spending.beer is unknown; there are groceries",
            ),
            (
                "spending.fuel = { share = 1, median = 1000000, sigma = 4 }",
                "spending.fuel: with sigma 4",
            ),
            ("unused_cards = \"many\"", "unused_cards"),
        ] {
            let error = Distributions::parse(text).expect_err(text);
            assert!(format!("{error:#}").contains(expected), "{text}: {error:#}");
        }
        let error = Distributions::read(Path::new("/nowhere/laws.toml")).expect_err("no file");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
        assert!(error.to_string().contains("/nowhere/laws.toml"), "{error}");
    }

    proptest! {
        #[test]
        fn any_numbers_come_back_to_the_last_digit(
            share in 0.0..=1.0_f64,
            exponent in 0.1..=10.0_f64,
            weights in prop::collection::vec(1e-9..1e6_f64, 1..=9),
        ) {
            let mut distributions = Distributions { reversals: share, accounts_per_associate: weights, ..Distributions::default() };
            distributions.movements_per_card.exponent = exponent;
            prop_assert_eq!(Distributions::parse(&distributions.to_string()).expect("readable"), distributions);
        }
    }
}
