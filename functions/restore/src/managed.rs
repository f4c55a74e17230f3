//! Bringing back what AWS Backup keeps: a restore job, then the settings that AWS Backup leaves out.

use holdfast_catalog::{
    Arn, CatalogError, Kind, ManagedPoint, ManagedVault, Manifest, Outcome, OutcomeStatus, ResourceId, Sha256, layout,
};
use holdfast_sources::managed::{
    BucketOrder, FileSystemOrder, IntoBucket, RestoreOrder, Restored, copies_of, restore_bucket, restore_database,
    restore_file_system, restore_table, sibling,
};
use holdfast_sources::rds::DatabaseKind;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::event::Existing;
use crate::source::Source;
use crate::{Regions, Restore, Vault, VaultPorts, WorkPorts};

/// What is wanted back that AWS Backup keeps.
pub(crate) struct ManagedRestore<'a, V> {
    /// The vault that holds the marks of what is under way, and the settings.
    pub vault: &'a Vault<V>,
    pub manifest: &'a Manifest,
    pub managed: &'a ManagedPoint,
    pub target: &'a ResourceId,
    /// What a bucket that is there gets.
    pub existing: Option<Existing>,
    /// The moment to go back to.
    pub moment: Option<Timestamp>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// How it shall be configured, where that is not as the point says.
    pub document: Option<&'a Value>,
}

impl<V> ManagedRestore<'_, V> {
    /// What there is to say of it.
    ///
    /// # Errors
    /// The target's name is none that an ARN can hold.
    pub fn told(&self, restored: Restored) -> Result<Outcome, PortError> {
        Ok(told(restored, self.manifest, &self.new_arn()?, self.target))
    }

    /// Where the restore's marks lie in the vault.
    pub fn work(&self, source: &Source) -> String {
        // Into a bucket that is there it is another restore than into a new one of that name.
        let suffix = match self.existing {
            None => "",
            Some(Existing::Objects) => " objects",
            Some(Existing::Everything) => " everything",
        };
        let at = source.moment.map_or(String::new(), |moment| format!(" at {moment}"));
        let (point, ResourceId { region, name, .. }) = (&self.manifest.point, self.target);
        layout::restore_work(&Sha256::of(format!("{point} {region} {name}{suffix}{at}").as_bytes()))
    }

    fn new_arn(&self) -> Result<Arn, PortError> {
        let arn = sibling(&self.manifest.arn, &self.target.region, &self.target.name);
        arn.map_err(|error: CatalogError| PortError::Invalid(error.to_string()))
    }
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Does what is left to do, as far as time allows. Asked again, it goes on with the same job.
    pub(crate) async fn restore_managed<C: Clock>(
        &self,
        wanted: &ManagedRestore<'_, V>,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let source = self.source(wanted).await?;
        let restored = self.restore_from(&source, wanted, clock).await?;
        Ok(source.told(wanted.told(restored)?))
    }

    /// The same, in the words of the engine.
    pub(crate) async fn restore_from<C: Clock>(
        &self,
        source: &Source,
        wanted: &ManagedRestore<'_, V>,
        clock: &C,
    ) -> Result<Restored, PortError> {
        let ManagedRestore {
            vault,
            manifest,
            target,
            ..
        } = *wanted;
        let stack = self.managed_vault()?;
        let new_arn = wanted.new_arn()?;
        let into = match wanted.existing {
            None => IntoBucket::New,
            Some(existing) => IntoBucket::Existing {
                with_settings: existing == Existing::Everything,
            },
        };
        let order = RestoreOrder {
            manifest,
            from: &source.from,
            target: &new_arn,
            role_arn: &stack.role_arn,
            work: &wanted.work(source),
            document: wanted.document,
        };
        let backups = self.regions.backups(&target.region);
        match DatabaseKind::of(target.kind) {
            None if target.kind == Kind::S3Bucket => {
                let order = BucketOrder {
                    restore: &order,
                    region: &target.region,
                    into,
                    moment: source.moment,
                };
                restore_bucket(&backups, self.regions.wiring(), &vault.store, clock, &order).await
            }
            None if target.kind == Kind::EfsFileSystem => {
                let order = FileSystemOrder {
                    restore: &order,
                    region: &target.region,
                };
                restore_file_system(&backups, self.regions.wiring(), &vault.store, clock, &order).await
            }
            None => {
                let tables = self.regions.tables(&target.region);
                restore_table(&backups, &tables, &vault.store, clock, &order).await
            }
            Some(kind) => {
                let databases = self.regions.databases(&target.region);
                restore_database(&backups, &databases, &vault.store, clock, &order, kind).await
            }
        }
    }
}

/// AWS Backup restores where a point lies: the point itself, or the copy of it in the target's region. What another account keeps
/// has to come back first.
pub(crate) async fn copy_in<V: VaultPorts>(
    vault: &Vault<V>,
    manifest: &Manifest,
    managed: &ManagedPoint,
    target: &ResourceId,
    stack: &ManagedVault,
    now: Timestamp,
) -> Result<ManagedPoint, PortError> {
    let copies = copies_of(&vault.store, &manifest.point).await?;
    let account = stack.role_arn.account();
    let (copies, elsewhere): (Vec<ManagedPoint>, Vec<ManagedPoint>) = std::iter::once(managed.clone())
        .chain(copies.into_iter().filter_map(|copy| copy.managed))
        .partition(|copy| copy.recovery_point_arn.account() == account);
    let is_there = |copy: &&ManagedPoint| copy.recovery_point_arn.region() == target.region.as_str();
    if let Some(copy) = copies.iter().find(is_there) {
        return Ok(copy.clone());
    }
    if copies.is_empty() {
        let is_over = |copy: &&ManagedPoint| copy.expires_at.is_some_and(|end| end <= now);
        let (ended, standing): (Vec<&ManagedPoint>, Vec<&ManagedPoint>) = elsewhere.iter().partition(is_over);
        if let Some(copy) = standing.first() {
            return Err(PortError::Invalid(way_back(manifest, copy, stack)));
        }
        if let Some(copy) = ended.first() {
            return Err(PortError::NotFound(format!(
                "account {} alone had {}, and AWS Backup has ended it there, as its lifecycle said: choose another point",
                copy.recovery_point_arn.account(),
                manifest.point
            )));
        }
    }
    let regions: Vec<&str> = copies.iter().map(|copy| copy.recovery_point_arn.region()).collect();
    Err(PortError::Invalid(format!(
        "AWS Backup restores where a copy lies, and {} has copies in {} only: choose a target there, or let the plan copy to {}",
        manifest.point,
        regions.join(" and "),
        target.region
    )))
}

/// How a copy comes back that another account keeps: nothing of this account can ask for it there.
fn way_back(manifest: &Manifest, copy: &ManagedPoint, stack: &ManagedVault) -> String {
    let arn = &copy.recovery_point_arn;
    let until = copy.expires_at.map_or(String::new(), |at| format!(" until {at}"));
    format!(
        "account {there} alone has {point}{until}, in {region}: have it copied back by that account, with aws backup start-copy-job \
         --region {region} --recovery-point-arn {arn} --source-backup-vault-name {vault} --destination-backup-vault-arn \
         arn:{partition}:backup:{region}:{here}:backup-vault:{name} --iam-role-arn ROLE, and then restore the copy with AWS Backup",
        there = arn.account(),
        point = manifest.point,
        region = arn.region(),
        vault = copy.backup_vault,
        partition = arn.partition(),
        here = stack.role_arn.account(),
        name = stack.backup_vault,
    )
}

fn told(restored: Restored, manifest: &Manifest, new_arn: &Arn, target: &ResourceId) -> Outcome {
    let subject = target.to_string();
    match restored {
        Restored::Foreign => {
            let fill = match target.kind {
                Kind::S3Bucket => ", or bring back what it lacks with \"existing\": \"objects\" in the target",
                _ => "",
            };
            let message = format!(
                "there is a {} {} in {} already and nothing was changed: choose another target name, or remove it yourself{fill}",
                target.kind, target.name, target.region
            );
            Outcome::new(subject, OutcomeStatus::Failed, message)
        }
        Restored::Before => Outcome::new(subject, OutcomeStatus::Unchanged, "this restore was finished before"),
        Restored::Continuing { what } => Outcome::new(subject, OutcomeStatus::Continuing, what),
        // Tried again it would begin another job.
        Restored::Failed { why } => {
            Outcome::new(subject, OutcomeStatus::Failed, format!("not restored: {why}")).finally()
        }
        Restored::Done { settings, took, made } => crate::outcome_of(subject, &settings)
            .with("point", manifest.point.to_string())
            .with("arn", made.as_ref().unwrap_or(new_arn).as_str())
            .with("restore_ms", json!(took.as_millis())),
    }
}
