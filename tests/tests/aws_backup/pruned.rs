//! What retention gives up goes from AWS Backup first, and is told as it went.

use holdfast_catalog::{Outcome, OutcomeStatus, Report};
use holdfast_sources::managed::port::LockBounds;
use holdfast_testkit::Moment;
use holdfast_tests::managed::{POLICY, with_orders};
use holdfast_tests::{BACKUP_VAULT, World};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use prune::Mode;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Three points, of which retention keeps two, and the grace of the third is over.
async fn one_too_many() -> World {
    let world = with_orders(1);
    world.set_policy(&POLICY.replace("    retention", "    copies: none\n    retention"));
    for _ in 0..3 {
        world.ticks().await;
        world.later(HOUR);
    }
    prune(&world).await;
    world.later(HOUR * 25);
    world
}

async fn prune(world: &World) -> Report {
    world.prune().run(Mode::Execute, &world.clock).await.unwrap()
}

fn of_aws(report: &Report) -> &Outcome {
    let found = report
        .outcomes
        .iter()
        .find(|outcome| outcome.message.starts_with("AWS Backup"));
    found.unwrap_or_else(|| panic!("nothing of AWS Backup: {report:#?}"))
}

async fn left(world: &World) -> (usize, usize) {
    let here = world.catalogue().await.points.len();
    (here, world.backups.points(BACKUP_VAULT).len())
}

#[tokio::test]
async fn a_point_goes_from_aws_backup_and_then_its_manifest() {
    let world = one_too_many().await;
    assert_eq!(left(&world).await, (3, 3), "nothing goes before its grace is over");
    let report = prune(&world).await;
    assert_eq!(of_aws(&report).message, "AWS Backup: deleted");
    assert_eq!(left(&world).await, (2, 2));
}

#[tokio::test]
async fn a_dry_run_asks_aws_backup_for_nothing() {
    let world = one_too_many().await;
    world.prune().run(Mode::DryRun, &world.clock).await.unwrap();
    assert_eq!(left(&world).await, (3, 3));
}

#[tokio::test]
async fn a_success_that_deleted_nothing_is_told_with_what_it_costs_and_tried_again() {
    let world = one_too_many().await;
    world.backups.deletes_do_nothing(true);
    let report = prune(&world).await;
    let told = of_aws(&report);
    assert_eq!(told.status, OutcomeStatus::Partial);
    assert!(
        told.message.contains("not deleted although AWS Backup said yes"),
        "{told:?}"
    );
    assert!(told.details.contains_key("left_bytes"), "{told:?}");
    assert_eq!(left(&world).await, (3, 3), "the manifest stays with its data");
    world.backups.deletes_do_nothing(false);
    world.later(HOUR);
    prune(&world).await;
    assert_eq!(left(&world).await, (2, 2));
}

#[tokio::test]
async fn a_locked_point_and_a_held_one_stay_and_ring_no_alarm() {
    let world = one_too_many().await;
    let points = world.backups.points(BACKUP_VAULT);
    let arns: Vec<_> = points.iter().map(|point| point.arn.clone()).collect();
    world.backups.hold("case 7", &arns);
    let report = prune(&world).await;
    assert_eq!(of_aws(&report).status, OutcomeStatus::Unchanged);
    assert!(of_aws(&report).message.contains("case 7"), "{report:#?}");

    let world = one_too_many().await;
    let bounds = LockBounds {
        min_days: Some(1),
        max_days: None,
        immutable_from: None,
    };
    world.backups.set_lock(BACKUP_VAULT, bounds);
    let report = prune(&world).await;
    assert!(of_aws(&report).message.contains("its vault is locked"), "{report:#?}");
    assert_eq!(left(&world).await, (3, 3));
}

#[tokio::test]
async fn points_of_others_are_never_removed() {
    let world = one_too_many().await;
    let table = world.tables.arn("orders").parse().unwrap();
    world.backups.customer_backup("Default", &table, "daily");
    prune(&world).await;
    assert_eq!(world.backups.points("Default").len(), 1);
}

#[tokio::test]
async fn killed_or_failed_at_any_call_no_data_stays_that_no_manifest_names() {
    let uncut = one_too_many().await;
    uncut.script.restart();
    prune(&uncut).await;
    let calls = uncut.script.total();
    for number in 1..=calls {
        let error = PortError::Unavailable("planted by a test".to_owned());
        for moment in [Moment::Before, Moment::After] {
            for is_kill in [true, false] {
                let world = one_too_many().await;
                world.script.restart();
                if is_kill {
                    world.script.kill_at(number, moment);
                } else {
                    world.script.fail(number, moment, error.clone());
                }
                let _ = world.prune().run(Mode::Execute, &world.clock).await;
                let when = format!("call {number}, {moment:?}, killed: {is_kill}");
                let (here, there) = left(&world).await;
                assert!(here >= there, "{when}: {here} manifests, {there} points");
                world.script.heal();
                world.script.revive();
                world.later(HOUR);
                prune(&world).await;
                assert_eq!(left(&world).await, (2, 2), "{when}");
            }
        }
    }
}
