//! Making an API: the API, what its stages are deployed with, its stages, its usage plans, and its places at custom domains.

use std::collections::BTreeMap;

use holdfast_catalog::Sha256;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::{Map, Value, json};

use super::{Makes, Reads, SORT, all, body, canary, locate, settings, text, usage_plans};
use crate::call::apigateway::{
    CreateBasePathMapping, CreateDeployment, CreateRestApi, CreateStage, GetBasePathMappings, GetDeployments,
    GetStages, PutRestApi, TagResource, UpdateRestApi, UpdateStage,
};
use crate::wiring::at::Making;
use crate::wiring::document::{as_text, sorted_map};
use crate::wiring::marked::{self, Itself};

/// Members of a document that later calls put on.
const LATER: [&str; 7] = [
    "basePathMappings",
    "body",
    "deployments",
    "policy",
    "stages",
    "usagePlans",
    "version",
];

/// Settings that an import resets to what its document says, or to nothing.
const RESET_BY_IMPORT: [&str; 6] = [
    "apiKeySource",
    "description",
    "disableExecuteApiEndpoint",
    "minimumCompressionSize",
    "name",
    "policy",
];

/// Settings of a stage that a call makes it with.
const OF_NEW_STAGE: [&str; 7] = [
    "cacheClusterEnabled",
    "cacheClusterSize",
    "description",
    "stageName",
    "tags",
    "tracingEnabled",
    "variables",
];

/// How a deployment of ours is known again.
const OURS: &str = "holdfast ";

pub(in crate::wiring) async fn make<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
) -> Result<(), PortError> {
    let wanted = making.wanted;
    let found = if making.exists {
        locate(&making.at, wanted).await?
    } else {
        None
    };
    let id = match found {
        Some(id) => {
            tag(making, &id).await?;
            id
        }
        None => create(making).await?,
    };
    let config = Itself::new(&making.at, &id).shown(wanted.config.clone());
    // In a ring of needs what it does comes later, and everything else stands on that.
    if !["body", "deployments"].iter().any(|name| config.contains_key(*name)) {
        return Ok(());
    }
    let list = |name: &str| config.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let deployments = deploy(making, &id, &config, &list("deployments")).await?;
    let there = stages_of(making, &id).await?;
    let deployment = |of: &Value| {
        let place = of.get("deployment").and_then(Value::as_u64);
        let place = place.and_then(|place| usize::try_from(place).ok());
        place
            .and_then(|place| deployments.get(place))
            .and_then(Option::as_deref)
    };
    for stage in &list("stages") {
        match deployment(stage) {
            Some(own) => {
                let is_there = make_stage(making, &id, stage, own, &there).await?;
                if let Some(canary) = stage.get(canary::SETTING).filter(|_| is_there) {
                    let stage = text(stage, "stageName");
                    canary::make(making, (&id, &stage), canary, deployment(canary)).await?;
                }
            }
            None => making.needs_person(
                "stages",
                format!(
                    "{}: not made without its deployment: see there",
                    text(stage, "stageName")
                ),
            ),
        }
    }
    usage_plans::make(making, &id, &list("usagePlans")).await?;
    for mapping in &list("basePathMappings") {
        map_base_path(making, &id, mapping).await?;
    }
    Ok(())
}

async fn create<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<String, PortError> {
    let mut input = making.wanted.config.clone();
    LATER.iter().for_each(|name| drop(input.remove(*name)));
    let tags = marked::tags_of(making.wanted);
    if !tags.is_empty() {
        input.insert("tags".to_owned(), json!(tags));
    }
    let made = making.create::<CreateRestApi>(Value::Object(input)).await?;
    crate::wiring::text_in(&made, "id", making.at.id)
}

async fn tag<P: Makes, C: Clock>(making: &mut Making<'_, P, C>, id: &str) -> Result<(), PortError> {
    if making.wanted.tags.is_empty() {
        return Ok(());
    }
    let input = json!({ "resourceArn": SORT.arn(&making.at, id)?, "tags": making.wanted.tags });
    making.set::<TagResource>("Tags", input).await.map(drop)
}

/// Brings in each body and deploys it; the deployments' ids, none where that was refused. What is deployed stays as it was then,
/// so one API can have stages of several bodies.
async fn deploy<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    config: &Map<String, Value>,
    bodies: &[Value],
) -> Result<Vec<Option<String>>, PortError> {
    let mut ids = Vec::with_capacity(bodies.len());
    if let Some(body) = config.get("body").filter(|_| bodies.is_empty()) {
        import(making, id, config, "body", body).await?;
        return Ok(ids);
    }
    let there = all::<GetDeployments, P>(&making.at, json!({ "restApiId": id })).await?;
    let there: BTreeMap<String, String> = there
        .iter()
        .map(|one| (text(one, "description"), text(one, "id")))
        .collect();
    for body in bodies {
        let digest = Sha256::of(&digested(config, body)).to_string();
        let mark = format!("{OURS}{}", digest.get(..16).unwrap_or_default());
        if let Some(deployment) = there.get(&mark) {
            ids.push(Some(deployment.clone()));
            continue;
        }
        if !import(making, id, config, "deployments", body).await? {
            ids.push(None);
            continue;
        }
        let input = json!({ "restApiId": id, "description": mark });
        let made = making.set::<CreateDeployment>("deployments", input).await?;
        ids.push(made.map(|made| text(&made, "id")));
    }
    Ok(ids)
}

/// A deployment holds the API's settings and its policy as well as the body.
fn digested(config: &Map<String, Value>, body: &Value) -> Vec<u8> {
    let mut of_api = config.clone();
    for name in ["basePathMappings", "deployments", "stages", "usagePlans"] {
        of_api.remove(name);
    }
    of_api.insert("body".to_owned(), body.clone());
    Value::Object(sorted_map(of_api)).to_string().into_bytes()
}

/// Overwrites the API with a document, and puts right what an import resets; whether it was taken.
async fn import<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    config: &Map<String, Value>,
    setting: &str,
    body: &Value,
) -> Result<bool, PortError> {
    let word = |name: &str| config.get(name).and_then(Value::as_str);
    let body = body::importable(
        body,
        word("name").unwrap_or_default(),
        word("description"),
        word("version"),
    );
    let input = json!({ "restApiId": id, "mode": "overwrite", "failOnWarnings": false, "body": body });
    let Some(answer) = making.set::<PutRestApi>(setting, input).await? else {
        return Ok(false);
    };
    let patches = patches(config, &settings(&answer));
    if patches.is_empty() {
        return Ok(true);
    }
    let input = json!({ "restApiId": id, "patchOperations": patches });
    let is_set = making.set::<UpdateRestApi>("settings", input).await?.is_some();
    Ok(is_set)
}

/// What has to be said again after an import.
fn patches(wanted: &Map<String, Value>, found: &Map<String, Value>) -> Vec<Value> {
    let mut patches = Vec::new();
    for name in RESET_BY_IMPORT {
        if let Some(value) = wanted.get(name).filter(|value| found.get(name) != Some(value)) {
            patches.push(json!({ "op": "replace", "path": format!("/{name}"), "value": as_text(value) }));
        }
    }
    let types = |of: &Map<String, Value>| of.get("binaryMediaTypes").and_then(Value::as_array).cloned();
    let (wanted, found) = (types(wanted).unwrap_or_default(), types(found).unwrap_or_default());
    for missing in wanted.iter().filter(|one| !found.contains(one)) {
        let path = format!("/binaryMediaTypes/{}", as_text(missing).replace('/', "~1"));
        patches.push(json!({ "op": "add", "path": path }));
    }
    patches
}

async fn stages_of<P: Reads, C: Clock>(making: &Making<'_, P, C>, id: &str) -> Result<Vec<Value>, PortError> {
    let answer = making.at.ask::<GetStages>(json!({ "restApiId": id })).await?;
    Ok(answer
        .get("item")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default())
}

/// Makes a stage, or brings it up to what is wanted; whether it is there then.
async fn make_stage<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    stage: &Value,
    deployment: &str,
    there: &[Value],
) -> Result<bool, PortError> {
    let name = text(stage, "stageName");
    let found = there.iter().find(|other| text(other, "stageName") == name);
    if let Some(found) = found {
        let moved = again(stage, deployment, found);
        if !moved.is_empty() {
            let input = json!({ "restApiId": id, "stageName": name, "patchOperations": moved });
            making.set::<UpdateStage>("stages", input).await?;
        }
    } else {
        let members = stage.as_object().into_iter().flatten();
        let new = members.filter(|(name, _)| OF_NEW_STAGE.contains(&name.as_str()));
        let mut input: Map<String, Value> = new.map(|(name, value)| (name.clone(), value.clone())).collect();
        input.insert("restApiId".to_owned(), Value::from(id));
        input.insert("deploymentId".to_owned(), Value::from(deployment));
        if making
            .set::<CreateStage>("stages", Value::Object(input))
            .await?
            .is_none()
        {
            return Ok(false);
        }
    }
    // One call each: that one is refused must not cost the others.
    for patches in settings_of_stage(stage) {
        let input = json!({ "restApiId": id, "stageName": name, "patchOperations": patches });
        making.set::<UpdateStage>("stages", input).await?;
    }
    if let Some(acl) = stage.get("webAclArn").and_then(Value::as_str) {
        let region = &making.at.id.region;
        let arn = format!(
            "arn:{}:apigateway:{region}::/restapis/{id}/stages/{name}",
            region.partition()
        );
        let command = format!("aws wafv2 associate-web-acl --region {region} --web-acl-arn {acl} --resource-arn {arn}");
        making.needs_person(
            "webAclArn",
            format!("its web ACL is another service's to put on: {command}"),
        );
    }
    Ok(true)
}

/// What a stage that is there has to change: its deployment and its variables.
fn again(stage: &Value, deployment: &str, found: &Value) -> Vec<Value> {
    let mut patches = Vec::new();
    if text(found, "deploymentId") != deployment {
        patches.push(json!({ "op": "replace", "path": "/deploymentId", "value": deployment }));
    }
    let variables = stage.get("variables").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in variables {
        if found.get("variables").and_then(|all| all.get(name)) != Some(value) {
            patches.push(json!({ "op": "replace", "path": format!("/variables/{name}"), "value": value }));
        }
    }
    patches
}

/// The settings that only a change can put on a stage, those that belong together in one list.
fn settings_of_stage(stage: &Value) -> Vec<Vec<Value>> {
    let replace = |path: String, value: &Value| json!({ "op": "replace", "path": path, "value": as_text(value) });
    let members = |name: &str| stage.get(name).and_then(Value::as_object).into_iter().flatten();
    let mut all = Vec::new();
    let logs = members("accessLogSettings").map(|(name, value)| replace(format!("/accessLogSettings/{name}"), value));
    all.push(logs.collect());
    let certificate = stage.get("clientCertificateId");
    let certificate = certificate.map(|value| replace("/clientCertificateId".to_owned(), value));
    all.push(certificate.into_iter().collect());
    for (method, settings) in members("methodSettings") {
        // The last stroke parts path and method; those of the path are written otherwise.
        let (path, verb) = method.rsplit_once('/').unwrap_or(("*", "*"));
        let path = path.replace('/', "~1");
        let settings = settings.as_object().into_iter().flatten();
        let patches = settings.filter_map(|(name, value)| {
            let word = METHOD_SETTINGS.iter().find(|(member, _)| member == name)?.1;
            Some(replace(format!("/{path}/{verb}/{word}"), value))
        });
        all.push(patches.collect());
    }
    all.retain(|patches: &Vec<Value>| !patches.is_empty());
    all
}

/// A method's settings as answers and as changes call them.
const METHOD_SETTINGS: [(&str, &str); 10] = [
    ("cacheDataEncrypted", "caching/dataEncrypted"),
    ("cacheTtlInSeconds", "caching/ttlInSeconds"),
    ("cachingEnabled", "caching/enabled"),
    ("dataTraceEnabled", "logging/dataTrace"),
    ("loggingLevel", "logging/loglevel"),
    ("metricsEnabled", "metrics/enabled"),
    (
        "requireAuthorizationForCacheControl",
        "caching/requireAuthorizationForCacheControl",
    ),
    ("throttlingBurstLimit", "throttling/burstLimit"),
    ("throttlingRateLimit", "throttling/rateLimit"),
    (
        "unauthorizedCacheControlHeaderStrategy",
        "caching/unauthorizedCacheControlHeaderStrategy",
    ),
];

/// Leads a domain's path here, if it leads nowhere yet.
async fn map_base_path<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    mapping: &Value,
) -> Result<(), PortError> {
    let (domain, path) = (text(mapping, "domainName"), text(mapping, "basePath"));
    let mut input = mapping.clone();
    input["restApiId"] = Value::from(id);
    let result = making.ask::<CreateBasePathMapping>(input).await;
    if !matches!(result, Err(PortError::AlreadyExists(_))) {
        return making.told("basePathMappings", result).map(drop);
    }
    let there = all::<GetBasePathMappings, P>(&making.at, json!({ "domainName": domain })).await?;
    let is_here = |other: &Value| text(other, "basePath") == path && text(other, "restApiId") == id;
    if !there.iter().any(is_here) {
        let command = format!(
            "aws apigateway update-base-path-mapping --region {} --domain-name {domain} --base-path '{path}' \
             --patch-operations op=replace,path=/restapiId,value={id}",
            making.at.id.region
        );
        let why = format!("{domain} leads '{path}' to another API, and still does; to lead it here: {command}");
        making.needs_person("basePathMappings", why);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_methods_settings_are_written_by_path_and_verb() {
        let stage = json!({
            "methodSettings": {"*/*": {"metricsEnabled": true}, "shop/orders/GET": {"throttlingRateLimit": 10.0}},
            "accessLogSettings": {"destinationArn": "arn:logs", "format": "$context.requestId"},
        });
        let paths: Vec<String> = settings_of_stage(&stage)
            .iter()
            .flatten()
            .map(|patch| text(patch, "path"))
            .collect();
        let expected = [
            "/accessLogSettings/destinationArn",
            "/accessLogSettings/format",
            "/*/*/metrics/enabled",
            "/shop~1orders/GET/throttling/rateLimit",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn only_what_an_import_has_reset_is_said_again() {
        let wanted = json!({"name": "shop", "policy": {"Statement": []}, "binaryMediaTypes": ["image/png", "a/b"]});
        let found = json!({"name": "shop", "apiKeySource": "HEADER", "binaryMediaTypes": ["a/b"]});
        let map = |value: Value| value.as_object().cloned().unwrap();
        let patches = patches(&map(wanted.clone()), &map(found));
        let expected = json!([
            {"op": "replace", "path": "/policy", "value": "{\"Statement\":[]}"},
            {"op": "add", "path": "/binaryMediaTypes/image~1png"},
        ]);
        assert_eq!(Value::from(patches), expected);
        assert_eq!(super::patches(&map(wanted.clone()), &map(wanted)), Vec::<Value>::new());
    }
}
