"""Plans with engine aws-backup on a deployed stack, IAM enforced: points of a table and a database are made, followed, copied,
tested, restored with their settings, and pruned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import follow, invoke, settled, snapshot
from tests.local.sample import TABLE, TAGS, Sample

ORDERS = 40
DATABASE = "shop"
# Once a day: what is due is due once, and everything else is asked for by hand.
POLICY = """
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {every: 1d}
    retention: {keep_last: 1, minimum_good: 1}
    objectives: {rpo: 2d, rto: 1h}
    verification: {restore_test_every: 7d}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}
DATABASE_ID = "rds-instance/{}/" + DATABASE


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, Sample]]:
    """A stack whose schedules rest, a table and a database, and a first point of each."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    # Ticks alone, one at a time: what events do is told by test_managed_events.py.
    Control(stack.cloud, stack.account).faults(drop_events=True)
    sample = Sample(stack.cloud, stack.account, stack.region)
    vault.write_policy(stack, POLICY)
    sample.create_table(ORDERS)
    sample.client("rds").create_db_instance(
        DBInstanceIdentifier=DATABASE,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="orders",
        MasterUserPassword="not-a-secret-here",
        Tags=[{"Key": key, "Value": value} for key, value in TAGS.items()],
    )
    yield stack, sample
    destroy(stack)


def database_id(stack: Stack) -> str:
    return DATABASE_ID.format(stack.region)


def backup_points(stack: Stack, region: str | None = None) -> list[dict[str, Any]]:
    """What AWS Backup has in the stack's vault."""
    client = stack.client("backup", region)
    return client.list_recovery_points_by_backup_vault(BackupVaultName=stack.name)["RecoveryPoints"]


def test_what_is_due_becomes_a_job_that_ticks_follow_until_its_point_is_in_the_catalogue(app):
    stack, sample = app
    report = invoke(stack, "Snapshot", TICK)
    started = {outcome["subject"].split("/2")[0]: outcome["status"] for outcome in report["outcomes"]}
    assert started == {sample.table_id: "Continuing", database_id(stack): "Continuing"}, report
    for resource in started:
        done = follow(stack, "Snapshot", TICK, resource) if not vault.points(stack, resource) else {"status": "Done"}
        assert done["status"] == "Done", done
        (manifest,) = vault.points(stack, resource)
        assert (manifest["engine"], manifest["managed"]["backup_vault"]) == ("aws-backup", stack.name)
    assert len(backup_points(stack)) == 2


def test_the_vault_of_aws_backup_has_the_stacks_key(app):
    stack, _ = app
    described = stack.client("backup").describe_backup_vault(BackupVaultName=stack.name)
    assert described["EncryptionKeyArn"].endswith(stack.outputs["VaultKeyArn"].rsplit("/", 1)[-1])


def test_points_are_copied_and_the_replica_names_its_copies(app):
    stack, sample = app
    for resource in (sample.table_id, database_id(stack)):
        point = vault.points(stack, resource)[-1]["point"]
        done = follow(stack, "Replicate", {"point": point}, resource)
        assert done["status"] in ("Done", "Unchanged"), done
        there = vault.points(stack, resource, stack.outputs["ReplicaBucket"], REPLICA_REGION)[-1]
        assert f":{REPLICA_REGION}:" in there["managed"]["recovery_point_arn"]
    assert len(backup_points(stack, REPLICA_REGION)) == 2


def test_a_table_comes_back_with_the_settings_that_aws_backup_leaves_out(app):
    stack, sample = app
    event = {"resource": sample.table_id, "target": {"name": "back-of-orders"}}
    done = follow(stack, "Restore", event, "dynamodb-table")
    assert done["status"] == "Done", done
    dynamodb = stack.client("dynamodb")
    assert dynamodb.scan(TableName="back-of-orders", Select="COUNT")["Count"] == ORDERS
    ttl = dynamodb.describe_time_to_live(TableName="back-of-orders")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")
    described = dynamodb.describe_table(TableName="back-of-orders")["Table"]
    assert described["StreamSpecification"]["StreamEnabled"] and described["DeletionProtectionEnabled"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags}.items() >= TAGS.items()


def test_a_database_comes_back_with_its_tags(app):
    stack, _ = app
    event = {"resource": database_id(stack), "target": {"name": "back-of-shop"}}
    done = follow(stack, "Restore", event, "rds-instance")
    assert done["status"] in ("Done", "Partial"), done
    (back,) = stack.client("rds").describe_db_instances(DBInstanceIdentifier="back-of-shop")["DBInstances"]
    assert {tag["Key"]: tag["Value"] for tag in back["TagList"]}.items() >= TAGS.items(), done


def test_a_table_and_a_database_come_back_as_one_application(app):
    stack, sample = app
    application = {"resources": [sample.table_id, database_id(stack)]}
    whole = settled(stack, "Restore", {"application": application, "target": {"prefix": "whole-"}})
    words = {outcome["subject"].split("/")[0]: outcome["details"]["word"] for outcome in whole}
    assert words == {"dynamodb-table": "created", "rds-instance": "created"}, whole
    count = stack.client("dynamodb").scan(TableName=f"whole-{TABLE}", Select="COUNT")["Count"]
    assert count == ORDERS
    assert stack.client("rds").describe_db_instances(DBInstanceIdentifier="whole-shop")["DBInstances"]


def test_a_restore_test_compares_tells_aws_backup_and_leaves_nothing(app):
    stack, sample = app
    done = follow(stack, "Verify", {"restore_test": sample.table_id}, "dynamodb-table")
    assert (done["status"], done["details"]["items"]) == ("Done", ORDERS), done
    jobs = stack.client("backup").list_restore_jobs()["RestoreJobs"]
    assert "SUCCESSFUL" in [job.get("ValidationStatus") for job in jobs]
    tables = stack.client("dynamodb").list_tables()["TableNames"]
    assert not [name for name in tables if name.startswith("holdfast-scratch-")]


def test_completed_with_issues_is_partial(app):
    stack, sample = app
    table = f"arn:aws:dynamodb:{stack.region}:{stack.account}:table/{TABLE}"
    outcome = {"kind": "backup", "state": "COMPLETED", "message": "2 items were skipped", "resource": table}
    Control(stack.cloud, stack.account).faults(outcomes=[outcome])
    snapshot(stack, sample.table_id)
    done = follow(stack, "Snapshot", TICK, sample.table_id)
    assert done["status"] == "Partial" and "2 items were skipped" in done["message"], done


def test_pruned_points_go_from_aws_backup_first_and_are_told_when_they_do_not(app):
    stack, sample = app
    # A good one beside the first: the last good one of a resource never goes.
    snapshot(stack, sample.table_id)
    done = follow(stack, "Snapshot", TICK, sample.table_id)
    assert done["status"] == "Done", done
    oldest, *_, newest = vault.points(stack, sample.table_id)
    # A point that is still to be copied takes no other's place.
    follow(stack, "Replicate", {"point": newest["point"]}, sample.table_id)
    before = len(backup_points(stack))
    vault.bury(stack, oldest["point"])
    control = Control(stack.cloud, stack.account)
    control.faults(delete_is_not_done=True)
    told = outcome_of(invoke(stack, "Prune", {"dry_run": False}), oldest["point"])
    assert told["status"] == "Partial" and "although AWS Backup said yes" in told["message"], told
    assert len(vault.points(stack, sample.table_id)) == 3, "the manifest stays with its data"
    control.faults(delete_is_not_done=None)
    told = outcome_of(invoke(stack, "Prune", {"dry_run": False}), oldest["point"])
    assert (told["status"], told["message"]) == ("Done", "AWS Backup: deleted"), told
    assert len(backup_points(stack)) == before - 1
    assert oldest["point"] not in [point["point"] for point in vault.points(stack, sample.table_id)]


def outcome_of(report: dict[str, Any], point: str) -> dict[str, Any]:
    found = [each for each in report["outcomes"] if each["subject"] == point and "AWS Backup" in each["message"]]
    assert found, json.dumps(report)
    return found[-1]
