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

/// What must be the same in a README of any language.
#[derive(Debug, Default)]
struct Section {
    heading: String,
    /// Code and the targets of links in the prose.
    named: BTreeSet<String>,
    /// Code and digits of each row of its tables.
    rows: Vec<(BTreeSet<String>, String)>,
    /// The lines of its blocks of code, without comments.
    code: Vec<String>,
}

/// The sections of a README, one for each heading.
fn sections(readme: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut prose = String::new();
    let mut language = None;
    for line in readme.lines().chain(["#"]) {
        let last = sections.last_mut().expect("never empty");
        match (language, line.strip_prefix("```")) {
            (None, Some(name)) => language = Some(name),
            (Some(_), Some(_)) => language = None,
            (Some(language), None) => last.code.push(without_words(line, language)),
            (None, None) if line.starts_with('|') => {
                let (named, plain) = code_spans(line);
                let digits = plain.chars().filter(char::is_ascii_digit).collect();
                last.rows.push((named.into_iter().collect(), digits));
            }
            (None, None) if line.starts_with('#') => {
                let (named, plain) = code_spans(&std::mem::take(&mut prose));
                let links = plain
                    .split("](")
                    .skip(1)
                    .filter_map(|rest| rest.split_once(')'));
                // Those to a heading are translated with it.
                let links = links.filter(|(target, _)| !target.starts_with('#'));
                last.named
                    .extend(links.map(|(target, _)| target.replace(".pt-BR", "")));
                last.named.extend(named);
                sections.push(Section {
                    heading: line.to_owned(),
                    ..Section::default()
                });
            }
            (None, None) => {
                prose.push_str(line);
                prose.push(' ');
            }
        }
    }
    sections
}

/// A line of code without what is translated in it: comments, the labels of a diagram, notes behind a tree.
fn without_words(line: &str, language: &str) -> String {
    let end = match language {
        "mermaid" => line.find(['[', '"', '{', '/']),
        "sql" => line.find(" -- "),
        "" => line
            .find("──")
            .and_then(|tree| Some(tree + line[tree..].find("  ")?)),
        _ if line.starts_with('#') => Some(0),
        _ => line.find(" #"),
    };
    line[..end.unwrap_or(line.len())].trim_end().to_owned()
}

/// The code between backticks, and the text without it.
fn code_spans(text: &str) -> (Vec<String>, String) {
    let (mut spans, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(start) = rest.find('`') {
        let ticks = &rest[start..start + rest[start..].find(|c| c != '`').unwrap_or(1)];
        plain.push_str(&rest[..start]);
        let (span, after) = rest[start + ticks.len()..].split_once(ticks).expect(rest);
        spans.push(span.to_owned());
        rest = after;
    }
    plain.push_str(rest);
    (spans, plain)
}

#[test]
fn the_portuguese_readme_has_the_commands_code_and_figures_of_the_english_one() {
    let english = sections(&text("README.md"));
    let portuguese = sections(&text("README.pt-BR.md"));
    assert!(english.len() > 5);
    for (ours, theirs) in english.iter().zip(&portuguese) {
        let place = format!(
            "`{}` (README.md) and `{}` (README.pt-BR.md)",
            ours.heading, theirs.heading
        );
        let level = |section: &Section| section.heading.chars().take_while(|c| *c == '#').count();
        assert_eq!(
            level(ours),
            level(theirs),
            "{place} are headings of two levels"
        );
        for (ours, theirs) in ours.code.iter().zip(&theirs.code) {
            assert_eq!(ours, theirs, "{place} differ in a line of code");
        }
        assert_eq!(ours.code.len(), theirs.code.len(), "{place}: lines of code");
        for (ours, theirs) in ours.rows.iter().zip(&theirs.rows) {
            assert_eq!(ours, theirs, "{place} differ in a row of a table");
        }
        assert_eq!(
            ours.rows.len(),
            theirs.rows.len(),
            "{place}: rows of tables"
        );
        let differing: Vec<_> = ours.named.symmetric_difference(&theirs.named).collect();
        assert!(
            differing.is_empty(),
            "only one of {place} names {differing:?}"
        );
    }
    assert_eq!(english.len(), portuguese.len(), "headings");
}
