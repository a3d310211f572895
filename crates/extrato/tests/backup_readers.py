"""Reads the Avro file of a backup by another program, and compares each value with Postgres's.

backup_readers.py READER EXPECTED AVRO: fastavro, polars, duckdb (with duckdb-extension-avro) or spark; a CSV file of all rows as
Postgres writes them, every value quoted, NULL as \\x02, floats as their bits, instants and times with six digits behind the second,
arrays as JSON of such texts; and the file of the same rows.
"""

import csv
import datetime
import decimal
import json
import struct
import sys
from collections import Counter

reader, expected_file, avro_file = sys.argv[1:]


def text(value):
    """A value as Postgres writes it."""
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f").zfill(26)
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M:%S.%f")
    if isinstance(value, (bytes, bytearray)):
        return "\\x" + value.hex()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (list, tuple)):
        return json.dumps([text(item) for item in value], ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def row(values):
    """A row, whose floats are their bits: f4 has four bytes of them."""
    bits = {"f4": ">f", "f8": ">d"}
    pairs = zip(header, values)
    return tuple(
        struct.pack(bits[name], value).hex() if name in bits and value is not None else text(value) for name, value in pairs
    )


def by_fastavro():
    import fastavro

    with open(avro_file, "rb") as file:
        found = fastavro.reader(file)
        fields = found.writer_schema["fields"]
        assert [field["postgres.name"] for field in fields] == header, fields
        return [[record[field["name"]] for field in fields] for record in found]


def by_polars():
    import polars

    return polars.read_avro(avro_file).rows()


def by_duckdb():
    import importlib.util
    from pathlib import Path

    import duckdb

    package = importlib.util.find_spec("duckdb_extension_avro").submodule_search_locations[0]
    [extension] = Path(package).rglob("*.duckdb_extension")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"LOAD '{extension}'")
    return connection.execute("SELECT * FROM read_avro(?)", [avro_file]).fetchall()


def by_spark():
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC")
    session = session.config("spark.sql.timeType.enabled", "true").config("spark.ui.enabled", "false").getOrCreate()
    read = session.read.format("org.apache.spark.sql.avro.AvroFileFormat").load(avro_file)
    print(read.schema.simpleString())
    # On the way to Python the smallest of 38 digits gets a zero more.
    scales = [getattr(field.dataType, "scale", None) for field in read.schema.fields]
    exact = decimal.Context(prec=60, traps=[decimal.Inexact])
    cell = lambda value, scale: value if scale is None or value is None else value.quantize(decimal.Decimal(1).scaleb(-scale), context=exact)
    return [list(map(cell, record, scales)) for record in read.collect()]


with open(expected_file, newline="", encoding="utf-8") as file:
    [header, *records] = csv.reader(file)
expected = Counter(tuple(None if value == "\x02" else value for value in record) for record in records)
rows = globals()[f"by_{reader}"]()
found = Counter(map(row, rows))
if found != expected:
    for one, other in zip(sorted(map(str, (found - expected))), sorted(map(str, (expected - found)))):
        print(reader, "reads", one, "instead of", other, sep="\n")
    sys.exit(1)
print(len(rows), "rows are the same for", reader)
