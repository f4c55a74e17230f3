use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_sources::SettingStatus;
use holdfast_sources::dynamodb::compare;
use holdfast_sources::managed::{BucketShape, FileSystemShape, Restored, Shape, restore_metadata, restore_table};
use holdfast_testkit::JobEnd;
use holdfast_vault::PortError;

use crate::world::{TICK, World, config, order, role, run, target};

const WORK: &str = "runs/restore/0123456789abcdef/";

pub async fn to_the_end(world: &World, manifest: &holdfast_catalog::Manifest, target: &Arn) -> Restored {
    let role = role();
    for _ in 0..30 {
        let order = order(manifest, target, &role, WORK);
        match restore_table(&world.backups, &world.tables, &world.store, &world.clock, &order)
            .await
            .unwrap()
        {
            Restored::Continuing { .. } => world.later(TICK),
            ended => return ended,
        }
    }
    panic!("the restore does not end");
}

#[test]
fn a_table_comes_back_with_the_settings_that_aws_backup_leaves_out() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let target = target(&manifest, "orders-2");
        let Restored::Done { settings, .. } = to_the_end(&world, &manifest, &target).await else {
            panic!("not restored");
        };
        assert!(
            settings.iter().all(|setting| setting.status == SettingStatus::Restored),
            "{settings:?}"
        );
        let tables = world.tables.inner();
        assert_eq!(compare::differences(&config(), &tables.config("orders-2")), []);
        assert_eq!(tables.items("orders-2"), tables.items("orders"));
        assert_eq!(to_the_end(&world, &manifest, &target).await, Restored::Before);
        assert_eq!(world.cloud().jobs_started(), 2);
    });
}

#[test]
fn a_point_that_lost_its_settings_is_restored_without_them_and_a_person_is_told() {
    run(async {
        let world = World::new();
        let mut manifest = world.made().await;
        manifest.blobs.clear();
        let Restored::Done { settings, .. } = to_the_end(&world, &manifest, &target(&manifest, "orders-2")).await
        else {
            panic!("not restored");
        };
        assert_eq!(settings.len(), 1);
        assert_eq!(settings[0].setting, "ConfigurationDocument");
        assert_eq!(world.tables.inner().items("orders-2").len(), 20);
    });
}

#[test]
fn a_table_that_is_there_already_is_left_alone() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        assert_eq!(
            to_the_end(&world, &manifest, &target(&manifest, "orders")).await,
            Restored::Foreign
        );
        assert_eq!(world.cloud().jobs_started(), 1);
    });
}

#[test]
fn a_table_that_somebody_makes_meanwhile_is_not_touched() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let target = target(&manifest, "orders-2");
        let role = role();
        let order = order(&manifest, &target, &role, WORK);
        restore_table(&world.backups, &world.tables, &world.store, &world.clock, &order)
            .await
            .unwrap();
        let theirs = config().at_creation();
        world.tables.inner().add("orders-2", &theirs, []);
        let ended = to_the_end(&world, &manifest, &target).await;
        assert!(
            matches!(&ended, Restored::Failed { why } if why.contains("already exists")),
            "{ended:?}"
        );
        assert_eq!(world.tables.inner().config("orders-2"), theirs);
    });
}

#[test]
fn a_job_that_fails_is_told_with_the_services_words_and_whoever_asks_again_gets_another() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.cloud().next_job_ends(JobEnd::Failed("access denied".to_owned()));
        let target = target(&manifest, "orders-2");
        let ended = to_the_end(&world, &manifest, &target).await;
        assert!(
            matches!(&ended, Restored::Failed { why } if why.contains("access denied")),
            "{ended:?}"
        );
        let again = to_the_end(&world, &manifest, &target).await;
        assert!(matches!(again, Restored::Done { .. }), "{again:?}");
    });
}

#[test]
fn a_setting_that_cannot_be_put_back_is_told_and_tried_again_when_asked_again() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let target = target(&manifest, "orders-2");
        world.script.fail_named("apply", PortError::Denied("no".to_owned()));
        let Restored::Done { settings, .. } = to_the_end(&world, &manifest, &target).await else {
            panic!("not restored");
        };
        assert!(
            settings
                .iter()
                .any(|setting| setting.status == SettingStatus::NeedsPerson)
        );
        world.script.heal();
        let Restored::Done { settings, .. } = to_the_end(&world, &manifest, &target).await else {
            panic!("not restored");
        };
        assert!(
            settings.iter().all(|setting| setting.status == SettingStatus::Restored),
            "{settings:?}"
        );
        assert_eq!(world.cloud().jobs_started(), 2);
    });
}

fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn a_table_is_asked_for_under_its_new_name_and_key() {
    let given = metadata(&[
        ("originalTableName", "orders"),
        ("encryptionType", "KMS"),
        ("kmsMasterKeyArn", "old"),
        ("aws:backup:request-id", "x"),
    ]);
    let made = |shape| restore_metadata("DynamoDB", &given, "orders-2", shape).unwrap();
    let plain = metadata(&[("targetTableName", "orders-2"), ("encryptionType", "Default")]);
    assert_eq!(made(Shape::Full { key: None }), plain);
    assert_eq!(made(Shape::Smallest), plain);
    let keyed = metadata(&[
        ("targetTableName", "orders-2"),
        ("encryptionType", "KMS"),
        ("kmsMasterKeyArn", "new"),
    ]);
    assert_eq!(made(Shape::Full { key: Some("new") }), keyed);
}

#[test]
fn an_instance_is_restored_as_it_was_and_tested_as_small_as_its_engine_runs() {
    let given = metadata(&[
        ("DBInstanceIdentifier", "shop"),
        ("DBInstanceClass", "db.r7g.4xlarge"),
        ("Engine", "postgres"),
        ("MultiAZ", "true"),
        ("StorageType", "io2"),
        ("Iops", "40000"),
        ("DBSubnetGroupName", "private"),
        ("DBName", ""),
    ]);
    let full = restore_metadata("RDS", &given, "shop-2", Shape::Full { key: None }).unwrap();
    assert_eq!(
        (full["DBInstanceIdentifier"].as_str(), full["DBInstanceClass"].as_str()),
        ("shop-2", "db.r7g.4xlarge")
    );
    assert!(!full.contains_key("DBName"), "what is empty is left out");
    let small = restore_metadata("RDS", &given, "scratch", Shape::Smallest).unwrap();
    let expected = [
        ("DBInstanceClass", "db.t4g.micro"),
        ("DBInstanceIdentifier", "scratch"),
        ("DBSubnetGroupName", "private"),
        ("DeletionProtection", "false"),
        ("Engine", "postgres"),
        ("MultiAZ", "false"),
        ("PubliclyAccessible", "false"),
        ("StorageType", "gp3"),
    ];
    assert_eq!(small, metadata(&expected));
    let mut licensed = given.clone();
    licensed.insert("Engine".to_owned(), "oracle-ee".to_owned());
    let licensed = restore_metadata("RDS", &licensed, "scratch", Shape::Smallest).unwrap();
    assert_eq!(
        licensed["DBInstanceClass"], "db.r7g.4xlarge",
        "not every class runs every edition"
    );
}

#[test]
fn a_cluster_is_asked_for_in_the_spelling_that_the_service_gave() {
    for name in ["DBClusterIdentifier", "dbClusterIdentifier"] {
        let given = metadata(&[(name, "shop"), ("engine", "aurora-postgresql")]);
        let made = restore_metadata("Aurora", &given, "shop-2", Shape::Full { key: None }).unwrap();
        assert_eq!(made, metadata(&[(name, "shop-2"), ("engine", "aurora-postgresql")]));
    }
    let bare = restore_metadata("Aurora", &BTreeMap::new(), "shop-2", Shape::Full { key: None }).unwrap();
    assert_eq!(bare, metadata(&[("DBClusterIdentifier", "shop-2")]));
}

#[test]
fn a_bucket_is_made_or_filled_and_its_keys_stay_in_their_region() {
    let given = metadata(&[
        ("DestinationBucketName", "photos"),
        ("NewBucket", "false"),
        ("CreationToken", "another"),
        ("EncryptionType", "original"),
        ("aws:backup:request-id", "x"),
    ]);
    for (is_new, keeps_keys, new, encryption) in [(true, true, "true", "original"), (false, false, "false", "SSE-S3")] {
        let shape = Shape::Bucket(BucketShape {
            is_new,
            keeps_keys,
            moment: None,
        });
        let made = restore_metadata("S3", &given, "photos-2", shape).unwrap();
        let wanted = [
            ("DestinationBucketName", "photos-2"),
            ("NewBucket", new),
            ("EncryptionType", encryption),
        ];
        assert_eq!(made, metadata(&wanted));
    }
}

#[test]
fn a_file_system_is_always_a_new_one_and_made_as_it_was() {
    let given = metadata(&[
        ("file-system-id", "fs-1"),
        ("newFileSystem", "false"),
        ("CreationToken", "of the original"),
        ("kmskeyid", "arn:aws:kms:old"),
        ("ItemsToRestore", "[]"),
        ("aws:backup:request-id", "x"),
    ]);
    let made = |shape| restore_metadata("EFS", &given, "shop", Shape::FileSystem(shape)).unwrap();
    let regional = FileSystemShape {
        is_encrypted: true,
        key: None,
        performance_mode: Some("maxIO"),
        zone: None,
    };
    let wanted = [
        ("file-system-id", "fs-1"),
        ("newFileSystem", "true"),
        ("Encrypted", "true"),
        ("PerformanceMode", "maxIO"),
    ];
    assert_eq!(made(regional), metadata(&wanted));
    let one_zone = FileSystemShape {
        key: Some("arn:aws:kms:new"),
        performance_mode: None,
        zone: Some("eu-central-1a"),
        ..regional
    };
    let wanted = [
        ("file-system-id", "fs-1"),
        ("newFileSystem", "true"),
        ("Encrypted", "true"),
        ("kmskeyid", "arn:aws:kms:new"),
        ("singleAzFilesystem", "true"),
        ("availabilityZoneName", "eu-central-1a"),
    ];
    assert_eq!(made(one_zone), metadata(&wanted));
}

#[test]
fn a_kind_that_holdfast_does_not_restore_is_refused_with_what_to_do() {
    let refused = restore_metadata("FSx", &BTreeMap::new(), "x", Shape::Smallest).unwrap_err();
    assert!(refused.to_string().contains("start-restore-job"), "{refused}");
}
