"""A story for each verb, on a deployed stack with IAM enforced: done by hand, done twice, done with bad input.

The sweep of data after the grace period needs a day to pass, which the local cloud cannot make; the suites in `tests/tests`
show it with a clock that they move by hand.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.local import observe, vault
from tests.local.cloud import REPLICA_REGION
from tests.local.demo import POLICY
from tests.local.deploy import Stack, destroy
from tests.local.functions import FunctionFailed, invoke, metrics, snapshot
from tests.local.sample import FUNCTION, TABLE, Sample, order
from tests.local.wait import wait_until

ORDERS = 600
# Once a day: within a story only what is asked for by hand is made.
QUIET_POLICY = POLICY.replace("every: 1m", "every: 1d").replace("rpo: 15m", "rpo: 2d")


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, Sample]]:
    """A stack whose schedule rests, and the sample application with one point of each in both regions."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    sample = Sample(stack.cloud, stack.account, stack.region)
    vault.write_policy(stack, QUIET_POLICY)
    sample.create(ORDERS)
    for resource in (sample.table_id, sample.function_id):
        assert invoke(stack, "Snapshot", {"resource": resource})["status"] == "Completed"
    yield stack, sample
    destroy(stack)


def newest(stack: Stack, resource: str) -> dict:
    """The manifest of a resource's newest point."""
    return vault.points(stack, resource)[-1]


def test_a_pack_is_what_zstd_and_sha256sum_say(app):
    stack, _ = app
    packs = [key for key in vault.keys(stack, "packs/") if key.endswith(".jsonl.zst")]
    assert packs
    for key in packs:
        lines = subprocess.run(["zstd", "-dc"], input=vault.read(stack, key), stdout=subprocess.PIPE, check=True).stdout
        done = subprocess.run(["sha256sum"], input=lines, stdout=subprocess.PIPE, check=True)
        assert done.stdout.decode().split()[0] == key.rsplit("/", 1)[-1].removesuffix(".jsonl.zst")
        assert all("Item" in json.loads(line) for line in lines.splitlines())


def test_a_second_snapshot_of_an_unchanged_table_stores_no_items(app):
    stack, sample = app
    details = snapshot(stack, sample.table_id)["details"]
    assert (details["items"], details["new_items"], details["stored_bytes"]) == (ORDERS, 0, 0)


def test_an_unchanged_function_stores_its_code_once(app):
    stack, sample = app
    snapshot(stack, sample.function_id)
    codes = {
        blob["sha256"]
        for manifest in vault.points(stack, sample.function_id)
        for blob in manifest["blobs"]
        if blob["role"] == "code"
    }
    assert len(codes) == 1


def test_the_event_of_a_commit_makes_the_copy(app):
    stack, sample = app
    bucket = stack.outputs["ReplicaBucket"]
    wanted = newest(stack, sample.table_id)["point"]
    wait_until(
        lambda: wanted in [one["point"] for one in vault.points(stack, sample.table_id, bucket, REPLICA_REGION)],
        60,
        "the copy of the newest point",
        every=0.5,
    )
    wait_until(lambda: any(wanted in key for key in vault.facts(stack, "replicated")), 30, "its fact", every=0.5)


def test_replicating_a_point_twice_copies_nothing_the_second_time(app):
    stack, sample = app
    point = newest(stack, sample.table_id)["point"]
    invoke(stack, "Replicate", {"point": point})
    again = invoke(stack, "Replicate", {"point": point})
    assert (again["status"], again["outcomes"][0]["status"]) == ("Completed", "Unchanged")


def test_the_replica_is_hardened_like_the_home_vault(app):
    stack, sample = app
    invoke(stack, "Replicate", {"point": newest(stack, sample.table_id)["point"]})
    s3 = stack.client("s3", REPLICA_REGION)
    bucket = stack.outputs["ReplicaBucket"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms" and rule["BucketKeyEnabled"]
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    assert "aws:SecureTransport" in policy and "HoldfastOnlyPruneDeletes" in policy


def test_verify_proves_all_points_and_writes_it_down(app):
    stack, _ = app
    report = invoke(stack, "Verify", {"scrub": "all"})
    assert report["status"] == "Completed", report
    proved = {outcome["subject"] for outcome in report["outcomes"]}
    assert all(any(point in key for key in vault.facts(stack, "scrubbed")) for point in proved)


def test_a_restore_test_leaves_no_scratch_table(app):
    stack, sample = app
    report = invoke(stack, "Verify", {"restore_test": sample.table_id})
    assert report["status"] == "Completed", report
    assert report["outcomes"][0]["details"]["items"] == ORDERS
    assert sample.client("dynamodb").list_tables()["TableNames"] == [TABLE]


def test_the_tick_of_verify_measures_every_rpo(app):
    stack, _ = app
    report = invoke(stack, "Verify", {"tick": "2026-11-21T03:00:00Z"})
    assert report["metrics"]["RpoBreachedResources"] == 0, report
    assert report["metrics"]["ProtectedResources"] == 2
    assert any("RpoBreachedResources" in line for line in metrics(stack, "Verify"))


def test_a_dry_run_of_prune_explains_every_point_and_changes_nothing(app):
    stack, _ = app
    before = vault.keys(stack, "")
    report = invoke(stack, "Prune", {"dry_run": True})
    told = {outcome["subject"] for outcome in report["outcomes"] if outcome.get("message")}
    points = {manifest["point"] for key in vault.keys(stack, "points/") for manifest in [json.loads(vault.read(stack, key))]}
    assert report["dry_run"] and points <= told
    assert vault.keys(stack, "") == before


def test_a_table_is_restored_beside_the_old_one_with_every_item_and_setting(app):
    stack, sample = app
    point = newest(stack, sample.table_id)["point"]
    request = {"resource": sample.table_id, "point": point, "target": {"name": "orders-restored"}}
    report = invoke(stack, "Restore", request)
    assert report["status"] == "Completed", report
    assert observe.items(sample, "orders-restored") == observe.items(sample)
    settings = (observe.table_settings(sample), observe.table_settings(sample, "orders-restored"))
    assert observe.differences(*settings) == []
    again = invoke(stack, "Restore", request)
    assert again["outcomes"][0]["status"] == "Unchanged", again


def test_a_restore_never_overwrites(app):
    stack, sample = app
    before = observe.items(sample)
    for resource, name in ((sample.table_id, TABLE), (sample.function_id, FUNCTION)):
        report = invoke(stack, "Restore", {"resource": resource, "target": {"name": name}})
        assert report["status"] == "Failed", report
        assert "choose another" in report["outcomes"][0]["message"]
    assert observe.items(sample) == before


def test_a_function_is_restored_with_its_mapping_quiet(app):
    stack, sample = app
    request = {"resource": sample.function_id, "target": {"name": "intake-restored"}}
    report = invoke(stack, "Restore", request)
    assert report["status"] in ("Completed", "Partial"), report
    was, now = observe.function_settings(sample), observe.function_settings(sample, "intake-restored")
    assert [mapping["State"] for mapping in now["EventSourceMappings"]] == ["Disabled"]
    for settings in (was, now):
        del settings["EventSourceMappings"]
    assert observe.differences(was, now) == []


def test_the_secrets_of_a_function_are_in_no_log(app):
    stack, _ = app
    logs = stack.client("logs")
    for function in ("Snapshot", "Verify", "Restore", "Replicate", "Prune"):
        group = f"/aws/lambda/{stack.function(function)}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        assert not any("secret-of-the-shop" in event["message"] for page in pages for event in page["events"])


@pytest.mark.parametrize(
    ("function", "event", "words"),
    [
        ("Snapshot", {"resource": "orders"}, "kind/region/name"),
        ("Snapshot", {"resource": "dynamodb-table/eu-central-1/nothing"}, "does not exist"),
        ("Replicate", {"point": "x"}, "recovery point"),
        ("Prune", {"dry_run": "yes"}, "dry_run"),
        ("Verify", {}, "name one of"),
        ("Restore", {"resource": "dynamodb-table/eu-central-1/nothing"}, "no recovery point"),
        ("Restore", {"resource": "dynamodb-table/eu-central-1/orders", "point": "yesterday"}, "latest"),
    ],
)
def test_bad_input_is_answered_with_what_to_change(app, function: str, event: dict, words: str):
    stack, _ = app
    with pytest.raises(FunctionFailed) as failed:
        invoke(stack, function, event)
    assert failed.value.error_type in ("InvalidRequest", "NotFound")
    assert words in failed.value.message


def test_a_bad_policy_stops_no_backup_and_is_told(app):
    stack, sample = app
    try:
        # The good one is remembered at a tick.
        invoke(stack, "Snapshot", {"tick": "2026-11-21T03:00:00Z"})
        vault.write_policy(stack, QUIET_POLICY.replace("retention:", "retentoin:"))
        report = invoke(stack, "Snapshot", {"tick": "2026-11-21T03:00:00Z"})
        assert report["metrics"]["PolicyInvalid"] == 1
        assert any("did you mean retention?" in note for note in report["notes"]), report
        assert snapshot(stack, sample.table_id)["status"] == "Done"
    finally:
        vault.write_policy(stack, QUIET_POLICY)


def test_a_damaged_pack_is_found_and_the_next_point_heals_it(deploy_stack: Callable[..., Stack]):
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    try:
        sample = Sample(stack.cloud, stack.account, stack.region)
        vault.write_policy(stack, QUIET_POLICY)
        sample.create_table(200)
        first = invoke(stack, "Snapshot", {"resource": sample.table_id})["outcomes"][0]["subject"]
        pack = next(key for key in vault.keys(stack, "packs/") if key.endswith(".jsonl.zst"))
        stack.client("s3").put_object(Bucket=stack.vault, Key=pack, Body=vault.read(stack, pack)[:-1])

        report = invoke(stack, "Verify", {"scrub": "all"})
        assert report["status"] == "Failed" and pack in report["outcomes"][0]["message"]
        # Left to itself, restore would take the copy in the replica, where there is one by now.
        request = {"resource": sample.table_id, "point": first, "from": "home", "target": {"name": "never-made"}}
        refused = invoke(stack, "Restore", request)
        assert refused["status"] == "Failed" and "corrupt" in refused["outcomes"][0]["message"]

        sample.put_orders([order(3, "changed")])
        second = snapshot(stack, sample.table_id)["subject"]
        assert second != first
        proved = invoke(stack, "Verify", {"scrub": second})
        assert proved["status"] == "Completed", proved
    finally:
        destroy(stack)
