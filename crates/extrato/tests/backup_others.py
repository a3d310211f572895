"""Writes the rows of a backup's Avro file as other programs may write them, by fastavro, into a folder: one file for each codec.

backup_others.py AVRO FOLDER: decimals on bytes, null as the second branch, names without ours, and blocks of three rows. What
fastavro has no codec for is compressed by pyarrow.
"""

import io
import json
import sys
import zlib
from pathlib import Path

import fastavro
import pyarrow

avro_file, folder = sys.argv[1:]
SYNC = b"another's marker"
CODECS = {
    "null": lambda rows: rows,
    "snappy": lambda rows: pyarrow.compress(rows, codec="snappy", asbytes=True) + zlib.crc32(rows).to_bytes(4, "big"),
    "zstandard": lambda rows: pyarrow.compress(rows, codec="zstd", asbytes=True),
}


def other(kind):
    """The type as another program may write it."""
    if isinstance(kind, list):
        return [other(kind[1]), "null"]
    if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
        return {"type": "bytes", "logicalType": "decimal", "precision": kind["precision"], "scale": kind["scale"]}
    if isinstance(kind, dict) and kind["type"] == "array":
        return {"type": "array", "items": other(kind["items"])}
    return kind


def block(bytes_):
    return fastavro_long(len(bytes_)) + bytes_


def fastavro_long(number):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    return out.getvalue()


with open(avro_file, "rb") as file:
    reader = fastavro.reader(file)
    fields, rows = reader.writer_schema["fields"], list(reader)
fields = [field for field in fields if field["name"] == field["postgres.name"]]
record = {"type": "record", "name": "other", "fields": [{"name": of["name"], "type": other(of["type"])} for of in fields]}
rows = [{field["name"]: row[field["name"]] for field in fields} for row in rows]
for codec in ["deflate", "bzip2", "xz"]:
    with open(Path(folder) / f"{codec}.avro", "wb") as file:
        fastavro.writer(file, record, rows, codec=codec)
for codec, compress in CODECS.items():
    with open(Path(folder) / f"{codec}.avro", "wb") as file:
        file.write(b"Obj\x01" + fastavro_long(2))
        for part in ["avro.codec", codec, "avro.schema", json.dumps(record)]:
            file.write(block(part.encode()))
        file.write(b"\x00" + SYNC)
        for start in range(0, len(rows), 3):
            out = io.BytesIO()
            for row in rows[start : start + 3]:
                fastavro.schemaless_writer(out, record, row)
            file.write(fastavro_long(len(rows[start : start + 3])) + block(compress(out.getvalue())) + SYNC)
