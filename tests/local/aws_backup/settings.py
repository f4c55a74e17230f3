"""Settings of a region, tags, and which resources have recovery points."""

from __future__ import annotations

from typing import Any

from tests.local.aws_backup.call import Call, Operation, Parameters
from tests.local.aws_backup.state import Plan, Point, Scope, Vault
from tests.local.aws_backup.wire import Refused

# The resource types that the service knows, of which the stand-in reads four.
RESOURCE_TYPES = (
    "Aurora", "CloudFormation", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "Redshift", "S3",
    "Timestream", "VirtualMachine",
)  # fmt: skip
# Types of which an account chooses whether AWS Backup manages their backups fully.
MANAGEABLE = ("DynamoDB", "EFS")
# Tags of a vault or a point.
MOST_TAGS = 50


def advanced_features(scope: Scope) -> bool:
    """Whether DynamoDB backups are made with the advanced features: the default of newer accounts."""
    return scope.management.get("DynamoDB", True)


def describe_region(call: Call, parameters: Parameters) -> dict[str, Any]:
    return {
        "ResourceTypeOptInPreference": {name: call.scope.opt_in.get(name, True) for name in RESOURCE_TYPES},
        "ResourceTypeManagementPreference": {name: call.scope.management.get(name, True) for name in MANAGEABLE},
    }


def update_region(call: Call, parameters: Parameters) -> dict[str, Any]:
    opt_in = parameters.get("ResourceTypeOptInPreference", {})
    management = parameters.get("ResourceTypeManagementPreference", {})
    for name in opt_in.keys() - set(RESOURCE_TYPES) | management.keys() - set(MANAGEABLE):
        raise Refused("InvalidParameterValueException", f"Invalid resource type: {name}")
    call.scope.opt_in.update(opt_in)
    call.scope.management.update(management)
    return {}


def describe_global(call: Call, parameters: Parameters) -> dict[str, Any]:
    return {"GlobalSettings": {"isCrossAccountBackupEnabled": str(call.faults.cross_account_copies).lower()}}


def supported_types(call: Call, parameters: Parameters) -> dict[str, Any]:
    return {"ResourceTypes": list(RESOURCE_TYPES)}


def describe_resource(call: Call, parameters: Parameters) -> dict[str, Any]:
    newest = _newest(call).get(parameters["ResourceArn"])
    if newest is None:
        raise Refused("ResourceNotFoundException", f"Cannot find protected resource {parameters['ResourceArn']}")
    return _protected(newest)


def list_resources(call: Call, parameters: Parameters) -> dict[str, Any]:
    return call.listing(parameters, "Results", [_protected(point) for _, point in sorted(_newest(call).items())])


def _newest(call: Call) -> dict[str, Point]:
    newest: dict[str, Point] = {}
    # A copy is as old as its source: where both are, the source is the newer backup.
    for point in sorted(call.scope.points(), key=lambda point: (point.created_at, point.source_vault_arn is None)):
        if point.status in ("COMPLETED", "PARTIAL", "EXPIRED"):
            newest[point.resource_arn] = point
    return newest


def _protected(newest: Point) -> dict[str, Any]:
    return {
        "ResourceArn": newest.resource_arn,
        "ResourceType": newest.resource_type,
        "ResourceName": newest.resource_arn.rsplit(":", 1)[-1].rsplit("/", 1)[-1],
        "LastBackupTime": newest.created_at,
        "LastBackupVaultArn": newest.vault.arn,
        "LastRecoveryPointArn": newest.arn,
    }


def _tagged(call: Call, arn: str) -> Vault | Plan | Point:
    for vault in call.scope.vaults.values():
        if vault.arn == arn:
            return vault
    for plan in call.scope.plans.values():
        if plan.arn == arn:
            return plan
    # Points that their own service keeps have that service's tags.
    point = call.world.point_anywhere(call.place, arn) if arn.startswith("arn:aws:backup:") else None
    if point is None:
        raise Refused("ResourceNotFoundException", f"Cannot find {arn}")
    return point


def tag(call: Call, parameters: Parameters) -> dict[str, Any]:
    tagged = _tagged(call, parameters["ResourceArn"])
    if any(key.startswith("aws:") for key in parameters["Tags"]):
        raise Refused("InvalidParameterValueException", "Tags that begin with aws: are AWS's own")
    if len(tagged.tags | parameters["Tags"]) > MOST_TAGS:
        raise Refused("LimitExceededException", f"At most {MOST_TAGS} tags")
    tagged.tags.update(parameters["Tags"])
    return {}


def untag(call: Call, parameters: Parameters) -> dict[str, Any]:
    tagged = _tagged(call, parameters["ResourceArn"])
    for key in parameters["TagKeyList"]:
        tagged.tags.pop(key, None)
    return {}


def list_tags(call: Call, parameters: Parameters) -> dict[str, Any]:
    return {"Tags": dict(_tagged(call, parameters["ResourceArn"]).tags)}


OPERATIONS: dict[str, Operation] = {
    "DescribeRegionSettings": describe_region,
    "UpdateRegionSettings": update_region,
    "DescribeGlobalSettings": describe_global,
    "GetSupportedResourceTypes": supported_types,
    "DescribeProtectedResource": describe_resource,
    "ListProtectedResources": list_resources,
    "TagResource": tag,
    "UntagResource": untag,
    "ListTags": list_tags,
}
