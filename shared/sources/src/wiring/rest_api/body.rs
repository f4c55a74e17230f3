//! An API's OpenAPI document: as it is exported, or drawn from its resources where nothing was deployed; and as it is imported.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::text;
use crate::wiring::document::{parsed, sorted};

/// Members of an export that say when and from where it was exported, or that the API's own settings say better.
const NOT_KEPT: [&str; 7] = [
    "info",
    "servers",
    "x-amazon-apigateway-api-key-source",
    "x-amazon-apigateway-binary-media-types",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-minimum-compression-size",
    "x-amazon-apigateway-policy",
];

/// Members that say nothing when they are empty, and that are written or left out as an exporter likes.
const NOTHING_WHEN_EMPTY: [&str; 12] = [
    "cacheKeyParameters",
    "components",
    "content",
    "headers",
    "requestParameters",
    "requestTemplates",
    "responseParameters",
    "responseTemplates",
    "schemas",
    "securitySchemes",
    GATEWAY_RESPONSES,
    VALIDATORS,
];

const GATEWAY_RESPONSES: &str = "x-amazon-apigateway-gateway-responses";
const VALIDATORS: &str = "x-amazon-apigateway-request-validators";
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";
const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// The version that an import gives an API that has none: a document has to say one.
pub(super) const NO_VERSION: &str = "none";

/// What an API has besides its paths, as its own calls tell it.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) authorizers: Vec<Value>,
    pub(super) models: Vec<Value>,
    pub(super) validators: Vec<Value>,
    pub(super) gateway_responses: Vec<Value>,
}

/// An export without what changes by itself, and with the parts that no method uses and that are therefore not in it.
pub(super) fn canonical(export: Value, parts: &Parts) -> Value {
    let mut body = match export {
        Value::Object(body) => body,
        _ => Map::new(),
    };
    NOT_KEPT.iter().for_each(|name| drop(body.remove(*name)));
    if let Some(Value::Object(documentation)) = body.get_mut("x-amazon-apigateway-documentation") {
        documentation.remove("createdDate");
    }
    let mut body = Value::Object(body);
    for (holder, name, value) in parts.members() {
        let holder = below(&mut body, holder);
        if holder.get(&name).is_none() {
            holder[name] = value;
        }
    }
    tidy(&mut body);
    sorted(body)
}

/// The same of an API that was never deployed, from its resources with their methods.
pub(super) fn drawn(resources: &[Value], parts: &Parts) -> Value {
    let mut paths = Map::new();
    let mut schemes = Map::new();
    for resource in resources {
        let methods = resource.get("resourceMethods").and_then(Value::as_object);
        let mut item = Map::new();
        for (verb, method) in methods.into_iter().flatten() {
            let key = match verb.as_str() {
                "ANY" => ANY_METHOD.to_owned(),
                verb => verb.to_ascii_lowercase(),
            };
            let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
            item.insert(key, operation(method, id, parts, &mut schemes));
        }
        if let Some(path) = resource.get("path").and_then(Value::as_str) {
            paths.insert(path.to_owned(), Value::Object(item));
        }
    }
    let body = json!({ "openapi": "3.0.1", "paths": paths, "components": { "securitySchemes": schemes } });
    canonical(body, parts)
}

/// A document as an import takes it.
pub(super) fn importable(body: &Value, name: &str, description: Option<&str>, version: Option<&str>) -> Value {
    let mut body = body.clone();
    body["info"] = json!({ "title": name, "version": version.unwrap_or(NO_VERSION) });
    if let Some(description) = description {
        body["info"]["description"] = Value::from(description);
    }
    body
}

impl Parts {
    /// Where each part stands in a document, what it is called, and what is said of it.
    fn members(&self) -> Vec<(&'static [&'static str], String, Value)> {
        let mut members: Vec<(&'static [&'static str], String, Value)> = Vec::new();
        for model in &self.models {
            let schema = model.get("schema").cloned().unwrap_or_default();
            let schema = parsed(schema);
            let schema = if schema.is_object() { schema } else { json!({}) };
            members.push((&["components", "schemas"], text(model, "name"), schema));
        }
        for authorizer in &self.authorizers {
            members.push((
                &["components", "securitySchemes"],
                text(authorizer, "name"),
                scheme(authorizer),
            ));
        }
        for validator in &self.validators {
            let rules = picked(validator, &["validateRequestBody", "validateRequestParameters"]);
            members.push((&[VALIDATORS], text(validator, "name"), Value::Object(rules)));
        }
        // Those that nobody has written are AWS's own.
        let own = self
            .gateway_responses
            .iter()
            .filter(|response| response.get("defaultResponse") != Some(&Value::Bool(true)));
        for response in own {
            let said = picked(response, &["statusCode", "responseParameters", "responseTemplates"]);
            members.push((
                &[GATEWAY_RESPONSES],
                text(response, "responseType"),
                Value::Object(said),
            ));
        }
        members
    }

    fn name_of(list: &[Value], id: Option<&Value>) -> Option<String> {
        let found = list.iter().find(|one| one.get("id") == id && id.is_some())?;
        Some(text(found, "name"))
    }
}

/// An authorizer in the words of a document.
fn scheme(authorizer: &Value) -> Value {
    let source = text(authorizer, "identitySource");
    let is_token = text(authorizer, "type") != "REQUEST";
    let header = source.strip_prefix("method.request.header.");
    let query = source.strip_prefix("method.request.querystring.");
    let (place, name) = match (header, query) {
        (Some(name), _) if !name.contains(',') => ("header", name),
        (_, Some(name)) if !name.contains(',') => ("query", name),
        _ => ("header", "Unused"),
    };
    let mut said = picked(
        authorizer,
        &[
            "authorizerCredentials",
            "authorizerResultTtlInSeconds",
            "authorizerUri",
            "identityValidationExpression",
            "providerARNs",
        ],
    );
    said.insert(
        "type".to_owned(),
        Value::from(text(authorizer, "type").to_ascii_lowercase()),
    );
    if !is_token {
        said.insert("identitySource".to_owned(), Value::from(source.as_str()));
    }
    let kind = match authorizer.get("authType").and_then(Value::as_str) {
        Some(kind) if !kind.is_empty() => kind,
        _ => "custom",
    };
    json!({
        "type": "apiKey", "name": name, "in": place,
        "x-amazon-apigateway-authtype": kind, "x-amazon-apigateway-authorizer": said,
    })
}

/// A method in the words of a document.
fn operation(method: &Value, resource: &str, parts: &Parts, schemes: &mut Map<String, Value>) -> Value {
    let mut operation = Map::new();
    let name = text(method, "operationName");
    if !name.is_empty() {
        operation.insert("operationId".to_owned(), Value::from(name));
    }
    let parameters: Vec<Value> = members(method, "requestParameters").filter_map(parameter).collect();
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), Value::from(parameters));
    }
    let content = content(method, "requestModels");
    if !content.is_empty() {
        operation.insert(
            "requestBody".to_owned(),
            json!({ "content": content, "required": true }),
        );
    }
    let responses = members(method, "methodResponses").map(|(code, response)| {
        let headers = members(response, "responseParameters").filter_map(|(name, _)| {
            let name = name.strip_prefix("method.response.header.")?;
            Some((name.to_owned(), json!({ "schema": { "type": "string" } })))
        });
        let headers: Map<String, Value> = headers.collect();
        let content = self::content(response, "responseModels");
        (
            code.clone(),
            json!({ "description": format!("{code} response"), "headers": headers, "content": content }),
        )
    });
    operation.insert("responses".to_owned(), responses.collect());
    let security = security(method, parts, schemes);
    if !security.is_empty() {
        operation.insert("security".to_owned(), Value::from(security));
    }
    if let Some(name) = Parts::name_of(&parts.validators, method.get("requestValidatorId")) {
        operation.insert("x-amazon-apigateway-request-validator".to_owned(), Value::from(name));
    }
    if let Some(found) = method.get("methodIntegration") {
        operation.insert(INTEGRATION.to_owned(), integration(found, resource));
    }
    Value::Object(operation)
}

/// Who may call a method: each requirement, and the scheme that it names where no authorizer stands behind it.
fn security(method: &Value, parts: &Parts, schemes: &mut Map<String, Value>) -> Vec<Value> {
    let mut required = Vec::new();
    if text(method, "authorizationType") == "AWS_IAM" {
        let scheme = json!({
            "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
        });
        schemes.insert("sigv4".to_owned(), scheme);
        required.push(json!({ "sigv4": [] }));
    } else if let Some(name) = Parts::name_of(&parts.authorizers, method.get("authorizerId")) {
        let scopes = method.get("authorizationScopes").filter(|scopes| scopes.is_array());
        required.push(json!({ name: scopes.cloned().unwrap_or_else(|| json!([])) }));
    }
    if method.get("apiKeyRequired") == Some(&Value::Bool(true)) {
        schemes.insert(
            "api_key".to_owned(),
            json!({ "type": "apiKey", "name": "x-api-key", "in": "header" }),
        );
        required.push(json!({ "api_key": [] }));
    }
    required
}

fn parameter((name, required): (&String, &Value)) -> Option<Value> {
    let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
    let place = match place {
        "querystring" => "query",
        place => place,
    };
    let required = place == "path" || required == &Value::Bool(true);
    let mut parameter = json!({ "name": name, "in": place, "schema": { "type": "string" } });
    if required {
        parameter["required"] = Value::Bool(true);
    }
    Some(parameter)
}

fn content(holder: &Value, member: &str) -> Map<String, Value> {
    let models = members(holder, member).filter_map(|(content_type, model)| {
        let reference = format!("#/components/schemas/{}", model.as_str()?);
        Some((content_type.clone(), json!({ "schema": { "$ref": reference } })))
    });
    models.collect()
}

/// What a method calls. Words that are upper-case in answers are lower-case in documents.
fn integration(found: &Value, resource: &str) -> Value {
    let mut said = match found {
        Value::Object(said) => said.clone(),
        _ => Map::new(),
    };
    let responses = said.remove("integrationResponses");
    said.retain(|_, value| !super::super::is_nothing(value));
    // Unless somebody has set it, it is the resource's id.
    if said.get("cacheNamespace").and_then(Value::as_str) == Some(resource) {
        said.remove("cacheNamespace");
    }
    for name in ["type", "passthroughBehavior"] {
        if let Some(Value::String(word)) = said.get_mut(name) {
            word.make_ascii_lowercase();
        }
    }
    let responses = responses.as_ref().and_then(Value::as_object).into_iter().flatten();
    let responses: BTreeMap<String, Value> = responses
        .map(|(_, response)| {
            let pattern = text(response, "selectionPattern");
            let key = if pattern.is_empty() {
                "default".to_owned()
            } else {
                pattern
            };
            let names = [
                "contentHandling",
                "responseParameters",
                "responseTemplates",
                "statusCode",
            ];
            (key, Value::Object(picked(response, &names)))
        })
        .collect();
    if !responses.is_empty() {
        said.insert("responses".to_owned(), json!(responses));
    }
    Value::Object(said)
}

/// Removes what says nothing, and puts what has no order into one.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(tidy);
            if let Some(Value::Array(parameters)) = map.get_mut("parameters") {
                parameters.sort_by_cached_key(|one| (text(one, "in"), text(one, "name")));
                for parameter in parameters.iter_mut().filter_map(Value::as_object_mut) {
                    if parameter.get("required") == Some(&Value::Bool(false)) {
                        parameter.remove("required");
                    }
                }
            }
            if let Some(Value::Object(paths)) = map.get_mut("paths") {
                paths.retain(|_, item| item.as_object().is_none_or(|item| !item.is_empty()));
            }
            map.retain(|name, value| !(NOTHING_WHEN_EMPTY.contains(&name.as_str()) && super::super::is_nothing(value)));
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn below<'a>(value: &'a mut Value, way: &[&str]) -> &'a mut Value {
    let mut value = value;
    for name in way {
        let next = &mut value[*name];
        if !next.is_object() {
            *next = json!({});
        }
        value = next;
    }
    value
}

fn members<'a>(holder: &'a Value, member: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    holder.get(member).and_then(Value::as_object).into_iter().flatten()
}

fn picked(value: &Value, names: &[&str]) -> Map<String, Value> {
    let found = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), value.get(*name)?.clone())));
    found.filter(|(_, value)| !super::super::is_nothing(value)).collect()
}
