use holdfast_catalog::{ResourceId, Sha256};
use serde_json::{Map, Value, json};

use super::symbols::Symbols;
use super::{Subject, Writing, add_tags, picked, tag_list};
use crate::application::forms::domain;
use crate::wiring::marked::{THIS_ARN, THIS_URL};

const API: [(&str, &str); 8] = [
    ("apiKeySource", "ApiKeySourceType"),
    ("binaryMediaTypes", "BinaryMediaTypes"),
    ("description", "Description"),
    ("disableExecuteApiEndpoint", "DisableExecuteApiEndpoint"),
    ("endpointAccessMode", "EndpointAccessMode"),
    ("minimumCompressionSize", "MinimumCompressionSize"),
    ("policy", "Policy"),
    ("securityPolicy", "SecurityPolicy"),
];

/// What is written in another way, or beside the API.
const ELSEWHERE: [&str; 8] = [
    "basePathMappings",
    "body",
    "deployments",
    "endpointConfiguration",
    "name",
    "stages",
    "usagePlans",
    "version",
];

const STAGE: [(&str, &str); 6] = [
    ("cacheClusterEnabled", "CacheClusterEnabled"),
    ("cacheClusterSize", "CacheClusterSize"),
    ("clientCertificateId", "ClientCertificateId"),
    ("description", "Description"),
    ("tracingEnabled", "TracingEnabled"),
    ("variables", "Variables"),
];

const METHOD: [(&str, &str); 8] = [
    ("cacheDataEncrypted", "CacheDataEncrypted"),
    ("cacheTtlInSeconds", "CacheTtlInSeconds"),
    ("cachingEnabled", "CachingEnabled"),
    ("dataTraceEnabled", "DataTraceEnabled"),
    ("loggingLevel", "LoggingLevel"),
    ("metricsEnabled", "MetricsEnabled"),
    ("throttlingBurstLimit", "ThrottlingBurstLimit"),
    ("throttlingRateLimit", "ThrottlingRateLimit"),
];

impl Writing<'_> {
    /// An API from its document, with one deployment, its stages, usage plans and places at domains.
    pub(super) fn rest_api(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let list = |name: &str| config.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let deployments = list("deployments");
        let Some(body) = deployments.last().or(config.get("body")) else {
            let words = format!(
                "{}: what it does could not be read, so it is not in the template",
                subject.id
            );
            return self.notes.push(words);
        };
        if deployments.len() > 1 {
            self.notes.push(format!(
                "{}: its stages were deployed with {} documents, and all get the last: a template deploys one",
                subject.id,
                deployments.len()
            ));
        }
        if body.to_string().contains(THIS_URL) {
            let words = format!("{}: it calls itself: set its address by hand", subject.id);
            self.notes.push(words);
        }
        let name = json!({ "Ref": format!("{}Name", subject.logical) });
        let mut body = body.clone();
        self.hide_static(subject.logical, &mut body);
        body["info"] =
            json!({ "title": name, "version": config.get("version").cloned().unwrap_or_else(|| json!("none")) });
        let mut properties = picked(&config, &API);
        self.left_out(subject.id, &config, &API, &ELSEWHERE);
        // The short form, which does not have to know the API's id.
        if let Some(policy) = properties.get_mut("Policy") {
            *policy = replaced(policy, THIS_ARN, "execute-api:");
        }
        if let Some(endpoint) = config.get("endpointConfiguration").and_then(Value::as_object) {
            let names = [
                ("ipAddressType", "IpAddressType"),
                ("types", "Types"),
                ("vpcEndpointIds", "VpcEndpointIds"),
            ];
            properties.insert(
                "EndpointConfiguration".to_owned(),
                Value::Object(picked(endpoint, &names)),
            );
        }
        properties.insert("Name".to_owned(), name);
        properties.insert("Body".to_owned(), body);
        properties.insert("Mode".to_owned(), json!("overwrite"));
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::ApiGateway::RestApi", properties);
        self.around_rest_api(subject, &list("stages"), &list("usagePlans"), &list("basePathMappings"));
    }

    /// What stands around an API: how it is deployed, who may call it, what leads to it.
    fn around_rest_api(&mut self, subject: &Subject<'_>, stages: &[Value], plans: &[Value], mappings: &[Value]) {
        if !stages.is_empty() {
            let properties = Map::from_iter([("RestApiId".to_owned(), api(subject))]);
            self.add(
                &format!("{}Deployment", subject.logical),
                "AWS::ApiGateway::Deployment",
                properties,
            );
        }
        for (number, stage) in (1..).zip(stages) {
            self.rest_stage(subject, stage, number);
        }
        for (number, plan) in (1..).zip(plans) {
            self.usage_plan(subject, plan, stages, number);
        }
        for (number, mapping) in (1..).zip(mappings) {
            self.base_path(subject, mapping, stages, number);
        }
    }

    fn rest_stage(&mut self, subject: &Subject<'_>, stage: &Value, number: usize) {
        let members = stage.as_object().cloned().unwrap_or_default();
        let logical = format!("{}Stage{number}", subject.logical);
        let mut properties = picked(&members, &STAGE);
        if let Some(variables) = properties.get_mut("Variables") {
            let address = address_of(self.symbols, subject.id);
            *variables = self.stage_variables(&logical, &replaced(variables, THIS_URL, &address));
        }
        properties.insert("RestApiId".to_owned(), api(subject));
        properties.insert(
            "DeploymentId".to_owned(),
            json!({ "Ref": format!("{}Deployment", subject.logical) }),
        );
        properties.extend(picked(&members, &[("stageName", "StageName")]));
        if let Some(logs) = members.get("accessLogSettings").and_then(Value::as_object) {
            let names = [("destinationArn", "DestinationArn"), ("format", "Format")];
            properties.insert("AccessLogSetting".to_owned(), Value::Object(picked(logs, &names)));
        }
        let methods = members.get("methodSettings").and_then(Value::as_object);
        let methods: Vec<Value> = methods
            .into_iter()
            .flatten()
            .filter_map(|(method, settings)| {
                let (path, verb) = method.rsplit_once('/')?;
                let mut said = picked(settings.as_object()?, &METHOD);
                let path = if path == "*" {
                    "/*".to_owned()
                } else {
                    format!("/{}", path.replace('/', "~1"))
                };
                said.insert("ResourcePath".to_owned(), Value::from(path));
                said.insert("HttpMethod".to_owned(), Value::from(verb));
                Some(Value::Object(said))
            })
            .collect();
        if !methods.is_empty() {
            properties.insert("MethodSettings".to_owned(), Value::from(methods));
        }
        if let Some(tags) = tags_of_part(stage) {
            properties.insert("Tags".to_owned(), tags);
        }
        if members.contains_key("canarySettings") {
            let words = format!(
                "{}: the canary release of a stage is not in the template, which deploys one document: begin it by hand",
                subject.id
            );
            self.notes.push(words);
        }
        if members.contains_key("webAclArn") {
            let words = format!(
                "{}: the web ACL of a stage is not in the template: set it by hand",
                subject.id
            );
            self.notes.push(words);
        }
        self.add(&logical, "AWS::ApiGateway::Stage", properties);
    }

    /// Variables of a stage: those that name nothing of the application are parameters, for they may be secrets.
    pub(super) fn stage_variables(&mut self, stage: &str, variables: &Value) -> Value {
        let all = variables.as_object().into_iter().flatten();
        all.map(|(name, value)| {
            let is_open = value.as_str().is_some_and(|text| self.symbols.is_reference(text));
            let value = if is_open {
                value.clone()
            } else {
                let parameter = format!("{stage}{}", super::symbols::camel(name));
                self.secret(&parameter, &format!("The value of stage variable {name}"))
            };
            (name.clone(), value)
        })
        .collect()
    }

    /// What integrations always send in headers and queries, such as keys, becomes parameters.
    pub(super) fn hide_static(&mut self, logical: &str, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, value) in map.iter_mut() {
                    match value {
                        Value::Object(parameters) if name == "requestParameters" => {
                            let sent = parameters
                                .iter_mut()
                                .filter(|(name, value)| is_sent_always(name, value));
                            for (name, value) in sent {
                                let digest = Sha256::of(format!("{name}{value}").as_bytes()).to_string();
                                let parameter = format!("{logical}Sent{}", digest.get(..6).unwrap_or_default());
                                *value = self.secret(&parameter, &format!("What is always sent as {name}"));
                            }
                        }
                        inner => self.hide_static(logical, inner),
                    }
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.hide_static(logical, value)),
            _ => {}
        }
    }

    /// Keys' values are secrets: parameters.
    fn usage_plan(&mut self, subject: &Subject<'_>, plan: &Value, stages: &[Value], number: usize) {
        let members = plan.as_object().cloned().unwrap_or_default();
        let logical = format!("{}UsagePlan{number}", subject.logical);
        let mut properties = picked(&members, &[("description", "Description"), ("name", "UsagePlanName")]);
        for (member, name) in [("quota", "Quota"), ("throttle", "Throttle")] {
            if let Some(limits) = members.get(member) {
                properties.insert(name.to_owned(), capital(limits));
            }
        }
        let own = members.get("stages").and_then(Value::as_array).into_iter().flatten();
        let own = own.map(|stage| {
            let mut said = json!({ "ApiId": api(subject), "Stage": stage_name(subject, stages, stage) });
            let methods = stage.get("throttle").and_then(Value::as_object).into_iter().flatten();
            let methods: Map<String, Value> = methods.map(|(path, limits)| (path.clone(), capital(limits))).collect();
            if !methods.is_empty() {
                said["Throttle"] = Value::Object(methods);
            }
            said
        });
        properties.insert("ApiStages".to_owned(), own.collect());
        if let Some(tags) = tags_of_part(plan) {
            properties.insert("Tags".to_owned(), tags);
        }
        self.add(&logical, "AWS::ApiGateway::UsagePlan", properties);
        let keys = members
            .get("apiKeys")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for (at, key) in (1..).zip(&keys) {
            let (key_logical, name) = (
                format!("{logical}Key{at}"),
                key.get("name").and_then(Value::as_str).unwrap_or_default(),
            );
            let what = format!("The value of API key {name}; 20 characters or more");
            let value = self.secret(&format!("{key_logical}Value"), &what);
            let names = [("description", "Description"), ("enabled", "Enabled"), ("name", "Name")];
            let mut properties = picked(&key.as_object().cloned().unwrap_or_default(), &names);
            properties.insert("Value".to_owned(), value);
            if let Some(tags) = tags_of_part(key) {
                properties.insert("Tags".to_owned(), tags);
            }
            self.add(&key_logical, "AWS::ApiGateway::ApiKey", properties);
            let properties = json!({
                "KeyId": { "Ref": key_logical }, "KeyType": "API_KEY", "UsagePlanId": { "Ref": logical },
            });
            let properties = properties.as_object().cloned().unwrap_or_default();
            self.add(
                &format!("{logical}Use{at}"),
                "AWS::ApiGateway::UsagePlanKey",
                properties,
            );
        }
    }

    /// A domain leads to the API when events may flow.
    fn base_path(&mut self, subject: &Subject<'_>, mapping: &Value, stages: &[Value], number: usize) {
        let members = mapping.as_object().cloned().unwrap_or_default();
        let mut properties = picked(&members, &[("domainName", "DomainName")]);
        // What CloudFormation leaves out the service calls so.
        if let Some(path) = members.get("basePath").filter(|path| *path != "(none)") {
            properties.insert("BasePath".to_owned(), path.clone());
        }
        properties.insert("RestApiId".to_owned(), api(subject));
        if members.contains_key("stage") {
            properties.insert("Stage".to_owned(), stage_name(subject, stages, mapping));
        }
        self.add_switched(
            &format!("{}BasePath{number}", subject.logical),
            "AWS::ApiGateway::BasePathMapping",
            properties,
        );
    }
}

/// An API's own address, in the symbols that become references.
pub(super) fn address_of(symbols: &Symbols, id: &ResourceId) -> String {
    let own = symbols.map.target(id);
    own.map_or_else(String::new, |own| {
        format!(
            "https://{}.execute-api.{}.{}",
            own.name,
            own.region,
            domain(&own.region)
        )
    })
}

/// Whether an integration's parameter is the same in every request, and goes where keys go.
fn is_sent_always(name: &str, value: &Value) -> bool {
    let goes = ["header.", "querystring."].iter().any(|place| name.contains(place));
    let comes = ["$", "method.request.", "context.", "stageVariables."];
    let is_static = |text: &str| text.starts_with('\'') || !comes.iter().any(|from| text.contains(from));
    goes && value.as_str().is_some_and(is_static)
}

fn api(subject: &Subject<'_>) -> Value {
    json!({ "Ref": subject.logical })
}

/// The stage that is named, by which CloudFormation knows that it comes first.
fn stage_name(subject: &Subject<'_>, stages: &[Value], named: &Value) -> Value {
    let name = named.get("stage");
    match stages.iter().position(|stage| stage.get("stageName") == name) {
        Some(at) => json!({ "Ref": format!("{}Stage{}", subject.logical, at + 1) }),
        None => name.cloned().unwrap_or_default(),
    }
}

pub(super) fn tags_of_part(of: &Value) -> Option<Value> {
    let tags = of.get("tags")?.as_object()?;
    let tags = tags
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    Some(tag_list(&tags.collect()))
}

/// Members as CloudFormation spells them, with a capital.
pub(super) fn capital(value: &Value) -> Value {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(name, value)| (super::symbols::camel(name), value.clone()))
        .collect()
}

/// A value with a word replaced in all of its texts.
pub(super) fn replaced(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => Value::from(text.replace(from, to)),
        Value::Array(list) => list.iter().map(|value| replaced(value, from, to)).collect(),
        Value::Object(map) => {
            let members = map.iter();
            members
                .map(|(name, value)| (name.clone(), replaced(value, from, to)))
                .collect()
        }
        plain => plain.clone(),
    }
}
