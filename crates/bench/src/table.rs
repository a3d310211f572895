//! The table of measurements: medians, rates and ratios as Markdown.

use crate::rounds::Line;

const HEADER: [&str; 8] = [
    "way",
    "rows",
    "median s",
    "min–max s",
    "M rows/s",
    "µs/row",
    "MB/s",
    "time per row",
];

/// What the rounds' times of one line come to, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Summary {
    median: f64,
    min: f64,
    max: f64,
    rows: u64,
    bytes: Option<u64>,
}

impl Summary {
    /// `None` if nothing was measured.
    fn of(line: &Line) -> Option<Self> {
        let samples = line.samples.as_ref().ok()?;
        let mut seconds: Vec<f64> = samples.iter().map(|sample| sample.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let first = samples.first()?;
        Some(Self {
            median: median(&seconds)?,
            min: *seconds.first()?,
            max: *seconds.last()?,
            rows: first.rows,
            bytes: first.bytes,
        })
    }

    fn seconds_per_row(&self) -> f64 {
        self.median / self.rows as f64
    }
}

/// The table, a line each, with all columns aligned in the text too.
pub(crate) fn markdown(lines: &[Line]) -> String {
    let mut table = vec![HEADER.map(str::to_owned)];
    table.extend(lines.iter().map(|line| cells(line, lines)));
    let widths: Vec<usize> = (0..HEADER.len())
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

fn width_of(table: &[[String; HEADER.len()]], column: usize) -> usize {
    let widths = table.iter().map(|row| row[column].chars().count());
    widths.max().unwrap_or_default()
}

fn cells(line: &Line, lines: &[Line]) -> [String; HEADER.len()] {
    let label = line.label.clone();
    let none = || "–".to_owned();
    let Some(summary) = Summary::of(line) else {
        let missing = format!("{label}: {}", reason(line));
        return std::array::from_fn(|column| if column == 0 { missing.clone() } else { none() });
    };
    let per_row = summary.seconds_per_row();
    let ratio = line.against.as_ref().and_then(|against| {
        let other = lines.iter().find(|other| other.label == against.label)?;
        let other = Summary::of(other)?.seconds_per_row();
        Some(format!("{:.2} × {}", per_row / other, against.called))
    });
    [
        label,
        thousands(summary.rows),
        format!("{:.3}", summary.median),
        format!("{:.3}–{:.3}", summary.min, summary.max),
        format!("{:.3}", 1e-6 / per_row),
        format!("{:.3}", per_row * 1e6),
        summary.bytes.map_or_else(none, |bytes| {
            format!("{:.0}", bytes as f64 / 1e6 / summary.median)
        }),
        ratio.unwrap_or_else(none),
    ]
}

/// Why there are no figures, so that it fits into a cell.
fn reason(line: &Line) -> String {
    match &line.samples {
        Ok(_) => "not measured".to_owned(),
        Err(reason) => format!("not available ({})", reason.replace(['|', '\n'], " ")),
    }
}

/// The middle one of sorted values, or the mean of the middle two.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    match sorted.len() % 2 {
        0 => Some((sorted[middle - 1] + upper) / 2.0),
        _ => Some(upper),
    }
}

/// The number with a comma between groups of three digits.
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
    use crate::rounds::Sample;

    fn line(label: &str, seconds: &[f64], rows: u64, bytes: Option<u64>) -> Line {
        let sample = |&seconds| Sample {
            seconds,
            rows,
            bytes,
        };
        Line {
            samples: Ok(seconds.iter().map(sample).collect()),
            ..Line::new(label)
        }
    }

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
    fn rates_and_ratios_are_those_of_the_medians() {
        let lines = [
            line("floor", &[1.0, 1.0, 1.0], 1_000_000, Some(80_000_000)),
            line("ours", &[9.0, 2.0, 1.0], 1_000_000, None).against("floor", "the limit"),
        ];
        let cells = cells(&lines[1], &lines);
        let expected = [
            "ours",
            "1,000,000",
            "2.000",
            "1.000–9.000",
            "0.500",
            "2.000",
            "–",
            "2.00 × the limit",
        ];
        assert_eq!(cells, expected);
        assert_eq!(super::cells(&lines[0], &lines)[6], "80");
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let mut missing = Line::new("peer").against("ours", "ours");
        missing.samples = Err("no |\nprogram".to_owned());
        let cells = cells(&missing, std::slice::from_ref(&missing));
        assert_eq!(cells[0], "peer: not available (no   program)");
        assert!(cells[1..].iter().all(|cell| cell == "–"));
    }

    #[test]
    fn all_rows_of_the_table_are_equally_long() {
        let table = markdown(&[line("µ", &[1.0], 5, None), line("longer", &[1.0], 5, None)]);
        let lengths: Vec<_> = table.lines().map(|row| row.chars().count()).collect();
        assert_eq!(lengths.len(), 4);
        assert!(lengths.iter().all(|length| *length == lengths[0]));
        assert!(table.lines().nth(1).unwrap().starts_with("| ------ | --"));
    }
}
