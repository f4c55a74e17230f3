"""The stand-in for AWS Backup moves data: what is backed up is what comes back, in another region and account too."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup.sample import BackupAccount
from tests.local.cloud import REPLICA_REGION


def items_of(account: BackupAccount, table: str, region: str | None = None) -> list[dict]:
    pages = account.client("dynamodb", region).get_paginator("scan").paginate(TableName=table)
    return sorted((item for page in pages for item in page["Items"]), key=lambda item: item["id"]["S"])


def test_a_restored_table_has_the_items_of_the_moment_at_which_its_job_began(account):
    table = account.table()
    before = items_of(account, "orders")
    point = account.backup_of(table)
    account.client("dynamodb").delete_item(TableName="orders", Key={"id": {"S": "order-00000"}})
    restored = account.follow_restore(account.start_restore(point, {"targetTableName": "orders-again"}))
    assert restored["Status"] == "COMPLETED", restored
    assert restored["CreatedResourceArn"] == table + "-again"
    assert items_of(account, "orders-again") == before


def test_a_restored_table_lacks_what_aws_backup_forgets(account):
    point = account.backup_of(account.table())
    restored = account.follow_restore(account.start_restore(point, {"targetTableName": "orders-again"}))
    dynamodb = account.client("dynamodb")
    description = dynamodb.describe_table(TableName="orders-again")["Table"]
    assert [index["IndexName"] for index in description["GlobalSecondaryIndexes"]] == ["by-day"]
    assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert not description.get("StreamSpecification", {}).get("StreamEnabled")
    assert (
        dynamodb.describe_time_to_live(TableName="orders-again")["TimeToLiveDescription"]["TimeToLiveStatus"]
        == "DISABLED"
    )
    assert dynamodb.list_tags_of_resource(ResourceArn=restored["CreatedResourceArn"])["Tags"] == []


def test_tags_come_back_when_they_are_asked_for(account):
    point = account.backup_of(account.table())
    job = account.start_restore(point, {"targetTableName": "orders-again"}, CopySourceTagsToRestoredResource=True)
    arn = account.follow_restore(job)["CreatedResourceArn"]
    tags = account.client("dynamodb").list_tags_of_resource(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "orders"}]


def test_a_table_that_is_there_fails_its_restore_and_is_left_as_it_is(account):
    point = account.backup_of(account.table())
    restored = account.follow_restore(account.start_restore(point, {"targetTableName": "orders"}))
    assert restored["Status"] == "FAILED"
    assert "orders" in restored["StatusMessage"]
    assert len(items_of(account, "orders")) == 60


def test_a_copy_in_another_region_restores_there_after_the_first_region_lost_all(account):
    table = account.table()
    before = items_of(account, "orders")
    point = account.backup_of(table)
    far = account.vault("far", REPLICA_REGION)
    copy = account.follow_copy(account.start_copy(point, far))
    assert copy["State"] == "COMPLETED", copy
    account.client("dynamodb").delete_table(TableName="orders")
    account.backup().delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    job = account.start_restore(copy["DestinationRecoveryPointArn"], {"targetTableName": "orders"}, REPLICA_REGION)
    assert account.follow_restore(job, REPLICA_REGION)["Status"] == "COMPLETED"
    assert items_of(account, "orders", REPLICA_REGION) == before


def test_a_copy_in_another_account_restores_there(account, new_account):
    point = account.backup_of(account.table())
    other = new_account()
    vault = other.vault("away")
    open_to(other, "away", account.account)
    copy = account.follow_copy(account.start_copy(point, vault))
    assert copy["State"] == "COMPLETED", copy
    job = other.start_restore(copy["DestinationRecoveryPointArn"], {"targetTableName": "orders"})
    assert other.follow_restore(job)["Status"] == "COMPLETED"
    assert items_of(other, "orders") == items_of(account, "orders")


def open_to(owner: BackupAccount, vault: str, account: str) -> None:
    """Lets another account copy into a vault."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner.backup().put_backup_vault_access_policy(BackupVaultName=vault, Policy=policy)


def test_a_bucket_comes_back_with_the_newest_version_of_each_object(account):
    bucket = account.bucket(f"papers-{account.account}")
    s3, name = account.client("s3"), bucket.rsplit(":", 1)[-1]
    s3.put_object(Bucket=name, Key="a/letter.txt", Body=b"first")
    s3.put_object(
        Bucket=name,
        Key="a/letter.txt",
        Body=b"second",
        ContentType="text/plain",
        Metadata={"by": "me"},
        Tagging="kind=letter",
    )
    s3.put_object(Bucket=name, Key="gone.txt", Body=b"gone")
    s3.delete_object(Bucket=name, Key="gone.txt")
    point = account.backup_of(bucket)
    target = {"DestinationBucketName": f"{name}-again", "NewBucket": "true"}
    restored = account.follow_restore(account.start_restore(point, target))
    assert restored["Status"] == "COMPLETED", restored
    got = s3.get_object(Bucket=f"{name}-again", Key="a/letter.txt")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"second", "text/plain", {"by": "me"})
    assert s3.get_object_tagging(Bucket=f"{name}-again", Key="a/letter.txt")["TagSet"] == [
        {"Key": "kind", "Value": "letter"}
    ]
    listed = s3.list_objects_v2(Bucket=f"{name}-again")["Contents"]
    assert [each["Key"] for each in listed] == ["a/letter.txt"]


def test_object_tags_stay_away_when_the_backup_was_told_to_leave_them(account):
    bucket = account.bucket(f"papers-{account.account}")
    s3, name = account.client("s3"), bucket.rsplit(":", 1)[-1]
    s3.put_object(Bucket=name, Key="letter.txt", Body=b"words", Tagging="kind=letter")
    point = account.backup_of(bucket, BackupOptions={"BackupObjectTags": "disabled", "BackupACLs": "disabled"})
    account.follow_restore(
        account.start_restore(point, {"DestinationBucketName": f"{name}-again", "NewBucket": "true"})
    )
    assert s3.get_object_tagging(Bucket=f"{name}-again", Key="letter.txt")["TagSet"] == []


def test_a_bucket_without_versions_fails_its_backup(account):
    bucket = account.bucket(f"loose-{account.account}", versioned=False)
    job = account.follow_backup(account.start_backup(bucket))
    assert job["State"] == "FAILED"
    assert "Versioning is not enabled" in job["StatusMessage"]


def test_a_bucket_with_frozen_objects_is_completed_with_issues(account):
    bucket = account.bucket(f"papers-{account.account}")
    s3, name = account.client("s3"), bucket.rsplit(":", 1)[-1]
    s3.put_object(Bucket=name, Key="warm.txt", Body=b"warm")
    s3.put_object(Bucket=name, Key="frozen.txt", Body=b"frozen", StorageClass="GLACIER")
    job = account.follow_backup(account.start_backup(bucket))
    assert job["State"] == "COMPLETED"
    assert "could not be backed up" in job["StatusMessage"]


def test_an_instance_comes_back_with_what_the_metadata_says_and_without_its_tags(account):
    instance = account.instance(MultiAZ=True)
    point = account.backup_of(instance)
    rds = account.client("rds")
    (snapshot,) = rds.describe_db_snapshots(DBInstanceIdentifier="orders-db")["DBSnapshots"]
    assert (snapshot["DBSnapshotArn"], snapshot["SnapshotType"]) == (point, "awsbackup")
    metadata = account.backup().get_recovery_point_restore_metadata(BackupVaultName="main", RecoveryPointArn=point)[
        "RestoreMetadata"
    ]
    assert metadata["DBInstanceIdentifier"] == "orders-db"
    wanted = {**metadata, "DBInstanceIdentifier": "scratch", "DBInstanceClass": "db.t3.small", "MultiAZ": "false"}
    restored = account.follow_restore(account.start_restore(point, wanted))
    assert restored["Status"] == "COMPLETED", restored
    (made,) = rds.describe_db_instances(DBInstanceIdentifier="scratch")["DBInstances"]
    assert restored["CreatedResourceArn"] == made["DBInstanceArn"]
    assert (made["DBInstanceStatus"], made["DBInstanceClass"], made["MultiAZ"]) == ("available", "db.t3.small", False)
    assert (made["AllocatedStorage"], made["MasterUsername"], made["TagList"]) == (20, "orders", [])


def test_a_deleted_point_takes_its_snapshot_along(account):
    point = account.backup_of(account.instance())
    account.backup().delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point)
    assert account.client("rds").describe_db_snapshots()["DBSnapshots"] == []


def test_a_cluster_comes_back_without_instances(account):
    rds = account.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="ledger",
        Engine="aurora-postgresql",
        MasterUsername="ledger",
        MasterUserPassword="not-a-secret-here",
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 2},
    )
    rds.create_db_instance(
        DBInstanceIdentifier="ledger-1",
        DBInstanceClass="db.serverless",
        Engine="aurora-postgresql",
        DBClusterIdentifier="ledger",
    )
    arn = rds.describe_db_clusters(DBClusterIdentifier="ledger")["DBClusters"][0]["DBClusterArn"]
    point = account.backup_of(arn)
    metadata = account.backup().get_recovery_point_restore_metadata(BackupVaultName="main", RecoveryPointArn=point)[
        "RestoreMetadata"
    ]
    restored = account.follow_restore(account.start_restore(point, {**metadata, "DBClusterIdentifier": "scratch"}))
    assert restored["Status"] == "COMPLETED", restored
    (made,) = rds.describe_db_clusters(DBClusterIdentifier="scratch")["DBClusters"]
    assert (made["Status"], made["Engine"], made["DBClusterMembers"]) == ("available", "aurora-postgresql", [])


def test_a_file_system_comes_back_as_a_new_one_with_what_the_metadata_says_and_without_its_settings(account):
    efs = account.client("efs")
    made = efs.create_file_system(
        CreationToken="console", Encrypted=True, PerformanceMode="maxIO", Tags=[{"Key": "team", "Value": "orders"}]
    )
    efs.put_lifecycle_configuration(
        FileSystemId=made["FileSystemId"], LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}]
    )
    point = account.backup_of(made["FileSystemArn"])
    metadata = account.backup().get_recovery_point_restore_metadata(BackupVaultName="main", RecoveryPointArn=point)
    given = metadata["RestoreMetadata"]
    assert given["file-system-id"] == made["FileSystemId"]
    wanted = {**given, "newFileSystem": "true", "CreationToken": "another"}
    job = account.follow_restore(account.start_restore(point, wanted))
    (back,) = efs.describe_file_systems(CreationToken="another")["FileSystems"]
    assert job["CreatedResourceArn"] == back["FileSystemArn"] != made["FileSystemArn"]
    assert (back["Encrypted"], back["PerformanceMode"], back["Tags"]) == (True, "maxIO", [])
    assert efs.describe_lifecycle_configuration(FileSystemId=back["FileSystemId"])["LifecyclePolicies"] == []


def test_a_copied_snapshot_has_the_key_of_its_new_vault(account):
    key = account.key()
    point = account.backup_of(account.instance(StorageEncrypted=True, KmsKeyId=key))
    far_key = account.key(REPLICA_REGION)
    copy = account.follow_copy(account.start_copy(point, account.vault("far", REPLICA_REGION, far_key)))
    assert copy["State"] == "COMPLETED", copy
    (snapshot,) = account.client("rds", REPLICA_REGION).describe_db_snapshots()["DBSnapshots"]
    assert (snapshot["DBSnapshotArn"], snapshot["KmsKeyId"]) == (copy["DestinationRecoveryPointArn"], far_key)


def test_what_aws_backup_made_is_not_deleted_through_rds(account):
    point = account.backup_of(account.instance())
    rds = account.client("rds")
    with pytest.raises(ClientError):
        rds.delete_db_snapshot(DBSnapshotIdentifier=point.split(":", 6)[-1])
    assert len(rds.describe_db_snapshots()["DBSnapshots"]) == 1


def test_backed_up_acls_need_a_destination_that_has_them(account):
    bucket = account.bucket(f"papers-{account.account}")
    s3, name = account.client("s3"), bucket.rsplit(":", 1)[-1]
    owners = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=owners)
    s3.put_object(Bucket=name, Key="letter.txt", Body=b"words")
    point = account.backup_of(bucket)
    account.bucket(f"{name}-again")
    job = account.start_restore(point, {"DestinationBucketName": f"{name}-again", "NewBucket": "false"})
    restored = account.follow_restore(job)
    assert restored["Status"] == "FAILED"
    assert "ACLs" in restored["StatusMessage"]
