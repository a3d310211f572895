//! The tables of `serve`: rows a second, latencies, processor times of service and server, memory, and how far the aims are
//! reached.

use super::cell::{ONE, THOUSAND, label};
use super::contender::{BARE, EXTRATO, FASTAPI};
use crate::rounds::{Line, Sample};
use crate::table::{Spread, markdown, middle, missing, peak_mebibytes, thousands};

const HEADER: [&str; 8] = [
    "way",
    "rows/s",
    "min–max",
    "p50 ms",
    "p99 ms",
    "CPU µs/row",
    "server CPU µs/row",
    "memory MiB",
];

/// The table of one part.
pub(super) fn table(lines: &[Line], part: &str) -> String {
    let own = lines.iter().filter(|line| line.part == part);
    markdown(HEADER, own.map(cells))
}

fn cells(line: &Line) -> [String; HEADER.len()] {
    let Some(rate) = Spread::of(line, rate) else {
        return missing(line);
    };
    let whole = |rate: f64| thousands(rate.round() as u64);
    [
        line.label.clone(),
        whole(rate.median),
        format!("{}–{}", whole(rate.min), whole(rate.max)),
        middle(line, 2, |sample| Some(sample.latency?.p50 * 1e3)),
        middle(line, 2, |sample| Some(sample.latency?.p99 * 1e3)),
        middle(line, 2, cpu_micros),
        middle(line, 2, |sample| {
            Some(sample.server_cpu_seconds? / sample.rows as f64 * 1e6)
        }),
        middle(line, 0, peak_mebibytes),
    ]
}

fn rate(sample: &Sample) -> Option<f64> {
    Some(sample.rows as f64 / sample.seconds)
}

fn cpu_micros(sample: &Sample) -> Option<f64> {
    Some(sample.usage?.cpu_seconds / sample.rows as f64 * 1e6)
}

/// The aims, with what was reached as far as it was measured.
pub(super) fn aims(lines: &[Line]) -> Vec<String> {
    let median = |part: &str, contender: &str, connections, figure: fn(&Sample) -> Option<f64>| {
        let label = label(contender, connections);
        let mut own = lines.iter().filter(|line| line.part == part);
        let line = own.find(|line| line.label == label)?;
        Some(Spread::of(line, figure)?.median)
    };
    let p50 = |contender| median(THOUSAND, contender, 1, |sample| Some(sample.latency?.p50));
    let single = |contender| median(ONE, contender, 64, rate);
    let ours = lines.iter().filter(|line| line.label.starts_with(EXTRATO));
    let memory = ours
        .filter_map(|line| Some(Spread::of(line, peak_mebibytes)?.max))
        .max_by(f64::total_cmp);
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    [
        ratio(p50(EXTRATO), p50(BARE)).map(|ratio| {
            format!("p50 of 1,000 rows over 1 connection: {ratio:.2} × the bare INSERT's; the aim is 1.3 × at most")
        }),
        median(THOUSAND, EXTRATO, 1, cpu_micros).map(|micros| {
            format!("processor time of the service, 1,000 rows over 1 connection: {micros:.2} µs a row; the aim is 2 µs at most")
        }),
        ratio(single(EXTRATO), single(FASTAPI)).map(|ratio| {
            format!("1 row over 64 connections: {ratio:.2} × the rows a second of FastAPI; the aim is 5 × at least")
        }),
        memory.map(|mebibytes| {
            format!("memory of the service: {mebibytes:.0} MiB at most; the aim is 64 MB at most")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The lines of a contender that were not measured, with the reason.
pub(super) fn missing_of(lines: &[Line], contender: &str) -> Vec<String> {
    let missing = lines
        .iter()
        .filter(|line| line.label.starts_with(contender));
    let missing = missing.filter_map(|line| {
        let why = line.samples.as_ref().err()?;
        Some(format!("{}, {} ({why})", line.part, line.label))
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Latency, Usage};

    fn line(part: &'static str, contender: &str, connections: u32, seconds: &[f64]) -> Line {
        let sample = |&seconds: &f64| Sample {
            seconds,
            rows: 1_000_000,
            usage: Some(Usage {
                cpu_seconds: seconds / 2.0,
                peak_bytes: 3 << 20,
            }),
            server_cpu_seconds: Some(seconds),
            latency: Some(Latency {
                p50: seconds / 1e3,
                p99: seconds / 1e2,
            }),
            ..Sample::default()
        };
        Line {
            samples: Ok(seconds.iter().map(sample).collect()),
            part,
            ..Line::new(label(contender, connections))
        }
    }

    #[test]
    fn a_row_shows_medians_of_what_each_round_has_measured() {
        let expected = [
            "extrato serve, 1 connection",
            "250,000",
            "200,000–500,000",
            "4.00",
            "40.00",
            "2.00",
            "4.00",
            "3",
        ];
        let line = line(THOUSAND, EXTRATO, 1, &[4.0, 2.0, 5.0]);
        assert_eq!(cells(&line), expected);
    }

    #[test]
    fn the_aims_say_what_was_reached_and_nothing_of_what_was_not_measured() {
        let mut lines = vec![
            line(THOUSAND, EXTRATO, 1, &[4.0]),
            line(THOUSAND, BARE, 1, &[2.0]),
            line(ONE, EXTRATO, 64, &[1.0]),
            line(ONE, FASTAPI, 64, &[6.0]),
        ];
        let reached = |lines: &[Line]| -> Vec<String> {
            let figure = |aim: String| aim.split(": ").nth(1).map(|of| of[..4].to_owned());
            aims(lines).into_iter().filter_map(figure).collect()
        };
        assert_eq!(reached(&lines), ["2.00", "2.00", "6.00", "3 Mi"]);
        lines[3].samples = Err("no Python".to_owned());
        assert_eq!(reached(&lines), ["2.00", "2.00", "3 Mi"]);
    }

    #[test]
    fn what_was_not_measured_of_ours_is_named_with_its_reason() {
        let mut lines = [
            line(ONE, EXTRATO, 1, &[4.0]),
            line(ONE, EXTRATO, 16, &[4.0]),
            line(ONE, BARE, 1, &[4.0]),
        ];
        assert!(missing_of(&lines, EXTRATO).is_empty());
        lines[1].samples = Err("no key".to_owned());
        lines[2].samples = Err("no server".to_owned());
        let expected = ["1 row a request, extrato serve, 16 connections (no key)"];
        assert_eq!(missing_of(&lines, EXTRATO), expected);
    }
}
