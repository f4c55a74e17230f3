"""The resource types that the stand-in really reads and brings back."""

from __future__ import annotations

import re

from tests.local.aws_backup.kinds.dynamodb import Tables
from tests.local.aws_backup.kinds.efs import FileSystems
from tests.local.aws_backup.kinds.kind import Kind
from tests.local.aws_backup.kinds.rds import Clusters, Instances
from tests.local.aws_backup.kinds.s3 import Buckets
from tests.local.aws_backup.wire import Refused

KINDS: dict[str, Kind] = {
    "DynamoDB": Tables(),
    "S3": Buckets(),
    "RDS": Instances(),
    "Aurora": Clusters(),
    "EFS": FileSystems(),
}

_ARNS = (
    (re.compile(r"arn:aws:dynamodb:[^:]+:\d{12}:table/[^/]+"), "DynamoDB"),
    (re.compile(r"arn:aws:s3:::[^/]+"), "S3"),
    (re.compile(r"arn:aws:rds:[^:]+:\d{12}:db:.+"), "RDS"),
    (re.compile(r"arn:aws:rds:[^:]+:\d{12}:cluster:.+"), "Aurora"),
    (re.compile(r"arn:aws:elasticfilesystem:[^:]+:\d{12}:file-system/.+"), "EFS"),
)


def resource_type_of(arn: str) -> str:
    """The resource type that an ARN is of."""
    for pattern, resource_type in _ARNS:
        if pattern.fullmatch(arn):
            return resource_type
    raise Refused("InvalidParameterValueException", f"Unsupported resource type: {arn}")
