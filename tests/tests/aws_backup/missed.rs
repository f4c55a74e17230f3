//! Ticks that never came for a day: the next ones make good what was missed, once.
//!
//! The clock of the local cloud's functions cannot be moved, so it is told here and not by a story.

use holdfast_catalog::OutcomeStatus;
use holdfast_tests::managed::{TICK, with_orders};
use holdfast_tests::{BACKUP_VAULT, World, replica_region};
use holdfast_vault::read_manifest;
use jiff::SignedDuration;

async fn to_the_end(world: &World) {
    for _ in 0..20 {
        let report = world.replicate().run_all(&world.clock).await.unwrap();
        world.later(TICK);
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
        if report.count(OutcomeStatus::Continuing) == 0 {
            return;
        }
    }
    panic!("the copies never end");
}

#[tokio::test]
async fn a_day_without_ticks_is_made_good_with_one_point_and_its_copy() {
    let world = with_orders(1);
    world.ticks().await;
    to_the_end(&world).await;
    world.later(SignedDuration::from_hours(24));
    world.ticks().await;
    let points = world.points_of("orders").await;
    assert_eq!(
        points.len(),
        2,
        "hourly slots that are past are not made up for one by one"
    );
    to_the_end(&world).await;
    assert!(read_manifest(&world.replica, &points[1]).await.is_ok());
    let copies = world.backups.in_region(&replica_region()).points(BACKUP_VAULT);
    assert_eq!((copies.len(), world.backups.jobs_started()), (2, 4));
}

#[tokio::test]
async fn a_copy_that_was_under_way_when_ticks_ceased_is_finished_by_the_next() {
    let world = with_orders(1);
    world.ticks().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    world.later(SignedDuration::from_hours(24));
    to_the_end(&world).await;
    let copies = world.backups.in_region(&replica_region()).points(BACKUP_VAULT);
    assert_eq!((copies.len(), world.backups.jobs_started()), (1, 2));
}
