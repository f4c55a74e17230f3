"""The stand-in's wire says what botocore's model of AWS Backup says: no server is needed to see it.

The same model serves boto3, so what these stories read and write is what a real client does.
"""

from __future__ import annotations

import datetime
import json
import urllib.parse
from typing import Any

import botocore.parsers
import botocore.serialize
import pytest
from botocore.model import OperationModel, Shape

from tests.local.aws_backup import wire

# Families of which the stand-in has nothing: their names want patterns of their own.
OTHERS = ("AccessPoint", "Tiering", "MpaApproval")
OPERATIONS = [name for name in wire.model().operation_names if not any(other in name for other in OTHERS)]
# With slashes and colons, as a DynamoDB backup without the advanced features has it.
ARN = "arn:aws:dynamodb:eu-central-1:100000000001:table/orders/backup/01763-ab"
WHEN = datetime.datetime(2026, 11, 21, 6, 30, 15, 250000, datetime.UTC)


def sample(shape: Shape, name: str = "") -> Any:
    """A value that the shape allows."""
    kind = shape.type_name
    if kind == "structure":
        return {key: sample(member, key) for key, member in shape.members.items()}
    if kind == "list":
        return [sample(shape.member, name)]
    if kind == "map":
        return {sample(shape.key): sample(shape.value)}
    if kind == "string":
        return _text(shape, name)
    return {"boolean": True, "integer": 7, "long": 2**40, "timestamp": WHEN, "double": 1.5}[kind]


def _text(shape: Shape, name: str) -> str:
    allowed = getattr(shape, "enum", None)
    if allowed:
        return allowed[0]
    if name.lower().endswith("arn"):
        return ARN
    return "100000000001" if "0-9]{12}" in shape.metadata.get("pattern", "") else "a-name"


def plain(value: Any) -> Any:
    """A value with its timestamps as the stand-in has them."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.timestamp() if isinstance(value, datetime.datetime) else value


def sent(operation: OperationModel, parameters: dict[str, Any]) -> tuple[str, str, dict[str, list[str]], bytes]:
    """What botocore sends: method, path as a server sees it, query and body."""
    request = botocore.serialize.create_serializer("rest-json").serialize_to_request(parameters, operation)
    query: dict[str, list[str]] = {}
    for key, value in (request["query_string"] or {}).items():
        values = value if isinstance(value, list) else [value]
        query[key] = [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
    body = request["body"] or b""
    body = body.encode() if isinstance(body, str) else body
    return request["method"], urllib.parse.unquote(request["url_path"]), query, body


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_is_understood_as_it_was_meant(name: str):
    operation = wire.operation_model(name)
    parameters = sample(operation.input_shape) if operation.input_shape else {}
    method, path, query, body = sent(operation, parameters)
    routed = wire.route(method, path)
    assert routed is not None and routed[0] == name
    assert wire.parse(name, routed[1], query, body) == plain(parameters)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if wire.operation_model(name).output_shape])
def test_an_answer_is_read_as_it_was_meant(name: str):
    shape = wire.operation_model(name).output_shape
    result = sample(shape)
    answer = wire.answer(name, plain(result))
    response = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    read = botocore.parsers.create_parser("rest-json").parse(response, shape)
    del read["ResponseMetadata"]
    assert plain(read) == plain(result)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"ResourceArn": None}, "MissingParameterValueException"),
        ({"BackupVaultName": "!"}, "InvalidParameterValueException"),
        ({"StartWindowMinutes": "60"}, "SerializationException"),
        ({"StartWindowMinutes": True}, "SerializationException"),
        ({"Lifecycle": {"DeleteAfter": 1}}, "InvalidParameterValueException"),
        ({"Index": "PERHAPS"}, "InvalidParameterValueException"),
        ({"RecoveryPointTags": ["a"]}, "SerializationException"),
        ({"BackupVault": "main"}, "InvalidParameterValueException"),
    ],
)
def test_a_request_outside_the_model_is_refused(change: dict[str, Any], error: str):
    request = {"BackupVaultName": "main", "ResourceArn": ARN, "IamRoleArn": ARN, **change}
    with pytest.raises(wire.Refused) as refused:
        wire.parse("StartBackupJob", {}, {}, json.dumps(request).encode())
    assert refused.value.code == error


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("DescribeBackupVault", {"VaultName": "main"}),
        ("DescribeBackupVault", {"NumberOfRecoveryPoints": "1"}),
        ("DescribeBackupVault", {"VaultState": "FINE"}),
        ("DescribeBackupVault", {"CreationDate": "today"}),
        ("ListBackupJobs", {"BackupJobs": [{"AccountId": "twelve"}]}),
        ("DeleteRecoveryPoint", {"Status": "DELETED"}),
    ],
)
def test_an_answer_outside_the_model_is_our_fault(name: str, result: dict[str, Any]):
    with pytest.raises(wire.AnswerOutsideModel):
        wire.answer(name, result)


def test_an_error_that_the_operation_does_not_have_is_our_fault():
    with pytest.raises(wire.AnswerOutsideModel):
        wire.refusal("DescribeBackupJob", wire.Refused("AlreadyExistsException", "no"))


def test_pages_hold_every_entry_once():
    seen, token = [], None
    while True:
        parameters = {"MaxResults": 3, **({"NextToken": token} if token else {})}
        entries, token = wire.page(parameters, range(10), 1000)
        seen += entries
        if token is None:
            break
    assert seen == list(range(10))
