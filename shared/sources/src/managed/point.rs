//! A recovery point of AWS Backup and what follows from its shape alone.

use std::fmt;

use holdfast_catalog::{Arn, MadeBy, ManagedPoint};
use jiff::Timestamp;

use super::Lifecycle;

/// How a recovery point stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointStatus {
    /// Whole. `COMPLETED`, and `AVAILABLE`, which the service says of continuous points.
    Completed,
    /// A composite point that lacks some of its members.
    Partial,
    /// A job is writing it.
    Creating,
    /// On its way out, or stuck there.
    Deleting,
    /// Past its time, and the service could not delete it: it stands and costs.
    Expired,
    /// A continuous point that is no longer written to.
    Stopped,
    /// Something that this release does not know.
    Other(String),
}

impl PointStatus {
    /// From the service's word.
    pub fn of(word: &str) -> Self {
        match word {
            "COMPLETED" | "AVAILABLE" => PointStatus::Completed,
            "PARTIAL" => PointStatus::Partial,
            "CREATING" => PointStatus::Creating,
            "DELETING" => PointStatus::Deleting,
            "EXPIRED" => PointStatus::Expired,
            "STOPPED" => PointStatus::Stopped,
            other => PointStatus::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for PointStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PointStatus::Completed => "COMPLETED",
            PointStatus::Partial => "PARTIAL",
            PointStatus::Creating => "CREATING",
            PointStatus::Deleting => "DELETING",
            PointStatus::Expired => "EXPIRED",
            PointStatus::Stopped => "STOPPED",
            PointStatus::Other(word) => word,
        })
    }
}

/// A recovery point as AWS Backup describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryPoint {
    /// Its ARN: AWS Backup's own where it manages the kind fully, else that of a snapshot of the kind's service.
    pub arn: Arn,
    /// The vault that it lies in.
    pub backup_vault: String,
    /// What it is a point of.
    pub resource_arn: Arn,
    /// The kind as AWS Backup names it.
    pub resource_type: String,
    /// How it stands.
    pub status: PointStatus,
    /// `StatusMessage`.
    pub message: Option<String>,
    /// When it was made: a restore brings back what was there then.
    pub created_at: Timestamp,
    /// Its size; 0 where the service does not say.
    pub bytes: u64,
    /// The days of its lifecycle, counted from its creation.
    pub lifecycle: Lifecycle,
    /// When it is removed, by its lifecycle.
    pub expires_at: Option<Timestamp>,
    /// When it moves to cold storage, by its lifecycle.
    pub cold_at: Option<Timestamp>,
    /// Whether it is in cold storage.
    pub is_cold: bool,
    /// The key that encrypts it, where it is encrypted.
    pub key_arn: Option<Arn>,
    /// The backup plan that made it; none for a job that was started by hand or by us.
    pub plan: Option<String>,
}

impl RecoveryPoint {
    /// Whether the point moves on with time instead of standing for one instant.
    pub fn is_continuous(&self) -> bool {
        is_continuous(&self.arn) || self.status == PointStatus::Stopped
    }

    /// Whether AWS Backup keeps the data itself: encrypted with the vault's key and not with the source's, and free to travel.
    pub fn is_fully_managed(&self) -> bool {
        self.arn.service() == "backup" && !is_continuous(&self.arn)
    }

    /// The point as a manifest holds it.
    pub fn managed(&self, job_id: Option<&str>, made_by: MadeBy) -> ManagedPoint {
        ManagedPoint {
            recovery_point_arn: self.arn.clone(),
            backup_vault: self.backup_vault.clone(),
            resource_type: self.resource_type.clone(),
            bytes: self.bytes,
            created_at: self.created_at,
            expires_at: self.expires_at,
            cold_at: self.cold_at,
            job_id: job_id.map(str::to_owned),
            made_by,
        }
    }
}

/// Whether an ARN is that of a continuous point: `…:recovery-point:continuous:…`. No other field tells.
pub fn is_continuous(recovery_point: &Arn) -> bool {
    recovery_point.resource().starts_with("recovery-point:continuous:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_known_and_what_is_new_keeps_its_word() {
        for word in [
            "COMPLETED",
            "PARTIAL",
            "CREATING",
            "DELETING",
            "EXPIRED",
            "STOPPED",
            "NEW",
        ] {
            assert_eq!(PointStatus::of(word).to_string(), word);
        }
        assert_eq!(PointStatus::of("AVAILABLE"), PointStatus::Completed);
    }

    #[test]
    fn a_continuous_point_is_known_by_its_arn() {
        let continuous = |arn: &str| is_continuous(&arn.parse().unwrap());
        assert!(continuous(
            "arn:aws:backup:eu-west-1:111122223333:recovery-point:continuous:db-ABC-1234"
        ));
        assert!(!continuous(
            "arn:aws:backup:eu-west-1:111122223333:recovery-point:1EB3B5E7-9EB0"
        ));
        assert!(!continuous(
            "arn:aws:rds:eu-west-1:111122223333:snapshot:awsbackup:job-continuous"
        ));
    }
}
