"""Events of the service on the account's default bus. Best effort: a knob drops them all."""

from __future__ import annotations

import datetime
import json
import threading
from typing import Any

from ministack.core.responses import new_uuid, request_scope
from ministack.services import eventbridge

from tests.local.aws_backup.state import Job, Place, Point, World

# Copies say "state" and restores "status": as uneven as the API itself.
_OF_JOBS = {
    "backup": ("Backup Job State Change", "backupJobId", "state"),
    "copy": ("Copy Job State Change", "copyJobId", "state"),
    "restore": ("Restore Job State Change", "restoreJobId", "status"),
}


class Outbox:
    """Events that wait until the state is consistent: a rule may wake a function that asks us back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[tuple[Place, str, dict[str, Any], list[str]]] = []
        self._lock = threading.Lock()

    def job_changed(self, job: Job) -> None:
        detail_type, id_member, state_member = _OF_JOBS[job.kind]
        detail = {
            id_member: job.id,
            state_member: job.state,
            "statusMessage": job.message,
            "resourceArn": job.resource_arn,
            "resourceType": job.resource_type,
            "iamRoleArn": job.role_arn,
            "creationDate": _iso(job.created_at),
            "completionDate": job.completed_at and _iso(job.completed_at),
            "backupSizeInBytes": str(job.size_bytes),
            **_more(job),
        }
        self._add(job.place, detail_type, detail, [job.point_arn] if job.point_arn else [])

    def point_changed(self, point: Point, status: str) -> None:
        detail = {
            "backupVaultName": point.vault.name,
            "backupVaultArn": point.vault.arn,
            "creationDate": _iso(point.created_at),
            "resourceArn": point.resource_arn,
            "resourceType": point.resource_type,
            "status": status,
            "statusMessage": point.message,
        }
        self._add(point.place, "Recovery Point State Change", detail, [point.arn])

    def _add(self, place: Place, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        if not self._world.faults(place).drop_events:
            said = {key: value for key, value in detail.items() if value is not None}
            with self._lock:
                self._waiting.append((place, detail_type, said, resources))

    def send(self) -> None:
        """Puts all that waits on the buses."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for place, detail_type, detail, resources in waiting:
            with request_scope(*place):
                eventbridge._dispatch_event(
                    {
                        "EventId": new_uuid(),
                        "Source": "aws.backup",
                        "DetailType": detail_type,
                        "Detail": json.dumps(detail),
                        "EventBusName": "default",
                        "Time": int(self._world.now(place)),
                        "Resources": resources,
                        "Account": place.account,
                        "Region": place.region,
                    }
                )


def _more(job: Job) -> dict[str, Any]:
    if job.kind == "backup" and job.vault:
        return {
            "backupVaultArn": job.vault.arn,
            "backupVaultName": job.vault.name,
            "startBy": job.start_by and _iso(job.start_by),
            "createdBy": job.made_by_plan,
        }
    if job.kind == "copy" and job.vault and job.destination:
        return {
            "sourceBackupVaultArn": job.vault.arn,
            "destinationBackupVaultArn": job.destination.arn,
            "destinationRecoveryPointArn": job.destination_arn,
        }
    return {"createdResourceArn": job.created_resource_arn}


def _iso(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
