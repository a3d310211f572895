//! Sub-selects that use columns of the row around them.

use dataset::failure::{Failure, Kind};

use crate::shop::Shop;

#[test]
fn exists_is_asked_for_each_row() {
    let shop = Shop::open();
    for sql in [
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM product p WHERE p.id = t.id)",
        "SELECT id FROM t WHERE NOT EXISTS (SELECT * FROM product WHERE product.id = t.id)",
        "SELECT id FROM category c WHERE EXISTS (SELECT NULL FROM product WHERE category_id = c.id AND name <> 'self')",
        // NULL equals nothing, and EXISTS is never NULL.
        "SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM t u WHERE u.n = t.n AND u.id <> t.id)",
        "SELECT id, EXISTS (SELECT 1 FROM t u WHERE u.n = t.n AND u.v > t.v) AS has FROM t",
        "SELECT id, CASE WHEN EXISTS (SELECT 1 FROM product WHERE category_id = t.id OR id = t.id) THEN 1 END AS one FROM t",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM category) AND NOT EXISTS (SELECT 1 FROM category WHERE id > 99)",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM product p, category c WHERE c.id = p.category_id AND c.parent_id = t.n AND p.id > t.id)",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM product WHERE t.n > 2)",
        "SELECT id FROM t WHERE EXISTS (SELECT DISTINCT name FROM product WHERE id = t.id ORDER BY name LIMIT 1)",
        "SELECT id FROM t WHERE EXISTS (SELECT COUNT(*) FROM product WHERE id > 99)",
        "SELECT t.id, p.id AS other FROM t LEFT JOIN product p ON EXISTS (SELECT 1 FROM category c WHERE c.id = p.category_id AND c.id = t.id)",
        "SELECT n, COUNT(*) FROM t WHERE EXISTS (SELECT 1 FROM category c WHERE c.id = t.n) GROUP BY n HAVING EXISTS (SELECT 1 FROM t u WHERE u.id = t.n)",
        "WITH x AS (SELECT id FROM product) SELECT id FROM t WHERE EXISTS (WITH y AS (SELECT id FROM x) SELECT 1 FROM y WHERE y.id = t.id)",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM category c WHERE c.id = t.id AND EXISTS (SELECT 1 FROM product p WHERE p.category_id = c.id))",
        "SELECT id FROM product JOIN t USING (id) WHERE EXISTS (SELECT 1 FROM category c WHERE c.id = id)",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM t u WHERE u.f = t.f AND u.size = t.size AND u.day <= t.day)",
    ] {
        shop.check(sql);
    }
}

#[test]
fn a_value_is_looked_for_among_those_of_each_row() {
    let shop = Shop::open();
    for sql in [
        "SELECT id FROM t WHERE n IN (SELECT u.n FROM t u WHERE u.id = t.id)",
        "SELECT id, n IN (SELECT p.category_id FROM product p WHERE p.id > 2 AND p.category_id = t.n) AS has FROM t",
        "SELECT id, 3 IN (SELECT u.n FROM t u WHERE u.b = t.b) AS has, n NOT IN (SELECT u.k FROM t u WHERE u.n = t.n) AS lacks FROM t",
        "SELECT id, v IN (SELECT u.w FROM t u WHERE u.n = t.n) AS has, NULL IN (SELECT id FROM product WHERE id = t.id) AS none FROM t",
        "SELECT id FROM t WHERE id NOT IN (SELECT category_id FROM product p WHERE p.id = t.id + 10)",
    ] {
        shop.check(sql);
    }
}

#[test]
fn a_value_is_looked_up_for_each_row() {
    let shop = Shop::open();
    for sql in [
        "SELECT id, (SELECT name FROM category c WHERE c.id = p.category_id) AS category FROM product p",
        "SELECT id, (SELECT COUNT(*) FROM product WHERE category_id = c.id) AS products FROM category c",
        "SELECT id, (SELECT COUNT(*) + 1 FROM product WHERE category_id = c.id AND id > 10) AS products FROM category c",
        "SELECT id, (SELECT MAX(v) FROM t u WHERE u.n = t.n) AS most, (SELECT SUM(u.id) FROM t u WHERE u.n = t.n AND u.id = t.id) AS own FROM t",
        "SELECT id, (SELECT COALESCE(MAX(v), 7) FROM t u WHERE u.n = t.n + 1) AS most FROM t",
        "SELECT id FROM t WHERE v = (SELECT MIN(u.v) FROM t u, category c WHERE u.n = t.n AND c.id = u.n)",
        "SELECT id FROM t WHERE v < (SELECT 2 * MAX(v) FROM t u WHERE u.n = t.n) ORDER BY id",
        "SELECT t.id, p.id AS p FROM product p, t WHERE t.id = p.id AND (SELECT COUNT(*) FROM category c WHERE c.id = p.category_id) = 1",
        "SELECT n, (SELECT MAX(name) FROM category c WHERE c.id = t.n) AS name FROM t GROUP BY n",
        "SELECT id, (SELECT 'x' FROM category c WHERE c.id = t.id) AS x FROM t",
        "SELECT id, (SELECT DISTINCT n FROM t u WHERE u.id = t.id) AS n FROM t",
    ] {
        shop.check(sql);
    }
    let several = "SELECT id, (SELECT name FROM product p WHERE p.category_id = c.id) AS product FROM category c";
    let error = shop.run(several).expect_err("two rows");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
    assert!(format!("{error:#}").contains("gives 2 rows"), "{error:#}");
    // For a row whose value isn't needed, the sub-select may have several rows.
    shop.check("SELECT id, CASE WHEN id < 3 THEN (SELECT name FROM product p WHERE p.category_id = c.id) END AS product FROM category c");
}

#[test]
fn other_uses_of_the_row_around_are_refused() {
    let shop = Shop::open();
    for (sql, part) in [
        (
            "SELECT id, (SELECT SUM(u.id) FROM t u WHERE u.id < t.id) AS s FROM t",
            "equal",
        ),
        (
            "SELECT id, (SELECT u.n FROM t u WHERE u.id = t.id ORDER BY v LIMIT 1) AS s FROM t",
            "LIMIT",
        ),
        (
            "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM product WHERE id = t.id LIMIT 0)",
            "LIMIT",
        ),
        (
            "SELECT id FROM t WHERE n IN (SELECT u.n FROM t u WHERE u.id < t.id)",
            "EXISTS",
        ),
        (
            "SELECT id, (SELECT t.n FROM category WHERE id = 1) AS s FROM t",
            "its own WHERE",
        ),
        (
            "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM product WHERE id = t.id GROUP BY name)",
            "GROUP BY",
        ),
        (
            "SELECT id FROM t WHERE EXISTS (SELECT COUNT(*) FROM product WHERE id = t.id)",
            "EXISTS",
        ),
        (
            "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM category c WHERE EXISTS (SELECT 1 FROM product p WHERE p.id = t.id))",
            "directly around it",
        ),
        (
            "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM product p JOIN category c ON c.id = t.id)",
            "its own WHERE",
        ),
        (
            "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM product WHERE id = t.id UNION SELECT 1)",
            "its own WHERE",
        ),
    ] {
        shop.check_refused(sql, &[part]);
    }
}
