//! Events of copy jobs: a nudge to look after one copy, and nothing that can do harm.

use holdfast_catalog::{ManagedJob, Outcome, OutcomeStatus, Report, layout, unseal};
use holdfast_lambda::Woken;
use holdfast_tests::managed::with_orders;
use holdfast_tests::{BACKUP_VAULT, World, replica_region};
use holdfast_vault::keys;
use holdfast_vault::port::ReadObjects as _;
use replicate::{Everywhere, Replicate, Request};
use serde_json::{Value, json};

/// `replicate` of a stack whose protected regions all have their vaults.
fn everywhere<H, R, M, B>(destinations: Vec<Replicate<H, R, M, B>>) -> Everywhere<H, R, M, B> {
    let vaults = None;
    Everywhere { destinations, vaults }
}

/// A world whose point is being copied, and the copy job's id.
async fn with_copy_job() -> (World, String) {
    let world = with_orders(3);
    world.ticks().await;
    let report = everywhere(vec![world.replicate()]).run_all(&world.clock).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Continuing), 1, "{report:#?}");
    let marks = keys(&world.home, layout::COPIES).await.unwrap();
    let job: ManagedJob = unseal(&world.home.get(&marks[0].key).await.unwrap(), "job").unwrap();
    (world, job.job_id)
}

fn detail(job_id: &str, state: &str) -> Value {
    json!({
        "copyJobId": job_id,
        "state": state,
        "resourceArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
        "destinationBackupVaultArn": format!("arn:aws:backup:eu-west-1:111122223333:backup-vault:{BACKUP_VAULT}"),
    })
}

fn request(detail: &Value) -> Request {
    let event = json!({"source": "aws.backup", "detail-type": "Copy Job State Change", "detail": detail});
    let Woken::Bus(detail) = Woken::by(event).unwrap() else {
        panic!("no event of a bus")
    };
    Request::parse(detail).unwrap()
}

async fn report_of(world: &World, detail: &Value) -> Report {
    let everywhere = everywhere(vec![world.replicate()]);
    everywhere.run_request(request(detail), &world.clock).await.unwrap()
}

/// What replicate says of an event with this detail.
async fn hear(world: &World, detail: &Value) -> Outcome {
    report_of(world, detail).await.outcomes.into_iter().next().unwrap()
}

/// As many events as a job needs to end.
async fn hear_to_the_end(world: &World, job_id: &str) -> Outcome {
    for _ in 0..20 {
        let outcome = hear(world, &detail(job_id, "RUNNING")).await;
        if outcome.status != OutcomeStatus::Continuing {
            return outcome;
        }
    }
    panic!("the job never ends");
}

fn copies_and_jobs(world: &World) -> (usize, usize) {
    let there = world.backups.in_region(&replica_region());
    (there.points(BACKUP_VAULT).len(), world.backups.jobs_started())
}

#[tokio::test]
async fn a_copy_is_finished_by_events_alone_whatever_state_they_tell() {
    let (world, job_id) = with_copy_job().await;
    let done = hear_to_the_end(&world, &job_id).await;
    assert_eq!(done.status, OutcomeStatus::Done, "{done:?}");
    let point = &world.catalogue().await.points[0];
    assert!(point.facts.contains_key("replicated"));
    assert_eq!(copies_and_jobs(&world), (1, 2));
}

#[tokio::test]
async fn an_event_that_comes_again_or_late_changes_nothing() {
    let (world, job_id) = with_copy_job().await;
    hear_to_the_end(&world, &job_id).await;
    let before = keys(&world.home, "").await.unwrap();
    for state in ["COMPLETED", "CREATED", "FAILED"] {
        let again = hear(&world, &detail(&job_id, state)).await;
        assert_eq!(again.status, OutcomeStatus::Unchanged, "{again:?}");
    }
    assert_eq!(keys(&world.home, "").await.unwrap(), before);
    assert_eq!(copies_and_jobs(&world), (1, 2));
}

#[tokio::test]
async fn an_event_that_says_done_is_not_believed() {
    let (world, job_id) = with_copy_job().await;
    world.backups.polls(50);
    let outcome = hear(&world, &detail(&job_id, "COMPLETED")).await;
    assert_eq!(outcome.status, OutcomeStatus::Continuing, "{outcome:?}");
}

#[tokio::test]
async fn events_of_other_jobs_and_malformed_ones_are_nothing_to_do() {
    let (world, job_id) = with_copy_job().await;
    let with = |member: &str, value: Value| {
        let mut detail = detail(&job_id, "COMPLETED");
        detail[member] = value;
        detail
    };
    let vault_in = |region: &str| {
        json!(format!(
            "arn:aws:backup:{region}:111122223333:backup-vault:{BACKUP_VAULT}"
        ))
    };
    for detail in [
        detail("somebody-elses", "COMPLETED"),
        with("copyJobId", json!(7)),
        with(
            "resourceArn",
            json!("arn:aws:dynamodb:eu-central-1:111122223333:table/x"),
        ),
        with("destinationBackupVaultArn", vault_in("us-east-1")),
        with(
            "destinationBackupVaultArn",
            json!("arn:aws:backup:eu-west-1:111122223333:backup-vault:theirs"),
        ),
        with("destinationBackupVaultArn", json!(null)),
        json!({"copyJobId": null}),
    ] {
        let outcome = hear(&world, &detail).await;
        assert_eq!(outcome.status, OutcomeStatus::Unchanged, "{detail}: {outcome:?}");
    }
    assert_eq!(world.backups.jobs_started(), 2);
}

#[tokio::test]
async fn an_event_nudges_the_destination_that_it_names_alone() {
    let (world, job_id) = with_copy_job().await;
    let mut far = world.replicate();
    far.spec.region = "us-east-1".parse().unwrap();
    let everywhere = everywhere(vec![world.replicate(), far]);
    let report = everywhere
        .run_request(request(&detail(&job_id, "RUNNING")), &world.clock)
        .await
        .unwrap();
    let subjects: Vec<&str> = report.outcomes.iter().map(|outcome| outcome.subject.as_str()).collect();
    assert_eq!(subjects, [world.catalogue().await.points[0].id.to_string()]);
}
