"""What the ways of loading hiring's files share: the tables, and how the files look."""

from cards import REPOSITORY

# The schema that the bench fills.
SCHEMA = "cards"

# To be run before the rows, and after them.
CREATE = f"CREATE SCHEMA {SCHEMA}; " + (REPOSITORY / "sql/hiring/schema.sql").read_text()
KEYS = (REPOSITORY / "sql/hiring/constraints.sql").read_text()

# The columns of the files, which have no header.
TABLES = {
    "departments": {"id": "INTEGER", "department": "VARCHAR"},
    "jobs": {"id": "INTEGER", "job": "VARCHAR"},
    "hired_employees": {
        "id": "INTEGER", "name": "VARCHAR", "datetime": "TIMESTAMPTZ", "department_id": "INTEGER", "job_id": "INTEGER",
    },
}  # fmt: skip


def read_csv(place, table, ending=".csv"):
    """DuckDB's call for the rows of a table's file, typed; a value that isn't of its type is an error."""
    dialect = "auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"'"
    return f"read_csv('{place}/{table}{ending}', {dialect}, columns = {TABLES[table]})"
