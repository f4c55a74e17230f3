"""Backup jobs: a resource is read and becomes a recovery point."""

from __future__ import annotations

from typing import Any

from tests.local.aws_backup import keys, lifecycles, roles
from tests.local.aws_backup.call import Call, Operation, Parameters, fits
from tests.local.aws_backup.kinds import KINDS, resource_type_of
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.progress import Steps, busy, remove
from tests.local.aws_backup.settings import advanced_features
from tests.local.aws_backup.state import MINUTE_S, Job, Place, Point, World, new_id
from tests.local.aws_backup.wire import Refused

LEAST_START_WINDOW_MINUTES = 60
DEFAULT_START_WINDOW_MINUTES = 8 * 60
# When nothing is said, a job may take a week.
DEFAULT_COMPLETION_WINDOW_MINUTES = 7 * 24 * 60
MOST_WINDOW_MINUTES = 52_560_000
# Tags of a recovery point.
MOST_TAGS = 10
OPTIONS = {"S3": {"BackupACLs", "BackupObjectTags"}}


def start(call: Call, parameters: Parameters) -> dict[str, Any]:
    lifecycles.check(parameters.get("Lifecycle", {}))
    _check_windows(parameters)
    resource_type = resource_type_of(parameters["ResourceArn"])
    _check_resource(call.place, parameters, resource_type)
    if parameters["BackupVaultName"] not in call.scope.vaults:
        raise Refused("ResourceNotFoundException", f"Cannot find backup vault {parameters['BackupVaultName']}")
    roles.check_pass_role(call.headers, call.place, parameters["IamRoleArn"])
    token = parameters.get("IdempotencyToken")
    job_id = call.once("StartBackupJob", parameters, token, lambda: _made(call, parameters, resource_type))
    job = call.scope.jobs[job_id]
    return {
        "BackupJobId": job.id,
        "CreationDate": job.created_at,
        "IsParent": False,
        # Only of these is the ARN known so early.
        "RecoveryPointArn": job.point_arn if resource_type == "DynamoDB" and advanced_features(call.scope) else None,
    }


def _check_windows(parameters: Parameters) -> None:
    opens, ends = parameters.get("StartWindowMinutes"), parameters.get("CompleteWindowMinutes")
    if opens is not None and not LEAST_START_WINDOW_MINUTES <= opens <= MOST_WINDOW_MINUTES:
        raise Refused(
            "InvalidParameterValueException",
            f"StartWindowMinutes must be at least {LEAST_START_WINDOW_MINUTES}: {opens}",
        )
    least = opens or DEFAULT_START_WINDOW_MINUTES
    if ends is not None and not least < ends <= MOST_WINDOW_MINUTES:
        raise Refused(
            "InvalidParameterValueException", f"CompleteWindowMinutes must be more than the start window: {ends}"
        )


def _check_resource(place: Place, parameters: Parameters, resource_type: str) -> None:
    arn = parameters["ResourceArn"].split(":")
    if arn[3] not in ("", place.region) or arn[4] not in ("", place.account):
        raise Refused(
            "InvalidParameterValueException", f"{parameters['ResourceArn']} is not in this region and account"
        )
    for option, value in parameters.get("BackupOptions", {}).items():
        if option not in OPTIONS.get(resource_type, set()) or value not in ("enabled", "disabled"):
            raise Refused(
                "InvalidParameterValueException", f"Invalid backup option for {resource_type}: {option}={value}"
            )
    if len(parameters.get("RecoveryPointTags", {})) > MOST_TAGS:
        raise Refused("LimitExceededException", f"A recovery point has at most {MOST_TAGS} tags")


def _made(call: Call, parameters: Parameters, resource_type: str) -> str:
    now, job_id = call.now, new_id()
    opens = parameters.get("StartWindowMinutes", DEFAULT_START_WINDOW_MINUTES)
    ends = parameters.get("CompleteWindowMinutes", DEFAULT_COMPLETION_WINDOW_MINUTES)
    arn = parameters["ResourceArn"]
    advanced = advanced_features(call.scope)
    job = Job(
        id=job_id,
        kind="backup",
        place=call.place,
        request=parameters,
        resource_arn=arn,
        resource_type=resource_type,
        role_arn=parameters["IamRoleArn"],
        created_at=now,
        state="CREATED",
        since=now,
        point_arn=KINDS[resource_type].point_arn(call.place, job_id, arn, "job", advanced=advanced),
        vault=call.scope.vaults[parameters["BackupVaultName"]],
        start_by=now + opens * MINUTE_S,
        complete_by=now + ends * MINUTE_S,
        made_by_plan=call.faults.made_by_plan,
        continuous=call.faults.continuous,
    )
    if job.continuous:
        job.point_arn = f"{call.place.arn}:recovery-point:continuous:{job_id}"
    call.scope.jobs[job_id] = job
    call.outbox.job_changed(job)
    return job_id


def begin(world: World, job: Job) -> None:
    """Checks what only shows when a job runs, and reads the resource: the point is of this moment."""
    if busy(world, job.place, job.resource_arn, job):
        raise JobFailed("Backup job failed because there was a running backup job for the same resource.")
    kind, advanced = KINDS[job.resource_type], advanced_features(world.scope(job.place))
    lifecycle = job.request.get("Lifecycle", {})
    lifecycles.check_lock(job.vault, lifecycle)
    roles.check_rights(job.place, job.role_arn, kind.backup_rights(job.place, job.resource_arn, advanced=advanced))
    own_key = kind.fully_managed and (job.resource_type != "DynamoDB" or advanced)
    if own_key:
        check_key(job.vault.key_arn)
    content = kind.read(job.place, job.resource_arn, job.request.get("BackupOptions", {}))
    key = job.vault.key_arn if own_key else kind.own_key(content)
    if key:
        check_key(key)
    point = Point(
        arn=job.point_arn,
        vault=job.vault,
        resource_arn=job.resource_arn,
        resource_type=job.resource_type,
        role_arn=job.role_arn,
        created_at=job.created_at,
        initiated_at=job.created_at,
        status="CREATING",
        content=content,
        lifecycle=dict(lifecycle),
        key_arn=key,
        advanced=advanced or job.resource_type != "DynamoDB",
        continuous=job.continuous,
        made_by_plan=job.made_by_plan,
        tags=dict(job.request.get("RecoveryPointTags", {})),
        size_bytes=kind.size_bytes(content),
    )
    job.point, job.size_bytes = point, point.size_bytes
    job.vault.points[point.arn] = point


def check_key(arn: str) -> None:
    """Fails the job that needs a key which cannot be used."""
    problem = keys.problem(arn)
    if problem:
        raise JobFailed(problem)


def end(world: World, job: Job, state: str) -> str | None:
    """The point is complete, or the part of it that there is."""
    point = job.point
    if point.key_arn:
        check_key(point.key_arn)
    point.status, point.completed_at = state, job.completed_at
    KINDS[point.resource_type].store(point)
    return point.content.get("message")


def undo(job: Job) -> None:
    """What was read for a job that has no result is gone with it."""
    if job.point is not None:
        remove(job.point)
        job.point = None
    job.point_arn = None


STEPS = Steps(begin, end, undo)


def describe(call: Call, parameters: Parameters) -> dict[str, Any]:
    job = call.world.job(call.place, "backup", parameters["BackupJobId"])
    call.progress.look([job])
    return _described(job)


def list_all(call: Call, parameters: Parameters) -> dict[str, Any]:
    jobs = call.world.jobs(call.place, "backup")
    call.progress.look(jobs)
    equal = {
        "ByResourceArn": "ResourceArn",
        "ByState": "State",
        "ByBackupVaultName": "BackupVaultName",
        "ByResourceType": "ResourceType",
        "ByAccountId": "AccountId",
        "ByParentJobId": "ParentJobId",
        "ByMessageCategory": "MessageCategory",
    }
    found = [record for record in map(_described, jobs) if fits(record, parameters, equal)]
    return call.listing(parameters, "BackupJobs", found)


def _described(job: Job) -> dict[str, Any]:
    return {
        "AccountId": job.place.account,
        "BackupJobId": job.id,
        "BackupVaultName": job.vault.name,
        "BackupVaultArn": job.vault.arn,
        "VaultType": "BACKUP_VAULT",
        # Known from the moment at which there is something.
        "RecoveryPointArn": job.point_arn if job.point else None,
        "RecoveryPointLifecycle": job.request.get("Lifecycle"),
        "EncryptionKeyArn": job.point.key_arn if job.point else None,
        "IsEncrypted": job.point.key_arn is not None if job.point else None,
        "ResourceArn": job.resource_arn,
        "ResourceName": job.resource_arn.rsplit(":", 1)[-1].rsplit("/", 1)[-1],
        "ResourceType": job.resource_type,
        "CreationDate": job.created_at,
        "InitiationDate": job.created_at,
        "CompletionDate": job.completed_at if job.ended else None,
        "State": job.state,
        "StatusMessage": job.message,
        "MessageCategory": job.message_category,
        "PercentDone": "100.0" if job.state in ("COMPLETED", "PARTIAL") else "0.0",
        "BackupSizeInBytes": job.size_bytes,
        "BytesTransferred": job.size_bytes if job.ended else 0,
        "IamRoleArn": job.role_arn,
        "CreatedBy": job.made_by_plan,
        "StartBy": job.start_by,
        "BackupOptions": job.request.get("BackupOptions"),
        "IsParent": False,
    }


def stop(call: Call, parameters: Parameters) -> dict[str, Any]:
    job = call.world.job(call.place, "backup", parameters["BackupJobId"])
    if not KINDS[job.resource_type].stoppable:
        raise Refused("InvalidRequestException", f"Stopping a backup job is not supported for {job.resource_type}")
    if job.ended or job.state == "ABORTING":
        raise Refused("InvalidRequestException", f"The backup job is {job.state} and cannot be stopped")
    job.state, job.since, job.looks = "ABORTING", call.now, 0
    call.outbox.job_changed(job)
    return {}


OPERATIONS: dict[str, Operation] = {
    "StartBackupJob": start,
    "DescribeBackupJob": describe,
    "ListBackupJobs": list_all,
    "StopBackupJob": stop,
}
