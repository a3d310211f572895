//! Writes results back into Postgres: a table for each model, filled by binary COPY beside the files.
//!
//! This is one transaction. The tables are built under temporary names and replace the former ones at its end. So others see all
//! former tables or all new ones, and a run that fails or is killed leaves nothing. Rows are frozen, so that a transaction whose
//! snapshot is older than the new tables finds them filled too.

pub(crate) mod copy;

use std::thread;
use std::time::Duration;

use anyhow::Context;
use database::catalogue::identifier::{literal, qualified, quoted};
use database::copy::write::CopyIn;
use database::lock::lock;
use database::{Cancel, Connection, Settings, transaction};
use dataset::failure::{Kind, OrFail};
use dataset::{ColumnType, LONGEST_NAME_BYTES, Model};
use postgres::Client;
use postgres::error::SqlState;

use crate::options::Options;
use copy::TableWriter;

/// The beginning of the comment of a table that may be replaced.
const MARK: &str = "extrato transform wrote this";
/// The name under which a table is built; a number follows.
const BUILDING: &str = "extrato_building_";
/// The columns that every table has (<https://www.postgresql.org/docs/current/ddl-system-columns.html>).
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];
/// How often the lock of the former tables is tried, since others may be reading them, and the pause between two tries. Others
/// never have to queue behind us for longer.
const EXCHANGE_TRIES: u32 = 60;
const EXCHANGE_PAUSE: Duration = Duration::from_millis(500);

/// The place in Postgres that results are written to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    settings: &'a Settings,
    schema: &'a str,
    options: &'a Options,
    cancel: &'a Cancel,
}

impl<'a> Target<'a> {
    /// The target that the options name, if any: a schema of the database that the tables are read from.
    ///
    /// # Errors
    /// [`Kind::Usage`] if that cannot be a target.
    pub(crate) fn of(
        database: Option<&'a Settings>,
        options: &'a Options,
        cancel: &'a Cancel,
    ) -> anyhow::Result<Option<Self>> {
        let Some(schema) = &options.to_postgres else {
            return Ok(None);
        };
        let Some(settings) = database else {
            return Err(Kind::Usage.error(
                "results are written back into the database that was read, and staged tables are read without one",
            ));
        };
        Ok(Some(Self {
            settings,
            schema,
            options,
            cancel,
        }))
    }

    /// Asks the server, before any work, whether the tables can be written.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is a table that isn't ours; [`Kind::Connection`] if a privilege is missing or the server is a
    /// replica.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let mut connection = self.settings.connect(self.cancel)?;
        transaction::reading(&mut connection, |client| {
            self.check_rights(client).map(drop)
        })
    }

    /// Begins the transaction.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`Kind::Refused`] if another run writes into the schema.
    pub(crate) fn begin(&self) -> anyhow::Result<WriteBack<'a>> {
        let mut connection = self.settings.connect(self.cancel)?;
        transaction::begin(&mut connection)?;
        lock(&mut *connection, "transform", self.schema)?;
        if !self.check_rights(&mut connection)? {
            connection
                .batch_execute(&format!("CREATE SCHEMA {}", quoted(self.schema)))
                .with_context(|| format!("cannot create schema {}", self.schema))?;
        }
        Ok(WriteBack {
            target: *self,
            connection,
            tables: Vec::new(),
        })
    }

    /// Checks the privileges, and gives whether the schema exists.
    fn check_rights(&self, client: &mut Client) -> anyhow::Result<bool> {
        let schema = self.schema;
        let row = client.query_one(
            "SELECT pg_is_in_recovery(), to_regnamespace(quote_ident($1)) IS NOT NULL,
                    coalesce((SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
                              FROM pg_namespace WHERE nspname = $1),
                             has_database_privilege(current_database(), 'CREATE')),
                    current_user::text, current_database()::text",
            &[&schema],
        )?;
        let (is_replica, exists, may): (bool, bool, bool) = (row.get(0), row.get(1), row.get(2));
        let (role, database): (&str, &str) = (row.get(3), row.get(4));
        if is_replica {
            return Err(Kind::Connection.error(format!(
                "{} is a replica, into which nothing can be written: read from the primary, or leave out --to-postgres",
                self.settings
            )));
        }
        if !may {
            let grant = match exists {
                true => format!("GRANT CREATE, USAGE ON SCHEMA {}", quoted(schema)),
                false => format!("GRANT CREATE ON DATABASE {}", quoted(database)),
            };
            return Err(Kind::Connection.error(format!(
                "role {role} may not create tables in schema {schema}: as its owner run {grant} TO {}",
                quoted(role)
            )));
        }
        let names: Vec<&str> = self
            .options
            .dataset
            .models
            .iter()
            .filter(|model| model.checked_model.is_none())
            .map(|model| model.name.as_str())
            .collect();
        let found = client.query_opt(
            "SELECT c.relname::text, coalesce(starts_with(obj_description(c.oid, 'pg_class'), $3), false),
                    pg_get_userbyid(c.relowner)::text
             FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = ANY ($2)
               AND NOT (c.relkind = 'r' AND coalesce(starts_with(obj_description(c.oid, 'pg_class'), $3), false)
                        AND pg_has_role(c.relowner, 'USAGE'))
             ORDER BY c.relname LIMIT 1",
            &[&schema, &names, &MARK],
        )?;
        let Some(row) = found else { return Ok(exists) };
        let (name, is_ours, owner): (&str, bool, &str) = (row.get(0), row.get(1), row.get(2));
        Err(match is_ours {
            true => Kind::Connection.error(format!(
                "{schema}.{name} belongs to role {owner}: run as that role, or as its owner run GRANT {} TO {}",
                quoted(owner),
                quoted(role)
            )),
            false => Kind::Usage.error(format!(
                "{schema}.{name} is not a table that an earlier transform wrote (its comment would begin with `{MARK}`), \
                 so it is not replaced: rename it, or name another schema with --to-postgres"
            )),
        })
    }
}

/// Checks that results can be written into the schema, and that their names are possible there.
///
/// # Errors
/// [`Kind::Usage`] if not.
pub(crate) fn check_names(options: &Options) -> anyhow::Result<()> {
    let Some(schema) = &options.to_postgres else {
        return Ok(());
    };
    let refused = |why: String| Err(Kind::Usage.error(format!("--to-postgres {schema}: {why}")));
    let tables = options.dataset.tables.iter();
    let mut places = tables.flat_map(|table| &table.place);
    if *schema == options.schema || places.any(|place| place.schema == *schema) {
        return refused(
            "the tables that are read lie in that schema: name another schema".to_owned(),
        );
    }
    if schema.starts_with("pg_") || schema == "information_schema" {
        return refused("that schema is Postgres's own: name another".to_owned());
    }
    if schema.is_empty() || schema.len() > LONGEST_NAME_BYTES {
        return refused(format!(
            "a schema's name has 1 to {LONGEST_NAME_BYTES} bytes"
        ));
    }
    let models = options.dataset.models.iter();
    for model in models.filter(|model| model.checked_model.is_none()) {
        if model.name.len() > LONGEST_NAME_BYTES {
            return refused(format!(
                "no table can have the name of model `{}`, which has more than {LONGEST_NAME_BYTES} bytes",
                model.name
            ));
        }
        let mut names = columns(options, model).map(|(name, _)| name.as_str());
        if let Some(name) = names.find(|name| SYSTEM_COLUMNS.contains(name)) {
            return refused(format!(
                "no table can have the column `{name}` of model `{}`, since every table has one of that name already: \
                 give it another name",
                model.name
            ));
        }
    }
    Ok(())
}

/// The columns of a model's table: those of its files and folders.
fn columns<'a>(
    options: &'a Options,
    model: &'a Model,
) -> impl Iterator<Item = &'a (String, ColumnType)> {
    let folders = options.layout.partition_by(model).unwrap_or_default();
    let columns = model.columns.iter();
    columns.filter(move |(name, _)| !model.hidden.contains(name) || folders.contains(name))
}

/// The new tables of a run, which nobody else sees yet. If this is dropped before [`publish`](Self::publish), nothing is left.
pub(crate) struct WriteBack<'a> {
    target: Target<'a>,
    connection: Connection,
    /// The final names of the tables.
    tables: Vec<String>,
}

impl WriteBack<'_> {
    /// Makes the table of a model, ready for rows, with the columns of its files and folders.
    ///
    /// # Errors
    /// Any error of the server.
    pub(crate) fn table(&mut self, model: &Model) -> anyhow::Result<TableWriter<'_>> {
        let columns: Vec<_> = columns(self.target.options, model).cloned().collect();
        let building = format!("{BUILDING}{}", self.tables.len());
        let list: Vec<String> = columns
            .iter()
            .map(|(name, kind)| format!("{} {kind}", quoted(name)))
            .collect();
        self.connection
            .batch_execute(&format!(
                "CREATE TABLE {} ({})",
                qualified(self.target.schema, &building),
                list.join(", ")
            ))
            .with_context(|| {
                format!(
                    "cannot create a table for model `{}` in schema {}",
                    model.name, self.target.schema
                )
            })?;
        self.tables.push(model.name.clone());
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let copy = CopyIn::start(
            &mut self.connection,
            self.target.schema,
            &building,
            &names,
            true,
        )?;
        Ok(TableWriter::new(copy, &columns, self.target.cancel))
    }

    /// Replaces the former tables by the new ones, which inherit their grants.
    ///
    /// # Errors
    /// As [`Target::check`]; [`Kind::Refused`] if something depends on a former table; [`Kind::Connection`] if others keep one
    /// locked.
    pub(crate) fn publish(mut self, run: &str) -> anyhow::Result<()> {
        let former = self.lock_former()?;
        // A table that came since the run began may be somebody else's.
        self.target.check_rights(&mut self.connection)?;
        for (index, name) in self.tables.iter().enumerate() {
            let building = qualified(self.target.schema, &format!("{BUILDING}{index}"));
            if former.contains(name) {
                let table = qualified(self.target.schema, name);
                let grants = self.connection.query(
                    "SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, $2::text,
                                   CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                                   CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                     FROM pg_class AS c, aclexplode(c.relacl) AS a
                     WHERE c.oid = $1::text::regclass AND a.grantee <> c.relowner",
                    &[&table, &building],
                )?;
                for grant in &grants {
                    self.connection.batch_execute(grant.get(0))?;
                }
                self.connection
                    .batch_execute(&format!("DROP TABLE {table}"))
                    .map_err(|error| cannot_replace(error, self.target.schema, name))?;
            }
            let comment = format!(
                "{MARK}, in run {run} of dataset {}",
                self.target.options.dataset.name
            );
            self.connection
                .batch_execute(&format!(
                    "ALTER TABLE {building} RENAME TO {}; COMMENT ON TABLE {} IS {}",
                    quoted(name),
                    qualified(self.target.schema, name),
                    literal(&comment)
                ))
                .with_context(|| format!("cannot make {}.{name}", self.target.schema))?;
        }
        self.connection
            .batch_execute("COMMIT")
            .with_context(|| format!("cannot publish the tables in schema {}", self.target.schema))
    }

    /// Locks the former tables against everyone else, and gives their names.
    fn lock_former(&mut self) -> anyhow::Result<Vec<String>> {
        let rows = self.connection.query(
            "SELECT c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = ANY ($2) ORDER BY 1",
            &[&self.target.schema, &self.tables],
        )?;
        let former: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if former.is_empty() {
            return Ok(former);
        }
        let names: Vec<String> = former
            .iter()
            .map(|name| qualified(self.target.schema, name))
            .collect();
        let lock = format!(
            "SAVEPOINT locking; SET LOCAL lock_timeout = '{}ms'; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; \
             RELEASE SAVEPOINT locking",
            EXCHANGE_PAUSE.as_millis(),
            names.join(", ")
        );
        let mut locked = self.connection.batch_execute(&lock);
        for _ in 1..EXCHANGE_TRIES {
            match &locked {
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
                _ => break,
            }
            self.target.cancel.check()?;
            self.connection
                .batch_execute("ROLLBACK TO SAVEPOINT locking")?;
            thread::sleep(EXCHANGE_PAUSE);
            locked = self.connection.batch_execute(&lock);
        }
        locked.or_fail(Kind::Connection, || {
            format!(
                "other sessions are using {} and did not release it: run again once they have ended",
                names.join(", ")
            )
        })?;
        Ok(former)
    }
}

fn cannot_replace(error: postgres::Error, schema: &str, table: &str) -> anyhow::Error {
    let detail = error.as_db_error().and_then(|error| error.detail());
    let message = match (error.code(), detail) {
        (Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST), Some(detail)) => format!(
            "{schema}.{table} cannot be replaced, since other objects depend on it ({}): drop them first, or name \
             another schema with --to-postgres",
            detail.replace('\n', "; ")
        ),
        _ => format!("cannot replace {schema}.{table}"),
    };
    Kind::Refused.caused_by(error, message)
}
