//! The types and collations of a source's columns that Postgres itself doesn't have.

use std::collections::BTreeMap;

use postgres::error::DbError;
use postgres::{Client, GenericClient};
use serde::{Deserialize, Serialize};

use crate::catalogue::identifier::{qualified, quoted};
use crate::catalogue::reached::{OF_TABLES, with_reached};

/// The types of columns, with those that they are made up of, and the collations of columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Types {
    types: BTreeMap<u32, OneType>,
    collations: BTreeMap<u32, OneCollation>,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OneType {
    schema: String,
    /// The statement that creates the type, if it is not Postgres's own and can be created.
    make: Option<String>,
    /// The reason why the type cannot be created elsewhere.
    why_not: Option<String>,
    /// The oids of the types that this type is made up of.
    parts: Vec<u32>,
    is_built_in: bool,
    is_array: bool,
    is_composite: bool,
    /// Whether the source has its own cast from the type to text.
    has_own_text: bool,
}

/// A collation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OneCollation {
    schema: String,
    name: String,
    make: String,
    /// The collation's version, as the operating system or ICU gives it.
    version: Option<String>,
}

/// Types and collations that a scratch database lacks, by their oids in the source, with the reason.
#[derive(Debug, Default)]
pub(super) struct Missing {
    types: BTreeMap<u32, String>,
    collations: BTreeMap<u32, String>,
}

// Objects that come with the server have oids below 16384 (FirstNormalObjectId in src/include/access/transam.h), and
// exist in every database under the same names.
const TYPES: &str = "
    SELECT t.oid, t.typtype::text, t.oid < 16384, t.typcategory = 'A' AND t.typelem <> 0,
           CASE WHEN t.typcategory = 'A' THEN ARRAY[t.typelem] WHEN t.typtype = 'd' THEN ARRAY[t.typbasetype]
                ELSE ARRAY(SELECT a.atttypid FROM pg_attribute AS a
                           WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
           x.extname::text,
           CASE WHEN t.oid < 16384 AND t.typname ~ '^reg' THEN 'names an object of the source database'
                WHEN t.typtype = 'c' AND o.relkind <> 'c' THEN 'is the row of a table'
                WHEN t.oid >= 16384 AND t.typtype IN ('r', 'm') THEN 'is a range type of the source database'
                WHEN t.oid >= 16384 AND t.typtype = 'b' AND t.typcategory <> 'A'
                THEN 'is a type of the source database''s own'
                WHEN EXISTS (SELECT FROM pg_opclass AS c JOIN pg_am AS m ON m.oid = c.opcmethod
                             WHERE c.oid >= 16384 AND c.opcdefault AND c.opcintype = t.oid AND m.amname IN ('btree', 'hash'))
                THEN 'has an order of the source database''s own' END,
           CASE WHEN t.oid < 16384 THEN NULL
                WHEN t.typtype = 'e'
                THEN format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,
                            (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                             FROM pg_enum AS e WHERE e.enumtypid = t.oid))
                WHEN t.typtype = 'd'
                THEN format('CREATE DOMAIN %I.%I AS %s%s%s%s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod),
                            (SELECT format(' COLLATE %I.%I', s.nspname, l.collname)
                             FROM pg_collation AS l JOIN pg_namespace AS s ON s.oid = l.collnamespace
                             JOIN pg_type AS b ON b.oid = t.typbasetype
                             WHERE l.oid = t.typcollation AND l.oid <> b.typcollation),
                            CASE WHEN t.typnotnull THEN ' NOT NULL' END,
                            (SELECT string_agg(' ' || pg_get_constraintdef(d.oid), '') FROM pg_constraint AS d
                             WHERE d.contypid = t.oid AND d.contype = 'c'))
                WHEN t.typtype = 'c'
                THEN format('CREATE TYPE %I.%I AS (%s)', n.nspname, t.typname,
                            (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
                                               ORDER BY a.attnum)
                             FROM pg_attribute AS a
                             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)) END,
           n.nspname::text,
           EXISTS (SELECT FROM pg_cast AS k
                   WHERE k.castsource = t.oid AND k.casttarget = 'text'::regtype AND k.castmethod <> 'i' AND k.oid >= 16384)
    FROM reached AS r
    JOIN pg_type AS t ON t.oid = r.oid
    JOIN pg_namespace AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_class AS o ON o.oid = t.typrelid
    LEFT JOIN pg_depend AS d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    LEFT JOIN pg_extension AS x ON x.oid = d.refobjid";

const COLLATIONS: &str = "
    SELECT l.oid, n.nspname::text, l.collname::text, l.collprovider::text, l.collisdeterministic,
           CASE WHEN l.collprovider IN ('c', 'i') THEN pg_collation_actual_version(l.oid) END,
           quote_literal(coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collcollate::text)),
           quote_literal(coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collctype::text))
    FROM pg_collation AS l JOIN pg_namespace AS n ON n.oid = l.collnamespace
    WHERE l.collname <> 'default'
      AND l.oid IN (SELECT a.attcollation FROM pg_attribute AS a WHERE a.attrelid = ANY ($1) AND a.attnum > 0)";

impl Types {
    /// Reads the types and collations of the columns of tables, given by their oids.
    pub(super) fn read(
        client: &mut impl GenericClient,
        tables: &[u32],
    ) -> Result<Self, postgres::Error> {
        let types = client
            .query(&format!("{} {TYPES}", with_reached(OF_TABLES)), &[&tables])?
            .into_iter()
            .map(|row| {
                let (kind, extension): (&str, Option<&str>) = (row.get(1), row.get(5));
                let of_extension = extension.map(|name| format!("is of the extension {name}"));
                let why_not: Option<String> = row.get(6);
                let found = OneType {
                    schema: row.get(8),
                    make: row.get(7),
                    why_not: of_extension.or(why_not),
                    parts: row.get(4),
                    is_built_in: row.get(2),
                    is_array: row.get(3),
                    is_composite: kind == "c",
                    has_own_text: row.get(9),
                };
                (row.get(0), found)
            });
        let types = types.collect();
        let collations = client.query(COLLATIONS, &[&tables])?;
        let collations = collations.into_iter().map(|row| {
            let name = qualified(row.get(1), row.get(2));
            let (order, letters): (&str, &str) = (row.get(6), row.get(7));
            let libc = |provider: &str| {
                format!("provider = {provider}, lc_collate = {order}, lc_ctype = {letters}")
            };
            let of_provider = match row.get(3) {
                "i" => format!("provider = icu, locale = {order}"),
                "b" => libc("builtin"),
                _ => libc("libc"),
            };
            let deterministic: bool = row.get(4);
            let found = OneCollation {
                make: format!(
                    "CREATE COLLATION {name} ({of_provider}, deterministic = {deterministic})"
                ),
                schema: row.get(1),
                name,
                version: row.get(5),
            };
            (row.get(0), found)
        });
        Ok(Self {
            types,
            collations: collations.collect(),
        })
    }

    /// Creates all that can be created, in the client's transaction, and returns the rest.
    pub(super) fn make(&self, client: &mut Client) -> Result<Missing, postgres::Error> {
        let mut missing = Missing::default();
        for (oid, collation) in &self.collations {
            if let Err(why) = collation.make(client)? {
                missing.collations.insert(*oid, why);
            }
        }
        // One after the other and in rounds, since each may be made up of others, until a round creates none.
        let mut left: BTreeMap<u32, String> = BTreeMap::new();
        for (oid, found) in &self.types {
            match (&found.why_not, &found.make) {
                (Some(why), _) => drop(missing.types.insert(*oid, why.clone())),
                (None, Some(make)) => drop(left.insert(*oid, in_schema(&found.schema, make))),
                (None, None) => {}
            }
        }
        loop {
            let before = left.len();
            let mut errors = BTreeMap::new();
            for (oid, make) in std::mem::take(&mut left) {
                if let Err(why) = attempt(client, &make)? {
                    errors.insert(oid, why.message().to_owned());
                    left.insert(oid, make);
                }
            }
            if left.len() == before || left.is_empty() {
                let failed = errors.into_iter().map(|(oid, why)| {
                    (
                        oid,
                        format!("cannot be made in the scratch database: {why}"),
                    )
                });
                missing.types.extend(failed);
                break;
            }
        }
        // A type is missing if something that it is made up of is missing.
        loop {
            let of_missing: Vec<(u32, String)> = self
                .types
                .iter()
                .filter(|(oid, _)| !missing.types.contains_key(oid))
                .filter_map(|(oid, found)| {
                    let why = found
                        .parts
                        .iter()
                        .find_map(|part| missing.types.get(part))?;
                    Some((*oid, why.clone()))
                })
                .collect();
            if of_missing.is_empty() {
                return Ok(missing);
            }
            missing.types.extend(of_missing);
        }
    }

    /// ` COLLATE …` for a column that has a collation of its own; empty for others.
    pub(super) fn collate(&self, collation: u32) -> String {
        let found = self.collations.get(&collation);
        found.map_or(String::new(), |found| format!(" COLLATE {}", found.name))
    }

    /// Whether the text of a type's values comes from a cast of the source's own, so that the type's input function need not accept
    /// it.
    pub(super) fn has_own_text(&self, kind: u32) -> bool {
        let Some(found) = self.types.get(&kind) else {
            return false;
        };
        // A domain has the casts of the type that it is based on.
        let is_domain = !found.is_array && !found.is_composite;
        let of_base = || found.parts.iter().any(|part| self.has_own_text(*part));
        found.has_own_text || is_domain && of_base()
    }

    /// Whether binary values of a type contain oids of types, which differ between databases.
    pub(super) fn bears_numbers(&self, kind: u32) -> bool {
        let Some(found) = self.types.get(&kind) else {
            return false;
        };
        let is_own = |part: &u32| self.types.get(part).is_some_and(|part| !part.is_built_in);
        let holds_own = found.is_composite || found.is_array && found.parts.iter().any(is_own);
        holds_own || found.parts.iter().any(|part| self.bears_numbers(*part))
    }
}

impl OneCollation {
    /// Checks that the collation exists and is the same; the inner `Err` is the reason if not.
    fn make(&self, client: &mut Client) -> Result<Result<(), String>, postgres::Error> {
        const VERSION: &str = "SELECT pg_collation_actual_version(to_regcollation($1))";
        let there = "SELECT to_regcollation($1) IS NOT NULL";
        let is_there: bool = client.query_one(there, &[&self.name])?.get(0);
        if !is_there && let Err(why) = attempt(client, &in_schema(&self.schema, &self.make))? {
            return Ok(Err(format!(
                "the collation {} is missing here: {}",
                self.name,
                why.message()
            )));
        }
        let here: Option<String> = client.query_one(VERSION, &[&self.name])?.get(0);
        Ok(match here == self.version || self.version.is_none() {
            true => Ok(()),
            false => Err(format!(
                "the collation {} is of version {} here, but of {} in the source",
                self.name,
                here.as_deref().unwrap_or("none"),
                self.version.as_deref().unwrap_or("none")
            )),
        })
    }
}

impl Missing {
    /// The reason why a type is missing; `None` if it is there.
    pub(super) fn of_type(&self, kind: u32) -> Option<&str> {
        self.types.get(&kind).map(String::as_str)
    }

    /// The reason why a collation is missing; `None` if it is there.
    pub(super) fn of_collation(&self, collation: u32) -> Option<&str> {
        self.collations.get(&collation).map(String::as_str)
    }
}

/// A statement, preceded by the one that creates the schema in which it creates something.
fn in_schema(schema: &str, statement: &str) -> String {
    format!(
        "CREATE SCHEMA IF NOT EXISTS {}; {statement}",
        quoted(schema)
    )
}

/// Runs statements that may fail; if they do, the transaction is as before, and the inner `Err` is the server's error.
pub(super) fn attempt(
    client: &mut Client,
    statement: &str,
) -> Result<Result<(), DbError>, postgres::Error> {
    client.batch_execute("SAVEPOINT attempt")?;
    let done = client.batch_execute(statement);
    let Err(error) = done else {
        client.batch_execute("RELEASE SAVEPOINT attempt")?;
        return Ok(Ok(()));
    };
    let Some(said) = error.as_db_error().cloned() else {
        return Err(error);
    };
    client.batch_execute("ROLLBACK TO SAVEPOINT attempt")?;
    Ok(Err(said))
}
