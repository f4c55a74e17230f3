//! An application whose data AWS Backup keeps, and whose code is in the vault, comes back as one.

use std::collections::BTreeMap;

use holdfast_catalog::{OutcomeStatus, Report, ReportStatus};
use holdfast_sources::call::s3;
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::Environment;
use holdfast_sources::rds::DatabaseKind;
use holdfast_testkit::{JobEnd, Moment};
use holdfast_tests::managed::TICK;
use holdfast_tests::shop::{add_bill, names_of, words};
use holdfast_tests::{World, home_region, sample};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use restore::application::Request;
use serde_json::{Value, json};

const POLICY: &str = "
version: 1
plans:
  - name: data
    select: {kinds: [dynamodb-table, rds-instance, s3-bucket]}
    engine: aws-backup
    schedule: {every: 1h}
    retention: {keep_last: 2}
  - name: code
    select: {kinds: [lambda-function]}
    schedule: {every: 1h}
    retention: {keep_last: 2}
";

/// Points of a table, a database and a bucket, and of a function that reads the table's stream and knows its name.
async fn shop() -> World {
    let world = World::with_orders(5);
    world.set_policy(POLICY);
    world.add_database("ledger");
    world.add_bucket("photos-of-shop", 3);
    let mut function = sample::function();
    function.event_sources[0].source_arn = world.tables.read_table("orders").await.unwrap().stream_arn;
    function.latest.settings.environment = Some(Environment::new(BTreeMap::from([
        ("TABLE".to_owned(), "orders".to_owned()),
        ("BUCKET".to_owned(), "photos-of-shop".to_owned()),
    ])));
    add_bill(&world, &function);
    world.ticks().await;
    world.outbox.take_tasks();
    world
}

fn event() -> Value {
    json!({"application": {"tag": {"backup": "standard"}}, "target": {"prefix": "new-"}})
}

async fn run(world: &World, event: Value) -> Report {
    let request = Request::parse(event).unwrap();
    let report = world.restore().run_application(request, &world.clock).await;
    world.later(TICK);
    report.unwrap()
}

/// Goes on until the queue is empty, and gives the last report.
async fn to_the_end(world: &World, mut report: Report) -> Report {
    for _ in 0..20 {
        // A message that comes back would begin jobs anew.
        assert!(report.is_settled(), "{report:#?}");
        let tasks = world.outbox.take_tasks();
        let Some(task) = tasks.first() else { return report };
        assert_eq!(tasks.len(), 1, "one invocation leaves one task");
        report = run(world, serde_json::from_str(&task.body).unwrap()).await;
    }
    panic!("the restore never ends: {report:#?}");
}

#[tokio::test]
async fn data_of_aws_backup_and_code_of_the_vault_come_back_together() {
    let world = shop().await;
    let backups = world.backups.jobs_started();
    let first = run(&world, event()).await;
    assert_eq!(
        world.backups.jobs_started() - backups,
        3,
        "all jobs are begun before one is waited for: {first:#?}"
    );
    assert!(!world.functions.names().contains(&"new-bill".to_owned()), "{first:#?}");
    let last = to_the_end(&world, first).await;
    assert_eq!(last.status, ReportStatus::Completed, "{last:#?}");
    assert_eq!(world.backups.jobs_started() - backups, 3);
    assert_eq!(world.tables.items("new-orders"), world.tables.items("orders"));
    assert_eq!(world.objects("new-photos-of-shop"), world.objects("photos-of-shop"));
    let config = |name: &str| world.databases.config(DatabaseKind::Instance, name);
    assert_eq!(config("new-ledger"), config("ledger"));
    let (environment, sources) = names_of(&world, "new-bill").await;
    assert_eq!(
        (environment["TABLE"].as_str(), environment["BUCKET"].as_str()),
        ("new-orders", "new-photos-of-shop")
    );
    let stream = world.tables.read_table("new-orders").await.unwrap().stream_arn;
    assert_eq!(sources, [(stream, false)]);
}

#[tokio::test]
async fn what_aws_backup_could_not_restore_costs_no_further_job_until_a_person_asks_again() {
    let world = shop().await;
    let backups = world.backups.jobs_started();
    world.backups.next_job_ends(JobEnd::Failed(
        "Insufficient privileges to perform this action.".to_owned(),
    ));
    let last = run(&world, event()).await;
    let last = to_the_end(&world, last).await;
    assert_eq!(last.status, ReportStatus::Partial, "{last:#?}");
    let failed: Vec<&str> = last
        .outcomes
        .iter()
        .filter(|outcome| outcome.status == OutcomeStatus::Failed)
        .map(|outcome| outcome.subject.as_str())
        .collect();
    assert_eq!(
        failed,
        [
            "dynamodb-table/eu-central-1/new-orders",
            "lambda-function/eu-central-1/new-bill"
        ],
        "{last:#?}"
    );
    assert!(
        last.outcomes[0].message.contains("Insufficient privileges"),
        "{last:#?}"
    );
    assert_eq!(world.backups.jobs_started() - backups, 3, "each round leaves it alone");

    let last = run(&world, event()).await;
    let last = to_the_end(&world, last).await;
    assert_eq!(last.status, ReportStatus::Completed, "{last:#?}");
    assert_eq!(world.backups.jobs_started() - backups, 4);
}

#[tokio::test]
async fn a_job_that_may_not_be_begun_is_given_up_while_others_go_on() {
    let calm = shop().await;
    calm.script.restart();
    run(&calm, event()).await;
    let calls = calm.script.calls();
    let first = calls.iter().find(|call| call.name == "start_restore_job").unwrap();
    let world = shop().await;
    let backups = world.backups.jobs_started();
    world.script.restart();
    let denied = PortError::Denied("by the script".to_owned());
    world.script.fail(first.number, Moment::Before, denied);
    let report = run(&world, event()).await;
    assert!(report.count(OutcomeStatus::Continuing) > 0, "{report:#?}");
    let last = to_the_end(&world, report).await;
    let failed = &last.outcomes[0];
    assert!(
        failed.subject == "dynamodb-table/eu-central-1/new-orders" && failed.message.contains("by the script"),
        "{last:#?}"
    );
    assert_eq!(world.backups.jobs_started() - backups, 2, "{last:#?}");
    let first = run(&world, event()).await;
    let last = to_the_end(&world, first).await;
    assert_eq!(last.status, ReportStatus::Completed, "{last:#?}");
    assert_eq!(world.backups.jobs_started() - backups, 3);
}

#[tokio::test]
async fn changed_in_place_is_what_can_be_and_what_aws_backup_keeps_beside_it_is_adopted() {
    let world = shop().await;
    let backups = world.backups.jobs_started();
    let mut event = event();
    event["target"] = json!({});
    event["in_place"] = json!(true);
    event["application"]["at"] = json!("2026-11-21T03:30:00Z");
    let report = run(&world, event).await;
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    assert_eq!(
        words(&report)["rds-instance/eu-central-1/ledger"],
        "adopted",
        "{report:#?}"
    );
    assert_eq!(
        words(&report)["s3-bucket/eu-central-1/photos-of-shop"],
        "adopted",
        "{report:#?}"
    );
    assert_eq!(world.backups.jobs_started(), backups);
}

#[tokio::test]
async fn what_is_still_there_is_adopted_where_it_is_equal_and_left_alone_where_it_is_not() {
    let world = shop().await;
    let backups = world.backups.jobs_started();
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    let mut event = event();
    event["target"] = json!({});
    let report = run(&world, event.clone()).await;
    let found = words(&report);
    for kept in [
        "dynamodb-table/eu-central-1/orders",
        "rds-instance/eu-central-1/ledger",
        "s3-bucket/eu-central-1/photos-of-shop",
    ] {
        assert_eq!(found[kept], "adopted", "{report:#?}");
    }
    assert!(world.functions.names().contains(&"bill".to_owned()), "{report:#?}");
    let mut other = world.databases.config(DatabaseKind::Instance, "ledger").unwrap();
    other.shared_mut().engine_version = "17.1".to_owned();
    world.databases.add("ledger", &other);
    let report = run(&world, event).await;
    let ledger = report
        .outcomes
        .iter()
        .find(|one| one.subject.ends_with("ledger"))
        .unwrap();
    assert!(
        ledger.status == OutcomeStatus::Failed && ledger.message.contains("17.1"),
        "{ledger:#?}"
    );
    assert_eq!(world.backups.jobs_started(), backups);
}

#[tokio::test]
async fn a_bucket_comes_back_before_its_notifications() {
    let world = shop().await;
    let (account, home) = (world.resources.wiring(), home_region());
    let bill = world.functions.arn("bill");
    let notification = json!({"Id": "n", "CloudFunction": bill, "Event": ["s3:ObjectCreated:*"]});
    let input = json!({"Bucket": "photos-of-shop", "NotificationConfiguration": {"CloudFunctionConfiguration": [notification]}});
    account
        .ask::<s3::PutBucketNotificationConfiguration>(&home, input)
        .unwrap();
    world.set_policy(&POLICY.replace("[lambda-function]", "[lambda-function, bucket-notifications]"));
    world.later(SignedDuration::from_hours(1));
    world.ticks().await;
    world.outbox.take_tasks();
    let event = json!({
        "application": {"resources": ["s3-bucket/eu-central-1/photos-of-shop", "bucket-notifications/eu-central-1/photos-of-shop"]},
        "target": {"names": {"photos-of-shop": "pictures"}},
        "switch_on": true,
    });
    let first = run(&world, event).await;
    let last = to_the_end(&world, first).await;
    assert_eq!(last.status, ReportStatus::Completed, "{last:#?}");
    let there = account.ask::<s3::GetBucketNotificationConfiguration>(&home, json!({"Bucket": "pictures"}));
    assert_eq!(
        there.unwrap()["CloudFunctionConfiguration"][0]["CloudFunction"],
        bill.as_str()
    );
    assert_eq!(world.objects("pictures"), world.objects("photos-of-shop"));
}
