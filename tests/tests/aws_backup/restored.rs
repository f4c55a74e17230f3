//! What AWS Backup keeps comes back with everything that it leaves out, from where a copy lies.

use holdfast_catalog::{OutcomeStatus, Report};
use holdfast_sources::rds::DatabaseKind;
use holdfast_tests::World;
use holdfast_tests::managed::{TICK, with_orders};
use restore::Request;
use serde_json::{Value, json};

/// Restores until nothing goes on.
async fn restore(world: &World, event: Value) -> Report {
    for _ in 0..30 {
        let request = Request::parse(event.clone()).unwrap();
        let report = world.restore().run(request, &world.clock).await.unwrap();
        world.later(TICK);
        if report.outcomes[0].status != OutcomeStatus::Continuing {
            return report;
        }
    }
    panic!("the restore never ends");
}

#[tokio::test]
async fn a_table_comes_back_with_its_items_and_its_settings() {
    let world = with_orders(5);
    world.ticks().await;
    let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "orders-back"}});
    let report = restore(&world, event.clone()).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(world.tables.items("orders-back"), world.tables.items("orders"));
    let (was, is) = (world.tables.config("orders"), world.tables.config("orders-back"));
    assert_eq!(was, is, "time to live, stream, tags and all");
    let again = restore(&world, event).await;
    assert_eq!(again.outcomes[0].status, OutcomeStatus::Unchanged);
    assert_eq!(world.backups.jobs_started(), 2, "one backup, one restore");
}

#[tokio::test]
async fn a_database_comes_back_with_its_settings() {
    let world = with_orders(1);
    world.add_database("shop");
    world.ticks().await;
    let event = json!({"resource": "rds-instance/eu-central-1/shop", "target": {"name": "shop-back"}});
    let report = restore(&world, event).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    let config = |name: &str| world.databases.config(DatabaseKind::Instance, name);
    assert_eq!(config("shop-back"), config("shop"));
}

#[tokio::test]
async fn what_is_there_already_is_left_alone() {
    let world = with_orders(5);
    world.ticks().await;
    let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "orders"}});
    let report = restore(&world, event).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Failed);
    assert_eq!(world.backups.jobs_started(), 1);
}

#[tokio::test]
async fn a_target_where_no_copy_lies_is_refused_with_where_they_lie() {
    let world = with_orders(5);
    world.ticks().await;
    let event =
        json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "far", "region": "us-east-1"}});
    let report = restore(&world, event).await;
    let message = &report.outcomes[0].message;
    assert!(message.contains("has copies in eu-central-1 only"), "{message}");
}
