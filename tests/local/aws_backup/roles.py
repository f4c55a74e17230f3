"""Rights: of the caller to hand a role over, of the service role to do the work, of an account to copy into a vault.

The caller's right to the operation itself is checked before we are asked, by MiniStack's own dispatcher; here its
evaluator is asked for what only the service can ask for.
"""

from __future__ import annotations

import json

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import iam

from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.state import Place, Vault
from tests.local.aws_backup.wire import Refused

_SERVICE = "backup.amazonaws.com"

# Of the policies that AWS keeps for service roles, the part that this stand-in asks for.
_MANAGED_POLICIES = {
    "AWSBackupServiceRolePolicyForBackup": [
        "backup:CopyFromBackupVault", "backup:CopyIntoBackupVault", "dynamodb:CreateBackup", "dynamodb:StartAwsBackupJob",
        "elasticfilesystem:Backup",
        "rds:CreateDBClusterSnapshot", "rds:CreateDBSnapshot",
    ],
    "AWSBackupServiceRolePolicyForRestores": [
        "dynamodb:RestoreTableFromAwsBackup", "dynamodb:RestoreTableFromBackup", "elasticfilesystem:CreateFileSystem",
        "elasticfilesystem:Restore", "rds:RestoreDBClusterFromSnapshot",
        "rds:RestoreDBInstanceFromDBSnapshot",
    ],
    "AWSBackupServiceRolePolicyForS3Backup": ["s3:GetBucketVersioning", "s3:GetObjectVersion", "s3:ListBucketVersions"],
    "AWSBackupServiceRolePolicyForS3Restore": ["s3:CreateBucket", "s3:PutBucketVersioning", "s3:PutObject"],
}  # fmt: skip


def seed_managed_policies() -> None:
    """Puts AWS's policies for service roles where roles can be given them. Called once, when the server starts."""
    for name, actions in _MANAGED_POLICIES.items():
        # The two for S3 have no path of their own.
        path = name if "S3" in name else f"service-role/{name}"
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arn = f"arn:aws:iam::aws:policy/{path}"
        iam._aws_managed_policies[arn] = iam._make_aws_managed_record(path, document)


def check_pass_role(headers: dict[str, str], place: Place, role_arn: str) -> None:
    """Refuses a caller who may not hand this role to the service, and a role that the service cannot assume."""
    _check_caller(headers, place, "iam:PassRole", role_arn, {"iam:PassedToService": _SERVICE})
    role = _role(role_arn)
    if role is None or not _trusts_the_service(role):
        raise Refused("InvalidParameterValueException", f"IAM Role {role_arn} cannot be assumed by AWS Backup")


def check_tags(headers: dict[str, str], place: Place, arn: str, tags: dict[str, str]) -> None:
    """Refuses a caller who may not tag what they make."""
    if tags:
        context = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        _check_caller(headers, place, "backup:TagResource", arn, context)


def check_vault_maker(headers: dict[str, str], place: Place, key_arn: str | None) -> None:
    """Refuses a caller who may make vaults, but not what a vault is made of: storage, and grants on its key."""
    _check_caller(headers, place, "backup-storage:MountCapsule", "*")
    for action in ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey", "RetireGrant") if key_arn else ():
        # The service asks for it on the caller's behalf.
        via = {"kms:ViaService": f"backup.{place.region}.amazonaws.com"}
        _check_caller(headers, place, f"kms:{action}", key_arn, via)


def _check_caller(
    headers: dict[str, str], place: Place, action: str, resource: str, context: dict[str, str] | None = None
) -> None:
    denied = iam_evaluator.enforce(
        extract_access_key_id(headers),
        action,
        action.split(":")[0],
        place.region,
        resource_arn=resource,
        service_context=context,
    )
    if denied:
        explicit = getattr(denied, "decision", "") == "Deny"
        principal = getattr(denied, "principal_arn", "")
        message = iam_actions.identity_denial_message(action, principal, resource, explicit)
        raise Refused("AccessDeniedException", message, 403)


def check_rights(place: Place, role_arn: str, wanted: list[tuple[str, str]]) -> None:
    """Fails the job whose role lacks one of these rights (action and resource)."""
    for action, resource in wanted:
        if not _may(place, role_arn, action, resource):
            raise JobFailed(
                f"IAM Role {role_arn} does not have sufficient permissions to execute the job: {action} on {resource}"
            )


def check_copy_into(place: Place, role_arn: str, destination: Vault) -> None:
    """Fails the copy that the role, or the vault of another account, does not allow."""
    check_rights(place, role_arn, [("backup:CopyIntoBackupVault", destination.arn)])
    if destination.place.account == place.account:
        return
    context = _context(place, role_arn, "backup:CopyIntoBackupVault", destination.arn)
    if iam_evaluator.evaluate_resource_policy(destination.policy, context).decision != "Allow":
        raise JobFailed(
            f"Access Denied trying to call AWS Backup service: the access policy of {destination.arn} does not allow "
            f"backup:CopyIntoBackupVault to account {place.account}"
        )


def _may(place: Place, role_arn: str, action: str, resource: str) -> bool:
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    with request_scope(account, place.region):
        policies = iam_evaluator._gather_role_policies(name, account)
    return iam_evaluator.evaluate(_context(place, role_arn, action, resource), policies).decision == "Allow"


def _context(place: Place, role_arn: str, action: str, resource: str) -> iam_evaluator.EvalContext:
    return iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=role_arn.split(":")[4],
        action=action,
        resource_arn=resource,
        region=place.region,
        secure_transport=True,
    )


def _role(role_arn: str) -> dict | None:
    parts = role_arn.split(":")
    if len(parts) != 6 or not parts[5].startswith("role/"):
        return None
    return iam._roles.get_scoped(parts[4], None, role_arn.rsplit("/", 1)[-1])


def _trusts_the_service(role: dict) -> bool:
    document = role.get("AssumeRolePolicyDocument") or {}
    document = json.loads(document) if isinstance(document, str) else document
    for statement in document.get("Statement", []):
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and _SERVICE in ([services] if isinstance(services, str) else services):
            return True
    return False
