"""Backup and restore jobs of the stand-in for AWS Backup: how they move, and each documented way in which they end."""

from __future__ import annotations

import datetime

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup.sample import BackupAccount


def refused(call, **parameters) -> tuple[str, int]:
    """The error code and the HTTP status with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def points(account: BackupAccount, vault: str = "main") -> list[dict]:
    return account.backup().list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]


def test_each_look_at_a_job_moves_it_on(account):
    job = account.start_backup(account.table())
    states = [account.backup().describe_backup_job(BackupJobId=job)["State"] for _ in range(4)]
    assert states == ["CREATED", "RUNNING", "COMPLETED", "COMPLETED"]


def test_a_job_that_nobody_looks_at_ends_by_the_clock(account):
    job = account.start_backup(account.table())
    account.control.advance(120)
    assert account.backup().describe_backup_job(BackupJobId=job)["State"] == "COMPLETED"


def test_a_job_stays_where_a_knob_holds_it(account):
    account.control.faults(stay={"backup": "RUNNING"})
    job = account.start_backup(account.table())
    states = [account.backup().describe_backup_job(BackupJobId=job)["State"] for _ in range(4)]
    assert states == ["CREATED", "RUNNING", "RUNNING", "RUNNING"]
    account.control.faults(stay=None)
    assert account.follow_backup(job)["State"] == "COMPLETED"


def test_a_point_is_creating_while_its_job_runs(account):
    account.control.faults(stay={"backup": "RUNNING"})
    job = account.start_backup(account.table())
    account.control.advance(60)
    (point,) = points(account)
    assert point["Status"] == "CREATING"
    assert point["RecoveryPointArn"] == account.backup().describe_backup_job(BackupJobId=job)["RecoveryPointArn"]


@pytest.mark.parametrize(
    ("state", "left"),
    [("COMPLETED", ["COMPLETED"]), ("PARTIAL", ["PARTIAL"]), ("FAILED", []), ("ABORTED", []), ("EXPIRED", [])],
)
def test_a_job_ends_as_a_knob_says(account, state, left):
    account.control.faults(outcomes=[{"kind": "backup", "state": state, "message": "said by a test"}])
    job = account.follow_backup(account.start_backup(account.table()))
    assert (job["State"], job["StatusMessage"]) == (state, "said by a test")
    assert [point["Status"] for point in points(account)] == left


def test_a_job_that_cannot_start_expires_with_its_start_window(account):
    account.control.faults(stay={"backup": "CREATED"})
    job = account.start_backup(account.table(), StartWindowMinutes=60)
    account.control.advance(59 * 60)
    assert account.backup().describe_backup_job(BackupJobId=job)["State"] == "CREATED"
    account.control.advance(60)
    assert account.backup().describe_backup_job(BackupJobId=job)["State"] == "EXPIRED"


def test_a_job_that_does_not_end_expires_with_its_completion_window(account):
    account.control.faults(stay={"backup": "RUNNING"})
    job = account.start_backup(account.table(), StartWindowMinutes=60, CompleteWindowMinutes=120)
    account.control.advance(60)
    assert account.backup().describe_backup_job(BackupJobId=job)["State"] == "RUNNING"
    account.control.advance(120 * 60)
    assert account.backup().describe_backup_job(BackupJobId=job)["State"] == "EXPIRED"
    assert points(account) == []


def test_a_resource_has_one_job_at_a_time(account):
    table = account.table()
    account.control.faults(stay={"backup": "RUNNING"})
    first = account.start_backup(table)
    account.control.advance(60)
    second = account.follow_backup(account.start_backup(table))
    assert second["State"] == "FAILED"
    assert "running backup job for the same resource" in second["StatusMessage"]
    account.control.faults(stay=None)
    assert account.follow_backup(first)["State"] == "COMPLETED"


def test_a_stopped_job_is_aborted_and_leaves_nothing(account):
    job = account.start_backup(account.table())
    account.backup().stop_backup_job(BackupJobId=job)
    assert account.backup().describe_backup_job(BackupJobId=job)["State"] == "ABORTING"
    assert account.follow_backup(job)["State"] == "ABORTED"
    assert points(account) == []


def test_the_job_of_a_database_cannot_be_stopped(account):
    job = account.start_backup(account.instance())
    assert refused(account.backup().stop_backup_job, BackupJobId=job) == ("InvalidRequestException", 400)


def test_the_same_token_gives_the_same_job(account):
    table = account.table()
    first = account.start_backup(table, IdempotencyToken="slot-1")
    account.follow_backup(first)
    assert account.start_backup(table, IdempotencyToken="slot-1") == first
    assert len(account.backup().list_backup_jobs()["BackupJobs"]) == 1


def test_the_same_token_with_other_parameters_is_refused(account):
    table = account.table()
    account.start_backup(table, IdempotencyToken="slot-1")
    with pytest.raises(account.backup().exceptions.InvalidParameterValueException):
        account.start_backup(table, IdempotencyToken="slot-1", Lifecycle={"DeleteAfterDays": 9})


def test_a_start_whose_answer_is_lost_is_found_again_by_its_token(account):
    table = account.table()
    account.control.faults(lose_answer=[{"operation": "StartBackupJob", "error": "ServiceUnavailableException"}])
    with pytest.raises(account.backup().exceptions.ServiceUnavailableException):
        account.start_backup(table, IdempotencyToken="slot-1")
    account.start_backup(table, IdempotencyToken="slot-1")
    assert len(account.backup().list_backup_jobs()["BackupJobs"]) == 1
    assert account.control.calls("StartBackupJob") == ["ServiceUnavailableException", "ok"]


def test_jobs_are_forgotten_after_thirty_days_and_their_points_are_not(account):
    job = account.start_backup(account.table())
    account.follow_backup(job)
    account.control.advance(days=29)
    assert len(account.backup().list_backup_jobs()["BackupJobs"]) == 1
    account.control.advance(days=2)
    assert account.backup().list_backup_jobs()["BackupJobs"] == []
    assert refused(account.backup().describe_backup_job, BackupJobId=job)[0] == "ResourceNotFoundException"
    assert len(points(account)) == 1


def test_a_point_can_be_made_in_the_past(account):
    account.control.advance(days=-40)
    account.backup_of(account.table(items=1))
    account.control.advance(days=40)
    (point,) = points(account)
    age = datetime.datetime.now(datetime.UTC) - point["CreationDate"]
    assert age.days == 40


def test_a_throttled_call_is_answered_when_it_is_asked_again(account):
    account.control.faults(refuse=[{"operation": "*", "error": "ThrottlingException", "times": 2}])
    codes = [refused(account.backup().list_backup_vaults)[0] for _ in range(2)]
    assert codes == ["ThrottlingException", "ThrottlingException"]
    assert len(account.backup().list_backup_vaults()["BackupVaultList"]) == 1


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"Lifecycle": {"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 99}}, "InvalidParameterValueException"),
        ({"Lifecycle": {"DeleteAfterDays": 36_501}}, "InvalidParameterValueException"),
        ({"StartWindowMinutes": 59}, "InvalidParameterValueException"),
        ({"StartWindowMinutes": 120, "CompleteWindowMinutes": 120}, "InvalidParameterValueException"),
        ({"BackupOptions": {"BackupACLs": "disabled"}}, "InvalidParameterValueException"),
        ({"RecoveryPointTags": {f"tag-{number}": "x" for number in range(11)}}, "LimitExceededException"),
    ],
)
def test_a_job_that_contradicts_itself_is_refused(account, parameters, error):
    table = f"arn:aws:dynamodb:{account.region}:{account.account}:table/orders"
    assert refused(account.start_backup, resource_arn=table, **parameters)[0] == error


def test_ninety_days_in_cold_storage_are_enough(account):
    account.start_backup(account.table(), Lifecycle={"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 100})


@pytest.mark.parametrize(
    ("days", "state"), [(6, "FAILED"), (7, "COMPLETED"), (30, "COMPLETED"), (31, "FAILED"), (None, "FAILED")]
)
def test_a_lock_fails_the_jobs_outside_its_bounds(account, days, state):
    account.backup().put_backup_vault_lock_configuration(
        BackupVaultName="main", MinRetentionDays=7, MaxRetentionDays=30
    )
    lifecycle = {"Lifecycle": {"DeleteAfterDays": days}} if days else {}
    assert account.follow_backup(account.start_backup(account.table(), **lifecycle))["State"] == state


def test_a_disabled_key_fails_the_jobs_that_need_it(account):
    key = account.backup().describe_backup_vault(BackupVaultName="main")["EncryptionKeyArn"]
    table = account.table()
    point = account.backup_of(table)
    account.client("kms").disable_key(KeyId=key)
    for job in (
        account.follow_backup(account.start_backup(table)),
        account.follow_restore(account.start_restore(point, {"targetTableName": "again"})),
    ):
        assert job.get("State", job.get("Status")) == "FAILED"
        assert "is disabled (Service: Kms" in job["StatusMessage"]


def test_a_key_that_is_to_be_deleted_fails_jobs_too(account):
    key = account.key()
    account.vault("doomed", key=key)
    account.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    job = account.follow_backup(account.start_backup(account.table(), "doomed"))
    assert job["State"] == "FAILED"
    assert "pending deletion" in job["StatusMessage"]


def test_a_vault_without_a_key_gets_the_one_that_aws_manages(account):
    account.backup().create_backup_vault(BackupVaultName="plain")
    key = account.backup().describe_backup_vault(BackupVaultName="plain")["EncryptionKeyArn"]
    described = account.client("kms").describe_key(KeyId="alias/aws/backup")["KeyMetadata"]
    assert (described["Arn"], described["KeyManager"]) == (key, "AWS")


def test_a_database_that_is_not_available_fails_its_backup(account):
    arn = account.instance()
    account.client("rds").stop_db_instance(DBInstanceIdentifier="orders-db")
    job = account.follow_backup(account.start_backup(arn))
    assert job["State"] == "FAILED"
    assert "stopped" in job["StatusMessage"]


def test_a_validation_result_stays_with_its_restore_job(account):
    point = account.backup_of(account.table())
    job = account.start_restore(point, {"targetTableName": "again"}, IdempotencyToken="test-1")
    put = account.backup().put_restore_validation_result
    early = refused(put, RestoreJobId=job, ValidationStatus="SUCCESSFUL")
    account.follow_restore(job)
    done = put(RestoreJobId=job, ValidationStatus="FAILED", ValidationStatusMessage="3 items differ")
    described = account.backup().describe_restore_job(RestoreJobId=job)
    assert early == ("InvalidRequestException", 400)
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert (described["ValidationStatus"], described["ValidationStatusMessage"]) == ("FAILED", "3 items differ")


def test_a_restore_without_its_target_is_refused(account):
    point = account.backup_of(account.table())
    assert (
        refused(account.start_restore, point_arn=point, metadata={"encryptionType": "Default"})[0]
        == "InvalidParameterValueException"
    )


def test_jobs_are_found_by_what_they_are(account):
    table, instance = account.table(), account.instance()
    account.backup_of(table)
    account.start_backup(instance)
    jobs = account.backup().list_backup_jobs
    found = {
        "state": jobs(ByState="COMPLETED"),
        "type": jobs(ByResourceType="DynamoDB"),
        "resource": jobs(ByResourceArn=table),
    }
    assert {
        name: [job["ResourceArn"] for job in answer["BackupJobs"]] for name, answer in found.items()
    } == dict.fromkeys(found, [table])


def test_a_listing_comes_in_pages_of_the_size_that_a_knob_allows(account):
    for name in ("b", "c", "d"):
        account.vault(f"vault-{name}")
    account.control.faults(page_size=2)
    pages = account.backup().get_paginator("list_backup_vaults").paginate().build_full_result()
    assert [vault["BackupVaultName"] for vault in pages["BackupVaultList"]] == ["main", "vault-b", "vault-c", "vault-d"]
    assert account.control.calls("ListBackupVaults") == ["ok", "ok"]
