"""Copy jobs: a recovery point in another vault, region or account, or one of the documented reasons why not."""

from __future__ import annotations

from typing import Any

from tests.local.aws_backup import keys, lifecycles, roles
from tests.local.aws_backup.backup_jobs import check_key
from tests.local.aws_backup.call import Call, Operation, Parameters, fits
from tests.local.aws_backup.kinds import KINDS
from tests.local.aws_backup.kinds.kind import JobFailed
from tests.local.aws_backup.progress import NotYet, Steps, busy, remove
from tests.local.aws_backup.state import Job, Point, Vault, World, new_id
from tests.local.aws_backup.wire import Refused

# So long the service tries to begin a copy before it gives up.
RETRY_S = 2 * 3600


def start(call: Call, parameters: Parameters) -> dict[str, Any]:
    lifecycles.check(parameters.get("Lifecycle", {}))
    source = call.scope.vaults.get(parameters["SourceBackupVaultName"])
    if source is None:
        raise Refused("ResourceNotFoundException", f"Cannot find backup vault {parameters['SourceBackupVaultName']}")
    point = source.points.get(parameters["RecoveryPointArn"])
    if point is None:
        raise Refused("ResourceNotFoundException", f"Cannot find recovery point {parameters['RecoveryPointArn']}")
    destination = _destination(call, parameters["DestinationBackupVaultArn"])
    if destination is source:
        raise Refused("InvalidParameterValueException", "A recovery point cannot be copied into its own vault")
    roles.check_pass_role(call.headers, call.place, parameters["IamRoleArn"])
    token = parameters.get("IdempotencyToken")
    job_id = call.once("StartCopyJob", parameters, token, lambda: _made(call, parameters, point, destination))
    return {"CopyJobId": job_id, "CreationDate": call.scope.jobs[job_id].created_at, "IsParent": False}


def _destination(call: Call, arn: str) -> Vault:
    found = call.world.vault_by_arn(arn)
    if found is None:
        raise Refused("ResourceNotFoundException", f"Cannot find destination backup vault {arn}")
    return found


def _made(call: Call, parameters: Parameters, point: Point, destination: Vault) -> str:
    _check_source(call, point)
    _check_quota(call, destination)
    now, job_id = call.now, new_id()
    job = Job(
        id=job_id,
        kind="copy",
        place=call.place,
        request=parameters,
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        role_arn=parameters["IamRoleArn"],
        created_at=now,
        state="CREATED",
        since=now,
        point=point,
        point_arn=point.arn,
        vault=point.vault,
        destination=destination,
        size_bytes=point.size_bytes,
    )
    call.scope.jobs[job_id] = job
    call.outbox.job_changed(job)
    return job_id


def _check_source(call: Call, point: Point) -> None:
    if point.status != "COMPLETED":
        raise Refused(
            "InvalidRequestException",
            f"Recovery point {point.arn} is {point.status}: only a COMPLETED one can be copied",
        )
    if point.storage_class(call.now) == "COLD":
        raise Refused("InvalidRequestException", f"Recovery point {point.arn} is in cold storage and cannot be copied")
    if point.continuous:
        raise Refused(
            "InvalidRequestException", f"Recovery point {point.arn} is a continuous backup and cannot be copied"
        )


def _check_quota(call: Call, destination: Vault) -> None:
    on_their_way = [
        job
        for scope in call.world.scopes_of(call.place.account)
        for job in scope.jobs.values()
        if job.kind == "copy" and not job.ended and job.destination.place.region == destination.place.region
    ]
    if len(on_their_way) >= call.faults.outbound_copies:
        raise Refused(
            "LimitExceededException",
            f"At most {call.faults.outbound_copies} concurrent copies can leave for {destination.place.region}",
        )


def begin(world: World, job: Job) -> None:
    """Waits until nothing else works on the resource; then checks all that AWS checks when the copy runs."""
    if busy(world, job.place, job.resource_arn, job):
        if world.now(job.place) >= job.created_at + RETRY_S:
            raise JobFailed("Copy job failed because there was a running job for the same resource.")
        raise NotYet
    point, destination = job.point, job.destination
    abroad = destination.place.account != job.place.account
    if abroad and not world.faults(job.place).same_organization:
        raise JobFailed(
            "Copy job failed. Both source and destination account must be a member of the same organization."
        )
    if abroad and not world.faults(job.place).cross_account_copies:
        # AWS documents no words for it.
        raise JobFailed("Copy job failed. Cross-account backup is not enabled in the organization.")
    if not point.advanced:
        raise JobFailed(
            "Copy job failed. Advanced features for Amazon DynamoDB backups are not enabled: the backup cannot be copied."
        )
    roles.check_copy_into(job.place, job.role_arn, destination)
    lifecycles.check_lock(destination, _lifecycle(job))
    _check_keys(point, destination)


def _check_keys(point: Point, destination: Vault) -> None:
    check_key(destination.key_arn)
    if point.key_arn:
        check_key(point.key_arn)
    if destination.place.account == point.place.account:
        return
    account = destination.place.account
    if keys.managed_by_aws(destination.key_arn):
        raise JobFailed(
            f"The destination vault has an AWS managed key, which no other account can use: {destination.key_arn}"
        )
    if point.key_arn and not KINDS[point.resource_type].fully_managed:
        if keys.managed_by_aws(point.key_arn):
            raise JobFailed(
                f"The recovery point has an AWS managed key, which no other account can use: {point.key_arn}"
            )
        if not keys.lets_in(point.key_arn, account):
            raise JobFailed(f"The policy of the source KMS key {point.key_arn} does not allow account {account}")


def _lifecycle(job: Job) -> dict[str, int]:
    """The copy's lifecycle: its own, or the source's where nothing was said or its retention was said to be -1."""
    own = job.request.get("Lifecycle")
    if own is None:
        return dict(job.point.lifecycle)
    if own.get("DeleteAfterDays") == -1 and "DeleteAfterDays" in job.point.lifecycle:
        return {**own, "DeleteAfterDays": job.point.lifecycle["DeleteAfterDays"]}
    return dict(own)


def end(world: World, job: Job, state: str) -> str | None:
    """The copy is there, with the creation date of its source: its retention counts from then."""
    point, destination = job.point, job.destination
    _check_keys(point, destination)
    kind = KINDS[point.resource_type]
    # What was not encrypted stays so, where the resource's own service keeps the backup.
    key = destination.key_arn if kind.fully_managed or point.key_arn else None
    copy = Point(
        arn=kind.point_arn(destination.place, job.id, point.resource_arn, "copyjob", advanced=True),
        vault=destination,
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        role_arn=job.role_arn,
        created_at=point.created_at,
        initiated_at=job.created_at,
        status=state,
        content=point.content,
        completed_at=job.completed_at,
        size_bytes=point.size_bytes,
        lifecycle=_lifecycle(job),
        key_arn=key,
        made_by_plan=point.made_by_plan,
        source_vault_arn=point.vault.arn,
        tags=dict(point.tags),
    )
    destination.points[copy.arn] = copy
    kind.store(copy)
    job.destination_arn, job.found["copy"] = copy.arn, copy
    return None


def undo(job: Job) -> None:
    """A copy that has no result left nothing."""
    copy = job.found.pop("copy", None)
    if copy is not None:
        remove(copy)


STEPS = Steps(begin, end, undo)


def describe(call: Call, parameters: Parameters) -> dict[str, Any]:
    job = call.world.job(call.place, "copy", parameters["CopyJobId"])
    call.progress.look([job])
    return {"CopyJob": _described(job)}


def list_all(call: Call, parameters: Parameters) -> dict[str, Any]:
    jobs = call.world.jobs(call.place, "copy")
    call.progress.look(jobs)
    equal = {
        "ByResourceArn": "ResourceArn",
        "ByState": "State",
        "ByResourceType": "ResourceType",
        "ByDestinationVaultArn": "DestinationBackupVaultArn",
        "ByAccountId": "AccountId",
        "ByParentJobId": "ParentJobId",
        "ByMessageCategory": "MessageCategory",
        "BySourceRecoveryPointArn": "SourceRecoveryPointArn",
    }
    found = [record for record in map(_described, jobs) if fits(record, parameters, equal)]
    return call.listing(parameters, "CopyJobs", found)


def _described(job: Job) -> dict[str, Any]:
    return {
        "AccountId": job.place.account,
        "CopyJobId": job.id,
        "SourceBackupVaultArn": job.vault.arn,
        "SourceRecoveryPointArn": job.point_arn,
        "DestinationBackupVaultArn": job.destination.arn,
        "DestinationVaultType": "BACKUP_VAULT",
        "DestinationRecoveryPointArn": job.destination_arn,
        "DestinationRecoveryPointLifecycle": job.request.get("Lifecycle"),
        "ResourceArn": job.resource_arn,
        "ResourceName": job.resource_arn.rsplit(":", 1)[-1].rsplit("/", 1)[-1],
        "ResourceType": job.resource_type,
        "CreationDate": job.created_at,
        "CompletionDate": job.completed_at if job.ended else None,
        "State": job.state,
        "StatusMessage": job.message,
        "MessageCategory": job.message_category,
        "BackupSizeInBytes": job.size_bytes,
        "IamRoleArn": job.role_arn,
        "IsParent": False,
    }


OPERATIONS: dict[str, Operation] = {"StartCopyJob": start, "DescribeCopyJob": describe, "ListCopyJobs": list_all}
