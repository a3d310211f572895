//! The types that other types are made up of, for queries of the catalogue.

/// A SELECT of the types of the columns of tables; the query's first parameter is the tables' oids.
pub(crate) const OF_TABLES: &str = "SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped";

/// `WITH RECURSIVE reached (oid) AS (…)`: the oids of the types that a SELECT gives, and of those that they are made up of:
/// elements of arrays, what domains are based on, columns of composite types.
pub fn with_reached(types: &str) -> String {
    format!(
        "WITH RECURSIVE reached (oid) AS (
            {types}
            UNION
            SELECT p.part FROM reached AS r JOIN pg_type AS t ON t.oid = r.oid CROSS JOIN LATERAL (
                SELECT t.typelem WHERE t.typcategory = 'A' AND t.typelem <> 0
                UNION ALL SELECT t.typbasetype WHERE t.typtype = 'd'
                UNION ALL SELECT m.atttypid FROM pg_attribute AS m
                          WHERE t.typtype = 'c' AND m.attrelid = t.typrelid AND m.attnum > 0 AND NOT m.attisdropped
            ) AS p (part)
        )"
    )
}
