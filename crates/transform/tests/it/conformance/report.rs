//! Reports the results of many queries in numbers, and each finding by itself.

use std::collections::BTreeMap;
use std::fmt;

use super::trials::{Class, Outcome};

/// How many reasons for refusals are listed.
const REASONS: usize = 15;

/// Counts the results of queries.
#[derive(Default)]
pub(super) struct Tally {
    counts: BTreeMap<&'static str, usize>,
    refusals: BTreeMap<String, usize>,
    pub(super) findings: Vec<Found>,
}

/// A query that went wrong, simplified as far as possible.
pub(super) struct Found {
    pub(super) class: Class,
    pub(super) index: u64,
    /// Where and how the query was run.
    pub(super) run: String,
    pub(super) sql: String,
    pub(super) what: String,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let (name, reason) = match outcome {
            Outcome::Equal => ("equal", None),
            Outcome::RefusedBefore(why) => ("refused before a row is read", Some(why)),
            Outcome::RefusedAtRun(why) => ("refused at run", Some(why)),
            Outcome::BothFail => ("failed, as in Postgres", None),
            Outcome::Open => ("rows where Postgres may fail", None),
            Outcome::Late => ("too slow in Postgres", None),
            Outcome::Finding(finding) => (finding.class.name(), None),
        };
        *self.counts.entry(name).or_default() += 1;
        if let Some(reason) = reason {
            *self.refusals.entry(masked(reason)).or_default() += 1;
        }
    }

    pub(super) fn total(&self) -> usize {
        self.counts.values().sum()
    }

    /// The percentage of queries that gave Postgres's rows.
    pub(super) fn per_cent_equal(&self) -> f64 {
        100.0 * self.equal() as f64 / self.total().max(1) as f64
    }

    /// How many queries gave Postgres's rows.
    pub(super) fn equal(&self) -> u64 {
        self.counts.get("equal").map_or(0, |count| *count as u64)
    }

    /// How many queries went wrong, including those that were not simplified.
    pub(super) fn went_wrong(&self) -> usize {
        let names = Class::ALL.map(Class::name);
        names.iter().filter_map(|name| self.counts.get(name)).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} queries, {:.1} % equal to Postgres",
            self.total(),
            self.per_cent_equal()
        )?;
        for (name, count) in &self.counts {
            writeln!(f, "{count:8}  {name}")?;
        }
        let mut refusals: Vec<_> = self.refusals.iter().collect();
        refusals.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        if !refusals.is_empty() {
            writeln!(f, "refused because of")?;
        }
        for (reason, count) in refusals.iter().take(REASONS) {
            writeln!(f, "{count:8}  {reason}")?;
        }
        for found in &self.findings {
            writeln!(f, "{found}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class.name();
        let Self {
            index,
            run,
            sql,
            what,
            ..
        } = self;
        write!(
            f,
            "\nFINDING: {class}, query {index} ({run})\n    {sql}\n    {what}"
        )
    }
}

impl Class {
    const ALL: [Self; 5] = [
        Self::Rows,
        Self::Columns,
        Self::PostgresFails,
        Self::Invalid,
        Self::Fault,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rows => "OTHER ROWS",
            Self::Columns => "OTHER COLUMNS",
            Self::PostgresFails => "ROWS WHERE POSTGRES FAILS",
            Self::Invalid => "NO SQL OF POSTGRES'S",
            Self::Fault => "FAULT",
        }
    }
}

/// A message without the parts that differ from query to query: numbers, and quoted text.
fn masked(message: &str) -> String {
    let (mut text, mut quote) = (String::new(), None);
    for c in message.chars() {
        match quote {
            Some(open) if c == open => {
                quote = None;
                text.push('…');
                text.push(c);
            }
            Some(_) => {}
            None if matches!(c, '`' | '"') => {
                quote = Some(c);
                text.push(c);
            }
            None if c.is_ascii_digit() => {
                if !text.ends_with('#') {
                    text.push('#');
                }
            }
            None => text.push(c),
        }
    }
    text.chars().take(160).collect()
}
