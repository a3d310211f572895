//! Joins that run in another order, or with other conditions, than written. They give what Postgres gives, and never multiply
//! tables where an equality could join them.

use dataset::failure::{Failure, Kind};

use crate::shop::Shop;

#[test]
fn tables_and_conditions_in_any_order_give_what_postgres_gives() {
    let shop = Shop::open();
    for sql in [
        // Only the third table joins the second table to the first.
        "SELECT c.name, t.id, p.name AS product FROM category c, t, product p WHERE p.category_id = c.id AND p.id - 9 = t.id",
        "SELECT * FROM (SELECT id AS a, name FROM category) c, (SELECT id AS b, v FROM t) t, (SELECT id AS d, category_id FROM product) p
         WHERE p.category_id = c.a AND t.b = c.a",
        "SELECT t.id FROM t, product p, category c, category d WHERE d.id = c.parent_id AND c.id = p.category_id AND t.n = d.id",
        // Nothing joins the two pairs of tables.
        "SELECT a.id, b.id AS b, c.id AS c, d.id AS d FROM t a, category b, t c, category d WHERE a.n = c.n AND b.parent_id = d.id",
        // The equality uses three tables.
        "SELECT a.id, b.id AS b, c.id AS c FROM t a, category b, product c WHERE a.id + b.id = c.id - 8",
        "SELECT a.id, b.id AS b FROM t a, t b WHERE a.id + b.id = 5 AND a.n = b.n",
        // The branches of an OR have a part in common, or all demand something of one table.
        "SELECT p.id, c.id AS c FROM product p, category c WHERE (p.category_id = c.id AND c.name LIKE 't%') OR (c.id = p.category_id AND p.id > 10)",
        "SELECT p.id, c.id AS c FROM product p, category c WHERE (c.id = p.category_id AND p.id > 2) OR c.id = p.category_id",
        "SELECT p.id, c.id AS c FROM product p JOIN category c ON (p.category_id = c.id AND p.name = 'big') OR (p.category_id = c.id AND c.id = 2)",
        "SELECT p.id, c.id AS c FROM product p LEFT JOIN category c ON (p.category_id = c.id AND p.name = 'big') OR (p.category_id = c.id AND c.id = 2)",
        "SELECT p.id, c.id AS c FROM product p, category c WHERE p.id = 2 AND c.name = 'all' OR p.id = 12 AND c.name IS NOT NULL",
        // A condition on one side of an outer join may be checked early, the other may not.
        "SELECT p.id, c.name FROM product p LEFT JOIN category c ON c.id = p.category_id AND c.name NOT LIKE '%mm%' AND p.id > 2",
        "SELECT p.id, c.name FROM product p LEFT JOIN category c ON c.id = p.category_id WHERE c.name IS NULL OR p.id > 10",
        "SELECT p.id, c.name FROM product p RIGHT JOIN category c ON c.id = p.category_id AND p.id > 2 AND c.id < 3 WHERE c.id > 1",
        "SELECT p.id, c.name FROM product p FULL JOIN category c ON c.id = p.category_id AND p.id > 2 WHERE c.id IS NULL OR p.id IS NULL",
        "SELECT p.id, c.id AS c, d.id AS d FROM category d, product p LEFT JOIN category c ON c.id = p.category_id WHERE d.parent_id = c.id OR d.id = p.id",
        // Conditions move into the sub-selects of FROM, as far as they may.
        "SELECT * FROM (SELECT n, COUNT(*) AS c FROM t GROUP BY n) x WHERE n > 1 AND c > 0",
        "SELECT * FROM (SELECT id, n * 2 AS m FROM t ORDER BY id LIMIT 3) x WHERE m > 2",
        "SELECT * FROM (SELECT id, v FROM t UNION SELECT n, w FROM t) x WHERE id > 2 AND v IS NOT NULL",
        "SELECT * FROM (SELECT id FROM t EXCEPT SELECT n FROM t) x WHERE id < 5",
        "SELECT * FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM t) x WHERE id > 2",
        "SELECT * FROM (SELECT DISTINCT n, b FROM t) x WHERE n = 1 OR b",
        "SELECT * FROM (SELECT COUNT(*) AS c FROM t) x WHERE 1 = 0",
        "SELECT c FROM (SELECT COUNT(*) AS c FROM t HAVING COUNT(*) > 9) x",
        "WITH x AS (SELECT id, n FROM t) SELECT a.id, b.n FROM x a JOIN x b ON a.id = b.n WHERE b.id > 1 AND a.n IS NOT NULL",
        "SELECT t.id FROM t, product WHERE 1 = 0 AND t.id = product.id",
    ] {
        shop.check(sql);
    }
}

#[test]
fn what_a_join_leaves_out_is_not_computed() {
    let shop = Shop::open();
    for sql in [
        "SELECT t.id FROM t JOIN product p ON p.id = t.id + 8 WHERE 10 / (t.id + p.id - 11) < 9",
        "SELECT t.id FROM t JOIN product p ON 10 / (t.id + p.id - 11) < 9 AND p.id = t.id + 8",
        "SELECT t.id FROM t LEFT JOIN product p ON p.id = t.id + 8 AND 10 / (t.id + p.id - 11) < 9",
        "SELECT x.id FROM (SELECT id, 10 / (id - 1) AS d FROM t WHERE id > 1) x WHERE d > 3",
    ] {
        shop.check(sql);
    }
}

#[test]
fn no_product_is_made_where_something_is_equal() {
    let shop = Shop::open();
    let rows = "INSERT INTO shop.t (id, n) SELECT i, i FROM generate_series(10, 30000) i;
                INSERT INTO shop.category (id, parent_id) SELECT i, i FROM generate_series(10, 30000) i;
                INSERT INTO shop.product (id, category_id) SELECT i, i FROM generate_series(40000, 70000) i";
    shop.database.connect().batch_execute(rows).expect("rows");
    for sql in [
        "SELECT COUNT(*) FROM t, category c, product p WHERE p.category_id = c.id AND p.category_id = t.id",
        "SELECT COUNT(*) FROM t, category c WHERE t.id = c.id AND c.id < 20 OR t.id = c.id AND t.n > 29990",
        "SELECT COUNT(*) FROM t JOIN category c ON t.id = c.id AND c.id < 20 OR t.id = c.id AND t.n > 29990",
        "SELECT COUNT(*) FROM t LEFT JOIN category c ON t.id = c.id AND c.id < 20 OR t.id = c.id AND t.n > 29990",
    ] {
        shop.check(sql);
    }
    let product = "SELECT a.id FROM t a, category b";
    let error = shop.run(product).expect_err("a product");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
}
