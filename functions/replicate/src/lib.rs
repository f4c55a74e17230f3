//! `replicate` brings committed points into the replica region's vault.
//!
//! Server-side, contents first, manifest last: readers of the replica see whole points or none. What is there already is
//! not copied again, so a run cut short goes on where it stopped, and doing it twice changes nothing.

mod copy;
mod event;
mod everywhere;
mod lag;
mod managed;
mod vaults;

use holdfast_catalog::{Arn, Fact, LockMode, ManagedVault, Outcome, OutcomeStatus, PointId, Region, Report, layout};
use holdfast_lambda::{Failure, PolicyInForce, policy_in_force, residency_breach};
use holdfast_policy::{Breach, Copies, Document};
use holdfast_sources::managed::port::{
    CreateBackupVaults, ReadBackupVaults, ReadBackups, ReadCopies, ReadRecoveryPoints, StartCopies,
};
use holdfast_sources::preflight::port::ReadKeys;
use holdfast_vault::port::{Clock, CopyObjects, ListObjects, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::replica::{MakeReplica, ReplicaSpec, ReplicateKeys};
use holdfast_vault::{Catalogue, PointEntry, PortError, ports, read_manifest, write_fact_as};
use jiff::SignedDuration;

use copy::CopyEnd;
pub use event::{EXAMPLE, PointRequest, Request};
pub use everywhere::Everywhere;
use lag::{Lag, is_copied, is_waiting};
use managed::Queue;
pub use vaults::BackupVaults;

ports! {
    /// What replicate asks of the home vault: it reads, and adds facts.
    pub trait HomePorts: ReadObjects, ListObjects, WriteObjects
}

ports! {
    /// What replicate asks of the replica vault: it reads, adds and locks, it never removes.
    pub trait ReplicaPorts: ReadObjects, ListObjects, WriteObjects, CopyObjects, LockObjects
}

ports! {
    /// Making the replica vault and keys of other regions, and looking at keys before AWS Backup is asked to copy what they encrypt.
    pub trait MakerPorts: MakeReplica, ReplicateKeys, ReadKeys
}

ports! {
    /// What replicate asks of AWS Backup: it starts copy jobs, looks, and makes the vault that they go to.
    pub trait BackupPorts: StartCopies, ReadCopies, ReadBackups, ReadRecoveryPoints, ReadBackupVaults, CreateBackupVaults
}

/// The account, region by region.
pub trait Regions: Send + Sync {
    /// AWS Backup.
    type Backups: BackupPorts;

    /// AWS Backup in a region.
    fn backups(&self, region: &Region) -> Self::Backups;
}

const NAME: &str = "replicate";

/// Copying stops this long before the invocation ends.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(60);

/// What a replication works with.
pub struct Replicate<H, R, M, B> {
    /// The home vault.
    pub home: H,
    /// Its bucket.
    pub home_bucket: String,
    /// The replica vault; its bucket need not be there yet.
    pub replica: R,
    /// What the replica vault is to be.
    pub spec: ReplicaSpec,
    /// All regions that the stack has a replica in, its own first: there go copies that name no region.
    pub replica_regions: Vec<Region>,
    /// Who makes it.
    pub maker: M,
    /// The account.
    pub regions: B,
    /// Where AWS Backup keeps points and what it works with, if the stack has it.
    pub managed: Option<ManagedVault>,
    /// The strongest lock that the stack lets a plan ask for.
    pub strongest_lock: Option<LockMode>,
    /// AWS Backup's vault beside the replica, where that is another account's and has one.
    pub other_backup_vault: Option<Arn>,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<H: HomePorts, R: ReplicaPorts, M: MakerPorts, B: Regions> Replicate<H, R, M, B> {
    /// Copies every point that its plan wants copied and that is not, newest first, as far as time allows.
    ///
    /// # Errors
    /// The home vault cannot be read or the replica vault cannot be made.
    pub async fn run_all<C: Clock>(&self, clock: &C) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
        let catalogue = Catalogue::read(&self.home).await?;
        let mut queue = Queue::new(self.maker.ensure(&self.spec).await?);
        self.copy_policy().await?;

        let mut entries: Vec<&PointEntry> = catalogue.points.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.id.slot));
        let mut outcomes = Vec::new();
        let mut lag = Lag::default();
        for entry in entries {
            let told = self.replicate(entry, &policy, &mut queue, clock).await;
            if !entry.is_tombstoned {
                lag.sees(entry, &policy.document, clock.now());
            }
            if self.has_copy(entry) || told.iter().any(is_copied) {
                lag.copied(entry);
            }
            if told.iter().any(is_waiting) {
                lag.waits(entry, clock.now());
            }
            outcomes.extend(told);
        }
        let waiting = outcomes.iter().filter(|outcome| is_waiting(outcome)).count();
        let mut report = Report::of(NAME, outcomes);
        report.notes = policy.notes();
        report.metrics.insert(
            "UnreplicatedPoints".to_owned(),
            f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)),
        );
        report.metrics.extend(lag.metrics(&self.spec.region, clock.now()));
        Ok(report)
    }

    /// Copies one point, if its plan wants it copied and it is not.
    ///
    /// # Errors
    /// There is no such point, or the replica vault cannot be made.
    pub async fn run_point<C: Clock>(&self, point: &PointId, clock: &C) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
        let entry = PointEntry::read(&self.home, point).await?;
        let mut outcomes = Vec::new();
        if self.wanted(&entry, &policy).is_any() {
            let mut queue = Queue::new(self.maker.ensure(&self.spec).await?);
            outcomes = self.replicate(&entry, &policy, &mut queue, clock).await;
        }
        if outcomes.is_empty() {
            let message = "copied before, or not to be copied";
            outcomes.push(Outcome::new(point, OutcomeStatus::Unchanged, message));
        }
        Ok(Report::of(NAME, outcomes))
    }

    /// Whether a point that stays has a complete copy here.
    fn has_copy(&self, entry: &PointEntry) -> bool {
        let is_copied = entry
            .copied_to(&self.spec.region, self.replica_regions.first())
            .is_some();
        is_copied && !entry.is_tombstoned && !entry.is_damaged()
    }

    fn wanted(&self, entry: &PointEntry, policy: &PolicyInForce) -> Wanted {
        let (here, own) = (&self.spec.region, self.replica_regions.first());
        if entry.is_tombstoned || entry.is_damaged() || entry.copied_to(here, own).is_some() {
            return Wanted::default();
        }
        // A point of a plan that is not in the policy (any more) is copied like the others: unknown means keep.
        let Some(plan) = policy.document.plan(&entry.id.plan) else {
            return Wanted {
                copy: self.is_own(),
                elsewhere: Vec::new(),
            };
        };
        let destinations = plan.destinations(own);
        let mut wanted = Wanted {
            copy: destinations.iter().any(|destination| destination.region == here),
            elsewhere: Vec::new(),
        };
        if self.is_own() {
            let regions = destinations.iter().map(|destination| destination.region);
            let nowhere = regions.filter(|region| !self.replica_regions.contains(region));
            wanted.elsewhere = nowhere.cloned().collect();
        }
        wanted
    }

    /// Whether this is the stack's own replica, where copies go that name no region.
    fn is_own(&self) -> bool {
        self.replica_regions.first() == Some(&self.spec.region)
    }

    /// The word of the fact that a copy is complete here.
    fn word(&self) -> String {
        match self.is_own() {
            true => "replicated".to_owned(),
            false => layout::replicated_to(&self.spec.region),
        }
    }

    fn elsewhere(&self, point: &PointId, region: &Region) -> Outcome {
        let message = format!(
            "not copied: plan {} wants a copy in {region}, and the stack has no replica there; deploy it with that region among \
             MoreReplicaRegions, or change the plan",
            point.plan
        );
        Outcome::new(point, OutcomeStatus::Failed, message)
    }

    /// Copies a point to where its plan wants it; no outcome if there is nothing to do.
    async fn replicate<C: Clock>(
        &self,
        entry: &PointEntry,
        policy: &PolicyInForce,
        queue: &mut Queue,
        clock: &C,
    ) -> Vec<Outcome> {
        let point = &entry.id;
        let wanted = self.wanted(entry, policy);
        let mut outcomes: Vec<Outcome> = wanted
            .elsewhere
            .iter()
            .map(|region| self.elsewhere(point, region))
            .collect();
        if !wanted.copy {
            return outcomes;
        }
        if clock.remaining() < STOP_BEFORE_END {
            outcomes.push(out_of_time(point));
            return outcomes;
        }
        let failed = |error: PortError| {
            let message = format!("not copied: {error}; the next tick goes on");
            Outcome::new(point, OutcomeStatus::Failed, message)
        };
        match self.refusal(point, &policy.document).await {
            Ok(None) => outcomes.push(
                self.copy_and_note(point, &policy.document, queue, clock)
                    .await
                    .unwrap_or_else(failed),
            ),
            // What the policy itself keeps here without having named a copy there is as it should be.
            Ok(Some(_))
                if policy
                    .document
                    .plan(&point.plan)
                    .is_some_and(|plan| plan.copies == Copies::Default) => {}
            Ok(Some(breach)) => outcomes.push(Outcome::new(
                point,
                OutcomeStatus::Failed,
                format!("not copied: {breach}; change the plan's copies or the residency"),
            )),
            Err(error) => outcomes.push(failed(error)),
        }
        outcomes
    }

    /// Why the resource's bytes may not be written in the replica's region, by the policy that is in force now and by what the
    /// resource was when the point was made. Asked right before they would be.
    async fn refusal(&self, point: &PointId, document: &Document) -> Result<Option<Breach>, PortError> {
        let plan = document.plan(&point.plan);
        if document.residency.is_empty() && plan.is_none_or(|plan| plan.residency.is_none()) {
            return Ok(None);
        }
        let manifest = read_manifest(&self.home, point).await?;
        Ok(residency_breach(document, &manifest, &self.spec.region))
    }

    async fn copy_and_note<C: Clock>(
        &self,
        point: &PointId,
        document: &Document,
        queue: &mut Queue,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let manifest = read_manifest(&self.home, point).await?;
        if let Some(managed) = &manifest.managed {
            return self.copy_managed(&manifest, managed, document, queue, clock).await;
        }
        match self.copy_manifest(&manifest, clock).await? {
            CopyEnd::OutOfTime => Ok(out_of_time(point)),
            CopyEnd::PrunedThere => Ok(pruned_there(point)),
            CopyEnd::Complete { copied, lock_shortfall } => {
                let fact = copied.fact(&self.spec.region, &self.spec.bucket);
                let outcome = match lock_shortfall {
                    None => Outcome::new(point, OutcomeStatus::Done, ""),
                    Some(shortfall) => Outcome::new(point, OutcomeStatus::Partial, shortfall),
                };
                let outcome = outcome
                    .with("objects", fact.objects)
                    .with("copied_objects", fact.copied_objects)
                    .with("copied_bytes", fact.copied_bytes)
                    .with("region", fact.region.as_str());
                write_fact_as(&self.home, point, &self.word(), &Fact::Replicated(fact), clock.now()).await?;
                Ok(outcome)
            }
        }
    }

    /// The replica must be enough to go on from: it gets the policy too.
    async fn copy_policy(&self) -> Result<(), PortError> {
        for key in [self.policy_key.as_str(), layout::LAST_GOOD_POLICY] {
            let here = match self.home.get(key).await {
                Ok(text) => text,
                Err(PortError::NotFound(_)) => continue,
                Err(error) => return Err(error),
            };
            let there = match self.replica.get(key).await {
                Ok(text) => Some(text),
                Err(PortError::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            if there.as_ref() != Some(&here) {
                self.replica.overwrite(key, here).await?;
            }
        }
        Ok(())
    }
}

/// Where a point is to be copied to.
#[derive(Debug, Default)]
struct Wanted {
    /// To the stack's replica region.
    copy: bool,
    /// To regions where the stack has no replica.
    elsewhere: Vec<Region>,
}

impl Wanted {
    fn is_any(&self) -> bool {
        self.copy || !self.elsewhere.is_empty()
    }
}

fn pruned_there(point: &PointId) -> Outcome {
    let message = "was pruned in the replica and is not brought back";
    Outcome::new(point, OutcomeStatus::Unchanged, message)
}

fn out_of_time(point: &PointId) -> Outcome {
    Outcome::new(point, OutcomeStatus::Continuing, "time ran out; the next tick goes on")
}
