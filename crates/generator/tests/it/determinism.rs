//! The same seed gives the same rows.

use generator::Mode;
use testkit::Database;

use crate::{digests, generated, options};

#[test]
fn rows_are_the_same_whatever_the_number_of_workers() {
    let database = Database::create();
    let mut client = database.connect();
    let mut all = Vec::new();
    for workers in [1, 2, 4] {
        let schema = format!("with_{workers}");
        let mut options = options(3_000, Mode::Fresh);
        (options.workers, options.schema) = (workers, schema.clone());
        let report = generated(&database, &options);
        let digests = digests(&mut client, &schema);
        assert_eq!(digests[0].1, 3_000);
        for (table, (name, rows, _)) in report.tables.iter().zip(&digests) {
            assert_eq!((table.table, table.rows), (name.as_str(), *rows as u64));
        }
        all.push(digests);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
}

#[test]
fn another_seed_gives_other_rows() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(200, Mode::Fresh));
    let before = digests(&mut client, "cards");
    let mut other = options(200, Mode::Replace);
    other.seed = Some(43);
    generated(&database, &other);
    let after = digests(&mut client, "cards");
    assert_eq!((before[0].1, after[0].1), (200, 200));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.0, after.0);
        assert_ne!(before.2, after.2, "{}", before.0);
    }
}

/// A digest that other machines must reach too. When rows are changed on purpose, `VERSION` changes
/// with them, and this.
#[test]
fn the_rows_of_the_default_seed_are_those_of_this_version() {
    let database = Database::create();
    let mut client = database.connect();
    let report = generated(&database, &options(1_000, Mode::Fresh));
    assert_eq!(generator::VERSION, 1);
    assert_eq!(report.tables[0].rows, 1_000);
    assert!(
        (95_000..=105_000).contains(&report.tables[3].rows),
        "{}",
        report.tables[3].rows
    );
    let digests: Vec<_> = digests(&mut client, "cards")
        .into_iter()
        .map(|(.., digest)| digest)
        .collect();
    assert_eq!(
        digests,
        [
            "e94e630148f3244b7e4d4aed646e4677",
            "1cf0da4be7fd48f10364ee5a69934449",
            "923190c2eaac0793d83c356b39a1b97e",
            "561e3b55ca923139e5a0a62ed0c4e00f",
        ]
    );
}
