//! Compares the values that the loader accepts with Postgres's own input functions: what the loader accepts, Postgres takes for
//! the same value; what it refuses, Postgres refuses too, except what Postgres would accept only by changing it.

use std::borrow::Cow;
use std::sync::Arc;

use database::copy::write::{CopyIn, RowEncoder};
use dataset::ColumnType;
use loader::rules::column::{Cell, ColumnRules};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use testkit::Database;
use values::value::Value;

/// A type: how a column of it is declared, its rules, and texts that may or may not be its values.
struct Case {
    sql: &'static str,
    kind: ColumnType,
    max_chars: Option<usize>,
    /// A regular expression.
    texts: &'static str,
    /// Whether Postgres may accept a text that the loader refuses.
    lenient: fn(&str) -> bool,
}

fn never(_: &str) -> bool {
    false
}

fn always(_: &str) -> bool {
    true
}

/// Notations that only newer servers know.
fn new_notation(text: &str) -> bool {
    text.contains(['x', 'X', 'o', 'O', 'b', 'B', '_'])
}

/// Whether the number would be rounded: it has more than `scale` digits after the point, or a power of ten.
fn rounded(text: &str) -> bool {
    text.contains(['e', 'E'])
        || text
            .split('.')
            .nth(1)
            .is_some_and(|tail| tail.trim().len() > 4)
}

const NUMBERS: &str =
    "[ ]{0,1}[-+]{0,2}[0-9]{0,12}[.]{0,2}[0-9]{0,6}([eE][-+]?[0-9]{1,3})?[ a]{0,1}";

fn cases() -> Vec<Case> {
    let case = |sql, kind, texts, lenient| Case {
        sql,
        kind,
        max_chars: None,
        texts,
        lenient,
    };
    let precision = |precision, scale| ColumnType::Numeric { precision, scale };
    vec![
        case(
            "smallint",
            ColumnType::SmallInt,
            "[ ]?[-+]{0,2}[0-9]{0,6}[ .x]{0,1}",
            new_notation,
        ),
        case(
            "integer",
            ColumnType::Integer,
            "[ \t]?[-+]{0,2}[0-9]{0,11}[ .x]{0,1}",
            new_notation,
        ),
        case("bigint", ColumnType::BigInt, "[-+]?[0-9]{15,20}", never),
        case("numeric(10,4)", precision(10, 4), NUMBERS, rounded),
        case("numeric(38,0)", precision(38, 0), "[-+]?[0-9]{1,42}", never),
        case(
            "numeric(38,37)",
            precision(38, 37),
            "-?[0-9]{0,2}[.][0-9]{0,37}",
            never,
        ),
        case("double precision", ColumnType::Double, NUMBERS, never),
        case("real", ColumnType::Real, NUMBERS, never),
        case(
            "boolean",
            ColumnType::Boolean,
            "[ ]?([tT]r?u?e?|fa?l?s?e?|ye?s?|no?|of?f?|on?|[01]{0,2})",
            never,
        ),
        case(
            "date",
            ColumnType::Date,
            "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]",
            |text| text.starts_with("0000"),
        ),
        case(
            "timestamp",
            ColumnType::Timestamp,
            "(19|20)[0-9]{2}-[01]?[0-9]-[0-3]?[0-9]([ T][0-2]?[0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{0,8})?)?(Z| ?[+-]0[0-9](:[0-9]0)?)?)?",
            // Fractions that would be rounded, and offsets that would be dropped.
            |text| text.contains('+') || text.contains('.') || text.matches('-').count() > 2,
        ),
        case(
            "timestamptz",
            ColumnType::TimestampTz,
            "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z| ?[+-][01][0-9](:?[0-9]0)?)?",
            never,
        ),
        case(
            "time",
            ColumnType::Time,
            "[0-2]?[0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,6})?)?",
            |text| text.contains(":60."),
        ),
        // Without separators, and with other ones, Postgres also accepts texts that could mean another day.
        case(
            "date",
            ColumnType::Date,
            "(0001|19[0-9]{2}|20[0-9]{2})[-/.]?([0-9]|[01][0-9])[-/.]?([0-9]|[0-3][0-9])([T ]24:00|[T ]0000)?",
            always,
        ),
        case(
            "timestamp",
            ColumnType::Timestamp,
            "(19|20)[0-9]{2}[-/.]?[01][0-9][-/.]?[0-3][0-9]([T ] ?[0-2][0-9]:?[0-6][0-9](:?[0-6][0-9](\\.[0-9]{1,7})?)?(Z| ?[+-]00)?)?",
            always,
        ),
        case(
            "timestamptz",
            ColumnType::TimestampTz,
            "20[0-9]{2}[-/.]?[01][0-9][-/.]?[0-2][0-9][T ]([01][0-9]|24):?(00|[0-5][0-9])(:?(00|60|[0-5][0-9])(\\.[0-9]{1,6})?)?(Z| ?[+-][01][0-9](:?[0-9]0)?)?",
            always,
        ),
        case(
            "time",
            ColumnType::Time,
            "(24|[0-2][0-9]):?(00|[0-6][0-9])(:?(00|60|[0-6][0-9])(\\.[0-9]{1,7})?)?",
            always,
        ),
        // A cast cuts off what is too long, while an INSERT refuses it.
        Case {
            max_chars: Some(5),
            ..case("varchar(5)", ColumnType::Text, "[aé ]{0,7}", |text| {
                text.chars().count() > 5
            })
        },
        case("text", ColumnType::Text, "\\PC{0,12}", never),
        case(
            "uuid",
            ColumnType::Uuid,
            "\\{?[0-9a-fA-F]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?-?[0-9a-f]{12}\\}?",
            never,
        ),
        case(
            "bytea",
            ColumnType::Bytes,
            "(\\\\x[0-9a-f]{0,6}|[a-z]{0,3}(\\\\\\\\|\\\\[0-7]{3}|\\\\)?[a-z]{0,3})",
            never,
        ),
        case(
            "json",
            ColumnType::Json,
            "[{\\[]{0,2}(\"a\":)?(-?[0-9]{1,3}(\\.5)?(e4)?|null|\"\\\\u00e9\"|tru)[}\\]]{0,2}",
            never,
        ),
        case(
            "jsonb",
            ColumnType::JsonBinary,
            "[{\\[]{0,2}(\"a\":)?(-?[0-9]{1,3}(\\.5)?(e4)?|null|\"\\\\u0000\"|\"\\\\\\\\u0000\"|true)[}\\]]{0,2}",
            never,
        ),
    ]
}

fn rules(case: &Case) -> ColumnRules {
    ColumnRules {
        name: "value".to_owned(),
        kind: case.kind,
        nullable: true,
        required: false,
        max_chars: case.max_chars,
        blank_padded: false,
        fraction_digits: None,
        labels: None,
        server_type: None,
        min: None,
        max: None,
        decimal_mark: b'.',
        thousands_mark: None,
        zero_fraction: false,
        null: Arc::new([]),
        quoted_null: false,
        formats: Arc::new([]),
    }
}

const TRIES: usize = 1500;

#[test]
fn what_is_taken_is_what_postgres_takes() {
    let database = Database::create();
    let mut client = database.connect();
    client
        .batch_execute(
            "CREATE FUNCTION taken(type text, value text) RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN EXECUTE format('SELECT $1::text::%s', type) USING value; RETURN true;
             EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation THEN RETURN false; END $$",
        )
        .expect("a function");
    for case in cases() {
        let mut runner = TestRunner::deterministic();
        let strategy = proptest::string::string_regex(case.texts).expect("an expression");
        let texts: Vec<String> = (0..TRIES)
            .map(|_| strategy.new_tree(&mut runner).expect("a text").current())
            .filter(|text| !text.contains('\0'))
            .collect();
        let rules = rules(&case);
        let ours: Vec<Option<Value<'_>>> = texts
            .iter()
            .map(|text| rules.value(Cell::Text(Cow::Borrowed(text.as_str()))).ok())
            .collect();
        let taken = ours.iter().flatten().count();
        assert!(
            taken > 20,
            "{}: only {taken} of {TRIES} were taken",
            case.sql
        );

        client
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS t; CREATE TABLE t (id integer, value {})",
                case.sql
            ))
            .expect("a table");
        let mut rows = RowEncoder::default();
        for (id, value) in ours.iter().enumerate() {
            rows.row(2);
            rows.int4(id as i32);
            value.as_ref().unwrap_or(&Value::Null).encode(&mut rows);
        }
        let mut copy =
            CopyIn::start(&mut client, "public", "t", &["id", "value"], false).expect("started");
        copy.send(rows.bytes(), ours.len() as u64).expect("sent");
        let written = copy
            .finish()
            .unwrap_or_else(|error| panic!("{}: {error:#}", case.sql));
        assert_eq!(written.rows, texts.len() as u64);

        // Texts that the loader accepted are cast, and compared as text, since json has no equality.
        let query = format!(
            "SELECT id, value::text, CASE WHEN value IS NOT NULL THEN ($1::text[])[id + 1]::{}::text END,
                    taken($2, ($1::text[])[id + 1]) FROM t ORDER BY id",
            case.sql
        );
        let found = client
            .query(&query, &[&texts, &case.sql])
            .unwrap_or_else(|error| {
                panic!(
                    "{}: what the core took, Postgres refuses: {error}",
                    case.sql
                )
            });
        assert_eq!(found.len(), texts.len());
        for (row, text) in found.iter().zip(&texts) {
            let (stored, cast): (Option<&str>, Option<&str>) = (row.get(1), row.get(2));
            assert_eq!(stored, cast, "{}: {text:?}", case.sql);
            if stored.is_none() && row.get::<_, bool>(3) {
                assert!(
                    (case.lenient)(text),
                    "{}: Postgres takes {text:?}",
                    case.sql
                );
            }
        }
    }
}

#[test]
fn bounds_are_in_the_range_and_all_faults_of_a_row_are_told() {
    let mut case = cases().swap_remove(1);
    case.max_chars = None;
    let column = |name: &str, min, max| ColumnRules {
        name: name.to_owned(),
        nullable: false,
        min: Some(Value::Integer(min)),
        max: Some(Value::Integer(max)),
        ..rules(&case)
    };
    let row = loader::rules::row::RowRules {
        columns: vec![column("a", 1, 5), column("b", 0, 9), column("c", 0, 9)],
    };
    let cells = |texts: [&'static str; 3]| {
        texts.map(|text| match text {
            "" => Cell::Null,
            text => Cell::Text(Cow::Borrowed(text)),
        })
    };
    assert!(row.check(cells(["1", "0", "9"])).is_ok());
    let broken = row.check(cells(["6", "x", ""])).expect_err("broken");
    let told: Vec<_> = broken
        .violations
        .iter()
        .map(|violation| {
            (
                violation.column.as_str(),
                violation.rule.name(),
                violation.message.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("a", "range", "`6` is greater than 5"),
            ("b", "type", "`x` is not an integer"),
            ("c", "required", "is missing"),
        ]
    );
}

proptest! {
    #![proptest_config(Config::with_cases(5000))]

    #[test]
    fn no_text_makes_the_core_panic(text in any::<String>(), which in 0_usize..23) {
        let cases = cases();
        let case = &cases[which % cases.len()];
        let rules = ColumnRules { decimal_mark: b',', blank_padded: text.len() % 2 == 0, ..rules(case) };
        let _ = rules.value(Cell::Text(Cow::Owned(text)));
    }
}
