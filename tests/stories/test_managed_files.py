"""A file system under a plan with engine aws-backup, on a deployed stack with IAM enforced: a point with its settings, a restore test, a copy;
then the file system is lost and comes back as a new one, with access points, mount targets, policy and lifecycle; as part of an
application, at home and elsewhere, with the function that mounts it; and retention.

The local cloud's file systems hold no files: what a backup has of one here is what EFS says of it, and its size. Its functions mount
nothing: here they say that they would."""

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
from tests.local.functions import invoke, settled, snapshot
from tests.local.sample import archive

POLICY = """
version: 1
plans:
  - name: standard
    select: {kinds: [efs-file-system]}
    engine: aws-backup
    schedule: {every: 1d}
    retention: {keep_last: 1, minimum_good: 1}
    objectives: {rpo: 2d, rto: 1h}
    verification: {restore_test_every: 7d}
  - name: code
    select: {kinds: [lambda-function]}
    schedule: {every: 1d}
    retention: {keep_last: 1, minimum_good: 1}
"""
FUNCTION = "reader"
MOUNTED_AT = "/mnt/in"
TICK = {"tick": "2026-11-21T03:00:00Z"}
LIFECYCLE = [{"TransitionToIA": "AFTER_30_DAYS"}]
USER = {"Uid": 1000, "Gid": 1000}
ROOT = {"Path": "/in", "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "0750"}}
TAGS = [{"Key": "Name", "Value": "shop-files"}, {"Key": "backup", "Value": "standard"}]


class Files:
    """A file system and how it is asked about."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client = stack.client("efs")
        made = self.client.create_file_system(CreationToken="console", Encrypted=True, Tags=TAGS)
        self.id, self.arn = made["FileSystemId"], made["FileSystemArn"]
        self.client.update_file_system(FileSystemId=self.id, ThroughputMode="elastic")
        self.client.put_lifecycle_configuration(FileSystemId=self.id, LifecyclePolicies=LIFECYCLE)
        point = self.client.create_access_point(ClientToken="one", FileSystemId=self.id, PosixUser=USER, RootDirectory=ROOT)
        self.access_point = point["AccessPointArn"]
        self.subnet, self.group = network(stack.client("ec2"), 7)
        self.client.create_mount_target(FileSystemId=self.id, SubnetId=self.subnet, SecurityGroups=[self.group])
        self.client.put_file_system_policy(FileSystemId=self.id, Policy=json.dumps(policy(self.arn, self.access_point)))
        self.before = settings(self.client, self.id)
        self.create_function()

    def create_function(self) -> None:
        """A function that mounts the file system through its access point."""
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trusted = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = self.stack.client("iam").create_role(RoleName=FUNCTION, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
        self.stack.client("lambda").create_function(
            FunctionName=FUNCTION,
            Runtime="python3.12",
            Handler="order_intake.handler",
            Role=role,
            Code={"ZipFile": archive()},
            Environment={"Variables": {"FILES": self.id}},
            VpcConfig={"SubnetIds": [self.subnet], "SecurityGroupIds": [self.group]},
            FileSystemConfigs=[{"Arn": self.access_point, "LocalMountPath": MOUNTED_AT}],
            Tags={"backup": "standard"},
        )

    @property
    def function(self) -> str:
        return f"lambda-function/{self.stack.region}/{FUNCTION}"

    @property
    def resource(self) -> str:
        return f"efs-file-system/{self.stack.region}/{self.id}"


def network(ec2, number: int) -> tuple[str, str]:
    """A subnet and a group of its own: those that an account has from the beginning are called the same in every region here."""
    there = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=there, CidrBlock=f"10.{number}.1.0/24")["Subnet"]["SubnetId"]
    return subnet, ec2.create_security_group(VpcId=there, GroupName=f"files-{number}", Description="files")["GroupId"]


def policy(file_system: str, access_point: str) -> dict[str, Any]:
    statement = {
        "Sid": "ThroughOne",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "elasticfilesystem:ClientMount",
        "Resource": file_system,
        "Condition": {"StringEquals": {"elasticfilesystem:AccessPointArn": access_point}},
    }
    return {"Version": "2012-10-17", "Id": "shop", "Statement": [statement]}


def settings(efs, name: str) -> dict[str, Any]:
    """What a person would look at, but ids."""
    (described,) = efs.describe_file_systems(FileSystemId=name)["FileSystems"]
    (point,) = efs.describe_access_points(FileSystemId=name)["AccessPoints"]
    (target,) = efs.describe_mount_targets(FileSystemId=name)["MountTargets"]
    text = efs.describe_file_system_policy(FileSystemId=name)["Policy"]
    text = text.replace(described["FileSystemArn"], "FILES").replace(point["AccessPointArn"], "POINT")
    return {
        "itself": [described[member] for member in ("Encrypted", "PerformanceMode", "ThroughputMode")],
        "tags": sorted((tag["Key"], tag["Value"]) for tag in described["Tags"]),
        "lifecycle": efs.describe_lifecycle_configuration(FileSystemId=name)["LifecyclePolicies"],
        "access point": [point["PosixUser"], point["RootDirectory"]],
        "mount target": [target["SubnetId"], target["IpAddress"]],
        "policy": json.loads(text),
    }


@pytest.fixture(scope="module")
def files(deploy_stack: Callable[..., Stack]) -> Iterator[Files]:
    """A stack whose schedules rest, and a file system."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    Control(stack.cloud, stack.account).faults(drop_events=True)
    vault.write_policy(stack, POLICY)
    yield Files(stack)
    destroy(stack)


def follow(files: Files, function: str, event: dict[str, Any], about: str) -> dict[str, Any]:
    """Invokes until nothing goes on, and gives the last outcome whose subject begins so."""
    return settled(files.stack, function, event, about)[-1]


def ids(efs) -> set[str]:
    return {one["FileSystemId"] for one in efs.describe_file_systems()["FileSystems"]}


def points(files: Files, region: str | None = None) -> list[dict[str, Any]]:
    """Those of the file system itself: what comes back bears its tags, and gets points too."""
    backup = files.stack.client("backup", region)
    found = backup.list_recovery_points_by_backup_vault(BackupVaultName=files.stack.name)["RecoveryPoints"]
    return [point for point in found if point["ResourceArn"] == files.arn]


def test_it_gets_a_point_of_aws_backup_with_its_settings(files):
    done = follow(files, "Snapshot", TICK, files.resource)
    assert done["status"] == "Done", done
    (manifest,) = vault.points(files.stack, files.resource)
    assert (manifest["engine"], manifest["managed"]["resource_type"]) == ("aws-backup", "EFS")
    assert [point["ResourceArn"] for point in points(files)] == [files.arn]


def test_a_restore_test_compares_what_comes_back_and_leaves_nothing(files):
    done = follow(files, "Verify", {"restore_test": files.resource}, "efs-file-system")
    assert done["status"] == "Done", done
    assert ids(files.client) == {files.id}
    jobs = files.stack.client("backup").list_restore_jobs()["RestoreJobs"]
    assert [job.get("ValidationStatus") for job in jobs] == ["SUCCESSFUL"]


def test_its_point_is_copied_and_the_copy_can_be_restored_where_it_lies(files):
    point = vault.points(files.stack, files.resource)[-1]["point"]
    done = follow(files, "Replicate", {"point": point}, files.resource)
    assert done["status"] in ("Done", "Unchanged"), done
    assert len(points(files, REPLICA_REGION)) == 1
    event = {"resource": files.resource, "target": {"name": "far-away", "region": REPLICA_REGION}}
    done = follow(files, "Restore", event, "efs-file-system")
    assert done["details"]["needs_person"] == ["Files", "Mounts", "MountTargets"], done
    assert "aws efs create-mount-target" in done["message"], done
    (made,) = files.stack.client("efs", REPLICA_REGION).describe_file_systems()["FileSystems"]
    assert made["FileSystemArn"] == done["details"]["arn"]
    assert {"Key": "Name", "Value": "far-away"} in made["Tags"]


def application(files: Files, target: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    """Restores the file system and its function as one, and gives what is said of each."""
    event = {"application": {"resources": [files.resource, files.function]}, "target": target, **more}
    return {outcome["subject"].split("/")[0]: outcome for outcome in settled(files.stack, "Restore", event)}


def mounts_the_new_one(files: Files, told: dict[str, dict[str, Any]], function: str, region: str) -> None:
    arn = told["efs-file-system"]["details"]["arn"]
    new = arn.rsplit("/", 1)[-1]
    (point,) = files.stack.client("efs", region).describe_access_points(FileSystemId=new)["AccessPoints"]
    made = files.stack.client("lambda", region).get_function_configuration(FunctionName=function)
    assert made["FileSystemConfigs"] == [{"Arn": point["AccessPointArn"], "LocalMountPath": MOUNTED_AT}], told
    assert made["Environment"]["Variables"] == {"FILES": new}, told
    assert told["efs-file-system"]["details"]["access_points"] == {files.access_point: point["AccessPointArn"]}
    assert "Files" in told["efs-file-system"]["details"]["needs_person"], told
    assert f"mount -t efs {new}:/" in told["efs-file-system"]["message"], told


def test_with_the_function_that_mounts_it_it_comes_back_as_one_application(files):
    assert vault.points(files.stack, files.function), "the tick has made a point of the function too"
    before = ids(files.client)
    told = application(files, {"prefix": "new-"})
    assert told["lambda-function"]["details"]["word"] == "re-pointed", told
    mounts_the_new_one(files, told, f"new-{FUNCTION}", files.stack.region)
    assert len(ids(files.client) - before) == 1
    again = application(files, {"prefix": "new-"})
    assert again["efs-file-system"]["details"]["arn"] == told["efs-file-system"]["details"]["arn"], again
    assert len(ids(files.client) - before) == 1


def test_elsewhere_the_function_mounts_the_new_one_in_the_network_that_a_person_names(files):
    subnet, group = network(files.stack.client("ec2", REPLICA_REGION), 8)
    replace = {files.subnet: subnet, files.group: group}
    told = application(files, {"region": REPLICA_REGION}, replace=replace)
    mounts_the_new_one(files, told, FUNCTION, REPLICA_REGION)
    made = files.stack.client("lambda", REPLICA_REGION).get_function_configuration(FunctionName=FUNCTION)
    assert made["VpcConfig"]["SubnetIds"] == [subnet], told
    assert made["VpcConfig"]["SecurityGroupIds"] == [group], told
    new = told["efs-file-system"]["details"]["arn"].rsplit("/", 1)[-1]
    targets = files.stack.client("efs", REPLICA_REGION).describe_mount_targets(FileSystemId=new)["MountTargets"]
    assert [target["SubnetId"] for target in targets] == [subnet]


def test_what_retention_gives_up_goes_from_aws_backup_too(files):
    snapshot(files.stack, files.resource)
    done = follow(files, "Snapshot", TICK, files.resource)
    assert done["status"] == "Done", done
    oldest, newest = vault.points(files.stack, files.resource)
    # A point that is still to be copied takes no other's place.
    follow(files, "Replicate", {"point": newest["point"]}, files.resource)
    vault.bury(files.stack, oldest["point"])
    outcomes = invoke(files.stack, "Prune", {"dry_run": False})["outcomes"]
    told = [outcome["message"] for outcome in outcomes if outcome["subject"] == oldest["point"]]
    assert "AWS Backup: deleted" in told, outcomes
    assert len(points(files)) == 1


def test_lost_it_comes_back_as_a_new_one_with_all_its_settings(files):
    for target in files.client.describe_mount_targets(FileSystemId=files.id)["MountTargets"]:
        files.client.delete_mount_target(MountTargetId=target["MountTargetId"])
    files.client.delete_access_point(AccessPointId=files.access_point.rsplit("/", 1)[-1])
    files.client.delete_file_system(FileSystemId=files.id)
    done = follow(files, "Restore", {"resource": files.resource, "target": {"name": "shop-files"}}, "efs-file-system")
    assert done["details"]["needs_person"] == ["Files", "Mounts"], done
    new = done["details"]["arn"].rsplit("/", 1)[-1]
    assert new != files.id
    assert settings(files.client, new) == files.before
    assert files.access_point in done["message"]
    again = follow(files, "Restore", {"resource": files.resource, "target": {"name": "shop-files"}}, "efs-file-system")
    assert again["status"] == "Unchanged", again


def test_verify_may_name_or_remove_no_file_system_that_has_a_name(files):
    """Whoever holds verify's role meets the fence that its code never comes to."""
    efs = files.stack.client_as("Verify", "efs")
    there = ids(files.client)
    kept = min(there)
    with pytest.raises(ClientError, match="AccessDenied"):
        efs.tag_resource(ResourceId=kept, Tags=[{"Key": "Name", "Value": "holdfast-scratch-1"}])
    with pytest.raises(ClientError, match="AccessDenied"):
        efs.delete_file_system(FileSystemId=kept)
    assert ids(files.client) == there
