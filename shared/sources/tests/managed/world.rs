use std::collections::BTreeMap;
use std::future::Future;

use bytes::Bytes;
use holdfast_catalog::{Arn, BlobRole, ManagedPoint, Manifest, PointId, Region, RunRecord, layout};
use holdfast_sources::dynamodb::{
    BillingMode, Item, KeyAttribute, ScalarType, StreamConfig, TableConfig, Value, snapshot,
};
use holdfast_sources::managed::{
    BackupSettings, Destination, Lifecycle, ReadResource, RestoreOrder, S3Extras, Worked, begin, sibling, work,
};
use holdfast_testkit::{
    Faults, ManualClock, MemoryBackups, MemoryDatabases, MemoryStore, MemorySurroundings, MemoryTables, Script,
};
use holdfast_vault::port::{Clock as _, ListObjects as _};
use holdfast_vault::{PortError, put_blob, read_manifest};
use jiff::SignedDuration;

/// The vault that the engine uses.
pub const VAULT: &str = "holdfast";

/// Between two ticks.
pub const TICK: SignedDuration = SignedDuration::from_mins(15);

/// Two regions of one account, all of whose calls go through one script.
pub struct World {
    pub clock: ManualClock,
    pub script: Script,
    pub store: Faults<MemoryStore>,
    pub backups: Faults<MemoryBackups>,
    /// AWS Backup in the other region.
    pub there: Faults<MemoryBackups>,
    /// Keys, in every region.
    pub keys: Faults<MemorySurroundings>,
    pub tables: Faults<MemoryTables>,
    pub databases: Faults<MemoryDatabases>,
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

pub fn home() -> Region {
    "eu-central-1".parse().unwrap()
}

pub fn other() -> Region {
    "eu-west-1".parse().unwrap()
}

pub fn role() -> Arn {
    "arn:aws:iam::111122223333:role/holdfast-aws-backup".parse().unwrap()
}

/// What the vault at home is encrypted with.
pub fn key() -> Arn {
    "arn:aws:kms:eu-central-1:111122223333:key/mrk-1".parse().unwrap()
}

pub fn point() -> PointId {
    "dynamodb-table/eu-central-1/orders/20261121T030000Z-standard"
        .parse()
        .unwrap()
}

pub fn config() -> TableConfig {
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
        stream: Some(StreamConfig {
            view_type: "NEW_IMAGE".to_owned(),
        }),
        point_in_time_recovery_days: Some(35),
        tags: BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
        resource_policy: None,
    }
}

pub fn item(n: usize) -> Item {
    Item::from([
        ("pk".to_owned(), Value::N(n.to_string())),
        ("name".to_owned(), Value::S(format!("item {n}"))),
    ])
}

pub fn settings() -> BackupSettings {
    BackupSettings {
        backup_vault: VAULT.to_owned(),
        lock: None,
        role_arn: role(),
        start_window: SignedDuration::from_hours(8),
        complete_window: SignedDuration::from_hours(24 * 7),
        lifecycle: Lifecycle::FOR_EVER,
        tags: BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
        s3: S3Extras::default(),
    }
}

impl World {
    /// A world with table `orders` of 20 items.
    pub fn new() -> Self {
        let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
        let script = Script::new();
        let backups = MemoryBackups::new(&home(), &clock);
        let there = backups.at(&other(), "111122223333");
        let tables = MemoryTables::new(&home());
        let databases = MemoryDatabases::new(&home());
        backups.add_vault(VAULT, Some(&key()));
        there.add_vault(VAULT, None);
        backups.attach_tables(&tables);
        backups.attach_databases(&databases);
        tables.add("orders", &config(), (0..20).map(item));
        let store = MemoryStore::new("home", &clock);
        let keys = MemorySurroundings::new(&store);
        World {
            keys: Faults::new(keys, &script),
            store: Faults::new(store, &script),
            backups: Faults::new(backups, &script),
            there: Faults::new(there, &script),
            tables: Faults::new(tables, &script),
            databases: Faults::new(databases, &script),
            clock,
            script,
        }
    }

    /// The cloud behind the script.
    pub fn cloud(&self) -> &MemoryBackups {
        self.backups.inner()
    }

    pub fn table_arn(&self) -> Arn {
        self.tables.inner().arn("orders").parse().unwrap()
    }

    /// Time passes, and another invocation begins.
    pub fn later(&self, time: SignedDuration) {
        self.clock.set_now(self.clock.now() + time);
        self.clock.set_remaining(SignedDuration::from_mins(15));
    }

    /// Begins the run of [`point`].
    pub async fn begin(&self) -> Result<RunRecord, PortError> {
        self.begin_with(&settings()).await
    }

    pub async fn begin_with(&self, settings: &BackupSettings) -> Result<RunRecord, PortError> {
        let begun = snapshot::begin(&self.tables, &self.store, &self.clock, "orders").await?;
        let policy = Bytes::from_static(b"version: 1\n");
        let policy = put_blob(&self.store, self.clock.now(), BlobRole::Policy, policy).await?;
        let resource = ReadResource {
            arn: begun.reading.arn.parse().unwrap(),
            tags: begun.reading.config.tags.clone(),
            policy_sha256: policy.sha256,
            blobs: vec![begun.blob, policy],
            lock: None,
            lock_shortfall: None,
            not_protected: begun.reading.unreadable,
        };
        begin(&self.store, &self.clock, &point(), resource, settings).await
    }

    /// One tick of a run: begun if it is not, then worked on.
    pub async fn tick(&self) -> Result<Worked, PortError> {
        match work(&self.backups, &self.store, &self.clock, &point()).await {
            Err(PortError::NotFound(_)) if !self.has_run().await => {
                self.begin().await?;
                work(&self.backups, &self.store, &self.clock, &point()).await
            }
            worked => worked,
        }
    }

    async fn has_run(&self) -> bool {
        let key = layout::run_record(&point());
        !self.store.inner().list(&key, None).await.unwrap().is_empty()
    }

    /// Ticks until the run is at its end.
    pub async fn work(&self) -> Worked {
        for _ in 0..30 {
            match self.tick().await.unwrap() {
                Worked::Continuing { .. } => self.later(TICK),
                ended => return ended,
            }
        }
        panic!("the run does not end");
    }

    /// The manifest of a point that was made.
    pub async fn made(&self) -> Manifest {
        match self.work().await {
            Worked::Committed(manifest) => *manifest,
            Worked::Existed => read_manifest(&self.store, &point()).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Where copies go: the vault of the same name in the other region.
    pub fn destination(&self) -> Destination {
        let arn = self.there.inner().vault_arn(VAULT);
        Destination {
            vault: Some(holdfast_sources::managed::port::BackupVault {
                arn: arn.clone(),
                key_arn: None,
                recovery_points: 0,
                lock: None,
            }),
            vault_arn: arn,
            key: None,
            allowed_regions: None,
            lifecycle: Lifecycle::FOR_EVER,
        }
    }
}

/// The target of a restore of a point under another name.
pub fn target(manifest: &Manifest, name: &str) -> Arn {
    sibling(&manifest.arn, &home(), name).unwrap()
}

pub fn managed(manifest: &Manifest) -> &ManagedPoint {
    manifest.managed.as_ref().unwrap()
}

pub fn order<'a>(manifest: &'a Manifest, target: &'a Arn, role_arn: &'a Arn, work: &'a str) -> RestoreOrder<'a> {
    RestoreOrder {
        manifest,
        from: managed(manifest),
        target,
        role_arn,
        work,
        document: None,
    }
}
