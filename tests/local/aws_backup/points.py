"""Recovery points: described, listed, given another lifecycle, and deleted or not."""

from __future__ import annotations

from typing import Any

from tests.local.aws_backup import keys, lifecycles
from tests.local.aws_backup.call import Call, Operation, Parameters, fits
from tests.local.aws_backup.kinds import KINDS
from tests.local.aws_backup.progress import held, in_use, remove
from tests.local.aws_backup.state import Point
from tests.local.aws_backup.wire import Refused


def describe(call: Call, parameters: Parameters) -> dict[str, Any]:
    point = _found(call, parameters)
    described = _described(point)
    if point.status == "DELETING":
        point.deleting_describes -= 1
        if point.deleting_describes <= 0:
            remove(point)
    return {**described, "StorageClass": point.storage_class(call.now)}


def list_of_vault(call: Call, parameters: Parameters) -> dict[str, Any]:
    vault = call.world.vault(call.place, parameters["BackupVaultName"])
    equal = {
        "ByResourceArn": "ResourceArn",
        "ByResourceType": "ResourceType",
        "ByParentRecoveryPointArn": "ParentRecoveryPointArn",
    }
    found = [_described(point) for point in sorted(vault.points.values(), key=lambda point: -point.created_at)]
    plan = parameters.get("ByBackupPlanId")
    wanted = [
        record
        for record in found
        if fits(record, parameters, equal) and (plan is None or (record["CreatedBy"] or {}).get("BackupPlanId") == plan)
    ]
    return call.listing(parameters, "RecoveryPoints", wanted)


def list_of_resource(call: Call, parameters: Parameters) -> dict[str, Any]:
    mine = [point for point in call.scope.points() if point.resource_arn == parameters["ResourceArn"]]
    found = [
        {
            "RecoveryPointArn": point.arn,
            "CreationDate": point.created_at,
            "Status": point.status,
            "StatusMessage": point.message,
            "EncryptionKeyArn": point.key_arn,
            "EncryptionKeyType": _key_type(point),
            "BackupSizeBytes": point.size_bytes,
            "BackupVaultName": point.vault.name,
            "IsParent": False,
            "VaultType": "BACKUP_VAULT",
        }
        for point in sorted(mine, key=lambda point: -point.created_at)
    ]
    return call.listing(parameters, "RecoveryPoints", found)


def _found(call: Call, parameters: Parameters) -> Point:
    return call.world.point(call.place, parameters["BackupVaultName"], parameters["RecoveryPointArn"])


def _key_type(point: Point) -> str | None:
    if point.key_arn is None or keys.managed_by_aws(point.key_arn):
        return None
    return "CUSTOMER_MANAGED_KMS_KEY"


def _described(point: Point) -> dict[str, Any]:
    """What a description and an entry of a listing have in common."""
    return {
        "RecoveryPointArn": point.arn,
        "BackupVaultName": point.vault.name,
        "BackupVaultArn": point.vault.arn,
        "SourceBackupVaultArn": point.source_vault_arn,
        "ResourceArn": point.resource_arn,
        "ResourceName": point.resource_arn.rsplit(":", 1)[-1].rsplit("/", 1)[-1],
        "ResourceType": point.resource_type,
        "CreatedBy": point.made_by_plan,
        "IamRoleArn": point.role_arn,
        "Status": point.status,
        "StatusMessage": point.message,
        "CreationDate": point.created_at,
        "InitiationDate": point.initiated_at,
        "CompletionDate": point.completed_at,
        "BackupSizeInBytes": point.size_bytes,
        "CalculatedLifecycle": lifecycles.calculated(point),
        "Lifecycle": point.lifecycle or None,
        "EncryptionKeyArn": point.key_arn,
        "EncryptionKeyType": _key_type(point),
        "IsEncrypted": point.key_arn is not None,
        "LastRestoreTime": point.last_restored_at,
        "IsParent": False,
        "VaultType": "BACKUP_VAULT",
    }


def restore_metadata(call: Call, parameters: Parameters) -> dict[str, Any]:
    point = _found(call, parameters)
    return {
        "BackupVaultArn": point.vault.arn,
        "RecoveryPointArn": point.arn,
        "RestoreMetadata": KINDS[point.resource_type].restore_metadata(point.content),
        "ResourceType": point.resource_type,
    }


def update_lifecycle(call: Call, parameters: Parameters) -> dict[str, Any]:
    point = _found(call, parameters)
    lifecycle = lifecycles.check(parameters.get("Lifecycle", {}))
    if point.continuous:
        raise Refused("InvalidRequestException", "The lifecycle of a continuous backup cannot be changed")
    _check_free(call, point, "changed")
    cold = "MoveToColdStorageAfterDays"
    if point.storage_class(call.now) == "COLD" and lifecycle.get(cold) != point.lifecycle.get(cold):
        raise Refused(
            "InvalidParameterValueException", "The transition to cold storage cannot be changed after it happened"
        )
    # What is not said is unset, not left as it is.
    point.lifecycle = dict(lifecycle)
    call.outbox.point_changed(point, "MODIFIED")
    return {
        "BackupVaultArn": point.vault.arn,
        "RecoveryPointArn": point.arn,
        "Lifecycle": point.lifecycle,
        "CalculatedLifecycle": lifecycles.calculated(point),
    }


def delete(call: Call, parameters: Parameters) -> dict[str, Any]:
    """Deletes the point; or answers as if, and leaves it EXPIRED."""
    point = _found(call, parameters)
    _check_free(call, point, "deleted")
    if in_use(call.world, point) or point.status == "DELETING":
        raise Refused(
            "InvalidResourceStateException", f"AWS Backup is already performing an action on recovery point {point.arn}"
        )
    if call.faults.delete_is_not_done:
        point.status = "EXPIRED"
        point.message = "The recovery point could not be deleted: the permissions of the role were insufficient."
        call.outbox.point_changed(point, "EXPIRED")
    elif call.faults.deleting_describes > 0:
        point.status, point.deleting_describes = "DELETING", call.faults.deleting_describes
    else:
        remove(point)
        call.outbox.point_changed(point, "DELETED")
    return {}


def disassociate(call: Call, parameters: Parameters) -> dict[str, Any]:
    point = _found(call, parameters)
    if not point.continuous:
        raise Refused("InvalidRequestException", "Only a continuous backup can be disassociated")
    _check_free(call, point, "disassociated")
    remove(point)
    return {}


def _check_free(call: Call, point: Point, what: str) -> None:
    if point.vault.lock is not None:
        raise Refused(
            "InvalidRequestException",
            f"Recovery point {point.arn} cannot be {what}: backup vault {point.vault.name} is locked",
        )
    if held(call.world, point):
        raise Refused(
            "InvalidRequestException", f"Recovery point {point.arn} cannot be {what}: it is under a legal hold"
        )


OPERATIONS: dict[str, Operation] = {
    "DescribeRecoveryPoint": describe,
    "ListRecoveryPointsByBackupVault": list_of_vault,
    "ListRecoveryPointsByResource": list_of_resource,
    "GetRecoveryPointRestoreMetadata": restore_metadata,
    "UpdateRecoveryPointLifecycle": update_lifecycle,
    "DeleteRecoveryPoint": delete,
    "DisassociateRecoveryPoint": disassociate,
}
