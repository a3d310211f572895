//! The tables of `transform`: times, processor times, memory, and ratios.

use super::job::READ;
use crate::rounds::{Line, Role, Sample};
use crate::table::{Spread, compared, fastest, markdown, missing, none, peak_mebibytes, rows};

const HEADER: [&str; 10] = [
    "way",
    "rows",
    "median s",
    "min–max s",
    "CPU s",
    "min–max s",
    "memory MiB",
    "min–max MiB",
    "to the best peer",
    "to the floor",
];

/// The table of one part, followed by what its floor is.
pub(super) fn table(lines: &[Line], part: &str) -> String {
    let floor = Floor::of(lines, part);
    let best = fastest(lines, part, Role::Peer);
    let own = lines.iter().filter(|line| line.part == part);
    let rows = own.map(|line| cells(line, best, floor.map(|floor| floor.seconds())));
    let mut text = markdown(HEADER, rows);
    if let Some(floor) = floor {
        text += &format!("\n{}\n", floor.sentence());
    }
    text
}

/// The floor that no way of a part can beat: the bare read and, if files are written, the bare write.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Floor {
    read: f64,
    write: Option<f64>,
}

impl Floor {
    fn of(lines: &[Line], part: &str) -> Option<Self> {
        let read = fastest(lines, READ, Role::Limit)?;
        let write = match part {
            READ => None,
            _ => Some(fastest(lines, part, Role::Limit)?),
        };
        Some(Self { read, write })
    }

    fn seconds(self) -> f64 {
        self.read + self.write.unwrap_or_default()
    }

    fn sentence(self) -> String {
        let Self { read, write } = self;
        match write {
            None => format!("The floor: {read:.3} s, the fastest bare read."),
            Some(write) => format!(
                "The floor: {:.3} s, a bare read of {read:.3} s and a bare write of {write:.3} s.",
                self.seconds()
            ),
        }
    }
}

fn cells(line: &Line, best: Option<f64>, floor: Option<f64>) -> [String; HEADER.len()] {
    let Some(seconds) = Spread::of_seconds(line) else {
        return missing(line);
    };
    let [cpu, cpu_range] = pair(line, 2, |sample| Some(sample.usage?.cpu_seconds));
    let [memory, memory_range] = pair(line, 0, peak_mebibytes);
    let [to_best, to_floor] = compared(line, best, floor);
    [
        line.label.clone(),
        rows(line),
        format!("{:.3}", seconds.median),
        seconds.range(3),
        cpu,
        cpu_range,
        memory,
        memory_range,
        to_best,
        to_floor,
    ]
}

/// The median of a figure, and its least and greatest value.
fn pair(line: &Line, decimals: usize, figure: impl Fn(&Sample) -> Option<f64>) -> [String; 2] {
    match Spread::of(line, figure) {
        Some(spread) => [
            format!("{:.decimals$}", spread.median),
            spread.range(decimals),
        ],
        None => [none(), none()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Usage;

    const FILES: &str = "files";

    fn line(label: &str, part: &'static str, role: Role, seconds: &[f64]) -> Line {
        let sample = |&seconds| Sample {
            seconds,
            rows: 1000,
            usage: Some(Usage {
                cpu_seconds: seconds * 2.0,
                peak_bytes: 3 << 20,
            }),
            ..Sample::default()
        };
        Line {
            samples: Ok(seconds.iter().map(sample).collect()),
            ..Line::new(label).of(part, role)
        }
    }

    fn lines() -> Vec<Line> {
        vec![
            line("ours", FILES, Role::Ours, &[3.0, 4.0, 9.0]),
            line("its join", FILES, Role::Aside, &[1.0]),
            line("wire, 1", READ, Role::Limit, &[1.5]),
            line("wire, 2", READ, Role::Limit, &[1.0]),
            line("wire, all columns", READ, Role::Aside, &[0.9]),
            line("disk", FILES, Role::Limit, &[0.6]),
            line("slow", FILES, Role::Peer, &[80.0]),
            line("fast", FILES, Role::Peer, &[8.0]),
            line("reader", READ, Role::Peer, &[5.0]),
        ]
    }

    #[test]
    fn the_floor_is_the_fastest_read_and_the_fastest_write() {
        let floor = Floor::of(&lines(), FILES).expect("both were measured");
        assert_eq!((floor.read, floor.write), (1.0, Some(0.6)));
        let floor = Floor::of(&lines(), READ).expect("it was measured");
        assert_eq!((floor.read, floor.write), (1.0, None));
        assert_eq!(Floor::of(&lines()[..3], FILES), None);
    }

    #[test]
    fn a_way_is_compared_with_the_best_peer_and_the_floor() {
        let lines = lines();
        let best = fastest(&lines, FILES, Role::Peer);
        let expected = [
            "ours",
            "1,000",
            "4.000",
            "3.000–9.000",
            "8.00",
            "6.00–18.00",
            "3",
            "3–3",
            "0.50 ×",
            "2.50 ×",
        ];
        assert_eq!(cells(&lines[0], best, Some(1.6)), expected);
    }

    #[test]
    fn limits_and_what_stands_beside_are_compared_with_nothing() {
        for line in [&lines()[1], &lines()[2]] {
            assert_eq!(cells(line, Some(8.0), Some(1.6))[8..], ["–", "–"]);
        }
    }

    #[test]
    fn a_part_shows_its_own_lines() {
        let text = table(&lines(), READ);
        assert!(text.contains("| reader ") && !text.contains("| ours "));
        assert!(text.ends_with("\nThe floor: 1.000 s, the fastest bare read.\n"));
    }
}
