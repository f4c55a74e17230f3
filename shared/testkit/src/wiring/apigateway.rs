use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use super::apigateway_parts as parts;
use super::{Answer, Desk, kept, page, tag_map, text, told, unknown};

/// What of a stage its own call may set.
const STAGE: [&str; 6] = [
    "cacheClusterEnabled",
    "cacheClusterSize",
    "deploymentId",
    "description",
    "tracingEnabled",
    "variables",
];

impl Desk<'_> {
    pub(super) fn apigateway(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "GetRestApis" => {
                let all = self.all("restapi").into_iter().map(|(_, api)| api_told(&api));
                Ok(listed(all.collect(), input))
            }
            "GetRestApi" => Ok(api_told(&self.get("restapi", text(input, "restApiId")?)?)),
            "CreateRestApi" => self.create_rest_api(input),
            "PutRestApi" => self.put_rest_api(input),
            "UpdateRestApi" => {
                let api = self.change("restapi", text(input, "restApiId")?)?;
                for patch in patches(input) {
                    patch_api(&mut api["api"], patch)?;
                }
                Ok(api_told(api))
            }
            "GetStages" => {
                let api = self.get("restapi", text(input, "restApiId")?)?;
                Ok(json!({ "item": values(&api["stages"]) }))
            }
            "CreateStage" => self.create_stage(input),
            "UpdateStage" => {
                let name = text(input, "stageName")?.to_owned();
                let stage = &mut self.change("restapi", text(input, "restApiId")?)?["stages"][&name];
                if stage.is_null() {
                    return Err(PortError::NotFound(format!("stage {name}")));
                }
                for patch in patches(input) {
                    patch_stage(stage, patch)?;
                }
                Ok(stage.clone())
            }
            "GetExport" => self.export(input),
            "GetResources" => {
                let api = self.get("restapi", text(input, "restApiId")?)?;
                let with_methods = input["embed"] == "methods";
                Ok(listed(parts::resources(&api["body"], with_methods), input))
            }
            "GetAuthorizers" | "GetModels" | "GetRequestValidators" | "GetGatewayResponses" => {
                let api = self.get("restapi", text(input, "restApiId")?)?;
                Ok(listed(parts::of(name, &api["body"]), input))
            }
            "GetDeployments" => {
                let api = self.get("restapi", text(input, "restApiId")?)?;
                let all = values(&api["deployments"])
                    .iter()
                    .map(|one| told(one, &["body"]))
                    .collect();
                Ok(listed(all, input))
            }
            "CreateDeployment" => {
                let id = format!("d{:06}", self.number());
                let api = self.change("restapi", text(input, "restApiId")?)?;
                let description = input.get("description").cloned().unwrap_or_default();
                let made = json!({ "id": id, "description": description, "body": api["body"] });
                api["deployments"][&id] = made.clone();
                Ok(told(&made, &["body"]))
            }
            "TagResource" => self.tag(text(input, "resourceArn")?, &input["tags"]),
            name => self.usage(name, input),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one table of operations, which reads best as one")]
    fn usage(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "GetUsagePlans" => {
                let all = self.all("plan").into_iter().map(|(_, plan)| told(&plan, &["keys"]));
                Ok(listed(all.collect(), input))
            }
            "CreateUsagePlan" => {
                for stage in input["apiStages"].as_array().into_iter().flatten() {
                    let api = self.get("restapi", text(stage, "apiId")?)?;
                    if api["stages"][text(stage, "stage")?].is_null() {
                        return Err(PortError::NotFound("no such stage".to_owned()));
                    }
                }
                let id = format!("p{:06}", self.number());
                let mut plan = input.clone();
                plan["id"] = Value::from(id.as_str());
                plan["keys"] = json!({});
                self.put("plan", &id, plan.clone());
                Ok(told(&plan, &["keys"]))
            }
            "GetUsagePlanKeys" => {
                let plan = self.get("plan", text(input, "usagePlanId")?)?;
                Ok(listed(values(&plan["keys"]), input))
            }
            "CreateUsagePlanKey" => {
                let id = text(input, "keyId")?.to_owned();
                self.get("apikey", &id)?;
                let plan = self.change("plan", text(input, "usagePlanId")?)?;
                if !plan["keys"][&id].is_null() {
                    return Err(PortError::AlreadyExists(format!("key {id}")));
                }
                plan["keys"][&id] = json!({ "id": id, "type": "API_KEY" });
                Ok(json!({ "id": id }))
            }
            "GetApiKeys" => {
                let secret: &[&str] = if input["includeValues"] == true {
                    &[]
                } else {
                    &["value"]
                };
                let all = self.all("apikey").into_iter().map(|(_, key)| told(&key, secret));
                Ok(listed(all.collect(), input))
            }
            "CreateApiKey" => {
                let number = self.number();
                let id = format!("k{number:06}");
                let mut key = input.clone();
                key["id"] = Value::from(id.as_str());
                key["createdDate"] = Value::from(number);
                if key["value"].is_null() {
                    key["value"] = Value::from(format!("made-by-the-service-{number}"));
                }
                if self
                    .all("apikey")
                    .iter()
                    .any(|(_, other)| other["value"] == key["value"])
                {
                    return Err(PortError::AlreadyExists("a key of that value".to_owned()));
                }
                self.put("apikey", &id, key.clone());
                Ok(key)
            }
            "GetDomainNames" => {
                let all = self.all("domain").into_iter().map(|(_, one)| told(&one, &["mappings"]));
                Ok(listed(all.collect(), input))
            }
            "GetBasePathMappings" => {
                let domain = self.get("domain", text(input, "domainName")?)?;
                Ok(listed(values(&domain["mappings"]), input))
            }
            "CreateBasePathMapping" => {
                let path = text(input, "basePath")?.to_owned();
                let mappings = &mut self.change("domain", text(input, "domainName")?)?["mappings"];
                if !mappings[&path].is_null() {
                    return Err(PortError::AlreadyExists(format!("base path {path}")));
                }
                mappings[&path] = told(input, &["domainName"]);
                Ok(json!({}))
            }
            name => unknown(name),
        }
    }

    fn create_rest_api(&mut self, input: &Value) -> Answer {
        text(input, "name")?;
        let number = self.number();
        let id = format!("api{number:06}");
        let mut settings = json!({
            "apiKeySource": "HEADER", "disableExecuteApiEndpoint": false,
            "endpointConfiguration": { "types": ["EDGE"], "ipAddressType": "ipv4" },
        });
        for (name, value) in input
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "tags")
        {
            settings[name] = value.clone();
        }
        settings["id"] = Value::from(id.as_str());
        settings["createdDate"] = Value::from(number);
        settings["rootResourceId"] = Value::from(format!("r{number}"));
        let api = json!({
            "Arn": format!("arn:aws:apigateway:{}::/restapis/{id}", self.region), "Tags": tag_map(&input["tags"]), "api": settings,
            "body": { "openapi": "3.0.1", "paths": {}, "components": { "schemas": { "Empty": { "title": "Empty Schema" } } } },
            "deployments": {}, "stages": {},
        });
        let answer = api_told(&api);
        self.put("restapi", &id, api);
        Ok(answer)
    }

    /// Overwrites what is there. What the document does not say is as if nobody had ever said it.
    fn put_rest_api(&mut self, input: &Value) -> Answer {
        let body = &input["body"];
        if input["mode"] != "overwrite" {
            return Err(PortError::Invalid("this account overwrites only".to_owned()));
        }
        let title = text(&body["info"], "title")?.to_owned();
        let version = text(&body["info"], "version")?.to_owned();
        if !body["openapi"].is_string() || !body["paths"].is_object() {
            return Err(PortError::Invalid("no OpenAPI document".to_owned()));
        }
        let api = self.change("restapi", text(input, "restApiId")?)?;
        let settings = &mut api["api"];
        for reset in ["binaryMediaTypes", "description", "minimumCompressionSize", "policy"] {
            settings[reset] = Value::Null;
        }
        settings["name"] = Value::from(title);
        settings["version"] = Value::from(version);
        settings["description"] = body["info"]["description"].clone();
        settings["apiKeySource"] = json!("HEADER");
        settings["disableExecuteApiEndpoint"] = json!(false);
        api["body"] = told(body, &["info"]);
        Ok(api_told(api))
    }

    fn create_stage(&mut self, input: &Value) -> Answer {
        let name = text(input, "stageName")?.to_owned();
        let deployment = text(input, "deploymentId")?.to_owned();
        let number = self.number();
        let api = self.change("restapi", text(input, "restApiId")?)?;
        if api["deployments"][&deployment].is_null() {
            return Err(PortError::NotFound(format!("deployment {deployment}")));
        }
        if !api["stages"][&name].is_null() {
            return Err(PortError::AlreadyExists(format!("stage {name}")));
        }
        let mut stage = json!({
            "stageName": name, "createdDate": number, "cacheClusterEnabled": false, "cacheClusterStatus": "NOT_AVAILABLE",
            "tracingEnabled": false, "methodSettings": {}, "tags": tag_map(&input["tags"]),
        });
        for (member, value) in kept(input, &STAGE) {
            stage[member] = value;
        }
        api["stages"][&name] = stage.clone();
        Ok(stage)
    }

    /// As AWS writes it: with where and when, and without the schemes that no method uses.
    fn export(&mut self, input: &Value) -> Answer {
        let number = self.number();
        let api = self.get("restapi", text(input, "restApiId")?)?;
        let name = text(input, "stageName")?;
        let stage = &api["stages"][name];
        let deployment = stage["deploymentId"].as_str().unwrap_or_default();
        if stage.is_null() || input["exportType"] != "oas30" {
            return Err(PortError::NotFound(format!("stage {name}")));
        }
        let mut body = api["deployments"][deployment]["body"].clone();
        if let Some(schemes) = body["components"]["securitySchemes"].as_object().cloned() {
            let used = body["paths"].to_string();
            let used: Map<String, Value> = schemes
                .into_iter()
                .filter(|(name, _)| used.contains(&format!("{{\"{name}\":[")))
                .collect();
            body["components"]["securitySchemes"] = Value::Object(used);
        }
        let host = format!("https://{}.execute-api.{}.amazonaws.com", api["api"]["id"], self.region);
        body["info"] = json!({ "title": api["api"]["name"], "version": format!("2026-11-21T00:00:{number}Z") });
        body["servers"] =
            json!([{ "url": format!("{host}/{{basePath}}"), "variables": { "basePath": { "default": name } } }]);
        body["x-amazon-apigateway-policy"] = json!({ "Statement": [] });
        Ok(json!({ "body": body }))
    }
}

/// An API's settings as the service tells them: the policy as JSON within JSON without its quotes.
fn api_told(api: &Value) -> Value {
    let mut settings = told(&api["api"], &[]);
    settings["tags"] = api["Tags"].clone();
    if let Some(policy) = settings["policy"].as_str() {
        let quoted = Value::from(policy).to_string();
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        settings["policy"] = Value::from(inner.unwrap_or_default());
    }
    settings
}

fn listed(all: Vec<Value>, input: &Value) -> Value {
    page(all, input, "item", "position", "position")
}

fn values(map: &Value) -> Vec<Value> {
    let map = map.as_object().into_iter().flatten();
    map.map(|(_, value)| value.clone()).collect()
}

fn patches(input: &Value) -> Vec<&Value> {
    input["patchOperations"].as_array().into_iter().flatten().collect()
}

/// A patch's value: a text that may stand for a number or a truth.
fn typed(patch: &Value) -> Result<Value, PortError> {
    let text = text(patch, "value")?;
    Ok(match text {
        "true" | "false" => Value::from(text == "true"),
        text => match serde_json::from_str::<Value>(text) {
            Ok(number) if number.is_number() => number,
            _ => Value::from(text),
        },
    })
}

fn patch_api(settings: &mut Value, patch: &Value) -> Result<(), PortError> {
    let path = text(patch, "path")?.trim_start_matches('/');
    match (text(patch, "op")?, path.split_once('/')) {
        ("add", Some(("binaryMediaTypes", media))) => {
            let media = Value::from(media.replace("~1", "/"));
            match settings["binaryMediaTypes"].as_array_mut() {
                Some(list) => list.push(media),
                None => settings["binaryMediaTypes"] = json!([media]),
            }
        }
        ("replace", None) => {
            settings[path] = match path {
                "name" | "description" | "policy" => Value::from(text(patch, "value")?),
                _ => typed(patch)?,
            };
        }
        _ => return Err(PortError::Invalid(format!("no patch of {path}"))),
    }
    Ok(())
}

/// A method's settings as changes and as answers call them.
const OF_METHOD: [(&str, &str); 6] = [
    ("caching/enabled", "cachingEnabled"),
    ("caching/ttlInSeconds", "cacheTtlInSeconds"),
    ("logging/loglevel", "loggingLevel"),
    ("metrics/enabled", "metricsEnabled"),
    ("throttling/burstLimit", "throttlingBurstLimit"),
    ("throttling/rateLimit", "throttlingRateLimit"),
];

fn patch_stage(stage: &mut Value, patch: &Value) -> Result<(), PortError> {
    let path = text(patch, "path")?.trim_start_matches('/');
    let words: Vec<&str> = path.split('/').collect();
    match words.as_slice() {
        ["deploymentId" | "clientCertificateId" | "description"] => stage[path] = Value::from(text(patch, "value")?),
        ["accessLogSettings", member] => stage["accessLogSettings"][*member] = Value::from(text(patch, "value")?),
        ["canarySettings", "deploymentId"] => {
            stage["canarySettings"]["deploymentId"] = Value::from(text(patch, "value")?);
        }
        ["canarySettings", member @ ("percentTraffic" | "useStageCache")] => {
            stage["canarySettings"][*member] = typed(patch)?;
        }
        ["canarySettings", "stageVariableOverrides", name] => {
            stage["canarySettings"]["stageVariableOverrides"][*name] = Value::from(text(patch, "value")?);
        }
        ["variables", name] => stage["variables"][*name] = Value::from(text(patch, "value")?),
        [resource, verb, group, setting] => {
            let words = format!("{group}/{setting}");
            let known = OF_METHOD.iter().find(|(path, _)| *path == words);
            let (_, member) = known.ok_or_else(|| PortError::Invalid(format!("no setting {words}")))?;
            let method = format!("{}/{verb}", resource.replace("~1", "/"));
            stage["methodSettings"][method][*member] = typed(patch)?;
        }
        _ => return Err(PortError::Invalid(format!("no patch of {path}"))),
    }
    Ok(())
}
