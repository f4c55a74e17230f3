use std::collections::BTreeSet;

use holdfast_catalog::{Arn, MadeBy, ManagedPoint, Manifest};
use holdfast_sources::managed::port::LockBounds;
use holdfast_sources::managed::{
    Action, CopyOrder, Lifecycle, PointFacts, PointStatus, RecoveryPoint, Removed, Settled, Surroundings, Verdict,
    copy, decide, left, settle,
};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::world::{VAULT, World, managed, run};

async fn surroundings(world: &World) -> Surroundings {
    let vaults = BTreeSet::from([VAULT.to_owned()]);
    Surroundings::observe(&world.backups, &vaults).await.unwrap()
}

async fn judge(world: &World, point: &ManagedPoint, verdict: Verdict) -> Result<Settled, PortError> {
    let surroundings = surroundings(world).await;
    settle(&world.backups, point, verdict, &surroundings, world.clock.now()).await
}

async fn removed(world: &World, manifest: &Manifest) -> Removed {
    match judge(world, managed(manifest), Verdict::Remove).await.unwrap() {
        Settled::Removed(removed) => removed,
        other => panic!("{other:?}"),
    }
}

fn deletes(world: &World) -> u64 {
    world.script.count("delete_recovery_point") + world.script.count("disassociate_recovery_point")
}

#[test]
fn a_point_that_is_to_go_goes_and_asked_again_is_gone() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        assert_eq!(removed(&world, &manifest).await, Removed::Deleted);
        assert!(world.cloud().points(VAULT).is_empty());
        assert_eq!(removed(&world, &manifest).await, Removed::Deleted);
        assert_eq!(deletes(&world), 1);
        assert_eq!(left(managed(&manifest), &Removed::Deleted, world.clock.now()), None);
    });
}

#[test]
fn a_success_that_deleted_nothing_is_told_with_what_is_left_and_tried_again() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.cloud().deletes_do_nothing(true);
        let expired = Removed::NotDeleted {
            status: PointStatus::Expired,
        };
        assert_eq!(removed(&world, &manifest).await, expired);
        assert!(expired.to_string().contains("iam:CreateServiceLinkedRole"), "{expired}");
        let bytes = ManagedPoint {
            bytes: 100 << 30,
            ..managed(&manifest).clone()
        };
        let left = left(&bytes, &expired, world.clock.now()).unwrap();
        assert_eq!((left.bytes, left.usd_a_month.map(f64::round)), (100 << 30, Some(10.0)));
        world.cloud().deletes_do_nothing(false);
        assert_eq!(removed(&world, &manifest).await, Removed::Deleted);
    });
}

#[test]
fn a_point_that_a_job_reads_stays_until_it_is_read() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.cloud().use_point(&managed(&manifest).recovery_point_arn);
        assert_eq!(removed(&world, &manifest).await, Removed::InUse);
        assert_eq!(world.cloud().points(VAULT).len(), 1);
    });
}

#[test]
fn a_point_that_is_being_copied_is_not_even_asked_for() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let destination = world.destination();
        let role_arn = crate::world::role();
        let order = CopyOrder {
            manifest: &manifest,
            destination: &destination,
            role_arn: &role_arn,
        };
        copy(
            &world.backups,
            &world.there,
            &world.keys,
            &world.store,
            &world.clock,
            &order,
        )
        .await
        .unwrap();
        assert_eq!(removed(&world, &manifest).await, Removed::InUse);
        assert_eq!(deletes(&world), 0);
    });
}

#[test]
fn what_a_locked_vault_ends_although_it_is_to_stay_is_told_and_not_asked_for() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let arn = &managed(&manifest).recovery_point_arn;
        let end = world.clock.now() + SignedDuration::from_hours(24);
        world.cloud().change(VAULT, arn, |point| {
            point.lifecycle.delete_after_days = Some(1);
            point.expires_at = Some(end);
        });
        world.cloud().set_lock(VAULT, LockBounds::default());
        assert_eq!(
            judge(&world, managed(&manifest), Verdict::Keep).await,
            Ok(Settled::Ends(end))
        );
        let after = &world.cloud().points(VAULT)[0];
        assert_eq!(after.expires_at, Some(end));
    });
}

#[test]
fn what_is_known_to_be_locked_or_held_is_not_even_asked_for() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world
            .cloud()
            .hold("case 7", &[managed(&manifest).recovery_point_arn.clone()]);
        let titles = vec!["case 7".to_owned()];
        assert_eq!(removed(&world, &manifest).await, Removed::Held { titles });

        let world = World::new();
        let manifest = world.made().await;
        world.cloud().set_lock(VAULT, LockBounds::default());
        assert_eq!(removed(&world, &manifest).await, Removed::Locked { until: None });
        assert_eq!(deletes(&world), 0);
    });
}

#[test]
fn a_lock_or_hold_that_came_after_the_look_is_found_by_the_refusal() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let before = surroundings(&world).await;
        world
            .cloud()
            .hold("case 8", &[managed(&manifest).recovery_point_arn.clone()]);
        let settled = settle(
            &world.backups,
            managed(&manifest),
            Verdict::Remove,
            &before,
            world.clock.now(),
        )
        .await;
        assert!(
            matches!(&settled, Ok(Settled::Removed(Removed::Held { titles })) if titles[0].contains("case 8")),
            "{settled:?}"
        );
        assert_eq!(world.cloud().points(VAULT).len(), 1);
    });
}

#[test]
fn continuous_points_are_given_back_or_left_and_never_deleted() {
    run(async {
        for (kind, expected) in [
            ("RDS", Removed::Disassociated),
            ("Aurora", Removed::Disassociated),
            ("S3", Removed::Continuous),
        ] {
            let world = World::new();
            let continuous = world.cloud().continuous(VAULT, &world.table_arn(), kind);
            let ours = continuous.managed(None, MadeBy::Holdfast);
            let settled = judge(&world, &ours, Verdict::Remove).await.unwrap();
            assert_eq!(settled, Settled::Removed(expected), "{kind}");
            assert!(world.cloud().ended_continuous().is_empty(), "{kind}");
        }
    });
}

#[test]
fn points_of_others_are_never_touched() {
    run(async {
        let world = World::new();
        let theirs = world.cloud().customer_backup(VAULT, &world.table_arn(), "nightly");
        let point = theirs.managed(None, MadeBy::Customer);
        for verdict in [Verdict::Keep, Verdict::Remove] {
            judge(&world, &point, verdict).await.unwrap();
        }
        assert_eq!(world.cloud().points(VAULT), [theirs]);
        assert!(world.script.changes().is_empty());
    });
}

#[test]
fn what_retention_keeps_is_freed_from_its_lifecycle_in_time() {
    run(async {
        let world = World::new();
        let settings = holdfast_sources::managed::BackupSettings {
            lifecycle: Lifecycle {
                cold_after_days: None,
                delete_after_days: Some(30),
            },
            ..crate::world::settings()
        };
        world.begin_with(&settings).await.unwrap();
        let manifest = world.made().await;
        let point = managed(&manifest);
        world.later(SignedDuration::from_hours(22 * 24));
        assert_eq!(judge(&world, point, Verdict::Keep).await.unwrap(), Settled::Stands);
        world.later(SignedDuration::from_hours(24));
        assert_eq!(judge(&world, point, Verdict::Keep).await.unwrap(), Settled::Prolonged);
        world.later(SignedDuration::from_hours(365 * 24));
        assert_eq!(world.cloud().points(VAULT).len(), 1);
        assert_eq!(judge(&world, point, Verdict::Keep).await.unwrap(), Settled::Stands);
    });
}

#[test]
fn a_look_that_fails_ends_in_an_error_and_not_in_a_guess() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let arn = managed(&manifest).recovery_point_arn.to_string();
        world
            .script
            .fail_about("delete_recovery_point", &arn, PortError::Denied("no".to_owned()));
        let error = judge(&world, managed(&manifest), Verdict::Remove).await.unwrap_err();
        assert!(matches!(error, PortError::Denied(_)));
        assert_eq!(world.cloud().points(VAULT).len(), 1);
    });
}

fn facts(point: RecoveryPoint) -> PointFacts {
    PointFacts {
        point,
        made_by: MadeBy::Holdfast,
        lock: None,
        holds: Vec::new(),
        is_in_use: false,
    }
}

fn any_point() -> RecoveryPoint {
    let world = World::new();
    let arn = world.table_arn();
    world.cloud().customer_backup(VAULT, &arn, "x")
}

#[test]
fn days_until_cold_storage_are_said_again_when_a_point_is_prolonged() {
    let mut point = any_point();
    point.lifecycle = Lifecycle {
        cold_after_days: Some(10),
        delete_after_days: Some(100),
    };
    point.expires_at = point.lifecycle.expires_at(point.created_at);
    let now = point.expires_at.unwrap() - SignedDuration::from_hours(1);
    let expected = Action::UpdateLifecycle(Lifecycle {
        cold_after_days: Some(10),
        delete_after_days: None,
    });
    assert_eq!(decide(Verdict::Keep, &facts(point), now), expected);
}

#[test]
fn a_lock_ends_with_the_points_own_lifecycle() {
    let mut point = any_point();
    let now = point.created_at;
    let until = now + SignedDuration::from_hours(24);
    point.expires_at = Some(until);
    let locked = PointFacts {
        lock: Some(LockBounds::default()),
        ..facts(point)
    };
    let leave = Action::Leave(Removed::Locked { until: Some(until) });
    assert_eq!(decide(Verdict::Remove, &locked, now), leave);
    assert_eq!(decide(Verdict::Remove, &locked, until), Action::Delete);
}

fn statuses() -> impl Strategy<Value = PointStatus> {
    let words = [
        "COMPLETED",
        "PARTIAL",
        "CREATING",
        "DELETING",
        "EXPIRED",
        "STOPPED",
        "NEW",
    ];
    proptest::sample::select(words.to_vec()).prop_map(PointStatus::of)
}

prop_compose! {
    fn any_facts()(
        status in statuses(),
        is_continuous in any::<bool>(),
        kind in proptest::sample::select(vec!["DynamoDB", "RDS", "Aurora", "S3"]),
        is_customers in any::<bool>(),
        is_locked in any::<bool>(),
        is_held in any::<bool>(),
        is_in_use in any::<bool>(),
        lives_days in proptest::option::of(1_u32..400),
    ) -> PointFacts {
        let mut point = any_point();
        point.status = status;
        kind.clone_into(&mut point.resource_type);
        if is_continuous {
            point.arn = "arn:aws:backup:eu-central-1:111122223333:recovery-point:continuous:x".parse::<Arn>().unwrap();
        }
        point.lifecycle.delete_after_days = lives_days;
        point.expires_at = point.lifecycle.expires_at(point.created_at);
        PointFacts {
            made_by: if is_customers { MadeBy::Customer } else { MadeBy::Holdfast },
            lock: is_locked.then(LockBounds::default),
            holds: if is_held { vec!["case".to_owned()] } else { Vec::new() },
            is_in_use,
            ..facts(point)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn only_what_is_ours_free_and_to_go_is_ever_deleted(facts in any_facts(), is_kept in any::<bool>(), days in 0_i64..500) {
        let now = facts.point.created_at + SignedDuration::from_hours(24 * days);
        let verdict = if is_kept { Verdict::Keep } else { Verdict::Remove };
        let action = decide(verdict, &facts, now);
        let goes = matches!(action, Action::Delete | Action::Disassociate);
        let is_bound = facts.lock.is_some() && facts.point.expires_at.is_none_or(|at| at > now);
        if goes {
            prop_assert!(!is_kept && facts.made_by == MadeBy::Holdfast && facts.holds.is_empty() && !facts.is_in_use && !is_bound);
        }
        if action == Action::Delete {
            prop_assert!(!facts.point.is_continuous());
        }
        if let Action::UpdateLifecycle(lifecycle) = action {
            prop_assert!(is_kept && facts.made_by == MadeBy::Holdfast && lifecycle.delete_after_days.is_none());
        }
        if let Action::Leave(removed) = decide(verdict, &facts, now) {
            prop_assert!(!is_kept && !removed.is_gone());
        }
    }
}
