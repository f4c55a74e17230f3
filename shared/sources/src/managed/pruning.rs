//! Carrying out what was decided for a recovery point, and looking at what really became of it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, ManagedPoint};
use holdfast_vault::PortError;
use jiff::Timestamp;

use super::port::{
    BackupVault, ChangeLifecycles, DeleteRecoveryPoints, ReadBackupVaults, ReadCopies, ReadLegalHolds,
    ReadRecoveryPoints,
};
use super::removal::{Action, PointFacts, Removed, Verdict, became, decide};

/// What is known of a region's points before they are judged: looked at once, for all of them.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The vaults that points lie in, by name.
    pub vaults: BTreeMap<String, BackupVault>,
    /// Points under legal hold, with the titles of the holds.
    pub holds: BTreeMap<Arn, Vec<String>>,
    /// Points that a copy or restore job reads.
    pub in_use: BTreeSet<Arn>,
}

impl Surroundings {
    /// Looks at vaults, legal holds and copy jobs. A restore job that reads a point is found by the refusal of its removal.
    ///
    /// # Errors
    /// Those of AWS Backup: half a look is never returned, because what it leaves out would seem free.
    pub async fn observe<P: ReadBackupVaults + ReadLegalHolds + ReadCopies>(
        ports: &P,
        vaults: &BTreeSet<String>,
    ) -> Result<Self, PortError> {
        let copies = ports.copy_jobs_in_flight().await?;
        let mut surroundings = Surroundings {
            vaults: BTreeMap::new(),
            holds: ports.held_points().await?,
            in_use: copies.into_iter().map(|job| job.source_recovery_point_arn).collect(),
        };
        for name in vaults {
            let vault = ports.backup_vault(name).await?;
            surroundings.vaults.insert(name.clone(), vault);
        }
        Ok(surroundings)
    }
}

/// What was done about a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Nothing was to be done.
    Stands,
    /// AWS Backup will not remove it by itself any more.
    Prolonged,
    /// It is to stay, and AWS Backup ends it then: the vault's lock lets nobody change that.
    Ends(Timestamp),
    /// It was to go.
    Removed(Removed),
}

/// Judges a point and does what follows. Done again, also after an error, it goes on where the point stands then.
///
/// The manifest and its tombstone are the caller's: they go after the point is gone, never before.
///
/// # Errors
/// `NotFound` when a point that retention keeps is gone: its data is lost. `Denied` and the like when a call may not be made; `Locked` when the lifecycle of a point that retention keeps could not be
/// prolonged; nothing is known of the point then but that it was there.
pub async fn settle<P: ReadRecoveryPoints + ChangeLifecycles + DeleteRecoveryPoints>(
    ports: &P,
    managed: &ManagedPoint,
    verdict: Verdict,
    surroundings: &Surroundings,
    now: Timestamp,
) -> Result<Settled, PortError> {
    let (vault, arn) = (managed.backup_vault.as_str(), &managed.recovery_point_arn);
    let point = match (ports.recovery_point(vault, arn).await, verdict) {
        (Ok(point), _) => point,
        // An earlier run was cut short, or somebody else removed it.
        (Err(PortError::NotFound(_)), Verdict::Remove) => return Ok(Settled::Removed(Removed::Deleted)),
        (Err(error), _) => return Err(error),
    };
    let facts = PointFacts {
        point,
        made_by: managed.made_by,
        lock: surroundings.vaults.get(vault).and_then(|vault| vault.lock),
        holds: surroundings.holds.get(arn).cloned().unwrap_or_default(),
        is_in_use: surroundings.in_use.contains(arn),
    };
    let action = decide(verdict, &facts, now);
    let answer = match &action {
        Action::Nothing => return Ok(Settled::Stands),
        Action::Leave(removed) => return Ok(Settled::Removed(removed.clone())),
        Action::LetEnd(end) => return Ok(Settled::Ends(*end)),
        Action::UpdateLifecycle(lifecycle) => {
            ports.update_lifecycle(vault, arn, *lifecycle).await?;
            return Ok(Settled::Prolonged);
        }
        Action::Delete => ports.delete_recovery_point(vault, arn).await,
        Action::Disassociate => ports.disassociate_recovery_point(vault, arn).await,
    };
    let after = ports.recovery_point(vault, arn).await;
    became(&action, answer, after, &facts).map(Settled::Removed)
}
