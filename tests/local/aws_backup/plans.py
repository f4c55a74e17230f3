"""Backup plans and their selections; a rule with continuous backup makes the points of what it covers, and moves them on."""

from __future__ import annotations

import re
from typing import Any

from tests.local.aws_backup import lifecycles, roles
from tests.local.aws_backup.call import Call, Operation, Parameters
from tests.local.aws_backup.kinds import KINDS, resource_type_of
from tests.local.aws_backup.state import DAY_S, Job, Plan, Point, Scope, Selection, new_id
from tests.local.aws_backup.wire import Refused

# ARNs in a selection.
MOST_RESOURCES = 500
# How far back a continuous point reaches at most.
MOST_CONTINUOUS_DAYS = 35
# When nothing is said, plans run at 5 o'clock.
DEFAULT_SCHEDULE = "cron(0 5 ? * * *)"
# The one form that is run here.
DAILY = re.compile(r"cron\((\d{1,2}) (\d{1,2}) \? \* \* \*\)")
# What has continuous points.
CONTINUOUS = ("Aurora", "RDS", "S3")


def create(call: Call, parameters: Parameters) -> dict[str, Any]:
    document, request_id = parameters["BackupPlan"], _request_id(parameters)
    _check(call, document)
    for plan in call.scope.plans.values():
        if request_id is not None and plan.creator_request_id == request_id:
            return _created(plan)
        if plan.document == document:
            raise Refused("AlreadyExistsException", "Backup plan with the same plan document already exists")
    plan_id, tags = new_id().lower(), dict(parameters.get("BackupPlanTags", {}))
    plan = Plan(plan_id, call.place, document, call.now, new_id(), request_id, tags)
    roles.check_tags(call.headers, call.place, plan.arn, tags)
    call.scope.plans[plan.id] = plan
    call.scope.plans_ever.add(plan.id)
    return _created(plan)


def _check(call: Call, document: dict[str, Any]) -> None:
    for rule in document["Rules"]:
        if rule["TargetBackupVaultName"] not in call.scope.vaults:
            raise _invalid(f"Cannot find backup vault {rule['TargetBackupVaultName']}")
        if not DAILY.fullmatch(rule.get("ScheduleExpression", DEFAULT_SCHEDULE)):
            raise _invalid(f"The stand-in runs daily schedules only: {rule['ScheduleExpression']}")
        lifecycle = lifecycles.check(rule.get("Lifecycle", {}))
        days = lifecycle.get("DeleteAfterDays", -1)
        if rule.get("EnableContinuousBackup") and not 1 <= days <= MOST_CONTINUOUS_DAYS:
            raise _invalid(f"The retention of continuous backups must be between 1 and {MOST_CONTINUOUS_DAYS} days")


def _request_id(parameters: Parameters) -> str | None:
    found = parameters.get("CreatorRequestId")
    if found is not None and not re.fullmatch(r"[A-Za-z0-9_.-]{1,50}", found):
        raise _invalid(f"CreatorRequestId must contain 1 to 50 alphanumeric or '-_.' characters: {found}")
    return found


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValueException", message)


def _created(plan: Plan) -> dict[str, Any]:
    return {
        "BackupPlanId": plan.id,
        "BackupPlanArn": plan.arn,
        "CreationDate": plan.created_at,
        "VersionId": plan.version_id,
    }


def _plan(call: Call, parameters: Parameters) -> Plan:
    found = call.scope.plans.get(parameters["BackupPlanId"])
    if found is None:
        raise Refused("ResourceNotFoundException", f"Cannot find backup plan with ID {parameters['BackupPlanId']}")
    return found


def update(call: Call, parameters: Parameters) -> dict[str, Any]:
    plan = _plan(call, parameters)
    _check(call, parameters["BackupPlan"])
    plan.document, plan.version_id = parameters["BackupPlan"], new_id()
    return _created(plan)


def get(call: Call, parameters: Parameters) -> dict[str, Any]:
    plan = _plan(call, parameters)
    rules = [
        {
            # What the service adds when nothing is said.
            "ScheduleExpression": DEFAULT_SCHEDULE,
            "StartWindowMinutes": 480,
            "CompletionWindowMinutes": 10_080,
            "ScheduleExpressionTimezone": "Etc/UTC",
            "EnableContinuousBackup": False,
            "RuleId": f"{plan.id}-{number}",
            **rule,
        }
        for number, rule in enumerate(plan.document["Rules"])
    ]
    return {
        **_created(plan),
        "BackupPlan": {**plan.document, "Rules": rules},
        "CreatorRequestId": plan.creator_request_id,
    }


def list_all(call: Call, parameters: Parameters) -> dict[str, Any]:
    plans = sorted(call.scope.plans.values(), key=lambda plan: plan.created_at)
    listed = [{**_created(plan), "BackupPlanName": plan.document["BackupPlanName"]} for plan in plans]
    return call.listing(parameters, "BackupPlansList", listed)


def delete(call: Call, parameters: Parameters) -> dict[str, Any]:
    plan = _plan(call, parameters)
    if plan.selections:
        raise Refused(
            "InvalidRequestException", "Related backup plan selections must be deleted prior to backup plan deletion"
        )
    del call.scope.plans[plan.id]
    return {
        "BackupPlanId": plan.id,
        "BackupPlanArn": plan.arn,
        "DeletionDate": call.now,
        "VersionId": plan.version_id,
    }


def select(call: Call, parameters: Parameters) -> dict[str, Any]:
    plan = call.scope.plans.get(parameters["BackupPlanId"])
    # This operation has no other word for it.
    if plan is None:
        raise _invalid(f"Cannot find backup plan with ID {parameters['BackupPlanId']}")
    document, request_id = parameters["BackupSelection"], _request_id(parameters)
    if len(document.get("Resources", [])) > MOST_RESOURCES:
        raise _invalid(f"A selection names at most {MOST_RESOURCES} resources")
    roles.check_pass_role(call.headers, call.place, document["IamRoleArn"])
    for selection in plan.selections.values():
        if request_id is not None and selection.creator_request_id == request_id:
            return _selected(plan, selection)
        if selection.document["SelectionName"] == document["SelectionName"]:
            raise Refused("AlreadyExistsException", f"Selection {document['SelectionName']} already exists")
    selection = Selection(new_id().lower(), document, call.now, request_id)
    plan.selections[selection.id] = selection
    return _selected(plan, selection)


def _selected(plan: Plan, selection: Selection) -> dict[str, Any]:
    return {"SelectionId": selection.id, "BackupPlanId": plan.id, "CreationDate": selection.created_at}


def _selection(call: Call, parameters: Parameters) -> tuple[Plan, Selection]:
    plan = _plan(call, parameters)
    found = plan.selections.get(parameters["SelectionId"])
    if found is None:
        raise Refused("ResourceNotFoundException", f"Cannot find selection with ID {parameters['SelectionId']}")
    return plan, found


def get_selection(call: Call, parameters: Parameters) -> dict[str, Any]:
    plan, selection = _selection(call, parameters)
    return {
        **_selected(plan, selection),
        "BackupSelection": selection.document,
        "CreatorRequestId": selection.creator_request_id,
    }


def list_selections(call: Call, parameters: Parameters) -> dict[str, Any]:
    plan = _plan(call, parameters)
    listed = [
        {
            **_selected(plan, selection),
            "SelectionName": selection.document["SelectionName"],
            "IamRoleArn": selection.document["IamRoleArn"],
        }
        for selection in plan.selections.values()
    ]
    return call.listing(parameters, "BackupSelectionsList", listed)


def delete_selection(call: Call, parameters: Parameters) -> dict[str, Any]:
    plan, selection = _selection(call, parameters)
    del plan.selections[selection.id]
    return {}


def run(scope: Scope, now: float) -> None:
    """Starts the jobs that are due, moves continuous points on, and stops those of what is covered no longer."""
    for plan in scope.plans.values():
        for rule in plan.document["Rules"]:
            for selection in plan.selections.values():
                for arn in selection.document.get("Resources", []):
                    _run(scope, plan, rule, selection, arn, now)
    for point in list(scope.points()):
        by = (point.made_by_plan or {}).get("BackupPlanId")
        if not point.continuous or by not in scope.plans_ever or point.status != "COMPLETED":
            continue
        if _covers(scope.plans.get(by), point.resource_arn):
            KINDS[point.resource_type].follow(scope.place, point.resource_arn, point.content, now)
        else:
            point.status = "STOPPED"


def _covers(plan: Plan | None, arn: str) -> bool:
    selections = plan.selections.values() if plan else []
    return any(arn in selection.document.get("Resources", []) for selection in selections)


def _run(scope: Scope, plan: Plan, rule: dict[str, Any], selection: Selection, arn: str, now: float) -> None:
    due = _last_due(rule.get("ScheduleExpression", DEFAULT_SCHEDULE), now)
    resource_type = resource_type_of(arn)
    continuous = bool(rule.get("EnableContinuousBackup")) and resource_type in CONTINUOUS
    vault = scope.vaults.get(rule["TargetBackupVaultName"])
    if vault is None or due <= selection.created_at or selection.ran.get(arn) == due:
        return
    selection.ran[arn] = due
    # A continuous point is one and the same, however often the rule runs.
    if continuous and any(_is_live(point, arn) for point in vault.points.values()):
        return
    job_id = new_id()
    scope.jobs[job_id] = Job(
        id=job_id,
        kind="backup",
        place=scope.place,
        request={
            "Lifecycle": rule.get("Lifecycle", {}),
            "RecoveryPointTags": rule.get("RecoveryPointTags", {}),
        },
        resource_arn=arn,
        resource_type=resource_type,
        role_arn=selection.document["IamRoleArn"],
        created_at=due,
        state="CREATED",
        since=due,
        point_arn=_point_arn(scope, job_id, arn, resource_type, continuous=continuous),
        vault=vault,
        made_by_plan={
            "BackupPlanId": plan.id,
            "BackupPlanArn": plan.arn,
            "BackupPlanName": plan.document["BackupPlanName"],
            "BackupRuleName": rule["RuleName"],
        },
        continuous=continuous,
    )


def _is_live(point: Point, arn: str) -> bool:
    return point.continuous and point.resource_arn == arn and point.status in ("CREATING", "COMPLETED")


def _point_arn(scope: Scope, job_id: str, arn: str, resource_type: str, *, continuous: bool) -> str:
    if continuous:
        return f"{scope.place.arn}:recovery-point:continuous:{job_id.lower()}"
    return KINDS[resource_type].point_arn(scope.place, job_id, arn, "job", advanced=True)


def _last_due(schedule: str, now: float) -> float:
    """When a daily schedule was due last."""
    minute, hour = map(int, DAILY.fullmatch(schedule).groups())
    today = now - now % DAY_S + hour * 3600 + minute * 60
    return today if today <= now else today - DAY_S


OPERATIONS: dict[str, Operation] = {
    "CreateBackupPlan": create,
    "UpdateBackupPlan": update,
    "GetBackupPlan": get,
    "ListBackupPlans": list_all,
    "DeleteBackupPlan": delete,
    "CreateBackupSelection": select,
    "GetBackupSelection": get_selection,
    "ListBackupSelections": list_selections,
    "DeleteBackupSelection": delete_selection,
}
