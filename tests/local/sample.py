"""The sample application that the demo and the stories lose and get back: a table of orders, and a function with an alias,
environment and an SQS trigger."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local.cloud import Cloud
from tests.local.wait import wait_until

TABLE = "orders"
FUNCTION = "order-intake"
QUEUE = "incoming-orders"
ALIAS = "live"
# The plan that selects both, by the tag `backup`.
TAGS = {"backup": "standard", "team": "shop"}

_SOURCE = Path(__file__).resolve().parents[1] / "sample_app" / "order_intake.py"


@dataclass(frozen=True)
class Sample:
    """The application in one account and region."""

    cloud: Cloud
    account: str
    region: str

    def client(self, service: str):
        """A client of the account's root user."""
        return self.cloud.client(service, self.account, self.region)

    @property
    def table_id(self) -> str:
        """How Holdfast names the table."""
        return f"dynamodb-table/{self.region}/{TABLE}"

    @property
    def function_id(self) -> str:
        """How Holdfast names the function."""
        return f"lambda-function/{self.region}/{FUNCTION}"

    def create(self, orders: int) -> None:
        """Makes the whole application."""
        self.create_table(orders)
        self.create_function()

    def create_table(self, orders: int) -> None:
        """Makes the table with this many orders and every setting that a point holds."""
        dynamodb = self.client("dynamodb")
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[
                {"AttributeName": "customer", "KeyType": "HASH"},
                {"AttributeName": "number", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "customer", "AttributeType": "S"},
                {"AttributeName": "number", "AttributeType": "N"},
                {"AttributeName": "state", "AttributeType": "S"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-state",
                    "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]},
                }
            ],
            LocalSecondaryIndexes=[
                {
                    "IndexName": "by-customer-and-state",
                    "KeySchema": [
                        {"AttributeName": "customer", "KeyType": "HASH"},
                        {"AttributeName": "state", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            DeletionProtectionEnabled=True,
            Tags=_tags(TAGS),
        )
        self.wait_for_table()
        dynamodb.update_time_to_live(
            TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
        dynamodb.update_continuous_backups(
            TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        self.put_orders([order(number) for number in range(orders)])

    def wait_for_table(self, name: str = TABLE) -> None:
        """Waits until the table can be used."""
        dynamodb = self.client("dynamodb")
        wait_until(
            lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", 30, f"table {name}"
        )

    def put_orders(self, orders: list[dict[str, Any]]) -> None:
        """Writes orders, 25 a call, and again those that were not processed."""
        dynamodb = self.client("dynamodb")
        for at in range(0, len(orders), 25):
            batch = {TABLE: [{"PutRequest": {"Item": item}} for item in orders[at : at + 25]]}
            for _ in range(100):
                if not batch:
                    break
                batch = dynamodb.batch_write_item(RequestItems=batch)["UnprocessedItems"]
            else:
                raise AssertionError("a batch was never written whole")

    def create_function(self) -> None:
        """Makes the function, with two versions, an alias on the first, and its queue as trigger."""
        role = self._role()
        queue_url = self.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
        functions = self.client("lambda")
        functions.create_function(
            FunctionName=FUNCTION,
            Runtime="python3.12",
            Handler="order_intake.handler",
            Role=role,
            Code={"ZipFile": archive()},
            Description="writes orders from a queue into a table",
            Timeout=20,
            MemorySize=256,
            Environment={"Variables": {"TABLE_NAME": TABLE, "API_KEY": "secret-of-the-shop"}},
            Tags=TAGS,
        )
        wait_until(
            lambda: functions.get_function(FunctionName=FUNCTION)["Configuration"].get("State", "Active") == "Active",
            30,
            "the sample function",
        )
        version = functions.publish_version(FunctionName=FUNCTION, Description="first")["Version"]
        functions.create_alias(FunctionName=FUNCTION, Name=ALIAS, FunctionVersion=version, Description="what runs")
        functions.add_permission(
            FunctionName=FUNCTION,
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=f"arn:aws:events:{self.region}:{self.account}:rule/nightly",
        )
        functions.update_function_configuration(FunctionName=FUNCTION, Timeout=25)
        functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=5)
        queue_arn = self.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        functions.create_event_source_mapping(
            EventSourceArn=queue_arn["Attributes"]["QueueArn"],
            FunctionName=f"{FUNCTION}:{ALIAS}",
            BatchSize=7,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def _role(self) -> str:
        iam = self.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        role = iam.create_role(RoleName=FUNCTION, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        rights = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": f"arn:aws:dynamodb:*:*:table/{TABLE}"},
                {
                    "Effect": "Allow",
                    "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                    "Resource": f"arn:aws:sqs:*:*:{QUEUE}",
                },
            ],
        }
        iam.put_role_policy(RoleName=FUNCTION, PolicyName="work", PolicyDocument=json.dumps(rights))
        return role

    def destroy(self) -> None:
        """Removes the table and the function for good."""
        functions = self.client("lambda")
        for mapping in functions.list_event_source_mappings(FunctionName=FUNCTION)["EventSourceMappings"]:
            functions.delete_event_source_mapping(UUID=mapping["UUID"])
        functions.delete_function(FunctionName=FUNCTION)
        dynamodb = self.client("dynamodb")
        dynamodb.update_table(TableName=TABLE, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=TABLE)
        wait_until(lambda: TABLE not in dynamodb.list_tables()["TableNames"], 30, "the table to be gone")


def archive() -> bytes:
    """The function's code, the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("order_intake.py", (2026, 1, 1, 0, 0, 0)), _SOURCE.read_bytes())
    return buffer.getvalue()


def order(number: int, state: str = "open") -> dict[str, Any]:
    """The order of that number, with every attribute type that DynamoDB knows."""
    return {
        "customer": {"S": f"customer-{number % 97:03}"},
        "number": {"N": str(number)},
        "state": {"S": state},
        # 38 digits: through a float it would be another number.
        "total": {"N": f"1234567890123456789012345678901234.{number % 10000:04}".rstrip("0").rstrip(".")},
        "paid": {"BOOL": number % 2 == 0},
        "note": {"NULL": True},
        "comment": {"S": ""},
        "signature": {"B": base64.b64encode(f"signature {number}".encode())},
        "tags": {"SS": ["red", "blue", f"tag-{number % 5}"]},
        "sizes": {"NS": ["1", "2.5", str(number + 3)]},
        "keys": {"BS": [b"\x00\x01", number.to_bytes(4, "big")]},
        "lines": {"L": [{"M": {"sku": {"S": f"sku-{number % 13}"}, "count": {"N": "2"}}}, {"L": []}, {"M": {}}]},
        "expires": {"N": str(4_000_000_000 + number)},
    }


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
