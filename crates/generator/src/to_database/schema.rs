//! The two schemas of a fresh load: it builds in a schema of its own and moves everything into the target once all is complete,
//! so the target is either as it was before or holds the whole dataset.

use anyhow::Context;
use database::catalogue::identifier::{literal, qualified, quoted};
use database::{Cancel, Settings, transaction};
use dataset::Dataset;
use dataset::failure::Kind;
use postgres::Client;
use postgres::error::SqlState;
use postgres::types::Type;

const LOADING_PREFIX: &str = "extrato_loading_";
/// The comment on a schema that a load is built in. A schema with this comment may be dropped.
const MARK: &str = "extrato generate is building here";
/// How many bytes a target's name may have: Postgres cuts names off at 63 bytes.
const LONGEST_NAME_BYTES: usize = 63 - LOADING_PREFIX.len();

/// The name of the schema in which the rows for `target` are built.
///
/// # Errors
/// [`Kind::Usage`] if the target's name leaves no room for the prefix, or is Postgres's own.
pub(crate) fn loading_name(target: &str) -> anyhow::Result<String> {
    if target.starts_with("pg_") || target == "information_schema" {
        return Err(Kind::Usage.error(format!(
            "schema {target} is one of Postgres's own: name another with --schema"
        )));
    }
    if target.starts_with(LOADING_PREFIX) {
        return Err(Kind::Usage.error(format!(
            "schema {target}: names that begin with {LOADING_PREFIX} are those of unfinished loads; give another with \
             --schema"
        )));
    }
    if target.is_empty() || target.len() > LONGEST_NAME_BYTES {
        return Err(Kind::Usage.error(format!(
            "schema name `{target}` has {} bytes; give one of 1 to {LONGEST_NAME_BYTES} with --schema",
            target.len()
        )));
    }
    Ok(format!("{LOADING_PREFIX}{target}"))
}

/// Refuses a schema that holds anything, no matter who made it.
///
/// # Errors
/// [`Kind::Refused`] with the ways out.
pub(crate) fn check_empty(client: &mut Client, target: &str) -> anyhow::Result<()> {
    let found = client.query_opt(
        "SELECT name, count(*) OVER () FROM (
             SELECT relnamespace AS namespace, relname AS name FROM pg_class
             WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
             UNION ALL
             SELECT typnamespace, typname FROM pg_type WHERE typtype IN ('e', 'd')
         ) AS object
         WHERE namespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
         ORDER BY name LIMIT 1",
        &[&target],
    )?;
    let Some(row) = found else {
        return Ok(());
    };
    let (name, count): (&str, i64) = (row.get(0), row.get(1));
    let others = match count - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    Err(Kind::Refused.error(format!(
        "schema {target} already holds {name}{others}: --replace drops the dataset's own tables there, \
         --append adds to what an earlier generate made, --schema names another schema"
    )))
}

/// Checks, before any work, that the schemas can be created, or that the target can be written to.
///
/// # Errors
/// [`Kind::Connection`] with the GRANT that is missing.
pub(crate) fn check_rights(client: &mut Client, target: &str) -> anyhow::Result<()> {
    let row = client.query_one(
        "SELECT has_database_privilege(current_database(), 'CREATE'),
                coalesce((SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
                          FROM pg_namespace WHERE nspname = $1), true),
                current_user::text, current_database()::text",
        &[&target],
    )?;
    let (role, database): (&str, &str) = (row.get(2), row.get(3));
    let missing = |what: &str, grant: String| {
        Kind::Connection.error(format!(
            "role {role} may not create {what}: as its owner run {grant} TO {}",
            quoted(role)
        ))
    };
    if !row.get::<_, bool>(0) {
        let grant = format!("GRANT CREATE ON DATABASE {}", quoted(database));
        return Err(missing(&format!("schemas in database {database}"), grant));
    }
    if !row.get::<_, bool>(1) {
        let grant = format!("GRANT CREATE, USAGE ON SCHEMA {}", quoted(target));
        return Err(missing(&format!("tables in schema {target}"), grant));
    }
    Ok(())
}

/// How many more connections the server, the database and the role allow.
pub(crate) fn free_connections(client: &mut Client) -> anyhow::Result<usize> {
    let row = client.query_one(
        "SELECT least(
             current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                 - count(*),
             (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
                 - count(*) FILTER (WHERE datname = current_database()),
             (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = session_user)
                 - count(*) FILTER (WHERE usename = session_user))
         FROM pg_stat_activity WHERE backend_type = 'client backend'",
        &[],
    )?;
    Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or(0))
}

/// Creates the loading schema with the dataset's types and tables in it, in place of one that a dead run left, and returns
/// its oid. From then on, in the client's transaction, names without a schema mean the loading schema.
///
/// # Errors
/// [`Kind::Refused`] if there is a schema of that name that generate didn't make.
pub(crate) fn create_loading(
    client: &mut Client,
    loading: &str,
    dataset: &Dataset,
    unlogged: bool,
) -> anyhow::Result<u32> {
    let name = quoted(loading);
    let foreign = client.query_opt(
        "SELECT 1 FROM pg_namespace
         WHERE nspname = $1 AND obj_description(oid, 'pg_namespace') IS DISTINCT FROM $2",
        &[&loading, &MARK],
    )?;
    if foreign.is_some() {
        return Err(Kind::Refused.error(format!(
            "schema {loading}, in which the rows would be built, exists but was not left by an unfinished generate: \
             rename it or drop it, or name another target with --schema"
        )));
    }
    client
        .batch_execute(&format!(
            "SET LOCAL client_min_messages = warning; DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name};
             COMMENT ON SCHEMA {name} IS '{MARK}'; SET LOCAL search_path TO {name}"
        ))
        .with_context(|| format!("cannot create schema {loading}"))?;
    let mut statements = dataset.schema_sql.clone();
    if unlogged {
        for table in &dataset.tables {
            statements += &format!("ALTER TABLE {} SET UNLOGGED;", quoted(&table.name));
        }
    }
    client
        .batch_execute(&statements)
        .with_context(|| format!("cannot create the tables in schema {loading}"))?;
    Ok(oid_of(client, loading)?.unwrap_or_default())
}

fn oid_of(client: &mut Client, schema: &str) -> anyhow::Result<Option<u32>> {
    let query = "SELECT oid FROM pg_namespace WHERE nspname = $1";
    let row = client.query_typed_opt(query, &[(&schema, Type::TEXT)])?;
    Ok(row.map(|row| row.get(0)))
}

/// Checks that the loading schema is still the one with this oid: another run may have come between two transactions.
///
/// # Errors
/// [`Kind::Refused`] if it is another schema now.
pub(crate) fn check_same(client: &mut Client, loading: &str, oid: u32) -> anyhow::Result<()> {
    match oid_of(client, loading)? == Some(oid) {
        true => Ok(()),
        false => Err(Kind::Refused.error(format!(
            "another `generate` has taken schema {loading} in the meantime: wait until it ends, or name another schema"
        ))),
    }
}

/// Drops the loading schema with this oid after a failure, over a new connection if `client` can no longer be used.
pub(crate) fn drop_loading(settings: &Settings, client: &mut Client, loading: &str, oid: u32) {
    let statement = format!(
        "DO $$ BEGIN
             IF (SELECT oid FROM pg_namespace WHERE nspname = {name_of}) = {oid} THEN
                 EXECUTE format('DROP SCHEMA %I CASCADE', {name_of});
             END IF;
         END $$; COMMIT",
        name_of = literal(loading),
    );
    let drop = |client: &mut Client| -> anyhow::Result<()> {
        transaction::begin(client)?;
        Ok(client.batch_execute(&statement)?)
    };
    // A cancel request for an earlier statement may still reach this one.
    let again = |_| {
        let mut fresh = settings.connect(&Cancel::default())?;
        drop(&mut fresh)
    };
    let dropped = client.batch_execute("ROLLBACK").map_err(Into::into);
    if let Err(error) = dropped.and_then(|()| drop(client)).or_else(again) {
        tracing::warn!(
            "schema {loading} could not be dropped; the next `generate` drops it: {error:#}"
        );
    }
}

/// Moves everything out of the loading schema into the target and commits the client's transaction. With `replace`, the
/// target's tables and types of the same names are dropped first, but nothing that depends on them.
///
/// # Errors
/// [`Kind::Refused`] if something else in the database depends on what is to be replaced.
pub(crate) fn publish(
    client: &mut Client,
    loading: &str,
    target: &str,
    replace: bool,
) -> anyhow::Result<()> {
    let mut named = |query: &str, schema: &str| -> anyhow::Result<Vec<String>> {
        let rows = client.query_typed(query, &[(&schema, Type::TEXT)])?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    let tables_of = "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname = $1 AND relkind IN ('r', 'p') ORDER BY relname";
    let types_of = "SELECT typname FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace
         WHERE nspname = $1 AND typtype IN ('e', 'd') ORDER BY typname";
    let (tables, types) = (named(tables_of, loading)?, named(types_of, loading)?);

    let mut statements = Vec::new();
    if replace {
        for (what, new, old) in [
            ("TABLE", &tables, named(tables_of, target)?),
            ("TYPE", &types, named(types_of, target)?),
        ] {
            let own: Vec<_> = old
                .iter()
                .filter(|name| new.contains(name))
                .map(|name| qualified(target, name))
                .collect();
            if !own.is_empty() {
                statements.push(format!("DROP {what} {}", own.join(", ")));
            }
        }
    }
    let exists = !named(
        "SELECT nspname FROM pg_namespace WHERE nspname = $1",
        target,
    )?
    .is_empty();
    if !exists {
        statements.push(format!("CREATE SCHEMA {}", quoted(target)));
    }
    for (what, names) in [("TABLE", &tables), ("TYPE", &types)] {
        statements.extend(names.iter().map(|name| {
            format!(
                "ALTER {what} {} SET SCHEMA {}",
                qualified(loading, name),
                quoted(target)
            )
        }));
    }
    // Without CASCADE, since an object that was forgotten must not vanish.
    statements.push(format!("DROP SCHEMA {}", quoted(loading)));

    for statement in statements {
        client
            .batch_execute(&statement)
            .map_err(|error| explain(error, target))?;
    }
    client
        .batch_execute("COMMIT")
        .with_context(|| format!("cannot move the tables into schema {target}"))
}

fn explain(error: postgres::Error, target: &str) -> anyhow::Error {
    let dependent = error.code() == Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST);
    let detail = error
        .as_db_error()
        .and_then(|error| error.detail())
        .unwrap_or_default()
        .to_owned();
    if !dependent {
        return anyhow::Error::new(error)
            .context(format!("cannot move the tables into schema {target}"));
    }
    let message = format!(
        "schema {target} cannot be replaced, since other objects depend on it ({}): drop them first, or name another \
         schema with --schema",
        detail.replace('\n', "; ")
    );
    Kind::Refused.caused_by(error, message)
}
