"""The sample shop of the application's story: deployed by CloudFormation, asked for something, looked at, destroyed."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from dataclasses import dataclass, replace


from tests.local.build import ROOT
from tests.local.cloud import Cloud
from tests.local.wait import wait_until

STACK = "shop"

# What a request leaves in the ledger, by the way that it took.
EFFECTS = {"stream", "queue:paid", "bucket", "rule", "machine", "machine-table"}
# A schedule comes once a minute; the rest takes seconds, more of them on a busy machine.
EFFECTS_TIMEOUT_S = 150

# Where CloudFormation finds the layer's content, and what the layer is called: under all names of the shop the same.
_LAYERS, _LAYER = "layers-of-the-shop", "shop-extras"

_SAMPLE = ROOT / "tests" / "sample_app"


@dataclass(frozen=True)
class Shop:
    """The shop in one account and region, under one set of names."""

    cloud: Cloud
    account: str
    region: str
    prefix: str = ""

    def client(self, service: str):
        """A client of the account's root user."""
        return self.cloud.client(service, self.account, self.region)

    def named(self, prefix: str) -> Shop:
        """The shop under other names."""
        return replace(self, prefix=prefix)

    def name(self, part: str) -> str:
        """What a part is called here."""
        return f"{self.prefix}shop-{part}"

    def deploy(self) -> None:
        """Makes the whole shop."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.write(_SAMPLE / "shop_extras.py", "python/shop_extras.py")
        s3 = self.client("s3")
        s3.create_bucket(Bucket=_LAYERS, CreateBucketConfiguration={"LocationConstraint": self.region})
        s3.put_object(Bucket=_LAYERS, Key="extras.zip", Body=archive.getvalue())
        template = (_SAMPLE / "shop.yaml").read_text().replace(
            "tests/sample_app/shop.py", json.dumps((_SAMPLE / "shop.py").read_text())
        )
        self._create_stack(template, {})

    def deploy_template(self, template: dict, parameters: dict[str, str]) -> None:
        """Makes what a template says, with these parameters."""
        self._create_stack(json.dumps(template), parameters)

    def _create_stack(self, template: str, parameters: dict[str, str]) -> None:
        formation = self.client("cloudformation")
        formation.create_stack(
            StackName=self.prefix + STACK,
            TemplateBody=template,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        waiter = formation.get_waiter("stack_create_complete")
        waiter.wait(StackName=self.prefix + STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def notify(self) -> None:
        """Lets the bucket notify the function by hand."""
        function = self.client("lambda").get_function_configuration(FunctionName=self.name("effects"))["FunctionArn"]
        to_function = {
            "LambdaFunctionArn": function,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}},
        }
        self.client("s3").put_bucket_notification_configuration(
            Bucket=self.name("files"), NotificationConfiguration={"LambdaFunctionConfigurations": [to_function]}
        )

    def make_bucket(self) -> None:
        """Makes the bucket alone, as a person does before the notifications come back."""
        self.client("s3").create_bucket(
            Bucket=self.name("files"), CreateBucketConfiguration={"LocationConstraint": self.region}
        )

    # The doors by which a request comes in: each takes an order and gives the answer's body.

    def order_by_alias(self, order: str) -> dict:
        """Sends an order to the function that the alias stands for."""
        answer = self.client("lambda").invoke(
            FunctionName=f"{self.name('intake')}:live", Payload=json.dumps({"order": order}).encode()
        )
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return json.loads(payload["body"])

    def order_by_url(self, order: str) -> dict:
        """Sends an order to the alias's address."""
        config = self.client("lambda").get_function_url_config(FunctionName=self.name("intake"), Qualifier="live")
        label = config["FunctionUrl"].removeprefix("https://").split(".")[0]
        return self._post(f"_aws/lambda-url/{label}/", order)

    def order_by_api(self, order: str) -> dict:
        """Sends an order to the REST API, which knows the function by its alias."""
        return self._post(f"_aws/execute-api/{self._api()}/open/orders", order)

    def _post(self, path: str, order: str) -> dict:
        # The local cloud serves addresses as paths: names below 127.0.0.1 do not resolve.
        request = urllib.request.Request(
            f"{self.cloud.endpoint}/{path}",
            json.dumps({"order": order}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60, context=self.cloud.tls()) as answer:
            return json.loads(answer.read())

    def _api(self) -> str:
        """The id of the one API that is called so."""
        apis = self.client("apigateway").get_paginator("get_rest_apis").paginate().build_full_result()["items"]
        [api] = [api["id"] for api in apis if api["name"] == self.name("api")]
        return api

    def doors(self) -> dict[str, object]:
        """Every way in, by name."""
        return {"alias": self.order_by_alias, "url": self.order_by_url, "api": self.order_by_api}

    def ledger(self, order: str) -> set[str]:
        """What was written down about an order."""
        pages = self.client("dynamodb").get_paginator("query").paginate(
            TableName=self.name("ledger"),
            KeyConditionExpression="#order = :order",
            ExpressionAttributeNames={"#order": "order"},
            ExpressionAttributeValues={":order": {"S": order}},
            ConsistentRead=True,
        )
        return {item["effect"]["S"] for page in pages for item in page["Items"]}

    def poison(self) -> None:
        """Sends a message that nobody can work on."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=self.name("jobs"))["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": "poison"}))

    def dead(self) -> int:
        """Messages that nobody could work on."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=self.name("dead"))["QueueUrl"]
        name = "ApproximateNumberOfMessages"
        return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def works(self, order: str) -> None:
        """Sends one request by each door and waits for what has to come out at each end, and for nothing else.

        Raises TimedOut naming the first effect that is missing.
        """
        ticks, dead = self.ledger("tick"), self.dead()
        self.poison()
        orders = []
        for door, send in self.doors().items():
            orders.append(f"{order}-{door}")
            assert send(orders[-1]) == {"order": orders[-1], "taken": True}
        for one in orders:
            for effect in sorted(EFFECTS):
                wait_until(lambda: effect in self.ledger(one), EFFECTS_TIMEOUT_S, f"{effect} of order {one}")
            # The noise came before what was paid: it would be here by now.
            assert self.ledger(one) == EFFECTS
        wait_until(lambda: self.dead() > dead, EFFECTS_TIMEOUT_S, "the poison among the dead", every=0.5)
        wait_until(lambda: self.ledger("tick") > ticks, EFFECTS_TIMEOUT_S, "the schedule", every=0.5)

    def destroy(self) -> None:
        """Removes everything but the roles, by hand: triggers first."""
        functions, sqs, events = self.client("lambda"), self.client("sqs"), self.client("events")
        scheduler, s3, dynamodb = self.client("scheduler"), self.client("s3"), self.client("dynamodb")
        group = self.name("group")
        scheduler.delete_schedule(GroupName=group, Name=self.name("tick"))
        scheduler.delete_schedule_group(Name=group)
        rule = {"Rule": self.name("order"), "EventBusName": self.name("bus")}
        events.remove_targets(**rule, Ids=["effects", "machine"])
        events.delete_rule(Name=rule["Rule"], EventBusName=rule["EventBusName"])
        events.delete_event_bus(Name=rule["EventBusName"])
        self.client("apigateway").delete_rest_api(restApiId=self._api())
        functions.delete_function_url_config(FunctionName=self.name("intake"), Qualifier="live")
        for part in ("intake", "effects"):
            for mapping in functions.list_event_source_mappings(FunctionName=self.name(part))["EventSourceMappings"]:
                functions.delete_event_source_mapping(UUID=mapping["UUID"])
            functions.delete_function(FunctionName=self.name(part))
        for version in functions.list_layer_versions(LayerName=_LAYER)["LayerVersions"]:
            functions.delete_layer_version(LayerName=_LAYER, VersionNumber=version["Version"])
        machine = f"arn:aws:states:{self.region}:{self.account}:stateMachine:{self.name('ship')}"
        self.client("stepfunctions").delete_state_machine(stateMachineArn=machine)
        self.client("sns").delete_topic(TopicArn=f"arn:aws:sns:{self.region}:{self.account}:{self.name('news')}")
        for part in ("jobs", "dead"):
            sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=self.name(part))["QueueUrl"])
        bucket = self.name("files")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=entry["Key"])
        s3.delete_bucket(Bucket=bucket)
        for part in ("orders", "ledger"):
            dynamodb.delete_table(TableName=self.name(part))
        wait_until(lambda: not self._tables(), 30, "the tables to be gone")

    def destroy_roles(self) -> None:
        """Removes the roles, which have the same names under all names of the shop."""
        iam = self.client("iam")
        for role, policy in (("shop-work", "work"), ("shop-wire", "wire")):
            iam.delete_role_policy(RoleName=role, PolicyName=policy)
            iam.delete_role(RoleName=role)

    def _tables(self) -> set[str]:
        mine = {self.name("orders"), self.name("ledger")}
        return mine & set(self.client("dynamodb").list_tables()["TableNames"])
