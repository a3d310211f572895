"""Fills movimento with rows of Faker's over psycopg: faker_rows.py copy|executemany|execute ROWS.

The server is named by the PG* variables. Prints the seconds from the first row's making to the commit.
"""

import json
import platform
import random
import sys
import time
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version

import psycopg
from faker import Faker

COLUMNS = "id, vlr_transacao, des_transacao, data_movimento, id_cartao"
FIRST_DAY, LAST_DAY = datetime(2018, 1, 1), datetime(2023, 1, 1)


def rows(count):
    """Rows with a description and a date by Faker; amount and card are plain random numbers."""
    fake = Faker("pt_BR")
    Faker.seed(42)
    random.seed(42)
    for number in range(1, count + 1):
        amount = Decimal(random.randrange(100, 100_000)).scaleb(-2)
        date = fake.date_time_between(FIRST_DAY, LAST_DAY)
        yield number, amount, fake.company(), date, random.randrange(1, 100_000)


def copy(cursor, count):
    with cursor.copy(f"COPY movimento ({COLUMNS}) FROM STDIN") as stream:
        for row in rows(count):
            stream.write_row(row)


INSERT = f"INSERT INTO movimento ({COLUMNS}) VALUES (%s, %s, %s, %s, %s)"


def executemany(cursor, count):
    cursor.executemany(INSERT, rows(count))


def execute(cursor, count):
    for row in rows(count):
        cursor.execute(INSERT, row)


def main():
    modes = {"copy": copy, "executemany": executemany, "execute": execute}
    mode, count = modes[sys.argv[1]], int(sys.argv[2])
    with psycopg.connect() as connection:
        start = time.perf_counter()
        mode(connection.cursor(), count)
        connection.commit()
        seconds = time.perf_counter() - start
    versions = f"Faker {version('faker')}, psycopg {version('psycopg')}, Python {platform.python_version()}"
    print(json.dumps({"seconds": seconds, "versions": versions}))


main()
