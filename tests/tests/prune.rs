//! What prune is asked by hand, what it says, and what it refuses.

use holdfast_catalog::layout;
use holdfast_catalog::{LockMode, OutcomeStatus, PointId};
use holdfast_testkit::Effect;
use holdfast_tests::World;
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::locks::lock_for_days;
use holdfast_tests::pruning::*;
use holdfast_vault::port::Clock;
use jiff::SignedDuration;
use prune::{Mode, Request};
use serde_json::{Value, json};

#[test]
fn every_event_in_the_document_on_retention_is_understood() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/policy/RETENTION.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text
        .split("```events\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let events: Vec<&str> = blocks.flat_map(str::lines).collect();
    assert!(events.len() > 8, "{events:?}");
    for event in events {
        Request::parse(serde_json::from_str(event).unwrap()).unwrap_or_else(|error| panic!("{event}: {error}"));
    }
}

// Limits

#[tokio::test]
async fn a_run_that_would_tombstone_more_than_the_limit_tombstones_nothing_and_says_what_to_send() {
    let world = hourly(6).await;
    world.set_policy(&format!("{}limits: {{remove_points: 3}}\n", holdfast_tests::POLICY));
    let prune = world.prune();
    let report = prune.run(Mode::Execute, &world.clock).await.unwrap();
    says(&report, "limit", OutcomeStatus::Failed, "4 of 6 points (66 %)");
    says(&report, "limit", OutcomeStatus::Failed, prune::OVERRIDE);
    assert_eq!(tombstoned(&world).await, []);
    assert_eq!(
        (report.metrics["LimitExceeded"], report.metrics["PrunedPoints"]),
        (2.0, 0.0)
    );

    let event: Value = serde_json::from_str(prune::OVERRIDE).unwrap();
    let request = Request::parse(event).unwrap();
    let report = prune.run_request(request, &world.clock).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    assert_eq!(tombstoned(&world).await.len(), 4);
    assert_eq!(report.metrics["PrunedPoints"], 8.0);
}

#[tokio::test]
async fn half_of_a_vault_of_twenty_points_may_go_at_once_and_no_more() {
    let world = hourly(20).await;
    let report = prune(&world).await;
    says(
        &report,
        "limit",
        OutcomeStatus::Failed,
        "the limit is 50% of a vault a run",
    );
    let dry = world.prune().run(Mode::DryRun, &world.clock).await.unwrap();
    says(&dry, "limit", OutcomeStatus::Planned, "this run would be stopped");
    world.set_policy(&holdfast_tests::POLICY.replace("keep_last: 2", "keep_last: 10"));
    let report = prune(&world).await;
    assert_eq!(
        (report.count(OutcomeStatus::Failed), tombstoned(&world).await.len()),
        (0, 10)
    );
}

// Undelete and removal by request

#[tokio::test]
async fn an_undeleted_point_is_back_in_both_vaults_and_is_left_alone_for_one_more_grace() {
    let world = hourly(4).await;
    prune(&world).await;
    let point = tombstoned(&world).await.remove(0);
    world.later(SignedDuration::from_hours(2));
    events(&world);
    let report = world.ask_prune(json!({"undelete": point.to_string()})).await;
    says(&report, &point, OutcomeStatus::Done, "until 2026-11-22T09:00:30Z");
    says(
        &report,
        in_replica(&point),
        OutcomeStatus::Done,
        "its tombstone is lifted",
    );
    assert!(!tombstoned(&world).await.contains(&point));
    let told = events(&world);
    assert_eq!(told.len(), 2);
    assert!(
        told.iter()
            .all(|(what, detail)| what == prune::UNDELETED && detail["point"] == point.to_string())
    );

    world.later(SignedDuration::from_hours(23));
    let report = prune(&world).await;
    assert!(!tombstoned(&world).await.contains(&point), "{report:#?}");
    let dry = world.prune().run(Mode::DryRun, &world.clock).await.unwrap();
    says(
        &dry,
        &point,
        OutcomeStatus::Unchanged,
        "undeleted, kept until 2026-11-22T09:00:30Z",
    );
    world.later(SignedDuration::from_hours(2));
    prune(&world).await;
    assert!(tombstoned(&world).await.contains(&point));
}

#[tokio::test]
async fn what_has_no_tombstone_or_no_data_cannot_be_undeleted_and_the_words_say_so() {
    let world = hourly(4).await;
    let points = world.points_of("orders").await;
    let undelete = async |point: &PointId| world.ask_prune(json!({"undelete": point.to_string()})).await;
    says(
        &undelete(&points[0]).await,
        &points[0],
        OutcomeStatus::Failed,
        "nothing to undo",
    );
    prune(&world).await;
    world.home.lose(&layout::manifest(&points[0]));
    world.replica.lose(&layout::manifest(&points[0]));
    says(
        &undelete(&points[0]).await,
        &points[0],
        OutcomeStatus::Failed,
        "its data is gone",
    );
    world.later(SignedDuration::from_hours(25));
    prune(&world).await;
    says(
        &undelete(&points[1]).await,
        &points[1],
        OutcomeStatus::Failed,
        "there is no such point",
    );
}

#[tokio::test]
async fn a_point_whose_grace_is_over_is_called_back_and_its_tombstone_goes_an_hour_later() {
    let world = hourly(4).await;
    prune(&world).await;
    let point = tombstoned(&world).await.remove(1);
    world.later(SignedDuration::from_hours(25));
    let report = world.ask_prune(json!({"undelete": point.to_string()})).await;
    says(
        &report,
        &point,
        OutcomeStatus::Done,
        "its tombstone is lifted after 2026-11-22T09:00:30Z",
    );
    for minutes in [0, 30] {
        world.later(SignedDuration::from_mins(minutes));
        let report = prune(&world).await;
        assert!(tombstoned(&world).await.contains(&point), "{report:#?}");
    }
    world.later(SignedDuration::from_mins(31));
    prune(&world).await;
    assert!(
        world
            .catalogue()
            .await
            .get(&point)
            .is_some_and(|entry| !entry.is_tombstoned)
    );
    every_point_is_whole(&world.home, "called back").await;
}

#[tokio::test]
async fn a_person_gives_a_damaged_point_up_and_nobody_gives_up_the_newest_good_one() {
    let world = hourly(3).await;
    let points = world.points_of("orders").await;
    let (damaged, newest) = (&points[1], &points[2]);
    for store in [&world.home, &world.replica] {
        store.damage(
            &layout::part(damaged, holdfast_catalog::Shard { index: 0, of: 1 }),
            Vec::clear,
        );
    }
    world
        .verify()
        .run_request(verify::Request::parse(json!({"scrub": "all"})).unwrap(), &world.clock)
        .await
        .unwrap();
    prune(&world).await;
    assert_eq!(
        tombstoned(&world).await,
        [],
        "nobody but a person gives a damaged point up"
    );
    let remove = |point: &PointId, dry_run: bool| json!({"remove": point.to_string(), "dry_run": dry_run});
    let dry = world.ask_prune(json!({"remove": damaged.to_string()})).await;
    says(&dry, damaged, OutcomeStatus::Planned, "would be tombstoned by request");
    assert!(dry.dry_run && tombstoned(&world).await.is_empty());
    let report = world.ask_prune(remove(damaged, false)).await;
    says(&report, damaged, OutcomeStatus::Done, "tombstoned by request");
    says(
        &report,
        in_replica(damaged),
        OutcomeStatus::Done,
        "undelete brings it back",
    );
    let again = world.ask_prune(remove(damaged, false)).await;
    says(&again, damaged, OutcomeStatus::Unchanged, "it has a tombstone already");
    let refused = world.ask_prune(remove(newest, false)).await;
    says(&refused, newest, OutcomeStatus::Failed, "it is the newest good point");
    let nowhere: PointId = newest.to_string().replace("orders", "bills").parse().unwrap();
    says(
        &world.ask_prune(remove(&nowhere, false)).await,
        &nowhere,
        OutcomeStatus::Failed,
        "no such point",
    );

    prune(&world).await;
    assert_eq!(tombstoned(&world).await, std::slice::from_ref(damaged));
    world.later(SignedDuration::from_hours(25));
    let report = prune(&world).await;
    assert!(world.catalogue().await.get(damaged).is_none(), "{report:#?}");
}

#[tokio::test]
async fn a_point_of_the_floor_is_not_given_up_because_the_next_prune_would_call_it_back() {
    let world = hourly(3).await;
    world.set_policy(&holdfast_tests::POLICY.replace("minimum_good: 1", "minimum_good: 2"));
    let point = world.points_of("orders").await.remove(1);
    let report = world
        .ask_prune(json!({"remove": point.to_string(), "dry_run": false}))
        .await;
    says(
        &report,
        &point,
        OutcomeStatus::Failed,
        "would call it back: minimum good 2 of 2",
    );
    assert_eq!(tombstoned(&world).await, []);
}

#[tokio::test]
async fn a_locked_point_is_not_given_up_and_the_words_say_until_when() {
    let world = World::with_locks(10);
    let until = world.clock.now() + SignedDuration::from_hours(24 * 30);
    let lock = lock_for_days(world.clock.now(), 30, LockMode::Governance);
    let point = world.make_locked(lock).await;
    for _ in 0..2 {
        world.later(SignedDuration::from_hours(1));
        world.tick().await;
    }
    let report = world
        .ask_prune(json!({"remove": point.to_string(), "dry_run": false}))
        .await;
    says(&report, &point, OutcomeStatus::Failed, &format!("locked until {until}"));
    assert_eq!(tombstoned(&world).await, []);
}

// Legal holds

#[tokio::test]
async fn a_dry_run_of_anything_makes_no_call_that_changes_something() {
    let world = expired().await;
    let tombstoned_point = tombstoned(&world).await.remove(0);
    let point = world.points_of("orders").await.remove(2);
    world
        .ask_prune(json!({"hold": {"name": "case-16", "plan": "gold"}}))
        .await;
    world.later(SignedDuration::from_hours(30));
    world.script.deny_changes();
    for event in [
        json!({"dry_run": true}),
        json!({}),
        json!({"override_limits": true}),
        json!({"undelete": tombstoned_point.to_string(), "dry_run": true}),
        json!({"remove": point.to_string()}),
        json!({"hold": {"name": "case-17", "point": point.to_string()}, "dry_run": true}),
        json!({"lift_hold": "case-16"}),
        json!({"holds": true}),
    ] {
        world.script.restart();
        let report = world.ask_prune(event.clone()).await;
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{event}: {report:#?}");
        assert!(report.dry_run || event == json!({"holds": true}), "{event}");
        let calls = world.script.calls();
        let changes: Vec<_> = calls.iter().filter(|call| call.effect != Effect::Reads).collect();
        assert!(changes.is_empty() && calls.len() > 3, "{event}: {changes:#?}");
    }
}

// The sweep's memory and state
