//! Points that AWS Backup makes: one job each, followed to its end, told as it ended.

use holdfast_catalog::{Engine, Outcome, OutcomeStatus, PointId};
use holdfast_testkit::{JobEnd, Moment};
use holdfast_tests::managed::{POLICY, TICK, with_orders};
use holdfast_tests::{BACKUP_VAULT, World};
use holdfast_vault::{PortError, read_manifest};
use jiff::SignedDuration;
use serde_json::json;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn of<'a>(outcomes: &'a [Outcome], resource: &str) -> &'a Outcome {
    let found = outcomes.iter().find(|outcome| outcome.subject.starts_with(resource));
    found.unwrap_or_else(|| panic!("nothing of {resource}: {outcomes:#?}"))
}

async fn points(world: &World) -> Vec<PointId> {
    let catalogue = world.catalogue().await;
    catalogue.points.into_iter().map(|entry| entry.id).collect()
}

#[tokio::test]
async fn what_is_due_becomes_a_job_that_every_tick_looks_after_until_its_point_is_committed() {
    let world = with_orders(5);
    let report = world.tick().await;
    let started = of(&report.outcomes, "dynamodb-table");
    assert_eq!(started.status, OutcomeStatus::Continuing, "{started:?}");
    assert!(
        points(&world).await.is_empty(),
        "a job that was started is no point yet"
    );
    world.later(TICK);
    let report = world.ticks().await;
    let done = of(&report.outcomes, "dynamodb-table");
    assert_eq!(done.status, OutcomeStatus::Done, "{done:?}");
    let points = points(&world).await;
    let manifest = read_manifest(&world.home, &points[0]).await.unwrap();
    let managed = manifest.managed.unwrap();
    assert_eq!(manifest.engine, Engine::AwsBackup);
    assert_eq!(managed.backup_vault, BACKUP_VAULT);
    assert_eq!(world.backups.points(BACKUP_VAULT)[0].arn, managed.recovery_point_arn);
    assert_eq!((points.len(), world.backups.jobs_started()), (1, 1));
    assert!(manifest.blobs.len() >= 2, "settings and policy are in our vault");
}

#[tokio::test]
async fn a_database_is_a_kind_like_any_other() {
    let world = with_orders(1);
    world.add_database("shop");
    world.ticks().await;
    let points: Vec<String> = points(&world)
        .await
        .into_iter()
        .map(|point| point.resource.to_string())
        .collect();
    assert_eq!(
        points,
        ["dynamodb-table/eu-central-1/orders", "rds-instance/eu-central-1/shop"]
    );
}

#[tokio::test]
async fn a_job_may_take_longer_than_an_ordinary_run_and_no_other_is_begun_meanwhile() {
    let world = with_orders(1);
    world.backups.polls(50);
    for _ in 0..40 {
        world.tick().await;
        world.later(TICK);
    }
    assert_eq!(world.backups.jobs_started(), 1, "ten hours, and one job");
    let report = world.ticks().await;
    assert_eq!(
        of(&report.outcomes, "dynamodb-table").status,
        OutcomeStatus::Done,
        "{report:#?}"
    );
}

#[tokio::test]
async fn completed_with_issues_is_partial_and_says_which() {
    let world = with_orders(1);
    world
        .backups
        .next_job_ends(JobEnd::WithIssues("2 items were skipped".to_owned()));
    let report = world.ticks().await;
    let outcome = of(&report.outcomes, "dynamodb-table");
    assert_eq!(outcome.status, OutcomeStatus::Partial);
    assert!(outcome.message.contains("2 items were skipped"), "{outcome:?}");
}

#[tokio::test]
async fn a_job_that_was_stopped_makes_no_point_is_told_and_the_next_slot_begins_anew() {
    let world = with_orders(1);
    world.backups.next_job_ends(JobEnd::Aborted);
    let report = world.ticks().await;
    let outcome = of(&report.outcomes, "dynamodb-table");
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert!(outcome.message.contains("stopped by somebody"), "{outcome:?}");
    assert!(points(&world).await.is_empty());
    world.later(HOUR);
    let report = world.ticks().await;
    assert_eq!(
        of(&report.outcomes, "dynamodb-table").status,
        OutcomeStatus::Done,
        "{report:#?}"
    );
    assert_eq!(world.backups.jobs_started(), 2);
}

#[tokio::test]
async fn a_job_that_ends_partial_makes_a_partial_point_and_says_why() {
    let world = with_orders(1);
    world
        .backups
        .next_job_ends(JobEnd::Partial("3 items were left out".to_owned()));
    let report = world.ticks().await;
    let outcome = of(&report.outcomes, "dynamodb-table");
    assert_ne!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert!(outcome.message.contains("3 items were left out"), "{outcome:?}");
}

#[tokio::test]
async fn a_job_that_expires_is_asked_for_three_times_and_then_told() {
    let world = with_orders(1);
    for _ in 0..3 {
        world.backups.next_job_ends(JobEnd::Expired(None));
    }
    let report = world.ticks().await;
    let outcome = of(&report.outcomes, "dynamodb-table");
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{outcome:?}");
    assert_eq!((points(&world).await.len(), world.backups.jobs_started()), (0, 3));
}

#[tokio::test]
async fn a_vault_that_is_locked_for_less_gets_the_point_for_as_long_as_it_takes_it_and_that_is_told() {
    let world = with_orders(1);
    world.backups.set_lock(
        BACKUP_VAULT,
        holdfast_sources::managed::port::LockBounds {
            min_days: None,
            max_days: Some(30),
            immutable_from: None,
        },
    );
    let report = world.ticks().await;
    let outcome = of(&report.outcomes, "dynamodb-table");
    assert_eq!(outcome.status, OutcomeStatus::Partial);
    assert!(outcome.message.contains("it is kept for 30 days"), "{outcome:?}");
    assert_eq!(
        world.backups.points(BACKUP_VAULT)[0].lifecycle.delete_after_days,
        Some(30)
    );
}

#[tokio::test]
async fn a_point_whose_vault_is_not_locked_as_the_plan_asks_is_made_and_says_what_to_change() {
    let world = with_orders(1);
    world.set_policy(&format!("{POLICY}    compliance: {{minimum: 30d, lock: governance}}\n"));
    let first = world.tick().await;
    assert_eq!(first.notes, [""; 0], "the policy is good");
    let report = world.ticks().await;
    let outcome = of(&report.outcomes, "dynamodb-table");
    assert_eq!(outcome.status, OutcomeStatus::Partial, "{outcome:?}");
    assert!(
        outcome.message.contains("aws_backup.delete_after: 30d or more"),
        "{outcome:?}"
    );
    assert_eq!(points(&world).await.len(), 1);
}

#[tokio::test]
async fn a_stack_without_aws_backup_says_what_to_deploy() {
    let world = with_orders(1);
    let snapshot = snapshot::Snapshot {
        managed: None,
        ..world.snapshot()
    };
    let report = snapshot.run_due(&world.clock).await.unwrap();
    let outcome = of(&report.outcomes, "dynamodb-table");
    assert!(outcome.message.contains("AwsBackup=enabled"), "{outcome:?}");
}

#[tokio::test]
async fn a_person_who_asks_the_wrong_engine_is_told_the_right_one() {
    let world = with_orders(1);
    world.add_database("shop");
    world.set_policy(&POLICY.replace("    engine: aws-backup\n", ""));
    let event = json!({ "resource": "rds-instance/eu-central-1/shop", "plan": "standard" });
    let request = snapshot::Request::parse(event).unwrap();
    let report = world.snapshot().run_request(request, &world.clock).await.unwrap();
    assert!(report.outcomes[0].message.contains("engine: aws-backup"), "{report:#?}");
}

/// One tick after the other with a fault at each call of all of them: never a second job, and in the end one point.
#[tokio::test]
async fn killed_or_failed_at_any_call_no_second_job_is_started() {
    let uncut = with_orders(2);
    uncut.script.restart();
    uncut.ticks().await;
    let calls = uncut.script.total();
    assert!(calls > 20, "only {calls} calls");
    let words = || "planted by a test".to_owned();
    for number in 1..=calls {
        for moment in [Moment::Before, Moment::After] {
            let world = with_orders(2);
            let when = format!("killed {moment:?} call {number}");
            world.script.restart();
            world.script.kill_at(number, moment);
            heal(&world, &when).await;
        }
        for error in [
            PortError::Throttled(words()),
            PortError::Denied(words()),
            PortError::Unavailable(words()),
        ] {
            let world = with_orders(2);
            let moment = match error {
                PortError::Unavailable(_) => Moment::After,
                _ => Moment::Before,
            };
            let when = format!("{error:?} at call {number}");
            world.script.restart();
            world.script.fail(number, moment, error);
            heal(&world, &when).await;
        }
    }
}

async fn heal(world: &World, when: &str) {
    for _ in 0..3 {
        // What was disturbed may fail as a whole.
        let _ = world.snapshot().run_due(&world.clock).await;
        world.later(TICK);
    }
    world.script.heal();
    world.script.revive();
    world.ticks().await;
    assert_eq!(points(world).await.len(), 1, "{when}");
    assert_eq!(world.backups.jobs_started(), 1, "{when}");
}
