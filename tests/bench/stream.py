"""A Kinesis stream whose records lie ready: the stub that serves it, and what is in it."""

from __future__ import annotations

import base64
import json
import time

from tests.bench.server import Answer, json_answer

STREAM = "bench"
SHARDS = 4
# Records of one partition key follow each other in one shard.
KEYS = 97
RETENTION_HOURS = 24


class Stream:
    """A stream of `SHARDS` shards. Its records are the lines of a table, spread over the shards one after the other."""

    def __init__(self, region: str, account: str) -> None:
        self.arn = f"arn:aws:kinesis:{region}:{account}:stream/{STREAM}"
        self._shards: list[list[str]] = [[] for _ in range(SHARDS)]
        # It was made two hours ago, and its first record arrived an hour later.
        self._made_at = int(time.time()) - 7200
        self.records = 0
        self.data_bytes = 0

    def put(self, lines: list[bytes]) -> None:
        """Adds records behind those that are there."""
        for line in lines:
            number, shard = self.records, self._shards[self.records % SHARDS]
            record = {
                "SequenceNumber": str(10**20 + len(shard)),
                "ApproximateArrivalTimestamp": self._made_at + 3600 + number // 1000,
                "Data": base64.b64encode(line).decode(),
                "PartitionKey": f"customer-{number % KEYS}",
            }
            shard.append(json.dumps(record, separators=(",", ":")))
            self.records += 1
            self.data_bytes += len(line)

    def respond(self, action: str, request: dict) -> Answer | None:
        """Answers a call; none where it is not known."""
        if action == "GetRecords":
            return self._get_records(request)
        answer = self._answers(request).get(action)
        return None if answer is None else json_answer(200, answer)

    def _answers(self, request: dict) -> dict[str, dict]:
        summary = {
            "StreamName": STREAM,
            "StreamARN": self.arn,
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "RetentionPeriodHours": RETENTION_HOURS,
            "StreamCreationTimestamp": self._made_at,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
            "OpenShardCount": SHARDS,
            "ConsumerCount": 0,
        }
        after = int(request.get("StartingSequenceNumber", 10**20 - 1)) - 10**20 + 1
        shards = [{"ShardId": f"shardId-{number:012}"} for number in range(SHARDS)]
        return {
            "DescribeStreamSummary": {"StreamDescriptionSummary": summary},
            "ListStreams": {"StreamNames": [STREAM], "HasMoreStreams": False, "StreamSummaries": [{"StreamName": STREAM, "StreamARN": self.arn}]},
            "ListShards": {"Shards": shards},
            "ListStreamConsumers": {"Consumers": []},
            "ListTagsForStream": {"Tags": [], "HasMoreTags": False},
            "ListTagsForResource": {"Tags": []},
            "GetResourcePolicy": {"Policy": ""},
            "GetShardIterator": {"ShardIterator": f"{request.get('ShardId', '')[-12:]}/{after}"},
        }

    def _get_records(self, request: dict) -> Answer:
        shard, start = (int(part) for part in request["ShardIterator"].split("/"))
        records = self._shards[shard]
        end = min(start + request["Limit"], len(records))
        behind = 0 if end == len(records) else 1000
        tail = f'],"NextShardIterator":"{shard}/{end}","MillisBehindLatest":{behind}}}'
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, [b'{"Records":[', ",".join(records[start:end]).encode(), tail.encode()]
