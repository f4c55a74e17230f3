//! How a run's point is locked: what its plan asks for, as far as the stack and the vault let it.

use holdfast_catalog::{Lock, LockMode, PlanName};
use holdfast_policy::{Document, Plan};
use holdfast_sources::managed::Lifecycle;
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

/// What a plan asks for and the vault of AWS Backup does not give. That vault is locked as a whole: by the stack's parameters, or by
/// `replicate` where all plans can live with it. Its lock keeps a point until the point's own lifecycle ends.
pub(crate) fn vault_shortfall(
    document: &Document,
    plan: &Plan,
    strongest: Option<LockMode>,
    vault: Option<LockBounds>,
    lifecycle: Lifecycle,
) -> Option<String> {
    let lock = plan.compliance.lock?;
    let (mode, days) = (lock.mode, lock.days());
    let is_for_good = vault.is_some_and(|bounds| bounds.immutable_from.is_some());
    let state = match (vault, lifecycle.delete_after_days) {
        (None, _) => "is not locked".to_owned(),
        (Some(_), _) if mode == LockMode::Compliance && !is_for_good => "is locked in governance mode".to_owned(),
        (Some(_), Some(end)) if end < days => format!("lets points go after {end} days"),
        (Some(_), _) => return None,
    };
    let change = match document.vault_locking() {
        _ if strongest.is_none_or(|strongest| strongest < mode) => {
            format!("deploy the stack with VaultLockMode {mode}")
        }
        Err(problem) => problem.to_string(),
        Ok(whole) if whole.is_some_and(|whole| whole.mode < mode) => {
            format!("a vault of AWS Backup is locked as a whole: have every plan with that engine ask for {mode} mode")
        }
        Ok(_) => "replicate locks it with its next run, or says what is in the way".to_owned(),
    };
    Some(format!(
        "AWS Backup's vault {state}, and the plan asks for {mode} mode for {days} days: {change}"
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
    use super::*;

    /// A policy with a plan `a` that asks for a lock, and one beside it.
    fn policy(compliance: &str, delete_after: &str, other: &str) -> Document {
        let rest = "engine: aws-backup, schedule: {every: 1d}, retention: {daily: 7}";
        let plan = |name: &str, more: &str| format!("  - {{name: {name}, {rest}, {more}}}\n");
        let first = format!("aws_backup: {{{delete_after}}}, compliance: {{{compliance}, lock_for: 30d}}");
        let plans = format!("{}{}", plan("a", &first), plan("b", other));
        holdfast_policy::parse(&format!("version: 1\nplans:\n{plans}"), "backup").unwrap()
    }

    const MILD: &str = "aws_backup: {delete_after: 30d}, compliance: {lock: governance, lock_for: 7d}";
    const STRICT: &str = "aws_backup: {delete_after: 30d}, compliance: {lock: compliance, lock_for: 7d}";
    const NO_LOCK: &str = "also: true";

    fn bounds(is_for_good: bool) -> Option<LockBounds> {
        Some(LockBounds {
            min_days: Some(7),
            max_days: None,
            immutable_from: is_for_good.then(|| "2026-12-01T00:00:00Z".parse().unwrap()),
        })
    }

    /// The lifecycle of a point whose plan says so.
    fn ending(delete_after: &str) -> Lifecycle {
        let days = delete_after
            .strip_prefix("delete_after: ")
            .and_then(|days| days.strip_suffix('d'));
        Lifecycle {
            cold_after_days: None,
            delete_after_days: days.map(|days| days.parse().unwrap()),
        }
    }

    #[test]
    fn a_vault_of_aws_backup_that_keeps_points_as_the_plan_asks_is_enough() {
        use LockMode::{Compliance, Governance};
        for (asked, ends, other, vault) in [
            (Governance, "delete_after: 30d", MILD, bounds(false)),
            (Governance, "delete_after: 31d", NO_LOCK, bounds(true)),
            (Governance, "", MILD, bounds(false)),
            (Compliance, "delete_after: 30d", STRICT, bounds(true)),
        ] {
            let document = policy(&format!("lock: {asked}"), ends, other);
            assert_eq!(
                vault_shortfall(&document, &document.plans[0], Some(asked), vault, ending(ends)),
                None
            );
        }
        let document = policy("lock: governance", "", NO_LOCK);
        let plan = &document.plans[1];
        assert_eq!(vault_shortfall(&document, plan, None, None, Lifecycle::FOR_EVER), None);
    }

    /// What plan `a` is told, which asks for this mode.
    fn told(
        asked: LockMode,
        ends: &str,
        other: &str,
        strongest: Option<LockMode>,
        vault: Option<LockBounds>,
    ) -> String {
        let document = policy(&format!("lock: {asked}"), ends, other);
        vault_shortfall(&document, &document.plans[0], strongest, vault, ending(ends)).unwrap()
    }

    #[test]
    fn a_vault_of_aws_backup_that_is_not_locked_is_told_with_what_to_change() {
        let governance = Some(LockMode::Governance);
        for (ends, other, strongest, words) in [
            ("delete_after: 30d", MILD, None, "VaultLockMode governance"),
            ("delete_after: 30d", MILD, governance, "replicate locks it"),
            ("delete_after: 30d", NO_LOCK, governance, "plan b asks for no lock"),
            ("", MILD, governance, "delete_after: 30d or more"),
        ] {
            let told = told(LockMode::Governance, ends, other, strongest, None);
            assert!(
                told.contains("is not locked") && told.contains(words),
                "{words}: {told}"
            );
        }
    }

    #[test]
    fn a_vault_of_aws_backup_that_is_locked_and_not_as_the_plan_asks_is_told_with_what_to_change() {
        use LockMode::{Compliance, Governance};
        let ends = "delete_after: 30d";
        let short = told(Governance, "delete_after: 29d", MILD, Some(Governance), bounds(true));
        assert!(
            short.contains("go after 29 days") && short.contains("30d or more"),
            "{short}"
        );
        let by_stack = told(Compliance, ends, STRICT, Some(Governance), bounds(false));
        assert!(by_stack.contains("VaultLockMode compliance"), "{by_stack}");
        let by_plan = told(Compliance, ends, MILD, Some(Compliance), bounds(false));
        assert!(by_plan.contains("every plan"), "{by_plan}");
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
