//! Compares what docs/cloud.md says about requests with the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dataset::failure::Kind;
use serde_json::Value;
use testkit::{Bucket, Database, blocks};

use crate::buckets::{function, sales_into};

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cloud.md");
    fs::read_to_string(page).expect("docs/cloud.md")
}

/// The blocks of JSON of a page.
fn json_of(page: &str) -> Vec<Value> {
    blocks(page)
        .filter(|block| block.language == "json")
        .map(|block| serde_json::from_str(block.text).expect(block.text))
        .collect()
}

#[test]
fn every_request_of_the_page_is_one() {
    let bucket = Bucket::create();
    for prefix in ["exports", "exports/2026-11-28", "corrected"] {
        sales_into(&bucket, prefix);
    }
    let database = Database::create();
    let blocks = json_of(&page());
    let (options, requests): (Vec<_>, Vec<_>) = blocks
        .into_iter()
        .filter(|block| block.get("Retry").is_none())
        .partition(|block| block.get("dataset").is_none());
    let [options] = &options[..] else {
        panic!("{options:?}");
    };
    let mut function = function(&database, &bucket.variables(), &options.to_string());
    assert!(requests.len() >= 2, "{requests:?}");
    for request in requests {
        let request = request.to_string().replace("s3://files", &bucket.url());
        let report = function.answer(&serde_json::from_str(&request).expect("JSON"));
        assert_eq!(
            report["tables"].as_array().map(Vec::len),
            Some(6),
            "{report}"
        );
    }
}

#[test]
fn the_page_has_each_type_of_error_with_its_exit_code() {
    let page = page();
    let rows = page.lines().filter(|line| line.starts_with("| `Extrato."));
    let mut told = BTreeSet::new();
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        told.extend(cells[1].split(", ").zip(cells[2].split(", ")));
    }
    use Kind::*;
    let kinds = [
        Internal,
        Usage,
        Connection,
        Refused,
        Output,
        Interrupted,
        Mismatch,
        Check,
    ];
    let kinds = kinds.map(|kind| (format!("`Extrato.{kind:?}`"), kind.exit_code().to_string()));
    let kinds: BTreeSet<_> = kinds
        .iter()
        .map(|(name, code)| (&**name, &**code))
        .collect();
    assert_eq!(told, kinds);
}
