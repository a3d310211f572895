//! Outputs as other programs read them, with the options that docs/output.md names.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use crate::program::{Finished, World, finish};

/// The rows as Postgres writes them: every value quoted, so that NULL and the empty text differ, and times in our form.
const EXPECTED: &str = r#"
    COPY (
        SELECT nome_associado, sobrenome_associado, idade_associado, vlr_transacao_movimento, des_transacao_movimento,
               iso(data_movimento) AS data_movimento, numero_cartao, nome_impresso_cartao,
               iso(data_criacao_cartao) AS data_criacao_cartao, tipo_conta, iso(data_criacao_conta) AS data_criacao_conta
        FROM ($model) AS m
    ) TO STDOUT (FORMAT csv, HEADER, NULL E'\x02', FORCE_QUOTE *)"#;

const ISO: &str = r#"
    SET search_path = cards;
    UPDATE associado SET nome = '' WHERE id % 50 = 1;
    ALTER TABLE associado ALTER nome DROP NOT NULL; UPDATE associado SET nome = NULL WHERE id % 50 = 2;
    CREATE FUNCTION iso(t timestamp) RETURNS text LANGUAGE sql AS $$
        SELECT to_char(t, 'YYYY-MM-DD"T"HH24:MI:SS')
            || CASE WHEN date_part('microseconds', t)::int % 1000000 = 0 THEN '' ELSE to_char(t, '.US') END
    $$"#;

#[test]
#[ignore = "needs EXTRATO_TEST_PYTHON, a Python with duckdb, pandas, polars and pyarrow: the gate has one"]
fn duckdb_polars_pandas_and_pyarrow_read_what_postgres_has() {
    let python = std::env::var_os("EXTRATO_TEST_PYTHON").expect("EXTRATO_TEST_PYTHON is set");
    let world = World::new();
    world.done(&["generate", "--associates", "300", "--dirty", "0.1"]);
    let mut client = world.database.connect();
    client.batch_execute(ISO).unwrap();
    let model = &dataset::Dataset::open("cards").unwrap().models[0].sql;
    let mut expected = File::create(world.path("expected.csv")).unwrap();
    let mut rows = client.copy_out(&EXPECTED.replace("$model", model)).unwrap();
    std::io::copy(&mut rows, &mut expected).unwrap();
    expected.flush().unwrap();
    for format in ["csv", "parquet"] {
        let out = [
            "--partition-by",
            "nome_associado",
            "--format",
            format,
            "--out",
            format,
        ];
        world.done(&[&["transform"], &out[..]].concat());
    }
    for (out, options) in [
        ("excel", &["--excel"][..]),
        ("gzip", &["--compress", "gzip"]),
        ("zstd", &["--compress", "zstd"]),
        ("jsonl", &["--format", "jsonl", "--compress", "zstd"]),
    ] {
        world.done(&[&["transform", "--single-file", "--out", out], options].concat());
        world.done(&["verify", out, "--against-database"]);
    }
    let mut command = Command::new(python);
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers.py"))
        .args([
            "expected.csv",
            "csv/movimento_flat",
            "parquet/movimento_flat",
            "excel/movimento_flat.csv",
            "gzip/movimento_flat.csv.gz",
            "zstd/movimento_flat.csv.zst",
            "jsonl/movimento_flat.jsonl.zst",
        ])
        .current_dir(world.folder.path());
    let read = finish(&mut command);
    assert_eq!(read.code, 0, "{}", read.stderr);
    assert_eq!(read.stdout.lines().count(), 14, "{}", read.stdout);
}

/// Values of each type that Avro has, including extremes as far as Python has them.
const BACKED_UP: &str = r#"
    CREATE SCHEMA lake; SET search_path = lake;
    CREATE TYPE mood AS ENUM ('sad', 'so so');
    CREATE TABLE trade (
        id bigint PRIMARY KEY, small smallint, amount numeric(10,2), wide numeric(38,2), whole numeric(38,0), fine numeric(38,38),
        free numeric, "preço" text, kind varchar(20), code char(4), is_open boolean, f4 real, f8 double precision, mood mood,
        doc jsonb, raw json, day date, at time, begun timestamp, seen timestamptz, bytes bytea, key uuid, span interval,
        numbers int[], texts text[], amounts numeric(8,3)[], days date[], keys uuid[], flags boolean[], begins timestamp[]
    );
    INSERT INTO trade VALUES
        (9223372036854775807, -32768, -99999999.99, 999999999999999999999999999999999999.99, -99999999999999999999999999999999999999,
         0.99999999999999999999999999999999999999, 'NaN', 'ção "a", b', '', '', true, 'NaN', '-Infinity', 'so so', '{"a": [1.0, null]}',
         '{"a" : 1, "a": 2}', '9999-12-31', '23:59:59.999999', '1900-01-01 00:00:00.000001', '2026-01-31 23:59:59.999999+00', '\x00ff',
         'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '-1 year 2 mons -3 days 04:05:06.789', '{1,NULL,-2147483648}', '{"",NULL,"a,\"b\" é"}',
         '{-99999.999,NULL,0}', '{9999-12-31,0001-01-01}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{t,f,NULL}',
         '{2026-01-31 23:59:59.000001,NULL}'),
        (-9223372036854775808, 32767, 0.00, -0.01, 0, -0.00000000000000000000000000000000000001, 1.50, NULL, E'a\nb', 'é', false, '-0',
         1e-300, 'sad', 'null', 'null', '0001-01-01', '00:00', '0001-01-01', '9999-12-31 23:59:59.999999+00', '', NULL, '0', '{}', '{}', '{}',
         '{}', '{}', '{}', '{}'),
        (-1, 1, 0.01, 0.10, 1, 0.5, 10000.0001, '日本', E'\\', 'abcd', NULL, 3.4028235e38, '-0', NULL, NULL, NULL, '1600-02-29', '12:00',
         '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999+00', '\x01', NULL, NULL, '{7}', '{a}', '{1.001}', '{2000-01-01}', '{NULL}',
         '{f}', '{1970-01-01}');
    INSERT INTO trade (id) VALUES (0);
    INSERT INTO trade SELECT i, i, i / 7.0, i * 1e20 / 3, i * 1e30::numeric, i / 7e5, i / 3.0, 'text ' || i, 'x', 'y', i % 2 = 0, i / 7.0, i / 7.0, 'sad', '{}', '[]',
        date '2000-01-01' + i, time '00:00' + i * interval '1.5 s', timestamp '2020-01-01' + i * interval '1.000001 h',
        timestamptz '2020-01-01 00:00+00' + i * interval '1 s', '\x01', md5(i::text)::uuid, i * interval '1 s', ARRAY[i], ARRAY[i::text],
        ARRAY[i / 7.0], ARRAY[date '2000-01-01' + i], ARRAY[md5(i::text)::uuid], ARRAY[i % 3 = 0], ARRAY[timestamp '2020-01-01' + i * interval '1 s']
        FROM generate_series(1, 500) AS i
"#;
const BACKED_UP_ROWS: i64 = 504;

/// The rows of the backed-up table as texts that Postgres itself writes.
const EXPECTED_BACKUP: &str = r#"
    COPY (
        SELECT id, small, amount, wide, whole, fine, free, "preço", kind, code, is_open::text AS is_open,
               encode(float4send(f4), 'hex') AS f4, encode(float8send(f8), 'hex') AS f8, mood, doc, raw, day,
               to_char(at, 'HH24:MI:SS.US') AS at, to_char(begun, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS begun,
               to_char(seen, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS seen, bytes, key, span, to_json(numbers::text[]) AS numbers,
               to_json(texts) AS texts, to_json(amounts::text[]) AS amounts, to_json(days::text[]) AS days, to_json(keys::text[]) AS keys,
               to_json(flags::text[]) AS flags,
               CASE WHEN begins IS NOT NULL THEN to_json(ARRAY(SELECT to_char(b, 'YYYY-MM-DD"T"HH24:MI:SS.US') FROM unnest(begins) AS b)) END
                   AS begins
        FROM lake.trade
    ) TO STDOUT (FORMAT csv, HEADER, NULL E'\x02', FORCE_QUOTE *)"#;

/// A world with these rows, their texts in `expected.csv`, and a backup of them.
fn backed_up(options: &[&str]) -> World {
    let world = World::new();
    let mut client = world.database.connect();
    client.batch_execute(BACKED_UP).unwrap();
    let mut expected = File::create(world.path("expected.csv")).unwrap();
    let mut rows = client.copy_out(EXPECTED_BACKUP).unwrap();
    std::io::copy(&mut rows, &mut expected).unwrap();
    expected.flush().unwrap();
    let backup = ["backup", "--schema", "lake", "--to", "backups"];
    world.done(&[&backup[..], options].concat());
    world.done(&["backup", "verify", "backups", "--against-database"]);
    world
}

/// Runs one of the scripts beside these tests, with these arguments, in the world's folder.
fn script(world: &World, python: &str, name: &str, arguments: &[&str]) -> Finished {
    let python = std::env::var_os(python).unwrap_or_else(|| panic!("{python} is set"));
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let mut command = Command::new(python);
    command
        .arg(std::path::Path::new(scripts).join(name))
        .args(arguments)
        .current_dir(world.folder.path());
    finish(&mut command)
}

fn check_reader(world: &World, python: &str, reader: &str) {
    let arguments = [reader, "expected.csv", "backups/latest/trade-0001.avro"];
    let read = script(world, python, "backup_readers.py", &arguments);
    assert_eq!(read.code, 0, "{}{}", read.stdout, read.stderr);
    let expected = format!("{BACKED_UP_ROWS} rows are the same for {reader}");
    assert!(read.stdout.contains(&expected), "{}", read.stdout);
}

#[test]
#[ignore = "needs EXTRATO_TEST_PYTHON, a Python with fastavro and polars: the gate has one"]
fn fastavro_and_polars_read_from_backups_what_postgres_has() {
    let world = backed_up(&[]);
    for reader in ["fastavro", "polars"] {
        check_reader(&world, "EXTRATO_TEST_PYTHON", reader);
    }
}

#[test]
#[ignore = "needs EXTRATO_TEST_DUCKDB_PYTHON, a Python with duckdb 1.5.5 and duckdb-extension-avro: the gate has one"]
fn duckdb_reads_from_backups_what_postgres_has() {
    let world = backed_up(&["--timestamps", "utc"]);
    check_reader(&world, "EXTRATO_TEST_DUCKDB_PYTHON", "duckdb");
}

#[test]
#[ignore = "needs EXTRATO_TEST_PYTHON, a Python with fastavro and pyarrow: the gate has one"]
fn files_that_others_wrote_are_restored_with_each_codec() {
    let world = backed_up(&[]);
    std::fs::create_dir(world.path("others")).unwrap();
    let arguments = ["backups/latest/trade-0001.avro", "others"];
    let written = script(
        &world,
        "EXTRATO_TEST_PYTHON",
        "backup_others.py",
        &arguments,
    );
    assert_eq!(written.code, 0, "{}", written.stderr);
    let mut client = world.database.connect();
    let restore = |codec: &str, table: &str| {
        let file = format!("others/{codec}.avro");
        let arguments = ["restore", "--from", &file, "--table", table];
        world.run(&[&arguments[..], &["--mode", "append"]].concat())
    };
    client
        .batch_execute(
            r#"CREATE TABLE lake.again (LIKE lake.trade); ALTER TABLE lake.again DROP "preço";
               ALTER TABLE lake.trade DROP "preço""#,
        )
        .unwrap();
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        let restored = restore(codec, "lake.again");
        assert_eq!(restored.code, 0, "{codec}: {}", restored.stderr);
        let rows: i64 = testkit::value(&mut client, "SELECT count(*) FROM lake.again");
        // Rows are compared as texts, since json has no equality.
        let differing = "SELECT count(*) FROM (SELECT t::text FROM lake.trade AS t EXCEPT ALL SELECT a::text FROM lake.again AS a) AS d";
        let differing: i64 = testkit::value(&mut client, differing);
        assert_eq!((rows, differing), (BACKED_UP_ROWS, 0), "{codec}");
        client.batch_execute("TRUNCATE lake.again").unwrap();
    }
    for codec in ["bzip2", "xz"] {
        let refused = restore(codec, "lake.again");
        assert_eq!(refused.code, 7, "{}", refused.stderr);
        let expected = format!("is compressed with {codec}, which is not supported");
        assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
    }
    for (change, code, expected) in [
        (
            "ALTER amount TYPE numeric(10,1)",
            4,
            "column `amount`: a number of more digits",
        ),
        (
            "ALTER numbers TYPE bigint USING 1",
            7,
            "its field `numbers` is an array",
        ),
        (
            "ALTER amount TYPE text, ALTER numbers TYPE int[] USING NULL",
            7,
            "its field `amount` is a decimal",
        ),
        (
            "ALTER amount TYPE numeric(10,2) USING 0, DROP mood",
            7,
            "its field `mood` is not a column",
        ),
        (
            "ADD mood lake.mood, ADD more int NOT NULL",
            7,
            "no field for the column `more`",
        ),
        ("DROP more, ALTER mood SET NOT NULL", 4, "mood"),
    ] {
        client
            .batch_execute(&format!("ALTER TABLE lake.again {change}"))
            .unwrap();
        let refused = restore("deflate", "lake.again");
        assert_eq!(refused.code, code, "{change}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(expected),
            "{change}: {}",
            refused.stderr
        );
        let rows: i64 = testkit::value(&mut client, "SELECT count(*) FROM lake.again");
        assert_eq!(rows, 0);
    }
}
