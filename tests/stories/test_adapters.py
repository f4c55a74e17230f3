"""Every kind of configuration, and a function with all that it can have, made, read, lost and brought back in the local cloud through
the adapters that the deployed functions use. The tests are in Rust (tests/tests/local_*.rs); here they get their cloud."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.cloud import Cloud, local_cloud

ROOT = Path(__file__).resolve().parents[2]
# The tests' own.
ACCOUNT = "111122223333"
# The roles that what is made works with, by the file of tests.
ROLES = {"local_wiring": ("events", "pay", "s"), "local_functions": ("bill",)}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": [f"{one}.amazonaws.com" for one in ("lambda", "states", "scheduler", "events")]},
            "Action": "sts:AssumeRole",
        }
    ],
}


@pytest.fixture
def empty_cloud() -> Iterator[Cloud]:
    """A local cloud in which nothing was made yet."""
    with local_cloud() as running:
        yield running


@pytest.mark.parametrize("suite", ROLES)
def test_what_is_lost_comes_back_equal(empty_cloud: Cloud, suite: str):
    for role in ROLES[suite]:
        empty_cloud.client("iam", ACCOUNT).create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
    test = ["cargo", "test", "--locked", "-p", "holdfast-tests", "--test", suite, "--", "--ignored", "--test-threads", "1"]
    # Rust's TLS looks for its roots there.
    trust = {"SSL_CERT_FILE": str(empty_cloud.certificate), "RUST_BACKTRACE": "0"}
    environment = os.environ | empty_cloud.environment(ACCOUNT) | trust
    told = subprocess.run(test, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1500)
    assert told.returncode == 0, told.stdout[-5000:] + told.stderr[-5000:]
    assert "ok. 0 passed" not in told.stdout, told.stdout
