"""Talks to a deployed stack's functions: invokes them, reads what they report and log."""

from __future__ import annotations

import json
from typing import Any

from tests.local.deploy import Stack
from tests.local.wait import wait_until


class FunctionFailed(AssertionError):
    """A function answered with an error."""

    def __init__(self, function: str, payload: Any):
        self.error_type = payload.get("errorType", "") if isinstance(payload, dict) else ""
        self.message = payload.get("errorMessage", "") if isinstance(payload, dict) else str(payload)
        super().__init__(f"{function} failed: {self.error_type}: {self.message}")


def invoke(stack: Stack, function: str, event: Any) -> Any:
    """Invokes a function by its name in the template ("Snapshot") and returns its report.

    Raises FunctionFailed when it answers with an error.
    """
    answer = stack.client("lambda").invoke(FunctionName=stack.function(function), Payload=json.dumps(event).encode())
    text = answer["Payload"].read()
    payload = json.loads(text) if text else None
    if "FunctionError" in answer:
        raise FunctionFailed(function, payload)
    return payload


def snapshot(stack: Stack, resource: str, **request: Any) -> dict[str, Any]:
    """Asks for a point by hand, and gives its outcome.

    A point's name ends in a second: asked again within it, `snapshot` says that this point was made before. So that this
    one has all that is there now, the point of another second is waited for.
    """

    def own() -> dict[str, Any] | None:
        (outcome,) = invoke(stack, "Snapshot", {"resource": resource, **request})["outcomes"]
        return outcome if outcome.get("message") != "made before" else None

    return wait_until(own, 10, "a point of another second", every=0.3)


def settled(stack: Stack, function: str, event: Any, about: str = "") -> list[dict[str, Any]]:
    """Invokes until nothing goes on whose subject begins so, and gives the last outcomes about it."""
    for _ in range(20):
        outcomes = invoke(stack, function, event)["outcomes"]
        found = [outcome for outcome in outcomes if outcome["subject"].startswith(about)]
        if not any(outcome["status"] == "Continuing" for outcome in found):
            return found
    raise AssertionError(f"{about or function} goes on and on: {found}")


def follow(stack: Stack, function: str, event: Any, about: str) -> dict[str, Any]:
    """Invokes until nothing goes on whose subject begins so, and gives the last outcome about it."""
    found = settled(stack, function, event, about)
    assert found, f"nothing is said of {about}"
    return found[-1]


def log_lines(stack: Stack, function: str) -> list[Any]:
    """All that a function has logged so far: JSON lines parsed, others as text."""
    logs = stack.client("logs")
    group = f"/aws/lambda/{stack.function(function)}"
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [_parsed(event["message"]) for page in pages for event in page["events"]]


def metrics(stack: Stack, function: str) -> list[dict]:
    """The metrics (embedded metric format) among a function's log lines, oldest first.

    The local cloud does not turn them into CloudWatch metrics, so this is where stories look for them.
    """
    return [line for line in log_lines(stack, function) if isinstance(line, dict) and "_aws" in line]


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line
