//! The live schema: its tables, with the types and sizes of their columns, and whether we can carry them.

pub mod constraints;
pub mod definition;
pub mod identifier;
pub mod inventory;
pub mod reached;

use anyhow::Context;
use dataset::failure::Kind;
use dataset::{
    Collation, Column, ColumnType, Dataset, Letters, MAX_PRECISION, Place, RowsRead, TableSchema,
    TextKind, TextTraits,
};
use postgres::{GenericClient, Row};

use crate::lock_wait;

/// A table as it was in the catalogue at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveTable {
    /// The table's name in a run, and its columns.
    pub schema: TableSchema,
    /// The table's schema and name.
    pub place: Place,
    /// `pg_class.relkind`: `r` a table, `p` a partitioned one, `v` a view, `m` a materialised view, `f` foreign.
    pub relkind: char,
    /// The number of blocks of the table's own file; 0 if it has none (views, partitioned and foreign tables).
    pub pages: u32,
    /// The planner's estimate of the number of rows, if the table was ever analysed.
    pub estimated_rows: Option<u64>,
    /// The table's file in the catalogue as this transaction sees it, and its file now. They differ after a rewrite that the
    /// snapshot doesn't cover.
    pub filenodes: (u32, u32),
    /// Whether the role may read the whole table, and not only some of its columns.
    pub is_readable: bool,
    /// The columns, of any type, that are read as the server sends them; they need not be among those of `schema`.
    pub as_is: Vec<String>,
    /// The columns of type `inet`; their cast to text adds a `/32` or `/128` that the type itself does not write.
    pub inet: Vec<String>,
    /// The columns that are read as `timestamptz`, whose text and days depend on a time zone.
    pub zoned: Vec<String>,
    /// Which rows are read.
    pub rows: RowsRead,
    /// The columns that the role may not read, among those of `schema` and of `as_is`.
    pub unreadable: Vec<String>,
}

// A table that is dropped meanwhile has no size and no rights; whoever reads it later reports that.
const TABLES: &str = "
    SELECT c.oid, c.relname::text, c.relkind::text, c.reltuples::float8,
           CASE WHEN c.relkind IN ('r', 'm')
                THEN coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint ELSE 0 END,
           c.relfilenode, coalesce(pg_relation_filenode(c.oid), 0::oid),
           c.relpersistence = 'u' AND pg_is_in_recovery(), c.relispopulated,
           coalesce(has_table_privilege(c.oid, 'SELECT'), true),
           n.nspname::text
    FROM unnest($1::text[], $2::text[]) AS w (schema, name)
    JOIN pg_namespace AS n ON n.nspname = w.schema
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')";

// A domain is replaced by the type that it is based on, however many domains lie between. Rows of `pg_database` and `pg_collation`
// are read as JSON, since their columns differ between versions.
const COLUMNS: &str = "
    WITH RECURSIVE resolved AS (
        SELECT a.attnum, a.attname, a.attnotnull, a.atttypid AS type, a.atttypmod AS typmod, a.attcollation AS collation
        FROM pg_attribute AS a
        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.attnum, r.attname, r.attnotnull OR t.typnotnull, t.typbasetype, t.typtypmod, r.collation
        FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype = 'd'
    )
    SELECT r.attname::text, r.attnotnull, t.typname::text, t.typtype::text, r.typmod, format_type(r.type, r.typmod),
           ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
           coalesce(l.collname::text, 'default'), coalesce((to_jsonb(l) ->> 'collisdeterministic')::boolean, true),
           o.provider, coalesce(o.of ->> (o.at || 'locale'), o.of ->> icu, o.of ->> (o.at || 'collate'), ''),
           coalesce(o.of ->> (o.at || 'locale'), o.of ->> icu, o.of ->> (o.at || 'ctype'), ''),
           pg_encoding_to_char(d.encoding)::text, coalesce(has_column_privilege($1::oid, r.attnum, 'SELECT'), true)
    FROM resolved AS r
    JOIN pg_type AS t ON t.oid = r.type
    LEFT JOIN pg_collation AS l ON l.oid = r.collation
    JOIN pg_database AS d ON d.datname = current_database()
    CROSS JOIN LATERAL (
        SELECT coalesce(nullif(l.collprovider::text, 'd'), to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
               CASE WHEN l.collprovider <> 'd' THEN to_jsonb(l) ELSE to_jsonb(d) END AS of,
               CASE WHEN l.collprovider <> 'd' THEN 'coll' ELSE 'dat' END AS at,
               CASE WHEN l.collprovider <> 'd' THEN 'colliculocale' ELSE 'daticulocale' END AS icu
    ) AS o
    WHERE t.typtype <> 'd'
    ORDER BY r.attnum";

/// Whether a column, given by its table and name, is read at all.
pub type Wanted<'a> = &'a dyn Fn(&str, &str) -> bool;

/// Reads the tables of `dataset` in its order, with the columns that are `wanted`. Tables without a schema of their own are in
/// `schema`. A table of which no column is read in any form keeps its key.
///
/// # Errors
/// [`Kind::Mismatch`] naming the table that is missing, or the table and column whose type cannot be
/// carried exactly.
pub fn read(
    client: &mut impl GenericClient,
    dataset: &Dataset,
    schema: &str,
    wanted: Wanted<'_>,
) -> anyhow::Result<Vec<LiveTable>> {
    let tables = dataset.tables.iter();
    let places: Vec<Place> = tables.map(|table| table.place_in(schema)).collect();
    let (schemas, names): (Vec<&str>, Vec<&str>) = places
        .iter()
        .map(|place| (place.schema.as_str(), place.name.as_str()))
        .unzip();
    let relations: Vec<String> = places
        .iter()
        .map(|place| identifier::qualified(&place.schema, &place.name))
        .collect();
    let found = lock_wait::told(client, &relations, |client| {
        let found = client.query(TABLES, &[&schemas, &names]);
        found.context("reading the catalogue")
    })?;
    dataset
        .tables
        .iter()
        .zip(places)
        .map(|(table, place)| {
            let is_it = |row: &&Row| {
                row.get::<_, &str>(10) == place.schema && row.get::<_, &str>(1) == place.name
            };
            let row = found.iter().find(is_it);
            let row = row.ok_or_else(|| missing(dataset, table, &place))?;
            live_table(client, table, place, row, wanted)
        })
        .collect()
}

fn missing(dataset: &Dataset, table: &dataset::Table, place: &Place) -> anyhow::Error {
    let Place { schema, name } = place;
    if table.place.is_some() {
        return Kind::Mismatch.error(format!(
            "table `{name}` is missing in schema `{schema}`, which is named for it: name the schema that holds it"
        ));
    }
    let make = match (dataset.is_built_in, dataset.schema_sql.is_empty()) {
        (true, _) => "fill it with `extrato generate`",
        (false, true) => "make it",
        (false, false) => {
            "make it (`extrato load` makes all tables of schema.sql where none is there)"
        }
    };
    Kind::Mismatch.error(format!(
        "table `{name}` is missing in schema `{schema}`: {make}, or name the schema that holds it with --schema"
    ))
}

fn live_table(
    client: &mut impl GenericClient,
    table: &dataset::Table,
    place: Place,
    row: &Row,
    wanted: Wanted<'_>,
) -> anyhow::Result<LiveTable> {
    if row.get(7) {
        return Err(Kind::Mismatch.error(format!(
            "table `{}` is unlogged, and a replica has no rows of such a table: read from the primary",
            table.name
        )));
    }
    if !row.get::<_, bool>(8) {
        return Err(Kind::Mismatch.error(format!(
            "materialised view `{}` has no data yet: run REFRESH MATERIALIZED VIEW on it",
            table.name
        )));
    }
    let oid: u32 = row.get(0);
    let relkind: &str = row.get(2);
    let reltuples: f64 = row.get(3);
    let found = client
        .query(COLUMNS, &[&oid])
        .context("reading the catalogue")?;
    let names: Vec<&str> = found.iter().map(|row| row.get(0)).collect();
    let named = table.key.iter().chain(&table.cast_to_text);
    for name in named.chain(table.carry_as.keys()) {
        if !names.contains(&name.as_str()) {
            return Err(Kind::Mismatch.error(format!(
                "column `{name}` is missing in table `{}`, and dataset.toml names it",
                table.name
            )));
        }
    }
    // These columns were in the catalogue before.
    let mut found_before = table.as_is.iter();
    if let Some(name) = found_before.find(|name| !names.contains(&name.as_str())) {
        return Err(Kind::Mismatch.error(format!(
            "table `{}` was dropped or altered while the run was starting, and has no column `{name}`: run again",
            table.name
        )));
    }
    let any = !table.as_is.is_empty() || names.iter().any(|name| wanted(&table.name, name));
    let is_read = |name: &str| match any {
        true => wanted(&table.name, name),
        // The rows of this table can only be counted.
        false => table.key.iter().any(|key| key == name),
    };
    let read = || found.iter().filter(|row| is_read(row.get(0)));
    let columns = read()
        .map(|row| column(table, row))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let unread = names.iter().filter(|name| !is_read(name)).copied();
    let inet = found.iter().filter(|row| row.get::<_, &str>(2) == "inet");
    let is_as_is = |name: &str| table.as_is.iter().any(|column| column == name);
    let all_read = || {
        let found = found.iter();
        found.filter(|row| is_read(row.get(0)) || is_as_is(row.get(0)))
    };
    let zoned = all_read().filter(|row| row.get::<_, &str>(2) == "timestamptz");
    let unreadable = all_read().filter(|row| !row.get::<_, bool>(13));
    Ok(LiveTable {
        schema: TableSchema {
            name: table.name.clone(),
            columns,
            unread: unread.map(str::to_owned).collect(),
        },
        place,
        relkind: relkind.chars().next().unwrap_or('r'),
        pages: u32::try_from(row.get::<_, i64>(4)).unwrap_or(u32::MAX),
        estimated_rows: (reltuples >= 0.0).then_some(reltuples as u64),
        filenodes: (row.get(5), row.get(6)),
        is_readable: row.get(9),
        as_is: table.as_is.clone(),
        inet: inet.map(|row| row.get(0)).collect(),
        zoned: zoned.map(|row| row.get(0)).collect(),
        rows: table.rows.clone(),
        unreadable: unreadable.map(|row| row.get(0)).collect(),
    })
}

fn column(table: &dataset::Table, row: &Row) -> anyhow::Result<Column> {
    let name: String = row.get(0);
    let (type_name, type_kind, typmod): (&str, &str, i32) = (row.get(2), row.get(3), row.get(4));
    let shown: &str = row.get(5);
    let cast_to_text = table.cast_to_text.contains(&name);
    let refuse = |why: &str| {
        Kind::Mismatch.error(format!(
            "column `{name}` of table `{}` has type {shown}, {why}: list it under `cast_to_text` of the table in \
             dataset.toml to carry its text, and declare it `text` in the models that give it",
            table.name
        ))
    };
    let unbounded = |why: String| {
        Kind::Mismatch.error(format!(
            "column `{name}` of table `{}` has type {shown}, {why}: say which numeric(p,s) holds its values, under \
             `carry_as` of the table in dataset.toml (`carry_as = {{ {name:?} = \"numeric({MAX_PRECISION},10)\" }}`) or by \
             a cast to it wherever the model names it, or list it under `cast_to_text` to carry its text",
            table.name
        ))
    };
    let as_asked = table.carry_as.get(&name);
    if as_asked.is_some() && type_name != "numeric" {
        return Err(Kind::Mismatch.error(format!(
            "column `{name}` of table `{}` has type {shown}, but is listed under `carry_as` in dataset.toml, which is \
             for numeric columns: remove it there",
            table.name
        )));
    }
    let kind = match type_name {
        _ if cast_to_text => ColumnType::Text,
        "numeric" => match (as_asked, numeric(typmod)) {
            (Some(kind), _) => *kind,
            (None, Ok(kind)) => kind,
            (None, Err(why)) => match table.carried_by_models.get(&name) {
                Some(kind) => *kind,
                None => return Err(unbounded(why)),
            },
        },
        _ => carried(type_name, type_kind, typmod).map_err(|why| refuse(&why))?,
    };
    let is_as_declared = matches!(kind, ColumnType::Numeric { .. }) && numeric(typmod) == Ok(kind);
    Ok(Column {
        name,
        kind,
        cast_to_text,
        fixed_scale: is_as_declared,
        nullable: !row.get::<_, bool>(1),
        text: (kind == ColumnType::Text).then(|| traits(row, cast_to_text)),
    })
}

/// Whether values of a type are carried, counting numerics without precision. `type_name` and `type_kind` are those of the
/// catalogue, and not a domain's.
pub fn is_carried(type_name: &str, type_kind: &str) -> bool {
    type_name == "numeric" || carried(type_name, type_kind, -1).is_ok()
}

/// The type that values of a type are carried as. `type_name`, `type_kind` and `typmod` are those of the catalogue, and not a
/// domain's.
///
/// # Errors
/// The reason why values of the type aren't carried exactly.
fn carried(type_name: &str, type_kind: &str, typmod: i32) -> Result<ColumnType, String> {
    Ok(match type_name {
        _ if type_kind == "e" => ColumnType::Text,
        "bool" => ColumnType::Boolean,
        "int2" => ColumnType::SmallInt,
        "int4" => ColumnType::Integer,
        "int8" => ColumnType::BigInt,
        "float4" => ColumnType::Real,
        "float8" => ColumnType::Double,
        "text" | "varchar" | "bpchar" | "name" => ColumnType::Text,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "timestamp" => ColumnType::Timestamp,
        "timestamptz" => ColumnType::TimestampTz,
        "uuid" => ColumnType::Uuid,
        "bytea" => ColumnType::Bytes,
        "json" => ColumnType::Json,
        "jsonb" => ColumnType::JsonBinary,
        "numeric" => numeric(typmod)?,
        _ => return Err("which has no exact decoder".to_owned()),
    })
}

fn traits(row: &Row, cast_to_text: bool) -> TextTraits {
    let (type_name, type_kind, typmod): (&str, &str, i32) = (row.get(2), row.get(3), row.get(4));
    let encoding: &str = row.get(12);
    let kind = match type_name {
        "numeric" => TextKind::Numeric,
        _ if cast_to_text => TextKind::Cast,
        // In SQL_ASCII characters are bytes; without a length there is no padding.
        _ if encoding == "SQL_ASCII" => TextKind::Cast,
        "bpchar" if typmod < 0 => TextKind::Cast,
        _ if type_kind == "e" => TextKind::Enum(type_name.to_owned(), row.get(6)),
        "varchar" => TextKind::Varchar,
        "bpchar" => TextKind::Char,
        "name" => TextKind::Name,
        _ => TextKind::Text,
    };
    let collation = collation(row.get(9), row.get(10), row.get(11), encoding);
    TextTraits {
        kind,
        collation: Collation {
            name: row.get(7),
            deterministic: row.get(8),
            ..collation
        },
    }
}

/// A collation from its provider (`c` the C library, `i` ICU, `b` built in), the locales for order and for letters,
/// and the encoding of the database.
fn collation(provider: &str, order: &str, letters: &str, encoding: &str) -> Collation {
    let is_plain = |locale: &str| matches!(locale, "C" | "POSIX");
    let is_unicode =
        |locale: &str| matches!(locale, "C.UTF-8" | "C.utf8" | "C.UTF8" | "PG_UNICODE_FAST");
    // In these encodings the order of bytes is the order that the characters have in UTF-8.
    let in_order = matches!(encoding, "UTF8" | "LATIN1");
    let language = letters.split(['_', '-', '.', '@']).next();
    Collation {
        by_bytes: Some(provider != "i" && (is_plain(order) || is_unicode(order)) && in_order),
        letters: match language.unwrap_or_default() {
            _ if provider != "i" && is_plain(letters) => Letters::Ascii,
            "tr" | "az" | "lt" => Letters::Other,
            _ if provider == "i" => Letters::Icu,
            _ => Letters::Unicode,
        },
        ..Collation::unknown()
    }
}

/// The type of a numeric, from its modifier as `numerictypmodin` packs it (src/backend/utils/adt/numeric.c): four bytes of
/// header, then precision in the upper 16 bits and an 11-bit signed scale in the lower.
fn numeric(typmod: i32) -> Result<ColumnType, String> {
    if typmod < 4 {
        return Err("without precision and scale".to_owned());
    }
    let packed = typmod - 4;
    let precision = packed >> 16;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if precision <= MAX_PRECISION && scale <= precision => {
            Ok(ColumnType::Numeric { precision, scale })
        }
        _ => Err(format!(
            "of more than {MAX_PRECISION} digits, or of a scale that is negative or beyond its precision"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_of_a_dataset_that_is_built_in_a_missing_table_is_to_be_generated() {
        let mut dataset = Dataset::open("hiring").expect("opened");
        let said = |dataset: &Dataset| {
            let jobs = &dataset.tables[1];
            missing(dataset, jobs, &jobs.place_in("s")).to_string()
        };
        assert!(said(&dataset).contains("`extrato generate`"));
        dataset.is_built_in = false;
        assert_eq!(
            said(&dataset),
            "table `jobs` is missing in schema `s`: make it (`extrato load` makes all tables of schema.sql where none is \
             there), or name the schema that holds it with --schema"
        );
        dataset.schema_sql.clear();
        assert!(said(&dataset).contains("make it, or name"));
    }

    #[test]
    fn precision_and_scale_are_unpacked() {
        let typmod = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
        assert_eq!(
            numeric(typmod(10, 2)),
            Ok(ColumnType::Numeric {
                precision: 10,
                scale: 2
            })
        );
        assert_eq!(
            numeric(typmod(38, 38)),
            Ok(ColumnType::Numeric {
                precision: 38,
                scale: 38
            })
        );
        for bad in [-1, typmod(39, 0), typmod(5, -2), typmod(2, 4)] {
            assert!(numeric(bad).is_err(), "{bad}");
        }
    }
}
