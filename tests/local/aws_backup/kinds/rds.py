"""RDS instances and Aurora clusters: the control plane's description, shown as a snapshot of type `awsbackup`.

The local cloud's databases hold no data, and neither do these backups. Snapshots are written into the local cloud's own
register, because it has no CopyDBSnapshot and none of its calls makes one of that type.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from botocore.exceptions import ClientError
from ministack.core.responses import request_scope
from ministack.services import rds

from tests.local.aws_backup.clients import client
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.state import Place, Point

# Other states cannot be snapshotted.
READY = ("available", "storage-optimization")


class _Database:
    """What instances and clusters have in common."""

    fully_managed = False
    stoppable = False
    # How the two differ in the API.
    noun: str
    resource: str
    snapshot_resource: str
    snapshots: Any
    # Restore metadata: its name, and how it is found in a description.
    settings: dict[str, str]
    target: str

    def read(self, place: Place, resource_arn: str, options: dict[str, str]) -> dict[str, Any]:
        name = resource_arn.rsplit(":", 1)[-1]
        try:
            description = self._describe(place, name)
        except ClientError as reason:
            raise JobFailed(f"{self.noun} {name} was not found: {reason.response['Error']['Message']}") from reason
        state = description.get("DBInstanceStatus") or description.get("Status")
        if state not in READY:
            raise JobFailed(f"{self.noun} {name} is not in a state that can be backed up: {state}")
        if description.get("DBClusterIdentifier") and self.resource == "db":
            raise JobFailed(f"{self.noun} {name} is part of an Aurora cluster: the cluster is what is backed up")
        tags = {tag["Key"]: tag["Value"] for tag in description.get("TagList", [])}
        return {"description": description, "tags": tags, "record": self._record(place, name)}

    def follow(self, place: Place, resource_arn: str, content: dict[str, Any], now: float) -> None:
        """There is no data that could move on."""

    def size_bytes(self, content: dict[str, Any]) -> int:
        return content["description"].get("AllocatedStorage", 1) * 2**30

    def point_arn(self, place: Place, job_id: str, resource_arn: str, made: str, *, advanced: bool) -> str:
        return f"arn:aws:rds:{place.region}:{place.account}:{self.snapshot_resource}:awsbackup:{made}-{job_id.lower()}"

    def store(self, point: Point) -> None:
        name = point.arn.split(":", 6)[-1]
        with request_scope(*point.place):
            record = self._snapshot(name, point.content["record"])
            record.update(
                {
                    "SnapshotType": "awsbackup",
                    "StorageEncrypted": point.key_arn is not None,
                    "Encrypted": point.key_arn is not None,
                }
            )
            record["KmsKeyId"] = point.key_arn or ""

    def remove(self, point: Point) -> None:
        with request_scope(*point.place):
            self.snapshots.pop(point.arn.split(":", 6)[-1], None)

    def restore_metadata(self, content: dict[str, Any]) -> dict[str, str]:
        description = content["description"]
        metadata = {}
        for name, member in self.settings.items():
            value = description.get(member)
            if value not in (None, "", []):
                metadata[name] = str(value).lower() if isinstance(value, bool) else str(value)
        groups = [group["VpcSecurityGroupId"] for group in description.get("VpcSecurityGroups", [])]
        if groups:
            metadata["VpcSecurityGroupIds"] = json.dumps(groups)
        return {**metadata, **self._more_metadata(description)}

    def restore(self, place: Place, content: dict[str, Any], metadata: dict[str, str]) -> str:
        name = metadata[self.target]
        description = content["description"]
        try:
            self._create(place, description, metadata)
        except ClientError as reason:
            raise JobFailed(
                f"{self.noun} {name} could not be restored: {reason.response['Error']['Message']}"
            ) from reason
        return f"arn:aws:rds:{place.region}:{place.account}:{self.resource}:{name}"

    def put_tags(self, place: Place, arn: str, tags: dict[str, str]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        client("rds", place).add_tags_to_resource(ResourceName=arn, Tags=pairs)

    def own_key(self, content: dict[str, Any]) -> str | None:
        description = content["description"]
        return description.get("KmsKeyId") or None if description.get("StorageEncrypted") else None

    def _given(self, metadata: dict[str, str], text: tuple[str, ...], flags: tuple[str, ...]) -> dict[str, Any]:
        given: dict[str, Any] = {name: metadata[name] for name in text if metadata.get(name)}
        given.update({name: metadata[name].lower() == "true" for name in flags if metadata.get(name)})
        if metadata.get("VpcSecurityGroupIds"):
            given["VpcSecurityGroupIds"] = json.loads(metadata["VpcSecurityGroupIds"])
        if metadata.get("Port"):
            given["Port"] = int(metadata["Port"])
        # A new master password: nobody may know it, and the old one is not in the local cloud's description.
        return {**given, "MasterUserPassword": secrets.token_urlsafe(24)}


class Instances(_Database):
    """RDS instances."""

    noun, resource, snapshot_resource = "DBInstance", "db", "snapshot"
    target = "DBInstanceIdentifier"
    snapshots = rds._snapshots
    settings = {
        name: name
        for name in (
            "AutoMinorVersionUpgrade", "AvailabilityZone", "CopyTagsToSnapshot", "DBInstanceClass", "DBInstanceIdentifier",
            "DBName", "DeletionProtection", "Engine", "LicenseModel", "MultiAZ", "PubliclyAccessible", "StorageType",
        )
    } | {"EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled"}  # fmt: skip

    def backup_rights(self, place: Place, resource_arn: str, *, advanced: bool) -> list[tuple[str, str]]:
        return [("rds:CreateDBSnapshot", resource_arn)]

    def restore_rights(self, place: Place, metadata: dict[str, str], *, advanced: bool) -> list[tuple[str, str]]:
        arn = f"arn:aws:rds:{place.region}:{place.account}:db:{metadata[self.target]}"
        return [("rds:RestoreDBInstanceFromDBSnapshot", arn)]

    def _describe(self, place: Place, name: str) -> dict[str, Any]:
        return client("rds", place).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def _record(self, place: Place, name: str) -> dict[str, Any]:
        return dict(rds._instances.get_scoped(place.account, place.region, name) or {})

    def _snapshot(self, name: str, record: dict[str, Any]) -> dict[str, Any]:
        return rds._create_snapshot_internal(name, record)

    def _more_metadata(self, description: dict[str, Any]) -> dict[str, str]:
        more = {"Port": str(description.get("Endpoint", {}).get("Port", ""))}
        if description.get("DBSubnetGroup"):
            more["DBSubnetGroupName"] = description["DBSubnetGroup"]["DBSubnetGroupName"]
        if description.get("DBParameterGroups"):
            more["DBParameterGroupName"] = description["DBParameterGroups"][0]["DBParameterGroupName"]
        if description.get("OptionGroupMemberships"):
            more["OptionGroupName"] = description["OptionGroupMemberships"][0]["OptionGroupName"]
        return more

    def _create(self, place: Place, description: dict[str, Any], metadata: dict[str, str]) -> None:
        text = (
            "AvailabilityZone",
            "DBInstanceClass",
            "DBParameterGroupName",
            "DBSubnetGroupName",
            "LicenseModel",
            "OptionGroupName",
            "StorageType",
        )
        flags = (
            "AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "DeletionProtection", "EnableIAMDatabaseAuthentication",
            "MultiAZ", "PubliclyAccessible",
        )  # fmt: skip
        client("rds", place).create_db_instance(
            **{"DBInstanceClass": description["DBInstanceClass"], **self._given(metadata, text, flags)},
            DBInstanceIdentifier=metadata[self.target],
            # Of these a snapshot's restore takes the source's.
            **{
                name: description[name]
                for name in ("AllocatedStorage", "DBName", "Engine", "EngineVersion", "MasterUsername")
            },
        )


class Clusters(_Database):
    """Aurora clusters. As on AWS, a restore makes the cluster and no instances in it."""

    noun, resource, snapshot_resource = "DBCluster", "cluster", "cluster-snapshot"
    target = "DBClusterIdentifier"
    snapshots = rds._db_cluster_snapshots
    settings = {
        name: name
        for name in (
            "CopyTagsToSnapshot",
            "DBClusterIdentifier",
            "DeletionProtection",
            "Engine",
            "EngineMode",
            "EngineVersion",
            "Port",
        )
    } | {
        "DBClusterParameterGroupName": "DBClusterParameterGroup",
        "DBSubnetGroupName": "DBSubnetGroup",
        "DatabaseName": "DatabaseName",
        "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    }

    def backup_rights(self, place: Place, resource_arn: str, *, advanced: bool) -> list[tuple[str, str]]:
        return [("rds:CreateDBClusterSnapshot", resource_arn)]

    def restore_rights(self, place: Place, metadata: dict[str, str], *, advanced: bool) -> list[tuple[str, str]]:
        arn = f"arn:aws:rds:{place.region}:{place.account}:cluster:{metadata[self.target]}"
        return [("rds:RestoreDBClusterFromSnapshot", arn)]

    def _describe(self, place: Place, name: str) -> dict[str, Any]:
        return client("rds", place).describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]

    def _record(self, place: Place, name: str) -> dict[str, Any]:
        return dict(rds._clusters.get_scoped(place.account, place.region, name) or {})

    def _snapshot(self, name: str, record: dict[str, Any]) -> dict[str, Any]:
        return rds._create_cluster_snapshot_internal(name, record)

    def _more_metadata(self, description: dict[str, Any]) -> dict[str, str]:
        return {}

    def _create(self, place: Place, description: dict[str, Any], metadata: dict[str, str]) -> None:
        text = ("DBClusterParameterGroupName", "DBSubnetGroupName", "EngineMode")
        flags = ("CopyTagsToSnapshot", "DeletionProtection", "EnableIAMDatabaseAuthentication")
        client("rds", place).create_db_cluster(
            **self._given(metadata, text, flags),
            DBClusterIdentifier=metadata[self.target],
            **{name: description[name] for name in ("Engine", "EngineVersion", "MasterUsername")},
        )


def keep_from_rds() -> None:
    """RDS itself does not delete what AWS Backup made. Called once, when the server starts."""
    for action, parameter, snapshots in (
        ("DeleteDBSnapshot", "DBSnapshotIdentifier", rds._snapshots),
        ("DeleteDBClusterSnapshot", "DBClusterSnapshotIdentifier", rds._db_cluster_snapshots),
    ):
        rds._ACTION_MAP[action] = _kept(rds._ACTION_MAP[action], parameter, snapshots)


def _kept(original, parameter: str, snapshots):
    def delete(parameters):
        name = rds._p(parameters, parameter)
        if (snapshots.get(name) or {}).get("SnapshotType") == "awsbackup":
            return rds._error("InvalidParameterValue", f"The snapshot {name} is managed by the AWS Backup service", 400)
        return original(parameters)

    return delete
