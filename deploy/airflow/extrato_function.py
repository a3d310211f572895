"""Every night: files of a bucket into Postgres, by the function of deploy/lambda, where no worker has a road to the database.

The worker needs boto3, and the right lambda:InvokeFunction by AWS_… variables or a role of its own.
"""

import json
from datetime import datetime

import boto3
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from botocore.config import Config

AGAIN = {"Extrato.Connection", "Extrato.Output", "Extrato.Interrupted"}
# A function may take 15 minutes. boto3 itself would wait for one, and then invoke it a second time beside the first.
PATIENT = Config(read_timeout=15 * 60 + 10, tcp_keepalive=True, retries={"total_max_attempts": 1})


def invoke(function, request):
    answer = boto3.client("lambda", config=PATIENT).invoke(FunctionName=function, Payload=json.dumps(request))
    body = json.load(answer["Payload"])
    if "FunctionError" not in answer:
        return body
    kind = body.get("errorType", "")
    # What is not of extrato is of Lambda: the function was ended from outside.
    again = kind in AGAIN or not kind.startswith("Extrato.")
    raise (AirflowException if again else AirflowFailException)(f"{kind}: {body.get('errorMessage')}")


@dag(
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    default_args={"retries": 3},
    params={
        "function": Param("extrato-load", type="string"),
        "request": Param({"dataset": "sales", "from": "s3://BUCKET/exports", "truncate": True}, type="object"),
        "minimum_rows": Param(1, type="integer", minimum=0, description="Of each table"),
    },
)
def extrato_function():
    @task
    def load():
        params = get_current_context()["params"]
        return invoke(params["function"], params["request"])

    @task
    def check(summary):
        least = get_current_context()["params"]["minimum_rows"]
        rows = {table["table"]: table["rows"]["loaded"] for table in summary["tables"]}
        few = [table for table in rows if rows[table] < least]
        if few:
            raise AirflowFailException(f"fewer than {least} rows: {', '.join(few)}")
        return rows

    check(load())


extrato_function()
