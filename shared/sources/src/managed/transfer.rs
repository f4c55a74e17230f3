//! Copies to another vault: whether one can be made, with which lifecycle, and which ones next.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Region};
use holdfast_vault::PortError;
use jiff::Timestamp;
use thiserror::Error;

use super::port::{BackupVault, ReadBackups, ReadCopies};
use super::{Lifecycle, LifecycleFault, PointStatus, RecoveryPoint, days_until};
use crate::key::{KeyFacts, KeyFault};

/// What is known of the vault that a copy goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The vault's ARN: its region and account say how far the copy travels.
    pub vault_arn: Arn,
    /// The vault as it stands; none if there is no such vault, or it is another account's, which shows it to nobody else.
    pub vault: Option<BackupVault>,
    /// The vault's key, where it was looked at.
    pub key: Option<KeyFacts>,
    /// Regions that the plan's residency allows; none if it allows all.
    pub allowed_regions: Option<BTreeSet<Region>>,
    /// How long the copy is to live, counted from the creation of its source.
    pub lifecycle: Lifecycle,
}

/// Why a point cannot be copied. Each ends with what to change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Copies stay within the regions that the policy allows.
    #[error("{region} is not among the regions that the policy allows for this data: choose another destination")]
    Residency {
        /// Where it would have gone.
        region: String,
    },
    /// It is where it would go.
    #[error("it lies in that vault already: choose another vault")]
    SameVault,
    /// Only whole points can be copied.
    #[error("its status is {status} and only a COMPLETED point can be copied: wait, or copy another one")]
    NotCompleted {
        /// How it stands.
        status: PointStatus,
    },
    /// A continuous point stands for no one instant.
    #[error("continuous points cannot be copied: let a periodic plan make a snapshot and copy that")]
    Continuous,
    /// What is in cold storage stays there.
    #[error("it is in cold storage, from which nothing is copied: copy points before they move there")]
    Cold,
    /// DynamoDB's points travel only where AWS Backup manages them fully.
    #[error(
        "it was made without AWS Backup's advanced features for DynamoDB and can never be copied: opt in with \
         update-region-settings --resource-type-management-preference DynamoDB=true; points made from then on can"
    )]
    NotAdvanced,
    /// The key that the point is encrypted with cannot be used.
    #[error("the source's key: {0}")]
    SourceKey(KeyFault),
    /// The key of the destination vault cannot be used.
    #[error("the destination vault's key: {0}")]
    DestinationKey(KeyFault),
    /// AWS-managed keys are not shared with other accounts.
    #[error(
        "it is encrypted with {key}, an AWS-managed key, which no other account can use: encrypt the source with a customer key \
         and share that with account {account}"
    )]
    AwsManagedKey {
        /// The key.
        key: Arn,
        /// The account that the copy would go to.
        account: String,
    },
    /// What nobody here can remove has to end by itself.
    #[error(
        "nothing of this account can look at a copy in account {account} or remove it, so it has to end by itself: give the plan \
         aws_backup: {{delete_after: …}}"
    )]
    NoEnd {
        /// The account that the copy would go to.
        account: String,
    },
    /// There is no such vault.
    #[error("vault {vault} does not exist or may not be seen: create it, or allow backup:DescribeBackupVault on it")]
    NoVault {
        /// The vault.
        vault: Arn,
    },
    /// The lifecycle breaks a rule, or the bounds of the destination's lock.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleFault),
    /// The copy's lifetime, which counts from the source's creation, is over already.
    #[error(
        "the copy would expire at {at}, which is over: its days count from the creation of the source; keep copies longer"
    )]
    AlreadyExpired {
        /// When it would have expired.
        at: Timestamp,
    },
}

/// Whether a point can be copied to a vault: every documented reason against it, before the attempt and not after.
///
/// # Errors
/// The first reason against it.
pub fn can_copy(
    point: &RecoveryPoint,
    source_key: Option<&KeyFacts>,
    destination: &Destination,
    now: Timestamp,
) -> Result<(), Refusal> {
    let vault_arn = &destination.vault_arn;
    // First what must not be: where data may go is no matter of how.
    if let Some(allowed) = &destination.allowed_regions
        && !allowed.iter().any(|region| region.as_str() == vault_arn.region())
    {
        let region = vault_arn.region().to_owned();
        return Err(Refusal::Residency { region });
    }
    let is_home = (vault_arn.region(), vault_arn.account()) == (point.arn.region(), point.arn.account());
    if is_home && vault_arn.resource_name() == point.backup_vault {
        return Err(Refusal::SameVault);
    }
    can_leave(point)?;
    keys_allow(point, source_key, destination)?;
    let leaves_account = vault_arn.account() != point.arn.account();
    if leaves_account && destination.lifecycle.delete_after_days.is_none() {
        let account = vault_arn.account().to_owned();
        return Err(Refusal::NoEnd { account });
    }
    if destination.vault.is_none() && !leaves_account {
        let vault = vault_arn.clone();
        return Err(Refusal::NoVault { vault });
    }
    destination
        .lifecycle
        .check(destination.vault.as_ref().and_then(|vault| vault.lock))?;
    match destination.lifecycle.expires_at(point.created_at) {
        Some(at) if at <= now => Err(Refusal::AlreadyExpired { at }),
        _ => Ok(()),
    }
}

/// Whether the point's own state lets it be copied anywhere.
fn can_leave(point: &RecoveryPoint) -> Result<(), Refusal> {
    if point.is_continuous() {
        return Err(Refusal::Continuous);
    }
    if point.status != PointStatus::Completed {
        return Err(Refusal::NotCompleted {
            status: point.status.clone(),
        });
    }
    if point.is_cold {
        return Err(Refusal::Cold);
    }
    if point.resource_type == "DynamoDB" && !point.is_fully_managed() {
        return Err(Refusal::NotAdvanced);
    }
    Ok(())
}

fn keys_allow(point: &RecoveryPoint, source_key: Option<&KeyFacts>, destination: &Destination) -> Result<(), Refusal> {
    let account = destination.vault_arn.account();
    let leaves_account = account != point.arn.account();
    if let Some(key) = source_key {
        key.usable().map_err(Refusal::SourceKey)?;
        if leaves_account && key.is_aws_managed {
            return Err(Refusal::AwsManagedKey {
                key: key.arn.clone(),
                account: account.to_owned(),
            });
        }
        // What AWS Backup does not manage fully is decrypted with the source's key by the destination account.
        if leaves_account && !point.is_fully_managed() {
            key.usable_by(account).map_err(Refusal::SourceKey)?;
        }
    }
    if let Some(key) = &destination.key {
        key.usable().map_err(Refusal::DestinationKey)?;
        if leaves_account && key.is_aws_managed && !point.is_fully_managed() {
            return Err(Refusal::AwsManagedKey {
                key: key.arn.clone(),
                account: account.to_owned(),
            });
        }
    }
    Ok(())
}

/// The lifecycle of a copy that is to live until an instant, or for ever. It is always said, because what the service does with
/// one that is left out surprises, and its days count from the creation of the source.
pub fn copy_lifecycle(source: &RecoveryPoint, until: Option<Timestamp>, cold_after_days: Option<u32>) -> Lifecycle {
    Lifecycle {
        cold_after_days,
        delete_after_days: until.map(|until| days_until(source.created_at, until)),
    }
}

/// A copy that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedCopy {
    /// What it is a copy of a point of.
    pub resource_arn: Arn,
    /// The point.
    pub recovery_point_arn: Arn,
    /// Where it is to go.
    pub destination_vault_arn: Arn,
}

/// A job that has not ended, whoever started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobInFlight {
    /// What it works on.
    pub resource_arn: Arn,
    /// Where it copies to; none for a backup job.
    pub destination_vault_arn: Option<Arn>,
    /// What it copies; none for a backup job.
    pub recovery_point_arn: Option<Arn>,
}

/// All backup and copy jobs of a region that have not ended: those of others take a resource's one place too.
///
/// # Errors
/// Those of AWS Backup.
pub async fn jobs_in_flight<P: ReadBackups + ReadCopies>(ports: &P) -> Result<Vec<JobInFlight>, PortError> {
    let backups = ports.backup_jobs_in_flight().await?.into_iter().map(|job| JobInFlight {
        resource_arn: job.resource_arn,
        destination_vault_arn: None,
        recovery_point_arn: None,
    });
    let copies = ports.copy_jobs_in_flight().await?.into_iter().map(|job| JobInFlight {
        resource_arn: job.resource_arn,
        destination_vault_arn: Some(job.destination_vault_arn),
        recovery_point_arn: Some(job.source_recovery_point_arn),
    });
    Ok(backups.chain(copies).collect())
}

/// What AWS Backup allows at the same time. Source: "AWS Backup quotas", November 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyQuotas {
    /// Backup and copy jobs of one resource; the service does not raise it.
    pub per_resource: usize,
    /// Copies from this account to one region.
    pub per_destination_region: usize,
}

impl Default for CopyQuotas {
    fn default() -> Self {
        CopyQuotas {
            per_resource: 1,
            per_destination_region: 100,
        }
    }
}

/// What to do with a wanted copy now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Start it.
    Start,
    /// Leave it to a later tick.
    Wait {
        /// Why.
        why: &'static str,
    },
}

/// Which copies to start, in the order in which they are wanted, each with its turn: never more than the quotas allow, jobs of
/// others counted, and none waits without a reason.
pub fn next_copies(wanted: &[WantedCopy], running: &[JobInFlight], quotas: CopyQuotas) -> Vec<Turn> {
    let mut of_resource: BTreeMap<&Arn, usize> = BTreeMap::new();
    let mut to_region: BTreeMap<&str, usize> = BTreeMap::new();
    for job in running {
        *of_resource.entry(&job.resource_arn).or_default() += 1;
        if let Some(vault) = &job.destination_vault_arn {
            *to_region.entry(vault.region()).or_default() += 1;
        }
    }
    wanted
        .iter()
        .map(|copy| {
            let jobs = of_resource.entry(&copy.resource_arn).or_default();
            let copies = to_region.entry(copy.destination_vault_arn.region()).or_default();
            if *jobs >= quotas.per_resource {
                let why = "another backup or copy job holds the resource, and AWS Backup allows one at a time";
                return Turn::Wait { why };
            }
            if *copies >= quotas.per_destination_region {
                let why = "as many copies to that region are under way as AWS Backup allows";
                return Turn::Wait { why };
            }
            *jobs += 1;
            *copies += 1;
            Turn::Start
        })
        .collect()
}
