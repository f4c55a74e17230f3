"""Clients of the local cloud's other services, with the rights of an account's root: the service's own hands."""

from __future__ import annotations

import functools
import os

import boto3
from botocore.config import Config

from tests.local.aws_backup.state import Place

# One for all clients, so that each service's model is read once. Not made for threads, but the service's calls take turns.
_SESSION = boto3.session.Session()


@functools.cache
def client(service: str, place: Place):
    """A client of one service in one place. Kept, because making one takes longer than most calls."""
    return _SESSION.client(
        service,
        region_name=place.region,
        aws_access_key_id=place.account,
        aws_secret_access_key="test",
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        verify=os.environ["AWS_CA_BUNDLE"],
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
