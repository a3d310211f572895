//! What is backed up comes back, value by value.

use backup::Codec;
use backup::options::{Format, Mode, Timestamps};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::World;

/// A column of each type, with the type's extremes.
const TYPES: &str = r#"
    CREATE SCHEMA s; SET search_path = s;
    CREATE TYPE mood AS ENUM ('sad', 'so so', 'glad'' "é"');
    CREATE DOMAIN cents AS numeric(12,2) CHECK (VALUE >= -1e9);
    CREATE DOMAIN feeling AS mood;
    CREATE TYPE pair AS (a int, b text);
    CREATE TABLE every (
        id bigint PRIMARY KEY, i2 smallint, i4 int, i8 bigint, b boolean, f4 real, f8 double precision,
        n numeric(10,2), n38 numeric(38,2), n0 numeric(38,0), n38s numeric(38,38), wide numeric(60,5), free numeric,
        negative numeric(5,-2),
        t text, v varchar(30), c char(6), nm name, j json, jb jsonb, mood mood, u uuid, bytes bytea, d date, ti time,
        ts timestamp, tz timestamptz, ia int[], ta text[], na numeric(8,3)[], ja jsonb[], tsa timestamp[], moods mood[],
        interval interval, inet inet, cidr cidr, bits bit(5), varbits varbit, range int4range, ranges tstzrange, pair pair, cents cents,
        feeling feeling, timetz timetz, money money, xml xml, q "char", point point, vector tsvector, oid oid, mac macaddr
    );
    INSERT INTO every (id) VALUES (0);
    INSERT INTO every VALUES (
        9223372036854775807, -32768, -2147483648, -9223372036854775808, true, 'NaN', '-Infinity',
        -99999999.99, 999999999999999999999999999999999999.99, -99999999999999999999999999999999999999,
        0.99999999999999999999999999999999999999, 123456789012345678901234567890123456789012345.12345, 'NaN', 12300,
        E'a\tb\n"c", \\ é 日本', ' v ', 'c  ', 'name', '{"a" : 1, "a": 2}', '{"a": [1.0, null]}', 'glad'' "é"',
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x00ff', '5874897-12-31', '23:59:59.999999',
        '4713-01-01 00:00:00 BC', '294246-12-31 23:59:59.999999+00', '{1,NULL,-2147483648}', '{"",NULL,"a,\"b"}', '{1.001,-2}',
        '{"{\"a\": 1}",NULL}', '{2026-01-31 23:59:59.000001}', '{sad,NULL}', '-1 year 2 mons -3 days 04:05:06.789', '::1/64', '10.0.0.0/8', '10101', '1',
        '[1,5)', '[2026-01-01 00:00:00+00,infinity)', '(,"a,b")', -0.05, 'sad', '23:59:59.5-03', -12.34, '<a>é</a>', 'x', '(1.5,-2)',
        '''a'':1 ''b'':2', 4294967295, '08:00:2b:01:02:03'
    );
    INSERT INTO every (id, f4, f8, n, n38, n38s, t, v, c, ia, ta, d, ts, tz, jb, bytes, ti, free, pair, moods)
        VALUES (1, '-0', '-0', 0, 0.10, -0.00000000000000000000000000000000000001, '', '', '', '{}', '{}', '4713-01-01 BC', '1970-01-01',
                '1969-12-31 23:59:59.999999+00', 'null', '', '00:00', 1.50, '(,)', '{}'),
               (2, 'Infinity', 1e-300, 0.01, -0.01, 1e-10, 'x', 'x', 'x', '{1}', '{a}', '2000-01-01', '2000-01-01', '2000-01-01+00',
                '"\u00e9"', '\x01', '12:00', 10000.0001, '(1,)', '{sad}');
"#;

#[test]
fn every_type_comes_back_from_avro_with_each_codec() {
    let world = World::of(TYPES);
    let codecs = [Codec::Deflate, Codec::Snappy, Codec::Zstandard, Codec::Null];
    for (number, codec) in codecs.into_iter().enumerate() {
        for timestamps in [Timestamps::Local, Timestamps::Utc] {
            let mut asked = world.asked(Format::Avro);
            (asked.codec, asked.timestamps) = (codec, timestamps);
            let report = world.try_backup(&asked).unwrap();
            assert_eq!(report.tables[0].rows, 4);
            let into = format!("r{number}{}", u8::from(timestamps == Timestamps::Utc));
            let restored = world.restore(Mode::Create, &into);
            assert_eq!(restored.tables[0].rows, 4);
            assert!(restored.is_proved);
            world.check_same("s.every", &format!("{into}.every"), 4);
        }
    }
}

#[test]
fn what_avro_does_not_carry_comes_back_from_csv() {
    let world = World::of(TYPES);
    world.run(
        "INSERT INTO s.every (id, n, d, ts, tz, ti, ia, ta, t) VALUES
            (10, 'NaN', 'infinity', '-infinity', 'infinity', '24:00', '[0:1]={1,2}', '{{a,b},{c,d}}', '\\.'),
            (11, 1, '-infinity', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '24:00', '{}', '{}', E'\\r\\n\"')",
    );
    let report = world.backup(Format::Csv);
    assert_eq!(report.tables[0].rows, 6);
    world.restore(Mode::Create, "r");
    world.check_same("s.every", "r.every", 6);
}

/// A client may send any NaN in binary. Postgres keeps it, but writes and compares all of them as one.
#[test]
fn any_nan_comes_back_as_one() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE DOMAIN s.share AS float8;
         CREATE TABLE s.t (id int, f4 real, f8 float8, share s.share, many4 real[], many8 float8[]);
         INSERT INTO s.t VALUES (0, 'NaN', 'NaN', 'NaN', '{NaN}', '{NaN,NULL}'), (1, '-0', '-0', '-0', '{-0}', '{-0}'), (2, NULL, NULL, NULL, NULL, NULL)",
    );
    let narrow = [0x7f80_0001, 0x7fc0_1234, 0xffc0_0000].map(f32::from_bits);
    let wide = [
        0x7ff0_0000_0000_0001,
        0x7ff8_0000_dead_beef,
        0xfff8_0000_0000_0000,
    ]
    .map(f64::from_bits);
    let mut client = world.database.connect();
    for (id, (f4, f8)) in (3..).zip(narrow.into_iter().zip(wide)) {
        let many4 = [Some(f4), None, Some(-0.0)];
        let many8 = [Some(1.5), None, Some(f8)];
        client
            .execute(
                "INSERT INTO s.t SELECT $1, $2, $3, $3::float8, $4, $5",
                &[&id, &f4, &f8, &&many4[..], &&many8[..]],
            )
            .unwrap();
    }
    for (format, into) in [(Format::Avro, "a"), (Format::Csv, "c")] {
        assert_eq!(world.backup(format).tables[0].rows, 6);
        assert!(world.restore(Mode::Create, into).is_proved);
        world.check_same("s.t", &format!("{into}.t"), 6);
        let one = format!(
            "SELECT count(DISTINCT float8send(f8)), count(DISTINCT float8send(share)) FROM {into}.t WHERE f8 = 'NaN'"
        );
        let one = client.query_one(&one, &[]).unwrap();
        assert_eq!((one.get(0), one.get(1)), (1_i64, 1_i64), "{into}");
    }
}

#[test]
fn a_table_of_one_column_of_nulls_and_empty_texts_comes_back() {
    for format in [Format::Avro, Format::Csv] {
        let world = World::of(
            r#"CREATE SCHEMA s; CREATE TABLE s."Odd ""name"" é/." ("a ""b"" é" text);
               INSERT INTO s."Odd ""name"" é/." VALUES (NULL), (''), ('\.'), (E'\n'), ('"'), (NULL)"#,
        );
        let report = world.backup(format);
        assert_eq!(report.tables[0].rows, 6);
        world.restore(Mode::Create, "r");
        world.check_same(r#"s."Odd ""name"" é/.""#, r#"r."Odd ""name"" é/.""#, 6);
    }
}

#[test]
fn an_empty_table_comes_back_empty() {
    for format in [Format::Avro, Format::Csv] {
        let world =
            World::of("CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, a numeric(5,2))");
        assert_eq!(world.backup(format).tables[0].rows, 0);
        assert_eq!(world.restore(Mode::Create, "r").tables[0].rows, 0);
        world.check_same("s.t", "r.t", 0);
    }
}

#[test]
fn a_large_table_goes_into_several_files_and_comes_back() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t (id int, filler text);
         ALTER TABLE s.t ALTER filler SET STORAGE PLAIN;
         INSERT INTO s.t SELECT i, repeat('x', 7000) FROM generate_series(1, 20000) AS i",
    );
    let report = world.backup(Format::Avro);
    assert_eq!((report.tables[0].rows, report.tables[0].files), (20_000, 2));
    world.restore(Mode::Create, "r");
    world.check_same("s.t", "r.t", 20_000);
    let mut one = world.asked(Format::Avro);
    one.max_connections = 1;
    assert_eq!(world.try_backup(&one).unwrap().tables[0].rows, 20_000);
}

#[test]
fn random_values_come_back() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t (i int, l bigint, n numeric(38,9), m numeric(7,7), f float8, t text, b bytea, d date,
             ts timestamp, a bigint[], k smallint NOT NULL)",
    );
    let row = (
        any::<Option<i32>>(),
        any::<Option<i64>>(),
        prop::option::of((any::<i64>(), 0_u32..10)),
        prop::option::of(-9_999_999_i32..=9_999_999),
        any::<Option<u64>>(),
        prop::option::of("[^\0]{0,20}"),
        any::<Option<Vec<u8>>>(),
        prop::option::of(-2_400_000_i32..2_400_000),
        prop::option::of(-200_000_000_000_000_000_i64..9_000_000_000_000_000_000),
        prop::option::of(prop::collection::vec(any::<Option<i64>>(), 0..4)),
        any::<i16>(),
    );
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let tried = std::cell::Cell::new(0);
    runner
        .run(&prop::collection::vec(row, 1..40), |rows| {
            tried.set(tried.get() + 1);
            let mut client = world.database.connect();
            client.batch_execute("TRUNCATE s.t; DROP SCHEMA IF EXISTS r CASCADE").unwrap();
            for (i, l, n, m, f, t, b, d, ts, a, k) in &rows {
                let n = n.map(|(digits, scale)| format!("{digits}e-{}", scale.min(9)));
                let m = m.map(|m| format!("{m}e-7"));
                let f = f.map(f64::from_bits);
                client
                    .execute(
                        "INSERT INTO s.t VALUES ($1, $2, $3::text::numeric, $4::text::numeric, $5, $6, $7, date '2000-01-01' + $8::int,
                             timestamp '2000-01-01' + $9::bigint * interval '1 microsecond', $10, $11)",
                        &[i, l, &n, &m, &f, t, b, d, ts, a, k],
                    )
                    .unwrap();
            }
            for (format, into) in [(Format::Avro, "r"), (Format::Csv, "r")] {
                client.batch_execute("DROP SCHEMA IF EXISTS r CASCADE").unwrap();
                assert_eq!(world.backup(format).tables[0].rows, rows.len() as u64);
                world.restore(Mode::Create, into);
                world.check_same("s.t", "r.t", rows.len() as i64);
            }
            Ok(())
        })
        .unwrap();
    assert!(tried.get() >= 12, "{}", tried.get());
}
