"""Clients of the local cloud's other services, with the rights of an account's root: the service's own hands."""

from __future__ import annotations

import functools
import os

import boto3
from botocore.config import Config

from tests.local.aws_backup.state import Place

# One for all clients, so that each service's model is read once. It is not made for threads, but the service's calls take
# turns.
_SESSION = boto3.session.Session()


@functools.cache
def client(service: str, place: Place):
    """A client of one service in one place. Kept, because making one takes longer than most calls."""
    made = _SESSION.client(
        service,
        region_name=place.region,
        aws_access_key_id=place.account,
        aws_secret_access_key="test",
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        verify=os.environ["AWS_CA_BUNDLE"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    made.meta.events.register("before-send", _close_after)
    return made


def _close_after(request, **_) -> None:
    # The server that answers is the one that asks: when it is told to stop, it would wait for its own connections.
    request.headers["Connection"] = "close"
