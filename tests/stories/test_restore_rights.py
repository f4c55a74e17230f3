"""What restore's role may do with APIs and roles, on a cloud that holds it to that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.cloud import HOME_REGION, Cloud
from tests.local.template import allowed

TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
DOCUMENT = {
    "openapi": "3.0.1",
    "info": {"title": "shop", "version": "1"},
    "paths": {"/": {"get": {"responses": {}, "x-amazon-apigateway-integration": {"type": "mock"}}}},
}


def test_restore_makes_apis_and_removes_none(cloud: Cloud):
    makes_apis(cloud)


def test_restore_fills_its_own_roles_and_no_others(cloud: Cloud):
    fills_roles(cloud)


def makes_apis(cloud: Cloud) -> None:
    account = cloud.new_account()
    session = as_restore(cloud, account)
    apis = cloud.client("apigateway", account, session=session)
    api = apis.create_rest_api(name="shop", tags={"team": "shop"})["id"]
    apis.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(DOCUMENT))
    apis.update_rest_api(restApiId=api, patchOperations=[{"op": "replace", "path": "/description", "value": "x"}])
    deployment = apis.create_deployment(restApiId=api)["id"]
    apis.create_stage(restApiId=api, stageName="live", deploymentId=deployment)
    metrics = {"op": "replace", "path": "/*/*/metrics/enabled", "value": "true"}
    apis.update_stage(restApiId=api, stageName="live", patchOperations=[metrics])
    plan = apis.create_usage_plan(name="partners", apiStages=[{"apiId": api, "stage": "live"}])["id"]
    key = apis.create_api_key(name="acme", value="k" * 24, enabled=True)["id"]
    apis.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    assert apis.get_export(restApiId=api, stageName="live", exportType="oas30")["body"].read()
    with refused():
        apis.delete_rest_api(restApiId=api)
    others = cloud.client("apigatewayv2", account, session=session)
    api = others.create_api(Name="people", ProtocolType="HTTP")["ApiId"]
    integration = others.create_integration(ApiId=api, IntegrationType="HTTP_PROXY", IntegrationUri="https://x", IntegrationMethod="GET")
    others.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration['IntegrationId']}")
    others.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    with refused():
        others.delete_api(ApiId=api)


def fills_roles(cloud: Cloud) -> None:
    account = cloud.new_account()
    iam = cloud.client("iam", account, session=as_restore(cloud, account))
    trust = policy(TRUST)
    cloud.client("iam", account).create_role(RoleName="theirs", AssumeRolePolicyDocument=trust)
    with refused():
        iam.create_role(RoleName="unmarked", AssumeRolePolicyDocument=trust)
    mark = [{"Key": "holdfast:restored-from", "Value": "iam-role/us-east-1/bill"}]
    iam.create_role(RoleName="ours", AssumeRolePolicyDocument=trust, Tags=mark)
    read = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    arn = iam.create_policy(PolicyName="read", PolicyDocument=read)["Policy"]["Arn"]
    iam.put_role_policy(RoleName="ours", PolicyName="read", PolicyDocument=read)
    iam.attach_role_policy(RoleName="ours", PolicyArn=arn)
    with refused():
        iam.put_role_policy(RoleName="theirs", PolicyName="read", PolicyDocument=read)
    with refused():
        iam.attach_role_policy(RoleName="theirs", PolicyArn=arn)


def as_restore(cloud: Cloud, account: str):
    """A session with what the template lets restore do with APIs and roles, and with nothing else."""
    given = [
        filled(entry, account)
        for entry in allowed("RestoreRole")
        if any(action.startswith(("apigateway:", "iam:")) for action in entry["Action"])
    ]
    iam = cloud.client("iam", account)
    arn = iam.create_role(RoleName="restore", AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="restore", PolicyName="restore", PolicyDocument=policy(*given))
    return cloud.as_role(account, arn)


def filled(value: Any, account: str) -> Any:
    """A statement with the template's placeholders filled in."""
    places = {"${AWS::Partition}": "aws", "${AWS::AccountId}": account, "${AWS::Region}": HOME_REGION}
    text = json.dumps(value)
    for placeholder, meant in places.items():
        text = text.replace(placeholder, meant)
    return json.loads(text)


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def refused():
    return pytest.raises(ClientError, match="AccessDenied")
