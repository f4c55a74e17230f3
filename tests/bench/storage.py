"""S3 for the benchmark: SeaweedFS on the loopback, in a temporary folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10


@contextlib.contextmanager
def storage(folder: Path, environment: dict[str, str]) -> Iterator[Storage]:
    """SeaweedFS for as long as the block lasts."""
    folder.mkdir()
    ports = _free_ports(8)
    config = folder / "s3.json"
    credentials = {
        "accessKey": environment["AWS_ACCESS_KEY_ID"],
        "secretKey": environment["AWS_SECRET_ACCESS_KEY"],
    }
    identity = {"name": "bench", "credentials": [credentials], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    config.write_text(json.dumps({"identities": [identity]}))
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
    command = [
        str(Path(sys.executable).with_name("weed")), "server",
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-s3", f"-s3.config={config}",
        # It tells its makers about itself unless it is asked not to.
        "-master.telemetry=false",
        # With the defaults it runs out of volumes after three buckets.
        "-master.volumeSizeLimitMB=64", "-volume.max=400",
        "-s3.port.iceberg=0", "-s3.port.lance=0",
        f"-s3.localSocket={folder}/s3.sock", f"-filer.localSocket={folder}/filer.sock",
        *(f"-{name}={port}" for name, port in zip(names, ports, strict=True)),
    ]
    with open(folder / "weed.log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        server = Storage(f"http://127.0.0.1:{ports[names.index('s3.port')]}", environment)
        server.wait(process, folder / "weed.log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Storage:
    """A running S3."""

    def __init__(self, endpoint: str, environment: dict[str, str]) -> None:
        self.endpoint = endpoint
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def wait(self, process: subprocess.Popen, log: Path) -> None:
        """Waits until objects can be stored."""
        end = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(BotoCoreError, ClientError):
                self.new_bucket("ready")
                self._client.put_object(Bucket="ready", Key="ready", Body=b"")
                return
            time.sleep(0.5)
        raise RuntimeError(f"SeaweedFS did not start; its log ends:\n{log.read_text(errors='replace')[-2000:]}")

    def new_bucket(self, name: str) -> None:
        """Makes a bucket that keeps versions, as the template's does."""
        with contextlib.suppress(self._client.exceptions.BucketAlreadyOwnedByYou):
            self._client.create_bucket(Bucket=name)
        self._client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Puts an object."""
        self._client.put_object(Bucket=bucket, Key=key, Body=body)

    def stored(self, bucket: str) -> dict[str, int]:
        """Bytes of all versions of all objects, by the first part of their keys."""
        sizes: dict[str, int] = {}
        for page in self._client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []):
                first = version["Key"].partition("/")[0]
                sizes[first] = sizes.get(first, 0) + version["Size"]
        return sizes


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def clean_environment() -> dict[str, str]:
    """This process's environment with made-up credentials, and nothing that could lead a tool to a real account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOLDFAST_", "RESTIC_"))}
    made_up = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return {**kept, **made_up, "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
