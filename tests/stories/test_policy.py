"""What a policy promises, on a deployed stack with IAM enforced: locks, holds, undoing, residency, who hears of what, and why.

The local cloud keeps no right to lock apart from the right to write, and its copies take the lock of what they copy; both are
shown in `shared/aws` at the wire. That locks and graces end is shown with a clock that is moved by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from tests.local import vault
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import FunctionFailed, invoke, snapshot
from tests.local.sample import Sample, order
from tests.local.wait import wait_until

ORDERS = 50
TOPIC = "holdfast-people"


def policy(stack: Stack, more: str = "") -> str:
    """Points that are made by hand, of which one stays, and people who hear of them."""
    return f"""
version: 1
notifications:
  - topic: arn:aws:sns:{stack.region}:{stack.account}:{TOPIC}
    events: [failed, pruned, hold, policy-invalid]
plans:
  - name: standard
    schedule: {{every: 1d}}
    retention: {{keep_last: 1, minimum_good: 1}}
    {more}
"""


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, Sample]]:
    """A stack that may lock, with the sample application and a topic with a queue that hears it."""
    stack = deploy_stack(
        TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)", VaultLockMode="governance"
    )
    sample = Sample(stack.cloud, stack.account, stack.region)
    vault.write_policy(stack, policy(stack))
    sample.create(ORDERS)
    sqs, sns = stack.client("sqs"), stack.client("sns")
    queue = sqs.create_queue(QueueName="people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
    sns.subscribe(TopicArn=sns.create_topic(Name=TOPIC)["TopicArn"], Protocol="sqs", Endpoint=arn)
    yield stack, sample
    destroy(stack)


def make_point(stack: Stack, resource: str) -> dict:
    """Makes a point and gives its manifest."""
    outcome = snapshot(stack, resource)
    assert outcome["status"] in ("Done", "Partial"), outcome
    return vault.points(stack, resource)[-1]


def told(stack: Stack) -> list[str]:
    """What people heard since they were last asked."""
    sqs = stack.client("sqs")
    queue = sqs.get_queue_url(QueueName="people")["QueueUrl"]
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"])["Message"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_a_plan_that_asks_for_locks_gets_them_and_prune_can_remove_nothing_before_their_time(app):
    stack, sample = app
    vault.write_policy(stack, policy(stack, "compliance: {minimum: 30d, lock: governance}"))
    manifest = make_point(stack, sample.function_id)
    assert manifest["lock"]["mode"] == "governance"
    s3 = stack.client("s3")
    keys = [f"points/{manifest['point']}.json"] + [
        f"blobs/{blob['sha256'][:2]}/{blob['sha256']}" for blob in manifest["blobs"]
    ]
    for key in keys:
        head = s3.head_object(Bucket=stack.vault, Key=key)
        assert head["ObjectLockMode"] == "GOVERNANCE", key
        with pytest.raises(ClientError):
            stack.client_as("Prune", "s3").delete_object(Bucket=stack.vault, Key=key, VersionId=head["VersionId"])
    for fact in vault.keys(stack, "facts/") + vault.keys(stack, "runs/"):
        assert "ObjectLockMode" not in s3.head_object(Bucket=stack.vault, Key=fact), fact
    vault.write_policy(stack, policy(stack))


def test_what_a_hold_covers_stays_and_what_is_tombstoned_can_be_called_back(app):
    stack, sample = app
    points = []
    for state in ("first", "second", "third"):
        sample.put_orders([order(1, state)])
        points.append(make_point(stack, sample.table_id)["point"])
    hold = {"hold": {"name": "case-17", "point": points[0], "note": "asked for by the auditors"}}
    assert invoke(stack, "Prune", hold)["status"] == "Completed"
    invoke(stack, "Replicate", {"point": points[0]})
    for point in points[1:]:
        invoke(stack, "Replicate", {"point": point})
    told(stack)
    report = invoke(stack, "Prune", {"dry_run": False})
    assert (report["status"], report["notes"]) == ("Completed", []), report
    tombstones = [key for key in vault.keys(stack, "tombstones/") if sample.table_id in key]
    assert [points[1] in key for key in tombstones] == [True], tombstones
    wait_until(lambda: any(f"pruned {points[1]}" in heard for heard in told(stack)), 20, "people to hear of it", every=0.5)
    explained = invoke(stack, "Verify", {"explain": points[0]})["outcomes"][0]["message"]
    assert "held" in explained and "case-17" in explained, explained
    assert invoke(stack, "Prune", {"undelete": points[1]})["status"] == "Completed"
    assert not [key for key in vault.keys(stack, "tombstones/") if sample.table_id in key]
    assert invoke(stack, "Prune", {"lift_hold": "case-17"})["status"] == "Completed"
    holds = invoke(stack, "Prune", {"holds": True})
    assert "case-17" in json.dumps(holds), holds


def test_nothing_is_restored_where_the_residency_forbids_it_by_now(app):
    stack, sample = app
    make_point(stack, sample.table_id)
    vault.write_policy(stack, policy(stack, f'residency: {{forbid: ["{REPLICA_REGION}"]}}\n    copies: none'))
    event = {"resource": sample.table_id, "target": {"name": "elsewhere", "region": REPLICA_REGION}}
    with pytest.raises(FunctionFailed, match=f"nothing may be written in {REPLICA_REGION}"):
        invoke(stack, "Restore", event)
    assert stack.client("dynamodb", REPLICA_REGION).list_tables()["TableNames"] == []
    vault.write_policy(stack, policy(stack))


def test_a_policy_that_is_not_valid_is_named_with_what_to_change(app):
    stack, _ = app
    vault.write_policy(stack, "version: 1\nplans: [{name: standard, schedule: {every: 1h}, retention: {dialy: 7}}]\n")
    report = invoke(stack, "Verify", {"comply": True})
    assert any("did you mean daily?" in note for note in report["notes"]), report
    vault.write_policy(stack, policy(stack))


def test_a_resource_is_explained_in_plain_words(app):
    stack, sample = app
    explained = invoke(stack, "Verify", {"explain": sample.table_id})["outcomes"][0]["message"]
    assert "is protected by plan standard" in explained and "next slots" in explained, explained
