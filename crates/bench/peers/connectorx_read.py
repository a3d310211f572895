"""Reads the four tables with connectorx's own Postgres source into Arrow: connectorx_read.py check|read FOLDER."""

import sys
import time

import connectorx

from cards import NEEDED, report, url


def read(table, columns):
    """A whole table; the largest over two connections, as ours is."""
    split = {"partition_on": "id", "partition_num": 2} if table == "movimento" else {}
    query = f"SELECT {columns} FROM cards.{table}"
    return connectorx.read_sql(url(), query, return_type="arrow", **split)


def main():
    done = None
    if sys.argv[1] == "read":
        start = time.perf_counter()
        tables = [read(table, columns) for table, columns in NEEDED.items()]
        seconds = time.perf_counter() - start
        done = {"rows": sum(table.num_rows for table in tables), "seconds": seconds}
    report("connectorx", "pyarrow", read=done)


main()
