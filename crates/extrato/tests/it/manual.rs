//! Completions and manual pages, which are made from the same definitions as `--help`.

use std::fs;
use std::process::Command;

use crate::exit_codes::check;
use crate::program::{bare_command, finish};

const COMMANDS: [&str; 17] = [
    "pipeline",
    "query",
    "generate",
    "load",
    "transform",
    "verify",
    "backup",
    "restore",
    "init",
    "check",
    "report",
    "diagram",
    "serve",
    "keys",
    "db",
    "completions",
    "man",
];

/// What bash offers for the last of `words` with the script of `extrato completions bash`.
fn offered_by_bash(words: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let script = finish(&mut bare_command(folder.path(), &["completions", "bash"]));
    assert_eq!(script.code, 0, "{}", script.stderr);
    let asked = format!(
        "{}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         _extrato extrato \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.stdout
    );
    let finished = finish(Command::new("bash").args(["-c", &asked]));
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let offered = offered_by_bash("extrato ''");
    for command in COMMANDS {
        assert!(offered.iter().any(|word| word == command), "{offered:?}");
    }
    assert_eq!(offered_by_bash("extrato tra"), ["transform"]);
    assert_eq!(
        offered_by_bash("extrato transform --partition"),
        ["--partition-by"]
    );
    assert_eq!(offered_by_bash("extrato transform --format p"), ["parquet"]);
}

#[test]
fn every_shell_gets_a_script_that_knows_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = finish(&mut bare_command(folder.path(), &["completions", shell]));
        assert_eq!(script.code, 0, "{}", script.stderr);
        for command in COMMANDS {
            assert!(script.stdout.contains(command), "{shell} lacks {command}");
        }
    }
}

#[test]
fn every_command_has_a_page_with_its_examples_in_lines_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let finished = finish(&mut bare_command(folder.path(), &["man", "share/man1"]));
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let pages = folder.path().join("share/man1");
    assert!(pages.join("extrato.1").is_file());
    assert!(pages.join("extrato-db-psql.1").is_file());
    for command in COMMANDS {
        let help = finish(&mut bare_command(folder.path(), &[command, "--help"])).stdout;
        let (_, in_help) = help.split_once("Examples:\n").expect("examples");
        let page = fs::read_to_string(pages.join(format!("extrato-{command}.1"))).unwrap();
        let (_, in_page) = page.split_once(".SH EXAMPLES\n.nf\n").expect(command);
        let in_page = in_page
            .strip_suffix(".fi\n")
            .expect(command)
            .replace("\\-", "-")
            .replace("\\*(Aq", "'")
            .replace("\\\\", "\\");
        // `--help` breaks lines at the terminal's width.
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&in_page), words(in_help), "{command}");
    }
}

#[test]
fn pages_that_cannot_be_written_are_5() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "in the way").unwrap();
    check(
        &finish(&mut bare_command(folder.path(), &["man", "file"])),
        5,
        &["folder file"],
    );
}
