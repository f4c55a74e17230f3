//! How a policy has the vaults of AWS Backup locked: as a whole, or not at all.

use holdfast_catalog::LockMode;
use jiff::SignedDuration;

use crate::compliance::Locking;
use crate::document::Document;
use crate::engine::{Engine, Managed};
use crate::fault::Problem;
use crate::plan::Plan;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The lock that all plans with engine `aws-backup` ask for together.
///
/// A locked vault keeps each point until its own lifecycle ends, lets nobody change that lifecycle, and takes only what is kept within
/// the bounds (`PutBackupVaultLockConfiguration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultLocking {
    /// The weakest mode that a plan asks for: nobody's points are locked more firmly than was asked.
    pub mode: LockMode,
    /// The shortest time that a plan locks its points for, in whole days.
    pub min_days: u32,
    /// The longest of the plans' maxima, in whole days; none where a plan has none.
    pub max_days: Option<u32>,
}

impl Document {
    /// How the vaults of AWS Backup are to be locked; not at all, where no plan with that engine asks for a lock.
    ///
    /// # Errors
    /// A plan asks for a lock, and one of the plans could not live with it: the first thing that is in the way.
    pub fn vault_locking(&self) -> Result<Option<VaultLocking>, Problem> {
        let plans = self.plans.iter().filter_map(|plan| match &plan.engine {
            Engine::AwsBackup(managed) => Some((plan, managed)),
            Engine::Vault => None,
        });
        let plans: Vec<(&Plan, &Managed)> = plans.collect();
        if plans.iter().all(|(plan, _)| plan.compliance.lock.is_none()) {
            return Ok(None);
        }
        let mut whole: Option<VaultLocking> = None;
        for (plan, managed) in plans {
            let own = of_plan(plan, managed)?;
            whole = Some(whole.map_or(own, |others| others.with(own)));
        }
        Ok(whole)
    }
}

impl VaultLocking {
    fn with(self, other: VaultLocking) -> VaultLocking {
        VaultLocking {
            mode: self.mode.min(other.mode),
            min_days: self.min_days.min(other.min_days),
            max_days: self.max_days.zip(other.max_days).map(|(one, other)| one.max(other)),
        }
    }
}

/// What a plan has its points' vault locked for. In a locked vault a point stays until its lifecycle ends, and goes then.
fn of_plan(plan: &Plan, managed: &Managed) -> Result<VaultLocking, Problem> {
    let (name, compliance) = (&plan.name, &plan.compliance);
    let Some(lock) = compliance.lock else {
        let what = format!("a vault of AWS Backup is locked as a whole, and plan {name} asks for no lock");
        return Err(Problem::new(what, "give that plan a compliance.lock too"));
    };
    let least = compliance.minimum.map_or(0, whole_days).max(lock.days());
    let Some(days) = managed.delete_after_days else {
        let what = format!("a locked vault would keep the points of plan {name} for ever");
        let change = format!("write aws_backup.delete_after: {least}d or more");
        return Err(Problem::new(what, change));
    };
    let too_soon =
        |days| format!("plan {name} is to keep its points for {least} days, and a locked vault would for {days}");
    if days < least {
        let change = format!("write aws_backup.delete_after: {least}d or more");
        return Err(Problem::new(too_soon(days), change));
    }
    if let Some(days) = managed.continuous_days.filter(|days| *days < least) {
        let change = format!("leave aws_backup.continuous out, or ask for {days}d or less");
        return Err(Problem::new(too_soon(days), change));
    }
    // Rounded down: a point that stays into one more day stays too long.
    let most = compliance
        .maximum
        .map(|maximum| days_of(maximum.as_secs() / DAY_SECONDS));
    if let Some(most) = most.filter(|most| days > *most) {
        let what =
            format!("plan {name} is to keep no point for more than {most} days, and a locked vault would for {days}");
        return Err(Problem::new(
            what,
            format!("write aws_backup.delete_after: {most}d or less"),
        ));
    }
    Ok(VaultLocking {
        mode: lock.mode,
        min_days: lock.days(),
        max_days: most,
    })
}

impl Locking {
    /// How long points are locked, in whole days, rounded up.
    pub fn days(&self) -> u32 {
        whole_days(self.period)
    }
}

fn whole_days(duration: SignedDuration) -> u32 {
    let seconds = duration.as_secs();
    days_of(seconds / DAY_SECONDS + i64::from(seconds % DAY_SECONDS > 0))
}

fn days_of(days: i64) -> u32 {
    u32::try_from(days).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    /// A policy of these plans, each with what follows `engine: aws-backup`.
    fn locking(plans: &[&str]) -> Result<Option<VaultLocking>, Problem> {
        let mut text = "version: 1\nplans:\n".to_owned();
        for (at, plan) in plans.iter().enumerate() {
            let rest = "schedule: {every: 1d}, retention: {daily: 7}";
            text.push_str(&format!("  - {{name: p{at}, {rest}, {plan}}}\n"));
        }
        parse(&text, "backup").unwrap().vault_locking()
    }

    fn managed(options: &str, compliance: &str) -> String {
        format!("engine: aws-backup, aws_backup: {{{options}}}, compliance: {{{compliance}}}")
    }

    fn locked(mode: LockMode, min_days: u32, max_days: Option<u32>) -> Result<Option<VaultLocking>, Problem> {
        Ok(Some(VaultLocking {
            mode,
            min_days,
            max_days,
        }))
    }

    #[test]
    fn the_weakest_mode_the_shortest_lock_and_the_longest_maximum_of_all_plans_hold_for_the_vault() {
        use LockMode::{Compliance, Governance};
        let strict = managed("delete_after: 90d", "lock: compliance, lock_for: 30d, maximum: 100d");
        let mild = managed("delete_after: 60d", "lock: governance, lock_for: 36h, maximum: 60d");
        let open = managed("delete_after: 365d", "lock: governance, lock_for: 365d");
        assert_eq!(locking(&[&strict]), locked(Compliance, 30, Some(100)));
        assert_eq!(locking(&[&strict, &mild]), locked(Governance, 2, Some(100)));
        assert_eq!(locking(&[&mild, &strict]), locked(Governance, 2, Some(100)));
        assert_eq!(locking(&[&strict, &open]), locked(Governance, 30, None));
    }

    #[test]
    fn plans_of_the_other_engine_have_no_say() {
        let managed = managed("delete_after: 30d", "lock: governance, lock_for: 7d");
        assert_eq!(
            locking(&["engine: vault", &managed]),
            locked(LockMode::Governance, 7, None)
        );
        let asks = "compliance: {lock: compliance, lock_for: 7d}";
        assert_eq!(locking(&[asks, "engine: aws-backup"]), Ok(None));
        assert_eq!(locking(&[asks]), Ok(None));
    }

    #[test]
    fn what_a_plan_could_not_live_with_is_told_with_what_to_change() {
        let good = managed("delete_after: 90d", "lock: governance, lock_for: 30d");
        for (other, words) in [
            (
                "engine: aws-backup".to_owned(),
                "plan p1 asks for no lock; give that plan a compliance.lock too",
            ),
            (
                managed("", "lock: governance, lock_for: 30h"),
                "for ever; write aws_backup.delete_after: 2d or more",
            ),
            (
                managed("delete_after: 29d", "lock: governance, lock_for: 30d"),
                "for 30 days, and a locked vault would for 29; write aws_backup.delete_after: 30d or more",
            ),
            (
                managed("delete_after: 40d", "lock: governance, lock_for: 30d, minimum: 60d"),
                "write aws_backup.delete_after: 60d or more",
            ),
            (
                managed("delete_after: 90d, continuous: 29d", "lock: governance, lock_for: 30d"),
                "would for 29; leave aws_backup.continuous out, or ask for 29d or less",
            ),
            (
                managed("delete_after: 90d", "lock: governance, lock_for: 30d, maximum: 80d12h"),
                "more than 80 days, and a locked vault would for 90; write aws_backup.delete_after: 80d or less",
            ),
        ] {
            let told = locking(&[&good, &other]).unwrap_err().to_string();
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn a_lifecycle_that_meets_its_bounds_to_the_day_is_taken() {
        let exact = managed(
            "delete_after: 30d, continuous: 30d",
            "lock: governance, lock_for: 30d, maximum: 30d",
        );
        assert_eq!(locking(&[&exact]), locked(LockMode::Governance, 30, Some(30)));
        let longer = managed("delete_after: 60d", "lock: governance, lock_for: 30d, minimum: 60d");
        assert_eq!(
            locking(&[&longer]),
            locked(LockMode::Governance, 30, None),
            "locked for no longer than is asked"
        );
    }
}
