//! An application in memory, and what a restore of it is asked and says.

use std::collections::BTreeMap;

use holdfast_catalog::{Kind, Report, ResourceId};
use holdfast_lambda::Failure;
use holdfast_sources::call::{events, lambda, scheduler, sns, sqs};
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::{Environment, FunctionConfig, read_function};
use holdfast_sources::wiring::{self, Document};
use jiff::SignedDuration;
use restore::application::Request;
use serde_json::{Value, json};

use crate::{World, home_region, sample};

/// A table with a stream, and a function that the stream triggers and that knows the table by name and by ARN.
pub async fn shop() -> World {
    let world = World::with_orders(12);
    let mut function = sample::function();
    let stream = world.tables.read_table("orders").await.unwrap().stream_arn;
    function.event_sources[0].source_arn = stream;
    function.latest.settings.environment = Some(Environment::new(BTreeMap::from([
        ("TABLE".to_owned(), "orders".to_owned()),
        (
            "INDEX".to_owned(),
            format!("{}/index/by-state", world.tables.arn("orders")),
        ),
        ("OTHER".to_owned(), format!("{}-archive", world.tables.arn("orders"))),
    ])));
    add_bill(&world, &function);
    world.tick().await;
    world
}

/// An ARN of the account, in its home region.
pub fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:eu-central-1:111122223333:{name}")
}

/// The shop with what stands around it: two queues that are each other's dead-letter queue, a topic with a subscription, a bus
/// with a rule of two targets, a schedule in its group, and a mapping.
pub async fn wired() -> World {
    let world = shop().await;
    let (account, home) = (world.resources.wiring(), home_region());
    let tags = || json!({"backup": "standard"});
    let list = || json!([{"Key": "backup", "Value": "standard"}]);
    for name in ["jobs", "jobs-dead"] {
        account
            .ask::<sqs::CreateQueue>(&home, json!({"QueueName": name, "tags": tags()}))
            .unwrap();
    }
    for (name, dead) in [("jobs", "jobs-dead"), ("jobs-dead", "jobs")] {
        let redrive = json!({"deadLetterTargetArn": arn("sqs", dead), "maxReceiveCount": 3}).to_string();
        let input = json!({"QueueUrl": format!("https://x/{name}"), "Attributes": {"RedrivePolicy": redrive}});
        account.ask::<sqs::SetQueueAttributes>(&home, input).unwrap();
    }
    account
        .ask::<sns::CreateTopic>(&home, json!({"Name": "news", "Tags": list()}))
        .unwrap();
    let subscription = json!({"TopicArn": arn("sns", "news"), "Protocol": "sqs", "Endpoint": arn("sqs", "jobs")});
    account.ask::<sns::Subscribe>(&home, subscription).unwrap();
    account
        .ask::<events::CreateEventBus>(&home, json!({"Name": "shop", "Tags": list()}))
        .unwrap();
    let rule =
        json!({"Name": "paid", "EventBusName": "shop", "EventPattern": "{\"source\": [\"shop\"]}", "Tags": list()});
    account.ask::<events::PutRule>(&home, rule).unwrap();
    let targets = json!([{"Id": "q", "Arn": arn("sqs", "jobs")}, {"Id": "f", "Arn": arn("lambda", "function:bill")}]);
    let input = json!({"Rule": "paid", "EventBusName": "shop", "Targets": targets});
    account.ask::<events::PutTargets>(&home, input).unwrap();
    account
        .ask::<scheduler::CreateScheduleGroup>(&home, json!({"Name": "nightly", "Tags": list()}))
        .unwrap();
    let schedule = json!({
        "Name": "clean", "GroupName": "nightly", "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED", "Target": {"Arn": arn("lambda", "function:bill"), "RoleArn": "arn:aws:iam::111122223333:role/bill"},
    });
    account.ask::<scheduler::CreateSchedule>(&home, schedule).unwrap();
    let mapping =
        json!({"FunctionName": arn("lambda", "function:bill"), "EventSourceArn": arn("sqs", "jobs"), "Tags": tags()});
    account.ask::<lambda::CreateEventSourceMapping>(&home, mapping).unwrap();
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    world
}

/// Everything that the restored application is made of, as the services tell it.
pub async fn documents(world: &World, prefix: &str) -> BTreeMap<String, Document> {
    let mut documents = BTreeMap::new();
    for (kind, name) in [
        (Kind::SqsQueue, format!("{prefix}jobs")),
        (Kind::SqsQueue, format!("{prefix}jobs-dead")),
        (Kind::SnsTopic, format!("{prefix}news")),
        (Kind::EventBus, format!("{prefix}shop")),
        (Kind::EventRule, format!("{prefix}shop/{prefix}paid")),
        (Kind::ScheduleGroup, format!("{prefix}nightly")),
    ] {
        let id = ResourceId::new(kind, home_region(), &name).unwrap();
        let read = wiring::read(world.resources.wiring(), &id).await;
        let document = read.unwrap_or_else(|error| panic!("{id}: {error}")).document;
        documents.insert(id.to_string(), document);
    }
    documents
}

/// The mappings of a function, and whether each is on.
pub fn mappings(world: &World, function: &str) -> Vec<(String, bool)> {
    let input = json!({"FunctionName": arn("lambda", &format!("function:{function}"))});
    let found = world
        .resources
        .wiring()
        .ask::<lambda::ListEventSourceMappings>(&home_region(), input)
        .unwrap();
    let list = found["EventSourceMappings"].as_array().unwrap().clone();
    let state = |one: &Value| {
        (
            one["EventSourceArn"].as_str().unwrap().to_owned(),
            one["State"] == "Enabled",
        )
    };
    list.iter().map(state).collect()
}

/// Adds the function, selected by its tag.
pub fn add_bill(world: &World, function: &FunctionConfig) {
    world.functions.add("bill", function, &sample::archives());
    world
        .resources
        .add(&world.functions.arn("bill"), &[("backup", "standard")]);
}

/// A restore of all that the plan has, to a target.
pub fn event(target: Value) -> Value {
    json!({ "application": {"plan": "standard"}, "target": target })
}

/// Sends an event to restore.
pub async fn restore(world: &World, event: Value) -> Result<Report, Failure> {
    world
        .restore()
        .run_application(Request::parse(event)?, &world.clock)
        .await
}

/// Word by target.
pub fn words(report: &Report) -> BTreeMap<String, String> {
    let word = |outcome: &holdfast_catalog::Outcome| {
        let word = outcome.details.get("word").and_then(Value::as_str).unwrap_or_default();
        (outcome.subject.clone(), word.to_owned())
    };
    report.outcomes.iter().map(word).collect()
}

/// What a restored function is: the things that name others.
pub async fn names_of(world: &World, function: &str) -> (BTreeMap<String, String>, Vec<(Option<String>, bool)>) {
    let found = read_function(&world.functions, function).await.unwrap().config;
    let environment = found.latest.settings.environment.unwrap_or_default().reveal().clone();
    let sources = found
        .event_sources
        .into_iter()
        .map(|source| (source.source_arn, source.enabled));
    (environment, sources.collect())
}
