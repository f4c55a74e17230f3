"""Copy jobs of the stand-in for AWS Backup: retention, order, quota, and each documented reason why a copy fails."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup.sample import BackupAccount
from tests.local.cloud import REPLICA_REGION


@pytest.fixture
def far(account: BackupAccount) -> str:
    """A vault in another region."""
    return account.vault("far", REPLICA_REGION)


@pytest.fixture
def other(account: BackupAccount, new_account: Callable[[], BackupAccount]) -> BackupAccount:
    """Another account with a vault into which the first may copy."""
    fresh = new_account()
    fresh.vault("away")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account.account}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    fresh.backup().put_backup_vault_access_policy(BackupVaultName="away", Policy=policy)
    return fresh


def away(other: BackupAccount) -> str:
    return f"arn:aws:backup:{other.region}:{other.account}:backup-vault:away"


def refused(call, *parameters, **more) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(*parameters, **more)
    return error.value.response["Error"]["Code"]


def test_a_copys_retention_counts_from_its_sources_creation(account, far):
    point = account.backup_of(account.table(items=3), Lifecycle={"DeleteAfterDays": 365})
    created = account.backup().describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)["CreationDate"]
    account.control.advance(days=10)
    copy = account.follow_copy(account.start_copy(point, far, Lifecycle={"DeleteAfterDays": 30}))
    described = account.backup(REPLICA_REGION).describe_recovery_point(
        BackupVaultName="far", RecoveryPointArn=copy["DestinationRecoveryPointArn"]
    )
    assert described["CreationDate"] == created
    assert (described["CalculatedLifecycle"]["DeleteAt"] - created).days == 30
    assert described["SourceBackupVaultArn"].endswith(":backup-vault:main")


@pytest.mark.parametrize("lifecycle", [{}, {"Lifecycle": {"DeleteAfterDays": -1}}])
def test_a_copy_that_is_told_nothing_or_never_takes_its_sources_retention(account, far, lifecycle):
    point = account.backup_of(account.table(items=3), Lifecycle={"DeleteAfterDays": 365})
    copy = account.follow_copy(account.start_copy(point, far, **lifecycle))
    described = account.backup(REPLICA_REGION).describe_recovery_point(
        BackupVaultName="far", RecoveryPointArn=copy["DestinationRecoveryPointArn"]
    )
    assert described["Lifecycle"]["DeleteAfterDays"] == 365


def test_copies_of_one_resource_take_turns(account, far):
    point = account.backup_of(account.table(items=3))
    account.control.faults(stay={"copy": "RUNNING"})
    first, second = account.start_copy(point, far), account.start_copy(point, account.vault("near"))
    account.control.advance(60)
    assert state(account, first) == "RUNNING"
    assert [state(account, second) for _ in range(3)] == ["CREATED"] * 3
    account.control.faults(stay=None)
    assert account.follow_copy(first)["State"] == "COMPLETED"
    assert account.follow_copy(second)["State"] == "COMPLETED"


def test_a_copy_that_cannot_begin_for_two_hours_fails(account, far):
    point = account.backup_of(account.table(items=3))
    account.control.faults(stay={"copy": "RUNNING"})
    account.start_copy(point, far)
    account.control.advance(60)
    second = account.start_copy(point, account.vault("near"))
    account.control.advance(3 * 3600)
    assert state(account, second) == "FAILED"


def state(account: BackupAccount, job: str) -> str:
    return account.backup().describe_copy_job(CopyJobId=job)["CopyJob"]["State"]


def test_the_same_token_gives_the_same_copy(account, far):
    point = account.backup_of(account.table(items=3))
    first = account.start_copy(point, far, IdempotencyToken="copy-1")
    assert account.start_copy(point, far, IdempotencyToken="copy-1") == first
    assert (
        refused(account.start_copy, point, account.vault("near"), IdempotencyToken="copy-1")
        == "InvalidParameterValueException"
    )


def test_the_quota_of_copies_that_leave_for_a_region_is_kept(account, far):
    points = [account.backup_of(account.table(f"orders-{number}", items=1)) for number in range(3)]
    account.control.faults(outbound_copies=2, stay={"copy": "RUNNING"})
    for point in points[:2]:
        account.start_copy(point, far)
    assert refused(account.start_copy, points[2], far) == "LimitExceededException"
    account.start_copy(points[2], account.vault("near"))


def test_a_point_that_is_not_complete_is_not_copied(account, far):
    account.control.faults(outcomes=[{"kind": "backup", "state": "PARTIAL"}])
    job = account.follow_backup(account.start_backup(account.table(items=3)))
    assert refused(account.start_copy, job["RecoveryPointArn"], far) == "InvalidRequestException"


def test_a_cold_point_is_not_copied(account, far):
    point = account.backup_of(account.table(items=3), Lifecycle={"MoveToColdStorageAfterDays": 5})
    account.control.advance(days=6)
    assert refused(account.start_copy, point, far) == "InvalidRequestException"


def test_a_continuous_point_is_not_copied(account, far):
    account.control.faults(continuous=True)
    point = account.backup_of(account.table(items=3))
    assert refused(account.start_copy, point, far) == "InvalidRequestException"


def test_a_table_without_the_advanced_features_is_not_copied(account, far):
    account.backup().update_region_settings(ResourceTypeManagementPreference={"DynamoDB": False})
    point = account.backup_of(account.table(items=3))
    failed(account, point, far, "Advanced features")


def test_a_destination_that_is_not_there_is_refused(account):
    point = account.backup_of(account.table(items=3))
    nowhere = f"arn:aws:backup:{REPLICA_REGION}:{account.account}:backup-vault:nowhere"
    assert refused(account.start_copy, point, nowhere) == "ResourceNotFoundException"


@pytest.mark.parametrize("days", [6, 31, None])
def test_a_locked_destination_fails_the_copies_outside_its_bounds(account, far, days):
    lock = account.backup(REPLICA_REGION).put_backup_vault_lock_configuration
    lock(BackupVaultName="far", MinRetentionDays=7, MaxRetentionDays=30)
    point = account.backup_of(account.table(items=3))
    failed(
        account,
        point,
        far,
        "does not comply with the lock",
        **({"Lifecycle": {"DeleteAfterDays": days}} if days else {}),
    )


def test_a_destination_key_that_is_disabled_before_the_copy_ends_fails_it(account):
    key = account.key(REPLICA_REGION)
    far = account.vault("far", REPLICA_REGION, key)
    point = account.backup_of(account.table(items=3))
    account.control.faults(stay={"copy": "RUNNING"})
    job = account.start_copy(point, far)
    account.control.advance(60)
    account.client("kms", REPLICA_REGION).disable_key(KeyId=key)
    account.control.faults(stay=None)
    assert "is disabled" in account.follow_copy(job)["StatusMessage"]
    assert (
        account.backup(REPLICA_REGION).list_recovery_points_by_backup_vault(BackupVaultName="far")["RecoveryPoints"]
        == []
    )


def test_an_account_that_did_not_open_its_vault_gets_no_copies(account, other):
    other.backup().delete_backup_vault_access_policy(BackupVaultName="away")
    point = account.backup_of(account.table(items=3))
    failed(account, point, away(other), "does not allow backup:CopyIntoBackupVault")


def test_accounts_of_different_organisations_do_not_copy(account, other):
    account.control.faults(same_organization=False)
    point = account.backup_of(account.table(items=3))
    failed(account, point, away(other), "same organization")


def test_a_vault_with_a_key_that_aws_manages_takes_no_copies_from_another_account(account, other):
    other.backup().create_backup_vault(BackupVaultName="plain")
    policy = other.backup().get_backup_vault_access_policy(BackupVaultName="away")["Policy"]
    other.backup().put_backup_vault_access_policy(BackupVaultName="plain", Policy=policy)
    point = account.backup_of(account.table(items=3))
    failed(account, point, away(other).replace(":away", ":plain"), "AWS managed key")


def test_a_database_under_a_key_that_aws_manages_does_not_leave_the_account(account, other):
    account.backup().create_backup_vault(BackupVaultName="plain")
    managed = account.backup().describe_backup_vault(BackupVaultName="plain")["EncryptionKeyArn"]
    point = account.backup_of(account.instance(StorageEncrypted=True, KmsKeyId=managed))
    failed(account, point, away(other), "AWS managed key")


def test_a_database_leaves_the_account_only_when_its_key_lets_the_other_account_in(account, other):
    key = account.key()
    point = account.backup_of(account.instance(StorageEncrypted=True, KmsKeyId=key))
    failed(account, point, away(other), "does not allow account")
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{each}:root"}, "Action": "kms:*", "Resource": "*"}
        for each in (account.account, other.account)
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    account.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    assert account.follow_copy(account.start_copy(point, away(other)))["State"] == "COMPLETED"


def failed(account: BackupAccount, point: str, destination: str, words: str, **more) -> None:
    """The copy starts, and fails with these words."""
    job = account.follow_copy(account.start_copy(point, destination, **more))
    assert job["State"] == "FAILED"
    assert words in job["StatusMessage"]
    assert "DestinationRecoveryPointArn" not in job
