"""Keys: whether the local cloud's KMS would let the service use one."""

from __future__ import annotations

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
from ministack.core.responses import request_scope
from ministack.services import kms

from tests.local.aws_backup.state import Place

DEFAULT_ALIAS = "alias/aws/backup"


def default_key(place: Place) -> str:
    """The ARN of the AWS-managed key of AWS Backup; made when it is first needed, as AWS does."""
    with request_scope(*place):
        alias = kms._alias_arn(DEFAULT_ALIAS)
        if alias not in kms._aliases:
            before = set(kms._keys)
            kms._create_key({"Description": "Default key that protects my backups when no other key is defined"})
            (made,) = set(kms._keys) - before
            kms._keys[made]["KeyManager"] = "AWS"
            kms._aliases[alias] = made
        return kms._keys[kms._aliases[alias]]["Arn"]


def say_who_manages() -> None:
    """MiniStack says of every key that the customer manages it. Called once, when the server starts."""
    original = kms._key_metadata

    def key_metadata(record):
        return {**original(record), "KeyManager": record.get("KeyManager", "CUSTOMER")}

    kms._key_metadata = key_metadata


def problem(arn: str) -> str | None:
    """Why the key cannot be used now; None when it can."""
    record = _record(arn)
    if record is None:
        return f"The KMS key {arn} does not exist (Service: Kms, Error Code: NotFoundException)"
    if record["KeyState"] == "PendingDeletion":
        return f"The KMS key {arn} is pending deletion (Service: Kms, Error Code: KMSInvalidStateException)"
    if record["KeyState"] != "Enabled":
        return f"The KMS key {arn} is disabled (Service: Kms, Error Code: DisabledException)"
    return None


def managed_by_aws(arn: str) -> bool:
    """Whether it is a key that AWS manages: its policy cannot be changed, so it never leaves the account."""
    record = _record(arn)
    return record is not None and record.get("KeyManager") == "AWS"


def lets_in(arn: str, account: str) -> bool:
    """Whether the key's policy lets another account read what it encrypts."""
    record = _record(arn)
    if record is None:
        return False
    context = EvalContext(
        principal_arn=f"arn:aws:iam::{account}:root",
        principal_type="Root",
        principal_account=account,
        action="kms:Decrypt",
        resource_arn=arn,
        region=arn.split(":")[3],
    )
    return evaluate_resource_policy(record.get("Policy"), context).decision == "Allow"


def _record(arn: str) -> dict | None:
    parts = arn.split(":")
    if len(parts) != 6 or not parts[5].startswith("key/"):
        return None
    return kms._keys.get_scoped(parts[4], parts[3], parts[5].removeprefix("key/"))
