//! Compares the list, entry by entry, with a server. At the limits of each type, and for NULL, an entry gives what Postgres gives,
//! and fails where Postgres fails.

use std::fs;
use std::io::Read;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use dataset::{ColumnType, Dataset};
use testkit::Database;

use super::list::{AGGREGATES, COMPARED, FUNCTIONS, MOVED, T, UNITS, casts, extracts};
use super::list_examples::FIELDS;
use super::tree::Function;
use crate::{Layout, Options};

const SCHEMA: &str = "edges";

/// An expression over the columns `a`, `b` and `c` of its own table.
struct Case {
    expression: String,
    takes: Vec<T>,
    /// Whether the rows are grouped into one.
    is_aggregate: bool,
}

/// A type as it is declared for a column, with values at its limits.
fn edges(kind: T) -> (&'static str, &'static [&'static str]) {
    match kind {
        T::Boolean => ("boolean", &["true", "false"]),
        T::SmallInt => ("smallint", &["0", "1", "-1", "3", "-7", "32767", "-32768"]),
        T::Integer => (
            "integer",
            &["0", "1", "-1", "3", "-7", "2147483647", "-2147483648"],
        ),
        T::BigInt => (
            "bigint",
            &[
                "0",
                "1",
                "-1",
                "3",
                "-7",
                "9223372036854775807",
                "-9223372036854775808",
            ],
        ),
        T::Numeric => (
            "numeric(18,3)",
            &[
                "0",
                "0.5",
                "-0.5",
                "2.500",
                "10.05",
                "-1.005",
                "999999999999999.999",
            ],
        ),
        T::Real => (
            "real",
            &[
                "0",
                "0.1",
                "-2.5",
                "3e38",
                "1e-30",
                "'NaN'",
                "'Infinity'",
                "'-Infinity'",
            ],
        ),
        T::Double => (
            "double precision",
            &[
                "0",
                "-0.0",
                "0.5",
                "1.5",
                "-2.5",
                "1e300",
                "1e-300",
                "'NaN'",
                "'Infinity'",
                "'-Infinity'",
            ],
        ),
        T::Text => (
            "text COLLATE \"C\"",
            &["''", "' a '", "'ação'", "'ABC'", "'b%'", "'a'"],
        ),
        T::Char => ("char(5)", &["'ab'", "''", "'ABCDE'", "' b'"]),
        T::Date => (
            "date",
            &[
                "'0001-01-01'",
                "'9999-12-31'",
                "'2024-02-29'",
                "'2021-01-03'",
                "'1969-12-31'",
            ],
        ),
        T::Time => ("time", &["'00:00'", "'23:59:59.999999'", "'12:30:00.5'"]),
        T::Timestamp => (
            "timestamp",
            &[
                "'0001-01-01'",
                "'9999-12-31 23:59:59.999999'",
                "'2024-02-29 12:00:00.5'",
                "'1969-12-31 23:59:59.9'",
                "'2021-01-01'",
            ],
        ),
        T::TimestampTz => (
            "timestamptz",
            &[
                "'2024-02-29 12:00:00.5+03'",
                "'1969-12-31 23:59:59Z'",
                "'2020-12-31 23:30:00-01'",
            ],
        ),
        T::Uuid => (
            "uuid",
            &[
                "'00000000-0000-0000-0000-000000000000'",
                "'123e4567-e89b-12d3-a456-426614174000'",
            ],
        ),
        T::Bytes => ("bytea", &["''", "'\\x00ff'", "'\\x41'"]),
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |expression: String, takes: &[T], is_aggregate| {
        cases.push(Case {
            expression,
            takes: takes.to_vec(),
            is_aggregate,
        });
    };
    let names = ["a", "b", "c"];
    for entry in FUNCTIONS
        .iter()
        .filter(|entry| entry.function != Function::Unequal)
    {
        let is_function = entry
            .name
            .starts_with(|first: char| first.is_ascii_alphabetic());
        let name = entry.name;
        match (entry.takes.len(), entry.function) {
            (2, Function::Round | Function::Truncate) => {
                for digits in [-40, -2, 0, 1, 2, 3, 9] {
                    add(format!("{name}(a, {digits})"), &entry.takes[..1], false);
                }
            }
            (count, _) if is_function => {
                add(
                    format!("{name}({})", names[..count].join(", ")),
                    entry.takes,
                    false,
                );
            }
            (1, _) => add(format!("{name} a"), entry.takes, false),
            _ => add(format!("a {name} b"), entry.takes, false),
        }
    }
    for pair in COMPARED {
        for sign in [
            "=",
            "<>",
            "<",
            "<=",
            ">",
            ">=",
            "IS DISTINCT FROM",
            "IS NOT DISTINCT FROM",
        ] {
            add(format!("a {sign} b"), pair, false);
        }
        if pair[0] == pair[1] && pair[0] != T::Char {
            add("GREATEST(a, b)".to_owned(), pair, false);
            add("LEAST(a, b)".to_owned(), pair, false);
            add("NULLIF(a, b)".to_owned(), pair, false);
        }
    }
    for (name, takes, ..) in AGGREGATES {
        add(format!("{name}(a)"), &[*takes], true);
        add(
            format!("{name}(a) FILTER (WHERE a IS NULL)"),
            &[*takes],
            true,
        );
    }
    for from in T::ALL {
        add("COUNT(DISTINCT a)".to_owned(), &[from], true);
        add(
            "COALESCE(a, a)".to_owned(),
            &[from][..usize::from(from != T::Char)],
            false,
        );
        for to in T::ALL
            .into_iter()
            .filter(|to| *to != T::Char && casts(&from.kind(), &to.kind()))
        {
            let to = edges(to).0.split(" COLLATE").next().unwrap_or_default();
            add(format!("CAST(a AS {to})"), &[from], false);
        }
        if casts(&from.kind(), &T::Text.kind()) {
            add("CAST(a AS varchar(3))".to_owned(), &[from], false);
        }
        for (name, field) in FIELDS {
            if extracts(field, &from.kind()) {
                add(format!("EXTRACT({name} FROM a)"), &[from], false);
            }
            if extracts(field, &from.kind()) || from == T::Date {
                add(format!("DATE_PART('{name}', a)"), &[from], false);
            }
        }
    }
    for (unit, _) in UNITS {
        for kind in [T::Date, T::Timestamp, T::TimestampTz] {
            add(format!("DATE_TRUNC('{unit}', a)"), &[kind], false);
        }
    }
    for takes in [
        [T::Numeric, T::Numeric],
        [T::Integer, T::Numeric],
        [T::Numeric, T::BigInt],
        [T::SmallInt, T::Numeric],
    ] {
        for expression in [
            "-(a / b)",
            "ABS(a / b)",
            "SIGN(a / b)",
            "ROUND(a / b)",
            "ROUND(a / b, 2)",
            "ROUND(a / b, 18)",
            "ROUND(a / b, -1)",
            "TRUNC(a / b)",
            "TRUNC(a / b, 3)",
            "CEIL(a / b)",
            "FLOOR(a / b)",
            "a / b + 1",
            "0.5 - a / b",
            "a / b * 3",
            "a / b / b",
            "a / b > b",
            "a / b = 1.0",
            "a / b BETWEEN -1 AND 1",
            "a / b IN (0.5, 1, 3)",
            "a / b IS DISTINCT FROM 1",
            "COALESCE(a / b, 0)",
            "CASE WHEN a > 0 THEN a / b ELSE 0.50 END",
            "NULLIF(a / b, 1.000)",
            "GREATEST(a / b, b)",
            "LEAST(a / b, 1)",
            "CAST(a / b AS numeric(20,3))",
            "CAST(a / b AS numeric)",
            "CAST(a / b AS double precision)",
            "CAST(a / b AS bigint)",
            "CAST(a / b AS text)",
            "CAST(a / NULLIF(b, 0) AS real)",
            "a / 7.0000000000000000",
            "100.00 * a / b",
        ] {
            add(expression.to_owned(), &takes, false);
        }
    }
    for kind in [T::SmallInt, T::Integer, T::BigInt, T::Numeric] {
        for expression in [
            "AVG(DISTINCT a)",
            "AVG(a) FILTER (WHERE a > 0)",
            "ROUND(AVG(a), 2)",
            "AVG(a) * 0.2",
            "AVG(a)::text",
            "AVG(a / 3.0)",
            "SUM(a / 3.0)",
            "MIN(a / 3.0)",
            "MAX(a / 7.0)",
            "AVG(a) / COUNT(*)",
            "COALESCE(AVG(a), 0) > SUM(a)",
            "AVG(CASE WHEN a > 0 THEN a ELSE 1.50 END)",
        ] {
            // At the limits of bigint, these have more digits than are carried.
            let is_wide = expression.contains("M(a / 3.0)")
                || expression.contains("(a / 3.0)") && expression.starts_with("AVG")
                || expression.contains("CASE");
            if kind != T::BigInt || !is_wide {
                add(expression.to_owned(), &[kind], true);
            }
        }
    }
    for kind in [T::Date, T::Timestamp, T::TimestampTz] {
        for pattern in [
            "YYYY-MM-DD",
            "yyyymmdd",
            "DD/MM/YYYY HH24:MI:SS",
            "HH24MISS",
            "YYYY_MM.DD",
            "YYYY-MM-DD\"T\"HH24:MI",
        ] {
            add(format!("TO_CHAR(a, '{pattern}')"), &[kind], false);
        }
    }
    for kind in [T::Text, T::Char] {
        for condition in [
            "LIKE 'a%'",
            "LIKE '%b'",
            "LIKE 'ab   '",
            "ILIKE 'AB%'",
            "NOT ILIKE '%Ã%'",
            "ILIKE '_b___'",
            "LIKE 'b!%' ESCAPE '!'",
            "LIKE '%\\%%' ESCAPE '\\'",
            "LIKE '%!!' ESCAPE '!'",
            "LIKE 'b\\%' ESCAPE ''",
            "NOT LIKE '_é_%' ESCAPE 'é'",
        ] {
            add(format!("a {condition}"), &[kind], false);
        }
    }
    for kind in T::ALL {
        if casts(&kind.kind(), &T::Text.kind()) && kind != T::Text {
            add("a || b".to_owned(), &[kind, T::Text], false);
            add("b || a".to_owned(), &[kind, T::Text], false);
            add("'x' || a || ' '".to_owned(), &[kind], false);
            if kind != T::Boolean {
                add("CONCAT(a, '-', a)".to_owned(), &[kind], false);
            }
        }
    }
    for (kind, _) in MOVED {
        for interval in [
            "'1 month'",
            "'13 months'",
            "'-1 year'",
            "'1 day'",
            "'1 year 2 months 3 days 04:05:06.5'",
            "'90' DAY",
            "'-1' MONTH",
            "'25' HOUR",
            "'1.000001 seconds'",
            "'9998 years'",
            "'2 weeks'",
        ] {
            add(format!("a + INTERVAL {interval}"), &[*kind], false);
            add(format!("a - INTERVAL {interval}"), &[*kind], false);
        }
        for expression in [
            "'1 month'::interval + a",
            "a + 3 * INTERVAL '1 month 1 day 01:00'",
            "a - (INTERVAL '1 month' - INTERVAL '1 day' * 2)",
        ] {
            add(expression.to_owned(), &[*kind], false);
        }
    }
    cases.retain(|case| !case.takes.is_empty());
    cases
}

/// Makes the table `t<at>` of the rows for which Postgres computes the case, and `e<at>` of the rows for which it fails.
fn table_sql(at: usize, case: &Case) -> String {
    let names = ["a", "b", "c"];
    let columns = case
        .takes
        .iter()
        .zip(names)
        .map(|(kind, name)| format!("{name} {}", edges(*kind).0));
    let values = case.takes.iter().zip(names).map(|(kind, name)| {
        let (declared, values) = edges(*kind);
        // Whether a sum of the largest floats overflows depends on the order of rows, which is open.
        let is_summed = case.is_aggregate && matches!(kind, T::Real | T::Double);
        let values = if is_summed { &values[..3] } else { values };
        let kind = declared.split(" COLLATE").next().unwrap_or_default();
        let values: Vec<String> = values
            .iter()
            .map(|value| format!("(({value})::{kind})"))
            .collect();
        format!(
            "(VALUES (NULL::{kind}), {}) AS {name}({name})",
            values.join(", ")
        )
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let values = values.collect::<Vec<_>>().join(" CROSS JOIN ");
    let list = names[..case.takes.len()].join(", ");
    let mut sql = format!(
        "CREATE TABLE t{at} (id int PRIMARY KEY, {columns}); CREATE TABLE e{at} (LIKE t{at});
         INSERT INTO t{at} SELECT row_number() OVER (), {list} FROM {values};"
    );
    if !case.is_aggregate {
        let quoted = case.expression.replace('\'', "''");
        sql += &format!(
            "DO $$ DECLARE row record; given text; BEGIN FOR row IN SELECT id FROM t{at} ORDER BY id LOOP
                 BEGIN EXECUTE 'SELECT ({quoted})::text FROM t{at} WHERE id = ' || row.id INTO given;
                 -- Years beyond 1 to 9999 are not carried.
                 IF given ~ '^[0-9]{{5,}}-[0-9]{{2}}-|^[0-9]{{4}}-.* BC$' THEN RAISE data_exception; END IF;
                 EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
                     WITH gone AS (DELETE FROM t{at} WHERE id = row.id RETURNING *) INSERT INTO e{at} SELECT * FROM gone;
                 END;
             END LOOP; END $$;"
        );
    }
    sql
}

/// A cell of our output, written as Postgres writes it.
fn as_postgres(cell: &str, kind: ColumnType) -> String {
    let is_time = matches!(
        kind,
        ColumnType::Time | ColumnType::Timestamp | ColumnType::TimestampTz
    );
    if !is_time || cell.is_empty() {
        return cell.to_owned();
    }
    let (clock, zone) = match cell.strip_suffix('Z') {
        Some(clock) => (clock, "+00"),
        None => (cell, ""),
    };
    let clock = match clock.contains('.') {
        true => clock.trim_end_matches('0'),
        false => clock,
    };
    format!("{}{zone}", clock.replace('T', " "))
}

#[test]
fn every_entry_of_the_list_gives_what_postgres_gives() {
    let cases = cases();
    assert!(cases.len() > 400, "{} cases", cases.len());
    let database = Database::create();
    let mut client = database.connect();
    client
        .batch_execute(&format!(
            "CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}; SET TimeZone = 'UTC'"
        ))
        .unwrap();
    for (at, case) in cases.iter().enumerate() {
        client
            .batch_execute(&table_sql(at, case))
            .unwrap_or_else(|error| panic!("{} of {:?}: {error:?}", case.expression, case.takes));
    }
    let settings = database.settings();
    let out = tempfile::tempdir().unwrap();
    let options = |dataset: Dataset| Options {
        out: out.path().into(),
        layout: Layout::SingleFile,
        max_connections: 1,
        memory_bytes: 1 << 30,
        engine: crate::Engine::Polars,
        ..Options::of_models(dataset, Some(SCHEMA), &Default::default())
    };
    let dataset = |prefix: &str, cases: &[(usize, &Case)]| {
        let sql = |at: usize, case: &Case| match case.is_aggregate {
            true => format!("SELECT {} AS x FROM {prefix}{at}", case.expression),
            false => format!(
                "SELECT {} AS x FROM {prefix}{at} ORDER BY id",
                case.expression
            ),
        };
        let tables: Vec<String> = cases
            .iter()
            .map(|(at, _)| format!("{prefix}{at}"))
            .collect();
        let tables: Vec<(&str, &[&str])> = tables
            .iter()
            .map(|name| (name.as_str(), &["id"][..]))
            .collect();
        let models = cases
            .iter()
            .map(|(at, case)| testkit::model(&format!("m{at}"), &sql(*at, case)));
        let mut dataset = testkit::dataset(SCHEMA, &tables, models.collect());
        let given =
            crate::describe::resolve(&settings, &dataset, SCHEMA, &Cancel::default()).unwrap();
        for (model, given) in dataset.models.iter_mut().zip(given) {
            model.columns = given.unwrap_or_else(|error| panic!("{}: {error:#}", model.sql));
        }
        dataset
    };
    let numbered: Vec<(usize, &Case)> = cases.iter().enumerate().collect();
    let computed = dataset("t", &numbered);
    let mut wrong = Vec::new();
    if crate::run(&settings, &options(computed.clone()), &Cancel::default()).is_err() {
        for at in numbered.iter() {
            let one = dataset("t", &[*at]);
            if let Err(error) = crate::run(&settings, &options(one), &Cancel::default()) {
                wrong.push(format!(
                    "{} of {:?}: {error:#}",
                    at.1.expression, at.1.takes
                ));
            }
        }
        panic!("{wrong:#?}");
    }
    for (model, case) in computed.models.iter().zip(&cases) {
        let kind = model.columns[0].1;
        let written = fs::read_to_string(out.path().join(format!("{}.csv", model.name))).unwrap();
        let as_text = match kind {
            ColumnType::Numeric { scale, .. } => format!("round(x, {scale})"),
            ColumnType::Boolean => "x::text".to_owned(),
            _ => "x".to_owned(),
        };
        let mut expected = String::new();
        let copy = format!(
            "COPY (SELECT {as_text} AS x FROM ({}) AS m) TO STDOUT (FORMAT csv, HEADER)",
            model.sql
        );
        let read = client
            .copy_out(&copy)
            .unwrap()
            .read_to_string(&mut expected);
        if let Err(error) = read {
            wrong.push(format!(
                "{} of {:?}: Postgres fails: {error}",
                case.expression, case.takes
            ));
            continue;
        }
        let written: Vec<String> = written
            .lines()
            .map(|cell| as_postgres(cell, kind))
            .collect();
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(written.len(), expected.len(), "{}", model.sql);
        let differing = written
            .iter()
            .zip(&expected)
            .filter(|(ours, theirs)| ours != theirs);
        let differing: Vec<_> = differing.take(3).collect();
        if !differing.is_empty() {
            wrong.push(format!(
                "{} of {:?}: {differing:?}",
                case.expression, case.takes
            ));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());

    // What Postgres refuses is refused here too.
    let mut refused = 0;
    for (at, case) in numbered {
        let rows: i64 = client
            .query_one(&format!("SELECT count(*) FROM e{at}"), &[])
            .unwrap()
            .get(0);
        if rows == 0 {
            continue;
        }
        refused += 1;
        let one = dataset("e", &[(at, case)]);
        let error = crate::run(&settings, &options(one), &Cancel::default());
        let kind = error.err().and_then(|error| Failure::kind_of(&error));
        if kind != Some(Kind::Refused) {
            wrong.push(format!("{} of {:?}: {kind:?}", case.expression, case.takes));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(refused > 20, "{refused}");
}
