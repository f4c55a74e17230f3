//! The main job over in-memory ports: back up, change, back up, replicate, verify, prune, lose, bring back.

use holdfast_catalog::{OutcomeStatus, Report, ReportStatus};
use holdfast_sources::dynamodb::{compare, line};
use holdfast_tests::{World, order_in, table_config};
use holdfast_vault::read_manifest;
use jiff::SignedDuration;
use serde_json::json;

fn lines(world: &World, table: &str) -> Vec<Vec<u8>> {
    let key = table_config().key_names();
    let mut lines: Vec<Vec<u8>> = world
        .tables
        .items(table)
        .iter()
        .map(|item| line(item, &key).unwrap().text().to_vec())
        .collect();
    lines.sort();
    lines
}

fn completed(report: &Report) {
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
}

#[tokio::test]
async fn a_table_that_was_lost_with_its_vault_comes_back_from_the_replica_item_by_item() {
    let world = World::with_orders(3000);
    completed(&world.tick().await);
    completed(&world.replicate().run_all(&world.clock).await.unwrap());
    let (before, config) = (lines(&world, "orders"), world.tables.config("orders"));

    world.home.lose_everything();
    world.tables.lose("orders");
    let request = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "orders"}});
    let report = world
        .restore()
        .run(restore::Request::parse(request).unwrap(), &world.clock)
        .await
        .unwrap();

    completed(&report);
    assert_eq!(lines(&world, "orders"), before);
    assert_eq!(compare::differences(&config, &world.tables.config("orders")), []);
}

#[tokio::test]
async fn the_second_point_stores_only_what_changed() {
    let world = World::with_orders(5000);
    world.tick().await;
    for n in (0..5000).step_by(100) {
        world.tables.put("orders", order_in(n, "shipped"));
    }
    world.later(SignedDuration::from_hours(1));
    completed(&world.tick().await);

    let points = world.points_of("orders").await;
    let [first, second] = points.as_slice() else {
        panic!("{points:?}")
    };
    let first = read_manifest(&world.home, first).await.unwrap().data.unwrap();
    let second = read_manifest(&world.home, second).await.unwrap().data.unwrap();
    assert_eq!((first.new_items, second.new_items, second.items), (5000, 50, 5000));
    assert!(
        second.stored_bytes * 20 < first.stored_bytes,
        "{} of {}",
        second.stored_bytes,
        first.stored_bytes
    );
}

#[tokio::test]
async fn a_tick_delivered_twice_makes_one_point() {
    let world = World::with_orders(500);
    completed(&world.tick().await);
    let vault = world.home.contents();
    completed(&world.tick().await);
    assert_eq!(world.home.contents(), vault);
    assert_eq!(world.points_of("orders").await.len(), 1);
}

#[tokio::test]
async fn two_ticks_at_once_make_one_point() {
    for seed in 0..20 {
        let world = World::with_orders(700);
        world.script.shuffle(seed);
        let (one, other) = (world.snapshot(), world.snapshot());
        let (a, b) = futures::join!(one.run_due(&world.clock), other.run_due(&world.clock));
        let (a, b) = (a.unwrap(), b.unwrap());
        world.work_off().await;
        let points = world.points_of("orders").await;
        assert_eq!(points.len(), 1, "seed {seed}");
        let made = a.count(OutcomeStatus::Done) + b.count(OutcomeStatus::Done);
        assert!(made <= 1, "seed {seed}: {a:?} {b:?}");
        let manifest = read_manifest(&world.home, &points[0]).await.unwrap();
        let scrub = holdfast_vault::scrub_point(&world.home, &manifest).await.unwrap();
        assert!(scrub.is_whole(), "seed {seed}: {scrub:?}");
        assert_eq!(manifest.data.unwrap().items, 700, "seed {seed}");
    }
}

#[tokio::test]
async fn verify_proves_every_point_and_restores_one_into_a_scratch_table_that_is_gone_afterwards() {
    let world = World::with_orders(1200);
    world.tick().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    let report = world.verify().run_all(&world.clock).await.unwrap();
    completed(&report);
    let tested = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.details.contains_key("restore_ms"))
        .count();
    let scrubbed = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.details.contains_key("objects"))
        .count();
    assert_eq!((tested, scrubbed), (1, 2), "{report:#?}");
    assert_eq!(world.tables.names(), ["orders"]);
    assert_eq!(report.metrics["RpoBreachedResources"], 0.0);
}

#[tokio::test]
async fn prune_tombstones_waits_and_then_removes_what_nothing_needs() {
    let world = World::with_orders(400);
    for hour in 0..4 {
        world.tables.put("orders", order_in(hour, "changed"));
        completed(&world.tick().await);
        completed(&world.replicate().run_all(&world.clock).await.unwrap());
        world.later(SignedDuration::from_hours(1));
    }
    let stored = world.home.stored_bytes();

    let dry = world.prune().run(prune::Mode::DryRun, &world.clock).await.unwrap();
    assert!(dry.dry_run && dry.count(OutcomeStatus::Planned) >= 4, "{dry:#?}");
    assert_eq!(world.home.stored_bytes(), stored);

    completed(&world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap());
    let catalogue = world.catalogue().await;
    assert_eq!(catalogue.points.iter().filter(|entry| entry.is_tombstoned).count(), 2);

    world.later(SignedDuration::from_hours(25));
    let report = world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    completed(&report);
    assert_eq!(world.points_of("orders").await.len(), 2);
    for point in world.points_of("orders").await {
        let manifest = read_manifest(&world.home, &point).await.unwrap();
        assert!(
            holdfast_vault::scrub_point(&world.home, &manifest)
                .await
                .unwrap()
                .is_whole()
        );
    }
}
