"""A whole application, lost and brought back as one, on a deployed stack with IAM enforced.

A request goes in (by an alias, a function URL, a REST API; the function needs its layer), and its effects come out at each end: a
table's stream, a filtered topic's queue, a bucket's notification, a rule's two targets, a schedule, a dead-letter queue. After
everything is gone and restored, the same request has the same effects: under new names, under the old ones with the roles that were
lost too, and in another region from the replica alone. Written as a template it deploys and works too. What somebody changed is changed back in place.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local import vault
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke
from tests.local.shop import Shop
from tests.local.wait import wait_until

POLICY = """
version: 1
plans:
  - name: shop
    # An API's ARN has an id in place of its name.
    select: {any: [{arns: ["*:shop-*", "*/shop-*"]}, {kinds: [rest-api]}]}
    schedule: {every: 1d}
    retention: {daily: 7}
"""

REST = {"TickRate": "rate(30 minutes)", "VerifyRate": "rate(30 minutes)", "PruneRate": "rate(1 day)"}
ROLES = {"ProtectRoles": "yes", "RestoreRoles": "yes"}
TICK = {"tick": "2026-11-21T03:00:00Z"}

RESOURCES = {
    "dynamodb-table": ["shop-ledger", "shop-orders"],
    "lambda-function": ["shop-effects", "shop-intake"],
    "sqs-queue": ["shop-dead", "shop-jobs"],
    "sns-topic": ["shop-news"],
    "bucket-notifications": ["shop-files"],
    "event-bus": ["shop-bus"],
    "event-rule": ["shop-bus/shop-order"],
    "schedule-group": ["shop-group"],
    "schedule": ["shop-group/shop-tick"],
    "state-machine": ["shop-ship"],
}
# IAM has one region.
ROLE_IDS = ["iam-role/us-east-1/shop-work", "iam-role/us-east-1/shop-wire"]


def ids(region: str) -> list[str]:
    """The shop's resources as Holdfast names them; a function's mappings come back with it."""
    return ROLE_IDS + [f"{kind}/{region}/{name}" for kind, names in RESOURCES.items() for name in names]


def restore(stack: Stack, **event: object) -> dict:
    """Restores the shop and gives the report; every outcome is as good as it can be."""
    report = invoke(stack, "Restore", {"application": {"plan": "shop"}} | event)
    assert_whole(report)
    return report


def assert_whole(report: dict) -> None:
    """Nothing in a report failed or is left to a person."""
    left = [one for one in report["outcomes"] if one["status"] not in ("Done", "Unchanged")]
    assert not left, "\n".join([f"{one['subject']}: {one['status']}: {one.get('message')}" for one in left] + report["notes"])


def words(report: dict) -> dict[str, str]:
    """The word about each resource; of one that has several steps the first."""
    found: dict[str, str] = {}
    for outcome in report["outcomes"]:
        found.setdefault(outcome["subject"], outcome["details"]["word"])
    return found


@pytest.fixture(scope="module")
def shop(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, Shop]]:
    """A stack whose schedule rests, and a shop that works, backed up at one tick and lost."""
    stack = deploy_stack(**REST, **ROLES)
    shop = Shop(stack.cloud, stack.account, stack.region)
    shop.deploy()
    shop.works("first")
    vault.write_policy(stack, POLICY)
    assert_whole(invoke(stack, "Snapshot", TICK))
    shop.destroy()
    yield stack, shop
    destroy(stack)


def test_one_tick_makes_a_point_of_every_part(shop):
    stack, _ = shop
    missing = [resource for resource in ids(stack.region) if not vault.points(stack, resource)]
    assert not missing


def test_under_new_names_the_same_request_has_the_same_effects(shop):
    stack, lost = shop
    drill = lost.named("drill-")
    drill.make_bucket()
    quiet = restore(stack, target={"prefix": "drill-"})
    assert any("events do not flow yet" in note for note in quiet["notes"]), quiet["notes"]
    drill.order_by_alias("in-silence")
    assert drill.ledger("in-silence") == set()

    restore(stack, target={"prefix": "drill-"}, switch_on=True)
    drill.works("drilled")
    drill.destroy()


def test_as_a_template_the_same_request_has_the_same_effects(shop, tmp_path):
    stack, lost = shop
    written = restore(stack, target={"prefix": "cfn-"}, template=True)
    (template,) = [outcome["details"]["template"] for outcome in written["outcomes"]]
    path = tmp_path / "shop.template.json"
    path.write_text(json.dumps(template))
    # Its warnings are about what the account has: the policy that a topic gets by default is of 2008.
    lint = [Path(sys.executable).with_name("cfn-lint"), "--non-zero-exit-code", "error", path]
    linted = subprocess.run(lint, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout

    again = lost.named("cfn-")
    again.make_bucket()
    # Values that may be secrets do not stand in it.
    given = {name: again.name("files") for name, one in template["Parameters"].items() if "Default" not in one}
    again.deploy_template(template, given | {"SwitchOn": "true"})
    # The bucket is another stack's.
    assert any("notifications" in note for note in written["notes"]), written["notes"]
    again.notify()
    again.works("templated")
    again.destroy()


def test_under_the_old_names_the_same_request_has_the_same_effects(shop):
    stack, lost = shop
    lost.make_bucket()
    lost.destroy_roles()
    report = restore(stack, switch_on=True, roles=True)
    assert set(words(report)) >= set(ids(stack.region))
    # What was in the tables is in them again.
    assert lost.ledger("first-alias")
    lost.works("second")
    again = words(restore(stack, switch_on=True, roles=True))
    # Notifications are looked at each time; what was made is known to be.
    assert again == {**words(report), f"bucket-notifications/{stack.region}/shop-files": "adopted"}


def test_in_place_what_somebody_changed_is_as_it_was_and_can_be_undone(shop):
    stack, lost = shop
    sqs, functions = lost.client("sqs"), lost.client("lambda")
    queue = sqs.get_queue_url(QueueName="shop-jobs")["QueueUrl"]

    def settings() -> tuple[str, int]:
        name = "VisibilityTimeout"
        return (
            sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name],
            functions.get_function_configuration(FunctionName="shop-effects")["MemorySize"],
        )

    before = settings()
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "600"})
    functions.update_function_configuration(FunctionName="shop-effects", MemorySize=512)
    spoilt = settings()
    resources = [f"sqs-queue/{stack.region}/shop-jobs", f"lambda-function/{stack.region}/shop-effects"]
    points = [vault.points(stack, resource)[-1]["point"] for resource in resources]

    def change(points: list[str]) -> list[str]:
        """Changes both in place and gives the points that hold what they were."""
        report = invoke(stack, "Restore", {"application": {"points": points}, "in_place": True})
        queue, function = (words(report)[resource] for resource in resources)
        assert queue == function == "changed", report
        undo = {outcome["subject"]: outcome["details"]["undo"] for outcome in report["outcomes"]}
        return [undo[resource] for resource in resources]

    undo = change(points)
    assert settings() == before
    lost.works("in-place")
    change(undo)
    assert settings() == spoilt


def test_in_another_region_the_replica_alone_brings_it_back(shop, deploy_stack: Callable[..., Stack]):
    home, lost = shop
    lost.destroy()
    bucket = home.outputs["ReplicaBucket"]
    # The tick copies the policy too, and what no event has copied yet.
    invoke(home, "Replicate", TICK)
    wait_until(
        lambda: all(vault.points(home, resource, bucket, REPLICA_REGION) for resource in ids(home.region)),
        60,
        "the copies",
        every=0.5,
    )
    vault.destroy(home)
    destroy(home)
    there = deploy_stack(
        account=home.account,
        region=REPLICA_REGION,
        ReplicaRegion="",
        ExistingVaultBucket=bucket,
        ExistingVaultKeyArn=home.outputs["VaultKeyArn"].replace(f":{home.region}:", f":{REPLICA_REGION}:"),
        **REST,
    )
    try:
        moved = Shop(there.cloud, there.account, REPLICA_REGION)
        moved.make_bucket()
        restore(there, target={"region": REPLICA_REGION}, switch_on=True)
        assert moved.ledger("first-alias")
        moved.works("moved")
    finally:
        destroy(there)
