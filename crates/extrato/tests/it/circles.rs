//! No two files of a crate use each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Finds the module of each file of a crate (`["sink", "rows"]`), with the file's code.
fn modules(folder: &Path, module: &[String], found: &mut BTreeMap<Vec<String>, String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, mut below) = (entry.path(), module.to_vec());
        let stem = path.file_stem().expect("a name").to_string_lossy();
        if path.is_dir() {
            below.push(stem.into_owned());
            modules(&path, &below, found);
            continue;
        }
        match &*stem {
            "lib" | "mod" => {}
            // In a crate that is a library too, `main` has only the program's few lines.
            "main" if folder.join("lib.rs").exists() => continue,
            "main" => {}
            name => below.push(name.to_owned()),
        }
        found.insert(below, code(&fs::read_to_string(&path).expect("UTF-8")));
    }
}

/// A file's code without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let code = text.split("\nmod tests").next().unwrap_or(text);
    let lines = code.lines().map(str::trim_start);
    let kept = lines.filter(|line| !line.starts_with("//"));
    kept.collect::<Vec<_>>().join("\n")
}

/// The paths that `text` begins with, with groups in braces expanded: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name = text.split(|c| !is_name(c)).next().unwrap_or_default();
    let Some(rest) = text[name.len()..].strip_prefix("::") else {
        return vec![vec![name]];
    };
    let mut below = Vec::new();
    if let Some(group) = rest.strip_prefix('{') {
        let (mut depth, mut begins) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && is_name(c) => {
                    below.extend(paths(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    } else {
        below = paths(rest);
    }
    below.iter_mut().for_each(|path| path.insert(0, name));
    below
}

/// The modules that a file names, except itself.
fn known(
    module: &[String],
    code: &str,
    modules: &BTreeMap<Vec<String>, String>,
) -> BTreeSet<Vec<String>> {
    let mut known = BTreeSet::new();
    let starts = ["crate::", "super::", "use "].map(|start| code.match_indices(start));
    for (at, start) in starts.into_iter().flatten() {
        let before = &code[..at];
        // The match lies inside a longer name or path, or in a visibility such as `pub(in …)`.
        if before.ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c))
            || before.ends_with("(in ")
        {
            continue;
        }
        let begin = if start == "use " {
            at + start.len()
        } else {
            at
        };
        for path in paths(&code[begin..]) {
            let mut target: Vec<String> = match path[0] {
                "crate" => Vec::new(),
                _ => module.to_vec(),
            };
            for segment in path {
                match segment {
                    "crate" | "self" => {}
                    "super" => drop(target.pop()),
                    name => target.push(name.to_owned()),
                }
            }
            while !target.is_empty() && !modules.contains_key(&target) {
                target.pop();
            }
            // A path that `use` takes from another crate has been shortened to nothing, or to this file's own folder.
            let relative = start == "use " && target.len() <= module.len();
            if target != module && !relative {
                known.insert(target);
            }
        }
    }
    known
}

/// Finds a circle of files, if there is one: each uses the next, and the last uses the first.
fn circle(edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Option<Vec<String>> {
    let mut left = edges.clone();
    // A file that uses none of those left is in no circle.
    loop {
        let ends: Vec<_> = left
            .iter()
            .filter(|(_, known)| !known.iter().any(|to| left.contains_key(to)))
            .map(|(module, _)| module.clone())
            .collect();
        if ends.is_empty() {
            break;
        }
        ends.iter().for_each(|module| drop(left.remove(module)));
    }
    let mut path = vec![left.keys().next()?];
    loop {
        let known = &left[*path.last()?];
        let next = known.iter().find(|to| left.contains_key(*to))?;
        if let Some(from) = path.iter().position(|module| *module == next) {
            let names = path[from..].iter().map(|module| module.join("::"));
            return Some(names.collect());
        }
        path.push(next);
    }
}

#[test]
fn files_of_a_crate_know_each_other_in_no_circle() {
    let crates = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut files = 0;
    let mut circles = Vec::new();
    for entry in fs::read_dir(crates).expect("crates").flatten() {
        let source = entry.path().join("src");
        if !source.is_dir() {
            continue;
        }
        let mut modules_found = BTreeMap::new();
        modules(&source, &[], &mut modules_found);
        files += modules_found.len();
        let edges = modules_found
            .iter()
            .map(|(module, code)| (module.clone(), known(module, code, &modules_found)))
            .collect();
        let name = entry.file_name().to_string_lossy().into_owned();
        circles.extend(circle(&edges).map(|circle| format!("{name}: {}", circle.join(" → "))));
    }
    assert!(files > 200, "{files} files");
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found_by_use_and_by_path() {
    let texts = [
        ("", "pub use a::A;\nmod a;"),
        ("a", "use std::fs;\nuse crate::{b::{self, B}, c};"),
        ("b", "fn f() { super::c::g() }"),
        ("c", "// use super::a;\nuse super::d::D;"),
        ("d", "use anyhow::Context;"),
    ];
    let found = |texts: &[(&str, &str)]| {
        let modules: BTreeMap<Vec<String>, String> = texts
            .iter()
            .map(|(name, text)| {
                let module = name.split("::").filter(|part| !part.is_empty());
                (module.map(str::to_owned).collect(), code(text))
            })
            .collect();
        let edges = modules
            .iter()
            .map(|(module, code)| (module.clone(), known(module, code, &modules)))
            .collect();
        circle(&edges)
    };
    assert_eq!(found(&texts), None);
    let mut round = texts;
    round[4].1 = "fn g() { let a: crate::a::A = a(); }";
    assert_eq!(
        found(&round),
        Some(["a", "b", "c", "d"].map(str::to_owned).to_vec())
    );
}
