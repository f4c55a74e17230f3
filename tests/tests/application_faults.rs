//! An application's restore through every interruption: killed, refused or throttled at any call and sent again, it ends as one that
//! was left alone.

use holdfast_catalog::{OutcomeStatus, ReportStatus};
use holdfast_sources::call::{events, sqs};
use holdfast_sources::dynamodb::port::{ApplyTableSettings as _, TableSetting};
use holdfast_testkit::Moment;
use holdfast_tests::checks::lines;
use holdfast_tests::shop::{documents, event, names_of, restore, shop, wired};
use holdfast_tests::{World, home_region};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use serde_json::{Value, json};

#[tokio::test]
async fn when_time_is_short_the_rest_goes_on_by_the_queue_with_the_points_that_were_chosen() {
    let world = shop().await;
    world.clock.set_remaining(SignedDuration::from_secs(30));
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Continuing, "{report:#?}");
    let tasks = world.outbox.take_tasks();
    let next: Value = serde_json::from_str(&tasks.last().unwrap().body).unwrap();
    assert_eq!(next["application"]["points"].as_array().unwrap().len(), 2);
    assert_eq!(next["target"]["prefix"], "new-");
    world.later(SignedDuration::from_hours(1));
    let report = restore(&world, next).await.unwrap();
    assert!(world.functions.names().contains(&"new-bill".to_owned()), "{report:#?}");
}

/// Does to each call of a restore what can happen to it (the invocation dies before or after it; it fails in one way or another),
/// sends the event again, and compares what comes of it with what comes of an uncut restore.
async fn disturb<S: PartialEq + std::fmt::Debug>(
    begin: impl AsyncFn() -> World,
    event: Value,
    state: impl AsyncFn(&World) -> S,
) {
    let uncut = begin().await;
    uncut.script.restart();
    restore(&uncut, event.clone()).await.unwrap();
    let calls = uncut.script.calls();
    let expected = state(&uncut).await;
    assert!(calls.len() > 30, "only {} calls", calls.len());
    for call in &calls {
        for fault in 0..4 {
            let world = begin().await;
            world.script.restart();
            let planted = || "planted by a test".to_owned();
            let fail = |moment, error| world.script.fail(call.number, moment, error);
            match fault {
                0 if call.number % 2 == 0 => world.script.kill_at(call.number, Moment::Before),
                0 => world.script.kill_at(call.number, Moment::After),
                1 => fail(Moment::Before, PortError::Throttled(planted())),
                2 => fail(Moment::Before, PortError::Denied(planted())),
                _ => fail(Moment::After, PortError::Unavailable(planted())),
            }
            let when = format!("fault {fault} at call {} ({} {})", call.number, call.name, call.subject);
            let cut = restore(&world, event.clone()).await;
            world.script.heal();
            let mut again = None;
            for _ in 0..2 {
                world.later(SignedDuration::from_mins(1));
                again = Some(restore(&world, event.clone()).await.unwrap());
            }
            let again = again.unwrap();
            assert_eq!(again.count(OutcomeStatus::Failed), 0, "{when}: {cut:#?} {again:#?}");
            assert_eq!(again.status, ReportStatus::Completed, "{when}: {cut:#?} {again:#?}");
            assert_eq!(state(&world).await, expected, "{when}");
        }
    }
}

#[tokio::test]
async fn disturbed_at_any_call_and_sent_again_it_ends_as_uncut() {
    let state = async |world: &World| {
        let names = names_of(world, "new-bill").await;
        (names, world.tables.config("new-orders"), lines(world, "new-orders"))
    };
    disturb(shop, event(json!({"prefix": "new-"})), state).await;
}

#[tokio::test]
async fn wiring_disturbed_at_any_call_and_sent_again_ends_as_uncut() {
    let event = json!({
        "application": {"resources": [
            "sqs-queue/eu-central-1/jobs", "sqs-queue/eu-central-1/jobs-dead", "sns-topic/eu-central-1/news",
            "event-bus/eu-central-1/shop", "event-rule/eu-central-1/shop/paid", "schedule-group/eu-central-1/nightly",
        ]},
        "target": {"prefix": "new-"},
        "switch_on": true,
    });
    disturb(wired, event, async |world: &World| documents(world, "new-").await).await;
}

#[tokio::test]
async fn a_change_in_place_disturbed_at_any_call_and_sent_again_ends_as_uncut() {
    let spoilt = async || {
        let world = wired().await;
        world.later(SignedDuration::from_mins(5));
        let queue = json!({"QueueUrl": "https://x/jobs", "Attributes": {"DelaySeconds": "900"}});
        let rule = json!({"Name": "paid", "EventBusName": "shop", "EventPattern": "{\"source\": [\"other\"]}"});
        let account = world.resources.wiring();
        account.ask::<sqs::SetQueueAttributes>(&home_region(), queue).unwrap();
        account.ask::<events::PutRule>(&home_region(), rule).unwrap();
        let tags = TableSetting::Tags(vec![("team".to_owned(), "others".to_owned())]);
        world.tables.apply("orders", &tags).await.unwrap();
        world
    };
    let event = json!({
        "application": {"resources": [
            "sqs-queue/eu-central-1/jobs", "event-rule/eu-central-1/shop/paid", "dynamodb-table/eu-central-1/orders",
        ], "at": "2026-11-21T04:01:00Z"},
        "in_place": true,
    });
    let state = async |world: &World| (documents(world, "").await, world.tables.config("orders"));
    disturb(spoilt, event, state).await;
}
