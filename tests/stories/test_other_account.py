"""Copies in another account: made, looked after, refused where the bucket is somebody else's, and restored from.

The local cloud asks the bucket's policy, the key's policy and the roles, each with what it really says, and refuses a bucket of another
owner than the one that is expected (tests/local/accounts.py). It encrypts nothing: a disabled key keeps nobody from reading, so
what is shown of it is the finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

from tests.local import observe, vault
from tests.local.build import ROOT
from tests.local.cloud import Cloud
from tests.local.deploy import Stack
from tests.local.functions import invoke
from tests.local.sample import TABLE, Sample

REST = {"TickRate": "rate(30 minutes)", "VerifyRate": "rate(30 minutes)", "PruneRate": "rate(1 day)"}
THERE = "eu-north-1"
POLICY = f"""
version: 1
plans:
  - name: standard
    schedule: {{every: 1d}}
    retention: {{keep_last: 2, minimum_good: 1}}
    copies:
      - {{region: {THERE}}}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}


@dataclass(frozen=True)
class Destination:
    """destination.yaml, deployed in an account of its own."""

    cloud: Cloud
    account: str
    key_id: str

    @property
    def bucket(self) -> str:
        return f"holdfast-{self.account}-{THERE}"

    def client(self, service: str):
        return self.cloud.client(service, self.account, THERE)

    def keys(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def deploy_destination(cloud: Cloud, source_account: str) -> Destination:
    account = cloud.new_account()
    stacks = cloud.client("cloudformation", account, THERE)
    stacks.create_stack(
        StackName="destination",
        TemplateBody=(ROOT / "destination.yaml").read_text(),
        Parameters=[{"ParameterKey": "SourceAccount", "ParameterValue": source_account}],
    )
    stacks.get_waiter("stack_create_complete").wait(StackName="destination", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    (made,) = stacks.describe_stacks(StackName="destination")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
    assert (outputs["Account"], outputs["Region"]) == (account, THERE)
    return Destination(cloud, account, outputs["KeyId"])


def parameters(account: str, key_id: str) -> dict[str, str]:
    return {"OtherAccount": account, "OtherAccountRegion": THERE, "OtherAccountKeyId": key_id, **REST}


def findings(stack: Stack) -> list[str]:
    report = invoke(stack, "Verify", {"preflight": True})
    return [f"{outcome['subject']} {outcome['message']}" for outcome in report["outcomes"]]


@pytest.fixture(scope="module")
def copied(cloud: Cloud, deploy_stack: Callable[..., Stack]) -> tuple[Stack, Destination, Sample]:
    """A table with a point that has been copied into another account."""
    account = cloud.new_account()
    destination = deploy_destination(cloud, account)
    stack = deploy_stack(account=account, **parameters(destination.account, destination.key_id))
    vault.write_policy(stack, POLICY)
    sample = Sample(cloud, account, stack.region)
    sample.create_table(300)
    assert invoke(stack, "Snapshot", {"resource": sample.table_id})["status"] == "Completed"
    report = invoke(stack, "Replicate", TICK)
    assert report["status"] == "Completed", [one for one in report["outcomes"] if one["status"] != "Done"]
    return stack, destination, sample


def test_a_point_is_copied_whole_and_a_pre_flight_finds_nothing(copied):
    stack, destination, sample = copied
    (manifest,) = vault.points(stack, sample.table_id)
    assert len(destination.keys(f"points/{sample.table_id}/")) == 1
    for folder in ("packs/", "parts/", "blobs/"):
        assert set(vault.keys(stack, folder)) <= set(destination.keys(folder)) != set(), folder
    assert vault.facts(stack, f"replicated-to-{THERE}"), manifest["point"]
    head = destination.client("s3").head_object(Bucket=destination.bucket, Key=destination.keys("packs/")[0])
    assert head["SSEKMSKeyId"].endswith(destination.key_id), "under the key of the account that it lies in"
    assert findings(stack) == []


def test_a_key_there_that_is_disabled_or_goes_is_found(copied):
    stack, destination, _ = copied
    keys = destination.client("kms")
    keys.disable_key(KeyId=destination.key_id)
    try:
        (words,) = findings(stack)
        arn = f"arn:aws:kms:{THERE}:{destination.account}:key/{destination.key_id}"
        assert arn in words and "is disabled" in words and f"vault {destination.bucket} and 1 recovery points" in words
    finally:
        keys.enable_key(KeyId=destination.key_id)
    keys.schedule_key_deletion(KeyId=destination.key_id, PendingWindowInDays=7)
    try:
        report = invoke(stack, "Verify", {"preflight": True})
        assert report["metrics"]["KeysAtRisk"] == 1, report
        assert "cancel-key-deletion" in report["outcomes"][0]["message"]
    finally:
        keys.cancel_key_deletion(KeyId=destination.key_id)
        keys.enable_key(KeyId=destination.key_id)


def test_only_the_stacks_roles_get_in_and_none_changes_a_setting(copied):
    stack, destination, _ = copied
    (key,) = destination.keys("points/")
    reads = stack.client_as("Restore", "s3", THERE)
    reads.get_object(Bucket=destination.bucket, Key=key, ExpectedBucketOwner=destination.account)
    version = destination.client("s3").head_object(Bucket=destination.bucket, Key=key)["VersionId"]
    for function in ("Replicate", "Restore", "Verify", "Snapshot"):
        with pytest.raises(ClientError, match="AccessDenied"):
            stack.client_as(function, "s3", THERE).delete_object(Bucket=destination.bucket, Key=key, VersionId=version)
    with pytest.raises(ClientError, match="AccessDenied"):
        stack.client_as("Replicate", "s3", THERE).put_bucket_versioning(
            Bucket=destination.bucket, VersioningConfiguration={"Status": "Suspended"}
        )
    with pytest.raises(ClientError, match="AccessDenied"):
        # Not even the account's root user, whose path is not ours.
        stack.client("s3", THERE).get_object(Bucket=destination.bucket, Key=key)


def test_a_bucket_of_somebody_else_is_refused_and_said(cloud: Cloud, deploy_stack: Callable[..., Stack]):
    account, meant, stranger = cloud.new_account(), cloud.new_account(), cloud.new_account()
    taken = f"holdfast-{meant}-{THERE}"
    theirs = cloud.client("s3", stranger, THERE)
    theirs.create_bucket(Bucket=taken, CreateBucketConfiguration={"LocationConstraint": THERE})
    # It lets everybody of our account in: only whose it is speaks against it.
    welcome = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "s3:*"}
    welcome["Resource"] = [f"arn:aws:s3:::{taken}", f"arn:aws:s3:::{taken}/*"]
    theirs.put_bucket_policy(Bucket=taken, Policy=json.dumps({"Version": "2012-10-17", "Statement": [welcome]}))
    key = cloud.client("kms", meant, THERE).create_key()["KeyMetadata"]["KeyId"]

    stack = deploy_stack(account=account, **parameters(meant, key))
    vault.write_policy(stack, POLICY)
    sample = Sample(cloud, account, stack.region)
    sample.create_table(10)
    invoke(stack, "Snapshot", {"resource": sample.table_id})
    report = invoke(stack, "Replicate", TICK)
    assert report["status"] in ("Partial", "Failed"), report
    assert any(taken in outcome["message"] or taken in outcome["subject"] for outcome in report["outcomes"]), report
    assert theirs.list_objects_v2(Bucket=taken).get("Contents", []) == []
    assert any(taken in words and "may not be looked at" in words for words in findings(stack))


def test_when_the_home_vault_is_lost_a_restore_reads_from_the_other_account(copied):
    # Last in this module: it takes the home vault away.
    stack, destination, sample = copied
    before, settings = observe.items(sample), observe.table_settings(sample)
    vault.destroy(stack)
    dynamodb = sample.client("dynamodb")
    dynamodb.update_table(TableName=TABLE, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=TABLE)

    report = invoke(stack, "Restore", {"resource": sample.table_id, "target": {"name": TABLE}})
    assert report["status"] == "Completed", report
    assert any(destination.bucket in note for note in report["notes"]), report
    assert observe.items(sample) == before
    assert observe.differences(settings, observe.table_settings(sample)) == []
