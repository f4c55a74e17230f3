//! The vaults of AWS Backup that points and copies go to: made where they are missing, locked as the policy says, never weakened.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;

use super::port::{BackupVault, CreateBackupVaults, LockBounds, ReadBackupVaults, ReadRecoveryPoints};

/// The vault that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSpec {
    /// Its name.
    pub name: String,
    /// The key that encrypts what it holds: a customer key, because AWS-managed ones cannot leave the account.
    pub key_arn: Arn,
    /// Its lock, if it is to have one.
    pub lock: Option<WantedLock>,
}

/// The lock that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedLock {
    /// The shortest and the longest that points may be kept.
    pub min_days: Option<u32>,
    /// The longest.
    pub max_days: Option<u32>,
    /// After so many days nobody can take the lock off any more (compliance mode); never, in governance mode.
    pub changeable_for_days: Option<u32>,
}

/// A vault that points can go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyVault {
    /// As it stands now.
    pub vault: BackupVault,
    /// Whether its lock was put on or changed just now.
    pub is_locked_anew: bool,
    /// Why it is not locked as it is wanted, with what to do. It takes points all the same.
    pub lock_shortfall: Option<String>,
}

/// Makes a vault, or finds it made, and locks it if it is to be locked. Doing it again, also after an error and also two at once,
/// is safe; a vault that is ready costs one read.
///
/// # Errors
/// `Invalid` when a vault of that name has another key, which cannot be changed; those of AWS Backup.
pub async fn ensure_vault<P: ReadBackupVaults + CreateBackupVaults + ReadRecoveryPoints>(
    ports: &P,
    spec: &VaultSpec,
) -> Result<ReadyVault, PortError> {
    let vault = match ports.backup_vault(&spec.name).await {
        Ok(vault) => vault,
        Err(PortError::NotFound(_)) => {
            match ports.create_backup_vault(&spec.name, Some(&spec.key_arn)).await {
                // Somebody was first, or an earlier try of ours whose answer was lost: the look tells.
                Ok(()) | Err(PortError::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
            ports.backup_vault(&spec.name).await?
        }
        Err(error) => return Err(error),
    };
    if vault.key_arn.as_ref() != Some(&spec.key_arn) {
        let there = vault.key_arn.map_or_else(|| "no key".to_owned(), |key| key.to_string());
        return Err(PortError::Invalid(format!(
            "vault {} is encrypted with {there} and not with {}, and a vault's key cannot be changed: choose another name",
            spec.name, spec.key_arn
        )));
    }
    lock_vault(ports, &spec.name, vault, spec.lock).await
}

/// Locks a vault as firmly as it is wanted, if nothing is lost by it: whatever has no end would stay for ever.
///
/// # Errors
/// Those of AWS Backup.
pub async fn lock_vault<P: ReadBackupVaults + CreateBackupVaults + ReadRecoveryPoints>(
    ports: &P,
    name: &str,
    vault: BackupVault,
    wanted: Option<WantedLock>,
) -> Result<ReadyVault, PortError> {
    let ready = |vault, lock_shortfall| ReadyVault {
        vault,
        is_locked_anew: false,
        lock_shortfall,
    };
    let Some((bounds, changeable_for_days)) = wanted.and_then(|wanted| lock_change(wanted, vault.lock)) else {
        return Ok(ready(vault, None));
    };
    if vault.recovery_points > 0
        && holds_more(vault.lock, changeable_for_days)
        && let Some(point) = ports.endless_point(name).await?
    {
        let shortfall = format!(
            "its lock is not what it should be: point {point} has no end, and a locked vault would keep it for ever; give it one (aws backup \
             update-recovery-point-lifecycle), or wait until retention has removed it"
        );
        return Ok(ready(vault, Some(shortfall)));
    }
    match ports.lock_backup_vault(name, bounds, changeable_for_days).await {
        Ok(()) => Ok(ReadyVault {
            is_locked_anew: true,
            ..ready(ports.backup_vault(name).await?, None)
        }),
        Err(PortError::Locked(why)) => {
            let shortfall = format!("its lock is not what it should be, and nobody can change it any more: {why}");
            Ok(ready(vault, Some(shortfall)))
        }
        Err(error) => Err(error),
    }
}

/// Whether a change keeps points that could go now: the first lock does, and the step to one that nobody takes off.
fn holds_more(there: Option<LockBounds>, changeable_for_days: Option<u32>) -> bool {
    there.is_none_or(|there| there.immutable_from.is_none() && changeable_for_days.is_some())
}

/// The lock to ask for, where the one that is there is not enough. Bounds only ever become narrower: what was promised of points
/// that are there stays promised.
fn lock_change(wanted: WantedLock, there: Option<LockBounds>) -> Option<(LockBounds, Option<u32>)> {
    let bounds = there.unwrap_or_default();
    let narrower = LockBounds {
        min_days: bounds.min_days.max(wanted.min_days),
        max_days: match (bounds.max_days, wanted.max_days) {
            (Some(there), Some(wanted)) => Some(there.min(wanted)),
            (there, wanted) => there.or(wanted),
        },
        immutable_from: bounds.immutable_from,
    };
    let becomes_immutable = wanted.changeable_for_days.is_some() && bounds.immutable_from.is_none();
    let is_enough = there.is_some() && narrower == bounds && !becomes_immutable;
    (!is_enough).then_some((narrower, wanted.changeable_for_days))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(min_days: Option<u32>, max_days: Option<u32>) -> LockBounds {
        LockBounds {
            min_days,
            max_days,
            immutable_from: None,
        }
    }

    fn wanted(min_days: Option<u32>, max_days: Option<u32>) -> WantedLock {
        WantedLock {
            min_days,
            max_days,
            changeable_for_days: None,
        }
    }

    #[test]
    fn a_lock_is_put_on_and_narrowed_and_never_widened() {
        for (want, there, expected) in [
            (wanted(Some(7), None), None, Some(bounds(Some(7), None))),
            (wanted(None, None), None, Some(bounds(None, None))),
            (wanted(Some(7), None), Some(bounds(Some(7), None)), None),
            (
                wanted(Some(9), None),
                Some(bounds(Some(7), None)),
                Some(bounds(Some(9), None)),
            ),
            (wanted(Some(5), None), Some(bounds(Some(7), None)), None),
            (
                wanted(None, Some(30)),
                Some(bounds(Some(7), None)),
                Some(bounds(Some(7), Some(30))),
            ),
            (wanted(None, Some(90)), Some(bounds(Some(7), Some(30))), None),
            (wanted(None, None), Some(bounds(Some(7), Some(30))), None),
        ] {
            let change = lock_change(want, there).map(|(bounds, _)| bounds);
            assert_eq!(change, expected, "{want:?} {there:?}");
        }
    }

    #[test]
    fn a_lock_becomes_immutable_once() {
        let compliance = WantedLock {
            changeable_for_days: Some(3),
            ..wanted(Some(7), None)
        };
        let mut there = bounds(Some(7), None);
        assert_eq!(lock_change(compliance, Some(there)), Some((there, Some(3))));
        there.immutable_from = Some("2026-11-24T00:00:00Z".parse().unwrap());
        assert_eq!(lock_change(compliance, Some(there)), None);
    }
}
