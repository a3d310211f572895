//! The table of `generate`: medians, rates and ratios.

use crate::rounds::Line;
use crate::table::{Spread, markdown, missing, none, ratio, seconds_per_row, thousands};

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

/// The table, a row for each line.
pub(super) fn table(lines: &[Line]) -> String {
    markdown(HEADER, lines.iter().map(|line| cells(line, lines)))
}

fn cells(line: &Line, lines: &[Line]) -> [String; HEADER.len()] {
    let first = line.samples.as_ref().ok().and_then(|all| all.first());
    let (Some(first), Some(seconds), Some(per_row)) =
        (first, Spread::of_seconds(line), seconds_per_row(line))
    else {
        return missing(line);
    };
    let rate = |bytes: u64| format!("{:.0}", bytes as f64 / 1e6 / seconds.median);
    [
        line.label.clone(),
        thousands(first.rows),
        format!("{:.3}", seconds.median),
        seconds.range(3),
        format!("{:.3}", 1e-6 / per_row),
        format!("{:.3}", per_row * 1e6),
        first.bytes.map_or_else(none, rate),
        ratio(line, lines).unwrap_or_else(none),
    ]
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
            ..Sample::default()
        };
        Line {
            samples: Ok(seconds.iter().map(sample).collect()),
            ..Line::new(label)
        }
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
}
