"""Ticks that never came, on a deployed stack with IAM enforced: a job of AWS Backup ended meanwhile without a word, slots went by, and the
missing points rang. The next ticks make it good, once.

The clock of the local cloud's functions cannot be moved, so the plan's slots are minutes; AWS Backup's own clock goes on by a day.
`tests/tests/aws_backup/missed.rs` shows a whole day of both in memory.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

import pytest

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import follow, invoke, settled
from tests.local.sample import Sample
from tests.local.wait import wait_until

POLICY = """
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {every: 1m}
    objectives: {rpo: 2m}
    retention: {keep_last: 9}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}
# A slot is a minute; the objective is missed after two.
TIMEOUT_S = 240


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, str]]:
    """A stack whose schedules rest, and a table with a first point and its copy."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    Control(stack.cloud, stack.account).faults(drop_events=True)
    vault.write_policy(stack, POLICY)
    sample = Sample(stack.cloud, stack.account, stack.region)
    sample.create_table(10)
    assert follow(stack, "Snapshot", TICK, sample.table_id)["status"] == "Done"
    settled(stack, "Replicate", TICK)
    yield stack, sample.table_id
    destroy(stack)


def breached(stack: Stack) -> float:
    """How many resources have no point within their objective."""
    return invoke(stack, "Verify", TICK)["metrics"]["RpoBreachedResources"]


def begun(stack: Stack, table: str) -> bool:
    """Ticks, and says whether a run is under way."""
    outcomes = invoke(stack, "Snapshot", TICK)["outcomes"]
    return any(one["subject"].startswith(table) and one["status"] == "Continuing" for one in outcomes)


def caught_up(stack: Stack) -> bool:
    """Ticks until no run goes on, and says whether nothing is missed then."""
    settled(stack, "Snapshot", TICK)
    return breached(stack) == 0


def slots(stack: Stack, table: str) -> list[str]:
    """The slots of a table's points, oldest first."""
    return [point["point"].rsplit("/", 1)[-1].split("-")[0] for point in vault.points(stack, table)]


def now() -> str:
    """This minute's slot."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M00Z")


def test_what_was_missed_rings_and_the_next_ticks_make_it_good_once(app):
    stack, table = app
    wait_until(lambda: begun(stack, table), TIMEOUT_S, "the next slot's run", every=2)
    before, lost = slots(stack, table), now()
    Control(stack.cloud, stack.account).advance(days=1)
    wait_until(lambda: breached(stack) == 1, TIMEOUT_S, "the objective to be missed", every=5)
    assert slots(stack, table) == before

    back = now()
    done = follow(stack, "Snapshot", TICK, table)
    assert done["status"] == "Done", done
    wait_until(lambda: caught_up(stack), TIMEOUT_S, "the objective to be met again", every=1)
    made = slots(stack, table)
    assert made[: len(before)] == before and made[len(before)] <= lost, "the run that was under way has its point"
    assert lost < back and all(slot >= back for slot in made[len(before) + 1 :]), "no slot that is past is made up for"

    copies = settled(stack, "Replicate", TICK)
    assert not [one for one in copies if one["status"] == "Failed"], copies
    replica = stack.outputs["ReplicaBucket"]
    there = {point["point"] for point in vault.points(stack, table, replica, REPLICA_REGION)}
    assert {point["point"] for point in vault.points(stack, table)} <= there
