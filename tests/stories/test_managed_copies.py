"""Copies in two replica regions, of a table under AWS Backup and one under our own vault, on a deployed stack with IAM enforced: each
region keeps them by its own retention, waits its turn, refuses what residency refuses, and a restore names the key that it lacks.

Ticks that were lost for a day are told with a manual clock (tests/tests/aws_backup/missed.rs): that of the local cloud's functions
cannot be moved. So is a restore that falls back to the next copy of our own vault (tests/tests/nearest.rs): the local cloud's S3
reads what a disabled key has encrypted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke, settled, snapshot
from tests.local.sample import Sample
from tests.local.wait import wait_until

FAR_REGION = "us-east-1"
ORDERS = 10
OWN_TABLE = "carts"
# Of two points one region keeps both, and the other the newest.
COPIES = """
    copies:
      - {{retention: {{keep_last: 5}}}}
      - {{region: {far}, retention: {{keep_last: 1, minimum_good: 1}}}}
""".format(far=FAR_REGION)
PLANS = f"""
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {{every: 1d}}
    retention: {{keep_last: 5}}{COPIES}
  - name: own
    schedule: {{every: 1d}}
    retention: {{keep_last: 5}}{COPIES}
"""
RESIDENCY = f"""
residency:
  - {{select: {{kinds: [dynamodb-table]}}, allow: [eu-central-1, {REPLICA_REGION}]}}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}


@dataclass(frozen=True)
class App:
    """A stack, and the two tables that it protects."""

    stack: Stack
    control: Control
    managed: str
    own: str

    def bucket(self, region: str) -> str:
        """The replica vault in a region."""
        return f"holdfast-{self.stack.account}-{region}"

    def copies(self, resource: str, region: str) -> list[dict[str, Any]]:
        """The manifests of a table's copies in a region, oldest first."""
        return vault.points(self.stack, resource, self.bucket(region), region)

    def kept(self, region: str) -> list[dict[str, Any]]:
        """What AWS Backup has in a region."""
        client = self.stack.client("backup", region)
        return client.list_recovery_points_by_backup_vault(BackupVaultName=self.stack.name)["RecoveryPoints"]

    def make_points(self) -> None:
        """A point of each table more: the first because it is due, a further one by hand."""
        tables = (self.managed, self.own)
        before = [len(vault.points(self.stack, table)) for table in tables]
        for table in tables if any(before) else ():
            snapshot(self.stack, table)
        for _ in range(10):
            now = [len(vault.points(self.stack, table)) for table in tables]
            if now == [count + 1 for count in before]:
                return
            invoke(self.stack, "Snapshot", TICK)
        raise AssertionError(f"points before {before}, now {now}")

    def replicate(self) -> list[dict[str, Any]]:
        """Ticks until no copy goes on; the last tick's outcomes."""
        return settled(self.stack, "Replicate", TICK)


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[App]:
    """A stack with two replica regions whose schedules rest, and a first point of each table."""
    stack = deploy_stack(
        MoreReplicaRegions=FAR_REGION, TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)"
    )
    control = Control(stack.cloud, stack.account)
    # The points' own events ask for their copies, so the quota that the first story is about is there before them.
    control.faults(drop_events=True, outbound_copies=0)
    sample = Sample(stack.cloud, stack.account, stack.region)
    vault.write_policy(stack, PLANS)
    sample.create_table(ORDERS)
    sample.client("dynamodb").create_table(
        TableName=OWN_TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "backup", "Value": "own"}],
    )
    sample.wait_for_table(OWN_TABLE)
    made = App(stack, control, sample.table_id, f"dynamodb-table/{stack.region}/{OWN_TABLE}")
    made.make_points()
    yield made
    destroy(stack)


def test_a_copy_beyond_the_quota_waits_and_follows(app: App):
    outcomes = invoke(app.stack, "Replicate", TICK)["outcomes"]
    waiting = [one for one in outcomes if app.managed in one["subject"]]
    assert [one["status"] for one in waiting] == ["Continuing", "Continuing"], waiting
    assert not app.kept(REPLICA_REGION)
    app.control.faults(outbound_copies=None)
    app.replicate()
    assert len(app.kept(REPLICA_REGION)) == 1


def test_points_of_both_engines_are_in_both_regions(app: App):
    app.replicate()
    for region in (REPLICA_REGION, FAR_REGION):
        (copy,) = app.copies(app.managed, region)
        assert f":{region}:" in copy["managed"]["recovery_point_arn"]
        assert [point["RecoveryPointArn"] for point in app.kept(region)] == [copy["managed"]["recovery_point_arn"]]
        assert len(app.copies(app.own, region)) == 1


def test_what_residency_refuses_since_is_not_copied_although_the_point_was_made_before(app: App):
    # No copy of it begins before the policy is another one. That of our own vault is not kept up, and done before.
    app.control.faults(outbound_copies=0)
    app.make_points()
    wait_until(lambda: len(app.copies(app.own, FAR_REGION)) == 2, 60, "the copies of our own vault", every=0.5)
    vault.write_policy(app.stack, PLANS + RESIDENCY)
    app.control.faults(outbound_copies=None)
    outcomes = app.replicate()
    refused = [one for one in outcomes if one["subject"].startswith(FAR_REGION) and one["status"] == "Failed"]
    vault.write_policy(app.stack, PLANS)
    assert len(refused) == 1 and "residency" in refused[0]["message"], outcomes
    assert [len(app.kept(region)) for region in (REPLICA_REGION, FAR_REGION)] == [2, 1]
    assert [len(app.copies(app.managed, region)) for region in (REPLICA_REGION, FAR_REGION)] == [2, 1]


def test_each_region_keeps_its_copies_by_its_own_retention(app: App):
    app.replicate()
    invoke(app.stack, "Prune", {"dry_run": False})
    for resource in (app.managed, app.own):
        oldest = app.copies(resource, FAR_REGION)[0]["point"]
        tombstones = {
            region: vault.keys(app.stack, f"tombstones/{resource}/", app.bucket(region), region)
            for region in (REPLICA_REGION, FAR_REGION)
        }
        assert tombstones == {REPLICA_REGION: [], FAR_REGION: [f"tombstones/{oldest}.json"]}


def test_a_restore_names_the_key_that_was_disabled_after_the_copy_and_home_is_another_copy(app: App):
    kms = app.stack.client("kms", REPLICA_REGION)
    key = app.stack.client("backup", REPLICA_REGION).describe_backup_vault(BackupVaultName=app.stack.name)["EncryptionKeyArn"]
    kms.disable_key(KeyId=key)
    try:
        told = restore(app, {"name": "orders-there", "region": REPLICA_REGION})
        assert told["status"] == "Failed" and key.rsplit("/", 1)[-1] in told["message"], told
        told = restore(app, {"name": "orders-here"})
        assert told["status"] in ("Done", "Partial"), told
    finally:
        kms.enable_key(KeyId=key)
    told = restore(app, {"name": "orders-there", "region": REPLICA_REGION})
    assert told["status"] in ("Done", "Partial"), told
    count = app.stack.client("dynamodb", REPLICA_REGION).scan(TableName="orders-there", Select="COUNT")["Count"]
    assert count == ORDERS


def restore(app: App, target: dict[str, str]) -> dict[str, Any]:
    """Restores the table that AWS Backup keeps, and gives the outcome."""
    for _ in range(20):
        outcomes = invoke(app.stack, "Restore", {"resource": app.managed, "target": target})["outcomes"]
        (told,) = [one for one in outcomes if one["subject"].startswith("dynamodb-table")]
        if told["status"] != "Continuing":
            return told
    raise AssertionError(f"the restore goes on and on: {told}")


