//! What stands beside functions, their layers, and who runs them at the edge: told as the service tells it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use holdfast_catalog::{Region, Sha256};
use holdfast_sources::call::{Call, Operation};
use holdfast_sources::lambda::port::FetchLayer;
use holdfast_sources::lambda::{Beside, Layer};
use holdfast_vault::PortError;
use holdfast_vault::port::ReadObjects as _;
use serde_json::{Map, Value, json};

use super::changes::says_nothing;
use super::{ACCOUNT, MemoryFunctions, State, qualified};

/// Entries a page: few, so that every listing has pages.
const PAGE: usize = 2;

const LATEST: &str = "$LATEST";

type Answer = Result<Value, PortError>;

impl<O: Operation> Call<O> for MemoryFunctions {
    async fn call(&self, region: &Region, input: Value) -> Answer {
        if *region != self.region {
            return Err(PortError::Invalid(format!("{} is asked in {region}", self.region)));
        }
        match O::NAME {
            "PublishLayerVersion" => {
                let content = self.content(&input["Content"]).await?;
                Ok(self.publish(&input, content))
            }
            "GetLayerVersionByArn" => self.layer(text(&input, "Arn")),
            "ListLayerVersions" => Ok(self.layer_versions(text(&input, "LayerName"))),
            "ListVersionsByFunction" => {
                let mut state = self.lock();
                let numbers = state.function(text(&input, "FunctionName"))?.versions.keys();
                let versions = numbers.map(|number| json!({ "Version": number.to_string() }));
                let versions: Vec<Value> = std::iter::once(json!({ "Version": LATEST })).chain(versions).collect();
                Ok(json!({ "Versions": versions }))
            }
            "UpdateAlias" => self.update_alias(&input),
            "GetResourcePolicy" => self.resource_policy(&input),
            "PutResourcePolicy" => self.put_resource_policy(&input),
            "UpdateEventSourceMapping" => self.update_mapping(&input),
            "TagResource" => self.tag_mapping(&input),
            "ListDistributions" => Ok(self.distributions(&input)),
            name => self.beside(name, &input),
        }
    }
}

impl FetchLayer for MemoryFunctions {
    async fn fetch_layer(&self, arn: &str, max_bytes: u64) -> Result<Bytes, PortError> {
        match self.lock().layers.get(arn) {
            Some(Some((_, code))) if code.len() as u64 <= max_bytes => Ok(code.clone()),
            Some(Some(_)) => Err(PortError::Invalid(format!("layer {arn} is too long"))),
            _ => Err(PortError::NotFound(format!("layer {arn}"))),
        }
    }
}

fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input[name].as_str().unwrap_or_default()
}

/// What an operation is about, where it is about a configuration beside a function.
fn kind_of(operation: &str) -> Beside {
    let about = |kind: &&Beside| operation.contains(kind.as_str());
    let found = Beside::ALL.iter().find(about);
    *found.unwrap_or_else(|| panic!("the Lambda in memory does not know {operation}"))
}

/// A configuration as the service tells it: with more than it was given.
fn told(kind: Beside, config: &Map<String, Value>) -> Value {
    let mut told = json!({ "LastModified": "2026-11-21T03:00:00Z" });
    for (name, value) in config {
        let name = match name.as_str() {
            "ProvisionedConcurrentExecutions" => "RequestedProvisionedConcurrentExecutions",
            "FunctionScalingConfig" => "RequestedFunctionScalingConfig",
            name => name,
        };
        told[name] = value.clone();
    }
    if kind == Beside::ProvisionedConcurrency {
        told["Status"] = json!("IN_PROGRESS");
    }
    told
}

fn page(all: &[Value], input: &Value, items: &str) -> Value {
    let from: usize = text(input, "Marker").parse().unwrap_or(0);
    let some: Vec<&Value> = all.iter().skip(from).take(PAGE).collect();
    let mut answer = json!({ items: some });
    if from + PAGE < all.len() {
        answer["NextMarker"] = json!((from + PAGE).to_string());
    }
    answer
}

impl State {
    /// A function that is a destination has to be there.
    fn check_destinations(&self, destinations: &Value) -> Result<(), PortError> {
        for to in destinations.as_object().into_iter().flat_map(Map::values) {
            let name = text(to, "Destination").split(":function:").nth(1);
            let name = name.and_then(|name| name.split(':').next());
            if let Some(name) = name.filter(|name| !self.functions.contains_key(*name)) {
                return Err(PortError::Invalid(format!("destination {name} does not exist")));
            }
        }
        Ok(())
    }
}

impl MemoryFunctions {
    fn beside(&self, operation: &str, input: &Value) -> Answer {
        let (kind, name) = (kind_of(operation), text(input, "FunctionName"));
        let qualifier = match text(input, "Qualifier") {
            "" => LATEST,
            qualifier => qualifier,
        };
        let mut state = self.lock();
        match operation.split_at(3).0 {
            "Lis" => {
                let found = state.function(name)?.beside.get(&kind).cloned().unwrap_or_default();
                let all = found
                    .iter()
                    .map(|(qualifier, config)| self.entry(kind, name, qualifier, config));
                let all: Vec<Value> = all.collect();
                Ok(page(&all, input, &format!("{}s", kind.as_str())))
            }
            "Get" => {
                let found = state.function(name)?;
                found.stored(Some(qualifier))?;
                let config = found.beside.get(&kind).and_then(|configs| configs.get(qualifier));
                match (kind, config) {
                    (_, Some(config)) => Ok(told(kind, config)),
                    (Beside::RuntimeManagement, None) => Ok(json!({ "UpdateRuntimeOn": "Auto" })),
                    (Beside::Recursion, None) => Ok(json!({ "RecursiveLoop": "Terminate" })),
                    (Beside::CodeSigning, None) => Ok(json!({ "FunctionName": name })),
                    _ => Err(PortError::NotFound(format!("{} of {name}", kind.as_str()))),
                }
            }
            _ => self.put(&mut state, operation, name, qualifier, input),
        }
    }

    fn put(&self, state: &mut State, operation: &str, name: &str, qualifier: &str, input: &Value) -> Answer {
        let kind = kind_of(operation);
        if kind == Beside::EventInvoke {
            state.check_destinations(&input["DestinationConfig"])?;
        }
        let found = state.changeable(name, None)?;
        found.stored(Some(qualifier))?;
        let is_number = qualifier.parse::<u64>().is_ok();
        if (kind == Beside::ProvisionedConcurrency && qualifier == LATEST) || (kind == Beside::Url && is_number) {
            return Err(PortError::Invalid(format!(
                "there is no {} of {qualifier}",
                kind.as_str()
            )));
        }
        let mut config = input.as_object().cloned().unwrap_or_default();
        config.retain(|name, _| !matches!(name.as_str(), "FunctionName" | "Qualifier"));
        let configs = found.beside.entry(kind).or_default();
        match (kind, operation.starts_with("Update"), configs.get(qualifier)) {
            (Beside::Url, false, Some(_)) => {
                return Err(PortError::AlreadyExists(format!("a function URL of {name}")));
            }
            (Beside::Url, true, None) => return Err(PortError::NotFound(format!("a function URL of {name}"))),
            // What the call does not name stays.
            (Beside::Url, true, Some(there)) => {
                for (name, value) in there {
                    config.entry(name).or_insert_with(|| value.clone());
                }
                config.retain(|_, value| !says_nothing(value));
            }
            _ => {}
        }
        configs.insert(qualifier.to_owned(), config.clone());
        Ok(self.entry(kind, name, qualifier, &config))
    }

    fn entry(&self, kind: Beside, name: &str, qualifier: &str, config: &Map<String, Value>) -> Value {
        let mut entry = told(kind, config);
        // A URL of the function itself has the function's plain ARN; an invocation's configuration names $LATEST.
        let named = (qualifier != LATEST || kind != Beside::Url).then_some(qualifier);
        entry["FunctionArn"] = json!(qualified(&self.arn(name), named));
        if kind == Beside::Url {
            entry["FunctionUrl"] = json!(self.url(name, qualifier));
        }
        entry
    }

    /// The address of a function URL.
    pub fn url(&self, function: &str, qualifier: &str) -> String {
        let of = qualifier.trim_start_matches('$').to_ascii_lowercase();
        format!("https://{function}-{of}.lambda-url.{}.on.aws/", self.region)
    }

    async fn content(&self, content: &Value) -> Result<Bytes, PortError> {
        if let Some(archive) = content["ZipFile"].as_str() {
            let archive = BASE64.decode(archive);
            return archive
                .map(Bytes::from)
                .map_err(|error| PortError::Invalid(error.to_string()));
        }
        self.store
            .sibling(text(content, "S3Bucket"))
            .get(text(content, "S3Key"))
            .await
    }

    fn publish(&self, input: &Value, content: Bytes) -> Value {
        let mut state = self.lock();
        let name = text(input, "LayerName");
        let stem = format!("arn:aws:lambda:{}:{ACCOUNT}:layer:{name}:", self.region);
        let used = state
            .layers
            .keys()
            .filter_map(|arn| arn.strip_prefix(&stem)?.parse::<u64>().ok());
        let number = used.max().unwrap_or(0) + 1;
        let mut settings = input.as_object().cloned().unwrap_or_default();
        settings.retain(|name, _| !matches!(name.as_str(), "LayerName" | "Content"));
        let layer = Layer {
            sha256: Sha256::of(&content),
            bytes: content.len() as u64,
            settings: settings.into_iter().collect(),
        };
        let arn = format!("{stem}{number}");
        state.layers.insert(arn.clone(), Some((layer, content)));
        json!({ "LayerVersionArn": arn, "Version": number })
    }

    fn layer(&self, arn: &str) -> Answer {
        let state = self.lock();
        let Some(Some((layer, _))) = state.layers.get(arn) else {
            return Err(PortError::NotFound(format!("layer {arn}")));
        };
        let mut answer = json!({
            "LayerVersionArn": arn, "CreatedDate": "2026-11-21T03:00:00Z", "Description": "",
            "Content": {
                "CodeSha256": BASE64.encode(layer.sha256.as_bytes()), "CodeSize": layer.bytes,
                "Location": "https://layers.example/?X-Amz-Signature=secret",
            },
        });
        for (name, value) in &layer.settings {
            answer[name] = value.clone();
        }
        Ok(answer)
    }

    fn layer_versions(&self, name: &str) -> Value {
        let state = self.lock();
        let own = format!("arn:aws:lambda:{}:{ACCOUNT}:layer:{name}:", self.region);
        let there = state
            .layers
            .iter()
            .filter(|(arn, layer)| arn.starts_with(&own) && layer.is_some());
        let versions: Vec<Value> = there.map(|(arn, _)| json!({ "LayerVersionArn": arn })).collect();
        json!({ "LayerVersions": versions })
    }

    /// A distribution for each association, as CloudFront's XML reads.
    fn distributions(&self, input: &Value) -> Value {
        let state = self.lock();
        let all: Vec<Value> = state
            .edge
            .iter()
            .flat_map(|(function, associations)| associations.iter().map(move |association| (function, association)))
            .map(|(function, association)| {
                let arn = format!("{}:{}", self.arn(function), association.version);
                let one = json!({
                    "LambdaFunctionARN": arn, "EventType": association.event_type,
                    "IncludeBody": association.include_body.to_string(),
                });
                let mut behaviour = json!({
                    "LambdaFunctionAssociations": { "Quantity": "1", "Items": { "LambdaFunctionAssociation": [one] } },
                });
                match &association.path_pattern {
                    None => json!({ "Id": association.distribution, "DefaultCacheBehavior": behaviour }),
                    Some(path) => {
                        behaviour["PathPattern"] = json!(path);
                        json!({
                            "Id": association.distribution, "DefaultCacheBehavior": {},
                            "CacheBehaviors": { "Items": { "CacheBehavior": [behaviour] } },
                        })
                    }
                }
            })
            .collect();
        let mut answer = page(&all, input, "DistributionSummary");
        let some = answer["DistributionSummary"].take();
        answer["Items"] = json!({ "DistributionSummary": some });
        answer
    }
}
