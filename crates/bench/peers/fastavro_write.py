"""Writes the four tables into Avro files with fastavro, read by psycopg: fastavro_write.py write|count FOLDER."""

import sys
from pathlib import Path

import fastavro
import psycopg

from cards import report

PLAIN = {"int4": "int", "int8": "long", "varchar": "string", "tipo_conta": "string"}
TIMESTAMP = {"type": "long", "logicalType": "local-timestamp-micros"}
# Rows that are asked for at once.
FETCHED = 10_000


def avro_type(name, precision, scale):
    """The type of a column's values; all columns are NOT NULL."""
    if name == "numeric":
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    return TIMESTAMP if name == "timestamp" else PLAIN[name]


COLUMNS = """
    SELECT c.relname, a.attname, t.typname, ((a.atttypmod - 4) >> 16) & 65535, (a.atttypmod - 4) & 2047
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'cards'::regnamespace AND c.relkind = 'r' ORDER BY 1, a.attnum"""


def write(folder):
    with psycopg.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        tables = {}
        for table, column, *described in connection.execute(COLUMNS):
            tables.setdefault(table, []).append({"name": column, "type": avro_type(*described)})
        for table, fields in tables.items():
            schema = fastavro.parse_schema({"type": "record", "name": table, "fields": fields})
            names = [field["name"] for field in fields]
            # What psycopg has no type for comes as bytes.
            values = [f"{name}::text" if name == "tipo" else name for name in names]
            cursor = connection.cursor(name="rows", binary=True)
            cursor.itersize = FETCHED
            cursor.execute(f"SELECT {', '.join(values)} FROM cards.{table}")
            records = (dict(zip(names, row)) for row in cursor)
            with (folder / f"{table}.avro").open("wb") as file:
                fastavro.writer(file, schema, records, codec="deflate", codec_compression_level=1)
            cursor.close()


def count(folder):
    """The rows of all files, as their blocks say."""
    rows = 0
    for path in folder.glob("*.avro"):
        with path.open("rb") as file:
            rows += sum(block.num_records for block in fastavro.block_reader(file))
    return rows


def main():
    mode, folder = sys.argv[1], Path(sys.argv[2])
    if mode == "write":
        write(folder)
    report("fastavro", "psycopg", rows=count(folder) if mode == "count" else 0)


main()
