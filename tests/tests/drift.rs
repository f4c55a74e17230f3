//! What changed about a resource, shown without its secrets.

use std::collections::BTreeMap;

use holdfast_catalog::Report;
use holdfast_lambda::Failure;
use holdfast_sources::call::sqs;
use holdfast_sources::lambda::Environment;
use holdfast_tests::{World, home_region, sample};
use jiff::SignedDuration;
use restore::drift::Request;
use serde_json::{Value, json};

async fn drift(world: &World, event: Value) -> Result<Report, Failure> {
    world.restore().run_drift(Request::parse(event)?, &world.clock).await
}

fn changes(report: &Report) -> Vec<String> {
    let list = report.outcomes[0].details["changes"].as_array().unwrap();
    list.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn between_two_points_and_now_each_change_is_a_line_and_secrets_are_none() {
    let world = World::default();
    let mut function = sample::function();
    let set = |function: &mut holdfast_sources::lambda::FunctionConfig, secret: &str, memory: i32| {
        let environment = Environment::new(BTreeMap::from([("PASSWORD".to_owned(), secret.to_owned())]));
        function.latest.settings.environment = Some(environment);
        function.latest.settings.memory_mb = memory;
    };
    set(&mut function, "first-s3cr3t", 256);
    world.functions.add("bill", &function, &sample::archives());
    world
        .resources
        .add(&world.functions.arn("bill"), &[("backup", "standard")]);
    world.tick().await;
    set(&mut function, "second-s3cr3t", 512);
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    world.functions.add("bill", &function, &sample::archives());
    world.later(SignedDuration::from_hours(1));
    let now = drift(&world, json!({"drift": "lambda-function/eu-central-1/bill"}))
        .await
        .unwrap();
    world.tick().await;
    let points = drift(
        &world,
        json!({"drift": "lambda-function/eu-central-1/bill", "from": "2026-11-21T03:59:00Z", "to": "latest"}),
    );
    for report in [now, points.await.unwrap()] {
        let lines = changes(&report);
        assert!(
            lines.contains(&"~ latest.settings.memory_mb: 256 → 512".to_owned()),
            "{lines:?}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.contains("PASSWORD: (redacted) → (redacted)")),
            "{lines:?}"
        );
        assert!(!format!("{report:?}").contains("s3cr3t"));
    }
    let same = drift(&world, json!({"drift": "lambda-function/eu-central-1/bill"}))
        .await
        .unwrap();
    assert!(changes(&same).is_empty(), "{same:?}");
}

#[tokio::test]
async fn wiring_and_tables_are_compared_with_what_is_there_and_a_lost_one_is_said() {
    let world = World::with_orders(3);
    let account = world.resources.wiring();
    let queue = json!({"QueueName": "jobs", "Attributes": {"VisibilityTimeout": "60"}, "tags": {"backup": "standard"}});
    account.ask::<sqs::CreateQueue>(&home_region(), queue).unwrap();
    world.tick().await;
    let change = json!({"QueueUrl": "https://x/jobs", "Attributes": {"VisibilityTimeout": "90"}});
    account.ask::<sqs::SetQueueAttributes>(&home_region(), change).unwrap();
    let queue = drift(&world, json!({"drift": "sqs-queue/eu-central-1/jobs"}))
        .await
        .unwrap();
    assert_eq!(
        changes(&queue),
        ["~ config.Attributes.VisibilityTimeout: \"60\" → \"90\""]
    );
    let table = json!({"drift": "dynamodb-table/eu-central-1/orders"});
    assert!(changes(&drift(&world, table.clone()).await.unwrap()).is_empty());
    world.tables.lose("orders");
    let lost = drift(&world, table).await.unwrap();
    assert!(lost.outcomes[0].message.contains("not there"), "{lost:?}");
}
