//! Configuration kinds through the functions: a tick protects what the policy selects, and a lost resource comes back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;

use holdfast_catalog::{Kind, OutcomeStatus, ReportStatus, ResourceId, layout};
use holdfast_sources::call::{events, scheduler, sns, sqs};
use holdfast_sources::wiring::{self, Document};
use holdfast_tests::{World, home_region};
use holdfast_vault::{PortError, keys};
use jiff::SignedDuration;
use serde_json::{Value, json};

const TAGS: [(&str, &str); 1] = [("backup", "standard")];

fn tag_list() -> Value {
    TAGS.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

/// A queue with a dead-letter queue, a topic that feeds it, a bus with a rule, a group with a schedule.
fn wired() -> World {
    let world = World::default();
    let (account, home) = (world.resources.wiring(), home_region());
    let queue = |name: &str| json!({"QueueName": name, "Attributes": {"VisibilityTimeout": "60"}, "tags": BTreeMap::from(TAGS)});
    account.ask::<sqs::CreateQueue>(&home, queue("orders-dlq")).unwrap();
    account.ask::<sqs::CreateQueue>(&home, queue("orders")).unwrap();
    let redrive =
        json!({"deadLetterTargetArn": "arn:aws:sqs:eu-central-1:111122223333:orders-dlq", "maxReceiveCount": 3});
    let attributes = json!({"QueueUrl": "https://x/orders", "Attributes": {"RedrivePolicy": redrive.to_string()}});
    account.ask::<sqs::SetQueueAttributes>(&home, attributes).unwrap();
    let topic = account
        .ask::<sns::CreateTopic>(&home, json!({"Name": "news", "Tags": tag_list()}))
        .unwrap();
    let subscription = json!({"TopicArn": topic["TopicArn"], "Protocol": "sqs", "Endpoint": "arn:aws:sqs:eu-central-1:111122223333:orders"});
    account.ask::<sns::Subscribe>(&home, subscription).unwrap();
    account
        .ask::<events::CreateEventBus>(&home, json!({"Name": "shop", "Tags": tag_list()}))
        .unwrap();
    let rule =
        json!({"Name": "paid", "EventBusName": "shop", "EventPattern": "{\"source\": [\"shop\"]}", "Tags": tag_list()});
    account.ask::<events::PutRule>(&home, rule).unwrap();
    let target = json!({"Rule": "paid", "EventBusName": "shop", "Targets": [{"Id": "q", "Arn": "arn:aws:sqs:eu-central-1:111122223333:orders"}]});
    account.ask::<events::PutTargets>(&home, target).unwrap();
    account
        .ask::<scheduler::CreateScheduleGroup>(&home, json!({"Name": "nightly", "Tags": tag_list()}))
        .unwrap();
    world
}

const PROTECTED: [(Kind, &str); 6] = [
    (Kind::SqsQueue, "orders"),
    (Kind::SqsQueue, "orders-dlq"),
    (Kind::SnsTopic, "news"),
    (Kind::EventBus, "shop"),
    (Kind::EventRule, "shop/paid"),
    (Kind::ScheduleGroup, "nightly"),
];

fn id(kind: Kind, name: &str) -> ResourceId {
    ResourceId::new(kind, home_region(), name).unwrap()
}

async fn read(world: &World, id: &ResourceId) -> Result<Document, PortError> {
    Ok(wiring::read(world.resources.wiring(), id).await?.document)
}

async fn restore(world: &World, event: Value) -> holdfast_catalog::Report {
    let request = restore::Request::parse(event).unwrap();
    world.restore().run(request, &world.clock).await.unwrap()
}

#[tokio::test]
async fn what_the_policy_selects_is_protected_lost_and_brought_back() {
    let world = wired();
    let report = world.tick().await;
    assert_eq!(report.status, ReportStatus::Completed, "{report:?}");
    let mut before = Vec::new();
    for (kind, name) in PROTECTED {
        before.push(read(&world, &id(kind, name)).await.unwrap());
    }
    world.resources.wiring().destroy(&home_region());
    for ((kind, name), document) in PROTECTED.iter().zip(before) {
        let id = id(*kind, name);
        assert!(matches!(read(&world, &id).await, Err(PortError::NotFound(_))), "{id}");
        let event = json!({"resource": id.to_string(), "target": {"name": name}, "triggers": "as-before"});
        let report = restore(&world, event.clone()).await;
        assert_eq!(report.status, ReportStatus::Completed, "{id}: {report:?}");
        assert_eq!(read(&world, &id).await.unwrap(), document, "{id}");
        let again = restore(&world, event).await;
        assert_eq!(again.outcomes[0].status, OutcomeStatus::Unchanged, "{id}: {again:?}");
    }
}

#[tokio::test]
async fn an_unchanged_resource_costs_one_manifest() {
    let world = wired();
    world.tick().await;
    let blobs = keys(&world.home, layout::BLOBS).await.unwrap().len();
    // The bus and the group are a name and the same tags: one document. The policy in force is one more.
    assert_eq!(blobs, PROTECTED.len());
    world.clock.advance(SignedDuration::from_hours(1));
    world.clock.set_remaining(SignedDuration::from_mins(15));
    let report = world.tick().await;
    assert_eq!(report.status, ReportStatus::Completed, "{report:?}");
    assert_eq!(keys(&world.home, layout::BLOBS).await.unwrap().len(), blobs);
    assert_eq!(
        keys(&world.home, layout::POINTS).await.unwrap().len(),
        2 * PROTECTED.len()
    );
}

#[tokio::test]
async fn without_a_name_the_new_one_tells_of_its_point_and_the_old_one_stays() {
    let world = wired();
    world.tick().await;
    for (kind, name) in [(Kind::SqsQueue, "orders"), (Kind::EventRule, "shop/paid")] {
        let report = restore(&world, json!({"resource": id(kind, name).to_string()})).await;
        let subject = &report.outcomes[0].subject;
        let made: ResourceId = subject.parse().unwrap();
        assert!(made.name.starts_with(&format!("{name}-restored-2026")), "{subject}");
        assert!(read(&world, &made).await.is_ok(), "{subject}");
    }
    let report = restore(
        &world,
        json!({"resource": id(Kind::EventRule, "shop/paid").to_string(), "target": {"name": "again"}}),
    )
    .await;
    assert_eq!(report.outcomes[0].subject, "event-rule/eu-central-1/shop/again");
    // Switched off, and said so.
    assert_eq!(report.status, ReportStatus::Partial, "{report:?}");
}

#[tokio::test]
async fn what_is_there_and_another_one_is_refused_with_the_differences() {
    let world = wired();
    world.tick().await;
    let change = json!({"QueueUrl": "https://x/orders", "Attributes": {"VisibilityTimeout": "5"}});
    world
        .resources
        .wiring()
        .ask::<sqs::SetQueueAttributes>(&home_region(), change)
        .unwrap();
    let queue = id(Kind::SqsQueue, "orders").to_string();
    let report = restore(&world, json!({"resource": queue, "target": {"name": "orders"}})).await;
    assert_eq!(report.status, ReportStatus::Failed, "{report:?}");
    let message = &report.outcomes[0].message;
    assert!(
        message.contains("VisibilityTimeout is \"5\" instead of \"60\""),
        "{message}"
    );
}
