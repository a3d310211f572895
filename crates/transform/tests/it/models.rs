//! The models of *sales* and *hiring* on hand-made rows, at the edge cases: they give what they must, and Postgres gives the same.

use std::fs;

use database::Cancel;
use dataset::Dataset;
use testkit::Database;
use transform::Layout;
use transform::check::verify::{Source, verify_against_database};

use crate::world::World;

/// The dataset's tables with these rows; columns that a row leaves out are NULL.
fn world_of(name: &str, rows: &str) -> World {
    let world = World {
        database: Database::create(),
        dataset: Dataset::open(name).unwrap(),
        out: tempfile::tempdir().unwrap(),
    };
    let tables = world.dataset.schema_sql.replace("NOT NULL", "");
    world
        .database
        .connect()
        .batch_execute(&format!(
            "CREATE SCHEMA {name}; SET search_path = {name}; {tables} {rows}"
        ))
        .unwrap();
    world
}

/// The lines of each of the dataset's outputs, which must all equal Postgres's own.
fn outputs(world: &World) -> Vec<(String, Vec<String>)> {
    world.transform(Layout::Declared);
    let source = Source {
        dataset: world.dataset.clone(),
        schema: world.dataset.name.clone(),
    };
    let settings = world.database.settings();
    let verified =
        verify_against_database(world.out.path(), &settings, &source, &Cancel::default()).unwrap();
    assert_eq!(verified.len(), world.dataset.models.len());
    let lines = |name: &str| -> Vec<String> {
        let path = world.out.path().join(format!("{name}.csv"));
        let text = fs::read_to_string(path).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    };
    let models = world.dataset.models.iter();
    models
        .map(|model| (model.name.clone(), lines(&model.name)))
        .collect()
}

fn check(outputs: &[(String, Vec<String>)], model: &str, expected: &[&str]) {
    let (_, lines) = outputs.iter().find(|(name, _)| name == model).unwrap();
    assert_eq!(lines, expected, "{model}");
}

#[test]
fn quarters_end_in_utc_and_departments_that_share_a_name_are_one() {
    let world = world_of(
        "hiring",
        "INSERT INTO departments VALUES (1, 'Vendas'), (2, 'apoio'), (3, 'Vendas'), (4, 'Vazio'), (5, 'Água, e luz');
         INSERT INTO jobs VALUES (1, 'Dev'), (2, 'dev');
         INSERT INTO hired_employees (id, datetime, department_id, job_id) VALUES
         -- the last moment of 2020, the first of 2021, and the same two elsewhere
         (1, '2020-12-31 23:59:59.999999Z', 1, 1), (2, '2021-01-01 00:00:00Z', 1, 1),
         (3, '2021-01-01 00:59:59+01', 1, 1), (4, '2020-12-31 21:00:00-03', 1, 1),
         -- the first quarter's last, in another department of the name; the second's first and last
         (5, '2021-03-31 23:59:59.999999Z', 3, 1), (6, '2021-04-01 00:00:00Z', 1, 1), (7, '2021-03-31 21:00:00-03', 1, 1),
         (8, '2021-06-30 23:59:59.999999Z', 2, 1), (9, '2021-07-01 00:00:00Z', 2, 1), (10, '2021-09-30 23:59:59Z', 2, 1),
         (11, '2021-10-01 00:00:00Z', 2, 1),
         -- the last of 2021, the first of 2022
         (12, '2021-12-31 23:59:59.999999Z', 5, 2), (13, '2022-01-01 00:00:00Z', 5, 2), (14, '2021-12-31 21:00:00-03', 5, 2),
         -- what a file with holes leaves
         (15, NULL, 1, 1), (16, '2021-05-05', NULL, 1), (17, '2021-05-05', 1, NULL), (18, '2021-05-05', 99, 1)",
    );
    let outputs = outputs(&world);
    check(
        &outputs,
        "hires_by_quarter",
        &[
            "Vendas,Dev,3,2,0,0",
            "apoio,Dev,0,1,2,1",
            "\"Água, e luz\",dev,0,0,0,1",
        ],
    );
    // The departments hired 5 (one without a job), 4, 1, 0 and 1, which is a mean of 2.2.
    check(
        &outputs,
        "departments_above_mean",
        &["1,Vendas,5", "2,apoio,4"],
    );
}

#[test]
fn departments_that_hired_the_mean_are_not_above_it_and_equal_ones_come_by_id() {
    let rows = |hired: &[usize]| {
        let employees = hired.iter().zip(1..).map(|(count, department)| {
            format!(
                "INSERT INTO hired_employees (id, datetime, department_id)
                 SELECT i, '2021-07-01Z', {department} FROM generate_series(1, {count}) AS i;"
            )
        });
        let employees: String = employees.collect();
        format!(
            "INSERT INTO departments SELECT i, 'D' || i FROM generate_series(1, {}) AS i; {employees}",
            hired.len()
        )
    };
    for (hired, expected) in [
        (&[2, 2, 2][..], &[][..]),
        (&[0, 3, 3, 2], &["2,D2,3", "3,D3,3"]),
        // The mean is 4/3, which no decimal equals.
        (&[2, 1, 1], &["1,D1,2"]),
        (&[0, 0], &[]),
        (&[], &[]),
    ] {
        let outputs = outputs(&world_of("hiring", &rows(hired)));
        check(&outputs, "departments_above_mean", expected);
        check(&outputs, "hires_by_quarter", &[]);
    }
}

const SALES: &str = "
    INSERT INTO product (product_id, name, days_to_manufacture) VALUES
    (1, 'Bolt', 0), (2, 'Nut', 0), (3, 'Nut', 0), (4, 'Washer, large', 0), (5, 'Frame', 4), (6, 'Unsold', 2);
    INSERT INTO special_offer_product (special_offer_id, product_id) VALUES (1, 1), (1, 2), (1, 3), (2, 4), (1, 5);
    INSERT INTO person (business_entity_id, first_name, middle_name, last_name, suffix) VALUES
    (10, 'Ana', NULL, 'Sá', NULL), (11, 'João', 'B.', 'Sá', 'Jr.'), (12, '', NULL, '', NULL);
    INSERT INTO customer (customer_id, person_id) VALUES (1, 10), (2, 11), (3, NULL), (4, 99), (5, 12), (6, 10);
    INSERT INTO sales_order_header (sales_order_id, order_date, customer_id, total_due) VALUES
    (1, '2011-08-31 23:59:59.999999', 1, 5000), (2, '2011-09-01', 1, 1000), (3, '2011-09-01', 3, 1000.0001),
    (4, '2011-09-30 23:59:59.999999', 4, 999999999999999.9999), (5, '2011-10-01', 5, 5000),
    (6, '2011-09-15 10:00', 1, 2000.5), (7, '2011-09-15 09:00', 2, 2000.5), (8, '2012-09-15', 1, 9000),
    (9, '2011-09-15', 1, NULL), (10, NULL, NULL, 9000);
    INSERT INTO sales_order_detail (sales_order_id, sales_order_detail_id, order_qty, product_id, special_offer_id)
    VALUES (1, 1, 5, 1, 1), (1, 2, 32767, 2, 1), (1, 3, 32767, 3, 1),
    (2, 4, 1, 1, 1), (2, 5, 1, 2, 1),
    (6, 6, 1, 1, 1), (7, 7, 1, 1, 1), (7, 8, 2, 5, 1), (7, 9, 3, 5, 1), (7, 10, 1, 2, 1),
    -- under an offer for another product, and under the other product's offer
    (8, 11, 30000, 4, 1), (8, 12, 30000, 1, 2), (8, 13, 1, 4, 2), (5, 14, 1, 3, 1)";

#[test]
fn products_that_sold_equally_well_are_placed_by_id_and_offers_found_by_both_keys() {
    let outputs = outputs(&world_of("sales", SALES));
    check(
        &outputs,
        "top_products_by_manufacturing_days",
        &[
            "0,1,2,Nut,32769",
            "0,2,3,Nut,32768",
            "0,3,1,Bolt,8",
            "4,1,5,Frame,5",
        ],
    );
    let tied = SALES.replace("(5, 14, 1, 3, 1)", "(5, 14, 2, 3, 1), (5, 15, 7, 4, 2)");
    let outputs = self::outputs(&world_of("sales", &tied));
    check(
        &outputs,
        "top_products_by_manufacturing_days",
        &[
            "0,1,2,Nut,32769",
            "0,2,3,Nut,32769",
            "0,3,1,Bolt,8",
            "4,1,5,Frame,5",
        ],
    );
}

#[test]
fn amounts_are_compared_to_the_last_digit_and_equal_ones_come_by_id() {
    let outputs = outputs(&world_of("sales", SALES));
    check(
        &outputs,
        "large_orders_september_2011",
        &[
            "4,2011-09-30T23:59:59.999999,999999999999999.9999",
            "6,2011-09-15T10:00:00,2000.5000",
            "7,2011-09-15T09:00:00,2000.5000",
            "3,2011-09-01T00:00:00,1000.0001",
        ],
    );
}

#[test]
fn customers_without_a_person_or_an_order_are_there_and_dates_are_days() {
    let outputs = outputs(&world_of("sales", SALES));
    check(
        &outputs,
        "orders_per_customer",
        &[
            "1,Ana Sá,5",
            "2,João B. Sá Jr.,1",
            "3,,1",
            "4,,1",
            "5, ,1",
            "6,Ana Sá,0",
        ],
    );
    check(&outputs, "orders_with_three_lines", &["1,3", "7,4", "8,3"]);
    check(
        &outputs,
        "quantity_per_product_and_date",
        &[
            "1,Bolt,2011-08-31,5",
            "1,Bolt,2011-09-01,1",
            "1,Bolt,2011-09-15,2",
            "1,Bolt,2012-09-15,30000",
            "2,Nut,2011-08-31,32767",
            "2,Nut,2011-09-01,1",
            "2,Nut,2011-09-15,1",
            "3,Nut,2011-08-31,32767",
            "3,Nut,2011-10-01,1",
            "4,\"Washer, large\",2012-09-15,30001",
            "5,Frame,2011-09-15,5",
        ],
    );
}

#[test]
fn empty_tables_give_empty_outputs() {
    for name in ["sales", "hiring"] {
        let outputs = outputs(&world_of(name, ""));
        assert!(
            outputs.iter().all(|(_, lines)| lines.is_empty()),
            "{outputs:?}"
        );
    }
}
