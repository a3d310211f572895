//! What documents say of the code, held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn text(path: &str) -> String {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    fs::read_to_string(root.join(path)).expect(path)
}

/// The workspace's crates.
fn crates() -> BTreeSet<String> {
    fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .expect("crates")
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .collect()
}

/// The lines `NAME.workspace = true` of a manifest: what the crate and its tests depend on.
fn inherited(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .filter_map(|line| line.strip_suffix(".workspace = true"))
        .skip_while(|name| *name != "publish")
        .skip(1)
}

#[test]
fn every_direct_dependency_is_in_the_table_with_its_users_and_a_reason() {
    let ours = crates();
    let mut users: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in &ours {
        for dependency in inherited(&text(&format!("crates/{name}/Cargo.toml"))) {
            if !ours.contains(dependency) {
                users.entry(dependency.to_owned()).or_default().push(name);
            }
        }
    }
    assert!(users.len() > 40, "{users:?}");
    let map = text("crates/README.md");
    let (_, table) = map
        .split_once("| dependency | in | why it is there |")
        .expect("the table");
    let mut rows = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, crates, why] = cells[..] else {
            panic!("crates/README.md: not three cells: {row}");
        };
        let name = name.trim_matches('`');
        let real = users.get(name).map(|users| users.join(", "));
        assert_eq!(
            Some(crates),
            real.as_deref(),
            "crates/README.md: who uses `{name}`"
        );
        assert!(!why.is_empty(), "crates/README.md: why `{name}`?");
        rows.insert(name.to_owned());
    }
    let missing: Vec<_> = users.keys().filter(|name| !rows.contains(*name)).collect();
    assert!(missing.is_empty(), "crates/README.md lacks {missing:?}");
}

#[test]
fn jobs_know_database_and_dataset_and_no_other_job() {
    for name in crates() {
        let below: &[&str] = match name.as_str() {
            "extrato" | "bench" => continue,
            "dataset" => &[],
            "database" => &["dataset"],
            _ => &["dataset", "database"],
        };
        let manifest = text(&format!("crates/{name}/Cargo.toml"));
        let (manifest, _) = manifest
            .split_once("[dev-dependencies]")
            .unwrap_or((&manifest, ""));
        for dependency in inherited(manifest).filter(|name| crates().contains(*name)) {
            assert!(
                below.contains(&dependency),
                "{name} may not know {dependency}"
            );
        }
        let foreign: &[&str] = match name.as_str() {
            "dataset" => &["postgres", "tokio-postgres", "polars", "clap"],
            "database" => &["polars", "connectorx", "fake"],
            "generator" => &["polars", "connectorx"],
            "transform" => &["fake", "rand"],
            _ => &[],
        };
        for dependency in inherited(manifest) {
            assert!(
                !foreign.contains(&dependency),
                "{name} may not know {dependency}"
            );
        }
    }
}
