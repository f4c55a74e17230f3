//! Copies of points of AWS Backup in the replica's region, each in its turn, and named by a manifest there.

use holdfast_catalog::{Outcome, OutcomeStatus, Report};
use holdfast_sources::key::KeyState;
use holdfast_sources::managed::Lifecycle;
use holdfast_testkit::{Faults, MemoryStore, Moment};
use holdfast_tests::managed::{POLICY, TICK, with_orders};
use holdfast_tests::{BACKUP_VAULT, World, replica_region};
use holdfast_vault::{PortError, read_manifest};
use replicate::{Everywhere, Replicate};

async fn with_point() -> World {
    let world = with_orders(3);
    world.ticks().await;
    world
}

async fn replicate(world: &World) -> Report {
    world.replicate().run_all(&world.clock).await.unwrap()
}

async fn to_the_end(world: &World) -> Report {
    for _ in 0..20 {
        let report = replicate(world).await;
        world.later(TICK);
        if !report
            .outcomes
            .iter()
            .any(|outcome| outcome.status == OutcomeStatus::Continuing)
        {
            return report;
        }
    }
    panic!("the copy never ends");
}

fn copies(world: &World) -> usize {
    world.backups.in_region(&replica_region()).points(BACKUP_VAULT).len()
}

fn only(report: &Report) -> &Outcome {
    assert_eq!(report.outcomes.len(), 1, "{report:#?}");
    &report.outcomes[0]
}

#[tokio::test]
async fn a_point_is_copied_and_the_replica_names_its_copy() {
    let world = with_point().await;
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Continuing);
    let report = to_the_end(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Done, "{report:#?}");
    let point = world.catalogue().await.points[0].id.clone();
    let there = read_manifest(&world.replica, &point).await.unwrap().managed.unwrap();
    assert_eq!(there.recovery_point_arn.region(), replica_region().as_str());
    let copy = &world.backups.in_region(&replica_region()).points(BACKUP_VAULT)[0];
    assert_eq!(
        (&copy.arn, copy.lifecycle),
        (&there.recovery_point_arn, Lifecycle::FOR_EVER)
    );
    assert!(
        replicate(&world).await.outcomes.is_empty(),
        "what is copied is left alone"
    );
    assert_eq!(world.backups.jobs_started(), 2);
}

#[tokio::test]
async fn a_copy_that_cannot_be_is_said_before_any_job() {
    let world = with_orders(1);
    world.backups.without_advanced_features();
    world.ticks().await;
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Failed);
    assert!(only(&report).message.contains("advanced features"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 1, "the backup's alone");
}

#[tokio::test]
async fn a_point_whose_key_is_disabled_is_not_asked_for_and_copied_when_it_is_enabled() {
    let world = with_point().await;
    world.surroundings.set_key(&holdfast_tests::key(), KeyState::Disabled);
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Failed);
    assert!(only(&report).message.contains("aws kms enable-key"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 1, "the backup's alone");
    world.surroundings.set_key(&holdfast_tests::key(), KeyState::Enabled);
    to_the_end(&world).await;
    assert_eq!(copies(&world), 1);
}

#[tokio::test]
async fn a_resource_that_another_job_holds_waits_for_its_turn() {
    let world = with_orders(1);
    world.ticks().await;
    world.later(jiff::SignedDuration::from_hours(1));
    world.tick().await;
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Continuing);
    assert!(only(&report).message.contains("one at a time"), "{report:#?}");
    world.ticks().await;
    to_the_end(&world).await;
    assert_eq!(copies(&world), 2);
}

#[tokio::test]
async fn a_copy_goes_with_its_own_retention_from_its_own_region() {
    let world = with_orders(1);
    for _ in 0..3 {
        world.ticks().await;
        to_the_end(&world).await;
        world.later(jiff::SignedDuration::from_hours(1));
    }
    assert_eq!(copies(&world), 3);
    let prune = async || world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    prune().await;
    world.later(jiff::SignedDuration::from_hours(25));
    prune().await;
    assert_eq!((copies(&world), world.backups.points(BACKUP_VAULT).len()), (2, 2));
}

#[tokio::test]
async fn killed_or_failed_at_any_call_no_second_copy_is_started() {
    let uncut = with_point().await;
    uncut.script.restart();
    to_the_end(&uncut).await;
    let calls = uncut.script.total();
    for number in 1..=calls {
        for moment in [Moment::Before, Moment::After] {
            for is_kill in [true, false] {
                let world = with_point().await;
                world.script.restart();
                if is_kill {
                    world.script.kill_at(number, moment);
                } else {
                    let error = PortError::Unavailable("planted by a test".to_owned());
                    world.script.fail(number, moment, error);
                }
                for _ in 0..2 {
                    let _ = world.replicate().run_all(&world.clock).await;
                    world.later(TICK);
                }
                world.script.heal();
                world.script.revive();
                to_the_end(&world).await;
                let when = format!("call {number}, {moment:?}, killed: {is_kill}");
                assert_eq!((copies(&world), world.backups.jobs_started()), (1, 2), "{when}");
                let point = world.catalogue().await.points[0].id.clone();
                assert!(read_manifest(&world.replica, &point).await.is_ok(), "{when}");
            }
        }
    }
}

fn far_region() -> holdfast_catalog::Region {
    "us-east-1".parse().unwrap()
}

fn far(world: &World) -> MemoryStore {
    world.home.sibling("far")
}

/// Ticks to both replica regions until nothing goes on.
async fn to_both(world: &World) {
    let regions = vec![replica_region(), far_region()];
    for _ in 0..30 {
        let own = Replicate {
            replica_regions: regions.clone(),
            ..world.replicate()
        };
        let mut other = Replicate {
            replica: Faults::new(far(world), &world.script),
            replica_regions: regions.clone(),
            ..world.replicate()
        };
        other.spec.bucket = "far".to_owned();
        other.spec.region = far_region();
        let both = Everywhere {
            destinations: vec![own, other],
            vaults: None,
        };
        let report = both.run_all(&world.clock).await.unwrap();
        world.later(TICK);
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
        if report.count(OutcomeStatus::Continuing) == 0 {
            return;
        }
    }
    panic!("the copies never end");
}

#[tokio::test]
async fn each_replica_region_gets_its_copy_and_keeps_it_as_its_own_retention_says() {
    let world = with_orders(3);
    let copies_there = "    copies:
      - {retention: {keep_last: 2, minimum_good: 1}}
      - {region: us-east-1, retention: {keep_last: 1, minimum_good: 1}}
";
    world.set_policy(&format!("{POLICY}{copies_there}"));
    let there = world.backups.in_region(&far_region());
    for _ in 0..3 {
        world.ticks().await;
        to_both(&world).await;
        world.later(jiff::SignedDuration::from_hours(1));
    }
    assert_eq!((copies(&world), there.points(BACKUP_VAULT).len()), (3, 3));
    let newest = world.catalogue().await.points.last().unwrap().id.clone();
    let copy = read_manifest(&far(&world), &newest).await.unwrap().managed.unwrap();
    assert_eq!(copy.recovery_point_arn.region(), far_region().as_str());
    let known = holdfast_sources::managed::copies_of(&world.home, &newest)
        .await
        .unwrap();
    assert_eq!(known.len(), 2, "restore finds both by home's facts");
    let mut prune = world.prune();
    prune.replicas.push(prune::Vault {
        store: Faults::new(far(&world), &world.script),
        bucket: "far".to_owned(),
        region: far_region(),
    });
    for _ in 0..2 {
        prune.run(prune::Mode::Execute, &world.clock).await.unwrap();
        world.later(jiff::SignedDuration::from_hours(25));
    }
    assert_eq!((copies(&world), there.points(BACKUP_VAULT).len()), (2, 1));
}

#[tokio::test]
async fn a_replica_in_another_account_is_refused_before_any_job() {
    let world = with_point().await;
    let mut replicate = world.replicate();
    // Another account's replica has a key that we do not know.
    replicate.spec.home_key_arn = String::new();
    let started = world.backups.jobs_started();
    let report = replicate.run_all(&world.clock).await.unwrap();
    assert_eq!(only(&report).status, OutcomeStatus::Failed);
    assert!(only(&report).message.contains("OtherAccountBackupVault"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), started);
}

#[tokio::test]
async fn residency_that_came_after_the_point_refuses_its_copy_before_any_job() {
    let world = with_point().await;
    world.set_policy(&format!(
        "{POLICY}    copies: [{{region: eu-west-1}}]\nresidency:\n  - {{select: {{kinds: [dynamodb-table]}}, allow: [eu-central-1]}}\n"
    ));
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Failed, "{report:#?}");
    assert!(only(&report).message.contains("eu-west-1"), "{report:#?}");
    assert_eq!((copies(&world), world.backups.jobs_started()), (0, 1));
}

#[tokio::test]
async fn a_copy_is_kept_for_as_long_as_the_destinations_lock_takes_it_and_that_is_told() {
    let world = with_point().await;
    let there = world.backups.in_region(&replica_region());
    let mut key: Vec<&str> = holdfast_tests::KEY.split(':').collect();
    key[3] = "eu-west-1";
    there.add_vault(BACKUP_VAULT, Some(&key.join(":").parse().unwrap()));
    let bounds = holdfast_sources::managed::port::LockBounds {
        min_days: None,
        max_days: Some(30),
        immutable_from: None,
    };
    there.set_lock(BACKUP_VAULT, bounds);
    let report = to_the_end(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Partial, "{report:#?}");
    assert!(only(&report).message.contains("it is kept for 30 days"), "{report:#?}");
    assert_eq!(there.points(BACKUP_VAULT)[0].lifecycle.delete_after_days, Some(30));
}

#[tokio::test]
async fn copies_beyond_the_quota_wait_and_follow() {
    let world = with_orders(1);
    world.add_table("carts", 1);
    world.ticks().await;
    world.backups.copies_at_once(1);
    let report = replicate(&world).await;
    assert_eq!(report.count(OutcomeStatus::Continuing), 2, "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 3, "one of the two copies");
    let report = to_the_end(&world).await;
    assert_eq!(report.count(OutcomeStatus::Continuing), 0, "{report:#?}");
    let left = replicate(&world).await;
    assert_eq!((left.outcomes, copies(&world)), (Vec::new(), 2));
}
