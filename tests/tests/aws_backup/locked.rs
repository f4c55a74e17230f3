//! The vaults of AWS Backup are locked as the policy says: by replicate, as far as the stack lets it and every plan can live with it.

use holdfast_catalog::{LockMode, Outcome, OutcomeStatus, Report};
use holdfast_sources::managed::port::{BackupVault, LockBounds, ReadBackupVaults as _};
use holdfast_testkit::{MemoryBackups, Moment};
use holdfast_tests::managed::{POLICY, with_orders};
use holdfast_tests::{BACKUP_VAULT, World, replica_region};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;
use prune::Mode;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The plan with this lock, in a document that protects a further region.
fn policy(lock: &str, delete_after: &str) -> String {
    let plan = format!("engine: aws-backup\n    aws_backup: {{{delete_after}}}\n    compliance: {{{lock}}}");
    format!(
        "{}zones: [{{regions: [us-west-2]}}]\n",
        POLICY.replace("engine: aws-backup", &plan)
    )
}

fn world(lock: &str, delete_after: &str) -> World {
    let world = with_orders(1);
    world.home.enable_locks();
    world.replica.enable_locks();
    world.set_policy(&policy(lock, delete_after));
    world
}

async fn lock_vaults(world: &World) -> Report {
    world.backup_vaults().run(&world.clock).await.unwrap()
}

/// Ticks of replicate until its copies are made; the last report that told of one.
async fn copy_all(world: &World) -> Report {
    let mut told = None;
    for _ in 0..10 {
        let report = world.replicate().run_all(&world.clock).await.unwrap();
        if report.outcomes.is_empty() {
            return told.unwrap();
        }
        told = Some(report);
    }
    panic!("copies go on and on: {told:#?}");
}

fn at_home(report: &Report) -> Option<&Outcome> {
    let mut outcomes = report.outcomes.iter();
    outcomes.find(|outcome| outcome.subject.contains("eu-central-1"))
}

async fn vault_in(backups: &MemoryBackups) -> BackupVault {
    backups.backup_vault(BACKUP_VAULT).await.unwrap()
}

async fn lock_of(world: &World) -> Option<LockBounds> {
    vault_in(&world.backups).await.lock
}

fn governance(min_days: u32, max_days: Option<u32>) -> Option<LockBounds> {
    Some(LockBounds {
        min_days: Some(min_days),
        max_days,
        immutable_from: None,
    })
}

#[tokio::test]
async fn replicate_locks_the_vaults_of_all_regions_as_the_plans_ask_and_points_say_nothing_then() {
    let world = world("lock: governance, lock_for: 7d, maximum: 30d", "delete_after: 10d");
    let report = lock_vaults(&world).await;
    let told = &at_home(&report).unwrap().message;
    assert_eq!(
        told,
        "locked in governance mode, for what is kept at least 7 days and at most 30 days"
    );
    assert_eq!(lock_of(&world).await, governance(7, Some(30)));
    let further = world.backups.in_region(&"us-west-2".parse().unwrap());
    assert_eq!(vault_in(&further).await.lock, governance(7, Some(30)));
    assert_eq!(lock_vaults(&world).await.outcomes, [], "what is locked is left alone");

    let report = world.ticks().await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(report.outcomes[0].message, "");
    copy_all(&world).await;
    let there = world.backups.in_region(&replica_region());
    assert_eq!(vault_in(&there).await.lock, governance(7, Some(30)));
    assert_eq!(there.points(BACKUP_VAULT).len(), 1);
}

#[tokio::test]
async fn a_point_that_comes_before_the_lock_says_so() {
    let world = world("lock: governance, lock_for: 7d", "delete_after: 10d");
    let report = world.ticks().await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Partial, "{report:#?}");
    let told = &report.outcomes[0].message;
    assert!(
        told.contains("is not locked") && told.contains("replicate locks it"),
        "{told}"
    );
}

#[tokio::test]
async fn a_vault_is_not_locked_where_the_stack_or_a_plan_is_against_it() {
    let mild = world("lock: governance, lock_for: 7d", "delete_after: 10d");
    let mut vaults = mild.backup_vaults();
    vaults.strongest_lock = None;
    vaults.run(&mild.clock).await.unwrap();
    assert_eq!(lock_of(&mild).await, None);

    for (lock, ends, words) in [
        ("lock: governance, lock_for: 7d", "", "delete_after: 7d or more"),
        (
            "lock: governance, lock_for: 7d",
            "delete_after: 6d",
            "delete_after: 7d or more",
        ),
        ("lock: none", "delete_after: 6d", ""),
    ] {
        let world = world(lock, ends);
        assert_eq!(at_home(&lock_vaults(&world).await), None);
        assert_eq!(lock_of(&world).await, None);
        let report = world.ticks().await;
        assert!(report.outcomes[0].message.contains(words), "{report:#?}");
        assert_eq!(
            world.backups.points(BACKUP_VAULT).len(),
            1,
            "points are made all the same"
        );
    }
}

#[tokio::test]
async fn a_vault_with_a_point_that_has_no_end_is_locked_when_that_is_gone_and_not_before() {
    let world = with_orders(1);
    world.ticks().await;
    let endless = world.backups.points(BACKUP_VAULT)[0].arn.clone();
    world.set_policy(&policy("lock: compliance, lock_for: 7d", "delete_after: 10d"));
    let report = lock_vaults(&world).await;
    let told = at_home(&report).unwrap();
    assert_eq!(told.status, OutcomeStatus::Partial);
    assert!(told.message.contains(endless.as_str()), "{told:#?}");
    assert_eq!(lock_of(&world).await, None);

    world.backups.change(BACKUP_VAULT, &endless, |point| {
        point.lifecycle.delete_after_days = Some(10);
    });
    lock_vaults(&world).await;
    assert!(lock_of(&world).await.unwrap().immutable_from.is_some());
}

#[tokio::test]
async fn a_copy_into_a_vault_that_cannot_be_locked_yet_is_made_and_says_so() {
    let world = with_orders(1);
    world.ticks().await;
    copy_all(&world).await;
    let there = world.backups.in_region(&replica_region());
    let endless = there.points(BACKUP_VAULT)[0].arn.clone();
    world.backups.set_lock(BACKUP_VAULT, LockBounds::default());
    world.later(DAY);
    world.ticks().await;
    let report = copy_all(&world).await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Partial, "{report:#?}");
    assert!(report.outcomes[0].message.contains(endless.as_str()), "{report:#?}");
    assert_eq!(there.points(BACKUP_VAULT).len(), 2);
    assert_eq!(vault_in(&there).await.lock, None);
}

#[tokio::test]
async fn a_lock_in_compliance_mode_says_how_to_take_it_off_until_nobody_can() {
    let world = world("lock: compliance, lock_for: 7d", "delete_after: 10d");
    let begun = world.clock.now();
    for day in 0..3 {
        let report = lock_vaults(&world).await;
        let told = &at_home(&report).unwrap().message;
        assert!(
            told.contains("delete-backup-vault-lock-configuration"),
            "day {day}: {told}"
        );
        assert_eq!(
            lock_of(&world).await.unwrap().immutable_from,
            Some(begun + DAY * 3),
            "day {day}"
        );
        world.later(DAY);
    }
    assert_eq!(lock_vaults(&world).await.outcomes, []);

    // Other bounds come too late, and stop neither points nor copies.
    world.set_policy(&policy("lock: compliance, lock_for: 9d", "delete_after: 10d"));
    let report = lock_vaults(&world).await;
    let told = at_home(&report).unwrap();
    assert_eq!(told.status, OutcomeStatus::Partial, "{told:#?}");
    assert!(told.message.contains("nobody can change it any more"), "{told:#?}");
    assert_eq!(lock_of(&world).await.unwrap().min_days, Some(7));
    let report = world.ticks().await;
    assert_eq!(
        report.outcomes[0].message, "",
        "its lifecycle is long enough: {report:#?}"
    );
}

#[tokio::test]
async fn the_stack_has_the_last_word_on_a_lock_that_nobody_takes_off() {
    let world = world("lock: compliance, lock_for: 7d", "delete_after: 10d");
    let mut vaults = world.backup_vaults();
    vaults.strongest_lock = Some(LockMode::Governance);
    vaults.run(&world.clock).await.unwrap();
    assert_eq!(lock_of(&world).await, governance(7, None));
    let mut snapshot = world.snapshot();
    snapshot.strongest_lock = Some(LockMode::Governance);
    let report = snapshot.run_due(&world.clock).await.unwrap();
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Continuing, "{report:#?}");
    let report = world.ticks().await;
    let told = &report.outcomes[0].message;
    assert!(
        told.contains("deploy the stack with VaultLockMode compliance"),
        "{told}"
    );
}

#[tokio::test]
async fn what_retention_keeps_longer_than_a_locked_vault_is_told_while_there_is_time() {
    let world = world("lock: governance, lock_for: 7d", "delete_after: 10d");
    lock_vaults(&world).await;
    world.ticks().await;
    world.later(DAY * 2);
    let prune = async || world.prune().run(Mode::Execute, &world.clock).await.unwrap();
    assert_eq!(prune().await.count(OutcomeStatus::Partial), 0);
    world.later(DAY * 2);
    let report = prune().await;
    let told = report
        .outcomes
        .iter()
        .find(|one| one.status == OutcomeStatus::Partial)
        .unwrap();
    assert!(told.message.contains("nobody can prolong"), "{report:#?}");
}

#[tokio::test]
async fn a_policy_that_has_left_the_bounds_of_a_lock_stops_neither_points_nor_copies() {
    let world = world("lock: governance, lock_for: 60d", "delete_after: 90d");
    lock_vaults(&world).await;
    world.set_policy(&policy("lock: governance, lock_for: 7d", "delete_after: 10d"));
    assert_eq!(lock_vaults(&world).await.outcomes, [], "bounds only become narrower");
    let report = world.ticks().await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Partial, "{report:#?}");
    let words = "kept for 60 days, and the plan asks for 10 days";
    assert!(report.outcomes[0].message.contains(words), "{report:#?}");
    let report = copy_all(&world).await;
    assert!(report.outcomes[0].message.contains(words), "{report:#?}");
    for backups in [&world.backups, &world.backups.in_region(&replica_region())] {
        let points = backups.points(BACKUP_VAULT);
        assert_eq!(points[0].lifecycle.delete_after_days, Some(60));
    }
}

#[tokio::test]
async fn failed_at_any_call_the_next_tick_locks_what_is_not_locked() {
    let lock = "lock: governance, lock_for: 7d";
    let uncut = world(lock, "delete_after: 10d");
    uncut.script.restart();
    lock_vaults(&uncut).await;
    for number in 1..=uncut.script.total() {
        for moment in [Moment::Before, Moment::After] {
            let world = world(lock, "delete_after: 10d");
            world.script.restart();
            world
                .script
                .fail(number, moment, PortError::Denied("planted by a test".to_owned()));
            let _ = world.backup_vaults().run(&world.clock).await;
            world.script.heal();
            lock_vaults(&world).await;
            let further = world.backups.in_region(&"us-west-2".parse().unwrap());
            for backups in [&world.backups, &further] {
                assert_eq!(
                    vault_in(backups).await.lock,
                    governance(7, None),
                    "call {number}, {moment:?}"
                );
            }
        }
    }
}
