"""Puts the stand-in into MiniStack's process, in the place of MiniStack's own AWS Backup."""

from __future__ import annotations

import json
import logging
import re
import threading

import ministack.app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.concurrency import run_reentrant
from ministack.core.responses import get_account_id, get_region
from ministack.services import backup, tagging
from ministack.services.cloudformation import provisioners

from tests.local.aws_backup import (
    CONTROL_PATH,
    backup_jobs,
    copy_jobs,
    holds,
    keys,
    plans,
    points,
    restore_jobs,
    roles,
    settings,
    vaults,
    wire,
)
from tests.local.aws_backup.call import Call, Operation, Parameters
from tests.local.aws_backup.events import Outbox
from tests.local.aws_backup.kinds.rds import keep_from_rds
from tests.local.aws_backup.progress import Progress
from tests.local.aws_backup.stack_vaults import StackVaults
from tests.local.aws_backup.state import Place, World

_log = logging.getLogger("aws-backup")

OPERATIONS: dict[str, Operation] = {
    **vaults.OPERATIONS,
    **backup_jobs.OPERATIONS,
    **points.OPERATIONS,
    **plans.OPERATIONS,
    **copy_jobs.OPERATIONS,
    **restore_jobs.OPERATIONS,
    **holds.OPERATIONS,
    **settings.OPERATIONS,
}


class Service:
    """The service as MiniStack sees it."""

    def __init__(self) -> None:
        self.world = World()
        self._outbox = Outbox(self.world)
        steps = {"backup": backup_jobs.STEPS, "copy": copy_jobs.STEPS, "restore": restore_jobs.STEPS}
        self._progress = Progress(self.world, self._outbox, steps)
        # One call at a time: jobs move inside of calls, and what they do must not be done twice.
        self._lock = threading.Lock()

    def handle(
        self, method: str, path: str, headers: dict[str, str], query: dict[str, list[str]], body: bytes
    ) -> wire.Answer:
        """Answers one request, whose caller's policies allow it."""
        place = Place(get_account_id(), get_region())
        found = wire.route(method, path)
        if found is None or found[0] not in OPERATIONS:
            message = (
                f"{found[0]} is not one of the stand-in's operations" if found else f"no operation: {method} {path}"
            )
            return wire.refusal(None, wire.Refused("UnknownOperationException", message, 404))
        name, labels = found
        with self._lock:
            answer, outcome = self._answer(
                Call(self.world, self._outbox, self._progress, place, headers), name, labels, query, body
            )
            self.world.account(place.account).calls.append((name, outcome))
        self._outbox.send()
        return answer

    def _answer(self, call: Call, name: str, labels: dict, query: dict, body: bytes) -> tuple[wire.Answer, str]:
        try:
            parameters = wire.parse(name, labels, query, body)
            result = self._result(call, name, parameters)
            return wire.answer(name, result), "ok"
        except wire.Refused as refused:
            return wire.refusal(name, refused), refused.code

    def _result(self, call: Call, name: str, parameters: Parameters) -> dict:
        error = call.faults.refusal_of(name)
        if error:
            raise wire.Refused(error, _TEXTS.get(error, "A knob says so."), _STATUS.get(error, 400))
        self._settle(call.place.account)
        result = OPERATIONS[name](call, parameters)
        lost = call.faults.lost_answer_of(name)
        if lost:
            raise wire.Refused(lost, _TEXTS.get(lost, "A knob says so."), _STATUS.get(lost, 400))
        return result

    def _settle(self, account: str) -> None:
        """Does what the account's clock says is due, that of plans first: jobs that they start may have ended by then."""
        for scope in self.world.scopes_of(account):
            plans.run(scope, self.world.now(scope.place))
        self._progress.settle(account)

    def control(self, method: str, path: str, body: bytes) -> tuple[int, dict]:
        """Answers a test's control request: /_control/aws-backup/ACCOUNT[/faults|/clock]."""
        found = re.fullmatch(rf"{CONTROL_PATH}/(\d{{12}})(?:/(faults|clock))?", path)
        if not found:
            return 404, {"error": f"no control path: {path}"}
        account, what = found.groups()
        with self._lock:
            try:
                self._control(method, account, what, json.loads(body or b"{}"))
            except KeyError as reason:
                return 400, {"error": str(reason)}
            state = self.world.account(account)
        self._outbox.send()
        return 200, {
            "faults": state.faults.as_dict(),
            "ahead_s": state.ahead_s,
            "calls": state.calls,
            "operations": sorted(OPERATIONS),
        }

    def _control(self, method: str, account: str, what: str | None, document: dict) -> None:
        if (method, what) == ("PUT", "faults"):
            self.world.account(account).faults.set(document)
        elif (method, what) == ("POST", "clock"):
            self.world.account(account).ahead_s += document["advance_s"]
            self._settle(account)
        elif (method, what) == ("DELETE", None):
            self.world.forget(account)
        elif (method, what) != ("GET", None):
            raise KeyError(f"{method} {what}")


_TEXTS = {
    "ThrottlingException": "Rate exceeded",
    "ServiceUnavailableException": "The service is temporarily unavailable",
}
_STATUS = {"AccessDeniedException": 403, "ServiceUnavailableException": 500, "InternalFailure": 500}


def mount() -> None:
    """Mounts a fresh service. To be called once, before the server serves."""
    service = Service()
    _serve_calls(service)
    _serve_control(service)
    _know_action_and_resource()
    _know_vault_policies(service.world)
    _know_plan_tags(service.world)
    keys.say_who_manages()
    roles.seed_managed_policies()
    keep_from_rds()
    provisioners._RESOURCE_HANDLERS["AWS::Backup::BackupVault"] = StackVaults(service.world).handlers()


def _serve_calls(service: Service) -> None:
    async def handle(method, path, headers, body, query_params):
        # On a thread of its own: it asks this very server for items, objects and descriptions.
        return await run_reentrant(service.handle, method, path, headers, query_params, body, thread_name="aws-backup")

    ministack.app.SERVICE_HANDLERS["backup"] = handle


def _serve_control(service: Service) -> None:
    original = ministack.app._handle_admin_config_request

    async def handle(path, method, body):
        if not path.startswith(CONTROL_PATH):
            return await original(path, method, body)
        status, document = await run_reentrant(service.control, method, path, body, thread_name="aws-backup")
        return status, {"Content-Type": wire.JSON}, json.dumps(document).encode()

    ministack.app._handle_admin_config_request = handle


def _know_action_and_resource() -> None:
    """MiniStack does not recognise an operation on an ARN with a slash in it, and checks all but a few against `*`."""
    original_action, original_resource = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    def extract_iam_action(service, method, path, headers, body, query_params):
        if service != "backup":
            return original_action(service, method, path, headers, body, query_params)
        found = wire.route(method, path)
        return f"backup:{found[0]}" if found else None

    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        if service != "backup":
            return original_resource(service, method, path, headers, body, query_params, region, account_id)
        found = wire.route(method, path)
        return resource_of(*found, body, Place(account_id, region)) if found else "*"

    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn


def resource_of(operation: str, labels: dict[str, str], body: bytes, place: Place) -> str:
    """What a call is checked against: the point where it names one, else the vault, else everything."""
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        document = {}
    named = {**(document if isinstance(document, dict) else {}), **labels}
    if "recoveryPointArn" in named or "RecoveryPointArn" in named:
        return named.get("recoveryPointArn") or named["RecoveryPointArn"]
    if operation in ("TagResource", "UntagResource", "ListTags"):
        return named["resourceArn"]
    vault = named.get("backupVaultName") or named.get("BackupVaultName")
    if isinstance(vault, str) and operation != "ListBackupVaults":
        return f"{place.arn}:backup-vault:{vault}"
    plan = named.get("backupPlanId")
    if plan or operation == "CreateBackupPlan":
        return f"{place.arn}:backup-plan:{plan or '*'}"
    hold = named.get("legalHoldId")
    return f"{place.arn}:legal-hold:{hold}" if hold else "*"


def _know_plan_tags(world: World) -> None:
    """Conditions ask for the tags that a plan has, and for those that it is made with, which have a name of their own."""

    def tags_of_plans():
        for scope in world.scopes_of(get_account_id()):
            for plan in scope.plans.values():
                yield plan.arn, [{"Key": key, "Value": value} for key, value in plan.tags.items()]

    tagging._RESOURCE_TAG_COLLECTORS["backup"] = tags_of_plans
    original = iam_actions.request_tag_context

    def request_tag_context(service, iam_action, body, params):
        asked = json.loads(body or b"{}") if service == "backup" else {}
        if iam_action == "backup:CreateBackupPlan":
            return {f"aws:requesttag/{key.lower()}": value for key, value in asked.get("BackupPlanTags", {}).items()}
        if iam_action == "backup:PutBackupVaultLockConfiguration" and "ChangeableForDays" in asked:
            return {"backup:changeablefordays": str(asked["ChangeableForDays"])}
        return original(service, iam_action, body, params)

    iam_actions.request_tag_context = request_tag_context


def _know_vault_policies(world: World) -> None:
    """A vault's access policy can deny what a role's own policies allow."""

    def policy_for_arn(arn: str) -> tuple[str, str] | None:
        place = Place(get_account_id(), get_region())
        vault = world.vault_by_arn(arn)
        point = None if vault else world.point_anywhere(place, arn)
        vault = vault or (point and point.vault)
        return (vault.policy, vault.place.account) if vault and vault.policy else None

    backup.access_policy_for_arn = policy_for_arn
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["backup"] = ("backup", "access_policy_for_arn")
