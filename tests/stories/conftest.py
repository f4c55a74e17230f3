"""What the stories share: one local cloud and one build a run, a fresh account and a deployed stack a story."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup.sample import BackupAccount
from tests.local.build import build
from tests.local.cloud import Cloud, local_cloud
from tests.local.deploy import Stack, deploy, destroy
from tests.local.functions import log_lines

FUNCTIONS = ("Snapshot", "Replicate", "Prune", "Verify", "Restore")


@pytest.fixture(scope="session")
def template() -> Path:
    """The built template."""
    return build()


@pytest.fixture(scope="session")
def cloud(template: Path) -> Iterator[Cloud]:
    """The local cloud, gone when the run is over. The build comes first, so that nothing waits for it."""
    with local_cloud() as running:
        yield running


@pytest.fixture(scope="module")
def deploy_stack(cloud: Cloud, template: Path) -> Iterator[Callable[..., Stack]]:
    """Deploys a stack: into an account of its own unless one is named, with the parameters given.

    The module's stacks are destroyed with its last story.
    """
    with contextlib.ExitStack() as deployed:

        def deploy_one(account: str | None = None, region: str | None = None, **parameters: str) -> Stack:
            where = {"region": region} if region else {}
            stack = deploy(cloud, template, account or cloud.new_account(), parameters=parameters, **where)
            deployed.callback(_destroy_if_there, stack)
            return stack

        yield deploy_one


@pytest.fixture
def stack(cloud: Cloud, template: Path) -> Iterator[Stack]:
    """A fresh account with a stack in it: for stories that change things."""
    deployed = deploy(cloud, template, cloud.new_account())
    yield deployed
    _destroy_if_there(deployed)


@pytest.fixture(scope="module")
def shared_stack(deploy_stack: Callable[..., Stack]) -> Stack:
    """One stack for all stories of a module: for those that only look."""
    return deploy_stack()


@pytest.fixture
def new_account(cloud: Cloud) -> Iterator[Callable[[], BackupAccount]]:
    """Makes fresh accounts that use AWS Backup."""
    with contextlib.ExitStack() as made:

        def make() -> BackupAccount:
            fresh = BackupAccount(cloud, cloud.new_account())
            made.callback(fresh.close)
            return fresh

        yield make


@pytest.fixture
def account(new_account: Callable[[], BackupAccount]) -> BackupAccount:
    """A fresh account that uses AWS Backup, with a vault."""
    fresh = new_account()
    fresh.vault()
    return fresh


def _destroy_if_there(stack: Stack) -> None:
    # A story may have destroyed it, or the whole account, as part of what it tells.
    with contextlib.suppress(ClientError):
        destroy(stack)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Shows with a failure what the functions had logged last."""
    report = yield
    stacks = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Stack)]
    if report.when == "call" and report.failed and stacks:
        for function in FUNCTIONS:
            lines = _last_lines(stacks[0], function)
            if lines:
                report.sections.append((f"log of {function}", lines))
    return report


def _last_lines(stack: Stack, function: str) -> str:
    # Help for the reader of a failure: that the help itself fails must not hide what happened.
    try:
        lines = log_lines(stack, function)
    except Exception as reason:  # noqa: BLE001
        return f"(not to be had: {reason})"
    return "\n".join(str(line) for line in lines[-15:])
