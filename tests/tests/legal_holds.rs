//! Holds on resources, plans and points: laid, listed, lifted, and stronger than all else; and so are holds and locks of S3 itself.

use holdfast_catalog::OutcomeStatus;
use holdfast_catalog::layout::{self, HoldRecord};
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::pruning::*;
use holdfast_vault::port::WriteObjects as _;
use jiff::SignedDuration;
use prune::Mode;
use serde_json::json;

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

#[tokio::test]
async fn a_point_whose_manifest_is_held_keeps_everything_that_it_needs_and_the_others_go() {
    let world = expired().await;
    let expired = tombstoned(&world).await;
    assert_eq!(expired.len(), 2);
    // The first one's contents are needed by all later ones; the second has some of its own.
    let held = &expired[1];
    world.home.hold(&layout::manifest(held));
    let report = prune(&world).await;
    assert!(format!("{report:?}").contains(&layout::manifest(held)), "{report:#?}");
    every_point_is_whole(&world.home, "after pruning").await;
    assert!(world.catalogue().await.get(held).is_some());
    assert!(world.catalogue().await.get(&expired[0]).is_none());
    world.home.release(&layout::manifest(held));
    prune(&world).await;
    assert!(world.catalogue().await.get(held).is_none());
    every_point_is_whole(&world.home, "after the hold").await;
}

#[tokio::test]
async fn a_locked_vault_keeps_all_and_the_report_says_so() {
    let world = expired().await;
    world.home.retain_for(SignedDuration::from_hours(30 * 24));
    let before = world.home.keys("");
    let report = prune(&world).await;
    assert!(format!("{report:?}").contains("is locked"), "{report:#?}");
    let kept: Vec<String> = world.home.keys("");
    let gone: Vec<&String> = before.iter().filter(|key| !kept.contains(key)).collect();
    assert!(gone.is_empty(), "{gone:#?}");
    every_point_is_whole(&world.home, "in a locked vault").await;
}
