use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_catalog::{
    Arn, BlobRole, Engine, FORMAT_VERSION, Kind, MadeBy, Manifest, PointId, ResourceId, Sha256, layout,
};
use holdfast_sources::SettingStatus;
use holdfast_sources::managed::port::{BackupRequest, ReadBackups as _, ReadRecoveryPoints as _, StartBackups as _};
use holdfast_sources::managed::{
    Lifecycle, Restored, Tested, restore_database, scratch_target, sibling, test_database,
};
use holdfast_sources::rds::port::ReadDatabases as _;
use holdfast_sources::rds::settings::{for_target, settings};
use holdfast_sources::rds::{
    BackupRules, ClusterConfig, DatabaseConfig, DatabaseKind, Insights, InstanceConfig, Member, Monitoring, Network,
    OptionGroup, ParameterGroup, Scaling, SharedConfig, Storage, SubnetGroup, begin, compare,
};
use holdfast_vault::port::Clock as _;
use holdfast_vault::{PortError, put_blob};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{TICK, VAULT, World, home, order, other, role, run};

const WORK: &str = "runs/restore/fedcba9876543210/";

fn shared(engine: &str) -> SharedConfig {
    SharedConfig {
        engine: engine.to_owned(),
        engine_version: "16.4".to_owned(),
        port: 5432,
        network: Network {
            subnet_group: Some(SubnetGroup {
                name: "private".to_owned(),
                subnets: BTreeSet::from(["subnet-1".to_owned(), "subnet-2".to_owned()]),
            }),
            security_groups: BTreeSet::from(["sg-1".to_owned()]),
            publicly_accessible: false,
        },
        parameter_groups: vec![ParameterGroup {
            name: "shop".to_owned(),
            family: "postgres16".to_owned(),
            parameters: BTreeMap::from([("work_mem".to_owned(), "65536".to_owned())]),
        }],
        option_groups: vec![OptionGroup {
            name: "plain".to_owned(),
            options: BTreeMap::from([("audit".to_owned(), json!({ "Port": 1 }))]),
        }],
        kms_key_arn: Some("arn:aws:kms:eu-central-1:111122223333:key/1".to_owned()),
        backups: BackupRules {
            retention_days: 14,
            window: "02:00-02:30".to_owned(),
            copy_tags: true,
        },
        maintenance_window: "mon:03:00-mon:03:30".to_owned(),
        deletion_protection: true,
        iam_authentication: true,
        monitoring: Some(Monitoring {
            interval_seconds: 30,
            role_arn: "arn:aws:iam::111122223333:role/monitor".to_owned(),
        }),
        insights: Some(Insights {
            retention_days: 7,
            kms_key_arn: None,
        }),
        log_exports: BTreeSet::from(["postgresql".to_owned()]),
        tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
    }
}

pub fn instance() -> DatabaseConfig {
    DatabaseConfig::Instance(InstanceConfig {
        shared: shared("postgres"),
        class: "db.m7g.large".to_owned(),
        storage: Storage {
            storage_type: "io2".to_owned(),
            gib: 100,
            max_gib: Some(500),
            iops: Some(3000),
            throughput: None,
        },
        multi_az: true,
        license_model: "postgresql-license".to_owned(),
        auto_minor_upgrade: true,
    })
}

pub fn cluster() -> DatabaseConfig {
    let member = |name: &str, tier| Member {
        name: name.to_owned(),
        class: "db.serverless".to_owned(),
        promotion_tier: tier,
        parameter_group: None,
    };
    DatabaseConfig::Cluster(ClusterConfig {
        shared: shared("aurora-postgresql"),
        members: vec![member("analytics", 1), member("shop-1", 0)],
        serverless: Some(Scaling {
            min_acu: 0.5,
            max_acu: 16.0,
        }),
        storage_type: "aurora".to_owned(),
        backtrack_seconds: None,
    })
}

/// A point of database `shop`, made by a job of the service.
pub async fn made(world: &World, config: &DatabaseConfig) -> Manifest {
    let (kind, id) = match config.kind() {
        DatabaseKind::Instance => (DatabaseKind::Instance, Kind::RdsInstance),
        DatabaseKind::Cluster => (DatabaseKind::Cluster, Kind::RdsCluster),
    };
    world.databases.inner().add("shop", config);
    let begun = begin(&world.databases, &world.store, &world.clock, kind, "shop")
        .await
        .unwrap();
    let request = BackupRequest {
        backup_vault: VAULT.to_owned(),
        resource_arn: begun.reading.arn.clone(),
        role_arn: role(),
        token: "once".to_owned(),
        start_window_minutes: 60,
        complete_window_minutes: 600,
        lifecycle: Lifecycle::FOR_EVER,
        tags: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    let job = world.backups.start_backup_job(&request).await.unwrap().job_id;
    while world.backups.backup_job(&job).await.unwrap().state != "COMPLETED" {}
    let point = world
        .backups
        .recovery_points_of(&begun.reading.arn)
        .await
        .unwrap()
        .remove(0);
    Manifest {
        format: FORMAT_VERSION,
        point: PointId {
            resource: ResourceId::new(id, home(), "shop").unwrap(),
            slot: "20261121T030000Z".parse().unwrap(),
            plan: "standard".parse().unwrap(),
        },
        arn: begun.reading.arn,
        engine: Engine::AwsBackup,
        started_at: world.clock.now(),
        completed_at: world.clock.now(),
        policy_sha256: Sha256::of(b""),
        tags: BTreeMap::new(),
        parent: None,
        blobs: vec![begun.blob],
        data: None,
        lock: None,
        managed: Some(point.managed(Some(&job), MadeBy::Holdfast)),
        not_protected: Vec::new(),
    }
}

async fn restored(world: &World, manifest: &Manifest, kind: DatabaseKind, target: &Arn) -> Restored {
    let role = role();
    for _ in 0..60 {
        let order = order(manifest, target, &role, WORK);
        let step = restore_database(
            &world.backups,
            &world.databases,
            &world.store,
            &world.clock,
            &order,
            kind,
        );
        match step.await.unwrap() {
            Restored::Continuing { .. } => world.later(TICK),
            ended => return ended,
        }
    }
    panic!("the restore does not end");
}

#[test]
fn an_instance_comes_back_with_the_settings_that_aws_backup_leaves_out() {
    run(async {
        let world = World::new();
        let manifest = made(&world, &instance()).await;
        world.databases.inner().busy_polls(2);
        let target = sibling(&manifest.arn, &home(), "shop-2").unwrap();
        let Restored::Done { settings, .. } = restored(&world, &manifest, DatabaseKind::Instance, &target).await else {
            panic!("not restored");
        };
        assert!(
            settings.iter().all(|setting| setting.status == SettingStatus::Restored),
            "{settings:?}"
        );
        let there = world
            .databases
            .inner()
            .config(DatabaseKind::Instance, "shop-2")
            .unwrap();
        assert_eq!(compare::differences(&instance(), &there), []);
        assert_eq!(
            restored(&world, &manifest, DatabaseKind::Instance, &target).await,
            Restored::Before
        );
        assert_eq!(world.cloud().jobs_started(), 2);
    });
}

#[test]
fn a_cluster_comes_back_with_its_instances_under_names_of_the_new_cluster() {
    run(async {
        let world = World::new();
        let manifest = made(&world, &cluster()).await;
        let target = sibling(&manifest.arn, &home(), "shop-2").unwrap();
        let Restored::Done { settings, .. } = restored(&world, &manifest, DatabaseKind::Cluster, &target).await else {
            panic!("not restored");
        };
        assert!(
            settings.iter().all(|setting| setting.status == SettingStatus::Restored),
            "{settings:?}"
        );
        let Some(DatabaseConfig::Cluster(there)) = world.databases.inner().config(DatabaseKind::Cluster, "shop-2")
        else {
            panic!("no cluster");
        };
        let names: Vec<&str> = there.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["shop-2-1", "shop-2-analytics"]);
        assert_eq!(there.serverless.unwrap().max_acu, 16.0);
    });
}

/// Any settings that a database may have.
fn any_database() -> impl Strategy<Value = DatabaseConfig> {
    let tags = proptest::collection::btree_map("[a-zA-Z0-9 :/=+@_-]{1,12}", "[ -~]{0,12}", 0..4);
    let logs = proptest::collection::btree_set(prop_oneof![Just("postgresql"), Just("upgrade")], 0..3);
    let insights = proptest::option::of(prop_oneof![Just(7_u32), Just(31), Just(731)]);
    let monitoring = proptest::option::of(prop_oneof![Just(1_u32), Just(15), Just(60)]);
    let flags = proptest::collection::vec(any::<bool>(), 3);
    let of = prop_oneof![Just(instance()), Just(cluster())];
    (of, tags, logs, insights, monitoring, flags, 1..=35_u32).prop_map(
        |(mut config, tags, logs, insights, monitoring, flags, days)| {
            let shared = config.shared_mut();
            shared.tags = tags;
            shared.log_exports = logs.into_iter().map(str::to_owned).collect();
            shared.insights = insights.map(|days| Insights {
                retention_days: days,
                kms_key_arn: None,
            });
            shared.monitoring = monitoring.map(|seconds| Monitoring {
                interval_seconds: seconds,
                role_arn: "arn:aws:iam::111122223333:role/monitor".to_owned(),
            });
            shared.deletion_protection = flags[0];
            shared.iam_authentication = flags[1];
            shared.backups.copy_tags = flags[2];
            shared.backups.retention_days = days;
            config
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_database_comes_back_with_all_its_settings(config in any_database()) {
        run(async {
            let world = World::new();
            let manifest = made(&world, &config).await;
            let target = sibling(&manifest.arn, &home(), "shop-2").unwrap();
            let Restored::Done { settings, .. } = restored(&world, &manifest, config.kind(), &target).await else {
                panic!("not restored");
            };
            assert!(settings.iter().all(|setting| setting.status == SettingStatus::Restored), "{settings:?}");
            let mut there = world.databases.inner().config(config.kind(), "shop-2").unwrap();
            if let (DatabaseConfig::Cluster(there), DatabaseConfig::Cluster(config)) = (&mut there, &config) {
                // They are called after the new cluster.
                for (member, was) in there.members.iter_mut().zip(["shop-1", "analytics"]) {
                    was.clone_into(&mut member.name);
                }
                there.members.sort_by(|one, other| one.name.cmp(&other.name));
                assert_eq!(there.members.len(), config.members.len());
            }
            assert_eq!(compare::differences(&config, &there), []);
        });
    }
}

#[test]
fn a_setting_that_is_refused_is_told_and_the_others_are_put_back() {
    run(async {
        let world = World::new();
        let manifest = made(&world, &instance()).await;
        world.script.fail_nth(
            "apply_database",
            1,
            holdfast_testkit::Moment::Before,
            PortError::Denied("no".to_owned()),
        );
        let target = sibling(&manifest.arn, &home(), "shop-2").unwrap();
        let Restored::Done { settings, .. } = restored(&world, &manifest, DatabaseKind::Instance, &target).await else {
            panic!("not restored");
        };
        let refused = settings
            .iter()
            .filter(|setting| setting.status == SettingStatus::NeedsPerson);
        assert!(refused.count() >= 1);
        let there = world
            .databases
            .inner()
            .config(DatabaseKind::Instance, "shop-2")
            .unwrap();
        assert!(there.shared().deletion_protection);
    });
}

async fn tested(world: &World, manifest: &Manifest, kind: DatabaseKind) -> Tested {
    let target = sibling(&manifest.arn, &home(), &scratch_target(&manifest.point)).unwrap();
    let (role, work) = (role(), layout::test_work(&manifest.point));
    for _ in 0..60 {
        let order = order(manifest, &target, &role, &work);
        let step = test_database(
            &world.backups,
            &world.databases,
            &world.store,
            &world.clock,
            &order,
            kind,
        );
        match step.await.unwrap() {
            Tested::Continuing { .. } => world.later(TICK),
            ended => return ended,
        }
    }
    panic!("the test does not end");
}

#[test]
fn a_database_is_tested_small_and_only_what_comes_back_is_compared() {
    run(async {
        for config in [instance(), cluster()] {
            let world = World::new();
            let manifest = made(&world, &config).await;
            world.databases.inner().busy_polls(2);
            let Tested::Done { fact, differences, .. } = tested(&world, &manifest, config.kind()).await else {
                panic!("not tested");
            };
            assert!(fact.matches, "{differences:?}");
            assert_eq!(
                world.databases.inner().names(),
                ["shop"],
                "the scratch database is gone"
            );
            assert_eq!(world.cloud().validations().len(), 1);
        }
    });
}

#[test]
fn a_database_that_comes_back_with_another_port_is_no_good() {
    run(async {
        let world = World::new();
        let mut manifest = made(&world, &instance()).await;
        let mut other = instance();
        other.shared_mut().port = 6000;
        let document = Bytes::from(serde_json::to_vec(&other).unwrap());
        let blob = put_blob(&world.store, world.clock.now(), BlobRole::Config, document)
            .await
            .unwrap();
        manifest.blobs = vec![blob];
        let Tested::Done { fact, differences, .. } = tested(&world, &manifest, DatabaseKind::Instance).await else {
            panic!("not tested");
        };
        assert!(
            !fact.matches && differences == ["shared.port: expected 6000, found 5432"],
            "{differences:?}"
        );
    });
}

#[test]
fn a_database_that_is_not_available_is_not_begun() {
    run(async {
        let world = World::new();
        world.databases.inner().busy_polls(1);
        world.databases.inner().add("shop", &instance());
        let read = world
            .databases
            .read_database(DatabaseKind::Instance, "shop")
            .await
            .unwrap();
        assert!(read.is_available());
        let missing = begin(
            &world.databases,
            &world.store,
            &world.clock,
            DatabaseKind::Cluster,
            "shop",
        )
        .await;
        assert!(matches!(missing, Err(PortError::NotFound(_))));
    });
}

#[test]
fn in_another_region_a_person_is_told_of_everything_that_is_not_there() {
    let old: Arn = "arn:aws:rds:eu-central-1:111122223333:db:shop".parse().unwrap();
    let new = sibling(&old, &other(), "shop").unwrap();
    let (target, outcomes) = for_target(&instance(), &new, &old);
    let named: Vec<&str> = outcomes.iter().map(|outcome| outcome.setting.as_str()).collect();
    let expected = [
        "DBSubnetGroupName",
        "VpcSecurityGroupIds",
        "DBParameterGroupName",
        "OptionGroupName",
        "KmsKeyId",
    ];
    assert_eq!(named, expected);
    assert!(target.shared().kms_key_arn.is_none() && target.shared().parameter_groups.is_empty());
    assert_eq!(for_target(&instance(), &old, &old), (instance(), Vec::new()));
}

#[test]
fn what_is_equal_already_is_not_set_again() {
    for config in [instance(), cluster()] {
        assert_eq!(settings(&config, &config), []);
    }
    let mut bare = instance();
    bare.shared_mut().tags = BTreeMap::new();
    assert_eq!(settings(&instance(), &bare).len(), 1);
    assert_eq!(
        settings(&bare, &instance()).len(),
        1,
        "tags that were not there are a difference too"
    );
}

#[test]
fn a_document_reads_back_and_every_difference_is_named() {
    for config in [instance(), cluster()] {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<DatabaseConfig>(&text).unwrap(), config);
        assert_eq!(compare::differences(&config, &config), []);
    }
    let mut changed = cluster();
    if let DatabaseConfig::Cluster(cluster) = &mut changed {
        cluster.members[1].promotion_tier = 3;
        cluster.shared.backups.retention_days = 1;
        cluster.serverless = None;
    }
    let found: Vec<String> = compare::differences(&cluster(), &changed)
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "members.shop-1.promotion_tier: expected 0, found 3",
        "serverless.max_acu: expected 16.0, found none",
        "serverless.min_acu: expected 0.5, found none",
        "shared.backups.retention_days: expected 14, found 1",
    ];
    assert_eq!(found, expected);
}
