"""An application's template deploys: everything of it that the local cloud knows."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from tests.local.cloud import Cloud

GOLDEN = Path(__file__).parents[2] / "shared/sources/tests/application/golden/shop.template.json"

# The local cloud's CloudFormation does not know these; cfn-lint does.
UNKNOWN_HERE = {
    "AWS::ApiGatewayV2::Deployment",
    "AWS::Events::ApiDestination",
    "AWS::Events::Archive",
    "AWS::Events::Connection",
    "AWS::Events::EventBusPolicy",
    "AWS::Kinesis::StreamConsumer",
}

CODE_BUCKET = "code-of-the-shop"


def test_the_template_deploys_with_its_triggers_off(cloud: Cloud):
    deploys(cloud)


def deploys(cloud: Cloud) -> None:
    account = cloud.new_account()
    template = known_here(json.loads(GOLDEN.read_text()))
    parameters = template["Parameters"]
    upload_code(cloud, account, parameters["BillFunctionCodeKey"]["Default"])
    given = {name: "not-a-secret-at-all-0001" for name, parameter in parameters.items() if "Default" not in parameter}
    given["CodeBucket"] = CODE_BUCKET
    formation = cloud.client("cloudformation", account)
    formation.create_stack(
        StackName="shop",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    formation.get_waiter("stack_create_complete").wait(StackName="shop", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    made = formation.get_paginator("list_stack_resources").paginate(StackName="shop").build_full_result()
    always = [resource for resource in template["Resources"].values() if "Condition" not in resource]
    assert len(made["StackResourceSummaries"]) == len(always)
    rule = cloud.client("events", account).describe_rule(Name="x-paid", EventBusName="x-shop")
    assert rule["State"] == "DISABLED"
    schedule = cloud.client("scheduler", account).get_schedule(Name="x-clean", GroupName="x-nightly")
    assert schedule["State"] == "DISABLED"
    functions = cloud.client("lambda", account)
    variables = functions.get_function_configuration(FunctionName="x-bill")["Environment"]["Variables"]
    assert variables["TABLE"] == "x-orders"
    assert variables["QUEUE"].endswith("/x-jobs.fifo")


def known_here(template: dict) -> dict:
    gone = {name for name, resource in template["Resources"].items() if resource["Type"] in UNKNOWN_HERE}
    for name in gone:
        del template["Resources"][name]
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        for name in [name for name, value in properties.items() if isinstance(value, dict) and value.get("Ref") in gone]:
            del properties[name]
        if "DependsOn" in resource:
            resource["DependsOn"] = [name for name in resource["DependsOn"] if name not in gone]
    return template


def upload_code(cloud: Cloud, account: str, key: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("bootstrap", "#!/bin/sh\n")
    storage = cloud.client("s3", account)
    place = {"LocationConstraint": storage.meta.region_name}
    storage.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration=place)
    storage.put_object(Bucket=CODE_BUCKET, Key=key, Body=archive.getvalue())
