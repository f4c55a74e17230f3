//! An application brought back as one: under new names, under its own, step by step, and through every interruption.

use std::collections::BTreeMap;

use holdfast_catalog::{OutcomeStatus, Report, ReportStatus};
use holdfast_lambda::Failure;
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::{Environment, FunctionConfig, read_function};
use holdfast_testkit::Moment;
use holdfast_tests::checks::lines;
use holdfast_tests::{World, sample};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use restore::application::Request;
use serde_json::{Value, json};

/// A table with a stream, and a function that the stream triggers and that knows the table by name and by ARN.
async fn shop() -> World {
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

fn add_bill(world: &World, function: &FunctionConfig) {
    world.functions.add("bill", function, &sample::archives());
    world
        .resources
        .add(&world.functions.arn("bill"), &[("backup", "standard")]);
}

fn event(target: Value) -> Value {
    json!({ "application": {"plan": "standard"}, "target": target })
}

async fn restore(world: &World, event: Value) -> Result<Report, Failure> {
    world
        .restore()
        .run_application(Request::parse(event)?, &world.clock)
        .await
}

/// Word by target.
fn words(report: &Report) -> BTreeMap<String, String> {
    let word = |outcome: &holdfast_catalog::Outcome| {
        let word = outcome.details.get("word").and_then(Value::as_str).unwrap_or_default();
        (outcome.subject.clone(), word.to_owned())
    };
    report.outcomes.iter().map(word).collect()
}

/// What a restored function is: the things that name others.
async fn wiring(world: &World, function: &str) -> (BTreeMap<String, String>, Vec<(Option<String>, bool)>) {
    let found = read_function(&world.functions, function).await.unwrap().config;
    let environment = found.latest.settings.environment.unwrap_or_default().reveal().clone();
    let sources = found
        .event_sources
        .into_iter()
        .map(|source| (source.source_arn, source.enabled));
    (environment, sources.collect())
}

#[tokio::test]
async fn under_new_names_everything_points_to_the_new_resources_and_nothing_to_the_old() {
    let world = shop().await;
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Partial, "{report:#?}");
    let (environment, sources) = wiring(&world, "new-bill").await;
    let stream = world.tables.read_table("new-orders").await.unwrap().stream_arn;
    assert_eq!(sources, [(stream, false)]);
    assert_eq!(environment["TABLE"], "new-orders");
    assert_eq!(
        environment["INDEX"],
        format!("{}/index/by-state", world.tables.arn("new-orders"))
    );
    assert_eq!(environment["OTHER"], format!("{}-archive", world.tables.arn("orders")));
    assert_eq!(lines(&world, "new-orders"), lines(&world, "orders"));
}

#[tokio::test]
async fn under_their_own_names_lost_resources_come_back_and_those_that_are_there_are_adopted() {
    let world = shop().await;
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    let report = restore(&world, event(json!({}))).await.unwrap();
    let words = words(&report);
    assert_eq!(words["dynamodb-table/eu-central-1/orders"], "adopted", "{report:#?}");
    let (environment, sources) = wiring(&world, "bill").await;
    let stream = world.tables.read_table("orders").await.unwrap().stream_arn;
    assert_eq!(
        (environment["TABLE"].as_str(), sources),
        ("orders", vec![(stream, false)])
    );
}

#[tokio::test]
async fn what_is_there_and_another_is_left_alone_and_what_needs_it_is_not_tried() {
    let world = shop().await;
    let mut other = world.tables.config("orders");
    other.tags.insert("team".to_owned(), "others".to_owned());
    world.tables.add("new-orders", &other, []);
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Failed, "{report:#?}");
    let failed = &report.outcomes[0];
    assert!(
        failed.message.contains("tags.team: \"others\" → \"shop\""),
        "{}",
        failed.message
    );
    assert!(report.outcomes[1].message.contains("not tried"), "{report:#?}");
    assert_eq!(world.tables.config("new-orders"), other);
    assert!(!world.functions.names().contains(&"new-bill".to_owned()));
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let world = shop().await;
    world.script.restart();
    let mut event = event(json!({"prefix": "new-"}));
    event["dry_run"] = json!(true);
    let report = restore(&world, event).await.unwrap();
    assert!(world.script.changes().is_empty(), "{:?}", world.script.changes());
    let shown = report.notes.join("\n");
    for line in [
        "1. create dynamodb-table/eu-central-1/new-orders (was dynamodb-table/eu-central-1/orders)",
        "2. create lambda-function/eu-central-1/new-bill",
        "latest.settings.environment.TABLE: orders → new-orders",
        "then, when it is asked for:",
        "3. switch on lambda-function/eu-central-1/new-bill",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(
        report
            .outcomes
            .iter()
            .all(|outcome| outcome.status == OutcomeStatus::Planned)
    );
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_before_anything_is_done() {
    let world = shop().await;
    world.script.restart();
    let result = restore(&world, event(json!({"suffix": "-".repeat(64)}))).await;
    let Err(Failure::InvalidRequest(why)) = result else {
        panic!("{result:?}")
    };
    assert!(why.contains("shorten prefix or suffix by 4"), "{why}");
    assert!(world.script.changes().is_empty());
}

#[tokio::test]
async fn the_time_that_is_asked_for_and_the_lost_home_decide_which_points_are_taken() {
    let world = shop().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    let early = json!({"application": {"tag": {"backup": "standard"}, "at": "2026-11-20T00:00:00Z"}});
    let result = restore(&world, early).await;
    assert!(
        matches!(result, Err(Failure::Port(PortError::NotFound(_)))),
        "{result:?}"
    );
    let mut replica = event(json!({"prefix": "new-"}));
    replica["from"] = json!("replica");
    replica["dry_run"] = json!(true);
    let report = restore(&world, replica).await.unwrap();
    assert!(report.notes[0].contains("vault replica"), "{:?}", report.notes);
    assert_eq!(report.count(OutcomeStatus::Planned), 3);
}

#[tokio::test]
async fn a_resource_without_a_good_point_is_said_and_stops_no_other() {
    let world = shop().await;
    let event = json!({
        "application": {"resources": ["dynamodb-table/eu-central-1/orders", "dynamodb-table/eu-central-1/gone"]},
        "target": {"suffix": "-2"},
    });
    let report = restore(&world, event).await.unwrap();
    let words = words(&report);
    assert_eq!(words["dynamodb-table/eu-central-1/gone"], "failed");
    assert!(world.tables.names().contains(&"orders-2".to_owned()), "{words:?}");
}

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

#[tokio::test]
async fn killed_at_any_call_and_sent_again_it_ends_as_uncut() {
    let event = || event(json!({"prefix": "new-"}));
    let uncut = shop().await;
    uncut.script.restart();
    restore(&uncut, event()).await.unwrap();
    let calls = uncut.script.calls();
    let expected = (wiring(&uncut, "new-bill").await, uncut.tables.config("new-orders"));
    assert!(calls.len() > 30, "only {} calls", calls.len());
    for call in &calls {
        for moment in [Moment::Before, Moment::After] {
            let world = shop().await;
            world.script.restart();
            world.script.kill_at(call.number, moment);
            let when = format!(
                "killed {moment:?} call {} ({} {})",
                call.number, call.name, call.subject
            );
            let cut = restore(&world, event()).await;
            world.script.heal();
            let mut last = None;
            for _ in 0..3 {
                world.later(SignedDuration::from_mins(1));
                last = Some(restore(&world, event()).await.unwrap());
            }
            let last = last.unwrap();
            assert_eq!(last.count(OutcomeStatus::Failed), 0, "{when}: {cut:#?} {last:#?}");
            let ended = (wiring(&world, "new-bill").await, world.tables.config("new-orders"));
            assert_eq!(ended, expected, "{when}");
            assert_eq!(lines(&world, "new-orders"), lines(&world, "orders"), "{when}");
        }
    }
}
