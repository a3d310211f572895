"""Reads outputs with the options that docs/output.md names, and compares each row with Postgres's.

readers.py EXPECTED CSV PARQUET EXCEL GZIP ZSTD JSONL: a CSV file of all rows as Postgres writes them, every value quoted, NULL as
\\x02; the folders of one model in both formats, partitioned by a column that is in the files too; and all rows in single files:
with --excel, compressed by gzip and zstd, and as JSON Lines compressed by zstd.
"""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

expected_file, csv_folder, parquet_folder, excel_file, gzip_file, zstd_file, jsonl_file = map(Path, sys.argv[1:])


def text(value):
    if value is None:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def rows(values):
    return Counter(tuple(map(text, row)) for row in values)


with expected_file.open(newline="", encoding="utf-8") as file:
    [header, *records] = csv.reader(file)
columns = ", ".join(header)
expected = Counter(tuple(None if value == "\x02" else value for value in record) for record in records)
# What pandas makes of it, which knows no NULL among texts.
without_null = Counter()
for row, count in expected.items():
    without_null[tuple(value or "" for value in row)] += count

csv_files = sorted(csv_folder.glob("*/part-0.csv"))
parquet_files = sorted(parquet_folder.glob("*/part-0.parquet"))
read_csv = f"""read_csv('{csv_folder}/**/*.csv', hive_partitioning = true, header = true, delim = ',', quote = '"', escape = '"',
                         allow_quoted_nulls = false, all_varchar = true)"""
pandas_frames = [
    pd.read_csv(file, dtype=str, keep_default_na=False, skip_blank_lines=False)[header] for file in csv_files
]
found = {
    # The value in the folder's name stands for the file's, and knows NULL and the empty text as one.
    "DuckDB, folders": duckdb.sql(f"SELECT count(*), count(DISTINCT {header[0]}) FROM {read_csv}").fetchall(),
    "DuckDB, CSV": rows(duckdb.sql(f"SELECT {columns} FROM {read_csv.replace('true', 'false', 1)}").fetchall()),
    "Polars, CSV": rows(
        pl.scan_csv(f"{csv_folder}/*/part-0.csv", include_file_paths="path", infer_schema=False)
        .select(header)
        .collect()
        .rows()
    ),
    "pandas, CSV": rows(row for frame in pandas_frames for row in frame.values.tolist()),
    "DuckDB, Parquet": rows(
        duckdb.sql(
            f"SELECT {columns} FROM read_parquet('{parquet_folder}/**/*.parquet', hive_partitioning = false)"
        ).fetchall()
    ),
    "Polars, Parquet": rows(
        pl.read_parquet(f"{parquet_folder}/**/*.parquet", hive_partitioning=False).select(header).rows()
    ),
    "pyarrow, Parquet": rows(
        tuple(row[name] for name in header)
        for file in parquet_files
        for row in pq.ParquetFile(file).read().to_pylist()
    ),
}
amount = header.index("vlr_transacao_movimento")


def with_points(rows):
    """The amounts of a file for Excel, whose decimal mark is a comma."""
    for row in rows:
        yield tuple(value and value.replace(",", ".") if at == amount else value for at, value in enumerate(row))


def in_duckdb(file, delimiter):
    return duckdb.sql(f"""SELECT {columns} FROM read_csv('{file}', header = true, delim = '{delimiter}', quote = '"', escape = '"',
                                                         allow_quoted_nulls = false, all_varchar = true)""").fetchall()


def in_pandas(file, **options):
    return pd.read_csv(file, dtype=str, keep_default_na=False, skip_blank_lines=False, **options)[header].values.tolist()


types = {name: "VARCHAR" for name in header}
types |= {"vlr_transacao_movimento": "DECIMAL(10, 2)", "idade_associado": "INTEGER", "numero_cartao": "BIGINT"}
jsonl = f"read_json('{jsonl_file}', format = 'newline_delimited', columns = {types})"
with pa.input_stream(str(jsonl_file), compression="zstd") as stream:
    lines = stream.read().decode().split("\n")[:-1]
found |= {
    "DuckDB, Excel": rows(with_points(in_duckdb(excel_file, ";"))),
    "pandas, Excel": rows(with_points(in_pandas(excel_file, sep=";", encoding="utf-8-sig"))),
    "DuckDB, gzip": rows(in_duckdb(gzip_file, ",")),
    "pandas, gzip": rows(in_pandas(gzip_file)),
    "DuckDB, zstd": rows(in_duckdb(zstd_file, ",")),
    "Polars, zstd": rows(pl.read_csv(zstd_file, infer_schema=False).select(header).rows()),
    "DuckDB, JSON Lines": rows(duckdb.sql(f"SELECT {columns} FROM {jsonl}").fetchall()),
    "Python, JSON Lines": rows(
        [json.loads(line, parse_float=str, parse_int=str)[name] for name in header] for line in lines
    ),
}
folders = {row[0] or "" for row in expected} - {""}
assert found.pop("DuckDB, folders") == [(expected.total(), len(folders))], "DuckDB, folders"
assert len(csv_files) == len(parquet_files) > len(folders) - 1
for reader, read in found.items():
    wanted = without_null if reader.startswith("pandas") else expected
    assert read.total() == wanted.total(), f"{reader}: {read.total()} rows instead of {wanted.total()}"
    differing = list((read - wanted).items())[:1], list((wanted - read).items())[:1]
    assert read == wanted, f"{reader}: {differing}"
    print(f"{reader}: {read.total()} rows")
