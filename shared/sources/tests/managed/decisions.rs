use std::collections::BTreeSet;

use holdfast_catalog::Arn;
use holdfast_sources::key::{KeyFacts, KeyState};
use holdfast_sources::managed::port::{BackupVault, LockBounds};
use holdfast_sources::managed::{
    CopyQuotas, Destination, JobInFlight, Lifecycle, PointStatus, RecoveryPoint, Refusal, Turn, WantedCopy, can_copy,
    next_copies,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const OTHER_ACCOUNT: &str = "444455556666";

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

fn source() -> RecoveryPoint {
    RecoveryPoint {
        arn: arn("arn:aws:backup:eu-central-1:111122223333:recovery-point:1EB3"),
        backup_vault: "holdfast".to_owned(),
        resource_arn: arn("arn:aws:dynamodb:eu-central-1:111122223333:table/orders"),
        resource_type: "DynamoDB".to_owned(),
        status: PointStatus::Completed,
        message: None,
        created_at: now() - SignedDuration::from_hours(10 * 24),
        bytes: 1,
        lifecycle: Lifecycle::FOR_EVER,
        expires_at: None,
        cold_at: None,
        is_cold: false,
        key_arn: None,
        plan: None,
    }
}

/// A snapshot of a kind that AWS Backup does not manage fully: it keeps the source's key.
fn snapshot() -> RecoveryPoint {
    RecoveryPoint {
        arn: arn("arn:aws:rds:eu-central-1:111122223333:snapshot:awsbackup:job-1"),
        resource_type: "RDS".to_owned(),
        ..source()
    }
}

fn destination(account: &str) -> Destination {
    let vault_arn = arn(&format!("arn:aws:backup:eu-west-1:{account}:backup-vault:copies"));
    Destination {
        vault: Some(BackupVault {
            arn: vault_arn.clone(),
            key_arn: None,
            recovery_points: 0,
            lock: None,
        }),
        vault_arn,
        key: None,
        allowed_regions: None,
        lifecycle: Lifecycle::FOR_EVER,
    }
}

/// In another account, where a copy has to end by itself.
fn elsewhere() -> Destination {
    Destination {
        lifecycle: Lifecycle {
            cold_after_days: None,
            delete_after_days: Some(30),
        },
        ..destination(OTHER_ACCOUNT)
    }
}

fn here() -> Destination {
    destination("111122223333")
}

fn key(state: KeyState) -> KeyFacts {
    KeyFacts {
        arn: arn("arn:aws:kms:eu-central-1:111122223333:key/1"),
        state,
        is_aws_managed: false,
        shared_with: Some(BTreeSet::new()),
    }
}

fn refusal(point: &RecoveryPoint, key: Option<&KeyFacts>, destination: &Destination) -> String {
    match can_copy(point, key, destination, now()) {
        Ok(()) => "none".to_owned(),
        Err(refusal) => {
            let words = format!("{refusal:?}");
            words.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn what_can_be_copied_is_not_refused() {
    let aws_managed = KeyFacts {
        is_aws_managed: true,
        ..key(KeyState::Enabled)
    };
    let shared = KeyFacts {
        shared_with: Some(BTreeSet::from([OTHER_ACCOUNT.to_owned()])),
        ..key(KeyState::Enabled)
    };
    for (point, key, destination) in [
        (source(), None, here()),
        (source(), None, elsewhere()),
        (snapshot(), Some(key(KeyState::Enabled)), here()),
        (snapshot(), Some(aws_managed), here()),
        (snapshot(), Some(shared), elsewhere()),
        (source(), Some(key(KeyState::Enabled)), elsewhere()),
    ] {
        assert_eq!(
            can_copy(&point, key.as_ref(), &destination, now()),
            Ok(()),
            "{point:?} {key:?}"
        );
    }
}

#[test]
fn every_documented_state_of_a_point_that_cannot_be_copied_is_refused() {
    for word in ["PARTIAL", "CREATING", "DELETING", "EXPIRED", "NEW"] {
        let point = RecoveryPoint {
            status: PointStatus::of(word),
            ..source()
        };
        assert_eq!(refusal(&point, None, &here()), "NotCompleted", "{word}");
    }
    let stopped = RecoveryPoint {
        status: PointStatus::Stopped,
        ..source()
    };
    let continuous = RecoveryPoint {
        arn: arn("arn:aws:backup:eu-central-1:111122223333:recovery-point:continuous:db-1"),
        ..snapshot()
    };
    let cold = RecoveryPoint {
        is_cold: true,
        ..source()
    };
    let plain = RecoveryPoint {
        arn: arn("arn:aws:dynamodb:eu-central-1:111122223333:table/orders/backup/0156"),
        ..source()
    };
    for (point, expected) in [
        (stopped, "Continuous"),
        (continuous, "Continuous"),
        (cold, "Cold"),
        (plain, "NotAdvanced"),
    ] {
        assert_eq!(refusal(&point, None, &here()), expected);
    }
}

#[test]
fn a_key_that_cannot_be_used_on_either_side_is_refused() {
    let at = now() + SignedDuration::from_hours(24);
    for state in [
        KeyState::Disabled,
        KeyState::PendingDeletion { at },
        KeyState::Unavailable,
        KeyState::Missing,
    ] {
        assert_eq!(refusal(&source(), Some(&key(state)), &here()), "SourceKey", "{state:?}");
        let keyed = Destination {
            key: Some(key(state)),
            ..here()
        };
        assert_eq!(refusal(&source(), None, &keyed), "DestinationKey", "{state:?}");
    }
}

#[test]
fn into_another_account_a_key_has_to_be_a_customers_and_shared() {
    let aws_managed = KeyFacts {
        is_aws_managed: true,
        ..key(KeyState::Enabled)
    };
    let there = destination(OTHER_ACCOUNT);
    assert_eq!(refusal(&snapshot(), Some(&aws_managed), &there), "AwsManagedKey");
    assert_eq!(refusal(&source(), Some(&aws_managed), &there), "AwsManagedKey");
    assert_eq!(refusal(&snapshot(), Some(&key(KeyState::Enabled)), &there), "SourceKey");
    let keyed = Destination {
        key: Some(aws_managed),
        ..there
    };
    assert_eq!(refusal(&snapshot(), None, &keyed), "AwsManagedKey");
}

#[test]
fn a_destination_has_to_exist_to_be_another_one_and_to_take_the_lifetime() {
    let missing = Destination { vault: None, ..here() };
    assert_eq!(refusal(&source(), None, &missing), "NoVault");
    let same = Destination {
        vault_arn: arn("arn:aws:backup:eu-central-1:111122223333:backup-vault:holdfast"),
        ..here()
    };
    assert_eq!(refusal(&source(), None, &same), "SameVault");
    let lifetime = |days, lock: Option<LockBounds>| {
        let mut there = Destination {
            lifecycle: Lifecycle {
                cold_after_days: None,
                delete_after_days: days,
            },
            ..here()
        };
        there.vault.as_mut().unwrap().lock = lock;
        refusal(&source(), None, &there)
    };
    let lock = |min_days, max_days| {
        Some(LockBounds {
            min_days,
            max_days,
            immutable_from: None,
        })
    };
    assert_eq!(lifetime(Some(20), lock(Some(30), None)), "Lifecycle");
    assert_eq!(lifetime(Some(400), lock(None, Some(365))), "Lifecycle");
    assert_eq!(lifetime(None, lock(None, Some(365))), "Lifecycle");
    assert_eq!(
        lifetime(Some(10), None),
        "AlreadyExpired",
        "ten days after the creation of the source is now"
    );
    assert_eq!(lifetime(Some(11), None), "none");
}

#[test]
fn a_copy_in_another_account_has_to_end_by_itself_and_its_vault_need_not_be_seen() {
    let unseen = |days| Destination {
        vault: None,
        lifecycle: Lifecycle {
            cold_after_days: None,
            delete_after_days: days,
        },
        ..elsewhere()
    };
    assert_eq!(refusal(&source(), None, &unseen(None)), "NoEnd");
    assert_eq!(refusal(&source(), None, &unseen(Some(10))), "AlreadyExpired");
    assert_eq!(refusal(&source(), None, &unseen(Some(11))), "none");
}

#[test]
fn residency_comes_before_every_other_reason() {
    let there = Destination {
        allowed_regions: Some(BTreeSet::from(["eu-central-1".parse().unwrap()])),
        vault: None,
        ..here()
    };
    assert_eq!(refusal(&source(), None, &there), "Residency");
    let allowed = Destination {
        allowed_regions: Some(BTreeSet::from(["eu-west-1".parse().unwrap()])),
        ..here()
    };
    assert_eq!(refusal(&source(), None, &allowed), "none");
}

#[test]
fn every_refusal_says_what_to_change() {
    let at = now();
    let refusals = [
        Refusal::Residency {
            region: "us-east-1".to_owned(),
        },
        Refusal::SameVault,
        Refusal::NotCompleted {
            status: PointStatus::Expired,
        },
        Refusal::Continuous,
        Refusal::Cold,
        Refusal::NotAdvanced,
        Refusal::NoVault {
            vault: here().vault_arn,
        },
        Refusal::AlreadyExpired { at },
    ];
    for refusal in refusals {
        let text = refusal.to_string();
        assert!(text.contains(':') && !text.starts_with(char::is_uppercase), "{text}");
    }
}

fn wanted(resource: u8, region: u8) -> WantedCopy {
    WantedCopy {
        resource_arn: arn(&format!("arn:aws:rds:eu-central-1:111122223333:db:{resource}")),
        recovery_point_arn: arn(&format!(
            "arn:aws:rds:eu-central-1:111122223333:snapshot:awsbackup:job-{resource}"
        )),
        destination_vault_arn: arn(&format!(
            "arn:aws:backup:eu-west-{region}:111122223333:backup-vault:copies"
        )),
    }
}

fn in_flight(copy: &WantedCopy, is_backup: bool) -> JobInFlight {
    JobInFlight {
        resource_arn: copy.resource_arn.clone(),
        destination_vault_arn: (!is_backup).then(|| copy.destination_vault_arn.clone()),
        recovery_point_arn: None,
    }
}

fn copies() -> impl Strategy<Value = Vec<WantedCopy>> {
    let copy = (0_u8..6, 1_u8..4).prop_map(|(resource, region)| wanted(resource, region));
    proptest::collection::vec(copy, 0..30)
}

fn count<'a>(jobs: impl Iterator<Item = &'a JobInFlight>, of: impl Fn(&JobInFlight) -> bool) -> usize {
    jobs.filter(|job| of(job)).count()
}

proptest! {
    #[test]
    fn copies_start_within_the_quotas_and_none_waits_without_a_reason(
        wanted in copies(),
        running in copies(),
        per_resource in 1_usize..3,
        per_destination_region in 0_usize..6,
    ) {
        let quotas = CopyQuotas { per_resource, per_destination_region };
        let running: Vec<JobInFlight> = running.iter().enumerate().map(|(n, copy)| in_flight(copy, n % 3 == 0)).collect();
        let turns = next_copies(&wanted, &running, quotas);
        prop_assert_eq!(turns.len(), wanted.len());
        let mut jobs = running;
        for (copy, turn) in wanted.iter().zip(&turns) {
            let of_resource = count(jobs.iter(), |job| job.resource_arn == copy.resource_arn);
            let region = copy.destination_vault_arn.region();
            let to_region = count(jobs.iter(), |job| job.destination_vault_arn.as_ref().is_some_and(|vault| vault.region() == region));
            let has_room = of_resource < per_resource && to_region < per_destination_region;
            prop_assert_eq!(has_room, *turn == Turn::Start);
            if has_room {
                jobs.push(in_flight(copy, false));
            }
        }
    }

    #[test]
    fn whatever_is_wanted_is_started_in_the_end(wanted in copies()) {
        let mut open = wanted;
        let mut rounds = 0;
        while !open.is_empty() {
            let turns = next_copies(&open, &[], CopyQuotas::default());
            let left: Vec<WantedCopy> = open.iter().zip(&turns).filter(|(_, turn)| **turn != Turn::Start).map(|(copy, _)| copy.clone()).collect();
            prop_assert!(left.len() < open.len());
            open = left;
            rounds += 1;
        }
        prop_assert!(rounds <= 30);
    }
}
