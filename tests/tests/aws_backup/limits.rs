//! What AWS Backup does not do, through the functions: remember jobs, copy what is cold.
//!
//! Continuous points do not come here: a plan that asks for them is refused, and those of others are not ours to copy.

use holdfast_catalog::{Outcome, OutcomeStatus, Report};
use holdfast_sources::managed::port::{ReadBackups as _, ReadCopies as _};
use holdfast_tests::managed::{POLICY, TICK, with_orders};
use holdfast_tests::{BACKUP_VAULT, World, replica_region};
use jiff::SignedDuration;

/// One more than AWS Backup remembers jobs for.
const DAYS: SignedDuration = SignedDuration::from_hours(31 * 24);

async fn replicate(world: &World) -> Report {
    world.replicate().run_all(&world.clock).await.unwrap()
}

fn only(report: &Report) -> &Outcome {
    assert_eq!(report.outcomes.len(), 1, "{report:#?}");
    &report.outcomes[0]
}

/// The job that an outcome tells of: `… (job ID, attempt 1)`.
fn job_of(report: &Report) -> String {
    let told = only(report).message.split_once("(job ").unwrap().1;
    told.split_once(',').unwrap().0.to_owned()
}

fn copies(world: &World) -> usize {
    world.backups.in_region(&replica_region()).points(BACKUP_VAULT).len()
}

#[tokio::test]
async fn a_backup_whose_job_is_forgotten_becomes_its_point_and_is_not_made_again() {
    let world = with_orders(1);
    let job = job_of(&world.tick().await);
    while world.backups.backup_job(&job).await.unwrap().state != "COMPLETED" {}
    world.later(DAYS);
    let report = world.tick().await;
    assert_eq!(only(&report).status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 1);
}

#[tokio::test]
async fn a_copy_whose_job_is_forgotten_is_found_and_not_made_again() {
    let world = with_orders(1);
    world.ticks().await;
    let job = job_of(&replicate(&world).await);
    while world.backups.copy_job(&job).await.unwrap().state != "COMPLETED" {}
    world.later(DAYS);
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!((copies(&world), world.backups.jobs_started()), (1, 2));
}

#[tokio::test]
async fn a_backup_waits_until_the_copy_that_holds_its_resource_has_ended() {
    let world = with_orders(1);
    world.ticks().await;
    let copy = job_of(&replicate(&world).await);
    world.later(SignedDuration::from_hours(1));
    for _ in 0..3 {
        let report = world.tick().await;
        assert_eq!(only(&report).status, OutcomeStatus::Continuing, "{report:#?}");
        world.later(TICK);
    }
    // A job goes on when somebody looks at it; snapshot looks at its own alone.
    while world.backups.copy_job(&copy).await.unwrap().state != "COMPLETED" {}
    world.ticks().await;
    assert!(world.catalogue().await.points.len() >= 2);
}

#[tokio::test]
async fn a_point_in_cold_storage_is_not_asked_for_and_says_what_to_change() {
    let world = with_orders(1);
    world.set_policy(&POLICY.replace(
        "engine: aws-backup",
        "engine: aws-backup\n    aws_backup: {cold_after: 1d, delete_after: 400d}",
    ));
    world.ticks().await;
    world.later(SignedDuration::from_hours(48));
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Failed, "{report:#?}");
    assert!(only(&report).message.contains("before they move there"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 1, "the backup's alone");
}
