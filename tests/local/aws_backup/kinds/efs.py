"""EFS file systems: what the control plane says of one, and how large it is. The local cloud's file systems hold no files, and
neither do these backups: a restore has the size that was backed up."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from ministack.core.responses import request_scope
from ministack.services import efs

from tests.local.aws_backup.clients import client
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.state import Place, Point

# The names of restore metadata and those of CreateFileSystem; capitals do not matter to the service.
SETTINGS = {"performancemode": "PerformanceMode", "kmskeyid": "KmsKeyId"}


class FileSystems:
    """EFS file systems."""

    fully_managed = True
    stoppable = True
    target = "CreationToken"

    def read(self, place: Place, resource_arn: str, options: dict[str, str]) -> dict[str, Any]:
        name = resource_arn.rsplit("/", 1)[-1]
        try:
            (described,) = client("efs", place).describe_file_systems(FileSystemId=name)["FileSystems"]
        except ClientError as reason:
            raise JobFailed(f"The file system {name} does not exist: {reason.response['Error']['Message']}") from reason
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        return {"description": described, "bytes": described["SizeInBytes"]["Value"], "tags": tags}

    def size_bytes(self, content: dict[str, Any]) -> int:
        return content["bytes"]

    def point_arn(self, place: Place, job_id: str, resource_arn: str, made: str, *, advanced: bool) -> str:
        return f"{place.arn}:recovery-point:{job_id.lower()}"

    def store(self, point: Point) -> None:
        """EFS itself shows no backups."""

    def remove(self, point: Point) -> None:
        """EFS itself shows no backups."""

    def restore_metadata(self, content: dict[str, Any]) -> dict[str, str]:
        described = content["description"]
        metadata = {
            "file-system-id": described["FileSystemId"],
            "Encrypted": str(described["Encrypted"]).lower(),
            "PerformanceMode": described["PerformanceMode"],
            "CreationToken": described["CreationToken"],
            "newFileSystem": "false",
        }
        return {**metadata, **({"KmsKeyId": described["KmsKeyId"]} if described.get("KmsKeyId") else {})}

    def restore(self, place: Place, content: dict[str, Any], metadata: dict[str, str]) -> str:
        given = {name.lower(): value for name, value in metadata.items()}
        if given.get("newfilesystem") != "true":
            raise JobFailed("The stand-in restores into new file systems only")
        wanted: dict[str, Any] = {SETTINGS[name]: value for name, value in given.items() if name in SETTINGS}
        wanted["Encrypted"] = given.get("encrypted") == "true"
        if given.get("singleazfilesystem") == "true":
            wanted["AvailabilityZoneName"] = given["availabilityzonename"]
        try:
            made = client("efs", place).create_file_system(CreationToken=metadata[self.target], **wanted)
        except ClientError as reason:
            raise JobFailed(f"The file system could not be restored: {reason.response['Error']['Message']}") from reason
        # No call sets it: EFS measures what is there.
        with request_scope(*place):
            efs._file_systems[made["FileSystemId"]]["SizeInBytes"]["Value"] = content["bytes"]
        return made["FileSystemArn"]

    def put_tags(self, place: Place, arn: str, tags: dict[str, str]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        client("efs", place).tag_resource(ResourceId=arn.rsplit("/", 1)[-1], Tags=pairs)

    def backup_rights(self, place: Place, resource_arn: str, *, advanced: bool) -> list[tuple[str, str]]:
        return [("elasticfilesystem:Backup", resource_arn)]

    def restore_rights(self, place: Place, metadata: dict[str, str], *, advanced: bool) -> list[tuple[str, str]]:
        every = f"arn:aws:elasticfilesystem:{place.region}:{place.account}:file-system/*"
        return [("elasticfilesystem:CreateFileSystem", every), ("elasticfilesystem:Restore", every)]

    def own_key(self, content: dict[str, Any]) -> str | None:
        return content["description"].get("KmsKeyId") or None
