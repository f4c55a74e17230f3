"""Backup plans of the stand-in for AWS Backup: kept with their selections, and continuous points that go back to a moment."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup.sample import BackupAccount

RULE = {
    "RuleName": "continuous",
    "TargetBackupVaultName": "main",
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "EnableContinuousBackup": True,
    "Lifecycle": {"DeleteAfterDays": 7},
}


def make(account: BackupAccount, name: str = "documents", rule: dict[str, Any] | None = None, **more: Any) -> str:
    """A backup plan's id."""
    document = {"BackupPlanName": name, "Rules": [rule or RULE]}
    return account.backup().create_backup_plan(BackupPlan=document, **more)["BackupPlanId"]


def select(account: BackupAccount, plan: str, *resources: str, name: str = "all", **more: Any) -> str:
    """A selection's id."""
    selection = {"SelectionName": name, "IamRoleArn": account.role, "Resources": list(resources)}
    made = account.backup().create_backup_selection(BackupPlanId=plan, BackupSelection=selection, **more)
    return made["SelectionId"]


def refused(call, **parameters) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"]


def points(account: BackupAccount) -> list[dict[str, Any]]:
    return account.backup().list_recovery_points_by_backup_vault(BackupVaultName="main")["RecoveryPoints"]


def now(account: BackupAccount) -> datetime.datetime:
    """The account's time."""
    ahead = datetime.timedelta(seconds=account.control.state()["ahead_s"])
    return datetime.datetime.now(datetime.UTC) + ahead


def test_a_plan_and_its_selection_are_read_as_they_were_made(account):
    plan = make(account, BackupPlanTags={"team": "papers"})
    selection = select(account, plan, "arn:aws:s3:::papers")
    backup = account.backup()
    described = backup.get_backup_plan(BackupPlanId=plan)
    assert described["BackupPlan"]["Rules"][0].items() >= RULE.items()
    assert backup.list_tags(ResourceArn=described["BackupPlanArn"])["Tags"] == {"team": "papers"}
    (listed,) = backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]
    assert (listed["SelectionId"], listed["SelectionName"]) == (selection, "all")
    content = backup.get_backup_selection(BackupPlanId=plan, SelectionId=selection)["BackupSelection"]
    assert content["Resources"] == ["arn:aws:s3:::papers"]


def test_the_same_request_makes_one_plan_and_one_selection(account):
    first = make(account, CreatorRequestId="once")
    assert make(account, CreatorRequestId="once") == first
    assert refused(lambda: make(account)) == "AlreadyExistsException"
    selection = select(account, first, "arn:aws:s3:::papers", CreatorRequestId="once")
    assert select(account, first, "arn:aws:s3:::papers", CreatorRequestId="once") == selection
    assert refused(lambda: select(account, first, "arn:aws:s3:::papers")) == "AlreadyExistsException"


def test_a_plan_that_has_selections_is_not_deleted(account):
    plan = make(account)
    selection = select(account, plan, "arn:aws:s3:::papers")
    backup = account.backup()
    assert refused(backup.delete_backup_plan, BackupPlanId=plan) == "InvalidRequestException"
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=selection)
    backup.delete_backup_plan(BackupPlanId=plan)
    assert refused(backup.get_backup_plan, BackupPlanId=plan) == "ResourceNotFoundException"
    assert refused(backup.delete_backup_plan, BackupPlanId=plan) == "ResourceNotFoundException"


@pytest.mark.parametrize("days", [36, None])
def test_a_continuous_rule_keeps_for_up_to_35_days(account, days):
    rule = {**RULE, "Lifecycle": {"DeleteAfterDays": days} if days else {}}
    assert refused(lambda: make(account, rule=rule)) == "InvalidParameterValueException"


def test_a_selection_names_at_most_500_and_a_role_that_the_service_can_assume(account):
    plan = make(account)
    many = [f"arn:aws:s3:::papers-{number}" for number in range(501)]
    assert refused(lambda: select(account, plan, *many)) == "InvalidParameterValueException"
    selection = {"SelectionName": "a", "IamRoleArn": f"{account.role}-not", "Resources": ["arn:aws:s3:::papers"]}
    call = account.backup().create_backup_selection
    assert refused(call, BackupPlanId=plan, BackupSelection=selection) == "InvalidParameterValueException"


def test_a_continuous_point_comes_with_time_and_goes_back_to_a_moment(account):
    bucket = account.bucket(f"papers-{account.account}")
    s3, name = account.client("s3"), bucket.rsplit(":", 1)[-1]
    s3.put_object(Bucket=name, Key="a", Body=b"first")
    s3.put_object(Bucket=name, Key="b", Body=b"there")
    plan = make(account)
    selection = select(account, plan, bucket)
    assert points(account) == []
    account.control.advance(days=1)
    account.control.advance(days=1)
    (point,) = points(account)
    assert ":recovery-point:continuous:" in point["RecoveryPointArn"]
    assert (point["Status"], point["CreatedBy"]["BackupPlanName"]) == ("COMPLETED", "documents")
    moment = now(account).strftime("%Y-%m-%dT%H:%M:%SZ")
    account.control.advance(3600)
    s3.put_object(Bucket=name, Key="a", Body=b"second")
    s3.delete_object(Bucket=name, Key="b")
    account.control.advance(3600)
    metadata = {"DestinationBucketName": f"{name}-then", "NewBucket": "true", "RestoreTime": moment}
    job = account.follow_restore(account.start_restore(point["RecoveryPointArn"], metadata))
    assert job["Status"] == "COMPLETED", job
    bodies = {key: s3.get_object(Bucket=f"{name}-then", Key=key)["Body"].read() for key in ("a", "b")}
    assert bodies == {"a": b"first", "b": b"there"}
    later = now(account).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"DestinationBucketName": f"{name}-now", "NewBucket": "true", "RestoreTime": later}
    account.follow_restore(account.start_restore(point["RecoveryPointArn"], metadata))
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=f"{name}-now")["Contents"]] == ["a"]
    account.backup().delete_backup_selection(BackupPlanId=plan, SelectionId=selection)
    account.control.advance(60)
    assert [point["Status"] for point in points(account)] == ["STOPPED"]


def test_a_moment_is_of_continuous_points_alone_and_within_their_time(account):
    bucket = account.bucket(f"papers-{account.account}")
    account.client("s3").put_object(Bucket=bucket.rsplit(":", 1)[-1], Key="a", Body=b"first")
    metadata = {"DestinationBucketName": "back", "NewBucket": "true"}
    moment = {"RestoreTime": now(account).strftime("%Y-%m-%dT%H:%M:%SZ")}
    once = account.backup_of(bucket)
    assert refused(lambda: account.start_restore(once, metadata | moment)) == "InvalidParameterValueException"
    select(account, make(account), bucket)
    account.control.advance(days=1)
    account.control.advance(days=1)
    continuous = next(point["RecoveryPointArn"] for point in points(account) if ":continuous:" in point["RecoveryPointArn"])
    assert refused(lambda: account.start_restore(continuous, metadata)) == "InvalidParameterValueException"
    assert refused(lambda: account.start_restore(continuous, metadata | moment)) == "InvalidParameterValueException"
