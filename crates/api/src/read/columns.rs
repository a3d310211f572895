//! How a table is read: its columns, in the form that JSON has for them, and the key by which its rows are paged.

use postgres::Client;

/// A table, for reading.
#[derive(Debug)]
pub(crate) struct ReadTable {
    /// All columns, including generated ones.
    pub(crate) columns: Vec<ReadColumn>,
    /// The indices of the columns of the primary key, or else of the first unique key that the server enforces and that is never
    /// NULL; empty if there is neither.
    pub(crate) key: Vec<usize>,
}

/// A column, for reading.
#[derive(Debug)]
pub(crate) struct ReadColumn {
    pub(crate) name: String,
    /// The name of the type in SQL; for a domain, that of its base type.
    pub(crate) type_name: String,
    /// Whether the column may be NULL.
    pub(crate) nullable: bool,
    /// Whether the column is generated, so that rows are sent without it.
    pub(crate) is_generated: bool,
    /// The schema of the operators that compare the column's values, quoted.
    pub(crate) operators: String,
    /// Whether the values are texts, which can be matched with patterns.
    pub(crate) is_text: bool,
    pub(crate) form: JsonForm,
    /// The column's comment in the database.
    pub(crate) about: Option<String>,
}

/// The form that JSON has for the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonForm {
    /// A number, a truth value, a text, or JSON that is the value itself.
    Own,
    /// An array.
    Array,
    /// The text that Postgres writes, since what `to_json` makes of the value could not be sent again.
    Text,
}

impl ReadTable {
    /// The index of the column of this name.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The names of the columns, for messages.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| &*column.name).collect();
        names.join(", ")
    }
}

// Types of extensions have operators of their own. `to_json` handles arrays of plain values; what it makes of other types
// could not be sent as a row.
const COLUMNS: &str = "
    WITH RECURSIVE resolved AS (
        SELECT a.attnum, a.attname, a.attnotnull, a.atttypid AS type, a.atttypmod AS typmod, a.attgenerated <> '' AS generated
        FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.attnum, r.attname, r.attnotnull, t.typbasetype, t.typtypmod, r.generated
        FROM resolved AS r JOIN pg_type AS t ON t.oid = r.type WHERE t.typtype = 'd'
    )
    SELECT r.attname::text, format_type(r.type, r.typmod), NOT r.attnotnull, r.generated,
           coalesce((SELECT quote_ident(n.nspname) FROM pg_operator AS o JOIN pg_namespace AS n ON n.oid = o.oprnamespace
                     WHERE o.oprname = '<' AND o.oprleft = t.oid AND o.oprright = t.oid
                     ORDER BY n.nspname <> 'pg_catalog', n.nspname LIMIT 1), 'pg_catalog'),
           t.typcategory = 'S',
           e.typtype = 'c' OR e.oid <> t.oid AND e.typname IN ('json', 'jsonb')
               OR EXISTS (SELECT FROM pg_cast AS c
                          WHERE c.castsource = e.oid AND c.casttarget = 'json'::regtype AND c.castmethod = 'f'),
           col_description(to_regclass($1), r.attnum), t.typcategory = 'A'
    FROM resolved AS r
    JOIN pg_type AS t ON t.oid = r.type
    JOIN pg_type AS e ON e.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
    WHERE t.typtype <> 'd'
    ORDER BY r.attnum";

const KEY: &str = "
    SELECT array(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                 WHERE k.place <= i.indnkeyatts ORDER BY k.place)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
                      JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                      WHERE k.place <= i.indnkeyatts AND NOT a.attnotnull)
    ORDER BY NOT i.indisprimary, c.relname LIMIT 1";

/// Reads the columns and the key of a table, in the client's transaction. `relation` is the table's name in SQL.
///
/// # Errors
/// The server's errors.
pub(crate) fn read(client: &mut Client, relation: &str) -> anyhow::Result<ReadTable> {
    let columns = client.query(COLUMNS, &[&relation])?;
    let mut table = ReadTable {
        columns: columns
            .iter()
            .map(|row| ReadColumn {
                name: row.get(0),
                type_name: row.get(1),
                nullable: row.get(2),
                is_generated: row.get(3),
                operators: row.get(4),
                is_text: row.get(5),
                form: match (row.get(6), row.get(8)) {
                    (true, _) => JsonForm::Text,
                    (false, true) => JsonForm::Array,
                    (false, false) => JsonForm::Own,
                },
                about: row.get(7),
            })
            .collect(),
        key: Vec::new(),
    };
    if let Some(row) = client.query_opt(KEY, &[&relation])? {
        let names: Vec<String> = row.get(0);
        table.key = names.iter().filter_map(|name| table.place(name)).collect();
    }
    Ok(table)
}
