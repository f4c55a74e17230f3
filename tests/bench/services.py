"""DynamoDB with one table whose pages lie ready and tables that are made and filled, a Kinesis stream, and an event bus that takes
everything.

It answers as fast as files can be read, so that what is measured is the reader. It does not throttle and checks no rights. What is put
into a table is counted and not kept.
"""

from __future__ import annotations

import json
import zlib

from tests.bench.data import Table
from tests.bench.server import Answer, json_answer, json_headers
from tests.bench.stream import Stream

TABLE = "bench"
_NO_THROUGHPUT = {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0}


class Services:
    """The stub's state: which table is served, and what was asked of it."""

    def __init__(self, region: str, account: str) -> None:
        self.scans = 0
        self.unknown: set[str] = set()
        self._arn = f"arn:aws:dynamodb:{region}:{account}:table/{TABLE}"
        self._table: Table
        # By name: as they were made, and the keys that were put.
        self._made: dict[str, dict] = {}
        self._keys: dict[str, set[str]] = {}
        self._after: dict[str, int] = {}
        self.stream = Stream(region, account)

    def serve(self, table: Table) -> None:
        """Makes this the table from now on."""
        self._table = table
        self._after = {_text(page.last_key): number + 1 for number, page in enumerate(table.pages)}
        self.scans = 0

    def filled(self, name: str) -> int:
        """How many items were put into a table that was made, which is given up now."""
        self._made.pop(name)
        return len(self._keys.pop(name))

    def respond(self, _path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answers a call of the AWS JSON protocol."""
        service, _, action = headers.get("x-amz-target", "").partition(".")
        if not action:
            # What lists other kinds: there are none.
            return json_answer(200, {})
        request = json.loads(body or b"{}")
        if service.startswith("Kinesis") and (answer := self.stream.respond(action, request)):
            return answer
        if action == "Scan":
            return self._scan(request)
        if action == "BatchWriteItem":
            return self._put(request)
        if action == "CreateTable":
            self._make(request)
        name = request.get("TableName", TABLE)
        if action in ("DescribeTable", "DeleteTable") and name != TABLE and name not in self._made:
            return json_answer(400, {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "none"})
        answer = self._answers(name).get(action)
        if action == "PutEvents":
            answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in request["Entries"]]}
        if action == "GetResourcePolicy":
            return json_answer(400, {"__type": "com.amazonaws.dynamodb.v20120810#PolicyNotFoundException", "message": "none"})
        if action.startswith("List") and answer is None:
            # Of other kinds there is nothing.
            answer = {}
        if answer is None:
            # Told at the end: a call that the stub does not know would make the result worth less.
            self.unknown.add(action)
            return json_answer(400, {"__type": "com.amazon.coral.service#UnknownOperationException"})
        return json_answer(200, answer)

    def _make(self, request: dict) -> None:
        name = request["TableName"]
        self._keys[name] = set()
        self._made[name] = {
            "TableName": name,
            "TableArn": self._arn.replace(f"/{TABLE}", f"/{name}"),
            "TableStatus": "ACTIVE",
            **{member: request[member] for member in ("KeySchema", "AttributeDefinitions")},
            "BillingModeSummary": {"BillingMode": request.get("BillingMode", "PROVISIONED")},
            "ProvisionedThroughput": _NO_THROUGHPUT | request.get("ProvisionedThroughput", {}),
        }

    def _put(self, request: dict) -> Answer:
        for name, puts in request["RequestItems"].items():
            key = [entry["AttributeName"] for entry in self._made[name]["KeySchema"]]
            for put in puts:
                item = put["PutRequest"]["Item"]
                self._keys[name].add(_text({attribute: item[attribute] for attribute in key}))
        return json_answer(200, {"UnprocessedItems": {}})

    def _answers(self, name: str) -> dict[str, dict]:
        keys = (("customer", "HASH"), ("order", "RANGE"))
        description = self._made.get(name) or {
            "TableName": TABLE,
            "TableArn": self._arn,
            "TableStatus": "ACTIVE",
            "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            "ProvisionedThroughput": _NO_THROUGHPUT,
            "ItemCount": self._table.items,
            "TableSizeBytes": self._table.dynamodb_bytes,
        }
        return {
            "CreateTable": {"TableDescription": description},
            "TagResource": {},
            "GetResources": {"ResourceTagMappingList": [{"ResourceARN": arn, "Tags": []} for arn in (self._arn, self.stream.arn)]},
            "ListTables": {"TableNames": [TABLE, *self._made]},
            "DescribeTable": {"Table": description},
            "DescribeTimeToLive": {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
            "DescribeContinuousBackups": {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED"}},
            "ListTagsOfResource": {"Tags": []},
        }

    def _scan(self, request: dict) -> Answer:
        pages, segments = self._table.pages, request.get("TotalSegments", 1)
        segment = request.get("Segment", 0)
        start, end = (len(pages) * bound // segments for bound in (segment, segment + 1))
        if key := request.get("ExclusiveStartKey"):
            start = self._after[_text(key)]
        self.scans += 1
        if start >= end:
            return json_answer(200, {"Count": 0, "ScannedCount": 0, "Items": []})
        page = pages[start]
        tail = f',"LastEvaluatedKey":{json.dumps(page.last_key)}}}'.encode() if start + 1 < end else b"}"
        return 200, json_headers(zlib.crc32(tail, page.crc)), [page.path.read_bytes(), tail]


def _text(key: dict) -> str:
    return json.dumps(key, sort_keys=True)
