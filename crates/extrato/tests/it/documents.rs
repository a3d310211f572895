//! Holds what documents say of the code against the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).expect(path)
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

/// The names in lines `NAME.workspace = true` of a manifest: what the crate and its tests depend on.
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
fn crates_know_those_below_them_and_no_job_another_job() {
    for name in crates() {
        let below: &[&str] = match name.as_str() {
            "extrato" | "bench" => continue,
            "dataset" => &[],
            "database" => &["dataset"],
            "values" | "storage" => &["dataset", "database"],
            "spark" => &["dataset", "database"],
            "transform" => &["dataset", "database", "values", "storage", "spark"],
            "report" => &["dataset", "database", "storage", "transform"],
            "api" => &[
                "dataset",
                "database",
                "values",
                "storage",
                "loader",
                "transform",
                "report",
            ],
            "function" => &["dataset", "database", "storage", "loader"],
            _ => &["dataset", "database", "values", "storage"],
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
            "values" | "storage" | "backup" | "function" => &["polars", "connectorx", "fake"],
            "generator" => &["polars", "connectorx"],
            "transform" => &["fake", "rand"],
            "api" => &["polars", "connectorx", "fake"],
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

/// The parts of a section that must be the same in a README of any language.
#[derive(Debug, Default)]
struct Section {
    heading: String,
    /// The code in the prose, and the targets of its links.
    named: BTreeSet<String>,
    /// The code and the digits in each row of the section's tables.
    rows: Vec<(BTreeSet<String>, String)>,
    /// The lines of the section's blocks of code, without comments.
    code: Vec<String>,
}

/// The sections of a README, one for each heading.
fn sections(readme: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut prose = String::new();
    let mut in_code = false;
    for line in readme.lines().chain(["#"]) {
        let last = sections.last_mut().expect("never empty");
        match (in_code, line.starts_with("```")) {
            (_, true) => in_code = !in_code,
            (true, false) => last.code.push(without_comment(line)),
            (false, false) if line.starts_with('|') => {
                let (named, plain) = code_spans(line);
                let digits = plain.chars().filter(char::is_ascii_digit).collect();
                last.rows.push((named.into_iter().collect(), digits));
            }
            (false, false) if line.starts_with('#') => {
                let (named, plain) = code_spans(&std::mem::take(&mut prose));
                let links = targets(&plain).map(|target| target.replace(".pt-BR", ""));
                last.named.extend(links);
                last.named.extend(named);
                sections.push(Section {
                    heading: line.to_owned(),
                    ..Section::default()
                });
            }
            (false, false) => {
                prose.push_str(line);
                prose.push(' ');
            }
        }
    }
    sections
}

/// A line of code without its comment, which is translated.
fn without_comment(line: &str) -> String {
    let code = match line.find(" #") {
        _ if line.starts_with('#') => "",
        Some(end) => &line[..end],
        None => line,
    };
    code.trim_end().to_owned()
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

/// The documents whose links are checked.
fn documents() -> Vec<String> {
    let pages = fs::read_dir(Path::new(ROOT).join("docs")).expect("docs");
    let mut pages: Vec<_> = pages
        .flatten()
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.sort();
    assert!(pages.len() >= 10, "{pages:?}");
    let others = [
        "README.md",
        "README.pt-BR.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "crates/README.md",
        "crates/extrato/README.md",
        "data/samples/own-dataset/README.md",
        "deploy/batch/README.md",
        "deploy/kubernetes/README.md",
        "deploy/lambda/README.md",
    ];
    others.map(str::to_owned).into_iter().chain(pages).collect()
}

/// A document's lines outside of its blocks of code.
fn prose(document: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    document.lines().filter(move |line| {
        let fence = line.starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The targets of links and pictures in a text without code.
fn targets(plain: &str) -> impl Iterator<Item = &str> {
    let written = [("](", ')'), (" src=\"", '"'), (" srcset=\"", '"')];
    written.into_iter().flat_map(move |(opening, closing)| {
        let rests = plain.split(opening).skip(1);
        rests.filter_map(move |rest| Some(rest.split_once(closing)?.0))
    })
}

/// The targets of a document's links.
fn links(document: &str) -> Vec<String> {
    let lines: Vec<_> = prose(document).collect();
    let (_, plain) = code_spans(&lines.join(" "));
    targets(&plain).map(str::to_owned).collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = prose(document).filter(|line| line.starts_with('#'));
    let titles = headings.map(|heading| heading.trim_start_matches('#').trim());
    titles
        .map(|title| {
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.flat_map(char::to_lowercase)
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_of_a_document_leads_to_a_file_and_to_a_heading_in_it() {
    let mut followed = 0;
    let mut broken = Vec::new();
    for document in documents() {
        let of_document = text(&document);
        for link in links(&of_document) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = link
                .split_once('#')
                .map_or((link.as_str(), None), |(path, heading)| {
                    (path, Some(heading))
                });
            let folder = Path::new(&document).parent().expect("a file");
            let target = match path {
                "" => Path::new(ROOT).join(&document),
                path => Path::new(ROOT).join(folder).join(path),
            };
            followed += 1;
            let leads = match heading {
                None => target.exists(),
                Some(heading) => fs::read_to_string(&target)
                    .is_ok_and(|target| anchors(&target).contains(heading)),
            };
            if !leads {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere: {broken:#?}");
    assert!(followed > 60, "only {followed} links were found");
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let architecture = text("docs/architecture.md");
    let (mut named, mut missing) = (0, Vec::new());
    // A walk begins with the folder to which its short paths are relative.
    let mut walk = None;
    for line in prose(&architecture) {
        let (spans, _) = code_spans(line);
        if line.starts_with("**`") {
            walk = spans
                .iter()
                .find(|span| span.starts_with("crates/"))
                .cloned();
        } else if line.starts_with('#') {
            walk = None;
        }
        for span in spans {
            let whole = ["crates/", "docs/", "sql/", "deploy/"];
            let path = match &walk {
                _ if whole.iter().any(|folder| span.starts_with(folder)) => span,
                Some(walk) if span.ends_with(".rs") || span.ends_with('/') => walk.clone() + &span,
                _ => continue,
            };
            named += 1;
            if !Path::new(ROOT).join(&path).exists() {
                missing.push(path);
            }
        }
    }
    assert!(missing.is_empty(), "docs/architecture.md: {missing:#?}");
    assert!(named > 80, "only {named} paths were found");
}

#[test]
fn the_readme_is_a_welcome_and_comes_soon_to_the_readers_own_database() {
    for readme in ["README.md", "README.pt-BR.md"] {
        let page = text(readme);
        let words = |text: &str| text.split_whitespace().count();
        let (before, _) = page.split_once("\nextrato init ").expect("the command");
        for (what, count, most) in [
            ("lines", page.lines().count(), 150),
            ("words", words(&page), 1200),
            ("words before `extrato init`", words(before), 400),
        ] {
            assert!(
                count <= most,
                "{readme} has {count} {what}, more than {most}"
            );
        }
    }
}

#[test]
fn pages_are_as_wide_as_an_editor() {
    let lines = text("docs/architecture.md").lines().count();
    assert!(lines <= 150, "docs/architecture.md has {lines} lines");
    for page in documents().iter().filter(|name| name.starts_with("docs/")) {
        for line in prose(&text(page)).filter(|line| !line.starts_with('|')) {
            let width = line.chars().count();
            assert!(width <= 150, "{page} has {width} characters in: {line}");
        }
    }
}

/// The lines of a picture of a terminal that show something.
pub(crate) fn lines_of_picture(path: &str) -> Vec<String> {
    let svg = text(path);
    let lines = svg.lines().filter(|line| line.starts_with("<text"));
    lines
        .map(|line| {
            let pieces = line.split('<').filter_map(|piece| piece.split_once('>'));
            let shown: String = pieces.map(|(_, shown)| shown).collect();
            shown
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&")
        })
        .collect()
}

#[test]
fn the_picture_of_a_terminal_shows_the_commands_and_the_output_of_the_readme() {
    let picture = lines_of_picture("docs/terminal-light.svg");
    assert_eq!(picture, lines_of_picture("docs/terminal-dark.svg"));
    let readme = sections(&text("README.md"));
    let code: Vec<_> = readme.iter().flat_map(|section| &section.code).collect();
    let commands = picture.iter().filter_map(|line| line.strip_prefix("$ "));
    let commands = commands.filter(|command| command.starts_with("extrato "));
    let output = picture
        .iter()
        .skip_while(|line| !line.starts_with(" total"));
    let output = output.skip(1).filter(|line| !line.starts_with('$'));
    let mut shown = 0;
    for line in commands.chain(output.map(String::as_str)) {
        assert!(
            code.iter().any(|of_readme| *of_readme == line),
            "README.md lacks: {line}"
        );
        shown += 1;
    }
    assert!(shown > 8, "{picture:?}");
}

#[test]
fn the_figures_of_the_readme_are_those_of_the_page_about_speed() {
    let page = text("docs/memory-and-speed.md");
    let readme = text("README.md");
    let (_, how_fast) = readme.split_once("## How fast").expect("the section");
    let rows: Vec<_> = how_fast
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 5, "{rows:?}");
    for row in rows {
        assert!(
            page.lines().any(|line| line == row),
            "docs/memory-and-speed.md lacks {row}"
        );
    }
}
