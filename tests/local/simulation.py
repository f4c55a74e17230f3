"""IAM's simulation, by the engine that holds every other call to its rights."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import iam

_WORDS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}
# What AWS answers at once where nobody says how much.
_MAX_ITEMS = 100


def apply() -> None:
    """SimulatePrincipalPolicy finds no role that has a path, asks about the first resource alone, gives no pages, and looks neither
    at the context that the caller gives nor at boundaries.

    AWS evaluates each action on each resource, with the caller's context entries and no request of its own: a key that nobody gives
    is missing. Policies of resources take part only where the caller hands them over; there is no organisation here whose policies
    AWS would ask too.
    """
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = _simulate


def _simulate(form: dict):
    role_arn = iam._p(form, "PolicySourceArn")
    account, name = get_account_id(), role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name)
    if role is None or role["Arn"] != role_arn:
        return iam._error(404, "NoSuchEntity", f"The role with name {name} cannot be found.", ns="iam")
    policies = iam_evaluator._gather_role_policies(name, account)
    boundary = iam_evaluator._permissions_boundary(iam._roles, name, account)
    given = _context(form)
    asked = [
        (action, resource)
        for action in _members(form, "ActionNames")
        for resource in _members(form, "ResourceArns") or ["*"]
    ]
    begin = int(iam._p(form, "Marker") or 0)
    end = begin + int(iam._p(form, "MaxItems") or _MAX_ITEMS)
    results = ""
    for action, resource in asked[begin:end]:
        context = iam_evaluator.EvalContext(
            principal_arn=role_arn,
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=resource,
            region=given.get("aws:requestedregion", ""),
            source_ip=given.get("aws:sourceip", ""),
            secure_transport=given.get("aws:securetransport") == "true",
            service_context=given,
        )
        decision = _WORDS[iam_evaluator.evaluate(context, policies, *boundary).decision]
        results += (
            f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
            f"<EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
        )
    more = f"<IsTruncated>true</IsTruncated><Marker>{end}</Marker>" if end < len(asked) else "<IsTruncated>false</IsTruncated>"
    answer = f"<EvaluationResults>{results}</EvaluationResults>{more}"
    result = f"<SimulatePrincipalPolicyResult>{answer}</SimulatePrincipalPolicyResult>"
    return iam._xml(200, "SimulatePrincipalPolicyResponse", result, ns="iam")


def _members(form: dict, name: str) -> list[str]:
    found = []
    while value := iam._p(form, f"{name}.member.{len(found) + 1}"):
        found.append(value)
    return found


def _context(form: dict) -> dict[str, str | list[str]]:
    """The caller's context entries, by the names of their keys in small letters, as the engine looks for them."""
    found: dict[str, str | list[str]] = {}
    number = 1
    while key := iam._p(form, f"ContextEntries.member.{number}.ContextKeyName"):
        entry = f"ContextEntries.member.{number}"
        values = _members(form, f"{entry}.ContextKeyValues")
        is_list = iam._p(form, f"{entry}.ContextKeyType").endswith("List")
        found[key.lower()] = values if is_list else values[0]
        number += 1
    return found
