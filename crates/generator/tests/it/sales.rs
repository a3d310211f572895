//! The rows of *sales*, as Postgres reads them back.

use generator::{Asked, Mode, Options, recorded};
use testkit::Database;

use crate::{count, generated, objects, options_of, seeded, value};

#[test]
fn there_are_as_many_rows_as_adventure_works_has() {
    let database = Database::create();
    let mut client = database.connect();
    let report = generated(&database, &options_of("sales", 31_465));
    let rows: Vec<_> = report
        .tables
        .iter()
        .map(|table| (table.table, table.rows))
        .collect();
    assert_eq!(
        rows[..5],
        [
            ("person", 19_974),
            ("product", 504),
            ("customer", 19_822),
            ("special_offer_product", 538),
            ("sales_order_header", 31_465),
        ]
    );
    let (table, lines) = rows[5];
    assert_eq!(table, "sales_order_detail");
    assert!((115_000..125_000).contains(&lines), "{lines}");
    for (table, rows) in rows {
        assert_eq!(
            count(&mut client, &format!("sales.{table}")) as u64,
            rows,
            "{table}"
        );
    }
    assert!(report.planted.is_empty() && report.busiest_client.is_none());
}

#[test]
fn totals_add_up_to_the_last_digit() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options_of("sales", 8_000));
    assert_eq!(count(&mut client, "sales.sales_order_header"), 8_000);
    assert!(count(&mut client, "sales.sales_order_detail") > 25_000);
    for wrong in [
        "sales_order_detail WHERE line_total <> unit_price * (1 - unit_price_discount) * order_qty",
        "sales_order_detail WHERE line_total <= 0 OR order_qty <= 0",
        "(SELECT sub_total, sum(line_total) AS lines FROM sales.sales_order_header
          JOIN sales.sales_order_detail USING (sales_order_id) GROUP BY sales_order_id) o WHERE sub_total <> lines",
        "sales_order_header WHERE tax_amt <> round(sub_total * 0.08, 4)",
        "sales_order_header WHERE freight <> round(sub_total * 0.025, 4)",
        "sales_order_header WHERE total_due <> sub_total + tax_amt + freight",
        "sales_order_header WHERE sub_total <= 0",
    ] {
        let place = if wrong.starts_with('(') { wrong.to_owned() } else { format!("sales.{wrong}") };
        assert_eq!(count(&mut client, &place), 0, "{wrong}");
    }
    let kinds: i64 = value(
        &mut client,
        "SELECT count(DISTINCT unit_price_discount) FROM sales.sales_order_detail",
    );
    assert!(kinds > 5, "{kinds} discounts");
}

#[test]
fn rows_fit_each_other_as_those_of_the_files_do() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options_of("sales", 31_465));
    assert_eq!(count(&mut client, "sales.customer"), 19_822);
    let mut between = |what: &str, bounds: std::ops::RangeInclusive<i64>| {
        let found = count(&mut client, &format!("sales.{what}"));
        assert!(bounds.contains(&found), "{found}: {what}");
    };
    between("customer WHERE person_id IS NULL", 690..=710);
    between(
        "customer c WHERE person_id IS NOT NULL AND NOT EXISTS
         (SELECT FROM sales.person WHERE business_entity_id = c.person_id)",
        690..=710,
    );
    between(
        "sales_order_header h WHERE NOT EXISTS
         (SELECT FROM sales.sales_order_detail d WHERE d.sales_order_id = h.sales_order_id)",
        10..=10,
    );
    between(
        "sales_order_detail d WHERE NOT EXISTS (SELECT FROM sales.special_offer_product o
         WHERE o.special_offer_id = d.special_offer_id AND o.product_id = d.product_id)",
        0..=0,
    );
    between(
        "product p WHERE NOT EXISTS (SELECT FROM sales.special_offer_product o WHERE o.product_id = p.product_id)",
        155..=155,
    );
    between("product WHERE name LIKE '%, %'", 250..=350);
    between("product WHERE size_unit_measure_code = 'CM '", 200..=260);
    between(
        "customer c WHERE NOT EXISTS (SELECT FROM sales.sales_order_header h WHERE h.customer_id = c.customer_id)",
        1_000..=6_000,
    );
    between(
        "person WHERE demographics LIKE '<IndividualSurvey xmlns=\"%'",
        15_000..=17_000,
    );
    between("person WHERE additional_contact_info IS NOT NULL", 50..=150);
    between(
        "sales_order_header WHERE order_date < '2011-05-31' OR order_date >= '2014-07-01'",
        0..=0,
    );
    between("sales_order_header WHERE ship_date IS NULL", 1..=600);
    // The business grows, and the last year is half a year.
    for (year, bounds) in [
        (2011, 1_500..=1_700),
        (2012, 3_800..=4_000),
        (2013, 14_000..=14_300),
        (2014, 11_600..=11_900),
    ] {
        between(
            &format!("sales_order_header WHERE extract(year FROM order_date) = {year}"),
            bounds,
        );
    }
    between(
        "sales_order_header WHERE due_date < order_date OR ship_date < order_date",
        0..=0,
    );
}

#[test]
fn a_fault_is_planted_in_the_share_of_rows_that_is_asked_for_and_each_is_found() {
    let database = Database::create();
    let mut client = database.connect();
    let dirty = Options {
        asked: Asked {
            dirty: Some(0.1),
            ..Asked::default()
        },
        ..options_of("sales", 3_000)
    };
    let report = generated(&database, &dirty);
    // Five faults in texts of persons, products, orders and lines, and one in the orders' dates.
    assert_eq!(report.planted.len(), 4 * 5 + 1, "{:?}", report.planted);
    for planted in &report.planted {
        let fault = serde_json::to_value(planted.fault).expect("JSON");
        let column = planted.column;
        let condition = match fault.as_str().expect("a name") {
            "trailing_space" => format!("{column} LIKE '% '"),
            "quotes" => format!("{column} LIKE '%\"%''%'"),
            "line_break" => format!("{column} LIKE E'%\\n%'"),
            "delimiters" => format!("{column} LIKE E'%,;\\t%'"),
            "path_characters" => format!("{column} LIKE '../%=%2F%'"),
            "far_date" => format!("extract(year FROM {column}) IN (1, 9999)"),
            other => panic!("{other} is no fault of rows in a database"),
        };
        let found = count(
            &mut client,
            &format!("sales.{} WHERE {condition}", planted.table),
        );
        assert_eq!(found as u64, planted.rows, "{planted:?}");
    }
    let dirty_persons: u64 = (report.planted.iter())
        .filter(|planted| planted.table == "person")
        .map(|planted| planted.rows)
        .sum();
    // Of 1,904 rows; six standard deviations of 13.
    assert!((112..=270).contains(&dirty_persons), "{dirty_persons}");
    let wrong = count(
        &mut client,
        "(SELECT sub_total, sum(line_total) AS lines FROM sales.sales_order_header
          JOIN sales.sales_order_detail USING (sales_order_id) GROUP BY sales_order_id) o WHERE sub_total <> lines",
    );
    assert_eq!(wrong, 0);
}

#[test]
fn rows_that_are_there_are_recognised_by_their_dataset_size_and_seed() {
    let database = Database::create();
    let mut client = database.connect();
    for (dataset, size) in [("sales", 70), ("hiring", 90)] {
        let options = options_of(dataset, size);
        generated(&database, &options);
        let recorded = recorded(&mut client, dataset)
            .expect("readable")
            .expect("recorded");
        assert!(recorded.is_of(&options), "{recorded:?}");
        let other_seed = Options {
            asked: seeded(1),
            ..options.clone()
        };
        for other in [options_of(dataset, size + 1), other_seed] {
            assert!(!recorded.is_of(&other), "{recorded:?}");
        }
        assert!(!recorded.is_of(&crate::options(size, Mode::Fresh)));
    }
}

#[test]
fn what_is_for_cards_only_is_refused() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options_of("sales", 20));
    let before = objects(&mut client);
    let appended = Options {
        mode: Mode::Append,
        ..options_of("sales", 20)
    };
    let dated = Options {
        asked: Asked {
            as_of: Some("2020-01-01".parse().expect("a date")),
            ..Asked::default()
        },
        ..options_of("hiring", 20)
    };
    for (options, named) in [(appended, "--append"), (dated, "--as-of")] {
        let error =
            generator::generate(&database.settings(), &options, &database::Cancel::default())
                .expect_err("refused");
        assert_eq!(
            dataset::failure::Failure::kind_of(&error),
            Some(dataset::failure::Kind::Usage)
        );
        assert!(error.to_string().contains(named), "{error:#}");
    }
    assert_eq!(objects(&mut client), before);
}
