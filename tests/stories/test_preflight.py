"""What a pre-flight finds of a deployed stack: of its roles, as IAM's simulation shows them, and of its keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.cloud import Cloud
from tests.local.deploy import Stack
from tests.local.functions import invoke, metrics
from tests.local.sample import Sample

REST = {"TickRate": "rate(30 minutes)", "VerifyRate": "rate(30 minutes)", "PruneRate": "rate(1 day)"}

# What our own engine keeps, and what AWS Backup keeps.
POLICY = """
version: 1
plans:
  - name: standard
    schedule: {every: 1h}
    retention: {keep_last: 2, minimum_good: 1}
  - name: managed
    engine: aws-backup
    schedule: {every: 1h}
    retention: {keep_last: 2, minimum_good: 1}
"""


def found(stack: Stack) -> list[str]:
    """What a pre-flight says now, each finding as its subject and its words."""
    report = invoke(stack, "Verify", {"preflight": True})
    return [f"{outcome['subject']} {outcome['message']}" for outcome in report["outcomes"]]


@pytest.fixture
def protected(deploy_stack: Callable[..., Stack]) -> Stack:
    """A stack that protects a resource of many kinds, a table and a database among them that AWS Backup keeps."""
    stack = deploy_stack(**REST)
    stack.client("s3").put_object(Bucket=stack.vault, Key="config/policy.yaml", Body=POLICY.encode())
    Sample(stack.cloud, stack.account, stack.region).create(1)
    tag = [{"Key": "backup", "Value": "managed"}]
    stack.client("dynamodb").create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=tag,
    )
    stack.client("rds").create_db_instance(
        DBInstanceIdentifier="books",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="admin1",
        MasterUserPassword="secret-of-the-books",
        Tags=tag,
    )
    stack.client("sqs").create_queue(QueueName="intake", tags={"backup": "standard"})
    stack.client("sns").create_topic(Name="news", Tags=[{"Key": "backup", "Value": "standard"}])
    stack.client("kinesis").create_stream(StreamName="clicks", ShardCount=1, Tags={"backup": "standard"})
    stack.client("events").create_event_bus(Name="shop", Tags=[{"Key": "backup", "Value": "standard"}])
    stack.client("scheduler").create_schedule_group(Name="nightly", Tags=[{"Key": "backup", "Value": "standard"}])
    stack.client("apigateway").create_rest_api(name="front", tags={"backup": "standard"})
    return stack


def test_the_roles_of_a_fresh_stack_may_do_all_that_the_policy_needs_and_one_that_was_narrowed_is_named(protected: Stack):
    assert found(protected) == []

    iam = protected.client("iam")
    role = protected.role_of("Snapshot")
    name = role.rsplit("/", 1)[-1]
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    document = json.loads(document) if isinstance(document, str) else document
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(without("dynamodb:Scan", document)))
    words = found(protected)
    assert [line for line in words if role in line and f"may not dynamodb:Scan in {protected.region}," in line] == words != []

    # What a boundary takes from a role is taken too.
    iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    boundary = iam.create_policy(PolicyName="narrow", PolicyDocument=json.dumps(all_but("kms:*")))["Policy"]["Arn"]
    prune = protected.role_of("Prune")
    iam.put_role_permissions_boundary(RoleName=prune.rsplit("/", 1)[-1], PermissionsBoundary=boundary)
    words = found(protected)
    assert len(words) == 1 and prune in words[0] and "may not kms:Decrypt, kms:GenerateDataKey," in words[0], words


def test_the_role_that_aws_backup_works_with_is_looked_at_too(protected: Stack):
    role = protected.resources()["AwsBackupRole"]["PhysicalResourceId"]
    restores = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores"
    protected.client("iam").detach_role_policy(RoleName=role, PolicyArn=restores)
    (words,) = found(protected)
    assert role in words and "dynamodb:RestoreTableFromAwsBackup" in words and "rds:RestoreDBInstanceFromDBSnapshot" in words


def test_a_key_that_is_to_be_deleted_and_that_points_need_rings(deploy_stack: Callable[..., Stack]):
    """CloudWatch makes metrics of what a function logs; the local cloud does not, so the story hands them over as they were logged."""
    stack = deploy_stack(ReplicaRegion="", **REST)
    sample = Sample(stack.cloud, stack.account, stack.region)
    sample.create_table(10)
    assert invoke(stack, "Snapshot", {"resource": sample.table_id})["status"] == "Completed"
    invoke(stack, "Verify", {"tick": "2026-11-21T03:00:00Z"})
    deliver(stack, "KeysAtRisk")
    assert alarm(stack, "KeyAtRisk") == "OK"

    key = stack.outputs["VaultKeyArn"]
    stack.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    (words,) = found(stack)
    assert key in words and "1 recovery points" in words and "cancel-key-deletion" in words, words
    assert deliver(stack, "KeysAtRisk") == 1
    assert alarm(stack, "KeyAtRisk") == "ALARM"


def deliver(stack: Stack, name: str) -> float:
    """Gives CloudWatch the newest measurement of a metric that verify has logged, and returns it."""
    line = [line for line in metrics(stack, "Verify") if name in line][-1]
    (directive,) = [one for one in line["_aws"]["CloudWatchMetrics"] if name in (metric["Name"] for metric in one["Metrics"])]
    for dimensions in directive["Dimensions"]:
        stack.client("cloudwatch").put_metric_data(
            Namespace=directive["Namespace"],
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": dimension, "Value": line[dimension]} for dimension in dimensions],
                    "Value": line[name],
                }
            ],
        )
    return line[name]


def alarm(stack: Stack, logical_name: str) -> str:
    """How an alarm of the stack stands, once it has been looked at."""
    physical = stack.resources()[logical_name]["PhysicalResourceId"]
    (found,) = stack.client("cloudwatch").describe_alarms(AlarmNames=[physical])["MetricAlarms"]
    return found["StateValue"]


def test_a_role_is_simulated_by_its_own_policies_and_the_context_that_is_given(cloud: Cloud):
    iam = cloud.client("iam", cloud.new_account())
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    arn = iam.create_role(RoleName="r", Path="/a/b/", AssumeRolePolicyDocument=document_of(trust))["Role"]["Arn"]
    here = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    may = {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:mine", "Condition": here}
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document_of(may))

    def decisions(**more: Any) -> list[str]:
        asked = {"ActionNames": ["sqs:SendMessage"], "ResourceArns": ["arn:aws:sqs:x:1:mine", "arn:aws:sqs:x:1:other"]}
        answer = iam.simulate_principal_policy(PolicySourceArn=arn, **asked, **more)
        return [result["EvalDecision"] for result in answer["EvaluationResults"]]

    where = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyType": "string", "ContextKeyValues": ["eu-west-1"]}
    assert decisions(ContextEntries=[where]) == ["allowed", "implicitDeny"]
    assert decisions() == ["implicitDeny", "implicitDeny"]
    assert decisions(ContextEntries=[where], MaxItems=1) == ["allowed"]
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(PolicySourceArn=arn.replace("/r", "/s"), ActionNames=["sqs:SendMessage"])


def without(action: str, document: dict[str, Any]) -> dict[str, Any]:
    """The document with an action taken out of each of its statements."""
    text = json.dumps(document)
    assert f'"{action}", ' in text or f', "{action}"' in text
    return json.loads(text.replace(f'"{action}", ', "").replace(f', "{action}"', ""))


def all_but(actions: str) -> dict[str, Any]:
    return json.loads(document_of({"Effect": "Allow", "NotAction": actions, "Resource": "*"}))


def document_of(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
