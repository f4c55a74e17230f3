"""Restore jobs: a new resource from a recovery point."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tests.local.aws_backup import roles
from tests.local.aws_backup.backup_jobs import check_key
from tests.local.aws_backup.call import Call, Operation, Parameters, fits
from tests.local.aws_backup.kinds import KINDS
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.kinds.s3 import moment_of
from tests.local.aws_backup.progress import Steps
from tests.local.aws_backup.state import Job, Point, World, new_id
from tests.local.aws_backup.wire import Refused


def start(call: Call, parameters: Parameters) -> dict[str, Any]:
    point = call.world.point_anywhere(call.place, parameters["RecoveryPointArn"])
    if point is None:
        raise Refused("ResourceNotFoundException", f"Cannot find recovery point {parameters['RecoveryPointArn']}")
    if point.status not in ("COMPLETED", "PARTIAL", "AVAILABLE", "EXPIRED", "STOPPED"):
        raise Refused("InvalidRequestException", f"Recovery point {point.arn} is {point.status} and cannot be restored")
    if parameters.get("ResourceType", point.resource_type) != point.resource_type:
        raise Refused("InvalidParameterValueException", f"ResourceType must be {point.resource_type}")
    target = KINDS[point.resource_type].target
    if not parameters["Metadata"].get(target):
        raise Refused("InvalidParameterValueException", f"Metadata must hold {target}")
    _check_moment(call, point, parameters["Metadata"].get("RestoreTime"))
    if "IamRoleArn" not in parameters:
        raise Refused("MissingParameterValueException", "IamRoleArn must not be empty")
    roles.check_pass_role(call.headers, call.place, parameters["IamRoleArn"])
    token = parameters.get("IdempotencyToken")
    return {"RestoreJobId": call.once("StartRestoreJob", parameters, token, lambda: _made(call, parameters, point))}


def _check_moment(call: Call, point: Point, moment: str | None) -> None:
    if point.continuous != (moment is not None):
        must = "is required" if point.continuous else "is only valid"
        raise Refused("InvalidParameterValueException", f"RestoreTime {must} for continuous recovery points")
    if moment is not None and not point.created_at <= moment_of(moment) <= call.now:
        raise Refused("InvalidParameterValueException", f"The recovery point cannot be restored to {moment}")


def _made(call: Call, parameters: Parameters, point: Point) -> str:
    now, job_id = call.now, new_id()
    job = Job(
        id=job_id,
        kind="restore",
        place=call.place,
        request=parameters,
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        role_arn=parameters["IamRoleArn"],
        created_at=now,
        state="PENDING",
        since=now,
        point=point,
        point_arn=point.arn,
        vault=point.vault,
        size_bytes=point.size_bytes,
    )
    call.scope.jobs[job_id] = job
    call.outbox.job_changed(job)
    return job_id


def begin(world: World, job: Job) -> None:
    """Checks rights and keys."""
    kind, metadata = KINDS[job.resource_type], job.request["Metadata"]
    rights = kind.restore_rights(job.place, metadata, advanced=job.point.advanced)
    roles.check_rights(job.place, job.role_arn, rights)
    if job.point.key_arn:
        check_key(job.point.key_arn)


def end(world: World, job: Job, state: str) -> str | None:
    """Makes the resource, without the settings that AWS Backup does not bring back."""
    if job.point.key_arn:
        check_key(job.point.key_arn)
    kind, point = KINDS[job.resource_type], job.point
    job.created_resource_arn = kind.restore(job.place, point.content, job.request["Metadata"])
    point.last_restored_at = job.completed_at
    tags = point.content.get("tags", {})
    if job.request.get("CopySourceTagsToRestoredResource") and tags:
        try:
            kind.put_tags(job.place, job.created_resource_arn, tags)
        except ClientError as reason:
            raise JobFailed(f"The restored resource could not be tagged: {reason}") from reason
    return None


def undo(job: Job) -> None:
    """A failed restore leaves what it made: so does AWS."""


STEPS = Steps(begin, end, undo)


def describe(call: Call, parameters: Parameters) -> dict[str, Any]:
    job = call.world.job(call.place, "restore", parameters["RestoreJobId"])
    call.progress.look([job])
    return _described(job)


def list_all(call: Call, parameters: Parameters) -> dict[str, Any]:
    jobs = call.world.jobs(call.place, "restore")
    call.progress.look(jobs)
    equal = {
        "ByAccountId": "AccountId",
        "ByResourceType": "ResourceType",
        "ByStatus": "Status",
        "ByParentJobId": "ParentJobId",
    }
    # Restore testing plans are not the stand-in's: nothing was ever started by one.
    mine = [] if "ByRestoreTestingPlanArn" in parameters else map(_described, jobs)
    return call.listing(parameters, "RestoreJobs", [record for record in mine if fits(record, parameters, equal)])


def list_of_resource(call: Call, parameters: Parameters) -> dict[str, Any]:
    jobs = [job for job in call.world.jobs(call.place, "restore") if job.resource_arn == parameters["ResourceArn"]]
    call.progress.look(jobs)
    before, after = (
        parameters.get("ByRecoveryPointCreationDateBefore"),
        parameters.get("ByRecoveryPointCreationDateAfter"),
    )
    found = [
        record
        for record in map(_described, jobs)
        if fits(record, parameters, {"ByStatus": "Status"})
        and (before is None or record["RecoveryPointCreationDate"] <= before)
        and (after is None or record["RecoveryPointCreationDate"] >= after)
    ]
    return call.listing(parameters, "RestoreJobs", found)


def _described(job: Job) -> dict[str, Any]:
    validation, validation_message = job.validation or (None, None)
    return {
        "AccountId": job.place.account,
        "RestoreJobId": job.id,
        "RecoveryPointArn": job.point_arn,
        "SourceResourceArn": job.resource_arn,
        "BackupVaultArn": job.vault.arn,
        "CreationDate": job.created_at,
        "CompletionDate": job.completed_at if job.ended else None,
        "Status": job.state,
        "StatusMessage": job.message,
        "PercentDone": "100.00%" if job.state == "COMPLETED" else "0.00%",
        "BackupSizeInBytes": job.size_bytes,
        "IamRoleArn": job.role_arn,
        "CreatedResourceArn": job.created_resource_arn,
        "ResourceType": job.resource_type,
        "RecoveryPointCreationDate": job.point.created_at,
        "ValidationStatus": validation,
        "ValidationStatusMessage": validation_message,
        "IsParent": False,
    }


def metadata_of(call: Call, parameters: Parameters) -> dict[str, Any]:
    job = call.world.job(call.place, "restore", parameters["RestoreJobId"])
    return {"RestoreJobId": job.id, "Metadata": job.request["Metadata"]}


def put_validation(call: Call, parameters: Parameters) -> dict[str, Any]:
    job = call.world.job(call.place, "restore", parameters["RestoreJobId"])
    if job.state != "COMPLETED":
        raise Refused(
            "InvalidRequestException", f"The restore job is {job.state}: only a COMPLETED one can be validated"
        )
    job.validation = (parameters["ValidationStatus"], parameters.get("ValidationStatusMessage"))
    return {}


OPERATIONS: dict[str, Operation] = {
    "StartRestoreJob": start,
    "DescribeRestoreJob": describe,
    "ListRestoreJobs": list_all,
    "ListRestoreJobsByProtectedResource": list_of_resource,
    "GetRestoreJobMetadata": metadata_of,
    "PutRestoreValidationResult": put_validation,
}
