"""The operations that the generic port declares, held against the services' published models: no cloud needed."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import botocore.session
import pytest

from tests.local.build import ROOT

SOURCES = ROOT / "shared" / "sources" / "src"
SOURCE = "".join(file.read_text() for file in (SOURCES / "call.rs", *sorted((SOURCES / "call").glob("*.rs"))))

# What botocore calls the services.
MODELS = {
    "dynamodb": "dynamodb",
    "sqs": "sqs",
    "sns": "sns",
    "events": "events",
    "scheduler": "scheduler",
    "lambda": "lambda",
    "states": "stepfunctions",
    "kinesis": "kinesis",
    "iam": "iam",
    "s3": "s3",
    "tagging": "resourcegroupstaggingapi",
    "cloudformation": "cloudformation",
    "functions": "lambda",
    "cloudfront": "cloudfront",
    "apigateway": "apigateway",
    "apigatewayv2": "apigatewayv2",
    "backup": "backup",
    "rds": "rds",
    "bucket": "s3",
    "efs": "efs",
}


def declared() -> list[tuple[str, str, str]]:
    """Module, name and address of every operation."""
    found = []
    for block in re.findall(r"^operations! \{\n(.*?)^\}", SOURCE, re.M | re.S):
        module = re.search(r"^    (\w+): \w+;", block, re.M).group(1)
        for name, address in re.findall(r'^    (\w+) \w+ \[[^\]]*\](?:\s+"([^"]+)")?;', block, re.M):
            found.append((module, name, address))
    return found


def _small(name: str) -> str:
    """`resource-arn`, the one name in an address with a hyphen, as all others are spelt."""
    return re.sub(r"-(\w)", lambda letter: letter.group(1).upper(), name)


def test_every_declaration_is_read():
    assert len(declared()) == len(re.findall(r"^    \w+ (?:Reads|Creates|Changes|Adds) \[", SOURCE, re.M)) > 60


@pytest.mark.parametrize(("module", "name", "address"), declared())
def test_an_operation_is_one_of_its_service_and_has_its_address(module: str, name: str, address: str):
    model = botocore.session.get_session().get_service_model(MODELS[module])
    operation = model.operation_model(name)
    if not model.metadata["protocol"].startswith("rest"):
        assert address == ""
        return
    address, _, body = address.partition(" <- ")
    address, _, answer = address.partition(" -> ")
    if body:
        assert body == "{" + operation.input_shape.serialization["payload"] + "}"
    if answer:
        assert answer == "{" + operation.output_shape.serialization["payload"] + "}"
    method, _, rest = address.partition(" ")
    path, _, query = rest.partition("?")
    wanted_path, _, wanted_query = operation.http["requestUri"].partition("?")
    assert method == operation.http["method"]
    members = operation.input_shape.members
    if module == "apigatewayv2":
        # What is sent and answered is told as it is on the wire, where each name begins with a small letter.
        members = {_small(shape.serialization.get("name", member)): shape for member, shape in members.items()}
    maps = [shape for shape in members.values() if shape.type_name == "map" and shape.serialization.get("location") == "querystring"]
    wire = {shape.serialization.get("name", member): member for member, shape in members.items()}
    # A label in the model is the name on the wire, ours is the member's.
    assert path == re.sub(r"\{([\w-]+)\+?\}", lambda label: "{" + wire[label.group(1)] + "}", wanted_path)
    fixed = [part for part in query.split("&") if part and "{" not in part]
    assert fixed == [part for part in wanted_query.split("&") if part]
    for key, value in parse_qsl("&".join(part for part in query.split("&") if "{" in part)):
        shape = members.get(value.strip("{}"))
        if shape is None and maps:
            # One of whatever query the service takes.
            assert key == value.strip("{}")
            continue
        assert (shape.serialization["location"], shape.serialization["name"]) == ("querystring", key)
    bound = set(re.findall(r"\{(\w+)\}", address))
    required = {
        _small(shape.serialization.get("name", member)) if module == "apigatewayv2" else member
        for member, shape in operation.input_shape.members.items()
        if member in operation.input_shape.required_members and "location" in shape.serialization
    }
    assert required <= bound
