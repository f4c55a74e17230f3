"""Every operation of the stand-in for AWS Backup, asked by boto3: what it keeps, and that no answer leaves the model."""

from __future__ import annotations

import json
import urllib.error

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup.sample import BackupAccount

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "backup:Nothing", "Resource": "*"}],
    }
)
MAIN = {"BackupVaultName": "main"}


def test_what_a_vault_is_told_it_keeps(account):
    backup = account.backup()
    topic = f"arn:aws:sns:{account.region}:{account.account}:topic"
    backup.put_backup_vault_notifications(**MAIN, SNSTopicArn=topic, BackupVaultEvents=["COPY_JOB_FAILED"])
    backup.put_backup_vault_access_policy(**MAIN, Policy=POLICY)
    assert backup.get_backup_vault_notifications(**MAIN)["SNSTopicArn"] == topic
    assert backup.get_backup_vault_access_policy(**MAIN)["Policy"] == POLICY


def test_tags_come_and_go(account):
    backup = account.backup()
    arn = backup.describe_backup_vault(**MAIN)["BackupVaultArn"]
    backup.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
    backup.untag_resource(ResourceArn=arn, TagKeyList=["a"])
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"b": "2"}


def test_a_point_has_the_tags_that_its_job_was_given(account):
    point = account.backup_of(account.table(items=1), RecoveryPointTags={"plan": "standard"})
    assert account.backup().list_tags(ResourceArn=point)["Tags"] == {"plan": "standard"}


def test_settings_of_a_region_are_of_that_region(account):
    account.backup().update_region_settings(ResourceTypeOptInPreference={"S3": False})
    here, there = (account.backup(region).describe_region_settings() for region in (None, "eu-west-1"))
    assert here["ResourceTypeOptInPreference"]["S3"] is False
    assert there["ResourceTypeOptInPreference"]["S3"] is True


def test_a_resource_is_protected_by_its_newest_point(account):
    table = account.table(items=1)
    account.backup_of(table)
    account.control.advance(days=1)
    newest = account.backup_of(table)
    backup = account.backup()
    assert backup.describe_protected_resource(ResourceArn=table)["LastRecoveryPointArn"] == newest
    assert [each["ResourceArn"] for each in backup.list_protected_resources()["Results"]] == [table]
    assert len(backup.list_recovery_points_by_resource(ResourceArn=table)["RecoveryPoints"]) == 2


def test_a_knob_that_is_none_is_refused(account):
    with pytest.raises(urllib.error.HTTPError) as refused:
        account.control.faults(no_such_knob=True)
    assert refused.value.code == 400


def test_no_operation_answers_outside_the_services_model(account):
    for operation, parameters in every_call(account):
        try:
            getattr(account.backup(), operation)(**parameters)
        except ClientError as error:
            # Refusals are answers too. What is outside the model is a fault of the server.
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500, (operation, error)
    state = account.control.state()
    assert {name for name, _ in state["calls"]} == set(state["operations"])


def every_call(account: BackupAccount) -> list[tuple[str, dict]]:
    """A call of each operation that `BackupAccount` does not make by itself, on an account that has one of everything."""
    table = account.table(items=1)
    point = account.backup_of(table, Lifecycle={"DeleteAfterDays": 9}, RecoveryPointTags={"a": "1"})
    copy = account.start_copy(point, account.vault("second"))
    account.follow_copy(copy)
    restore = account.start_restore(point, {"targetTableName": "again"})
    account.follow_restore(restore)
    holds = account.backup().create_legal_hold(
        Title="t", Description="d", RecoveryPointSelection={"VaultNames": ["main"]}
    )
    rules = [{"RuleName": "daily", "TargetBackupVaultName": "main"}]
    documents = [{"BackupPlanName": name, "Rules": rules} for name in ("first", "second")]
    plans = [account.backup().create_backup_plan(BackupPlan=document) for document in documents]
    plan = {"BackupPlanId": plans[0]["BackupPlanId"]}
    content = {"SelectionName": "all", "IamRoleArn": account.role, "Resources": [table]}
    selected = account.backup().create_backup_selection(**plan, BackupSelection=content)
    selection = {**plan, "SelectionId": selected["SelectionId"]}
    hold, of_point = {"LegalHoldId": holds["LegalHoldId"]}, {**MAIN, "RecoveryPointArn": point}
    return [
        ("describe_backup_vault", MAIN),
        ("list_backup_vaults", {}),
        ("put_backup_vault_lock_configuration", {**MAIN, "MinRetentionDays": 1, "ChangeableForDays": 9}),
        ("describe_backup_vault", MAIN),
        ("delete_backup_vault_lock_configuration", MAIN),
        ("put_backup_vault_notifications", {**MAIN, "SNSTopicArn": "arn", "BackupVaultEvents": ["COPY_JOB_FAILED"]}),
        ("get_backup_vault_notifications", MAIN),
        ("delete_backup_vault_notifications", MAIN),
        ("put_backup_vault_access_policy", {**MAIN, "Policy": POLICY}),
        ("get_backup_vault_access_policy", MAIN),
        ("delete_backup_vault_access_policy", MAIN),
        ("list_backup_plans", {}),
        ("get_backup_plan", plan),
        ("update_backup_plan", {**plan, "BackupPlan": documents[0]}),
        ("list_backup_selections", plan),
        ("get_backup_selection", selection),
        ("delete_backup_selection", selection),
        ("delete_backup_plan", plan),
        ("list_backup_jobs", {}),
        ("stop_backup_job", {"BackupJobId": "none"}),
        ("describe_recovery_point", of_point),
        ("list_recovery_points_by_backup_vault", MAIN),
        ("list_recovery_points_by_backup_vault", {"BackupVaultName": "second"}),
        ("list_recovery_points_by_resource", {"ResourceArn": table}),
        ("get_recovery_point_restore_metadata", of_point),
        ("list_copy_jobs", {}),
        ("list_restore_jobs", {}),
        ("list_restore_jobs_by_protected_resource", {"ResourceArn": table}),
        ("get_restore_job_metadata", {"RestoreJobId": restore}),
        ("put_restore_validation_result", {"RestoreJobId": restore, "ValidationStatus": "SUCCESSFUL"}),
        ("describe_restore_job", {"RestoreJobId": restore}),
        ("list_legal_holds", {}),
        ("get_legal_hold", hold),
        ("list_recovery_points_by_legal_hold", hold),
        ("cancel_legal_hold", {**hold, "CancelDescription": "over"}),
        ("get_legal_hold", hold),
        ("tag_resource", {"ResourceArn": point, "Tags": {"b": "2"}}),
        ("untag_resource", {"ResourceArn": point, "TagKeyList": ["a"]}),
        ("list_tags", {"ResourceArn": point}),
        ("get_supported_resource_types", {}),
        ("describe_global_settings", {}),
        ("describe_region_settings", {}),
        ("update_region_settings", {"ResourceTypeOptInPreference": {"S3": False}}),
        ("describe_protected_resource", {"ResourceArn": table}),
        ("list_protected_resources", {}),
        ("update_recovery_point_lifecycle", {**of_point, "Lifecycle": {"DeleteAfterDays": 30}}),
        ("disassociate_recovery_point", of_point),
        ("delete_recovery_point", of_point),
        ("delete_backup_vault", MAIN),
    ]
