"""Recovery points of the stand-in for AWS Backup: what a delete really does, locks, holds, lifecycles and their ends."""

from __future__ import annotations

import datetime

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup.sample import BackupAccount


@pytest.fixture
def point(account: BackupAccount) -> str:
    """A recovery point of a table, kept for a year."""
    return account.backup_of(account.table(items=3), Lifecycle={"DeleteAfterDays": 365})


def refused(call, **parameters) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"]


def delete(account: BackupAccount, point: str) -> None:
    account.backup().delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point)


def describe(account: BackupAccount, point: str) -> dict:
    return account.backup().describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)


def test_a_deleted_point_is_not_found(account, point):
    delete(account, point)
    assert refused(describe, account=account, point=point) == "ResourceNotFoundException"


def test_a_delete_can_answer_well_and_leave_the_point_expired(account, point):
    account.control.faults(delete_is_not_done=True)
    delete(account, point)
    assert describe(account, point)["Status"] == "EXPIRED"
    account.control.faults(delete_is_not_done=None)
    delete(account, point)
    assert refused(describe, account=account, point=point) == "ResourceNotFoundException"


def test_a_point_can_be_deleting_for_a_while(account, point):
    account.control.faults(deleting_describes=2)
    delete(account, point)
    assert [describe(account, point)["Status"] for _ in range(2)] == ["DELETING", "DELETING"]
    assert refused(describe, account=account, point=point) == "ResourceNotFoundException"


def test_a_point_that_a_job_reads_is_not_deleted(account, point):
    account.control.faults(stay={"copy": "RUNNING"})
    account.start_copy(point, account.vault("second"))
    assert refused(delete, account=account, point=point) == "InvalidResourceStateException"


def test_a_locked_point_is_not_deleted_nor_changed(account, point):
    account.backup().put_backup_vault_lock_configuration(BackupVaultName="main", MinRetentionDays=7)
    change = account.backup().update_recovery_point_lifecycle
    assert refused(delete, account=account, point=point) == "InvalidRequestException"
    lifecycle = {"DeleteAfterDays": 400}
    assert (
        refused(change, BackupVaultName="main", RecoveryPointArn=point, Lifecycle=lifecycle)
        == "InvalidRequestException"
    )
    account.backup().delete_backup_vault_lock_configuration(BackupVaultName="main")
    delete(account, point)


def test_a_lock_with_a_date_cannot_be_taken_off_from_then_on(account):
    backup = account.backup()
    backup.put_backup_vault_lock_configuration(BackupVaultName="main", MinRetentionDays=7, ChangeableForDays=3)
    account.control.advance(days=2)
    backup.put_backup_vault_lock_configuration(BackupVaultName="main", MinRetentionDays=7, ChangeableForDays=3)
    account.control.advance(days=3)
    assert refused(backup.delete_backup_vault_lock_configuration, BackupVaultName="main") == "InvalidRequestException"
    described = backup.describe_backup_vault(BackupVaultName="main")
    assert (described["Locked"], described["MinRetentionDays"]) == (True, 7)


@pytest.mark.parametrize("bounds", [{"MinRetentionDays": 0}, {"MaxRetentionDays": 36_501}, {"ChangeableForDays": 2}])
def test_a_lock_outside_the_services_bounds_is_refused(account, bounds):
    put = account.backup().put_backup_vault_lock_configuration
    assert refused(put, BackupVaultName="main", **bounds) == "InvalidParameterValueException"


def test_a_held_point_is_not_deleted_until_the_hold_is_cancelled(account, point):
    hold = account.backup().create_legal_hold(
        Title="case 7", Description="keep", RecoveryPointSelection={"VaultNames": ["main"]}, IdempotencyToken="hold-1"
    )
    held = account.backup().list_recovery_points_by_legal_hold(LegalHoldId=hold["LegalHoldId"])["RecoveryPoints"]
    assert [each["RecoveryPointArn"] for each in held] == [point]
    assert refused(delete, account=account, point=point) == "InvalidRequestException"
    account.backup().cancel_legal_hold(LegalHoldId=hold["LegalHoldId"], CancelDescription="over")
    delete(account, point)


def test_a_hold_covers_only_the_dates_it_names(account, point):
    created = describe(account, point)["CreationDate"]
    last_year = {"FromDate": created - datetime.timedelta(days=400), "ToDate": created - datetime.timedelta(days=370)}
    account.backup().create_legal_hold(
        Title="last year",
        Description="keep",
        RecoveryPointSelection={"ResourceIdentifiers": [point], "DateRange": last_year},
    )
    delete(account, point)


def test_a_point_goes_when_its_time_has_come(account, point):
    account.control.advance(days=364)
    assert describe(account, point)["Status"] == "COMPLETED"
    account.control.advance(days=1)
    assert refused(describe, account=account, point=point) == "ResourceNotFoundException"


def test_a_point_whose_time_has_come_can_stay_expired(account, point):
    account.control.faults(expiry_is_not_done=True)
    account.control.advance(days=366)
    assert describe(account, point)["Status"] == "EXPIRED"


def test_a_held_point_outlives_its_time(account, point):
    account.backup().create_legal_hold(
        Title="case 7", Description="keep", RecoveryPointSelection={"ResourceIdentifiers": [point]}
    )
    account.control.advance(days=366)
    assert describe(account, point)["Status"] == "COMPLETED"


def test_a_changed_lifecycle_counts_from_the_points_creation(account, point):
    account.control.advance(days=10)
    change = account.backup().update_recovery_point_lifecycle
    changed = change(BackupVaultName="main", RecoveryPointArn=point, Lifecycle={"DeleteAfterDays": 20})
    created = describe(account, point)["CreationDate"]
    assert (changed["CalculatedLifecycle"]["DeleteAt"] - created).days == 20


def test_what_a_changed_lifecycle_does_not_say_is_unset(account, point):
    account.backup().update_recovery_point_lifecycle(BackupVaultName="main", RecoveryPointArn=point, Lifecycle={})
    assert "DeleteAt" not in describe(account, point)["CalculatedLifecycle"]


def test_a_point_goes_cold_and_its_transition_is_then_fixed(account):
    lifecycle = {"MoveToColdStorageAfterDays": 5, "DeleteAfterDays": 365}
    point = account.backup_of(account.table(items=3), Lifecycle=lifecycle)
    warm = describe(account, point)["StorageClass"]
    account.control.advance(days=6)
    assert (warm, describe(account, point)["StorageClass"]) == ("WARM", "COLD")
    change = account.backup().update_recovery_point_lifecycle
    later = {"MoveToColdStorageAfterDays": 50, "DeleteAfterDays": 365}
    assert (
        refused(change, BackupVaultName="main", RecoveryPointArn=point, Lifecycle=later)
        == "InvalidParameterValueException"
    )


def test_a_database_has_no_cold_storage(account):
    point = account.backup_of(account.instance(), Lifecycle={"MoveToColdStorageAfterDays": 5, "DeleteAfterDays": 365})
    account.control.advance(days=6)
    assert describe(account, point)["StorageClass"] == "WARM"


def test_a_continuous_point_is_disassociated_and_not_changed(account):
    table = account.table(items=3)
    account.control.faults(continuous=True, made_by_plan={"BackupPlanId": "nightly", "BackupPlanName": "Nightly"})
    point = account.backup_of(table)
    backup = account.backup()
    change = refused(
        backup.update_recovery_point_lifecycle,
        BackupVaultName="main",
        RecoveryPointArn=point,
        Lifecycle={"DeleteAfterDays": 9},
    )
    assert change == "InvalidRequestException"
    backup.disassociate_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    assert refused(describe, account=account, point=point) == "ResourceNotFoundException"


def test_a_snapshot_cannot_be_disassociated(account, point):
    assert (
        refused(account.backup().disassociate_recovery_point, BackupVaultName="main", RecoveryPointArn=point)
        == "InvalidRequestException"
    )


def test_points_of_a_customers_plan_say_so(account, point):
    account.control.faults(made_by_plan={"BackupPlanId": "nightly", "BackupPlanName": "Nightly"})
    theirs = account.backup_of(account.instance())
    found = account.backup().list_recovery_points_by_backup_vault(BackupVaultName="main", ByBackupPlanId="nightly")[
        "RecoveryPoints"
    ]
    assert [(each["RecoveryPointArn"], each["CreatedBy"]["BackupPlanName"]) for each in found] == [(theirs, "Nightly")]
    assert "CreatedBy" not in describe(account, point)


def test_a_point_without_the_advanced_features_has_dynamodbs_arn_and_key(account):
    account.backup().update_region_settings(ResourceTypeManagementPreference={"DynamoDB": False})
    point = account.backup_of(account.table(items=3))
    assert point.startswith(f"arn:aws:dynamodb:{account.region}:{account.account}:table/orders/backup/")
    assert describe(account, point)["IsEncrypted"] is False


def test_a_vault_with_points_is_not_deleted(account, point):
    assert refused(account.backup().delete_backup_vault, BackupVaultName="main") == "InvalidRequestException"
    delete(account, point)
    account.backup().delete_backup_vault(BackupVaultName="main")


def test_a_vault_that_is_not_there_looks_like_a_lack_of_rights(account):
    assert refused(account.backup().describe_backup_vault, BackupVaultName="nowhere") == "AccessDeniedException"


def test_regions_see_nothing_of_each_other(account, point):
    assert account.backup("eu-west-1").list_backup_vaults()["BackupVaultList"] == []
