//! What the service counts: text that Prometheus reads, for those who may read everything, with few labels.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{EMPLOYEES, Guarded, employee, employees};

/// The samples in a text of OpenMetrics by name and labels; each is checked against the rules of the format.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let text = text.strip_suffix("# EOF\n").expect("an end");
    let mut types = BTreeMap::new();
    let mut samples = BTreeMap::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# ") {
            let (what, about) = about.split_once(' ').expect("a word");
            let (name, value) = about.split_once(' ').expect("a name");
            match what {
                "TYPE" => assert!(types.insert(name, value).is_none(), "{name} twice"),
                "HELP" => (),
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                _ => panic!("{line}"),
            }
            family = name;
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let name = series.split('{').next().expect("a name");
        let suffix = name
            .strip_prefix(family)
            .unwrap_or_else(|| panic!("{line} in {family}"));
        let allowed = match types[family] {
            "counter" => &["_total"][..],
            "histogram" => &["_bucket", "_sum", "_count"],
            "gauge" => &[""],
            other => panic!("{other}"),
        };
        assert!(allowed.contains(&suffix), "{line}");
        if let Some(labels) = series
            .strip_prefix(name)
            .filter(|labels| !labels.is_empty())
        {
            let labels = labels
                .strip_prefix('{')
                .and_then(|labels| labels.strip_suffix("\"}"));
            for label in labels.expect(line).split("\",") {
                let (name, value) = label.split_once("=\"").expect(line);
                assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
                assert!(!value.contains(['"', '\\']), "{line}");
            }
        }
        let value: f64 = value.parse().expect("a number");
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{series} twice"
        );
    }
    // Each bucket includes all smaller ones, and the last includes everything.
    let mut before: Option<(String, f64)> = None;
    for line in text.lines().filter(|line| line.contains("_bucket{")) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (of, bound) = series.split_once("le=\"").expect("a bound");
        let value: f64 = value.parse().expect("a number");
        let rest = bound
            .split_once('"')
            .expect("a bound")
            .1
            .trim_start_matches(',');
        let histogram = format!("{of}{rest}");
        if let Some((same, smaller)) = before.filter(|(same, _)| *same == histogram) {
            assert!(smaller <= value, "{line} after {same} {smaller}");
        }
        if bound.starts_with("+Inf") {
            let all = histogram
                .replace("_bucket", "_count")
                .replace(",}", "}")
                .replace("{}", "");
            assert_eq!(samples[&all], value, "{all}");
        }
        before = Some((histogram, value));
    }
    samples
}

#[test]
fn what_was_done_is_counted() {
    let guarded = Guarded::start();
    let (crm, monitor) = (
        guarded.key("crm", "hiring:write"),
        guarded.key("monitor", "*:read"),
    );
    guarded.send(&crm, EMPLOYEES, &[], &format!("[{}, {{}}]", employee(1)));
    guarded.send(
        &crm,
        &format!("{EMPLOYEES}?on_duplicate=skip"),
        &[],
        &employees([1, 2]),
    );
    for _ in 0..2 {
        guarded.send(
            &crm,
            EMPLOYEES,
            &[("Idempotency-Key", "k")],
            &employees([3]),
        );
    }
    guarded.post("Bearer x", 1);
    let answer = guarded.metrics(&monitor);
    assert_eq!(answer.status, 200);
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers["content-type"], media_type);
    let samples = samples(&answer.body);
    let route = "route=\"/v1/{dataset}/{table}\"";
    for (series, value) in [
        (
            &*format!("extrato_requests_total{{method=\"POST\",{route},status=\"207\"}}"),
            1.0,
        ),
        (
            &format!("extrato_requests_total{{method=\"POST\",{route},status=\"201\"}}"),
            3.0,
        ),
        (
            &format!("extrato_requests_total{{method=\"POST\",{route},status=\"401\"}}"),
            1.0,
        ),
        (
            &format!("extrato_request_duration_seconds_count{{{route}}}"),
            5.0,
        ),
        (
            "extrato_rows_total{dataset=\"hiring\",table=\"hired_employees\",outcome=\"inserted\"}",
            3.0,
        ),
        (
            "extrato_rows_total{dataset=\"hiring\",table=\"hired_employees\",outcome=\"rejected\"}",
            1.0,
        ),
        (
            "extrato_rows_total{dataset=\"hiring\",table=\"hired_employees\",outcome=\"skipped\"}",
            1.0,
        ),
        (
            "extrato_rows_total{dataset=\"hiring\",table=\"jobs\",outcome=\"inserted\"}",
            0.0,
        ),
        ("extrato_requests_per_commit_count", 3.0),
        ("extrato_requests_per_commit_sum", 3.0),
        ("extrato_idempotent_replays_total", 1.0),
        (
            "extrato_requests_refused_total{reason=\"no-valid-key\"}",
            1.0,
        ),
        ("extrato_connections_open", 1.0),
        ("extrato_sessions", 8.0),
        ("extrato_sessions_lent", 0.0),
        ("extrato_requests_waiting", 0.0),
        ("extrato_bodies_bytes", 0.0),
    ] {
        assert_eq!(
            samples.get(series),
            Some(&value),
            "{series}\n{}",
            answer.body
        );
    }
}

#[test]
fn they_are_for_who_may_read_everything() {
    let guarded = Guarded::start();
    assert_eq!(guarded.service.get("/metrics").status, 401);
    for scope in ["hiring:read", "hiring:write", "*:write"] {
        let answer = guarded.metrics(&guarded.key(scope, scope));
        assert_eq!((answer.status, &*answer.problem()), (403, "out-of-scope"));
        assert!(answer.body.contains("*:read"), "{}", answer.body);
    }
}

#[test]
fn whatever_is_asked_makes_no_new_label() {
    let guarded = Guarded::start();
    let (crm, monitor) = (
        guarded.key("crm", "*:write"),
        guarded.key("monitor", "*:read"),
    );
    let counted = || {
        let samples = samples(&guarded.metrics(&monitor).body);
        samples.into_keys().collect::<BTreeSet<_>>()
    };
    let ask = |n: u32| {
        guarded.send(&crm, &format!("/v1/d{n}/t{n}"), &[], "[]");
        guarded.send(&crm, &format!("/p{n}/%22%0A\"?q={n}"), &[], "[]");
        guarded.send(&crm, &format!("/p{n}"), &[], "[]");
        let request = format!(
            "M{n} /x{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {crm}\r\n\r\n"
        );
        assert_eq!(guarded.service.raw(request.as_bytes()).status, 404);
    };
    counted();
    ask(0);
    let before = counted();
    assert!(
        before
            .iter()
            .any(|series| series.contains("method=\"other\",route=\"other\""))
    );
    (1..30).for_each(ask);
    assert_eq!(counted(), before);
}
