//! Where the data of AWS Backup comes from: a copy of the point, or a continuous point as it was at a moment.

use holdfast_catalog::{ManagedPoint, ManagedVault, Manifest, Outcome, ResourceId};
use holdfast_sources::managed::continuous::covering;
use holdfast_sources::managed::port::ReadRecoveryPoints as _;
use holdfast_sources::rds::DatabaseKind;
use holdfast_vault::PortError;
use jiff::Timestamp;

use crate::managed::{ManagedRestore, copy_in};
use crate::{Regions, Restore, VaultPorts, WorkPorts};

/// Where data comes from.
pub(crate) struct Source {
    pub from: ManagedPoint,
    /// The moment to go back to, of a continuous point.
    pub moment: Option<Timestamp>,
    /// What else is to be said.
    note: Option<String>,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// The vault and the role that the stack has for AWS Backup.
    pub(crate) fn managed_vault(&self) -> Result<&ManagedVault, PortError> {
        self.managed.as_ref().ok_or_else(|| {
            let message = "the stack has no role for AWS Backup: deploy it with the parameter AwsBackup=enabled";
            PortError::Invalid(message.to_owned())
        })
    }

    /// Where the data of what is wanted comes from.
    pub(crate) async fn source(&self, wanted: &ManagedRestore<'_, V>) -> Result<Source, PortError> {
        let now = wanted.asked_at;
        let stack = self.managed_vault()?;
        let note = match self.continuous_source(wanted, now).await? {
            Ok(source) => return Ok(source),
            Err(note) => note,
        };
        let from = copy_in(wanted.vault, wanted.manifest, wanted.managed, wanted.target, stack, now).await?;
        Ok(Source {
            from,
            moment: None,
            note,
        })
    }

    /// The continuous point that reaches the wanted moment, or what is to be said where none does.
    async fn continuous_source(
        &self,
        wanted: &ManagedRestore<'_, V>,
        now: Timestamp,
    ) -> Result<Result<Source, Option<String>>, PortError> {
        let manifest = wanted.manifest;
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
            from: point.managed(None, wanted.managed.made_by),
            moment: Some(moment),
            note: None,
        }))
    }
}

impl Source {
    /// The outcome, with what is to be said of where the data came from.
    pub fn told(&self, mut outcome: Outcome) -> Outcome {
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
