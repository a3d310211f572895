//! Runs what docs/nightly.md says, as it stands there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use testkit::blocks;

use crate::program::{Finished, World, finish};

fn page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/nightly.md");
    fs::read_to_string(page).expect("docs/nightly.md")
}

/// The commands in the last column of the page's table of alerts.
fn alerts(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.ends_with("` |"));
    let commands = rows.filter_map(|row| row.trim_end_matches("` |").split_once("`jq "));
    commands
        .map(|(_, command)| format!("jq {}", command.replace("\\|", "|")))
        .collect()
}

fn run(world: &World, script: &str) -> Finished {
    finish(&mut world.shell(script))
}

#[test]
fn the_commands_of_the_page_run_and_its_alerts_tell_a_good_night_from_a_bad_one() {
    let page = page();
    let world = World::new();
    let shell: Vec<_> = blocks(&page)
        .filter(|block| block.language == "sh")
        .map(|block| block.text)
        .collect();
    let [files, steps, again] = shell[..] else {
        panic!("docs/nightly.md has other blocks");
    };
    let night = run(&world, &format!("{files}\n{steps}\n{again}"));
    assert_eq!(night.code, 0, "{}", night.stderr);
    fs::rename(world.path("nights"), world.path("before")).unwrap();
    let day = fs::read_dir(world.path("before"))
        .unwrap()
        .flatten()
        .next()
        .unwrap();
    fs::rename(day.path(), world.path("nights")).unwrap();
    let alerts = alerts(&page);
    assert_eq!(alerts.len(), 6, "{alerts:?}");
    let told = |alert: &str, before: &str, night: &str| -> String {
        let ended = run(&world, &format!("before={before}; night={night}; {alert}"));
        assert_eq!(ended.code, 0, "{alert}: {}", ended.stderr);
        ended.stdout.trim_end().to_owned()
    };
    let all_told = |before: &str, night: &str| -> Vec<String> {
        let alerts = alerts.iter();
        alerts.map(|alert| told(alert, before, night)).collect()
    };
    let number = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{text}"));
    let good = all_told("nights", "nights");
    assert_eq!(good[..3], ["true", "", "0"]);
    assert!((0.0..1.0).contains(&number(&good[3])), "{good:?}");
    assert_eq!(good[4], "0");
    let seconds: Vec<_> = good[5].lines().map(number).collect();
    assert!(seconds.len() == 2 && seconds[0] > 0.0, "{seconds:?}");

    // Half of the lines are gone, and one belongs to no order.
    let file = world.path("files/Sales.SalesOrderDetail.csv");
    let lines = fs::read_to_string(&file).unwrap();
    let half: Vec<&str> = lines.lines().take(lines.lines().count() / 2).collect();
    let (first, rest) = half.last().unwrap().split_once(';').unwrap();
    assert!(first.parse::<u32>().is_ok(), "{first}");
    fs::write(&file, format!("{}\n9999999;{rest}\n", half.join("\n"))).unwrap();
    let bad = run(&world, steps);
    assert_eq!(bad.code, 0, "{}", bad.stderr);
    let entries = fs::read_dir(world.path("nights")).unwrap().flatten();
    let mut folders = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    let tonight = folders.next().unwrap();
    let verified = tonight.join("verify.json");
    let (tonight, verified) = (tonight.to_str().unwrap(), verified.to_str().unwrap());
    let bad = all_told("nights", tonight);
    assert_eq!(bad[0], "true");
    assert_eq!(
        bad[1],
        "orders_with_three_lines\nquantity_per_product_and_date"
    );
    assert!(number(&bad[2]) > 0.0, "{bad:?}");
    // One step has not begun, and another one failed.
    fs::remove_file(verified).unwrap();
    assert_eq!(told(&alerts[0], "nights", tonight), "false");
    let nowhere = world.run(&["verify", "nowhere", "--json-to", verified]);
    assert_eq!(nowhere.code, 2);
    assert_eq!(told(&alerts[0], "nights", tonight), "false");
}

#[test]
fn what_is_tried_again_is_the_same_everywhere() {
    // These are all kinds of failure, in the order of their codes.
    let again: BTreeSet<u8> = [3, 5, 6].into();
    let codes = |text: &str| -> BTreeSet<u8> {
        let words = text.split(|c: char| !c.is_ascii_digit());
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let part = |path: &str, from: &str, to: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path);
        let text = fs::read_to_string(&path).unwrap();
        let (_, rest) = text
            .split_once(from)
            .unwrap_or_else(|| panic!("{}: {from}", path.display()));
        codes(rest.split_once(to).unwrap().0)
    };
    let dag = "deploy/airflow/extrato_nightly.py";
    let page = "docs/nightly.md";
    assert_eq!(part(dag, "\nAGAIN = {", "}"), again);
    assert_eq!(
        part(page, "| exit code | | |\n| --- | --- | --- |\n", "| again"),
        again
    );
    assert_eq!(part(page, "    case $code in\n", ")"), again);
    assert_eq!(part(page, "run.returncode in (", ")"), again);
    assert_eq!(part(page, "return code in (", ")"), again);
    let never: BTreeSet<u8> = (1..=8).filter(|code| !again.contains(code)).collect();
    let job = "deploy/kubernetes/cronjob.yaml";
    assert_eq!(
        part(job, "onExitCodes: { operator: In, values: [", "]"),
        never
    );
}
