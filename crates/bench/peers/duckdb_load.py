"""Loads hiring's files with DuckDB and its postgres extension, or reads them alone: duckdb_load.py load|read FOLDER."""

import sys

import duckdb

import duckdb_postgres
from cards import report
from hiring import CREATE, KEYS, SCHEMA, TABLES, read_csv


def execute(statements):
    """Has Postgres run them in the transaction of the rows."""
    duckdb.execute("CALL postgres_execute('server', ?)", [statements])


def load(folder):
    duckdb_postgres.load()
    # The connection is described by the PG* variables.
    duckdb.execute("ATTACH '' AS server (TYPE postgres); BEGIN")
    execute(CREATE)
    for table in TABLES:
        duckdb.execute(f"INSERT INTO server.{SCHEMA}.{table} SELECT * FROM {read_csv(folder, table)}")
    execute(KEYS)
    duckdb.execute("COMMIT")


def read(folder):
    """Counts the rows; the aggregates make it parse every column."""
    rows = 0
    for table, columns in TABLES.items():
        parsed = ", ".join(f"max({column})::VARCHAR" for column in columns)
        rows += duckdb.sql(f"SELECT count(*), {parsed} FROM {read_csv(folder, table)}").fetchone()[0]
    return rows


def main():
    mode, folder = sys.argv[1:]
    if mode == "load":
        load(folder)
        report("duckdb")
    elif mode == "read":
        report("duckdb", rows=read(folder))


main()
