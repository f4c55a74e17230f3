"""The sample application's function: takes orders from a queue and writes them into a table.

It stands for whatever an account's owner runs. Runtime python3.12, handler order_intake.handler, environment TABLE_NAME.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal

import boto3


def handler(event: dict, context: object) -> dict:
    """Writes each message's order; those that could not be written come back to the queue."""
    table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
    failures = []
    for record in event["Records"]:
        try:
            table.put_item(Item=json.loads(record["body"], parse_float=Decimal))
        except Exception as reason:  # noqa: BLE001 - one bad order must not stop the others
            print(json.dumps({"level": "ERROR", "message": str(reason), "record": record["messageId"]}))
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
