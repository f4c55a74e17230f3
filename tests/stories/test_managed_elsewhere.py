"""Copies of AWS Backup in another account: destination.yaml there, a stack here, IAM enforced on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.cloud import Cloud
from tests.local.deploy import Stack, destroy
from tests.local.functions import FunctionFailed, invoke, settled, snapshot
from tests.local.sample import Sample
from tests.local.wait import wait_until

REGION = "eu-north-1"
DESTINATION = Path(__file__).resolve().parents[2] / "destination.yaml"
POLICY = f"""
version: 1
plans:
  - name: standard
    engine: aws-backup
    aws_backup: {{delete_after: 30d}}
    schedule: {{every: 1d}}
    retention: {{keep_last: 5}}
    copies: [{{region: {REGION}}}]
"""
ENDLESS = POLICY.replace("    aws_backup: {delete_after: 30d}\n", "")
TICK = {"tick": "2026-11-21T03:00:00Z"}


@dataclass(frozen=True)
class Accounts:
    """A stack, the table that it protects, and the account that its copies go to."""

    stack: Stack
    table: str
    other: str

    def there(self, service: str):
        """A client of the other account's root user."""
        return self.stack.cloud.client(service, self.other, REGION)

    def kept(self) -> list[dict[str, Any]]:
        """What AWS Backup has there."""
        return self.there("backup").list_recovery_points_by_backup_vault(BackupVaultName="holdfast")["RecoveryPoints"]

    def replicate(self) -> dict[str, Any]:
        """Ticks until the copy of the table's newest point does not go on; its outcome."""
        found = settled(self.stack, "Replicate", TICK, f"{REGION}: {self.table}")
        return found[0] if found else {"status": "none"}


@pytest.fixture(scope="module")
def accounts(cloud: Cloud, deploy_stack: Callable[..., Stack]) -> Iterator[Accounts]:
    """The template in one account, the stack in the other, its schedules at rest, and a first point of a table."""
    account, other = cloud.new_account(), cloud.new_account()
    outputs = deploy_destination(cloud, other, account)
    stack = deploy_stack(
        account,
        OtherAccount=outputs["Account"],
        OtherAccountRegion=outputs["Region"],
        OtherAccountKeyId=outputs["KeyId"],
        OtherAccountBackupVault=outputs["BackupVault"],
        TickRate="rate(30 minutes)",
        VerifyRate="rate(30 minutes)",
        PruneRate="rate(1 day)",
    )
    Control(cloud, account).faults(drop_events=True)
    sample = Sample(cloud, account, stack.region)
    sample.create_table(10)
    # The point's own event asks for its copy, so what the first story is about is there before it.
    vault.write_policy(stack, ENDLESS)
    for _ in range(10):
        invoke(stack, "Snapshot", TICK)
        if vault.points(stack, sample.table_id):
            break
    yield Accounts(stack, sample.table_id, other)
    destroy(stack)


def deploy_destination(cloud: Cloud, account: str, source: str) -> dict[str, str]:
    """Deploys destination.yaml for the copies of another account; its outputs."""
    client = cloud.client("cloudformation", account, REGION)
    parameters = [{"ParameterKey": "SourceAccount", "ParameterValue": source}]
    client.create_stack(StackName="holdfast-destination", TemplateBody=DESTINATION.read_text(), Parameters=parameters)

    def outputs() -> dict[str, str]:
        (stack,) = client.describe_stacks(StackName="holdfast-destination")["Stacks"]
        assert "ROLLBACK" not in stack["StackStatus"] and "FAILED" not in stack["StackStatus"], stack
        done = stack["StackStatus"] == "CREATE_COMPLETE"
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])} if done else {}

    wait_until(outputs, 60, "destination.yaml")
    return outputs()


def test_a_plan_whose_points_never_end_is_told_so_before_any_job(accounts: Accounts):
    told = accounts.replicate()
    vault.write_policy(accounts.stack, POLICY)
    assert told["status"] == "Failed" and "delete_after" in told["message"], told
    assert not Control(accounts.stack.cloud, accounts.stack.account).calls("StartCopyJob")


def test_a_point_is_copied_there_and_its_manifest_names_the_copy(accounts: Accounts):
    told = accounts.replicate()
    assert told["status"] == "Done", told
    (kept,) = accounts.kept()
    bucket = f"holdfast-{accounts.other}-{REGION}"
    s3 = accounts.there("s3")
    (listed,) = s3.list_objects_v2(Bucket=bucket, Prefix=f"points/{accounts.table}/")["Contents"]
    manifest = s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read().decode()
    assert kept["RecoveryPointArn"] in manifest and '"expires_at"' in manifest
    assert kept["Lifecycle"]["DeleteAfterDays"] == 30


def test_the_stack_may_neither_see_nor_remove_what_lies_there(accounts: Accounts):
    (kept,) = accounts.kept()
    backup = accounts.stack.client_as("Prune", "backup", REGION)
    for call in (backup.describe_recovery_point, backup.delete_recovery_point):
        with pytest.raises(backup.exceptions.ClientError):
            call(BackupVaultName="holdfast", RecoveryPointArn=kept["RecoveryPointArn"])
    assert [point["RecoveryPointArn"] for point in accounts.kept()] == [kept["RecoveryPointArn"]]


def test_a_restore_from_there_says_how_the_copy_comes_back(accounts: Accounts):
    event = {
        "resource": accounts.table,
        "from": REGION,
        "target": {"name": "orders-back", "region": REGION},
    }
    try:
        told = str(invoke(accounts.stack, "Restore", event))
    except FunctionFailed as failed:
        told = str(failed)
    assert "start-copy-job" in told and accounts.other in told, told


def test_accounts_of_two_organisations_are_told_in_the_services_words(accounts: Accounts):
    control = Control(accounts.stack.cloud, accounts.stack.account)
    before = len(vault.points(accounts.stack, accounts.table))
    snapshot(accounts.stack, accounts.table)
    for _ in range(10):
        if len(vault.points(accounts.stack, accounts.table)) > before:
            break
        invoke(accounts.stack, "Snapshot", TICK)
    control.faults(same_organization=False)
    told = accounts.replicate()
    control.faults(same_organization=None)
    assert told["status"] == "Failed" and "same organization" in told["message"], told
