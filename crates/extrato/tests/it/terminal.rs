//! What a person sees on a terminal: as much as fits, with colours if they are wanted.

use testkit::{OnTerminal, on_terminal};

use crate::program::{World, bare_command, finish};

/// The program on a terminal, with these variables in addition.
fn shown(world: &World, line: &str, columns: u16, variables: &[(&str, &str)]) -> OnTerminal {
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = world.command(&arguments);
    command.env("TERM", "xterm-256color");
    command.envs(variables.iter().copied());
    on_terminal(&command, columns)
}

/// Whether a text has a sequence that sets a colour or weight.
fn is_coloured(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|sequence| {
        let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';');
        end.is_some_and(|end| sequence[end..].starts_with('m'))
    })
}

#[test]
fn rows_that_are_shown_fit_the_terminal_or_are_whole() {
    let world = World::new();
    world.done(&["generate", "--associates", "20", "-q"]);
    let line = "transform --single-file --show -q";
    let arguments: Vec<&str> = line.split(' ').collect();
    let whole = world.done(&arguments).stdout;
    assert_eq!(whole.lines().count(), 23, "{whole}");
    // The terminal is wide enough for all eleven columns, then for most of them, then for few.
    let widest = whole.lines().skip(1).map(|line| line.chars().count()).max();
    let widest = u16::try_from(widest.unwrap()).unwrap();
    let wide = shown(&world, line, widest, &[]);
    assert_eq!((wide.code, &wide.text), (0, &whole));
    let most = shown(&world, line, 190, &[]).text;
    assert!(
        most.contains("of 11 columns, for which the terminal is too narrow"),
        "{most}"
    );
    assert_eq!(most.lines().count(), 23, "{most}");
    let few = shown(&world, line, 70, &[]).text;
    assert_eq!(few.matches("  nome_associado:").count(), 20, "{few}");
    assert_eq!(few.lines().count(), 1 + 20 * 12, "{few}");
    for (text, width) in [(most, 190), (few.clone(), 70)] {
        let rows = text.lines().skip(1);
        assert!(
            rows.map(|line| line.chars().count()).max() <= Some(width),
            "{text}"
        );
    }
    // Without a terminal, COLUMNS may say how wide the output is.
    let piped = finish(world.command(&arguments).env("COLUMNS", "70"));
    assert_eq!(piped.stdout, few);
}

#[test]
fn a_terminal_is_told_of_each_table_once() {
    let world = World::new();
    let generate = shown(&world, "generate --associates 20", 100, &[]).text;
    assert!(generate.contains("adding keys"), "{generate}");
    let transform = shown(&world, "transform", 100, &[]).text;
    for (text, word) in [(&generate, "copied"), (&transform, "read")] {
        assert!(!text.contains(&format!("{word} table=")), "{text}");
        assert!(!text.contains(&format!("{word}\u{1b}")), "{text}");
    }
    let is_row = |line: &str| line.starts_with(" read ") && line.contains(" movimento ");
    assert!(transform.lines().any(is_row), "{transform}");
    let piped = world.done(&["transform"]).stderr;
    assert!(piped.contains("read table=\"movimento\""), "{piped}");
}

#[test]
fn the_help_of_a_command_begins_with_its_own_arguments() {
    let world = World::new();
    for (command, headings) in [
        (
            "transform",
            &[
                "Models:",
                "Output:",
                "Files:",
                "Source:",
                "Spark:",
                "Connection:",
            ][..],
        ),
        ("adopt", &["Arguments:", "Options:"]),
        ("load", &["Files:", "Rejects:", "Loading:", "Connection:"]),
        ("generate", &["Rows:", "Loading:", "Files:", "Connection:"]),
        (
            "pipeline",
            &[
                "Output:",
                "Files:",
                "Source:",
                "Rows:",
                "Loading:",
                "Connection:",
            ],
        ),
        ("verify", &["Arguments:", "Comparison:", "Connection:"]),
        (
            "query",
            &["Arguments:", "Options:", "Files:", "Source:", "Connection:"],
        ),
        ("init", &["Arguments:", "Options:", "Connection:"]),
        ("check", &["Options:", "Connection:"]),
    ] {
        for short in ["--help", "-h"] {
            let help = world.done(&[command, short]).stdout;
            let is_heading = |line: &&str| line.ends_with(':') && !line.starts_with(' ');
            let mut found: Vec<&str> = help.lines().filter(is_heading).collect();
            found.retain(|heading| !heading.starts_with("Dialect"));
            let expected = [headings, &["Every command:", "Examples:"]].concat();
            assert_eq!(found, expected, "{help}");
        }
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let world = World::new();
    world.done(&["generate", "--associates", "20", "-q"]);
    // Log lines and a summary; an error of ours; an error of clap; clap's help.
    for (line, code) in [
        ("transform", 0),
        ("transform --dataset nowhere", 2),
        ("transform --nothing", 2),
        ("transform --help", 0),
    ] {
        let coloured = |variables: &[(&str, &str)]| {
            let shown = shown(&world, line, 120, variables);
            assert_eq!(shown.code, code, "{line}: {}", shown.text);
            if code == 2 {
                assert_eq!(shown.text.matches("error:").count(), 1, "{}", shown.text);
                assert!(
                    shown.text.contains("For more information, try "),
                    "{}",
                    shown.text
                );
            }
            is_coloured(&shown.text)
        };
        assert!(coloured(&[]), "{line}");
        assert!(coloured(&[("NO_COLOR", "")]), "{line}");
        assert!(!coloured(&[("NO_COLOR", "1")]), "{line}");
        assert!(!coloured(&[("TERM", "dumb")]), "{line}");
        let dumb = shown(&world, line, 120, &[("TERM", "dumb")]).text;
        assert!(!dumb.contains('\u{1b}'), "{line}: {dumb}");
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut piped = world.command(&arguments);
        let piped = finish(piped.env("TERM", "xterm-256color"));
        assert!(!piped.stdout.contains('\u{1b}') && !piped.stderr.contains('\u{1b}'));
    }
    let error = shown(&world, "transform --dataset nowhere", 120, &[]).text;
    assert!(
        error.contains("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "),
        "{error:?}"
    );
    let plain = bare_command(world.folder.path(), &["transform", "--dataset", "nowhere"]);
    let error = finish(&mut { plain }).stderr;
    assert!(error.starts_with("error: "), "{error}");
    assert!(
        error.ends_with("\n\nFor more information, try 'extrato transform --help'.\n"),
        "{error}"
    );
}
