//! Examples of what a SELECT may hold, for the page on SQL.

use super::tree::Field;

/// The fields that EXTRACT takes, by their names.
pub(super) const FIELDS: [(&str, Field); 13] = [
    ("YEAR", Field::Year),
    ("ISOYEAR", Field::IsoYear),
    ("QUARTER", Field::Quarter),
    ("MONTH", Field::Month),
    ("WEEK", Field::Week),
    ("DAY", Field::Day),
    ("DOW", Field::DayOfWeek),
    ("ISODOW", Field::IsoDayOfWeek),
    ("DOY", Field::DayOfYear),
    ("HOUR", Field::Hour),
    ("MINUTE", Field::Minute),
    ("SECOND", Field::Second),
    ("EPOCH", Field::Epoch),
];

/// The tables of the page's examples.
pub(super) const EXAMPLES_OF: &str = "
    CREATE TABLE t (id integer, n numeric(10,2), f double precision, s text, d date, ts timestamp, b boolean, j jsonb);
    CREATE TABLE u (id integer, t_id integer, n numeric(10,2), s text, d date);";

/// Parts of a SELECT, and examples of them. What stands on no other list has its line here.
pub(super) const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "joins",
        &[
            "SELECT t.s FROM t JOIN u ON u.t_id = t.id",
            "SELECT t.s FROM t LEFT JOIN u ON u.t_id = t.id AND u.d > t.d",
            "SELECT t.s FROM t FULL JOIN u ON u.t_id = t.id",
            "SELECT t.s FROM t CROSS JOIN u",
            "SELECT s FROM t NATURAL JOIN u",
            "SELECT t.s FROM t CROSS JOIN LATERAL (SELECT n FROM u WHERE u.t_id = t.id LIMIT 1) AS x",
        ],
    ),
    (
        "conditions",
        &[
            "SELECT s FROM t WHERE n > 1 AND NOT b OR d IS NULL",
            "SELECT s FROM t WHERE n BETWEEN 1 AND 2",
            "SELECT s FROM t WHERE s IN ('a', 'b')",
            "SELECT s FROM t WHERE s LIKE 'a%'",
            "SELECT s FROM t WHERE s ILIKE 'a%'",
            "SELECT s FROM t WHERE s ~ '^a'",
            "SELECT s FROM t WHERE s SIMILAR TO 'a|b'",
            "SELECT s FROM t WHERE n IS DISTINCT FROM 1",
        ],
    ),
    (
        "values",
        &[
            "SELECT CASE WHEN n > 1 THEN 'a' ELSE 'b' END FROM t",
            "SELECT COALESCE(s, 'none') FROM t",
            "SELECT NULLIF(n, 0) FROM t",
            "SELECT GREATEST(n, 1) FROM t",
            "SELECT CONCAT(s, '-', id) FROM t",
            "SELECT CONCAT_WS('-', s, s) FROM t",
            "SELECT s || id FROM t",
            "SELECT j ->> 'a' FROM t",
            "SELECT ARRAY[id, 1] FROM t",
            "SELECT regexp_replace(s, 'a', 'b') FROM t",
        ],
    ),
    (
        "dates",
        &[
            "SELECT EXTRACT(YEAR FROM d) FROM t",
            "SELECT DATE_PART('month', ts) FROM t",
            "SELECT DATE_TRUNC('month', ts) FROM t",
            "SELECT d + INTERVAL '1 month' FROM t",
            "SELECT d + id * INTERVAL '1 day' FROM t",
            "SELECT AGE(ts) FROM t",
            "SELECT TO_CHAR(d, 'YYYY-MM-DD') FROM t",
            "SELECT TO_CHAR(ts, 'DD/MM/YYYY HH24:MI:SS') FROM t",
            "SELECT TO_CHAR(d, 'Month') FROM t",
            "SELECT TO_CHAR(n, '999.99') FROM t",
            "SELECT CURRENT_DATE",
        ],
    ),
    (
        "groups",
        &[
            "SELECT s, SUM(n) FROM t GROUP BY s HAVING COUNT(*) > 1",
            "SELECT COUNT(DISTINCT s) FROM t",
            "SELECT SUM(n) FILTER (WHERE b) FROM t",
            "SELECT STRING_AGG(s, ',') FROM t",
            "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY f) FROM t",
            "SELECT s, SUM(n) FROM t GROUP BY ROLLUP (s)",
            "SELECT DISTINCT s FROM t",
            "SELECT DISTINCT ON (s) s, n FROM t ORDER BY s, n",
        ],
    ),
    (
        "windows",
        &[
            "SELECT ROW_NUMBER() OVER (PARTITION BY s ORDER BY d) FROM t",
            "SELECT RANK() OVER (ORDER BY d), DENSE_RANK() OVER (ORDER BY d) FROM t",
            "SELECT PERCENT_RANK() OVER (ORDER BY d), CUME_DIST() OVER (ORDER BY d) FROM t",
            "SELECT NTILE(4) OVER (ORDER BY d) FROM t",
            "SELECT LAG(n) OVER (ORDER BY d), LEAD(n, 2) OVER (ORDER BY d) FROM t",
            "SELECT LAG(n, 1, n) OVER (ORDER BY d) FROM t",
            "SELECT FIRST_VALUE(n) OVER (ORDER BY d), LAST_VALUE(n) OVER (ORDER BY d) FROM t",
            "SELECT NTH_VALUE(n, 2) OVER (ORDER BY d) FROM t",
            "SELECT SUM(n) OVER (ORDER BY d) FROM t",
            "SELECT SUM(n) OVER (ORDER BY d ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t",
            "SELECT SUM(n) OVER (ORDER BY d GROUPS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t",
            "SELECT SUM(n) OVER (ORDER BY id RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t",
            "SELECT SUM(n) OVER (ORDER BY d ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) FROM t",
        ],
    ),
    (
        "SELECTs in SELECTs",
        &[
            "WITH x AS (SELECT s FROM t) SELECT s FROM x",
            "WITH RECURSIVE x AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM x WHERE i < 9) SELECT i FROM x",
            "SELECT s FROM (SELECT s FROM t) AS x",
            "SELECT s FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id)",
            "SELECT s FROM t WHERE id NOT IN (SELECT t_id FROM u)",
            "SELECT EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id) FROM t",
            "SELECT (SELECT SUM(n) FROM u WHERE u.t_id = t.id) FROM t",
            "SELECT (SELECT n FROM u WHERE u.d < t.d ORDER BY u.d DESC LIMIT 1) FROM t",
            "SELECT s FROM t WHERE n > ALL (SELECT n FROM u)",
            "VALUES (1, 'a'), (2, 'b')",
        ],
    ),
    (
        "sets and order",
        &[
            "SELECT s FROM t UNION SELECT s FROM u",
            "SELECT s FROM t UNION ALL SELECT s FROM u",
            "SELECT s FROM t INTERSECT SELECT s FROM u",
            "SELECT s FROM t EXCEPT ALL SELECT s FROM u",
            "SELECT s FROM t ORDER BY n DESC NULLS LAST LIMIT 5 OFFSET 1",
            "SELECT s FROM t ORDER BY n FETCH FIRST 5 ROWS WITH TIES",
        ],
    ),
];
