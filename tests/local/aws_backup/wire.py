"""AWS Backup's REST JSON wire, both ways, held against botocore's own service model.

A request that the model does not allow is refused; an answer that it does not allow is a fault of ours and is raised as
`AnswerOutsideModel`. In one thing this is stricter than AWS: a member that the model does not know is refused, where AWS
ignores it, because here it can only be a mistake in a client of ours.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import botocore.session
from botocore.model import OperationModel, Shape

JSON = "application/json"


class Refused(Exception):
    """An answer that says no: AWS's error code, a message, and the HTTP status that goes with it."""

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class AnswerOutsideModel(Exception):
    """We were about to answer what the service model does not allow."""


class Answer(NamedTuple):
    """What goes back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Route(NamedTuple):
    method: str
    pattern: re.Pattern
    literal_chars: int
    labels: list[str]
    operation: str


@functools.cache
def model():
    """botocore's model of the service."""
    return botocore.session.get_session().get_service_model("backup")


def operation_model(name: str) -> OperationModel:
    """The model of one operation."""
    return model().operation_model(name)


def route(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The operation that a request asks for, and its labels; None when the service has no such operation.

    The path is a decoded one, in which the ARN of a label may hold slashes: the route with the most literal text wins.
    """
    path = path.rstrip("/") or "/"
    for candidate in _routes():
        found = candidate.pattern.fullmatch(path) if candidate.method == method else None
        if found:
            return candidate.operation, dict(zip(candidate.labels, found.groups(), strict=True))
    return None


@functools.cache
def _routes() -> list[_Route]:
    routes = []
    for name in model().operation_names:
        http = model().operation_model(name).http
        template = http["requestUri"].split("?")[0].rstrip("/") or "/"
        parts = re.split(r"\{([^}]+)\}", template)
        labels = parts[1::2]
        text = ""
        for literal, label in zip(parts[0::2], [*labels, None], strict=True):
            group = "(.+)" if label and label.lower().endswith("arn") else "([^/]+)"
            text += re.escape(literal) + (group if label else "")
        routes.append(_Route(http["method"], re.compile(text), sum(map(len, parts[0::2])), labels, name))
    return sorted(routes, key=lambda each: -each.literal_chars)


def parse(name: str, labels: dict[str, str], query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
    """The request's parameters by the names that botocore uses, timestamps as epoch seconds."""
    shape = operation_model(name).input_shape
    if shape is None:
        return {}
    document = _document(body) if any(_is_body(member) for member in shape.members.values()) else {}
    known = {_wire_name(member, key) for key, member in shape.members.items() if _is_body(member)}
    for unknown in document.keys() - known:
        raise _invalid(f"{name} has no member {unknown}")
    parameters: dict[str, Any] = {}
    for key, member in shape.members.items():
        wire_name, location = _wire_name(member, key), member.serialization.get("location")
        if location == "uri":
            parameters[key] = _scalar(member, labels[wire_name], key)
        elif location == "querystring":
            if wire_name in query:
                parameters[key] = _from_query(member, query[wire_name], key)
        elif document.get(wire_name) is not None:
            parameters[key] = _from_json(member, document[wire_name], key)
    missing = [key for key in shape.required_members if parameters.get(key) in (None, "")]
    if missing:
        raise Refused("MissingParameterValueException", f"{', '.join(sorted(missing))} must not be empty")
    return parameters


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError as reason:
        raise Refused("SerializationException", f"the body is not JSON: {reason}") from reason
    if not isinstance(document, dict):
        raise Refused("SerializationException", "the body is not a JSON object")
    return document


def _is_body(member: Shape) -> bool:
    return member.serialization.get("location") is None


def _wire_name(member: Shape, key: str) -> str:
    return member.serialization.get("name", key)


def _from_query(shape: Shape, values: list[str], where: str) -> Any:
    if shape.type_name == "list":
        return [_scalar(shape.member, value, where) for value in values]
    return _scalar(shape, values[-1], where)


def _scalar(shape: Shape, text: str, where: str) -> Any:
    """A value that came as text, in the path or in the query."""
    if shape.type_name == "string":
        return _checked_text(shape, text, where)
    if shape.type_name == "boolean" and text in ("true", "false"):
        return text == "true"
    if shape.type_name in ("integer", "long") and re.fullmatch(r"-?\d+", text):
        return int(text)
    if shape.type_name == "timestamp":
        try:
            when = datetime.datetime.fromisoformat(text)
        except ValueError as reason:
            raise _invalid(f"{where} is no timestamp: {text}") from reason
        return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp()
    raise _invalid(f"{where} is no {shape.type_name}: {text}")


def _from_json(shape: Shape, value: Any, where: str) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        known = {_wire_name(member, key): (key, member) for key, member in shape.members.items()}
        for unknown in value.keys() - known.keys():
            raise _invalid(f"{where} has no member {unknown}")
        parsed = {
            known[name][0]: _from_json(known[name][1], each, f"{where}.{name}")
            for name, each in value.items()
            if each is not None
        }
        for missing in set(shape.required_members) - parsed.keys():
            raise Refused("MissingParameterValueException", f"{where}.{missing} must not be empty")
        return parsed
    if kind == "list" and isinstance(value, list):
        return [_from_json(shape.member, each, f"{where}[{index}]") for index, each in enumerate(value)]
    if kind == "map" and isinstance(value, dict):
        return {
            _checked_text(shape.key, key, where): _from_json(shape.value, each, f"{where}.{key}")
            for key, each in value.items()
        }
    if kind == "string" and isinstance(value, str):
        return _checked_text(shape, value, where)
    if _is_of(kind, value):
        return value
    raise Refused("SerializationException", f"{where} is no {kind}: {value!r}")


def _is_of(kind: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return {"boolean": isinstance(value, bool), "integer": whole, "long": whole, "timestamp": number}.get(kind, False)


def _checked_text(shape: Shape, text: str, where: str) -> str:
    allowed = getattr(shape, "enum", None)
    if allowed and text not in allowed:
        raise _invalid(f"{where} must be one of {', '.join(allowed)}: {text}")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.search(pattern, text):
        raise _invalid(f"{where} must match {pattern}: {text}")
    return text


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)


def answer(name: str, result: dict[str, Any]) -> Answer:
    """A successful answer; members that are None are left out. Raises AnswerOutsideModel."""
    operation = operation_model(name)
    status = operation.http.get("responseCode", 200)
    if operation.output_shape is None:
        if result:
            raise AnswerOutsideModel(f"{name} answers nothing, not {sorted(result)}")
        return Answer(status, {"Content-Type": JSON}, b"")
    document = _to_json(operation.output_shape, result, name)
    return Answer(status, {"Content-Type": JSON}, json.dumps(document).encode())


def _to_json(shape: Shape, value: Any, where: str) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for unknown in value.keys() - shape.members.keys():
            raise AnswerOutsideModel(f"{where} has no member {unknown}")
        return {
            _wire_name(shape.members[key], key): _to_json(shape.members[key], each, f"{where}.{key}")
            for key, each in value.items()
            if each is not None
        }
    if kind == "list" and isinstance(value, list):
        return [_to_json(shape.member, each, f"{where}[]") for each in value]
    if kind == "map" and isinstance(value, dict):
        return {_checked(shape.key, key, where): _to_json(shape.value, each, where) for key, each in value.items()}
    if kind == "string" and isinstance(value, str):
        return _checked(shape, value, where)
    if kind == "timestamp" and _is_of(kind, value):
        # The service promises milliseconds, no more.
        return math.floor(value * 1000) / 1000
    if _is_of(kind, value):
        return value
    raise AnswerOutsideModel(f"{where} is no {kind}: {value!r}")


def _checked(shape: Shape, text: str, where: str) -> str:
    try:
        return _checked_text(shape, text, where)
    except Refused as reason:
        raise AnswerOutsideModel(reason.message) from reason


# Not in the service model, but every service may answer so.
COMMON_ERRORS = {
    "AccessDeniedException": 403,
    "ThrottlingException": 400,
    "SerializationException": 400,
    "UnrecognizedClientException": 403,
    "UnknownOperationException": 404,
    "InternalFailure": 500,
}


def refusal(name: str | None, refused: Refused) -> Answer:
    """An error answer. Raises AnswerOutsideModel where the operation has no such error."""
    modeled = {shape.name for shape in operation_model(name).error_shapes} if name else set()
    # The model leaves this one out where the service still checks parameters.
    always = COMMON_ERRORS.keys() | {"InvalidParameterValueException", "MissingParameterValueException"}
    if refused.code not in modeled | always:
        raise AnswerOutsideModel(f"{name} has no error {refused.code}")
    document = {"Code": refused.code, "Message": refused.message}
    headers = {"Content-Type": JSON, "x-amzn-errortype": refused.code}
    return Answer(refused.status, headers, json.dumps(document).encode())


def page(parameters: dict[str, Any], items: Iterable[Any], most: int) -> tuple[list[Any], str | None]:
    """One page of a listing and the token of the next one; `most` is how many a page may hold."""
    items = list(items)
    start, wanted = 0, parameters.get("MaxResults", most)
    if not 1 <= wanted <= 1000:
        raise _invalid(f"MaxResults must be between 1 and 1000: {wanted}")
    if "NextToken" in parameters:
        found = re.fullmatch(r"from-(\d+)", parameters["NextToken"])
        if not found:
            raise _invalid("NextToken is not one of ours")
        start = int(found[1])
    end = start + min(wanted, most)
    return items[start:end], f"from-{end}" if end < len(items) else None
