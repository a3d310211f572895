"""Runs a query over the server's tables with DuckDB and its postgres extension: duckdb_query.py check, or run FILE OUTPUT."""

import sys
from pathlib import Path

import duckdb

import duckdb_postgres
from cards import report


def run(query, output):
    duckdb_postgres.load()
    # The connection is described by the PG* variables; the schema is the bench's.
    duckdb.sql("ATTACH '' AS server (TYPE postgres, READ_ONLY, SCHEMA 'cards'); USE server.cards")
    duckdb.sql(f"COPY ({Path(query).read_text()}) TO '{output}' (FORMAT csv, HEADER)")


def main():
    mode, *files = sys.argv[1:]
    if mode == "run":
        run(*files)
    report("duckdb")


main()
