"""AWS Backup tells of its jobs by events, which are best effort: on a deployed stack whose ticks rest, a point comes into the
catalogue by the event alone, and when no event comes, by the next tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke, snapshot
from tests.local.sample import Sample
from tests.local.wait import wait_until

POLICY = """
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {every: 1d}
    retention: {keep_last: 5}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}
# A job is in three states one after the other, half a minute each.
JOB_S = 120
EVENT_TIMEOUT_S = 30


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, Sample]]:
    """A stack whose schedules rest, and a table."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    sample = Sample(stack.cloud, stack.account, stack.region)
    vault.write_policy(stack, POLICY)
    sample.create_table(10)
    yield stack, sample
    destroy(stack)


def test_an_event_alone_brings_a_point_into_the_catalogue(app):
    stack, sample = app
    started = snapshot(stack, sample.table_id)
    assert started["status"] == "Continuing" and not vault.points(stack, sample.table_id), started
    Control(stack.cloud, stack.account).advance(JOB_S)
    wait_until(lambda: vault.points(stack, sample.table_id), EVENT_TIMEOUT_S, "the point, by its job's event")


def test_what_no_event_told_the_next_tick_finds(app):
    stack, sample = app
    control = Control(stack.cloud, stack.account)
    control.faults(drop_events=True)
    started = snapshot(stack, sample.table_id)
    assert started["status"] == "Continuing", started
    control.advance(JOB_S)
    before = len(vault.points(stack, sample.table_id))
    told = [one for one in invoke(stack, "Snapshot", TICK)["outcomes"] if one["subject"] == started["subject"]]
    assert [one["status"] for one in told] == ["Done"], told
    assert len(vault.points(stack, sample.table_id)) == before + 1
