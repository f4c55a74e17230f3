"""Who may do what with the stand-in for AWS Backup: callers, the service's role, a vault's policy; and who hears of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_backup import start
from tests.local.aws_backup.sample import BackupAccount
from tests.local.wait import wait_until


def caller(account: BackupAccount, *statements: dict[str, Any]):
    """A client of AWS Backup with a role's rights and no others."""
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account.account}:root"},
        "Action": "sts:AssumeRole",
    }
    role = account.make_role("caller", trust)
    allow(account, *statements)
    return account.cloud.client("backup", account.account, account.region, account.cloud.as_role(account.account, role))


def allow(account: BackupAccount, *statements: dict[str, Any]) -> None:
    """Gives the caller's role these rights and no others."""
    allowed = [{"Effect": "Allow", **statement} for statement in statements]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    account.client("iam").put_role_policy(RoleName="caller", PolicyName="rights", PolicyDocument=document)


def refused(call, **parameters) -> tuple[str, int]:
    """The error code and the HTTP status with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


DENIED = ("AccessDeniedException", 403)


def vault_arn(account: BackupAccount, name: str) -> str:
    return f"arn:aws:backup:{account.region}:{account.account}:backup-vault:{name}"


def test_the_endpoint_is_the_clouds_own(cloud):
    assert start(cloud) == cloud.endpoint


def test_a_caller_starts_jobs_only_where_its_policy_says(account):
    account.vault("theirs")
    table = account.table(items=3)
    client = caller(
        account,
        {"Action": "backup:StartBackupJob", "Resource": vault_arn(account, "main")},
        {"Action": "iam:PassRole", "Resource": account.role},
    )
    job = {"ResourceArn": table, "IamRoleArn": account.role}
    client.start_backup_job(BackupVaultName="main", **job)
    assert refused(client.start_backup_job, BackupVaultName="theirs", **job) == DENIED
    assert refused(client.list_backup_jobs) == DENIED


def test_a_caller_that_may_not_hand_over_the_role_starts_nothing(account):
    table = account.table(items=3)
    client = caller(account, {"Action": "backup:*", "Resource": "*"})
    answer = refused(client.start_backup_job, BackupVaultName="main", ResourceArn=table, IamRoleArn=account.role)
    assert answer == DENIED
    assert account.backup().list_backup_jobs()["BackupJobs"] == []


def test_making_a_vault_needs_rights_on_its_storage_and_its_key(account):
    key = account.key()
    of_keys = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:RetireGrant"]
    make = caller(account, {"Action": "backup:CreateBackupVault", "Resource": "*"}).create_backup_vault
    assert refused(make, BackupVaultName="mine", EncryptionKeyArn=key) == DENIED
    allow(account, {"Action": ["backup:CreateBackupVault", "backup-storage:MountCapsule"], "Resource": "*"})
    assert refused(make, BackupVaultName="mine", EncryptionKeyArn=key) == DENIED
    allow(
        account,
        {"Action": ["backup:CreateBackupVault", "backup-storage:MountCapsule"], "Resource": "*"},
        {"Action": of_keys, "Resource": key},
    )
    make(BackupVaultName="mine", EncryptionKeyArn=key)


@pytest.mark.parametrize("managed", [True, False])
def test_a_point_is_checked_by_its_own_arn(account, managed):
    account.backup().update_region_settings(ResourceTypeManagementPreference={"DynamoDB": managed})
    mine, theirs = account.backup_of(account.table(items=1)), account.backup_of(account.table("others", items=1))
    client = caller(
        account, {"Action": ["backup:DescribeRecoveryPoint", "backup:DeleteRecoveryPoint"], "Resource": mine}
    )
    client.describe_recovery_point(BackupVaultName="main", RecoveryPointArn=mine)
    for call in (client.describe_recovery_point, client.delete_recovery_point):
        assert refused(call, BackupVaultName="main", RecoveryPointArn=theirs) == DENIED


def test_a_vaults_policy_denies_what_a_role_allows(account):
    point = account.backup_of(account.table(items=1))
    statement = {"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.backup().put_backup_vault_access_policy(BackupVaultName="main", Policy=policy)
    client = caller(account, {"Action": "backup:*", "Resource": "*"})
    assert refused(client.delete_recovery_point, BackupVaultName="main", RecoveryPointArn=point) == DENIED
    client.describe_recovery_point(BackupVaultName="main", RecoveryPointArn=point)


def test_a_service_role_without_the_rights_fails_the_job(account):
    account.client("iam").detach_role_policy(
        RoleName="backup-service", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
    )
    job = account.follow_backup(account.start_backup(account.table(items=3)))
    assert job["State"] == "FAILED"
    assert "dynamodb:StartAwsBackupJob" in job["StatusMessage"]


def test_a_role_that_the_service_cannot_assume_is_refused(account):
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = account.make_role("not-for-backup", trust)
    table = f"arn:aws:dynamodb:{account.region}:{account.account}:table/orders"
    answer = refused(account.backup().start_backup_job, BackupVaultName="main", ResourceArn=table, IamRoleArn=role)
    assert answer == ("InvalidParameterValueException", 400)


TEMPLATE = {
    "Resources": {
        "Vault": {
            "Type": "AWS::Backup::BackupVault",
            "Properties": {
                "BackupVaultName": "of-a-stack",
                "BackupVaultTags": {"team": "orders"},
                "LockConfiguration": {"MinRetentionDays": 7, "MaxRetentionDays": 30},
                "AccessPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "backup:Nothing", "Resource": "*"}],
                },
            },
        }
    },
    "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Vault", "BackupVaultArn"]}}},
}


def test_a_stack_makes_the_vaults_that_the_service_knows(account):
    cloudformation, backup = account.client("cloudformation"), account.backup()
    cloudformation.create_stack(StackName="vaults", TemplateBody=json.dumps(TEMPLATE))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="vaults", WaiterConfig={"Delay": 1})
    described = backup.describe_backup_vault(BackupVaultName="of-a-stack")
    (output,) = cloudformation.describe_stacks(StackName="vaults")["Stacks"][0]["Outputs"]
    assert output["OutputValue"] == described["BackupVaultArn"]
    assert (described["Locked"], described["MinRetentionDays"], described["MaxRetentionDays"]) == (True, 7, 30)
    assert backup.list_tags(ResourceArn=described["BackupVaultArn"])["Tags"]["team"] == "orders"
    assert "backup:Nothing" in backup.get_backup_vault_access_policy(BackupVaultName="of-a-stack")["Policy"]
    cloudformation.delete_stack(StackName="vaults")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="vaults", WaiterConfig={"Delay": 1})
    assert [vault["BackupVaultName"] for vault in backup.list_backup_vaults()["BackupVaultList"]] == ["main"]


@pytest.fixture
def heard(account: BackupAccount):
    """What the default bus said of the service so far, oldest first."""
    sqs, events = account.client("sqs"), account.client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_rule(Name="heard", EventPattern=json.dumps({"source": ["aws.backup"]}))
    events.put_targets(Rule="heard", Targets=[{"Id": "queue", "Arn": arn}])
    so_far: list[dict] = []

    def listen() -> list[dict]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            so_far.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return so_far

    return listen


def test_the_bus_hears_of_jobs_that_change(account, heard):
    table = account.table(items=3)
    job = account.start_backup(table)
    account.follow_backup(job)
    said = wait_until(lambda: len(heard()) >= 3 and heard(), 10, "three events of one job")
    assert {event["detail-type"] for event in said} == {"Backup Job State Change"}
    assert {event["detail"]["backupJobId"] for event in said} == {job}
    assert {event["detail"]["state"] for event in said} == {"CREATED", "RUNNING", "COMPLETED"}


def test_the_bus_can_hear_nothing(account, heard):
    table = account.table(items=3)
    account.control.faults(drop_events=True)
    first = account.start_backup(table)
    account.follow_backup(first)
    account.control.faults(drop_events=None)
    second = account.start_backup(table)
    account.follow_backup(second)
    said = wait_until(lambda: len(heard()) >= 3 and heard(), 10, "the events of the second job")
    assert {event["detail"]["backupJobId"] for event in said} == {second}
