"""What leads out of an account and into it, on a deployed stack with IAM enforced: a bus with an archive, a rule that sends its events to a
partner's web address through an API destination and its connection, and an HTTP API before a function.

All is lost and comes back as one application; the connection's secret, which nobody can read, is put in by a person as the report says.
"""

from __future__ import annotations

import io
import json
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.local import vault
from tests.local.deploy import Stack, destroy
from tests.local.functions import invoke
from tests.local.wait import wait_until

POLICY = """
version: 1
plans:
  - name: partner
    # An API's ARN has an id in place of its name.
    select: {any: [{arns: ["*partner-*"]}, {kinds: [http-api]}]}
    schedule: {every: 1d}
    retention: {daily: 7}
"""
TICK = {"tick": "2026-11-21T03:00:00Z"}
KEY, KEY_HEADER = "the partner's own secret", "x-partner-key"
SOURCE = """
def handler(event, context):
    return {"statusCode": 200, "body": "order " + event["pathParameters"]["number"]}
"""


@dataclass
class Partner:
    """The partner's web server: it keeps what came in with the right key, and what came in without."""

    heard: list[dict] = field(default_factory=list)
    refused: list[dict] = field(default_factory=list)

    def __enter__(self) -> Partner:
        partner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                is_known = self.headers.get(KEY_HEADER) == KEY
                (partner.heard if is_known else partner.refused).append(body)
                self.send_response(200 if is_known else 403)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/orders"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class App:
    """The application."""

    stack: Stack
    partner: Partner

    def ids(self) -> dict[str, str]:
        """Its resources as Holdfast names them."""
        names = {
            "event-bus": "partner-bus",
            "event-archive": "partner-archive",
            "event-connection": "partner-login",
            "api-destination": "partner-orders",
            "event-rule": "partner-bus/partner-paid",
            "lambda-function": "partner-door",
            "http-api": self.api()["ApiId"],
        }
        return {kind: f"{kind}/{self.stack.region}/{name}" for kind, name in names.items()}

    def api(self) -> dict:
        (api,) = [one for one in self.stack.client("apigatewayv2").get_apis()["Items"] if one["Name"] == "partner-api"]
        return api

    def make(self) -> None:
        role = self.make_role()
        self.make_bus(role)
        self.make_function(role)
        self.make_api()

    def make_role(self) -> str:
        """The role of the rule and of the function; it is not lost."""
        principals = {"Service": ["events.amazonaws.com", "lambda.amazonaws.com"]}
        trust = {"Statement": [{"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}]}
        made = self.stack.client("iam").create_role(
            RoleName="partner-work", AssumeRolePolicyDocument=json.dumps(trust | {"Version": "2012-10-17"})
        )
        return made["Role"]["Arn"]

    def make_bus(self, role: str) -> None:
        events = self.stack.client("events")
        bus = events.create_event_bus(Name="partner-bus")["EventBusArn"]
        events.create_archive(
            ArchiveName="partner-archive",
            EventSourceArn=bus,
            Description="what partners were told",
            EventPattern=json.dumps({"source": ["shop"]}),
            RetentionDays=30,
        )
        login = events.create_connection(
            Name="partner-login",
            Description="how the partner knows us",
            AuthorizationType="API_KEY",
            AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": KEY_HEADER, "ApiKeyValue": KEY}},
        )["ConnectionArn"]
        destination = events.create_api_destination(
            Name="partner-orders",
            ConnectionArn=login,
            InvocationEndpoint=self.partner.address,
            HttpMethod="POST",
            InvocationRateLimitPerSecond=7,
        )["ApiDestinationArn"]
        events.put_rule(Name="partner-paid", EventBusName="partner-bus", EventPattern=json.dumps({"detail-type": ["paid"]}))
        target = {"Id": "partner", "Arn": destination, "RoleArn": role, "InputPath": "$.detail"}
        events.put_targets(Rule="partner-paid", EventBusName="partner-bus", Targets=[target])

    def make_function(self, role: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("door.py", SOURCE)
        self.stack.client("lambda").create_function(
            FunctionName="partner-door",
            Runtime="python3.11",
            Handler="door.handler",
            Role=role,
            Code={"ZipFile": packed.getvalue()},
        )

    def make_api(self) -> None:
        api, stack = self.stack.client("apigatewayv2"), self.stack
        made = api.create_api(Name="partner-api", ProtocolType="HTTP", CorsConfiguration={"AllowOrigins": ["https://example.org"]})
        function = f"arn:aws:lambda:{stack.region}:{stack.account}:function:partner-door"
        integration = api.create_integration(
            ApiId=made["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
        )
        api.create_route(
            ApiId=made["ApiId"], RouteKey="GET /orders/{number}", Target=f"integrations/{integration['IntegrationId']}"
        )
        api.create_stage(ApiId=made["ApiId"], StageName="$default", AutoDeploy=True)
        stack.client("lambda").add_permission(
            FunctionName="partner-door",
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{stack.region}:{stack.account}:{made['ApiId']}/*/*",
        )

    def pay(self, order: str) -> None:
        """Says on the bus that an order was paid."""
        entry = {"EventBusName": "partner-bus", "Source": "shop", "DetailType": "paid", "Detail": json.dumps({"order": order})}
        assert self.stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def knock(self, number: int) -> str:
        """What the HTTP API answers."""
        # The local cloud serves addresses as paths: names below 127.0.0.1 do not resolve.
        cloud = self.stack.cloud
        address = f"{cloud.endpoint}/_aws/execute-api/{self.api()['ApiId']}/$default/orders/{number}"
        with urllib.request.urlopen(address, timeout=60, context=cloud.tls()) as answer:
            return answer.read().decode()

    def works(self, order: str) -> None:
        self.pay(order)
        wait_until(lambda: {"order": order} in self.partner.heard, 30, "the partner to hear of it")
        assert self.knock(7) == "order 7"

    def settings(self) -> dict[str, dict]:
        """How everything is set, without what each making sets anew."""
        events, api = self.stack.client("events"), self.stack.client("apigatewayv2")
        number = self.api()["ApiId"]
        found = {
            "archive": events.describe_archive(ArchiveName="partner-archive"),
            "connection": events.describe_connection(Name="partner-login"),
            "destination": events.describe_api_destination(Name="partner-orders"),
            "rule": events.describe_rule(Name="partner-paid", EventBusName="partner-bus"),
            "targets": {"Targets": events.list_targets_by_rule(Rule="partner-paid", EventBusName="partner-bus")["Targets"]},
            "api": api.get_api(ApiId=number),
            "stage": api.get_stage(ApiId=number, StageName="$default"),
            "routes": {"Keys": [route["RouteKey"] for route in api.get_routes(ApiId=number)["Items"]]},
        }
        return {part: {name: parsed(name, one) for name, one in said.items() if name not in ANEW} for part, said in found.items()}

    def lose(self) -> None:
        """Everything but the role."""
        events, stack = self.stack.client("events"), self.stack
        stack.client("apigatewayv2").delete_api(ApiId=self.api()["ApiId"])
        stack.client("lambda").delete_function(FunctionName="partner-door")
        events.remove_targets(Rule="partner-paid", EventBusName="partner-bus", Ids=["partner"])
        events.delete_rule(Name="partner-paid", EventBusName="partner-bus")
        events.delete_api_destination(Name="partner-orders")
        events.delete_connection(Name="partner-login")
        events.delete_archive(ArchiveName="partner-archive")
        events.delete_event_bus(Name="partner-bus")


def parsed(name: str, value: object) -> object:
    """A value as it is meant: the spelling of a pattern is nobody's."""
    return json.loads(value) if name == "EventPattern" else value


# Of an answer: when a thing was made, what AWS names itself, and what a restore marks it with.
ANEW = {
    "ResponseMetadata", "CreationTime", "LastModifiedTime", "LastAuthorizedTime", "CreatedDate", "LastUpdatedDate",
    "ApiId", "ApiEndpoint", "SecretArn", "DeploymentId", "SizeBytes", "EventCount", "Tags",
}  # fmt: skip


@pytest.fixture(scope="module")
def app(deploy_stack: Callable[..., Stack]) -> Iterator[App]:
    """A stack whose schedule rests, and an application that works, backed up at one tick."""
    stack = deploy_stack(TickRate="rate(30 minutes)", VerifyRate="rate(30 minutes)", PruneRate="rate(1 day)")
    with Partner() as partner:
        app = App(stack, partner)
        app.make()
        app.works("first")
        vault.write_policy(stack, POLICY)
        report = invoke(stack, "Snapshot", TICK)
        assert report["status"] == "Completed", "\n".join(str(one) for one in report["outcomes"])
        yield app
    destroy(stack)


def test_one_tick_makes_a_point_of_each_and_no_secret_is_in_it(app):
    for resource in app.ids().values():
        (manifest,) = vault.points(app.stack, resource)
        assert KEY not in json.dumps(vault.config(app.stack, manifest)), resource


def test_what_was_lost_comes_back_as_one_and_a_person_puts_the_secret_in(app):
    before, old = app.settings(), app.ids()["http-api"]
    app.lose()
    event = {"application": {"plan": "partner"}, "switch_on": True}
    report = invoke(app.stack, "Restore", event)
    left = [one for one in report["outcomes"] if one["status"] not in ("Done", "Unchanged")]
    assert [one["subject"] for one in left] == [app.ids()["event-connection"]], report
    assert "update-connection" in left[0]["message"], left

    assert app.settings() == before and app.ids()["http-api"] != old
    policy = json.loads(app.stack.client("lambda").get_policy(FunctionName="partner-door")["Policy"])
    assert app.api()["ApiId"] in json.dumps(policy), "the permission is for the new API"
    assert app.knock(3) == "order 3"

    app.pay("without-secret")
    wait_until(lambda: {"order": "without-secret"} in app.partner.refused, 30, "the partner to refuse it")
    parameters = {"ApiKeyAuthParameters": {"ApiKeyName": KEY_HEADER, "ApiKeyValue": KEY}}
    app.stack.client("events").update_connection(Name="partner-login", AuthParameters=parameters)
    app.works("again")

    # Sent again, it makes nothing anew: the secret is still there.
    assert invoke(app.stack, "Restore", event)["status"] == "Completed"
    app.works("still")
