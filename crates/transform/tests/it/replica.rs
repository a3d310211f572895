//! A streaming replica as the source of tables.

use std::thread;

use database::{Cancel, Settings};
use dataset::failure::{Failure, Kind};
use testkit::{Database, Server, Wire, contents_of, wait_until};
use transform::{Layout, Options, Report};

use crate::world::World;

/// A primary with rows, and its replica.
struct Pair {
    world: World,
    // The replica is dropped before its primary.
    replica: Server,
    _primary: Server,
}

impl Pair {
    fn new(configuration: &str) -> Self {
        let primary = Server::start();
        let replica = primary.replica(configuration);
        let world = World::of_cards_in(Database::create_on(&primary.settings()));
        world.fill(100, 60_000);
        Self {
            world,
            replica,
            _primary: primary,
        }
    }

    /// The settings to connect to the replica, once it has everything that the primary has.
    fn settings(&self) -> Settings {
        let mut primary = self.world.database.connect();
        let query = "SELECT pg_current_wal_insert_lsn()::text";
        let written: String = primary.query_one(query, &[]).unwrap().get(0);
        // A new record makes the primary send what waits in its buffers.
        primary.batch_execute("SELECT pg_switch_wal()").unwrap();
        self.wait_until(&format!("SELECT pg_last_wal_replay_lsn() >= '{written}'"));
        let name = self.world.database.settings().database().to_owned();
        self.replica.settings().with_database(&name)
    }

    fn wait_until(&self, query: &str) {
        wait_until(&self.replica.settings(), query);
    }
}

fn run(settings: &Settings, options: &Options) -> anyhow::Result<Report> {
    transform::run(settings, options, &Cancel::default())
}

#[test]
fn a_replica_gives_what_its_primary_gives() {
    let pair = Pair::new("");
    let replica = pair.settings();
    let mut session = replica.connect(&Cancel::default()).unwrap();
    let row = session.query_one("SELECT pg_is_in_recovery()", &[]);
    assert!(row.unwrap().get::<_, bool>(0));
    for (layout, files) in [(Layout::SingleFile, 1), (Layout::Declared, 100)] {
        for parts in [1, 2] {
            let from = |settings: &Settings| {
                let out = tempfile::tempdir().unwrap();
                let mut options = pair.world.options(layout.clone());
                (options.max_connections, options.out) = (parts, out.path().into());
                let report = run(settings, &options).unwrap();
                assert_eq!(report.models[0].rows, 60_000);
                let mut contents = contents_of(out.path());
                contents
                    .retain(|path, _| path.extension().is_some_and(|extension| extension == "csv"));
                contents
            };
            let (replicas, primarys) = (from(&replica), from(&pair.world.database.settings()));
            assert_eq!(replicas.len(), files, "{layout:?}");
            assert!(replicas == primarys, "{layout:?} over {parts} parts");
        }
    }
}

#[test]
fn a_replica_that_puts_its_primarys_changes_first_ends_the_run_and_says_which_options_help() {
    let pair = Pair::new("max_standby_streaming_delay = 0");
    for change in [
        &[
            "DELETE FROM cards.movimento WHERE id % 2 = 0",
            "VACUUM cards.movimento",
        ][..],
        &["TRUNCATE cards.movimento"],
    ] {
        let wire = Wire::to(&pair.settings());
        wire.hold_before("FROM \"cards\".\"movimento\"");
        let settings = wire.settings();
        let error = thread::scope(|scope| {
            let run = scope.spawn(|| run(&settings, &pair.world.options(Layout::SingleFile)));
            wire.while_held(2, || {
                let mut primary = pair.world.database.connect();
                for statement in change {
                    primary.batch_execute(statement).unwrap();
                }
                pair.wait_until(
                    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity
                                        WHERE state = 'idle in transaction' AND query NOT LIKE 'BEGIN%')",
                );
            });
            run.join().unwrap().expect_err("put behind")
        });
        let message = format!("{error:#}");
        assert_eq!(
            Failure::kind_of(&error),
            Some(Kind::Connection),
            "{message}"
        );
        for part in [
            "replica",
            "max_standby_streaming_delay",
            "hot_standby_feedback",
        ] {
            assert!(message.contains(part), "{change:?}: {message} lacks {part}");
        }
        assert!(pair.world.published().is_empty(), "{change:?}");
    }
}

#[test]
fn an_unlogged_table_is_refused_by_name_since_no_replica_has_its_rows() {
    let pair = Pair::new("");
    pair.world.sql("ALTER TABLE conta SET UNLOGGED");
    let error =
        run(&pair.settings(), &pair.world.options(Layout::SingleFile)).expect_err("unlogged");
    let message = format!("{error:#}");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch), "{message}");
    for part in ["`conta`", "unlogged", "primary"] {
        assert!(message.contains(part), "{message} lacks {part}");
    }
    assert!(pair.world.published().is_empty());
}

#[test]
fn results_cannot_be_written_back_into_a_replica() {
    let pair = Pair::new("");
    let options = Options {
        to_postgres: Some("results".to_owned()),
        ..pair.world.options(Layout::SingleFile)
    };
    let error = run(&pair.settings(), &options).expect_err("refused");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Connection));
    let message = error.to_string();
    assert!(
        message.contains("is a replica") && message.contains("--to-postgres"),
        "{message}"
    );
    assert_eq!(pair.world.published().len(), 0);
}
