//! A whole account in memory: tables, functions, a home and a replica vault, and the five functions over them, with a script
//! between them and every port. The suites in `tests/` drive it; stories against the local cloud are in `stories/`.

pub mod checks;
pub mod fixture;
pub mod locks;
pub mod managed;
pub mod points;
pub mod pruning;
pub mod sample;
pub mod shop;
pub mod streams;

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::{Arn, LockMode, ManagedVault, PointId, Region, Report, ResourceId, layout};
use holdfast_lambda::Replica;
use holdfast_policy::Document;
use holdfast_sources::dynamodb::{
    BillingMode, IndexConfig, Item, KeyAttribute, Projection, ScalarType, StreamConfig, TableConfig, Value,
};
use holdfast_sources::lambda::restore::{VaultLocation, VaultPlace};
use holdfast_testkit::{
    Faults, ManualClock, MemoryBackups, MemoryDatabases, MemoryFunctions, MemoryReplicas, MemoryResources, MemoryStore,
    MemorySurroundings, MemoryTables, MemoryWiring, Outbox, Script,
};
use holdfast_vault::Catalogue;
use holdfast_vault::replica::{ReplicaSpec, VaultLock};
use holdfast_vault::sweep::Margins;
use jiff::{SignedDuration, Timestamp};
use prune::Prune;
use replicate::Replicate;
use restore::{Restore, Vault};
use snapshot::Snapshot;
use verify::{Preflight, Verify};

/// A port of the account with the script before it.
pub type Port<P> = Faults<P>;

/// `snapshot` over the ports of a world.
pub type WorldSnapshot = Snapshot<Port<MemoryStore>, Port<MemoryResources>, MemoryRegions, Port<Outbox>>;

/// `verify` over the ports of a world.
pub type WorldVerify =
    Verify<Port<MemoryStore>, Port<MemoryResources>, Port<MemoryTables>, MemoryRegions, Port<MemorySurroundings>>;

/// `replicate` over the ports of a world.
pub type WorldReplicate = Replicate<Port<MemoryStore>, Port<MemoryStore>, Port<MemoryReplicas>, MemoryRegions>;

/// The key of every world's home.
pub const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1";

/// The account.
pub struct World {
    /// The time.
    pub clock: ManualClock,
    /// What fails, and what was called.
    pub script: Script,
    /// The home vault, behind the script.
    pub home: MemoryStore,
    /// The replica vault, behind the script.
    pub replica: MemoryStore,
    /// The tables, behind the script.
    pub tables: MemoryTables,
    /// The functions, behind the script.
    pub functions: MemoryFunctions,
    /// AWS Backup, behind the script.
    pub backups: MemoryBackups,
    /// The databases, behind the script.
    pub databases: MemoryDatabases,
    /// What a listing shows.
    pub resources: MemoryResources,
    /// What was sent and published.
    pub outbox: Outbox,
    /// Keys and buckets as a pre-flight finds them.
    pub surroundings: MemorySurroundings,
}

/// When every world begins.
pub const BEGIN: &str = "2026-11-21T03:00:30Z";

/// The policy of every world: hourly points, few of them kept.
pub const POLICY: &str = "
version: 1
plans:
  - name: standard
    schedule: {every: 1h}
    retention: {keep_last: 2, minimum_good: 1}
    objectives: {rpo: 2h}
    verification: {restore_test_every: 7d}
";

/// The region of every world's home.
pub fn home_region() -> Region {
    "eu-central-1".parse().unwrap()
}

/// The functions whose roles every world's pre-flight looks after.
const ROLES: [&str; 5] = ["prune", "replicate", "restore", "snapshot", "verify"];

/// The role that a function of every world runs as.
pub fn role_of(function: &str) -> Arn {
    format!("arn:aws:iam::111122223333:role/holdfast/{function}/r")
        .parse()
        .unwrap()
}

/// The vault of AWS Backup that every world has, in both of its regions.
pub const BACKUP_VAULT: &str = "holdfast";

/// Where AWS Backup keeps every world's points.
pub fn managed_vault() -> ManagedVault {
    ManagedVault {
        backup_vault: BACKUP_VAULT.to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/aws-backup".parse().unwrap(),
    }
}

/// The key of every world's vaults.
pub fn key() -> Arn {
    "arn:aws:kms:eu-central-1:111122223333:key/mrk-1".parse().unwrap()
}

/// The region of every world's replica.
pub fn replica_region() -> Region {
    "eu-west-1".parse().unwrap()
}

impl Default for World {
    fn default() -> Self {
        let clock = ManualClock::at(BEGIN.parse().unwrap());
        let home = MemoryStore::new("home", &clock);
        let replica = home.sibling("replica");
        let tables = MemoryTables::new(&home_region());
        let databases = MemoryDatabases::new(&home_region());
        let backups = MemoryBackups::new(&home_region(), &clock);
        backups.attach_tables(&tables);
        backups.attach_databases(&databases);
        let resources = MemoryResources::new();
        backups.attach_buckets(resources.wiring());
        backups.add_vault(BACKUP_VAULT, Some(&key()));
        let world = World {
            script: Script::new(),
            tables,
            databases,
            backups,
            functions: MemoryFunctions::new(&home_region(), &home),
            resources,
            outbox: Outbox::new(),
            surroundings: MemorySurroundings::new(&home),
            clock,
            home,
            replica,
        };
        world.set_policy(POLICY);
        world
    }
}

impl World {
    /// A world with a table `orders` of this many items, selected by its tag.
    pub fn with_orders(items: u32) -> Self {
        let world = World::default();
        world.add_table("orders", items);
        world
    }

    /// The same account, with a script of its own before its ports: what happens through it is neither counted nor disturbed
    /// by this one's.
    #[must_use]
    pub fn apart(&self) -> Self {
        World {
            clock: self.clock.clone(),
            script: Script::new(),
            home: self.home.clone(),
            replica: self.replica.clone(),
            tables: self.tables.clone(),
            functions: self.functions.clone(),
            backups: self.backups.clone(),
            databases: self.databases.clone(),
            resources: self.resources.clone(),
            outbox: self.outbox.clone(),
            surroundings: self.surroundings.clone(),
        }
    }

    /// Runs `work`, stops it after its `number`th call, lets `meanwhile` happen, and lets it go on. `None` when it makes fewer
    /// calls.
    pub async fn interrupted<T>(
        &self,
        number: u64,
        work: impl Future<Output = T>,
        meanwhile: impl Future<Output = ()>,
    ) -> Option<T> {
        self.script.restart();
        self.script.stop_after(number);
        let work = std::pin::pin!(work);
        let stopped = std::pin::pin!(self.script.stopped());
        let ended = match futures::future::select(work, stopped).await {
            futures::future::Either::Left(_) => None,
            futures::future::Either::Right(((), work)) => {
                meanwhile.await;
                self.script.go_on();
                Some(work.await)
            }
        };
        self.script.go_on();
        ended
    }

    /// Sends prune an event.
    pub async fn ask_prune(&self, event: serde_json::Value) -> Report {
        let request = prune::Request::parse(event).unwrap();
        self.prune().run_request(request, &self.clock).await.unwrap()
    }

    /// Puts a policy document into the vault.
    pub fn set_policy(&self, text: &str) {
        self.write(layout::POLICY, text.as_bytes());
    }

    /// The policy as it is parsed.
    pub fn policy(&self) -> Document {
        holdfast_policy::parse(POLICY, "backup").unwrap()
    }

    /// Writes an object as a person would.
    pub fn write(&self, key: &str, body: &[u8]) {
        use holdfast_vault::port::WriteObjects as _;
        futures::executor::block_on(self.home.overwrite(key, Bytes::copy_from_slice(body))).unwrap();
    }

    /// Adds a table that the policy selects.
    pub fn add_table(&self, name: &str, items: u32) {
        self.tables.add(name, &table_config(), (0..items).map(order));
        let arn: Arn = self.tables.arn(name).parse().unwrap();
        self.resources.add(&arn, &[("backup", "standard")]);
    }

    /// Adds a function that the policy selects, with a version, an alias, a permission and a queue.
    pub fn add_function(&self, name: &str) {
        self.functions.add(name, &sample::function(), &sample::archives());
        self.resources.add(&self.functions.arn(name), &[("backup", "standard")]);
    }

    fn port<P>(&self, inner: P) -> Port<P> {
        Faults::new(inner, &self.script)
    }

    /// The services, behind the script.
    pub fn regions(&self) -> MemoryRegions {
        MemoryRegions {
            tables: self.port(self.tables.clone()),
            functions: self.port(self.functions.clone()),
            script: self.script.clone(),
            backups: self.backups.clone(),
            databases: self.port(self.databases.clone()),
            wiring: self.port(self.resources.wiring().clone()),
            points: self.port(points::Points::of(self)),
        }
    }

    /// The snapshot function.
    pub fn snapshot(&self) -> WorldSnapshot {
        Snapshot {
            vault: self.port(self.home.clone()),
            inventory: self.port(self.resources.clone()),
            regions: self.regions(),
            signals: self.port(self.outbox.clone()),
            bucket: "home".to_owned(),
            region: home_region(),
            strongest_lock: Some(LockMode::Compliance),
            managed: Some(managed_vault()),
            policy_key: layout::POLICY.to_owned(),
            tag_key: "backup".to_owned(),
        }
    }

    /// The replicate function.
    pub fn replicate(&self) -> WorldReplicate {
        Replicate {
            home: self.port(self.home.clone()),
            home_bucket: "home".to_owned(),
            replica: self.port(self.replica.clone()),
            spec: ReplicaSpec {
                bucket: "replica".to_owned(),
                region: replica_region(),
                home_key_arn: KEY.to_owned(),
                lock: VaultLock::Off,
            },
            replica_regions: vec![replica_region()],
            maker: self.port(MemoryReplicas::new(&self.home, &self.surroundings)),
            regions: self.regions(),
            managed: Some(managed_vault()),
            strongest_lock: Some(LockMode::Compliance),
            other_backup_vault: None,
            policy_key: layout::POLICY.to_owned(),
            tag_key: "backup".to_owned(),
        }
    }

    /// The prune function, with the shortest grace that there is.
    pub fn prune(&self) -> Prune<Port<MemoryStore>, MemoryRegions, Port<Outbox>> {
        let vault = |store: &MemoryStore, bucket: &str, region: Region| prune::Vault {
            store: self.port(store.clone()),
            bucket: bucket.to_owned(),
            region,
        };
        Prune {
            home: vault(&self.home, "home", home_region()),
            replicas: vec![vault(&self.replica, "replica", replica_region())],
            regions: self.regions(),
            account: "111122223333".to_owned(),
            managed: Some(managed_vault()),
            signals: self.port(self.outbox.clone()),
            margins: Margins::with_grace(SignedDuration::from_hours(24)),
            policy_key: layout::POLICY.to_owned(),
            tag_key: "backup".to_owned(),
        }
    }

    /// The verify function.
    pub fn verify(&self) -> WorldVerify {
        Verify {
            home: self.port(self.home.clone()),
            replicas: vec![(self.port(self.replica.clone()), replica_region())],
            inventory: self.port(self.resources.clone()),
            tables: self.port(self.tables.clone()),
            regions: self.regions(),
            managed: Some(managed_vault()),
            preflight: Preflight {
                ports: self.port(self.surroundings.clone()),
                key: Some(KEY.parse().unwrap()),
                stack: "holdfast".to_owned(),
                bucket: "home".to_owned(),
                roles: ROLES.map(role_of).to_vec(),
                replicas: vec![Replica {
                    region: replica_region(),
                    bucket: "replica".to_owned(),
                    account: "111122223333".to_owned(),
                    key_arn: None,
                    backup_vault: None,
                }],
                deployment: "first".to_owned(),
            },
            region: home_region(),
            margins: Margins::with_grace(SignedDuration::from_hours(24)),
            policy_key: layout::POLICY.to_owned(),
            tag_key: "backup".to_owned(),
        }
    }

    /// The restore function.
    pub fn restore(&self) -> Restore<Port<MemoryStore>, MemoryRegions, Port<Outbox>> {
        let vault = |store: &MemoryStore, bucket: &str, region: Region| Vault {
            store: self.port(store.clone()),
            location: VaultLocation {
                place: VaultPlace::Bucket(bucket.to_owned()),
                region,
            },
        };
        Restore {
            home: vault(&self.home, "home", home_region()),
            replicas: vec![vault(&self.replica, "replica", replica_region())],
            regions: self.regions(),
            work: self.port(self.outbox.clone()),
            managed: Some(managed_vault()),
            policy_key: layout::POLICY.to_owned(),
            tag_key: "backup".to_owned(),
        }
    }

    /// Wakes `snapshot`, and then gives it its own queue's tasks until there are none.
    pub async fn tick(&self) -> Report {
        let report = self.snapshot().run_due(&self.clock).await.unwrap();
        self.work_off().await;
        report
    }

    /// Gives `snapshot` its queue's tasks until there are none.
    pub async fn work_off(&self) {
        for _ in 0..1000 {
            let tasks = self.outbox.take_tasks();
            if tasks.is_empty() {
                return;
            }
            for task in tasks {
                self.later(SignedDuration::from_secs(task.delay_seconds.into()));
                self.clock.set_remaining(SignedDuration::from_mins(15));
                let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
                self.snapshot().run_request(request, &self.clock).await.unwrap();
            }
        }
        panic!("the work queue never ran dry");
    }

    /// Moves to the next invocation, some time later.
    pub fn later(&self, time: SignedDuration) {
        let now: Timestamp = holdfast_vault::port::Clock::now(&self.clock);
        self.clock.set_now(now.checked_add(time).unwrap());
        self.clock.set_remaining(SignedDuration::from_mins(15));
    }

    /// The points of the home vault.
    pub async fn catalogue(&self) -> Catalogue {
        Catalogue::read(&self.home).await.unwrap()
    }

    /// The ids of the points of a table.
    pub async fn points_of(&self, table: &str) -> Vec<PointId> {
        let resource: ResourceId = format!("dynamodb-table/eu-central-1/{table}").parse().unwrap();
        self.catalogue()
            .await
            .points
            .into_iter()
            .map(|entry| entry.id)
            .filter(|id| id.resource == resource)
            .collect()
    }
}

/// The account's services, the same in every region.
pub struct MemoryRegions {
    tables: Port<MemoryTables>,
    functions: Port<MemoryFunctions>,
    script: Script,
    backups: MemoryBackups,
    databases: Port<MemoryDatabases>,
    wiring: Port<MemoryWiring>,
    points: Port<points::Points>,
}

impl MemoryRegions {
    fn backups_in(&self, region: &Region) -> Port<MemoryBackups> {
        Faults::new(self.backups.in_region(region), &self.script)
    }
}

impl restore::Regions for MemoryRegions {
    type Tables = Port<MemoryTables>;
    type Functions = Port<MemoryFunctions>;
    type Backups = Port<MemoryBackups>;
    type Databases = Port<MemoryDatabases>;
    type Wiring = Port<MemoryWiring>;
    type Points = Port<points::Points>;

    fn tables(&self, _: &Region) -> Self::Tables {
        self.tables.clone()
    }

    fn functions(&self, _: &Region) -> Self::Functions {
        self.functions.clone()
    }

    fn backups(&self, region: &Region) -> Self::Backups {
        self.backups_in(region)
    }

    fn databases(&self, _: &Region) -> Self::Databases {
        self.databases.clone()
    }

    fn wiring(&self) -> &Self::Wiring {
        &self.wiring
    }

    fn points(&self) -> &Self::Points {
        &self.points
    }
}

impl replicate::Regions for MemoryRegions {
    type Backups = Port<MemoryBackups>;

    fn backups(&self, region: &Region) -> Self::Backups {
        self.backups_in(region)
    }
}

impl prune::Regions for MemoryRegions {
    type Backups = Port<MemoryBackups>;

    fn backups(&self, region: &Region) -> Self::Backups {
        self.backups_in(region)
    }
}

impl snapshot::Regions for MemoryRegions {
    type Tables = Port<MemoryTables>;
    type Functions = Port<MemoryFunctions>;
    type Backups = Port<MemoryBackups>;
    type Databases = Port<MemoryDatabases>;

    fn backups(&self, region: &Region) -> Self::Backups {
        self.backups_in(region)
    }

    fn databases(&self, _: &Region) -> Self::Databases {
        self.databases.clone()
    }

    fn tables(&self, _: &Region) -> Self::Tables {
        self.tables.clone()
    }

    fn functions(&self, _: &Region) -> Self::Functions {
        self.functions.clone()
    }
}

/// A table with an index, TTL, a stream, tags and recovery.
pub fn table_config() -> TableConfig {
    let key = |name: &str, is_sort| KeyAttribute {
        name: name.to_owned(),
        is_sort,
    };
    TableConfig {
        key: vec![key("customer", false), key("order", true)],
        attributes: BTreeMap::from([
            ("customer".to_owned(), ScalarType::S),
            ("order".to_owned(), ScalarType::N),
            ("state".to_owned(), ScalarType::S),
        ]),
        global_indexes: vec![IndexConfig {
            name: "by-state".to_owned(),
            key: vec![key("state", false)],
            projection: Projection::KeysOnly,
            throughput: None,
            on_demand_limits: None,
        }],
        local_indexes: Vec::new(),
        billing: BillingMode::OnDemand,
        on_demand_limits: None,
        warm: None,
        table_class: "STANDARD".to_owned(),
        deletion_protection: true,
        kms_key_arn: None,
        ttl_attribute: Some("expires".to_owned()),
        stream: Some(StreamConfig {
            view_type: "NEW_AND_OLD_IMAGES".to_owned(),
        }),
        point_in_time_recovery_days: Some(35),
        tags: BTreeMap::from([
            ("backup".to_owned(), "standard".to_owned()),
            ("team".to_owned(), "shop".to_owned()),
        ]),
        resource_policy: None,
    }
}

/// The `n`-th order: every attribute type, and a text that does not compress away.
pub fn order(n: u32) -> Item {
    order_in(n, "open")
}

/// The `n`-th order in a state.
pub fn order_in(n: u32, state: &str) -> Item {
    let text = |text: &str| Value::S(text.to_owned());
    Item::from([
        ("customer".to_owned(), Value::S(format!("customer-{}", n % 97))),
        ("order".to_owned(), Value::N(n.to_string())),
        ("state".to_owned(), text(state)),
        (
            "total".to_owned(),
            Value::N(format!("12345678901234567890123456789012345.{n:03}")),
        ),
        ("paid".to_owned(), Value::Bool(n.is_multiple_of(2))),
        ("note".to_owned(), Value::Null),
        ("empty".to_owned(), text("")),
        ("blob".to_owned(), Value::B(n.to_be_bytes().to_vec())),
        ("tags".to_owned(), Value::Ss(vec!["b".to_owned(), "a".to_owned()])),
        ("sizes".to_owned(), Value::Ns(vec!["10".to_owned(), "9".to_owned()])),
        ("parts".to_owned(), Value::Bs(vec![vec![1], vec![0]])),
        (
            "lines".to_owned(),
            Value::L(vec![Value::M(Item::from([
                ("sku".to_owned(), text("x")),
                ("n".to_owned(), Value::N("1".to_owned())),
            ]))]),
        ),
    ])
}
