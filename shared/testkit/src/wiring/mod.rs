//! The services around functions, in memory: they answer as AWS does wherever a restore depends on it.

mod apigateway;
mod apigateway_parts;
mod apigatewayv2;
mod cloudformation;
mod efs;
mod events;
mod iam;
mod kinesis;
mod kinesis_records;
mod lambda;
mod s3;
mod scheduler;
mod sns;
mod sqs;
mod states;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use holdfast_catalog::Region;
use holdfast_sources::call::{Call, InAccount, Operation, Service};
use holdfast_vault::PortError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::lock;

/// Entries a page of every listing: few, so that every listing has pages.
const PAGE: usize = 2;

/// An account's queues, topics, buses, rules, schedules and mappings. Clones are the same account.
#[derive(Debug, Clone)]
pub struct MemoryWiring {
    account: String,
    things: Arc<Mutex<Things>>,
}

/// What there is, by region, type and name: each a document as its service would tell it.
#[derive(Debug, Default)]
struct Things {
    by_name: BTreeMap<(Region, &'static str, String), Value>,
    /// Targets that PutTargets does not take: why, and how many times more.
    refused_targets: BTreeMap<String, (String, u32)>,
    made: u32,
    /// When records arrive.
    now: Timestamp,
}

type Answer = Result<Value, PortError>;

impl MemoryWiring {
    /// An account in which nothing was made yet.
    pub fn new(account: &str) -> Self {
        MemoryWiring {
            account: account.to_owned(),
            things: Arc::default(),
        }
    }

    /// The next calls of PutTargets, so many of them, answer for the target of this id with this error code.
    pub fn refuse_target(&self, id: &str, code: &str, times: u32) {
        lock(&self.things)
            .refused_targets
            .insert(id.to_owned(), (code.to_owned(), times));
    }

    /// Gives the rule an owner, as a service of AWS does that manages it.
    pub fn manage_rule(&self, region: &Region, bus: &str, rule: &str, owner: &str) {
        let key = (region.clone(), "rule", format!("{bus}/{rule}"));
        if let Some(rule) = lock(&self.things).by_name.get_mut(&key) {
            rule["ManagedBy"] = Value::from(owner);
        }
    }

    /// Makes a bucket.
    pub fn add_bucket(&self, region: &Region, name: &str, tags: &[(&str, &str)]) {
        let tags: Map<String, Value> = tags
            .iter()
            .map(|&(key, value)| (key.to_owned(), Value::from(value)))
            .collect();
        let bucket = json!({ "Arn": format!("arn:aws:s3:::{name}"), "Tags": tags, "notifications": {} });
        lock(&self.things)
            .by_name
            .insert((region.clone(), "bucket", name.to_owned()), bucket);
    }

    /// Lets a bucket answer a call for one of its settings, by the operation's name; with a text, the call is denied for that reason.
    pub fn set_bucket(&self, region: &Region, name: &str, operation: &str, answer: Value) {
        let key = (region.clone(), "bucket", name.to_owned());
        if let Some(bucket) = lock(&self.things).by_name.get_mut(&key) {
            bucket[operation] = answer;
        }
    }

    /// What a bucket holds, by key; nothing when there is no such bucket.
    pub fn objects(&self, region: &Region, bucket: &str) -> Option<BTreeMap<String, String>> {
        let key = (region.clone(), "bucket", bucket.to_owned());
        let things = lock(&self.things);
        let objects = things.by_name.get(&key)?["objects"].as_object().into_iter().flatten();
        Some(
            objects
                .map(|(key, body)| (key.clone(), s3::body(body).to_owned()))
                .collect(),
        )
    }

    /// Puts objects into a bucket, over those that are there.
    pub fn put_objects(&self, region: &Region, bucket: &str, objects: impl IntoIterator<Item = (String, String)>) {
        let key = (region.clone(), "bucket", bucket.to_owned());
        if let Some(bucket) = lock(&self.things).by_name.get_mut(&key) {
            for (key, body) in objects {
                bucket["objects"][key] = Value::from(body);
            }
        }
    }

    /// Removes a bucket with all that is in it.
    pub fn remove_bucket(&self, region: &Region, name: &str) {
        let key = (region.clone(), "bucket", name.to_owned());
        lock(&self.things).by_name.remove(&key);
    }

    /// The buckets of a region.
    pub fn buckets(&self, region: &Region) -> Vec<String> {
        let things = lock(&self.things);
        let keys = things.by_name.keys();
        let buckets = keys.filter(|(place, sort, _)| place == region && *sort == "bucket");
        buckets.map(|(_, _, name)| name.clone()).collect()
    }

    /// Whether a bucket keeps versions.
    pub fn has_versions(&self, region: &Region, name: &str) -> bool {
        let key = (region.clone(), "bucket", name.to_owned());
        let things = lock(&self.things);
        let bucket = things.by_name.get(&key);
        bucket.is_some_and(|bucket| bucket["GetBucketVersioning"]["Status"] == "Enabled")
    }

    /// Makes a custom domain name, which leads nowhere yet.
    pub fn add_domain(&self, region: &Region, name: &str) {
        let domain = json!({ "domainName": name, "mappings": {} });
        lock(&self.things)
            .by_name
            .insert((region.clone(), "domain", name.to_owned()), domain);
    }

    /// Begins a canary release on a stage of an API: of what it is now, deployed for that, or of what another stage has.
    pub fn release_canary(&self, region: &Region, api: &str, stage: &str, other: Option<&str>) {
        let key = (region.clone(), "restapi", api.to_owned());
        if let Some(api) = lock(&self.things).by_name.get_mut(&key) {
            let deployment = match other {
                Some(other) => api["stages"][other]["deploymentId"].clone(),
                None => Value::from("of-the-canary"),
            };
            api["stages"][stage]["canarySettings"] = json!({
                "deploymentId": deployment, "percentTraffic": 10.5, "useStageCache": false,
                "stageVariableOverrides": {"table": "orders-next"},
            });
        }
    }

    /// Removes everything in a region, as a disaster does.
    pub fn destroy(&self, region: &Region) {
        lock(&self.things).by_name.retain(|(place, _, _), _| place != region);
    }

    /// Makes a call outside of any port, as a person would.
    ///
    /// # Errors
    /// Those of the service.
    pub fn ask<O: Operation>(&self, region: &Region, input: Value) -> Answer {
        let mut things = lock(&self.things);
        let global = Region::global(region.partition());
        let mut desk = Desk {
            account: &self.account,
            region: if O::SERVICE == Service::Iam { &global } else { region },
            things: &mut things,
        };
        match O::SERVICE {
            Service::Sqs => desk.sqs(O::NAME, &input),
            Service::Sns => desk.sns(O::NAME, &input),
            Service::Events => desk.events(O::NAME, &input),
            Service::Scheduler => desk.scheduler(O::NAME, &input),
            Service::Lambda => desk.lambda(O::NAME, &input),
            Service::S3 => desk.s3(O::NAME, &input),
            Service::Efs => desk.efs(O::NAME, &input),
            Service::Tagging => desk.tagging(&input),
            Service::CloudFormation => desk.cloudformation(O::NAME, &input),
            Service::DynamoDb | Service::Backup | Service::Rds => {
                Err(PortError::Invalid(format!("{} is kept elsewhere", O::NAME)))
            }
            Service::Kinesis => desk.kinesis(O::NAME, &input),
            Service::StepFunctions => desk.states(O::NAME, &input),
            Service::ApiGateway => desk.apigateway(O::NAME, &input),
            Service::ApiGatewayV2 => desk.apigatewayv2(O::NAME, &input),
            Service::Iam => desk.iam(O::NAME, &input),
            Service::CloudFront => unknown(O::NAME),
        }
    }
}

impl<O: Operation> Call<O> for MemoryWiring {
    async fn call(&self, region: &Region, input: Value) -> Answer {
        self.ask::<O>(region, input)
    }
}

impl InAccount for MemoryWiring {
    fn account(&self) -> &str {
        &self.account
    }
}

fn unknown(name: &str) -> Answer {
    panic!("the account in memory does not know {name}")
}

/// One call: where it is made, and everything that there is.
struct Desk<'a> {
    account: &'a str,
    region: &'a Region,
    things: &'a mut Things,
}

impl Desk<'_> {
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    fn key(&self, kind: &'static str, name: &str) -> (Region, &'static str, String) {
        (self.region.clone(), kind, name.to_owned())
    }

    fn has(&self, kind: &'static str, name: &str) -> bool {
        self.things.by_name.contains_key(&self.key(kind, name))
    }

    fn get(&self, kind: &'static str, name: &str) -> Answer {
        let thing = self.things.by_name.get(&self.key(kind, name)).cloned();
        thing.ok_or_else(|| PortError::NotFound(format!("no {kind} {name}")))
    }

    fn change(&mut self, kind: &'static str, name: &str) -> Result<&mut Value, PortError> {
        let key = self.key(kind, name);
        let thing = self.things.by_name.get_mut(&key);
        thing.ok_or_else(|| PortError::NotFound(format!("no {kind} {name}")))
    }

    fn put(&mut self, kind: &'static str, name: &str, thing: Value) {
        let key = self.key(kind, name);
        self.things.by_name.insert(key, thing);
    }

    fn all(&self, kind: &'static str) -> Vec<(String, Value)> {
        let all = self.things.by_name.iter();
        let here = all.filter(|((region, of, _), _)| region == self.region && *of == kind);
        here.map(|((_, _, name), thing)| (name.clone(), thing.clone()))
            .collect()
    }

    /// A number that was never given before.
    fn number(&mut self) -> u32 {
        self.things.made += 1;
        self.things.made
    }

    /// The thing that an ARN names, whatever its type.
    fn by_arn(&mut self, arn: &str) -> Result<&mut Value, PortError> {
        let mut all = self.things.by_name.values_mut();
        let found = all.find(|thing| thing["Arn"] == arn);
        found.ok_or_else(|| PortError::NotFound(format!("no {arn}")))
    }

    fn tags_of(&mut self, arn: &str) -> Answer {
        Ok(self.by_arn(arn)?["Tags"].clone())
    }

    fn tag(&mut self, arn: &str, tags: &Value) -> Answer {
        let tags = tag_map(tags);
        let thing = self.by_arn(arn)?;
        for (key, value) in tags {
            thing["Tags"][key] = value;
        }
        Ok(json!({}))
    }

    fn tagging(&mut self, input: &Value) -> Answer {
        let filter = input["ResourceTypeFilters"][0].as_str().unwrap_or_default().to_owned();
        let (service, kind) = filter.split_once(':').unwrap_or((&filter, ""));
        let is_asked_for = |arn: &str| {
            let mut fields = arn.splitn(6, ':').skip(2);
            let of_service = fields.next() == Some(service);
            of_service && fields.nth(2).is_some_and(|resource| resource.starts_with(kind))
        };
        let here = self
            .things
            .by_name
            .iter()
            .filter(|((region, _, _), _)| region == self.region);
        let tagged = here.filter_map(|(_, thing)| {
            let tags = thing["Tags"].as_object().filter(|tags| !tags.is_empty())?;
            let arn = thing["Arn"].as_str().filter(|arn| is_asked_for(arn))?;
            Some(json!({ "ResourceARN": arn, "Tags": tag_list(tags) }))
        });
        let tagged = tagged.collect();
        Ok(page(
            tagged,
            input,
            "ResourceTagMappingList",
            "PaginationToken",
            "PaginationToken",
        ))
    }
}

/// A page of a listing: from where the token says, at most [`PAGE`] entries.
fn page(all: Vec<Value>, input: &Value, items: &str, token: &str, next: &str) -> Value {
    let from: usize = input[next].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
    let some: Vec<Value> = all.iter().skip(from).take(PAGE).cloned().collect();
    let mut answer = json!({ items: some });
    if from + PAGE < all.len() {
        answer[token] = Value::from((from + PAGE).to_string());
    }
    answer
}

fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, PortError> {
    let found = input.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| PortError::Invalid(format!("{name} is missing")))
}

fn tag_map(tags: &Value) -> Map<String, Value> {
    match tags {
        Value::Object(map) => map.clone(),
        Value::Array(list) => list
            .iter()
            .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone())))
            .collect(),
        _ => Map::new(),
    }
}

fn tag_list(tags: &Map<String, Value>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// The members of an input that a service keeps as they are.
fn kept(input: &Value, names: &[&str]) -> Map<String, Value> {
    let members = input.as_object().into_iter().flatten();
    let kept = members.filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null());
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// An answer: a thing without what the service does not tell with it.
fn told(thing: &Value, but: &[&str]) -> Value {
    let members = thing.as_object().into_iter().flatten();
    members
        .filter(|(name, _)| !but.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
