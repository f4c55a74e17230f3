use std::collections::BTreeSet;

use holdfast_catalog::MadeBy;
use holdfast_sources::managed::port::ReadRecoveryPoints as _;
use holdfast_sources::managed::{CUSTOMER_PLAN, PointStatus, customer_points};
use jiff::SignedDuration;

use crate::world::{TICK, VAULT, World, managed, point, run};

#[test]
fn points_of_others_are_shown_and_ours_are_not_taken_for_theirs() {
    run(async {
        let world = World::new();
        let arn = world.table_arn();
        let nightly = world.cloud().customer_backup("Default", &arn, "nightly");
        world.later(SignedDuration::from_hours(1));
        let in_ours = world.cloud().customer_backup(VAULT, &arn, "weekly");
        let manifest = world.made().await;
        let points = world.backups.recovery_points_of(&arn).await.unwrap();
        let ours = BTreeSet::from([managed(&manifest).recovery_point_arn.clone()]);
        let shown = customer_points(&point().resource, &points, &ours, VAULT).unwrap();
        let arns: Vec<_> = shown.iter().map(|point| &point.managed.recovery_point_arn).collect();
        assert_eq!(arns, [&nightly.arn, &in_ours.arn]);
        assert_eq!(
            shown[0].id.to_string(),
            "dynamodb-table/eu-central-1/orders/20261121T030000Z-aws-backup"
        );
        assert_eq!(
            (shown[0].id.plan.as_str(), shown[0].backup_plan.as_deref()),
            (CUSTOMER_PLAN, Some("nightly"))
        );
        assert!(
            shown
                .iter()
                .all(|point| point.managed.made_by == MadeBy::Customer && point.is_good)
        );
    });
}

#[test]
fn continuous_points_of_the_plans_that_we_keep_are_told_from_those_of_others() {
    run(async {
        let world = World::new();
        let arn = world.table_arn();
        let (ours, theirs) = (
            world.cloud().continuous(VAULT, &arn, "S3"),
            world.cloud().continuous("Default", &arn, "S3"),
        );
        for (vault, point) in [(VAULT, &ours), ("Default", &theirs)] {
            world.cloud().change(vault, &point.arn, |point| {
                point.plan = Some("holdfast-documents".to_owned());
            });
        }
        let points = world.backups.recovery_points_of(&arn).await.unwrap();
        let shown = customer_points(&point().resource, &points, &BTreeSet::new(), VAULT).unwrap();
        let is_ours: Vec<bool> = shown.iter().map(|point| point.is_of_our_plan).collect();
        assert_eq!(is_ours, [true, false]);
        assert!(shown.iter().all(|point| point.is_continuous && point.is_good));
    });
}

#[test]
fn our_point_that_no_manifest_names_yet_is_nobody_elses() {
    run(async {
        let world = World::new();
        world.cloud().polls(5);
        world.tick().await.unwrap();
        world.later(TICK);
        world.tick().await.unwrap();
        let points = world.backups.recovery_points_of(&world.table_arn()).await.unwrap();
        assert_eq!(points.len(), 1);
        let shown = customer_points(&point().resource, &points, &BTreeSet::new(), VAULT).unwrap();
        assert_eq!(shown, []);
    });
}

#[test]
fn only_whole_points_of_others_count() {
    run(async {
        for (status, counts) in [
            (PointStatus::Completed, true),
            (PointStatus::Partial, false),
            (PointStatus::Creating, false),
            (PointStatus::Deleting, false),
            (PointStatus::Expired, false),
            (PointStatus::Stopped, false),
            (PointStatus::Other("NEW".to_owned()), false),
        ] {
            let world = World::new();
            let made = world.cloud().customer_backup("Default", &world.table_arn(), "nightly");
            world
                .cloud()
                .change("Default", &made.arn, |point| point.status = status.clone());
            let points = world.backups.recovery_points_of(&world.table_arn()).await.unwrap();
            let shown = customer_points(&point().resource, &points, &BTreeSet::new(), VAULT).unwrap();
            assert_eq!(shown[0].is_good, counts, "{status}");
        }
    });
}
