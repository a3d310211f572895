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
