//! Buckets: from the tick that finds them due to the bucket that is whole again.

use holdfast_catalog::{Outcome, OutcomeStatus, Report};
use holdfast_testkit::{JobEnd, Moment};
use holdfast_tests::managed::{POLICY, TICK};
use holdfast_tests::{BACKUP_VAULT, World, home_region, replica_region};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use prune::Mode;
use restore::Request;
use serde_json::{Value, json};

const POINTS: &str = "s3-bucket/eu-central-1/photos";

/// A bucket of this many objects, which AWS Backup protects.
fn with_photos(objects: u32) -> World {
    let world = World::default();
    world.set_policy(POLICY);
    world.add_bucket("photos", objects);
    world
}

fn of_bucket(report: &Report) -> &Outcome {
    let found = report
        .outcomes
        .iter()
        .find(|outcome| outcome.subject.starts_with(POINTS));
    found.unwrap_or_else(|| panic!("nothing of the bucket: {report:#?}"))
}

/// Restores until nothing goes on.
async fn restore(world: &World, target: Value) -> Report {
    let event = json!({ "resource": POINTS, "target": target });
    for _ in 0..30 {
        let request = Request::parse(event.clone()).unwrap();
        let report = world.restore().run(request, &world.clock).await.unwrap();
        world.later(TICK);
        if report.outcomes[0].status != OutcomeStatus::Continuing {
            return report;
        }
    }
    panic!("the restore never ends");
}

/// All settings of a bucket that a restore puts back.
async fn settings(world: &World, bucket: &str) -> Value {
    let reading = holdfast_sources::s3::read(world.resources.wiring(), &home_region(), bucket).await;
    json!(reading.unwrap().document)
}

#[tokio::test]
async fn a_bucket_gets_points_of_aws_backup_with_its_settings_in_our_vault() {
    let world = with_photos(3);
    let report = world.ticks().await;
    assert_eq!(of_bucket(&report).status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(world.backups.points(BACKUP_VAULT)[0].resource_type, "S3");
    assert_eq!(world.catalogue().await.points.len(), 1);
}

#[tokio::test]
async fn a_bucket_without_versions_is_refused_before_anything_is_asked_for() {
    let world = with_photos(3);
    let suspended = json!({"Status": "Suspended"});
    let account = world.resources.wiring();
    account.set_bucket(&home_region(), "photos", "GetBucketVersioning", suspended);
    let report = world.tick().await;
    let outcome = of_bucket(&report);
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert!(
        outcome.message.contains("versioning of bucket photos is suspended")
            && outcome.message.contains("lifecycle rule"),
        "{outcome:?}"
    );
    assert_eq!(world.backups.jobs_started(), 0);
}

#[tokio::test]
async fn objects_that_could_not_be_read_make_the_point_partial() {
    let world = with_photos(3);
    let issue = "Some objects could not be backed up from the source bucket photos";
    world.backups.next_job_ends(JobEnd::WithIssues(issue.to_owned()));
    let report = world.ticks().await;
    assert_eq!(of_bucket(&report).status, OutcomeStatus::Partial);
    assert!(of_bucket(&report).message.contains(issue), "{report:#?}");
}

#[tokio::test]
async fn our_own_engine_leaves_buckets_to_aws_backup() {
    let world = with_photos(3);
    world.set_policy(&POLICY.replace("    engine: aws-backup\n", ""));
    let report = world.tick().await;
    assert!(
        !report
            .outcomes
            .iter()
            .any(|outcome| outcome.subject.starts_with("s3-bucket")),
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_lost_bucket_comes_back_under_its_name_with_objects_and_settings() {
    let world = with_photos(3);
    world.ticks().await;
    let (objects, before) = (world.objects("photos"), settings(&world, "photos").await);
    world.resources.wiring().remove_bucket(&home_region(), "photos");
    let report = restore(&world, json!({"name": "photos"})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(world.objects("photos"), objects);
    assert_eq!(settings(&world, "photos").await, before);
    let again = restore(&world, json!({"name": "photos"})).await;
    assert_eq!(again.outcomes[0].status, OutcomeStatus::Unchanged);
    assert_eq!(world.backups.jobs_started(), 2, "one backup, one restore");
}

#[tokio::test]
async fn under_another_name_its_policy_names_the_new_bucket() {
    let world = with_photos(3);
    world.ticks().await;
    let report = restore(&world, json!({})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    let name = report.outcomes[0].subject.rsplit('/').next().unwrap();
    assert_eq!(name, name.to_ascii_lowercase(), "S3 takes no capitals");
    let policy = settings(&world, name).await["config"]["Policy"].to_string();
    assert!(policy.contains(&format!("arn:aws:s3:::{name}/*")), "{policy}");
}

#[tokio::test]
async fn a_bucket_that_is_there_is_left_alone() {
    let world = with_photos(3);
    world.ticks().await;
    let report = restore(&world, json!({"name": "photos"})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Failed);
    assert_eq!(world.backups.jobs_started(), 1);
}

/// A bucket that has lost all but one object, which was changed, and whose settings are others.
async fn ruined() -> World {
    let world = with_photos(3);
    world.ticks().await;
    let account = world.resources.wiring();
    account.remove_bucket(&home_region(), "photos");
    account.add_bucket(&home_region(), "photos", &[]);
    account.set_bucket(
        &home_region(),
        "photos",
        "GetBucketVersioning",
        json!({"Status": "Enabled"}),
    );
    account.put_objects(&home_region(), "photos", [("in/0".to_owned(), "changed".to_owned())]);
    world
}

#[tokio::test]
async fn into_a_bucket_that_is_there_go_the_objects_that_it_lacks_and_no_settings() {
    let world = ruined().await;
    let before = settings(&world, "photos").await;
    let report = restore(&world, json!({"name": "photos", "existing": "objects"})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    let objects = world.objects("photos").unwrap();
    let bodies: Vec<&str> = objects.values().map(String::as_str).collect();
    assert_eq!(bodies, ["changed", "object 1", "object 2"]);
    assert_eq!(settings(&world, "photos").await, before);
}

#[tokio::test]
async fn its_settings_are_put_back_where_that_is_asked_for() {
    let world = ruined().await;
    let report = restore(&world, json!({"name": "photos", "existing": "everything"})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    let settings = settings(&world, "photos").await;
    assert!(settings["config"]["CORSConfiguration"].is_object(), "{settings}");
    assert_eq!(settings["tags"], json!({"backup": "standard"}));
}

#[tokio::test]
async fn objects_cannot_go_into_a_bucket_that_is_not_there() {
    let world = with_photos(3);
    world.ticks().await;
    let report = restore(&world, json!({"name": "gone", "existing": "objects"})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Failed);
    assert!(report.outcomes[0].message.contains("leave existing out"), "{report:#?}");
}

#[tokio::test]
async fn a_setting_that_is_refused_is_told_and_the_others_come_back() {
    let world = with_photos(3);
    world.ticks().await;
    world.resources.wiring().remove_bucket(&home_region(), "photos");
    let denied = PortError::Denied("s3:PutBucketPolicy".to_owned());
    world.script.fail_named("PutBucketPolicy", denied);
    let report = restore(&world, json!({"name": "photos"})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Partial, "{report:#?}");
    assert_eq!(report.outcomes[0].details["needs_person"], json!(["Policy"]));
    assert_eq!(settings(&world, "photos").await["tags"], json!({"backup": "standard"}));
}

#[tokio::test]
async fn rules_that_expire_objects_are_a_persons_to_put_back() {
    let world = with_photos(3);
    let rules = json!({"Rule": [{"ID": "old", "Status": "Enabled"}]});
    let account = world.resources.wiring();
    account.set_bucket(&home_region(), "photos", "GetBucketLifecycleConfiguration", rules);
    world.ticks().await;
    let report = restore(&world, json!({"name": "photos-back"})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Partial, "{report:#?}");
    assert_eq!(
        report.outcomes[0].details["needs_person"],
        json!(["LifecycleConfiguration"])
    );
}

/// A world whose bucket has a point and is lost.
async fn with_lost_photos() -> World {
    let world = with_photos(3);
    world.ticks().await;
    world.resources.wiring().remove_bucket(&home_region(), "photos");
    world.script.restart();
    world
}

#[tokio::test]
async fn a_restore_disturbed_at_any_call_and_sent_again_ends_as_uncut_with_one_job() {
    let target = || json!({"name": "photos"});
    let uncut = with_lost_photos().await;
    restore(&uncut, target()).await;
    let (calls, objects, wanted) = (
        uncut.script.total(),
        uncut.objects("photos"),
        settings(&uncut, "photos").await,
    );
    let words = || "planted by a test".to_owned();
    for number in 1..=calls {
        for how in ["killed before", "killed after", "throttled", "denied", "lost answer"] {
            let world = with_lost_photos().await;
            let script = &world.script;
            match how {
                "killed before" => script.kill_at(number, Moment::Before),
                "killed after" => script.kill_at(number, Moment::After),
                "throttled" => script.fail(number, Moment::Before, PortError::Throttled(words())),
                "denied" => script.fail(number, Moment::Before, PortError::Denied(words())),
                _ => script.fail(number, Moment::After, PortError::Unavailable(words())),
            }
            let event = json!({ "resource": POINTS, "target": target() });
            for _ in 0..2 {
                let request = Request::parse(event.clone()).unwrap();
                // What was disturbed may fail as a whole.
                let _ = world.restore().run(request, &world.clock).await;
                world.later(TICK);
            }
            world.script.heal();
            world.script.revive();
            restore(&world, target()).await;
            let when = format!("call {number} of {calls}, {how}");
            assert_eq!(world.objects("photos"), objects, "{when}");
            assert_eq!(settings(&world, "photos").await, wanted, "{when}");
            assert_eq!(world.backups.jobs_started(), 2, "{when}: one backup, one restore");
        }
    }
}

#[tokio::test]
async fn what_a_restore_job_left_out_is_told() {
    let world = with_photos(3);
    world.ticks().await;
    world
        .backups
        .next_job_ends(JobEnd::WithIssues("1 object was not restored".to_owned()));
    let report = restore(&world, json!({"name": "photos-back"})).await;
    let outcome = &report.outcomes[0];
    assert_eq!(outcome.status, OutcomeStatus::Partial, "{report:#?}");
    assert!(outcome.message.contains("1 object was not restored"), "{outcome:?}");
}

async fn verify(world: &World) -> Report {
    world.verify().run_all(&world.clock).await.unwrap()
}

/// Verifies until the restore test of the bucket has ended.
async fn tested(world: &World) -> Outcome {
    for _ in 0..30 {
        let report = verify(world).await;
        world.later(TICK);
        let ended = report.outcomes.iter().find(|outcome| {
            outcome.subject.starts_with(POINTS)
                && (outcome.message.contains("restored into a scratch") || outcome.message.contains("test failed"))
        });
        if let Some(outcome) = ended {
            return outcome.clone();
        }
    }
    panic!("the test never ends");
}

fn scratch_buckets(world: &World) -> usize {
    let account = world.resources.wiring();
    account
        .buckets(&home_region())
        .iter()
        .filter(|name| name.starts_with("holdfast-scratch-"))
        .count()
}

#[tokio::test]
async fn a_point_is_restored_into_a_scratch_bucket_counted_and_the_bucket_removed() {
    let world = with_photos(5);
    world.ticks().await;
    let outcome = tested(&world).await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert_eq!(outcome.details["items"], 5);
    assert_eq!(scratch_buckets(&world), 0);
    assert_eq!(world.backups.validations().len(), 1);
}

#[tokio::test]
async fn a_later_test_that_finds_other_objects_fails() {
    let world = with_photos(5);
    world.set_policy(
        &POLICY
            .replace("{every: 1h}", "{every: 30d}")
            .replace("rpo: 2h", "rpo: 60d"),
    );
    world.ticks().await;
    assert_eq!(tested(&world).await.status, OutcomeStatus::Done);
    world.later(SignedDuration::from_hours(24 * 8));
    let point = world.backups.points(BACKUP_VAULT)[0].arn.clone();
    world.backups.rot(&point);
    let outcome = tested(&world).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{outcome:?}");
    assert!(outcome.message.contains("expected 5 items"), "{outcome:?}");
    assert_eq!(scratch_buckets(&world), 0);
}

#[tokio::test]
async fn a_restore_that_left_objects_out_is_a_test_that_failed() {
    let world = with_photos(5);
    world.ticks().await;
    world
        .backups
        .next_job_ends(JobEnd::WithIssues("1 object was not restored".to_owned()));
    let outcome = tested(&world).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{outcome:?}");
    assert!(outcome.message.contains("1 object was not restored"), "{outcome:?}");
}

#[tokio::test]
async fn a_scratch_bucket_that_a_killed_test_left_goes_after_a_while() {
    let world = with_photos(1);
    world
        .resources
        .wiring()
        .add_bucket(&home_region(), "holdfast-scratch-0a1b", &[]);
    let report = verify(&world).await;
    let outcome = report
        .outcomes
        .iter()
        .find(|outcome| outcome.subject == "holdfast-scratch-0a1b");
    assert_eq!(
        outcome.map(|outcome| outcome.status),
        Some(OutcomeStatus::Done),
        "{report:#?}"
    );
    assert_eq!(scratch_buckets(&world), 0);
}

#[tokio::test]
async fn a_point_is_copied_and_comes_back_from_the_copy_in_the_other_region() {
    let world = with_photos(3);
    world.ticks().await;
    for _ in 0..6 {
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(TICK);
    }
    assert_eq!(world.backups.in_region(&replica_region()).points(BACKUP_VAULT).len(), 1);
    let report = restore(&world, json!({"name": "photos-there", "region": replica_region()})).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    let there = world.resources.wiring().objects(&replica_region(), "photos-there");
    assert_eq!(there, world.objects("photos"));
}

#[tokio::test]
async fn what_retention_gives_up_goes_from_aws_backup() {
    let world = with_photos(1);
    world.set_policy(&POLICY.replace("    retention", "    copies: none\n    retention"));
    for _ in 0..3 {
        world.ticks().await;
        world.later(SignedDuration::from_hours(1));
    }
    for _ in 0..2 {
        world.prune().run(Mode::Execute, &world.clock).await.unwrap();
        world.later(SignedDuration::from_hours(25));
    }
    assert_eq!(world.backups.points(BACKUP_VAULT).len(), 2);
}
