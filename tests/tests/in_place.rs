//! What is there and another, changed where that was asked for: after a point of it was taken, and never without.

use bytes::Bytes;
use holdfast_catalog::{PointId, Report, ReportStatus};
use holdfast_sources::call::{events, sqs};
use holdfast_sources::dynamodb::port::{ApplyTableSettings as _, ReadTable as _, TableSetting};
use holdfast_sources::lambda::port::FetchCode as _;
use holdfast_sources::lambda::read_function;
use holdfast_tests::shop::{arn, documents, event, restore, wired, words};
use holdfast_tests::{World, home_region, order_in, sample};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use serde_json::{Value, json};

const QUEUE: &str = "sqs-queue/eu-central-1/jobs";
const TABLE: &str = "dynamodb-table/eu-central-1/orders";
const FUNCTION: &str = "lambda-function/eu-central-1/bill";
const RULE: &str = "event-rule/eu-central-1/shop/paid";

/// Somebody changes a queue, a rule, a table and a function after they were backed up.
async fn spoil(world: &World) {
    let (account, home) = (world.resources.wiring(), home_region());
    world.later(SignedDuration::from_mins(5));
    set_delay(world, "900");
    let rule = json!({"Name": "paid", "EventBusName": "shop", "EventPattern": "{\"source\": [\"other\"]}"});
    account.ask::<events::PutRule>(&home, rule).unwrap();
    let tags = TableSetting::Tags(vec![("team".to_owned(), "others".to_owned())]);
    world.tables.apply("orders", &tags).await.unwrap();
    world.tables.put("orders", order_in(500, "new"));
    let mut function = sample::function();
    function.latest.settings.memory_mb = 3008;
    function.event_sources.clear();
    world.functions.add("bill", &function, &sample::archives());
}

/// Somebody publishes another version, points the alias to it and takes smaller batches.
async fn release_another(world: &World) {
    world.later(SignedDuration::from_mins(5));
    let mut function = read_function(&world.functions, "bill").await.unwrap().config;
    function.versions.insert(4, function.latest.clone());
    function.aliases.get_mut("live").unwrap().version = "4".to_owned();
    function.event_sources[0]
        .settings
        .insert("BatchSize".to_owned(), json!(1));
    world.functions.lose_mappings("bill");
    world.functions.add("bill", &function, &sample::archives());
}

/// What customers run.
async fn live_code(world: &World) -> Bytes {
    world.functions.fetch_code("bill", Some("live"), 1 << 20).await.unwrap()
}

fn set_delay(world: &World, seconds: &str) {
    let input = json!({"QueueUrl": "https://x/jobs", "Attributes": {"DelaySeconds": seconds}});
    world
        .resources
        .wiring()
        .ask::<sqs::SetQueueAttributes>(&home_region(), input)
        .unwrap();
}

fn in_place(resources: &[&str]) -> Value {
    json!({ "application": {"resources": resources, "at": "2026-11-21T04:01:00Z"}, "in_place": true })
}

fn undo_of(report: &Report, resource: &str) -> PointId {
    let outcome = report.outcomes.iter().find(|one| one.subject == resource).unwrap();
    outcome.details["undo"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_was_changed_is_as_it_was_and_its_items_are_not_touched() {
    let world = wired().await;
    let before = documents(&world, "").await;
    let (config, function) = (
        world.tables.config("orders"),
        read_function(&world.functions, "bill").await.unwrap(),
    );
    spoil(&world).await;
    let items = world.tables.items("orders");
    let report = restore(&world, in_place(&[QUEUE, RULE, TABLE, FUNCTION]))
        .await
        .unwrap();
    let said = words(&report);
    for resource in [QUEUE, RULE, TABLE, FUNCTION] {
        assert_eq!(said[resource], "changed", "{report:#?}");
    }
    assert_eq!(documents(&world, "").await, before);
    assert_eq!(world.tables.config("orders"), config);
    assert_eq!(world.tables.items("orders"), items);
    let now = read_function(&world.functions, "bill").await.unwrap().config;
    assert_eq!(
        now.latest.settings.memory_mb, function.config.latest.settings.memory_mb,
        "{report:#?}"
    );
    for resource in [QUEUE, RULE, TABLE, FUNCTION] {
        let undo = undo_of(&report, resource);
        assert!(world.catalogue().await.get(&undo).is_some_and(|entry| entry.is_good()));
    }
}

#[tokio::test]
async fn the_point_that_was_taken_first_undoes_the_change() {
    let world = wired().await;
    spoil(&world).await;
    let spoilt = documents(&world, "").await;
    let report = restore(&world, in_place(&[QUEUE])).await.unwrap();
    assert_ne!(documents(&world, "").await, spoilt);
    world.later(SignedDuration::from_mins(5));
    let undo = json!({"application": {"points": [undo_of(&report, QUEUE).to_string()]}, "in_place": true});
    let report = restore(&world, undo).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    assert_eq!(documents(&world, "").await, spoilt);
}

#[tokio::test]
async fn an_alias_runs_the_code_of_the_point_again_and_its_mapping_is_as_it_was() {
    let world = wired().await;
    let before = read_function(&world.functions, "bill").await.unwrap().config;
    let [latest, third] = sample::archives();
    release_another(&world).await;
    assert_eq!(live_code(&world).await, latest);
    let report = restore(&world, in_place(&[FUNCTION])).await.unwrap();
    assert_eq!(words(&report)[FUNCTION], "changed", "{report:#?}");
    assert_eq!(live_code(&world).await, third);
    let now = read_function(&world.functions, "bill").await.unwrap().config;
    assert_eq!(now, before);
}

#[tokio::test]
async fn the_change_of_a_function_can_be_undone() {
    let world = wired().await;
    release_another(&world).await;
    let released = read_function(&world.functions, "bill").await.unwrap().config;
    let report = restore(&world, in_place(&[FUNCTION])).await.unwrap();
    world.later(SignedDuration::from_mins(5));
    let undo = json!({"application": {"points": [undo_of(&report, FUNCTION).to_string()]}, "in_place": true});
    let report = restore(&world, undo).await.unwrap();
    assert_eq!(words(&report)[FUNCTION], "changed", "{report:#?}");
    let now = read_function(&world.functions, "bill").await.unwrap().config;
    assert_eq!(now, released);
    assert_eq!(live_code(&world).await, sample::archives()[0]);
}

#[tokio::test]
async fn what_read_a_table_that_was_made_again_reads_its_present_stream() {
    let world = wired().await;
    let before = world.tables.read_table("orders").await.unwrap().stream_arn;
    world.later(SignedDuration::from_mins(5));
    let (config, items) = (world.tables.config("orders"), world.tables.items("orders"));
    world.tables.lose("orders");
    world.tables.add("orders", &config, items);
    let now = world.tables.read_table("orders").await.unwrap().stream_arn;
    assert_ne!(now, before);
    let report = restore(&world, in_place(&[FUNCTION])).await.unwrap();
    assert_eq!(words(&report)[FUNCTION], "changed", "{report:#?}");
    let sources = read_function(&world.functions, "bill")
        .await
        .unwrap()
        .config
        .event_sources;
    let present = sources.iter().find(|source| source.source_arn == now).unwrap();
    assert!(present.enabled && sources.len() == 2, "{sources:#?}");
    let points = world.catalogue().await.points.len();
    let report = restore(&world, in_place(&[FUNCTION])).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    assert_eq!(world.catalogue().await.points.len(), points, "it is as it should be");
}

#[tokio::test]
async fn without_a_point_nothing_is_changed() {
    let world = wired().await;
    spoil(&world).await;
    let spoilt = documents(&world, "").await;
    let points = world.catalogue().await.points.len();
    let denied = PortError::Denied("planted by a test".to_owned());
    world.script.fail_named("take_point", denied);
    let report = restore(&world, in_place(&[QUEUE])).await.unwrap();
    assert_eq!(report.status, ReportStatus::Failed, "{report:#?}");
    let message = &report.outcomes[0].message;
    assert!(message.contains("no point of it could be taken"), "{message}");
    assert_eq!(documents(&world, "").await, spoilt);
    assert_eq!(world.catalogue().await.points.len(), points);
}

#[tokio::test]
async fn what_a_restore_finished_once_and_somebody_changed_since_is_changed_back_too() {
    let world = wired().await;
    let mut event = event(json!({"prefix": "new-"}));
    event["application"] = json!({"resources": [QUEUE], "at": "2026-11-21T04:01:00Z"});
    restore(&world, event.clone()).await.unwrap();
    let made = |world: &World| {
        let input = json!({"QueueUrl": "https://x/new-jobs", "AttributeNames": ["All"]});
        let answer = world
            .resources
            .wiring()
            .ask::<sqs::GetQueueAttributes>(&home_region(), input)
            .unwrap();
        answer["Attributes"]["DelaySeconds"].clone()
    };
    let before = made(&world);
    let input = json!({"QueueUrl": "https://x/new-jobs", "Attributes": {"DelaySeconds": "77"}});
    world
        .resources
        .wiring()
        .ask::<sqs::SetQueueAttributes>(&home_region(), input)
        .unwrap();
    event["in_place"] = json!(true);
    let report = restore(&world, event).await.unwrap();
    assert_eq!(made(&world), before, "{report:#?}");
    assert_eq!(words(&report)["sqs-queue/eu-central-1/new-jobs"], "changed");
}

#[tokio::test]
async fn what_is_equal_is_left_alone_and_no_point_of_it_is_taken() {
    let world = wired().await;
    let points = world.catalogue().await.points.len();
    let report = restore(&world, in_place(&[QUEUE, RULE, TABLE])).await.unwrap();
    assert!(words(&report).values().all(|word| word == "adopted"), "{report:#?}");
    assert_eq!(world.catalogue().await.points.len(), points);
}

#[tokio::test]
async fn what_is_there_and_should_not_be_stays_and_is_left_to_a_person() {
    let world = wired().await;
    world.later(SignedDuration::from_mins(5));
    let more = json!([{"Id": "more", "Arn": arn("sqs", "jobs-dead")}]);
    let input = json!({"Rule": "paid", "EventBusName": "shop", "Targets": more});
    world
        .resources
        .wiring()
        .ask::<events::PutTargets>(&home_region(), input)
        .unwrap();
    let changed = documents(&world, "").await;
    let report = restore(&world, in_place(&[RULE])).await.unwrap();
    assert_eq!(words(&report)[RULE], "needs a person", "{report:#?}");
    assert_eq!(documents(&world, "").await, changed);
}

#[tokio::test]
async fn while_the_point_is_being_taken_the_restore_waits_for_it() {
    let world = wired().await;
    spoil(&world).await;
    // So little time that no point is asked for: the next invocation has more.
    world.clock.set_remaining(SignedDuration::from_mins(3));
    let report = restore(&world, in_place(&[QUEUE])).await.unwrap();
    assert_eq!(report.status, ReportStatus::Continuing, "{report:#?}");
    let task = world.outbox.take_tasks().pop().unwrap();
    assert!(task.delay_seconds > 0);
    world.later(SignedDuration::from_mins(1));
    let next: Value = serde_json::from_str(&task.body).unwrap();
    let report = restore(&world, next).await.unwrap();
    assert_eq!(words(&report)[QUEUE], "changed", "{report:#?}");
}

#[tokio::test]
async fn what_a_change_did_away_with_is_never_the_latest_point() {
    let world = wired().await;
    spoil(&world).await;
    let report = restore(&world, in_place(&[QUEUE])).await.unwrap();
    let undo = undo_of(&report, QUEUE);
    world.later(SignedDuration::from_mins(5));
    let latest = json!({"application": {"resources": [QUEUE]}, "target": {"prefix": "new-"}});
    let report = restore(&world, latest).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    let copy = documents(&world, "").await[QUEUE].config.clone();
    let input = json!({"QueueUrl": "https://x/new-jobs", "AttributeNames": ["All"]});
    let account = world.resources.wiring();
    let made = account.ask::<sqs::GetQueueAttributes>(&home_region(), input).unwrap();
    assert_eq!(
        made["Attributes"]["DelaySeconds"], copy["Attributes"]["DelaySeconds"],
        "{undo}"
    );
}
