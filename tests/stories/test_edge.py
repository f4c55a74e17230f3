"""A function at the edge (Lambda@Edge), on a deployed stack with IAM enforced: which distribution runs which version of it is in its
point, and after it is lost the restore says what a person has to give the distribution, and changes none by itself.

The local cloud's CloudFront keeps distributions and runs nothing; that a replica of the function outlives its association by
hours is not shown here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.local import vault
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke
from tests.local.sample import FUNCTION, Sample

EDGE_REGION = "us-east-1"
POLICY = """
version: 1
plans:
  - name: standard
    schedule: {every: 1d}
    retention: {daily: 7}
"""


@pytest.fixture(scope="module")
def edge(deploy_stack: Callable[..., Stack]) -> Iterator[tuple[Stack, Sample, str]]:
    """A stack in the edge's region, a function there, and the id of a distribution that runs its first version in two places."""
    stack = deploy_stack(
        region=EDGE_REGION, TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)"
    )
    vault.write_policy(stack, POLICY)
    sample = Sample(stack.cloud, stack.account, EDGE_REGION)
    sample.create_function()
    yield stack, sample, distribute(stack, function_arn(stack, "1"))
    destroy(stack)


def function_arn(stack: Stack, version: str) -> str:
    return f"arn:aws:lambda:{EDGE_REGION}:{stack.account}:function:{FUNCTION}:{version}"


def behaviour(event_type: str, arn: str) -> dict:
    """How a distribution answers, with a function at one of its four places."""
    association = {"LambdaFunctionARN": arn, "EventType": event_type, "IncludeBody": False}
    return {
        "TargetOriginId": "shop",
        "ViewerProtocolPolicy": "https-only",
        "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        "MinTTL": 0,
        "LambdaFunctionAssociations": {"Quantity": 1, "Items": [association]},
    }


def distribute(stack: Stack, arn: str) -> str:
    """Makes a distribution that runs a version of a function for every path, and elsewhere for images."""
    origin = {
        "Id": "shop",
        "DomainName": "shop.example.org",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    images = {"PathPattern": "images/*", **behaviour("origin-request", arn)}
    made = stack.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "a story",
            "Comment": "the shop",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behaviour("viewer-request", arn),
            "CacheBehaviors": {"Quantity": 1, "Items": [images]},
        }
    )
    return made["Distribution"]["Id"]


def lose_the_function(sample: Sample) -> None:
    functions = sample.client("lambda")
    for mapping in functions.list_event_source_mappings(FunctionName=FUNCTION)["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    functions.delete_function(FunctionName=FUNCTION)


def test_where_distributions_run_a_function_is_in_its_point(edge):
    stack, sample, distribution = edge
    report = invoke(stack, "Snapshot", {"resource": sample.function_id})
    assert report["status"] == "Completed", report
    (manifest,) = vault.points(stack, sample.function_id)
    assert vault.config(stack, manifest)["edge"] == [
        {"distribution": distribution, "event_type": "viewer-request", "version": 1, "include_body": False},
        {
            "distribution": distribution,
            "path_pattern": "images/*",
            "event_type": "origin-request",
            "version": 1,
            "include_body": False,
        },
    ]


def test_a_restore_says_what_to_give_the_distribution_and_changes_none(edge):
    stack, sample, distribution = edge
    cloudfront = stack.client("cloudfront")
    before = cloudfront.get_distribution_config(Id=distribution)["DistributionConfig"]
    lose_the_function(sample)
    report = invoke(stack, "Restore", {"resource": sample.function_id, "target": {"name": FUNCTION}})
    (outcome,) = report["outcomes"]
    assert outcome["status"] == "Partial", report
    versions = sample.client("lambda").list_versions_by_function(FunctionName=FUNCTION)["Versions"]
    (version,) = [one["Version"] for one in versions if one["Version"] != "$LATEST"]
    for place in (".DefaultCacheBehavior", '.PathPattern == "images/*"'):
        told = [line for line in outcome["message"].split("; ") if place in line]
        assert told, (place, outcome["message"])
    assert f"aws cloudfront update-distribution --id {distribution}" in outcome["message"]
    assert function_arn(stack, version) in outcome["message"]
    assert cloudfront.get_distribution_config(Id=distribution)["DistributionConfig"] == before
