//! What would be generated, without a database: the distributions as a file that can be changed and used,
//! and a sample of rows.

use std::fmt::Write;

use database::Cancel;

use crate::cards::Cards;
use crate::format::{Csv, Format, encode};
use crate::load::Options;
use crate::plan::Plan;
use crate::recipe::Recipe;
use crate::rows::Table;

/// Sample rows of each table.
const SAMPLE_ROWS: usize = 3;

/// Describes the rows that `options` mean, as TOML that `--distributions` reads, all else in comments.
///
/// # Errors
/// [`Kind::Usage`](dataset::failure::Kind::Usage) for options that make no sense, and
/// [`Kind::Interrupted`](dataset::failure::Kind::Interrupted).
pub fn describe(options: &Options, cancel: &Cancel) -> anyhow::Result<String> {
    options.check()?;
    let recipe = options.asked.or(&Recipe::default());
    let cards = Cards::new(&recipe);
    let plan = Plan::fresh(cards.shapes(), options.associates, cancel)?;
    let mut text = format!(
        "# Associates: {}; seed: {}; as of {}; dirty rows: {} %.\n",
        options.associates,
        recipe.seed,
        recipe.as_of,
        100.0 * recipe.dirty
    );
    for table in Table::ALL {
        let rows = plan.rows(table);
        let _ = writeln!(text, "#\n# {}: {rows} rows", table.name());
        let first = plan.parts(table, SAMPLE_ROWS as u64)[0];
        let mut csv = Csv::default();
        csv.header(table);
        let mut sample = csv.take(Vec::new());
        encode(&cards, table, first, &mut csv, &mut |block: Vec<u8>, _| {
            sample.extend_from_slice(&block);
            Ok(block)
        })?;
        let sample = String::from_utf8_lossy(&sample);
        // A row may have a line break, between quotes.
        let (mut rows, mut quotes) = (0, 0);
        for line in sample.lines() {
            if rows > SAMPLE_ROWS {
                break;
            }
            let _ = writeln!(text, "#   {line}");
            quotes += line.matches('"').count();
            rows += usize::from(quotes % 2 == 0);
        }
    }
    if let Some(client) = plan.busiest() {
        let _ = writeln!(
            text,
            "#\n# The busiest client is {}, with {} movements, {:.1} % of all.",
            client.id,
            client.movements,
            100.0 * client.share
        );
    }
    let _ = write!(text, "\n{}", recipe.laws);
    Ok(text)
}
