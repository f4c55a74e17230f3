//! What prune is asked by hand, what it says, and what it refuses.

use std::sync::atomic::{AtomicU32, Ordering};

use holdfast_catalog::layout::{self, HoldRecord};
use holdfast_catalog::{LockMode, Outcome, OutcomeStatus, PointId, Report};
use holdfast_testkit::{Effect, Event, ManualClock};
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::locks::lock_for_days;
use holdfast_tests::{World, order_in};
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, WriteObjects as _};
use holdfast_vault::sweep::{Act, Expired, MARKS_BYTES, Margins, SweepEnd, Sweeper, Swept, Watch};
use jiff::{SignedDuration, Timestamp};
use prune::{Mode, Request};
use serde_json::{Value, json};

/// Points of one table, an hour apart and all replicated; each has contents that nobody else needs.
async fn hourly(points: u32) -> World {
    let world = World::with_orders(20);
    for hour in 0..points {
        let state = format!("changed at {hour}");
        world.tables.put("orders", order_in(1, &state));
        world.tick().await;
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(SignedDuration::from_hours(1));
    }
    world.outbox.take_events();
    world
}

async fn prune(world: &World) -> Report {
    world.prune().run(Mode::Execute, &world.clock).await.unwrap()
}

fn outcome(report: &Report, subject: impl ToString) -> &Outcome {
    let subject = subject.to_string();
    let found = report.outcomes.iter().find(|outcome| outcome.subject == subject);
    found.unwrap_or_else(|| panic!("nothing is said of {subject}: {report:#?}"))
}

#[track_caller]
fn says(report: &Report, subject: impl ToString, status: OutcomeStatus, words: &str) {
    let outcome = outcome(report, subject);
    assert!(
        outcome.status == status && outcome.message.contains(words),
        "{outcome:#?}"
    );
}

async fn tombstoned(world: &World) -> Vec<PointId> {
    let points = world.catalogue().await.points.into_iter();
    points
        .filter(|entry| entry.is_tombstoned)
        .map(|entry| entry.id)
        .collect()
}

fn events(world: &World) -> Vec<(String, Value)> {
    let parsed = |event: Event| (event.detail_type, serde_json::from_str(&event.detail).unwrap());
    world.outbox.take_events().into_iter().map(parsed).collect()
}

fn in_replica(subject: impl ToString) -> String {
    format!("eu-west-1: {}", subject.to_string())
}

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
async fn a_held_point_gets_no_tombstone_loses_the_one_it_has_and_is_not_given_up() {
    for on in ["point", "resource", "plan"] {
        let world = hourly(4).await;
        prune(&world).await;
        let point = tombstoned(&world).await.remove(0);
        let what = match on {
            "point" => point.to_string(),
            "resource" => point.resource.to_string(),
            _ => point.plan.to_string(),
        };
        let laid = world
            .ask_prune(json!({"hold": {"name": "case-17", on: what, "note": "a letter"}}))
            .await;
        assert_eq!(laid.count(OutcomeStatus::Done), 2, "{laid:#?}");
        world.later(SignedDuration::from_hours(1));
        let report = prune(&world).await;
        says(&report, &point, OutcomeStatus::Done, "held by case-17");
        assert!(report.metrics["HeldPoints"] > 0.0);
        assert!(!tombstoned(&world).await.contains(&point), "{on}: {report:#?}");
        let refused = world
            .ask_prune(json!({"remove": point.to_string(), "dry_run": false}))
            .await;
        says(&refused, &point, OutcomeStatus::Failed, "held by case-17");

        world.ask_prune(json!({"lift_hold": "case-17", "dry_run": false})).await;
        prune(&world).await;
        assert!(tombstoned(&world).await.contains(&point), "{on}");
    }
}

#[tokio::test]
async fn a_hold_that_is_laid_when_the_grace_is_over_still_calls_its_point_back() {
    let world = hourly(4).await;
    prune(&world).await;
    let point = tombstoned(&world).await.remove(0);
    world.later(SignedDuration::from_hours(25));
    world
        .ask_prune(json!({"hold": {"name": "case-17", "point": point.to_string()}}))
        .await;
    for _ in 0..3 {
        let report = prune(&world).await;
        assert!(world.catalogue().await.get(&point).is_some(), "{report:#?}");
        world.later(SignedDuration::from_mins(61));
    }
    assert_eq!(tombstoned(&world).await, []);
    every_point_is_whole(&world.home, "held").await;
}

#[tokio::test]
async fn a_hold_that_is_laid_while_a_sweep_is_under_way_keeps_its_point() {
    let world = hourly(4).await;
    prune(&world).await;
    let point = tombstoned(&world).await.remove(1);
    world.later(SignedDuration::from_hours(25));
    // Everything that refers to contents has been read once; the points are about to go.
    world.script.restart();
    let counted = world.apart();
    let sweep = world.prune();
    let read =
        counted.home.keys("parts/").len() + counted.home.keys("points/").len() + counted.home.keys("runs/").len();
    let other = world.apart();
    let hold = async {
        other
            .ask_prune(json!({"hold": {"name": "case-17", "point": point.to_string()}}))
            .await;
    };
    let calls_before = 20 + read as u64;
    let report = world
        .interrupted(calls_before, sweep.run(Mode::Execute, &world.clock), hold)
        .await;
    let report = report.unwrap().unwrap();
    assert!(world.catalogue().await.get(&point).is_some(), "{report:#?}");
    assert!(
        outcome(&report, "sweep").message.contains("held by case-17"),
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_hold_is_laid_once_listed_and_lifted_once_and_its_name_is_not_used_again() {
    let world = hourly(2).await;
    let hold = |name: &str, on: &str| json!({"hold": {"name": name, "resource": on, "note": "a letter"}});
    let orders = "dynamodb-table/eu-central-1/orders";
    says(
        &world.ask_prune(hold("case-17", orders)).await,
        "case-17",
        OutcomeStatus::Done,
        "2 points now",
    );
    says(
        &world.ask_prune(hold("case-17", orders)).await,
        "case-17",
        OutcomeStatus::Unchanged,
        "laid before",
    );
    let other = world
        .ask_prune(hold("case-17", "dynamodb-table/eu-central-1/bills"))
        .await;
    says(&other, "case-17", OutcomeStatus::Failed, "choose another name");
    let listed = world.ask_prune(json!({"holds": true})).await;
    says(
        &listed,
        "case-17",
        OutcomeStatus::Unchanged,
        "in force: laid at 2026-11-21T05:00:30Z on every point of",
    );
    says(&listed, "case-17", OutcomeStatus::Unchanged, "(a letter)");

    let dry = world.ask_prune(json!({"lift_hold": "case-17"})).await;
    says(&dry, "case-17", OutcomeStatus::Planned, "would be lifted");
    let lift = json!({"lift_hold": "case-17", "dry_run": false});
    says(
        &world.ask_prune(lift.clone()).await,
        "case-17",
        OutcomeStatus::Done,
        "lifted from",
    );
    says(
        &world.ask_prune(lift).await,
        "case-17",
        OutcomeStatus::Unchanged,
        "lifted before",
    );
    says(
        &world.ask_prune(json!({"holds": true})).await,
        "case-17",
        OutcomeStatus::Unchanged,
        "lifted at",
    );
    says(
        &world.ask_prune(hold("case-17", orders)).await,
        "case-17",
        OutcomeStatus::Failed,
        "a name is used once",
    );
    let unknown = world.ask_prune(json!({"lift_hold": "case-18", "dry_run": false})).await;
    says(&unknown, "case-18", OutcomeStatus::Failed, "no hold of that name");
    let told: Vec<String> = events(&world).into_iter().map(|(what, _)| what).collect();
    assert_eq!(told, [prune::HOLD_LAID, prune::HOLD_LIFTED]);
}

#[tokio::test]
async fn a_hold_on_a_point_that_does_not_exist_is_refused() {
    let world = hourly(1).await;
    let point = "dynamodb-table/eu-central-1/orders/20261121T030001Z-standard";
    let report = world
        .ask_prune(json!({"hold": {"name": "case-17", "point": point}}))
        .await;
    says(&report, "case-17", OutcomeStatus::Failed, "there is no point");
    assert_eq!(world.home.keys("holds/"), [""; 0]);
}

#[tokio::test]
async fn a_hold_that_one_vault_knows_counts_in_the_other() {
    for (without, with) in [("home", "replica"), ("replica", "home")] {
        let world = hourly(4).await;
        let point = world.points_of("orders").await.remove(0);
        world
            .ask_prune(json!({"hold": {"name": "case-17", "point": point.to_string()}}))
            .await;
        let key = layout::hold(&"case-17".parse().unwrap(), HoldRecord::Laid);
        world.home.sibling(without).lose(&key);
        prune(&world).await;
        for store in [&world.home, &world.replica] {
            assert!(
                !store.keys("tombstones/").contains(&layout::tombstone(&point)),
                "without {without}, with {with}"
            );
        }
    }
}

#[tokio::test]
async fn a_hold_record_that_cannot_be_read_holds_everything_of_its_vault_and_is_named() {
    let name = "case-17".parse().unwrap();
    let laid = layout::hold(&name, HoldRecord::Laid);
    for key in [laid.as_str(), "holds/what-is-this"] {
        let world = hourly(4).await;
        world
            .ask_prune(json!({"hold": {"name": "case-17", "plan": "gold"}}))
            .await;
        world.home.overwrite(key, "not a hold".into()).await.unwrap();
        let report = prune(&world).await;
        says(&report, key, OutcomeStatus::Failed, "everything in this vault is held");
        assert_eq!(
            (
                world.home.keys("tombstones/").len(),
                world.replica.keys("tombstones/").len()
            ),
            (0, 2),
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_lifted_holds_record_that_cannot_be_read_holds_nothing() {
    let world = hourly(4).await;
    world
        .ask_prune(json!({"hold": {"name": "case-17", "plan": "standard"}}))
        .await;
    world.ask_prune(json!({"lift_hold": "case-17", "dry_run": false})).await;
    let key = layout::hold(&"case-17".parse().unwrap(), HoldRecord::Laid);
    world.home.damage(&key, Vec::clear);
    let report = prune(&world).await;
    assert_eq!(
        (report.count(OutcomeStatus::Failed), tombstoned(&world).await.len()),
        (0, 2),
        "{report:#?}"
    );
}

// Honest deletion

/// Two tombstoned points whose grace is over.
async fn expired() -> World {
    let world = hourly(4).await;
    prune(&world).await;
    world.later(SignedDuration::from_hours(25));
    events(&world);
    world
}

#[tokio::test]
async fn the_report_says_how_much_was_asked_to_go_how_much_went_and_what_that_frees() {
    let world = expired().await;
    let before = world.home.stored_bytes();
    let dry = world.prune().run(Mode::DryRun, &world.clock).await.unwrap();
    let promised = outcome(&dry, "sweep").details["removable_bytes"].as_u64().unwrap();
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert!(
        sweep.message.contains("2 points and") && sweep.message.contains("a month"),
        "{sweep:#?}"
    );
    let removed = sweep.details["removed_bytes"].as_u64().unwrap();
    assert_eq!(before - world.home.stored_bytes(), removed);
    assert_eq!(sweep.details["asked_versions"], sweep.details["removed_versions"]);
    assert!(
        promised > 0 && promised < removed,
        "{promised} of contents, {removed} in all"
    );
    let freed = removed
        + outcome(&report, in_replica("sweep")).details["removed_bytes"]
            .as_u64()
            .unwrap();
    assert_eq!(report.metrics["SweptBytes"] as u64, freed);
    assert_eq!(report.metrics["RemovedPoints"], 4.0);
}

#[tokio::test]
async fn what_the_store_says_it_removed_and_still_lists_is_named_and_not_counted() {
    let world = expired().await;
    let gone = tombstoned(&world).await.remove(1);
    let manifest = holdfast_vault::read_manifest(&world.home, &gone).await.unwrap();
    let part = &manifest.data.unwrap().parts[0];
    let recipe = holdfast_vault::read_committed_part(&world.home, &gone, part)
        .await
        .unwrap();
    let pack = layout::pack(&recipe.packs.last().unwrap().sha256);
    world.home.ignore_removals_of(&pack);
    let before = world.home.stored_bytes();
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert_eq!(sweep.status, OutcomeStatus::Partial, "{sweep:#?}");
    assert!(
        sweep.message.contains("still listed") && sweep.message.contains(&pack),
        "{sweep:#?}"
    );
    assert_eq!(
        before - world.home.stored_bytes(),
        sweep.details["removed_bytes"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn a_version_that_is_only_replaced_goes_and_counts() {
    let world = hourly(1).await;
    prune(&world).await;
    let pack = world.home.keys("packs/").remove(0);
    let body = world.home.contents()[&pack].clone();
    world.later(SignedDuration::from_hours(1));
    world.home.overwrite(&pack, body.clone()).await.unwrap();
    world.later(SignedDuration::from_hours(25));
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert_eq!(sweep.details["superseded_versions"], 1, "{sweep:#?}");
    assert_eq!(sweep.details["removed_bytes"], body.len());
    every_point_is_whole(&world.home, "without the old version").await;
}

#[tokio::test]
async fn a_key_that_is_written_again_since_the_listing_is_left_alone_this_time() {
    let world = expired().await;
    let packs = world.home.keys("packs/");
    world.script.restart();
    prune(&world.apart()).await;
    let gone: Vec<String> = packs
        .into_iter()
        .filter(|key| !world.home.keys("packs/").contains(key))
        .collect();

    let world = expired().await;
    let body = world.home.contents()[&gone[0]].clone();
    let other = world.apart();
    let write = async || other.home.overwrite(&gone[0], body.clone()).await.unwrap();
    // The first look at a content to be removed follows right after the listing of contents.
    let uncut = expired().await;
    uncut.script.restart();
    prune(&uncut).await;
    let calls = uncut.script.calls();
    let first_look = calls
        .iter()
        .find(|call| call.name == "head" && call.subject.starts_with("packs/"))
        .unwrap();
    let sweep = world.prune();
    let run = sweep.run(Mode::Execute, &world.clock);
    let report = world
        .interrupted(first_look.number - 1, run, async { write().await })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(outcome(&report, "sweep").details["renewed_keys"], 1, "{report:#?}");
    assert!(world.home.keys("packs/").contains(&gone[0]));
    let stored = world.home.stored_bytes();
    prune(&world).await;
    assert_eq!(
        stored - world.home.stored_bytes(),
        body.len() as u64,
        "the old version goes the next time"
    );
}

#[tokio::test]
async fn an_error_amid_the_removals_keeps_what_was_done_in_the_report() {
    let world = expired().await;
    let throttled = PortError::Throttled("planted by a test".to_owned());
    world.script.restart();
    world
        .script
        .fail_nth("delete_version", 6, holdfast_testkit::Moment::Before, throttled);
    let before = world.home.stored_bytes();
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert_eq!(sweep.status, OutcomeStatus::Failed);
    assert!(sweep.message.contains("planted by a test"), "{sweep:#?}");
    assert_eq!(
        before - world.home.stored_bytes(),
        sweep.details["removed_bytes"].as_u64().unwrap(),
        "{sweep:#?}"
    );
    assert!(sweep.details["removed_versions"].as_u64().unwrap() > 0);
}

// Events

#[tokio::test]
async fn the_bus_hears_of_every_tombstone_every_removal_and_every_sweep() {
    let world = hourly(4).await;
    prune(&world).await;
    let told = events(&world);
    let count = |told: &[(String, Value)], what: &str| told.iter().filter(|(told, _)| told == what).count();
    assert_eq!((count(&told, prune::TOMBSTONED), count(&told, prune::SWEPT)), (4, 2));
    assert!(
        told.iter()
            .any(|(_, detail)| detail["why"] == "not among the last 2" && detail["bucket"] == "home")
    );
    world.later(SignedDuration::from_hours(25));
    prune(&world).await;
    let told = events(&world);
    assert_eq!((count(&told, prune::REMOVED), count(&told, prune::SWEPT)), (4, 2));
}

#[tokio::test]
async fn a_bus_that_does_not_answer_stops_nothing_and_the_report_says_what_was_not_told() {
    let world = expired().await;
    world
        .script
        .fail_named("publish", PortError::Denied("no bus".to_owned()));
    let report = prune(&world).await;
    assert_eq!(
        (
            report.count(OutcomeStatus::Failed),
            world.points_of("orders").await.len()
        ),
        (0, 2)
    );
    let gaps = report.outcomes.iter().filter(|outcome| outcome.subject == "events");
    let gaps: Vec<&Outcome> = gaps.collect();
    assert_eq!(gaps.len(), 4, "{report:#?}");
    assert!(
        gaps.iter()
            .all(|gap| gap.status == OutcomeStatus::Partial && gap.message.contains("no bus"))
    );
}

// Dry runs

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

/// A clock by which an invocation is over every so many steps.
struct Impatient<'a> {
    clock: &'a ManualClock,
    every: u32,
    asked: AtomicU32,
}

impl Clock for Impatient<'_> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn remaining(&self) -> SignedDuration {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if asked.is_multiple_of(self.every) {
            SignedDuration::ZERO
        } else {
            SignedDuration::MAX
        }
    }

    async fn sleep(&self, time: SignedDuration) {
        self.clock.sleep(time).await;
    }
}

/// Sweeps the home vault with so much memory for marks and so many steps to an invocation.
async fn swept_with(world: &World, marks_bytes: u64, steps: u32) -> (Swept, u32) {
    let mut swept = Swept::default();
    let clock = Impatient {
        clock: &world.clock,
        every: steps,
        asked: AtomicU32::new(0),
    };
    let watch = Watch {
        clock: &clock,
        stop_at: SignedDuration::ZERO,
    };
    let committed = world
        .catalogue()
        .await
        .points
        .into_iter()
        .map(|entry| entry.id)
        .collect();
    let expired = Expired {
        tombstones: &[],
        committed: &committed,
        now: world.clock.now(),
    };
    let sweeper = Sweeper::new(&world.home, Margins::with_grace(SignedDuration::ZERO)).with_marks_of(marks_bytes);
    let mut invocations = 1;
    while sweeper.run(Act::Remove(expired), &watch, &mut swept).await.unwrap() == SweepEnd::OutOfTime {
        invocations += 1;
    }
    (swept, invocations)
}

/// A vault with some thirty contents that are needed and as many that nothing needs.
async fn crowded() -> World {
    let mut world = World::with_orders(60);
    world.home = world.home.paged(8);
    for hour in 0..60 {
        world.tables.put("orders", order_in(hour, "changed"));
        world.tick().await;
        world.later(SignedDuration::from_hours(1));
    }
    for point in world.points_of("orders").await.iter().take(30) {
        world.home.lose(&layout::manifest(point));
        for part in world.home.keys(&layout::parts_of(point)) {
            world.home.lose(&part);
        }
    }
    world.later(SignedDuration::from_hours(25));
    world
}

#[tokio::test]
async fn marks_that_do_not_fit_are_made_range_by_range_and_the_same_goes_however_often_it_stops() {
    const ALL_STEPS: u32 = u32::MAX;
    let roomy = crowded().await;
    let (all, _) = swept_with(&roomy, MARKS_BYTES, ALL_STEPS).await;
    assert!(all.removed_versions > 40, "{all:#?}");
    for steps in [ALL_STEPS, 1, 2, 3, 5, 7, 11] {
        let tight = crowded().await;
        // 256 bits are for 16 contents.
        let (some, invocations) = swept_with(&tight, 32, steps).await;
        assert!(invocations > 60 / steps, "{invocations} invocations of {steps} steps");
        every_point_is_whole(&tight.home, &format!("{steps} steps to an invocation")).await;
        let kept = all.removed_versions - some.removed_versions;
        assert!(kept * 10 < all.removed_versions, "{kept} kept by mistake: {some:#?}");
        let (rest, _) = swept_with(&tight, MARKS_BYTES, ALL_STEPS).await;
        assert_eq!(rest.removed_versions, kept, "{steps} steps to an invocation");
        assert_eq!(tight.home.keys(""), roomy.home.keys(""));
    }
}

/// A sweep of two points that is stopped after so many steps, each of a page of eight.
async fn stopped_after(steps: usize) -> World {
    let mut world = expired().await;
    world.home = world.home.paged(8);
    for _ in 0..steps {
        world.clock.set_remaining(SignedDuration::from_secs(60));
        prune(&world).await;
    }
    world.clock.set_remaining(SignedDuration::from_mins(15));
    world
}

#[tokio::test]
async fn a_state_that_is_damaged_is_dropped_and_a_new_sweep_ends_as_it_should() {
    type Harm = fn(&mut Vec<u8>);
    const HARMS: [Harm; 3] = [
        Vec::clear,
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.reverse(),
    ];
    let finished = expired().await;
    prune(&finished).await;
    let mut harmed = 0;
    for steps in 1.. {
        let states = stopped_after(steps).await.home.keys("sweeps/");
        if states.is_empty() {
            assert!(steps > 8 && harmed > 40, "{steps} steps, {harmed} harmed");
            return;
        }
        for key in states {
            for (n, harm) in HARMS.into_iter().enumerate() {
                let when = format!("{key} after {steps} steps, harm {n}");
                let world = stopped_after(steps).await;
                world.home.damage(&key, harm);
                let report = prune(&world).await;
                assert_eq!(report.count(OutcomeStatus::Failed), 0, "{when}: {report:#?}");
                every_point_is_whole(&world.home, &when).await;
                // What the dropped sweep had removed from the listing is the next one's to look for.
                prune(&world).await;
                assert_eq!(world.home.keys(""), finished.home.keys(""), "{when}");
                harmed += 1;
            }
        }
    }
}
