//! Outputs as others read them, with the options that docs/output.md names.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use crate::program::{World, finish};

/// Every value quoted, so that NULL and the empty text stay apart, and times in our form.
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

/// Values of the types that Avro has, their extremes as far as Python has them.
const BACKED_UP: &str = r#"
    CREATE SCHEMA lake; SET search_path = lake;
    CREATE TABLE trade (
        id bigint PRIMARY KEY, small smallint, amount numeric(10,2), wide numeric(38,2), "preço" text, kind text, is_open boolean,
        day date, at time, begun timestamp, seen timestamptz, bytes bytea, numbers int[], key uuid
    );
    INSERT INTO trade VALUES
        (9223372036854775807, -32768, -99999999.99, 999999999999999999999999999999999999.99, 'ção "a", b', '', true, '9999-12-31',
         '23:59:59.999999', '1900-01-01 00:00:00.000001', '2026-01-31 23:59:59.999999+00', '\x00ff', '{1,NULL,-2147483648}',
         'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
        (-1, 0, 0.00, -0.01, NULL, E'a\nb', false, '1600-02-29', '00:00', '1969-12-31 23:59:59.999999', '1970-01-01', '', '{}', NULL),
        (0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO trade SELECT i, i, i / 7.0, i * 1e20 / 3, 'text ' || i, 'x', i % 2 = 0, date '2000-01-01' + i, time '00:00' + i * interval '1.5 s',
        timestamp '2020-01-01' + i * interval '1.000001 h', timestamptz '2020-01-01' + i * interval '1 s', '\x01', ARRAY[i],
        md5(i::text)::uuid FROM generate_series(1, 500) AS i
"#;

const EXPECTED_BACKUP: &str = r#"
    COPY (
        SELECT id, small, amount, wide, "preço", kind, is_open, day, to_char(at, 'HH24:MI:SS.US') AS at,
               to_char(begun, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS begun, to_char(seen, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS seen, bytes,
               numbers, key
        FROM lake.trade
    ) TO STDOUT (FORMAT csv, HEADER, NULL E'\x02', FORCE_QUOTE *)"#;

#[test]
#[ignore = "needs EXTRATO_TEST_PYTHON, a Python with fastavro and polars: the gate has one"]
fn fastavro_and_polars_read_backups_and_fastavros_file_is_restored() {
    let python = std::env::var_os("EXTRATO_TEST_PYTHON").expect("EXTRATO_TEST_PYTHON is set");
    let world = World::new();
    let mut client = world.database.connect();
    client.batch_execute(BACKED_UP).unwrap();
    let mut expected = File::create(world.path("expected.csv")).unwrap();
    let mut rows = client.copy_out(EXPECTED_BACKUP).unwrap();
    std::io::copy(&mut rows, &mut expected).unwrap();
    expected.flush().unwrap();
    drop(rows);
    world.done(&["backup", "--schema", "lake", "--to", "backups"]);
    world.done(&["backup", "verify", "backups", "--against-database"]);
    let mut command = Command::new(python);
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/backup_readers.py"
        ))
        .arg(world.path("expected.csv"))
        .arg(world.path("backups/latest/trade-0001.avro"))
        .arg(world.path("other.avro"));
    let read = finish(&mut command);
    assert_eq!(read.code, 0, "{}{}", read.stdout, read.stderr);
    assert!(
        read.stdout.contains("503 rows are the same"),
        "{}",
        read.stdout
    );
    client
        .batch_execute("CREATE TABLE lake.again (LIKE lake.trade INCLUDING ALL)")
        .unwrap();
    world.done(&[
        "restore",
        "--from",
        "other.avro",
        "--table",
        "lake.again",
        "--mode",
        "append",
    ]);
    let differing = r#"SELECT count(*) FROM (
        SELECT id, small, amount, wide, kind, is_open, day, at, begun, seen, bytes, numbers, key FROM lake.trade
        EXCEPT ALL
        SELECT id, small, amount, wide, kind, is_open, day, at, begun, seen, bytes, numbers, key FROM lake.again) AS d"#;
    let rows: i64 = testkit::value(&mut client, "SELECT count(*) FROM lake.again");
    let differing: i64 = testkit::value(&mut client, differing);
    assert_eq!((rows, differing), (503, 0));
}
