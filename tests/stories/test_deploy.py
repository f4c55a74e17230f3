"""The stack deploys with IAM enforced, is hardened as the template says, and its roles are held to their policies.

The local cloud cannot show everything: it checks no KMS permission behind S3, no iam:PassRole, delivers nothing to the
dead letter queue of a schedule or a rule, and raises no alarm from metrics in logs. test_template.py reads those off.
"""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.local.cloud import HOME_REGION, REPLICA_REGION
from tests.local.deploy import DeployFailed, Stack, destroy
from tests.local.functions import log_lines
from tests.local.wait import wait_until

FUNCTIONS = ("Snapshot", "Replicate", "Prune", "Verify", "Restore")
ALL_BUT_PRUNE = ("Snapshot", "Replicate", "Verify", "Restore")

# Nothing new is to be found out by a story that compares ARNs of every output: what they name is used all over.
OUTPUTS = {
    "VaultBucket",
    "VaultKeyArn",
    "ReplicaBucket",
    "AlertsTopicArn",
    "SnapshotQueueUrl",
    "ReplicateQueueUrl",
    "RestoreQueueUrl",
    *(f"{name}FunctionName" for name in FUNCTIONS),
    *(f"{name}FunctionArn" for name in FUNCTIONS),
}


def refused(call: Callable[[], object]) -> str:
    """The code of the error that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def test_the_outputs_say_where_everything_is(shared_stack: Stack):
    assert set(shared_stack.outputs) == OUTPUTS
    assert shared_stack.vault == f"holdfast-{shared_stack.account}-{HOME_REGION}"
    assert shared_stack.outputs["ReplicaBucket"] == f"holdfast-{shared_stack.account}-{REPLICA_REGION}"


def test_the_vault_is_versioned_encrypted_private_and_aborts_stale_uploads(shared_stack: Stack):
    s3, vault = shared_stack.client("s3"), shared_stack.vault
    assert s3.get_bucket_versioning(Bucket=vault)["Status"] == "Enabled"
    (encryption,) = s3.get_bucket_encryption(Bucket=vault)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["BucketKeyEnabled"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": shared_stack.outputs["VaultKeyArn"],
    }
    assert set(s3.get_public_access_block(Bucket=vault)["PublicAccessBlockConfiguration"].values()) == {True}
    (ownership,) = s3.get_bucket_ownership_controls(Bucket=vault)["OwnershipControls"]["Rules"]
    assert ownership["ObjectOwnership"] == "BucketOwnerEnforced"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=vault)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert not {"Expiration", "NoncurrentVersionExpiration", "Transitions"} & set(rule)


def test_the_vault_refuses_requests_without_tls(shared_stack: Stack):
    policy = json.loads(shared_stack.client("s3").get_bucket_policy(Bucket=shared_stack.vault)["Policy"])
    tls = next(statement for statement in policy["Statement"] if statement["Sid"] == "HoldfastTlsOnly")
    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", "s3:*")
    assert str(tls["Condition"]["Bool"]["aws:SecureTransport"]).lower() == "false"


def test_the_key_rotates_and_can_be_replicated(shared_stack: Stack):
    kms, key = shared_stack.client("kms"), shared_stack.outputs["VaultKeyArn"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["MultiRegion"]


def test_each_schedule_has_retries_and_a_dlq(shared_stack: Stack):
    scheduler = shared_stack.client("scheduler")
    found = {entry["Name"]: entry for entry in scheduler.list_schedules(GroupName=shared_stack.name)["Schedules"]}
    assert set(found) == {"snapshot", "replicate", "prune", "verify"}
    for name in found:
        target = scheduler.get_schedule(GroupName=shared_stack.name, Name=name)["Target"]
        assert target["DeadLetterConfig"]["Arn"].endswith(":holdfast-delivery-dlq")
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 5


def test_work_queues_feed_their_functions_one_message_at_a_time(shared_stack: Stack):
    functions = shared_stack.client("lambda")
    for name in ("Snapshot", "Replicate", "Restore"):
        (mapping,) = functions.list_event_source_mappings(FunctionName=shared_stack.function(name))["EventSourceMappings"]
        assert mapping["BatchSize"] == 1
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}


def test_logs_are_kept_for_the_days_that_were_asked_for(shared_stack: Stack):
    groups = shared_stack.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    assert {group["logGroupName"] for group in groups} == {f"/aws/lambda/{shared_stack.function(name)}" for name in FUNCTIONS}
    assert {group["retentionInDays"] for group in groups} == {90}


def test_the_code_of_a_function_can_be_fetched(shared_stack: Stack):
    found = shared_stack.client_as("Snapshot", "lambda").get_function(FunctionName=shared_stack.function("Prune"))
    with urllib.request.urlopen(found["Code"]["Location"], context=shared_stack.cloud.tls()) as answer:
        assert len(answer.read()) == found["Configuration"]["CodeSize"]


@pytest.mark.parametrize("function", ALL_BUT_PRUNE)
def test_nobody_but_prune_can_delete_vault_data(shared_stack: Stack, function: str):
    s3, vault = shared_stack.client("s3"), shared_stack.vault
    key = f"packs/00/{function}"
    version = s3.put_object(Bucket=vault, Key=key, Body=b"kept")["VersionId"]
    as_function = shared_stack.client_as(function, "s3")
    assert refused(lambda: as_function.delete_object(Bucket=vault, Key=key)) == "AccessDenied"
    assert refused(lambda: as_function.delete_object(Bucket=vault, Key=key, VersionId=version)) == "AccessDenied"
    # AWS answers with an error for each key, the local cloud with one for the call; the next line is what counts.
    with contextlib.suppress(ClientError):
        as_function.delete_objects(Bucket=vault, Delete={"Objects": [{"Key": key}]})
    assert s3.get_object(Bucket=vault, Key=key)["Body"].read() == b"kept"


def test_prune_can_delete_data_but_not_the_policy_document(shared_stack: Stack):
    s3, vault = shared_stack.client("s3"), shared_stack.vault
    version = s3.put_object(Bucket=vault, Key="packs/00/pruned", Body=b"gone")["VersionId"]
    s3.put_object(Bucket=vault, Key="config/policy.yaml", Body=b"kept")
    as_prune = shared_stack.client_as("Prune", "s3")
    as_prune.delete_object(Bucket=vault, Key="packs/00/pruned", VersionId=version)
    assert refused(lambda: s3.get_object(Bucket=vault, Key="packs/00/pruned")) == "NoSuchKey"
    assert refused(lambda: as_prune.delete_object(Bucket=vault, Key="config/policy.yaml")) == "AccessDenied"


def test_a_stranger_with_every_right_in_iam_still_cannot_delete_in_the_vault(shared_stack: Stack):
    iam = shared_stack.client("iam")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": shared_stack.account}, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName="administrator", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="administrator", PolicyName="all", PolicyDocument=json.dumps(everything))
    session = shared_stack.cloud.as_role(shared_stack.account, role)
    s3 = shared_stack.cloud.client("s3", shared_stack.account, session=session)
    s3.put_object(Bucket=shared_stack.vault, Key="packs/00/admin", Body=b"kept")
    assert refused(lambda: s3.delete_object(Bucket=shared_stack.vault, Key="packs/00/admin")) == "AccessDenied"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_can_weaken_the_vault_or_lose_its_key(shared_stack: Stack, function: str):
    s3, kms = shared_stack.client_as(function, "s3"), shared_stack.client_as(function, "kms")
    expire = {"Rules": [{"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
    lifecycle = {"Bucket": shared_stack.vault, "LifecycleConfiguration": expire}
    assert refused(lambda: s3.put_bucket_lifecycle_configuration(**lifecycle)) == "AccessDenied"
    assert refused(lambda: s3.delete_bucket_policy(Bucket=shared_stack.vault)) == "AccessDenied"
    key = shared_stack.outputs["VaultKeyArn"]
    assert refused(lambda: kms.schedule_key_deletion(KeyId=key)) == "AccessDeniedException"


def test_restore_cannot_rewrite_prune(shared_stack: Stack):
    functions = shared_stack.client_as("Restore", "lambda")
    call = {"FunctionName": shared_stack.function("Prune"), "ZipFile": b"PK\x05\x06" + b"\0" * 18}
    assert refused(lambda: functions.update_function_code(**call)) == "AccessDeniedException"


def test_events_of_the_bus_can_be_put_in_our_name_only(shared_stack: Stack):
    events = shared_stack.client_as("Snapshot", "events")
    entry = {"DetailType": "Something", "Detail": "{}"}
    assert events.put_events(Entries=[{"Source": "holdfast", **entry}])["FailedEntryCount"] == 0
    assert refused(lambda: events.put_events(Entries=[{"Source": "another", **entry}])) == "AccessDeniedException"


def test_an_email_address_gets_the_alerts(deploy_stack: Callable[..., Stack]):
    stack = deploy_stack(NotificationEmail="someone@example.org")
    topic = stack.outputs["AlertsTopicArn"]
    (subscription,) = stack.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "someone@example.org")


def test_the_vault_stays_when_the_stack_goes(stack: Stack):
    s3 = stack.client("s3")
    s3.put_object(Bucket=stack.vault, Key="points/kept.json", Body=b"kept")
    destroy(stack)
    assert s3.get_object(Bucket=stack.vault, Key="points/kept.json")["Body"].read() == b"kept"
    assert stack.client("kms").describe_key(KeyId=stack.outputs["VaultKeyArn"])["KeyMetadata"]["KeyState"] == "Enabled"
    policy = json.loads(s3.get_bucket_policy(Bucket=stack.vault)["Policy"])
    assert {"HoldfastTlsOnly", "HoldfastOnlyPruneDeletes"} == {statement["Sid"] for statement in policy["Statement"]}


def test_a_vault_lock_is_made_only_when_asked_for(shared_stack: Stack, deploy_stack: Callable[..., Stack]):
    def lock_of(stack: Stack) -> dict:
        found = stack.client("s3").get_object_lock_configuration(Bucket=stack.vault)
        return found["ObjectLockConfiguration"]

    assert refused(lambda: lock_of(shared_stack)) == "ObjectLockConfigurationNotFoundError"
    assert lock_of(deploy_stack(VaultLockMode="governance")) == {"ObjectLockEnabled": "Enabled"}


def test_a_compliance_lock_needs_its_sentence(deploy_stack: Callable[..., Stack]):
    with pytest.raises(DeployFailed, match="cannot be undone by anyone"):
        deploy_stack(VaultLockMode="compliance")
    deploy_stack(
        VaultLockMode="compliance",
        ConfirmComplianceLock="I understand that locked backups cannot be deleted by anyone",
    )


def test_a_replica_in_the_stacks_own_region_is_refused(deploy_stack: Callable[..., Stack]):
    with pytest.raises(DeployFailed, match="own region"):
        deploy_stack(ReplicaRegion=HOME_REGION)


def test_without_a_replica_region_and_aws_backup_nothing_is_woken_to_replicate(deploy_stack: Callable[..., Stack]):
    stack = deploy_stack(ReplicaRegion="", AwsBackup="disabled")
    assert "ReplicaBucket" not in stack.outputs
    assert "PointCommitted" not in stack.resources()
    schedule = stack.client("scheduler").get_schedule(GroupName=stack.name, Name="replicate")
    assert schedule["State"] == "DISABLED"


def test_a_stack_in_another_region_takes_an_existing_bucket_as_its_vault(deploy_stack: Callable[..., Stack], cloud):
    account = cloud.new_account()
    key = cloud.client("kms", account, REPLICA_REGION).create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    bucket = f"holdfast-{account}-{REPLICA_REGION}"
    s3 = cloud.client("s3", account, REPLICA_REGION)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REPLICA_REGION})
    s3.put_object(Bucket=bucket, Key="points/kept.json", Body=b"kept")

    stack = deploy_stack(
        account, REPLICA_REGION, ReplicaRegion="", ExistingVaultBucket=bucket, ExistingVaultKeyArn=key
    )

    assert (stack.vault, stack.outputs["VaultKeyArn"]) == (bucket, key)
    assert not {"VaultBucket", "VaultKey", "VaultBucketPolicy"} & set(stack.resources())
    found = stack.client_as("Restore", "s3").get_object(Bucket=bucket, Key="points/kept.json")
    assert found["Body"].read() == b"kept"


def test_the_schedule_wakes_snapshot(shared_stack: Stack):
    # The fastest rate is a minute, and the local cloud looks every ten seconds. This story comes last,
    # so that the minute is over by then.
    wait_until(
        lambda: [line for line in log_lines(shared_stack, "Snapshot") if str(line).startswith("START")],
        timeout=120,
        what="the schedule wakes snapshot",
        every=2,
    )
