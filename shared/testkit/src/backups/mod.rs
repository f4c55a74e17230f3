//! AWS Backup in memory: it really moves data between [`MemoryTables`], [`MemoryDatabases`] and the buckets and file systems of
//! [`MemoryWiring`], its
//! jobs advance as they are looked at, and it has the service's documented ways to disappoint.

mod answers;
mod jobs;
mod plans;
mod restores;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use holdfast_catalog::{Arn, Region};
use holdfast_sources::dynamodb::{Item, TableConfig};
use holdfast_sources::managed::port::{AccountCopies, LockBounds, Validation};
use holdfast_sources::managed::{Lifecycle, PointStatus, RecoveryPoint};
use holdfast_sources::rds::{DatabaseConfig, DatabaseKind};
use holdfast_vault::port::Clock as _;
use jiff::Timestamp;

use crate::{ManualClock, MemoryDatabases, MemoryTables, MemoryWiring, lock};
use jobs::Job;
use plans::Plan;

/// The AWS Backup of one region and account. Clones, and those of other regions and accounts made from it, are one cloud.
#[derive(Debug, Clone)]
pub struct MemoryBackups {
    cloud: Arc<Mutex<Cloud>>,
    clock: ManualClock,
    place: Place,
}

/// Account and region.
type Place = (String, Region);

#[derive(Debug, Default)]
struct Cloud {
    tables: BTreeMap<Place, MemoryTables>,
    databases: BTreeMap<Place, MemoryDatabases>,
    buckets: BTreeMap<String, MemoryWiring>,
    vaults: BTreeMap<(Place, String), Vault>,
    jobs: Vec<Job>,
    plans: Vec<Plan>,
    endings: VecDeque<JobEnd>,
    polls: u32,
    made: u64,
    holds: BTreeMap<String, BTreeSet<Arn>>,
    in_use: BTreeSet<Arn>,
    bad_keys: BTreeMap<Arn, String>,
    not_advanced: BTreeSet<Place>,
    not_opted_in: BTreeSet<(Place, String)>,
    account_copies: Option<AccountCopies>,
    copies_at_once: Option<usize>,
    deletes_do_nothing: bool,
    ended_continuous: BTreeSet<Arn>,
    validations: BTreeMap<String, (Validation, String)>,
}

#[derive(Debug, Default)]
struct Vault {
    key: Option<Arn>,
    /// Accounts that its access policy lets copy into it.
    lets_in: BTreeSet<String>,
    lock: Option<LockBounds>,
    points: BTreeMap<Arn, Stored>,
    /// Points that are only counted.
    others: u64,
}

#[derive(Debug, Clone)]
struct Stored {
    point: RecoveryPoint,
    tags: BTreeMap<String, String>,
    data: Data,
}

/// What a recovery point holds.
#[derive(Debug, Clone)]
enum Data {
    Table(Box<TableConfig>, Vec<Item>),
    Database(Box<DatabaseConfig>),
    /// The objects of a bucket.
    Bucket(BTreeMap<String, String>),
    /// The files of a file system.
    Files(BTreeMap<String, String>),
    /// The objects of a bucket at each time at which they were looked at: a continuous point's.
    History(Vec<(Timestamp, BTreeMap<String, String>)>),
    /// Of a kind whose data does not matter to the test.
    Opaque,
}

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// Well.
    Complete,
    /// As `COMPLETED`, with something to say: "completed with issues".
    WithIssues(String),
    /// As `PARTIAL`.
    Partial(String),
    /// As `FAILED`.
    Failed(String),
    /// As `ABORTED`.
    Aborted,
    /// As `EXPIRED`, with a message or without.
    Expired(Option<String>),
}

impl MemoryBackups {
    /// AWS Backup in a region of the account 111122223333, with an empty vault `Default`, opted in for everything, DynamoDB's
    /// advanced features on; jobs take two looks.
    pub fn new(region: &Region, clock: &ManualClock) -> Self {
        let cloud = Cloud {
            polls: 2,
            ..Cloud::default()
        };
        let backups = MemoryBackups {
            cloud: Arc::new(Mutex::new(cloud)),
            clock: clock.clone(),
            place: ("111122223333".to_owned(), region.clone()),
        };
        backups.add_vault("Default", None);
        backups
    }

    /// The same cloud in another region and account, with its own empty vault `Default`.
    pub fn at(&self, region: &Region, account: &str) -> Self {
        let other = MemoryBackups {
            place: (account.to_owned(), region.clone()),
            ..self.clone()
        };
        other.add_vault("Default", None);
        other
    }

    /// The same cloud and account in another region, with the vaults that it has there.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Self {
        MemoryBackups {
            place: (self.place.0.clone(), region.clone()),
            ..self.clone()
        }
    }

    /// Lets jobs here read and make these tables.
    pub fn attach_tables(&self, tables: &MemoryTables) {
        lock(&self.cloud).tables.insert(self.place.clone(), tables.clone());
    }

    /// Lets jobs here read and make these databases.
    pub fn attach_databases(&self, databases: &MemoryDatabases) {
        lock(&self.cloud)
            .databases
            .insert(self.place.clone(), databases.clone());
    }

    /// Lets jobs of this account read and make these buckets and file systems.
    pub fn attach_buckets(&self, buckets: &MemoryWiring) {
        lock(&self.cloud).buckets.insert(self.place.0.clone(), buckets.clone());
    }

    /// Makes a vault, if there is none of that name.
    pub fn add_vault(&self, name: &str, key: Option<&Arn>) {
        let vault = Vault {
            key: key.cloned(),
            ..Vault::default()
        };
        lock(&self.cloud).vaults.entry(self.vault_key(name)).or_insert(vault);
    }

    /// Counts so many points of others in a vault.
    ///
    /// # Panics
    /// There is no such vault.
    pub fn fill_vault(&self, name: &str, points: u64) {
        let mut cloud = lock(&self.cloud);
        let vault = cloud.vaults.get_mut(&self.vault_key(name));
        vault.unwrap_or_else(|| panic!("no vault {name}")).others = points;
    }

    /// Locks a vault.
    ///
    /// # Panics
    /// There is no such vault.
    pub fn set_lock(&self, name: &str, bounds: LockBounds) {
        let mut cloud = lock(&self.cloud);
        let vault = cloud.vaults.get_mut(&self.vault_key(name));
        vault.unwrap_or_else(|| panic!("no vault {name}")).lock = Some(bounds);
    }

    /// A vault's access policy lets another account copy into it.
    ///
    /// # Panics
    /// There is no such vault.
    pub fn let_in(&self, name: &str, account: &str) {
        let mut cloud = lock(&self.cloud);
        let vault = cloud.vaults.get_mut(&self.vault_key(name));
        let vault = vault.unwrap_or_else(|| panic!("no vault {name}"));
        vault.lets_in.insert(account.to_owned());
    }

    /// A vault's ARN.
    pub fn vault_arn(&self, name: &str) -> Arn {
        arn(&format!(
            "arn:aws:backup:{}:{}:backup-vault:{name}",
            self.place.1, self.place.0
        ))
    }

    /// A job is looked at this many times before it has ended; 0 ends it at the first look.
    pub fn polls(&self, polls: u32) {
        lock(&self.cloud).polls = polls;
    }

    /// The next job that begins ends so, the one after it as the next call says, all others well.
    pub fn next_job_ends(&self, end: JobEnd) {
        lock(&self.cloud).endings.push_back(end);
    }

    /// Puts a legal hold on points.
    pub fn hold(&self, title: &str, points: &[Arn]) {
        let points = points.iter().cloned().collect();
        lock(&self.cloud).holds.insert(title.to_owned(), points);
    }

    /// A job that is none of ours reads a point.
    pub fn use_point(&self, point: &Arn) {
        lock(&self.cloud).in_use.insert(point.clone());
    }

    /// Jobs that need a key fail, with this message.
    pub fn break_key(&self, key: &Arn, message: &str) {
        lock(&self.cloud).bad_keys.insert(key.clone(), message.to_owned());
    }

    /// DynamoDB's points are made here without the advanced features from now on.
    pub fn without_advanced_features(&self) {
        lock(&self.cloud).not_advanced.insert(self.place.clone());
    }

    /// A kind is not opted in here.
    pub fn opt_out(&self, resource_type: &str) {
        let entry = (self.place.clone(), resource_type.to_owned());
        lock(&self.cloud).not_opted_in.insert(entry);
    }

    /// What the organisation says of copies into other accounts; until then they are allowed.
    pub fn answer_account_copies(&self, answer: AccountCopies) {
        lock(&self.cloud).account_copies = Some(answer);
    }

    /// So many copies from here to one region may be under way.
    pub fn copies_at_once(&self, copies: usize) {
        lock(&self.cloud).copies_at_once = Some(copies);
    }

    /// Deletes are answered with success, and the points stay, `EXPIRED`.
    pub fn deletes_do_nothing(&self, is_so: bool) {
        lock(&self.cloud).deletes_do_nothing = is_so;
    }

    /// The customer's own plan makes a point, whole at once.
    ///
    /// # Panics
    /// There is no such vault.
    pub fn customer_backup(&self, vault: &str, resource: &Arn, plan: &str) -> RecoveryPoint {
        let mut point = self.blank(vault, resource, &format!("recovery-point:customer-{}", self.number()));
        point.plan = Some(plan.to_owned());
        self.put(point, Data::Opaque)
    }

    /// The customer's own plan begins a continuous point.
    ///
    /// # Panics
    /// There is no such vault.
    pub fn continuous(&self, vault: &str, resource: &Arn, resource_type: &str) -> RecoveryPoint {
        let name = format!("recovery-point:continuous:{}", self.number());
        let mut point = self.blank(vault, resource, &name);
        resource_type.clone_into(&mut point.resource_type);
        self.put(point, Data::Opaque)
    }

    /// Changes a point behind the service's back.
    ///
    /// # Panics
    /// There is no such point.
    pub fn change(&self, vault: &str, point: &Arn, change: impl FnOnce(&mut RecoveryPoint)) {
        let mut cloud = lock(&self.cloud);
        let stored = cloud
            .vaults
            .get_mut(&self.vault_key(vault))
            .and_then(|vault| vault.points.get_mut(point));
        change(&mut stored.unwrap_or_else(|| panic!("no point {point}")).point);
    }

    /// A point of a bucket or a file system loses its first object or file, and nobody says so.
    pub fn rot(&self, point: &Arn) {
        let mut cloud = lock(&self.cloud);
        let stored = cloud.vaults.values_mut().find_map(|vault| vault.points.get_mut(point));
        if let Some(Data::Bucket(objects) | Data::Files(objects)) = stored.map(|stored| &mut stored.data) {
            objects.pop_first();
        }
    }

    /// Loses a point.
    pub fn lose(&self, vault: &str, point: &Arn) {
        if let Some(vault) = lock(&self.cloud).vaults.get_mut(&self.vault_key(vault)) {
            vault.points.remove(point);
        }
    }

    /// The points in a vault, in order of ARN.
    pub fn points(&self, vault: &str) -> Vec<RecoveryPoint> {
        let mut cloud = lock(&self.cloud);
        cloud.expire(self.clock.now());
        let vault = cloud.vaults.get(&self.vault_key(vault));
        let points = vault.into_iter().flat_map(|vault| vault.points.values());
        points.map(|stored| stored.point.clone()).collect()
    }

    /// How many jobs were started in the whole cloud; asking twice with one token starts one.
    pub fn jobs_started(&self) -> usize {
        lock(&self.cloud).jobs.len()
    }

    /// The continuous backups that a delete has ended.
    pub fn ended_continuous(&self) -> Vec<Arn> {
        lock(&self.cloud).ended_continuous.iter().cloned().collect()
    }

    /// What was said of restore jobs, by job.
    pub fn validations(&self) -> BTreeMap<String, (Validation, String)> {
        lock(&self.cloud).validations.clone()
    }

    fn vault_key(&self, name: &str) -> (Place, String) {
        (self.place.clone(), name.to_owned())
    }

    fn number(&self) -> u64 {
        let mut cloud = lock(&self.cloud);
        cloud.made += 1;
        cloud.made
    }

    fn blank(&self, vault: &str, resource: &Arn, name: &str) -> RecoveryPoint {
        RecoveryPoint {
            arn: arn(&format!("arn:aws:backup:{}:{}:{name}", self.place.1, self.place.0)),
            backup_vault: vault.to_owned(),
            resource_arn: resource.clone(),
            resource_type: type_of(resource).to_owned(),
            status: PointStatus::Completed,
            message: None,
            created_at: self.clock.now(),
            bytes: 1 << 30,
            lifecycle: Lifecycle::FOR_EVER,
            expires_at: None,
            cold_at: None,
            is_cold: false,
            key_arn: None,
            plan: None,
        }
    }

    fn put(&self, point: RecoveryPoint, data: Data) -> RecoveryPoint {
        let mut cloud = lock(&self.cloud);
        let vault = cloud.vaults.get_mut(&self.vault_key(&point.backup_vault));
        let vault = vault.unwrap_or_else(|| panic!("no vault {}", point.backup_vault));
        let stored = Stored {
            point: point.clone(),
            tags: BTreeMap::new(),
            data,
        };
        vault.points.insert(point.arn.clone(), stored);
        point
    }
}

impl Cloud {
    /// What lifecycles end is gone unless it is held, and what they move to cold storage is there.
    fn expire(&mut self, now: Timestamp) {
        let held: BTreeSet<Arn> = self.holds.values().flatten().cloned().collect();
        for vault in self.vaults.values_mut() {
            vault
                .points
                .retain(|arn, stored| held.contains(arn) || stored.point.expires_at.is_none_or(|at| at > now));
            for stored in vault.points.values_mut() {
                stored.point.is_cold |= stored.point.cold_at.is_some_and(|at| at <= now);
            }
        }
    }

    fn holds_on(&self, point: &Arn) -> Vec<String> {
        let on = self.holds.iter().filter(|(_, points)| points.contains(point));
        on.map(|(title, _)| title.clone()).collect()
    }

    /// What a resource holds now, as a backup job would store it.
    fn read(&self, place: &Place, resource: &Arn) -> Option<Data> {
        let name = resource.resource_name();
        match type_of(resource) {
            "DynamoDB" => {
                let tables = self.tables.get(place)?;
                tables
                    .names()
                    .iter()
                    .any(|there| there == name)
                    .then(|| Data::Table(Box::new(tables.config(name)), tables.items(name)))
            }
            "RDS" => self.database(place, DatabaseKind::Instance, name),
            "Aurora" => self.database(place, DatabaseKind::Cluster, name),
            "S3" => match self.buckets.get(&place.0) {
                Some(buckets) => buckets.objects(&place.1, name).map(Data::Bucket),
                None => Some(Data::Opaque),
            },
            "EFS" if resource.service() == "elasticfilesystem" => match self.buckets.get(&place.0) {
                Some(files) => files.files(&place.1, name).map(Data::Files),
                None => Some(Data::Opaque),
            },
            _ => Some(Data::Opaque),
        }
    }

    fn database(&self, place: &Place, kind: DatabaseKind, name: &str) -> Option<Data> {
        let config = self.databases.get(place)?.config(kind, name)?;
        Some(Data::Database(Box::new(config)))
    }
}

/// The kind of an ARN as AWS Backup names it.
fn type_of(resource: &Arn) -> &'static str {
    match (resource.service(), resource.resource_type()) {
        ("dynamodb", _) => "DynamoDB",
        ("rds", Some("db")) => "RDS",
        ("rds", _) => "Aurora",
        ("s3", _) => "S3",
        _ => "EFS",
    }
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}
