//! Asks Postgres about a SELECT that it has understood as a view: which columns it needs, and whether its result depends on
//! anything but the rows of the tables.

use std::collections::{BTreeMap, BTreeSet};

use dataset::Place;
use postgres::Client;

/// The columns that a SELECT needs, and what it depends on.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The columns that the SELECT needs, by table; empty for a table whose rows it only counts.
    pub(super) needed: BTreeMap<Place, BTreeSet<String>>,
    /// The first thing that makes the result depend on more than the tables' rows.
    pub(super) forbidden: Option<String>,
    /// The first thing that depends on how text is ordered.
    pub(super) by_order: Option<String>,
}

/// The needed columns by table, from the dependencies that Postgres records for a view. A table of which no column is needed has
/// one row without a column. A SELECT that names an expression's whole row (`varattno 0`) needs all columns, though no dependency
/// says so.
const NEEDED: &str = "
    SELECT n.nspname::text, c.relname::text, a.attname::text
    FROM pg_rewrite AS r
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class AS c ON c.oid = d.refobjid AND c.oid <> r.ev_class AND c.relkind = 'r'
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute AS a
           ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              AND (a.attnum = d.refobjsubid OR r.ev_action::text ~ ':varattno 0 ')
    WHERE r.ev_class = $1::text::regclass
    UNION ALL
    SELECT n.nspname::text, c.relname::text, a.attname::text
    FROM pg_rewrite AS r
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_constraint'::regclass
    JOIN pg_constraint AS k ON k.oid = d.refobjid
    JOIN pg_class AS c ON c.oid = k.conrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
    WHERE r.ev_class = $1::text::regclass";

/// Finds the first thing that makes the result depend on more than rows. The view's tree is read as text, in the form of
/// src/backend/nodes/outfuncs.c, which has been the same for these nodes since Postgres 14.
const FORBIDDEN: &str = "
    WITH tree AS (SELECT r.ev_class, r.ev_action::text AS text FROM pg_rewrite AS r WHERE r.ev_class = $1::text::regclass)
    SELECT why FROM (
        SELECT 0, format('it comes to %s, which is the source''s own and not in the scratch database', obj_description(p.oid, 'pg_proc'))
        FROM tree CROSS JOIN LATERAL regexp_matches(tree.text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\\d+)', 'g') AS m
        JOIN pg_proc AS p ON p.oid = m[1]::oid
        WHERE p.oid >= 16384
        UNION ALL
        SELECT 1, format('it reads %s.%s, which is not a table of the dataset', n.nspname, c.relname)
        FROM tree CROSS JOIN LATERAL regexp_matches(tree.text, ':relid (\\d+)', 'g') AS m
        JOIN pg_class AS c ON c.oid = m[1]::oid AND c.oid <> tree.ev_class JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname <> ALL ($2)
        UNION ALL
        SELECT 2, format(CASE p.provolatile WHEN 'v' THEN '%s() may give another value each time that it is asked'
                                            ELSE '%s() tells of the server and not of the rows' END, p.proname)
        FROM tree CROSS JOIN LATERAL regexp_matches(tree.text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\\d+)', 'g') AS m
        JOIN pg_proc AS p ON p.oid = m[1]::oid
        WHERE p.provolatile = 'v'
           OR p.provolatile = 's' AND p.proname <> 'pg_typeof'
              AND p.proname ~ '^(current_|session_|pg_|has_|inet_|txid_|to_reg|query_to_|table_to_|schema_to_|database_to_|cursor_to_|lo_|obj_desc|col_desc|shobj_desc|version$|format_type$|getdatabaseencoding$|row_security)'
        UNION ALL
        SELECT 3, 'CURRENT_USER, and what is like it, tells of the server and not of the rows'
        FROM tree WHERE tree.text ~ '\\{SQLVALUEFUNCTION :op (9|1[0-9]) '
        UNION ALL
        SELECT 4, 'TABLESAMPLE depends on where rows lie' FROM tree WHERE tree.text ~ '\\{TABLESAMPLECLAUSE '
        UNION ALL
        SELECT 7, 'ONLY leaves out the rows of a table''s children, which are one with its own here'
        FROM tree
        CROSS JOIN LATERAL regexp_matches(tree.text, ':relid (\\d+) :relkind \\w [^{}]*?:inh (\\w+)', 'g') AS m
        WHERE m[2] = 'false' AND m[1]::oid <> tree.ev_class
        UNION ALL
        SELECT 6, 'FOR UPDATE, and what is like it, locks rows, and a model only reads them'
        FROM tree WHERE tree.text ~ '\\{ROWMARKCLAUSE '
        UNION ALL
        SELECT 5, 'a system column (such as ctid, xmin or tableoid) depends on where rows lie'
        FROM tree WHERE tree.text ~ ':varattno -[1-9]'
    ) AS found (place, why) ORDER BY place, why LIMIT 1";

/// Finds the first thing that depends on how text is ordered, or on which letters are upper and lower case. The functions listed
/// have a collation but don't use it: they compare texts for equality, or look at characters one by one.
const BY_ORDER: &str = "
    WITH tree AS (SELECT r.ev_action::text AS text FROM pg_rewrite AS r WHERE r.ev_class = $1::text::regclass)
    SELECT what FROM (
        SELECT format('%s()', p.proname)
        FROM tree CROSS JOIN LATERAL
             regexp_matches(tree.text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\\d+) [^{(]*?:inputcollid ([1-9]\\d*)', 'g') AS m
        JOIN pg_proc AS p ON p.oid = m[1]::oid
        WHERE p.proname <> ALL (ARRAY['texteq', 'textne', 'bpchareq', 'bpcharne', 'nameeq', 'namene', 'text', 'varchar',
              'bpchar', 'textcat', 'textanycat', 'anytextcat', 'length', 'char_length', 'character_length', 'octet_length',
              'substr', 'substring', 'btrim', 'ltrim', 'rtrim', 'replace', 'position', 'strpos', 'left', 'right', 'lpad',
              'rpad', 'reverse', 'repeat', 'split_part', 'translate', 'overlay', 'textlike', 'textnlike', 'bpcharlike',
              'bpcharnlike', 'starts_with', 'string_agg', 'count', 'concat', 'concat_ws', 'md5', 'ascii', 'to_char', 'format',
              'array_agg', 'row_number', 'lag', 'lead', 'first_value', 'last_value', 'nth_value'])
        UNION ALL
        SELECT 'GREATEST or LEAST of text' FROM tree WHERE tree.text ~ '\\{MINMAXEXPR [^{]*:inputcollid [1-9]'
        UNION ALL
        SELECT 'a comparison of rows' FROM tree WHERE tree.text ~ '\\{ROWCOMPARE '
        UNION ALL
        SELECT 'ORDER BY text'
        FROM tree
        CROSS JOIN LATERAL regexp_matches(tree.text, ':(?:sortClause|orderClause|aggorder) \\(((?:\\{SORTGROUPCLAUSE [^{}]*\\} ?)+)\\)', 'g') AS sorted
        CROSS JOIN LATERAL regexp_matches(sorted[1], ':sortop (\\d+)', 'g') AS m
        JOIN pg_operator AS o ON o.oid = m[1]::oid JOIN pg_type AS t ON t.oid = o.oprleft
        WHERE t.typcollation <> 0 OR t.typname IN ('anyarray', 'record', 'anyrange')
    ) AS found (what) ORDER BY what LIMIT 1";

impl Judged {
    /// Asks about the view of this name (quoted, with its schema) over the tables of these schemas.
    pub(super) fn of(
        client: &mut Client,
        view: &str,
        schemas: &[&str],
    ) -> Result<Self, postgres::Error> {
        let mut judged = Self::default();
        for row in client.query(NEEDED, &[&view])? {
            let (schema, name) = (row.get(0), row.get(1));
            let columns = judged.needed.entry(Place { schema, name }).or_default();
            columns.extend(row.get::<_, Option<String>>(2));
        }
        let forbidden = client.query_opt(FORBIDDEN, &[&view, &schemas])?;
        judged.forbidden = forbidden.map(|row| row.get(0));
        let by_order = client.query_opt(BY_ORDER, &[&view])?;
        judged.by_order = by_order.map(|row| row.get(0));
        Ok(judged)
    }
}
