"""S3 buckets: all versions that can be read; a restore brings back the newest of each object."""

from __future__ import annotations

import datetime
import json
from typing import Any

from botocore.exceptions import ClientError

from tests.local.aws_backup.clients import client
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.state import Place, Point

# Classes whose objects cannot be read before they are thawed.
FROZEN = ("GLACIER", "DEEP_ARCHIVE")
# The most that an item-level restore takes.
ITEMS_TO_RESTORE = 5


class Buckets:
    """S3 buckets."""

    fully_managed = True
    stoppable = True
    target = "DestinationBucketName"

    def read(self, place: Place, resource_arn: str, options: dict[str, str]) -> dict[str, Any]:
        s3, bucket = client("s3", place), _name(resource_arn)
        try:
            versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
        except ClientError as reason:
            raise JobFailed(f"The bucket {bucket} cannot be read: {reason.response['Error']['Message']}") from reason
        if versioning != "Enabled":
            raise JobFailed(f"Versioning is not enabled on {bucket} within account {place.account}")
        with_tags = options.get("BackupObjectTags", "enabled") == "enabled"
        versions, markers, skipped = [], [], 0
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            markers += [_marker(each) for each in page.get("DeleteMarkers", [])]
            for each in page.get("Versions", []):
                if each.get("StorageClass") in FROZEN:
                    skipped += 1
                else:
                    versions.append(_version(s3, bucket, each, with_tags))
        acls = options.get("BackupACLs", "enabled") == "enabled" and _has_acls(s3, bucket)
        content: dict[str, Any] = {
            "bucket": bucket,
            "versions": versions,
            "markers": markers,
            "tags": _tags_of(s3, bucket),
            "acls": acls,
        }
        if skipped and not versions:
            raise JobFailed(
                f"No objects were backed up from the source bucket {bucket}. "
                "To get notified of these failures please enable SNS event notifications."
            )
        if skipped:
            content["message"] = (
                f"Some objects could not be backed up from the source bucket {bucket}. "
                "To get notified of these failures please enable SNS event notifications."
            )
        return content

    def follow(self, place: Place, resource_arn: str, content: dict[str, Any], now: float) -> None:
        """A continuous point gets what came since, for as long as the bucket is there."""
        s3, bucket = client("s3", place), _name(resource_arn)
        known = {each["version_id"] for each in content["versions"] + content["markers"]}
        try:
            pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket))
        except ClientError:
            return
        for page in pages:
            news = [each for each in page.get("Versions", []) if each["VersionId"] not in known]
            warm = [each for each in news if each.get("StorageClass") not in FROZEN]
            content["versions"] += [_version(s3, bucket, each, True) | {"seen": now} for each in warm]
            gone = [each for each in page.get("DeleteMarkers", []) if each["VersionId"] not in known]
            content["markers"] += [_marker(each) | {"seen": now} for each in gone]

    def size_bytes(self, content: dict[str, Any]) -> int:
        return sum(len(version["body"]) for version in content["versions"])

    def point_arn(self, place: Place, job_id: str, resource_arn: str, made: str, *, advanced: bool) -> str:
        return f"{place.arn}:recovery-point:{_name(resource_arn)}-{job_id.lower()}"

    def store(self, point: Point) -> None:
        """S3 itself shows no backups."""

    def remove(self, point: Point) -> None:
        """S3 itself shows no backups."""

    def restore_metadata(self, content: dict[str, Any]) -> dict[str, str]:
        return {"DestinationBucketName": content["bucket"], "NewBucket": "false", "EncryptionType": "original"}

    def restore(self, place: Place, content: dict[str, Any], metadata: dict[str, str]) -> str:
        s3, bucket = client("s3", place), metadata[self.target]
        wanted = _items(metadata)
        try:
            if metadata.get("NewBucket", "false").lower() == "true":
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": place.region})
                s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            elif content["acls"] and not _has_acls(s3, bucket):
                raise JobFailed(f"ACLs were backed up and are not enabled on the destination bucket {bucket}")
            there = {
                each["Key"]
                for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
                for each in page.get("Contents", [])
            }
            for version in _newest(content, metadata.get("RestoreTime")):
                # What is there already is never overwritten.
                if version["key"] not in there and (not wanted or version["key"] in wanted):
                    s3.put_object(Bucket=bucket, Key=version["key"], Body=version["body"], **version["headers"])
                    if version["tags"]:
                        s3.put_object_tagging(Bucket=bucket, Key=version["key"], Tagging={"TagSet": version["tags"]})
        except ClientError as reason:
            raise JobFailed(
                f"The bucket {bucket} could not be restored: {reason.response['Error']['Message']}"
            ) from reason
        return f"arn:aws:s3:::{bucket}"

    def put_tags(self, place: Place, arn: str, tags: dict[str, str]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        client("s3", place).put_bucket_tagging(Bucket=_name(arn), Tagging={"TagSet": pairs})

    def backup_rights(self, place: Place, resource_arn: str, *, advanced: bool) -> list[tuple[str, str]]:
        return [
            ("s3:GetBucketVersioning", resource_arn),
            ("s3:ListBucketVersions", resource_arn),
            ("s3:GetObjectVersion", f"{resource_arn}/any"),
        ]

    def restore_rights(self, place: Place, metadata: dict[str, str], *, advanced: bool) -> list[tuple[str, str]]:
        bucket = f"arn:aws:s3:::{metadata[self.target]}"
        is_new = metadata.get("NewBucket", "false").lower() == "true"
        new = [("s3:CreateBucket", bucket), ("s3:PutBucketVersioning", bucket)] if is_new else []
        return [*new, ("s3:PutObject", f"{bucket}/any")]

    def own_key(self, content: dict[str, Any]) -> str | None:
        return None


def _name(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]


def moment_of(text: str) -> float:
    """A RestoreTime, as seconds since 1970."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC).timestamp()


def _newest(content: dict[str, Any], moment: str | None) -> list[dict[str, Any]]:
    """The newest version of each object: when the point was made or, of a continuous one, at a moment."""
    if moment is None:
        return [version for version in content["versions"] if version["latest"]]
    newest: dict[str, dict[str, Any]] = {}
    for each in sorted(content["versions"] + content["markers"], key=lambda each: (each["seen"], each["latest"], each["at"])):
        # RestoreTime has whole seconds: what came within its second was there.
        if each["seen"] < moment_of(moment) + 1:
            newest[each["key"]] = each
    return [each for each in newest.values() if "body" in each]


def _marker(listed: dict[str, Any]) -> dict[str, Any]:
    return {"key": listed["Key"], "version_id": listed["VersionId"], **_order(listed)}


def _order(listed: dict[str, Any]) -> dict[str, Any]:
    """When it came: before the point was begun, unless it is seen later."""
    return {"latest": listed["IsLatest"], "at": listed["LastModified"].timestamp(), "seen": 0.0}


def _items(metadata: dict[str, str]) -> set[str]:
    items = json.loads(metadata.get("ItemsToRestore", "[]"))
    if len(items) > ITEMS_TO_RESTORE:
        raise JobFailed(f"At most {ITEMS_TO_RESTORE} items can be restored in one job: {len(items)}")
    # An item is an S3 URI or a key.
    return {item.split("/", 3)[3] if item.startswith("s3://") else item for item in items}


def _version(s3, bucket: str, listed: dict[str, Any], with_tags: bool) -> dict[str, Any]:
    where = {"Bucket": bucket, "Key": listed["Key"], "VersionId": listed["VersionId"]}
    got = s3.get_object(**where)
    kept = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Metadata")
    return {
        "key": listed["Key"],
        "version_id": listed["VersionId"],
        **_order(listed),
        "body": got["Body"].read(),
        "headers": {name: got[name] for name in kept if got.get(name)},
        "tags": _object_tags(s3, where) if with_tags else [],
    }


def _object_tags(s3, where: dict[str, str]) -> list[dict[str, str]]:
    try:
        return s3.get_object_tagging(**where).get("TagSet", [])
    except ClientError as reason:
        # The local cloud does not find the tags of a version that a delete marker hides.
        if reason.response["Error"]["Code"] == "NoSuchKey":
            return []
        raise


def _has_acls(s3, bucket: str) -> bool:
    try:
        rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    except ClientError:
        # Without controls of its own a bucket is as AWS makes them: its owner owns all, and there are no ACLs.
        return False
    return rules[0]["ObjectOwnership"] != "BucketOwnerEnforced"


def _tags_of(s3, bucket: str) -> dict[str, str]:
    try:
        return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    except ClientError:
        # A bucket without tags answers with an error.
        return {}
