//! Bringing back what AWS Backup keeps: a restore job, then the settings that AWS Backup leaves out.

use holdfast_catalog::{
    Arn, CatalogError, Kind, ManagedPoint, ManagedVault, Manifest, Outcome, OutcomeStatus, ResourceId, Sha256, layout,
};
use holdfast_sources::managed::continuous::covering;
use holdfast_sources::managed::port::ReadRecoveryPoints as _;
use holdfast_sources::managed::{
    BucketOrder, IntoBucket, RestoreOrder, Restored, copies_of, restore_bucket, restore_database, restore_table,
    sibling,
};
use holdfast_sources::rds::DatabaseKind;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::Timestamp;
use serde_json::json;

use crate::event::Existing;
use crate::{Regions, Restore, Vault, VaultPorts, WorkPorts};

/// What a person wants of a point.
pub(crate) struct Wanted<'a> {
    /// What to make of it.
    pub target: &'a ResourceId,
    /// What becomes of a bucket that is there.
    pub existing: Option<Existing>,
    /// The moment to go back to.
    pub moment: Option<Timestamp>,
}

/// Where data comes from.
struct Source {
    from: ManagedPoint,
    /// The moment to go back to, of a continuous point.
    moment: Option<Timestamp>,
    /// What else is to be said.
    note: Option<String>,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Does what is left to do, as far as time allows. Asked again, it goes on with the same job.
    pub(crate) async fn restore_managed<C: Clock>(
        &self,
        vault: &Vault<V>,
        manifest: &Manifest,
        managed: &ManagedPoint,
        wanted: &Wanted<'_>,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let (target, existing) = (wanted.target, wanted.existing);
        let Some(stack) = &self.managed else {
            let message = "the stack has no role for AWS Backup: deploy it with the parameter AwsBackup=enabled";
            return Err(PortError::Invalid(message.to_owned()));
        };
        let continuous = self.continuous_source(manifest, managed, wanted, clock.now()).await?;
        let source = match continuous {
            Ok(source) => source,
            Err(note) => Source {
                from: copy_in(vault, manifest, managed, target, stack).await?,
                moment: None,
                note,
            },
        };
        let new_arn = sibling(&manifest.arn, &target.region, &target.name)
            .map_err(|error: CatalogError| PortError::Invalid(error.to_string()))?;
        // Into a bucket that is there it is another restore than into a new one of that name.
        let (into, suffix) = match existing {
            None => (IntoBucket::New, ""),
            Some(Existing::Objects) => (IntoBucket::Existing { with_settings: false }, " objects"),
            Some(Existing::Everything) => (IntoBucket::Existing { with_settings: true }, " everything"),
        };
        let at = source.moment.map_or(String::new(), |moment| format!(" at {moment}"));
        let identity = format!("{} {} {}{suffix}{at}", manifest.point, target.region, target.name);
        let order = RestoreOrder {
            manifest,
            from: &source.from,
            target: &new_arn,
            role_arn: &stack.role_arn,
            work: &layout::restore_work(&Sha256::of(identity.as_bytes())),
        };
        let backups = self.regions.backups(&target.region);
        let restored = match DatabaseKind::of(target.kind) {
            None if target.kind == Kind::S3Bucket => {
                let order = BucketOrder {
                    restore: &order,
                    region: &target.region,
                    into,
                    moment: source.moment,
                };
                restore_bucket(&backups, self.regions.wiring(), &vault.store, clock, &order).await?
            }
            None => {
                let tables = self.regions.tables(&target.region);
                restore_table(&backups, &tables, &vault.store, clock, &order).await?
            }
            Some(kind) => {
                let databases = self.regions.databases(&target.region);
                restore_database(&backups, &databases, &vault.store, clock, &order, kind).await?
            }
        };
        Ok(source.told(told(restored, manifest, &new_arn, target)))
    }

    /// The continuous point that reaches the wanted moment, or what is to be said where none does.
    async fn continuous_source(
        &self,
        manifest: &Manifest,
        managed: &ManagedPoint,
        wanted: &Wanted<'_>,
        now: Timestamp,
    ) -> Result<Result<Source, Option<String>>, PortError> {
        let lost = &manifest.point.resource;
        let Some(moment) = wanted.moment.filter(|moment| *moment != manifest.point.slot.instant()) else {
            return Ok(Err(None));
        };
        let instead = format!("so this is the point of {}", manifest.point.slot);
        if wanted.target.region != lost.region {
            let note = format!("AWS Backup goes back to a moment in {} only, {instead}", lost.region);
            return Ok(Err(Some(note)));
        }
        let points = self
            .regions
            .backups(&lost.region)
            .recovery_points_of(&manifest.arn)
            .await?;
        let Some(point) = covering(&points, moment, now) else {
            return Ok(Err(Some(format!("no continuous point reaches {moment}, {instead}"))));
        };
        if let Some(command) = rds_command(manifest, wanted.target, moment) {
            return Err(PortError::Invalid(format!(
                "RDS goes back to a moment by itself: {command}; without \"time\" this restores a point"
            )));
        }
        Ok(Ok(Source {
            from: point.managed(None, managed.made_by),
            moment: Some(moment),
            note: None,
        }))
    }
}

impl Source {
    fn told(&self, mut outcome: Outcome) -> Outcome {
        if let Some(note) = &self.note {
            let gap = if outcome.message.is_empty() { "" } else { "; " };
            outcome.message = format!("{}{gap}{note}", outcome.message);
        }
        match self.moment {
            Some(moment) => outcome.with("moment", moment.to_string()),
            None => outcome,
        }
    }
}

/// How a database comes back as it was at a moment: the continuous points of AWS Backup are RDS's own automated backups.
fn rds_command(manifest: &Manifest, target: &ResourceId, moment: Timestamp) -> Option<String> {
    let (region, source, name) = (&target.region, &manifest.point.resource.name, &target.name);
    match DatabaseKind::of(target.kind)? {
        DatabaseKind::Instance => Some(format!(
            "aws rds restore-db-instance-to-point-in-time --region {region} --source-db-instance-identifier {source} \
             --target-db-instance-identifier {name} --restore-time {moment}"
        )),
        DatabaseKind::Cluster => Some(format!(
            "aws rds restore-db-cluster-to-point-in-time --region {region} --source-db-cluster-identifier {source} \
             --db-cluster-identifier {name} --restore-to-time {moment}"
        )),
    }
}

/// AWS Backup restores where a point lies: the point itself, or the copy of it in the target's region. What another account keeps
/// has to come back first.
async fn copy_in<V: VaultPorts>(
    vault: &Vault<V>,
    manifest: &Manifest,
    managed: &ManagedPoint,
    target: &ResourceId,
    stack: &ManagedVault,
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
    if copies.is_empty()
        && let Some(copy) = elsewhere.first()
    {
        return Err(PortError::Invalid(way_back(manifest, copy, stack)));
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
        Restored::Failed { why } => Outcome::new(subject, OutcomeStatus::Failed, format!("not restored: {why}")),
        Restored::Done { settings, took } => crate::outcome_of(subject, &settings)
            .with("point", manifest.point.to_string())
            .with("arn", new_arn.as_str())
            .with("restore_ms", json!(took.as_millis())),
    }
}
