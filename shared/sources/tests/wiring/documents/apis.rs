//! APIs as people's accounts have them.

use holdfast_sources::wiring::Document;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{document, json_object, some, text, with, word};
use crate::world::ACCOUNT;

/// What calls a function.
fn proxy(function: &str) -> Value {
    let arn = format!("arn:aws:lambda:eu-central-1:{ACCOUNT}:function:{function}");
    json!({
        "type": "aws_proxy", "httpMethod": "POST", "passthroughBehavior": "when_no_match", "timeoutInMillis": 29000,
        "uri": format!("arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{arn}/invocations"),
    })
}

/// A document with everything that one may have.
fn body(function: &str) -> Value {
    let answer = json!({
        "description": "200 response", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
        "headers": {"X-Count": {"schema": {"type": "string"}}},
    });
    let mock = json!({
        "type": "mock", "passthroughBehavior": "when_no_templates", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
        "responses": {
            "default": {"statusCode": "200", "responseTemplates": {"application/json": "{}"}},
            "4\\d{2}": {"statusCode": "400", "responseParameters": {"method.response.header.X": "'no'"}},
        },
    });
    json!({
        "openapi": "3.0.1",
        "paths": {
            "/": {"get": {"responses": {"200": answer}, "x-amazon-apigateway-integration": mock}},
            "/orders/{id}": {
                "get": {
                    "operationId": "order", "security": [{"guard": []}, {"api_key": []}],
                    "parameters": [
                        {"name": "If-Match", "in": "header", "required": true, "schema": {"type": "string"}},
                        {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                        {"name": "page", "in": "query", "schema": {"type": "string"}},
                    ],
                    "responses": {"200": answer}, "x-amazon-apigateway-request-validator": "all",
                    "x-amazon-apigateway-integration": proxy(function),
                },
                "x-amazon-apigateway-any-method": {
                    "security": [{"sigv4": []}], "responses": {},
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                    "x-amazon-apigateway-integration": proxy(function),
                },
            },
        },
        "components": {
            "schemas": {"Order": {"type": "object", "required": ["id"]}, "Unused": {"title": "of no method"}},
            "securitySchemes": {
                "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
                "guard": {
                    "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "custom",
                    "x-amazon-apigateway-authorizer": {
                        "type": "token", "authorizerResultTtlInSeconds": 60, "identityValidationExpression": "^Bearer ",
                        "authorizerUri": proxy("guard")["uri"], "authorizerCredentials": format!("arn:aws:iam::{ACCOUNT}:role/call"),
                    },
                },
                "of-no-method": {
                    "type": "apiKey", "name": "token", "in": "query", "x-amazon-apigateway-authtype": "custom",
                    "x-amazon-apigateway-authorizer": {
                        "type": "request", "identitySource": "method.request.querystring.token", "authorizerUri": proxy("guard")["uri"],
                    },
                },
                "sigv4": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
            },
        },
        "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": true, "validateRequestParameters": true}},
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": {"statusCode": "404", "responseParameters": {"gatewayresponse.header.X": "'y'"}},
        },
    })
}

/// An API with two deployments, three stages, a usage plan and two keys.
pub fn rest_api() -> Document {
    let stage = |name: &str, place: u64| json!({"stageName": name, "deployment": place, "tracingEnabled": true, "cacheClusterEnabled": false});
    let mut live = stage("live", 1);
    live["variables"] = json!({"own": "this-api:url/live/orders", "level": "3"});
    live["description"] = json!("what people see");
    live["accessLogSettings"] = json!({
        "destinationArn": format!("arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:api"), "format": "$context.requestId",
    });
    live["methodSettings"] = json!({
        "*/*": {"metricsEnabled": true, "loggingLevel": "INFO"},
        "orders/{id}/GET": {"throttlingRateLimit": 10.5, "throttlingBurstLimit": 20},
    });
    live["tags"] = json!({"tier": "gold"});
    document(
        json!({
            "name": "shop", "description": "the shop's API", "version": "2.1", "apiKeySource": "AUTHORIZER",
            "binaryMediaTypes": ["application/pdf", "image/*"], "minimumCompressionSize": 1024, "disableExecuteApiEndpoint": true,
            "endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "dualstack"},
            "policy": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": ["this-api:arn/live/*"],
                "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
            }]},
            "deployments": [body("orders-next"), body("orders")],
            "stages": [stage("beta", 0), stage("gamma", 1), live],
            "basePathMappings": [],
            "usagePlans": [{
                "name": "partners", "description": "for partners", "quota": {"limit": 1000, "period": "DAY", "offset": 0},
                "throttle": {"rateLimit": 5.0, "burstLimit": 10}, "tags": {"a": "b"},
                "stages": [{"stage": "gamma"}, {"stage": "live", "throttle": {"/orders/GET": {"rateLimit": 1.0, "burstLimit": 1}}}],
                "apiKeys": [
                    {"name": "acme", "value": "secret-of-acme-000000001", "enabled": true, "tags": {"c": "d"}},
                    {"name": "zeta", "value": "secret-of-zeta-000000001", "enabled": false, "description": "stopped"},
                ],
            }],
        }),
        &[("team", "billing"), ("backup", "standard")],
    )
}

/// The same API before anybody deployed it.
pub fn undeployed() -> Document {
    let mut document = rest_api();
    for member in ["deployments", "stages", "usagePlans"] {
        document.config.remove(member);
    }
    document.config.insert("body".to_owned(), body("orders"));
    document
}

fn any_body(n: usize) -> BoxedStrategy<Value> {
    let calls = some(vec![
        ("credentials", text()),
        ("requestTemplates", json_object()),
        ("cacheKeyParameters", vec(word(), 1..3).prop_map(Value::from).boxed()),
        ("connectionId", text()),
    ]);
    let operation = (calls, any::<bool>(), any::<bool>()).prop_map(|(calls, has_key, is_signed)| {
        let mut integration = proxy("f");
        for (name, value) in calls.as_object().unwrap() {
            integration[name] = value.clone();
        }
        let mut operation = json!({"responses": {}, "x-amazon-apigateway-integration": integration});
        let mut security = Vec::new();
        if is_signed {
            security.push(json!({"sigv4": []}));
        }
        if has_key {
            security.push(json!({"api_key": []}));
        }
        if !security.is_empty() {
            operation["security"] = Value::from(security);
        }
        operation
    });
    let verb = prop_oneof![
        Just("get"),
        Just("post"),
        Just("delete"),
        Just("x-amazon-apigateway-any-method")
    ];
    let item = btree_map(verb.prop_map(str::to_owned), operation, 1..3);
    let paths = btree_map("/[a-z]{1,3}(/[{]id[}])?", item, 0..4);
    let schemas = btree_map("[A-Z][a-z]{0,3}", json_object(), 0..3);
    (paths, schemas)
        .prop_map(move |(paths, schemas)| {
            let mut body = json!({"openapi": "3.0.1", "paths": paths});
            // So that no two of them are one.
            body["paths"][format!("/n{n}")] = json!({"get": {"responses": {}, "x-amazon-apigateway-integration": proxy("g")}});
            if !schemas.is_empty() {
                body["components"]["schemas"] = json!(schemas);
            }
            let paths = body["paths"].to_string();
            if paths.contains("\"sigv4\"") {
                body["components"]["securitySchemes"]["sigv4"] =
                    json!({"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"});
            }
            if paths.contains("\"api_key\"") {
                body["components"]["securitySchemes"]["api_key"] = json!({"type": "apiKey", "name": "x-api-key", "in": "header"});
            }
            body
        })
        .boxed()
}

/// Any REST API.
pub fn any_rest_api() -> BoxedStrategy<Value> {
    let settings = with(
        json!({"name": "shop", "basePathMappings": []}),
        some(vec![
            ("description", text()),
            ("version", "[0-9]{1,2}".prop_map(Value::from).boxed()),
            ("policy", json_object()),
            ("minimumCompressionSize", (0..9_999_u32).prop_map(Value::from).boxed()),
            ("securityPolicy", text()),
        ]),
    );
    let stage = some(vec![
        ("description", text()),
        (
            "variables",
            btree_map("[a-z]{1,4}", word(), 1..3).prop_map(|map| json!(map)).boxed(),
        ),
        ("clientCertificateId", text()),
    ]);
    let stages = vec(stage, 0..4);
    (settings, stages, any_body(0), any_body(1), any::<bool>())
        .prop_map(|(mut api, stages, first, second, has_two)| {
            if stages.is_empty() {
                api["body"] = first;
                return api;
            }
            let two = has_two && stages.len() > 1;
            let stages = stages.into_iter().enumerate().map(|(at, mut stage)| {
                stage["stageName"] = Value::from(format!("s{at}"));
                stage["deployment"] = Value::from(if two { at.min(1) } else { 0 });
                if at == 2 {
                    stage["canarySettings"] = json!({
                        "deployment": 0, "percentTraffic": 2.5, "stageVariableOverrides": {"table": "other"}, "useStageCache": true,
                    });
                }
                stage
            });
            api["stages"] = stages.collect();
            api["deployments"] = if two { json!([first, second]) } else { json!([first]) };
            api["usagePlans"] = json!([{"name": "all", "stages": [{"stage": "s0"}]}]);
            api
        })
        .boxed()
}

/// An HTTP API with two authorizers, three routes to two integrations, and two stages.
pub fn http_api() -> Document {
    let arn = |name: &str| format!("arn:aws:lambda:eu-central-1:{ACCOUNT}:function:{name}");
    let call = |name: &str| {
        json!({
            "integrationType": "AWS_PROXY", "integrationMethod": "POST", "integrationUri": arn(name), "connectionType": "INTERNET",
            "payloadFormatVersion": "2.0", "timeoutInMillis": 30000,
        })
    };
    document(
        json!({
            "name": "shop", "protocolType": "HTTP", "description": "the shop's API", "version": "2", "disableExecuteApiEndpoint": false,
            "ipAddressType": "ipv4",
            "corsConfiguration": {"allowOrigins": ["https://shop.example.org"], "allowMethods": ["GET", "POST"], "maxAge": 300},
            "authorizers": [
                {"name": "guard", "authorizerType": "REQUEST", "authorizerPayloadFormatVersion": "2.0", "enableSimpleResponses": true,
                 "authorizerUri": format!("arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{}/invocations", arn("guard")),
                 "identitySource": ["$request.header.Authorization"], "authorizerResultTtlInSeconds": 60},
                {"name": "people", "authorizerType": "JWT", "identitySource": ["$request.header.Authorization"],
                 "jwtConfiguration": {"audience": ["shop"], "issuer": "https://login.example.org"}},
            ],
            "integrations": [call("orders"), call("people")],
            "routes": [
                {"routeKey": "$default", "integration": 0, "authorizationType": "NONE", "apiKeyRequired": false},
                {"routeKey": "GET /people/{id}", "integration": 1, "authorizer": "people", "authorizationType": "JWT",
                 "authorizationScopes": ["read"], "apiKeyRequired": false},
                {"routeKey": "POST /orders", "integration": 0, "authorizer": "guard", "authorizationType": "CUSTOM", "apiKeyRequired": false},
            ],
            "stages": [
                {"stageName": "$default", "autoDeploy": true, "defaultRouteSettings": {"detailedMetricsEnabled": true},
                 "stageVariables": {"own": "this-api:url/orders", "level": "3"}, "tags": {"tier": "gold"},
                 "accessLogSettings": {"destinationArn": format!("arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:api"), "format": "$context.requestId"}},
                {"stageName": "beta", "autoDeploy": false, "isDeployed": true, "description": "by hand",
                 "routeSettings": {"POST /orders": {"throttlingRateLimit": 10.0, "throttlingBurstLimit": 20}}},
            ],
            "apiMappings": [],
        }),
        &[("team", "billing"), ("backup", "standard")],
    )
}

/// Any HTTP API.
#[expect(clippy::too_many_lines, reason = "one strategy, whose parts name each other")]
pub fn any_http_api() -> BoxedStrategy<Value> {
    let settings = with(
        json!({"name": "shop", "protocolType": "HTTP", "apiMappings": []}),
        some(vec![
            ("description", text()),
            ("corsConfiguration", json_object()),
            ("ipAddressType", text()),
            ("version", text()),
        ]),
    );
    let integration = some(vec![
        ("requestParameters", json_object()),
        ("responseParameters", json_object()),
        ("tlsConfig", json_object()),
    ]);
    let authorizer = some(vec![("jwtConfiguration", json_object()), ("authorizerUri", text())]);
    let route = some(vec![
        ("operationName", text()),
        ("authorizationScopes", vec(word(), 1..3).prop_map(Value::from).boxed()),
    ]);
    let stage = some(vec![
        (
            "stageVariables",
            btree_map("[a-z]{1,4}", word(), 1..3).prop_map(|map| json!(map)).boxed(),
        ),
        ("routeSettings", json_object()),
        ("autoDeploy", Just(json!(true)).boxed()),
    ]);
    let parts = (
        btree_map("[a-z]{1,4}", integration, 0..4),
        btree_map("[a-z]{1,4}", authorizer, 0..3),
        btree_map(
            "(GET|ANY) /[a-z]{1,3}",
            (route, any::<prop::sample::Index>(), any::<prop::sample::Index>()),
            0..5,
        ),
        btree_map("[a-z]{1,4}", stage, 0..3),
    );
    (settings, parts)
        .prop_map(|(mut api, (integrations, authorizers, routes, stages))| {
            let mut integrations: Vec<Value> = integrations
                .into_iter()
                .map(|(name, mut one)| {
                    one["integrationUri"] = Value::from(format!("https://{name}.example.org"));
                    one["integrationType"] = json!("HTTP_PROXY");
                    one
                })
                .collect();
            integrations.sort_by_cached_key(sorted_text);
            let named = |mut one: Value, member: &str, name: String| {
                one[member] = Value::from(name);
                one
            };
            let names: Vec<String> = authorizers.keys().cloned().collect();
            let routes = routes.into_iter().map(|(key, (mut route, place, name))| {
                if !integrations.is_empty() {
                    route["integration"] = Value::from(place.index(integrations.len()));
                }
                if !names.is_empty() {
                    route["authorizer"] = Value::from(names[name.index(names.len())].as_str());
                }
                named(route, "routeKey", key)
            });
            let lists = [
                ("routes", routes.collect::<Vec<Value>>()),
                (
                    "authorizers",
                    authorizers
                        .into_iter()
                        .map(|(name, one)| named(one, "name", name))
                        .collect(),
                ),
                (
                    "stages",
                    stages
                        .into_iter()
                        .map(|(name, one)| named(one, "stageName", name))
                        .collect(),
                ),
                ("integrations", integrations.clone()),
            ];
            for (name, list) in lists {
                if !list.is_empty() {
                    api[name] = Value::from(list);
                }
            }
            api
        })
        .boxed()
}

/// A value's text with its keys in order.
fn sorted_text(value: &Value) -> String {
    let map: std::collections::BTreeMap<String, Value> = serde_json::from_value(value.clone()).unwrap();
    json!(map).to_string()
}
