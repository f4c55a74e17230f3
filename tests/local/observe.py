"""Looks at the sample application with an independent client (boto3), so that before and after can be compared."""

from __future__ import annotations

import json
from typing import Any

from tests.local.sample import FUNCTION, TABLE, Sample

# What differs between a resource and its restored self by nature: identities, times, sizes that the service updates later.
_TABLE_SETTINGS = (
    "KeySchema",
    "AttributeDefinitions",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "BillingModeSummary",
    "StreamSpecification",
    "DeletionProtectionEnabled",
    "TableClassSummary",
)
_INDEX_SETTINGS = ("IndexName", "KeySchema", "Projection")
_FUNCTION_SETTINGS = (
    "Runtime",
    "Role",
    "Handler",
    "CodeSha256",
    "CodeSize",
    "Description",
    "Timeout",
    "MemorySize",
    "Environment",
    "Architectures",
    "EphemeralStorage",
    "TracingConfig",
    "PackageType",
)
_MAPPING_SETTINGS = ("EventSourceArn", "BatchSize", "FunctionResponseTypes", "State")


def items(sample: Sample, table: str = TABLE) -> dict[str, str]:
    """Every item by its key, as text with nothing lost; sets in order."""
    pages = sample.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    found = {}
    for page in pages:
        for item in page["Items"]:
            found[json.dumps([item["customer"], item["number"]])] = json.dumps(_plain(item), sort_keys=True)
    return found


def table_settings(sample: Sample, table: str = TABLE) -> dict[str, Any]:
    """Every setting of the table, by name."""
    dynamodb = sample.client("dynamodb")
    described = dynamodb.describe_table(TableName=table)["Table"]
    settings = {name: described.get(name) for name in _TABLE_SETTINGS}
    for indexes in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        settings[indexes] = sorted(
            ({name: index.get(name) for name in _INDEX_SETTINGS} for index in settings[indexes] or []),
            key=lambda index: index["IndexName"],
        )
    settings["AttributeDefinitions"] = sorted(settings["AttributeDefinitions"], key=lambda one: one["AttributeName"])
    mode = (settings.pop("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
    settings["BillingMode"] = mode
    settings["TableClass"] = (settings.pop("TableClassSummary") or {}).get("TableClass", "STANDARD")
    time_to_live = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    settings["TimeToLive"] = (time_to_live["TimeToLiveStatus"], time_to_live.get("AttributeName"))
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    settings["PointInTimeRecovery"] = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    settings["Tags"] = {tag["Key"]: tag["Value"] for tag in tags}
    return settings


def function_settings(sample: Sample, function: str = FUNCTION) -> dict[str, Any]:
    """Every setting of the function, by name."""
    functions = sample.client("lambda")
    found = functions.get_function(FunctionName=function)
    settings = {name: found["Configuration"].get(name) for name in _FUNCTION_SETTINGS}
    settings["Tags"] = {key: value for key, value in found.get("Tags", {}).items() if not key.startswith("holdfast:")}
    settings["Concurrency"] = found.get("Concurrency")
    for alias in functions.list_aliases(FunctionName=function)["Aliases"]:
        version = functions.get_function(FunctionName=function, Qualifier=alias["Name"])["Configuration"]
        settings[f"Alias {alias['Name']}"] = {
            "Description": alias["Description"],
            **{name: version.get(name) for name in _FUNCTION_SETTINGS},
        }
    policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
    settings["Policy"] = sorted(
        (json.dumps({**statement, "Resource": ""}, sort_keys=True) for statement in policy["Statement"])
    )
    mappings = [
        {name: mapping.get(name) for name in _MAPPING_SETTINGS}
        | {"Qualifier": mapping["FunctionArn"].rsplit(":", 1)[-1]}
        for mapping in functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    ]
    settings["EventSourceMappings"] = sorted(mappings, key=lambda mapping: mapping["EventSourceArn"])
    return settings


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is not the same, in words."""
    told = []
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            told.append(f"{name}: was {before.get(name)!r}, is {after.get(name)!r}")
    return told


def _plain(value: Any) -> Any:
    """An attribute with its sets in order and its bytes as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {
            name: sorted(_plain(member) for member in part) if name in ("SS", "NS", "BS") else _plain(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value
