//! Continuing what an earlier run made.

use database::Cancel;
use dataset::failure::{Failure, Kind};
use generator::{Mode, Options, generate, recorded};
use testkit::Database;

use crate::{count, digests, generated, options, seeded, value};

#[test]
fn appending_gives_the_same_rows_as_generating_all_at_once() {
    let database = Database::create();
    let mut client = database.connect();
    let mut at_once = options(1_000, Mode::Fresh);
    (at_once.schema, at_once.asked) = ("at_once".to_owned(), seeded(7));
    generated(&database, &at_once);

    // Neither step ends where a block of associates does.
    generated(
        &database,
        &Options {
            asked: seeded(7),
            ..options(301, Mode::Fresh)
        },
    );
    let report = generated(&database, &options(599, Mode::Append));
    assert_eq!((report.tables[0].rows, report.seed), (599, 7));
    generated(
        &database,
        &Options {
            asked: seeded(7),
            ..options(100, Mode::Append)
        },
    );

    let expected = digests(&mut client, "at_once");
    assert_eq!(expected[0].1, 1_000);
    assert_eq!(digests(&mut client, "cards"), expected);
    let (once, steps) = (
        recorded(&mut client, "at_once"),
        recorded(&mut client, "cards"),
    );
    let once = once.expect("readable").expect("recorded");
    assert_eq!(once.highest["associado"], 1_000);
    assert_eq!(once.highest["movimento"] as i64, expected[3].1);
    assert_eq!(Some(once), steps.expect("readable"));
}

#[test]
fn appending_to_what_cannot_be_continued_is_refused_and_changes_nothing() {
    let database = Database::create();
    let mut client = database.connect();
    let refused = |options: &Options, expected: &str| {
        let error =
            generate(&database.settings(), options, &Cancel::default()).expect_err("refused");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
        assert!(
            error.to_string().contains(expected),
            "{error:#} lacks {expected}"
        );
    };
    let append = options(10, Mode::Append);
    refused(&append, "nothing to append to");

    generated(&database, &options(50, Mode::Fresh));
    let before = digests(&mut client, "cards");
    refused(
        &Options {
            asked: seeded(43),
            ..append.clone()
        },
        "seed 42, not 43",
    );
    client
        .batch_execute("UPDATE cards.extrato_generation SET version = 99")
        .expect("updated");
    refused(&append, "version of the generator 99");
    client
        .batch_execute(&format!(
            "UPDATE cards.extrato_generation SET version = {}",
            generator::VERSION
        ))
        .expect("updated");
    for (change, back) in [
        ("idade TYPE real", "idade TYPE integer"),
        ("idade TYPE bigint", "idade TYPE integer"),
    ] {
        let alter = |what: &str| format!("ALTER TABLE cards.associado ALTER {what}");
        client.batch_execute(&alter(change)).expect("altered");
        refused(&append, "column idade is");
        client.batch_execute(&alter(back)).expect("altered");
    }
    client
        .batch_execute(
            "DELETE FROM cards.movimento WHERE id = (SELECT max(id) FROM cards.movimento)",
        )
        .expect("deleted");
    refused(&append, "cards.movimento was changed");

    let after = digests(&mut client, "cards");
    assert_eq!(before[..3], after[..3]);
    assert_eq!(before[3].1, after[3].1 + 1);
}

#[test]
fn an_append_that_fails_midway_leaves_the_rows_as_they_were() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(50, Mode::Fresh));
    let before = digests(&mut client, "cards");
    // Accounts and associates come in first; then a card meets this.
    client
        .batch_execute("ALTER TABLE cards.cartao ADD CHECK (id_associado <= 50)")
        .expect("a check");
    let error = generate(
        &database.settings(),
        &options(100, Mode::Append),
        &Cancel::default(),
    )
    .expect_err("the check fails");
    assert_eq!(
        database::exit_code(&error),
        Kind::Refused.exit_code(),
        "{error:#}"
    );
    assert!(format!("{error:#}").contains("cards.cartao"), "{error:#}");
    assert_eq!(count(&mut client, "cards.associado"), 50);
    assert_eq!(digests(&mut client, "cards"), before);
    let highest: i64 = value(
        &mut client,
        "SELECT highest_id FROM cards.extrato_generation WHERE table_name = 'associado'",
    );
    assert_eq!(highest, 50);
}
