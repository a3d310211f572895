"""DuckDB beside a folder or a bucket: duckdb_storage.py many|one LAKE PLACE, or read PLACE ENDING.

many and one make movimento_flat from the Parquet files that `extrato transform --stage=LAKE` keeps; read counts the rows
of hiring's files. The bucket's server is named by the AWS_* variables.
"""

import os
import sys
from pathlib import Path

import duckdb
import duckdb_extension_httpfs

from cards import COLUMNS, MODEL, NEEDED, report
from hiring import TABLES, read_csv


def connect():
    """Loads the extension from the Python package that brings it; DuckDB checks its signature."""
    package = Path(duckdb_extension_httpfs.__file__).parent
    [path] = package.rglob("httpfs.duckdb_extension")
    duckdb.sql(f"LOAD '{path}'")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        key, secret, region = (
            os.environ[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION")
        )
        duckdb.sql(
            f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', REGION '{region}', "
            f"ENDPOINT '{endpoint.removeprefix('http://')}', URL_STYLE 'path', USE_SSL false)"
        )


def write(mode, lake, place):
    for table in NEEDED:
        duckdb.sql(f"CREATE VIEW {table} AS FROM read_parquet('{lake}/raw/cards/{table}/*.parquet')")
    columns = ", ".join(COLUMNS)
    if mode == "one":
        select = f"SELECT {columns} FROM ({MODEL}) ORDER BY id_movimento"
        duckdb.sql(f"COPY ({select}) TO '{place}/movimento_flat.csv' (FORMAT csv, HEADER)")
    else:
        select = f"SELECT {columns}, id_associado FROM ({MODEL})"
        duckdb.sql(f"COPY ({select}) TO '{place}/movimento_flat' (FORMAT csv, HEADER, PARTITION_BY (id_associado))")
    report("duckdb")


def read(place, ending):
    """Counts the rows; the aggregates make it parse every column."""
    rows = 0
    for table, columns in TABLES.items():
        parsed = ", ".join(f"max({column})::VARCHAR" for column in columns)
        rows += duckdb.sql(f"SELECT count(*), {parsed} FROM {read_csv(place, table, ending)}").fetchone()[0]
    report("duckdb", rows=rows)


def main():
    mode, *arguments = sys.argv[1:]
    connect()
    if mode == "read":
        read(*arguments)
    else:
        write(mode, *arguments)


main()
