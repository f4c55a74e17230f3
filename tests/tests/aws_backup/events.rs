//! Events of AWS Backup: a nudge to look after one run, and nothing that can do harm.

use holdfast_catalog::{ManagedJob, Outcome, OutcomeStatus, layout, unseal};
use holdfast_lambda::Woken;
use holdfast_testkit::JobEnd;
use holdfast_tests::World;
use holdfast_tests::managed::with_orders;
use holdfast_vault::keys;
use holdfast_vault::port::ReadObjects as _;
use serde_json::{Value, json};

/// A world whose job was started by a tick, and the job's id.
async fn with_job() -> (World, String) {
    let world = with_orders(3);
    world.tick().await;
    let work = keys(&world.home, layout::RUNS).await.unwrap();
    let mark = work.iter().find(|info| info.key.contains("/job-")).unwrap();
    let job: ManagedJob = unseal(&world.home.get(&mark.key).await.unwrap(), "job").unwrap();
    (world, job.job_id)
}

fn detail(job_id: &str, state: &str) -> Value {
    json!({
        "backupJobId": job_id,
        "state": state,
        "resourceArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
    })
}

/// What snapshot says of an event with this detail.
async fn hear(world: &World, detail: Value) -> Outcome {
    let event = json!({"source": "aws.backup", "detail-type": "Backup Job State Change", "detail": detail});
    let Woken::Bus(detail) = Woken::by(event).unwrap() else {
        panic!("no event of a bus")
    };
    let request = snapshot::Request::parse(detail).unwrap();
    let report = world.snapshot().run_request(request, &world.clock).await.unwrap();
    report.outcomes.into_iter().next().unwrap()
}

/// As many events as a job needs to end.
async fn hear_to_the_end(world: &World, job_id: &str) -> Outcome {
    for _ in 0..20 {
        let outcome = hear(world, detail(job_id, "RUNNING")).await;
        if outcome.status != OutcomeStatus::Continuing {
            return outcome;
        }
    }
    panic!("the job never ends");
}

#[tokio::test]
async fn a_point_gets_into_the_catalogue_by_events_alone_whatever_state_they_tell() {
    let (world, job_id) = with_job().await;
    let done = hear_to_the_end(&world, &job_id).await;
    assert_eq!(done.status, OutcomeStatus::Done, "{done:?}");
    assert_eq!(
        (world.catalogue().await.points.len(), world.backups.jobs_started()),
        (1, 1)
    );
}

#[tokio::test]
async fn an_event_that_comes_again_or_late_changes_nothing() {
    let (world, job_id) = with_job().await;
    hear_to_the_end(&world, &job_id).await;
    for state in ["COMPLETED", "CREATED", "FAILED"] {
        let again = hear(&world, detail(&job_id, state)).await;
        assert_eq!(again.status, OutcomeStatus::Unchanged, "{again:?}");
    }
    assert_eq!(
        (world.catalogue().await.points.len(), world.backups.jobs_started()),
        (1, 1)
    );
}

#[tokio::test]
async fn an_event_that_says_done_is_not_believed() {
    let (world, job_id) = with_job().await;
    world.backups.polls(50);
    let outcome = hear(&world, detail(&job_id, "COMPLETED")).await;
    assert_eq!(outcome.status, OutcomeStatus::Continuing, "{outcome:?}");
    assert!(world.catalogue().await.points.is_empty());
}

#[tokio::test]
async fn events_of_other_jobs_and_malformed_ones_are_nothing_to_do() {
    let (world, job_id) = with_job().await;
    let other_table =
        json!({"backupJobId": job_id, "resourceArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/x"});
    for detail in [
        detail("somebody-elses", "COMPLETED"),
        other_table,
        json!({"backupJobId": 7}),
        json!({"backupJobId": null, "resourceArn": []}),
    ] {
        let outcome = hear(&world, detail.clone()).await;
        assert_eq!(outcome.status, OutcomeStatus::Unchanged, "{detail}: {outcome:?}");
    }
    assert_eq!(world.backups.jobs_started(), 1);
}

#[tokio::test]
async fn the_end_of_a_run_is_told_once() {
    let world = with_orders(1);
    world.backups.next_job_ends(JobEnd::Aborted);
    world.tick().await;
    let work = keys(&world.home, layout::RUNS).await.unwrap();
    let mark = work.iter().find(|info| info.key.contains("/job-")).unwrap();
    let job: ManagedJob = unseal(&world.home.get(&mark.key).await.unwrap(), "job").unwrap();
    let failed = hear_to_the_end(&world, &job.job_id).await;
    assert_eq!(failed.status, OutcomeStatus::Failed, "{failed:?}");
    let again = hear(&world, detail(&job.job_id, "ABORTED")).await;
    assert_eq!(again.status, OutcomeStatus::Unchanged, "{again:?}");
}
