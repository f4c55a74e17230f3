//! Continuous points, from the plan that asks for them to the bucket that is as it was at a moment, and to the plan that asks no more.

use std::collections::BTreeMap;

use holdfast_catalog::{Outcome, OutcomeStatus, Report};
use holdfast_sources::managed::PointStatus;
use holdfast_testkit::Moment;
use holdfast_tests::managed::{POLICY, TICK};
use holdfast_tests::{BACKUP_VAULT, World, home_region};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::{SignedDuration, Timestamp};
use prune::Mode;
use restore::Request;
use serde_json::{Value, json};

const BUCKET: &str = "s3-bucket/eu-central-1/photos";
const PLAN: &str = "continuous/eu-central-1/standard";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The policy, with plans that ask for continuous points.
fn asking() -> String {
    let engine = "engine: aws-backup\n";
    POLICY.replace(engine, &format!("{engine}    aws_backup: {{continuous: 35d}}\n"))
}

/// A bucket under a plan that asks for continuous points, and its first point.
async fn with_photos() -> World {
    let world = World::default();
    world.set_policy(&asking());
    world.add_bucket("photos", 3);
    world.ticks().await;
    world
}

fn put(world: &World, key: &str, body: &str) {
    let object = (key.to_owned(), body.to_owned());
    world.resources.wiring().put_objects(&home_region(), "photos", [object]);
}

fn about<'a>(report: &'a Report, subject: &str) -> Option<&'a Outcome> {
    report
        .outcomes
        .iter()
        .find(|outcome| outcome.subject.starts_with(subject))
}

/// What our backup plan covers; nothing where there is none.
fn covered(world: &World) -> Vec<String> {
    let plans = world.backups.plans();
    let selections = plans.iter().flat_map(|plan| &plan.selections);
    selections
        .flat_map(|selection| selection.content.resources.clone())
        .collect()
}

async fn pruned(world: &World) -> Report {
    world.prune().run(Mode::Execute, &world.clock).await.unwrap()
}

/// Restores as it was at a moment, until nothing goes on.
async fn back_to(world: &World, resource: &str, moment: Timestamp, name: &str) -> Outcome {
    let event = json!({"resource": resource, "time": moment, "target": {"name": name}});
    let mut request = Request::parse(event).unwrap();
    for _ in 0..30 {
        let report = world.restore().run(request.clone(), &world.clock).await.unwrap();
        world.later(TICK);
        if report.outcomes[0].status != OutcomeStatus::Continuing {
            return report.outcomes[0].clone();
        }
        // It goes on with what it has left in its queue.
        request =
            Request::parse(serde_json::from_str::<Value>(&world.outbox.take_tasks().pop().unwrap().body).unwrap())
                .unwrap();
    }
    panic!("the restore never ends");
}

#[tokio::test]
async fn a_tick_makes_the_backup_plan_and_the_next_one_has_nothing_to_do() {
    let world = World::default();
    world.set_policy(&asking());
    world.add_bucket("photos", 3);
    world.add_database("shop");
    let report = world.tick().await;
    let outcome = about(&report, PLAN).unwrap();
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert!(outcome.message.contains("covers 2 resources"), "{outcome:?}");
    let plans = world.backups.plans();
    let rule = &plans[0].document.rules[0];
    assert_eq!(
        (rule.backup_vault.as_str(), rule.delete_after_days, rule.is_continuous),
        (BACKUP_VAULT, Some(35), true)
    );
    assert_eq!(about(&world.tick().await, PLAN), None);
    assert_eq!(world.backups.plans(), plans);
}

#[tokio::test]
async fn without_the_option_there_is_no_backup_plan() {
    let world = with_photos().await;
    let silent = World::default();
    silent.set_policy(POLICY);
    silent.add_bucket("photos", 3);
    silent.ticks().await;
    assert_eq!((world.backups.plans().len(), silent.backups.plans().len()), (1, 0));
}

#[tokio::test]
async fn a_bucket_without_versions_is_told_and_left_out_until_it_has_them() {
    let world = World::default();
    world.set_policy(&asking());
    world.add_bucket("photos", 3);
    let versions = |status: &str| {
        let answer = json!({ "Status": status });
        world
            .resources
            .wiring()
            .set_bucket(&home_region(), "photos", "GetBucketVersioning", answer);
    };
    versions("Suspended");
    let report = world.tick().await;
    let outcome = about(&report, PLAN).unwrap();
    assert_eq!(outcome.status, OutcomeStatus::Partial);
    assert!(
        outcome.message.contains("versioning of bucket photos is suspended"),
        "{outcome:?}"
    );
    assert_eq!(world.backups.plans(), []);
    versions("Enabled");
    assert_eq!(about(&world.tick().await, PLAN).unwrap().status, OutcomeStatus::Done);
    assert_eq!(covered(&world), ["arn:aws:s3:::photos"]);
}

#[tokio::test]
async fn tables_are_told_why_they_have_none() {
    let world = World::with_orders(1);
    world.set_policy(&asking());
    let report = world.tick().await;
    let outcome = about(&report, PLAN).unwrap();
    assert_eq!(outcome.status, OutcomeStatus::Unchanged);
    assert!(
        outcome.message.contains("DynamoDB has a recovery window of its own"),
        "{outcome:?}"
    );
    assert_eq!(world.backups.plans(), []);
}

#[tokio::test]
async fn its_point_is_shown_as_of_our_plan_counts_and_is_never_removed() {
    let world = with_photos().await;
    world.backups.run_plans();
    let report = world.verify().run_all(&world.clock).await.unwrap();
    let shown = report
        .outcomes
        .iter()
        .find(|outcome| outcome.message.contains("our backup plan"));
    let shown = shown.unwrap_or_else(|| panic!("{report:#?}"));
    assert!(
        shown.message.contains("holdfast-standard and continuous") && shown.message.contains("count towards"),
        "{shown:?}"
    );
    world.later(SignedDuration::from_hours(24 * 30));
    pruned(&world).await;
    assert!(
        world
            .backups
            .points(BACKUP_VAULT)
            .iter()
            .any(|point| point.is_continuous())
    );
    assert_eq!(world.backups.ended_continuous(), []);
}

#[tokio::test]
async fn a_bucket_comes_back_as_it_was_at_a_moment_with_its_settings() {
    let world = with_photos().await;
    world.backups.run_plans();
    put(&world, "in/0", "before");
    world.later(HOUR);
    world.backups.run_plans();
    let moment = world.clock.now();
    world.later(HOUR);
    put(&world, "in/0", "after");
    world.backups.run_plans();
    world.later(HOUR);
    let outcome = back_to(&world, BUCKET, moment, "photos-back").await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert_eq!(outcome.details["moment"], json!(moment.to_string()));
    assert_eq!(world.objects("photos-back").unwrap()["in/0"], "before");
    assert_eq!(world.objects("photos").unwrap()["in/0"], "after");
    let reading = holdfast_sources::s3::read(world.resources.wiring(), &home_region(), "photos-back").await;
    assert_eq!(reading.unwrap().document.tags["backup"], "standard");
}

#[tokio::test]
async fn two_moments_are_two_restores() {
    let world = with_photos().await;
    let mut moments = Vec::new();
    for body in ["one", "two"] {
        put(&world, "in/0", body);
        world.backups.run_plans();
        moments.push(world.clock.now());
        world.later(HOUR);
    }
    for (moment, name, body) in [(moments[0], "first", "one"), (moments[1], "second", "two")] {
        back_to(&world, BUCKET, moment, name).await;
        assert_eq!(world.objects(name).unwrap()["in/0"], body);
    }
    let again = back_to(&world, BUCKET, moments[1], "first").await;
    assert_eq!(
        again.status,
        OutcomeStatus::Failed,
        "what is there is not taken for it: {again:?}"
    );
}

#[tokio::test]
async fn a_moment_that_no_continuous_point_reaches_gives_the_newest_point_before_it_and_says_so() {
    let world = with_photos().await;
    let moment = world.clock.now();
    world.later(HOUR);
    world.backups.run_plans();
    let outcome = back_to(&world, BUCKET, moment, "photos-back").await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert!(outcome.message.contains("no continuous point reaches"), "{outcome:?}");
    assert_eq!(world.objects("photos-back").unwrap().len(), 3);
}

#[tokio::test]
async fn of_a_database_the_command_of_rds_is_told() {
    let world = World::default();
    world.set_policy(&asking());
    world.add_database("shop");
    world.ticks().await;
    world.backups.run_plans();
    world.later(HOUR);
    let moment = world.clock.now();
    world.later(HOUR);
    let outcome = back_to(&world, "rds-instance/eu-central-1/shop", moment, "back").await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    let command = format!("--target-db-instance-identifier back --restore-time {moment}");
    assert!(outcome.message.contains(&command), "{outcome:?}");
    assert_eq!(world.databases.names(), ["shop"]);
}

#[tokio::test]
async fn prune_ends_nothing_that_is_wanted_and_a_dry_run_nothing_at_all() {
    let world = with_photos().await;
    let before = world.backups.plans();
    assert_eq!(about(&pruned(&world).await, "continuous/"), None);
    assert_eq!(world.backups.plans(), before);
    world.set_policy(POLICY);
    world.tick().await;
    world.script.restart();
    world.prune().run(Mode::DryRun, &world.clock).await.unwrap();
    assert_eq!(world.script.count("backup_plans"), 0);
    assert_eq!(covered(&world), ["arn:aws:s3:::photos"]);
}

#[tokio::test]
async fn taken_out_of_the_policy_it_ends_and_its_point_stays() {
    let world = with_photos().await;
    world.backups.run_plans();
    world.set_policy(POLICY);
    assert_eq!(
        about(&pruned(&world).await, "continuous/"),
        None,
        "snapshot has not seen it yet"
    );
    world.script.deny_deletes();
    world.tick().await;
    world.script.heal();
    let report = pruned(&world).await;
    let outcome = about(&report, PLAN).unwrap();
    assert_eq!(outcome.status, OutcomeStatus::Done);
    assert!(
        outcome.message.contains("arn:aws:s3:::photos") && outcome.message.contains("until its days are over"),
        "{outcome:?}"
    );
    assert_eq!(world.backups.plans(), []);
    world.backups.run_plans();
    let points = world.backups.points(BACKUP_VAULT);
    let left: Vec<&PointStatus> = points
        .iter()
        .filter(|point| point.is_continuous())
        .map(|point| &point.status)
        .collect();
    assert_eq!(left, [&PointStatus::Stopped]);
}

#[tokio::test]
async fn a_policy_with_a_fault_ends_nothing() {
    let world = with_photos().await;
    for policy in ["version: 1\nplans: 7\n", &format!("{POLICY}colour: red\n")] {
        world.set_policy(policy);
        world.tick().await;
        assert_eq!(about(&pruned(&world).await, "continuous/"), None);
        assert_eq!(covered(&world), ["arn:aws:s3:::photos"]);
    }
}

#[tokio::test]
async fn what_cannot_be_listed_or_looked_at_stays() {
    for call in ["list_resources", "GetBucketVersioning"] {
        let world = with_photos().await;
        world
            .script
            .fail_named(call, PortError::Denied("planted by a test".to_owned()));
        world.tick().await;
        world.script.heal();
        assert_eq!(about(&pruned(&world).await, "continuous/"), None, "{call}");
        assert_eq!(covered(&world), ["arn:aws:s3:::photos"], "{call}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_gone_or_not_selected_any_more_is_let_go() {
    let world = with_photos().await;
    world.add_bucket("films", 1);
    world.tick().await;
    world.resources.wiring().remove_bucket(&home_region(), "photos");
    world.tick().await;
    assert_eq!(about(&pruned(&world).await, PLAN).unwrap().status, OutcomeStatus::Done);
    assert_eq!(covered(&world), ["arn:aws:s3:::films"]);
}

#[tokio::test]
async fn a_tick_cut_off_at_any_call_is_made_good_by_the_next() {
    let begin = || {
        let world = World::default();
        world.set_policy(&asking());
        world.add_bucket("photos", 1);
        world
    };
    let clean = begin();
    clean.tick().await;
    let (calls, expected) = (clean.script.calls(), clean.backups.plans());
    let ours = calls
        .iter()
        .filter(|call| call.name.contains("backup_plan") || call.name.contains("backup_selection"));
    let numbers: Vec<u64> = ours.map(|call| call.number).collect();
    assert_eq!(numbers.len(), 5, "{calls:#?}");
    for number in numbers {
        for moment in [Moment::Before, Moment::After] {
            let world = begin();
            world.script.kill_at(number, moment);
            let _ = world.snapshot().run_due(&world.clock).await;
            world.script.heal();
            world.script.revive();
            world.tick().await;
            let by_name = |plans: Vec<_>| -> BTreeMap<String, _> {
                plans
                    .into_iter()
                    .map(|plan: holdfast_sources::managed::continuous::port::BackupPlan| {
                        let contents: Vec<_> = plan.selections.into_iter().map(|one| one.content).collect();
                        (plan.document.name.clone(), (plan.document, plan.tags, contents))
                    })
                    .collect()
            };
            assert_eq!(
                by_name(world.backups.plans()),
                by_name(expected.clone()),
                "call {number}, {moment:?}"
            );
        }
    }
}

#[tokio::test]
async fn in_a_region_whose_vault_is_not_made_yet_it_waits() {
    let world = World::default();
    world.set_policy(&format!("{}zones: [{{regions: us-east-1}}]\n", asking()));
    let far: holdfast_catalog::Region = "us-east-1".parse().unwrap();
    let arn = "arn:aws:rds:us-east-1:111122223333:db:shop".parse().unwrap();
    world.resources.add(&arn, &[("backup", "standard")]);
    let report = world.tick().await;
    let outcome = about(&report, "continuous/us-east-1").unwrap();
    assert_eq!(outcome.status, OutcomeStatus::Continuing, "{outcome:?}");
    world.backups.in_region(&far).add_vault(BACKUP_VAULT, None);
    let report = world.tick().await;
    assert_eq!(
        about(&report, "continuous/us-east-1").unwrap().status,
        OutcomeStatus::Done
    );
    assert_eq!(world.backups.plans(), [], "at home nothing is covered");
}

#[tokio::test]
async fn a_vault_whose_lock_does_not_take_the_days_is_told_before_anything_is_made() {
    let world = World::default();
    world.set_policy(&asking());
    world.add_bucket("photos", 1);
    let lock = holdfast_sources::managed::port::LockBounds {
        min_days: Some(60),
        ..Default::default()
    };
    world.backups.set_lock(BACKUP_VAULT, lock);
    let report = world.tick().await;
    let outcome = about(&report, "continuous/").unwrap();
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert!(outcome.message.contains("ask for 60 days or more"), "{outcome:?}");
    assert_eq!(world.backups.plans(), []);
}
