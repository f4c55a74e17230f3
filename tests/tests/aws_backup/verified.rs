//! Points of AWS Backup are restored as a test, and those of others count towards the objective.

use holdfast_catalog::{Outcome, OutcomeStatus, Report};
use holdfast_sources::managed::port::Validation;
use holdfast_testkit::JobEnd;
use holdfast_tests::managed::{TICK, with_orders};
use holdfast_tests::{BACKUP_VAULT, World};
use jiff::SignedDuration;

async fn verify(world: &World) -> Report {
    world.verify().run_all(&world.clock).await.unwrap()
}

/// Verifies until no restore test goes on, and gives what was said of the last one of a resource.
async fn tested(world: &World, resource: &str) -> Outcome {
    let is_test = |outcome: &&Outcome| outcome.subject.starts_with(resource) && outcome.message.contains("restore");
    for _ in 0..30 {
        let report = verify(world).await;
        world.later(TICK);
        let found = report.outcomes.iter().filter(is_test).find(|outcome| {
            outcome.message.contains("restored into a scratch") || outcome.message.contains("restore test failed")
        });
        if let Some(found) = found {
            return found.clone();
        }
    }
    panic!("no test of {resource} ever ends");
}

#[tokio::test]
async fn a_table_is_restored_compared_told_to_aws_backup_and_removed() {
    let world = with_orders(5);
    world.ticks().await;
    let outcome = tested(&world, "dynamodb-table").await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert_eq!(outcome.details["items"], 5);
    let validations = world.backups.validations();
    let told: Vec<Validation> = validations.values().map(|(validation, _)| *validation).collect();
    assert_eq!(told, [Validation::Successful]);
    verify(&world).await;
    assert_eq!(world.tables.names(), ["orders"], "nothing of the test is left");
    assert_eq!(world.backups.jobs_started(), 2);
}

#[tokio::test]
async fn a_database_is_restored_compared_and_removed() {
    let world = with_orders(1);
    world.add_database("shop");
    world.ticks().await;
    let outcome = tested(&world, "rds-instance").await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    for _ in 0..3 {
        verify(&world).await;
        world.later(SignedDuration::from_hours(3));
    }
    assert_eq!(world.databases.names(), ["shop"], "nothing of the test is left");
}

#[tokio::test]
async fn a_restore_job_that_fails_is_a_test_that_failed() {
    let world = with_orders(1);
    world.ticks().await;
    world
        .backups
        .next_job_ends(JobEnd::Failed("Access denied to the key".to_owned()));
    let outcome = tested(&world, "dynamodb-table").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert!(outcome.message.contains("Access denied to the key"), "{outcome:?}");
}

#[tokio::test]
async fn a_point_that_somebody_removed_from_aws_backup_is_damaged_and_counts_no_more() {
    let world = with_orders(1);
    world.ticks().await;
    let point = world.backups.points(BACKUP_VAULT)[0].arn.clone();
    world.backups.lose(BACKUP_VAULT, &point);
    let report = verify(&world).await;
    let told = report
        .outcomes
        .iter()
        .find(|outcome| outcome.message.contains("does not have it any more"));
    assert_eq!(told.unwrap().status, OutcomeStatus::Failed, "{report:#?}");
    assert!(world.catalogue().await.points[0].is_damaged());
}

#[tokio::test]
async fn points_of_the_customers_own_plans_are_shown_and_count_towards_the_objective() {
    let world = with_orders(1);
    world.later(SignedDuration::from_hours(3));
    let report = verify(&world).await;
    let breached = report.metrics["RpoBreachedResources"];
    assert!(breached > 0.0, "{report:#?}");
    let table = world.tables.arn("orders").parse().unwrap();
    world.backups.customer_backup("Default", &table, "nightly");
    let report = verify(&world).await;
    assert!(report.metrics["RpoBreachedResources"] < breached, "{report:#?}");
    let shown = report
        .outcomes
        .iter()
        .find(|outcome| outcome.message.contains("backup plan nightly"));
    assert_eq!(shown.unwrap().status, OutcomeStatus::Unchanged, "{report:#?}");
}

#[tokio::test]
async fn points_of_others_count_for_databases_too() {
    let world = with_orders(1);
    let database = world.add_database("shop");
    world.later(SignedDuration::from_hours(3));
    let breached = verify(&world).await.metrics["RpoBreachedResources"];
    assert!(breached > 0.0);
    world.backups.customer_backup("Default", &database, "nightly");
    let report = verify(&world).await;
    assert!(report.metrics["RpoBreachedResources"] < breached, "{report:#?}");
    let is_shown = |outcome: &Outcome| {
        outcome.subject.starts_with("rds-instance") && outcome.message.contains("backup plan nightly")
    };
    assert!(report.outcomes.iter().any(is_shown), "{report:#?}");
}
