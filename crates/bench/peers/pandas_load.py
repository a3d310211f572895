"""Loads hiring's files with pandas: pandas_load.py load FOLDER."""

import sys

import pandas
from sqlalchemy import create_engine

from cards import report
from hiring import CREATE, KEYS, SCHEMA, TABLES


def main():
    _, folder = sys.argv[1:]
    # The connection is described by the PG* variables.
    with create_engine("postgresql+psycopg2://").begin() as connection:
        connection.exec_driver_sql(CREATE)
        for table, columns in TABLES.items():
            times = [column for column, kind in columns.items() if kind == "TIMESTAMPTZ"]
            rows = pandas.read_csv(f"{folder}/{table}.csv", header=None, names=list(columns), parse_dates=times)
            rows.to_sql(
                table, connection, schema=SCHEMA, if_exists="append", index=False, method="multi", chunksize=1000
            )
        connection.exec_driver_sql(KEYS)
    report("pandas", "sqlalchemy", "psycopg2-binary")


main()
