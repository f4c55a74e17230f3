//! `verify` proves that backups work: stored bytes are read back, points are restored into scratch tables, and the age of
//! the newest good point of every protected resource is held against its plan's objective.

mod decide;
mod event;
mod managed;
mod observe;
mod preflight;
mod promises;
mod restore_test;

use holdfast_catalog::{
    DamagedFact, Fact, Kind, ManagedVault, Outcome, OutcomeStatus, PointId, Region, Report, layout,
};
use holdfast_lambda::{Failure, Handler, InvocationClock, NOTICE, policy_in_force};
use holdfast_policy::Notice;
use holdfast_sources::call::Call;
use holdfast_sources::call::bucket::ListObjectsV2;
use holdfast_sources::call::efs::DescribeFileSystems;
use holdfast_sources::call::s3::ListBuckets;
use holdfast_sources::dynamodb::port::{
    CreateTable, DropScratchTable, ReadTable, SCRATCH_PREFIX, ScanTable, WriteItems,
};
use holdfast_sources::efs;
use holdfast_sources::efs::port::DropScratchFileSystems;
use holdfast_sources::inventory::ListResources;
use holdfast_sources::managed::drop_bucket;
use holdfast_sources::managed::port::{
    PutValidations, ReadBackupSettings, ReadBackupVaults, ReadRecoveryPoints, ReadRestores, StartRestores,
};
use holdfast_sources::rds::DatabaseKind;
use holdfast_sources::rds::port::{DropScratchDatabases, ReadDatabases};
use holdfast_sources::s3::port::DropScratchBuckets;
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::sweep::Margins;
use holdfast_vault::{Catalogue, PointEntry, PortError, is_lost, keys, ports, read_manifest, scrub_point, write_fact};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub use decide::{newest_good, restore_tests, scrub_order};
pub use event::{EXAMPLE, Request, Subject};
pub use preflight::{Preflight, PreflightPorts};

ports! {
    /// What verify asks of a vault: it reads, and adds facts.
    pub trait VaultPorts: ReadObjects, ListObjects, WriteObjects
}

ports! {
    /// What verify asks of the account.
    pub trait InventoryPorts: ListResources
}

ports! {
    /// What verify asks of DynamoDB, on scratch tables only; those alone it may remove.
    pub trait TablePorts: CreateTable, ReadTable, WriteItems, ScanTable, DropScratchTable
}

ports! {
    /// What verify asks of AWS Backup: it restores, tells what came of it, and looks.
    pub trait BackupPorts:
        StartRestores, ReadRestores, PutValidations, ReadBackupVaults, ReadRecoveryPoints, ReadBackupSettings
}

ports! {
    /// What verify asks of RDS: it reads, and removes scratch databases.
    pub trait DatabasePorts: ReadDatabases, DropScratchDatabases
}

ports! {
    /// What verify asks of S3: it counts what is in scratch buckets, and removes them.
    pub trait BucketPorts: Call<ListBuckets>, Call<ListObjectsV2>, DropScratchBuckets
}

ports! {
    /// What verify asks of EFS: it looks at scratch file systems, and removes them.
    pub trait FilePorts: Call<DescribeFileSystems>, DropScratchFileSystems
}

/// The account, region by region.
pub trait Regions: Send + Sync {
    /// AWS Backup.
    type Backups: BackupPorts;
    /// RDS.
    type Databases: DatabasePorts;
    /// S3, in whatever region a call names.
    type Buckets: BucketPorts;
    /// EFS, likewise.
    type Files: FilePorts;

    /// AWS Backup in a region.
    fn backups(&self, region: &Region) -> Self::Backups;

    /// RDS in a region.
    fn databases(&self, region: &Region) -> Self::Databases;

    /// S3 in all regions.
    fn buckets(&self) -> &Self::Buckets;

    /// EFS in all regions.
    fn files(&self) -> &Self::Files;
}

/// Nothing new is begun this long before the invocation ends: a point of one pack a shard takes seconds.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(120);

/// A scratch table whose test has shown no sign of life for this long was left by a test that was killed.
const SCRATCH_DEAD_AFTER: SignedDuration = SignedDuration::from_hours(2);

/// What a verification works with.
pub struct Verify<V, I, T, R, P> {
    /// The stack's vault.
    pub home: V,
    /// The replica vaults with their regions, the stack's own first.
    pub replicas: Vec<(V, Region)>,
    /// What exists.
    pub inventory: I,
    /// DynamoDB in the vault's region, where restore tests are made.
    pub tables: T,
    /// AWS Backup and RDS.
    pub regions: R,
    /// What AWS Backup works with, if the stack has it.
    pub managed: Option<ManagedVault>,
    /// What a pre-flight looks at.
    pub preflight: Preflight<P>,
    /// The vault's region.
    pub region: Region,
    /// How long removed points stay undoable.
    pub margins: Margins,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Handler for Verify<V, I, T, R, P> {
    const NAME: &'static str = "verify";

    async fn tick(&self, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_all(clock).await
    }

    async fn request(&self, event: Value, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_request(Request::parse(event)?, clock).await
    }
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Checks all objectives, then restores and scrubs what is due, as far as time allows.
    ///
    /// # Errors
    /// The home vault cannot be read. (That no backup can be seen is no «all is well».)
    pub async fn run_all<C: Clock>(&self, clock: &C) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
        let catalogue = Catalogue::read(&self.home).await?;
        let mut report = self.check_promises(&policy, &catalogue, clock).await?;
        let mut more = find_lost(&self.home, &catalogue).await;
        if let Some(preflight) = self.daily_preflight(&policy, &catalogue, clock).await {
            more.extend(preflight.outcomes);
            report.metrics.extend(preflight.metrics);
        }
        more.extend(self.clear_scratch(clock).await);
        for entry in restore_tests(&policy.document, &catalogue, clock.now()) {
            if clock.remaining() < STOP_BEFORE_END {
                break;
            }
            more.push(self.restore_test(&entry.id, &policy.document, clock).await);
        }
        let order = scrub_order(&catalogue, clock.now());
        more.extend(self.scrub_all(&self.home, "", order, clock).await);
        for (replica, region) in &self.replicas {
            more.extend(self.scrub_replica(replica, region, clock).await);
        }
        let damaged = more
            .iter()
            .filter_map(|outcome| outcome.details.get("damages").and_then(Value::as_u64))
            .sum::<u64>();
        report.outcomes.extend(more);
        let mut whole = Report::of(Self::NAME, report.outcomes);
        whole.notes = policy.notes();
        whole.metrics = report.metrics;
        whole.metrics.insert(
            "DamagedObjects".to_owned(),
            f64::from(u32::try_from(damaged).unwrap_or(u32::MAX)),
        );
        Ok(whole)
    }

    /// Does what a person asks for.
    ///
    /// # Errors
    /// The request names no point that there is, or the home vault cannot be read.
    pub async fn run_request<C: Clock>(&self, request: Request, clock: &C) -> Result<Report, Failure> {
        let catalogue = Catalogue::read(&self.home).await?;
        match request {
            Request::Comply => {
                let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
                let mut report = self.check_promises(&policy, &catalogue, clock).await?;
                report.notes = policy.notes();
                Ok(report)
            }
            Request::Explain(subject) => {
                let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
                let mut report = self.explain(&subject, &policy, &catalogue, clock).await?;
                report.notes = policy.notes();
                Ok(report)
            }
            Request::Preflight => {
                let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
                let mut report = self.run_preflight(&policy, &catalogue, clock.now()).await;
                report.notes = policy.notes();
                Ok(report)
            }
            Request::Scrub(subject) => {
                let entries = chosen(&catalogue, &subject, clock.now())?;
                Ok(Report::of(
                    Self::NAME,
                    self.scrub_all(&self.home, "", entries, clock).await,
                ))
            }
            Request::RestoreTest(subject) => {
                let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
                let mut outcomes = Vec::new();
                for entry in chosen(&catalogue, &subject, clock.now())? {
                    outcomes.push(self.restore_test(&entry.id, &policy.document, clock).await);
                }
                Ok(Report::of(Self::NAME, outcomes))
            }
        }
    }

    async fn scrub_replica<C: Clock>(&self, replica: &V, region: &Region, clock: &C) -> Vec<Outcome> {
        let prefix = format!("{region}: ");
        match Catalogue::read(replica).await {
            Ok(catalogue) => {
                self.scrub_all(replica, &prefix, scrub_order(&catalogue, clock.now()), clock)
                    .await
            }
            // Before the first replication there is no replica vault.
            Err(PortError::NotFound(_)) => Vec::new(),
            Err(error) => {
                let message = format!("the replica vault cannot be listed: {error}");
                vec![Outcome::new(format!("{prefix}vault"), OutcomeStatus::Failed, message)]
            }
        }
    }

    async fn scrub_all<C: Clock>(&self, vault: &V, prefix: &str, entries: Vec<&PointEntry>, clock: &C) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for entry in entries {
            if clock.remaining() < STOP_BEFORE_END {
                outcomes.push(Outcome::new(
                    format!("{prefix}{}", entry.id),
                    OutcomeStatus::Continuing,
                    "time ran out; its turn comes first at the next tick",
                ));
                break;
            }
            let outcome = self.scrub(vault, &entry.id, clock).await.unwrap_or_else(|error| {
                Outcome::new(
                    &entry.id,
                    OutcomeStatus::Failed,
                    format!("could not be verified: {error}"),
                )
            });
            outcomes.push(Outcome {
                subject: format!("{prefix}{}", outcome.subject),
                ..outcome
            });
        }
        outcomes
    }

    async fn scrub<C: Clock>(&self, vault: &V, point: &PointId, clock: &C) -> Result<Outcome, PortError> {
        let scrub = match read_manifest(vault, point).await {
            Ok(manifest) => {
                let mut scrub = scrub_point(vault, &manifest).await?;
                scrub.damages.extend(self.managed_damage(&manifest).await?);
                scrub
            }
            Err(PortError::Corrupt(why)) => {
                let fact = Fact::Damaged(DamagedFact {
                    key: layout::manifest(point),
                    why: why.clone(),
                });
                write_fact(vault, point, &fact, clock.now()).await?;
                return Ok(Outcome::new(point, OutcomeStatus::Failed, why)
                    .with("damages", 1)
                    .with(NOTICE, Notice::Damaged.as_str()));
            }
            Err(error) => return Err(error),
        };
        let Some(first) = scrub.damages.first() else {
            write_fact(vault, point, &Fact::Scrubbed(scrub.read.clone()), clock.now()).await?;
            return Ok(Outcome::new(point, OutcomeStatus::Done, "every byte read and proved")
                .with("objects", scrub.read.objects)
                .with("bytes", scrub.read.bytes));
        };
        write_fact(vault, point, &Fact::Damaged(first.clone()), clock.now()).await?;
        let words: Vec<String> = scrub
            .damages
            .iter()
            .map(|damage| format!("{}: {}", damage.key, damage.why))
            .collect();
        let message = format!(
            "damaged; the next snapshot stores what is lost anew: {}",
            words.join("; ")
        );
        Ok(Outcome::new(point, OutcomeStatus::Failed, message)
            .with("damages", scrub.damages.len())
            .with(NOTICE, Notice::Damaged.as_str()))
    }

    /// Removes scratch tables, databases, buckets and file systems of tests that were killed.
    async fn clear_scratch<C: Clock>(&self, clock: &C) -> Vec<Outcome> {
        let mut left = Vec::new();
        for kind in [Kind::DynamodbTable, Kind::RdsInstance, Kind::RdsCluster, Kind::S3Bucket] {
            let found = self.inventory.list(&self.region, kind).await.unwrap_or_default();
            let scratch = found.into_iter().map(|found| found.id);
            let scratch = scratch.filter(|id| id.name.starts_with(SCRATCH_PREFIX));
            left.extend(scratch.map(|id| Left {
                kind,
                id: id.name.clone(),
                name: id.name,
            }));
        }
        let files = efs::scratch(self.regions.files(), &self.region)
            .await
            .unwrap_or_default();
        left.extend(files.into_iter().map(|found| Left {
            kind: Kind::EfsFileSystem,
            id: found.id,
            name: found.name,
        }));
        let mut outcomes = Vec::new();
        for found in &left {
            let name = found.name.as_str();
            let result = self.clear_one(found, clock).await;
            match result {
                Ok(true) => outcomes.push(Outcome::new(
                    name,
                    OutcomeStatus::Done,
                    "left by a killed test, removed",
                )),
                Ok(false) => {}
                Err(error) => {
                    outcomes.push(Outcome::new(
                        name,
                        OutcomeStatus::Failed,
                        format!("left by a killed test: {error}"),
                    ));
                }
            }
        }
        outcomes
    }

    async fn clear_one<C: Clock>(&self, found: &Left, clock: &C) -> Result<bool, PortError> {
        let name = found.name.as_str();
        let work = format!("{}{}/", layout::TESTS, name.trim_start_matches(SCRATCH_PREFIX));
        let newest = keys(&self.home, &work)
            .await?
            .into_iter()
            .map(|info| info.modified_at)
            .max();
        if newest.is_some_and(|newest| clock.now().duration_since(newest) < SCRATCH_DEAD_AFTER) {
            return Ok(false);
        }
        match DatabaseKind::of(found.kind) {
            None if found.kind == Kind::S3Bucket => {
                return drop_bucket(self.regions.buckets(), clock, &self.region, name).await;
            }
            None if found.kind == Kind::EfsFileSystem => {
                let files = self.regions.files();
                files.drop_scratch_file_system(&self.region, &found.id).await?;
            }
            None => self.tables.drop_scratch_table(name).await?,
            Some(kind) => {
                let databases = self.regions.databases(&self.region);
                databases.drop_scratch_database(kind, name).await?;
            }
        }
        Ok(true)
    }
}

/// A scratch resource that stands.
struct Left {
    kind: Kind,
    /// What its test calls it.
    name: String,
    /// What its service calls it.
    id: String,
}

/// Points whose manifest is gone although nobody decided so.
async fn find_lost<V: VaultPorts>(vault: &V, catalogue: &Catalogue) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for point in &catalogue.lost {
        let message = match is_lost(vault, point).await {
            Ok(false) => continue,
            Ok(true) => format!(
                "its manifest {} is gone, and no prune removed it: bring the object's last version back, or copy it from the \
                 replica",
                layout::manifest(point)
            ),
            Err(error) => format!("its manifest was not found, and could not be looked for again: {error}"),
        };
        outcomes.push(
            Outcome::new(point, OutcomeStatus::Failed, message)
                .with("damages", 1)
                .with(NOTICE, Notice::Damaged.as_str()),
        );
    }
    outcomes
}

fn chosen<'a>(catalogue: &'a Catalogue, subject: &Subject, now: Timestamp) -> Result<Vec<&'a PointEntry>, Failure> {
    let found: Vec<&PointEntry> = match subject {
        Subject::All => return Ok(catalogue.points.iter().filter(|entry| !entry.is_tombstoned).collect()),
        Subject::Point(point) => catalogue.get(point).into_iter().collect(),
        Subject::Resource(resource) => newest_good(catalogue, now).get(resource).copied().into_iter().collect(),
    };
    if found.is_empty() {
        return Err(Failure::Port(PortError::NotFound(format!(
            "no such good recovery point: {subject:?}"
        ))));
    }
    Ok(found)
}
