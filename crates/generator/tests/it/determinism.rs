//! The same seed gives the same rows.

use database::Connection;
use generator::{Mode, Options, Storage, layouts};
use testkit::Database;

use crate::{digests, generated, options, options_of, seeded, value};

#[test]
fn rows_are_the_same_whatever_the_number_of_workers() {
    let database = Database::create();
    let mut client = database.connect();
    let mut all = Vec::new();
    for workers in [1, 2, 8] {
        let schema = format!("with_{workers}");
        let mut options = options(3_000, Mode::Fresh);
        (options.workers, options.schema) = (Some(workers), schema.clone());
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
    other.asked = seeded(43);
    generated(&database, &other);
    let after = digests(&mut client, "cards");
    assert_eq!((before[0].1, after[0].1), (200, 200));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.0, after.0);
        assert_ne!(before.2, after.2, "{}", before.0);
    }
}

/// The digest must be the same on other machines too. When rows are changed on purpose, `VERSION` and
/// this digest change with them.
#[test]
fn the_rows_of_the_default_seed_are_those_of_this_version() {
    let database = Database::create();
    let mut client = database.connect();
    let report = generated(&database, &options(1_000, Mode::Fresh));
    assert_eq!(generator::VERSION, 2);
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
            "766ca36bac1ff9427dc121fe4bf45ea18ec76c6e4fde0718d87222276ddd37ea",
            "928bfb1bc654023063451d5d40eb9ca6500923523d1e53430cc2a0e587005f4e",
            "bdab2265df41f2b124b9d664c35941069f968645d8d3eb1575666753fc1a507d",
            "d08fd5619b8fb541737ecb7c1287c067d8c41c8f397a86f6e369e4ced6b5aa0b",
        ]
    );
}

/// Rows and SHA-256 of all tables of a dataset.
fn digest(client: &mut Connection, dataset: &str, schema: &str) -> (i64, String) {
    let tables = layouts(dataset).expect("known").iter();
    let rows: Vec<_> = tables
        .map(|table| {
            format!(
                "SELECT '{name}' || r::text AS t FROM {schema}.{name} r",
                name = table.name
            )
        })
        .collect();
    let query = format!(
        "SELECT count(*) || ' ' || encode(sha256(convert_to(string_agg(t, E'\\n' ORDER BY t COLLATE \"C\"), 'UTF8')), 'hex')
         FROM ({}) x",
        rows.join(" UNION ALL ")
    );
    let text: String = value(client, &query);
    let (rows, digest) = text.split_once(' ').expect("two words");
    (rows.parse().expect("a number"), digest.to_owned())
}

/// The digests, like those of the cards, must be the same on other machines too.
#[test]
fn rows_of_the_other_datasets_are_those_of_this_version_whatever_the_workers_and_the_storage() {
    let database = Database::create();
    let mut client = database.connect();
    client.batch_execute("SET timezone = 'UTC'").expect("set");
    for (dataset, size, rows, expected) in [
        (
            "sales",
            6_000,
            36_000..38_500,
            "e88aa42098584f2ecaf66c73926f404c7c265a6657c79c6d37035414cc74d386",
        ),
        (
            "hiring",
            40_000,
            40_192..40_193,
            "2773b3ecee8a853eafa5c4144ba12ec66390e5da4c6bca3a81e1961f457dcd72",
        ),
    ] {
        let ways = [(1, false), (2, true), (7, false)];
        let digests = ways.map(|(workers, freeze)| {
            let schema = format!("{dataset}_{workers}");
            let options = Options {
                schema: schema.clone(),
                workers: Some(workers),
                storage: Storage {
                    freeze,
                    unlogged: freeze,
                },
                ..options_of(dataset, size)
            };
            generated(&database, &options);
            digest(&mut client, dataset, &schema)
        });
        assert!(rows.contains(&digests[0].0), "{}", digests[0].0);
        assert_eq!(digests[0].1, expected);
        assert!(digests[1] == digests[0] && digests[2] == digests[0]);
        let other = Options {
            schema: "other".to_owned(),
            asked: seeded(43),
            mode: Mode::Replace,
            ..options_of(dataset, size)
        };
        generated(&database, &other);
        assert_ne!(digest(&mut client, dataset, "other").1, digests[0].1);
        client
            .batch_execute("DROP SCHEMA other CASCADE")
            .expect("dropped");
    }
}
