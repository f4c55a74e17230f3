//! A restore reads the nearest whole copy, and the next one when that is damaged or out of reach.

use holdfast_catalog::{Fact, OutcomeStatus, PointId, Report, layout};
use holdfast_testkit::{Faults, MemoryStore, Moment, Script};
use holdfast_tests::checks::lines;
use holdfast_tests::{World, home_region, replica_region};
use holdfast_vault::port::Clock as _;
use holdfast_vault::{PortError, write_fact};
use jiff::SignedDuration;
use serde_json::json;

/// A world with a table and a function, both of them copied.
async fn copied() -> World {
    let world = World::with_orders(300);
    world.add_function("bill");
    world.tick().await;
    let report = world.replicate().run_all(&world.clock).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Done), 2, "{report:#?}");
    world
}

async fn restore(world: &World, resource: &str, region: &str) -> Report {
    let event = json!({
        "resource": format!("{resource}"),
        "target": {"name": "again", "region": region},
    });
    let request = restore::Request::parse(event).unwrap();
    world.restore().run(request, &world.clock).await.unwrap()
}

async fn restore_table(world: &World, region: &str) -> Report {
    restore(world, "dynamodb-table/eu-central-1/orders", region).await
}

/// The table that was restored is the one that was backed up, and which vault it came from is said.
fn assert_exact(world: &World, report: &Report, said: &[&str]) {
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    assert_eq!(lines(world, "again"), lines(world, "orders"));
    let notes = report.notes.join("\n");
    for words in said {
        assert!(notes.contains(words), "{words:?} in {notes}");
    }
    assert_eq!(
        notes.contains("given up"),
        said.iter().any(|words| words.contains("given up")),
        "{notes}"
    );
}

fn packs(store: &MemoryStore) -> Vec<String> {
    let keys = store.keys(layout::PACKS);
    keys.into_iter().filter(|key| key.ends_with(".jsonl.zst")).collect()
}

/// Spoils every pack of a vault.
fn spoil(store: &MemoryStore) {
    for pack in packs(store) {
        store.damage(&pack, |bytes| bytes[0] ^= 1);
    }
}

fn regions() -> (String, String) {
    (home_region().to_string(), replica_region().to_string())
}

#[tokio::test]
async fn the_copy_in_the_targets_region_is_read_and_no_other() {
    let (home, replica) = regions();
    for (region, vault, other) in [(home, "home", "replica"), (replica, "replica", "home")] {
        let world = copied().await;
        // Whoever read the other would find out.
        spoil(if other == "home" { &world.home } else { &world.replica });
        let report = restore_table(&world, &region).await;
        let said = format!("was read from vault {vault}: the copy in the target's region");
        assert_exact(&world, &report, &[&said]);
    }
}

#[tokio::test]
async fn where_no_copy_is_near_home_comes_first() {
    let world = copied().await;
    spoil(&world.replica);
    let report = restore_table(&world, "us-east-1").await;
    assert_exact(&world, &report, &["from vault home: no copy is in the target's region"]);
}

#[tokio::test]
async fn a_damaged_pack_in_the_nearest_copy_makes_the_next_one_be_read() {
    let (_, near) = regions();
    let world = copied().await;
    spoil(&world.replica);
    let report = restore_table(&world, &near).await;
    assert_exact(
        &world,
        &report,
        &["the copy in vault replica was given up for the one in home: corrupt"],
    );
}

#[tokio::test]
async fn each_single_pack_recipe_blob_or_manifest_that_is_lost_there_is_read_here() {
    let (_, near) = regions();
    let keys = copied().await.replica.keys("");
    let of_point = |key: &&String| {
        let contents = [layout::PACKS, layout::PARTS, layout::BLOBS];
        contents.iter().any(|prefix| key.starts_with(prefix)) || key.starts_with("points/dynamodb-table/")
    };
    let mut lost = 0;
    for key in keys.iter().filter(of_point) {
        let world = copied().await;
        world.replica.lose(key);
        let report = restore_table(&world, &near).await;
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{key}: {report:#?}");
        assert_eq!(lines(&world, "again"), lines(&world, "orders"), "{key}");
        lost += 1;
    }
    assert!(lost > 4, "{lost}");
}

#[tokio::test]
async fn a_copy_that_is_known_to_be_damaged_is_not_even_tried() {
    let (_, near) = regions();
    let world = copied().await;
    let points: Vec<PointId> = world.points_of("orders").await;
    let damaged = Fact::Damaged(holdfast_catalog::DamagedFact {
        key: "packs/x".to_owned(),
        why: "seen".to_owned(),
    });
    write_fact(&world.replica, &points[0], &damaged, world.clock.now())
        .await
        .unwrap();
    let report = restore_table(&world, &near).await;
    assert_exact(&world, &report, &["was read from vault home: the only good copy"]);
}

#[tokio::test]
async fn a_vault_that_is_out_of_reach_is_said_and_another_is_read() {
    let (_, near) = regions();
    let world = copied().await;
    world.home.lose_everything();
    let report = restore_table(&world, &near).await;
    assert_exact(&world, &report, &["was read from vault replica"]);

    let world = copied().await;
    world.replica.lose_everything();
    let report = restore_table(&world, &near).await;
    assert_exact(&world, &report, &["was read from vault home: the only good copy"]);
}

#[tokio::test]
async fn a_key_that_is_disabled_at_any_moment_makes_the_next_copy_be_read() {
    let (_, near) = regions();
    // A restore of it makes four reads.
    for readable in 0..4 {
        let world = copied().await;
        let script = Script::new();
        let disabled = || PortError::Denied("KMS.DisabledException: the key is disabled".to_owned());
        for nth in 1..500 {
            script.fail_nth("get", readable + nth, Moment::Before, disabled());
            script.fail_nth("get_range", nth, Moment::Before, disabled());
        }
        let mut restore = world.restore();
        restore.replicas[0].store = Faults::new(world.replica.clone(), &script);
        let event =
            json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "again", "region": near}});
        let request = restore::Request::parse(event).unwrap();
        let report = restore.run(request, &world.clock).await.unwrap();
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{readable}: {report:#?}");
        assert_eq!(lines(&world, "again"), lines(&world, "orders"), "{readable}");
        assert!(
            report.notes.join("\n").contains("key is disabled"),
            "{readable}: {report:#?}"
        );
    }
}

#[tokio::test]
async fn the_newest_point_is_meant_although_the_nearest_vault_does_not_have_it_yet() {
    let (_, near) = regions();
    let world = copied().await;
    world.later(SignedDuration::from_hours(1));
    world.tables.put("orders", holdfast_tests::order(1000));
    world.tick().await;
    let report = restore_table(&world, &near).await;
    assert_exact(&world, &report, &["was read from vault home: the only good copy"]);
}

#[tokio::test]
async fn the_code_of_a_function_comes_from_the_next_copy_too() {
    let (_, near) = regions();
    let world = copied().await;
    for blob in world.replica.keys(layout::BLOBS) {
        world.replica.damage(&blob, |bytes| bytes.push(0));
    }
    let report = restore(&world, "lambda-function/eu-central-1/bill", &near).await;
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    assert_eq!(world.functions.code("again"), world.functions.code("bill"));
    assert!(report.notes.join("\n").contains("given up"), "{report:#?}");
}

#[tokio::test]
async fn a_vault_that_is_named_is_the_only_one_that_is_read() {
    for name in ["replica", "eu-west-1"] {
        let world = copied().await;
        spoil(&world.replica);
        let event =
            json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "again"}, "from": name});
        let request = restore::Request::parse(event).unwrap();
        let report = world.restore().run(request, &world.clock).await.unwrap();
        assert_eq!(report.count(OutcomeStatus::Failed), 1, "{name}: {report:#?}");
    }
}

#[tokio::test]
async fn a_restore_that_goes_on_finds_its_marks_although_another_copy_is_read() {
    let (_, near) = regions();
    let world = copied().await;
    world.tables.page_items(10);
    // The second half of the invocation is the comparing: time runs out before it.
    world.clock.set_remaining(SignedDuration::from_secs(29));
    let report = restore_table(&world, &near).await;
    assert_eq!(report.count(OutcomeStatus::Continuing), 1, "{report:#?}");
    world.replica.lose_everything();
    world.later(SignedDuration::from_mins(1));
    let task = world.outbox.take_tasks().remove(0);
    let request = restore::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
    let report = world.restore().run(request, &world.clock).await.unwrap();
    assert_exact(&world, &report, &["was read from vault home"]);
}

/// An application's restore whose time runs out, and the event by which it goes on.
async fn begun(world: &World) -> serde_json::Value {
    let event = json!({"application": {"plan": "standard"}, "target": {"prefix": "new-"}});
    world.clock.set_remaining(SignedDuration::from_secs(30));
    let request = restore::application::Request::parse(event).unwrap();
    let report = world.restore().run_application(request, &world.clock).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Continuing), 1, "{report:#?}");
    world.later(SignedDuration::from_mins(1));
    serde_json::from_str(&world.outbox.take_tasks().remove(0).body).unwrap()
}

#[tokio::test]
async fn an_application_goes_on_from_the_next_copy_whatever_is_lost_where_it_began() {
    let contents = [layout::POINTS, layout::PARTS, layout::BLOBS, layout::PACKS];
    let keys = copied().await.home.keys("");
    let of_points: Vec<&String> = keys
        .iter()
        .filter(|key| contents.iter().any(|of| key.starts_with(of)))
        .collect();
    assert!(of_points.len() > 5, "{of_points:?}");
    for key in of_points {
        let world = copied().await;
        let next = begun(&world).await;
        world.home.lose(key);
        let request = restore::application::Request::parse(next).unwrap();
        let report = world.restore().run_application(request, &world.clock).await.unwrap();
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{key}: {report:#?}");
        assert_eq!(lines(&world, "new-orders"), lines(&world, "orders"), "{key}");
        assert_eq!(world.functions.code("new-bill"), world.functions.code("bill"), "{key}");
    }
}

#[tokio::test]
async fn an_application_that_goes_on_from_a_vault_that_was_named_reads_no_other() {
    let world = copied().await;
    let event = json!({"application": {"plan": "standard"}, "target": {"prefix": "new-"}, "from": "home"});
    world.clock.set_remaining(SignedDuration::from_secs(30));
    let request = restore::application::Request::parse(event).unwrap();
    world.restore().run_application(request, &world.clock).await.unwrap();
    let next = world.outbox.take_tasks().remove(0);
    world.home.lose_everything();
    let request = restore::application::Request::parse(serde_json::from_str(&next.body).unwrap()).unwrap();
    let refused = world.restore().run_application(request, &world.clock).await;
    assert!(refused.is_err(), "{refused:?}");
}
