"""MiniStack 1.5.33 knows no PutRestApi, and its import for CloudFormation takes little of a document. This takes all that we have."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway_v1 as apis

ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"


def apply() -> None:
    """Mends the server. To be called once, before it serves."""
    original = apis.handle_request

    async def handle_request(method, path, headers, body, query_params):
        parts = [part for part in path.strip("/").split("/") if part]
        if method == "PUT" and len(parts) == 2 and parts[0] == "restapis":
            return put_rest_api(parts[1], json.loads(body))
        return await original(method, path, headers, body, query_params)

    apis.handle_request = handle_request
    exported = apis._export_integration

    def export_integration(integration: dict[str, Any]) -> dict[str, Any]:
        """AWS leaves out what nobody has set, and writes these words in lower case."""
        said = exported(integration)
        said.pop("cacheNamespace", None)
        if "passthroughBehavior" in said:
            said["passthroughBehavior"] = said["passthroughBehavior"].lower()
        return said

    apis._export_integration = export_integration


def put_rest_api(api_id: str, document: dict[str, Any]):
    """Overwrites an API with a document."""
    api = apis._rest_apis.get(api_id)
    if not api:
        return apis._v1_error("NotFoundException", "Invalid API identifier specified", 404)
    api["name"], api["version"] = document["info"]["title"], document["info"]["version"]
    api["description"] = document["info"].get("description", "")
    root = next(resource for resource in apis._resources[api_id].values() if resource["path"] == "/")
    apis._resources[api_id] = {root["id"]: {**root, "resourceMethods": {}}}
    for store in (apis._authorizers_v1, apis._models, apis._gateway_responses, apis._request_validators):
        store[api_id] = {}
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        apis._create_model(api_id, {"name": name, "schema": json.dumps(schema)})
    for name, rules in document.get("x-amazon-apigateway-request-validators", {}).items():
        apis._create_request_validator(api_id, {"name": name, **rules})
    for kind, said in document.get("x-amazon-apigateway-gateway-responses", {}).items():
        apis._put_gateway_response(api_id, kind, said)
    schemes = apis._import_security_schemes(api_id, document)
    for path, item in document["paths"].items():
        apis._import_path_item(api_id, path, {})
        resource = next(one["id"] for one in apis._resources[api_id].values() if one["path"] == path)
        for verb, operation in item.items():
            put_method(api_id, resource, "ANY" if verb == ANY else verb.upper(), operation, schemes)
    return apis._v1_response(apis._rest_api_view(api))


def put_method(api_id: str, resource: str, verb: str, operation: dict[str, Any], schemes: dict) -> None:
    places = {"query": "querystring"}
    parameters = operation.get("parameters", [])
    validators = apis._request_validators[api_id].values()
    validator = operation.get("x-amazon-apigateway-request-validator")
    settings = {
        **apis._method_security(operation.get("security"), schemes),
        "operationName": operation.get("operationId", ""),
        "requestParameters": {
            f"method.request.{places.get(one['in'], one['in'])}.{one['name']}": one.get("required", False) for one in parameters
        },
        "requestModels": models(operation.get("requestBody", {})),
        "requestValidatorId": next((one["id"] for one in validators if one["name"] == validator), None),
    }
    apis._put_method(api_id, resource, verb, settings)
    for code, response in operation.get("responses", {}).items():
        headers = {f"method.response.header.{name}": False for name in response.get("headers", {})}
        said = {"responseModels": models(response), "responseParameters": headers}
        apis._put_method_response(api_id, resource, verb, code, said)
    integration = operation.get(INTEGRATION)
    if integration:
        words = {word: integration[word].upper() for word in ("type", "passthroughBehavior") if word in integration}
        apis._put_integration(api_id, resource, verb, {**integration, **words})
        for pattern, response in integration.get("responses", {}).items():
            said = {**response, "selectionPattern": "" if pattern == "default" else pattern}
            apis._put_integration_response(api_id, resource, verb, response["statusCode"], said)


def models(holder: dict[str, Any]) -> dict[str, str]:
    return {kind: said["schema"]["$ref"].rsplit("/", 1)[-1] for kind, said in holder.get("content", {}).items()}
