//! The models of *sales* and *hiring*, run by Postgres on generated rows, compared with the same questions asked in another
//! way.

use database::Connection;
use dataset::Dataset;
use generator::layouts;
use testkit::Database;

use crate::{count, generated, options_of, value};

/// Makes a view of each model, in the schema `models`.
fn with_models(dataset: &str, size: u32) -> (Database, Connection) {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options_of(dataset, size));
    client
        .batch_execute(&format!(
            "SET timezone = 'UTC'; CREATE SCHEMA models; SET search_path = {dataset}"
        ))
        .expect("set");
    for model in Dataset::open(dataset).expect("built in").models {
        client
            .batch_execute(&format!(
                "CREATE VIEW models.{} AS {}",
                model.name, model.sql
            ))
            .unwrap_or_else(|error| panic!("{}: {error}", model.name));
    }
    (database, client)
}

#[test]
fn every_model_gives_the_columns_that_it_declares_and_rows_in_one_order() {
    for (dataset, size) in [("sales", 8_000), ("hiring", 2_000)] {
        let (_database, mut client) = with_models(dataset, size);
        for model in Dataset::open(dataset).expect("built in").models {
            let rows = count(&mut client, &format!("models.{}", model.name));
            assert!(rows > 0, "{} is empty", model.name);
            let columns = client
                .query(
                    "SELECT column_name::text FROM information_schema.columns
                     WHERE table_schema = 'models' AND table_name = $1 ORDER BY ordinal_position",
                    &[&model.name],
                )
                .expect("columns");
            let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
            let declared: Vec<_> = model.columns.iter().map(|(name, _)| name.clone()).collect();
            assert_eq!(columns, declared, "{}", model.name);
            if !model.order_by.is_empty() {
                let distinct = count(
                    &mut client,
                    &format!(
                        "(SELECT DISTINCT {} FROM models.{}) x",
                        model.order_by.join(", "),
                        model.name
                    ),
                );
                assert_eq!(distinct, rows, "{} has ties in its order", model.name);
            }
        }
    }
}

#[test]
fn sales_answers_its_questions() {
    let (_database, mut client) = with_models("sales", 8_000);
    let lost: i64 = count(
        &mut client,
        "sales_order_header h WHERE NOT EXISTS
         (SELECT FROM sales_order_detail d WHERE d.sales_order_id = h.sales_order_id)",
    );
    assert!(lost > 0, "every order has lines");
    for (found, expected) in [
        (
            "SELECT count(*) FROM models.orders_with_three_lines",
            "SELECT count(*) FROM (SELECT FROM sales_order_detail GROUP BY sales_order_id HAVING count(*) > 2) x",
        ),
        (
            "SELECT sum(quantity)::bigint FROM models.quantity_per_product_and_date",
            "SELECT sum(order_qty) FROM sales_order_detail",
        ),
        (
            "SELECT count(*) FROM models.orders_per_customer",
            "SELECT count(*) FROM customer",
        ),
        (
            "SELECT sum(orders)::bigint FROM models.orders_per_customer",
            "SELECT count(*) FROM sales_order_header",
        ),
        (
            "SELECT count(*) FROM models.orders_per_customer WHERE full_name IS NULL",
            "SELECT count(*) FROM customer WHERE person_id NOT IN (SELECT business_entity_id FROM person)
                OR person_id IS NULL",
        ),
        (
            "SELECT count(*) FROM models.large_orders_september_2011",
            "SELECT count(*) FROM sales_order_header
             WHERE order_date >= '2011-09-01' AND order_date < '2011-10-01' AND total_due > 1000",
        ),
    ] {
        let (found, expected): (i64, i64) = (value(&mut client, found), value(&mut client, expected));
        assert!(found > 0 && found == expected, "{found} instead of {expected}");
    }
    let nobody: i64 = count(&mut client, "models.orders_per_customer WHERE orders = 0");
    assert!(nobody > 0, "every customer has orders");
    // Each of the four has three places, and never more.
    let places = client
        .query(
            "SELECT days_to_manufacture, array_agg(place ORDER BY place)
             FROM models.top_products_by_manufacturing_days GROUP BY 1 ORDER BY 1",
            &[],
        )
        .expect("places");
    let places: Vec<(i32, Vec<i64>)> = places.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(places, [0, 1, 2, 4].map(|days| (days, vec![1, 2, 3])));
    let unordered: i64 = count(
        &mut client,
        "(SELECT total_due, lag(total_due) OVER () AS before FROM models.large_orders_september_2011) x
         WHERE total_due > before",
    );
    assert_eq!(unordered, 0);
}

#[test]
fn equal_quantities_are_placed_by_the_products_ids() {
    // With few lines of one piece each, many products sell equally well.
    let (_database, mut client) = with_models("sales", 40);
    client
        .batch_execute("UPDATE sales_order_detail SET order_qty = 1")
        .expect("updated");
    let ties: i64 = count(
        &mut client,
        "models.top_products_by_manufacturing_days a JOIN models.top_products_by_manufacturing_days b
         USING (days_to_manufacture, quantity) WHERE a.product_id < b.product_id AND a.place < b.place",
    );
    assert!(ties > 0, "no ties");
    let misplaced: i64 = count(
        &mut client,
        "models.top_products_by_manufacturing_days a JOIN models.top_products_by_manufacturing_days b
         USING (days_to_manufacture, quantity) WHERE a.product_id < b.product_id AND a.place > b.place",
    );
    assert_eq!(misplaced, 0);
}

#[test]
fn hiring_answers_its_questions() {
    let (_database, mut client) = with_models("hiring", 2_000);
    let quarters = client
        .query_one(
            "SELECT sum(q1)::bigint, sum(q2)::bigint, sum(q3)::bigint, sum(q4)::bigint FROM models.hires_by_quarter",
            &[],
        )
        .expect("sums");
    for (index, (from, to)) in [
        ("2021-01-01", "2021-04-01"),
        ("2021-04-01", "2021-07-01"),
        ("2021-07-01", "2021-10-01"),
        ("2021-10-01", "2022-01-01"),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = count(
            &mut client,
            &format!(
                "hired_employees WHERE datetime >= '{from}T00:00:00Z' AND datetime < '{to}T00:00:00Z'"
            ),
        );
        let found: i64 = quarters.get(index);
        assert!(
            found > 0 && found == expected,
            "Q{}: {found} instead of {expected}",
            index + 1
        );
    }
    let above: Vec<i32> = client
        .query("SELECT id FROM models.departments_above_mean", &[])
        .expect("departments")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let expected: Vec<i32> = client
        .query(
            "WITH n AS (SELECT d.id, count(e.id) AS hired FROM departments d LEFT JOIN hired_employees e
                 ON e.department_id = d.id AND extract(year FROM e.datetime) = 2021 GROUP BY d.id)
             SELECT id FROM n WHERE hired > (SELECT avg(hired) FROM n) ORDER BY hired DESC, id",
            &[],
        )
        .expect("departments")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!((3..12).contains(&above.len()), "{above:?}");
    assert_eq!(above, expected);
}

#[test]
fn declared_columns_and_types_are_those_of_the_live_schema_and_of_the_description() {
    for dataset in ["sales", "hiring"] {
        let database = Database::create();
        let mut client = database.connect();
        generated(&database, &options_of(dataset, 1));
        let described = Dataset::open(dataset).expect("built in").tables;
        let layouts = layouts(dataset).expect("rows can be made");
        let names: Vec<_> = layouts.iter().map(|table| table.name).collect();
        assert_eq!(
            names,
            described
                .iter()
                .map(|table| &table.name)
                .collect::<Vec<_>>()
        );
        for (layout, table) in layouts.iter().zip(&described) {
            let rows = client
                .query(
                    "SELECT column_name::text, udt_name::text FROM information_schema.columns
                     WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position",
                    &[&dataset, &layout.name],
                )
                .expect("columns");
            let live: Vec<(String, String)> =
                rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            let declared = layout.columns.iter().zip(layout.types);
            let declared: Vec<_> = declared
                .map(|(name, kind)| (name.to_string(), kind.to_string()))
                .collect();
            assert_eq!(live, declared, "{}", layout.name);
            assert!(
                table.key.iter().any(|key| key == layout.key),
                "{}",
                layout.name
            );
        }
    }
}
