//! File systems: from the tick that finds them due to the file system that is made again.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Outcome, OutcomeStatus, Region, Report};
use holdfast_sources::wiring::{ArnMap, Document};
use holdfast_testkit::{JobEnd, Moment};
use holdfast_tests::managed::{POLICY, TICK};
use holdfast_tests::{BACKUP_VAULT, World, home_region, replica_region};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;
use prune::Mode;
use restore::Request;
use serde_json::{Value, json};

const KIND: &str = "efs-file-system/";

/// A file system of this many files, which AWS Backup protects, and its id.
fn with_files(files: u32) -> (World, String) {
    let world = World::default();
    world.set_policy(POLICY);
    let id = world.add_file_system(files);
    (world, id)
}

fn of_files(report: &Report) -> &Outcome {
    let found = report.outcomes.iter().find(|outcome| outcome.subject.starts_with(KIND));
    found.unwrap_or_else(|| panic!("nothing of the file system: {report:#?}"))
}

fn event(id: &str, target: &Value) -> Request {
    let resource = format!("{KIND}{}/{id}", home_region());
    Request::parse(json!({ "resource": resource, "target": target })).unwrap()
}

/// Restores until nothing goes on.
async fn restore(world: &World, id: &str, target: Value) -> Outcome {
    for _ in 0..30 {
        let report = world.restore().run(event(id, &target), &world.clock).await.unwrap();
        world.later(TICK);
        if report.outcomes[0].status != OutcomeStatus::Continuing {
            return report.outcomes[0].clone();
        }
    }
    panic!("the restore never ends");
}

/// The id of the file system that a restore has made.
fn made(outcome: &Outcome) -> String {
    let arn = outcome.details.get("arn").unwrap_or_else(|| panic!("{outcome:#?}"));
    let arn: Arn = arn.as_str().unwrap().parse().unwrap();
    arn.resource_name().to_owned()
}

async fn document(world: &World, region: &Region, id: &str) -> Document {
    let reading = holdfast_sources::efs::read(world.resources.wiring(), region, id).await;
    reading.unwrap().document
}

/// The settings in words that hold for any file system: its own ARN and those of its access points are not in them.
async fn settings(world: &World, id: &str) -> Value {
    let document = document(world, &home_region(), id).await;
    let mut map = ArnMap::default();
    let own = format!(
        "arn:aws:elasticfilesystem:{}:111122223333:file-system/{id}",
        home_region()
    );
    map.insert(&own, "this:file-system");
    let Document { config, tags, .. } = document.rewritten(&map);
    json!({ "config": config, "tags": tags })
}

fn files(world: &World, id: &str) -> BTreeMap<String, String> {
    world.resources.wiring().files(&home_region(), id).unwrap()
}

#[tokio::test]
async fn a_file_system_gets_points_of_aws_backup_with_its_settings_in_our_vault() {
    let (world, _) = with_files(3);
    let report = world.ticks().await;
    assert_eq!(of_files(&report).status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(world.backups.points(BACKUP_VAULT)[0].resource_type, "EFS");
    assert_eq!(world.catalogue().await.points.len(), 1);
}

#[tokio::test]
async fn our_own_engine_leaves_file_systems_to_aws_backup() {
    let (world, _) = with_files(3);
    world.set_policy(&POLICY.replace("    engine: aws-backup\n", ""));
    let report = world.tick().await;
    let is_of_files = |outcome: &Outcome| outcome.subject.starts_with(KIND);
    assert!(!report.outcomes.iter().any(is_of_files), "{report:#?}");
}

#[tokio::test]
async fn a_lost_file_system_comes_back_as_a_new_one_with_files_settings_access_points_and_mount_targets() {
    let (world, id) = with_files(3);
    world.ticks().await;
    let before = settings(&world, &id).await;
    world.resources.wiring().remove_file_system(&home_region(), &id);
    let outcome = restore(&world, &id, json!({"name": "shop-files"})).await;
    assert_eq!(
        outcome.details["needs_person"],
        json!(["Files", "Mounts"]),
        "{outcome:#?}"
    );
    let new = made(&outcome);
    let bodies: Vec<String> = files(&world, &new).into_values().collect();
    assert_eq!(bodies, ["file 0", "file 1", "file 2"]);
    assert_eq!(settings(&world, &new).await, before);
    let again = restore(&world, &id, json!({"name": "shop-files"})).await;
    assert_eq!(again.status, OutcomeStatus::Unchanged);
    assert_eq!(world.backups.jobs_started(), 2, "one backup, one restore");
}

#[tokio::test]
async fn access_points_are_told_with_the_arns_that_they_have_now() {
    let (world, id) = with_files(1);
    world.ticks().await;
    let arn = |document: Document| document.observed["AccessPointArns"][0].as_str().unwrap().to_owned();
    let old = arn(document(&world, &home_region(), &id).await);
    let outcome = restore(&world, &id, json!({"name": "beside"})).await;
    let new = arn(document(&world, &home_region(), &made(&outcome)).await);
    assert!(outcome.message.contains(&format!("{old} is {new} now")), "{outcome:#?}");
}

#[tokio::test]
async fn the_file_system_that_is_there_is_left_alone() {
    let (world, id) = with_files(3);
    world.ticks().await;
    let before = (settings(&world, &id).await, files(&world, &id));
    let outcome = restore(&world, &id, json!({"name": id})).await;
    assert_eq!(outcome.status, OutcomeStatus::Partial, "{outcome:#?}");
    assert_ne!(made(&outcome), id);
    assert_eq!((settings(&world, &id).await, files(&world, &id)), before);
}

#[tokio::test]
async fn none_that_is_there_is_ever_restored_into() {
    let (world, id) = with_files(1);
    world.ticks().await;
    let request = event(&id, &json!({"name": id, "existing": "everything"}));
    let refused = world.restore().run(request, &world.clock).await.unwrap_err();
    assert!(refused.to_string().contains("leave existing out"), "{refused}");
}

#[tokio::test]
async fn one_that_is_lost_again_is_made_again() {
    let (world, id) = with_files(1);
    world.ticks().await;
    let first = made(&restore(&world, &id, json!({"name": "again"})).await);
    world.resources.wiring().remove_file_system(&home_region(), &first);
    let second = made(&restore(&world, &id, json!({"name": "again"})).await);
    assert_ne!(first, second);
    assert_eq!(files(&world, &second).len(), 1);
}

#[tokio::test]
async fn a_setting_that_is_refused_is_told_and_the_others_come_back() {
    let (world, id) = with_files(3);
    world.ticks().await;
    world.resources.wiring().remove_file_system(&home_region(), &id);
    let denied = PortError::Denied("elasticfilesystem:PutFileSystemPolicy".to_owned());
    world.script.fail_named("PutFileSystemPolicy", denied);
    let outcome = restore(&world, &id, json!({"name": "shop-files"})).await;
    let needs = &outcome.details["needs_person"];
    assert_eq!(*needs, json!(["Files", "Mounts", "Policy"]), "{outcome:#?}");
    let restored = settings(&world, &made(&outcome)).await;
    assert_eq!(restored["config"]["ThroughputMode"], "elastic");
}

/// A world whose file system has a point and is lost, and its id.
async fn with_lost_files() -> (World, String) {
    let (world, id) = with_files(2);
    world.ticks().await;
    world.resources.wiring().remove_file_system(&home_region(), &id);
    world.script.restart();
    (world, id)
}

#[tokio::test]
async fn a_restore_disturbed_at_any_call_and_sent_again_ends_as_uncut_with_one_job() {
    let target = json!({"name": "shop-files"});
    let (uncut, id) = with_lost_files().await;
    let new = made(&restore(&uncut, &id, target.clone()).await);
    let (calls, bodies, wanted) = (uncut.script.total(), files(&uncut, &new), settings(&uncut, &new).await);
    let words = || "planted by a test".to_owned();
    for number in 1..=calls {
        for how in ["killed before", "killed after", "throttled", "denied", "lost answer"] {
            let (world, id) = with_lost_files().await;
            let script = &world.script;
            match how {
                "killed before" => script.kill_at(number, Moment::Before),
                "killed after" => script.kill_at(number, Moment::After),
                "throttled" => script.fail(number, Moment::Before, PortError::Throttled(words())),
                "denied" => script.fail(number, Moment::Before, PortError::Denied(words())),
                _ => script.fail(number, Moment::After, PortError::Unavailable(words())),
            }
            for _ in 0..2 {
                // What was disturbed may fail as a whole.
                let _ = world.restore().run(event(&id, &target), &world.clock).await;
                world.later(TICK);
            }
            world.script.heal();
            world.script.revive();
            restore(&world, &id, target.clone()).await;
            let when = format!("call {number} of {calls}, {how}");
            let made = world.resources.wiring().file_systems(&home_region());
            assert_eq!(made.len(), 1, "{when}");
            assert_eq!(files(&world, &made[0]), bodies, "{when}");
            assert_eq!(settings(&world, &made[0]).await, wanted, "{when}");
            assert_eq!(world.backups.jobs_started(), 2, "{when}: one backup, one restore");
        }
    }
}

#[tokio::test]
async fn what_a_restore_job_left_out_is_told_and_makes_a_test_fail() {
    let (world, id) = with_files(3);
    world.ticks().await;
    let issue = || JobEnd::WithIssues("1 file was not restored".to_owned());
    world.backups.next_job_ends(issue());
    let outcome = restore(&world, &id, json!({"name": "beside"})).await;
    assert!(outcome.message.contains("1 file was not restored"), "{outcome:?}");
    world.backups.next_job_ends(issue());
    let outcome = tested(&world).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{outcome:?}");
    assert!(outcome.message.contains("1 file was not restored"), "{outcome:?}");
}

/// Verifies until the restore test of the file system has ended.
async fn tested(world: &World) -> Outcome {
    for _ in 0..60 {
        let report = world.verify().run_all(&world.clock).await.unwrap();
        world.later(TICK);
        let ended = report.outcomes.iter().find(|outcome| {
            outcome.subject.starts_with(KIND)
                && (outcome.message.contains("restored into a scratch") || outcome.message.contains("test failed"))
        });
        if let Some(outcome) = ended {
            return outcome.clone();
        }
    }
    panic!("the test never ends");
}

#[tokio::test]
async fn a_point_is_restored_into_a_scratch_file_system_compared_and_that_is_removed() {
    let (world, id) = with_files(5);
    world.ticks().await;
    let outcome = tested(&world).await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert_eq!(world.resources.wiring().file_systems(&home_region()), [id]);
    assert_eq!(world.backups.validations().len(), 1);
}

#[tokio::test]
async fn one_that_stays_smaller_than_its_point_is_a_test_that_failed_after_efs_had_time_to_measure() {
    let (world, id) = with_files(5);
    world.ticks().await;
    let point = world.backups.points(BACKUP_VAULT)[0].arn.clone();
    world.backups.rot(&point);
    let began = world.clock.now();
    let outcome = tested(&world).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{outcome:?}");
    assert!(outcome.message.contains("24 bytes of the point's 30"), "{outcome:?}");
    assert!(world.clock.now().duration_since(began) > SignedDuration::from_hours(6));
    assert_eq!(world.resources.wiring().file_systems(&home_region()), [id]);
}

#[tokio::test]
async fn a_restore_that_failed_is_a_test_that_failed() {
    let (world, id) = with_files(1);
    world.ticks().await;
    for _ in 0..3 {
        let why = "the service has a bad day".to_owned();
        world.backups.next_job_ends(JobEnd::Failed(why));
    }
    let outcome = tested(&world).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{outcome:?}");
    assert!(outcome.message.contains("a bad day"), "{outcome:?}");
    assert_eq!(world.resources.wiring().file_systems(&home_region()), [id]);
}

#[tokio::test]
async fn a_scratch_file_system_that_a_killed_test_left_goes_after_a_while() {
    let (world, id) = with_files(1);
    let account = world.resources.wiring();
    account.add_file_system(&home_region(), "holdfast-scratch-0a1b-2c3d", &json!({}), &[]);
    let report = world.verify().run_all(&world.clock).await.unwrap();
    let mut outcomes = report.outcomes.iter();
    let outcome = outcomes.find(|outcome| outcome.subject == "holdfast-scratch-0a1b");
    let status = outcome.map(|outcome| outcome.status);
    assert_eq!(status, Some(OutcomeStatus::Done), "{report:#?}");
    assert_eq!(account.file_systems(&home_region()), [id]);
}

#[tokio::test]
async fn a_point_is_copied_and_comes_back_from_the_copy_in_the_other_region() {
    let (world, id) = with_files(3);
    world.ticks().await;
    for _ in 0..6 {
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(TICK);
    }
    assert_eq!(world.backups.in_region(&replica_region()).points(BACKUP_VAULT).len(), 1);
    let outcome = restore(&world, &id, json!({"name": "there", "region": replica_region()})).await;
    // Its subnet is not in that region.
    let needs = &outcome.details["needs_person"];
    assert_eq!(*needs, json!(["Files", "Mounts", "MountTargets"]), "{outcome:#?}");
    let there = world.resources.wiring().files(&replica_region(), &made(&outcome));
    assert_eq!(there.map(|files| files.len()), Some(3));
}

#[tokio::test]
async fn what_retention_gives_up_goes_from_aws_backup() {
    let (world, _) = with_files(1);
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
