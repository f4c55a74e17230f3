"""The simplest reader there is, for comparison: boto3's paginator, a JSON line an item.

`plain_scan.py ENDPOINT REGION TABLE FILE`
"""

import json
import sys

import boto3

endpoint, region, table, file = sys.argv[1:]
dynamodb = boto3.client("dynamodb", endpoint_url=endpoint, region_name=region)
with open(file, "w") as lines:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            lines.write(json.dumps({"Item": item}, separators=(",", ":")) + "\n")
