//! The load on the source, as its own log and statistics tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use database::Cancel;
use dataset::failure::Kind;
use testkit::{Database, Server, Wire};
use transform::Layout;

use crate::world::World;

/// Begins each entry of the log, and separates the session's name and number in it.
const MARK: char = '\u{1d}';

/// A statement that the server was asked to run.
struct Asked {
    application: String,
    session: u32,
    statement: String,
}

/// The statements in a log whose prefix is `MARK application MARK session MARK`.
fn statements(log: &str) -> Vec<Asked> {
    log.split(&format!("\n{MARK}"))
        .filter_map(|entry| {
            let mut fields = entry.trim_start_matches(MARK).splitn(3, MARK);
            let (application, session) = (fields.next()?, fields.next()?);
            let message = fields.next()?.strip_prefix("LOG:  ")?;
            let (how, statement) = message.split_once(": ")?;
            (how == "statement" || how.starts_with("execute ")).then(|| Asked {
                application: application.to_owned(),
                session: session.parse().expect("a process's number"),
                statement: statement.to_owned(),
            })
        })
        .collect()
}

/// A statement that reads plain columns of a table, with the blocks that it reads.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Read {
    table: String,
    /// `None` for the end of the table.
    blocks: (u32, Option<u32>),
}

/// Parses `COPY (SELECT columns FROM "cards"."table" [WHERE ctid >= '(n,0)' [AND ctid < '(n,0)']]) TO STDOUT (FORMAT binary)`;
/// `None` for any other statement.
fn plain_read(statement: &str) -> Option<Read> {
    let select = statement
        .strip_prefix("COPY (SELECT ")?
        .strip_suffix(") TO STDOUT (FORMAT binary)")?;
    let (columns, from) = select.split_once(" FROM \"cards\".\"")?;
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let is_column = |text: &str| {
        let quoted = text.strip_suffix("::text").unwrap_or(text);
        let name = quoted
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        name.is_some_and(is_name)
    };
    let (table, condition) = from.split_once('"')?;
    if !columns.split(", ").all(is_column) || !is_name(table) {
        return None;
    }
    let block = |text: &str| text.strip_suffix(",0)'")?.parse::<u32>().ok();
    let blocks = match condition.strip_prefix(" WHERE ctid >= '(") {
        None if condition.is_empty() => (0, None),
        None => return None,
        Some(range) => match range.split_once(" AND ctid < '(") {
            Some((from, to)) => (block(from)?, Some(block(to)?)),
            None => (block(range)?, None),
        },
    };
    Some(Read {
        table: table.to_owned(),
        blocks,
    })
}

/// How many tuples the server has read of each table, by scans and by an index.
fn tuples_read(world: &World) -> BTreeMap<String, (i64, i64)> {
    // A session adds its figures to the server's when it ends, at the latest.
    world.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'",
    );
    let mut client = world.database.connect();
    let query =
        "SELECT relname::text, seq_tup_read, coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables";
    let rows = client.query(query, &[]).unwrap();
    rows.iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect()
}

#[test]
fn the_server_only_reads_each_table_once_and_neither_joins_sorts_nor_aggregates() {
    let server = Server::start();
    server.configure(&format!(
        "log_statement = 'all'\nlog_line_prefix = '{MARK}%a{MARK}%p{MARK}'\nautovacuum = off"
    ));
    let world = World::of_cards_in(Database::create_on(&server.settings()));
    world.fill(40_000, 60_000);
    let before = tuples_read(&world);
    let logged = server.log().len();
    let mut options = world.options(Layout::SingleFile);
    options.max_connections = 4;
    world.try_transform(&options).unwrap();
    let asked = statements(&server.log()[logged..]);

    assert!(asked.iter().all(|asked| asked.application == "extrato"));
    let tables: Vec<&str> = world
        .dataset
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    let mut reads: BTreeMap<String, BTreeSet<Read>> = BTreeMap::new();
    let mut reading_only = BTreeSet::new();
    for Asked {
        session, statement, ..
    } in &asked
    {
        if statement.starts_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") {
            reading_only.insert(session);
        } else if statement == "COMMIT" {
            reading_only.remove(session);
        }
        // Asking who holds a lock on a table is not reading the table.
        let asks_for_locks = statement.contains("FROM pg_locks");
        if asks_for_locks || !tables.iter().any(|table| statement.contains(table)) {
            continue;
        }
        assert!(reading_only.contains(session), "may write: {statement}");
        if statement.starts_with("LOCK TABLE ")
            && statement.ends_with(" IN ACCESS SHARE MODE NOWAIT")
        {
            continue;
        }
        let read = plain_read(statement).unwrap_or_else(|| panic!("no plain read: {statement}"));
        let of_table = reads.entry(read.table.clone()).or_default();
        assert!(of_table.insert(read), "read twice: {statement}");
    }

    assert!(
        reads
            .keys()
            .eq(["associado", "cartao", "conta", "movimento"])
    );
    for (table, parts) in &reads {
        let mut next = Some(0);
        for part in parts {
            assert_eq!(
                Some(part.blocks.0),
                next,
                "{table} has a gap or an overlap: {parts:?}"
            );
            next = part.blocks.1;
        }
        assert_eq!(next, None, "{table} ends early: {parts:?}");
    }
    assert_eq!(reads["movimento"].len(), 3);

    // The server's own counts agree: each row was read once, and none was looked up.
    let after = tuples_read(&world);
    for (table, rows) in [
        ("associado", 40_000),
        ("conta", 40_000),
        ("cartao", 40_000),
        ("movimento", 60_000),
    ] {
        assert_eq!(after[table].0 - before[table].0, rows, "{table}");
        assert_eq!(after[table].1 - before[table].1, 0, "{table}");
    }
}

#[test]
fn timeouts_that_an_administrator_set_for_others_end_no_session_of_ours() {
    let world = World::with_rows(100, 60_000);
    let name = world.database.settings().database().to_owned();
    for timeout in [
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
    ] {
        world.sql(&format!("ALTER DATABASE {name} SET {timeout} = '50ms'"));
    }
    let wire = Wire::to(&world.database.settings());
    wire.hold_after("FROM \"cards\".\"movimento\"", 100_000);
    let report = thread::scope(|scope| {
        let options = world.options(Layout::SingleFile);
        let settings = wire.settings();
        let run = scope.spawn(move || transform::run(&settings, &options, &Cancel::default()));
        // Both readers are in their statements, and the holder of the snapshot is idle, for several times as long as allowed.
        wire.while_held(2, || {
            world.wait_until(
                "SELECT count(*) = 3 FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()
                   AND clock_timestamp() - state_change > interval '200 ms'
                   AND (query LIKE 'COPY%' AND state = 'active' OR state = 'idle in transaction')",
            );
        });
        run.join().unwrap()
    });
    assert_eq!(report.unwrap().models[0].rows, 60_000);
}

#[test]
fn a_view_that_would_write_is_refused_since_the_sessions_may_only_read() {
    let world = World::with_rows(3, 10);
    world.sql(
        "CREATE SEQUENCE visto; ALTER TABLE associado RENAME TO associado_real;
         CREATE VIEW associado AS SELECT * FROM associado_real WHERE nextval('visto') > 0",
    );
    let (kind, message) = world.refused(Layout::Declared);
    assert_eq!(kind, Kind::Connection, "{message}");
    assert!(message.contains("read-only transaction"), "{message}");
    world.wait_until("SELECT NOT is_called FROM cards.visto");
}
