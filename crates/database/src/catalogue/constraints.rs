//! What the live tables demand of a row apart from types: lengths, labels, keys, references.

use anyhow::Context;
use postgres::types::FromSql;
use postgres::{GenericClient, Row};

use super::carried;

/// What a table demands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// Column by column, in the table's order.
    pub columns: Vec<ColumnLimits>,
    /// Unique indexes over plain columns; partial ones and those over expressions are left out.
    pub unique: Vec<UniqueKey>,
    /// Foreign keys.
    pub foreign: Vec<ForeignKey>,
    /// Whether the table or a domain of its columns has CHECK constraints that [`checks`] gives.
    pub checked: bool,
    /// Whether the table's rows are those of its partitions.
    pub partitioned: bool,
}

/// What a column demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnLimits {
    /// The column's name.
    pub name: String,
    /// The column's type as SQL names it.
    pub type_name: String,
    /// The column's type with its schema, whatever the search path: `pg_catalog.varchar(20)`.
    pub qualified_type: String,
    /// `n` of `varchar(n)` and `char(n)`.
    pub max_chars: Option<usize>,
    /// Whether the column is a `char(n)`.
    pub blank_padded: bool,
    /// `n` of `time(n)`, `timestamp(n)` and `timestamptz(n)`: digits of a second's fraction.
    pub fraction_digits: Option<u32>,
    /// The labels of an enum, in its order.
    pub labels: Option<Vec<String>>,
    /// Whether the database fills in a value where none is given: by a default, an identity or an expression.
    pub filled: bool,
    /// Whether the column can be given a value at all, which a generated column cannot.
    pub writable: bool,
    /// Whether the column's type is a domain; the types above are those that the domain is based on.
    pub is_domain: bool,
    /// The column's collation with its schema, quoted; `None` for types that have none.
    pub collation: Option<String>,
    /// Whether texts are equal in the column only if they have the same characters, as in most collations.
    pub deterministic: bool,
    /// The sort of the column's type, if only the server can judge its texts.
    pub server_type: Option<ServerType>,
}

/// A sort of types whose texts only the server can judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerType {
    /// A number: `numeric` without precision, or with more digits than are carried; `money`.
    Number,
    /// A text, of which the empty one is a value too, such as `citext`.
    Text,
    /// Any other type: arrays, intervals, ranges, addresses, composite types.
    Other,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// The key's name.
    pub name: String,
    /// The key's columns, in its order.
    pub columns: Vec<String>,
    /// Whether the key is the primary one.
    pub primary: bool,
    /// How each of these columns is compared with itself.
    pub equality: Vec<Equality>,
    /// Whether NULL equals NULL, as with `NULLS NOT DISTINCT`.
    pub nulls_equal: bool,
}

/// How the server compares a column of a key with a column that refers to it, or with itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equality {
    /// The operator with its schema: `OPERATOR(pg_catalog.=)`.
    pub operator: String,
    /// The type that the key's column is converted to, with its schema: `pg_catalog.bpchar`.
    pub key_type: String,
    /// The type that the other column is converted to.
    pub other_type: String,
    /// The collation of the key's column, quoted; `None` for types that have none.
    pub collation: Option<String>,
    /// Whether texts are equal in both columns only if they have the same characters.
    pub deterministic: bool,
}

impl Equality {
    /// The SQL comparison of a value of the key with another value.
    pub fn sql(&self, key: &str, other: &str) -> String {
        let cast = |value: &str, name: &str| match name.starts_with("pg_catalog.any") {
            // Nothing can be cast to a polymorphic type such as anyenum.
            true => value.to_owned(),
            false => format!("{value}::{name}"),
        };
        let collation = self.collation.as_ref();
        let collate = collation.map_or(String::new(), |name| format!(" COLLATE {name}"));
        format!(
            "{} {} {}{collate}",
            cast(key, &self.key_type),
            self.operator,
            cast(other, &self.other_type)
        )
    }
}

/// A CHECK constraint of a table or of a column's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The constraint's name.
    pub name: String,
    /// The columns that the constraint is about.
    pub columns: Vec<String>,
    /// The expression that must not be false, as SQL for the session's search path.
    pub expression: String,
    /// Whether the constraint is a domain's, which calls its column `value`.
    pub of_domain: bool,
    /// The collation of the value in a domain's check, quoted; `None` if there is none.
    pub collation: Option<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The columns that refer to another table.
    pub columns: Vec<String>,
    /// The schema of the table that the key refers to.
    pub parent_schema: String,
    /// The name of the table that the key refers to.
    pub parent: String,
    /// Whether the rows of that table are those of its partitions.
    pub parent_partitioned: bool,
    /// The columns of that table that the key refers to, in the order of `columns`.
    pub parent_columns: Vec<String>,
    /// How each of these columns is compared with the column that refers to it.
    pub equality: Vec<Equality>,
    /// Whether either all or none of the columns may be NULL, as with `MATCH FULL`.
    pub match_full: bool,
}

// A domain is replaced by the type that it is based on, however many domains lie between.
const COLUMNS: &str = "
    WITH RECURSIVE resolved AS (
        SELECT a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS typmod,
               a.atthasdef OR a.attidentity <> '' AS filled, a.attgenerated = '' AS writable, a.atttypid AS own_type,
               a.attcollation AS collation
        FROM pg_attribute AS a
        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.attnum, r.attname, t.typbasetype, t.typtypmod, r.filled OR t.typdefault IS NOT NULL, r.writable,
               r.own_type, r.collation
        FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype = 'd'
    )
    SELECT r.attname::text, format_type(r.type, r.typmod), t.typname::text, r.typmod, r.filled, r.writable,
           CASE WHEN t.typtype = 'e' THEN
               array(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) END,
           format('%I.%I%s', n.nspname, t.typname, CASE WHEN r.typmod >= 0 AND t.typname <> 'interval' THEN substring(format_type(r.type, r.typmod) FROM '[(].*[)]') END),
           r.type <> r.own_type,
           (SELECT format('%I.%I', cn.nspname, l.collname) FROM pg_namespace AS cn WHERE cn.oid = l.collnamespace),
           coalesce(l.collisdeterministic, true), t.typtype::text, t.typcategory::text
    FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type JOIN pg_namespace AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_collation AS l ON l.oid = r.collation
    WHERE t.typtype <> 'd'
    ORDER BY r.attnum";

// Constraints are left out whose text may mean something else outside of the table: those about no column, about the row as a whole
// or system columns; those about columns with domains; and those of a domain over another domain that ask for its type or call
// overloaded functions, since a value has that other domain's type there, but the plain type here. Foreign tables have no checks,
// and neither, from Postgres 18 on, do constraints that are not enforced.
const CHECKS: &str = "
    WITH RECURSIVE domains AS (
        SELECT a.attnum, a.attname, d.oid AS domain, d.typbasetype AS base
        FROM pg_attribute AS a JOIN pg_class AS r ON r.oid = a.attrelid
        JOIN pg_type AS d ON d.oid = a.atttypid AND d.typtype = 'd'
        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'f'
        UNION ALL
        SELECT o.attnum, o.attname, d.oid, d.typbasetype
        FROM domains AS o JOIN pg_type AS d ON d.oid = o.base AND d.typtype = 'd'
    )
    SELECT c.conname::text,
           array(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.place),
           pg_get_expr(c.conbin, c.conrelid), false, NULL::text, 0::int2
    FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid
    WHERE c.conrelid = $1 AND c.contype = 'c' AND r.relkind <> 'f' AND 1 <= ALL (c.conkey)
      AND (to_jsonb(c) ->> 'conenforced') IS DISTINCT FROM 'false'
      AND NOT EXISTS (SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                      WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND t.typtype = 'd')
    UNION ALL
    SELECT c.conname::text, ARRAY[o.attname::text], pg_get_expr(c.conbin, 0), true,
           (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation AS l
            JOIN pg_namespace AS n ON n.oid = l.collnamespace WHERE l.oid = base.typcollation), o.attnum
    FROM domains AS o JOIN pg_type AS base ON base.oid = o.base
    JOIN pg_constraint AS c ON c.contypid = o.domain AND c.contype = 'c'
    WHERE base.typtype <> 'd'
       OR NOT EXISTS (SELECT FROM pg_proc AS f WHERE base.oid = ANY (f.proargtypes))
          AND pg_get_expr(c.conbin, 0) NOT LIKE '%pg_typeof(%'
    ORDER BY 4, 6, 1";

const UNIQUE: &str = "
    SELECT c.relname::text, i.indisprimary,
           array(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                 WHERE k.place <= i.indnkeyatts ORDER BY k.place),
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false),
           e.*
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    CROSS JOIN LATERAL (
        SELECT array_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY k.place),
               array_agg(format('%I.%I', tn.nspname, t.typname) ORDER BY k.place),
               array_agg(format('%I.%I', tn.nspname, t.typname) ORDER BY k.place),
               array_agg(CASE WHEN l.oid IS NOT NULL THEN format('%I.%I', ln.nspname, l.collname) END ORDER BY k.place),
               array_agg(coalesce(l.collisdeterministic, true) ORDER BY k.place)
        FROM unnest(i.indclass::oid[], i.indcollation::oid[]) WITH ORDINALITY AS k (class, collated, place)
        JOIN pg_opclass AS f ON f.oid = k.class
        JOIN pg_amop AS m ON m.amopfamily = f.opcfamily AND m.amoplefttype = f.opcintype
                         AND m.amoprighttype = f.opcintype AND m.amopstrategy = 3
        JOIN pg_operator AS o ON o.oid = m.amopopr JOIN pg_namespace AS n ON n.oid = o.oprnamespace
        JOIN pg_type AS t ON t.oid = f.opcintype JOIN pg_namespace AS tn ON tn.oid = t.typnamespace
        LEFT JOIN pg_collation AS l ON l.oid = k.collated
        LEFT JOIN pg_namespace AS ln ON ln.oid = l.collnamespace
    ) AS e
    WHERE i.indrelid = $1 AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
    ORDER BY NOT i.indisprimary, c.relname";

// A foreign key to a partitioned table is stored once more for each partition, none of which has all rows.
const FOREIGN: &str = "
    SELECT f.conname::text, n.nspname::text, p.relname::text,
           array(SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY AS k (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = k.attnum ORDER BY k.place),
           array(SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY AS k (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = f.confrelid AND a.attnum = k.attnum ORDER BY k.place),
           f.confmatchtype = 'f', p.relkind = 'p',
           e.*
    FROM pg_constraint AS f
    JOIN pg_class AS p ON p.oid = f.confrelid
    JOIN pg_namespace AS n ON n.oid = p.relnamespace
    CROSS JOIN LATERAL (
        SELECT array_agg(format('OPERATOR(%I.%s)', m.nspname, o.oprname) ORDER BY k.place),
               array_agg(format('%I.%I', ln.nspname, l.typname) ORDER BY k.place),
               array_agg(format('%I.%I', rn.nspname, r.typname) ORDER BY k.place),
               array_agg(CASE WHEN pc.oid IS NOT NULL THEN format('%I.%I', pn.nspname, pc.collname) END
                         ORDER BY k.place),
               array_agg(coalesce(pc.collisdeterministic, true) AND coalesce(cc.collisdeterministic, true)
                         ORDER BY k.place)
        FROM unnest(f.conpfeqop, f.confkey, f.conkey) WITH ORDINALITY AS k (operator, parent, child, place)
        JOIN pg_operator AS o ON o.oid = k.operator JOIN pg_namespace AS m ON m.oid = o.oprnamespace
        JOIN pg_type AS l ON l.oid = o.oprleft JOIN pg_namespace AS ln ON ln.oid = l.typnamespace
        JOIN pg_type AS r ON r.oid = o.oprright JOIN pg_namespace AS rn ON rn.oid = r.typnamespace
        JOIN pg_attribute AS pa ON pa.attrelid = f.confrelid AND pa.attnum = k.parent
        JOIN pg_attribute AS ca ON ca.attrelid = f.conrelid AND ca.attnum = k.child
        LEFT JOIN pg_collation AS pc ON pc.oid = pa.attcollation
        LEFT JOIN pg_namespace AS pn ON pn.oid = pc.collnamespace
        LEFT JOIN pg_collation AS cc ON cc.oid = ca.attcollation
    ) AS e
    WHERE f.conrelid = $1 AND f.contype = 'f' AND (to_jsonb(f) ->> 'conenforced') IS DISTINCT FROM 'false'
      AND NOT EXISTS (SELECT FROM pg_constraint AS whole WHERE whole.oid = f.conparentid AND whole.conrelid = f.conrelid)
    ORDER BY f.conname";

/// Reads what `schema.table` demands; `None` if there is no such table.
///
/// # Errors
/// The server's errors.
pub fn read(
    client: &mut impl GenericClient,
    schema: &str,
    table: &str,
) -> anyhow::Result<Option<Constraints>> {
    let Some((oid, kind)) = oid(client, schema, table, &TABLES)? else {
        return Ok(None);
    };
    let mut rows = |query: &str| {
        client
            .query(query, &[&oid])
            .context("reading the catalogue")
    };
    Ok(Some(Constraints {
        columns: rows(COLUMNS)?.iter().map(column).collect(),
        unique: rows(UNIQUE)?
            .iter()
            .map(|row| UniqueKey {
                name: row.get(0),
                primary: row.get(1),
                columns: row.get(2),
                nulls_equal: row.get(3),
                equality: equality(row, 4),
            })
            .collect(),
        foreign: rows(FOREIGN)?
            .iter()
            .map(|row| ForeignKey {
                name: row.get(0),
                parent_schema: row.get(1),
                parent: row.get(2),
                columns: row.get(3),
                parent_columns: row.get(4),
                match_full: row.get(5),
                parent_partitioned: row.get(6),
                equality: equality(row, 7),
            })
            .collect(),
        checked: !rows(CHECKS)?.is_empty(),
        partitioned: kind == PARTITIONED,
    }))
}

/// Reads the columns of `schema.name`, which may be a view too; empty if there is nothing of this name.
///
/// # Errors
/// The server's errors.
pub fn columns(
    client: &mut impl GenericClient,
    schema: &str,
    name: &str,
) -> anyhow::Result<Vec<ColumnLimits>> {
    let Some((oid, _)) = oid(client, schema, name, &RELATIONS)? else {
        return Ok(Vec::new());
    };
    let rows = client
        .query(COLUMNS, &[&oid])
        .context("reading the catalogue")?;
    Ok(rows.iter().map(column).collect())
}

/// Reads the CHECK constraints of `schema.table` and of the domains of its columns, as far as they have the same result outside
/// of the table.
///
/// # Errors
/// The server's errors.
pub fn checks(
    client: &mut impl GenericClient,
    schema: &str,
    table: &str,
) -> anyhow::Result<Vec<Check>> {
    let Some((oid, _)) = oid(client, schema, table, &TABLES)? else {
        return Ok(Vec::new());
    };
    let rows = client
        .query(CHECKS, &[&oid])
        .context("reading the catalogue")?;
    Ok(rows
        .iter()
        .map(|row| Check {
            name: row.get(0),
            columns: row.get(1),
            expression: row.get(2),
            of_domain: row.get(3),
            collation: row.get(4),
        })
        .collect())
}

/// The kind of tables whose rows are those of their partitions.
const PARTITIONED: &str = "p";
/// The kinds of relations that rows can be put into, as in `pg_class.relkind`: tables, partitioned and foreign ones.
const TABLES: [&str; 3] = ["r", PARTITIONED, "f"];
/// The kinds of relations that rows can be read from: also views and materialised views.
const RELATIONS: [&str; 5] = ["r", PARTITIONED, "f", "v", "m"];

/// The oid and the kind of `schema.name`; `None` if it does not exist or has none of these kinds.
fn oid(
    client: &mut impl GenericClient,
    schema: &str,
    name: &str,
    kinds: &[&str],
) -> anyhow::Result<Option<(u32, String)>> {
    let query = "SELECT c.oid, c.relkind::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind::text = ANY ($3)";
    let row = client
        .query_opt(query, &[&schema, &name, &kinds])
        .context("reading the catalogue")?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// Reads how the columns of a key are compared from five arrays of a row, of which the first has the index `first`.
fn equality(row: &Row, first: usize) -> Vec<Equality> {
    /// Reads an array of a row; an array without elements is NULL.
    fn array<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Vec<T> {
        row.get::<_, Option<Vec<T>>>(index).unwrap_or_default()
    }
    let operators: Vec<String> = array(row, first);
    let types = array(row, first + 1).into_iter().zip(array(row, first + 2));
    let collations = array(row, first + 3).into_iter().zip(array(row, first + 4));
    let columns = operators.into_iter().zip(types).zip(collations);
    columns
        .map(
            |((operator, (key_type, other_type)), (collation, deterministic))| Equality {
                operator,
                key_type,
                other_type,
                collation,
                deterministic,
            },
        )
        .collect()
}

fn column(row: &Row) -> ColumnLimits {
    /// How many bytes a length modifier counts too much: `varchar(n)` and `char(n)` are stored with a header's four bytes added.
    const HEADER: i32 = 4;
    let (type_name, typmod): (&str, i32) = (row.get(2), row.get(3));
    let limited = matches!(type_name, "varchar" | "bpchar") && typmod >= HEADER;
    let (type_kind, category): (&str, &str) = (row.get(11), row.get(12));
    let timed = matches!(type_name, "time" | "timestamp" | "timestamptz");
    ColumnLimits {
        name: row.get(0),
        type_name: row.get(1),
        qualified_type: row.get(7),
        max_chars: limited.then(|| (typmod - HEADER) as usize),
        blank_padded: type_name == "bpchar",
        fraction_digits: u32::try_from(typmod).ok().filter(|_| timed),
        labels: row.get(6),
        filled: row.get(4),
        writable: row.get(5),
        is_domain: row.get(8),
        collation: row.get(9),
        deterministic: row.get(10),
        server_type: match carried(type_name, type_kind, typmod) {
            Ok(_) => None,
            Err(_) if matches!(type_name, "numeric" | "money") => Some(ServerType::Number),
            Err(_) if category == "S" => Some(ServerType::Text),
            Err(_) => Some(ServerType::Other),
        },
    }
}
