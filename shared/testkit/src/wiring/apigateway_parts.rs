//! What an API that was imported looks like through the calls for its parts.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

const ANY_METHOD: &str = "x-amazon-apigateway-any-method";

/// One of the listings of parts.
pub(super) fn of(call: &str, body: &Value) -> Vec<Value> {
    match call {
        "GetAuthorizers" => authorizers(body),
        "GetModels" => members(&body["components"], "schemas")
            .map(|(name, schema)| {
                json!({ "id": format!("m-{name}"), "name": name, "contentType": "application/json", "schema": schema.to_string() })
            })
            .collect(),
        "GetRequestValidators" => members(body, "x-amazon-apigateway-request-validators")
            .map(|(name, rules)| with(json!({ "id": format!("v-{name}"), "name": name }), rules))
            .collect(),
        _ => {
            let own = members(body, "x-amazon-apigateway-gateway-responses");
            let own = own.map(|(kind, said)| with(json!({ "responseType": kind, "defaultResponse": false }), said));
            let default = json!({
                "responseType": "WAF_FILTERED", "defaultResponse": true, "statusCode": "403",
                "responseTemplates": { "application/json": "{}" },
            });
            own.chain([default]).collect()
        }
    }
}

fn authorizers(body: &Value) -> Vec<Value> {
    let schemes = members(&body["components"], "securitySchemes");
    let own = schemes.filter_map(|(name, scheme)| {
        let said = scheme.get("x-amazon-apigateway-authorizer")?;
        let place = if scheme["in"] == "query" { "querystring" } else { "header" };
        let source = format!("method.request.{place}.{}", scheme["name"].as_str().unwrap_or_default());
        let authorizer = json!({
            "id": format!("a-{name}"), "name": name, "authType": scheme["x-amazon-apigateway-authtype"], "identitySource": source,
        });
        let mut authorizer = with(authorizer, said);
        authorizer["type"] = Value::from(said["type"].as_str().unwrap_or_default().to_ascii_uppercase());
        Some(authorizer)
    });
    own.collect()
}

/// Resources with those that a longer path goes through.
pub(super) fn resources(body: &Value, with_methods: bool) -> Vec<Value> {
    let mut paths: BTreeSet<String> = BTreeSet::from(["/".to_owned()]);
    for (path, _) in members(body, "paths") {
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        paths.extend(ends.map(|at| path[..at].to_owned()));
        paths.insert(path.clone());
    }
    let resource = |(number, path): (usize, &String)| {
        let id = format!("r{number}");
        let mut resource = json!({ "id": id, "path": path });
        let item = members(&body["paths"], path);
        let methods: Map<String, Value> = item
            .map(|(verb, operation)| {
                let verb = match verb.as_str() {
                    ANY_METHOD => "ANY".to_owned(),
                    verb => verb.to_ascii_uppercase(),
                };
                let told = if with_methods {
                    method(operation, &id)
                } else {
                    json!({})
                };
                (verb, told)
            })
            .collect();
        if !methods.is_empty() {
            resource["resourceMethods"] = Value::Object(methods);
        }
        resource
    };
    paths.iter().enumerate().map(resource).collect()
}

fn method(operation: &Value, resource: &str) -> Value {
    let mut method = json!({ "apiKeyRequired": false, "authorizationType": "NONE" });
    for requirement in operation["security"].as_array().into_iter().flatten() {
        for (name, scopes) in requirement.as_object().into_iter().flatten() {
            match name.as_str() {
                "sigv4" => method["authorizationType"] = json!("AWS_IAM"),
                "api_key" => method["apiKeyRequired"] = json!(true),
                name => {
                    method["authorizationType"] = json!("CUSTOM");
                    method["authorizerId"] = Value::from(format!("a-{name}"));
                    if scopes.as_array().is_some_and(|scopes| !scopes.is_empty()) {
                        method["authorizationScopes"] = scopes.clone();
                    }
                }
            }
        }
    }
    if let Some(name) = operation["operationId"].as_str() {
        method["operationName"] = Value::from(name);
    }
    if let Some(name) = operation["x-amazon-apigateway-request-validator"].as_str() {
        method["requestValidatorId"] = Value::from(format!("v-{name}"));
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let place = match parameter["in"].as_str() {
            Some("query") => "querystring",
            place => place.unwrap_or_default(),
        };
        let name = format!(
            "method.request.{place}.{}",
            parameter["name"].as_str().unwrap_or_default()
        );
        method["requestParameters"][name] = json!(parameter["required"] == true);
    }
    method["requestModels"] = models(&operation["requestBody"]);
    for (code, response) in members(operation, "responses") {
        let headers = members(response, "headers");
        let headers = headers.map(|(name, _)| (format!("method.response.header.{name}"), json!(false)));
        method["methodResponses"][code] = json!({
            "statusCode": code, "responseModels": models(response), "responseParameters": headers.collect::<Value>(),
        });
    }
    let said = &operation["x-amazon-apigateway-integration"];
    if said.is_object() {
        method["methodIntegration"] = integration(said, resource);
    }
    method
}

fn models(holder: &Value) -> Value {
    let content = members(holder, "content");
    let model = |(kind, said): (&String, &Value)| {
        let reference = said["schema"]["$ref"].as_str().unwrap_or_default();
        (
            kind.clone(),
            Value::from(reference.rsplit('/').next().unwrap_or_default()),
        )
    };
    content.map(model).collect()
}

fn integration(said: &Value, resource: &str) -> Value {
    let mut integration = said.clone();
    for word in ["type", "passthroughBehavior"] {
        if let Some(text) = said[word].as_str() {
            integration[word] = Value::from(text.to_ascii_uppercase());
        }
    }
    if said["cacheNamespace"].is_null() {
        integration["cacheNamespace"] = Value::from(resource);
    }
    if let Some(members) = integration.as_object_mut() {
        members.remove("responses");
    }
    for (pattern, response) in members(said, "responses") {
        let mut response = response.clone();
        if pattern != "default" {
            response["selectionPattern"] = Value::from(pattern.as_str());
        }
        let code = response["statusCode"].as_str().unwrap_or_default().to_owned();
        integration["integrationResponses"][code] = response;
    }
    integration
}

fn members<'a>(holder: &'a Value, member: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    holder.get(member).and_then(Value::as_object).into_iter().flatten()
}

fn with(mut value: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().into_iter().flatten() {
        value[name] = member.clone();
    }
    value
}
