"""Legal holds."""

from __future__ import annotations

from typing import Any

from tests.local.aws_backup.call import Call, Operation, Parameters
from tests.local.aws_backup.progress import covers
from tests.local.aws_backup.state import Hold, new_id
from tests.local.aws_backup.wire import Refused


def create(call: Call, parameters: Parameters) -> dict[str, Any]:
    hold_id = call.once(
        "CreateLegalHold", parameters, parameters.get("IdempotencyToken"), lambda: _made(call, parameters)
    )
    hold = call.scope.holds[hold_id]
    return {**_listed(hold), "RecoveryPointSelection": hold.selection}


def _made(call: Call, parameters: Parameters) -> str:
    hold = Hold(
        id=new_id(),
        place=call.place,
        title=parameters["Title"],
        description=parameters["Description"],
        created_at=call.now,
        selection=parameters.get("RecoveryPointSelection", {}),
    )
    call.scope.holds[hold.id] = hold
    return hold.id


def _found(call: Call, parameters: Parameters) -> Hold:
    found = call.scope.holds.get(parameters["LegalHoldId"])
    if found is None:
        raise Refused("ResourceNotFoundException", f"Cannot find legal hold {parameters['LegalHoldId']}")
    return found


def get(call: Call, parameters: Parameters) -> dict[str, Any]:
    hold = _found(call, parameters)
    return {
        **_listed(hold),
        "CancellationDate": hold.cancelled_at,
        "CancelDescription": hold.cancel_description,
        "RecoveryPointSelection": hold.selection,
    }


def list_all(call: Call, parameters: Parameters) -> dict[str, Any]:
    found = [{**_listed(hold), "CancellationDate": hold.cancelled_at} for hold in call.scope.holds.values()]
    return call.listing(parameters, "LegalHolds", found)


def _listed(hold: Hold) -> dict[str, Any]:
    return {
        "Title": hold.title,
        "Status": hold.status,
        "Description": hold.description,
        "LegalHoldId": hold.id,
        "LegalHoldArn": hold.arn,
        "CreationDate": hold.created_at,
    }


def points_of(call: Call, parameters: Parameters) -> dict[str, Any]:
    hold = _found(call, parameters)
    found = [point for point in call.scope.points() if hold.status == "ACTIVE" and covers(hold, point)]
    records = [
        {
            "RecoveryPointArn": point.arn,
            "ResourceArn": point.resource_arn,
            "ResourceType": point.resource_type,
            "BackupVaultName": point.vault.name,
        }
        for point in found
    ]
    return call.listing(parameters, "RecoveryPoints", records)


def cancel(call: Call, parameters: Parameters) -> dict[str, Any]:
    hold = _found(call, parameters)
    if hold.status != "ACTIVE":
        raise Refused("InvalidResourceStateException", f"The legal hold is {hold.status}")
    hold.status, hold.cancelled_at = "CANCELED", call.now
    hold.cancel_description = parameters["CancelDescription"]
    return {}


OPERATIONS: dict[str, Operation] = {
    "CreateLegalHold": create,
    "GetLegalHold": get,
    "ListLegalHolds": list_all,
    "ListRecoveryPointsByLegalHold": points_of,
    "CancelLegalHold": cancel,
}
