//! Function URLs get new addresses: what named an old one names the new one afterwards.

use std::collections::BTreeMap;

use holdfast_catalog::{Report, ReportStatus};
use holdfast_sources::lambda::{Beside, Environment, FunctionConfig, read_function};
use holdfast_tests::{World, sample};
use restore::application::Request;
use serde_json::{Value, json};

/// A function with a URL, and one whose name comes first and that calls the other by it.
async fn shop() -> World {
    let world = World::with_orders(1);
    let mut bill = sample::function();
    bill.event_sources.clear();
    let config = json!({ "AuthType": "AWS_IAM" });
    let configs = config.as_object().map(|config| ("live".to_owned(), config.clone()));
    bill.beside.insert(Beside::Url, configs.into_iter().collect());
    let mut front = FunctionConfig {
        event_sources: Vec::new(),
        ..sample::function()
    };
    let address = world.functions.url("bill", "live");
    front.latest.settings.environment = Some(Environment::new(BTreeMap::from([
        ("BILL".to_owned(), format!("{address}orders?id=1")),
        ("BARE".to_owned(), address.trim_end_matches('/').to_owned()),
    ])));
    for (name, function) in [("bill", &bill), ("a-front", &front)] {
        world.functions.add(name, function, &sample::archives());
        world
            .resources
            .add(&world.functions.arn(name), &[("backup", "standard")]);
    }
    world.tick().await;
    world
}

async fn restore(world: &World, mut event: Value) -> Report {
    event["application"] = json!({"resources": [
        "lambda-function/eu-central-1/a-front", "lambda-function/eu-central-1/bill",
    ]});
    let request = Request::parse(event).unwrap();
    world.restore().run_application(request, &world.clock).await.unwrap()
}

async fn environment(world: &World, function: &str) -> BTreeMap<String, String> {
    let found = read_function(&world.functions, function).await.unwrap().config;
    found.latest.settings.environment.unwrap_or_default().reveal().clone()
}

#[tokio::test]
async fn what_calls_a_function_by_its_address_is_made_after_it_and_calls_the_new_one() {
    let world = shop().await;
    for _ in 0..2 {
        let report = restore(&world, json!({"target": {"prefix": "new-"}})).await;
        assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
        let address = world.functions.url("new-bill", "live");
        let environment = environment(&world, "new-a-front").await;
        assert_eq!(environment["BILL"], format!("{address}orders?id=1"));
        assert_eq!(environment["BARE"], address.trim_end_matches('/'));
    }
}

#[tokio::test]
async fn a_dry_run_makes_the_called_first_and_says_what_is_not_known_yet() {
    let world = shop().await;
    let report = restore(&world, json!({"target": {"prefix": "new-"}, "dry_run": true})).await;
    let notes = report.notes.join("\n");
    assert!(
        notes.contains("1. create lambda-function/eu-central-1/new-bill"),
        "{notes}"
    );
    assert!(notes.contains("latest.settings.environment.BARE"), "{notes}");
    assert!(!notes.contains("observed"), "{notes}");
}

#[tokio::test]
async fn no_report_shows_what_the_environment_holds() {
    let world = shop().await;
    let mut bill = sample::function();
    bill.event_sources.clear();
    let secret = "s3cr3t-of-the-environment";
    bill.latest.settings.environment = Some(Environment::new(BTreeMap::from([(
        "TOKEN".to_owned(),
        secret.to_owned(),
    )])));
    world.functions.lose("bill");
    world.functions.add("bill", &bill, &sample::archives());
    world.clock.advance(jiff::SignedDuration::from_hours(2));
    world.clock.set_remaining(jiff::SignedDuration::from_mins(15));
    world.tick().await;
    let dry = json!({"target": {"prefix": "new-"}, "dry_run": true});
    let template = json!({"target": {"prefix": "new-"}, "template": true});
    for event in [
        dry,
        template,
        json!({"target": {"prefix": "new-"}}),
        json!({"target": {}}),
    ] {
        let report = restore(&world, event).await;
        let shown = format!("{}{report:?}", serde_json::to_string(&report).unwrap());
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(environment(&world, "new-bill").await["TOKEN"], secret);
}
