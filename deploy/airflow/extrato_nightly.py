"""Every night: empty the tables, load files into them, run the models, look at what came out.

What is worth another try is told by the exit code: BashOperator would try a wrong option as often as a database that is away.
"""

import json
import os
import subprocess
from datetime import datetime

from airflow.sdk import Connection, Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

# The database is away, the disk is full, it was interrupted. A negative code is a signal: it was killed.
AGAIN = {3, 5, 6}


def database(conn_id):
    """An Airflow connection as the variables that extrato reads: no argument, and so no process list, has the password."""
    c = Connection.get(conn_id)
    values = {"HOST": c.host, "PORT": c.port, "USER": c.login, "PASSWORD": c.password, "DATABASE": c.schema}
    values |= {name.upper(): value for name, value in c.extra_dejson.items() if name in ("sslmode", "sslrootcert")}
    return {f"PG{name}": str(value) for name, value in values.items() if value}


def extrato(*arguments, conn_id=None):
    """Runs the program, whose log is the task's, and returns its summary, which is the task's XCom."""
    env = os.environ | (database(conn_id) if conn_id else {})
    with subprocess.Popen(["extrato", *arguments, "--json"], stdout=subprocess.PIPE, text=True, env=env) as run:
        try:
            line, _ = run.communicate()
        except BaseException:  # the task is cleared or out of time: extrato ends cleanly at SIGTERM
            run.terminate()
            raise
    if run.returncode == 0:
        return json.loads(line)
    why = json.loads(line)["error"] if line else "it says nothing"
    again = run.returncode in AGAIN or run.returncode < 0
    raise (AirflowException if again else AirflowFailException)(f"extrato ended with {run.returncode}: {why}")


def param(name):
    return get_current_context()["params"][name]


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    default_args={"retries": 3},
    params={
        "dataset": Param("sales", type="string", description="Built in, or the folder of one of your own"),
        "files": Param("/srv/files/sales", type="string"),
        "out": Param("/srv/extrato/out", type="string"),
        "rejects": Param("/srv/extrato/rejects", type="string"),
        "minimum_rows": Param(1, type="integer", minimum=0, description="Of each model"),
        "connection": Param("extrato", type="string", description="The database, by its id in Airflow"),
    },
)
def extrato_nightly():
    @task
    def load():
        where = ["--from", param("files"), "--rejects", param("rejects")]
        return extrato("load", "--dataset", param("dataset"), "--truncate", *where, conn_id=param("connection"))

    @task
    def transform():
        return extrato("transform", "--dataset", param("dataset"), "--out", param("out"), conn_id=param("connection"))

    @task
    def check(summary):
        rows = {model["model"]: model["rows"] for model in summary["models"]}
        few = [model for model in rows if rows[model] < param("minimum_rows")]
        if few:
            raise AirflowFailException(f"fewer than {param('minimum_rows')} rows: {', '.join(few)}")
        return rows

    @task
    def verify():
        return extrato("verify", param("out"))

    summary = transform()
    load() >> summary
    check(summary) >> verify()


extrato_nightly()
