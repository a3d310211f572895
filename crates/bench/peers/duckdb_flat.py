"""Makes movimento_flat with DuckDB and its postgres extension: duckdb_flat.py check|single|partitioned FOLDER."""

import sys
from pathlib import Path

import duckdb

import duckdb_postgres
from cards import COLUMNS, MODEL, report

# DuckDB buffers some rows for every folder: for 100,000 of them 24 GB are not enough. Rows in the order of the
# folders, written out soon, need 1.4 GB; with fewer folders this is slower than the way it does by itself.
BUFFERED_CLIENTS = 60_000


def main():
    mode, folder = sys.argv[1], Path(sys.argv[2])
    duckdb_postgres.load()
    # The connection is described by the PG* variables.
    duckdb.sql("ATTACH '' AS server (TYPE postgres, READ_ONLY, SCHEMA 'cards'); USE server.cards")
    columns = ", ".join(COLUMNS)
    if mode == "single":
        select = f"SELECT {columns} FROM ({MODEL}) ORDER BY id_movimento"
        duckdb.sql(f"COPY ({select}) TO '{folder}/movimento_flat.csv' (FORMAT csv, HEADER)")
    elif mode == "partitioned":
        select = f"SELECT {columns}, id_associado FROM ({MODEL})"
        [[clients]] = duckdb.sql("SELECT count(*) FROM associado").fetchall()
        if clients > BUFFERED_CLIENTS:
            duckdb.sql("SET partitioned_write_flush_threshold = 20000")
            select += " ORDER BY id_associado"
        duckdb.sql(f"COPY ({select}) TO '{folder}/movimento_flat' (FORMAT csv, HEADER, PARTITION_BY (id_associado))")
    report("duckdb")


main()
