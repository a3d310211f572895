//! SELECTs that other engines get wrong. Each gives what Postgres gives, or is refused with another way to write it.

use dataset::failure::{Failure, Kind};
use testkit::Database;

use crate::shop::Shop;

#[test]
fn joins_find_their_columns_whichever_way_round_they_are_written() {
    let shop = Shop::open();
    for sql in [
        "SELECT p.name, c.name AS category, d.name AS parent FROM product p JOIN category c ON c.id = p.category_id
         LEFT JOIN category d ON d.id = c.parent_id",
        "SELECT p.name, d.name AS parent FROM product p JOIN category c ON p.category_id = c.id LEFT JOIN category d ON c.parent_id = d.id",
        "SELECT a.id, b.id AS other FROM product a LEFT JOIN product b ON b.category_id = a.category_id AND b.id <> a.id",
        "SELECT a.id, b.id AS other FROM product a LEFT JOIN category b ON b.id = a.category_id AND b.name = 'tools'",
        "SELECT id, p.name, c.name AS other FROM product p FULL JOIN category c USING (id)",
        "SELECT p.id, c.name AS other FROM product p FULL JOIN category c ON c.id = p.category_id AND p.id > 1",
        "SELECT c.* FROM product p JOIN category c ON c.id = p.category_id ORDER BY 2, p.id",
        "SELECT s.parent_id AS c FROM product p JOIN (SELECT id, parent_id FROM category) s ON s.id = p.category_id GROUP BY c",
        "SELECT * FROM product p RIGHT JOIN (SELECT id, parent_id FROM category) c USING (id)",
        "SELECT p.id, c.id AS other FROM product p RIGHT JOIN category c ON p.category_id > c.id",
        "SELECT p.id, c.id AS other FROM product p, category c WHERE c.id = p.category_id AND p.id > 2",
        "SELECT COUNT(*) FROM product CROSS JOIN category CROSS JOIN t",
        "SELECT p.id FROM product p JOIN (category c JOIN category d ON d.id = c.parent_id) ON c.id = p.category_id",
    ] {
        shop.check(sql);
    }
}

#[test]
fn numerics_are_keys_like_any_other() {
    let shop = Shop::open();
    for sql in [
        "SELECT v, COUNT(*) FROM t GROUP BY v",
        "SELECT DISTINCT v FROM t",
        "SELECT a.id, b.id AS other FROM t a JOIN t b ON a.v = b.v",
        "SELECT v FROM t UNION SELECT w FROM t WHERE w > 1000",
        "SELECT id FROM t WHERE v IN (SELECT v FROM t WHERE id = 1)",
        "SELECT id FROM t WHERE v NOT IN (SELECT v FROM t WHERE id = 1)",
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY v ORDER BY id) AS place FROM t",
        "SELECT COUNT(DISTINCT v) FROM t",
    ] {
        shop.check(sql);
    }
}

#[test]
fn names_are_found_in_the_scope_that_postgres_finds_them_in() {
    let shop = Shop::open();
    for sql in [
        "WITH t AS (SELECT id FROM t WHERE v > 1) SELECT id FROM t",
        "WITH x AS (SELECT id AS n FROM t), t AS (SELECT n + 1 AS id FROM x) SELECT t.id, x.n FROM t JOIN x ON x.n = t.id",
        "WITH x (a, b) AS (SELECT id, v FROM t) SELECT A, X.B FROM X",
        "SELECT ID AS \"Id\", \"From\" FROM T WHERE \"From\" = 'x'",
        "SELECT n AS id, COUNT(*) FROM t GROUP BY n",
        "SELECT n AS id FROM t WHERE id > 2 ORDER BY id, v",
        "SELECT n AS k, SUM(g / 4) AS n FROM t GROUP BY n HAVING COUNT(n) > 1",
        "SELECT k % 2 AS odd, COUNT(*) FROM t GROUP BY odd",
        "SELECT n, COUNT(*) FROM t GROUP BY 1 ORDER BY 2 DESC, 1 NULLS FIRST",
        "SELECT CASE WHEN n > 1 THEN 'high' ELSE 'low' END AS band, COUNT(*) FROM t GROUP BY band",
        "WITH w (z) AS (SELECT * FROM product) SELECT z FROM w",
        "SELECT 1 AS one, 'x' AS word, NULL AS none, true AS flag",
        "SELECT x.id FROM (SELECT id FROM t ORDER BY v DESC NULLS LAST, id LIMIT 2) x",
    ] {
        shop.check(sql);
    }
    shop.check_refused(
        "SELECT id FROM t a JOIN t b ON a.id = b.id",
        &["column 8", "`id`", "several tables"],
    );
    shop.check_refused("SELECT a.id\nFROM t", &["line 1, column 8", "`a`"]);
    shop.check_refused(
        "SELECT t.v, COUNT(*) FROM t GROUP BY t.n",
        &["column 8", "GROUP BY"],
    );
    shop.check_refused(
        "SELECT id FROM t WHERE id IN (SELECT p.id FROM product p WHERE p.id > t.n)",
        &["EXISTS", "join"],
    );
    shop.check_refused(
        "SELECT id FROM shop.t",
        &["`shop.t` is not a table of the dataset"],
    );
    shop.check_refused("SELECT x.p FROM t AS x (p)", &["`p`", "sub-select"]);
    shop.check_refused(
        "SELECT current_schema AS x FROM t",
        &["current_schema", "quotes"],
    );
    shop.check_refused(
        "SELECT p.id FROM product p FULL JOIN category c ON p.id < c.id",
        &["FULL"],
    );
    shop.check_refused(
        "SELECT TIMESTAMPTZ '9999-12-31 23:00:00-10' AS x",
        &["timestamptz"],
    );
    shop.check_refused("SELECT \"coalesce\"(1, 2) AS x", &["list"]);
}

#[test]
fn amounts_are_rounded_and_multiplied_as_postgres_does() {
    let shop = Shop::open();
    for sql in [
        "SELECT id, ROUND(v, 1) AS r, ROUND(v) AS whole, ROUND(v, -1) AS tens, TRUNC(v, 1) AS t, CEIL(v) AS c, FLOOR(w) AS f FROM t",
        "SELECT id, v * (1 - w) AS net, v * w * w AS more, v + w AS plus, w - v AS minus, -v AS neg, ABS(v) AS a FROM t",
        "SELECT id, CAST(v AS numeric(6,1)) AS a, v::int AS whole, w::bigint AS w, k::numeric(5,1) AS k FROM t",
        "SELECT '1.5'::numeric AS a, CAST('0.001' AS numeric) AS b, numeric '1e-2' AS c, ROUND('1.55'::numeric, 1) AS d, '2.5'::numeric::int AS e",
        "SELECT id, v * CAST('1.1' AS numeric) AS more, v > '1.6'::numeric AS bigger, n>-1 AS above, n<>-1 AS other, 1-+1 AS none, +n AS same FROM t",
        "SELECT SUM(v) AS v, SUM(v * w) AS product, MIN(w) AS least, MAX(v) AS most, SUM(g) AS g, SUM(k) AS k FROM t",
        "SELECT id, n / 2 AS half, -n / 2 AS less, k % 2 AS rest, -7 / 2 AS c, -7 % 3 AS d, MOD(-7, 3) AS e FROM t",
        "SELECT id, v % 4 AS rest, MOD(w, 0.3) AS other FROM t",
        "SELECT id, v > 1.5 AS more, v = 1.50 AS same, w BETWEEN -1 AND 0.4 AS within, v IN (1.5, 10.05) AS listed FROM t",
        "SELECT id, v / 3 AS third, n / 7.0 AS part, ROUND(v / 3, 2) AS round, v / 3 > 0.5 AS more, (v / 3)::text AS text FROM t",
        "SELECT b, AVG(v) AS v, AVG(n) AS n, ROUND(AVG(k), 2) AS k, AVG(v) * 0.2 < 1 AS less FROM t GROUP BY b",
        "SELECT id, AVG(v) OVER (ORDER BY id) AS mean, v::text AS v FROM t ORDER BY AVG(v) OVER (ORDER BY id) DESC, id",
        "SELECT SUM(CASE WHEN b THEN v ELSE 0 END) * 100.00 / SUM(v) AS share FROM t",
        "SELECT id, n + 1.5 AS plus, k * 2.50 AS times, g - 0.5 AS less FROM t",
    ] {
        shop.check(sql);
    }
    shop.check_refused(
        "SELECT (v / 3) * (w / 3) AS x FROM t",
        &["column 9", "round them first"],
    );
    shop.check_refused(
        "SELECT (CASE WHEN b THEN v ELSE 1 END)::text AS x FROM t",
        &["column 9", "casts numeric to TEXT"],
    );
}

#[test]
fn quotients_are_grouped_by_their_values_where_it_is_known_what_stands_for_them() {
    let shop = Shop::open();
    for sql in [
        "SELECT DISTINCT v / 3 AS x FROM t",
        "SELECT v / 3 AS third, COUNT(*) FROM t GROUP BY third HAVING COUNT(*) > 1",
        "SELECT mean, COUNT(*) FROM (SELECT n, AVG(v) AS mean FROM t GROUP BY n) x GROUP BY mean",
        "SELECT v / 3 AS x FROM t UNION SELECT w / 3 FROM t",
        "SELECT v / 3 AS x FROM t EXCEPT SELECT 0.5 / 1",
        "SELECT v / 3 AS x FROM t INTERSECT ALL SELECT v / 3.0 FROM t",
        "SELECT COUNT(DISTINCT v / 3) AS c, SUM(DISTINCT v / 3) AS s, AVG(DISTINCT n / 2.0) AS a FROM t",
        "SELECT id, COUNT(*) OVER (PARTITION BY v / 3) AS c FROM t",
        "SELECT DISTINCT ON (v / 3) v / 3 AS x, id FROM t ORDER BY v / 3, id",
        // These two are equal, and have 16 and 20 digits.
        "SELECT COUNT(DISTINCT a::numeric / b) AS c FROM (VALUES (3, 2), (15000, 10000)) AS x (a, b)",
    ] {
        shop.check(sql);
    }
    let quotients =
        "(SELECT a::numeric / b AS q FROM (VALUES (3, 2), (15000, 10000)) AS x (a, b)) AS x";
    for sql in [
        format!("SELECT q, COUNT(*) FROM {quotients} GROUP BY q"),
        format!("SELECT DISTINCT q FROM {quotients}"),
        format!("SELECT q FROM {quotients} INTERSECT SELECT 1.5 / 1"),
        format!("SELECT SUM(DISTINCT q) AS s FROM {quotients}"),
    ] {
        let error = shop.run(&sql).expect_err(&sql);
        assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
        let message = format!("{error:#}");
        assert!(message.contains("equal numerics have"), "{sql}: {message}");
    }
}

#[test]
fn conditions_know_three_values() {
    let shop = Shop::open();
    for sql in [
        "SELECT id FROM t WHERE b IS NOT TRUE",
        "SELECT id FROM t WHERE b IS NOT FALSE",
        "SELECT id, b IS UNKNOWN AS u, b IS NOT UNKNOWN AS k, b AND n > 1 AS a, b OR n > 1 AS o, NOT b AS n FROM t",
        "SELECT id FROM t WHERE n NOT IN (1, 2)",
        "SELECT id FROM t WHERE n NOT IN (SELECT n FROM t WHERE id = 3)",
        "SELECT id FROM t WHERE n NOT IN (SELECT n FROM t WHERE id > 100)",
        "SELECT id FROM t WHERE NOT (n BETWEEN 2 AND 5)",
        "SELECT id FROM t WHERE (n IS DISTINCT FROM 3) AND id > 1 OR b IS NOT DISTINCT FROM TRUE",
        "SELECT id, n IS DISTINCT FROM 3 AS d, n IS NOT DISTINCT FROM NULL AS s FROM t",
        "SELECT id, CASE n WHEN 1 THEN 'one' WHEN NULL THEN 'null' END AS word, NULLIF(n, 3) AS other, COALESCE(n, k, 0) AS some FROM t",
        "SELECT id, CASE WHEN n <> 3 THEN 100 / (n - 3) ELSE 0 END AS safe FROM t",
        "SELECT id FROM t WHERE n <> 3 AND 100 / (n - 3) < 0",
        "SELECT GREATEST(n, k, 2) AS g, LEAST(v, w) AS l FROM t",
        "SELECT BOOL_AND(b) AS a, BOOL_OR(b) AS o, COUNT(b) AS c FROM t",
        "SELECT n, BOOL_AND(b) FILTER (WHERE id > 1) AS a FROM t GROUP BY n",
    ] {
        shop.check(sql);
    }
    // The parser takes everything that follows as the right side.
    for sql in [
        "SELECT id FROM t WHERE n IS DISTINCT FROM 3 AND id > 1",
        "SELECT id FROM t WHERE b IS NOT DISTINCT FROM TRUE OR id > 1",
    ] {
        shop.check_refused(sql, &["DISTINCT FROM", "brackets"]);
    }
}

#[test]
fn windows_have_postgres_frames() {
    let shop = Shop::open();
    for sql in [
        "SELECT id, RANK() OVER (ORDER BY n) AS r, DENSE_RANK() OVER (ORDER BY n DESC) AS d FROM t",
        "SELECT id, SUM(id) OVER (ORDER BY n) AS s, SUM(v) OVER (PARTITION BY b ORDER BY id) AS v, COUNT(*) OVER () AS c FROM t",
        "SELECT id, SUM(id) OVER (ORDER BY n, id ROWS UNBOUNDED PRECEDING) AS s FROM t",
        "SELECT id, LAG(id) OVER (ORDER BY id) AS a, LEAD(id, 2, 0) OVER (ORDER BY id DESC) AS b FROM t",
        "SELECT id, FIRST_VALUE(id) OVER (ORDER BY id) AS f, LAST_VALUE(n) OVER (ORDER BY n) AS l, NTILE(2) OVER (ORDER BY id) AS h FROM t",
        "SELECT n, COUNT(*) AS c, RANK() OVER (ORDER BY COUNT(*) DESC) AS r FROM t GROUP BY n",
    ] {
        shop.check(sql);
    }
    for frame in [
        "1 PRECEDING AND CURRENT ROW",
        "2 PRECEDING AND 1 PRECEDING",
        "CURRENT ROW AND 1 FOLLOWING",
        "1 FOLLOWING AND 9 FOLLOWING",
        "1 PRECEDING AND 2 PRECEDING",
    ] {
        let over = format!("OVER (PARTITION BY n ORDER BY id ROWS BETWEEN {frame})");
        shop.check(&format!(
            "SELECT id, SUM(v) {over} AS s, COUNT(*) {over} AS c, MIN(v) {over} AS l, FIRST_VALUE(id) {over} AS f, LAST_VALUE(k) {over} AS k FROM t"
        ));
    }
    shop.check("SELECT id, PERCENT_RANK() OVER (ORDER BY n) AS p, CUME_DIST() OVER (ORDER BY n DESC) AS c, PERCENT_RANK() OVER (PARTITION BY id ORDER BY n) AS one FROM t");
    for frame in [
        "RANGE BETWEEN 1 PRECEDING AND CURRENT ROW",
        "ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING",
        "ROWS BETWEEN CURRENT ROW AND 1 PRECEDING",
        "ROWS 1 FOLLOWING",
        "ROWS BETWEEN UNBOUNDED FOLLOWING AND UNBOUNDED FOLLOWING",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED PRECEDING",
        "ROWS n PRECEDING",
    ] {
        let sql = format!("SELECT id, SUM(n) OVER (ORDER BY id {frame}) AS s FROM t");
        shop.check_refused(&sql, &["frame"]);
    }
    let sum = "SELECT id, AVG(v::float8) OVER (ORDER BY id ROWS BETWEEN 9 PRECEDING AND UNBOUNDED FOLLOWING) AS s FROM t";
    shop.check_refused(sum, &["floats", "frames"]);
    let unordered = "SELECT id, SUM(n) OVER (GROUPS 1 PRECEDING) AS s FROM t";
    shop.check_refused(unordered, &["frame"]);
    let none = "SELECT id, NTH_VALUE(n, 0) OVER (ORDER BY id) AS s FROM t";
    shop.check_refused(none, &["list"]);
}

#[test]
fn frames_of_any_size_give_what_postgres_gives() {
    let shop = Shop::open();
    // There are 125 rows; many are told apart by no single column, but by all ids together.
    let from = "FROM t x, t y, t z";
    let aggregates = |over: &str| {
        format!(
            "SUM(x.v) OVER {over} AS sum, COUNT(*) FILTER (WHERE y.n > 1) OVER {over} AS count, MIN(x.w) OVER {over} AS least,
             MAX(y.c) OVER {over} AS most, AVG(z.id) OVER {over} AS mean, BOOL_OR(x.b) OVER {over} AS has, SUM(y.g) OVER {over} AS wide"
        )
    };
    for frame in [
        "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        "ROWS BETWEEN 3 PRECEDING AND UNBOUNDED FOLLOWING",
        "ROWS BETWEEN 2 FOLLOWING AND UNBOUNDED FOLLOWING",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 2 FOLLOWING",
        "ROWS BETWEEN 5000000000 PRECEDING AND 7 FOLLOWING",
        "ROWS BETWEEN 20 PRECEDING AND 10 PRECEDING",
        "ROWS BETWEEN 7 PRECEDING AND 9 FOLLOWING",
        "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        "GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    ] {
        let over =
            format!("(PARTITION BY x.n ORDER BY y.s COLLATE \"C\", x.id, y.id, z.id {frame})");
        shop.check(&format!(
            "SELECT x.id, y.id AS y, z.id AS z, {} {from}",
            aggregates(&over)
        ));
        shop.check(&format!(
            "SELECT x.id, y.id AS y, z.id AS z, FIRST_VALUE(z.v) OVER {over} AS first, LAST_VALUE(y.s) OVER {over} AS last,
             NTH_VALUE(x.k, 3) OVER {over} AS third {from}"
        ));
    }
    for frame in [
        "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        "RANGE BETWEEN CURRENT ROW AND CURRENT ROW",
        "GROUPS UNBOUNDED PRECEDING",
        "GROUPS 1 PRECEDING",
        "GROUPS BETWEEN 2 PRECEDING AND 1 PRECEDING",
        "GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
        "GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING",
    ] {
        let over = format!("(PARTITION BY x.id ORDER BY y.n NULLS FIRST {frame})");
        shop.check(&format!(
            "SELECT x.id, y.id AS y, z.id AS z, {} {from}",
            aggregates(&over)
        ));
    }
    let unordered = "(RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)";
    shop.check(&format!(
        "SELECT x.id, y.id AS y, z.id AS z, {} {from}",
        aggregates(unordered)
    ));
}

#[test]
fn a_star_within_gives_what_is_asked_for_by_name() {
    let shop = Shop::open();
    for sql in [
        "SELECT x.id, y.name FROM (SELECT * FROM t) x JOIN (SELECT p.* FROM product p) y ON y.id = x.id",
        "WITH x AS (SELECT * FROM t), y AS (SELECT * FROM x) SELECT y.v FROM y WHERE EXISTS (SELECT * FROM product WHERE id = y.id)",
        "SELECT id FROM category WHERE EXISTS (SELECT * FROM t) AND NOT EXISTS (SELECT * FROM product WHERE name = 'none')",
        "SELECT DISTINCT ON (category_id) * FROM product ORDER BY category_id, id",
        "SELECT COUNT(*) FROM (SELECT DISTINCT * FROM product) x",
        "SELECT COUNT(*) FROM (SELECT * FROM product UNION SELECT * FROM product) x",
        "SELECT x.c FROM (SELECT * FROM category ORDER BY 2 DESC NULLS LAST, 1 LIMIT 1) AS x (a, b, c)",
        "WITH x AS (SELECT * FROM category) SELECT p.id AS product, x.* FROM product p JOIN x ON x.id = p.category_id",
        "SELECT name FROM (SELECT * FROM (SELECT * FROM product) x JOIN t USING (id)) y WHERE v > 1",
    ] {
        shop.check(sql);
    }
}

#[test]
fn set_operations_in_a_row_have_one_type_and_their_own_order() {
    let shop = Shop::open();
    for sql in [
        "SELECT id FROM t UNION SELECT n FROM t UNION ALL SELECT k FROM t",
        "SELECT n FROM t UNION ALL SELECT n FROM t EXCEPT SELECT 1",
        "SELECT n FROM t INTERSECT SELECT k FROM t UNION SELECT id FROM t",
        "SELECT n FROM t EXCEPT ALL SELECT 3",
        "SELECT n FROM t INTERSECT ALL SELECT n FROM t WHERE id < 3",
        "SELECT id, v FROM t UNION SELECT n, 7.125 FROM t ORDER BY 1 NULLS FIRST, v LIMIT 3",
        "SELECT NULL AS x UNION SELECT 1",
        "(SELECT id FROM t ORDER BY id LIMIT 1) UNION ALL (SELECT n FROM t ORDER BY id OFFSET 3)",
    ] {
        shop.check(sql);
    }
}

#[test]
fn text_is_compared_by_bytes_where_the_database_does_and_refused_elsewhere() {
    let shop = Shop::open();
    for sql in [
        "SELECT MIN(s) AS a, MAX(c) AS b FROM t",
        "SELECT s FROM t WHERE s < 'c' ORDER BY s DESC",
        "SELECT id, GREATEST(s, c) AS g, UPPER(s) AS u, LOWER(c) AS l, LENGTH(s) AS n FROM t",
        "SELECT id FROM t WHERE f = 'book'",
        "SELECT id FROM t WHERE f = ' ' OR 'loan  ' = f",
        "SELECT id FROM t WHERE f IN (' ', 'book ') OR f IS DISTINCT FROM 'loan '",
        "SELECT f, COUNT(*) FROM t GROUP BY f ORDER BY f",
        "SELECT id, f || '!' AS a, LENGTH(f) AS n, UPPER(f) AS u, CONCAT(f, '|', k) AS c, CAST(f AS text) AS t FROM t",
        "SELECT id FROM t WHERE s LIKE '_' AND c NOT LIKE 'b%'",
        "SELECT id, SUBSTRING(s FROM 1 FOR 3) AS a, STRPOS(c, 'a') AS p, REPLACE(s, 'a', 'xy') AS r, LEFT(c, -1) AS l FROM t",
        "SELECT id FROM t WHERE size = 'small' OR size <> 'small' AND code IS NULL",
    ] {
        shop.check(sql);
    }
    shop.check_refused("SELECT size < 'large' AS x FROM t", &["enum"]);
    shop.check_refused("SELECT doc = doc AS x FROM t", &["jsonb"]);

    let in_locale = Database::create_in_locale("pt-BR");
    let shop = Shop::open_in(in_locale);
    for (sql, column) in [
        ("SELECT MIN(s) AS a FROM t", "column 8"),
        ("SELECT id FROM t WHERE s < 'c'", "column 24"),
        ("SELECT id FROM t ORDER BY s LIMIT 2", "column 27"),
        (
            "SELECT id, RANK() OVER (ORDER BY s) AS r FROM t",
            "column 34",
        ),
        ("SELECT GREATEST(s, 'b') AS g FROM t", "column 8"),
        ("SELECT id FROM t WHERE s BETWEEN 'a' AND 'b'", "column 24"),
    ] {
        shop.check_refused(sql, &[column, "COLLATE \"C\""]);
    }
    for sql in [
        "SELECT MIN(s COLLATE \"C\") AS a, MAX(c) AS b FROM t",
        "SELECT s FROM t WHERE s COLLATE \"C\" < 'c'",
        "SELECT s, COUNT(*) FROM t WHERE s = 'b' OR s <> 'a' GROUP BY s",
        "SELECT id, UPPER(s) AS u, LOWER(c) AS l FROM t",
    ] {
        shop.check(sql);
    }
}

#[test]
fn dates_have_their_parts() {
    let shop = Shop::open();
    for sql in [
        "SELECT id, EXTRACT(YEAR FROM day) AS y, EXTRACT(QUARTER FROM at) AS q, EXTRACT(DOW FROM day) AS d, EXTRACT(WEEK FROM day) AS w,
                EXTRACT(ISOYEAR FROM at) AS i, EXTRACT(DOY FROM at) AS n, EXTRACT(HOUR FROM at) AS h FROM t",
        "SELECT id, day + 1 AS next, day - DATE '2020-01-01' AS days, at::date = day AS same, day < '2021-06-01' AS before FROM t",
        "SELECT id, TO_CHAR(at, 'YYYY-MM') AS m, TO_CHAR(day, 'DD/MM/YYYY') AS d, DATE_PART('year', day) AS y, day || ' ' || n AS t FROM t",
        "SELECT date_trunc('month', day) = '2024-02-01' AS is_february, COUNT(*) AS n FROM t GROUP BY 1",
        "SELECT id FROM t WHERE at >= '2021-01-01' AND at < TIMESTAMP '2024-02-29 23:59:59.6'",
        "SELECT id, (day + INTERVAL '1 month')::date AS next, (at - INTERVAL '90' DAY)::date AS before, EXTRACT(HOUR FROM 2 * INTERVAL '1 day 02:00' + at) AS later FROM t",
        "SELECT id FROM t WHERE day < DATE '2020-12-31' + INTERVAL '2' MONTH AND day >= '2000-01-01'::date - '1 year 1 sec'::interval",
    ] {
        shop.check(sql);
    }
    shop.check_refused(
        "SELECT TO_CHAR(at, 'Day') AS y FROM t",
        &["column 8", "TO_CHAR", "pattern that is not on the list"],
    );
    shop.check_refused("SELECT INTERVAL '1 day' AS y FROM t", &["list"]);
    shop.check_refused(
        "SELECT day + INTERVAL '1.5 days' AS y FROM t",
        &["INTERVAL '1.5 days'", "write numbers with their units"],
    );
    shop.check_refused("SELECT NOW() AS y FROM t", &["now"]);
}

#[test]
fn what_a_value_does_not_allow_is_refused_while_it_runs() {
    let shop = Shop::open();
    for (sql, named) in [
        ("SELECT 1 / (n - 3) AS x FROM t", "division by zero"),
        ("SELECT g + g AS x FROM t", "bigint out of range"),
        (
            "SELECT k::smallint * 30000::smallint AS x FROM t",
            "smallint out of range",
        ),
        ("SELECT (SELECT id FROM t) AS x", "5 rows"),
        ("SELECT CAST(v AS numeric(3,2)) AS x FROM t", "overflow"),
    ] {
        let error = shop.run(sql).expect_err(sql);
        let message = format!("{error:#}");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{message}");
        assert!(
            message.contains(named) && message.starts_with("m.sql, line 1"),
            "{message}"
        );
    }
}

#[test]
fn a_product_beyond_the_memory_is_refused_and_nothing_ends_in_a_panic() {
    let shop = Shop::open();
    shop.database
        .connect()
        .batch_execute(
            "INSERT INTO shop.category SELECT i, 1, 'x' FROM generate_series(100, 40000) AS i",
        )
        .unwrap();
    let error = shop
        .run("SELECT a.id, b.id AS x FROM category a CROSS JOIN category b")
        .expect_err("too many rows");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
    assert!(format!("{error:#}").contains("--memory"), "{error:#}");

    let grown = format!(
        "SELECT a.id, {} AS x FROM category a",
        ["a.name"; 12].join(" || ")
    );
    let doubled = (0..18).fold(grown, |sql, at| {
        format!("SELECT x.id, x.x || x.x AS x FROM ({sql}) AS x -- {at}\n")
    });
    let error = shop.run(&doubled).expect_err("too much text");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
    assert!(format!("{error:#}").contains("--memory"), "{error:#}");

    let deep = format!("SELECT {}1{} AS x", "(".repeat(3000), ")".repeat(3000));
    let chain = format!("SELECT 1{} AS x", " + 1".repeat(4000));
    let conditions = format!("SELECT id FROM t WHERE id = 1{}", " OR id = 2".repeat(4000));
    for sql in [deep, chain] {
        let error = shop.run(&sql).expect_err("too deep");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
    }
    assert_eq!(
        shop.run(&conditions).expect("a long chain").lines().count(),
        3
    );
}

#[test]
fn natural_joins_values_and_first_rows_are_taken() {
    let shop = Shop::open();
    for sql in [
        "SELECT id, c.name FROM category c NATURAL JOIN (SELECT id, name AS product FROM product) p",
        "SELECT * FROM (SELECT id, n AS parent_id FROM t) a NATURAL LEFT JOIN category ORDER BY id",
        "SELECT p.name FROM t NATURAL JOIN product p",
        "SELECT p.name FROM (SELECT * FROM t) x NATURAL JOIN (SELECT * FROM product) p",
        "SELECT * FROM (SELECT id AS a FROM category) x NATURAL JOIN (SELECT id AS b FROM product) y",
        "SELECT v.b, t.id FROM (VALUES (1, 'x'), (3, NULL), (NULL, 'y')) AS v (a, b) JOIN t ON t.n = v.a",
        "VALUES (1, NULL, 2.50), (NULL, 'b', 3)",
        "SELECT id FROM t WHERE n IN (VALUES (1), (NULL))",
        "SELECT column2 FROM (VALUES ('a', 1), ('b', 2)) x WHERE column1 = 'b'",
        "SELECT id FROM t ORDER BY id FETCH FIRST 2 ROWS ONLY",
        "SELECT id FROM t ORDER BY id OFFSET 1 ROW FETCH NEXT ROW ONLY",
        "SELECT id FROM t WHERE EXISTS (SELECT FROM product WHERE product.id = t.id)",
        "SELECT DISTINCT ON (n) n, id, v FROM t ORDER BY n NULLS FIRST, id DESC",
        "SELECT DISTINCT ON (n) id FROM t ORDER BY n DESC, v NULLS FIRST, id",
        "SELECT DISTINCT ON (b, f) b, k FROM t ORDER BY f, b, id",
        "SELECT DISTINCT ON (total) n, SUM(v) AS total FROM t GROUP BY n ORDER BY total, n",
        "SELECT DISTINCT ON (1) n, ROW_NUMBER() OVER (ORDER BY id) AS place FROM t ORDER BY 1, 2 DESC",
        "SELECT COUNT(*) FROM (SELECT DISTINCT ON (n) id FROM t) x",
    ] {
        shop.check(sql);
    }
    for (sql, part) in [
        (
            "SELECT DISTINCT ON (n) id FROM t ORDER BY id",
            "DISTINCT ON",
        ),
        (
            "SELECT id FROM t ORDER BY id FETCH FIRST 2 ROWS WITH TIES",
            "WITH TIES",
        ),
        ("VALUES (1), (2, 3)", "numbers of columns"),
        ("VALUES (1), (DATE '2020-01-01')", "integer and date"),
    ] {
        shop.check_refused(sql, &[part]);
    }
}
