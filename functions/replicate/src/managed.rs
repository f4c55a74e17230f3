//! Copies of points of AWS Backup: a copy job each, in its turn, followed to its end; then settings and manifest.

use std::collections::BTreeMap;

use holdfast_catalog::{
    Arn, LockMode, ManagedPoint, ManagedVault, Manifest, Outcome, OutcomeStatus, PointId, Region, layout,
};
use holdfast_policy::{Document, Engine};
use holdfast_sources::managed::port::{BackupVault, ReadBackupVaults as _};
use holdfast_sources::managed::{
    Copied, CopyNews, CopyOrder, CopyQuotas, Destination, JobInFlight, Lifecycle, Turn, VaultSpec, WantedCopy,
    WantedLock, copy, ensure_vault, is_copy_job, jobs_in_flight, next_copies, note_copy,
};
use holdfast_vault::port::Clock;
use holdfast_vault::replica::ReplicaReady;
use holdfast_vault::{Catalogue, PortError, keys};

use crate::copy::CopyEnd;
use crate::{HomePorts, MakerPorts, Regions, ReplicaPorts, Replicate, out_of_time, pruned_there};

/// Days that a new lock can be taken off again before nobody can any more (the shortest that AWS Backup allows).
pub(crate) const CHANGEABLE_FOR_DAYS: u32 = 3;

/// What is said where the other account has no vault for what AWS Backup keeps.
const NO_VAULT_ELSEWHERE: &str = "not copied: the other account has no vault of AWS Backup; deploy destination.yaml there with \
    AwsBackup=enabled and give this stack its output BackupVault as OtherAccountBackupVault, or leave that region out of the plan's copies";

/// What one run knows of AWS Backup: jobs are listed once, and those that it starts are counted.
pub(crate) struct Queue {
    /// The replica's key, in its region; none where another account has made the replica.
    key_arn: Option<String>,
    /// By the region that they run in, which is their source's.
    running: BTreeMap<Region, Vec<JobInFlight>>,
}

/// Where copies go.
struct There {
    arn: Arn,
    /// As it stands; another account's cannot be looked at.
    vault: Option<BackupVault>,
    /// Why it is not locked as it should be.
    lock_shortfall: Option<String>,
}

impl Queue {
    pub(crate) fn new(ready: ReplicaReady) -> Self {
        Queue {
            key_arn: Some(ready.key_arn).filter(|arn| !arn.is_empty()),
            running: BTreeMap::new(),
        }
    }
}

impl<H: HomePorts, R: ReplicaPorts, M: MakerPorts, B: Regions> Replicate<H, R, M, B> {
    /// The point that a job of ours is copying here. A job that is not written down yet is not found, and neither is one whose copy is
    /// complete: there is nothing left to do for it.
    pub(crate) async fn point_of(&self, news: &CopyNews) -> Result<Option<PointId>, PortError> {
        let Some(vault_arn) = &news.vault_arn else {
            return Ok(None);
        };
        if vault_arn.region() != self.spec.region.as_str() {
            return Ok(None);
        }
        let catalogue = Catalogue::read(&self.home).await?;
        // Newest first, as they are copied: mostly the first look finds it.
        for entry in catalogue.points.iter().rev() {
            let may_be_it = news.job.is_about(&entry.id.resource.name) && !self.has_copy(entry);
            if may_be_it && is_copy_job(&self.home, &entry.id, vault_arn, &news.job.job_id).await? {
                return Ok(Some(entry.id.clone()));
            }
        }
        Ok(None)
    }

    /// Does what is to be done now for the copy of a point of AWS Backup.
    pub(crate) async fn copy_managed<C: Clock>(
        &self,
        manifest: &Manifest,
        managed: &ManagedPoint,
        document: &Document,
        queue: &mut Queue,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let point = &manifest.point;
        let told = |status, message: String| Outcome::new(point, status, message);
        if self.is_pruned_there(point).await? {
            return Ok(pruned_there(point));
        }
        let Some(stack) = &self.managed else {
            let message =
                "not copied: the stack has no vault of AWS Backup; deploy it with the parameter AwsBackup=enabled";
            return Ok(told(OutcomeStatus::Failed, message.to_owned()));
        };
        let from = self.regions.backups(&point.resource.region);
        let to = self.regions.backups(&self.spec.region);
        let Some(there) = self.vault_there(stack, managed, queue, point).await? else {
            return Ok(told(OutcomeStatus::Failed, NO_VAULT_ELSEWHERE.to_owned()));
        };
        if let Turn::Wait { why } = self.turn(&from, manifest, managed, &there.arn, queue).await? {
            return Ok(told(OutcomeStatus::Continuing, format!("not copied yet: {why}")));
        }
        let lock = there.vault.as_ref().and_then(|vault| vault.lock);
        let (lifecycle, of_lifecycle) = lifecycle_of(manifest, document).within(lock);
        let shortfalls = there.lock_shortfall.into_iter().chain(of_lifecycle);
        let shortfalls: Vec<String> = shortfalls.collect();
        let destination = Destination {
            vault_arn: there.arn,
            vault: there.vault,
            key: None,
            // Residency was asked for right before.
            allowed_regions: None,
            lifecycle,
        };
        let order = CopyOrder {
            manifest,
            destination: &destination,
            role_arn: &stack.role_arn,
        };
        match copy(&from, &to, &self.maker, &self.home, clock, &order).await {
            // A quota that others have used up is no failure: what waits is measured.
            Err(PortError::Throttled(why)) => Ok(told(OutcomeStatus::Continuing, format!("not copied yet: {why}"))),
            Err(error) => Err(error),
            Ok(Copied::Refused(refusal)) => Ok(told(OutcomeStatus::Failed, format!("not copied: {refusal}"))),
            Ok(Copied::Failed { why }) => Ok(told(OutcomeStatus::Failed, format!("not copied: {why}"))),
            Ok(Copied::Continuing { attempt, job_id }) => {
                let message = format!("AWS Backup is copying it (job {job_id}, attempt {attempt})");
                Ok(told(OutcomeStatus::Continuing, message))
            }
            Ok(Copied::Done(copied)) => {
                let done = self.finish(manifest, &destination.vault_arn, *copied, clock).await?;
                Ok(short_of(done, (!shortfalls.is_empty()).then(|| shortfalls.join("; "))))
            }
        }
    }

    /// The vault that copies go to: one of this account, which is made if it is missing, or the other account's, if that has one.
    async fn vault_there(
        &self,
        stack: &ManagedVault,
        managed: &ManagedPoint,
        queue: &Queue,
        point: &PointId,
    ) -> Result<Option<There>, PortError> {
        let Some(key_arn) = &queue.key_arn else {
            return Ok(self.other_backup_vault.clone().map(|arn| There {
                arn,
                vault: None,
                lock_shortfall: None,
            }));
        };
        let from = self.regions.backups(&point.resource.region);
        let at_home = from.backup_vault(&managed.backup_vault).await?;
        let spec = VaultSpec {
            name: stack.backup_vault.clone(),
            key_arn: parse(key_arn)?,
            lock: lock_like(&at_home, self.strongest_lock),
        };
        let ready = ensure_vault(&self.regions.backups(&self.spec.region), &spec).await?;
        let shortfall = |words| format!("the vault of AWS Backup there: {words}");
        Ok(Some(There {
            arn: ready.vault.arn.clone(),
            vault: Some(ready.vault),
            lock_shortfall: ready.lock_shortfall.map(shortfall),
        }))
    }

    /// Settings, then the manifest that names the copy, then the fact: a reader in the replica's region needs nothing from home.
    async fn finish<C: Clock>(
        &self,
        manifest: &Manifest,
        vault_arn: &Arn,
        copied: ManagedPoint,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let point = &manifest.point;
        let there = Manifest {
            managed: Some(copied.clone()),
            ..manifest.clone()
        };
        match self.copy_manifest(&there, clock).await? {
            CopyEnd::OutOfTime => Ok(out_of_time(point)),
            CopyEnd::PrunedThere => Ok(pruned_there(point)),
            CopyEnd::Complete { lock_shortfall, .. } => {
                note_copy(&self.home, clock, point, &self.word(), vault_arn, &copied).await?;
                let outcome = short_of(Outcome::new(point, OutcomeStatus::Done, ""), lock_shortfall);
                Ok(outcome
                    .with("copied_bytes", copied.bytes)
                    .with("recovery_point", copied.recovery_point_arn.as_str())
                    .with("region", self.spec.region.as_str()))
            }
        }
    }

    /// Whether it is this copy's turn. One that was started is followed whatever else runs.
    async fn turn(
        &self,
        from: &B::Backups,
        manifest: &Manifest,
        managed: &ManagedPoint,
        vault_arn: &Arn,
        queue: &mut Queue,
    ) -> Result<Turn, PortError> {
        let marks = layout::copy_work(&manifest.point, vault_arn);
        if !keys(&self.home, &marks).await?.is_empty() {
            return Ok(Turn::Start);
        }
        let region = &manifest.point.resource.region;
        if !queue.running.contains_key(region) {
            queue.running.insert(region.clone(), jobs_in_flight(from).await?);
        }
        let running = queue.running.entry(region.clone()).or_default();
        let wanted = WantedCopy {
            resource_arn: manifest.arn.clone(),
            recovery_point_arn: managed.recovery_point_arn.clone(),
            destination_vault_arn: vault_arn.clone(),
        };
        // A job that was started by a run that was killed: the same token finds it.
        let is_this = |job: &JobInFlight| {
            job.recovery_point_arn.as_ref() == Some(&wanted.recovery_point_arn)
                && job.destination_vault_arn.as_ref() == Some(vault_arn)
        };
        if running.iter().any(is_this) {
            return Ok(Turn::Start);
        }
        let turns = next_copies(std::slice::from_ref(&wanted), running, CopyQuotas::default());
        let turn = turns.into_iter().next().unwrap_or(Turn::Start);
        if turn == Turn::Start {
            running.push(JobInFlight {
                resource_arn: wanted.resource_arn,
                destination_vault_arn: Some(wanted.destination_vault_arn),
                recovery_point_arn: Some(wanted.recovery_point_arn),
            });
        }
        Ok(turn)
    }
}

/// A copy that was made, and is not locked as it should be.
fn short_of(outcome: Outcome, shortfall: Option<String>) -> Outcome {
    let is_made = matches!(outcome.status, OutcomeStatus::Done | OutcomeStatus::Partial);
    let Some(shortfall) = shortfall.filter(|_| is_made) else {
        return outcome;
    };
    let told = [outcome.message.as_str(), &shortfall];
    let told: Vec<&str> = told.into_iter().filter(|text| !text.is_empty()).collect();
    Outcome {
        status: OutcomeStatus::Partial,
        message: told.join("; "),
        ..outcome
    }
}

/// The lock of a vault that copies go to, or points of another region: as firm as the one at home, and for good only where the stack
/// still says so.
pub(crate) fn lock_like(home: &BackupVault, strongest: Option<LockMode>) -> Option<WantedLock> {
    home.lock.map(|lock| WantedLock {
        min_days: lock.min_days,
        max_days: lock.max_days,
        changeable_for_days: lock
            .immutable_from
            .filter(|_| strongest == Some(LockMode::Compliance))
            .map(|_| CHANGEABLE_FOR_DAYS),
    })
}

/// How long the copy lives by AWS Backup's own doing: as long as its source, or for ever where the plan is not known any more.
fn lifecycle_of(manifest: &Manifest, document: &Document) -> Lifecycle {
    match document.plan(&manifest.point.plan).map(|plan| plan.engine) {
        Some(Engine::AwsBackup(managed)) => Lifecycle {
            cold_after_days: managed.cold_after_days,
            delete_after_days: managed.delete_after_days,
        },
        Some(Engine::Vault) | None => Lifecycle::FOR_EVER,
    }
}

fn parse(arn: &str) -> Result<Arn, PortError> {
    arn.parse()
        .map_err(|error: holdfast_catalog::CatalogError| PortError::Invalid(error.to_string()))
}
