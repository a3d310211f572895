//! The tables of `backup`: times, processor times of client and server, memory, sizes, and ratios.

use crate::rounds::{Line, Role};
use crate::table::{Spread, compared, fastest, markdown, middle, missing, peak_mebibytes, rows};

const HEADER: [&str; 10] = [
    "way",
    "rows",
    "median s",
    "min–max s",
    "CPU s",
    "server CPU s",
    "memory MiB",
    "files MB",
    "to the best peer",
    "to the bare COPY",
];

/// An aim: the most time, as a share of another way's, that a way should take.
pub(super) struct Aim {
    pub(super) way: &'static str,
    pub(super) other: &'static str,
    pub(super) at_most: f64,
}

/// The table of one part, followed by how far its aims are reached. `bare` is the name of the bare COPY.
pub(super) fn table(lines: &[Line], part: &str, bare: &str, aims: &[Aim]) -> String {
    let own: Vec<&Line> = lines.iter().filter(|line| line.part == part).collect();
    let best = fastest(lines, part, Role::Peer);
    let floor = median(&own, bare);
    let mut text = markdown(HEADER, own.iter().map(|line| cells(line, best, floor)));
    let reached: Vec<String> = aims.iter().filter_map(|aim| sentence(&own, aim)).collect();
    if !reached.is_empty() {
        text += &format!("\n{}\n", reached.join("\n"));
    }
    text
}

fn median(lines: &[&Line], label: &str) -> Option<f64> {
    let line = lines.iter().find(|line| line.label == label)?;
    Some(Spread::of_seconds(line)?.median)
}

fn sentence(lines: &[&Line], aim: &Aim) -> Option<String> {
    let Aim {
        way,
        other,
        at_most,
    } = aim;
    let ratio = median(lines, way)? / median(lines, other)?;
    Some(format!(
        "`{way}` takes {ratio:.2} × the time of `{other}`; the aim is {at_most:.2} ×."
    ))
}

fn cells(line: &Line, best: Option<f64>, floor: Option<f64>) -> [String; HEADER.len()] {
    let Some(seconds) = Spread::of_seconds(line) else {
        return missing(line);
    };
    let [to_best, to_floor] = compared(line, best, floor);
    [
        line.label.clone(),
        rows(line),
        format!("{:.3}", seconds.median),
        seconds.range(3),
        middle(line, 2, |sample| Some(sample.usage?.cpu_seconds)),
        middle(line, 2, |sample| sample.server_cpu_seconds),
        middle(line, 0, peak_mebibytes),
        middle(line, 0, |sample| Some(sample.bytes? as f64 / 1e6)),
        to_best,
        to_floor,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Sample, Usage};

    const FILES: &str = "files";

    fn line(label: &str, role: Role, seconds: &[f64]) -> Line {
        let sample = |&seconds| Sample {
            seconds,
            rows: 1000,
            bytes: Some(2_000_000),
            usage: Some(Usage {
                cpu_seconds: seconds * 2.0,
                peak_bytes: 3 << 20,
            }),
            server_cpu_seconds: Some(seconds / 2.0),
            ..Sample::default()
        };
        Line {
            samples: Ok(seconds.iter().map(sample).collect()),
            ..Line::new(label).of(FILES, role)
        }
    }

    fn lines() -> Vec<Line> {
        let mut lines = vec![
            line("ours", Role::Ours, &[3.0, 4.0, 9.0]),
            line("bare", Role::Limit, &[2.0]),
            line("slow", Role::Peer, &[80.0]),
            line("fast", Role::Peer, &[8.0]),
            line("elsewhere", Role::Peer, &[1.0]),
        ];
        lines[4].part = "another part";
        lines
    }

    #[test]
    fn a_way_is_compared_with_the_best_peer_of_its_part_and_the_bare_copy() {
        let text = table(&lines(), FILES, "bare", &[]);
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert_eq!(rows.len(), 6, "{text}");
        let expected = [
            "ours",
            "1,000",
            "4.000",
            "3.000–9.000",
            "8.00",
            "2.00",
            "3",
            "2",
            "0.50 ×",
            "2.00 ×",
        ];
        assert_eq!(rows[2], expected);
        assert_eq!(rows[3][8..], ["–", "–"]);
        assert_eq!(rows[4][8..], ["10.00 ×", "40.00 ×"]);
    }

    #[test]
    fn an_aim_says_what_was_reached_if_both_were_measured() {
        let aim = |other| Aim {
            way: "ours",
            other,
            at_most: 0.3,
        };
        let text = table(&lines(), FILES, "bare", &[aim("fast"), aim("elsewhere")]);
        let sentence = "\n`ours` takes 0.50 × the time of `fast`; the aim is 0.30 ×.\n";
        assert!(text.ends_with(sentence), "{text}");
    }
}
