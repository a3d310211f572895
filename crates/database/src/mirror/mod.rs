//! A source's tables, made again in a scratch database: with the same columns and types, and filled with the bytes of the source's
//! own COPY, which no code of ours decodes.
//!
//! [`Shapes::read`] reads the shapes of tables, [`Shapes::make`] creates the tables without rows, [`Shapes::fill`] copies one and
//! [`Shapes::index`] gives it its keys and statistics. From a stored [`Blueprint`](blueprint::Blueprint) they can be created
//! when the source isn't there; [`Shapes::lost`] says which columns cannot be filled from decoded values then.

pub mod blueprint;
pub mod configured;
mod fill;
pub mod own;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use dataset::failure::Kind;
use dataset::{Column, ColumnType, Place};
use postgres::{Client, GenericClient, Row};
use serde::{Deserialize, Serialize};

use crate::catalogue::identifier::{qualified, quoted};
use crate::copy::write::RowForm;
pub use own::OWN_SCHEMA;
use own::Own;
use types::Types;

/// The type that columns have in a scratch database if their own type isn't there. It has no values.
pub const UNAVAILABLE: &str = "extrato.unavailable";

/// The shapes of a source's tables: columns, keys and types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shapes {
    schema: String,
    tables: Vec<TableShape>,
    types: Types,
    own: Own,
}

/// The shape of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TableShape {
    /// The table's name in a run.
    name: String,
    /// The table's place, if it is not in the schema of the others. Layers from before version 0.2 have none.
    #[serde(default)]
    place: Option<Place>,
    columns: Vec<ColumnShape>,
    keys: Vec<KeyShape>,
}

/// The shape of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ColumnShape {
    name: String,
    /// The type's oid in the source.
    kind: u32,
    /// The type in SQL, with its length or precision.
    shown: String,
    /// The collation's oid in the source; 0 if it has none, or the database's own.
    collation: u32,
    /// The name in Postgres of the type; for a domain, of the type that it is based on.
    base: String,
    /// Whether that type has a length or a precision.
    is_bounded: bool,
}

/// Columns that the source has an index on, or that refer to another table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeyShape {
    columns: Vec<String>,
    /// The name that the key has in the scratch database, if it is the primary key.
    primary: Option<String>,
    is_unique: bool,
}

/// Things that could not be made as they are in the source, by table and column, with the reason.
#[derive(Debug, Default)]
pub struct Lacking {
    /// Columns that exist, but cannot have values.
    pub columns: BTreeMap<(String, String), String>,
    /// Columns whose text is ordered by its bytes, not as in the source.
    pub order: BTreeMap<(String, String), String>,
}

const TABLES: &str = "
    SELECT w.called, c.oid, c.relkind = 'r' AND c.relhassubclass
    FROM unnest($1::text[], $2::text[], $3::text[]) AS w (called, schema, name)
    JOIN pg_namespace AS n ON n.nspname = w.schema
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY n.nspname, c.relname";

const COLUMNS: &str = "
    SELECT a.attname::text, a.atttypid, format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation = 'pg_catalog.\"default\"'::regcollation THEN 0::oid ELSE a.attcollation END,
           b.name, b.typmod >= 0
    FROM pg_attribute AS a CROSS JOIN LATERAL (
        WITH RECURSIVE resolved (type, typmod) AS (
            SELECT a.atttypid, a.atttypmod
            UNION ALL
            SELECT t.typbasetype, t.typtypmod FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype = 'd'
        )
        SELECT t.typname::text, r.typmod FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype <> 'd'
    ) AS b (name, typmod)
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const KEYS: &str = "
    SELECT ARRAY(SELECT a.attname::text FROM unnest(k.columns) WITH ORDINALITY AS u (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = $1 AND a.attnum = u.attnum ORDER BY u.place) AS names,
           bool_or(k.is_primary), bool_or(k.is_unique)
    FROM (SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] AS columns, i.indisprimary AND i.indimmediate AS is_primary,
                 i.indisunique AND i.indimmediate AND NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
                     AS is_unique
          FROM pg_index AS i
          JOIN pg_class AS c ON c.oid = i.indexrelid
          JOIN pg_am AS m ON m.oid = c.relam
          WHERE i.indrelid = $1 AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND m.amname = 'btree'
          UNION ALL
          SELECT o.conkey, false, false FROM pg_constraint AS o WHERE o.conrelid = $1 AND o.contype = 'f') AS k
    GROUP BY names ORDER BY 2 DESC, names";

impl Shapes {
    /// Reads the shapes of tables of the source, given by their names in a run; names without a schema belong to `schema`.
    ///
    /// # Errors
    /// The server's errors. A table that is missing is left out.
    pub fn read(
        client: &mut impl GenericClient,
        schema: &str,
        tables: &BTreeMap<String, Place>,
    ) -> anyhow::Result<Self> {
        let reading = "reading what the tables are made of";
        // With this, everything that isn't Postgres's own is named with its schema.
        client
            .batch_execute("SET LOCAL search_path = ''")
            .context(reading)?;
        let called: Vec<&str> = tables.keys().map(String::as_str).collect();
        let (schemas, names): (Vec<&str>, Vec<&str>) = tables
            .values()
            .map(|place| (place.schema.as_str(), place.name.as_str()))
            .unzip();
        let found = client.query(TABLES, &[&called, &schemas, &names]);
        let found = found.context(reading)?;
        let oids: Vec<u32> = found.iter().map(|row| row.get(1)).collect();
        let elsewhere = |row: &Row| {
            let place = tables.get(row.get::<_, &str>(0));
            place.filter(|place| place.schema != schema).cloned()
        };
        let tables = found
            .iter()
            .map(|row| table(client, row, elsewhere(row)))
            .collect::<Result<_, _>>()
            .context(reading)?;
        Ok(Self {
            schema: schema.to_owned(),
            tables,
            types: Types::read(client, &oids).context(reading)?,
            own: Own::of_tables(client, schema, &oids).context(reading)?,
        })
    }

    /// Reads the present shapes of the same tables.
    ///
    /// # Errors
    /// The server's errors.
    pub fn read_again(&self, client: &mut impl GenericClient) -> anyhow::Result<Self> {
        let tables = self.tables.iter();
        let tables = tables.map(|table| (table.name.clone(), self.place_of(table)));
        Self::read(client, &self.schema, &tables.collect())
    }

    fn place_of(&self, table: &TableShape) -> Place {
        table.place.clone().unwrap_or_else(|| Place {
            schema: self.schema.clone(),
            name: table.name.clone(),
        })
    }

    /// A table's qualified name, quoted.
    fn target(&self, table: &TableShape) -> String {
        let place = self.place_of(table);
        qualified(&place.schema, &place.name)
    }

    /// The schemas that hold the tables.
    pub fn schemas(&self) -> BTreeSet<&str> {
        let places = self.tables.iter().flat_map(|table| &table.place);
        let schemas = places.map(|place| place.schema.as_str());
        schemas.chain([self.schema.as_str()]).collect()
    }

    /// The name in a run of the table with this name in this schema; `None` if it is not one of these tables.
    pub fn called(&self, schema: &str, name: &str) -> Option<&str> {
        let is_it = |table: &&TableShape| {
            let place = self.place_of(table);
            place.schema == schema && place.name == name
        };
        Some(&self.tables.iter().find(is_it)?.name)
    }

    /// Creates the tables without rows, in the client's transaction, and returns what they lack. They have their primary keys,
    /// which some SELECTs cannot be understood without; [`drop_keys`](Self::drop_keys) drops these.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a table in one of the server's own schemas; the server's errors.
    pub fn make(&self, client: &mut Client) -> anyhow::Result<Lacking> {
        let making = "making the tables in the scratch database";
        let schemas = self.schemas();
        let is_servers =
            |schema: &&&str| schema.starts_with("pg_") || **schema == "information_schema";
        if let Some(schema) = schemas.iter().find(is_servers) {
            return Err(Kind::Usage.error(format!(
                "schema `{schema}` is the server's own, and a scratch database has its own with other rows: ask the \
                 server, with psql"
            )));
        }
        let schemas: Vec<_> = schemas
            .into_iter()
            .map(|schema| format!("CREATE SCHEMA IF NOT EXISTS {};", quoted(schema)))
            .collect();
        client
            .batch_execute(&format!(
                "CREATE SCHEMA {}; {} CREATE TYPE {UNAVAILABLE} AS ENUM ()",
                quoted(OWN_SCHEMA),
                schemas.concat()
            ))
            .context(making)?;
        let missing = self.types.make(client).context(making)?;
        let mut lacking = Lacking::default();
        for table in &self.tables {
            let mut columns = Vec::new();
            for column in &table.columns {
                let place = || (table.name.clone(), column.name.clone());
                let name = quoted(&column.name);
                if let Some(why) = missing.of_type(column.kind) {
                    lacking
                        .columns
                        .insert(place(), format!("is of type {}, which {why}", column.shown));
                    columns.push(format!("{name} {UNAVAILABLE}"));
                    continue;
                }
                let collate = match missing.of_collation(column.collation) {
                    Some(why) => {
                        lacking.order.insert(place(), why.to_owned());
                        " COLLATE pg_catalog.\"C\"".to_owned()
                    }
                    None => self.types.collate(column.collation),
                };
                columns.push(format!("{name} {}{collate}", column.shown));
            }
            let target = self.target(table);
            let mut statements = format!("CREATE UNLOGGED TABLE {target} ({})", columns.join(", "));
            if let Some(key) = table.keys.iter().find(|key| key.primary.is_some()) {
                let is_there = |column: &String| {
                    !lacking
                        .columns
                        .contains_key(&(table.name.clone(), column.clone()))
                };
                if key.columns.iter().all(is_there) {
                    statements += &format!("; {}", key.make(&target));
                }
            }
            client.batch_execute(&statements).context(making)?;
        }
        Ok(lacking)
    }

    /// Drops the primary keys, so that rows come in faster.
    ///
    /// # Errors
    /// The server's errors.
    pub fn drop_keys(&self, client: &mut Client) -> anyhow::Result<()> {
        let drops = self.tables.iter().flat_map(|table| {
            let target = self.target(table);
            let primary = table.keys.iter().find(|key| key.primary.is_some());
            let (name, columns) = primary
                .map(|key| (key.primary.as_deref(), &key.columns))
                .unzip();
            let drop = name
                .flatten()
                .map(|name| format!("ALTER TABLE {target} DROP CONSTRAINT IF EXISTS {name}"));
            // The columns of a key remain NOT NULL when the key is dropped.
            let nullable = columns.into_iter().flatten().map({
                let target = target.clone();
                move |column| {
                    format!(
                        "ALTER TABLE {target} ALTER {} DROP NOT NULL",
                        quoted(column)
                    )
                }
            });
            drop.into_iter().chain(nullable).collect::<Vec<_>>()
        });
        client
            .batch_execute(&drops.collect::<Vec<_>>().join("; "))
            .context("making the tables in the scratch database")
    }

    /// The form in which the rows of a table are copied. Binary arrays and composite values contain oids of types, which
    /// differ between databases; tables with such columns are copied as text.
    pub fn form(&self, table: &str, columns: &[String]) -> RowForm {
        let table = self.table(table);
        let mut copied = table
            .iter()
            .flat_map(|table| &table.columns)
            .filter(|column| columns.contains(&column.name));
        match copied.any(|column| self.types.bears_numbers(column.kind)) {
            true => RowForm::Text,
            false => RowForm::Binary,
        }
    }

    /// The columns of a table, in its order.
    pub fn columns(&self, table: &str) -> impl Iterator<Item = &str> {
        let table = self.table(table).into_iter();
        table.flat_map(|table| table.columns.iter().map(|column| column.name.as_str()))
    }

    /// The source's own functions, operators and casts that SELECTs over the tables may mean.
    pub fn own(&self) -> &Own {
        &self.own
    }

    /// The schema that names without one belong to.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The reason why the values of a column cannot be restored exactly from the form in which they are carried; `None` if they can
    /// be: columns that are cast to text from that text, others from their binary form.
    pub fn lost(&self, table: &str, column: &Column) -> Option<&'static str> {
        let shape = self.column(table, &column.name)?;
        match column.kind {
            ColumnType::Numeric { .. } if !shape.is_bounded => {
                Some("does not say with how many digits each of its values is written")
            }
            // The cast drops the blanks.
            _ if column.cast_to_text && shape.base == "bpchar" && !shape.is_bounded => {
                Some("has no blanks at the end of its values")
            }
            _ if column.cast_to_text && self.has_own_text(table, &column.name) => {
                Some("is what a cast of the source's own has made of its values")
            }
            _ => None,
        }
    }

    /// Whether the source has its own cast from a column's type to text, which no other server has.
    pub fn has_own_text(&self, table: &str, column: &str) -> bool {
        let shape = self.column(table, column);
        shape.is_some_and(|shape| self.types.has_own_text(shape.kind))
    }

    /// Checks that the tables still have the same shapes.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if one was altered.
    pub fn check_same(&self, now: &Self) -> anyhow::Result<()> {
        match self == now {
            true => Ok(()),
            false => Err(Kind::Mismatch.error(
                "a table, or the type of a column, was altered while the run was starting: run again",
            )),
        }
    }

    fn column(&self, table: &str, name: &str) -> Option<&ColumnShape> {
        let mut columns = self.table(table)?.columns.iter();
        columns.find(|column| column.name == name)
    }

    fn table(&self, name: &str) -> Option<&TableShape> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl KeyShape {
    /// What remains of the key if only these columns have values: an index on those of them that it begins with.
    fn of(&self, columns: &[String]) -> Option<Self> {
        let there = self
            .columns
            .iter()
            .take_while(|name| columns.contains(name));
        let there: Vec<String> = there.cloned().collect();
        match there.len() {
            0 => None,
            count if count == self.columns.len() => Some(self.clone()),
            _ => Some(Self {
                columns: there,
                primary: None,
                is_unique: false,
            }),
        }
    }

    /// The statement that creates the key on a table, which is named with its schema.
    fn make(&self, table: &str) -> String {
        let list = self.list();
        match (&self.primary, self.is_unique) {
            (Some(name), _) => {
                format!("ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY ({list})")
            }
            (None, true) => format!("CREATE UNIQUE INDEX ON {table} ({list})"),
            (None, false) => format!("CREATE INDEX ON {table} ({list})"),
        }
    }

    fn list(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|name| quoted(name)).collect();
        columns.join(", ")
    }
}

fn table(
    client: &mut impl GenericClient,
    row: &Row,
    place: Option<Place>,
) -> Result<TableShape, postgres::Error> {
    let (oid, has_children): (u32, bool) = (row.get(1), row.get(2));
    let columns = client.query(COLUMNS, &[&oid])?;
    let columns = columns.iter().map(|row| ColumnShape {
        name: row.get(0),
        kind: row.get(1),
        shown: row.get(2),
        collation: row.get(3),
        base: row.get(4),
        is_bounded: row.get(5),
    });
    let keys = client.query(KEYS, &[&oid])?;
    let keys = keys.iter().map(|row| KeyShape {
        columns: row.get(0),
        // The rows of the table's children may have the same keys.
        primary: (row.get::<_, bool>(1) && !has_children).then(|| format!("extrato_primary_{oid}")),
        is_unique: row.get::<_, bool>(2) && !has_children,
    });
    Ok(TableShape {
        name: row.get(0),
        place,
        columns: columns.collect(),
        keys: keys.collect(),
    })
}
