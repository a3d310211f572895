"""DuckDB's postgres extension."""

from pathlib import Path

import duckdb
import duckdb_extension_postgres_scanner


def load():
    """Loads the extension from the Python package that brings it; DuckDB checks its signature."""
    package = Path(duckdb_extension_postgres_scanner.__file__).parent
    [path] = package.rglob("postgres_scanner.duckdb_extension")
    duckdb.sql(f"LOAD '{path}'")
