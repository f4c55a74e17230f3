"""The runbook for a lost region: a stack deployed afresh in the replica region, with the replica vault as its own."""

from __future__ import annotations

from collections.abc import Callable

from tests.local import observe, vault
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke
from tests.local.sample import TABLE, Sample
from tests.local.wait import wait_until
from tests.stories.test_verbs import QUIET_POLICY

REST = {"TickRate": "rate(30 minutes)", "VerifyRate": "rate(30 minutes)", "PruneRate": "rate(1 day)"}


def test_a_stack_in_the_replica_region_restores_and_goes_on_backing_up(deploy_stack: Callable[..., Stack]):
    home = deploy_stack(**REST)
    sample = Sample(home.cloud, home.account, home.region)
    vault.write_policy(home, QUIET_POLICY)
    sample.create_table(500)
    point = invoke(home, "Snapshot", {"resource": sample.table_id})["outcomes"][0]["subject"]
    bucket = home.outputs["ReplicaBucket"]
    wait_until(
        lambda: point in [one["point"] for one in vault.points(home, sample.table_id, bucket, REPLICA_REGION)],
        60,
        "the copy",
        every=0.5,
    )
    # The tick copies the policy too.
    invoke(home, "Replicate", {"tick": "2026-11-21T03:00:00Z"})
    before, settings = observe.items(sample), observe.table_settings(sample)
    key = home.outputs["VaultKeyArn"].replace(f":{home.region}:", f":{REPLICA_REGION}:")

    vault.destroy(home)
    sample.client("dynamodb").update_table(TableName=TABLE, DeletionProtectionEnabled=False)
    sample.client("dynamodb").delete_table(TableName=TABLE)
    destroy(home)

    there = deploy_stack(
        account=home.account,
        region=REPLICA_REGION,
        ReplicaRegion="",
        ExistingVaultBucket=bucket,
        ExistingVaultKeyArn=key,
        **REST,
    )
    try:
        request = {"resource": sample.table_id, "target": {"name": TABLE, "region": REPLICA_REGION}}
        report = invoke(there, "Restore", request)
        assert report["status"] == "Completed", report
        moved = Sample(there.cloud, there.account, REPLICA_REGION)
        assert observe.items(moved) == before
        assert observe.differences(settings, observe.table_settings(moved)) == []

        again = invoke(there, "Snapshot", {"resource": moved.table_id})
        assert again["status"] == "Completed", again
        assert invoke(there, "Verify", {"scrub": moved.table_id})["status"] == "Completed"
    finally:
        destroy(there)
