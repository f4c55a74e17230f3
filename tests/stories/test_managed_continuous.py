"""A bucket under a plan that asks for continuous points, on a deployed stack with IAM enforced: the tick makes the backup plan, the
point comes with time and counts, the bucket comes back as it was at a moment, and what is asked for no more ends."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke

BUCKET = "shop-papers"
BEFORE = {"a.txt": "first", "b.txt": "there"}
ASKING = """
version: 1
plans:
  - name: standard
    engine: aws-backup
    aws_backup: {continuous: 35d}
    schedule: {every: 1d}
    retention: {keep_last: 2, minimum_good: 1}
    objectives: {rpo: 2d, rto: 1h}
"""
SILENT = ASKING.replace("    aws_backup: {continuous: 35d}\n", "")
TICK = {"tick": "2026-11-21T03:00:00Z"}
DAYS_BACK = 3


@pytest.fixture(scope="module")
def stack(deploy_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack whose schedules rest, an AWS Backup whose clock is some days behind, and a bucket that keeps versions."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    control = Control(stack.cloud, stack.account)
    control.faults(drop_events=True)
    # The functions' own clock cannot be pushed, so old points are made before it.
    control.advance(days=-DAYS_BACK)
    vault.write_policy(stack, ASKING)
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": stack.region})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "backup", "Value": "standard"}]})
    for key, body in BEFORE.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    yield stack
    destroy(stack)


def plan_subject(stack: Stack) -> str:
    return f"continuous/{stack.region}/standard"


def bucket_id(stack: Stack) -> str:
    return f"s3-bucket/{stack.region}/{BUCKET}"


def said(report: dict[str, Any], about: str) -> list[dict[str, Any]]:
    return [outcome for outcome in report["outcomes"] if outcome["subject"].startswith(about)]


def follow(stack: Stack, function: str, event: dict[str, Any], about: str) -> dict[str, Any]:
    """Invokes until nothing goes on, and gives the last outcome whose subject begins so."""
    for _ in range(20):
        found = said(invoke(stack, function, event), about)
        assert found
        if not any(outcome["status"] == "Continuing" for outcome in found):
            return found[-1]
    raise AssertionError(f"{about} goes on and on: {found}")


def plans(stack: Stack) -> list[dict[str, Any]]:
    return stack.client("backup").list_backup_plans()["BackupPlansList"]


def continuous_points(stack: Stack) -> list[dict[str, Any]]:
    points = stack.client("backup").list_recovery_points_by_backup_vault(BackupVaultName=stack.name)["RecoveryPoints"]
    return [point for point in points if ":recovery-point:continuous:" in point["RecoveryPointArn"]]


def test_the_tick_makes_the_backup_plan_and_the_next_one_has_nothing_to_add(stack):
    (told,) = said(invoke(stack, "Snapshot", TICK), plan_subject(stack))
    assert told["status"] == "Done" and "covers 1 resources" in told["message"], told
    backup = stack.client("backup")
    (plan,) = plans(stack)
    assert plan["BackupPlanName"] == f"{stack.name}-standard"
    (rule,) = backup.get_backup_plan(BackupPlanId=plan["BackupPlanId"])["BackupPlan"]["Rules"]
    assert (rule["EnableContinuousBackup"], rule["Lifecycle"]) == (True, {"DeleteAfterDays": 35})
    assert rule["TargetBackupVaultName"] == stack.name
    (selection,) = backup.list_backup_selections(BackupPlanId=plan["BackupPlanId"])["BackupSelectionsList"]
    where = {"BackupPlanId": plan["BackupPlanId"], "SelectionId": selection["SelectionId"]}
    assert backup.get_backup_selection(**where)["BackupSelection"]["Resources"] == [f"arn:aws:s3:::{BUCKET}"]
    assert said(invoke(stack, "Snapshot", TICK), plan_subject(stack)) == []


def test_with_time_the_point_comes_is_shown_as_ours_and_counts(stack):
    while not vault.points(stack, bucket_id(stack)):
        follow(stack, "Snapshot", TICK, bucket_id(stack))
    control = Control(stack.cloud, stack.account)
    for _ in range(DAYS_BACK):
        control.advance(days=1)
    (point,) = continuous_points(stack)
    assert (point["Status"], point["ResourceArn"]) == ("COMPLETED", f"arn:aws:s3:::{BUCKET}")
    shown = [each for each in said(invoke(stack, "Verify", TICK), bucket_id(stack)) if "our backup plan" in each["message"]]
    assert shown and "count towards the objective" in shown[0]["message"], shown


def test_an_object_that_was_overwritten_is_back_in_the_bucket_of_an_earlier_moment(stack):
    s3 = stack.client("s3")
    s3.put_object(Bucket=BUCKET, Key="a.txt", Body=b"second")
    s3.delete_object(Bucket=BUCKET, Key="b.txt")
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    event = {"resource": bucket_id(stack), "point": vault.points(stack, bucket_id(stack))[-1]["point"]}
    event |= {"time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "target": {"name": f"{BUCKET}-then"}}
    done = follow(stack, "Restore", event, "s3-bucket")
    assert (done["status"], done["details"]["moment"]) == ("Done", event["time"]), done
    assert {key: s3.get_object(Bucket=f"{BUCKET}-then", Key=key)["Body"].read().decode() for key in BEFORE} == BEFORE
    assert s3.get_object(Bucket=BUCKET, Key="a.txt")["Body"].read() == b"second"
    assert s3.get_bucket_tagging(Bucket=f"{BUCKET}-then")["TagSet"] == [{"Key": "backup", "Value": "standard"}]
    # With its tag it would be covered too.
    s3.delete_bucket_tagging(Bucket=f"{BUCKET}-then")


def test_prune_ends_nothing_that_is_wanted(stack):
    invoke(stack, "Snapshot", TICK)
    before = plans(stack)
    assert said(invoke(stack, "Prune", TICK), "continuous/") == []
    assert plans(stack) == before and continuous_points(stack)


def test_nobody_but_prune_ends_a_backup_plan_and_prune_ends_only_the_stacks_own(stack):
    (ours,) = plans(stack)
    backup = stack.client("backup")
    rule = {"RuleName": "daily", "TargetBackupVaultName": stack.name, "ScheduleExpression": "cron(0 4 ? * * *)"}
    theirs = backup.create_backup_plan(BackupPlan={"BackupPlanName": f"{stack.name}-theirs", "Rules": [rule]})
    for function, plan in (("Snapshot", ours), ("Prune", theirs)):
        with pytest.raises(ClientError, match="AccessDenied"):
            stack.client_as(function, "backup").delete_backup_plan(BackupPlanId=plan["BackupPlanId"])
    backup.delete_backup_plan(BackupPlanId=theirs["BackupPlanId"])


def test_taken_out_of_the_policy_it_ends_and_the_point_stays(stack):
    vault.write_policy(stack, SILENT)
    assert said(invoke(stack, "Prune", TICK), "continuous/") == [], "snapshot has not seen it yet"
    invoke(stack, "Snapshot", TICK)
    assert len(plans(stack)) == 1, "snapshot ends nothing"
    (told,) = said(invoke(stack, "Prune", {"dry_run": False}), plan_subject(stack))
    assert told["status"] == "Done" and f"arn:aws:s3:::{BUCKET}" in told["message"], told
    assert plans(stack) == []
    assert [point["Status"] for point in continuous_points(stack)] == ["STOPPED"]
