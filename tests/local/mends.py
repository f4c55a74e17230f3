"""What MiniStack 1.5.33 does not do as AWS does it, and we depend on.

Each function mends one thing inside the server's process, so that the template and the functions can be written for AWS
alone. When a newer MiniStack does one of them rightly by itself, delete the function.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
import urllib.parse
from typing import Any

import botocore.serialize
import botocore.session
import ministack.app
from botocore import xform_name
from ministack.core import iam_actions, tls
from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import apigateway, apigateway_v1, eventbridge, kinesis, lambda_svc, s3, tagging
from ministack.services.cloudformation import provisioners

from tests.local import accounts, imports, simulation


def apply() -> None:
    """Mends everything. To be called once, before the server serves."""
    code_urls_over_tls()
    function_urls_name_their_alias()
    queues_have_no_starting_position()
    apis_answer_everybody()
    provisioned_concurrency_is_listed()
    schedules_say_their_time()
    events_tell_what_aws_tells()
    buckets_get_all_their_settings()
    iam_knows_the_resource()
    iam_knows_the_action()
    iam_knows_that_versions_are_deleted()
    iam_knows_the_condition_keys()
    no_second_port()
    imports.apply()
    simulation.apply()
    accounts.apply()


def code_urls_over_tls() -> None:
    """GetFunction's code URL says http:// even where the server speaks nothing but TLS."""
    original = lambda_svc._presigned_code_url

    def presigned_code_url(name: str) -> str:
        url = original(name)
        return url.replace("http://", "https://", 1) if tls.use_ssl_enabled() else url

    lambda_svc._presigned_code_url = presigned_code_url
    original_of_layers = lambda_svc._layer_content_url

    def layer_content_url(name: str, version: int) -> str:
        url = original_of_layers(name, version)
        return url.replace("http://", "https://", 1) if tls.use_ssl_enabled() else url

    lambda_svc._layer_content_url = layer_content_url


def function_urls_name_their_alias() -> None:
    """The ARN of an alias's URL is told without the alias."""
    original = lambda_svc._create_function_url_config

    def create_function_url_config(name: str, data: dict, qualifier: str | None):
        answer = original(name, data, qualifier)
        made = lambda_svc._function_urls.get(lambda_svc._url_config_key(name, qualifier))
        if made and qualifier and not made["FunctionArn"].endswith(f":{qualifier}"):
            made["FunctionArn"] += f":{qualifier}"
        return answer

    lambda_svc._create_function_url_config = create_function_url_config


def queues_have_no_starting_position() -> None:
    """CloudFormation gives each mapping a starting position. AWS keeps one for streams alone: a mapping of a queue has none, and
    CreateEventSourceMapping takes none for it."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    original = handlers["create"]

    def create(logical_id: str, properties: dict, stack_name: str):
        made = original(logical_id, properties, stack_name)
        mapping = lambda_svc._esms[made[0]]
        if ":sqs:" in mapping["EventSourceArn"]:
            mapping.pop("StartingPosition", None)
        return made

    handlers["create"] = create


def apis_answer_everybody() -> None:
    """A request to an API that nobody signed is looked for in one account. On AWS the API's id is in its address and says whose it
    is."""
    for service, apis in ((apigateway_v1, apigateway_v1._rest_apis), (apigateway, apigateway._apis)):
        service.find_api_scope = functools.partial(_place_of_api, apis)


def _place_of_api(apis: Any, api_id: str) -> tuple[str, str] | None:
    for (account, region, stored), _ in apis.all_items():
        if stored == api_id:
            return account, region
    return None


def provisioned_concurrency_is_listed() -> None:
    """Asked for all provisioned concurrency of a function, it looks for that of $LATEST, which cannot have any."""
    original = lambda_svc._get_provisioned_concurrency

    def get_provisioned_concurrency(name: str, qualifier: str | None):
        function = lambda_svc._functions.get(name)
        if qualifier or function is None:
            return original(name, qualifier)
        found = function.get("provisioned_concurrency", {}).items()
        arn = lambda_svc._func_arn(name)
        return json_response({"ProvisionedConcurrencyConfigs": [{**one, "FunctionArn": f"{arn}:{of}"} for of, one in found]})

    lambda_svc._get_provisioned_concurrency = get_provisioned_concurrency


def schedules_say_their_time() -> None:
    """Scheduler hands the placeholder in a target's input on as it stands, where AWS puts the scheduled time."""
    original = eventbridge._invoke_target
    placeholder = "<aws.scheduler.scheduled-time>"

    def invoke_target(target, event, rule, view=None):
        text = target.get("Input") or ""
        if event.get("Source") == "aws.scheduler" and placeholder in text:
            at = datetime.datetime.fromtimestamp(event["Time"], datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            target = {**target, "Input": text.replace(placeholder, at)}
        return original(target, event, rule, view)

    eventbridge._invoke_target = invoke_target


def events_tell_what_aws_tells() -> None:
    """Descriptions have members that AWS's have not: what a connection logs in with, the events of an archive."""
    model = botocore.session.get_session().get_service_model("events")
    for operation in ("DescribeConnection", "DescribeArchive"):
        name = "_" + xform_name(operation)
        shape = model.operation_model(operation).output_shape
        setattr(eventbridge, name, functools.partial(_as_modelled, getattr(eventbridge, name), shape))


def _as_modelled(original: Any, shape: Any, data: dict):
    status, headers, body = original(data)
    return status, headers, json.dumps(_known(shape, json.loads(body))).encode() if status == 200 else body


def _known(shape: Any, value: Any) -> Any:
    """A value without the members that its shape does not have."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: _known(shape.members[name], one) for name, one in value.items() if name in shape.members}
    if shape.type_name == "list" and isinstance(value, list):
        return [_known(shape.member, one) for one in value]
    return value


def buckets_get_all_their_settings() -> None:
    """CloudFormation makes a bucket without its encryption, lifecycle rules, ownership and object lock."""
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        ("BucketEncryption", _encryption, s3._put_bucket_encryption, s3._delete_bucket_encryption),
        ("LifecycleConfiguration", _lifecycle, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        ("OwnershipControls", _ownership, s3._put_bucket_ownership_controls, s3._delete_bucket_ownership_controls),
        # A lock cannot be taken off again: leaving the property out changes nothing.
        ("ObjectLockEnabled", _object_lock, s3._put_object_lock_configuration, lambda name: None),
    )


def _encryption(properties: dict) -> bytes:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": _is_true(rule.get("BucketKeyEnabled")),
        }
        for rule in properties["ServerSideEncryptionConfiguration"]
    ]
    return _request_body("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": rules})


def _lifecycle(properties: dict) -> bytes:
    rules = [
        {
            "ID": rule.get("Id", ""),
            "Status": rule["Status"],
            "Filter": {"Prefix": rule.get("Prefix", "")},
            "AbortIncompleteMultipartUpload": {
                "DaysAfterInitiation": int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
            },
        }
        for rule in properties["Rules"]
    ]
    return _request_body("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": rules})


def _ownership(properties: dict) -> bytes:
    return _request_body("PutBucketOwnershipControls", OwnershipControls={"Rules": properties["Rules"]})


def _object_lock(enabled: Any) -> bytes:
    lock = {"ObjectLockEnabled": "Enabled"} if _is_true(enabled) else {}
    return _request_body("PutObjectLockConfiguration", ObjectLockConfiguration=lock)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _request_body(operation: str, **parameters: Any) -> bytes:
    """What an SDK would send as the body of an S3 request."""
    model = botocore.session.get_session().get_service_model("s3").operation_model(operation)
    request = botocore.serialize.create_serializer("rest-xml").serialize_to_request({"Bucket": "any", **parameters}, model)
    return request["body"]


def no_second_port() -> None:
    """With TLS it would also take port 443 when it may, which is nobody's to take on a developer's machine."""
    ministack.app._port_is_bindable = lambda host, port: False


def iam_knows_the_resource() -> None:
    """Some calls are checked against `*` although they name a resource, so that no policy but one on `*` allows them."""
    original = iam_actions.extract_resource_arn

    def extract_resource_arn(service, method, path, headers, body, query_params, region, account_id):
        arn = original(service, method, path, headers, body, query_params, region, account_id)
        if arn != "*":
            return arn
        if service == "events" and _field(body, "ArchiveName"):
            return f"arn:aws:events:{region}:{account_id}:archive/{_field(body, 'ArchiveName')}"
        if service == "kinesis":
            # GetRecords names an iterator, which is a stream's.
            found = kinesis._shard_iterators.get_scoped(account_id, region, _field(body, "ShardIterator")) or {}
            return f"arn:aws:kinesis:{region}:{account_id}:stream/{found['stream']}" if found else arn
        if service == "elasticfilesystem":
            # Access points and mount targets are asked for by the file system that they are of.
            named = _field(body, "FileSystemId") or (query_params.get("FileSystemId") or [None])[0]
            tagged = re.search(r"/resource-tags/(fs-[^/]+)", path)
            name = named or (tagged and tagged[1])
            return f"arn:aws:elasticfilesystem:{region}:{account_id}:file-system/{name}" if name else arn
        if service == "rds":
            return _rds_resource(query_params, region, account_id) or arn
        # Tags and resource policies, each service in its own spelling.
        named = [_field(body, name) for name in ("ResourceArn", "ResourceARN", "resourceArn", "stateMachineAliasArn")]
        named += [query_params.get(name) for name in ("ResourceArn", "SubscriptionArn")]
        for one in named:
            if one:
                return one[0] if isinstance(one, list) else one
        if service == "scheduler" and path.startswith("/tags/"):
            return urllib.parse.unquote(path.removeprefix("/tags/"))
        if service == "lambda" and path.rstrip("/").endswith("/layers"):
            return (query_params.get("Arn") or [arn])[0]
        if service == "lambda" and method == "POST" and path.rstrip("/").endswith("/functions"):
            return f"arn:aws:lambda:{region}:{account_id}:function:{_field(body, 'FunctionName')}"
        if service == "iam":
            form = urllib.parse.parse_qs(bytes(body or b"").decode())
            if form.get("Action") == ["SimulatePrincipalPolicy"]:
                return form["PolicySourceArn"][0]
            if form.get("Action") == ["ListRoles"]:
                return f"arn:aws:iam::{account_id}:role{form.get('PathPrefix', ['/'])[0]}"
            if form.get("Action") == ["CreatePolicy"]:
                return f"arn:aws:iam::{account_id}:policy{form.get('Path', ['/'])[0]}{form['PolicyName'][0]}"
        return arn

    iam_actions.extract_resource_arn = extract_resource_arn


def _rds_resource(query_params: Any, region: str, account_id: str) -> str | None:
    """What a call names other than an instance or a cluster."""
    arn = iam_actions._query_param(query_params, "ResourceName")
    if arn:
        return arn
    for member, kind in (
        ("DBParameterGroupName", "pg"),
        ("DBClusterParameterGroupName", "cluster-pg"),
        ("OptionGroupName", "og"),
        ("DBSubnetGroupName", "subgrp"),
    ):
        name = iam_actions._query_param(query_params, member)
        if name:
            return f"arn:aws:rds:{region}:{account_id}:{kind}:{name}"
    return None


def iam_knows_the_action() -> None:
    """Much of what stands beside a function, and of layers, is taken for something else or for the function's code."""
    original = iam_actions._lambda_action
    actions = {
        ("GET", "concurrency"): "GetFunctionConcurrency",
        ("DELETE", "concurrency"): "DeleteFunctionConcurrency",
        ("GET", "urls"): "ListFunctionUrlConfigs",
        ("GET", "list"): "ListFunctionEventInvokeConfigs",
        ("PUT", "event-invoke-config"): "PutFunctionEventInvokeConfig",
        ("GET", "provisioned-concurrency"): "ListProvisionedConcurrencyConfigs",
        ("PUT", "provisioned-concurrency"): "PutProvisionedConcurrencyConfig",
        ("PUT", "code-signing-config"): "PutFunctionCodeSigningConfig",
        ("GET", "runtime-management-config"): "GetRuntimeManagementConfig",
        ("PUT", "runtime-management-config"): "PutRuntimeManagementConfig",
        ("GET", "recursion-config"): "GetFunctionRecursionConfig",
        ("PUT", "recursion-config"): "PutFunctionRecursionConfig",
        ("GET", "layers"): "GetLayerVersion",
        ("GET", "account-settings"): "GetAccountSettings",
    }

    def lambda_action(method: str, path: str) -> str | None:
        parts = [part for part in path.split("/") if part]
        if parts[1:2] == ["layers"] and parts[3:] == ["versions"] and method == "GET":
            return "ListLayerVersions"
        # A function may be called as one of these: its name is not looked at.
        last = parts[-1] if parts and (parts[1:2] != ["functions"] or len(parts) > 3) else ""
        return actions.get((method, last)) or original(method, path)

    iam_actions._lambda_action = lambda_action


def iam_knows_that_versions_are_deleted() -> None:
    """DeleteObjects asks for s3:DeleteObjectVersion where an entry names a version: of the first entry it asks for s3:DeleteObject."""
    original = iam_actions.extract_iam_action

    def extract_iam_action(service, method, path, headers, body, query_params):
        action = original(service, method, path, headers, body, query_params)
        if action == "s3:DeleteObject" and method == "POST":
            entries = iam_actions._s3_batch_delete_targets(path.split("/")[1], body)
            if entries and entries[0][1]:
                return "s3:DeleteObjectVersion"
        return action

    iam_actions.extract_iam_action = extract_iam_action


def iam_knows_the_condition_keys() -> None:
    """The keys that the template's conditions ask for are not filled in."""
    original = iam_actions.request_tag_context

    def request_tag_context(service, iam_action, body, params):
        keys = original(service, iam_action, body, params)
        if iam_action == "events:PutEvents":
            keys["events:source"] = [entry.get("Source", "") for entry in _field(body, "Entries") or []]
        elif iam_action == "kms:ReplicateKey":
            keys["kms:replicaregion"] = _field(body, "ReplicaRegion")
        elif iam_action == "lambda:CreateEventSourceMapping":
            name = _field(body, "FunctionName") or ""
            full = f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"
            keys["lambda:functionarn"] = name if name.startswith("arn:") else full
        return keys

    iam_actions.request_tag_context = request_tag_context
    # The tags of file systems are known, and not to conditions.
    tagging._RESOURCE_TAG_COLLECTORS["elasticfilesystem"] = tagging._collect_efs


def _field(body: bytes, name: str) -> Any:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return None
    return document.get(name) if isinstance(document, dict) else None

