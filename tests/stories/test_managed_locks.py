"""The vaults of AWS Backup are locked as the policy says, on deployed stacks with IAM enforced: in governance mode where the stack allows
no more, for good where it does, and never while that would keep a point for ever.

That a lock becomes immutable after its three days is told with a manual clock (tests/tests/aws_backup/locked.rs): the functions' clock
in the local cloud cannot be moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import follow, invoke, settled, snapshot
from tests.local.sample import Sample

POLICY = """
version: 1
plans:
  - name: standard
    engine: aws-backup
    aws_backup: {delete_after: 30d}
    schedule: {every: 1d}
    retention: {keep_last: 5}
    compliance: {lock: governance, lock_for: 7d, maximum: 60d}
"""
ENDLESS = POLICY.replace("    aws_backup: {delete_after: 30d}\n", "")
FOR_GOOD = POLICY.replace("lock: governance", "lock: compliance")
SENTENCE = "I understand that locked backups cannot be deleted by anyone"
TICK = {"tick": "2026-11-21T03:00:00Z"}
# Schedules rest: each invocation is the story's own.
RESTING = {"TickRate": "rate(30 minutes)", "VerifyRate": "rate(30 minutes)", "PruneRate": "rate(1 day)"}


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, Sample]]:
    """A stack that lets plans lock in governance mode, and a table whose first point has no end."""
    stack = deploy_stack(VaultLockMode="governance", **RESTING)
    Control(stack.cloud, stack.account).faults(drop_events=True)
    sample = Sample(stack.cloud, stack.account, stack.region)
    vault.write_policy(stack, ENDLESS)
    sample.create_table(5)
    yield stack, sample
    destroy(stack)


def described(stack: Stack, region: str | None = None) -> dict[str, Any]:
    return stack.client("backup", region).describe_backup_vault(BackupVaultName=stack.name)


def of_vault(stack: Stack) -> list[dict[str, Any]]:
    """What replicate says of the stack's own vault of AWS Backup."""
    outcomes = invoke(stack, "Replicate", TICK)["outcomes"]
    return [one for one in outcomes if one["subject"] == f"backup-vault/{stack.region}/{stack.name}"]


def test_a_plan_whose_points_never_end_keeps_the_vault_unlocked_and_is_told(app):
    stack, sample = app
    done = follow(stack, "Snapshot", TICK, sample.table_id)
    assert done["status"] == "Partial", done
    assert "AWS Backup's vault is not locked" in done["message"] and "delete_after: 7d or more" in done["message"], done
    assert of_vault(stack) == [] and not described(stack)["Locked"]


def test_a_point_without_an_end_is_named_and_the_vault_is_locked_when_it_has_one(app):
    stack, sample = app
    vault.write_policy(stack, POLICY)
    point = vault.points(stack, sample.table_id)[-1]["managed"]["recovery_point_arn"]
    (told,) = of_vault(stack)
    assert told["status"] == "Partial" and point in told["message"], told
    assert not described(stack)["Locked"]

    stack.client("backup").update_recovery_point_lifecycle(
        BackupVaultName=stack.name, RecoveryPointArn=point, Lifecycle={"DeleteAfterDays": 30}
    )
    (told,) = of_vault(stack)
    assert told["message"] == "locked in governance mode, for what is kept at least 7 days and at most 60 days", told
    now = described(stack)
    assert (now["Locked"], now["MinRetentionDays"], now["MaxRetentionDays"], now.get("LockDate")) == (True, 7, 60, None)
    assert of_vault(stack) == []


def test_points_and_copies_lie_in_locked_vaults_and_nobody_removes_them(app):
    stack, sample = app
    snapshot(stack, sample.table_id)
    done = settled(stack, "Snapshot", TICK, sample.table_id)
    assert all(outcome["status"] in ("Done", "Unchanged") for outcome in done), done
    point = vault.points(stack, sample.table_id)[-1]
    assert "lock" in point, "the manifest is locked too"
    for _ in range(10):
        if len(vault.points(stack, sample.table_id, stack.outputs["ReplicaBucket"], REPLICA_REGION)) == 2:
            break
        invoke(stack, "Replicate", TICK)
    assert described(stack, REPLICA_REGION)["MinRetentionDays"] == 7
    with pytest.raises(ClientError, match="(?i)lock"):
        stack.client("backup").delete_recovery_point(
            BackupVaultName=stack.name, RecoveryPointArn=point["managed"]["recovery_point_arn"]
        )


def test_the_policy_alone_locks_nothing_for_good(app):
    stack, sample = app
    vault.write_policy(stack, FOR_GOOD)
    assert of_vault(stack) == [] and "LockDate" not in described(stack)
    snapshot(stack, sample.table_id)
    done = follow(stack, "Snapshot", TICK, sample.table_id)
    assert "locked in governance mode" in done["message"] and "VaultLockMode compliance" in done["message"], done

    put = stack.client_as("Replicate", "backup").put_backup_vault_lock_configuration
    with pytest.raises(ClientError, match="AccessDenied"):
        put(BackupVaultName=stack.name, MinRetentionDays=7, ChangeableForDays=3)
    put(BackupVaultName=stack.name, MinRetentionDays=7, MaxRetentionDays=60)


def test_where_the_stack_allows_it_a_lock_is_for_good_after_three_days_that_are_told(deploy_stack: Callable[..., Stack]):
    stack = deploy_stack(VaultLockMode="compliance", ConfirmComplianceLock=SENTENCE, **RESTING)
    vault.write_policy(stack, FOR_GOOD)
    for _ in range(2):
        (told,) = of_vault(stack)
        assert told["status"] == "Done" and "nobody can take the lock off" in told["message"], told
    assert described(stack)["LockDate"] is not None

    # The command that is told, said by a person.
    vault.write_policy(stack, POLICY)
    stack.client("backup").delete_backup_vault_lock_configuration(BackupVaultName=stack.name)
    (told,) = of_vault(stack)
    assert told["message"].startswith("locked in governance mode"), told
    assert "LockDate" not in described(stack)
    destroy(stack)
