use bytes::Bytes;
use holdfast_catalog::{Engine, MadeBy, layout};
use holdfast_sources::managed::port::{BackupRequest, ReadBackups as _, StartBackups as _};
use holdfast_sources::managed::{
    BackupSettings, Lifecycle, LifecycleFault, MAX_ATTEMPTS, POINT_TAG, SettingsFault, Worked, begin, idempotency_token,
};
use holdfast_testkit::JobEnd;
use holdfast_vault::port::{ReadObjects as _, WriteObjects as _};
use holdfast_vault::{PointEntry, PortError, TRUST_EXISTING_FOR, read_manifest};
use jiff::SignedDuration;

use crate::world::{TICK, VAULT, World, managed, point, run, settings};

fn failure(worked: &Worked) -> &str {
    match worked {
        Worked::Failed { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_job_is_started_once_followed_to_its_end_and_committed() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        assert_eq!(manifest, read_manifest(&world.store, &point()).await.unwrap());
        assert_eq!((manifest.engine, manifest.data.is_none()), (Engine::AwsBackup, true));
        let managed = managed(&manifest);
        assert_eq!(
            (managed.backup_vault.as_str(), managed.made_by),
            (VAULT, MadeBy::Holdfast)
        );
        assert_eq!(managed.resource_type, "DynamoDB");
        assert!(manifest.config().is_some() && manifest.not_protected.is_empty());
        assert!(PointEntry::read(&world.store, &point()).await.unwrap().is_good());
        assert_eq!(world.work().await, Worked::Existed);
        assert_eq!(world.cloud().jobs_started(), 1);
    });
}

#[test]
fn what_ends_with_issues_is_a_point_that_is_partial() {
    run(async {
        for end in [
            JobEnd::WithIssues("3 objects skipped".to_owned()),
            JobEnd::Partial("3 objects skipped".to_owned()),
        ] {
            let world = World::new();
            world.cloud().next_job_ends(end.clone());
            let manifest = world.made().await;
            assert!(
                manifest.not_protected[0].contains("3 objects skipped"),
                "{end:?}: {manifest:?}"
            );
            let entry = PointEntry::read(&world.store, &point()).await.unwrap();
            assert!(entry.is_partial() && !entry.is_good(), "{end:?}");
        }
    });
}

#[test]
fn a_job_that_fails_is_tried_again_only_where_that_may_help() {
    run(async {
        for (end, jobs) in [
            (JobEnd::Failed("internal error".to_owned()), MAX_ATTEMPTS),
            (JobEnd::Expired(None), MAX_ATTEMPTS),
            (JobEnd::Failed("the KMS key is disabled".to_owned()), 1),
            (JobEnd::Failed("access denied".to_owned()), 1),
            (JobEnd::Expired(Some("expired before completion".to_owned())), 1),
            (JobEnd::Aborted, 1),
        ] {
            let world = World::new();
            for _ in 0..MAX_ATTEMPTS {
                world.cloud().next_job_ends(end.clone());
            }
            let worked = world.work().await;
            assert!(
                failure(&worked).contains(&format!("attempt {jobs}")),
                "{end:?}: {worked:?}"
            );
            assert_eq!(world.cloud().jobs_started(), jobs as usize, "{end:?}");
            assert!(world.cloud().points(VAULT).is_empty(), "{end:?}");
            assert_eq!(
                world.work().await,
                worked,
                "asked again, it says the same and starts nothing"
            );
            assert_eq!(world.cloud().jobs_started(), jobs as usize, "{end:?}");
        }
    });
}

#[test]
fn the_second_job_may_bring_what_the_first_did_not() {
    run(async {
        let world = World::new();
        world.cloud().next_job_ends(JobEnd::Failed("internal error".to_owned()));
        let manifest = world.made().await;
        assert!(manifest.not_protected.is_empty());
        assert_eq!(
            (world.cloud().jobs_started(), world.cloud().points(VAULT).len()),
            (2, 1)
        );
    });
}

#[test]
fn a_job_waits_while_another_holds_the_resource_and_begins_when_that_ends() {
    run(async {
        let world = World::new();
        let theirs = hold_resource(&world).await;
        for _ in 0..4 {
            assert!(matches!(
                world.tick().await.unwrap(),
                Worked::Continuing { attempt: 1, .. }
            ));
            world.later(TICK);
        }
        for _ in 0..5 {
            world.cloud().backup_job(&theirs).await.unwrap();
        }
        world.made().await;
        assert_eq!(world.cloud().jobs_started(), 2);
    });
}

#[test]
fn a_job_whose_start_window_is_over_expires_and_another_one_is_started() {
    run(async {
        let world = World::new();
        let theirs = hold_resource(&world).await;
        world.tick().await.unwrap();
        world.later(SignedDuration::from_hours(9));
        assert!(matches!(
            world.tick().await.unwrap(),
            Worked::Continuing { attempt: 2, .. }
        ));
        for _ in 0..5 {
            world.cloud().backup_job(&theirs).await.unwrap();
        }
        world.made().await;
    });
}

#[test]
fn jobs_that_find_the_resource_held_are_no_attempts_until_the_start_window_is_over() {
    run(async {
        let held = JobEnd::Failed("there was a running backup job for the same resource".to_owned());
        let world = World::new();
        world.cloud().polls(0);
        for _ in 0..100 {
            world.cloud().next_job_ends(held.clone());
        }
        for _ in 0..8 * 4 {
            assert!(matches!(world.tick().await.unwrap(), Worked::Continuing { .. }));
            let jobs = world.cloud().jobs_started();
            // An event of the job that failed, at once.
            assert!(matches!(world.tick().await.unwrap(), Worked::Continuing { .. }));
            assert_eq!(world.cloud().jobs_started(), jobs);
            world.later(TICK);
        }
        assert!(world.cloud().jobs_started() > MAX_ATTEMPTS as usize);
        assert!(failure(&world.work().await).contains("same resource"));

        let freed = World::new();
        for _ in 0..2 * MAX_ATTEMPTS {
            freed.cloud().next_job_ends(held.clone());
        }
        freed.made().await;
    });
}

/// The customer starts a job of the same table, which is running.
async fn hold_resource(world: &World) -> String {
    let request = BackupRequest {
        backup_vault: "Default".to_owned(),
        resource_arn: world.table_arn(),
        role_arn: crate::world::role(),
        token: "theirs".to_owned(),
        start_window_minutes: 60,
        complete_window_minutes: 600,
        lifecycle: Lifecycle::FOR_EVER,
        tags: std::collections::BTreeMap::new(),
        options: std::collections::BTreeMap::new(),
    };
    world.cloud().polls(4);
    let theirs = world.cloud().start_backup_job(&request).await.unwrap().job_id;
    world.cloud().backup_job(&theirs).await.unwrap();
    world.cloud().polls(0);
    theirs
}

/// A job that ended, and that nobody looked at until the service forgot it.
async fn forgotten(world: &World) {
    let Worked::Continuing { job_id, .. } = world.tick().await.unwrap() else {
        panic!("the job did not start");
    };
    while world.cloud().backup_job(&job_id).await.unwrap().state != "COMPLETED" {}
    world.later(SignedDuration::from_hours(31 * 24));
}

#[test]
fn a_point_whose_job_is_forgotten_is_found_by_its_tag() {
    run(async {
        let world = World::new();
        forgotten(&world).await;
        world.cloud().customer_backup(VAULT, &world.table_arn(), "nightly");
        let manifest = world.made().await;
        assert!(managed(&manifest).recovery_point_arn.as_str().ends_with("-JOB"));
        assert_eq!(world.cloud().jobs_started(), 1);
    });
}

#[test]
fn a_young_job_that_the_service_does_not_know_is_asked_after_again() {
    run(async {
        let world = World::new();
        world.tick().await.unwrap();
        let missing = PortError::NotFound("backup job".to_owned());
        world.script.fail_named("backup_job", missing);
        let error = world.tick().await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        world.script.heal();
        world.made().await;
        assert_eq!(world.cloud().jobs_started(), 1);
    });
}

#[test]
fn a_snapshot_that_takes_no_tags_is_found_by_its_jobs_id() {
    run(async {
        let world = World::new();
        world.cloud().without_advanced_features();
        forgotten(&world).await;
        let manifest = world.made().await;
        assert_eq!(managed(&manifest).recovery_point_arn.service(), "dynamodb");
        assert_eq!(world.cloud().jobs_started(), 1);
    });
}

#[test]
fn no_other_point_is_taken_for_the_one_that_is_forgotten_and_gone() {
    run(async {
        let world = World::new();
        forgotten(&world).await;
        let ours = world.cloud().points(VAULT).remove(0);
        world.cloud().lose(VAULT, &ours.arn);
        world.cloud().customer_backup(VAULT, &world.table_arn(), "nightly");
        let by_hand = world.cloud().customer_backup(VAULT, &world.table_arn(), "by hand");
        world.cloud().change(VAULT, &by_hand.arn, |point| point.plan = None);
        assert!(failure(&world.work().await).contains("carries its mark"));
        assert_eq!(world.cloud().jobs_started(), 1);
    });
}

#[test]
fn what_a_long_job_refers_to_stays_fresh_and_the_run_shows_signs_of_life() {
    run(async {
        let world = World::new();
        world.cloud().polls(10);
        let record = world.begin().await.unwrap();
        for _ in 0..10 {
            assert!(matches!(world.tick().await.unwrap(), Worked::Continuing { .. }));
            world.later(SignedDuration::from_hours(10));
            for blob in &record.blobs {
                let info = world.store.head(&layout::blob(&blob.sha256)).await.unwrap();
                let age = holdfast_vault::port::Clock::now(&world.clock).duration_since(info.modified_at);
                assert!(age < TRUST_EXISTING_FOR + SignedDuration::from_hours(10), "{age}");
            }
            let sign = world.store.head(&layout::sign_of_life(&point())).await.unwrap();
            let age = holdfast_vault::port::Clock::now(&world.clock).duration_since(sign.modified_at);
            assert!(age <= SignedDuration::from_hours(10), "{age}");
        }
        assert!(world.made().await.not_protected.is_empty());
    });
}

#[test]
fn a_point_whose_settings_were_lost_meanwhile_is_kept_and_says_so() {
    run(async {
        let world = World::new();
        let record = world.begin().await.unwrap();
        world.tick().await.unwrap();
        let config = &record.blobs[0];
        world
            .store
            .overwrite(&layout::blob(&config.sha256), Bytes::from_static(b"damaged"))
            .await
            .unwrap();
        let manifest = world.made().await;
        assert!(
            manifest.config().is_none() && manifest.not_protected.len() == 1,
            "{manifest:?}"
        );
    });
}

#[test]
fn a_lost_resource_a_locked_vault_and_a_broken_key_fail_with_the_services_words() {
    run(async {
        let world = World::new();
        world.begin().await.unwrap();
        world.tables.inner().lose("orders");
        assert!(failure(&world.work().await).contains("does not exist"));

        let world = World::new();
        let bounds = holdfast_sources::managed::port::LockBounds {
            max_days: Some(30),
            ..Default::default()
        };
        world.cloud().set_lock(VAULT, bounds);
        assert!(failure(&world.work().await).contains("bounds of the vault lock"));

        let world = World::new();
        let key = "arn:aws:kms:eu-central-1:111122223333:key/1".parse().unwrap();
        world.cloud().add_vault("keyed", Some(&key));
        world.cloud().break_key(&key, "the KMS key is pending deletion");
        let keyed = BackupSettings {
            backup_vault: "keyed".to_owned(),
            ..settings()
        };
        world.begin_with(&keyed).await.unwrap();
        assert!(failure(&world.work().await).contains("pending deletion"));
        assert_eq!(world.cloud().jobs_started(), 1);
    });
}

#[test]
fn a_request_that_the_service_refuses_is_an_error_and_no_run_ends_by_it() {
    run(async {
        let world = World::new();
        world.cloud().opt_out("DynamoDB");
        let refused = world.tick().await.unwrap_err();
        assert!(
            matches!(&refused, PortError::Invalid(why) if why.contains("opted in")),
            "{refused}"
        );
        assert_eq!(world.cloud().jobs_started(), 0);
    });
}

#[test]
fn a_run_asks_in_the_same_words_although_the_policy_has_changed_meanwhile() {
    run(async {
        let world = World::new();
        world.begin().await.unwrap();
        let changed = BackupSettings {
            start_window: SignedDuration::from_hours(2),
            ..settings()
        };
        let record = world.begin_with(&changed).await.unwrap();
        assert_eq!(
            record.managed.unwrap().start_window_minutes,
            480,
            "the first record counts"
        );
        world.made().await;
    });
}

#[test]
fn points_carry_our_tag_and_the_plans() {
    let (run, left_out) = settings()
        .run(
            &point(),
            &"arn:aws:dynamodb:eu-central-1:111122223333:table/orders"
                .parse()
                .unwrap(),
        )
        .unwrap();
    assert_eq!(run.tags[POINT_TAG], point().to_string());
    assert_eq!((run.tags["team"].as_str(), left_out.len()), ("billing", 0));
    assert!(run.options.is_empty(), "options are for buckets only");
    assert_eq!(idempotency_token(&point(), 1), idempotency_token(&point(), 1));
}

#[test]
fn a_buckets_lists_and_tags_are_backed_up_unless_the_plan_leaves_them_out() {
    let bucket = "arn:aws:s3:::pictures".parse().unwrap();
    let mut settings = settings();
    settings.s3.without_acls = true;
    let (run, _) = settings.run(&point(), &bucket).unwrap();
    assert_eq!(
        (
            run.options["BackupACLs"].as_str(),
            run.options["BackupObjectTags"].as_str()
        ),
        ("disabled", "enabled")
    );
}

#[test]
fn settings_that_the_service_would_refuse_are_all_named_before_any_call() {
    let faulty = BackupSettings {
        start_window: SignedDuration::from_mins(59),
        complete_window: SignedDuration::from_mins(59),
        lifecycle: Lifecycle {
            cold_after_days: Some(30),
            delete_after_days: Some(119),
        },
        ..settings()
    };
    let expected = [
        SettingsFault::ShortStartWindow { minutes: 59 },
        SettingsFault::ShortCompletionWindow {
            start: 59,
            complete: 59,
        },
        SettingsFault::Lifecycle(LifecycleFault::TooShortInCold { cold: 30, delete: 119 }),
    ];
    assert_eq!(faulty.faults(), expected);
    let long = BackupSettings {
        complete_window: SignedDuration::from_mins(52_560_001),
        ..settings()
    };
    assert_eq!(long.faults(), [SettingsFault::LongWindow { minutes: 52_560_001 }]);
    assert_eq!(settings().faults(), []);
    run(async {
        let world = World::new();
        let refused = world.begin_with(&faulty).await.unwrap_err();
        assert!(matches!(refused, PortError::Invalid(_)), "{refused}");
        assert_eq!(world.script.count("start_backup_job"), 0);
    });
}

#[test]
fn tags_that_find_no_room_are_told() {
    run(async {
        let world = World::new();
        let many = BackupSettings {
            tags: (0..12).map(|n| (format!("tag-{n:02}"), "x".to_owned())).collect(),
            ..settings()
        };
        let record = world.begin_with(&many).await.unwrap();
        assert_eq!(record.not_protected.len(), 3, "{:?}", record.not_protected);
        let resource = holdfast_sources::managed::ReadResource {
            arn: world.table_arn(),
            tags: record.tags.clone(),
            blobs: record.blobs.clone(),
            policy_sha256: record.policy_sha256,
            lock: None,
            lock_shortfall: None,
            not_protected: Vec::new(),
        };
        let again = begin(&world.store, &world.clock, &point(), resource, &many)
            .await
            .unwrap();
        assert_eq!(again, record);
    });
}
