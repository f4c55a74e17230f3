"""Talks to a deployed stack's functions: invokes them, reads what they report and log."""

from __future__ import annotations

import json
from typing import Any

from tests.local.deploy import Stack


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
