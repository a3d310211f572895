//! The table of `load`: times, processor times, memory, and ratios.

use crate::rounds::Line;
use crate::table::{
    Spread, markdown, middle, missing, none, peak_mebibytes, ratio, rows, seconds_per_row,
};

const HEADER: [&str; 8] = [
    "way",
    "rows",
    "median s",
    "min–max s",
    "CPU s",
    "memory MiB",
    "µs/row",
    "time per row",
];

/// The table, a row for each line.
pub(super) fn table(lines: &[Line]) -> String {
    markdown(HEADER, lines.iter().map(|line| cells(line, lines)))
}

fn cells(line: &Line, lines: &[Line]) -> [String; HEADER.len()] {
    let (Some(seconds), Some(per_row)) = (Spread::of_seconds(line), seconds_per_row(line)) else {
        return missing(line);
    };
    [
        line.label.clone(),
        rows(line),
        format!("{:.3}", seconds.median),
        seconds.range(3),
        middle(line, 2, |sample| Some(sample.usage?.cpu_seconds)),
        middle(line, 0, peak_mebibytes),
        format!("{:.3}", per_row * 1e6),
        ratio(line, lines).unwrap_or_else(none),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Sample, Usage};

    #[test]
    fn a_row_shows_medians_and_what_they_are_compared_with() {
        let line = |label: &str, seconds: &[f64], usage: Option<Usage>| {
            let sample = |&seconds| Sample {
                seconds,
                rows: 1_000_000,
                usage,
                ..Sample::default()
            };
            Line {
                samples: Ok(seconds.iter().map(sample).collect()),
                ..Line::new(label)
            }
        };
        let usage = Usage {
            cpu_seconds: 1.5,
            peak_bytes: 3 << 20,
        };
        let lines = [
            line("ours", &[9.0, 3.0, 2.0], Some(usage)).against("limit", "\\copy"),
            line("limit", &[2.0], None),
        ];
        let expected = [
            "ours",
            "1,000,000",
            "3.000",
            "2.000–9.000",
            "1.50",
            "3",
            "3.000",
            "1.50 × \\copy",
        ];
        assert_eq!(cells(&lines[0], &lines), expected);
        assert_eq!(cells(&lines[1], &lines)[4..], ["–", "–", "2.000", "–"]);
    }
}
