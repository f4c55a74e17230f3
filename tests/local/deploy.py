"""Deploys the built stack into an account of the local cloud with `sam deploy`, as a user would."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.local.build import ARCHITECTURE
from tests.local.cloud import HOME_REGION, REPLICA_REGION, Cloud

# About eight seconds on an idle machine.
DEPLOY_TIMEOUT_S = 300


class DeployFailed(AssertionError):
    """`sam deploy` failed; the message holds its output and the stack's failures."""


@dataclass(frozen=True)
class Stack:
    """A deployed Holdfast."""

    cloud: Cloud
    account: str
    region: str
    name: str
    outputs: dict[str, str]

    @property
    def vault(self) -> str:
        """The vault's bucket."""
        return self.outputs["VaultBucket"]

    def client(self, service: str, region: str | None = None):
        """A client of the account's root user."""
        return self.cloud.client(service, self.account, region or self.region)

    def client_as(self, function: str, service: str, region: str | None = None):
        """A client with the rights of one function's role."""
        session = self.cloud.as_role(self.account, self.role_of(function), self.region)
        return self.cloud.client(service, self.account, region or self.region, session)

    def role_of(self, function: str) -> str:
        """The ARN of a function's role; functions are named as in the template ("Snapshot")."""
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.function(function))
        return configuration["Role"]

    def function(self, function: str) -> str:
        """The deployed name of a function."""
        return self.outputs[f"{function}FunctionName"]

    def resources(self) -> dict[str, dict]:
        """The stack's resources by logical name."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {entry["LogicalResourceId"]: entry for page in pages for entry in page["StackResourceSummaries"]}


def deploy(
    cloud: Cloud,
    template: Path,
    account: str,
    *,
    region: str = HOME_REGION,
    name: str = "holdfast",
    parameters: dict[str, str] | None = None,
) -> Stack:
    """Deploys the template and returns the stack.

    A replica region is given unless the parameters say otherwise, and the fastest tick that the template allows.
    """
    settings = {
        "Architecture": ARCHITECTURE,
        "ReplicaRegion": REPLICA_REGION,
        "TickRate": "rate(1 minute)",
        **(parameters or {}),
    }
    artifacts = f"artifacts-{account}-{region}"
    _make_bucket(cloud, account, region, artifacts)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("sam")),
            "deploy",
            "--template-file", str(template),
            "--stack-name", name,
            "--region", region,
            "--s3-bucket", artifacts,
            "--s3-prefix", name,
            "--capabilities", "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            "--parameter-overrides",
            *(f"ParameterKey={key},ParameterValue={json.dumps(value)}" for key, value in settings.items()),
        ],
        # Away from the checkout, where samconfig.toml holds the settings for a real account.
        cwd=cloud.directory,
        env=cloud.environment(account, region),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEPLOY_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise DeployFailed(f"{done.stdout}\n{_failures(cloud, account, region, name)}")
    found = cloud.client("cloudformation", account, region).describe_stacks(StackName=name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    return Stack(cloud=cloud, account=account, region=region, name=name, outputs=outputs)


def destroy(stack: Stack) -> None:
    """Deletes the stack; what it retains stays. Its schedules would otherwise go on waking functions for nobody."""
    cloudformation = stack.client("cloudformation")
    cloudformation.delete_stack(StackName=stack.name)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=stack.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def _make_bucket(cloud: Cloud, account: str, region: str, name: str) -> None:
    s3 = cloud.client("s3", account, region)
    # S3 takes every region but its first as a constraint.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=name, **where)


def _failures(cloud: Cloud, account: str, region: str, name: str) -> str:
    cloudformation = cloud.client("cloudformation", account, region)
    try:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    except cloudformation.exceptions.ClientError:
        return "(the stack was not made)"
    return "\n".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
    )
