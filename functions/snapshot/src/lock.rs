//! How a run's point is locked: what its plan asks for, as far as the stack and the vault let it.

use holdfast_catalog::{Lock, LockMode, PlanName};
use holdfast_policy::{Document, Locking};
use holdfast_sources::managed::port::LockBounds;
use holdfast_vault::PortError;
use holdfast_vault::replica::VaultLock;
use jiff::Timestamp;

use crate::{InventoryPorts, Regions, SignalPorts, Snapshot, VaultPorts};

/// How a point is locked, and what that falls short of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SettledLock {
    /// The lock, if there is to be one.
    pub(crate) lock: Option<Lock>,
    /// What the plan asks for and does not get, with what to change.
    pub(crate) shortfall: Option<String>,
}

/// What becomes of the lock that a plan asks for. What the stack does not allow or the bucket cannot do stops no backup: the
/// point is made with the lock that can be had, or without.
pub(crate) fn settle_lock(wanted: Option<Lock>, strongest: Option<LockMode>, bucket: VaultLock) -> SettledLock {
    let Some(wanted) = wanted else {
        return SettledLock::default();
    };
    let not_locked = |what_to_change: &str| SettledLock {
        lock: None,
        shortfall: Some(format!(
            "not locked, and the plan asks for {} mode: {what_to_change}",
            wanted.mode
        )),
    };
    let Some(strongest) = strongest else {
        return not_locked("deploy the stack with VaultLockMode governance or compliance");
    };
    if bucket == VaultLock::Off {
        return not_locked(
            "enable S3 Object Lock on the vault's bucket, which VaultLockMode does for a bucket that the stack makes",
        );
    }
    let mode = wanted.mode.min(strongest);
    let shortfall = (mode < wanted.mode).then(|| {
        format!(
            "locked in {mode} mode, and the plan asks for {} mode: deploy the stack with VaultLockMode {}",
            wanted.mode, wanted.mode
        )
    });
    SettledLock {
        lock: Some(Lock { mode, ..wanted }),
        shortfall,
    }
}

/// What a plan asks for and the vault of AWS Backup does not give. That vault is locked as a whole, by the stack's parameters: a
/// policy that locked it by itself could not be taken back.
pub(crate) fn vault_shortfall(wanted: Option<Locking>, vault: Option<LockBounds>) -> Option<String> {
    let Locking { mode, period } = wanted?;
    let hours = period.as_hours();
    let days = u32::try_from(hours / 24 + i64::from(hours % 24 > 0)).unwrap_or(u32::MAX);
    let shortest = vault.and_then(|bounds| bounds.min_days).unwrap_or(0);
    let state = match vault {
        None => "is not locked".to_owned(),
        Some(_) if shortest < days => format!("locks points for {shortest} days"),
        Some(bounds) if mode == LockMode::Compliance && bounds.immutable_from.is_none() => {
            "is locked in governance mode".to_owned()
        }
        Some(_) => return None,
    };
    Some(format!(
        "AWS Backup's vault {state}, and the plan asks for {mode} mode for {days} days: deploy the stack with VaultLockMode {mode} and \
         BackupLockMinDays {days}"
    ))
}

/// How a plan asks a point to be locked that began at an instant.
fn wanted_lock(document: &Document, plan: &PlanName, started_at: Timestamp) -> Option<Lock> {
    let compliance = &document.plan(plan)?.compliance;
    let (mode, points_until) = compliance.lock_until(started_at)?;
    let (_, contents_until) = compliance.contents_lock_until(started_at)?;
    Some(Lock {
        mode,
        points_until,
        contents_until,
    })
}

impl<V: VaultPorts, I: InventoryPorts, R: Regions, Q: SignalPorts> Snapshot<V, I, R, Q> {
    /// Settles how a point is locked. The bucket is asked only where a lock is wanted.
    pub(crate) async fn settle_lock(
        &self,
        document: &Document,
        plan: &PlanName,
        started_at: Timestamp,
    ) -> Result<SettledLock, PortError> {
        let wanted = wanted_lock(document, plan, started_at);
        match (wanted, self.strongest_lock) {
            (None, _) => Ok(SettledLock::default()),
            (_, None) => Ok(settle_lock(wanted, None, VaultLock::Off)),
            (_, strongest) => Ok(settle_lock(wanted, strongest, self.vault.vault_lock().await?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_vault_of_aws_backup_that_is_locked_for_less_than_the_plan_asks_is_told_with_what_to_deploy() {
        use LockMode::{Compliance, Governance};
        let wanted = |mode, days: i64| Locking {
            mode,
            period: SignedDuration::from_hours(24 * days),
        };
        let vault = |days: u32, is_immutable: bool| LockBounds {
            min_days: Some(days),
            max_days: None,
            immutable_from: is_immutable.then(|| "2026-12-01T00:00:00Z".parse().unwrap()),
        };
        for (wanted, vault, words) in [
            (None, None, None),
            (Some(wanted(Governance, 30)), Some(vault(30, false)), None),
            (Some(wanted(Compliance, 30)), Some(vault(35, true)), None),
            (Some(wanted(Governance, 30)), None, Some("BackupLockMinDays 30")),
            (Some(wanted(Governance, 30)), Some(vault(7, true)), Some("for 7 days")),
            (
                Some(wanted(Compliance, 30)),
                Some(vault(30, false)),
                Some("VaultLockMode compliance"),
            ),
        ] {
            let told = vault_shortfall(wanted, vault);
            assert_eq!(told.is_some(), words.is_some(), "{told:?}");
            assert!(
                words.is_none_or(|words| told.as_ref().is_some_and(|told| told.contains(words))),
                "{told:?}"
            );
        }
    }

    fn lock(mode: LockMode) -> Lock {
        Lock {
            mode,
            points_until: "2027-01-01T00:00:00Z".parse().unwrap(),
            contents_until: "2027-02-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_point_gets_the_lock_that_its_plan_asks_for_as_far_as_stack_and_bucket_go_and_else_it_is_said_what_to_change() {
        use LockMode::{Compliance, Governance};
        use VaultLock::{Enabled, Off};
        for (wanted, strongest, bucket, settled, words) in [
            (None, None, Off, None, ""),
            (None, Some(Compliance), Enabled, None, ""),
            (Some(Governance), Some(Governance), Enabled, Some(Governance), ""),
            (Some(Governance), Some(Compliance), Enabled, Some(Governance), ""),
            (Some(Compliance), Some(Compliance), Enabled, Some(Compliance), ""),
            (
                Some(Compliance),
                Some(Governance),
                Enabled,
                Some(Governance),
                "VaultLockMode compliance",
            ),
            (
                Some(Governance),
                None,
                Enabled,
                None,
                "VaultLockMode governance or compliance",
            ),
            (Some(Governance), Some(Governance), Off, None, "enable S3 Object Lock"),
        ] {
            let found = settle_lock(wanted.map(lock), strongest, bucket);
            let case = format!("{wanted:?} under {strongest:?}, bucket {bucket:?}");
            assert_eq!(found.lock, settled.map(lock), "{case}");
            assert_eq!(found.shortfall.is_some(), !words.is_empty(), "{case}");
            assert!(found.shortfall.unwrap_or_default().contains(words), "{case}");
        }
    }
}
