//! A world whose table, and a database, are backed up by AWS Backup.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Region, Report};
use holdfast_sources::call::efs::{
    CreateAccessPoint, CreateMountTarget, PutFileSystemPolicy, PutLifecycleConfiguration, UpdateFileSystem,
};
use holdfast_sources::rds::{
    BackupRules, DatabaseConfig, DatabaseKind, InstanceConfig, Network, SharedConfig, Storage,
};
use holdfast_testkit::{MemoryBackups, MemoryDatabases, MemoryReplicas, MemoryStore, MemoryWiring};
use jiff::SignedDuration;
use replicate::{BackupVaults, Replicate};
use serde_json::{Value, json};

use crate::{MemoryRegions, Port, World, home_region, managed_vault};

/// Hourly points of AWS Backup, few of them kept.
pub const POLICY: &str = "
version: 1
plans:
  - name: standard
    engine: aws-backup
    schedule: {every: 1h}
    retention: {keep_last: 2, minimum_good: 1}
    objectives: {rpo: 2h, rto: 1h}
    verification: {restore_test_every: 7d}
";

/// Between two ticks.
pub const TICK: SignedDuration = SignedDuration::from_mins(15);

/// A table `orders` of this many items, which AWS Backup protects.
pub fn with_orders(items: u32) -> World {
    let world = World::with_orders(items);
    world.set_policy(POLICY);
    world
}

/// A database as accounts have them.
pub fn instance() -> DatabaseConfig {
    DatabaseConfig::Instance(InstanceConfig {
        shared: SharedConfig {
            engine: "postgres".to_owned(),
            engine_version: "16.4".to_owned(),
            port: 5432,
            network: Network {
                subnet_group: None,
                security_groups: BTreeSet::from(["sg-1".to_owned()]),
                publicly_accessible: false,
            },
            parameter_groups: Vec::new(),
            option_groups: Vec::new(),
            kms_key_arn: Some(crate::key().to_string()),
            backups: BackupRules {
                retention_days: 7,
                window: "02:00-02:30".to_owned(),
                copy_tags: true,
            },
            maintenance_window: "sun:03:00-sun:03:30".to_owned(),
            deletion_protection: true,
            iam_authentication: true,
            monitoring: None,
            insights: None,
            log_exports: BTreeSet::new(),
            tags: BTreeMap::from([("backup".to_owned(), "standard".to_owned())]),
        },
        class: "db.m7g.large".to_owned(),
        storage: Storage {
            storage_type: "gp3".to_owned(),
            gib: 100,
            max_gib: None,
            iops: None,
            throughput: None,
        },
        multi_az: true,
        license_model: "postgresql-license".to_owned(),
        auto_minor_upgrade: true,
    })
}

impl verify::Regions for MemoryRegions {
    type Backups = Port<MemoryBackups>;
    type Databases = Port<MemoryDatabases>;
    type Buckets = Port<MemoryWiring>;
    type Files = Port<MemoryWiring>;

    fn backups(&self, region: &Region) -> Self::Backups {
        self.backups_in(region)
    }

    fn databases(&self, _: &Region) -> Self::Databases {
        self.databases.clone()
    }

    fn buckets(&self) -> &Self::Buckets {
        &self.wiring
    }

    fn files(&self) -> &Self::Files {
        &self.wiring
    }
}

impl World {
    /// The part of replicate that makes and locks vaults of AWS Backup.
    pub fn backup_vaults(&self) -> BackupVaults<Port<MemoryStore>, Port<MemoryReplicas>, MemoryRegions> {
        let Replicate {
            home,
            maker,
            regions,
            spec,
            strongest_lock,
            policy_key,
            tag_key,
            ..
        } = self.replicate();
        BackupVaults {
            home,
            region: home_region(),
            home_key_arn: spec.home_key_arn,
            maker,
            regions,
            managed: managed_vault(),
            strongest_lock,
            policy_key,
            tag_key,
        }
    }

    /// Adds a database that the policy selects.
    pub fn add_database(&self, name: &str) -> Arn {
        self.databases.add(name, &instance());
        let arn = self.databases.arn(DatabaseKind::Instance, name);
        self.resources.add(&arn, &[("backup", "standard")]);
        arn
    }

    /// Ticks until nothing goes on, and gives the last tick's report.
    pub async fn ticks(&self) -> Report {
        for _ in 0..20 {
            let report = self.tick().await;
            self.later(TICK);
            if !report.outcomes.iter().any(goes_on) {
                return report;
            }
        }
        panic!("AWS Backup never came to an end");
    }
}

fn goes_on(outcome: &holdfast_catalog::Outcome) -> bool {
    outcome.status == holdfast_catalog::OutcomeStatus::Continuing
}

/// The settings of a bucket as accounts have them: by the call that tells each.
fn bucket_settings(name: &str) -> [(&'static str, Value); 5] {
    let policy = json!({"Statement": [{"Effect": "Deny", "Resource": [format!("arn:aws:s3:::{name}/*")]}]});
    [
        ("GetBucketVersioning", json!({"Status": "Enabled"})),
        ("GetBucketCors", json!({"CORSRule": [{"AllowedMethod": ["GET"]}]})),
        ("GetPublicAccessBlock", json!({"BlockPublicAcls": "true"})),
        ("GetBucketPolicy", json!({ "Policy": policy })),
        (
            "GetBucketTagging",
            json!({"TagSet": {"Tag": [{"Key": "backup", "Value": "standard"}]}}),
        ),
    ]
}

impl World {
    /// Adds a bucket that keeps versions, with settings of its own and so many objects, that the policy selects.
    pub fn add_bucket(&self, name: &str, objects: u32) {
        let (region, account) = (crate::home_region(), self.resources.wiring());
        account.add_bucket(&region, name, &[("backup", "standard")]);
        for (operation, answer) in bucket_settings(name) {
            account.set_bucket(&region, name, operation, answer);
        }
        let objects = (0..objects).map(|n| (format!("in/{n}"), format!("object {n}")));
        account.put_objects(&region, name, objects);
    }

    /// What a bucket of the home region holds.
    pub fn objects(&self, bucket: &str) -> Option<BTreeMap<String, String>> {
        self.resources.wiring().objects(&crate::home_region(), bucket)
    }
}

impl World {
    /// Adds a file system with settings of its own and so many files, that the policy selects, and gives its id.
    ///
    /// # Panics
    /// The account in memory does not take its settings.
    pub fn add_file_system(&self, files: u32) -> String {
        let (region, account) = (crate::home_region(), self.resources.wiring());
        let tags = [("backup", "standard"), ("Name", "shop-files")];
        let id = account.add_file_system(&region, "console-1", &json!({ "Encrypted": true }), &tags);
        account.add_subnet(&region, "subnet-a");
        let of = |mut input: Value| {
            input["FileSystemId"] = Value::from(id.as_str());
            input
        };
        let point =
            json!({ "ClientToken": "1", "RootDirectory": { "Path": "/in" }, "PosixUser": { "Uid": 7, "Gid": 7 } });
        let target = json!({ "SubnetId": "subnet-a", "IpAddress": "10.0.0.9", "SecurityGroups": ["sg-1"] });
        let lifecycle = json!({ "LifecyclePolicies": [{ "TransitionToIA": "AFTER_30_DAYS" }] });
        let arn = format!("arn:aws:elasticfilesystem:{region}:111122223333:file-system/{id}");
        let policy = json!({ "Statement": [{ "Effect": "Allow", "Resource": arn }] }).to_string();
        let asked = [
            account.ask::<CreateAccessPoint>(&region, of(point)),
            account.ask::<CreateMountTarget>(&region, of(target)),
            account.ask::<PutLifecycleConfiguration>(&region, of(lifecycle)),
            account.ask::<PutFileSystemPolicy>(&region, of(json!({ "Policy": policy }))),
            account.ask::<UpdateFileSystem>(&region, of(json!({ "ThroughputMode": "elastic" }))),
        ];
        for answer in asked {
            assert!(answer.is_ok(), "{answer:?}");
        }
        let files = (0..files).map(|n| (format!("/in/{n}"), format!("file {n}")));
        account.put_files(&region, &id, files);
        id
    }
}
