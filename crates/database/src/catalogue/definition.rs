//! The definitions of a schema's tables, from which statements can create them again: columns with defaults, constraints, indexes,
//! sequences, partitions, comments, and the types of the schema that they use.
//!
//! Every expression is written as it is read with only the schema in the search path: objects of the schema are named without it,
//! all others with theirs. So the same text creates the tables in whichever schema is the search path then.

use std::collections::BTreeMap;

use anyhow::Context;
use postgres::{GenericClient, Row};
use serde::{Deserialize, Serialize};

use super::identifier::{qualified, quoted};
use super::reached::{OF_TABLES, with_reached};

/// The definitions of tables of a schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The schema that holds the tables.
    pub schema: String,
    /// The types of the schema that the tables use; a type comes after those that it is made up of.
    pub types: Vec<TypeDefinition>,
    /// The tables, by name.
    pub tables: Vec<TableDefinition>,
}

/// An enum, a domain or a composite type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypeDefinition {
    /// The type's name, without the schema.
    pub name: String,
    /// The statement that creates the type.
    pub make: String,
    /// The type's comment.
    pub comment: Option<String>,
}

/// The definition of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// The table's name, without the schema.
    pub name: String,
    /// `pg_class.relkind`: `r` a table, `p` a partitioned one, `v` a view, `m` a materialised view, `f` foreign.
    pub relkind: char,
    /// The role that owns the table.
    pub owner: String,
    /// Whether the table is not in the write-ahead log.
    pub is_unlogged: bool,
    /// The table's comment.
    pub comment: Option<String>,
    /// The columns, in the table's order.
    pub columns: Vec<ColumnDefinition>,
    /// Keys, checks, exclusions and foreign keys, in the order in which they can be created.
    pub constraints: Vec<ConstraintDefinition>,
    /// The indexes that belong to no constraint.
    pub indexes: Vec<IndexDefinition>,
    /// The sequences that belong to columns, or that defaults take numbers from.
    pub sequences: Vec<SequenceDefinition>,
    /// How a partitioned table is partitioned, such as `RANGE (day)`.
    pub partition_key: Option<String>,
    /// The partitions of a partitioned table, parents before children.
    pub partitions: Vec<PartitionDefinition>,
    /// The tables that this one inherits from, and those that inherit from it.
    pub relatives: Vec<String>,
    /// Things that belong to the table but are not described here, such as `trigger audit`.
    pub left_out: Vec<String>,
}

/// The definition of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnDefinition {
    /// The column's name.
    pub name: String,
    /// The column's type, as SQL names it.
    pub type_name: String,
    /// Whether the column itself is NOT NULL.
    pub not_null: bool,
    /// The collation, if it differs from the type's.
    pub collation: Option<String>,
    /// The default, or the expression that a generated column is computed from.
    pub default: Option<String>,
    /// Whether the column is an identity: `a` always, `d` by default.
    pub identity: Option<char>,
    /// Whether the column is computed: `s` stored, `v` virtual.
    pub generated: Option<char>,
    /// The column's comment.
    pub comment: Option<String>,
    /// The column's type, with domains replaced by what they are based on.
    pub base: BaseType,
}

/// A type that is not a domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaseType {
    /// The type's name in the catalogue.
    pub name: String,
    /// Whether every server has it.
    pub is_built_in: bool,
    /// Whether the type is an enum.
    pub is_enum: bool,
    /// The labels, if the type is an enum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The type's modifier in the catalogue: a length, or precision and scale; -1 without one.
    pub modifier: i32,
    /// The oid and the name of the elements' type, if the type is an array of a type that every server has.
    pub element: Option<(u32, String)>,
    /// Whether the column's type is a domain over this type.
    pub in_domain: bool,
    /// Whether such a domain, or the column, forbids NULL.
    pub forbids_null: bool,
    /// The type's name in SQL.
    pub shown: String,
}

/// A constraint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConstraintDefinition {
    /// The constraint's name.
    pub name: String,
    /// `pg_constraint.contype`: `p` primary key, `u` unique, `x` exclusion, `c` check, `f` foreign key.
    pub kind: char,
    /// The text that follows the constraint's name in a statement.
    pub definition: String,
    /// The schema and name of the table that a foreign key refers to.
    pub refers_to: Option<(String, String)>,
    /// The constraint's comment.
    pub comment: Option<String>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexDefinition {
    /// The index's name.
    pub name: String,
    /// The statement that creates the index.
    pub make: String,
    /// The index's comment.
    pub comment: Option<String>,
}

/// A sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SequenceDefinition {
    /// The schema that holds the sequence.
    pub schema: String,
    /// The sequence's name.
    pub name: String,
    /// The name of the column that takes numbers from the sequence.
    pub column: String,
    /// How the column and the sequence are related.
    pub of: SequenceOf,
    /// The sequence's type and options, as `CREATE SEQUENCE` takes them.
    pub options: String,
    /// The difference between two numbers.
    pub increment: i64,
    /// The last number that the sequence gave, or the first that it will give.
    pub last_value: i64,
    /// Whether the sequence has given that number.
    pub is_called: bool,
}

/// How a column and its sequence are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SequenceOf {
    /// The column is an identity, which the sequence belongs to.
    Identity,
    /// The column owns the sequence, as a `serial` does.
    Owned,
    /// The column's default takes numbers from the sequence.
    Used,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionDefinition {
    /// The schema that holds the partition.
    pub schema: String,
    /// The partition's name, without the schema.
    pub name: String,
    /// The name in SQL of the table that this is a partition of.
    pub parent: String,
    /// The rows that the partition holds, such as `FOR VALUES FROM (1) TO (10)`.
    pub bound: String,
    /// How the partition is partitioned itself, if it is.
    pub partition_key: Option<String>,
    /// Whether the partition is a foreign table.
    pub is_foreign: bool,
}

const TABLES: &str = "
    SELECT c.oid, c.relname::text, c.relkind::text, pg_get_userbyid(c.relowner)::text, c.relpersistence = 'u',
           obj_description(c.oid, 'pg_class'), CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
           ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits AS i WHERE i.inhrelid = c.oid
                 UNION ALL
                 SELECT i.inhrelid::regclass::text FROM pg_inherits AS i WHERE i.inhparent = c.oid AND c.relkind <> 'p'
                 ORDER BY 1),
           ARRAY(SELECT format('trigger %I', t.tgname) FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
                 UNION ALL
                 SELECT format('rule %I', r.rulename) FROM pg_rewrite AS r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'
                 UNION ALL
                 SELECT format('policy %I', p.polname) FROM pg_policy AS p WHERE p.polrelid = c.oid
                 UNION ALL
                 SELECT format('statistics %I', s.stxname) FROM pg_statistic_ext AS s WHERE s.stxrelid = c.oid
                 UNION ALL
                 SELECT 'row-level security' WHERE c.relrowsecurity
                 UNION ALL
                 SELECT 'grants' WHERE c.relacl IS NOT NULL
                    OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
                 UNION ALL
                 SELECT 'storage parameters' WHERE c.reloptions IS NOT NULL
                 ORDER BY 1)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY 2";

const COLUMNS: &str = "
    WITH RECURSIVE resolved AS (
        SELECT a.attrelid, a.attnum, a.atttypid AS type, a.atttypmod AS typmod, a.attnotnull AS forbids, false AS in_domain
        FROM pg_attribute AS a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.attrelid, r.attnum, t.typbasetype, t.typtypmod, r.forbids OR t.typnotnull, true
        FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype = 'd'
    )
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           (SELECT a.attcollation::regcollation::text FROM pg_type AS o
            WHERE o.oid = a.atttypid AND o.typcollation <> a.attcollation AND a.attcollation <> 0),
           pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text, col_description(a.attrelid, a.attnum),
           t.typname::text, t.oid < 16384, t.typtype = 'e',
           ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
           r.typmod, e.oid, e.typname::text, r.in_domain, r.forbids, format_type(r.type, r.typmod)
    FROM resolved AS r
    JOIN pg_attribute AS a ON a.attrelid = r.attrelid AND a.attnum = r.attnum
    JOIN pg_type AS t ON t.oid = r.type
    LEFT JOIN pg_type AS e ON e.typarray = t.oid AND e.oid < 16384
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE t.typtype <> 'd'
    ORDER BY a.attnum";

const CONSTRAINTS: &str = "
    SELECT o.conname::text, o.contype::text, pg_get_constraintdef(o.oid), n.nspname::text, f.relname::text,
           obj_description(o.oid, 'pg_constraint')
    FROM pg_constraint AS o
    JOIN pg_class AS c ON c.oid = o.conrelid
    LEFT JOIN pg_class AS f ON f.oid = o.confrelid
    LEFT JOIN pg_namespace AS n ON n.oid = f.relnamespace
    WHERE o.conrelid = $1 AND o.contype IN ('p', 'u', 'x', 'c', 'f') AND (o.conparentid = 0 OR c.relispartition)
    ORDER BY array_position(ARRAY['p', 'u', 'x', 'c', 'f'], o.contype::text), 1";

const INDEXES: &str = "
    SELECT c.relname::text, pg_get_indexdef(c.oid, 0, true), obj_description(c.oid, 'pg_class'), quote_ident(c.relname)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = $1 AND i.indislive
      AND NOT EXISTS (SELECT FROM pg_constraint AS o WHERE o.conindid = c.oid AND o.contype IN ('p', 'u', 'x'))
    ORDER BY 1";

// A sequence that a column owns is usually also named by the column's default; it is listed once.
const SEQUENCES: &str = "
    SELECT DISTINCT ON (n.nspname, s.relname)
           n.nspname::text, s.relname::text, a.attname::text, k.of,
           format('AS %s START %s INCREMENT %s MINVALUE %s MAXVALUE %s CACHE %s %s', format_type(q.seqtypid, NULL), q.seqstart,
                  q.seqincrement, q.seqmin, q.seqmax, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END),
           q.seqincrement
    FROM (SELECT d.objid AS sequence, d.refobjsubid AS attnum, CASE d.deptype WHEN 'i' THEN 'identity' ELSE 'owned' END AS of
          FROM pg_depend AS d
          WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
            AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
          UNION ALL
          SELECT d.refobjid, f.adnum, 'used'
          FROM pg_attrdef AS f JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
          WHERE f.adrelid = $1 AND d.refclassid = 'pg_class'::regclass) AS k
    JOIN pg_class AS s ON s.oid = k.sequence AND s.relkind = 'S'
    JOIN pg_sequence AS q ON q.seqrelid = s.oid
    JOIN pg_namespace AS n ON n.oid = s.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = $1 AND a.attnum = k.attnum
    ORDER BY n.nspname, s.relname, k.of, a.attname";

const PARTITIONS: &str = "
    SELECT n.nspname::text, c.relname::text, t.parentrelid::regclass::text, pg_get_expr(c.relpartbound, c.oid),
           CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END, c.relkind = 'f'
    FROM pg_partition_tree($1::oid::regclass) AS t
    JOIN pg_class AS c ON c.oid = t.relid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE t.level > 0
    ORDER BY t.level, 1, 2";

// A type that is made up of others was created after them, and has a higher oid.
const TYPES: &str = "
    SELECT t.typname::text, obj_description(t.oid, 'pg_type'),
           CASE t.typtype
               WHEN 'e' THEN format('CREATE TYPE %I AS ENUM (%s)', t.typname,
                   (SELECT coalesce(string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder), '')
                    FROM pg_enum AS e WHERE e.enumtypid = t.oid))
               WHEN 'd' THEN concat('CREATE DOMAIN ', quote_ident(t.typname), ' AS ', format_type(t.typbasetype, t.typtypmod),
                   (SELECT ' COLLATE ' || t.typcollation::regcollation FROM pg_type AS b
                    WHERE b.oid = t.typbasetype AND b.typcollation <> t.typcollation AND t.typcollation <> 0),
                   ' DEFAULT ' || pg_get_expr(t.typdefaultbin, 0), CASE WHEN t.typnotnull THEN ' NOT NULL' END,
                   (SELECT string_agg(format(' CONSTRAINT %I %s', o.conname, pg_get_constraintdef(o.oid)), '' ORDER BY o.conname)
                    FROM pg_constraint AS o WHERE o.contypid = t.oid AND o.contype = 'c'))
               ELSE format('CREATE TYPE %I AS (%s)', t.typname,
                   (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
                    FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
           END
    FROM reached AS r
    JOIN pg_type AS t ON t.oid = r.oid
    JOIN pg_namespace AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE n.nspname = $2 AND (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND c.relkind = 'c')
      AND NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
    ORDER BY t.oid";

impl Definition {
    /// Reads the definitions of the tables with these names in a schema, in the client's transaction. From then on, the
    /// transaction's search path is only that schema.
    ///
    /// # Errors
    /// The server's errors. A table that is missing is left out.
    pub fn read(
        client: &mut impl GenericClient,
        schema: &str,
        tables: &[&str],
    ) -> anyhow::Result<Self> {
        let reading = "reading what the tables are made of";
        client
            .batch_execute(&search_path(schema))
            .context(reading)?;
        let found = client.query(TABLES, &[&schema, &tables]).context(reading)?;
        let oids: Vec<u32> = found.iter().map(|row| row.get(0)).collect();
        let types = format!("{} {TYPES}", with_reached(OF_TABLES));
        let types = client.query(&types, &[&oids, &schema]).context(reading)?;
        let types = types.iter().map(|row| TypeDefinition {
            name: row.get(0),
            make: row.get(2),
            comment: row.get(1),
        });
        let tables = found.iter().map(|row| table(client, row));
        Ok(Self {
            schema: schema.to_owned(),
            types: types.collect(),
            tables: tables.collect::<Result<_, _>>().context(reading)?,
        })
    }

    /// The definition of the table of this name.
    pub fn table(&self, name: &str) -> Option<&TableDefinition> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl TableDefinition {
    /// The definition of the column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// The statement that makes a schema the only one in the transaction's search path.
pub fn search_path(schema: &str) -> String {
    format!("SET LOCAL search_path = {}", quoted(schema))
}

fn table(client: &mut impl GenericClient, row: &Row) -> Result<TableDefinition, postgres::Error> {
    let oid: u32 = row.get(0);
    let relkind = letter(row, 2).unwrap_or('r');
    let columns = client.query(COLUMNS, &[&oid])?;
    let constraints = client.query(CONSTRAINTS, &[&oid])?;
    let constraints = constraints.iter().map(|row| ConstraintDefinition {
        name: row.get(0),
        kind: letter(row, 1).unwrap_or('c'),
        definition: row.get(2),
        refers_to: row.get::<_, Option<String>>(3).zip(row.get(4)),
        comment: row.get(5),
    });
    let indexes = client.query(INDEXES, &[&oid])?;
    let indexes = indexes.iter().map(|row| IndexDefinition {
        name: row.get(0),
        make: on_partitions_too(row.get(1), row.get(3)),
        comment: row.get(2),
    });
    let partitions = match relkind {
        'p' => client.query(PARTITIONS, &[&oid])?,
        _ => Vec::new(),
    };
    let partitions = partitions.iter().map(|row| PartitionDefinition {
        schema: row.get(0),
        name: row.get(1),
        parent: row.get(2),
        bound: row.get(3),
        partition_key: row.get(4),
        is_foreign: row.get(5),
    });
    Ok(TableDefinition {
        name: row.get(1),
        relkind,
        owner: row.get(3),
        is_unlogged: row.get(4),
        comment: row.get(5),
        columns: columns.iter().map(column).collect(),
        constraints: constraints.collect(),
        indexes: indexes.collect(),
        partition_key: row.get(6),
        partitions: partitions.collect(),
        sequences: sequences(client, oid)?,
        relatives: row.get(7),
        left_out: row.get(8),
    })
}

fn column(row: &Row) -> ColumnDefinition {
    let element: Option<u32> = row.get(13);
    ColumnDefinition {
        name: row.get(0),
        type_name: row.get(1),
        not_null: row.get(2),
        collation: row.get(3),
        default: row.get(4),
        identity: letter(row, 5),
        generated: letter(row, 6),
        comment: row.get(7),
        base: BaseType {
            name: row.get(8),
            is_built_in: row.get(9),
            is_enum: row.get(10),
            labels: row.get(11),
            modifier: row.get(12),
            element: element.zip(row.get(14)),
            in_domain: row.get(15),
            forbids_null: row.get(16),
            shown: row.get(17),
        },
    }
}

fn sequences(
    client: &mut impl GenericClient,
    oid: u32,
) -> Result<Vec<SequenceDefinition>, postgres::Error> {
    let found = client.query(SEQUENCES, &[&oid])?;
    let mut sequences = BTreeMap::new();
    for row in &found {
        let (schema, name): (String, String) = (row.get(0), row.get(1));
        let at = format!(
            "SELECT last_value, is_called FROM {}",
            qualified(&schema, &name)
        );
        let at = client.query_one(&at, &[])?;
        let of = match row.get(3) {
            "identity" => SequenceOf::Identity,
            "owned" => SequenceOf::Owned,
            _ => SequenceOf::Used,
        };
        let sequence = SequenceDefinition {
            schema: schema.clone(),
            name: name.clone(),
            column: row.get(2),
            of,
            options: row.get(4),
            increment: row.get(5),
            last_value: at.get(0),
            is_called: at.get(1),
        };
        sequences.insert((schema, name), sequence);
    }
    Ok(sequences.into_values().collect())
}

/// The letter in a column of the catalogue, if there is one.
fn letter(row: &Row, index: usize) -> Option<char> {
    row.get::<_, &str>(index).chars().next()
}

/// The statement of an index on a partitioned table, without the word that would keep the index off the partitions.
fn on_partitions_too(make: String, name: &str) -> String {
    for kind in ["CREATE INDEX", "CREATE UNIQUE INDEX"] {
        if let Some(rest) = make.strip_prefix(&format!("{kind} {name} ON ONLY ")) {
            return format!("{kind} {name} ON {rest}");
        }
    }
    make
}
