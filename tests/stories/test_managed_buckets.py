"""A bucket under a plan with engine aws-backup, on a deployed stack with IAM enforced: a point, its restore test and its copy; then
the bucket is lost and comes back, with what AWS Backup leaves out; and objects go back into one that is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local import vault
from tests.local.aws_backup import Control
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import follow

BUCKET = "shop-photos"
OBJECTS = {f"in/{number} & more.txt": f"photo {number}" for number in range(12)}
CORS = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://shop.example"], "MaxAgeSeconds": 60}
POLICY = """
version: 1
plans:
  - name: standard
    engine: aws-backup
    aws_backup: {acls: false, object_tags: true}
    schedule: {every: 1d}
    retention: {keep_last: 2, minimum_good: 1}
    objectives: {rpo: 2d, rto: 1h}
    verification: {restore_test_every: 7d}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}


@pytest.fixture(scope="module")
def stack(deploy_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack whose schedules rest, and a bucket that keeps versions."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    Control(stack.cloud, stack.account).faults(drop_events=True)
    vault.write_policy(stack, POLICY)
    make_bucket(stack)
    yield stack
    destroy(stack)


def make_bucket(stack: Stack) -> None:
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": stack.region})
    for number, (key, body) in enumerate(OBJECTS.items()):
        s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode(), Tagging=f"number={number}", Metadata={"number": str(number)})
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "backup", "Value": "standard"}]})
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [CORS]})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy(BUCKET)))


def policy(bucket: str) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringLike": {"aws:UserAgent": "nobody"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def bucket_id(stack: Stack, name: str = BUCKET) -> str:
    return f"s3-bucket/{stack.region}/{name}"


def objects(stack: Stack, bucket: str, region: str | None = None) -> dict[str, str]:
    s3 = stack.client("s3", region)
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}


def remove(stack: Stack, bucket: str) -> None:
    s3 = stack.client("s3")
    versions = s3.list_object_versions(Bucket=bucket)
    for version in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def test_a_bucket_that_keeps_no_versions_is_refused_with_what_to_change(stack):
    told = follow(stack, "Snapshot", TICK, bucket_id(stack))
    assert told["status"] == "Failed" and "enable it, with a lifecycle rule" in told["message"], told
    stack.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    # What was there before has versions of its own only from now on.
    for key, body in OBJECTS.items():
        number = key.removeprefix("in/").split(" ")[0]
        stack.client("s3").put_object(
            Bucket=BUCKET, Key=key, Body=body.encode(), Tagging=f"number={number}", Metadata={"number": number}
        )


def test_it_gets_a_point_of_aws_backup_and_our_own_buckets_get_none(stack):
    done = follow(stack, "Snapshot", TICK, bucket_id(stack))
    assert done["status"] == "Done", done
    (manifest,) = vault.points(stack, bucket_id(stack))
    assert (manifest["engine"], manifest["managed"]["resource_type"]) == ("aws-backup", "S3")
    points = stack.client("backup").list_recovery_points_by_backup_vault(BackupVaultName=stack.name)["RecoveryPoints"]
    assert {point["ResourceArn"] for point in points} == {f"arn:aws:s3:::{BUCKET}"}
    (job,) = stack.client("backup").list_backup_jobs()["BackupJobs"]
    assert job["BackupOptions"] == {"BackupACLs": "disabled", "BackupObjectTags": "enabled"}


def test_a_restore_test_counts_what_comes_back_and_leaves_nothing(stack):
    done = follow(stack, "Verify", {"restore_test": bucket_id(stack)}, "s3-bucket")
    assert (done["status"], done["details"]["items"]) == ("Done", len(OBJECTS)), done
    names = [bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]]
    assert not [name for name in names if name.startswith("holdfast-scratch-")]
    jobs = stack.client("backup").list_restore_jobs()["RestoreJobs"]
    assert [job.get("ValidationStatus") for job in jobs] == ["SUCCESSFUL"]


def test_its_point_is_copied_and_the_copy_can_be_restored_where_it_lies(stack):
    point = vault.points(stack, bucket_id(stack))[-1]["point"]
    done = follow(stack, "Replicate", {"point": point}, bucket_id(stack))
    assert done["status"] in ("Done", "Unchanged"), done
    event = {"resource": bucket_id(stack), "target": {"name": "photos-far-away", "region": REPLICA_REGION}}
    done = follow(stack, "Restore", event, "s3-bucket")
    assert done["status"] in ("Done", "Partial"), done
    assert objects(stack, "photos-far-away", REPLICA_REGION) == OBJECTS


def test_lost_it_comes_back_under_its_name_with_objects_tags_and_settings(stack):
    s3 = stack.client("s3")
    remove(stack, BUCKET)
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket=BUCKET)
    done = follow(stack, "Restore", {"resource": bucket_id(stack), "target": {"name": BUCKET}}, "s3-bucket")
    assert done["status"] == "Done", done
    assert objects(stack, BUCKET) == OBJECTS
    key = next(iter(OBJECTS))
    assert s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"] == [{"Key": "number", "Value": "0"}]
    assert s3.head_object(Bucket=BUCKET, Key=key)["Metadata"] == {"number": "0"}
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [{"Key": "backup", "Value": "standard"}]
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"] == [CORS]
    assert json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"]) == policy(BUCKET)
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"


def test_into_a_bucket_that_is_there_go_the_objects_that_it_lacks(stack):
    s3 = stack.client("s3")
    lost, changed, *_ = OBJECTS
    s3.delete_object(Bucket=BUCKET, Key=lost)
    s3.put_object(Bucket=BUCKET, Key=changed, Body=b"newer")
    event = {"resource": bucket_id(stack), "target": {"name": BUCKET}}
    refused = follow(stack, "Restore", event, "s3-bucket")
    assert refused["status"] in ("Failed", "Unchanged"), refused
    event["target"]["existing"] = "objects"
    done = follow(stack, "Restore", event, "s3-bucket")
    assert done["status"] == "Done", done
    assert objects(stack, BUCKET) == {**OBJECTS, changed: "newer"}
