//! A description of the rows that would be generated, without a database: the distributions as a file that can be changed and
//! used, and sample rows.

use std::fmt::Write;

use database::Cancel;

use crate::encode::csv::Csv;
use crate::encode::encoding::Encoding;
use crate::options::Options;
use crate::recipe::Recipe;

/// How many sample rows each table has.
const SAMPLE_ROWS: usize = 3;

/// Describes the rows that `options` mean, as TOML that `--distributions` reads, with everything else in comments.
///
/// # Errors
/// [`Kind::Usage`](dataset::failure::Kind::Usage) for options that make no sense, and
/// [`Kind::Interrupted`](dataset::failure::Kind::Interrupted).
pub fn describe(options: &Options, cancel: &Cancel) -> anyhow::Result<String> {
    options.check()?;
    let recipe = options.asked.or(&Recipe::default());
    let known = options.known_dataset()?;
    let source = known.plan(&recipe, options.size, cancel)?;
    let mut text = format!(
        "# Size: {} {}; seed: {}; as of {}; dirty rows: {} %.\n",
        options.size,
        known.unit(),
        recipe.seed,
        recipe.as_of,
        100.0 * recipe.dirty
    );
    for (table, layout) in source.tables().iter().enumerate() {
        let rows = source.rows(table);
        let _ = writeln!(text, "#\n# {}: {rows} rows", layout.name);
        let mut encoding = Encoding::Csv(Csv::default());
        encoding.buffer().header(layout);
        let mut sample = encoding.buffer().take(Vec::new());
        let parts = source.parts(table, SAMPLE_ROWS as u64);
        source.encode(table, &parts[0], &mut encoding, &mut |block: Vec<u8>, _| {
            sample.extend_from_slice(&block);
            Ok(block)
        })?;
        let sample = String::from_utf8_lossy(&sample);
        // A row may contain a line break, in quotes.
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
    if let Some(client) = source.busiest() {
        let _ = writeln!(
            text,
            "#\n# The busiest client is {}, with {} movements, {:.1} % of all.",
            client.id,
            client.movements,
            100.0 * client.share
        );
    }
    if known.has_distributions() {
        let _ = write!(text, "\n{}", recipe.distributions);
    }
    Ok(text)
}
