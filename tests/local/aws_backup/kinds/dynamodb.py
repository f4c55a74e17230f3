"""DynamoDB tables: all items and the table's description; a restore brings back no settings that AWS Backup forgets."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError

from tests.local.aws_backup.clients import client
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.state import Place, Point

# The most that BatchWriteItem takes.
BATCH_ITEMS = 25


class Tables:
    """DynamoDB, with or without the advanced features."""

    fully_managed = True
    stoppable = True
    target = "targetTableName"

    def read(self, place: Place, resource_arn: str, options: dict[str, str]) -> dict[str, Any]:
        dynamodb = client("dynamodb", place)
        name = _name(resource_arn)
        try:
            description = dynamodb.describe_table(TableName=name)["Table"]
        except ClientError as reason:
            raise JobFailed(f"The table {name} does not exist: {reason}") from reason
        pages = dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        items = [item for page in pages for item in page["Items"]]
        tags = dynamodb.list_tags_of_resource(ResourceArn=resource_arn).get("Tags", [])
        return {
            "description": description,
            "items": items,
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
        }

    def size_bytes(self, content: dict[str, Any]) -> int:
        return sum(len(json.dumps(item, default=repr)) for item in content["items"])

    def point_arn(self, place: Place, job_id: str, resource_arn: str, made: str, *, advanced: bool) -> str:
        if advanced:
            return f"{place.arn}:recovery-point:{job_id}"
        number = int(hashlib.sha256(job_id.encode()).hexdigest()[:11], 16)
        return f"{resource_arn}/backup/{number:014}-{job_id[:8].lower()}"

    def store(self, point: Point) -> None:
        """ListBackups of DynamoDB does not show what AWS Backup made."""

    def remove(self, point: Point) -> None:
        """Nothing is shown, so nothing is to be taken away."""

    def restore_metadata(self, content: dict[str, Any]) -> dict[str, str]:
        return {"aws:backup:originalTableName": content["description"]["TableName"], "encryptionType": "Default"}

    def restore(self, place: Place, content: dict[str, Any], metadata: dict[str, str]) -> str:
        dynamodb = client("dynamodb", place)
        name = metadata[self.target]
        try:
            created = dynamodb.create_table(**_shape(content["description"]), **_encryption(metadata), TableName=name)
        except ClientError as reason:
            raise JobFailed(f"Table could not be restored: {reason.response['Error']['Message']}") from reason
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
        items = content["items"]
        for start in range(0, len(items), BATCH_ITEMS):
            batch = items[start : start + BATCH_ITEMS]
            wanted = {name: [{"PutRequest": {"Item": item}} for item in batch]}
            while wanted:
                wanted = dynamodb.batch_write_item(RequestItems=wanted).get("UnprocessedItems")
        return created["TableDescription"]["TableArn"]

    def put_tags(self, place: Place, arn: str, tags: dict[str, str]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        client("dynamodb", place).tag_resource(ResourceArn=arn, Tags=pairs)

    def backup_rights(self, place: Place, resource_arn: str, *, advanced: bool) -> list[tuple[str, str]]:
        return [("dynamodb:StartAwsBackupJob" if advanced else "dynamodb:CreateBackup", resource_arn)]

    def restore_rights(self, place: Place, metadata: dict[str, str], *, advanced: bool) -> list[tuple[str, str]]:
        action = "dynamodb:RestoreTableFromAwsBackup" if advanced else "dynamodb:RestoreTableFromBackup"
        return [(action, f"arn:aws:dynamodb:{place.region}:{place.account}:table/{metadata[self.target]}")]

    def own_key(self, content: dict[str, Any]) -> str | None:
        return content["description"].get("SSEDescription", {}).get("KMSMasterKeyArn")


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _encryption(metadata: dict[str, str]) -> dict[str, Any]:
    if metadata.get("encryptionType", "Default") != "KMS":
        return {}
    key = {"KMSMasterKeyId": metadata["kmsMasterKeyArn"]} if "kmsMasterKeyArn" in metadata else {}
    return {"SSESpecification": {"Enabled": True, "SSEType": "KMS", **key}}


def _shape(description: dict[str, Any]) -> dict[str, Any]:
    """What a backup of a table knows of its shape: keys, indexes and capacity, and nothing else."""
    on_demand = description.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    shape: dict[str, Any] = {
        "AttributeDefinitions": description["AttributeDefinitions"],
        "KeySchema": description["KeySchema"],
        "BillingMode": "PAY_PER_REQUEST" if on_demand else "PROVISIONED",
    }
    if not on_demand:
        shape["ProvisionedThroughput"] = _capacity(description)
    for member in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        indexes = [_index(each, on_demand or member.startswith("Local")) for each in description.get(member, [])]
        if indexes:
            shape[member] = indexes
    return shape


def _index(index: dict[str, Any], without_capacity: bool) -> dict[str, Any]:
    shape = {member: index[member] for member in ("IndexName", "KeySchema", "Projection")}
    return shape if without_capacity else {**shape, "ProvisionedThroughput": _capacity(index)}


def _capacity(of: dict[str, Any]) -> dict[str, int]:
    return {unit: of["ProvisionedThroughput"][unit] for unit in ("ReadCapacityUnits", "WriteCapacityUnits")}
