"""What the sample shop's layer holds."""

from __future__ import annotations

import json


def order_of(event: dict) -> str:
    """The order of a request: from a caller as it is, from a URL or an API as the body."""
    return (json.loads(event["body"]) if "body" in event else event)["order"]
