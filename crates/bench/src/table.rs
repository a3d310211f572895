//! Tables as Markdown, and the figures in them.

use crate::rounds::{Line, Role, Sample};

/// The median of several measurements, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The middle value, or the mean of the middle two.
    pub(crate) median: f64,
    /// The least value.
    pub(crate) min: f64,
    /// The greatest value.
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `figure` over the samples that have it; `None` if none has.
    pub(crate) fn of(line: &Line, figure: impl Fn(&Sample) -> Option<f64>) -> Option<Self> {
        let samples = line.samples.as_ref().ok()?;
        let mut figures: Vec<f64> = samples.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        Some(Self {
            median: median(&figures)?,
            min: *figures.first()?,
            max: *figures.last()?,
        })
    }

    /// The spread of a line's times.
    pub(crate) fn of_seconds(line: &Line) -> Option<Self> {
        Self::of(line, |sample| Some(sample.seconds))
    }

    /// The least and the greatest value with this many decimals.
    pub(crate) fn range(&self, decimals: usize) -> String {
        format!("{:.decimals$}–{:.decimals$}", self.min, self.max)
    }
}

/// The median time for a row, in seconds.
pub(crate) fn seconds_per_row(line: &Line) -> Option<f64> {
    let first = line.samples.as_ref().ok()?.first()?;
    Some(Spread::of_seconds(line)?.median / first.rows as f64)
}

/// The time for a row, as a multiple of that of the line which `line` is compared with.
pub(crate) fn ratio(line: &Line, lines: &[Line]) -> Option<String> {
    let against = line.against.as_ref()?;
    let other = lines.iter().find(|other| other.label == against.label)?;
    let ratio = seconds_per_row(line)? / seconds_per_row(other)?;
    Some(format!("{ratio:.2} × {}", against.called))
}

/// The least median time among the lines of a part that are compared as `role`.
pub(crate) fn fastest(lines: &[Line], part: &str, role: Role) -> Option<f64> {
    lines
        .iter()
        .filter(|line| line.part == part && line.role == role)
        .filter_map(|line| Some(Spread::of_seconds(line)?.median))
        .min_by(f64::total_cmp)
}

/// The time of a line as a multiple of the best peer's and of the floor's, if it is compared with them.
pub(crate) fn compared(line: &Line, best: Option<f64>, floor: Option<f64>) -> [String; 2] {
    let seconds = match line.role {
        Role::Ours | Role::Peer => Spread::of_seconds(line),
        Role::Aside | Role::Limit => None,
    };
    [best, floor].map(|to| match (seconds, to) {
        (Some(seconds), Some(to)) => format!("{:.2} ×", seconds.median / to),
        _ => none(),
    })
}

/// How many rows a line went through.
pub(crate) fn rows(line: &Line) -> String {
    let first = line.samples.as_ref().ok().and_then(|all| all.first());
    first.map_or_else(none, |sample| thousands(sample.rows))
}

/// The median of a figure, with this many decimals.
pub(crate) fn middle(
    line: &Line,
    decimals: usize,
    figure: impl Fn(&Sample) -> Option<f64>,
) -> String {
    let spread = Spread::of(line, figure);
    spread.map_or_else(none, |spread| format!("{:.decimals$}", spread.median))
}

/// The most memory of a process, in MiB.
pub(crate) fn peak_mebibytes(sample: &Sample) -> Option<f64> {
    Some(sample.usage?.peak_bytes as f64 / f64::from(1 << 20))
}

/// The text where there is no figure.
pub(crate) fn none() -> String {
    "–".to_owned()
}

/// A row for a line without figures, which says why.
pub(crate) fn missing<const COLUMNS: usize>(line: &Line) -> [String; COLUMNS] {
    let label = format!("{}: {}", line.label, reason(line));
    std::array::from_fn(|column| if column == 0 { label.clone() } else { none() })
}

/// The table with its columns aligned in the text too: the first to the left, the others to the right.
pub(crate) fn markdown<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = vec![header.map(str::to_owned)];
    table.extend(rows);
    let widths: Vec<usize> = (0..COLUMNS)
        .map(|column| width_of(&table, column))
        .collect();
    let rule = widths.iter().enumerate().map(|(column, &width)| {
        let dashes = "-".repeat(width - 1);
        match column {
            0 => format!("{dashes}-"),
            _ => format!("{dashes}:"),
        }
    });
    let rule = format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
    let mut text = String::new();
    for (number, row) in table.iter().enumerate() {
        let padded =
            row.iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, &width))| match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                });
        text += &format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            text += &rule;
        }
    }
    text
}

fn width_of<const COLUMNS: usize>(table: &[[String; COLUMNS]], column: usize) -> usize {
    let widths = table.iter().map(|row| row[column].chars().count());
    widths.max().unwrap_or_default()
}

/// The reason why there are no figures, short enough for a cell.
fn reason(line: &Line) -> String {
    match &line.samples {
        Ok(_) => "not measured".to_owned(),
        Err(reason) => format!("not available ({})", reason.replace(['|', '\n'], " ")),
    }
}

/// The middle one of sorted values, or the mean of the middle two; `None` without values.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    match sorted.len() % 2 {
        0 => Some((sorted[middle - 1] + upper) / 2.0),
        _ => Some(upper),
    }
}

/// The number with commas between groups of three digits.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(thousands(1_234_567), "1,234,567");
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let mut line = Line::new("peer");
        line.samples = Err("no |\nprogram".to_owned());
        let cells: [String; 3] = missing(&line);
        assert_eq!(cells, ["peer: not available (no   program)", "–", "–"]);
    }

    #[test]
    fn all_rows_of_the_table_are_equally_long() {
        let row = |label: &str| [label.to_owned(), "1".to_owned()];
        let table = markdown(["way", "µs/row"], [row("µ"), row("longer")]);
        let lengths: Vec<_> = table.lines().map(|row| row.chars().count()).collect();
        assert_eq!(lengths.len(), 4);
        assert!(lengths.iter().all(|length| *length == lengths[0]));
        assert!(table.lines().nth(1).unwrap().starts_with("| ------ | --"));
    }
}
