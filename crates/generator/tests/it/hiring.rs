//! The rows of *hiring*, as Postgres reads them back.

use testkit::Database;

use crate::{count, generated, options_of};

#[test]
fn two_thousand_were_hired_in_2021_and_around_it_but_none_by_the_last_department() {
    let database = Database::create();
    let mut client = database.connect();
    let report = generated(&database, &options_of("hiring", 2_000));
    let rows: Vec<_> = report
        .tables
        .iter()
        .map(|table| (table.table, table.rows))
        .collect();
    assert_eq!(
        rows,
        [
            ("departments", 12),
            ("jobs", 180),
            ("hired_employees", 2_000)
        ]
    );
    for (table, rows) in rows {
        assert_eq!(count(&mut client, &format!("hiring.{table}")) as u64, rows);
    }
    client.batch_execute("SET timezone = 'UTC'").expect("set");
    let mut between = |what: &str, bounds: std::ops::RangeInclusive<i64>| {
        let found = count(&mut client, &format!("hiring.{what}"));
        assert!(bounds.contains(&found), "{found}: {what}");
    };
    between(
        "hired_employees WHERE extract(year FROM datetime) = 2021",
        1_600..=1_900,
    );
    between(
        "hired_employees WHERE datetime < '2020-12-31T23:59:59Z' OR datetime >= '2022-03-01T00:00:00Z'",
        0..=0,
    );
    // Employees hired at the very edges of the year.
    between(
        "hired_employees WHERE datetime IN ('2020-12-31T23:59:59Z', '2021-01-01T00:00:00Z')",
        2..=10,
    );
    between(
        "hired_employees WHERE datetime IN ('2021-12-31T23:59:59Z', '2022-01-01T00:00:00Z')",
        2..=10,
    );
    between(
        "departments d WHERE NOT EXISTS (SELECT FROM hiring.hired_employees e WHERE e.department_id = d.id)",
        1..=1,
    );
    between("hired_employees WHERE name !~ '^[A-Z].* [A-Z]'", 0..=0);
}
