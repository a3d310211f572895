//! The tables that a schema has, with their columns, keys and references: all that a description of a dataset may leave out.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use dataset::Place;
use dataset::failure::Kind;
use postgres::GenericClient;

use super::identifier::qualified;
use super::is_carried;
use crate::lock_wait;

/// A table of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTable {
    /// The schema that holds the table.
    pub schema: String,
    /// The table's name.
    pub name: String,
    /// `pg_class.relkind`: `r` a table, `p` a partitioned one, `v` a view, `m` a materialised view, `f` foreign.
    pub relkind: char,
    /// Whether the table is a partition of another.
    pub is_partition: bool,
    /// Whether other tables inherit, or have inherited, from it. Their rows count as its own, but need not obey its keys.
    pub has_children: bool,
    /// The planner's estimate of the number of rows or, for a table that was never analysed, an estimate from its size; for a
    /// partitioned table, the sum over its partitions.
    pub estimated_rows: u64,
    /// The columns, in the table's order.
    pub columns: Vec<KnownColumn>,
    /// The columns of the primary key; empty if there is none.
    pub key: Vec<String>,
    /// The foreign keys, by name.
    pub references: Vec<Reference>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownColumn {
    /// The column's name.
    pub name: String,
    /// The column's type in SQL.
    pub shown: String,
    /// The name of the type; for a domain, of the type that it is based on.
    pub type_name: String,
    /// Whether values of the type are carried as values, counting numerics without precision.
    pub is_carried: bool,
    /// Whether the column may hold NULL.
    pub nullable: bool,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The referring columns.
    pub columns: Vec<String>,
    /// The schema of the table that is referred to.
    pub schema: String,
    /// The table that is referred to.
    pub table: String,
    /// The columns that are referred to.
    pub key: Vec<String>,
}

impl Reference {
    /// Whether the reference is to this table.
    pub fn is_to(&self, table: &KnownTable) -> bool {
        self.schema == table.schema && self.table == table.name
    }
}

impl KnownTable {
    /// The table's place: its schema and name.
    pub fn place(&self) -> Place {
        Place {
            schema: self.schema.clone(),
            name: self.name.clone(),
        }
    }

    /// The table's name in a run, in which names without a schema belong to `schema`.
    pub fn called(&self, schema: &str) -> String {
        self.place().called(schema)
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&KnownColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

const TABLES: &str = "
    SELECT c.oid, c.relname::text, c.relkind::text, c.relispartition, c.relkind = 'r' AND c.relhassubclass
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

// A table that is dropped meanwhile has no size.
const SIZES: &str = "
    SELECT c.oid,
           coalesce(CASE WHEN c.relkind = 'p'
                THEN (SELECT coalesce(sum(CASE WHEN l.reltuples >= 0 THEN l.reltuples ELSE pg_relation_size(l.oid) / 100 END), 0)
                      FROM pg_partition_tree(c.oid) AS t JOIN pg_class AS l ON l.oid = t.relid
                      WHERE l.relkind IN ('r', 'f'))
                WHEN c.reltuples >= 0 THEN c.reltuples
                WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) / 100
                ELSE 0 END, 0)::float8
    FROM pg_class AS c
    WHERE c.oid = ANY ($1)";

const COLUMNS: &str = "
    WITH RECURSIVE resolved AS (
        SELECT a.attrelid, a.attnum, a.attname, a.attnotnull, format_type(a.atttypid, a.atttypmod) AS shown, a.atttypid AS type
        FROM pg_attribute AS a
        WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.attrelid, r.attnum, r.attname, r.attnotnull OR t.typnotnull, r.shown, t.typbasetype
        FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype = 'd'
    )
    SELECT r.attrelid, r.attname::text, r.attnotnull, r.shown, t.typname::text, t.typtype::text
    FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type
    WHERE t.typtype <> 'd' ORDER BY r.attrelid, r.attnum";

const CONSTRAINTS: &str = "
    SELECT o.conrelid, o.contype::text,
           ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY AS u (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = o.conrelid AND a.attnum = u.attnum ORDER BY u.place),
           coalesce(n.nspname::text, ''), coalesce(c.relname::text, ''),
           ARRAY(SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY AS u (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = o.confrelid AND a.attnum = u.attnum ORDER BY u.place)
    FROM pg_constraint AS o
    LEFT JOIN pg_class AS c ON c.oid = o.confrelid
    LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE o.conrelid = ANY ($1) AND o.contype IN ('p', 'f')
    ORDER BY o.conname";

/// Reads the tables of a schema whose names are wanted, sorted by name.
///
/// # Errors
/// The server's errors.
pub fn read(
    client: &mut impl GenericClient,
    schema: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<KnownTable>> {
    let reading = "reading the catalogue";
    let mut found = client.query(TABLES, &[&schema]).context(reading)?;
    found.retain(|row| is_wanted(row.get(1)));
    let oids: Vec<u32> = found.iter().map(|row| row.get(0)).collect();
    let mut tables = BTreeMap::new();
    let relations = found.iter().map(|row| qualified(schema, row.get(1)));
    let relations: Vec<String> = relations.collect();
    let sizes = lock_wait::told(client, &relations, |client| {
        client.query(SIZES, &[&oids]).context(reading)
    })?;
    let sizes = sizes.iter().map(|row| (row.get(0), row.get(1)));
    let sizes: BTreeMap<u32, f64> = sizes.collect();
    for row in &found {
        let relkind: &str = row.get(2);
        let estimated_rows = sizes.get(&row.get(0)).copied().unwrap_or_default();
        let table = KnownTable {
            schema: schema.to_owned(),
            name: row.get(1),
            relkind: relkind.chars().next().unwrap_or('r'),
            is_partition: row.get(3),
            has_children: row.get(4),
            estimated_rows: estimated_rows as u64,
            columns: Vec::new(),
            key: Vec::new(),
            references: Vec::new(),
        };
        tables.insert(row.get::<_, u32>(0), table);
    }
    for row in client.query(COLUMNS, &[&oids]).context(reading)? {
        let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) else {
            continue;
        };
        table.columns.push(KnownColumn {
            name: row.get(1),
            shown: row.get(3),
            type_name: row.get(4),
            is_carried: is_carried(row.get(4), row.get(5)),
            nullable: !row.get::<_, bool>(2),
        });
    }
    for row in client.query(CONSTRAINTS, &[&oids]).context(reading)? {
        let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) else {
            continue;
        };
        match row.get(1) {
            "p" => table.key = row.get(2),
            _ => table.references.push(Reference {
                columns: row.get(2),
                schema: row.get(3),
                table: row.get(4),
                key: row.get(5),
            }),
        }
    }
    let mut tables: Vec<_> = tables.into_values().collect();
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tables)
}

const IN_SEARCH_PATH: &str = "
    SELECT s.name::text, c.relname::text
    FROM unnest(current_schemas(false)) WITH ORDINALITY AS s (name, place)
    JOIN pg_namespace AS n ON n.nspname = s.name
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY s.place, 2";

/// The first schema in the session's search path that has a table whose name is wanted; `None` if there is none.
///
/// # Errors
/// The server's errors.
pub fn schema_of(
    client: &mut impl GenericClient,
    is_wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Option<String>> {
    let found = client.query(IN_SEARCH_PATH, &[]);
    let found = found.context("reading the catalogue")?;
    let mut wanted = found.iter().filter(|row| is_wanted(row.get(1)));
    Ok(wanted.next().map(|row| row.get::<_, String>(0)))
}

const ELSEWHERE: &str = "
    SELECT n.nspname::text
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY 1";

/// Suggests which table may be meant by a name that a schema does not have: the same name in another schema, or a similar one.
/// Returns the end of a sentence, including the punctuation before it; empty if there is nothing to suggest.
///
/// # Errors
/// The server's errors.
pub fn meant(client: &mut impl GenericClient, schema: &str, name: &str) -> anyhow::Result<String> {
    let elsewhere = client.query(ELSEWHERE, &[&name]);
    let elsewhere = elsewhere.context("reading the catalogue")?;
    let places = elsewhere.iter().map(|row| {
        let place = Place {
            schema: row.get(0),
            name: name.to_owned(),
        };
        format!("`{}`", place.called(schema))
    });
    let places: Vec<String> = places.collect();
    if !places.is_empty() {
        return Ok(format!(", but {} is there", places.join(" or ")));
    }
    let here = read(client, schema, |_| true)?;
    let names = here.iter().map(|table| table.name.as_str());
    Ok(dataset::did_you_mean(name, names))
}

const SCHEMAS: &str = "
    SELECT n.nspname::text, n.nspname = ANY (current_schemas(false))
    FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f'))
    ORDER BY array_position(current_schemas(false), n.nspname), 1";

/// The schema to describe if none is named: the first in the search path that has tables, or else the only one that has any.
///
/// # Errors
/// [`Kind::Usage`] if several have tables, and none of them is in the search path; [`Kind::Mismatch`] if none has; the server's
/// errors.
pub fn only_schema(client: &mut impl GenericClient) -> anyhow::Result<String> {
    let found = client
        .query(SCHEMAS, &[])
        .context("reading the catalogue")?;
    let names: Vec<String> = found.iter().map(|row| row.get(0)).collect();
    let first_is_in_path = found.first().is_some_and(|row| row.get(1));
    match names.as_slice() {
        [] => Err(Kind::Mismatch.error("the database has no tables")),
        [only] => Ok(only.clone()),
        [first, others @ ..] if first_is_in_path => {
            let others = others.join(", ");
            tracing::info!("only schema {first} is described; --schema, given once for each schema, adds others: {others}");
            Ok(first.clone())
        }
        several => Err(Kind::Usage.error(format!(
            "several schemas have tables: name one with --schema: {} (or more: --schema {} --schema {})",
            several.join(", "),
            several[0],
            several[1]
        ))),
    }
}

/// The words that Postgres accepts as a name only in quotes, at least in some places.
///
/// # Errors
/// The server's errors.
pub fn keywords(client: &mut impl GenericClient) -> anyhow::Result<BTreeSet<String>> {
    let found = client.query(
        "SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'",
        &[],
    );
    let found = found.context("reading the keywords")?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}
