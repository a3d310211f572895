//! Adds keys, indexes, foreign keys and statistics once the rows are in.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use anyhow::Context;
use database::Cancel;
use database::catalogue::identifier::{qualified, quoted};
use postgres::Client;

use crate::table::RowSource;
use crate::to_database::worker_connection::WorkerConnection;

/// Runs the statements of a `constraints.sql` in `schema`. Neighbouring statements that create indexes run at the same time,
/// spread over all `connections` (at least one); all others run in their order.
///
/// # Errors
/// The server's error, with the statement.
pub(crate) fn add(
    connections: &mut [WorkerConnection<'_>],
    schema: &str,
    constraints_sql: &str,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    for group in groups(constraints_sql) {
        let queue = Mutex::new(group.into_iter());
        let next = || {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.next()
        };
        thread::scope(|scope| {
            let running: Vec<_> = connections
                .iter_mut()
                .map(|connection| {
                    scope.spawn(|| {
                        while let Some(statement) = next() {
                            cancel.check()?;
                            run(connection, schema, statement).with_context(|| {
                                format!("cannot run this in schema {schema}: {statement}")
                            })?;
                        }
                        anyhow::Ok(())
                    })
                })
                .collect();
            running.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
            })
        })?;
    }
    Ok(())
}

/// Runs a statement in which names without a schema mean `schema`.
fn run(connection: &mut WorkerConnection<'_>, schema: &str, statement: &str) -> anyhow::Result<()> {
    connection.begin()?;
    let path = format!("SET LOCAL search_path TO {}", quoted(schema));
    connection.client().batch_execute(&path)?;
    connection.client().batch_execute(statement)?;
    Ok(connection.commit()?)
}

/// Collects the planner's statistics of the tables of `source`.
pub(crate) fn analyze(
    client: &mut Client,
    schema: &str,
    source: &dyn RowSource,
) -> anyhow::Result<()> {
    let tables = source.tables().iter();
    let tables: Vec<_> = tables.map(|table| qualified(schema, table.name)).collect();
    client
        .batch_execute(&format!("ANALYZE {}", tables.join(", ")))
        .with_context(|| format!("cannot analyze the tables in schema {schema}"))
}

/// Splits an SQL text into statements, in groups that may run at the same time. A statement ends with a semicolon
/// at the end of a line.
fn groups(sql: &str) -> Vec<Vec<&str>> {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let mut indexes = false;
    for statement in sql.split_inclusive(";\n") {
        let first_line = statement
            .lines()
            .find(|line| !line.trim().is_empty() && !line.starts_with("--"));
        let Some(first_line) = first_line else {
            continue;
        };
        let index = ["CREATE INDEX", "CREATE UNIQUE INDEX"]
            .iter()
            .any(|words| first_line.to_uppercase().starts_with(words));
        // An error should show the statement without the comments before it.
        let start = first_line.as_ptr() as usize - statement.as_ptr() as usize;
        let statement = statement[start..].trim();
        match groups.last_mut() {
            Some(group) if index && indexes => group.push(statement),
            _ => groups.push(vec![statement]),
        }
        indexes = index;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_that_follow_each_other_are_one_group() {
        let sql = "-- Why.\nCREATE UNIQUE INDEX a\n  ON t (a);\ncreate index ON t (b);\n\n\
                   ALTER TABLE t\n  ADD CHECK (c <> ';');\nALTER TABLE t ADD x;\nCREATE INDEX ON t (c);\n";
        assert_eq!(
            groups(sql),
            [
                vec![
                    "CREATE UNIQUE INDEX a\n  ON t (a);",
                    "create index ON t (b);"
                ],
                vec!["ALTER TABLE t\n  ADD CHECK (c <> ';');"],
                vec!["ALTER TABLE t ADD x;"],
                vec!["CREATE INDEX ON t (c);"],
            ]
        );
        assert_eq!(groups("SELECT 1"), [vec!["SELECT 1"]]);
        assert!(groups("\n-- Nothing.\n").is_empty());
    }
}
