"""A stand-in for AWS Backup that really moves data, mounted into the local cloud.

It speaks the service's REST JSON wire, held against botocore's model of the service, and works on the local cloud's
DynamoDB, S3, RDS, EFS, KMS, IAM and EventBridge. It lives in MiniStack's own process, in the place of MiniStack's AWS Backup,
which makes no recovery points: so the dispatcher checks signatures and the caller's policies (`AUTH=true`) before we are
asked, a role's policies and a key's state are at hand, there is one certificate and one port, and CloudFormation's
`AWS::Backup::BackupVault` makes the vaults that the API knows. The endpoint is therefore the cloud's own.

Accounts and regions see nothing of each other but through copies. Each account has its own clock, which a test can push,
and its own knobs (`faults.py`), both over `/_control/aws-backup/…`, for which `Control` is the client.

What it does not show:
- The texts of messages are ours, where no public source has AWS's. Codes and states are AWS's.
- The retries inside a start window, incremental backups, composite (parent and child) points, restore testing plans,
  logically air-gapped vaults, and condition keys of the service's own (`backup:CopyTargets` and its like).
- Of backup plans: other schedules than daily ones, conditions and tags in selections, copy actions. Point-in-time restores
  of anything but buckets.
- Copies of continuous points, which AWS makes for some resource types, are all refused.
- RDS and EFS move no data, because the local cloud's databases and file systems have none. The items and objects of backups are kept in memory.
- The service role is held to one or two rights for each step, not to the dozens of AWS's managed policies.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.local.cloud import Cloud

CONTROL_PATH = "/_control/aws-backup"


def start(cloud: Cloud) -> str:
    """Makes sure that the cloud's AWS Backup is this one; returns the endpoint for AWS_ENDPOINT_URL_BACKUP."""
    Control(cloud, "000000000000").state()
    return cloud.endpoint


@dataclass(frozen=True)
class Control:
    """What a test can do to the service, for one account."""

    cloud: Cloud
    account: str

    def faults(self, **knobs: Any) -> None:
        """Sets knobs, by the names in `faults.py`; None puts one back to rest."""
        self._ask("PUT", "faults", knobs)

    def advance(self, seconds: float = 0, *, days: float = 0) -> None:
        """Pushes the account's clock, and does all that is then due."""
        self._ask("POST", "clock", {"advance_s": seconds + days * 86_400})

    def state(self) -> dict[str, Any]:
        """The knobs, the clock, the calls so far (operation and outcome), and the operations that there are."""
        return self._ask("GET", "", None)

    def calls(self, operation: str) -> list[str]:
        """The outcomes of all calls of an operation so far: "ok" or an error code."""
        return [outcome for name, outcome in self.state()["calls"] if name == operation]

    def forget(self) -> None:
        """As if the account had never been used: vaults, points, jobs, knobs and clock are gone."""
        self._ask("DELETE", "", None)

    def _ask(self, method: str, what: str, document: Any) -> dict[str, Any]:
        url = f"{self.cloud.endpoint}{CONTROL_PATH}/{self.account}/{what}".rstrip("/")
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60, context=self.cloud.tls()) as answer:
            return json.loads(answer.read())
