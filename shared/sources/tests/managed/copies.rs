use std::collections::BTreeSet;

use holdfast_catalog::{Arn, Manifest};
use holdfast_sources::key::KeyState;
use holdfast_sources::managed::port::{ReadCopies as _, ReadRecoveryPoints as _};
use holdfast_sources::managed::{Copied, CopyOrder, Destination, Refusal, copies_of, copy, copy_lifecycle, note_copy};
use holdfast_testkit::JobEnd;
use holdfast_vault::port::Clock as _;
use holdfast_vault::{PointEntry, PortError};
use jiff::SignedDuration;

use crate::world::{TICK, VAULT, World, key, managed, other, point, role, run};

async fn step(world: &World, manifest: &Manifest, destination: &Destination) -> Result<Copied, PortError> {
    let role_arn = role();
    let order = CopyOrder {
        manifest,
        destination,
        role_arn: &role_arn,
    };
    copied(world, &order).await
}

/// Copies as far as it goes now, and notes a copy that is whole.
pub async fn copied(world: &World, order: &CopyOrder<'_>) -> Result<Copied, PortError> {
    let copied = copy(
        &world.backups,
        &world.there,
        &world.keys,
        &world.store,
        &world.clock,
        order,
    )
    .await?;
    if let Copied::Done(copy) = &copied {
        let (point, vault) = (&order.manifest.point, &order.destination.vault_arn);
        note_copy(&world.store, &world.clock, point, "replicated", vault, copy).await?;
    }
    Ok(copied)
}

pub async fn to_the_end(world: &World, manifest: &Manifest, destination: &Destination) -> Copied {
    for _ in 0..30 {
        match step(world, manifest, destination).await.unwrap() {
            Copied::Continuing { .. } => world.later(TICK),
            ended => return ended,
        }
    }
    panic!("the copy does not end");
}

#[test]
fn a_copy_is_started_once_followed_and_noted() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let destination = world.destination();
        let Copied::Done(copied) = to_the_end(&world, &manifest, &destination).await else {
            panic!("not copied");
        };
        assert_eq!(copied.recovery_point_arn.region(), other().as_str());
        assert_eq!(world.there.inner().points(VAULT).len(), 1);
        let copies = copies_of(&world.store, &point()).await.unwrap();
        assert_eq!((copies.len(), copies[0].managed.as_ref()), (1, Some(copied.as_ref())));
        assert_eq!(copies[0].bucket, destination.vault_arn.to_string());
        assert!(
            PointEntry::read(&world.store, &point())
                .await
                .unwrap()
                .last("replicated")
                .is_some()
        );
        assert_eq!(world.cloud().jobs_started(), 2);
        to_the_end(&world, &manifest, &destination).await;
        assert_eq!(world.cloud().jobs_started(), 2, "asked again, nothing is copied again");
    });
}

#[test]
fn a_copys_days_count_from_the_creation_of_its_source() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.later(SignedDuration::from_hours(10 * 24));
        let source = world.cloud().points(VAULT).remove(0);
        let until = world.clock.now() + SignedDuration::from_hours(20 * 24);
        let destination = Destination {
            lifecycle: copy_lifecycle(&source, Some(until), None),
            ..world.destination()
        };
        assert_eq!(
            destination.lifecycle.delete_after_days,
            Some(31),
            "ten days old, twenty to go, rounded up"
        );
        let Copied::Done(copied) = to_the_end(&world, &manifest, &destination).await else {
            panic!("not copied");
        };
        let expires_at = copied.expires_at.unwrap();
        assert!(expires_at >= until && expires_at.duration_since(until) < SignedDuration::from_hours(24));
    });
}

#[test]
fn copies_to_two_vaults_that_end_in_one_second_are_both_noted() {
    run(async {
        let world = World::new();
        world.there.inner().add_vault("second", None);
        let manifest = world.made().await;
        let first = world.destination();
        let arn = world.there.inner().vault_arn("second");
        let mut second = Destination {
            vault_arn: arn.clone(),
            ..world.destination()
        };
        second.vault.as_mut().unwrap().arn = arn;
        world.cloud().polls(0);
        for _ in 0..4 {
            step(&world, &manifest, &first).await.unwrap();
            step(&world, &manifest, &second).await.unwrap();
        }
        let copies = copies_of(&world.store, &point()).await.unwrap();
        let vaults: BTreeSet<&str> = copies.iter().map(|copy| copy.bucket.as_str()).collect();
        assert_eq!(vaults.len(), 2, "{copies:?}");
    });
}

#[test]
fn what_cannot_be_copied_is_said_and_no_job_is_started() {
    run(async {
        let world = World::new();
        world.cloud().without_advanced_features();
        let manifest = world.made().await;
        let refused = step(&world, &manifest, &world.destination()).await.unwrap();
        assert_eq!(refused, Copied::Refused(Refusal::NotAdvanced));
        assert_eq!(
            (world.cloud().jobs_started(), world.script.count("start_copy_job")),
            (1, 0)
        );
    });
}

#[test]
fn a_copy_that_fails_is_tried_again_only_where_that_may_help_and_a_partial_one_is_none() {
    run(async {
        for (end, jobs, word) in [
            (JobEnd::Failed("internal error".to_owned()), 3, "internal error"),
            (JobEnd::Failed("access denied".to_owned()), 1, "access denied"),
            (JobEnd::Partial("a part is missing".to_owned()), 1, "not whole"),
        ] {
            let world = World::new();
            let manifest = world.made().await;
            (0..3).for_each(|_| world.cloud().next_job_ends(end.clone()));
            let ended = to_the_end(&world, &manifest, &world.destination()).await;
            assert!(
                matches!(&ended, Copied::Failed { why } if why.contains(word)),
                "{ended:?}"
            );
            assert_eq!(world.cloud().jobs_started(), 1 + jobs, "{end:?}");
            assert!(copies_of(&world.store, &point()).await.unwrap().is_empty());
        }
    });
}

#[test]
fn the_destinations_broken_key_fails_the_copy_in_the_services_words() {
    run(async {
        let world = World::new();
        let key: Arn = "arn:aws:kms:eu-west-1:111122223333:key/2".parse().unwrap();
        world.there.inner().add_vault("keyed", Some(&key));
        world
            .cloud()
            .break_key(&key, "the KMS key of the destination is disabled");
        let manifest = world.made().await;
        let arn = world.there.inner().vault_arn("keyed");
        let destination = Destination {
            vault_arn: arn,
            ..world.destination()
        };
        let ended = to_the_end(&world, &manifest, &destination).await;
        assert!(
            matches!(&ended, Copied::Failed { why } if why.contains("KMS")),
            "{ended:?}"
        );
    });
}

#[test]
fn a_quota_that_is_reached_is_throttling_and_the_copy_is_made_when_there_is_room() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.cloud().copies_at_once(0);
        let refused = step(&world, &manifest, &world.destination()).await.unwrap_err();
        assert!(matches!(refused, PortError::Throttled(_)), "{refused}");
        world.cloud().copies_at_once(1);
        assert!(matches!(
            to_the_end(&world, &manifest, &world.destination()).await,
            Copied::Done(_)
        ));
    });
}

#[test]
fn a_copy_whose_job_is_forgotten_is_found_by_its_tag_and_never_made_twice() {
    run(async {
        for is_lost in [false, true] {
            let world = World::new();
            let manifest = world.made().await;
            let Copied::Continuing { job_id, .. } = step(&world, &manifest, &world.destination()).await.unwrap() else {
                panic!("the copy did not start");
            };
            while world.cloud().copy_job(&job_id).await.unwrap().state != "COMPLETED" {}
            world.later(SignedDuration::from_hours(31 * 24));
            if is_lost {
                let copy = world.there.inner().points(VAULT).remove(0);
                world.there.inner().lose(VAULT, &copy.arn);
            }
            match to_the_end(&world, &manifest, &world.destination()).await {
                Copied::Done(_) => assert!(!is_lost),
                Copied::Failed { why } => assert!(is_lost && why.contains("forgotten"), "{why}"),
                other => panic!("{other:?}"),
            }
            assert_eq!(world.cloud().jobs_started(), 2);
        }
    });
}

#[test]
fn a_point_that_is_gone_is_not_copied() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let arn = &managed(&manifest).recovery_point_arn;
        world.cloud().lose(VAULT, arn);
        let error = step(&world, &manifest, &world.destination()).await.unwrap_err();
        assert!(matches!(error, PortError::NotFound(_)));
        assert!(matches!(
            world.backups.recovery_point(VAULT, arn).await,
            Err(PortError::NotFound(_))
        ));
    });
}

#[test]
fn a_source_whose_key_cannot_be_used_is_refused_in_words_before_any_job() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let started = world.cloud().jobs_started();
        let at = "2026-11-28T00:00:00Z".parse().unwrap();
        for (state, expected) in [
            (KeyState::Disabled, "aws kms enable-key"),
            (KeyState::PendingDeletion { at }, "aws kms cancel-key-deletion"),
            (KeyState::Unavailable, "no usable key material"),
        ] {
            world.keys.inner().set_key(&key(), state);
            let copied = step(&world, &manifest, &world.destination()).await.unwrap();
            let Copied::Refused(refusal) = copied else {
                panic!("{copied:?}");
            };
            assert!(refusal.to_string().contains(expected), "{refusal}");
        }
        assert_eq!(world.cloud().jobs_started(), started);
    });
}

#[test]
fn what_an_aws_managed_key_encrypts_does_not_leave_the_account_and_no_job_tries() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let started = world.cloud().jobs_started();
        world.keys.inner().give_key_to_aws(&key());
        let mut destination = world.destination();
        destination.vault_arn = "arn:aws:backup:eu-west-1:444455556666:backup-vault:holdfast"
            .parse()
            .unwrap();
        let copied = step(&world, &manifest, &destination).await.unwrap();
        let Copied::Refused(refusal @ Refusal::AwsManagedKey { .. }) = copied else {
            panic!("{copied:?}");
        };
        assert!(refusal.to_string().contains("account 444455556666"), "{refusal}");
        assert_eq!(world.cloud().jobs_started(), started);
    });
}

#[test]
fn a_key_that_may_not_be_seen_is_left_to_aws_backup() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.keys.inner().set_key(&key(), KeyState::Missing);
        let copied = to_the_end(&world, &manifest, &world.destination()).await;
        assert!(matches!(copied, Copied::Done(_)), "{copied:?}");
    });
}
