"""Rows over HTTP with FastAPI and asyncpg: serve_fastapi.py PORT. The server is named by the PG* variables."""

import os
import sys
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

SESSIONS = 8


class Employee(BaseModel):
    id: int
    name: Annotated[str, Field(max_length=255)]
    datetime: AwareDatetime
    department_id: int
    job_id: int


ROWS = TypeAdapter(Annotated[list[Employee], Field(min_length=1, max_length=1000)])
INSERT = """
    INSERT INTO cards.hired_employees (id, name, datetime, department_id, job_id)
    SELECT * FROM unnest($1::int[], $2::text[], $3::timestamptz[], $4::int[], $5::int[])"""


@asynccontextmanager
async def lifespan(app):
    async with asyncpg.create_pool(min_size=SESSIONS, max_size=SESSIONS) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/hired_employees", status_code=201)
async def insert(request: Request):
    # Straight from the bytes: a parameter of that type would be parsed into dictionaries first, and take longer.
    try:
        rows = ROWS.validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    columns = [[getattr(row, name) for row in rows] for name in Employee.model_fields]
    await app.state.pool.execute(INSERT, *columns)
    return {"inserted": len(rows)}


if __name__ == "__main__":
    uvicorn.run(
        "serve_fastapi:app",
        port=int(sys.argv[1]),
        workers=os.cpu_count(),
        access_log=False,
        timeout_keep_alive=60,
    )
