"""The code of the sample shop: `intake` takes a request and lets it go out in all directions; `effects` writes down what comes
out at each end.

Both functions have this one file (runtime python3.12, handlers index.intake and index.effects). What they talk to, they know by
their environment alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import boto3


def intake(event: dict, context: object) -> dict:
    """Takes an order: from a caller as it is, from a URL or an API as the body of a request."""
    # From the function's layer. Here, because `effects` has this file and not the layer.
    from shop_extras import order_of

    order = order_of(event)
    boto3.resource("dynamodb").Table(os.environ["TABLE"]).put_item(Item={"order": order, "state": "new"})
    boto3.client("s3").put_object(Bucket=os.environ["FILES"], Key=f"{order}.txt", Body=order.encode())
    for kind in ("noise", "paid"):
        boto3.client("sns").publish(
            TopicArn=os.environ["NEWS"],
            Message=json.dumps({"order": order, "kind": kind}),
            MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
        )
    entry = {"EventBusName": os.environ["BUS"], "Source": "shop", "DetailType": "order", "Detail": json.dumps({"order": order})}
    failed = boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"]
    if failed:
        raise RuntimeError("the bus did not take the event")
    return {"statusCode": 200, "body": json.dumps({"order": order, "taken": True})}


def effects(event: dict, context: object) -> None:
    """Writes down each order that arrived here, and by which way."""
    ledger = boto3.resource("dynamodb").Table(os.environ["LEDGER"])
    for order, effect in _arrived(event, context):
        ledger.put_item(Item={"order": order, "effect": effect})


def _arrived(event: dict, context: object) -> Iterator[tuple[str, str]]:
    if event.get("source") == "shop":
        yield event["detail"]["order"], "rule"
    if event.get("effect") == "schedule":
        yield "tick", context.aws_request_id
    if event.get("effect") == "machine":
        yield event["order"], "machine"
    for record in event.get("Records", []):
        match record["eventSource"]:
            case "aws:dynamodb":
                yield record["dynamodb"]["Keys"]["order"]["S"], "stream"
            case "aws:s3":
                yield record["s3"]["object"]["key"].removesuffix(".txt"), "bucket"
            case "aws:sqs":
                body = json.loads(record["body"])
                if body["kind"] == "poison":
                    raise ValueError("an order that nobody can work on")
                yield body["order"], f"queue:{body['kind']}"
