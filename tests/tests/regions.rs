//! Zones and residency: which regions are protected, how gently, and where no byte may be written.

use holdfast_catalog::{Arn, OutcomeStatus, Report, layout};
use holdfast_lambda::Failure;
use holdfast_sources::dynamodb::{BillingMode, Throughput};
use holdfast_tests::{World, order, table_config};
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;
use serde_json::json;

const PLAN: &str = "plans: [{name: standard, schedule: {every: 1h}, retention: {daily: 7}}]";

/// A world whose table is in another region than its vault.
fn table_in(region: &str, policy: &str) -> World {
    let world = World::default();
    world.set_policy(&format!("version: 1\n{policy}\n{PLAN}"));
    world.tables.add("orders", &table_config(), (0..20).map(order));
    let arn: Arn = format!("arn:aws:dynamodb:{region}:111122223333:table/orders")
        .parse()
        .unwrap();
    world.resources.add(&arn, &[("backup", "standard"), ("team", "shop")]);
    world
}

/// The words of the only outcome.
fn only(report: &Report) -> (OutcomeStatus, &str) {
    let [outcome] = report.outcomes.as_slice() else {
        panic!("{report:#?}")
    };
    (outcome.status, outcome.message.as_str())
}

#[tokio::test]
async fn a_region_is_protected_when_a_zone_names_it() {
    let world = table_in("eu-west-1", "zones: [{regions: [eu-west-1]}]");
    let report = world.tick().await;
    assert_eq!(only(&report).0, OutcomeStatus::Done, "{report:#?}");
    let points = world.catalogue().await.points;
    assert_eq!(points[0].id.resource.to_string(), "dynamodb-table/eu-west-1/orders");

    let elsewhere = table_in("eu-west-1", "zones: [{regions: [us-east-1]}]");
    assert_eq!(elsewhere.tick().await.outcomes, []);
    assert!(elsewhere.catalogue().await.points.is_empty());
}

#[tokio::test]
async fn a_zone_that_is_full_makes_the_rest_wait() {
    let world = table_in("eu-central-1", "zones: [{regions: [eu-central-1], max_concurrent: 1}]");
    world.add_table("bills", 5);
    let report = world.tick().await;
    let made = report.count(OutcomeStatus::Done);
    assert_eq!((made, report.count(OutcomeStatus::Continuing)), (1, 1), "{report:#?}");
    assert!(format!("{report:?}").contains("as its zone allows"), "{report:#?}");
    let report = world.tick().await;
    assert_eq!(only(&report).0, OutcomeStatus::Done, "{report:#?}");
}

/// How long the table takes to read under a policy, and what was made.
async fn time_of(policy: &str, billing: BillingMode) -> SignedDuration {
    let world = table_in("eu-central-1", policy);
    let config = holdfast_sources::dynamodb::TableConfig {
        billing,
        ..table_config()
    };
    world.tables.add("orders", &config, (0..100).map(order));
    world.tables.page_items(5);
    let before = world.clock.now();
    let report = world.tick().await;
    world.work_off().await;
    let points = world.points_of("orders").await;
    assert_eq!(points.len(), 1, "{report:#?}");
    world.clock.now().duration_since(before)
}

#[tokio::test]
async fn a_table_is_read_at_the_pace_of_its_zone() {
    let at_once = time_of("", BillingMode::OnDemand).await;
    assert!(at_once < SignedDuration::from_secs(1), "{at_once:?}");
    let provisioned = BillingMode::Provisioned(Throughput { read: 1, write: 1 });
    let zone = |limit: &str| format!("zones: [{{regions: [eu-central-1], {limit}, max_concurrent: 1}}]");
    let bytes = time_of(&zone("bytes_per_second: 2KB"), BillingMode::OnDemand).await;
    let whole_share = time_of(&zone("read_capacity_share: 100%"), provisioned.clone()).await;
    let tenth = time_of(&zone("read_capacity_share: 10%"), provisioned).await;
    // A hundred orders have 40 to 60 KB; a unit reads 8 KB; the last page need not be waited for.
    let seconds = |time: SignedDuration| time.as_secs();
    assert!((15..30).contains(&seconds(bytes)), "{bytes:?}");
    assert!((3..8).contains(&seconds(whole_share)), "{whole_share:?}");
    assert!((35..75).contains(&seconds(tenth)), "{tenth:?}");
}

#[tokio::test]
async fn a_slow_pace_is_kept_over_many_invocations() {
    let zone = "zones: [{regions: [eu-central-1], bytes_per_second: 25B, max_concurrent: 1}]";
    let time = time_of(zone, BillingMode::OnDemand).await;
    // Longer than any one invocation can take.
    assert!(time > SignedDuration::from_mins(20), "{time:?}");
}

#[tokio::test]
async fn nothing_is_stored_where_the_residency_does_not_allow_it() {
    let policy = "zones: [{regions: [us-east-1]}]\nresidency: [{select: {tags: {team: shop}}, allow: [\"us-*\"]}]";
    let world = table_in("us-east-1", policy);
    let report = world.tick().await;
    let (status, message) = only(&report);
    assert_eq!(status, OutcomeStatus::Failed);
    assert!(message.contains("nothing may be written in eu-central-1"), "{message}");
    let request = json!({"resource": "dynamodb-table/us-east-1/orders"});
    let request = snapshot::Request::parse(request).unwrap();
    let refused = world.snapshot().run_request(request, &world.clock).await.unwrap_err();
    assert!(refused.to_string().contains("nothing may be written"), "{refused}");
    for prefix in [layout::PACKS, layout::RUNS, layout::POINTS] {
        assert_eq!(world.home.keys(prefix), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_copy_that_the_residency_forbids_by_now_is_not_made() {
    let world = World::with_orders(20);
    world.tick().await;
    let with = |copies: &str| {
        format!(
            "version: 1\nresidency: [{{select: {{tags: {{team: shop}}}}, forbid: [\"eu-west-*\"]}}]\n\
             plans: [{{name: standard, schedule: {{every: 1h}}, retention: {{daily: 7}}{copies}}}]"
        )
    };
    // Loaded, made and recorded under a policy that allowed it; the tags are those that the table had then.
    world.set_policy(&with(""));
    let quiet = world.replicate().run_all(&world.clock).await.unwrap();
    assert_eq!(quiet.outcomes, [], "what the policy keeps here is no failure");
    world.set_policy(&with(", copies: [{region: eu-west-1}]"));
    let asked = world.replicate().run_all(&world.clock).await.unwrap();
    let (status, message) = only(&asked);
    assert_eq!(status, OutcomeStatus::Failed);
    assert!(message.contains("nothing may be written in eu-west-1"), "{message}");
    for prefix in [layout::PACKS, layout::BLOBS, layout::PARTS, layout::POINTS] {
        assert_eq!(world.replica.keys(prefix), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_restore_test_that_the_residency_forbids_by_now_makes_no_scratch_table() {
    let zones = "zones: [{regions: [us-east-1]}]";
    let world = table_in("us-east-1", zones);
    world.tick().await;
    let test = async || {
        let request = json!({"restore_test": "dynamodb-table/us-east-1/orders"});
        let request = verify::Request::parse(request).unwrap();
        world.verify().run_request(request, &world.clock).await.unwrap()
    };
    world.set_policy(&format!(
        "version: 1\n{zones}\nresidency: [{{select: {{tags: {{team: shop}}}}, allow: [\"us-*\"]}}]\n{PLAN}"
    ));
    world.script.restart();
    let report = test().await;
    let (status, message) = only(&report);
    assert_eq!(status, OutcomeStatus::Unchanged, "{report:#?}");
    assert!(message.contains("nothing may be written in eu-central-1"), "{message}");
    assert!(world.script.calls().iter().all(|call| call.name != "create_table"));

    world.set_policy(&format!("version: 1\n{zones}\n{PLAN}"));
    assert_eq!(only(&test().await).0, OutcomeStatus::Done);
    assert!(world.script.calls().iter().any(|call| call.name == "create_table"));
}

async fn restore_into(world: &World, region: &str) -> Result<Report, Failure> {
    let event = json!({
        "resource": "dynamodb-table/eu-central-1/orders",
        "target": {"name": "again", "region": region},
    });
    let request = restore::Request::parse(event).unwrap();
    world.restore().run(request, &world.clock).await
}

#[tokio::test]
async fn a_restore_elsewhere_asks_the_residency_and_one_at_home_does_not() {
    let world = World::with_orders(20);
    world.tick().await;
    world.set_policy(&format!(
        "version: 1\nresidency: [{{select: {{tags: {{team: shop}}}}, allow: [\"us-*\"]}}]\n{PLAN}"
    ));
    let refused = restore_into(&world, "eu-west-1").await.unwrap_err();
    assert!(
        refused.to_string().contains("nothing may be written in eu-west-1"),
        "{refused}"
    );
    assert_eq!(world.tables.names(), ["orders"]);
    let report = restore_into(&world, "eu-central-1").await.unwrap();
    assert_eq!(only(&report).0, OutcomeStatus::Done, "{report:#?}");
}

#[tokio::test]
async fn a_restore_from_the_replica_asks_the_policy_at_home_and_the_replicas_own_where_home_is_lost() {
    let world = World::with_orders(20);
    world.tick().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    world.set_policy(&format!(
        "version: 1\nresidency: [{{select: {{tags: {{team: shop}}}}, allow: [\"us-*\"]}}]\n{PLAN}"
    ));
    // The copy there, which is the nearest, still has the policy of before.
    let refused = restore_into(&world, "eu-west-1").await.unwrap_err();
    assert!(
        refused.to_string().contains("nothing may be written in eu-west-1"),
        "{refused}"
    );
    world.home.lose_everything();
    let report = restore_into(&world, "eu-west-1").await.unwrap();
    assert_eq!(only(&report).0, OutcomeStatus::Done, "{report:#?}");
}

#[tokio::test]
async fn an_application_of_which_a_part_may_not_be_there_is_not_restored_there_at_all() {
    let world = World::with_orders(20);
    world.add_function("bill");
    world.tick().await;
    world.set_policy(&format!(
        "version: 1\nresidency: [{{select: {{kinds: dynamodb-table}}, allow: [\"us-*\"]}}]\n{PLAN}"
    ));
    let event = json!({
        "application": {"plan": "standard"}, "target": {"region": "eu-west-1", "prefix": "new-"}, "dry_run": false,
    });
    let request = restore::application::Request::parse(event).unwrap();
    let refused = world
        .restore()
        .run_application(request, &world.clock)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("nothing may be written in eu-west-1"),
        "{refused}"
    );
    assert_eq!(world.tables.names(), ["orders"]);
}

#[tokio::test]
async fn a_plan_in_addition_makes_points_of_its_own() {
    let world = World::with_orders(20);
    world.set_policy(
        "version: 1
plans:
  - name: standard
    schedule: {every: 1h}
    retention: {daily: 7}
  - name: archive
    also: true
    select: {kinds: dynamodb-table}
    schedule: {every: 1d}
    retention: {yearly: 7}
",
    );
    world.tick().await;
    let plans: Vec<String> = world
        .points_of("orders")
        .await
        .iter()
        .map(|point| point.plan.to_string())
        .collect();
    assert_eq!(plans.len(), 2, "{plans:?}");
    assert!(
        plans.contains(&"archive".to_owned()) && plans.contains(&"standard".to_owned()),
        "{plans:?}"
    );
}
