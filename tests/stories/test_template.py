"""What template.yaml promises, read off the template itself: no cloud needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.local.build import ROOT
from tests.local.template import allowed, attached, resources, statements, template

FUNCTION_ROLES = ("SnapshotRole", "ReplicateRole", "PruneRole", "VerifyRole", "RestoreRole")
ROLES = (*FUNCTION_ROLES, "SchedulerRole")

# AWS gives these no resource that could be named.
NAMELESS_ACTIONS = {
    "cloudfront:ListDistributions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "backup-storage:MountCapsule",
    "backup:DescribeBackupJob",
    "backup:DescribeCopyJob",
    "backup:DescribeGlobalSettings",
    "backup:DescribeRegionSettings",
    "backup:DescribeRestoreJob",
    "backup:ListBackupJobs",
    "backup:ListBackupPlans",
    "backup:ListCopyJobs",
    "backup:ListLegalHolds",
    "backup:ListRecoveryPointsByLegalHold",
    "backup:ListRecoveryPointsByResource",
    "backup:PutRestoreValidationResult",
    "dynamodb:ListTables",
    "elasticfilesystem:DescribeFileSystems",
    "events:ListApiDestinations",
    "events:ListArchives",
    "events:ListConnections",
    "events:ListEventBuses",
    "events:ListRules",
    "kinesis:ListStreams",
    "kms:CreateKey",
    "lambda:CreateEventSourceMapping",
    "lambda:GetAccountSettings",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "s3:ListAllMyBuckets",
    "scheduler:ListScheduleGroups",
    "scheduler:ListSchedules",
    "sns:GetSubscriptionAttributes",
    "sns:ListTopics",
    "sqs:ListQueues",
    "states:ListStateMachines",
    "tag:GetResources",
}


def removes_data(action: str) -> bool:
    """Whether an action takes something away. A worker's removal of the message that it has worked off does not."""
    return bool(re.match(r"\w+:(Batch)?(Delete|DELETE|Remove|Schedule\w*Deletion|Disable|Purge)", action)) and action != (
        "sqs:DeleteMessage"
    )


def test_only_prune_may_delete_vault_data():
    deleting = {
        role
        for role in ROLES
        for entry in allowed(role)
        if any("s3:Delete" in action for action in entry["Action"])
        and not all(resource.endswith(":s3:::holdfast-scratch-*") for resource in entry["Resource"])
    }
    assert deleting == {"PruneRole"}


def test_every_other_delete_is_of_recovery_points_by_prune_or_of_our_own_scratch_resources():
    for role in ROLES:
        for entry in allowed(role):
            removing = [action for action in entry["Action"] if removes_data(action)]
            if removing:
                if role == "PruneRole":
                    ours_alone = {"StringEquals": {"aws:ResourceTag/holdfast:stack": {"Ref": "AWS::StackName"}}}
                    if removing == ["backup:DeleteBackupPlan", "backup:DeleteBackupSelection"]:
                        assert entry["Condition"] == ours_alone
                        continue
                    assert removing in (["backup:DeleteRecoveryPoint"], ["s3:DeleteObjectVersion"])
                    continue
                assert role == "VerifyRole"
                if removing == ["elasticfilesystem:DeleteFileSystem"]:
                    # AWS names file systems, so that the tag is the fence that the name is elsewhere.
                    assert entry["Condition"] == {"StringLike": {"aws:ResourceTag/Name": "holdfast-scratch-*"}}
                    continue
                assert removing in (
                    ["dynamodb:DeleteTable"],
                    ["rds:DeleteDBCluster", "rds:DeleteDBInstance"],
                    ["s3:DeleteBucket", "s3:DeleteObjectVersion"],
                )
                assert all(
                    re.search(r":(table/|cluster:|db:|s3:::)holdfast-scratch-\*$", resource) for resource in entry["Resource"]
                )


def test_only_what_has_no_name_yet_can_be_named_a_scratch_file_system():
    naming = [entry for entry in allowed("VerifyRole") if "elasticfilesystem:TagResource" in entry["Action"]]
    (entry,) = naming
    assert entry["Condition"]["StringLike"] == {"aws:RequestTag/Name": "holdfast-scratch-*"}
    assert entry["Condition"]["Null"] == {"aws:ResourceTag/Name": "true"}
    denied = statements(resources("AWS::IAM::ManagedPolicy")["Guardrails"]["Properties"]["PolicyDocument"])
    (fence,) = [entry for entry in denied if "elasticfilesystem:DeleteFileSystem" in entry["Action"]]
    assert fence["Condition"] == {"StringNotLike": {"aws:ResourceTag/Name": "holdfast-scratch-*"}}


def test_what_goes_on_by_its_own_queue_is_not_cut_off_as_a_loop():
    functions = resources("AWS::Serverless::Function")
    going_on = {name for name, function in functions.items() if f"{name}Queue" in resources("AWS::SQS::Queue")}
    assert going_on == {"Snapshot", "Replicate", "Restore"}
    assert all(functions[name]["Properties"]["RecursiveLoop"] == "Allow" for name in going_on)


def test_backup_plans_are_made_with_the_stacks_tag_and_changed_only_with_it():
    made = [entry for entry in allowed("SnapshotRole") if "backup:CreateBackupPlan" in entry["Action"]]
    changed = [entry for entry in allowed("SnapshotRole") if "backup:UpdateBackupPlan" in entry["Action"]]
    stack = {"Ref": "AWS::StackName"}
    assert [entry["Condition"] for entry in made] == [{"StringEquals": {"aws:RequestTag/holdfast:stack": stack}}]
    assert [entry["Condition"] for entry in changed] == [{"StringEquals": {"aws:ResourceTag/holdfast:stack": stack}}]


def test_prune_can_delete_neither_a_bucket_nor_the_policy_document():
    for entry in allowed("PruneRole"):
        if any(action.startswith("s3:Delete") for action in entry["Action"]):
            folders = {resource.rsplit("/", 2)[-2] for resource in entry["Resource"]}
            assert folders == {"blobs", "facts", "packs", "parts", "points", "runs", "sweeps", "tombstones"}
            assert all(resource.endswith("/*") for resource in entry["Resource"])


def test_prune_writes_its_decisions_and_no_data():
    writing = [entry for entry in allowed("PruneRole") if "s3:PutObject" in entry["Action"]]
    folders = {resource.rsplit("/", 2)[-2] for entry in writing for resource in entry["Resource"]}
    assert folders == {"facts", "holds", "sweeps", "tombstones"}


def test_only_those_who_make_points_lock_them_and_nobody_lifts_a_lock():
    locking = {role: entry for role in ROLES for entry in allowed(role) if "s3:PutObjectRetention" in entry["Action"]}
    assert set(locking) == {"SnapshotRole", "ReplicateRole"}
    for entry in locking.values():
        folders = {resource.rsplit("/", 2)[-2] for resource in entry["Resource"]}
        assert folders == {"blobs", "packs", "parts", "points"}
        assert all(resource.endswith("/*") for resource in entry["Resource"])
    given = {action for role in ROLES for entry in allowed(role) for action in entry["Action"]}
    assert not {"s3:BypassGovernanceRetention", "s3:PutObjectLegalHold"} & given


def test_a_lock_for_good_takes_the_parameter_beside_the_policy_document():
    denied = statements(resources("AWS::IAM::ManagedPolicy")["Guardrails"]["Properties"]["PolicyDocument"])
    (entry,) = [entry for entry in denied if "s3:PutObjectRetention" in entry["Action"]]
    assert entry["Condition"] == {"StringEquals": {"s3:object-lock-mode": {"Fn::If": ["LocksForGood", "none", "COMPLIANCE"]}}}
    assert template()["Conditions"]["LocksForGood"] == {"Fn::Equals": [{"Ref": "VaultLockMode"}, "compliance"]}


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_wildcard_action(role: str):
    for entry in allowed(role):
        assert not [action for action in entry["Action"] if "*" in action]


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reaches_every_resource_but_where_aws_names_none(role: str):
    for entry in allowed(role):
        if "*" in entry["Resource"]:
            assert set(entry["Action"]) <= NAMELESS_ACTIONS


def optional(ending: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The policies that roles have where a parameter says so: name, role, policy."""
    found = [
        (name, role, entry) for role in FUNCTION_ROLES for name, entry in attached(role).items() if name.endswith(ending)
    ]
    assert found
    return found


def test_in_further_replica_regions_the_roles_may_do_what_they_may_in_the_first_and_only_there():
    for name, role, entry in optional("Further"):
        assert entry["Condition"] == entry["AttachedIf"] == "HasMoreReplicas"
        first = {
            (action, resource.replace("${ReplicaRegion}", "*"))
            for own in allowed(role)
            for action in own["Action"]
            for resource in own["Resource"]
            if "${ReplicaRegion}" in resource and action.startswith(("backup:", "s3:"))
        }
        further = set()
        for statement in statements(entry["Properties"]["PolicyDocument"]):
            (fence,) = statement["Condition"]["StringEquals"].items()
            assert fence[0] in ("aws:RequestedRegion", "kms:ReplicaRegion", "kms:ViaService"), name
            assert "MoreReplicaRegions" in json.dumps(fence[1]), name
            further |= {(action, resource) for action in statement["Action"] for resource in statement["Resource"]}
        assert {right for right in further if right[0].startswith(("backup:", "s3:"))} == first, name
        assert {action for action, _ in further if action.startswith("kms:")} <= {
            action for own in allowed(role) for action in own["Action"]
        }


def test_in_protected_regions_replicate_may_make_vaults_of_the_stacks_name_under_the_stacks_key_alone():
    ((_, role, entry),) = optional("Protected")
    assert role == "ReplicateRole"
    assert entry["Condition"] == entry["AttachedIf"] == "HasAwsBackup"
    for statement in statements(entry["Properties"]["PolicyDocument"]):
        if statement["Action"] != ["kms:CreateKey"]:
            (resource,) = statement["Resource"]
            assert resource.endswith((":backup-vault:${AWS::StackName}", ":key/${VaultKeyId.Value}"))


def test_in_another_account_the_roles_may_do_in_the_one_bucket_what_they_may_in_the_replica_and_change_no_setting():
    for name, role, entry in optional("Elsewhere"):
        assert entry["Condition"] == entry["AttachedIf"] == "HasOtherAccount"
        own = {action for statement in allowed(role) for action in statement["Action"]}
        for statement in statements(entry["Properties"]["PolicyDocument"]):
            assert set(statement["Action"]) <= own, name
            assert not [action for action in statement["Action"] if "PutBucket" in action or "Create" in action], name
            for resource in statement["Resource"]:
                bucket = "arn:${AWS::Partition}:s3:::holdfast-${OtherAccount}-${OtherAccountRegion}"
                assert resource.startswith((bucket, "arn:${AWS::Partition}:kms:")), name


def test_the_other_accounts_side_lets_in_the_stacks_roles_alone_and_only_prune_removes():
    there = template(ROOT / "destination.yaml")["Resources"]
    documents = [there["BucketPolicy"]["Properties"]["PolicyDocument"], there["Key"]["Properties"]["KeyPolicy"]]
    for document in documents:
        for statement in statements(document):
            if statement["Effect"] == "Deny" or statement["Sid"] == "TheAccountDecidesWithIam":
                continue
            role = statement["Condition"]["ArnLike"]["aws:PrincipalArn"]["Fn::Sub"]
            removes = any(removes_data(action) for action in statement["Action"])
            assert role.endswith(":role/holdfast/prune/*" if removes else ":role/holdfast/*")
    home = resources("AWS::S3::Bucket")["VaultBucket"]["Properties"]
    for setting in ("VersioningConfiguration", "PublicAccessBlockConfiguration", "OwnershipControls"):
        assert there["Bucket"]["Properties"][setting] == home[setting]
    for name in ("Bucket", "Key", "BucketPolicy"):
        assert (there[name]["DeletionPolicy"], there[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_into_the_other_accounts_backup_vault_the_stack_may_copy_and_nothing_else():
    there = template(ROOT / "destination.yaml")["Resources"]
    (entry,) = statements(there["BackupVault"]["Properties"]["AccessPolicy"])
    assert (entry["Effect"], entry["Action"]) == ("Allow", ["backup:CopyIntoBackupVault"])
    for name in ("BackupKey", "BackupVault"):
        assert (there[name]["DeletionPolicy"], there[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")
    (entry,) = statements(there["BackupKey"]["Properties"]["KeyPolicy"])
    assert entry["Sid"] == "TheAccountDecidesWithIam"


def test_the_dashboard_shows_metrics_that_the_readme_tells_of():
    (board,) = resources("AWS::CloudWatch::Dashboard").values()
    body = json.loads(board["Properties"]["DashboardBody"]["Fn::Sub"])
    metrics = [metric for widget in body["widgets"] for metric in widget["properties"]["metrics"]]
    named = {metric[1] for metric in metrics if metric[0] == "Holdfast"}
    assert {"CopyLagSeconds", "CopyWaitSeconds"} <= named
    readme = (ROOT / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in named)


def test_every_vault_bucket_has_the_same_two_denials_under_the_names_that_replicate_gives_them():
    denials = []
    for there, name in (
        (template()["Resources"]["VaultBucketPolicy"], "VaultBucket"),
        (template(ROOT / "destination.yaml")["Resources"]["BucketPolicy"], "Bucket"),
    ):
        denied = [entry for entry in there["Properties"]["PolicyDocument"]["Statement"] if entry["Effect"] == "Deny"]
        denials.append(json.loads(json.dumps(denied).replace(f"{name}.Arn", "Arn").replace(f"${{{name}.Arn}}", "${Arn}")))
    assert denials[0] == denials[1]
    source = (ROOT / "shared" / "aws" / "src" / "replica" / "hardening.rs").read_text()
    assert {entry["Sid"] for entry in denials[0]} == set(re.findall(r'_STATEMENT: &str = "(\w+)"', source))


def test_what_verify_looks_at_in_the_other_account_is_allowed_on_both_sides():
    (elsewhere,) = [entry for name, _, entry in optional("Elsewhere") if name == "VerifyElsewhere"]
    looks = {
        action
        for entry in statements(elsewhere["Properties"]["PolicyDocument"])
        for action in entry["Action"]
        if entry["Sid"].startswith("LookAtIt")
    }
    there = template(ROOT / "destination.yaml")["Resources"]
    let_in = [*statements(there["BucketPolicy"]["Properties"]["PolicyDocument"]), *statements(there["Key"]["Properties"]["KeyPolicy"])]
    assert "kms:DescribeKey" in looks
    assert looks <= {action for entry in let_in if entry["Effect"] == "Allow" for action in entry["Action"]}


def characters(policy_document: dict[str, Any]) -> int:
    """How long IAM takes a policy to be, at most: blanks do not count, and what is put in is as long as a long ARN."""
    text = json.dumps(policy_document).replace("${AWS::StackName}", "s" * 30).replace("${AWS::Region}", "r" * 14)
    text = re.sub(r'\{"(Ref|Fn::GetAtt)": [^}]*\}', "a" * 110, text)
    return len(re.sub(r"\s", "", text))


@pytest.mark.parametrize("role", ROLES)
def test_policies_are_no_longer_than_iam_takes_them(role: str):
    """The local cloud takes any length; IAM takes 10,240 characters in a role, 6,144 in a managed policy, 10 such on a role."""
    properties = resources("AWS::IAM::Role")[role]["Properties"]
    assert sum(characters(policy["PolicyDocument"]) for policy in properties["Policies"]) <= 10_240
    for name, policy in resources("AWS::IAM::ManagedPolicy").items():
        assert characters(policy["Properties"]["PolicyDocument"]) <= 6_144, name
    assert len(properties.get("ManagedPolicyArns", [])) <= 10


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_keys_are_used_only_through_the_service_that_needs_them(role: str):
    for entry in allowed(role):
        if {"kms:Decrypt", "kms:GenerateDataKey"} & set(entry["Action"]):
            assert any("kms:ViaService" in condition for condition in entry["Condition"].values())


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_every_function_role_is_under_the_guardrails_and_our_path(role: str):
    properties = resources("AWS::IAM::Role")[role]["Properties"]
    assert properties["ManagedPolicyArns"][:2] == [{"Ref": "Guardrails"}, {"Ref": "Notices"}]
    assert properties["Path"].startswith("/holdfast/")


def test_restore_can_neither_pass_our_roles_nor_rewrite_our_functions():
    denied = statements(resources("AWS::IAM::ManagedPolicy")["Guardrails"]["Properties"]["PolicyDocument"])
    assert all(entry["Effect"] == "Deny" for entry in denied)
    pass_role = [entry for entry in denied if "iam:PassRole" in entry["Action"]]
    assert pass_role[0]["Resource"][0].endswith(":role/holdfast/*")
    writes = {
        action
        for entry in allowed("RestoreRole")
        for action in entry["Action"]
        if action.startswith("lambda:") and not action.startswith(("lambda:Get", "lambda:List"))
    }
    # Tags and layers that nobody uses change nothing of a function; a mapping is refused by the function's own role, which
    # cannot read the source; and snapshot, which alone may be woken, takes points.
    harmless = {"lambda:CreateEventSourceMapping", "lambda:InvokeFunction", "lambda:PublishLayerVersion", "lambda:TagResource"}
    (wakes,) = [entry for entry in allowed("RestoreRole") if "lambda:InvokeFunction" in entry["Action"]]
    assert (wakes["Action"], wakes["Resource"]) == (["lambda:InvokeFunction"], ["Snapshot.Arn"])
    refused = {action for entry in denied for action in entry["Action"] if action.startswith("lambda:")}
    assert writes - harmless <= refused


def test_roles_are_read_and_made_only_where_a_parameter_says_so():
    conditions = {}
    for _, role, entry in optional("OfRoles"):
        assert entry["Condition"] == entry["AttachedIf"]
        conditions[role] = entry["Condition"]
    assert conditions == {"SnapshotRole": "ProtectsRoles", "VerifyRole": "ProtectsRoles", "RestoreRole": "RestoresRoles"}
    always = {
        action
        for role in FUNCTION_ROLES
        for policy in (
            *resources("AWS::IAM::Role")[role]["Properties"]["Policies"],
            *(policy["Properties"] for policy in attached(role).values() if not policy["AttachedIf"]),
        )
        for entry in statements(policy["PolicyDocument"])
        for action in entry["Action"]
        if action.startswith("iam:")
    }
    assert always == {"iam:CreateServiceLinkedRole", "iam:PassRole", "iam:SimulatePrincipalPolicy"}
    for name in ("ProtectRoles", "RestoreRoles"):
        assert template()["Parameters"][name]["Default"] == "no"


def test_restore_fills_only_roles_that_it_has_made():
    mark = "holdfast:restored-from"
    writes = {"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UpdateAssumeRolePolicy"}
    for entry in allowed("RestoreRole"):
        if writes & set(entry["Action"]):
            (condition,) = entry["Condition"]["Null"].items()
            assert condition in ((f"aws:RequestTag/{mark}", "false"), (f"aws:ResourceTag/{mark}", "false"))
    denied = statements(resources("AWS::IAM::ManagedPolicy")["Guardrails"]["Properties"]["PolicyDocument"])
    (ours,) = [entry for entry in denied if "iam:CreateRole" in entry["Action"]]
    assert writes | {"iam:CreatePolicy"} == set(ours["Action"])


def test_restore_can_change_nothing_of_what_wakes_and_tells_us():
    denied = statements(resources("AWS::IAM::ManagedPolicy")["Guardrails"]["Properties"]["PolicyDocument"])
    denied += statements(resources("AWS::IAM::ManagedPolicy")["RestoreBuckets"]["Properties"]["PolicyDocument"])
    refused = {action for entry in denied if entry["Effect"] == "Deny" for action in entry["Action"]}
    granted = {action for entry in allowed("RestoreRole") for action in entry["Action"]}
    ours = ("s3:PutBucket", "sqs:Set", "sns:Set", "sns:Subscribe", "events:Put", "scheduler:Create", "scheduler:Update")
    # A group that is there is not made again; our bus is everybody's, whose policy gives nobody our rights.
    harmless = {"scheduler:CreateScheduleGroup", "events:PutPermission"}
    assert {action for action in granted if action.startswith(ours)} - harmless <= refused


def test_verify_looks_after_the_role_of_every_function_by_its_path():
    environment = resources("AWS::Serverless::Function")["Verify"]["Properties"]["Environment"]["Variables"]
    listed = environment["HOLDFAST_ROLE_ARNS"]["Fn::Join"][1]
    assert {entry["Fn::GetAtt"] for entry in listed} == {f"{role}.Arn" for role in FUNCTION_ROLES}
    for role in FUNCTION_ROLES:
        path = resources("AWS::IAM::Role")[role]["Properties"]["Path"]
        assert path == f"/holdfast/{role.removesuffix('Role').lower()}/"
    (asks,) = [entry for entry in allowed("VerifyRole") if "iam:SimulatePrincipalPolicy" in entry["Action"]]
    assert [resource.rsplit(":", 1)[-1] for resource in asks["Resource"]] == ["role/holdfast/*", "role/holdfast-aws-backup/*"]


def test_every_function_has_a_role_and_a_log_group_of_its_own():
    functions = resources("AWS::Serverless::Function")
    assert set(functions) == {"Snapshot", "Replicate", "Prune", "Verify", "Restore"}
    for name, entry in functions.items():
        properties = entry["Properties"]
        assert properties["Role"] == {"Fn::GetAtt": f"{name}Role.Arn"}
        assert properties["LoggingConfig"]["LogGroup"] == {"Ref": f"{name}Logs"}
        assert entry["Metadata"]["BuildProperties"]["Binary"] == name.lower()
    for entry in resources("AWS::Logs::LogGroup").values():
        assert entry["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_a_failed_event_reaches_the_topic():
    settings = template()["Globals"]["Function"]["EventInvokeConfig"]
    assert settings["DestinationConfig"]["OnFailure"] == {"Type": "SNS", "Destination": {"Ref": "Alerts"}}
    for role in FUNCTION_ROLES:
        assert any(entry["Action"] == ["sns:Publish"] and entry["Resource"] == ["Alerts"] for entry in allowed(role))


def test_all_but_restore_have_a_schedule_with_retries_and_a_dlq():
    schedules = resources("AWS::Scheduler::Schedule")
    woken = {entry["Properties"]["Target"]["Arn"]["Fn::GetAtt"] for entry in schedules.values()}
    assert woken == {"Snapshot.Arn", "Replicate.Arn", "Prune.Arn", "Verify.Arn"}
    for entry in schedules.values():
        target = entry["Properties"]["Target"]
        assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": "DeliveryDlq.Arn"}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert target["Input"] == '{"tick":"<aws.scheduler.scheduled-time>"}'


def test_each_deployment_of_this_stack_and_no_other_asks_verify_for_a_pre_flight():
    rule = resources("AWS::Events::Rule")["StackDeployed"]["Properties"]
    assert "EventBusName" not in rule, "services send to the default bus"
    assert rule["EventPattern"] == {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "detail": {
            "stack-id": [{"Ref": "AWS::StackId"}],
            "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
        },
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": "Verify.Arn"}
    assert json.loads(target["Input"]) == json.loads((ROOT / "tests" / "events" / "verify-preflight.json").read_text())
    wakes = resources("AWS::Lambda::Permission")["StackDeployedWakes"]["Properties"]
    assert (wakes["FunctionName"], wakes["SourceArn"]) == ({"Ref": "Verify"}, {"Fn::GetAtt": "StackDeployed.Arn"})


def test_every_rule_that_keeps_what_it_could_not_deliver_may_write_to_that_queue():
    keeping = {
        name
        for name, entry in resources("AWS::Events::Rule").items()
        for target in entry["Properties"]["Targets"]
        if "DeadLetterConfig" in target
    }
    policy = resources("AWS::SQS::QueuePolicy")["QueuesOfTheBus"]["Properties"]["PolicyDocument"]
    (sends,) = [entry for entry in policy["Statement"] if entry["Effect"] == "Allow"]
    named = set(re.findall(r"(\w+)\.Arn", json.dumps(sends["Condition"]["ArnEquals"]["aws:SourceArn"])))
    assert keeping == named


def test_a_message_stays_hidden_for_six_times_the_time_that_a_function_has():
    timeout = template()["Globals"]["Function"]["Timeout"]
    queues = resources("AWS::SQS::Queue")
    work = {name: entry["Properties"] for name, entry in queues.items() if "RedrivePolicy" in entry["Properties"]}
    assert set(work) == {"SnapshotQueue", "ReplicateQueue", "RestoreQueue"}
    for name, properties in work.items():
        assert properties["VisibilityTimeout"] == 6 * timeout
        assert properties["RedrivePolicy"]["maxReceiveCount"] == 5
        assert properties["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": f"{name.removesuffix('Queue')}Dlq.Arn"}


def test_every_queue_is_encrypted_and_takes_tls_only():
    queues = resources("AWS::SQS::Queue")
    assert all(entry["Properties"]["SqsManagedSseEnabled"] for entry in queues.values())
    covered = set()
    for entry in resources("AWS::SQS::QueuePolicy").values():
        first = entry["Properties"]["PolicyDocument"]["Statement"][0]
        assert (first["Sid"], first["Effect"]) == ("TlsOnly", "Deny")
        covered |= {queue["Ref"] for queue in entry["Properties"]["Queues"]}
    assert covered == set(queues)


def test_every_alarm_tells_somebody():
    alarms = resources("AWS::CloudWatch::Alarm")
    assert alarms
    for entry in alarms.values():
        assert entry["Properties"]["AlarmActions"] == [{"Ref": "Alerts"}]
        assert entry["Properties"]["AlarmDescription"]


def test_silence_rings_where_a_measurement_must_come():
    alarms = resources("AWS::CloudWatch::Alarm")
    ringing = {name for name, entry in alarms.items() if entry["Properties"]["TreatMissingData"] == "breaching"}
    assert ringing == {"TickMissing", "RpoBreached"}


def test_every_dead_letter_queue_has_an_alarm():
    dlqs = {name for name in resources("AWS::SQS::Queue") if name.endswith("Dlq")}
    watched = {
        entry["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"].removesuffix(".QueueName")
        for entry in resources("AWS::CloudWatch::Alarm").values()
        if entry["Properties"]["Namespace"] == "AWS/SQS"
    }
    assert watched == dlqs


def test_the_vault_outlives_the_stack():
    for name in ("VaultBucket", "VaultKey", "VaultBucketPolicy"):
        entry = template()["Resources"][name]
        assert (entry["DeletionPolicy"], entry["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_bucket_expires_nothing_and_locks_nothing_by_default():
    properties = resources("AWS::S3::Bucket")["VaultBucket"]["Properties"]
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert [set(rule) for rule in rules] == [{"Id", "Status", "AbortIncompleteMultipartUpload"}]
    assert "ObjectLockConfiguration" not in properties


def test_every_parameter_is_described_and_has_a_default():
    for name, entry in template()["Parameters"].items():
        assert entry["Description"], name
        assert "Default" in entry, name


def test_nothing_names_an_account():
    text = (Path(__file__).parents[2] / "template.yaml").read_text()
    assert not re.search(r"\b\d{12}\b", text)


def test_every_function_has_an_example_of_each_way_to_wake_it():
    names = {path.stem for path in (Path(__file__).parents[1] / "events").glob("*.json") if json.loads(path.read_text())}
    for entry in resources("AWS::Serverless::Function").values():
        function = entry["Metadata"]["BuildProperties"]["Binary"]
        queue = {f"{function}-queue"} if "Events" in entry["Properties"] else set()
        tick = {f"{function}-tick"} if function != "restore" else set()
        assert queue | tick <= names
        assert {name for name in names if name.startswith(f"{function}-")} - queue - tick, f"{function}: none by hand"


# What the platform asks for beside the ports: logs, the queue's poller, reading who a replica's bucket belongs to.
PLUMBING = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sns:Publish",
    "kms:Decrypt",
    "kms:GenerateDataKey",
}


@pytest.mark.parametrize("role", FUNCTION_ROLES)
def test_a_roles_actions_are_what_its_ports_ask_for(role: str):
    function = role.removesuffix("Role").lower()
    asked = set(json.loads((ROOT / "functions" / "permissions.json").read_text())[function])
    given = {action for entry in allowed(role) for action in entry["Action"]}
    assert sorted(asked - given) == [], "asked for and not given"
    assert sorted(given - asked - PLUMBING) == [], "given and not asked for"
