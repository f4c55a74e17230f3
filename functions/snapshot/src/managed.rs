//! Points that AWS Backup makes: settle what is asked for, then follow the job at every tick until it has ended.

use holdfast_catalog::{Kind, ManagedVault, Outcome, OutcomeStatus, PointId, layout};
use holdfast_policy::{Engine, Managed};
use holdfast_sources::managed::continuous::PLAN_TAG;
use holdfast_sources::managed::port::{BackupVault, ReadBackupVaults as _};
use holdfast_sources::managed::{self, BackupSettings, JobNews, Lifecycle, ReadResource, S3Extras, Worked, give_up};
use holdfast_sources::rds::DatabaseKind;
use holdfast_sources::{dynamodb, efs, rds, s3};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;

use crate::lock::{SettledLock, vault_shortfall};
use crate::run::{committed, continuing};
use crate::{InventoryPorts, Recorded, Regions, SignalPorts, Snapshot, VaultPorts};

impl<V: VaultPorts, I: InventoryPorts, R: Regions, Q: SignalPorts> Snapshot<V, I, R, Q> {
    /// Settles what AWS Backup is asked for. If somebody else has begun the same run, theirs counts. An outcome when it cannot be
    /// begun yet: nothing is settled then, and the next tick tries again.
    pub(crate) async fn begin_managed<C: Clock>(
        &self,
        point: &PointId,
        managed: &Managed,
        policy: &Recorded<'_>,
        lock: SettledLock,
        clock: &C,
    ) -> Result<Option<Outcome>, PortError> {
        let stack = self.managed_vault()?;
        let (name, region) = (&stack.backup_vault, &point.resource.region);
        // Looked at, because a job that its lock does not take fails days later.
        let vault = match self.regions.backups(region).backup_vault(name).await {
            Ok(vault) => vault,
            Err(PortError::NotFound(_)) if *region != self.region => {
                let message = format!(
                    "there is no vault {name} of AWS Backup in {region} yet; replicate makes it, and the next tick begins"
                );
                return Ok(Some(continuing(point, &message)));
            }
            Err(PortError::NotFound(_)) => {
                let message = format!(
                    "there is no vault {name} of AWS Backup in {region}: deploy the stack with the parameter AwsBackup=enabled"
                );
                return Err(PortError::Invalid(message));
            }
            Err(error) => return Err(error),
        };
        let asked = Lifecycle {
            cold_after_days: managed.cold_after_days,
            delete_after_days: managed.delete_after_days,
        };
        let (lifecycle, of_lifecycle) = asked.within(vault.lock);
        let document = &policy.in_force.document;
        let of_vault = document
            .plan(&point.plan)
            .and_then(|plan| vault_shortfall(document, plan, self.strongest_lock, vault.lock, lifecycle));
        let shortfalls = lock.shortfall.into_iter().chain(of_vault).chain(of_lifecycle);
        let shortfalls: Vec<String> = shortfalls.collect();
        let lock = SettledLock {
            shortfall: (!shortfalls.is_empty()).then(|| shortfalls.join("; ")),
            ..lock
        };
        let settings = settings_of(point, managed, lifecycle, stack, &vault);
        let resource = self.read_resource(point, policy, lock, clock).await?;
        managed::begin(&self.vault, clock, point, resource, &settings).await?;
        Ok(None)
    }

    fn managed_vault(&self) -> Result<&ManagedVault, PortError> {
        self.managed.as_ref().ok_or_else(|| {
            PortError::Invalid(
                "the stack has no vault of AWS Backup: deploy it with the parameter AwsBackup=enabled".to_owned(),
            )
        })
    }

    async fn read_resource<C: Clock>(
        &self,
        point: &PointId,
        policy: &Recorded<'_>,
        lock: SettledLock,
        clock: &C,
    ) -> Result<ReadResource, PortError> {
        let vault = self.vault.locking(lock.lock);
        let name = &point.resource.name;
        let region = &point.resource.region;
        let (arn, tags, blob, not_protected) = if let Some(kind) = DatabaseKind::of(point.resource.kind) {
            let databases = self.regions.databases(region);
            let begun = rds::begin(&databases, &vault, clock, kind, name).await?;
            let reading = begun.reading;
            (
                reading.arn,
                reading.config.shared().tags.clone(),
                begun.blob,
                reading.unreadable,
            )
        } else if point.resource.kind == Kind::DynamodbTable {
            let begun = dynamodb::snapshot::begin(&self.regions.tables(region), &vault, clock, name).await?;
            let reading = begun.reading;
            let arn = reading.arn.parse();
            let arn = arn.map_err(|error: holdfast_catalog::CatalogError| PortError::Invalid(error.to_string()))?;
            (arn, reading.config.tags, begun.blob, reading.unreadable)
        } else if point.resource.kind == Kind::S3Bucket {
            let begun = s3::begin(&self.inventory, &vault, clock, region, name).await?;
            let reading = begun.reading;
            (begun.arn, reading.document.tags, begun.blob, reading.not_protected)
        } else if point.resource.kind == Kind::EfsFileSystem {
            let begun = efs::begin(&self.inventory, &vault, clock, region, name).await?;
            let reading = begun.reading;
            (reading.arn, reading.document.tags, begun.blob, reading.not_protected)
        } else {
            return Err(not_made(Engine::AwsBackup(Managed::default()), point.resource.kind));
        };
        Ok(ReadResource {
            arn,
            tags,
            blobs: vec![blob, policy.blob.clone()],
            policy_sha256: policy.blob.sha256,
            lock: lock.lock,
            lock_shortfall: lock.shortfall,
            not_protected,
        })
    }

    /// Looks after the run of a job that has news. What is said of the job is not believed: the run is followed as by a tick,
    /// so an event that comes twice, late, out of order or not at all changes nothing.
    pub(crate) async fn hear<C: Clock>(&self, news: &JobNews, clock: &C) -> Result<Outcome, PortError> {
        let Some(point) = managed::run_of_job(&self.vault, news).await? else {
            let message = "no run here has this job of AWS Backup: nothing to do";
            return Ok(Outcome::new(&news.job_id, OutcomeStatus::Unchanged, message));
        };
        if has_ended(self.vault.head(&layout::ended(&point)).await)? {
            let message = "the run of this job of AWS Backup is over";
            return Ok(Outcome::new(&point, OutcomeStatus::Unchanged, message));
        }
        Ok(self.settle(&point, self.work(&point, None, clock).await))
    }

    /// Does what is to be done for a run of AWS Backup now.
    pub(crate) async fn follow<C: Clock>(
        &self,
        point: &PointId,
        lock_shortfall: Option<&str>,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let backups = self.regions.backups(&point.resource.region);
        Ok(match managed::work(&backups, &self.vault, clock, point).await? {
            Worked::Existed => Outcome::new(point, OutcomeStatus::Unchanged, "made before"),
            Worked::Continuing { attempt, job_id } => continuing(
                point,
                &format!("AWS Backup is at it; the next tick looks again (job {job_id}, attempt {attempt})"),
            ),
            Worked::Committed(manifest) => {
                self.announce(point).await;
                let outcome = committed(&manifest, lock_shortfall);
                match &manifest.managed {
                    Some(managed) => outcome
                        .with("bytes", managed.bytes)
                        .with("recovery_point", managed.recovery_point_arn.as_str()),
                    None => outcome,
                }
            }
            Worked::Failed { why } => {
                // Without this the run would be taken up again for ever, and no other one begun.
                give_up(&self.vault, clock, point, &why).await?;
                let message = format!("no recovery point of {}: {why}", point.resource);
                Outcome::new(point, OutcomeStatus::Failed, message)
            }
        })
    }
}

/// How the plan wants its points made.
fn settings_of(
    point: &PointId,
    managed: &Managed,
    lifecycle: Lifecycle,
    stack: &ManagedVault,
    vault: &BackupVault,
) -> BackupSettings {
    BackupSettings {
        backup_vault: stack.backup_vault.clone(),
        lock: vault.lock,
        role_arn: stack.role_arn.clone(),
        start_window: managed.start_window,
        complete_window: managed.complete_window,
        lifecycle,
        tags: [(PLAN_TAG.to_owned(), point.plan.to_string())].into(),
        s3: S3Extras {
            without_acls: !managed.acls,
            without_object_tags: !managed.object_tags,
        },
    }
}

fn has_ended<T>(end: Result<T, PortError>) -> Result<bool, PortError> {
    match end {
        Ok(_) => Ok(true),
        Err(PortError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is wrong with asking an engine for a kind.
pub(crate) fn not_made(engine: Engine, kind: Kind) -> PortError {
    let change = match engine {
        Engine::Vault => "name a plan with engine: aws-backup",
        Engine::AwsBackup(_) => "name a plan with engine: vault",
    };
    PortError::Invalid(format!("engine {engine} makes no points of a {kind}: {change}"))
}
