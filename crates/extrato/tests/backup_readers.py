"""Reads the Avro file of a backup by other readers, and compares each value with Postgres's.

backup_readers.py EXPECTED AVRO OTHER: a CSV file of all rows as Postgres writes them, every value quoted, NULL as \\x02, instants
and times with six digits behind the second; the file of the same rows; and a file to write, by fastavro, with the same rows under
a schema of its own: decimals on bytes, null as the second branch, and snappy's place taken by deflate.
"""

import csv
import datetime
import sys
from collections import Counter

import fastavro
import polars as pl

expected_file, avro_file, other_file = sys.argv[1:]


def text(value):
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f")
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M:%S.%f")
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, list):
        return "{" + ",".join("NULL" if item is None else text(item) for item in value) + "}"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)


def rows(values):
    return Counter(tuple(map(text, row)) for row in values)


with open(expected_file, newline="", encoding="utf-8") as file:
    [header, *records] = csv.reader(file)
expected = Counter(tuple(None if value == "\x02" else value for value in record) for record in records)

with open(avro_file, "rb") as file:
    reader = fastavro.reader(file)
    schema, found_rows = reader.writer_schema, list(reader)
fields = [field["name"] for field in schema["fields"]]
assert [field["postgres.name"] for field in schema["fields"]] == header, schema
found = {
    "fastavro": rows([row[name] for name in fields] for row in found_rows),
    "Polars": rows(pl.read_avro(avro_file).rows()),
}
for reader, values in found.items():
    if values != expected:
        print(reader, "reads", list((values - expected).items())[:3], "instead of", list((expected - values).items())[:3])
        sys.exit(1)


def other(kind):
    """The type as another program may write it."""
    if isinstance(kind, list):
        return [other(kind[1]), "null"]
    if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
        return {"type": "bytes", "logicalType": "decimal", "precision": kind["precision"], "scale": kind["scale"]}
    if isinstance(kind, dict) and kind["type"] == "array":
        return {"type": "array", "items": other(kind["items"])}
    return kind


names = dict(zip(fields, header))
record = {"type": "record", "name": "other", "fields": []}
for field in schema["fields"]:
    if field["name"].isidentifier() and field["name"] == field["postgres.name"]:
        record["fields"].append({"name": field["name"], "type": other(field["type"])})
with open(other_file, "wb") as file:
    kept = [field["name"] for field in record["fields"]]
    plain = [{name: row[name] for name in kept} for row in found_rows]
    fastavro.writer(file, record, plain, codec="deflate")
print(len(found_rows), "rows are the same for", ", ".join(found))
