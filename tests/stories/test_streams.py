"""Records of a Kinesis stream, on a deployed stack with IAM enforced: what a point holds and the next one adds, and how the lost stream
comes back, from home and from the replica region."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from tests.local import vault
from tests.local.cloud import REPLICA_REGION
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke, snapshot
from tests.local.wait import wait_until
from tests.stories.test_verbs import QUIET_POLICY

STREAM = "clicks"
KEYS = 7
FIRST, SECOND = 700, 35


class Clicks:
    """A stream of two shards, and what was put into it."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.id = f"kinesis-stream/{stack.region}/{STREAM}"
        self.put_so_far = 0
        kinesis = stack.client("kinesis")
        kinesis.create_stream(StreamName=STREAM, ShardCount=2)
        wait_until(lambda: self.is_active(stack.region, STREAM), 30, "the stream", every=0.2)

    def is_active(self, region: str, name: str) -> bool:
        summary = self.stack.client("kinesis", region).describe_stream_summary(StreamName=name)
        return summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"

    def put(self, count: int) -> set[str]:
        """Puts the next records, and says which shards they are in."""
        numbers = range(self.put_so_far, self.put_so_far + count)
        self.put_so_far += count
        records = [{"PartitionKey": f"user-{n % KEYS}", "Data": data(n)} for n in numbers]
        shards = set()
        for start in range(0, count, 500):
            answer = self.stack.client("kinesis").put_records(StreamName=STREAM, Records=records[start : start + 500])
            assert answer["FailedRecordCount"] == 0, answer
            shards |= {record["ShardId"] for record in answer["Records"]}
        return shards

    def read(self, region: str, name: str) -> dict[str, list[bytes]]:
        """What a stream has, by partition key and in order."""
        kinesis = self.stack.client("kinesis", region)
        found = defaultdict(list)
        for shard in kinesis.list_shards(StreamName=name)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = kinesis.get_records(ShardIterator=iterator)
                for record in page["Records"]:
                    found[record["PartitionKey"]].append(record["Data"])
                iterator = page.get("NextShardIterator") if page["MillisBehindLatest"] else None
        return found

    def everything(self) -> dict[str, list[bytes]]:
        """What was put, by partition key and in order."""
        return {f"user-{key}": [data(n) for n in range(key, self.put_so_far, KEYS)] for key in range(KEYS)}


def data(number: int) -> bytes:
    return b"\x00\xff click %d" % number


@pytest.fixture(scope="module")
def clicks(deploy_stack: Callable[..., Stack]) -> Iterator[Clicks]:
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    vault.write_policy(stack, QUIET_POLICY.replace("schedule:", "records: true\n    schedule:", 1))
    yield Clicks(stack)
    destroy(stack)


def make_point(clicks: Clicks) -> dict:
    """Makes a point, and gives its data. The plan is named: the local cloud's tagging API knows no streams."""
    outcome = snapshot(clicks.stack, clicks.id, plan="standard")
    assert outcome["status"] == "Done", outcome
    return vault.points(clicks.stack, clicks.id)[-1]["data"]


def test_a_second_point_stores_only_the_records_that_came_since(clicks):
    assert len(clicks.put(FIRST)) == 2, "both shards have some"
    first = make_point(clicks)
    assert (first["items"], first["new_items"]) == (FIRST, FIRST)
    clicks.put(SECOND)
    second = make_point(clicks)
    assert (second["items"], second["new_items"]) == (FIRST + SECOND, SECOND)
    report = invoke(clicks.stack, "Verify", {"scrub": clicks.id})
    assert report["status"] == "Completed", report["outcomes"]


def test_a_stream_that_is_there_gets_no_record(clicks):
    report = invoke(clicks.stack, "Restore", {"resource": clicks.id, "target": {"name": STREAM}})
    (outcome,) = report["outcomes"]
    assert outcome["status"] == "Unchanged", report
    assert clicks.read(clicks.stack.region, STREAM) == clicks.everything()


def test_the_lost_streams_records_come_back_in_order_of_each_key(clicks):
    stack = clicks.stack
    stack.client("kinesis").delete_stream(StreamName=STREAM, EnforceConsumerDeletion=True)
    request = {"resource": clicks.id, "target": {"name": STREAM}}
    report = invoke(stack, "Restore", request)
    (outcome,) = report["outcomes"]
    assert outcome["status"] == "Done", report
    assert (outcome["details"]["items"], outcome["details"]["doubled_items"]) == (FIRST + SECOND, 0)
    assert clicks.read(stack.region, STREAM) == clicks.everything()
    again = invoke(stack, "Restore", request)
    assert again["outcomes"][0]["status"] == "Unchanged", again
    assert clicks.read(stack.region, STREAM) == clicks.everything()


def test_the_replica_region_has_them_too(clicks):
    stack, newest = clicks.stack, vault.points(clicks.stack, clicks.id)[-1]["point"]
    bucket = stack.outputs["ReplicaBucket"]
    wait_until(
        lambda: newest in [one["point"] for one in vault.points(stack, clicks.id, bucket, REPLICA_REGION)],
        60,
        "the copy",
        every=0.5,
    )
    target = {"name": "clicks-there", "region": REPLICA_REGION}
    report = invoke(stack, "Restore", {"resource": clicks.id, "from": "replica", "target": target})
    (outcome,) = report["outcomes"]
    assert outcome["details"]["items"] == FIRST + SECOND, report
    assert clicks.read(REPLICA_REGION, "clicks-there") == clicks.everything()
