//! The stand-in for AWS Backup keeps the rules of the service.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Region};
use holdfast_sources::dynamodb::{BillingMode, Item, KeyAttribute, ScalarType, TableConfig, Value};
use holdfast_sources::managed::port::{
    BackupJob, BackupRequest, ChangeLifecycles as _, CopyRequest, CreateBackupVaults as _, DeleteRecoveryPoints as _,
    LockBounds, PutValidations as _, ReadBackupSettings as _, ReadBackups as _, ReadCopies as _,
    ReadRecoveryPoints as _, ReadRestores as _, RestoreRequest, StartBackups as _, StartCopies as _,
    StartRestores as _, Validation,
};
use holdfast_sources::managed::{Lifecycle, RecoveryPoint};
use holdfast_testkit::{ManualClock, MemoryBackups, MemoryTables};
use holdfast_vault::PortError;
use jiff::SignedDuration;

struct World {
    clock: ManualClock,
    backups: MemoryBackups,
    tables: MemoryTables,
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn world() -> World {
    let clock = ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap());
    let backups = MemoryBackups::new(&region("eu-central-1"), &clock);
    let tables = MemoryTables::new(&region("eu-central-1"));
    backups.attach_tables(&tables);
    tables.add("orders", &config(), [item(1), item(2)]);
    World { clock, backups, tables }
}

fn config() -> TableConfig {
    TableConfig {
        key: vec![KeyAttribute {
            name: "pk".to_owned(),
            is_sort: false,
        }],
        attributes: BTreeMap::from([("pk".to_owned(), ScalarType::N)]),
        global_indexes: Vec::new(),
        local_indexes: Vec::new(),
        billing: BillingMode::OnDemand,
        on_demand_limits: None,
        warm: None,
        table_class: "STANDARD".to_owned(),
        deletion_protection: true,
        kms_key_arn: None,
        ttl_attribute: Some("expires".to_owned()),
        stream: None,
        point_in_time_recovery_days: Some(35),
        tags: BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
        resource_policy: None,
    }
}

fn item(n: u32) -> Item {
    Item::from([("pk".to_owned(), Value::N(n.to_string()))])
}

fn role() -> Arn {
    "arn:aws:iam::111122223333:role/backup".parse().unwrap()
}

impl World {
    fn table(&self) -> Arn {
        self.tables.arn("orders").parse().unwrap()
    }

    fn request(&self, token: &str) -> BackupRequest {
        BackupRequest {
            backup_vault: "Default".to_owned(),
            resource_arn: self.table(),
            role_arn: role(),
            token: token.to_owned(),
            start_window_minutes: 60,
            complete_window_minutes: 600,
            lifecycle: Lifecycle::FOR_EVER,
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            options: BTreeMap::new(),
        }
    }

    async fn ended(&self, job: &str) -> BackupJob {
        loop {
            let job = self.backups.backup_job(job).await.unwrap();
            if !["CREATED", "RUNNING"].contains(&job.state.as_str()) {
                return job;
            }
        }
    }

    async fn point(&self) -> RecoveryPoint {
        let job = self
            .backups
            .start_backup_job(&self.request("point"))
            .await
            .unwrap()
            .job_id;
        let made = self.ended(&job).await.recovery_point_arn.unwrap();
        self.backups.recovery_point("Default", &made).await.unwrap()
    }

    async fn delete(&self, point: &RecoveryPoint) -> Result<(), PortError> {
        self.backups.delete_recovery_point("Default", &point.arn).await
    }

    fn copy_request(&self, point: &RecoveryPoint, vault: Arn) -> CopyRequest {
        CopyRequest {
            recovery_point_arn: point.arn.clone(),
            source_backup_vault: "Default".to_owned(),
            destination_vault_arn: vault,
            role_arn: role(),
            token: "copy".to_owned(),
            lifecycle: Lifecycle::FOR_EVER,
        }
    }
}

#[tokio::test]
async fn a_token_gives_the_same_job_and_takes_no_other_words() {
    let world = world();
    let first = world.backups.start_backup_job(&world.request("t")).await.unwrap();
    assert_eq!(
        world.backups.start_backup_job(&world.request("t")).await,
        Ok(first.clone())
    );
    world.ended(&first.job_id).await;
    assert_eq!(world.backups.start_backup_job(&world.request("t")).await, Ok(first));
    let mut other = world.request("t");
    other.complete_window_minutes += 1;
    assert!(matches!(
        world.backups.start_backup_job(&other).await,
        Err(PortError::Invalid(_))
    ));
    assert_eq!(world.backups.jobs_started(), 1);
}

#[tokio::test]
async fn jobs_advance_as_they_are_looked_at_and_one_resource_has_one_at_a_time() {
    let world = world();
    let first = world
        .backups
        .start_backup_job(&world.request("1"))
        .await
        .unwrap()
        .job_id;
    let second = world
        .backups
        .start_backup_job(&world.request("2"))
        .await
        .unwrap()
        .job_id;
    let state = async |job: &str| world.backups.backup_job(job).await.unwrap().state;
    assert_eq!(state(&second).await, "CREATED");
    assert_eq!([state(&first).await, state(&second).await], ["RUNNING", "CREATED"]);
    assert_eq!(world.backups.backup_jobs_in_flight().await.unwrap().len(), 2);
    assert_eq!([state(&first).await, state(&first).await], ["RUNNING", "COMPLETED"]);
    assert_eq!(state(&second).await, "RUNNING");
}

#[tokio::test]
async fn a_job_is_told_of_for_thirty_days_and_its_point_for_as_long_as_it_lives() {
    let world = world();
    let point = world.point().await;
    let day = SignedDuration::from_hours(24);
    let job = world
        .backups
        .start_backup_job(&world.request("point"))
        .await
        .unwrap()
        .job_id;
    world.clock.set_now(point.created_at + day * 30);
    assert!(world.backups.backup_job(&job).await.is_ok());
    world.clock.set_now(point.created_at + day * 31);
    assert!(matches!(
        world.backups.backup_job(&job).await,
        Err(PortError::NotFound(_))
    ));
    let lives = Lifecycle {
        cold_after_days: None,
        delete_after_days: Some(40),
    };
    world
        .backups
        .update_lifecycle("Default", &point.arn, lives)
        .await
        .unwrap();
    world.clock.set_now(point.created_at + day * 40);
    assert!(world.backups.points("Default").is_empty());
}

#[tokio::test]
async fn a_held_point_outlives_its_lifecycle() {
    let world = world();
    let point = world.point().await;
    world.backups.hold("case", std::slice::from_ref(&point.arn));
    world
        .backups
        .change("Default", &point.arn, |point| point.expires_at = Some(point.created_at));
    assert_eq!(world.backups.points("Default").len(), 1);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_removal_is_said_and_a_success_may_be_none() {
    let locked = |result| matches!(result, Err(PortError::Locked(_)));
    let held = world();
    let point = held.point().await;
    held.backups.hold("case", std::slice::from_ref(&point.arn));
    assert!(locked(held.delete(&point).await));

    let vault = world();
    let point = vault.point().await;
    vault.backups.set_lock("Default", LockBounds::default());
    assert!(locked(vault.delete(&point).await));

    let busy = world();
    let point = busy.point().await;
    let there = busy
        .backups
        .at(&region("eu-west-1"), "111122223333")
        .vault_arn("Default");
    busy.backups
        .start_copy_job(&busy.copy_request(&point, there))
        .await
        .unwrap();
    assert!(matches!(busy.delete(&point).await, Err(PortError::Conflict(_))));

    let silent = world();
    let point = silent.point().await;
    silent.backups.deletes_do_nothing(true);
    silent.delete(&point).await.unwrap();
    assert_eq!(silent.backups.points("Default")[0].status.to_string(), "EXPIRED");
}

#[tokio::test]
async fn deleting_a_continuous_point_ends_the_backup_and_giving_it_back_does_not() {
    let world = world();
    let database: Arn = "arn:aws:rds:eu-central-1:111122223333:db:shop".parse().unwrap();
    let (first, second) = (
        world.backups.continuous("Default", &database, "RDS"),
        world.backups.continuous("Default", &database, "RDS"),
    );
    world.delete(&first).await.unwrap();
    world
        .backups
        .disassociate_recovery_point("Default", &second.arn)
        .await
        .unwrap();
    assert_eq!(world.backups.ended_continuous(), [first.arn]);
    let snapshot = world.point().await;
    let refused = world
        .backups
        .disassociate_recovery_point("Default", &snapshot.arn)
        .await;
    assert!(matches!(refused, Err(PortError::Invalid(_))));
}

#[tokio::test]
async fn a_lock_fails_the_jobs_that_it_does_not_take_and_an_immutable_one_stays() {
    let world = world();
    let bounds = LockBounds {
        min_days: Some(7),
        max_days: Some(30),
        immutable_from: None,
    };
    world
        .backups
        .lock_backup_vault("Default", bounds, Some(3))
        .await
        .unwrap();
    for (days, state) in [(6, "FAILED"), (7, "COMPLETED"), (30, "COMPLETED"), (31, "FAILED")] {
        let mut request = world.request(&format!("{days}"));
        request.lifecycle.delete_after_days = Some(days);
        let job = world.backups.start_backup_job(&request).await.unwrap().job_id;
        assert_eq!(world.ended(&job).await.state, state, "{days} days");
    }
    world
        .backups
        .lock_backup_vault("Default", bounds, Some(3))
        .await
        .unwrap();
    world.clock.advance(SignedDuration::from_hours(72));
    let late = world.backups.lock_backup_vault("Default", bounds, Some(3)).await;
    assert!(matches!(late, Err(PortError::Locked(_))));
}

#[tokio::test]
async fn copies_are_refused_for_each_documented_reason() {
    let refused = async |prepare: fn(&World, &RecoveryPoint), word: &str| {
        let world = world();
        let there = world.backups.at(&region("eu-west-1"), "444455556666");
        there.let_in("Default", "111122223333");
        let point = world.point().await;
        prepare(&world, &point);
        let asked = world
            .backups
            .start_copy_job(&world.copy_request(&point, there.vault_arn("Default")))
            .await;
        let why = match asked {
            Err(error) => error.to_string(),
            Ok(started) => {
                let mut job = world.backups.copy_job(&started.job_id).await.unwrap();
                while job.state == "RUNNING" {
                    job = world.backups.copy_job(&started.job_id).await.unwrap();
                }
                format!("{} {}", job.state, job.message.unwrap_or_default())
            }
        };
        assert!(why.contains(word), "{word}: {why}");
    };
    refused(|_, _| {}, "COMPLETED").await;
    refused(
        |world, point| {
            world
                .backups
                .change("Default", &point.arn, |point| point.is_cold = true);
        },
        "cold",
    )
    .await;
    refused(
        |world, point| {
            world.backups.change("Default", &point.arn, |point| {
                point.status = holdfast_sources::managed::PointStatus::Partial;
            });
        },
        "not COMPLETED",
    )
    .await;
    refused(
        |world, point| {
            world.backups.change("Default", &point.arn, |point| {
                point.key_arn = Some(
                    "arn:aws:kms:eu-central-1:111122223333:alias/aws/backup"
                        .parse()
                        .unwrap(),
                );
            });
        },
        "AWS-managed",
    )
    .await;
    refused(|world, _| world.backups.copies_at_once(0), "quota").await;
}

#[tokio::test]
async fn a_vault_of_another_account_takes_copies_of_those_that_its_access_policy_names() {
    let world = world();
    let there = world.backups.at(&region("eu-west-1"), "444455556666");
    let point = world.point().await;
    let ended = async |token: &str| {
        let mut request = world.copy_request(&point, there.vault_arn("Default"));
        request.token = token.to_owned();
        let job = world.backups.start_copy_job(&request).await.unwrap().job_id;
        loop {
            let job = world.backups.copy_job(&job).await.unwrap();
            if !["CREATED", "RUNNING"].contains(&job.state.as_str()) {
                return job.state;
            }
        }
    };
    assert_eq!(ended("first").await, "FAILED");
    there.let_in("Default", "111122223333");
    assert_eq!(ended("second").await, "COMPLETED");
}

#[tokio::test]
async fn points_without_advanced_features_and_continuous_ones_cannot_be_copied() {
    let plain = world();
    plain.backups.without_advanced_features();
    assert!(!plain.backups.region_settings().await.unwrap().fully_managed["DynamoDB"]);
    let point = plain.point().await;
    assert_eq!(point.arn.service(), "dynamodb");
    let there = plain
        .backups
        .at(&region("eu-west-1"), "111122223333")
        .vault_arn("Default");
    let job = plain
        .backups
        .start_copy_job(&plain.copy_request(&point, there.clone()))
        .await
        .unwrap()
        .job_id;
    assert_eq!(plain.backups.copy_job(&job).await.unwrap().state, "FAILED");

    let continuous = plain.backups.continuous("Default", &plain.table(), "S3");
    let refused = plain
        .backups
        .start_copy_job(&plain.copy_request(&continuous, there))
        .await;
    assert!(matches!(refused, Err(PortError::Invalid(_))));
}

#[tokio::test]
async fn a_restored_table_has_its_items_and_none_of_the_settings_that_the_service_leaves_out() {
    let world = world();
    let point = world.point().await;
    let metadata = world.backups.restore_metadata("Default", &point.arn).await.unwrap();
    assert_eq!(metadata["aws:backup:originalTableName"], "orders");
    let request = |target: &str| RestoreRequest {
        recovery_point_arn: point.arn.clone(),
        resource_type: "DynamoDB".to_owned(),
        metadata: BTreeMap::from([("targetTableName".to_owned(), target.to_owned())]),
        role_arn: role(),
        token: format!("restore {target}"),
    };
    let job = world.backups.start_restore_job(&request("orders-2")).await.unwrap();
    let early = world.backups.put_validation(&job, Validation::Successful, "").await;
    assert!(matches!(early, Err(PortError::Invalid(_))));
    while world.backups.restore_job(&job).await.unwrap().state != "COMPLETED" {}
    assert_eq!(world.tables.items("orders-2"), world.tables.items("orders"));
    assert_eq!(world.tables.config("orders-2"), config().at_creation());
    let taken = world.backups.start_restore_job(&request("orders")).await.unwrap();
    assert_eq!(world.backups.restore_job(&taken).await.unwrap().state, "FAILED");
}

#[tokio::test]
async fn what_was_changed_after_the_job_began_is_not_in_the_point() {
    let world = world();
    let job = world
        .backups
        .start_backup_job(&world.request("t"))
        .await
        .unwrap()
        .job_id;
    world.backups.backup_job(&job).await.unwrap();
    world.tables.put("orders", item(3));
    let point = world.ended(&job).await.recovery_point_arn.unwrap();
    let request = RestoreRequest {
        recovery_point_arn: point,
        resource_type: "DynamoDB".to_owned(),
        metadata: BTreeMap::from([("targetTableName".to_owned(), "copy".to_owned())]),
        role_arn: role(),
        token: "r".to_owned(),
    };
    let job = world.backups.start_restore_job(&request).await.unwrap();
    while world.backups.restore_job(&job).await.unwrap().state != "COMPLETED" {}
    assert_eq!(world.tables.items("copy").len(), 2);
}
