"""Vaults: made, described, locked, watched and opened to other accounts."""

from __future__ import annotations

import json
from typing import Any

from tests.local.aws_backup import keys, roles
from tests.local.aws_backup.call import Call, Operation, Parameters
from tests.local.aws_backup.lifecycles import MOST_DAYS
from tests.local.aws_backup.state import DAY_S, Lock, Vault
from tests.local.aws_backup.wire import Refused

# The cooling-off period before a lock becomes immutable.
COOLING_OFF_DAYS = 3


def create(call: Call, parameters: Parameters) -> dict[str, Any]:
    name = parameters["BackupVaultName"]
    request_id = parameters.get("CreatorRequestId")
    there = call.scope.vaults.get(name)
    if there is not None and (request_id is None or there.creator_request_id != request_id):
        raise Refused("AlreadyExistsException", f"Backup vault with the same name already exists: {name}")
    if there is None:
        roles.check_vault_maker(call.headers, call.place, parameters.get("EncryptionKeyArn"))
        key = parameters.get("EncryptionKeyArn") or keys.default_key(call.place)
        tags = parameters.get("BackupVaultTags", {})
        there = Vault(name, call.place, key, call.now, request_id, dict(tags))
        call.scope.vaults[name] = there
    return {"BackupVaultName": name, "BackupVaultArn": there.arn, "CreationDate": there.created_at}


def describe(call: Call, parameters: Parameters) -> dict[str, Any]:
    return _described(call, call.world.vault(call.place, parameters["BackupVaultName"]))


def list_all(call: Call, parameters: Parameters) -> dict[str, Any]:
    wanted = parameters.get("ByVaultType", "BACKUP_VAULT") == "BACKUP_VAULT" and not parameters.get("ByShared")
    found = sorted(call.scope.vaults.values(), key=lambda vault: vault.name) if wanted else []
    return call.listing(parameters, "BackupVaultList", [_described(call, vault) for vault in found])


def _described(call: Call, vault: Vault) -> dict[str, Any]:
    described: dict[str, Any] = {
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "VaultType": "BACKUP_VAULT",
        "VaultState": "AVAILABLE",
        "EncryptionKeyArn": vault.key_arn,
        "EncryptionKeyType": None if keys.managed_by_aws(vault.key_arn) else "CUSTOMER_MANAGED_KMS_KEY",
        "CreationDate": vault.created_at,
        "CreatorRequestId": vault.creator_request_id,
        "NumberOfRecoveryPoints": len(vault.points),
        "Locked": vault.lock is not None,
    }
    if vault.lock:
        described["MinRetentionDays"] = vault.lock.min_days
        described["MaxRetentionDays"] = vault.lock.max_days
        described["LockDate"] = vault.lock.immutable_from
    return described


def delete(call: Call, parameters: Parameters) -> dict[str, Any]:
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    if vault.points:
        raise Refused("InvalidRequestException", "Backup vault cannot be deleted because it contains recovery points.")
    del call.scope.vaults[vault.name]
    return {}


def put_lock(call: Call, parameters: Parameters) -> dict[str, Any]:
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    _check_changeable(call, vault)
    least, most = parameters.get("MinRetentionDays"), parameters.get("MaxRetentionDays")
    changeable_for = parameters.get("ChangeableForDays")
    if least is not None and least < 1:
        raise Refused("InvalidParameterValueException", f"MinRetentionDays must be at least 1: {least}")
    if most is not None and not (least or 1) <= most <= MOST_DAYS:
        raise Refused(
            "InvalidParameterValueException", f"MaxRetentionDays must be between {least or 1} and {MOST_DAYS}: {most}"
        )
    if changeable_for is not None and not COOLING_OFF_DAYS <= changeable_for <= MOST_DAYS:
        raise Refused(
            "InvalidParameterValueException", f"ChangeableForDays must be between {COOLING_OFF_DAYS} and {MOST_DAYS}"
        )
    immutable_from = None if changeable_for is None else call.now + changeable_for * DAY_S
    vault.lock = Lock(least, most, immutable_from)
    return {}


def delete_lock(call: Call, parameters: Parameters) -> dict[str, Any]:
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    _check_changeable(call, vault)
    vault.lock = None
    return {}


def _check_changeable(call: Call, vault: Vault) -> None:
    if vault.lock and vault.lock.immutable(call.now):
        raise Refused("InvalidRequestException", f"The lock of backup vault {vault.name} is immutable.")


def put_notifications(call: Call, parameters: Parameters) -> dict[str, Any]:
    """Stored and never sent: the events on the bus say more."""
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    vault.notifications = {name: parameters[name] for name in ("SNSTopicArn", "BackupVaultEvents")}
    return {}


def get_notifications(call: Call, parameters: Parameters) -> dict[str, Any]:
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    if vault.notifications is None:
        raise Refused("ResourceNotFoundException", f"Failed reading notifications from backup vault {vault.name}")
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, **vault.notifications}


def delete_notifications(call: Call, parameters: Parameters) -> dict[str, Any]:
    call.world.vault(call.place, parameters["BackupVaultName"]).notifications = None
    return {}


def put_policy(call: Call, parameters: Parameters) -> dict[str, Any]:
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    try:
        statements = json.loads(parameters.get("Policy", ""))["Statement"]
    except (ValueError, KeyError, TypeError) as reason:
        raise Refused("InvalidParameterValueException", f"Policy is not a policy document: {reason!r}") from reason
    if not statements:
        raise Refused("InvalidParameterValueException", "Policy has no statements")
    vault.policy = parameters["Policy"]
    return {}


def get_policy(call: Call, parameters: Parameters) -> dict[str, Any]:
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    if vault.policy is None:
        raise Refused("ResourceNotFoundException", f"Failed reading access policy from backup vault {vault.name}")
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, "Policy": vault.policy}


def delete_policy(call: Call, parameters: Parameters) -> dict[str, Any]:
    call.world.vault(call.place, parameters["BackupVaultName"]).policy = None
    return {}


OPERATIONS: dict[str, Operation] = {
    "CreateBackupVault": create,
    "DescribeBackupVault": describe,
    "ListBackupVaults": list_all,
    "DeleteBackupVault": delete,
    "PutBackupVaultLockConfiguration": put_lock,
    "DeleteBackupVaultLockConfiguration": delete_lock,
    "PutBackupVaultNotifications": put_notifications,
    "GetBackupVaultNotifications": get_notifications,
    "DeleteBackupVaultNotifications": delete_notifications,
    "PutBackupVaultAccessPolicy": put_policy,
    "GetBackupVaultAccessPolicy": get_policy,
    "DeleteBackupVaultAccessPolicy": delete_policy,
}
