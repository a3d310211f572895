//! The tables of `storage`: times, processor times, memory, rates of files and bytes, and ratios.

use crate::rounds::{Line, Role, Sample};
use crate::table::{
    Spread, compared, fastest, markdown, middle, missing, none, peak_mebibytes, ratio, rows,
    thousands,
};

const HEADER: [&str; 12] = [
    "way",
    "rows",
    "files",
    "median s",
    "min–max s",
    "CPU s",
    "memory MiB",
    "files/s",
    "MB/s",
    "to the folder",
    "to DuckDB",
    "to the bare PUTs",
];

/// The number of files below which their rate means nothing.
const MANY_FILES: u64 = 100;

/// The table of one part, without the last two columns if nobody else does the same.
pub(super) fn table(lines: &[Line], part: &str) -> String {
    let own = lines.iter().filter(|line| line.part == part);
    let own: Vec<Line> = own.cloned().collect();
    let [peer, limit] = [Role::Peer, Role::Limit].map(|role| fastest(&own, part, role));
    let rows = own.iter().map(|line| cells(line, &own, peer, limit));
    match peer.or(limit) {
        Some(_) => markdown(HEADER, rows),
        None => markdown(plain(HEADER), rows.map(plain)),
    }
}

/// All columns without the last two.
fn plain<T>([first @ .., _, _]: [T; HEADER.len()]) -> [T; HEADER.len() - 2] {
    first
}

fn cells(
    line: &Line,
    own: &[Line],
    peer: Option<f64>,
    limit: Option<f64>,
) -> [String; HEADER.len()] {
    let Some(seconds) = Spread::of_seconds(line) else {
        return missing(line);
    };
    let [to_peer, to_limit] = compared(line, peer, limit);
    let whole = |figure: fn(&Sample) -> Option<f64>| {
        let spread = Spread::of(line, figure);
        spread.map_or_else(none, |spread| thousands(spread.median.round() as u64))
    };
    [
        line.label.clone(),
        rows(line),
        whole(|sample| Some(sample.files? as f64)),
        format!("{:.3}", seconds.median),
        seconds.range(3),
        middle(line, 2, |sample| Some(sample.usage?.cpu_seconds)),
        middle(line, 0, peak_mebibytes),
        whole(|sample| {
            let files = sample.files.filter(|&files| files >= MANY_FILES)?;
            Some(files as f64 / sample.seconds)
        }),
        middle(line, 0, |sample| {
            Some(sample.bytes? as f64 / 1e6 / sample.seconds)
        }),
        ratio(line, own).unwrap_or_else(none),
        to_peer,
        to_limit,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Usage;
    use crate::storage::target::Kind;

    const MANY: &str = "many";

    fn measured(line: Line, seconds: &[f64]) -> Line {
        let sample = |&seconds| Sample {
            seconds,
            rows: 10_000,
            bytes: Some(30_000_000),
            files: Some(6_000),
            usage: Some(Usage {
                cpu_seconds: seconds / 2.0,
                peak_bytes: 3 << 20,
            }),
            ..Sample::default()
        };
        Line {
            samples: Ok(seconds.iter().map(sample).collect()),
            ..line
        }
    }

    fn lines() -> Vec<Line> {
        let of = |job, kind: Kind, part, role, seconds: &[f64]| {
            measured(kind.line(job, part, role), seconds)
        };
        vec![
            // A line with the same name in another part.
            of("ours", Kind::Folder, "one", Role::Ours, &[100.0]),
            of("ours", Kind::Folder, MANY, Role::Ours, &[0.5]),
            of("ours", Kind::Bucket, MANY, Role::Ours, &[2.0, 3.0, 9.0]),
            of("DuckDB", Kind::Folder, MANY, Role::Peer, &[1.0]),
            of("DuckDB", Kind::Bucket, MANY, Role::Peer, &[12.0]),
            measured(Line::new("bare").of(MANY, Role::Limit), &[2.5]),
        ]
    }

    #[test]
    fn a_bucket_is_compared_with_the_folder_of_its_part_with_duckdb_and_with_bare_requests() {
        let text = table(&lines(), MANY);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert_eq!(rows.len(), 7, "{text}");
        let expected = [
            "ours, bucket",
            "10,000",
            "6,000",
            "3.000",
            "2.000–9.000",
            "1.50",
            "3",
            "2,000",
            "10",
            "6.00 × folder",
            "0.25 ×",
            "1.20 ×",
        ];
        assert_eq!(rows[3], expected);
        assert_eq!(rows[2][9..], ["–", "–", "–"]);
        assert_eq!(rows[5][9..], ["12.00 × folder", "1.00 ×", "4.80 ×"]);
    }

    #[test]
    fn what_nobody_else_does_has_no_columns_for_others_and_few_files_no_rate() {
        let alone = Kind::Folder.line("ours", "alone", Role::Ours);
        let mut alone = measured(alone, &[1.0]);
        for sample in alone.samples.as_mut().expect("measured") {
            sample.files = Some(3);
        }
        let text = table(&[alone], "alone");
        assert!(text.contains("| to the folder |\n"), "{text}");
        assert!(text.contains("|     3 |    1.000 |"), "{text}");
        assert!(
            text.contains("|       – |   30 |             – |\n"),
            "{text}"
        );
    }
}
