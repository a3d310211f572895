//! The tables that random queries read: few rows, full of NULLs, ties, halves and limits of types.

use super::kinds::Kind;

/// A table of the schema.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// For each column its name as written in SQL, its declared type, the type's kind, and its use.
    pub(super) columns: &'static [(&'static str, &'static str, Kind, Use)],
    /// The primary key.
    pub(super) key: &'static [&'static str],
    /// The table's rows, as in VALUES.
    rows: &'static str,
    pub(super) row_count: usize,
}

/// What a column can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The column can be joined by.
    Key,
    /// The column can be used for anything.
    Any,
    /// The column can only be compared: its sums overflow, or depend on the order of rows.
    Extremes,
}

/// SQL that makes the schema with its types and filled tables, in a database that has none of them.
pub(super) fn schema_sql(schema: &str) -> String {
    let mut sql = format!(
        "CREATE SCHEMA {schema}; SET search_path = {schema};\n\
         CREATE TYPE mood AS ENUM ('sad', 'ok', 'Happy', 'áé');\n"
    );
    for table in TABLES {
        let columns = table
            .columns
            .iter()
            .map(|(name, declared, ..)| format!("{name} {declared}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let key = table.key.join(", ");
        sql += &format!(
            "CREATE TABLE {} ({columns}, PRIMARY KEY ({key}));\n",
            table.name
        );
        if !table.rows.is_empty() {
            sql += &format!("INSERT INTO {} VALUES {};\n", table.name, table.rows);
        }
    }
    sql + "ANALYZE"
}

use Kind::*;
use Use::{Any, Extremes, Key};

/// The tables, parents first.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "category",
        columns: &[
            ("id", "integer", Int4, Key),
            ("parent_id", "integer", Int4, Key),
            ("name", "text", Text, Any),
        ],
        key: &["id"],
        rows: "(1, NULL, 'Root'), (2, 1, 'root'), (3, 1, 'Ação'), (4, 2, 'acao'), (5, 2, NULL),
               (6, 3, ''), (7, 99, ' Zed '), (8, NULL, 'Ação')",
        row_count: 8,
    },
    Table {
        name: "product",
        columns: &[
            ("id", "integer", Int4, Key),
            ("name", "varchar(20)", Varchar, Any),
            ("category_id", "integer", Int4, Key),
            ("price", "numeric(8,2)", Numeric, Any),
            ("weight", "double precision", Double, Any),
            ("active", "boolean", Bool, Any),
            ("launched", "date", Date, Any),
            ("\"unitCount\"", "smallint", Int2, Any),
        ],
        key: &["id"],
        rows: "(1, 'Bolt', 1, 10.05, 0.5, true, '2020-02-29', 3), (2, 'bolt', 1, 10.05, 1.5, false, '2020-03-01', 3),
               (3, 'Ação', 2, 0.05, 2.25, NULL, '2019-12-31', NULL), (4, 'acao', 3, 0.15, NULL, true, NULL, 0),
               (5, '', 3, NULL, 0, false, '2020-02-29', -2), (6, NULL, NULL, -2.50, -1.5, true, '2021-01-01', 7),
               (7, ' Nut', 4, 2.50, 3, NULL, '2021-01-03', 7), (8, 'Nut ', 77, 99.99, 3, true, '2024-12-30', 1),
               (9, 'NUT', 4, 0.00, 0.25, false, NULL, NULL), (10, 'a%b_c', 8, 1.00, 100, NULL, '2000-01-01', 2),
               (11, 'Bolt', NULL, 100000.45, 2.25, true, '2020-06-15', 12)",
        row_count: 11,
    },
    Table {
        name: "measure",
        columns: &[
            ("id", "bigint", Int8, Key),
            ("product_id", "integer", Int4, Key),
            ("v", "integer", Int4, Any),
            ("small", "smallint", Int2, Any),
            ("big", "bigint", Int8, Any),
            ("n2", "numeric(8,2)", Numeric, Any),
            ("n4", "numeric(12,4)", Numeric, Any),
            ("d", "double precision", Double, Any),
            ("r", "real", Real, Any),
            ("n0", "numeric(38,0)", Numeric, Extremes),
            ("i2_end", "smallint", Int2, Extremes),
            ("i4_end", "integer", Int4, Extremes),
            ("i8_end", "bigint", Int8, Extremes),
            ("d_end", "double precision", Double, Extremes),
        ],
        key: &["id"],
        rows: "(1, 1, 0, 1, 10, 0.50, 0.0500, 0.5, 0.5, 0, 0, 0, 0, 0),
               (2, 1, 1, 2, 10, 1.50, 1.0050, 1.5, 0.25, 1, 32767, 2147483647, 9223372036854775807, 0.1),
               (3, 1, 1, 2, NULL, 2.50, 2.2250, -1.5, NULL, -1, -32768, -2147483648, -9223372036854775808, 1e300),
               (4, 2, NULL, NULL, 3, -0.50, NULL, NULL, 2.5, NULL, NULL, NULL, NULL, NULL),
               (5, 2, 2, 3, -7, -1.50, -0.0005, 2.5, 2.5, 99999999999999999999999999999999999999, 1, 2147483646, 9007199254740993, -1e300),
               (6, 3, 3, 3, 1000000, 10.05, 10.0500, 3.5, -0.5, -99999999999999999999999999999999999999, -1, -2147483647, -9007199254740993, 1e-300),
               (7, NULL, 5, -4, 0, NULL, 0.0001, 0, 0, 10, 32766, 1, 1, 'NaN'),
               (8, 4, -5, 10, 12, 10.05, 99.9999, 8, 8, 12345678901234567890, -32767, -1, -1, 'Infinity'),
               (9, 5, 5, 10, 12, 0.00, 0.0000, 8, 8, 7, 2, 2, 2, '-Infinity'),
               (10, 99, 7, NULL, 4, 123.45, 1000.5000, NULL, 16, NULL, 3, 3, 3, 0.3),
               (11, 8, 10, 0, 5, 0.05, 0.1250, 100.25, 1, 5, NULL, NULL, NULL, 123456.789),
               (12, 8, NULL, 5, 5, 2.50, 2.5000, 2.5, NULL, 5, 5, 5, 5, 2.5)",
        row_count: 12,
    },
    Table {
        name: "note",
        columns: &[
            ("id", "integer", Int4, Key),
            ("product_id", "integer", Int4, Key),
            ("name", "text", Text, Any),
            ("name_c", "text COLLATE \"C\"", Text, Any),
            ("note", "text", Text, Any),
            ("code", "char(5)", Char, Any),
            ("tag", "varchar(20)", Varchar, Any),
            ("state", "mood", Mood, Any),
            ("\"Mixed Name\"", "text", Text, Any),
            ("uid", "uuid", Uuid, Any),
            ("body", "bytea", Bytea, Any),
            ("doc", "jsonb", Jsonb, Any),
        ],
        key: &["id"],
        rows: r#"(1, 1, 'alpha', 'alpha', 'a', 'A', 'x', 'ok', 'One', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x00ff', '{"a": 1}'),
               (2, 1, 'Alpha', 'Alpha', NULL, 'a', 'X', 'sad', 'one', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '\x', '{"a": 2}'),
               (3, 2, 'ALPHA', 'ALPHA', '', 'ab c', 'x ', NULL, NULL, NULL, NULL, NULL),
               (4, 3, 'álpha', 'álpha', 'b', NULL, ' x', 'Happy', '', '00000000-0000-0000-0000-000000000000', '\x6162', '[1, "a"]'),
               (5, NULL, 'beta', 'beta', 'c_d', 'zzzzz', NULL, 'áé', 'Two', NULL, '\x61', '{}'),
               (6, 4, 'be ta', 'be ta', '100%', '', '', 'ok', 'two', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '\x61', 'null'),
               (7, 5, 'be-ta', 'be-ta', 'it''s', '1', '10', 'ok', ' two', NULL, NULL, '"x"'),
               (8, 7, NULL, NULL, E'a\nb', '2', '9', 'sad', 'ß', NULL, '\x00', NULL),
               (9, 99, '', '', '"q", r', 'a', '09', NULL, 'ÁÉ', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', NULL, '{"a": 1}'),
               (10, 8, ' lead', ' lead', E'back\\slash', 'A', 'trail ', 'Happy', '日本', NULL, NULL, NULL),
               (11, 9, 'alpha', 'alpha', 'A', 'é', 'é', 'ok', 'One', NULL, NULL, NULL)"#,
        row_count: 11,
    },
    Table {
        name: "event",
        columns: &[
            ("id", "integer", Int4, Key),
            ("category_id", "integer", Int4, Key),
            ("v", "integer", Int4, Any),
            ("day", "date", Date, Any),
            ("at", "timestamp", Timestamp, Any),
            ("at_tz", "timestamptz", TimestampTz, Any),
            ("hour", "time", Time, Any),
            ("done", "boolean", Bool, Any),
            ("day_end", "date", Date, Extremes),
            ("at_end", "timestamp", Timestamp, Extremes),
        ],
        key: &["id"],
        rows: "(1, 1, 1, '2020-01-01', '2020-01-01 00:00:00', '2020-01-01 00:00:00+00', '00:00', true, '2020-01-01', '2020-01-01'),
               (2, 1, 1, '2020-01-01', '2020-01-01 23:59:59.999999', '2019-12-31 23:30:00-01', '23:59:59.999999', false, '9999-12-31', '9999-12-31 23:59:59.999999'),
               (3, 2, NULL, '2020-02-29', '2020-02-29 12:30:00.5', '2020-02-29 12:30:00.000001+00', '12:30', NULL, '0001-01-01', '0001-01-01'),
               (4, 2, 3, NULL, NULL, NULL, NULL, true, NULL, NULL),
               (5, 3, 3, '2021-01-03', '2021-01-03 06:00:00', '2021-01-03 06:00:00+00', '06:00', true, '1970-01-01', '1969-12-31 23:59:59.5'),
               (6, NULL, -1, '2024-12-30', '2024-12-30 18:45:10', '2024-12-30 18:45:10+00', '18:45:10', false, '1969-12-31', '1900-02-28 01:02:03'),
               (7, 77, 0, '2020-02-29', '2020-02-29 12:30:00.5', '2020-02-29 12:30:00+00', '12:30', false, '1582-10-15', '1582-10-15'),
               (8, 8, 12, '2023-06-30', '2023-06-30 00:00:01', '2023-06-30 00:00:01+00', NULL, NULL, '2000-02-29', '2000-02-29 00:00:00.000001'),
               (9, 8, 5, '2016-01-03', '2016-01-03 23:00:00', NULL, '23:00', true, '2016-12-31', NULL)",
        row_count: 9,
    },
    Table {
        name: "link",
        columns: &[
            ("product_id", "integer", Int4, Key),
            ("category_id", "integer", Int4, Key),
            ("v", "smallint", Int2, Any),
            ("name", "varchar(20)", Varchar, Any),
        ],
        key: &["product_id", "category_id"],
        rows: "(1, 1, 1, 'a'), (1, 2, NULL, 'A'), (2, 1, 2, NULL), (2, 3, 2, 'b'), (3, 3, 5, ''), (4, 8, 5, 'Ação'),
               (50, 1, -3, 'a'), (9, 50, 0, 'B'), (11, 4, 1, 'b'), (11, 8, NULL, 'a')",
        row_count: 10,
    },
    Table {
        name: "nothing",
        columns: &[
            ("id", "integer", Int4, Key),
            ("category_id", "integer", Int4, Key),
            ("name", "text", Text, Any),
            ("v", "integer", Int4, Any),
            ("amount", "numeric(8,2)", Numeric, Any),
            ("day", "date", Date, Any),
            ("done", "boolean", Bool, Any),
        ],
        key: &["id"],
        rows: "",
        row_count: 0,
    },
];
