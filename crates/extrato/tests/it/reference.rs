//! Pages of docs/ that say what the program says: its commands, and the codes with which it ends.

use std::fs;
use std::path::Path;

use dataset::failure::Kind;

use crate::program::{bare_command, finish};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
const BEGIN: &str = "<!-- What follows is written by a test from `--help`: change it there. -->\n";

/// What `--help` prints for a command.
fn help(command: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let asked = [command, &["--help"]].concat();
    let finished = finish(&mut bare_command(folder.path(), &asked));
    assert_eq!(finished.code, 0, "{asked:?}: {}", finished.stderr);
    finished.stdout
}

/// The lines of a section of a help text, up to the next line that is not indented.
fn section<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| *line != title).skip(1);
    lines
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .collect()
}

/// Writes the help of a command and of all below it. What every command takes stands with the first alone.
fn write(command: &[&str], document: &mut String) {
    let whole = help(command);
    let mut shown = whole.clone();
    if !command.is_empty() {
        let common = section(&whole, "Every command:").join("\n");
        shown = whole.replace(&format!("Every command:\n{common}\n"), "");
    }
    let shown: Vec<&str> = shown.trim_end().lines().map(str::trim_end).collect();
    let level = "#".repeat(2 + command.len().saturating_sub(1));
    let name = [&["extrato"], command].concat().join(" ");
    *document += &format!("\n{level} {name}\n\n```text\n{}\n```\n", shown.join("\n"));
    for line in section(&whole, "Commands:") {
        let name = line
            .strip_prefix("  ")
            .filter(|line| !line.starts_with(' '));
        let name = name.and_then(|line| line.split(' ').next());
        if let Some(name) = name.filter(|name| *name != "help") {
            write(&[command, &[name]].concat(), document);
        }
    }
}

#[test]
fn the_page_of_commands_is_what_help_says() {
    let path = Path::new(DOCS).join("commands.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, shown) = page.split_once(BEGIN).expect("the page has the place");
    let mut document = String::new();
    write(&[], &mut document);
    if std::env::var_os("EXTRATO_WRITE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{document}")).unwrap();
        return;
    }
    assert!(
        shown == document,
        "docs/commands.md says something else than `--help`: run this test with EXTRATO_WRITE_DOCUMENTS=1"
    );
}

#[test]
fn the_page_of_operations_and_help_have_the_exit_code_of_every_kind() {
    let kinds = [
        Kind::Internal,
        Kind::Usage,
        Kind::Connection,
        Kind::Refused,
        Kind::Output,
        Kind::Interrupted,
        Kind::Mismatch,
        Kind::Check,
    ];
    let codes: Vec<u8> = kinds.iter().map(|kind| kind.exit_code()).collect();
    let all: Vec<u8> = std::iter::once(0).chain(codes).collect();

    let page = fs::read_to_string(Path::new(DOCS).join("operations.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let rows = rows.filter_map(|row| row.split_once(" | ")?.0.parse::<u8>().ok());
    assert_eq!(rows.collect::<Vec<_>>(), all, "docs/operations.md");
    let names = kinds.map(|kind| {
        format!(
            "`{}`",
            serde_json::to_value(kind).unwrap().as_str().unwrap()
        )
    });
    let names = names.join(", ");
    let prose = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(prose.contains(&names), "docs/operations.md lacks {names}");

    let help = help(&[]);
    let mut told: Vec<u8> = section(&help, "Exit codes:")
        .iter()
        .flat_map(|line| line.split_whitespace())
        .filter_map(|word| word.parse().ok())
        .collect();
    told.sort_unstable();
    assert_eq!(told, all, "extrato --help");
}
