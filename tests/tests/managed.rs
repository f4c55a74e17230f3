//! Points that AWS Backup makes, in a vault that everybody else works on too.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::{BlobRole, OutcomeStatus, PointId, ReportStatus, layout};
use holdfast_sources::dynamodb::snapshot;
use holdfast_sources::managed::{BackupSettings, Lifecycle, ReadResource, S3Extras, Worked, begin, work};
use holdfast_testkit::MemoryBackups;
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::{World, home_region};
use holdfast_vault::port::Clock as _;
use holdfast_vault::{put_blob, read_manifest};
use jiff::SignedDuration;
use prune::Mode;
use serde_json::json;

const HOURS: fn(i64) -> SignedDuration = SignedDuration::from_hours;

fn point() -> PointId {
    "dynamodb-table/eu-central-1/orders/20261121T030000Z-standard"
        .parse()
        .unwrap()
}

/// A run of the table whose job is under way.
async fn begun(world: &World) -> MemoryBackups {
    let backups = MemoryBackups::new(&home_region(), &world.clock);
    backups.attach_tables(&world.tables);
    backups.polls(40);
    let reading = snapshot::begin(&world.tables, &world.home, &world.clock, "orders")
        .await
        .unwrap();
    let policy = Bytes::from_static(b"version: 1\n");
    let policy = put_blob(&world.home, world.clock.now(), BlobRole::Policy, policy)
        .await
        .unwrap();
    let resource = ReadResource {
        arn: reading.reading.arn.parse().unwrap(),
        tags: BTreeMap::new(),
        policy_sha256: policy.sha256,
        lock: None,
        lock_shortfall: None,
        blobs: vec![reading.blob, policy],
        not_protected: Vec::new(),
    };
    let settings = BackupSettings {
        backup_vault: "Default".to_owned(),
        lock: None,
        role_arn: "arn:aws:iam::111122223333:role/backup".parse().unwrap(),
        start_window: HOURS(8),
        complete_window: HOURS(24 * 30),
        lifecycle: Lifecycle::FOR_EVER,
        tags: BTreeMap::new(),
        s3: S3Extras::default(),
    };
    begin(&world.home, &world.clock, &point(), resource, &settings)
        .await
        .unwrap();
    backups
}

async fn tick(world: &World, backups: &MemoryBackups) -> Worked {
    work(backups, &world.home, &world.clock, &point()).await.unwrap()
}

#[tokio::test]
async fn a_job_that_takes_weeks_keeps_its_settings_through_every_sweep() {
    let world = World::with_orders(5);
    let backups = begun(&world).await;
    let mut ticks = 0;
    let manifest = loop {
        match tick(&world, &backups).await {
            Worked::Committed(manifest) => break *manifest,
            Worked::Continuing { .. } => ticks += 1,
            other => panic!("{other:?}"),
        }
        world.later(HOURS(10));
        let report = world.prune().run(Mode::Execute, &world.clock).await.unwrap();
        assert_ne!(report.status, ReportStatus::Failed, "{report:#?}");
        let failed = report
            .outcomes
            .iter()
            .find(|outcome| outcome.status == OutcomeStatus::Failed);
        assert!(failed.is_none(), "{failed:#?}");
    };
    assert!(ticks > 30, "only {ticks} ticks");
    assert!(manifest.not_protected.is_empty(), "{:?}", manifest.not_protected);
    assert_eq!(every_point_is_whole(&world.home, "after weeks").await, 1);
    world.later(HOURS(24 * 8));
    world.prune().run(Mode::Execute, &world.clock).await.unwrap();
    assert_eq!(
        world.home.keys(&layout::run_of(&point())),
        Vec::<String>::new(),
        "a committed run leaves nothing"
    );
    assert_eq!(read_manifest(&world.home, &point()).await.unwrap(), manifest);
}

#[tokio::test]
async fn restore_makes_no_empty_table_of_a_point_that_aws_backup_does_not_have() {
    let world = World::with_orders(5);
    let backups = begun(&world).await;
    backups.polls(0);
    while !matches!(tick(&world, &backups).await, Worked::Committed(_)) {}
    let resource = point().resource.to_string();
    let request = json!({ "resource": resource, "point": point(), "target": { "name": "orders-2" } });
    let request = restore::Request::parse(request).unwrap();
    let report = world.restore().run(request, &world.clock).await.unwrap();
    assert_eq!(report.status, ReportStatus::Failed);
    assert!(
        report.outcomes[0].message.contains("not found: recovery point"),
        "{report:#?}"
    );
    assert!(!world.tables.names().contains(&"orders-2".to_owned()));
}
