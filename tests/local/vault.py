"""Looks into a vault as a person would: with a listing, zstd and JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.local.deploy import Stack


def keys(stack: Stack, prefix: str, bucket: str | None = None, region: str | None = None) -> list[str]:
    """The keys below a prefix; none where there is no bucket."""
    s3 = stack.client("s3", region)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket or stack.vault, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    except s3.exceptions.NoSuchBucket:
        return []


def read(stack: Stack, key: str, bucket: str | None = None, region: str | None = None) -> bytes:
    """An object's bytes."""
    return stack.client("s3", region).get_object(Bucket=bucket or stack.vault, Key=key)["Body"].read()


def points(stack: Stack, resource: str, bucket: str | None = None, region: str | None = None) -> list[dict[str, Any]]:
    """The manifests of a resource's points, oldest first."""
    found = keys(stack, f"points/{resource}/", bucket, region)
    return [json.loads(read(stack, key, bucket, region)) for key in sorted(found)]


def config(stack: Stack, manifest: dict[str, Any]) -> dict[str, Any]:
    """The configuration document of a point."""
    (sha256,) = [blob["sha256"] for blob in manifest["blobs"] if blob["role"] == "config"]
    return json.loads(read(stack, f"blobs/{sha256[:2]}/{sha256}"))


def facts(stack: Stack, what: str, resource: str = "") -> list[str]:
    """The keys of all facts of one word."""
    return [key for key in keys(stack, f"facts/{resource}") if key.rsplit("/", 1)[-1].startswith(f"{what}-")]


def bury(stack: Stack, point: str) -> None:
    """Writes a tombstone whose grace is over: the local cloud's clock cannot be moved past a day."""
    record = {"point": point, "pruned_at": "2026-01-01T00:00:00Z", "reasons": ["by a story"]}
    text = json.dumps(record, indent=2) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    sealed = text.removesuffix("\n}\n") + f',\n  "sha256": "{digest}"\n}}\n'
    key = f"tombstones/{point}.json"
    stack.client("s3").put_object(Bucket=stack.vault, Key=key, Body=sealed.encode())


def write_policy(stack: Stack, text: str) -> None:
    """Puts a policy document into the vault."""
    stack.client("s3").put_object(Bucket=stack.vault, Key="config/policy.yaml", Body=text.encode())


def destroy(stack: Stack) -> None:
    """Removes the home vault with every version in it, as an administrator who lost their mind would."""
    s3 = stack.client("s3")
    s3.delete_bucket_policy(Bucket=stack.vault)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=stack.vault):
        found = page.get("Versions", []) + page.get("DeleteMarkers", [])
        for version in found:
            s3.delete_object(Bucket=stack.vault, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=stack.vault)
