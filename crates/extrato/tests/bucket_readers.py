"""Reads outputs of movimento_flat from a bucket as docs/buckets.md has it, and prints rows, clients and the sum of amounts.

bucket_readers.py READER FOLDER: duckdb-csv and duckdb-parquet (with duckdb-extension-httpfs) follow the pointer in FOLDER; polars-csv,
polars-parquet and pandas-parquet read what `extrato latest` printed of it. The bucket's server is the one of AWS_ENDPOINT_URL.
"""

import os
import sys
from decimal import Decimal

reader, place = sys.argv[1:]
endpoint = os.environ["AWS_ENDPOINT_URL"]
AMOUNT, CLIENT = "vlr_transacao_movimento", "id_associado"


def duckdb(files):
    import importlib.util
    from pathlib import Path

    import duckdb

    package = importlib.util.find_spec("duckdb_extension_httpfs").submodule_search_locations[0]
    [extension] = Path(package).rglob("*.duckdb_extension")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    server = endpoint.removeprefix("http://")
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', ENDPOINT '{server}', URL_STYLE 'path', USE_SSL false)"
    )
    connection.execute(
        f"SET VARIABLE flat = (SELECT '{place}/' || folder FROM read_json('{place}/_latest.json'))"
    )
    rows = connection.execute(f"SELECT * EXCLUDE (run) FROM {files}")
    names = [column[0] for column in rows.description]
    assert len(names) == 12, names
    asked = f"SELECT count(*), count(DISTINCT {CLIENT}), sum({AMOUNT}::DECIMAL(10, 2)) FROM {files}"
    return connection.execute(asked).fetchone()


def polars(frame):
    import polars as pl

    asked = frame.select(pl.len(), pl.col(CLIENT).n_unique(), pl.col(AMOUNT).cast(pl.Decimal(10, 2)).sum())
    return asked.row(0)


if reader == "duckdb-csv":
    found = duckdb(
        "read_csv(getvariable('flat') || '/**/*.csv', hive_partitioning = true, header = true, delim = ',', quote = '\"', "
        "escape = '\"', allow_quoted_nulls = false, all_varchar = true)"
    )
elif reader == "duckdb-parquet":
    found = duckdb("read_parquet(getvariable('flat') || '/**/*.parquet', hive_partitioning = true)")
elif reader == "polars-parquet":
    import polars as pl

    frame = pl.read_parquet(f"{place}/**/*.parquet", hive_partitioning=True).drop("run")
    assert frame.width == 12, frame.columns
    found = polars(frame)
elif reader == "polars-csv":
    import polars as pl

    scanned = pl.scan_csv(f"{place}/*/part-0.csv", include_file_paths="path", infer_schema=False)
    found = polars(
        scanned.with_columns(id_associado=pl.col("path").str.extract(r"id_associado=(\d+)")).collect()
    )
elif reader == "pandas-parquet":
    import pandas as pd
    import pyarrow.fs

    frame = pd.read_parquet(
        place.removeprefix("s3://"), filesystem=pyarrow.fs.S3FileSystem(endpoint_override=endpoint)
    )
    found = len(frame), frame[CLIENT].nunique(), sum(frame[AMOUNT], Decimal(0))
print(*found)
